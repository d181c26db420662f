"""The hard problems: solutions solve their equations and conditions, have converged, and agree with other methods."""

import pickle

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp
from scipy.sparse import diags_array
from sklearn.base import clone

from pinnlearn import PINNRegressor, load, save
from pinnlearn.jets import Jet
from pinnlearn.problems import hard
from pinnlearn.problems.cavity import CavityFlow
from pinnlearn.problems.spectral import Evolution
from tests.references import FunctionTerms, relative_error

CLOSED_FORM = ["convection", "reaction", "wave", "multiscale_poisson", "long_wave"]
EVOLUTIONS = ["allen_cahn", "kdv", "kuramoto_sivashinsky", "schroedinger"]

# Central differences of order eight for derivatives along one axis.
STENCILS = {
    1: np.array([1 / 280, -4 / 105, 1 / 5, -4 / 5, 0, 4 / 5, -1 / 5, 4 / 105, -1 / 280]),
    2: np.array([-1 / 560, 8 / 315, -1 / 5, 8 / 5, -205 / 72, 8 / 5, -1 / 5, 8 / 315, -1 / 560]),
    3: np.array([-7, 72, -338, 488, 0, -488, 338, -72, 7]) / 240,
    4: np.array([7, -96, 676, -1952, 2730, -1952, 676, -96, 7]) / 240,
}


class DifferencedTerms:
    """A function of x as the source of a jet, its derivatives along single axes by central differences."""

    def __init__(self, x, function, spacing):
        self.points, self.function, self.spacing = [x], function, spacing
        self.n_dims, self.n_outputs = x.shape[1], function(x[:1]).reshape(1, -1).shape[1]

    def values(self, x, output):
        return self.function(x).reshape(len(x), -1)[:, output]

    def term(self, term):
        return sum(self.derivative(self.points[term.points], term.output, axes) for axes in term.symbol.monomials)

    def derivative(self, x, output, axes):
        if not axes:
            return self.values(x, output)
        h, along = self.spacing[axes[0]], torch.eye(self.n_dims, dtype=x.dtype)[axes[0]]
        moved = torch.cat([x + shift * h * along for shift in range(-4, 5)])
        (order,) = {len(axes)} if len(set(axes)) == 1 else set()
        return torch.tensor(STENCILS[order] / h**order) @ self.values(moved, output).reshape(9, len(x))

    def add_points(self, x):
        self.points.append(x)
        return len(self.points) - 1


def points(pde, n=200, margin=0.05, seed=0):
    """Uniform in the domain, away from its sides."""
    lower, upper = map(np.asarray, pde.domain.bounds)
    within = np.random.default_rng(seed).uniform(margin, 1 - margin, (n, len(lower)))
    return torch.tensor(lower + (upper - lower) * within)


@pytest.mark.parametrize("name", CLOSED_FORM)
def test_closed_forms_solve_the_equations(name):
    pde = getattr(hard, name)()
    X = pde.sample(50, 40, random_state=0)
    region, x = pde.domain.region(X), torch.tensor(X)
    residual = pde.residual(x, Jet(FunctionTerms(x, pde.solution), pde.has_time)).detach()
    # 2 (16 pi)^2 is the largest factor of a term of all.
    assert float(residual.abs().max()) < 1e-11 * 2 * (16 * np.pi) ** 2
    for condition in pde.conditions:
        rows = torch.tensor(X[region == condition.region])
        condition = condition.on(pde.domain)
        values = condition.residual(rows, Jet(FunctionTerms(rows, pde.solution), pde.has_time)).detach()
        assert float(values.abs().max()) < 1e-12


def _decay(k):
    return -0.1 * k**2 + 0.3j * k


def _nothing(u):
    return 0 * u


def _one(k):
    return np.ones_like(k)


def _minus_square(u):
    return -(u**2)


def _ripple(x):
    return 0.3 + 0.1 * np.cos(np.pi * x)


