"""Rows and units graded towards layers: densities, and problems that end wrong without them."""

import warnings

import numpy as np
import pytest
import torch
from scipy.special import erf
from sklearn.exceptions import ConvergenceWarning

from pinnlearn import PINNRegressor, problems, relative_l2_error
from pinnlearn.activations import get_activation
from pinnlearn.conditions import Dirichlet, Neumann, Robin
from pinnlearn.domains import Box, Interval
from pinnlearn.pdes import PDE
from pinnlearn.training import Grade, SolveOutput
from pinnlearn.training.grading import Planes
from pinnlearn.training.placement import Placement

BOUNDS = (np.array([-1.0, 2.0]), np.array([3.0, 5.0]))


def drawn(planes, n):
    """Half uniform, half graded; those in the box, and the weights that make their mean an integral."""
    rng = np.random.default_rng(0)
    uniform = rng.uniform(*BOUNDS, (n, 2))
    graded, _ = planes.approach(rng.uniform(*BOUNDS, (n, 2)), rng)
    x = np.concatenate([uniform, graded[((graded >= BOUNDS[0]) & (graded <= BOUNDS[1])).all(axis=1)]])
    return x, 1 / planes.density(x) / (2 * n)


@pytest.mark.parametrize("inside", [False, True])
def test_weights_make_sums_over_graded_points_integrals(inside):
    planes = Planes.of_faces(BOUNDS, 20.0)
    if inside:
        planes = planes.joined(np.array([0.1, -0.2]), np.array([1.0, 0.0]), 0.5, 15.0)
    x, weights = drawn(planes, 200_000)
    xi = planes.xi(x)
    assert weights.sum() == pytest.approx(1, abs=0.01)
    assert (weights * xi[:, 0]).sum() == pytest.approx(0, abs=0.01)
    assert (weights * xi[:, 0] ** 2 * xi[:, 1] ** 4).sum() == pytest.approx(1 / 15, abs=2e-3)
    # As many at each distance of the face.
    near = np.log2(2 / np.maximum(planes.distances(x)[:, 0], 1e-300))
    counts = np.histogram(near, bins=[10, 12, 14, 16])[0]
    assert counts.min() > 0.9 * counts.max() > 1000


def test_units_are_as_steep_as_they_are_near():
    planes = Planes.of_faces((np.zeros(1), np.ones(1)), 20.0)
    placement = Placement(planes.bounds, 1, get_activation("tanh"), 0, torch.device("cpu"), torch.float64)
    units = planes.units(4000, placement, np.random.default_rng(0))
    slopes, centres = units.hidden_weights[:, 0].abs(), -units.hidden_bias / units.hidden_weights[:, 0]
    away = torch.minimum(centres.abs(), (centres - 1).abs())
    assert (slopes * away < 4.1).all()
    assert slopes.max() / slopes.min() > 2**14


def convection(eps):
    return PDE(
        Interval(0.0, 1.0), equation=lambda x, u: -eps * u.d(0, 0) + u.d(0) - 1, conditions=[Dirichlet(0.0)]
    ), lambda x: x - np.exp((x - 1) / eps)


def turning():
    return PDE(
        Interval(-1.0, 1.0),
        equation=lambda x, u: 1e-4 * u.d(0, 0) + x[:, 0] * u.d(0),
        conditions=[Dirichlet(lambda x: x[:, 0])],
    ), lambda x: erf(x / np.sqrt(2e-4))


def oscillation():
    def solution(x):
        return torch.cos(150 * x[:, 0]) + 0.3 * torch.sin(150 * x[:, 0])

    def robin(x):
        return -150 * torch.sin(150 * x[:, 0]) + 45 * torch.cos(150 * x[:, 0]) - 2 * solution(x)

    return PDE(
        Interval(0.0, 1.0),
        equation=lambda x, u: u.d(0, 0) + 150**2 * u.value,
        conditions=[
            Neumann(-45.0, where=lambda x: x[:, 0] == 0),
            Robin(-2.0, 1.0, robin, where=lambda x: x[:, 0] == 1),
        ],
    ), lambda x: np.cos(150 * x) + 0.3 * np.sin(150 * x)


