"""Deep networks beside nested autograd: values, derivatives, Jacobians, products, Gram matrices."""

import itertools
import math
from functools import cache

import numpy as np
import pytest
import torch

from pinnlearn.activations import ACTIVATIONS, get_activation
from pinnlearn.jets import VALUE, Symbol
from pinnlearn.least_squares import Equation, LeastSquares, Unknowns
from pinnlearn.networks import DeepNetwork, Scaled, gaussian_layers, placed_layers, trainable_blocks
from pinnlearn.networks.deep_gram import PASS
from tests.references import ACTIVATIONS_BY_HAND, CASES, LOSS_WEIGHTS, derivative, example, laplacian, relative_error

# Both sides are sums of some thousand terms in float64, in different orders.
EXACT = 1e-12
LAYERS = {
    "two": (5,),
    "three": (4, 5),
    "four": (4, 3, 5),
    "five": (3, 4, 3, 4),
}
SMOOTH = [name for name, activation in ACTIVATIONS.items() if math.isinf(activation.highest_order)]


def deep(hidden, n_dims=2, n_outputs=1, activation="tanh", inputs=None, reads=None, seed=0):
    """A network of random weights, its first layer reading a box of its own."""
    rng = np.random.default_rng(seed)
    inputs = inputs or Scaled((-0.5,) * n_dims, tuple(1.0 + i for i in range(n_dims)))
    widths = (inputs.n_features, *hidden, n_outputs)
    reads = reads or tuple((layer,) for layer in range(len(widths) - 1))
    fan_ins = [sum(widths[source] for source in each) for each in reads]
    shapes = zip(fan_ins, widths[1:], strict=True)
    weights = tuple(torch.tensor(rng.standard_normal(shape) / math.sqrt(shape[0])) for shape in shapes)
    biases = tuple(torch.tensor(rng.standard_normal(width)) / 2 for width in widths[1:])
    return DeepNetwork(get_activation(activation), inputs, weights, biases, reads)


def by_hand(network, x, weights=None, biases=None):
    """u at points by a plain forward pass, (n, n_outputs)."""
    weights, biases = weights or network.weights, biases or network.biases
    features = []
    for axis, (a, b) in enumerate(zip(network.inputs.lower, network.inputs.upper, strict=True)):
        if axis in network.inputs.periodic:
            angle = 2 * torch.pi * (x[:, axis] - a) / (b - a)
            features += [torch.cos(angle), torch.sin(angle)]
        else:
            features.append((2 * x[:, axis] - a - b) / (b - a))
    layers, sigma = [torch.stack(features, dim=1)], ACTIVATIONS_BY_HAND[network.activation.name]
    for i, (W, b) in enumerate(zip(weights, biases, strict=True)):
        z = torch.cat([layers[source] for source in network.sources[i]], dim=1) @ W + b
        layers.append(sigma(z))
    return z


def points(n=6, n_dims=2, seed=3):
    return torch.tensor(np.random.default_rng(seed).random((n, n_dims)))


def check_terms(network, axes_of):
    x = points(n_dims=network.n_dims)
    at = network.at(x)
    for axes in axes_of:
        for output in range(network.n_outputs):
            leaf = x.clone().requires_grad_()
            expected = derivative(by_hand(network, leaf)[:, output], leaf, *axes).detach()
            assert relative_error(at.term(Symbol((axes,)), output), expected) < EXACT


@pytest.mark.parametrize("layers", LAYERS)
@pytest.mark.parametrize("activation", SMOOTH)
def test_derivatives_up_to_the_fourth_order_equal_nested_autograd(layers, activation):
    network = deep(LAYERS[layers], n_outputs=2, activation=activation)
    every = [axes for order in range(5) for axes in itertools.combinations_with_replacement(range(2), order)]
    check_terms(network, [*every[::-1][:3], *every])


def test_a_fifth_derivative_in_three_dimensions_equals_nested_autograd():
    check_terms(deep((4, 3), n_dims=3), [(0, 1, 1, 2, 2), (0, 1, 2)])


def test_an_activation_with_few_derivatives_serves_these():
    network = deep((6, 5), activation="relu3")
    check_terms(network, [(), (0,), (0, 1), (1, 1), (0, 0, 1)])
    with pytest.raises(ValueError, match="relu3"):
        network.at(points()).term(Symbol(((0, 0, 0, 0),)), 0)