def test_a_linear_evolution_is_exact_where_the_initial_value_has_a_kink():
    # |x| on [-1, 1] is 1/2 - 4/pi^2 times the sum of cos(k pi x) / k^2 over odd k.
    breaks = (0.0, *np.geomspace(1e-3, 1.0, 24))
    evolution = Evolution(np.abs, _decay, _nothing, breaks=breaks, n_modes=16, n_tail=4096, step=0.1)
    x, t = np.random.default_rng(0).uniform([-1, 0.01], [1, 1], (50, 2)).T
    k = np.arange(1, 200, 2)[:, None]
    waves = np.exp(-0.1 * (np.pi * k) ** 2 * t) * np.cos(np.pi * k * (x + 0.3 * t)) / k**2
    exact = 0.5 - 4 / np.pi**2 * waves.sum(axis=0)
    np.testing.assert_allclose(evolution(torch.tensor(np.column_stack([x, t]))), exact, atol=1e-11)


def test_solutions_follow_their_parameters():
    x = torch.tensor([[0.1, 0.7], [0.5, 0.2]])
    evolution = Evolution(_ripple, _one, _minus_square, step=0.1, n_modes=8)
    other = clone(evolution).set_params(nonlinear=_nothing)
    evolution(x)
    torch.testing.assert_close(evolution.set_params(nonlinear=_nothing)(x), other(x), atol=0.0, rtol=0.0)


def test_steps_are_of_order_five():
    # u_t = u - u^2 at each x: u = u_0 / (u_0 + (1 - u_0) e^-t).
    x = torch.tensor(np.random.default_rng(0).uniform([-1, 0], [1, 8], (50, 2)))
    start = _ripple(x[:, 0].numpy())
    exact = start / (start + (1 - start) * np.exp(-x[:, 1].numpy()))

    def error(step):
        breaks = tuple(np.linspace(0.0, 8.0, 9))
        return relative_error(Evolution(_ripple, _one, _minus_square, breaks=breaks, step=step, n_modes=32)(x), exact)

    # Pieces of length 1 have intervals of 0.098 at most.
    coarse, fine = error(0.1), error(0.05)
    assert np.log2(coarse / fine) == pytest.approx(5.0, abs=1.0)
    assert error(0.005) < 1e-11


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "spacing", "bound"),
    [
        ("allen_cahn", (2e-3, 2e-3), 1e-8),
        ("kdv", (1e-3, 2.5e-4), 1e-6),
        ("kuramoto_sivashinsky", (1e-2, 5e-4), 1e-3),
        # h_xx has waves of every length, which differences do not resolve: this finds no more than a wrong sign.
        ("schroedinger", (1e-2, 1e-3), 0.1),
    ],
)
def test_computed_solutions_solve_the_equations(name, spacing, bound):
    # In units of u_t, 1 to 10.
    pde = getattr(hard, name)()
    x = points(pde)
    residual = pde.residual(x, Jet(DifferencedTerms(x, pde.solution, spacing), pde.has_time))
    assert float(residual.square().mean().sqrt()) < bound


