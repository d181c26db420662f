import time

import numpy as np
import pytest

from pinnlearn import LBFGS, SGD, Adam, PINNRegressor, problems, relative_l2_error
from pinnlearn.callbacks import ErrorMonitor

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
    fit(SGD(batch_size=None, max_iter=1000), monitor)
    ratios = np.array(monitor.steps_[5:]) / monitor.steps_[4:-1]
    assert monitor.steps_[-1] > 1000 / 10 ** (1 / 5) - 1
    np.testing.assert_allclose(ratios, 10 ** (1 / 5), rtol=0.1)


def test_its_own_time_is_left_out(monkeypatch):
    class Slow:
        """Values that take a while to compare with."""

        def __array__(self, *_, **__):
            time.sleep(0.05)
            return U

    monitor = ErrorMonitor(X_NEW, Slow())
    fit(SGD(batch_size=None, max_iter=10), monitor)
    assert monitor.seconds_ == sorted(monitor.seconds_)
    assert monitor.seconds_[-1] < 0.4 < 0.05 * len(monitor.steps_)


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
