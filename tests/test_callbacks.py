import pickle
import runpy
import sys
import time
import warnings
from importlib.util import find_spec
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV

from pinnlearn import LBFGS, NGD, SGD, Adam, PINNRegressor, problems, relative_l2_error, sklearn_callbacks
from pinnlearn.callbacks import Checkpoint, EarlyStopping, ErrorMonitor, TimeLimit
from pinnlearn.least_squares import LeastSquares
from pinnlearn.model_selection import run_seeds

PDE = problems.poisson_1d()
X = PDE.sample(30, 4, random_state=0)
X_NEW = np.linspace(0, 1, 50)[:, None]
U = np.sin(np.pi * X_NEW[:, 0])


def fit(optimizer, monitor, **parameters):
    return PINNRegressor(
        pde=PDE, optimizer=optimizer, width=20, callbacks=[monitor], random_state=0, tol=0, **parameters
    ).fit(X)


@pytest.mark.parametrize("optimizer", [SGD(max_iter=7), Adam(max_iter=7), LBFGS(max_iter=7)], ids=repr)
def test_the_error_is_that_of_a_fit_of_so_many_steps(optimizer):
    monitor = ErrorMonitor(X_NEW, U)
    fit(optimizer, monitor)
    assert monitor.steps_ == list(range(1, 8))
    for steps in (1, 4):
        shorter = fit(optimizer, lambda progress: None, max_iter=steps)
        assert monitor.errors_[steps - 1] == pytest.approx(relative_l2_error(U, shorter.predict(X_NEW)), rel=1e-10)


def test_the_schedule_is_even_on_a_logarithmic_scale():
    monitor = ErrorMonitor(X_NEW, U, per_decade=5)
    fit(SGD(batch_size=None, max_iter=1200), monitor)
    ratios = np.array(monitor.steps_[5:]) / monitor.steps_[4:-1]
    assert monitor.steps_[-1] > 1200 / 10 ** (1 / 5) - 1
    np.testing.assert_allclose(ratios, 10 ** (1 / 5), rtol=0.1)


def test_its_own_time_is_left_out(monkeypatch):
    class Slow:
        """Values that take a while to compare with."""

        def __array__(self, *_, **__):
            time.sleep(0.05)
            return U

    monitor = ErrorMonitor(X_NEW, Slow())
    model = fit(SGD(batch_size=None, max_iter=10), monitor)
    assert monitor.seconds_ == sorted(monitor.seconds_)
    before = 0.05 * (len(monitor.steps_) - 1)  # at least: sleep may take longer
    assert monitor.seconds_[-1] <= model.times_[monitor.steps_[-1]] - before


def test_another_fit_begins_anew():
    monitor = ErrorMonitor(X_NEW, U)
    fit(SGD(max_iter=3), monitor)
    fit(SGD(max_iter=2), monitor)
    assert monitor.steps_ == [1, 2]
    assert len(monitor.errors_) == len(monitor.seconds_) == 2


def test_the_times_of_a_fit_are_those_that_callbacks_are_told():
    told = []
    model = fit([Adam(max_iter=3), SGD(max_iter=2)], lambda progress: told.append(progress.seconds))
    assert model.times_ == [0.0, *told]
    assert len(model.times_) == len(model.loss_curve_) == 6
    assert model.times_ == sorted(model.times_)


# Stopping.


def test_early_stopping_waits_for_so_many_steps_without_progress():
    losses = [1.0, 0.9, 0.895, 0.894, 0.5, 0.499, 0.498, 0.497, 0.1]
    stopping = EarlyStopping(patience=3, min_fall=0.05)
    stopping.on_fit_begin(None)
    answers = [stopping(progress(n + 1, loss)) for n, loss in enumerate(losses)]
    assert answers == [False] * 7 + [True, False]
    assert (stopping.best_, stopping.best_step_) == (0.1, 9)


def test_losses_of_different_stages_are_not_compared_but_monitored_values_are():
    stages = [(1, 1.0, 0), (2, 0.5, 0), (3, 7.0, 2), (4, 6.0, 2), (5, 6.0, 2), (6, 6.0, 2)]
    by_loss, watched = EarlyStopping(2), EarlyStopping(2, monitor=lambda p: p.loss)
    for stopping in (by_loss, watched):
        stopping.on_fit_begin(None)
    assert [by_loss(progress(*step)) for step in stages] == [False] * 5 + [True]
    assert [watched(progress(*step)) for step in stages] == [False] * 3 + [True] * 3


def progress(n_iter, loss, stage_begin=0):
    return SimpleNamespace(n_iter=n_iter, loss=loss, stage_begin=stage_begin)


