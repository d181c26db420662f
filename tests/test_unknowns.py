"""Unknown coefficients: their Jacobian, what users may say of them, and how near estimates and errors come."""

import math
import pickle

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp
from scipy.optimize import curve_fit
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV

import pinnlearn
from pinnlearn import PINNRegressor
from pinnlearn.arrays import as_array, as_tensor
from pinnlearn.callbacks import Checkpoint
from pinnlearn.conditions import Condition, Dirichlet, Initial, Neumann
from pinnlearn.displays import ProfileDisplay, UnknownsDisplay
from pinnlearn.domains import Box, Interval, SpaceTime, Time
from pinnlearn.jets import Symbol
from pinnlearn.least_squares import Coefficients, Equation, Function, LeastSquares, Number, Unknowns
from pinnlearn.networks import BLOCKS
from pinnlearn.optimizers import OPTIMIZERS, get_optimizer
from pinnlearn.pdes import PDE, Field, Heat, Helmholtz, Unknown
from pinnlearn.theory import limiting_gram
from tests.problems import seeds, small_network, vector
from tests.references import relative_error

EXACT = 1e-12
KAPPA = 0.3
HALF_LINE = SpaceTime(Interval(0.0, 1.0), 0.0, 1.0)


def decaying_sine(X):
    return np.exp(-KAPPA * np.pi**2 * X[:, 1]) * np.sin(np.pi * X[:, 0])


def sine(x):
    return torch.sin(np.pi * x[:, 0])


def diffusion(x, u, kappa):
    return u.dt - kappa * u.laplacian


def heat(initial=1.0, **changes):
    conditions = [Dirichlet(0.0), Initial(sine)]
    return PDE(HALF_LINE, **{"equation": diffusion, "conditions": conditions, "unknowns": {"kappa": initial}} | changes)


def measured(pde, solution, n=40, n_interior=200, n_boundary=60, noise=0.0, seed=0):
    """X and y: n measurements of the solution, and rows without any."""
    rng = np.random.default_rng(seed)
    places = rng.uniform(*pde.domain.bounds, size=(n, pde.domain.n_dims))
    X = np.concatenate([pde.sample(n_interior, n_boundary, random_state=seed), places])
    y = np.full(len(X), np.nan)
    y[-n:] = solution(places) + noise * rng.standard_normal(n)
    order = rng.permutation(len(X))
    return X[order], y[order]


def fitted(pde, solution, seed=0, **options):
    noise = {"noise": options.pop("sigma")} if "sigma" in options else {}
    return PINNRegressor(pde, random_state=seed, **noise).fit(*measured(pde, solution, seed=seed, **options))


# The least-squares problem.


def law(x, u, a, b, f):
    return u.d(0, 0) + a * u.value * u.d(1) - b**2 * f.value + f.d(0) * u.value


def with_coefficients(held=False):
    """Two equations that read two numbers, one between bounds, and a function of the first coordinate."""
    x = as_tensor(np.random.default_rng(1).random((9, 2)))
    box = np.array([0.0]), np.array([1.0])
    function = Function.of(0.5, (0,), box, 3, x).with_parameters(vector(0.5, -0.2, 0.1, 0.3))
    parts = {"a": Number.of(1.5, x), "b": Number.of(0.7, x, 0.0, 2.0), "f": function}
    unknowns = Unknowns(small_network().network, BLOCKS["all"], Coefficients(parts, held))
    equations = [
        Equation("law", "interior", law, np.arange(6), reads=("a", "b", "f")),
        Equation("other", "boundary", lambda x, u, b: u.value - b * x[:, 1], np.arange(6, 9), reads=("b",)),
    ]
    return LeastSquares.of(unknowns, x, equations)


def residual_by_autograd(problem):
    """The weighted residual as a function of the parameters, from the network's values and nested autograd alone."""
    x, ends = (block.x for block in problem.blocks)
    degrees = problem.coefficients.parts["f"].polynomials.degrees[:, 0].tolist()

    def slopes(values, points):
        return torch.autograd.grad(values.sum(), points, create_graph=True)[0]

    def residual(w):
        hidden, bias, output = w[:12].reshape(2, 6).T, w[12:18], w[18:24]
        a, b, f = 1.5 * w[24], 2 * torch.sigmoid(w[25]), w[26:]

        def u_of(points):
            return torch.tanh(points @ hidden.T + bias) @ output / 6**0.5

        points = x.clone().requires_grad_()
        u, z = u_of(points), 2 * points[:, 0] - 1
        legendre = [1 + 0 * z, z, (3 * z**2 - 1) / 2, (5 * z**3 - 3 * z) / 2]
        source = sum(c * (2 * k + 1) ** 0.5 * legendre[k] for c, k in zip(f, degrees, strict=True))
        u_x = slopes(u, points)
        first = slopes(u_x[:, 0], points)[:, 0] + a * u * u_x[:, 1] - b**2 * source + slopes(source, points)[:, 0] * u
        second = u_of(ends) - b * ends[:, 1]
        return torch.cat([first / len(x) ** 0.5, second / len(ends) ** 0.5])

    return residual


