import json
import pathlib
import pickle
import re
import struct

import cloudpickle
import numpy as np
import pytest
import skops.io
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import pinnlearn
from pinnlearn import NGD, PINNRegressor, domains, persistence, problems
from pinnlearn.callbacks import Checkpoint, TimeLimit
from pinnlearn.conditions import Periodic
from pinnlearn.domains import Box, Interval
from pinnlearn.hyperparameters import _equal
from pinnlearn.optimizers import ENGD, ConjugateGradients, GainRatio, GaussNewton, Halving, Nielsen
from pinnlearn.pdes import PDE, Helmholtz, Poisson
from tests.problems import small

PLAIN = Poisson(Interval(0, 1), source=2.0)
X = PLAIN.sample(40, 4, random_state=0)
MODELS = {
    "plain": PINNRegressor(PLAIN, random_state=0),
    "built-in functions": PINNRegressor(problems.poisson_1d(), random_state=0),
    "arrays and tuples": PINNRegressor(
        Helmholtz(Box(np.array([0.0]), (1.0,)), wavenumber=np.float64(2.5), source=1), width=np.int64(9), random_state=1
    ),
    "optimizers": PINNRegressor(
        PLAIN, width=9, optimizer=[pinnlearn.Adam(max_iter=3), NGD(damping=1e-6, max_iter=3)], random_state=0
    ),
    "objects in optimizers": PINNRegressor(
        PLAIN,
        width=9,
        optimizer=[
            ENGD(line_search=Halving(7), max_iter=3),
            GaussNewton(damping=Nielsen(lowered_by=5.0), max_iter=3),
            NGD(damping=GainRatio(first=0.1, patience=(5, 0.5)), solver=ConjugateGradients(7)),
        ],
        random_state=0,
    ),
    "conditions": PINNRegressor(
        PDE(Box([0], [1]), equation=problems._sine_source, conditions=[Periodic(0)], n_outputs=2), width=5
    ),
    "several hidden layers": PINNRegressor(PLAIN, width=(8, 8), random_state=0),
    "float32": PINNRegressor(
        PLAIN, dtype="float32", width=9, max_iter=3, loss_weights={"boundary": 0.1 + 0.2}, random_state=2
    ),
}


def saved(model, tmp_path):
    path = tmp_path / "model.safetensors"
    pinnlearn.save(model, path)
    return path


@pytest.mark.parametrize("name", MODELS)
def test_a_model_comes_back_as_it_was(name, tmp_path):
    model = MODELS[name] if name == "conditions" else clone(MODELS[name]).fit(X)
    again = pinnlearn.load(saved(model, tmp_path))
    assert all(_equal(value, getattr(again, name)) for name, value in model.get_params(deep=False).items())
    assert vars(again).keys() == vars(model).keys()
    for attribute, value in vars(model).items():
        if attribute in ("coefs_", "intercepts_"):
            for mine, its in zip(getattr(again, attribute), value, strict=True):
                np.testing.assert_array_equal(mine, its, strict=True)
        elif isinstance(value, np.ndarray):
            np.testing.assert_array_equal(getattr(again, attribute), value, strict=True)
        else:
            assert getattr(again, attribute) == value or value != value, attribute  # NaN: no estimate in float32
    if name != "conditions":
        np.testing.assert_array_equal(again.predict(X), model.predict(X))
        assert again.score(X) == model.score(X)
        assert again.fit(X).loss_curve_ == model.loss_curve_


def test_column_names_several_outputs_and_warm_starts_survive(tmp_path):
    pandas = pytest.importorskip("pandas")
    frame, u = pandas.DataFrame({"x": X[:, 0]}), np.c_[X, X**2]
    model = PINNRegressor(width=9, random_state=0, warm_start=True).fit(frame, u)
    again = pinnlearn.load(saved(model, tmp_path))
    np.testing.assert_array_equal(again.predict(frame), model.predict(frame))
    assert again.feature_names_in_.tolist() == ["x"]
    assert again.fit(frame, u).loss_curve_ == model.fit(frame, u).loss_curve_


