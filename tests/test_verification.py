"""Whether a fit says so where it is wrong, or leaves u open, and by how much it says that it is off."""

import warnings

import numpy as np
import pytest
import torch
from sklearn.exceptions import ConvergenceWarning

from pinnlearn import PINNRegressor, problems, relative_l2_error
from pinnlearn.conditions import Dirichlet, Initial, Neumann
from pinnlearn.domains import Box, Interval, SpaceTime
from pinnlearn.jets import VALUE, Symbol
from pinnlearn.metrics import exact_solution, new_points
from pinnlearn.networks import Reading
from pinnlearn.networks.polynomials import Polynomials
from pinnlearn.pdes import PDE, Heat, Poisson
from pinnlearn.posing.ground import Between
from pinnlearn.training import SolveOutput, TrainHidden
from tests.references import derivative

SQUARE = Box([0.0, 0.0], [1.0, 1.0])
BOUNDS = (np.array([-1.0, 0.0]), np.array([1.0, 3.0]))


def fitted(pde, n_interior, n_boundary, **parameters):
    """A fit, and what it warned of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = PINNRegressor(pde, random_state=0, **parameters).fit(pde.sample(n_interior, n_boundary, random_state=0))
    return model, " ".join(str(w.message) for w in caught if w.category is ConvergenceWarning)


def at(axis, value):
    return lambda x: x[:, axis] == value


LEFT_OPEN = {
    "a face without a condition": (
        PDE(SQUARE, equation=lambda x, u: -u.laplacian - 1, conditions=[Dirichlet(0.0, where=at(0, 0))]),
        300,
        120,
    ),
    "heat without a start": (Heat(SpaceTime(Interval(0.0, 1.0), 0.0, 1.0), initial=None), 300, 120),
    "values and slopes on one side": (
        PDE(
            SQUARE,
            equation=lambda x, u: u.laplacian,
            conditions=[
                Dirichlet(lambda x: torch.sin(np.pi * x[:, 0]), where=at(1, 0)),
                Neumann(0.0, where=at(1, 0)),
            ],
        ),
        300,
        120,
    ),
    "an eigenfunction": (
        PDE(
            Interval(0.0, 1.0),
            equation=lambda x, u: u.d(0, 0) + np.pi**2 * u.value - torch.sin(2 * np.pi * x[:, 0]),
            conditions=[Dirichlet(0.0)],
        ),
        60,
        2,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LEFT_OPEN)
def test_equations_that_leave_u_open_are_said_to(name):
    pde, n_interior, n_boundary = LEFT_OPEN[name]
    model, said = fitted(pde, n_interior, n_boundary, trainable="output")
    assert "hardly determine u" in said
    assert not model.verification_.determination.is_determined
    assert not model.stop_reason_.startswith("tol")
    assert model.error_estimate_ == 1.0


@pytest.mark.parametrize("name", ["poisson_1d", "poisson_2d", "heat_1d", "helmholtz_2d"])
def test_what_is_right_is_accused_of_nothing_and_its_error_is_estimated(name):
    pde, X = problems.PROBLEMS[name].sample(0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = PINNRegressor(pde, trainable="output", random_state=0).fit(X)
    assert model.verification_.holds
    X_new = new_points(pde.domain)
    error = relative_l2_error(exact_solution(pde, X_new), model.predict(X_new))
    assert error / 20 < model.error_estimate_ < 20 * error


def test_a_jump_between_the_rows_is_found_and_its_place_is_named():
    pde = PDE(Interval(0.0, 1.0), equation=lambda x, u: -1e-4 * u.d(0, 0) + u.d(0) - 1, conditions=[Dirichlet(0.0)])
    model, said = fitted(pde, 100, 2, optimizer=[SolveOutput(), TrainHidden()])
    check = model.verification_.equations["the equation of PDE"]
    assert check.at_rows < 1e-3 < 0.5 < check.elsewhere
    assert "solved at the rows of X, but not between them" in said
    assert f"{check.place}, largest at x = ({check.point[0]:.4g})" in said
    X = np.linspace(0, 1, 2001)[:, None]
    error = relative_l2_error(X[:, 0] - np.exp((X[:, 0] - 1) / 1e-4), model.predict(X))
    assert error > 1e-2
    assert model.error_estimate_ > error / 10


def test_a_condition_is_verified_between_its_rows():
    # cos(20 x) on one side of the square, at four rows.
    pde = Poisson(SQUARE, boundary=lambda x: torch.cos(20 * x[:, 0]) * torch.exp(-20 * x[:, 1]))
    model, said = fitted(pde, 200, 16, optimizer=[SolveOutput()])
    check = next(c for c in model.verification_.equations.values() if c.group == "boundary")
    assert check.at_rows < 1e-2 < 0.1 < check.elsewhere
    assert "Dirichlet" in said
    assert "on the boundary" in said


def test_where_values_are_known_on_the_boundary_no_condition_is_asked_for():
    # Poisson's own condition is u = 0; the values that are given take its place.
    pde = Poisson(SQUARE)
    X = pde.sample(200, 80, random_state=0)
    y = np.where(pde.domain.on_boundary(X), X[:, 0], np.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = PINNRegressor(pde, trainable="output", random_state=0).fit(X, y)
    assert set(model.verification_.equations) == {"the equation of Poisson"}
    assert np.isnan(model.error_estimate_)


def layered(domain):
    return PDE(domain, equation=lambda x, u: -1e-4 * u.d(0, 0) + u.d(0) - 1, conditions=[Dirichlet(0.0)])


def without_domain():
    """Rows with known ends."""
    X = layered(Interval(0.0, 1.0)).sample(100, 2, random_state=0)
    return layered(None), {"X": X, "y": np.where((X[:, 0] == 0) | (X[:, 0] == 1), 0.0, np.nan)}


def with_regions(domain=None):
    X = layered(Interval(0.0, 1.0)).sample(100, 2, random_state=0)
    return layered(domain), {"X": X, "region": Interval(0.0, 1.0).region(X)}


@pytest.mark.parametrize("rows", [without_domain, with_regions], ids=["known values", "regions"])
def test_a_jump_between_rows_is_found_without_a_domain(rows):
    pde, arguments = rows()
    with pytest.warns(ConvergenceWarning, match="largest at x ="):
        model = PINNRegressor(pde, optimizer=[SolveOutput()], random_state=0).fit(**arguments)
    assert max(check.elsewhere for check in model.verification_.equations.values()) > 0.3
    assert model.verification_.determination is None


def test_what_is_right_without_a_domain_is_accused_of_nothing():
    # A ring, whose hole lies between no neighbours.
    rng = np.random.default_rng(0)
    angle, radius = rng.uniform(0, 2 * np.pi, 600), np.sqrt(rng.uniform(0.5**2, 1, 600))
    radius[:150] = np.where(np.arange(150) < 50, 0.5, 1.0)
    X = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    exact = np.log(np.hypot(X[:, 0] - 3, X[:, 1]))
    y = np.where(np.arange(600) < 150, exact, np.nan)
    region = np.where(np.arange(600) < 150, "boundary", "interior")
    for arguments in ({"y": y}, {"y": y, "region": region}):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            model = PINNRegressor(Poisson(boundary=None), trainable="output", random_state=0).fit(X, **arguments)
        assert model.verification_.holds
        assert relative_l2_error(exact, model.predict(X)) < 1e-6


def test_points_between_rows_are_near_them():
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.random((50, 2)), np.array([5.0, 0.0]) + rng.random((50, 2))])
    between = Between(Poisson(), (X.min(axis=0), X.max(axis=0)), {}, X)
    points = between.inside(400, rng)
    assert not ((points[:, 0] > 1) & (points[:, 0] < 5)).any()
    assert len(between.kept(np.array([X[0] + 1e-3, [3.0, 0.5]]))) == 1
    ends = Between(Poisson(), (X.min(axis=0)[:1], X.max(axis=0)[:1]), {}, np.array([[0.0], [1.0], [4.0]]))
    gaps = ends.inside(100, rng)[:, 0]
    assert ((gaps > 1) & (gaps < 4)).any()
    assert gaps.min() > 0
    assert gaps.max() < 4


def test_an_optimizer_that_was_cut_short_says_so_itself():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = PINNRegressor(problems.poisson_2d(), optimizer="adam", max_iter=3, random_state=0).fit(
            problems.poisson_2d().sample(50, 20, random_state=0)
        )
    assert model.stop_reason_.startswith("max_iter")
    assert not model.verification_.holds


def test_a_score_counts_what_lies_between_the_rows():
    pde = PDE(
        Interval(-1.0, 1.0),
        equation=lambda x, u: 1e-4 * u.d(0, 0) + x[:, 0] * u.d(0),
        conditions=[Dirichlet(lambda x: x[:, 0])],
    )
    X = pde.sample(200, 2, random_state=0)
    with pytest.warns(ConvergenceWarning, match="not between them"):
        model = PINNRegressor(pde, optimizer=[SolveOutput()], random_state=0).fit(X)
    assert model.score(X, region=pde.domain.region(X)) > 0.999
    assert model.score(X) < 0.5


def test_steps_that_nobody_chose_warn_when_they_were_too_few():
    pde = problems.poisson_2d()
    with pytest.warns(ConvergenceWarning, match="not solved"):
        model = PINNRegressor(pde, optimizer="gd", random_state=0).fit(pde.sample(50, 20, random_state=0))
    assert model.stop_reason_.startswith("max_iter")


def test_units_change_no_verdict():
    small, large = (
        fitted(
            PDE(
                SpaceTime(Interval(0.0, L), 0.0, L**2),
                equation=lambda x, u: u.dt - 0.1 * u.laplacian,
                conditions=[Dirichlet(0.0), Initial(lambda x, L=L: 1e6 * torch.sin(np.pi * x[:, 0] / L))],
            ),
            300,
            90,
            trainable="output",
        )
        for L in (1e-3, 1e3)
    )
    assert not small[1] + large[1]
    sensitivities = [model.verification_.determination.sensitivity for model, _ in (small, large)]
    assert sensitivities[0] == pytest.approx(sensitivities[1], rel=1e-3)


@pytest.mark.parametrize("axes", [(), (0,), (1, 1), (0, 0, 1)])
def test_derivatives_of_polynomials_are_those_of_autograd(axes):
    rng = np.random.default_rng(0)
    zero = Polynomials.zero(BOUNDS, 5, 2, torch.zeros(1, dtype=torch.float64))
    network = zero.with_blocks({"coefficients": torch.as_tensor(rng.standard_normal(zero.coefficients.shape))})
    x = torch.as_tensor(rng.uniform(*BOUNDS, (7, 2)))

    def by_hand(points):
        z = 2 * (points - torch.as_tensor(BOUNDS[0])) / torch.as_tensor(BOUNDS[1] - BOUNDS[0]) - 1
        P = [torch.ones_like(z), z]
        for k in range(1, 5):
            P.append(((2 * k + 1) * z * P[k] - k * P[k - 1]) / (k + 1))
        of_norm_one = [p * np.sqrt(2 * k + 1) for k, p in enumerate(P)]
        columns = [of_norm_one[i][:, 0] * of_norm_one[j][:, 1] for i, j in zero.degrees.tolist()]
        return torch.stack(columns, dim=1) @ network.coefficients.T

    x = x.clone().requires_grad_()
    columns = [derivative(column, x, *axes) for column in by_hand(x).unbind(dim=1)]
    symbol = Symbol((tuple(sorted(axes)),)) if axes else VALUE
    torch.testing.assert_close(
        network.evaluate(x.detach(), symbol), torch.stack(columns, dim=1).detach(), rtol=1e-9, atol=1e-9
    )


def test_jacobians_of_polynomials_agree_with_their_products():
    zero = Polynomials.zero(BOUNDS, 4, 2, torch.zeros(1, dtype=torch.float64))
    rng = np.random.default_rng(1)
    x = torch.as_tensor(rng.uniform(*BOUNDS, (9, 2)))
    readings = [
        Reading(Symbol(((0,),)), 0, torch.as_tensor(rng.standard_normal(9))),
        Reading(Symbol(((0, 0), (1, 1))), 1, torch.as_tensor(rng.standard_normal(9))),
    ]
    at = zero.at(x)
    J = torch.zeros(9, zero.coefficients.numel(), dtype=torch.float64)
    at.add_jacobian(readings, {"coefficients": J})
    v = torch.as_tensor(rng.standard_normal(zero.coefficients.shape))
    torch.testing.assert_close(at.jvp(readings, {"coefficients": v}), J @ v.reshape(-1))
    torch.testing.assert_close(at.vjp(readings, ("coefficients",)), J.sum(dim=0))
