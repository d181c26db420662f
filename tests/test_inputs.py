"""Maps of the inputs: exact periods, Fourier features, their derivatives, and one hidden layer over them."""

import numpy as np
import pytest
import torch

import pinnlearn
from pinnlearn import PINNRegressor
from pinnlearn.activations import get_activation
from pinnlearn.arrays import CPU, as_tensor
from pinnlearn.conditions import Dirichlet, Initial, Periodic
from pinnlearn.domains import Box, Interval, SpaceTime
from pinnlearn.jets import VALUE, Symbol
from pinnlearn.metrics import exact_solution, relative_l2_error
from pinnlearn.networks import Fourier, FourierFeatures, Scaled
from pinnlearn.pdes import PDE
from pinnlearn.training import MarchWindows
from pinnlearn.training.placement import Placement
from tests.problems import seeds
from tests.references import derivative, relative_error

EXACT = 1e-12
BOX = np.array([-0.5, 0.2]), np.array([1.5, 1.1])
MAPS = {
    "periodic": Scaled.of(BOX, (0,)),
    "Fourier": FourierFeatures(5, scale=2.0).drawn(BOX, np.random.default_rng(3)),
}
SYMBOLS = [
    VALUE,
    Symbol(((1,),)),
    Symbol(((0, 0), (1, 1))),
    Symbol(((0, 1),)),
    Symbol(((0, 0, 1),)),
    Symbol(((0, 0, 0, 0), (0, 0, 1, 1))),
]


def points(n=6):
    return as_tensor(np.random.default_rng(1).uniform(*BOX, size=(n, 2)))


def placement(inputs, n_outputs=2):
    return Placement(BOX, n_outputs, get_activation("tanh"), 0, CPU, torch.float64, inputs=inputs)


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("symbol", SYMBOLS)
def test_derivatives_of_maps_are_those_of_nested_autograd(name, symbol):
    inputs, x = MAPS[name], points().requires_grad_()
    features = inputs.jet(x, VALUE)
    columns = [sum(derivative(column, x, *axes) for axes in symbol.monomials) for column in features.unbind(1)]
    ours = inputs.jet(x.detach(), symbol)
    ours = torch.zeros(len(x), inputs.n_features, dtype=x.dtype) if ours is None else ours.expand(len(x), -1)
    reference = torch.stack(columns, 1).detach()
    np.testing.assert_allclose(ours, reference, rtol=0, atol=EXACT * float(reference.abs().max()))


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("symbol", SYMBOLS)
def test_derivatives_of_one_hidden_layer_over_a_map_are_those_of_nested_autograd(name, symbol):
    network, x = placement(MAPS[name]).network(7, 2.0, zero=False), points().requires_grad_()
    features = MAPS[name].jet(x, VALUE)
    u = torch.tanh(features @ network.weights[0] + network.biases[0]) @ network.weights[1] + network.biases[1]
    columns = [sum(derivative(column, x, *axes) for axes in symbol.monomials) for column in u.unbind(1)]
    assert relative_error(network.evaluate(x.detach(), symbol), torch.stack(columns, 1).detach()) < EXACT


def test_features_are_what_they_are_called():
    inputs, x = MAPS["Fourier"], points()
    xi = (x - x.new_tensor([0.5, 0.65])) / x.new_tensor([1.0, 0.45])
    phases = xi @ x.new_tensor(inputs.frequencies).T
    by_hand = torch.cat([xi, torch.cos(phases), torch.sin(phases)], dim=1)
    assert relative_error(inputs.jet(x, VALUE), by_hand) < EXACT
    assert len(inputs.affine) == len(inputs.axes) == inputs.n_features == 12


def test_units_have_their_slope_near_a_point_of_the_box():
    rng = np.random.default_rng(0)
    for name, inputs in MAPS.items():
        network = placement(inputs).network(200, 3.0, zero=False)
        x = as_tensor(rng.uniform(*BOX, size=(2000, 2)))
        z = inputs.jet(x, VALUE) @ network.weights[0] + network.biases[0]
        assert float((z.abs().amin(dim=0) < 1.05).float().mean()) == 1, name
        lengths = network.weights[0].norm(dim=0)
        assert float(lengths.max()) <= 3.0
        assert float(lengths.mean()) == pytest.approx(1.5, rel=0.15)


def ripples(x):
    return torch.exp(torch.sin(x[:, 0]))


def ripples_load(x):  # u - u_xx
    return ripples(x) * (1 - torch.cos(x[:, 0]) ** 2 + torch.sin(x[:, 0]))


def travelling(x):
    return torch.sin(x[:, 0] - 2 * x[:, 1]) + 0.5


CIRCLE = Interval(0.0, 2 * np.pi)
HARD = {
    "circle": PDE(
        CIRCLE,
        equation=lambda x, u: u.value - u.laplacian - ripples_load(x),
        conditions=[Periodic(0, hard=True)],
        solution=ripples,
    ),
    "travelling": PDE(
        SpaceTime(CIRCLE, 0.0, 1.0),
        equation=lambda x, u: u.dt + 2 * u.d(0),
        conditions=[Periodic(0, hard=True), Initial(travelling)],
        solution=travelling,
    ),
    "travelling, all hard": PDE(
        SpaceTime(CIRCLE, 0.0, 1.0),
        equation=lambda x, u: u.dt + 2 * u.d(0),
        conditions=[Periodic(0, hard=True), Initial(travelling, hard=True)],
        solution=travelling,
    ),
}


