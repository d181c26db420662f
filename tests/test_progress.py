import re
import threading

import numpy as np
import pytest

from pinnlearn import NGD, PINNRegressor, problems
from pinnlearn.model_selection import run_seeds
from tests.problems import small

PDE = problems.poisson_1d()
X = PDE.sample(30, 8, random_state=0)


@pytest.fixture(autouse=True)
def _terminal(monkeypatch):
    monkeypatch.setattr("pinnlearn.progress._is_watched", lambda: True)


def test_a_bar_shows_steps_loss_by_group_damping_and_the_time_left(capsys, monkeypatch):
    monkeypatch.setattr("pinnlearn.progress.INTERVAL", 0.0)
    model = small(PDE, optimizer=NGD(damping=1e-3), max_iter=40, verbose=1).fit(X)
    out, bar = capsys.readouterr()
    states = bar.split("\r")
    assert re.search(r"NGD: +\d+%.*\| \d+/40 \[\d\d:\d\d<.*steps/s", states[-1] + states[-2])
    assert re.search(r"\(interior \d\.\de[+-]\d\d \+ boundary \d\.\de[+-]\d\d\), damping 1\.0e-03", bar)
    assert f"loss {model.loss_curve_[-1]:.1e}" in states[-1]
    assert out.count("\n") == 1
    assert "residuals, 12 units" in out


def test_a_bar_is_cheap_where_losses_are_dear(monkeypatch):
    clock = iter(np.arange(0.0, 1e4, 0.05))  # each look at the clock takes 0.05 s, and so do losses by group
    monkeypatch.setattr("pinnlearn.progress.time.perf_counter", lambda: next(clock))
    looks = []
    monkeypatch.setattr(
        "pinnlearn.training.course.LeastSquares.group_losses", lambda self, w: looks.append(1) or {"interior": 1.0}
    )
    monkeypatch.setattr("pinnlearn.fitting.describe_residuals", lambda *_: ({}, {}))
    small(PDE, optimizer="adam", max_iter=100, verbose=1).fit(X)
    assert 1 <= len(looks) <= 4


def test_a_log_has_a_line_a_stage_and_no_carriage_return(capsys, monkeypatch):
    monkeypatch.setattr("pinnlearn.progress._is_watched", lambda: False)
    model = PINNRegressor(PDE, verbose=1, random_state=0, optimizer=["adam", "lbfgs"])
    model.set_params(optimizer=[NGD(damping=1e-3, max_iter=2), NGD(max_iter=3)], width=9, tol=0).fit(X)
    captured = capsys.readouterr()
    assert "\r" not in captured.out + captured.err
    lines = captured.out.splitlines()
    assert len(lines) == 3
    assert lines[1].startswith("[PINNRegressor] NGD, step 2: loss ")
    assert lines[2].startswith(f"[PINNRegressor] NGD, step 5: loss {model.loss_curve_[-1]:.3e}, damping ")


def test_verbose_2_has_a_line_a_step(capsys):
    model = small(PDE, verbose=2).fit(X)
    out, bar = capsys.readouterr()
    lines = out.splitlines()
    assert len(lines) == 1 + model.n_iter_
    for n in range(1, 1 + model.n_iter_):
        assert f"step {n}: loss {model.loss_curve_[n]:.3e}" in lines[n]
    assert not bar


def test_verbose_1_is_quiet_in_threads_and_workers(capsys):
    model = small(PDE, verbose=1)
    thread = threading.Thread(target=model.fit, args=(X,))
    thread.start()
    thread.join()
    run_seeds(model, X, seeds=2, n_jobs=2)
    assert model.n_iter_ == 3
    assert capsys.readouterr() == ("", "")


def test_a_bar_is_closed_after_an_error(capsys):
    with pytest.raises(ZeroDivisionError):
        small(PDE, verbose=1, callbacks=[lambda progress: progress.n_iter == 2 and 1 / 0]).fit(X)
    assert capsys.readouterr().err.endswith("\n")


def test_nothing_is_said_by_default(capsys):
    small(PDE).fit(X)
    assert capsys.readouterr() == ("", "")