def test_the_jacobian_has_columns_for_coefficients():
    problem = with_coefficients()
    linear = problem.linearize(problem.start)
    assert (
        relative_error(problem.residual(problem.start), residual_by_autograd(problem)(problem.start).detach()) < EXACT
    )
    J = torch.autograd.functional.jacobian(residual_by_autograd(problem), problem.start)
    assert J.shape[1] == 6 * 4 + 1 + 1 + 4
    assert relative_error(linear.jacobian(), J) < EXACT
    v, r = torch.linspace(-1, 1, J.shape[1], dtype=J.dtype), torch.linspace(1, 2, len(J), dtype=J.dtype)
    assert relative_error(linear.matvec(v), J @ v) < EXACT
    assert relative_error(linear.rmatvec(r), J.T @ r) < EXACT
    assert relative_error(linear.gram(), J @ J.T) < EXACT
    blocks = torch.cat(list(linear.jacobian_blocks(4)))
    assert relative_error(blocks.T @ blocks, J.T @ J) < EXACT


def test_the_hessian_knows_coefficients():
    problem = with_coefficients()
    residual = residual_by_autograd(problem)
    exact = torch.autograd.functional.hessian(lambda w: residual(w).square().sum() / 2, problem.start)
    product = problem.hessian(problem.start)
    found = torch.stack([product(e) for e in torch.eye(len(exact), dtype=exact.dtype)])
    assert relative_error(found, exact) < EXACT


def test_held_coefficients_are_no_parameters():
    free, held = with_coefficients(), with_coefficients(held=True)
    assert held.unknowns.size == free.unknowns.size - 6
    assert float(held.loss(held.start)) == pytest.approx(float(free.loss(free.start)), rel=EXACT)
    assert held.linearize(held.start).jacobian().shape[1] == held.unknowns.size


@pytest.mark.parametrize(
    ("lower", "upper"), [(-math.inf, math.inf), (0.0, math.inf), (-math.inf, 2.0), (0.0, 2.0), (-5.0, 0.8)]
)
def test_a_number_stays_between_its_bounds_and_has_the_slope_that_differences_have(lower, upper):
    number = Number.of(0.7, vector(0.0), lower, upper)
    assert float(number.value) == pytest.approx(0.7, rel=EXACT)
    assert float(number.with_value(0.3).value) == pytest.approx(0.3, rel=EXACT)
    for z in (-3.0, 0.2, 4.0):
        at, step = number.with_parameters(vector(z)), 1e-6
        ahead, behind = (number.with_parameters(vector(z + s)).value for s in (step, -step))
        assert lower < float(at.value) < upper
        assert float(at.slope) == pytest.approx(float((ahead - behind) / (2 * step)), rel=1e-8)


def test_a_function_has_no_slope_along_other_coordinates():
    box = np.array([0.0]), np.array([2.0])
    function = Function.of(0.0, (1,), box, 2, vector(0.0))
    factors = vector(1.0, 0.5, -0.3)[function.polynomials.degrees[:, 0]]
    function = function.with_parameters(factors)
    x = as_tensor(np.random.default_rng(0).uniform(0, 2, (5, 2)))
    z = x[:, 1] - 1  # Legendre's polynomials of mean square 1 on [-1, 1]
    expected = 1 + 0.5 * math.sqrt(3) * z - 0.3 * math.sqrt(5) * (1.5 * z**2 - 0.5)
    np.testing.assert_allclose(function.term(x, Symbol(((),))), expected, rtol=1e-12)
    np.testing.assert_allclose(
        function.term(x, Symbol(((1,),))), 0.5 * math.sqrt(3) - 0.9 * math.sqrt(5) * z, rtol=1e-12
    )
    np.testing.assert_array_equal(function.term(x, Symbol(((0,),))), 0.0)


