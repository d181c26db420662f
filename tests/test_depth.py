"""Estimators of several hidden layers: everything that one hidden layer has."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, ShuffleSplit

import pinnlearn
from pinnlearn import NGD, PINNRegressor, problems, relative_l2_error
from pinnlearn.callbacks import Checkpoint
from pinnlearn.conditions import Dirichlet
from pinnlearn.domains import Box, Interval
from pinnlearn.metrics import exact_solution
from pinnlearn.model_selection import run_seeds
from pinnlearn.optimizers import OPTIMIZERS
from pinnlearn.pdes import PDE
from pinnlearn.theory import gram_spectrum
from pinnlearn.training import Enrich, SolveOutput
from tests.references import relative_error

PLANE = problems.poisson_2d()
X = PLANE.sample(100, 60, random_state=0)
X_NEW = np.random.default_rng(1).random((50, 2))
LINE = problems.poisson_1d()
POINTS = LINE.sample(40, 2, random_state=0)
# Fits of a few steps are to warn that they are not done.
few_steps = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def deep(pde=LINE, **parameters):
    return PINNRegressor(pde, **{"width": (8, 7), "random_state": 0} | parameters)


def forward(model, points):
    """u by a plain forward pass through `coefs_` and `intercepts_`, as a reader of MLPRegressor would write it."""
    h = points
    for W, b in zip(model.coefs_[:-1], model.intercepts_[:-1], strict=True):
        h = np.tanh(h @ W + b)
    u = h @ model.coefs_[-1] + model.intercepts_[-1]
    return u[:, 0] if u.shape[1] == 1 else u


@pytest.fixture(scope="module")
def fitted():
    return deep(PLANE, width=(12, 11)).fit(X)


def test_the_default_solves_poissons_equation(fitted):
    assert relative_l2_error(exact_solution(PLANE, X_NEW), fitted.predict(X_NEW)) < 1e-4
    assert [stage for stage, _ in fitted.stages_] in (["NGD"], ["NGD", "output weights"])
    assert fitted.optimizer_ == NGD()


def test_weights_are_in_the_form_of_sklearns_networks(fitted):
    assert [W.shape for W in fitted.coefs_] == [(2, 12), (12, 11), (11, 1)]
    assert [b.shape for b in fitted.intercepts_] == [(12,), (11,), (1,)]
    assert relative_error(forward(fitted, X_NEW), fitted.predict(X_NEW)) < 1e-12
    assert not hasattr(fitted, "hidden_weights_")


@few_steps
@pytest.mark.parametrize("width", [(6,), 6])
def test_one_hidden_layer_has_all_forms_of_its_weights(width):
    pde = PDE(Box([0, 0], [1, 2]), equation=lambda x, u: u.laplacian, conditions=[Dirichlet(1.0)], n_outputs=2)
    model = PINNRegressor(pde, width=width, random_state=0).fit(pde.sample(30, 20, random_state=0))
    assert model.hidden_weights_.shape == (6, 2)
    assert [W.shape for W in model.coefs_] == [(2, 6), (6, 2)]
    # The output weights of so few units are large, and cancel.
    assert np.abs(forward(model, X_NEW) - model.predict(X_NEW)).max() < 1e-14 * np.abs(model.coefs_[1]).sum()


@few_steps
def test_a_fit_of_another_depth_forgets_the_weights_of_the_last_one():
    model = deep(max_iter=1).fit(POINTS)
    model.set_params(width=5).fit(POINTS)
    assert not hasattr(model, "architecture_")
    assert model.coefs_[0].shape == (1, 5)
    model.set_params(width=(3, 4)).fit(POINTS)
    assert not hasattr(model, "hidden_weights_")
    assert model.coefs_[1].shape == (3, 4)


@few_steps
@pytest.mark.parametrize("trainable", ["all", "hidden", "output"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_lowers_the_loss(name, trainable):
    model = deep(optimizer=name, max_iter=3, trainable=trainable, width=(6, 5)).fit(POINTS)
    assert model.loss_ < model.loss_curve_[0]
    start = model.loss_curve_[0]
    again = clone(model).set_params(random_state=0).fit(POINTS)
    assert (again.loss_, again.loss_curve_[0]) == (model.loss_, start)


@few_steps
@pytest.mark.parametrize("trainable", ["hidden", "output"])
def test_what_is_not_trained_stays(trainable):
    short, long = (deep(optimizer=NGD(max_iter=k), trainable=trainable, tol=0).fit(POINTS) for k in (1, 4))
    moved = [not np.array_equal(a, b) for a, b in zip(short.coefs_, long.coefs_, strict=True)]
    assert moved == ([True, True, False] if trainable == "hidden" else [False, False, moved[2]])


def test_derivatives_are_those_of_the_forward_pass(fitted):
    h = 1e-4
    for axis in range(2):
        shift = h * np.eye(2)[axis]
        values = [fitted.predict(X_NEW + k * shift) for k in (-1, 0, 1)]
        # Central differences: an error of h^2 times derivatives of some pi^4, and round-off of eps / h^2.
        np.testing.assert_allclose(fitted.derivative(X_NEW, axis), (values[2] - values[0]) / (2 * h), atol=1e-5)
        second = (values[2] - 2 * values[1] + values[0]) / h**2
        np.testing.assert_allclose(fitted.derivative(X_NEW, axis, axis), second, atol=1e-4)


def test_gram_is_that_of_the_jacobian_in_row_order(fitted):
    J = fitted.jacobian(X)
    n_boundary = PLANE.domain.on_boundary(X).sum()
    assert J.shape == (len(X), 3 * 12 + 13 * 11 + 12)
    assert 0 < n_boundary < len(X)
    assert relative_error(fitted.gram(X), J @ J.T) < 1e-12
    # A residual in the bias of the output: 0 inside, the root of the weight over their number on the boundary.
    root = np.sqrt(fitted.loss_weights_["boundary"] / n_boundary)
    np.testing.assert_allclose(J[:, -1], np.where(PLANE.domain.on_boundary(X), root, 0.0), rtol=1e-12)


def test_the_spectrum_is_that_of_the_jacobian(fitted):
    values = np.linalg.svd(fitted.jacobian(X), compute_uv=False) ** 2
    found = gram_spectrum(fitted, X).eigenvalues[:20]
    np.testing.assert_allclose(found, values[:20], rtol=1e-9)  # of 1e-6 of the largest and more


def test_describe_tells_the_widths(fitted):
    report = fitted.describe()
    assert f"12 + 11 tanh units, {3 * 12 + 13 * 11 + 12} parameters" in str(report)
    assert report.widths == (12, 11)


def test_a_module_of_torch_is_the_same_function(fitted):
    module = fitted.to_torch()
    x = torch.tensor(X_NEW)
    assert relative_error(module(x).detach(), fitted.predict(X_NEW)) < 1e-14
    assert sum(p.numel() for p in module.parameters()) == fitted.describe().n_parameters
    exported = torch.export.export(module, (x,), dynamic_shapes=({0: torch.export.Dim("n")},))
    assert relative_error(exported.module()(x[:7]).detach(), fitted.predict(X_NEW[:7])) < 1e-14


def test_files_and_pickles_keep_every_bit(fitted, tmp_path):
    path = tmp_path / "deep.safetensors"
    pinnlearn.save(fitted, path)
    for again in (pinnlearn.load(path), pickle.loads(pickle.dumps(fitted))):
        np.testing.assert_array_equal(again.predict(X_NEW), fitted.predict(X_NEW))
        np.testing.assert_array_equal(again.gram(X), fitted.gram(X))
        assert again.width == (12, 11)


@few_steps
@pytest.mark.parametrize("optimizer", ["ngd", "adam", "ssbroyden", [NGD(max_iter=4), SolveOutput()]])
def test_a_resumed_fit_ends_as_one_that_was_not_stopped(optimizer, tmp_path):
    parameters = {"optimizer": optimizer, "tol": 0} | ({} if isinstance(optimizer, list) else {"max_iter": 7})
    checkpoint = Checkpoint(tmp_path / "checkpoint")
    deep(callbacks=[checkpoint, lambda p: p.n_iter == 3], **parameters).fit(POINTS)
    resumed, whole = (deep(callbacks=with_, **parameters).fit(POINTS) for with_ in ([checkpoint], None))
    assert resumed.loss_curve_ == whole.loss_curve_
    for mine, its in zip(resumed.coefs_, whole.coefs_, strict=True):
        np.testing.assert_array_equal(mine, its)


@few_steps
def test_a_warm_start_goes_on():
    model = deep(optimizer="adam", max_iter=20, warm_start=True).fit(POINTS)
    end = model.loss_
    model.fit(POINTS)
    # The weights come back from the units of x: to round-off.
    assert model.loss_curve_[0] == pytest.approx(end, rel=1e-10)
    with pytest.raises(
        ValueError, match=r"needs the width .* \(8, 7, 1\), but now they are \(9, 7, 1\); set width=\(8, 7"
    ):
        model.set_params(width=(9, 7)).fit(POINTS)
    with pytest.raises(ValueError, match=r"now they are \(9, 1\)"):
        model.set_params(width=9).fit(POINTS)
    model.set_params(width="auto").fit(POINTS)
    assert [W.shape for W in model.coefs_] == [(1, 8), (8, 7), (7, 1)]


@few_steps
def test_single_precision():
    model = deep(dtype="float32", max_iter=30).fit(POINTS)
    assert model.to_torch().weights[0].dtype == torch.float32
    u = exact_solution(LINE, POINTS)
    assert relative_l2_error(u, model.predict(POINTS)) < 1e-2


@few_steps
def test_gaussian_weights_read_points_in_their_own_units():
    pde = problems.heat_1d()
    model = deep(pde, init="gaussian", trainable="hidden", width=(300, 200), optimizer="gd", max_iter=1)
    model.fit(pde.sample(30, 20, random_state=0))
    assert abs(model.coefs_[0].std() - 1) < 0.2  # 600 draws give it to 0.03
    assert set(np.abs(model.coefs_[2]).ravel()) == {200**-0.5}


@few_steps
def test_units_of_x_do_not_matter():
    def equation(scale):
        return lambda x, u: scale**2 * u.d(0, 0) + np.pi**2 * torch.sin(np.pi * (x[:, 0] - 3 * scale) / scale)

    ends = []
    for scale in (1.0, 1e-3):
        pde = PDE(Interval(3 * scale, 4 * scale), equation=equation(scale), conditions=[Dirichlet(0.0)])
        points = np.linspace(3 * scale, 4 * scale, 30)[:, None]
        ends.append(deep(pde, max_iter=5).fit(points).predict(points))
    # Where the box is a thousandth in size, weights come back from its units.
    assert relative_error(ends[1], ends[0]) < 1e-6


@few_steps
def test_widths_can_be_searched_over():
    search = GridSearchCV(
        deep(max_iter=5), {"width": [4, (4, 4), (5, 4, 3)]}, cv=ShuffleSplit(1, test_size=0.3, random_state=0)
    ).fit(POINTS)
    assert search.best_params_["width"] in [4, (4, 4), (5, 4, 3)]
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


@few_steps
def test_several_seeds():
    results = run_seeds(deep(max_iter=3), POINTS, seeds=[0, 1])
    losses = [deep(max_iter=3, random_state=seed).fit(POINTS).loss_ for seed in (0, 1)]
    np.testing.assert_allclose(results["loss"], losses, rtol=1e-6)


def test_a_stage_of_one_hidden_layer_says_so():
    with pytest.raises(ValueError, match=r"Enrich\(\) trains networks of one hidden layer, but width=\(8, 7\)"):
        deep(optimizer=[NGD(max_iter=2), Enrich()]).fit(POINTS)