@pytest.mark.parametrize("hidden", LAYERS.values())
def test_the_laplacian_is_carried_as_one_derivative_beside_the_first_ones(hidden):
    network, x = deep(hidden, n_dims=3), points(n_dims=3)
    at, symbol = network.at(x), Symbol(((0, 0), (1, 1), (2, 2)))
    leaf = x.clone().requires_grad_()
    expected = laplacian(by_hand(network, leaf)[:, 0], leaf, 3).detach()
    assert relative_error(at.term(symbol, 0), expected) < EXACT
    assert set(at._layers[0].h) == {VALUE, *(Symbol(((axis,),)) for axis in range(3)), symbol}


@pytest.mark.parametrize("periodic", [(0,), (1,), (0, 1)])
def test_periodic_inputs_have_exact_derivatives_and_periods(periodic):
    inputs = Scaled((-0.5, 0.2), (1.5, 1.1), periodic=periodic)
    network = deep((5, 4), inputs=inputs)
    check_terms(network, [(), (0,), (1,), (0, 0), (0, 1), (1, 1, 1), (0, 0, 1, 1)])
    periods = points().new_tensor([(2.0, 0.9)[axis] * (axis in periodic) for axis in range(2)])
    assert relative_error(network.evaluate(points() + periods), network.evaluate(points())) < EXACT


READS = ((0,), (1,), (0, 1, 2), (3, 2))


@pytest.mark.parametrize("inputs", [None, Scaled((-0.5, 0.2), (1.5, 1.1), periodic=(0,))])
def test_layers_may_read_several_earlier_ones(inputs):
    check_terms(deep((4, 3, 5), inputs=inputs, reads=READS), [(), (0,), (1, 1), (0, 1), (0, 0, 1)])


def test_outputs_of_hidden_layers_are_known_with_their_derivatives():
    network, x = deep((4, 3)), points()
    at, leaf = network.at(x), x.clone().requires_grad_()
    W, b = network.weights, network.biases
    h1 = torch.tanh((2 * leaf - leaf.new_tensor([0.5, 1.5])) / leaf.new_tensor([1.5, 2.5]) @ W[0] + b[0])
    for layer, h in ((1, h1), (2, torch.tanh(h1 @ W[1] + b[1]))):
        for axes in ((), (0,), (0, 1)):
            expected = torch.stack([derivative(column, leaf, *axes) for column in h.unbind(dim=1)], dim=1).detach()
            assert relative_error(at.hidden(layer, Symbol((axes,))), expected) < EXACT
    assert relative_error(at.hidden(0, Symbol(((1,),))), x.new_tensor([[0, 2 / 2.5]]).expand(6, 2)) < EXACT
    assert not at.hidden(0, Symbol(((1, 1),))).any()


def test_a_wide_layer_over_hidden_ones_leaves_the_function_and_may_be_solved_for():
    network, x = deep((4, 3), n_outputs=2), points()
    rng = np.random.default_rng(5)
    W, b = torch.tensor(rng.standard_normal((7, 20))), torch.tensor(rng.standard_normal(20))
    wide = network.widened(W, b, (1, 2))
    assert wide.hidden_widths == (4, 3, 20)
    assert wide.linear == ("weights_4", "bias_4")
    check_terms(wide, [(), (0, 0), (0, 1)])
    assert relative_error(wide.evaluate(x), network.evaluate(x)) < EXACT
    # What the last layer reads: the new units, and layer 2 as before.
    phi = torch.cat([network.at(x).hidden(1), network.at(x).hidden(2)], dim=1)
    expected = torch.cat([torch.tanh(phi @ W + b), network.at(x).hidden(2)], dim=1)
    assert relative_error(wide.at(x).read(4, VALUE), expected) < EXACT


def problem(name, network, trainable="all"):
    """A case of the references for a deep network."""
    case = example(name)
    equations = [
        Equation(f"law {k}", law.group, law.equation, rows, case.normals[rows], case.known[rows] if law.known else None)
        for k, (law, rows) in enumerate(zip(case.case.laws, case.rows, strict=True))
    ]
    unknowns = Unknowns(network, trainable_blocks(network, trainable))
    return LeastSquares.of(unknowns, torch.tensor(case.X), equations, LOSS_WEIGHTS, case.case.has_time)


