"""Measurements with noise: a fit that is as good as they allow is not called unsolved, and one that is not is."""

import warnings

import numpy as np
import pytest
import torch
from sklearn.exceptions import ConvergenceWarning

from pinnlearn import PINNRegressor, relative_l2_error
from pinnlearn.conditions import Dirichlet
from pinnlearn.domains import Interval, SpaceTime, Time
from pinnlearn.pdes import PDE
from pinnlearn.training import SolveOutput
from tests.problems import seeds

HEAT = PDE(
    SpaceTime(Interval(0.0, 1.0), 0.0, 1.0),
    equation=lambda x, u: u.dt - 0.1 * u.d(0, 0),
    conditions=[Dirichlet(0.0)],
    solution=lambda x: torch.exp(-0.1 * torch.pi**2 * x[:, 1]) * torch.sin(torch.pi * x[:, 0]),
)
DECAY = PDE(Time(0.0, 5.0), equation=lambda x, u: u.dt + u.value, solution=lambda x: 3 * torch.exp(-x[:, 0]))
GROWTH = PDE(
    Time(0.0, 5.0),
    equation=lambda x, u: u.dt - u.value * (1 - u.value),
    solution=lambda x: 1 / (1 + 9 * torch.exp(-x[:, 0])),
)
ROWS = {"heat": (HEAT, 400, 80, 100), "decay": (DECAY, 100, 0, 40), "growth": (GROWTH, 100, 0, 40)}


def measured(pde, n_interior, n_boundary, n_measured, noise, seed):
    """Rows, and the solution at places inside with noise of so much of its RMS; the solution elsewhere."""
    rng = np.random.default_rng(seed)
    X = pde.sample(n_interior, n_boundary, 0, random_state=seed)
    places, others = (pde.domain.sample_interior(n, rng, "uniform") for n in (n_measured, 2000))
    true = pde.solution(torch.tensor(places)).numpy()
    found = true + noise * np.sqrt(np.mean(true**2)) * rng.standard_normal(n_measured)
    y = np.concatenate([np.full(len(X), np.nan), found])
    return np.concatenate([X, places]), y, others, pde.solution(torch.tensor(others)).numpy()


@pytest.mark.parametrize("noise", [0.01, 0.1])
@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("seed", seeds(3))
def test_a_fit_up_to_noise_is_said_to_be_one(name, noise, seed):
    X, y, others, true = measured(*ROWS[name], noise, seed)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = PINNRegressor(ROWS[name][0], random_state=seed).fit(X, y)
    # Less than the noise by some of the root of the measurements for each number that they tell.
    assert relative_l2_error(true, model.predict(others)) < noise / 2
    assert model.stop_reason_.startswith("noise")
    assert model.verification_.holds
    # With so few measurements.
    assert noise / 2 < model.verification_.noise < 1.5 * noise


def test_measurements_of_another_equation_are_no_noise():
    pde = PDE(DECAY.domain, equation=lambda x, u: u.dt + 2 * u.value)
    X, y, *_ = measured(DECAY, 100, 0, 40, 0.01, 0)
    with pytest.warns(ConvergenceWarning, match="not solved"):
        model = PINNRegressor(pde, optimizer=[SolveOutput()], random_state=0).fit(X, y)
    assert model.verification_.noise == 0
    assert not model.stop_reason_.startswith("noise")


def test_a_fit_with_too_few_units_is_not_up_to_noise():
    X, y, *_ = measured(*ROWS["growth"], 0.01, 0)
    with pytest.warns(ConvergenceWarning, match="not solved"):
        model = PINNRegressor(GROWTH, optimizer=[SolveOutput()], width=2, random_state=0).fit(X, y)
    assert not model.stop_reason_.startswith("noise")


def test_values_without_noise_are_fitted_to_the_end():
    X, y, others, true = measured(*ROWS["decay"], 0.0, 0)
    model = PINNRegressor(DECAY, random_state=0).fit(X, y)
    assert model.stop_reason_.startswith("tol")
    assert relative_l2_error(true, model.predict(others)) < 1e-10
