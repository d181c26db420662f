import numpy as np
import pytest
import torch

from pinnlearn.jets import VALUE, Symbol
from pinnlearn.networks import BLOCKS, Weights, domain_weights, even_weights, gaussian_weights
from tests.references import derivative, relative_error, two_layers


def network(trainable="all", width=4, n_dims=3, n_outputs=2):
    rng = np.random.default_rng(1)
    shapes = ((width, n_dims), (width,), (width, n_outputs))
    return two_layers(Weights(*map(rng.standard_normal, shapes)), trainable)


def test_value_is_the_formula():
    net, X = network().network, np.random.default_rng(2).random((5, 3))
    W, b, a = (np.asarray(block) for block in (net.hidden_weights, net.hidden_bias, net.output_weights))
    expected = np.tanh(X @ W.T + b) @ a / np.sqrt(4)
    at = net.at(torch.tensor(X))
    for output in range(2):
        np.testing.assert_allclose(at.term(VALUE, output), expected[:, output], rtol=1e-14)


@pytest.mark.parametrize("axes", [(0,), (0, 1), (2, 2), (0, 1, 2), (0, 0, 2, 2)])
def test_terms_equal_nested_autograd(axes):
    net, x = network().network, torch.rand(5, 3, dtype=torch.float64, generator=torch.manual_seed(0)).requires_grad_()
    u = torch.tanh(x @ net.hidden_weights.T + net.hidden_bias) @ net.output_weights[:, 1] / np.sqrt(4)
    term = net.at(x.detach()).term(Symbol((axes,)), 1)
    assert relative_error(term, derivative(u, x, *axes).detach()) < 1e-12


@pytest.mark.parametrize("trainable", BLOCKS)
@pytest.mark.parametrize("n_outputs", [1, 2])
def test_parameters_round_trip_and_leave_the_other_blocks(trainable, n_outputs):
    unknowns = network(trainable, n_outputs=n_outputs)
    moved = unknowns.at(unknowns.vector + 1)
    for name in BLOCKS["all"]:
        shift = 1.0 if name in BLOCKS[trainable] else 0.0
        assert torch.equal(getattr(moved.network, name), getattr(unknowns.network, name) + shift)
    assert torch.equal(moved.vector, unknowns.vector + 1)


@pytest.mark.parametrize("trainable", BLOCKS)
def test_layout_covers_the_parameter_vector_in_order(trainable):
    unknowns = network(trainable)
    assert tuple(unknowns.layout) == BLOCKS[trainable]
    positions = np.concatenate([np.arange(unknowns.size)[where] for where in unknowns.layout.values()])
    np.testing.assert_array_equal(positions, np.arange(len(unknowns.vector)))
    for name, where in unknowns.layout.items():
        assert torch.equal(unknowns.vector[where], getattr(unknowns.network, name).movedim(0, -1).reshape(-1))
    is_linear = {"hidden": (None, False), "output": (slice(0, 8), True), "all": (slice(16, 24), False)}
    assert (unknowns.linear, unknowns.are_linear) == is_linear[trainable]


def test_gaussian_weights_are_the_papers():
    weights = gaussian_weights(4000, 3, 2, np.random.default_rng(0))
    hidden = np.column_stack([weights.hidden_weights, weights.hidden_bias])
    assert hidden.shape == (4000, 4)
    assert set(np.unique(weights.output_weights)) == {-1.0, 1.0}
    # Covariance I: 4000 draws give each entry to 1 / sqrt(4000), sqrt(2 / 4000) on the diagonal; 5 of those.
    assert np.abs(np.cov(hidden.T) - np.eye(4)).max() < 5 * np.sqrt(2 / 4000)
    assert np.abs(hidden.mean(axis=0)).max() < 5 / np.sqrt(4000)
    assert np.abs(weights.output_weights.mean(axis=0)).max() < 5 / np.sqrt(4000)


BOX = (np.array([10.0, -3.0]), np.array([14.0, -2.9]))


def test_domain_weights_do_not_depend_on_the_units_of_x():
    reference = domain_weights(50, (-np.ones(2), np.ones(2)), 1, 3.0, np.random.default_rng(0))
    scaled = domain_weights(50, BOX, 1, 3.0, np.random.default_rng(0))
    points = np.random.default_rng(1).uniform(-1, 1, (20, 2))
    in_box = (BOX[0] + BOX[1]) / 2 + points * (BOX[1] - BOX[0]) / 2
    z, z_scaled = (x @ w.hidden_weights.T + w.hidden_bias for x, w in ((points, reference), (in_box, scaled)))
    # In the box of extent 0.1 at -3 round-off is 60 times as large.
    np.testing.assert_allclose(z_scaled, z, atol=1e-12)


@pytest.mark.parametrize("scale", [0.01, 3.0])
def test_domain_weights_place_every_unit_in_the_domain(scale):
    weights = domain_weights(500, BOX, 1, scale, np.random.default_rng(0))
    half_width, centre = (BOX[1] - BOX[0]) / 2, (BOX[0] + BOX[1]) / 2
    slopes = weights.hidden_weights * half_width
    lengths = np.linalg.norm(slopes, axis=1)
    assert lengths.max() <= scale
    assert lengths.max() > 0.97 * scale  # uniform: below with probability 0.97^500 = 2e-7
    z = weights.hidden_weights @ centre + weights.hidden_bias
    nearest = np.abs(z) - np.abs(slopes).sum(axis=1)  # the smallest |z| in the box, if positive
    assert nearest.max() <= 1 + 1e-9
    assert set(np.unique(weights.output_weights)) == {-1.0, 1.0}


@pytest.mark.parametrize("n_dims", [1, 2, 3])
def test_even_weights_have_slopes_alike_and_places_and_directions_spread_evenly(n_dims):
    box = (np.full(n_dims, 10.0), np.linspace(10.5, 14.0, n_dims))
    weights = even_weights(512, box, 2, 5.0, np.random.default_rng(0))
    slopes = weights.hidden_weights * (box[1] - box[0]) / 2
    lengths = np.linalg.norm(slopes, axis=1)
    assert 4.0 <= lengths.min() < 4.1
    assert 4.9 < lengths.max() <= 5.0
    # Up to sign, directions are uniform on the sphere.
    directions = slopes / lengths[:, None]
    np.testing.assert_allclose(directions.T @ directions / 512, np.eye(n_dims) / n_dims, atol=5e-3)
    shifts = weights.hidden_weights @ (box[0] + box[1]) / 2 + weights.hidden_bias
    relative = np.sort(shifts / (np.abs(slopes).sum(axis=1) + 1))
    # The largest gap between 512 of them in [-1, 1]; random ones leave some 0.03.
    assert np.diff(relative).max() < 0.01
    assert not weights.output_weights.any()


def test_an_axis_of_extent_zero_counts_as_one():
    flat = domain_weights(30, (np.array([0.0, 5.0]), np.array([1.0, 5.0])), 1, 2.0, np.random.default_rng(0))
    unit = domain_weights(30, (np.array([0.0, 4.5]), np.array([1.0, 5.5])), 1, 2.0, np.random.default_rng(0))
    np.testing.assert_allclose(flat.hidden_weights, unit.hidden_weights)
    np.testing.assert_allclose(flat.hidden_bias, unit.hidden_bias, atol=1e-13)
