import pathlib
import runpy
from dataclasses import replace

import numpy as np
import pytest
import torch

import pinnlearn
from pinnlearn import (
    ENGD,
    GD,
    LBFGS,
    NGD,
    NNCG,
    SGD,
    SPRING,
    Adam,
    GaussNewton,
    PINNRegressor,
    SSBroyden,
    problems,
)
from pinnlearn.callbacks import Checkpoint, EarlyStopping, ErrorMonitor, TimeLimit
from pinnlearn.conditions import Dirichlet
from pinnlearn.domains import Interval
from pinnlearn.networks import Weights
from pinnlearn.pdes import PDE, Poisson
from pinnlearn.persistence import encode, read_checkpoint, write_checkpoint
from pinnlearn.training import Enrich, Grow, March, SolveOutput, TrainHidden

POISSON = problems.poisson_1d()
X = POISSON.sample(40, 4, random_state=0)
ROOT = pathlib.Path(__file__).parents[1]


def model(pde=POISSON, **parameters):
    return PINNRegressor(pde, **{"width": 12, "tol": 0, "random_state": 3} | parameters)


def assert_same(resumed, whole):
    for name in ("hidden_weights_", "hidden_bias_", "output_weights_"):
        np.testing.assert_array_equal(getattr(resumed, name), getattr(whole, name))
    for name in ("loss_curve_", "stages_", "stop_reason_", "loss_", "n_added_rows_"):
        assert getattr(resumed, name) == getattr(whole, name), name
    for model in (resumed, whole):
        assert len(model.times_) == len(model.loss_curve_)
        assert model.times_ == sorted(model.times_)


def resumed(parameters, path, stops, points, pde=POISSON):
    """The end of a fit that was stopped after these steps."""
    checkpoint = Checkpoint(path)
    for stop in stops:
        stopped = model(pde, callbacks=[checkpoint, lambda p, stop=stop: p.n_iter == stop], **parameters).fit(points)
        assert stopped.n_iter_ == stop
    return model(pde, callbacks=[checkpoint], **parameters).fit(points)


OPTIMIZERS = [
    GD(max_iter=30), SGD(max_iter=30, batch_size=10), Adam(max_iter=30), Adam(max_iter=30, batch_size=10),
    LBFGS(max_iter=30), LBFGS(max_iter=30, history_size=3), NGD(max_iter=30), NGD(max_iter=30, learning_rate=0.5),
    NGD(max_iter=30, damping=1e-4), NGD(max_iter=30, damping=0.0, learning_rate=0.1),
    ENGD(max_iter=20), GaussNewton(max_iter=20), NNCG(max_iter=20), SPRING(max_iter=20), SSBroyden(max_iter=20),
    NGD(max_iter=20, solver="cg"),
    [Adam(max_iter=10, batch_size=10), LBFGS(max_iter=10), NGD(max_iter=10, learning_rate=0.1)],
]  # fmt: skip


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_every_optimizer_goes_on_to_the_same_end(optimizer, tmp_path):
    parameters = {"optimizer": optimizer, "trainable": "all", "init": "gaussian"}
    whole = model(**parameters).fit(X)
    stops = [stop for stop in (1, 9, 14) if stop < whole.n_iter_]
    assert_same(resumed(parameters, tmp_path / "fit", stops, X), whole)


@pytest.mark.parametrize("damping", [1e-5, "auto"])
@pytest.mark.parametrize("equation", [lambda x, u: u.d(0, 0) + 1, lambda x, u: u.d(0, 0) + u.value**2 + 1])
def test_factors_that_a_step_keeps_for_the_next_are_restored(equation, damping, tmp_path):
    pde = PDE(Interval(0, 1), equation=equation, conditions=[Dirichlet(0.0)])
    parameters = {"optimizer": NGD(damping=damping, max_iter=6), "learning_rate": 0.3, "trainable": "output"}
    whole = model(pde, **parameters).fit(X)
    assert_same(resumed(parameters, tmp_path / "fit", (1, 2, 3, 4), X, pde), whole)