def test_a_pde_with_functions_of_ones_own_is_put_back_by_hand(tmp_path):
    pde = Poisson(Interval(0, 1), source=lambda x: 2 + 0 * x[:, 0])
    model = PINNRegressor(pde, random_state=0, callbacks=[lambda progress: None]).fit(X)
    path = saved(model, tmp_path)
    with pytest.warns(UserWarning, match=r"Poisson\(domain=.*source=<lambda>\), whose functions are in no file.*pde="):
        bare = pinnlearn.load(path)
    np.testing.assert_array_equal(bare.predict(X), model.predict(X))
    np.testing.assert_array_equal(bare.derivative(X, 0), model.derivative(X, 0))
    assert bare.callbacks is None
    with pytest.raises(ValueError, match=r"needs a PDE.*loaded without its own; pass it to pinnlearn\.load"):
        bare.residual(X)
    whole = pinnlearn.load(path, pde=pde)
    np.testing.assert_array_equal(whole.residual(X), model.residual(X))
    assert whole.fit(X).loss_ == model.loss_
    unfitted = pinnlearn.load(saved(PINNRegressor(pde), tmp_path), pde=pde)
    with pytest.raises(NotFittedError):
        unfitted.predict(X)
    with pytest.raises(ValueError, match=r"is a model of Poisson\(.*but pde=Helmholtz\(\); pass the PDE"):
        pinnlearn.load(path, pde=Helmholtz())


class OwnOptimizer(NGD):
    """An optimizer of a user's."""


@pytest.mark.parametrize(
    ("parameters", "message"),
    [({"optimizer": OwnOptimizer()}, "optimizer holds OwnOptimizer"),
     ({"random_state": np.random.RandomState(0)}, "random_state holds RandomState")],
)  # fmt: skip
def test_what_is_not_plain_is_named_and_the_file_that_was_there_stays(parameters, message, tmp_path):
    path = saved(small(PLAIN), tmp_path)
    before = path.read_bytes()
    with pytest.raises(TypeError, match=rf"{message}.*set_params, or save with pickle"):
        pinnlearn.save(small(PLAIN, **parameters), path)
    assert path.read_bytes() == before


def test_any_program_reads_the_weights(tmp_path):
    from safetensors.numpy import load_file

    model = small(PLAIN).fit(X)
    weights = load_file(saved(model, tmp_path))
    np.testing.assert_array_equal(weights["hidden_weights_"], model.hidden_weights_)
    np.testing.assert_array_equal(weights["output_weights_"], model.output_weights_)


# Files that are not what they should be.


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.safetensors"):
        pinnlearn.load(tmp_path / "none.safetensors")


def test_every_damaged_byte_and_every_cut_is_noticed(tmp_path):
    path = saved(small(PLAIN, max_iter=2, width=3).fit(X), tmp_path)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    (length,) = struct.unpack("<Q", whole[:8])
    places = [0, 9, 8 + length, len(whole) - 1, *rng.integers(len(whole), size=100).tolist()]
    for place in places:
        path.write_bytes(whole[:place])
        with pytest.raises(ValueError, match="is no safetensors file, or not a whole one"):
            pinnlearn.load(path)
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"damaged|no safetensors file|not written by pinnlearn"):
            pinnlearn.load(path)