def ends(pde, n=20):
    """Points on one face, and those across."""
    X = pde.domain.sample("interior", n, np.random.default_rng(0))
    one, other = X.copy(), X.copy()
    one[:, 0], other[:, 0] = (corner[0] for corner in pde.domain.bounds)
    return one, other


@pytest.mark.parametrize("seed", seeds(3))
@pytest.mark.parametrize("name", HARD)
def test_hard_periods_are_solved_without_rows_on_their_faces(name, seed):
    pde = HARD[name]
    X = pde.sample(400, 0, 60 if name == "travelling" else 0, random_state=seed)
    model = PINNRegressor(pde=pde, random_state=seed).fit(X)
    X_new = pde.domain.sample("interior", 2000, np.random.default_rng(1000 + seed))
    assert relative_l2_error(exact_solution(pde, X_new), model.predict(X_new)) < 1e-6
    assert model.score(X_new) > 1 - 1e-4


@pytest.mark.parametrize("optimizer", ["ngd", "adam", "gauss_newton"])
@pytest.mark.parametrize("init", ["domain", "gaussian"])
@pytest.mark.parametrize("width", [8, (5, 4)])
@pytest.mark.filterwarnings("ignore:The equations")
def test_hard_periods_hold_to_round_off_whatever_the_weights(width, init, optimizer):
    pde = HARD["travelling"]
    X = pde.sample(50, 20, random_state=0)  # rows on the faces do no harm
    model = PINNRegressor(
        pde=pde, width=width, init=init, optimizer=optimizer, learning_rate=0.5, max_iter=2, random_state=0
    ).fit(X)
    for axes in ((), (0,), (0, 0), (0, 0, 0), (1,)):
        here, there = (model.derivative(X, *axes) for X in ends(pde))
        np.testing.assert_allclose(here, there, rtol=0, atol=1e-12 * max(1.0, np.abs(here).max()))


def waves(x):
    return torch.sin(3 * x[:, 0]) + 0.3 * torch.sin(60 * x[:, 0])


WAVES = PDE(
    Interval(0.0, 1.0),
    equation=lambda x, u: u.laplacian + 9 * torch.sin(3 * x[:, 0]) + 0.3 * 3600 * torch.sin(60 * x[:, 0]),
    conditions=[Dirichlet(waves)],
    solution=waves,
)


def test_fourier_features_solve_and_are_kept_in_files(tmp_path):
    X = WAVES.sample(300, 2, random_state=0)
    model = (
        PINNRegressor(inputs=FourierFeatures(16, scale=20.0), width=200, random_state=0).set_params(pde=WAVES).fit(X)
    )
    X_new = np.linspace(0, 1, 777)[:, None]
    assert relative_l2_error(exact_solution(WAVES, X_new), model.predict(X_new)) < 1e-5
    assert isinstance(model.architecture_.inputs, Fourier)
    assert model.coefs_[0].shape == (33, 200)
    np.testing.assert_allclose(model.to_torch()(as_tensor(X)).detach(), model.predict(X), atol=1e-12)
    pinnlearn.save(model, tmp_path / "model")
    np.testing.assert_array_equal(pinnlearn.load(tmp_path / "model", pde=WAVES).predict(X_new), model.predict(X_new))
    model.set_params(inputs__scale=10.0)
    assert model.inputs == FourierFeatures(16, scale=10.0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"inputs": 3}, "must be a pinnlearn.networks.inputs.FourierFeatures"),
        ({"inputs": FourierFeatures(0)}, "n_frequencies must be an integer"),
        ({"inputs": FourierFeatures(scale=-1.0)}, "scale must be a positive"),
        ({"inputs": FourierFeatures(), "pde": HARD["circle"]}, "leave one of them out"),
        ({"inputs": FourierFeatures(), "optimizer": [MarchWindows()]}, "MarchWindows.*read coordinates as they are"),
    ],
)
def test_maps_that_make_no_sense_say_so(settings, message):
    pde = PDE(CIRCLE, equation=lambda x, u: u.laplacian - 1, conditions=[Dirichlet(0.0)])
    with pytest.raises(ValueError, match=message):
        PINNRegressor(**{"pde": pde} | settings).fit(pde.sample(20, 2, random_state=0))


@pytest.mark.parametrize(
    ("domain", "axis", "message"),
    [
        (None, 0, "give the PDE a domain"),
        (CIRCLE, 1, "no two opposite faces along axis 1"),
        (CIRCLE, "x", "an integer"),
    ],
)
def test_a_period_needs_two_faces(domain, axis, message):
    pde = PDE(domain, equation=lambda x, u: u.laplacian - u.value, conditions=[Periodic(axis, hard=True)])
    with pytest.raises(ValueError, match=message):
        PINNRegressor(pde=pde).fit(np.random.default_rng(0).random((10, 1)))


def test_both_axes_of_a_torus():
    torus = Box([0.0, 0.0], [2 * np.pi, 2 * np.pi])
    exact = lambda x: torch.sin(x[:, 0]) * torch.cos(x[:, 1])
    pde = PDE(
        torus,
        equation=lambda x, u: u.value - u.laplacian - 3 * exact(x),
        conditions=[Periodic(0, hard=True), Periodic(1, hard=True)],
        solution=exact,
    )
    model = PINNRegressor(pde=pde, random_state=0).fit(pde.sample(300, 0, random_state=0))
    X_new = torus.sample_interior(1000, np.random.default_rng(5))
    assert relative_l2_error(exact_solution(pde, X_new), model.predict(X_new)) < 1e-6