# Every stage of the default method, with too few rows to end well: auditions, hidden training, times in turn with rows
# that join, the last solve.
@pytest.mark.filterwarnings("ignore:The equations are solved at the rows of X, but not between them")
def test_the_joined_method_goes_on_to_the_same_end(tmp_path):
    hidden = [TrainHidden(steps=12, stuck=0.0), March(steps=5, stuck=0.0), Grow(stuck=0.0)]
    pde = problems.burgers_front()
    points = pde.sample(40, 30, random_state=0)
    parameters = {"width": 70, "optimizer": [SolveOutput(), *hidden, Enrich()]}
    whole = model(pde, **parameters).fit(points)
    assert len(whole.stages_) > 10
    assert whole.n_added_rows_ == 40
    middles = [(a + b + 1) // 2 for (_, a), (_, b) in zip(whole.stages_, whole.stages_[1:], strict=False) if b - a > 1]
    assert_same(resumed(parameters, tmp_path / "fit", middles[::2], points, pde), whole)


@pytest.mark.slow
def test_a_fit_that_was_killed_goes_on_to_the_same_end():
    same, kills = runpy.run_path(str(ROOT / "benchmarks" / "kills.py"))["main"](kills=2, n_interior=40, steps=80)
    assert same
    assert kills >= 1


def test_callbacks_go_on_too(tmp_path):
    def callbacks():
        return [EarlyStopping(patience=6, min_fall=0.01), ErrorMonitor(X[:, :1], np.sin(np.pi * X[:, 0]))]

    parameters = {"optimizer": "adam", "learning_rate": 0.05, "max_iter": 300}
    alone = callbacks()
    whole = model(callbacks=alone, **parameters).fit(X)
    assert 10 < whole.n_iter_ < 300
    checkpoint = Checkpoint(tmp_path / "fit")
    model(callbacks=[*callbacks(), checkpoint, lambda p: p.n_iter == 3], **parameters).fit(X)
    for _ in range(2):  # the second time there is nothing left to do
        mine = callbacks()
        end = model(callbacks=[*mine, checkpoint], **parameters).fit(X)
        assert_same(end, whole)
        assert mine[0].get_state() == alone[0].get_state()
        assert (mine[1].steps_, mine[1].errors_) == (alone[1].steps_, alone[1].errors_)


def test_a_fit_that_has_ended_is_not_made_again(tmp_path):
    seen = []
    parameters = {"optimizer": "adam", "max_iter": 5, "callbacks": [Checkpoint(tmp_path / "fit"), seen.append]}
    whole = model(**parameters).fit(X)
    assert len(seen) == 5
    assert_same(model(**parameters).fit(X), whole)
    assert len(seen) == 5


def test_the_time_before_an_interruption_counts(tmp_path):
    parameters = {"optimizer": "adam", "max_iter": 10}
    path = tmp_path / "fit"
    model(callbacks=[Checkpoint(path), lambda p: p.n_iter == 3], **parameters).fit(X)
    write_checkpoint(path, read_checkpoint(path) | {"seconds": 100.0})
    assert model(callbacks=[Checkpoint(path), TimeLimit(100)], **parameters).fit(X).n_iter_ == 3
    assert model(callbacks=[Checkpoint(path), TimeLimit(1e4)], **parameters).fit(X).n_iter_ == 10


def test_a_seed_left_to_chance_is_that_of_the_file(tmp_path):
    parameters = {"optimizer": Adam(max_iter=9, batch_size=10), "random_state": None}
    path = tmp_path / "fit"
    first = model(callbacks=[Checkpoint(path)], **parameters).fit(X)
    assert_same(model(callbacks=[Checkpoint(path)], **parameters).fit(X), first)
    assert model(**parameters).fit(X).loss_curve_ != first.loss_curve_


@pytest.mark.parametrize(("schedule", "written"), [
    ({"steps": 3}, [3, 6]), ({"seconds": None}, []), ({"seconds": 1e-9}, [1, 2, 3, 4, 5, 6, 7]),
    ({"seconds": None, "steps": 7}, [7]),
])  # fmt: skip
def test_the_schedule_is_kept_and_the_end_is_written(schedule, written, tmp_path, monkeypatch):
    seen = []

    def write(path, record):
        seen.append(sum(len(run["loss_curve"]) - 1 for run in record["runs"]))

    monkeypatch.setattr("pinnlearn.callbacks.write_checkpoint", write)
    model(optimizer="adam", max_iter=7, callbacks=[Checkpoint(tmp_path / "fit", **schedule)]).fit(X)
    assert seen == [*written, 7]


# What does not fit.


def other_source(x):
    return 3 * x[:, 0]


@pytest.mark.parametrize(("change", "what"), [
    ({"learning_rate": 0.1}, "settings"), ({"width": 13}, "settings"), ({"random_state": 4}, "seed"),
    ({"pde": Poisson(Interval(0, 1), source=lambda x: 3 * x[:, 0])}, "equations"), ({"X": X[:-1]}, "data, equations"),
])  # fmt: skip
def test_the_checkpoint_of_another_fit_is_refused_and_stays(change, what, tmp_path):
    path = tmp_path / "fit"
    parameters = {
        "pde": Poisson(Interval(0, 1), source=lambda x: 2 * x[:, 0]),
        "optimizer": "adam",
        "max_iter": 4,
        "callbacks": [Checkpoint(path)],
    }
    model(**parameters).fit(X)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=rf"of another fit: it differs in {what}\. .*path of its own, or delete"):
        model(**parameters | {k: v for k, v in change.items() if k != "X"}).fit(change.get("X", X))
    assert path.read_bytes() == before