def minus_second_derivative(x, u, f):
    return -u.d(0, 0) - f.value


# Estimates without noise.


@pytest.mark.parametrize("seed", seeds(5))
def test_diffusivity_from_exact_measurements(seed):
    model = fitted(heat(), decaying_sine, seed)
    assert abs(model.unknowns_["kappa"] - KAPPA) < 1e-8
    assert model.unknowns_std_["kappa"] < 1e-8


@pytest.mark.parametrize("factor", [0.01, 100.0])
def test_the_estimate_does_not_depend_on_the_guess(factor):
    assert abs(fitted(heat(factor * KAPPA), decaying_sine).unknowns_["kappa"] - KAPPA) < 1e-8


UNKNOWN_IN = {
    "a built-in": (
        Heat(HALF_LINE, diffusivity=Unknown(3.0, lower=0.0), initial=sine), decaying_sine, "diffusivity", KAPPA,
    ),
    "a wavenumber": (
        Helmholtz(
            Box([0, 0], [1, 1]),
            wavenumber=Unknown(3.0, lower=0),
            source=lambda x: (25 - 2 * np.pi**2) * torch.sin(np.pi * x[:, 0]) * torch.sin(np.pi * x[:, 1]),
        ),
        lambda X: np.sin(np.pi * X[:, 0]) * np.sin(np.pi * X[:, 1]), "wavenumber", 5.0,
    ),
    "an initial amplitude": (
        heat(
            equation=lambda x, u: u.dt - KAPPA * u.laplacian,
            conditions=[Dirichlet(0.0), Initial(lambda x, size: size * torch.sin(np.pi * x[:, 0]))],
            unknowns={"size": 5.0},
        ),
        decaying_sine, "size", 1.0,
    ),
    "a flux": (
        PDE(
            Interval(0.0, 1.0),
            equation=lambda x, u: u.d(0, 0) - 2.0,
            conditions=[
                Neumann(Unknown(0.1), where=lambda x: x[:, 0] == 1), Dirichlet(0.0, where=lambda x: x[:, 0] == 0),
            ],
        ),
        lambda X: X[:, 0] ** 2, "Neumann.flux", 2.0,
    ),
    "a method of a class": (None, decaying_sine, "kappa", KAPPA),
}  # fmt: skip


class Diffusion(PDE):
    """A PDE that is written as a class."""

    def residual(self, x, u, kappa):
        return diffusion(x, u, kappa)


@pytest.mark.parametrize("place", UNKNOWN_IN)
def test_unknowns_in_other_places(place):
    pde, solution, name, value = UNKNOWN_IN[place]
    if pde is None:
        pde = Diffusion(HALF_LINE, conditions=[Dirichlet(0.0), Initial(sine)], unknowns={"kappa": 1.0})
    assert fitted(pde, solution).unknowns_ == {name: pytest.approx(value, rel=1e-7)}


def test_several_unknowns_of_a_condition_and_the_equation():
    pde = heat(
        conditions=[Neumann(lambda x, q: q * torch.exp(-KAPPA * np.pi**2 * x[:, 1]))],
        unknowns={"q": 1.0, "kappa": Unknown(1.0, lower=0.0)},
    )
    assert fitted(pde, decaying_sine).unknowns_ == {"q": pytest.approx(-np.pi), "kappa": pytest.approx(KAPPA)}


def lorenz_rates(s, r, b):
    return lambda t, w: [s * (w[1] - w[0]), w[0] * (r - w[2]) - w[1], w[0] * w[1] - b * w[2]]


def lorenz(x, u, s, r, b):
    p, q, w = u[0].value, u[1].value, u[2].value
    return torch.stack([u[0].dt - s * (q - p), u[1].dt - p * (r - w) + q, u[2].dt - p * q + b * w], dim=1)


def trajectory(pde, rates, start, n=25, n_interior=200, noise=0.0, seed=0):
    """X and Y: n values of each output of an initial value problem, and rows without any; and the solution."""
    end = float(pde.domain.t_end)
    solved = solve_ivp(rates, (0.0, end), start, method="DOP853", rtol=1e-13, atol=1e-13, dense_output=True)
    times = np.linspace(0.0, end, n)
    X = np.concatenate([np.linspace(0.0, end, n_interior + 2)[1:-1], times])[:, None]
    Y = np.full((len(X), len(start)), np.nan)
    values = solved.sol(times).T
    Y[-n:] = values + noise * np.random.default_rng(seed).standard_normal(values.shape)
    return X, Y, solved