def test_an_error_of_ones_own_can_stop_a_fit():
    def error(progress):
        return relative_l2_error(U, progress.predict(X_NEW))

    monitor = ErrorMonitor(X_NEW, U, per_decade=1000)
    model = fit(Adam(learning_rate=0.05, max_iter=500), monitor)
    stopped = fit(Adam(learning_rate=0.05, max_iter=500), EarlyStopping(20, 0.0, monitor=error))
    errors = monitor.errors_[: stopped.n_iter_]
    assert stopped.n_iter_ < model.n_iter_
    assert min(errors) == errors[-21] == pytest.approx(min(monitor.errors_[: stopped.n_iter_]))
    assert stopped.stop_reason_ == "callback: EarlyStopping asked to stop"


def test_a_time_limit_stops_at_the_end_of_the_step():
    model = fit(SGD(max_iter=10_000), TimeLimit(1e-9))
    assert model.n_iter_ == 1
    assert model.stop_reason_ == "callback: TimeLimit asked to stop"
    assert fit(SGD(max_iter=3), TimeLimit(1e4)).n_iter_ == 3


def test_the_joined_method_is_stopped_with_what_it_has():
    pde = problems.burgers_front()
    points = pde.sample(30, 20, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = PINNRegressor(pde, width=30, tol=0, random_state=0, callbacks=[EarlyStopping(2, 0.9)]).fit(points)
    assert model.stop_reason_.startswith("callback: EarlyStopping")
    assert np.isfinite(model.score(points))


@pytest.mark.parametrize(
    ("callbacks", "message"),
    [
        ([EarlyStopping(patience=0)], "patience must be an integer >= 1, got 0"),
        ([EarlyStopping(min_fall=1.0)], "min_fall is a part of the loss, at least 0 and below 1; got 1.0"),
        ([TimeLimit(-1)], "seconds must be a positive number; got -1"),
        ([Checkpoint(3)], "path must be a path, got 3"),
        ([Checkpoint("file", seconds=0)], "seconds must be a positive number; got 0"),
        ([Checkpoint("file", steps=1.5)], "steps must be an integer >= 1, got 1.5"),
        ([ErrorMonitor(X_NEW, U, per_decade=0)], "per_decade must be an integer >= 1, got 0"),
        (TimeLimit(3), r"callbacks must be a list .*got TimeLimit\(seconds=3\)"),
        ([3], r"callbacks must be a list .*got \[3\]"),
    ],
    ids=repr,
)
def test_bad_parameters_are_named_before_the_first_step(callbacks, message):
    model = PINNRegressor(pde=PDE, callbacks=callbacks)
    with pytest.raises(ValueError, match=message):
        model.fit(X)
    assert not hasattr(model, "n_features_in_")


# The protocol.


def test_a_function_sees_the_loss_its_groups_the_damping_and_the_prediction():
    seen = []
    model = fit(NGD(damping=1e-3, max_iter=3, learning_rate=0.5), seen.append)
    best = min(seen, key=lambda p: p.loss)  # whose weights the model has
    assert [p.n_iter for p in seen] == [1, 2, 3]
    assert {p.max_iter for p in seen} == {3}
    assert [sum(p.group_losses().values()) for p in seen] == pytest.approx(model.loss_curve_[1:])
    assert best.group_losses() == {group: pytest.approx(of["loss"]) for group, of in model.groups_.items()}
    assert best.figures == {"damping": 1e-3}
    np.testing.assert_allclose(best.predict(X_NEW), model.predict(X_NEW), rtol=1e-12)
    adaptive = []
    fit(NGD(max_iter=3), adaptive.append)
    assert all(0 < p.figures["damping"] < 1 for p in adaptive)


def test_losses_by_group_are_computed_only_when_they_are_read(monkeypatch):
    calls = []
    original = LeastSquares.group_losses
    monkeypatch.setattr(LeastSquares, "group_losses", lambda *args: calls.append(1) or original(*args))
    fit(Adam(max_iter=5), lambda progress: None)
    assert len(calls) == 1  # for groups_, at the end


def test_hooks_are_called_around_a_fit_and_after_an_error():
    class Hooks:
        def __init__(self):
            self.told = []

        def on_fit_begin(self, fit):
            self.told.append("begin")

        def __call__(self, progress):
            self.told.append(progress.n_iter)
            if progress.n_iter == 3:
                raise ZeroDivisionError

        def on_fit_end(self, fit):
            self.told.append(f"end, {'failed' if fit.failed else fit.stop}")

    hooks = Hooks()
    fit(Adam(max_iter=2), hooks)
    assert hooks.told == ["begin", 1, 2, "end, max_iter"]
    hooks.told.clear()
    with pytest.raises(ZeroDivisionError):
        fit(Adam(max_iter=5), hooks)
    assert hooks.told == ["begin", 1, 2, 3, "end, failed"]


CALLBACKS = [EarlyStopping(3), TimeLimit(60), Checkpoint("file", steps=3), ErrorMonitor(X_NEW, U)]


@pytest.mark.parametrize("callback", CALLBACKS, ids=lambda c: type(c).__name__)
def test_callbacks_are_cloned_and_pickled_with_the_estimator(callback):
    model = PINNRegressor(pde=PDE, callbacks=[callback])
    for copy in (clone(model), pickle.loads(pickle.dumps(model))):
        assert copy.callbacks == [callback]
        assert copy.callbacks[0] is not callback


def test_searches_and_seeds_take_callbacks_into_workers():
    model = PINNRegressor(pde=PDE, optimizer="adam", max_iter=50, random_state=0, callbacks=[EarlyStopping(3, 0.5)])
    assert GridSearchCV(model, {"width": [5, 6]}, cv=2, error_score="raise").fit(X).best_estimator_.n_iter_ < 50
    assert (run_seeds(model, X, seeds=2, n_jobs=2)["n_iter"] < 50).all()


# scikit-learn's own callbacks.

needs_callbacks = pytest.mark.skipif(find_spec("sklearn.callback") is None, reason="scikit-learn before 1.9")


class Recorder:
    """A callback by scikit-learn's protocol."""

    def __init__(self):
        self.told = []

    def setup(self, estimator, context):
        self.told.append("setup")

    def on_fit_task_begin(self, estimator, context, *, X):
        self.told.append(("begin", context.task_name, len(X)))

    def on_fit_task_end(self, estimator, context, *, X, fitted_estimator):
        self.told.append(("end", context.task_name, float(relative_l2_error(U, fitted_estimator.predict(X_NEW)))))
        return len(self.told) > 9

    def teardown(self, estimator, context):
        self.told.append("teardown")


@needs_callbacks
def test_a_callback_of_scikit_learn_is_told_of_every_step_and_may_stop():
    recorder, monitor = Recorder(), ErrorMonitor(X_NEW, U, per_decade=1000)
    model = PINNRegressor(pde=PDE, optimizer="adam", max_iter=10, random_state=0, callbacks=[monitor])
    assert model.set_callbacks(recorder).fit(X) is model
    assert (recorder.told[:2], recorder.told[-1]) == (["setup", ("begin", "fit", len(X))], "teardown")
    steps = [told for told in recorder.told if told[:2] == ("end", "Adam")]
    assert [error for *_, error in steps] == pytest.approx(monitor.errors_)
    assert recorder.told[-2] == ("end", "fit", pytest.approx(relative_l2_error(U, model.predict(X_NEW))))
    assert model.n_iter_ == len(steps) == 4
    assert model.stop_reason_ == "callback: ScikitLearnCallbacks asked to stop"


@needs_callbacks
def test_a_callback_of_scikit_learn_is_torn_down_after_an_error():
    recorder = Recorder()
    model = PINNRegressor(pde=PDE, optimizer="adam", callbacks=[lambda progress: 1 / 0]).set_callbacks(recorder)
    with pytest.raises(ZeroDivisionError):
        model.fit(X)
    assert recorder.told[-1] == "teardown"
    assert not [name for name in vars(model) if name.endswith("ctx")]


@needs_callbacks
def test_the_scores_of_scikit_learns_monitor_are_those_of_shorter_fits():
    from sklearn.callback import ScoringMonitor

    u = np.sin(np.pi * X[:, 0])
    monitor = ScoringMonitor(scoring="r2")
    model = PINNRegressor(optimizer="adam", max_iter=4, width=9, random_state=0).set_callbacks(monitor).fit(X, u)
    scores = [entry["r2"] for entry in monitor.get_logs().data if entry["task_name"] == "Adam"]
    shorter = [PINNRegressor(optimizer="adam", max_iter=n, width=9, random_state=0) for n in (1, 2, 3, 4)]
    assert scores == pytest.approx([each.fit(X, u).score(X, u) for each in shorter])
    assert scores[-1] == pytest.approx(model.score(X, u))


@needs_callbacks
def test_a_search_passes_scikit_learns_callbacks_on():
    recorder = Recorder()
    model = PINNRegressor(pde=PDE, optimizer="adam", max_iter=1, random_state=0).set_callbacks(recorder)
    GridSearchCV(model, {"width": [5, 6]}, cv=2, error_score="raise").fit(X)
    assert recorder.told.count("setup") == recorder.told.count("teardown") == 5


def test_without_them_the_estimator_is_as_it_was(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.callback", None)
    tasks = runpy.run_path(sklearn_callbacks.__file__)
    assert vars(tasks["CallbackSupportMixin"]).keys().isdisjoint({"set_callbacks", "_init_callback_context"})
    assert tasks["with_callbacks"](len) is len
