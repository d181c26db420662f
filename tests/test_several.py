"""Whether a fit says that nonlinear equations have another solution, and says so only where they have."""

import math
import warnings

import numpy as np
import pytest
import torch
from scipy import sparse
from scipy.integrate import solve_bvp
from scipy.optimize import brentq
from scipy.sparse.linalg import splu

import pinnlearn
from pinnlearn import PINNRegressor, relative_l2_error
from pinnlearn.conditions import Dirichlet
from pinnlearn.domains import Box, Interval
from pinnlearn.jets import VALUE, Symbol
from pinnlearn.networks import Reading
from pinnlearn.networks.polynomials import PlusPolynomial, Polynomials
from pinnlearn.pdes import PDE

UNIT = Interval(0.0, 1.0)
SQUARE = Box([0.0, 0.0], [1.0, 1.0])
X_NEW = np.linspace(0, 1, 101)[:, None]
HAS_OTHER = "the equations have another solution"


def posed(equation, domain=UNIT, value=0.0):
    return PDE(domain, equation=equation, conditions=[Dirichlet(value)])


def bratu(strength=1.0, domain=UNIT):
    return posed(lambda x, u: u.laplacian + strength * torch.exp(u.value), domain)


def bratus(strength):
    """Both solutions on the unit interval, -2 log(cosh(a (x - 1/2)) / cosh(a / 2)), 2 a^2 = strength cosh(a / 2)^2."""
    turn, gap = 2.3993572805154, lambda a: 2 * a**2 - strength * math.cosh(a / 2) ** 2
    roots = [brentq(gap, 1e-3, turn), brentq(gap, turn, 30.0)]
    return [-2 * np.log(np.cosh(a * (X_NEW[:, 0] - 0.5)) / math.cosh(a / 2)) for a in roots]


def fitted(pde, n_interior=60, n_boundary=2, **parameters):
    """A fit, and what it warned of."""
    X = pde.sample(n_interior, n_boundary, random_state=0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = PINNRegressor(pde, random_state=0, **parameters).fit(X)
    return model, [(w.category, str(w.message)) for w in caught]


@pytest.mark.parametrize("strength", [1.0, 3.0])
def test_the_other_solution_of_bratu_is_told_and_the_fit_is_not_called_wrong(strength):
    model, told = fitted(bratu(strength))
    lower, upper = bratus(strength)
    assert [(category, HAS_OTHER in message) for category, message in told] == [(UserWarning, True)]
    assert relative_l2_error(lower, model.predict(X_NEW)) < 1e-9
    assert model.verification_.holds
    assert model.stop_reason_.startswith("tol")
    other = model.verification_.other
    assert relative_l2_error(upper, other.predict(X_NEW)) < 1e-2
    difference = np.linalg.norm(upper - lower) / np.linalg.norm(lower)
    assert other.difference[0] == pytest.approx(difference, rel=0.1)
    assert [finding.kind for finding in model.findings_] == ["several solutions"]
    assert f"note: {HAS_OTHER}" in str(model.describe())


def test_where_zero_is_a_solution_another_one_is_found():
    model, told = fitted(posed(lambda x, u: u.d(0, 0) + u.value**3))
    assert len(told) == 1

    # The positive one, or minus it; scipy's collocation.
    def rates(x, y):
        return np.stack([y[1], -(y[0] ** 3)])

    x = np.linspace(0, 1, 50)
    start = np.stack([4 * np.sin(np.pi * x), 4 * np.pi * np.cos(np.pi * x)])
    exact = solve_bvp(rates, lambda a, b: np.array([a[0], b[0]]), x, start, tol=1e-9).sol(X_NEW[:, 0])[0]
    found = model.verification_.other.predict(X_NEW)
    assert relative_l2_error(exact, np.abs(found)) < 1e-4


UNIQUE = {
    "linear": posed(lambda x, u: u.d(0, 0) + 4 * u.value - 1),
    "a cube that pulls back": posed(lambda x, u: -u.d(0, 0) + u.value**3 - 6 * torch.sin(5 * x[:, 0])),
    "charges around": posed(lambda x, u: -u.d(0, 0) + 5 * torch.sinh(u.value) - 10),
    "conductivity that grows with u": posed(
        lambda x, u: (1 + u.value) * u.d(0, 0) + u.d(0) ** 2, value=lambda x: x[:, 0]
    ),
    "shallow Burgers": posed(lambda x, u: u.value * u.d(0) - 0.5 * u.d(0, 0), value=lambda x: 1 - x[:, 0]),
}


@pytest.mark.parametrize("name", UNIQUE)
def test_where_there_is_one_solution_nothing_is_said(name):
    model, told = fitted(UNIQUE[name])
    assert not told
    assert model.verification_.holds
    assert model.verification_.other is None


@pytest.mark.slow
def test_in_two_dimensions_too():
    model, told = fitted(bratu(5.0, SQUARE), 400, 120)
    assert len(told) == 1
    # By differences of second order, from a start above the upper solution.
    n = 63
    along = sparse.diags([1.0, -2.0, 1.0], [-1, 0, 1], (n, n)) * (n + 1) ** 2
    A = sparse.kronsum(along, along, format="csc")
    x = np.arange(1, n + 1) / (n + 1)
    u = 4 * np.outer(np.sin(np.pi * x), np.sin(np.pi * x)).ravel()
    for _ in range(12):
        u -= splu((A + sparse.diags(5 * np.exp(u))).tocsc()).solve(A @ u + 5 * np.exp(u))
    assert np.abs(A @ u + 5 * np.exp(u)).max() < 1e-6
    X = np.stack(np.meshgrid(x, x, indexing="ij"), axis=-1).reshape(-1, 2)
    assert relative_l2_error(u, model.verification_.other.predict(X)) < 1e-2
    assert relative_l2_error(u, model.predict(X)) > 0.5


def test_the_other_solution_is_in_files(tmp_path):
    pde = bratu(3.0)
    model, _ = fitted(pde)
    pinnlearn.save(model, tmp_path / "bratu.safetensors")
    again = pinnlearn.load(tmp_path / "bratu.safetensors", pde=pde).verification_.other
    np.testing.assert_array_equal(again.predict(X_NEW), model.verification_.other.predict(X_NEW))


def test_a_network_plus_a_polynomial_has_terms_of_both_and_the_jacobian_of_one():
    bounds = (np.array([-1.0, 0.0]), np.array([1.0, 3.0]))
    rng = np.random.default_rng(0)
    zero = Polynomials.zero(bounds, 3, 2, torch.zeros(1, dtype=torch.float64))
    first, second = (
        zero.with_blocks({"coefficients": torch.as_tensor(rng.standard_normal(zero.coefficients.shape))})
        for _ in range(2)
    )
    both, x = PlusPolynomial(first, second), torch.as_tensor(rng.uniform(*bounds, (5, 2)))
    slope = Symbol(((0,),))
    torch.testing.assert_close(both.evaluate(x, slope), first.evaluate(x, slope) + second.evaluate(x, slope))
    at = both.at(x)
    torch.testing.assert_close(at.term(VALUE, 1), both.evaluate(x)[:, 1])
    moved = at.in_network(both.with_blocks(zero.blocks()))
    torch.testing.assert_close(moved.term(VALUE, 1), first.evaluate(x)[:, 1])
    readings = [Reading(slope, 1, torch.ones(5, dtype=torch.float64))]
    J = torch.zeros(5, zero.coefficients.numel(), dtype=torch.float64)
    at.add_jacobian(readings, {"coefficients": J})
    torch.testing.assert_close(J @ second.coefficients.reshape(-1), second.evaluate(x, slope)[:, 1])