@pytest.mark.parametrize("seed", seeds(5))
def test_three_numbers_of_lorenz_from_25_values_each(seed):
    true = {"s": 10.0, "r": 15.0, "b": 8 / 3}
    pde = PDE(Time(0.0, 1.0), equation=lorenz, n_outputs=3, unknowns={name: 2 * v for name, v in true.items()})
    X, Y, _ = trajectory(pde, lorenz_rates(*true.values()), [-8.0, 7.0, 27.0], seed=seed)
    model = PINNRegressor(pde, random_state=seed).fit(X, Y)
    assert model.unknowns_ == {name: pytest.approx(value, rel=1e-7) for name, value in true.items()}


def two_sines(x):
    return np.sin(np.pi * x) + 0.3 * np.sin(3 * np.pi * x)


@pytest.mark.parametrize("seed", seeds(5))
def test_an_unknown_source(seed):
    pde = PDE(
        Interval(0.0, 1.0),
        equation=lambda x, u, f: -u.d(0, 0) - f.value,
        conditions=[Dirichlet(0.0)],
        unknowns={"f": Field()},
    )
    options = {"n_interior": 60, "n_boundary": 2}
    model = fitted(pde, lambda X: two_sines(X[:, 0]), seed, **options)
    x = np.linspace(0, 1, 101)
    exact = np.pi**2 * (np.sin(np.pi * x) + 2.7 * np.sin(3 * np.pi * x))
    error = model.unknowns_["f"](x[:, None]) - exact
    assert np.linalg.norm(error) < 1e-4 * np.linalg.norm(exact)
    assert model.unknowns_["f"].std(x[:, None]).max() < 1e-3
    assert model.findings_ == []


def test_an_unknown_conductivity_whose_slope_is_read():
    # (k u')' = -1 with u = 2 log(1 + x) and k u' = 2 - x.
    pde = PDE(
        Interval(0.0, 1.0),
        equation=lambda x, u, k: k.d(0) * u.d(0) + k.value * u.d(0, 0) + 1.0,
        conditions=[
            Dirichlet(0.0, where=lambda x: x[:, 0] == 0),
            Condition(lambda x, u, k: k.value * u.d(0) - 1.0, where=lambda x: x[:, 0] == 1),
        ],
        unknowns={"k": Field(initial=1.0, degree=8)},
    )
    model = fitted(pde, lambda X: 2 * np.log(1 + X[:, 0]), n_interior=60, n_boundary=2)
    x = np.linspace(0, 1, 50)
    np.testing.assert_allclose(model.unknowns_["k"](x[:, None]), (2 - x) * (1 + x) / 2, rtol=1e-7)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_every_optimizer_moves_coefficients(name):
    X, y = measured(heat(), decaying_sine, n_interior=60, n_boundary=30)
    optimizer = get_optimizer(name).set_params(max_iter=10, **{"learning_rate": 1e-2} if name == "sgd" else {})
    model = PINNRegressor(heat(), optimizer=optimizer, width=20, random_state=0).fit(X, y)
    assert model.loss_ < model.loss_curve_[0]
    assert model.unknowns_["kappa"] != 1.0  # where it begins


def test_several_layers_estimate_too():
    X, y = measured(heat(), decaying_sine)
    model = PINNRegressor(heat(), width=(12, 12), random_state=0).fit(X, y)
    assert model.unknowns_["kappa"] == pytest.approx(KAPPA, rel=1e-4)
    u, std = model.predict(X, return_std=True)
    assert std.shape == u.shape


# Noise and errors.


def lotka_volterra(x, u, a, b, c, d):
    p, q = u[0].value, u[1].value
    return torch.stack([u[0].dt - p * (a - b * q), u[1].dt - q * (d * p - c)], dim=1)


def lotka_volterra_rates(a, b, c, d):
    return lambda t, w: [w[0] * (a - b * w[1]), w[1] * (d * w[0] - c)]


def sir(x, u, beta, gamma):
    s, i = u[0].value, u[1].value
    return torch.stack([u[0].dt + beta * s * i, u[1].dt - beta * s * i + gamma * i], dim=1)


def sir_rates(beta, gamma):
    return lambda t, w: [-beta * w[0] * w[1], beta * w[0] * w[1] - gamma * w[1]]