@pytest.mark.slow
@pytest.mark.parametrize("name", EVOLUTIONS)
def test_computed_solutions_have_their_initial_value_and_period(name):
    pde = getattr(hard, name)()
    lower, upper = pde.solution.period
    x = torch.linspace(lower, upper, 81, dtype=torch.float64)[:80]
    start = torch.stack([x, torch.zeros_like(x)], dim=1)
    # Kinks at the ends are rounded off where modes end.
    rounded = {"allen_cahn": 1e-4, "schroedinger": 1e-5}.get(name, 1e-13)
    torch.testing.assert_close(pde.solution(start), pde.conditions[-1].value(start), atol=rounded, rtol=0.0)
    t = torch.linspace(0.1, pde.domain.t_end, 80, dtype=torch.float64)
    later = torch.stack([torch.full_like(x, lower), t], dim=1)
    period = torch.tensor([upper - lower, 0.0], dtype=torch.float64)
    torch.testing.assert_close(pde.solution(later), pde.solution(later + period), atol=1e-11, rtol=0.0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "halves", "bound"),
    [
        ("kdv", {"n_modes": 128}, 2e-10),
        ("kdv", {"step": 1.6e-4, "every": 2}, 1e-10),
        ("kuramoto_sivashinsky", {"n_modes": 128}, 1e-10),
        ("kuramoto_sivashinsky", {"step": 6e-5, "every": 2}, 1e-10),
        ("allen_cahn", {"n_modes": 1024, "n_tail": 4096}, 1e-8),
        ("allen_cahn", {"step": 8e-3, "every": 2}, 1e-8),
        # Its initial value ends with the modes that are summed.
        ("schroedinger", {"n_modes": 256, "n_tail": 2048}, 3e-7),
        ("schroedinger", {"step": 4e-4, "every": 2}, 1e-7),
    ],
)
def test_computed_solutions_have_converged(name, halves, bound):
    pde = getattr(hard, name)()
    x = points(pde, 1000, margin=0.0)
    breaks = pde.solution.breaks[:: halves.pop("every", 1)]
    half = clone(pde.solution).set_params(breaks=breaks, **halves)
    assert relative_error(half(x), pde.solution(x)) < bound


@pytest.mark.slow
def test_kdv_keeps_its_mass_momentum_and_energy():
    evolution = hard.kdv().solution
    x = np.linspace(-1.0, 1.0, 2048, endpoint=False)

    def invariants(t):
        at = np.column_stack([x, np.full_like(x, t)])
        u, u_x = evolution.evaluate(at).real, evolution.evaluate(at, 1).real
        return np.array([u.mean(), (u**2).mean(), (u**3 / 3 - 0.022**2 * u_x**2).mean()])

    start = invariants(0.0)
    for t in (0.3, 0.7123, 1.0):
        np.testing.assert_allclose(invariants(t), start, atol=1e-10)


@pytest.mark.slow
def test_schroedinger_keeps_its_mass_and_energy():
    # Of the modes that are solved for, which keep them among themselves.
    evolution = hard.schroedinger().solution
    modes = evolution.modes(evolution.n_modes)
    k = evolution.wavenumbers(modes)

    def energy(h):
        values = np.zeros(4 * evolution.n_modes, dtype=complex)
        values[modes] = h
        density = np.abs(np.fft.ifft(values, norm="forward")) ** 2
        return np.sum(k**2 * np.abs(h) ** 2) - np.mean(density**2)

    states = [evolution.coefficients(t) for t in (0.0, 0.4321, 0.8, np.pi / 2)]
    np.testing.assert_allclose([np.sum(np.abs(h) ** 2) for h in states], hard.MEAN_DENSITY, rtol=1e-11)
    np.testing.assert_allclose([energy(h) for h in states], energy(states[0]), rtol=1e-10)


def breather(x):
    """The solution on the whole line that starts as 2 sech(x), Satsuma & Yajima (1974), of real and imaginary part."""
    t, x = x[:, 1], x[:, 0]
    turning = torch.exp(0.5j * t) * (torch.cosh(3 * x) + 3 * torch.exp(4j * t) * torch.cosh(x))
    return 4 * turning / (torch.cosh(4 * x) + 4 * torch.cosh(2 * x) + 3 * torch.cos(4 * t))


def test_the_breather_solves_the_schroedinger_equation():
    pde = hard.schroedinger()
    x = points(pde)
    terms = FunctionTerms(x, lambda x: breather(x).real, lambda x: breather(x).imag)
    assert float(pde.residual(x, Jet(terms, True)).detach().abs().max()) < 1e-10


@pytest.mark.slow
def test_schroedinger_is_near_the_breather_before_its_ends_are_felt():
    pde = hard.schroedinger()
    x = points(pde)
    x[:, 0] /= 5
    x[:, 1] /= 5
    exact = torch.view_as_real(breather(x))
    assert relative_error(pde.solution(x), exact) < 1e-3


