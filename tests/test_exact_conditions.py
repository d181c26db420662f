"""Conditions that hold exactly: derivatives and Jacobians of u = g + B v, fits, and what cannot be built."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone

import pinnlearn
from pinnlearn import PINNRegressor
from pinnlearn.activations import get_activation
from pinnlearn.arrays import CPU, as_tensor
from pinnlearn.conditions import Dirichlet, Initial, InitialVelocity, Neumann, Periodic
from pinnlearn.domains import Box, Domain, Interval, SpaceTime, Time
from pinnlearn.jets import VALUE, Symbol
from pinnlearn.least_squares import Unknowns
from pinnlearn.metrics import exact_solution, relative_l2_error
from pinnlearn.networks import TwoLayerNetwork, gaussian_weights
from pinnlearn.pdes import PDE
from pinnlearn.posing.ansatz import Ansatz
from pinnlearn.posing.exact import ansatz_of
from pinnlearn.theory.posing import pose as pose_for_theory
from pinnlearn.training.placement import Placement
from tests.problems import seeds
from tests.references import derivative, problem_of, relative_error

EXACT = 1e-12
ROUND_OFF = 1e-14


def mixed(x, v):
    """Two outputs of u, each of both of v."""
    x0, x1 = x[:, 0], x[:, 1]
    one = torch.sin(x0) * x1 + torch.exp(-x0) * v[:, 0] + x1**3 * v[:, 1]
    return torch.stack([one, torch.cos(x0 * x1) + (1 + x0**2) * v[:, 1]], dim=1)


def single(x, v):
    return torch.exp(x[:, 0] * x[:, 1]) + torch.sin(2 * x[:, 0]) * (1 - x[:, 1] ** 2) * v


FORMS = {"one output": (single, 1), "two outputs": (mixed, 2)}


def placement(n_outputs):
    box = np.zeros(2), np.ones(2)
    return Placement(box, n_outputs, get_activation("tanh"), 0, CPU, torch.float64)


def two_layers(n_outputs):
    weights = gaussian_weights(7, 2, n_outputs, np.random.default_rng(0))
    return TwoLayerNetwork.of(weights, get_activation("tanh"), CPU, torch.float64)


NETWORKS = {"two layers": two_layers, "deep": lambda q: placement(q).deep((4, 3), zero=False)}
SYMBOLS = [
    VALUE,
    Symbol(((0,),)),
    Symbol(((0, 0), (1, 1))),
    Symbol(((0, 1),)),
    Symbol(((0, 1, 1),)),
    Symbol(((0, 0, 1, 1),)),
    Symbol(((1, 1, 1, 1),)),
]


def points(n=6, seed=1):
    return as_tensor(np.random.default_rng(seed).random((n, 2)))


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("symbol", SYMBOLS)
def test_derivatives_of_u_are_those_of_nested_autograd(network, form, symbol):
    transform, q = FORMS[form]
    net, x = NETWORKS[network](q), points().requires_grad_()
    u = transform(x, net.evaluate(x)).reshape(len(x), -1)
    by_hand = torch.stack([sum(derivative(column, x, *axes) for axes in symbol.monomials) for column in u.unbind(1)], 1)
    ours = Ansatz(transform, q).evaluate(net, x.detach(), symbol).reshape(len(x), -1)
    assert relative_error(ours.detach(), by_hand.detach()) < EXACT


def equation(x, u):
    """Nonlinear, of fourth order, and of u at other points."""
    across = torch.stack([x[:, 1], x[:, 0]], dim=1)
    return u.laplacian * u.value + u.d(0, 0, 1, 1) - u.d(0) ** 3 + u.at(across).d(1) * x[:, 0]


def by_hand(transform, network, x):
    def u(at):
        return transform(at, network.evaluate(at))

    across = torch.stack([x[:, 1], x[:, 0]], dim=1).detach().requires_grad_()
    value, other = u(x), u(across)
    laplacian = derivative(value, x, 0, 0) + derivative(value, x, 1, 1)
    fourth, slope = derivative(value, x, 0, 0, 1, 1), derivative(value, x, 0)
    return laplacian * value + fourth - slope**3 + derivative(other, across, 1) * x[:, 0]


@pytest.mark.parametrize("network", NETWORKS)
def test_residuals_and_jacobians_are_those_of_nested_autograd(network):
    net, X = NETWORKS[network](1), points()
    pde = PDE(equation=equation, transform=single)
    problem = problem_of(pde, X, Unknowns(net, tuple(net.blocks())))

    def residual(w):
        return by_hand(single, problem.network(w), X.clone().requires_grad_()) / np.sqrt(len(X))

    linear = problem.linearize(problem.start)
    J = torch.autograd.functional.jacobian(residual, problem.start)
    assert relative_error(linear.residual, residual(problem.start).detach()) < EXACT
    assert relative_error(linear.jacobian(), J) < EXACT
    assert relative_error(linear.gram(), J @ J.T) < EXACT


def sine(x):
    return torch.sin(np.pi * x[:, 0])


def saddle(x):
    return torch.sin(2 * x[:, 0]) * torch.exp(x[:, 1])


def cooling(x):
    return torch.exp(-0.3 * np.pi**2 * x[:, 1]) * sine(x) + 1 + x[:, 0]


def string(x):
    return sine(x) * (torch.cos(2 * np.pi * x[:, 1]) + torch.sin(2 * np.pi * x[:, 1]) / 2)


def travelling(x):
    return torch.sin(x[:, 0] - 2 * x[:, 1])


def rotation(x):
    return torch.stack([torch.cos(x[:, 0]), torch.sin(x[:, 0])], dim=1)


def left_and_top(x):
    return (x[:, 0] == 0) | (x[:, 1] == 1)


def right_and_bottom(x):
    return (x[:, 0] == 1) | (x[:, 1] == 0)


def saddle_flux(x):
    along = 2 * torch.cos(2 * x[:, 0]) * torch.exp(x[:, 1])
    return torch.where(x[:, 0] == 1, along, -saddle(x))


class Disk(Domain):
    """The unit disk."""

    @property
    def bounds(self):
        return np.full(2, -1.0), np.full(2, 1.0)

    def contains(self, X):
        return np.linalg.norm(X, axis=1) <= 1 + 1e-9

    def on_boundary(self, X):
        return np.abs(np.linalg.norm(X, axis=1) - 1) <= 1e-9

    def normal(self, X):
        return X / np.linalg.norm(X, axis=1, keepdims=True)

    def sample_interior(self, n, rng):
        return self.sample_boundary(n, rng) * np.sqrt(rng.random((n, 1)))

    def sample_boundary(self, n, rng):
        angle = 2 * np.pi * rng.random(n)
        return np.column_stack([np.cos(angle), np.sin(angle)])


def inside_disk(x):
    return 1 - x[:, 0] ** 2 - x[:, 1] ** 2


UNIT = Box([0.0, 0.0], [1.0, 1.0])
HARD = {
    "interval": PDE(
        Interval(0.0, 1.0),
        equation=lambda x, u: u.laplacian + np.pi**2 * sine(x),
        conditions=[Dirichlet(0.0, hard=True)],
        solution=sine,
    ),
    "square, nonlinear": PDE(
        UNIT,
        equation=lambda x, u: u.laplacian - u.value**3 + 3 * saddle(x) + saddle(x) ** 3,
        conditions=[Dirichlet(saddle, hard=True)],
        solution=saddle,
    ),
    "two sides": PDE(
        UNIT,
        equation=lambda x, u: u.laplacian + 3 * saddle(x),
        conditions=[Dirichlet(saddle, where=left_and_top, hard=True), Neumann(saddle_flux, where=right_and_bottom)],
        solution=saddle,
    ),
    "heat": PDE(
        SpaceTime(Interval(0.0, 1.0), 0.0, 1.0),
        equation=lambda x, u: u.dt - 0.3 * u.laplacian,
        conditions=[Dirichlet(lambda x: 1 + x[:, 0], hard=True), Initial(cooling, hard=True)],
        solution=cooling,
    ),
    "wave": PDE(
        SpaceTime(Interval(0.0, 1.0), 0.0, 1.0),
        equation=lambda x, u: u.d(1, 1) - 4 * u.laplacian,
        conditions=[
            Dirichlet(0.0, hard=True),
            Initial(string, hard=True),
            InitialVelocity(lambda x: np.pi * sine(x), hard=True),
        ],
        solution=string,
    ),
    "oscillator": PDE(
        Time(0.0, 3.0),
        equation=lambda x, u: torch.stack([u[0].dt + u[1].value, u[1].dt - u[0].value], dim=1),
        conditions=[Initial([1.0, 0.0], hard=True)],
        n_outputs=2,
        solution=rotation,
    ),
    "periodic in space": PDE(
        SpaceTime(Interval(0.0, 2 * np.pi), 0.0, 1.0),
        equation=lambda x, u: u.dt + 2 * u.d(0),
        conditions=[Periodic(0), Initial(travelling, hard=True)],
        solution=travelling,
    ),
    "disk, by a transform": PDE(
        Disk(),
        equation=lambda x, u: u.laplacian - torch.exp(x[:, 0]) * (inside_disk(x) - 4 * x[:, 0] - 4),
        transform=lambda x, v: 1 + inside_disk(x) * v,
        solution=lambda x: 1 + inside_disk(x) * torch.exp(x[:, 0]),
    ),
}


def fitted(name, seed=0, **parameters):
    """A model, and its problem; rows on the boundary only where a soft condition asks for them."""
    pde = HARD[name]
    n_boundary = 100 if any(c.region == "boundary" for c in pde.imposed_conditions) else 0
    X = pde.sample(400, n_boundary, 0, random_state=seed)
    return PINNRegressor(pde=pde, random_state=seed, **parameters).fit(X), pde


@pytest.mark.parametrize("seed", seeds(3))
@pytest.mark.parametrize("name", HARD)
def test_hard_problems_are_solved_from_the_rows_of_the_equation_alone(name, seed):
    model, pde = fitted(name, seed)
    X_new = pde.domain.sample("interior", 2000, np.random.default_rng(1000 + seed))
    assert relative_l2_error(exact_solution(pde, X_new), model.predict(X_new)) < 1e-9
    assert model.stop_reason_.startswith("tol")
    assert model.score(X_new) > 1 - 1e-6


def on_hard_parts(pde, n=50):
    """Points where hard conditions hold."""
    rng = np.random.default_rng(5)
    parts = {"boundary": pde.domain.has_boundary, "initial": pde.domain.has_time}
    soft = {c.region for c in pde.imposed_conditions}
    X = [pde.domain.sample(part, n, rng) for part in parts if parts[part] and part not in soft]
    if pde is HARD["two sides"]:
        edge = pde.domain.sample_boundary(n, rng)
        X = [edge[left_and_top(edge)]]
    return np.concatenate(X)


@pytest.mark.parametrize("optimizer", ["adam", "gauss_newton", "engd", "lbfgs", "spring"])
@pytest.mark.parametrize("width", [12, (5, 4)])
@pytest.mark.parametrize("name", ["two sides", "wave", "oscillator", "disk, by a transform"])
@pytest.mark.filterwarnings("ignore:The equations")
def test_hard_conditions_hold_to_round_off_whatever_the_weights(name, width, optimizer):
    model, pde = fitted(name, width=width, optimizer=optimizer, max_iter=2, init="gaussian")
    X = on_hard_parts(pde)
    u = exact_solution(pde, X)
    np.testing.assert_allclose(model.predict(X), u, rtol=0, atol=ROUND_OFF * np.abs(u).max())
    inside = pde.domain.sample("interior", 50, np.random.default_rng(0))
    assert relative_l2_error(exact_solution(pde, inside), model.predict(inside)) > 1e-4  # it is not the solution


@pytest.mark.filterwarnings("ignore:The equations")
def test_hard_velocities_hold_to_round_off():
    model, pde = fitted("wave", width=12, optimizer="adam", max_iter=2, init="gaussian")
    X = pde.domain.sample_initial(50, np.random.default_rng(0))
    np.testing.assert_allclose(model.derivative(X, 1), np.pi * np.sin(np.pi * X[:, 0]), atol=1e-13)


def test_a_hard_condition_agrees_with_the_soft_one():
    soft = PDE(UNIT, equation=lambda x, u: u.laplacian + 3 * saddle(x), conditions=[Dirichlet(saddle)], solution=saddle)
    hard = clone(soft).set_params(conditions=[Dirichlet(saddle, hard=True)])
    X = soft.sample(300, 100, random_state=0)  # rows on the boundary do no harm
    one, other = (PINNRegressor(pde=pde, random_state=0).fit(X) for pde in (soft, hard))
    inside = soft.domain.sample_interior(500, np.random.default_rng(0))
    assert relative_l2_error(one.predict(inside), other.predict(inside)) < 1e-10
    assert set(other.groups_) == {"interior"}


def test_g_interpolates_values_on_all_faces_of_a_box_in_space_and_time():
    def values(x):
        return torch.exp(x[:, 0]) * torch.cos(x[:, 1]) + x[:, 2] ** 2 * (1 + x[:, 0])

    domain = SpaceTime(Box([-1.0, 0.0], [2.0, 1.0]), 0.5, 2.0)
    ansatz = ansatz_of(PDE(domain, conditions=[Dirichlet(values, hard=True), Initial(values, hard=True)]))
    rng = np.random.default_rng(0)
    X = as_tensor(np.concatenate([domain.sample_boundary(100, rng), domain.sample_initial(100, rng)]))
    u = ansatz.of_values(X, torch.ones(len(X), 1, dtype=X.dtype))[:, 0]
    np.testing.assert_allclose(u, values(X), rtol=1e-13)
    inside = as_tensor(domain.sample_interior(100, rng))
    assert bool((ansatz.at(inside).b(0, 0) > 0).all())


def test_the_theory_takes_hard_conditions():
    pde = HARD["interval"]
    posed = pose_for_theory(pde, pde.sample(8, 0, random_state=0))
    problem = posed.draw(50, np.random.default_rng(0))
    linear = problem.linearize(problem.start)
    assert posed.is_linear
    assert posed.n_residuals == 8
    assert relative_error(linear.gram(), linear.jacobian() @ linear.jacobian().T) < EXACT


def sine_plus_one(x):
    return 1 + sine(x)


def screened(x, u):
    return u.laplacian - u.value


def test_models_with_a_form_predict_from_files_and_as_modules(tmp_path):
    pde = PDE(Interval(0.0, 1.0), equation=screened, conditions=[Dirichlet(sine_plus_one, hard=True)])
    X, seen = np.linspace(0, 1, 30)[1:-1, None], []
    watch = [lambda progress: seen.append(progress.predict([[0.0]])[0])]
    model = PINNRegressor(pde=pde, random_state=0, callbacks=watch).fit(X)
    np.testing.assert_allclose(seen, 1.0, rtol=ROUND_OFF)
    np.testing.assert_allclose(model.to_torch()(as_tensor(X)).detach(), model.predict(X), rtol=1e-13)
    model.set_params(callbacks=None)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), model.predict(X))
    pinnlearn.save(model, tmp_path / "model")
    np.testing.assert_array_equal(pinnlearn.load(tmp_path / "model", pde=pde).predict(X), model.predict(X))
    with pytest.warns(UserWarning, match="in no file"):
        without = pinnlearn.load(tmp_path / "model")
    with pytest.raises(ValueError, match="pass it to pinnlearn"):
        without.predict(X)


def test_problems_with_a_form_are_values():
    pde = PDE(Interval(0.0, 1.0), conditions=[Dirichlet(0.0, hard=True)], transform=None)
    assert clone(pde) == pde
    assert eval(repr(pde)) == pde
    assert pde != PDE(Interval(0.0, 1.0), conditions=[Dirichlet(0.0)])


def fit_with(conditions, domain=UNIT, **parameters):
    pde = PDE(domain, equation=lambda x, u: u.laplacian - 1, conditions=conditions, **parameters)
    return PINNRegressor(pde=pde, width=5, max_iter=1).fit(0.7 * np.random.default_rng(0).random((20, 2)))


SLAB = SpaceTime(Interval(0.0, 1.0), 0.0, 1.0)
RISING = [Dirichlet(lambda x: x[:, 1], hard=True), Initial(0.0, hard=True), InitialVelocity(0.0, hard=True)]
IMPOSSIBLE = [
    ([Dirichlet(0.0, hard=True)], {"domain": None}, "give the PDE a domain"),
    ([Dirichlet(0.0, hard=True)], {"domain": Disk()}, "faces of a box, but Disk"),
    ([Dirichlet(0.0, where=lambda x: x[:, 1] < 0.5, hard=True)], {}, "selects a part of the face"),
    ([Dirichlet(0.0, where=lambda x: x[:, 0] > 2, hard=True)], {}, "selects no face"),
    ([Dirichlet(0.0, hard=True), Dirichlet(0.0, hard=True, name="lid")], {}, "both hard on the same face"),
    ([Dirichlet(0.0, hard=True), Initial(1.0, hard=True)], {"domain": SLAB}, "cannot both hold exactly.*differ by 1"),
    ([Initial(0.0, hard=True)], {}, "has no time"),
    ([InitialVelocity(0.0, hard=True)], {"domain": SLAB}, "together with Initial"),
    (RISING, {"domain": SLAB}, "InitialVelocity.* cannot both hold exactly"),
    ([Dirichlet(0.0, hard=True)], {"transform": lambda x, v: v}, "has a transform as well"),
    ([], {"transform": 1.0}, "must be a function"),
    ([], {"transform": lambda x, v: v + v**2}, "affine in v"),
    ([], {"transform": lambda x, v: v + v.mean()}, "affine in v"),
    ([], {"transform": lambda x, v: x[:, 0]}, "does not depend on the network"),
    ([], {"transform": lambda x, v: v / (x[:, 0] - x[:, 0])}, "NaN or infinite"),
    ([], {"transform": lambda x, v: x * v[:, None]}, "of the shape of v"),
    ([Dirichlet(torch.sin, hard=True)], {}, "must give one value a row"),
    ([Dirichlet(lambda x: np.sin(x[:, 0].detach().numpy()), hard=True)], {}, "functions of torch"),
    ([Dirichlet(lambda x: np.sin(x[:, 0].numpy()), hard=True)], {}, "functions of torch"),
]


@pytest.mark.parametrize(("conditions", "settings", "message"), IMPOSSIBLE)
def test_what_cannot_hold_exactly_says_why(conditions, settings, message):
    with pytest.raises(ValueError, match=message):
        fit_with(conditions, **settings)


def test_faces_of_many_dimensions_take_one_number():
    box = Box([0.0] * 8, [1.0] * 8)
    assert ansatz_of(PDE(box, conditions=[Dirichlet(2.0, hard=True)])) is not None
    with pytest.raises(ValueError, match="the same number on all of them"):
        ansatz_of(PDE(box, conditions=[Dirichlet(sine, hard=True)]))


def test_rows_on_hard_faces_alone_are_an_error():
    pde = HARD["square, nonlinear"]
    with pytest.raises(ValueError, match="add interior rows"):
        PINNRegressor(pde=pde).fit(pde.domain.sample_boundary(20, np.random.default_rng(0)))