SYSTEMS = {
    "lotka-volterra": (lotka_volterra, lotka_volterra_rates, (1.0, 0.5, 0.6, 0.25), [4.0, 1.0], 10.0, 0.03),
    "sir": (sir, sir_rates, (0.8, 0.2), [0.99, 0.01], 30.0, 0.01),
}


@pytest.mark.parametrize("name", SYSTEMS)
def test_estimates_and_errors_are_those_of_least_squares_through_an_ode_solver(name):
    equation, rates, true, start, end, noise = SYSTEMS[name]
    names = equation.__code__.co_varnames[2 : 2 + len(true)]
    pde = PDE(
        Time(0.0, end), equation=equation, n_outputs=2, unknowns={k: 1.5 * v for k, v in zip(names, true, strict=True)}
    )
    X, Y, _ = trajectory(pde, rates(*true), start, n=30, noise=noise)
    model = PINNRegressor(pde, noise=noise, random_state=0).fit(X, Y)
    known = ~np.isnan(Y[:, 0])

    def solved(_, *values):
        n = len(true)
        options = {"t_eval": X[known, 0], "rtol": 1e-9, "atol": 1e-10}
        return solve_ivp(rates(*values[:n]), (0.0, end), values[n:], **options).y.ravel()

    sigma = np.full(2 * known.sum(), noise)
    best, cov = curve_fit(solved, None, Y[known].T.ravel(), p0=[*true, *start], sigma=sigma, absolute_sigma=True)
    errors = np.sqrt(np.diag(cov))[: len(true)]
    for k, unknown in enumerate(names):
        assert abs(model.unknowns_[unknown] - best[k]) < 0.05 * errors[k]
        assert model.unknowns_std_[unknown] == pytest.approx(errors[k], rel=0.05)


def test_noise_is_estimated_and_told():
    model = fitted(heat(), decaying_sine, noise=0.02, n=200)
    assert model.stop_reason_.startswith("noise")
    assert model.noise_["the known values"] == pytest.approx(0.02, rel=4 / math.sqrt(2 * 200))
    # One parameter: its standard error is sigma / ||du/dkappa|| at the measurements.
    X, y = measured(heat(), decaying_sine, noise=0.02, n=200)
    slope = -(np.pi**2) * X[:, 1] * decaying_sine(X)
    bound = model.noise_["the known values"] / np.linalg.norm(slope[np.isfinite(y)])
    assert model.unknowns_std_["kappa"] == pytest.approx(bound, rel=0.05)
    assert abs(model.unknowns_["kappa"] - KAPPA) < 4 * bound