def rewritten(path, **changes):
    """The file with other entries in its header."""
    whole = path.read_bytes()
    (length,) = struct.unpack("<Q", whole[:8])
    header = json.loads(whole[8 : 8 + length])
    header["__metadata__"] = {k: v for k, v in (header["__metadata__"] | changes).items() if v is not None}
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + whole[8 + length :])
    return path


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"format": "2", "version": "9.0"}, r"written by pinnlearn 9\.0 in format 2.*reads formats up to 1; upgrade"),
     ({"pinnlearn": None}, "was not written by pinnlearn"),
     ({"pinnlearn": "checkpoint"}, r"is a checkpoint, not a model: it is for pinnlearn\.callbacks\.Checkpoint"),
     ({"content": "{}"}, "is damaged: its checksum")],
)  # fmt: skip
def test_foreign_and_later_files_are_told_apart(changes, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        pinnlearn.load(rewritten(saved(small(PLAIN), tmp_path), **changes))


def test_a_pickle_is_no_model_file(tmp_path):
    path = tmp_path / "model.pickle"
    path.write_bytes(pickle.dumps(small(PLAIN).fit(X)))
    with pytest.raises(ValueError, match="is no safetensors file"):
        pinnlearn.load(path)


@pytest.mark.parametrize("name", ["os:system", "pinnlearn.estimators:np.save", "pinnlearn.nothing:f", "sys:exit"])
def test_a_file_cannot_name_what_is_not_of_the_package(name, tmp_path):
    tensors = {}
    with pytest.raises(ValueError, match="the file names"):
        pinnlearn.persistence._value({"function": name}, tensors)
    with pytest.raises(ValueError, match="the file names"):
        pinnlearn.persistence._value({"object": [name, {"dict": []}]}, tensors)


# Other ways to save.


@pytest.mark.parametrize("pde", [PLAIN, problems.poisson_1d()], ids=repr)
def test_skops_has_only_types_of_the_package_to_trust(pde, tmp_path):
    model = PINNRegressor(pde, random_state=0, callbacks=[TimeLimit(1e3)]).fit(X)
    skops.io.dump(model, tmp_path / "model.skops")
    untrusted = skops.io.get_untrusted_types(file=tmp_path / "model.skops")
    assert {name.split(".")[0] for name in untrusted} == {"pinnlearn"}
    again = skops.io.load(tmp_path / "model.skops", trusted=untrusted)
    np.testing.assert_array_equal(again.predict(X), model.predict(X))


def test_pickles_hold_callbacks_and_all():
    model = small(PLAIN, callbacks=[TimeLimit(1e3)]).fit(X)
    again = pickle.loads(pickle.dumps(model))
    assert again.callbacks == model.callbacks
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    model = small(Poisson(Interval(0, 1), source=lambda x: x[:, 0])).fit(X)
    assert cloudpickle.loads(cloudpickle.dumps(model)).score(X) == model.score(X)


# Modules of torch.


@pytest.mark.parametrize("activation", ["tanh", "logistic", "softplus", "swish", "relu3", "sin", "gaussian"])
@pytest.mark.parametrize("n_outputs", [1, 2])
def test_the_module_computes_what_predict_does(activation, n_outputs):
    u = np.cos(X * np.arange(1, n_outputs + 1))
    model = PINNRegressor(activation=activation, width=9, random_state=0).fit(X, u if n_outputs > 1 else u[:, 0])
    module = model.to_torch()
    np.testing.assert_allclose(module(torch.tensor(X)).detach().numpy(), model.predict(X), rtol=1e-12)
    module(torch.tensor(X)).sum().backward()
    assert all(torch.isfinite(p.grad).all() and p.grad.any() for p in module.parameters())


def test_the_module_is_exported_for_any_number_of_rows(tmp_path):
    model = small(PLAIN).fit(X)
    rows = {0: torch.export.Dim("rows")}
    exported = torch.export.export(model.to_torch(), (torch.tensor(X),), dynamic_shapes=(rows,))
    torch.export.save(exported, tmp_path / "model.pt2")
    module = torch.export.load(tmp_path / "model.pt2").module()
    for points in (X, X[:1], np.linspace(0, 1, 1001)[:, None]):
        np.testing.assert_allclose(module(torch.tensor(points)).detach().numpy(), model.predict(points), rtol=1e-12)
    assert re.search("tanh", str(exported.graph))


@pytest.mark.parametrize("name", ["Box", "Interval", "SpaceTime"])
def test_files_that_name_domains_as_they_once_were_are_read(name):
    assert persistence._find(f"pinnlearn.domains:{name}", type) is getattr(domains, name)


# Files of the version before equations had weights of their own.

DATA = pathlib.Path(__file__).parent / "data"


def test_models_of_before_load_and_tell_what_they_know():
    model = pinnlearn.load(DATA / "format_1_model.safetensors")
    assert model.predict([[0.3]]) == pytest.approx(0.75167764)
    X = np.linspace(0, 1, 12)[:, None]
    assert model.score(X, region=model.pde_.domain.region(X)) == pytest.approx(0.94428188)
    assert str(model.describe()).startswith("Poisson(")
    regression = pinnlearn.load(DATA / "format_1_regression.safetensors")
    assert regression.predict([[0.3]]) == pytest.approx(0.29350061)
    assert str(regression.describe()).startswith("plain regression")


def test_a_checkpoint_of_before_goes_on(tmp_path):
    path = tmp_path / "fit.checkpoint"
    path.write_bytes((DATA / "format_1_fit.checkpoint").read_bytes())
    model = PINNRegressor(problems.poisson_1d(), width=6, optimizer="adam", max_iter=9, random_state=0)
    model.set_params(callbacks=[Checkpoint(path)]).fit(np.linspace(0, 1, 12)[:, None])
    assert model.n_iter_ == 9