def residual_by_hand(name, posed, parameters):
    """The weighted residuals by nested autograd."""
    case = example(name)
    network = posed.unknowns.at(parameters).network
    parts = []
    for law, rows in zip(case.case.laws, case.rows, strict=True):
        x = torch.tensor(case.X[rows], requires_grad=True)
        r = law.by_hand(x, lambda at, k: by_hand(network, at)[:, k], torch.tensor(case.normals[rows]))
        parts.append(r - torch.tensor(case.known[rows]) if law.known else r)
    counts = {law.group: 0 for law in case.case.laws}
    for law, part in zip(case.case.laws, parts, strict=True):
        counts[law.group] += part.numel()
    factors = [math.sqrt(LOSS_WEIGHTS[law.group] / counts[law.group]) for law in case.case.laws]
    return torch.cat([(factor * part).reshape(-1) for factor, part in zip(factors, parts, strict=True)])


NETWORKS = {
    "one hidden layer": {"hidden": (5,)},
    "two": {"hidden": (4, 3)},
    "three, periodic": {"hidden": (3, 4, 3), "periodic": (0,)},
    "a wide layer over two": {"hidden": (4, 3, 6), "reads": READS},
}


@cache
def posed(name, layers, trainable):
    case, settings = CASES[name], NETWORKS[layers]
    d = case.n_dims
    inputs = Scaled((-0.3,) * d, (1.2,) * d, settings.get("periodic", ()))
    network = deep(settings["hidden"], d, case.n_outputs, inputs=inputs, reads=settings.get("reads"))
    return problem(name, network, trainable)


@cache
def reference(name, layers, trainable):
    """The residual and the dense Jacobian of a case, by autograd row by row."""
    p = posed(name, layers, trainable)
    residual = residual_by_hand(name, p, p.start).detach()
    return residual, torch.autograd.functional.jacobian(lambda w: residual_by_hand(name, p, w), p.start)


each_case = pytest.mark.parametrize("name", CASES)
each_network = pytest.mark.parametrize("layers", NETWORKS)


@each_case
@each_network
@pytest.mark.parametrize("trainable", ["all", "hidden", "output"])
def test_residual_jacobian_and_products_equal_nested_autograd(name, layers, trainable):
    residual, J = reference(name, layers, trainable)
    p = posed(name, layers, trainable)
    linear, rng = p.linearize(p.start), np.random.default_rng(3)
    v, w = (torch.tensor(rng.standard_normal(size)) for size in J.shape)
    assert relative_error(linear.residual, residual) < EXACT
    assert relative_error(linear.jacobian(), J) < EXACT
    assert relative_error(linear.matvec(w), J @ w) < EXACT
    assert relative_error(linear.rmatvec(v), J.T @ v) < EXACT
    assert relative_error(linear.gram(), J @ J.T) < EXACT
    blocks = torch.cat(list(linear.jacobian_blocks(2)))
    assert relative_error(blocks.T @ blocks, J.T @ J) < EXACT


@pytest.mark.parametrize("name", [name for name in CASES if name != "periodic"])  # which reads u at two points
@each_network
@pytest.mark.parametrize("trainable", ["all", "hidden"])
def test_the_structure_of_the_gram_matrix_equals_the_dense_product(name, layers, trainable, monkeypatch):
    # Every matrix by its structure, which small ones do not pay for.
    monkeypatch.setattr(
        "pinnlearn.networks.deep_gram._by_products",
        lambda network, pieces, trained: {name: 1 for name in trained if name.startswith("weights")},
    )
    _, J = reference(name, layers, trainable)
    p = posed(name, layers, trainable)
    linear = p.linearize(p.start)
    gram = p.unknowns.network.gram(list(linear._pieces()), p.unknowns.trained, len(linear.residual))
    assert relative_error(gram, J @ J.T) < EXACT


def test_large_layers_need_no_jacobian(monkeypatch):
    p = problem("cubic", deep((60, 60)))
    linear = p.linearize(p.start)
    J = linear.jacobian()
    # Four derivatives: 16 pairs of products with 60 + 60 columns, which are added up; other layers are formed.
    assert linear.gram_size == 2 * 60 + 60 + 16 * (120 + PASS) + 60 + 60 + 1
    monkeypatch.setattr(type(linear), "jacobian", None)
    assert relative_error(linear.gram(), J @ J.T) < EXACT