def test_errors_of_u_are_those_of_the_diffusivity():
    model = fitted(heat(), decaying_sine, noise=0.02)
    X = np.random.default_rng(1).uniform(size=(50, 2))
    u, std = model.predict(X, return_std=True)
    kappa = model.unknowns_["kappa"]
    slope = -(np.pi**2) * X[:, 1] * np.exp(-kappa * np.pi**2 * X[:, 1]) * np.sin(np.pi * X[:, 0])
    by_kappa = model.unknowns_std_["kappa"] * np.abs(slope)
    # Near the corners, where rows are few, they leave a little more open.
    assert (std > 0.95 * by_kappa).all()
    assert np.median(std / by_kappa) < 1.05
    again, cov = model.predict(X, return_cov=True)
    np.testing.assert_array_equal(again, u)
    np.testing.assert_allclose(np.sqrt(np.diag(cov)), std, rtol=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize("noise", [0.01, 0.1])
def test_intervals_hold_the_truth_as_often_as_they_say(noise):
    # Of 40 data sets 95 % intervals miss 2 on average, more than 7 with a chance of 1e-3.
    models = [fitted(heat(), decaying_sine, seed, noise=noise) for seed in range(40)]
    errors = np.array([(m.unknowns_["kappa"] - KAPPA) / m.unknowns_std_["kappa"] for m in models])
    assert (np.abs(errors) > 1.96).sum() <= 7
    assert 0.5 < errors.std() < 1.6


@pytest.mark.parametrize("noise", [0.05, "auto"])
def test_noise_without_unknown_coefficients(noise):
    # No initial value: what was at first follows from noisy measurements of what came later.
    pde = PDE(HALF_LINE, equation=lambda x, u: u.dt - KAPPA * u.laplacian, conditions=[Dirichlet(0.0)])
    X, y = measured(pde, decaying_sine, n=60, noise=0.05)
    model = PINNRegressor(pde, noise=noise, random_state=0).fit(X, y)
    inside = np.random.default_rng(1).uniform([0.0, 0.3], [1.0, 1.0], size=(200, 2))
    u, std = model.predict(inside, return_std=True)
    error = np.abs(u - decaying_sine(inside))
    assert error.max() < 0.05
    assert (error < 3 * std).mean() > 0.95
    assert model.noise_["the known values"] == pytest.approx(0.05, rel=0.4)
    assert model.unknowns_ == {}


def test_what_measurements_leave_open_is_said():
    pde = heat(equation=lambda x, u, a, b: u.dt - a * b * u.laplacian, unknowns={"a": 1.0, "b": 1.0})
    with pytest.warns(ConvergenceWarning, match=r"do not determine a combination of a, b"):
        model = fitted(pde, decaying_sine)
    assert model.unknowns_["a"] * model.unknowns_["b"] == pytest.approx(KAPPA)
    assert [finding.kind for finding in model.findings_] == ["open unknowns"]


@pytest.mark.parametrize("seed", seeds(3))
def test_a_function_among_noise_is_as_smooth_as_measurements_say(seed):
    pde = PDE(
        Interval(0.0, 1.0), equation=minus_second_derivative, conditions=[Dirichlet(0.0)], unknowns={"f": Field()}
    )
    model = fitted(pde, lambda X: np.sin(np.pi * X[:, 0]), seed, noise=0.003, n=100, n_interior=60, n_boundary=2)
    x = np.linspace(0, 1, 101)
    exact, std = np.pi**2 * np.sin(np.pi * x), model.unknowns_["f"].std(x[:, None])
    error = np.abs(model.unknowns_["f"](x[:, None]) - exact)
    assert np.linalg.norm(error) < 0.1 * np.linalg.norm(exact)  # a polynomial of degree 20 through noise is off by 1
    assert (error < 3 * std).mean() > 0.9
    assert model.noise_["the known values"] == pytest.approx(0.003, rel=0.3)


def test_a_smoothness_can_be_given():
    def roughness(smoothness):
        unknowns = {"f": Field(smoothness=smoothness)}
        pde = PDE(Interval(0.0, 1.0), equation=minus_second_derivative, conditions=[Dirichlet(0.0)], unknowns=unknowns)
        options = {"noise": 0.01, "n": 50, "n_interior": 60, "n_boundary": 2}
        f = fitted(pde, lambda X: np.sin(np.pi * X[:, 0]), **options).unknowns_["f"](np.linspace(0, 1, 101)[:, None])
        return np.square(np.diff(f, n=2)).sum()

    assert roughness(1.0) < 0.1 * roughness(1e-6)


def test_the_profile_of_a_nearly_linear_problem_is_the_parabola_of_the_standard_error():
    pde, y_of = heat(), decaying_sine
    X, y = measured(pde, y_of, noise=0.01)
    model = PINNRegressor(pde, random_state=0).fit(X, y)
    display = ProfileDisplay.from_estimator(model, X, y, "kappa", n_values=5, reach=2.0)
    np.testing.assert_allclose(display.deviances, [4, 1, 0, 1, 4], rtol=0.1, atol=0.05)
    assert display.ax_.get_xlabel() == "kappa"
    with pytest.raises(ValueError, match="no unknown number 'nu'"):
        ProfileDisplay.from_estimator(model, X, y, "nu")
    shown = UnknownsDisplay.from_estimator(model, true={"kappa": KAPPA})
    assert [label.get_text() for label in shown.ax_.get_yticklabels()] == [f"kappa = {model.unknowns_['kappa']:.4g}"]


# The house of scikit-learn.


def test_a_model_travels(tmp_path):
    pde = Heat(HALF_LINE, diffusivity=Unknown(1.0, lower=0.0), initial=sine)
    model = fitted(pde, decaying_sine)
    X, y = measured(pde, decaying_sine)
    loaded = pickle.loads(pickle.dumps(model))
    pinnlearn.save(model, tmp_path / "heat.safetensors")
    for other in (loaded, pinnlearn.load(tmp_path / "heat.safetensors", pde=pde)):
        assert other.unknowns_ == model.unknowns_
        np.testing.assert_array_equal(other.residual(X), model.residual(X))
        np.testing.assert_array_equal(other.predict(X, return_std=True)[1], model.predict(X, return_std=True)[1])
        assert other.score(X, y) == model.score(X, y)
    assert np.abs(model.residual(X)).max() < 1e-5  # with the estimate in the equation
    assert "diffusivity" in str(model.describe())


def test_a_field_travels(tmp_path):
    pde = PDE(
        Interval(0.0, 1.0), equation=minus_second_derivative, conditions=[Dirichlet(0.0)], unknowns={"f": Field()}
    )
    model = fitted(pde, lambda X: two_sines(X[:, 0]), n_interior=40, n_boundary=2)
    pinnlearn.save(model, tmp_path / "source.safetensors")
    loaded = pinnlearn.load(tmp_path / "source.safetensors", pde=pde)
    x = np.linspace(0, 1, 7)[:, None]
    np.testing.assert_array_equal(loaded.unknowns_["f"](x), model.unknowns_["f"](x))
    np.testing.assert_array_equal(loaded.residual(x), model.residual(x))


def test_a_fit_that_was_stopped_goes_on_to_the_same_end(tmp_path):
    X, y = measured(heat(), decaying_sine, noise=0.01)
    whole = PINNRegressor(heat(), random_state=0).fit(X, y)
    checkpoint = Checkpoint(tmp_path / "fit")
    for stop in (1, 4):
        callbacks = [checkpoint, lambda progress, stop=stop: progress.n_iter == stop]
        stopped = PINNRegressor(heat(), random_state=0, callbacks=callbacks).fit(X, y)
        assert stopped.n_iter_ == stop
    resumed = PINNRegressor(heat(), random_state=0, callbacks=[checkpoint]).fit(X, y)
    assert resumed.loss_curve_ == whole.loss_curve_
    assert resumed.unknowns_ == whole.unknowns_


@pytest.mark.slow
def test_a_shock_is_identified_in_learned_coordinates():
    # u_t + l1 u u_x = l2 u_xx. The shock of viscosity 0.01 / pi takes 2,000 values, see benchmarks/inverse.py.
    exact = pinnlearn.problems.burgers_shock(0.03)
    pde = PDE(
        exact.domain,
        equation=lambda x, u, l1, l2: u.dt + l1 * u.value * u.d(0) - l2 * u.d(0, 0),
        unknowns={"l1": 0.5, "l2": 0.01},
    )
    X = np.random.default_rng(0).uniform([-1.0, 0.0], [1.0, 1.0], (500, 2))
    y = exact.solution(torch.as_tensor(X)).numpy()
    stage = pinnlearn.training.IdentifyInCoordinates(steps=80, units=(300,))
    model = PINNRegressor(pde, optimizer=[stage], random_state=0).fit(X, y)
    assert model.unknowns_ == {"l1": pytest.approx(1.0, rel=1e-3), "l2": pytest.approx(0.03, rel=1e-2)}


def kovasznay(x, q, nu):
    u, v, p = q[0], q[1], q[2]
    across = u.value * u.d(0) + v.value * u.d(1) + p.d(0) - nu * (u.d(0, 0) + u.d(1, 1))
    along = u.value * v.d(0) + v.value * v.d(1) + p.d(1) - nu * (v.d(0, 0) + v.d(1, 1))
    return torch.stack([across, along, u.d(0) + v.d(1)], dim=1)


def kovasznay_flow(X, nu=0.025):
    x, y = X.T
    rate = 0.5 / nu - np.sqrt(0.25 / nu**2 + 4 * np.pi**2)
    u = 1 - np.exp(rate * x) * np.cos(2 * np.pi * y)
    v = rate / (2 * np.pi) * np.exp(rate * x) * np.sin(2 * np.pi * y)
    return np.stack([u, v, (1 - np.exp(2 * rate * x)) / 2], axis=1)


@pytest.mark.slow
def test_the_viscosity_of_a_flow():
    pde = PDE(Box([0.0, -0.5], [1.0, 0.5]), equation=kovasznay, n_outputs=3, unknowns={"nu": 1.0})
    rng = np.random.default_rng(0)
    places = rng.uniform([0.0, -0.5], [1.0, 0.5], (60, 2))
    X = np.concatenate([pde.sample(240, 0, random_state=0), places])
    Y = np.full((len(X), 3), np.nan)
    Y[-60:] = kovasznay_flow(places)
    model = PINNRegressor(pde, random_state=0).fit(X, Y)
    assert model.unknowns_["nu"] == pytest.approx(0.025, rel=1e-6)


def test_a_grid_search_over_starts_and_bounds():
    X, y = measured(heat(), decaying_sine)
    grid = {"pde__unknowns": [{"kappa": 0.5}, {"kappa": Unknown(2.0, lower=0.0)}]}
    search = GridSearchCV(PINNRegressor(heat(), random_state=0), grid, cv=2, n_jobs=2).fit(X, y)
    assert search.best_estimator_.unknowns_["kappa"] == pytest.approx(KAPPA)


def test_a_warm_start_goes_on_from_the_estimate():
    X, y = measured(heat(), decaying_sine)
    model = PINNRegressor(heat(), random_state=0).fit(X, y)
    model.set_params(warm_start=True, max_iter=1).fit(X, y)
    assert model.unknowns_["kappa"] == pytest.approx(KAPPA, rel=1e-6)


def test_pdes_with_unknowns_are_values():
    pde = Heat(HALF_LINE, diffusivity=Unknown(1.0, lower=0.0))
    assert clone(pde) == pde
    assert eval(repr(pde)) == pde
    assert clone(pde).set_params(diffusivity__initial=2.0).diffusivity == Unknown(2.0, lower=0.0)
    assert clone(heat()) == heat()


# Bad input.

COUPLED = torch.nn.Parameter(torch.tensor(1.0))
BAD = {
    "nobody reads it": (heat(unknowns={"kappa": 1.0, "mu": 1.0}), r"unknowns has \['mu'\], but neither"),
    "it is read but not used": (
        heat(equation=lambda x, u, kappa: u.dt - u.laplacian), "'kappa' makes no difference to any equation",
    ),
    "nobody declares it": (heat(unknowns=None), r"takes the argument\(s\) \['kappa'\], but the PDE has no"),
    "the start is outside of the bounds": (heat(Unknown(1.0, lower=2.0)), "not between its bounds 2.0 and inf"),
    "no number": (heat("much"), "must be a number to begin at, an Unknown or a Field"),
    "not finite": (heat(math.nan), "must begin at a finite number"),
    "no dict": (heat(unknowns=["kappa"]), "must be a dict"),
    "a wrong axis": (heat(Field(axes=[2])), "axes of the unknown 'kappa' must be numbers of coordinates below 2"),
    "a parameter of torch": (
        heat(equation=lambda x, u: u.dt - COUPLED * u.laplacian, unknowns=None), r"the torch parameter 'COUPLED'",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_told(case):
    pde, message = BAD[case]
    X, y = measured(heat(), decaying_sine)
    with pytest.raises(ValueError, match=message):
        PINNRegressor(pde).fit(X, y)


def test_without_measurements_there_is_nothing_to_estimate_from():
    with pytest.raises(ValueError, match="nothing to estimate"):
        PINNRegressor(heat()).fit(heat().sample(50, 30))


def test_errors_of_a_model_without_unknowns_are_refused():
    pde = pinnlearn.problems.poisson_1d()
    model = PINNRegressor(pde, random_state=0).fit(pde.sample(50, 2, random_state=0))
    with pytest.raises(ValueError, match="standard errors of u come from the noise"):
        model.predict([[0.5]], return_std=True)
    assert model.unknowns_ == {}


def test_the_theory_takes_unknowns_for_what_they_are_guessed_to_be():
    fixed = heat(equation=lambda x, u: u.dt - 0.7 * u.laplacian, unknowns=None)
    X = fixed.sample(10, 6, random_state=0)
    found, expected = (limiting_gram(pde, X, n_neurons=500, random_state=0) for pde in (heat(0.7), fixed))
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_stages_that_leave_coefficients_alone_are_refused():
    X, y = measured(heat(), decaying_sine)
    with pytest.raises(ValueError, match="does not estimate unknown coefficients"):
        PINNRegressor(heat(), optimizer=[pinnlearn.training.TrainHidden()]).fit(X, y)


def test_the_equation_holds_at_measurements_as_well():
    pde = heat(conditions=())
    X = np.random.default_rng(0).uniform(size=(300, 2))
    model = PINNRegressor(pde, random_state=0).fit(X, decaying_sine(X))
    assert model.groups_["interior"]["rows"] == model.groups_["data"]["rows"] == 300
    assert model.unknowns_["kappa"] == pytest.approx(KAPPA, rel=1e-6)


def test_arrays_of_estimates_are_numpy():
    model = fitted(heat(), decaying_sine)
    assert isinstance(model.unknowns_["kappa"], float)
    assert model.unknowns_cov_.shape == (1, 1)
    assert model.unknowns_cov_[0, 0] == pytest.approx(model.unknowns_std_["kappa"] ** 2)
    assert isinstance(as_array(torch.ones(1)), np.ndarray)
