import numpy as np
import pytest
import torch

from pinnlearn import PINNRegressor, relative_l2_error
from pinnlearn.activations import get_activation
from pinnlearn.domains import Box
from pinnlearn.networks import Weights
from pinnlearn.pdes import Poisson
from pinnlearn.training.choices import ScaleChoice
from pinnlearn.training.placement import Likeness, Placement, beside
from pinnlearn.training.stages import SolveOutput
from tests.problems import seeds

BOUNDS = (np.array([0.0, -1.0]), np.array([4.0, 1.0]))
HALF_WIDTH = np.array([2.0, 1.0])
LIKENESS = Likeness()
X = torch.tensor(np.random.default_rng(0).uniform(*BOUNDS, (50, 2)))


@pytest.fixture
def placement():
    return Placement(BOUNDS, 1, get_activation("tanh"), 0, torch.device("cpu"), torch.float64)


@pytest.fixture
def trained(placement):
    """Two units that matter, one whose output is too small, one that is constant on the domain."""
    hidden = np.array([[1.0, 0.0], [0.5, 0.5], [0.0, 2.0], [1.0, -1.0]])
    outputs = np.array([[1.0], [-2.0], [LIKENESS.influential / 100], [1.0]])
    return placement.build(Weights(hidden, np.array([-2.0, -1.0, 0.0, 300.0]), outputs))


def directions(network):
    slopes = network.hidden_weights.numpy() * HALF_WIDTH
    return slopes / np.linalg.norm(slopes, axis=1, keepdims=True)


def test_units_along_trained_ones_have_their_directions(placement, trained):
    placed = placement.along(trained).network(40, 3.0, zero=True)
    alignment = directions(placed) @ directions(trained).T
    np.testing.assert_allclose(alignment.max(axis=1), 1.0, rtol=1e-12)
    assert set(alignment.argmax(axis=1)) == {0, 1, 2, 3}
    assert np.linalg.norm(placed.hidden_weights.numpy() * HALF_WIDTH, axis=1).max() <= 3.0


def test_a_grown_network_is_the_same_function(placement, trained):
    grown = beside(placement.like(trained, LIKENESS).network(30, 2.0, zero=True), trained)
    assert grown.width == 34
    np.testing.assert_allclose(grown.evaluate(X), trained.evaluate(X), rtol=1e-13)


def test_new_units_are_like_those_that_matter(placement, trained):
    new = placement.like(trained, LIKENESS).network(30, 2.0, zero=True)
    alignment = directions(new) @ directions(trained).T
    assert set(alignment.argmax(axis=1)) == {0, 1}
    np.testing.assert_allclose(alignment.max(axis=1), 1.0, rtol=1e-12)


def test_units_around_trained_ones_have_their_slopes_and_places(placement, trained):
    placed = placement.around(trained, LIKENESS).network(200, 0.0, zero=True)
    ratios = [placed.hidden_weights[:, 0] / w[0] for w in trained.hidden_weights[:2]]
    parallel = [
        torch.isclose(placed.hidden_weights[:, 1], r * w[1])
        for r, w in zip(ratios, trained.hidden_weights[:2], strict=True)
    ]
    assert torch.all(parallel[0] | parallel[1])  # only those that matter have others like them
    assert not torch.all(parallel[0])
    factors = torch.where(parallel[0], *ratios)
    assert 0.5 <= factors.min() < factors.max() <= 2.0
    # Each has |z| <= 1 somewhere in the box where the one that it is like has |z| < 2.
    x = torch.tensor(np.random.default_rng(5).uniform(*BOUNDS, (20_000, 2)))
    z_new, z = (x @ n.hidden_weights.T + n.hidden_bias for n in (placed, trained))
    like = torch.where(parallel[0], 0, 1)
    assert ((z_new.abs() <= 1.05) & (z[:, like].abs() <= 2.05)).any(dim=0).all()


def test_units_around_trained_ones_are_turned_by_at_most_the_scale(placement, trained):
    straight, turned = (placement.around(trained, LIKENESS).network(50, s, zero=True) for s in (0.0, 3.0))
    change = np.linalg.norm((turned.hidden_weights - straight.hidden_weights).numpy() * HALF_WIDTH, axis=1)
    assert 1.0 < change.max() <= 3.0


@pytest.mark.slow
def test_a_sum_of_functions_of_one_coordinate_is_found_along_the_axes():
    # Units placed in all directions leave 2e-5 here, and so do 64 trained ones.
    def waves(x):
        return torch.cos(torch.pi * x).sum(dim=1)

    pde = Poisson(Box([0.0] * 4, [1.0] * 4), source=lambda x: torch.pi**2 * waves(x), boundary=waves, solution=waves)
    X_new = pde.domain.sample_interior(2000, np.random.default_rng(1))
    errors = []
    for seed in range(3):
        model = PINNRegressor(pde=pde, random_state=seed).fit(pde.sample(1000, 500, random_state=seed))
        errors.append(relative_l2_error(pde.solution(torch.tensor(X_new)).numpy(), model.predict(X_new)))
    assert np.median(errors) < 1e-6


def waves(x):
    """Three half-waves along x, one eighth of them along y."""
    return torch.sin(3 * torch.pi * x[:, 0]) * torch.sin(3 * torch.pi * x[:, 1] / 8)


@pytest.mark.parametrize("seed", seeds(3))
def test_units_are_steeper_along_the_axis_where_more_happens(seed):
    pde = Poisson(
        Box([0, 0], [1, 1]),
        source=lambda x: 9 * torch.pi**2 * (1 + 1 / 64) * waves(x),
        boundary=waves,
    )
    X, X_new = pde.sample(400, 120, random_state=seed), pde.domain.sample_interior(500, np.random.default_rng(9))

    def fit(choice):
        model = PINNRegressor(pde=pde, optimizer=[SolveOutput(choice)], random_state=seed).fit(X)
        return model, relative_l2_error(waves(torch.tensor(X_new)).numpy(), model.predict(X_new))

    model, error = fit(ScaleChoice())
    steep, flat = np.abs(model.hidden_weights_).mean(axis=0)
    assert 2 < steep / flat < 32
    model, unstretched_error = fit(ScaleChoice(stretches=()))
    steep, flat = np.abs(model.hidden_weights_).mean(axis=0)
    assert 0.75 < steep / flat < 1.33  # some 400 units on a circle: four standard deviations
    assert error < unstretched_error / 10