@each_case
@pytest.mark.parametrize("trainable", ["output", "all"])
def test_a_step_in_the_last_layer_alone_is_as_any_other(name, trainable):
    p = posed(name, "two", trainable)
    step = torch.linspace(0.5, 2.0, p.linear.stop - p.linear.start, dtype=torch.float64)
    moved = p.start
    moved[p.linear] += step
    along, other = p.linearize(p.start).along_linear(step), p.linearize(moved)
    assert relative_error(along.residual, other.residual) < EXACT
    assert relative_error(along.jacobian(), other.jacobian()) < EXACT


@pytest.mark.parametrize("name", ["cubic", "third_order", "system", "periodic"])
def test_products_with_the_hessian_equal_those_of_nested_autograd(name):
    p = posed(name, "a wide layer over two", "all")
    v = torch.linspace(-1.0, 1.0, len(p.start), dtype=torch.float64)
    H = torch.autograd.functional.hessian(lambda w: residual_by_hand(name, p, w).square().sum() / 2, p.start)
    assert relative_error(p.hessian(p.start)(v), H @ v) < EXACT


def test_steep_points_are_near_the_front():
    # tanh(20 x_0) through a second layer that is nearly linear.
    inputs = Scaled((-1.0, -1.0), (1.0, 1.0))
    weights = (torch.tensor([[20.0], [0.0]]), torch.tensor([[0.1]]), torch.tensor([[10.0]]))
    biases = (torch.zeros(1), torch.zeros(1), torch.zeros(1))
    network = DeepNetwork(get_activation("tanh"), inputs, weights, biases)
    x = torch.tensor(np.random.default_rng(0).uniform(-1, 1, (400, 2)), dtype=torch.float32)
    steep = network.steepest(x)
    assert steep.shape == x.shape
    # A quarter of 400 points has |x_0| < 0.25; a twentieth of the way to others adds 0.1 at most.
    assert (steep[:, 0].abs() < 0.4).all()


@pytest.mark.parametrize("periodic", [(), (1,)])
def test_plain_weights_read_points_in_their_own_units(periodic):
    network = deep((4, 3, 5), inputs=Scaled((2.0, -1.0), (6.0, -0.5), periodic), n_outputs=2, reads=READS)
    W, b = network.plain()
    x = points()
    features = x if not periodic else torch.cat([x[:, :1], network.inputs.jet(x, VALUE)[:, 1:]], dim=1)
    layers = [np.asarray(features)]
    for i in range(4):
        z = np.concatenate([layers[source] for source in READS[i]], axis=1) @ W[i] + b[i]
        layers.append(np.tanh(z))
    assert relative_error(network.evaluate(x), z) < EXACT
    again = DeepNetwork.from_plain(network.architecture, (W, b), network.activation, x)
    for name, block in network.blocks().items():
        assert relative_error(again.blocks()[name], block) < EXACT


def test_placed_layers_have_their_zeros_at_the_points_and_keep_lengths():
    rng = np.random.default_rng(0)
    features = rng.uniform(-1, 1, (40, 2))
    weights, biases = placed_layers((2, 30, 40, 7, 1), features, 3.0, np.tanh, rng)
    assert [W.shape for W in weights] == [(2, 30), (30, 40), (40, 7), (7, 1)]
    assert [b.shape for b in biases] == [(30,), (40,), (7,), (1,)]
    lengths = np.linalg.norm(weights[0], axis=0)
    assert 2.5 < lengths.max() < 3.0  # uniform in [0, 3]: below 2.5 with probability (5/6)^30 = 0.004
    for W in weights[1:]:
        short = W if W.shape[0] < W.shape[1] else W.T
        np.testing.assert_allclose(short @ short.T, np.eye(len(short)), atol=1e-14)
    h = features
    for W, b in zip(weights[:-1], biases[:-1], strict=True):
        z = h @ W + b
        assert np.abs(z).min(axis=0).max() < 1e-14
        h = np.tanh(z)


def test_gaussian_layers_keep_the_size_of_z_and_end_with_signs():
    weights, biases = gaussian_layers((3, 2000, 1000, 2), np.random.default_rng(0))
    # N draws give a standard deviation to 1 / sqrt(2 N); 5 of those.
    for W, size in zip(weights[:2], (1.0, 1 / math.sqrt(2000)), strict=True):
        assert abs(W.std() / size - 1) < 5 / math.sqrt(2 * W.size)
    assert all(abs(b.std() - 1) < 5 / math.sqrt(2 * len(b)) for b in biases[:2])
    np.testing.assert_array_equal(np.abs(weights[2]), 1 / math.sqrt(1000))
    assert not biases[2].any()