@pytest.mark.slow
def test_allen_cahn_agrees_with_finite_differences():
    # u is even, so that its slope vanishes at x = 0 and 1; cells of width h, their error of order h^2 extrapolated.
    def lines(n):
        h = 1.0 / n
        x = h * (np.arange(n) + 0.5)

        def rate(t, u):
            flux = np.diff(u) / h
            return 1e-4 * np.diff(flux, prepend=0.0, append=0.0) / h + 5 * u - 5 * u**3

        jacobian = diags_array([np.ones(n - 1), np.ones(n), np.ones(n - 1)], offsets=[-1, 0, 1])
        start = x**2 * np.cos(np.pi * x)
        u = solve_ivp(rate, (0.0, 1.0), start, "BDF", rtol=1e-9, atol=1e-11, jac_sparsity=jacobian).y[:, -1]
        return x, u

    (x, coarse), (fine_x, fine) = lines(1000), lines(3000)
    np.testing.assert_allclose(fine_x[1::3], x)
    extrapolated = fine[1::3] + (fine[1::3] - coarse) / 8
    u = hard.allen_cahn().solution(torch.tensor(np.column_stack([x, np.ones_like(x)])))
    assert relative_error(extrapolated, u) < 1e-7


@pytest.mark.slow
def test_burgers_by_fourier_agrees_with_cole_hopf():
    pde = hard.burgers()
    evolution = Evolution(
        _minus_sine,
        _burgers_symbol,
        hard._half_square,
        order=1,
        breaks=tuple(np.linspace(0, 1, 33)),
        step=1e-3,
        n_modes=1024,
    )
    x = points(pde, 1000, margin=0.0)
    assert relative_error(evolution(x), pde.solution(x)) < 1e-10


def _minus_sine(x):
    return -np.sin(np.pi * x)


def _burgers_symbol(k):
    return -0.01 / np.pi * k**2


@pytest.mark.slow
def test_the_flow_in_the_cavity_solves_the_equations():
    # Divided differences of order eight; away from the two corners where derivatives are infinite.
    pde = hard.lid_driven_cavity()
    x = points(pde, margin=0.1)
    terms = DifferencedTerms(x, pde.solution, (2e-2, 2e-2))
    assert float(pde.residual(x, Jet(terms, False)).square().mean().sqrt()) < 1e-4
    walls = torch.tensor(pde.domain.sample("boundary", 200, np.random.default_rng(0)))
    source = DifferencedTerms(walls, pde.solution, (1.0, 1.0))
    for condition in pde.conditions:
        assert float(condition.residual(walls, Jet(source, False)).abs().max()) < 1e-11


@pytest.mark.slow
def test_the_flow_in_the_cavity_has_converged():
    pde = hard.lid_driven_cavity()
    x = points(pde, 2000, margin=0.0)
    flow, coarse = pde.solution(x), CavityFlow(degree=32)(x)
    assert relative_error(coarse[:, :2], flow[:, :2]) < 2e-6
    assert float((coarse - flow)[:, 2].std() / flow[:, 2].std()) < 1e-3


def test_slow_flow_in_the_cavity_is_symmetric():
    # Stokes flow: u is even about x = 1/2, v odd, and p odd up to its constant.
    x = torch.tensor(np.random.default_rng(0).uniform(0.0, 1.0, (50, 2)))
    mirrored = torch.stack([1 - x[:, 0], x[:, 1]], dim=1)
    flow = CavityFlow(reynolds=1e-6, degree=16)
    (u, v, p), (u_m, v_m, p_m) = flow(x).T, flow(mirrored).T
    torch.testing.assert_close(u, u_m, atol=1e-6, rtol=0.0)
    torch.testing.assert_close(v, -v_m, atol=1e-6, rtol=0.0)
    assert float((p + p_m).std()) < 1e-6 * float(p.std())


@pytest.mark.parametrize("name", hard.__all__)
def test_problems_are_values(name, tmp_path):
    pde = getattr(hard, name)()
    assert clone(pde) == pde
    assert pickle.loads(pickle.dumps(pde)) == pde
    save(PINNRegressor(pde), tmp_path / "model")
    assert load(tmp_path / "model").pde == pde