def euler():
    return PDE(
        Interval(0.1, 10.0),
        equation=lambda x, u: x[:, 0] ** 2 * u.d(0, 0) + x[:, 0] * u.d(0) - u.value,
        conditions=[Dirichlet(lambda x: x[:, 0] + 1 / x[:, 0])],
    ), lambda x: x + 1 / x


LAYERS = {
    "a layer of 1e-4": (convection(1e-4), 100, 1e-8),
    "a layer of 1e-6": (convection(1e-6), 100, 1e-6),
    "a layer inside": (turning(), 200, 1e-8),
    "oscillation": (oscillation(), 100, 1e-6),
    "points in geometric progression": (euler(), None, 1e-8),
}


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
def test_they_are_solved_not_only_reported(name, seed):
    (pde, solution), n, bound = LAYERS[name]
    X = np.geomspace(0.1, 10, 302)[:, None] if n is None else pde.sample(n, 2, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = PINNRegressor(pde, random_state=seed).fit(X)
    near = pde.domain.sample_near_boundary(500, np.random.default_rng(9))
    x = np.concatenate([near, np.linspace(*pde.domain.bounds, 2001)])
    assert relative_l2_error(solution(x[:, 0]), model.predict(x)) < bound
    assert model.verification_.holds
    assert model.n_added_rows_ > len(X)
    assert model.stages_[0] == ("output weights", 0)
    assert any(name == "graded units" for name, _ in model.stages_)


def test_a_width_that_was_given_is_kept():
    pde, solution = convection(1e-4)
    model = PINNRegressor(pde, random_state=0, width=150, optimizer=[SolveOutput(), Grade()])
    model.fit(pde.sample(100, 2, random_state=0))
    assert len(model.hidden_bias_) == 150
    x = np.linspace(0, 1, 2001)
    assert relative_l2_error(solution(x), model.predict(x[:, None])) < 1e-5


def test_known_values_are_not_traded_for_conditions():
    # u(0) is known to be 1 there, where the PDE's own condition says 0: points of the stage's own would impose that.
    pde, _ = convection(1e-4)
    X = pde.sample(100, 2, random_state=0)
    y = np.where(X[:, 0] == 0, 1.0, np.nan)
    model = PINNRegressor(pde, random_state=0, optimizer=[SolveOutput(), Grade()])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, y)
    assert model.stages_ == [("output weights", 0)]


def test_what_holds_elsewhere_is_left_as_it_is():
    pde, X = problems.PROBLEMS["poisson_2d"].sample(0)
    lists = [SolveOutput()], [SolveOutput(), Grade()]
    alone, then_graded = (PINNRegressor(pde, random_state=0, optimizer=stages).fit(X) for stages in lists)
    np.testing.assert_array_equal(alone.output_weights_, then_graded.output_weights_)
    assert not then_graded.n_added_rows_


@pytest.mark.slow
def test_a_layer_at_a_side_of_the_square():
    eps = 1e-3

    def layer(x):
        return x - (torch.exp((x - 1) / eps) - np.exp(-1 / eps)) / (1 - np.exp(-1 / eps))

    def solution(x):
        return layer(x[:, 0]) * torch.sin(np.pi * x[:, 1])

    def source(x):
        return (1 + eps * np.pi**2 * layer(x[:, 0])) * torch.sin(np.pi * x[:, 1])

    pde = PDE(
        Box([0.0, 0.0], [1.0, 1.0]),
        equation=lambda x, u: -eps * u.laplacian + u.d(0) - source(x),
        conditions=[Dirichlet(0.0)],
    )
    model = PINNRegressor(pde, random_state=0).fit(pde.sample(900, 120, random_state=0))
    rng = np.random.default_rng(9)
    x = np.concatenate([pde.domain.sample_near_boundary(1000, rng), rng.random((3000, 2))])
    assert relative_l2_error(solution(torch.as_tensor(x)), model.predict(x)) < 1e-6
