import math
import os
import signal
import threading

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV

from pinnlearn import NGD, PINNRegressor, problems
from pinnlearn.callbacks import Checkpoint
from pinnlearn.training.interruption import Interruption
from tests.problems import small

PDE = problems.poisson_1d()
X = PDE.sample(30, 8, random_state=0)


@pytest.fixture(autouse=True)
def _no_ctrl_c_before(monkeypatch):
    monkeypatch.setattr(Interruption, "_last", -math.inf)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def pressed(at, times=1):
    """A callback that presses Ctrl-C after a step."""

    def press(progress):
        for _ in range(times * (progress.n_iter == at)):
            signal.raise_signal(signal.SIGINT)

    return press


def test_ctrl_c_leaves_a_fitted_model_with_the_best_weights():
    model = small(PDE, optimizer="sgd", learning_rate=0.3, max_iter=50)
    steps = model.fit(X).loss_curve_
    with pytest.warns(ConvergenceWarning, match="Ctrl-C stopped the fit after 7 steps; .*warm_start=True"):
        model.set_params(callbacks=[pressed(7)]).fit(X)
    assert model.stop_reason_ == "interrupted: by Ctrl-C; the best weights so far are kept"
    assert model.loss_curve_ == steps[:8]
    assert model.loss_ == pytest.approx(min(steps[:8]))
    assert np.isfinite(model.predict(X)).all()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_joined_method_ends_with_what_it_has():
    hard = problems.burgers_front()
    points = hard.sample(30, 20, random_state=0)
    with pytest.warns(ConvergenceWarning, match="Ctrl-C"):
        model = PINNRegressor(hard, width=30, tol=0, random_state=0, callbacks=[pressed(25)]).fit(points)
    assert model.n_iter_ == 25
    assert model.stages_[-1][0] == "all weights"
    assert model.loss_ <= min(model.loss_curve_[1 + model.stages_[-1][1] :])


def test_a_second_ctrl_c_raises_and_the_model_is_as_it_was():
    model = small(PDE, callbacks=[pressed(2, times=2)])
    with pytest.raises(KeyboardInterrupt):
        model.fit(X)
    assert not hasattr(model, "n_features_in_")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_two_ctrl_c_in_a_row_get_out_of_a_search():
    model = small(PDE, callbacks=[pressed(1)])
    with pytest.warns(ConvergenceWarning, match="Ctrl-C"), pytest.raises(KeyboardInterrupt):
        GridSearchCV(model, {"width": [5, 6, 7]}, cv=2).fit(X)


def test_a_later_fit_may_be_stopped_again(monkeypatch):
    monkeypatch.setattr("pinnlearn.training.interruption.AGAIN", 0.0)
    for _ in range(2):
        with pytest.warns(ConvergenceWarning, match="Ctrl-C"):
            assert small(PDE, callbacks=[pressed(1)]).fit(X).n_iter_ == 1


def test_another_handler_of_ctrl_c_and_other_threads_are_left_alone():
    seen = []
    before = signal.signal(signal.SIGINT, lambda *_: seen.append("mine"))
    try:
        assert small(PDE, callbacks=[pressed(1)]).fit(X).n_iter_ == 3
    finally:
        signal.signal(signal.SIGINT, before)
    assert seen == ["mine"]
    thread = threading.Thread(target=lambda: seen.append(small(PDE).fit(X).n_iter_))
    thread.start()
    thread.join()
    assert seen == ["mine", 3]


def test_what_ctrl_c_stopped_goes_on_from_its_checkpoint(tmp_path):
    parameters = {"optimizer": "adam", "learning_rate": 1e-2, "max_iter": 30}
    whole = small(PDE, **parameters).fit(X)
    checkpoint = Checkpoint(tmp_path / "fit")
    with pytest.warns(ConvergenceWarning, match="Ctrl-C"):
        small(PDE, **parameters, callbacks=[checkpoint, pressed(11)]).fit(X)
    again = small(PDE, **parameters, callbacks=[checkpoint]).fit(X)
    assert again.loss_curve_ == whole.loss_curve_
    np.testing.assert_array_equal(again.hidden_weights_, whole.hidden_weights_)


def test_ctrl_c_is_heeded_in_the_middle_of_a_step():
    after = []

    class Slow(NGD):
        def step(self, problem, state):
            if state.loss < slow.first:
                os.kill(os.getpid(), signal.SIGINT)
                for _ in range(1000):
                    problem.loss(state.parameters)
                after.append(True)
            slow.first = state.loss
            return super().step(problem, state)

    slow = Slow(damping=1e-6, max_iter=10)
    Slow.first = 0.0
    model = small(PDE, optimizer=slow, learning_rate=None, max_iter=None, init="gaussian")
    with pytest.warns(ConvergenceWarning, match="Ctrl-C stopped the fit after 1 steps"):
        model.fit(X)
    assert not after
    assert np.isfinite(model.predict(X)).all()


def test_ctrl_c_is_heeded_while_the_scale_is_chosen(monkeypatch):
    def choose(self, problem, *others, **named):
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(1000):
            problem.loss(problem.start)
        raise AssertionError("it was not heeded")

    monkeypatch.setattr("pinnlearn.training.choices.ScaleChoice.choose", choose)
    with pytest.warns(ConvergenceWarning, match="Ctrl-C stopped the fit after 0 steps"):
        model = PINNRegressor(PDE, width=8, random_state=0).fit(X)
    assert model.stop_reason_.startswith("interrupted")
    np.testing.assert_array_equal(model.predict(X), 0.0)