def test_other_weights_to_start_from_are_another_fit(tmp_path):
    parameters = {"optimizer": "adam", "max_iter": 4, "warm_start": True}
    first, second = (model(**parameters).fit(points) for points in (X, X[1:]))
    first.set_params(callbacks=[Checkpoint(tmp_path / "fit")]).fit(X)
    with pytest.raises(ValueError, match="differs in data"):
        second.set_params(callbacks=[Checkpoint(tmp_path / "fit")]).fit(X)


def test_where_a_resumed_fit_takes_another_course_it_is_computed_from_there(tmp_path):
    path, parameters = tmp_path / "fit", {"optimizer": [Adam(max_iter=5), LBFGS(max_iter=5)]}
    whole = model(callbacks=[Checkpoint(path)], **parameters).fit(X)
    record = read_checkpoint(path)
    record["runs"][1]["start"] = "other weights"
    write_checkpoint(path, record)
    with pytest.warns(UserWarning, match="From step 5 on this fit takes another course.*computed anew"):
        assert_same(model(callbacks=[Checkpoint(path)], **parameters).fit(X), whole)


def test_damaged_and_foreign_files_are_refused(tmp_path):
    path = tmp_path / "fit"
    fit = model(optimizer="adam", max_iter=3, callbacks=[Checkpoint(path)]).fit
    fit(X)
    whole = path.read_bytes()
    path.write_bytes(whole[:-5])
    with pytest.raises(ValueError, match="no safetensors file, or not a whole one"):
        fit(X)
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(ValueError, match="is damaged"):
        fit(X)
    pinnlearn.save(model(), path)
    with pytest.raises(ValueError, match=r"is a model, not a checkpoint: it is for pinnlearn\.load"):
        fit(X)


def test_a_write_that_fails_leaves_the_file_before_it(tmp_path, monkeypatch):
    path = tmp_path / "fit"
    write_checkpoint(path, {"a": 1})

    def fail(_):
        raise OSError("no space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="no space"):
        write_checkpoint(path, {"a": 2})
    assert read_checkpoint(path) == {"a": 1}


def test_an_error_in_the_middle_of_a_step_leaves_the_last_whole_checkpoint(tmp_path):
    path = tmp_path / "fit"
    parameters = {"optimizer": "adam", "max_iter": 9}
    with pytest.raises(ZeroDivisionError):
        model(callbacks=[Checkpoint(path, steps=2), lambda p: p.n_iter == 5 and 1 / 0], **parameters).fit(X)
    assert len(read_checkpoint(path)["runs"][0]["loss_curve"]) == 1 + 4
    assert_same(model(callbacks=[Checkpoint(path)], **parameters).fit(X), model(**parameters).fit(X))


def test_plain_values_come_back_as_they_were(tmp_path):
    content = {
        "numbers": [1, 2.5, float("inf"), True, None, 2**200, 0.1 + 0.2],
        "nested": {0: (1, [2, (3.0,)]), "a": {}},
        "named": Weights(1, (2.0,), [None]),
        "tensors": [torch.arange(3.0), torch.tensor(2, dtype=torch.int32), torch.zeros(0, 2), torch.rand(3, 2).T],
        "array": np.array([[1.0, np.nan]]),
    }
    write_checkpoint(tmp_path / "file", content)
    again = read_checkpoint(tmp_path / "file")
    assert all(again[name] == content[name] for name in ("numbers", "nested", "named"))
    assert isinstance(again["named"], Weights)
    for mine, theirs in zip(again["tensors"], content["tensors"], strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=0, check_stride=True)
    np.testing.assert_array_equal(again["array"], content["array"])
    with pytest.raises(pinnlearn.persistence.NotPlainError, match="lambda"):
        encode({"f": lambda x: x}, {})


class OwnMemory(GD):
    """An optimizer of a user's whose memory is an object of theirs."""

    def step(self, problem, state):
        return replace(super().step(problem, replace(state, memory=1e-9)), memory=OwnMemory)


def test_a_memory_that_is_not_plain_says_what_to_write(tmp_path):
    optimizer = OwnMemory(learning_rate=1e-9, max_iter=3)
    with pytest.raises(TypeError, match=r"not <class .*OwnMemory'>\. An optimizer of your own .* by pack and unpack"):
        model(optimizer=optimizer, callbacks=[Checkpoint(tmp_path / "fit", steps=1)]).fit(X)
