"""TimeWindows against scipy's integrators and exact solutions."""

import math
import pickle
import warnings

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import pinnlearn
from pinnlearn import PINNRegressor, TimeWindows, relative_l2_error
from pinnlearn.conditions import Dirichlet, Initial, InitialVelocity
from pinnlearn.domains import Box, Interval, SpaceTime, Time
from pinnlearn.metrics import exact_solution, new_points
from pinnlearn.model_selection import RegionKFold
from pinnlearn.pdes import PDE, Heat, Poisson
from pinnlearn.training import SolveOutput


def decaying(x):
    return torch.sin(torch.pi * x[:, 0]) * torch.exp(-(torch.pi**2) * x[:, 1])


def pendulum(x, u):
    return u.d(0, 0) + torch.sin(u.value)


HEAT = Heat(SpaceTime(Interval(0.0, 1.0), 0.0, 0.5), initial=decaying, solution=decaying)
PENDULUM = PDE(Time(0.0, 20.0), equation=pendulum, conditions=[Initial(2.0), InitialVelocity(0.0)])
OUTPUT = PINNRegressor(optimizer=SolveOutput(), random_state=0)


def integrated(right_side, start, times):
    return solve_ivp(right_side, (0, times[-1]), start, "DOP853", times, rtol=1e-12, atol=1e-13).y.T


def lorenz(rho):
    def equation(x, u):
        x, y, z = (u[k].value for k in range(3))
        sides = 10 * (y - x), x * (rho - z) - y, x * y - 8 / 3 * z
        return torch.stack([u[k].dt - side for k, side in enumerate(sides)], dim=1)

    def right_side(t, u):
        return [10 * (u[1] - u[0]), u[0] * (rho - u[2]) - u[1], u[0] * u[1] - 8 / 3 * u[2]]

    return equation, right_side


@pytest.mark.parametrize("rho", [15.0, 28.0])
def test_lorenz_is_followed_window_by_window(rho):
    equation, right_side = lorenz(rho)
    pde = PDE(Time(0.0, 3.0), equation=equation, conditions=[Initial([1.0, 1.0, 1.0])], n_outputs=3)
    model = TimeWindows(PINNRegressor(pde, random_state=0), n_windows=3).fit(pde.sample(150, 1, random_state=0))
    times = np.linspace(0, 3, 61)[1:]
    # Perturbations grow to at most 100 times as much in this time.
    assert relative_l2_error(integrated(right_side, [1.0] * 3, times), model.predict(times[:, None])) < 1e-7


def test_value_and_velocity_of_a_pendulum_go_on_from_window_to_window():
    model = TimeWindows(PINNRegressor(PENDULUM, random_state=1), n_windows=5).fit(PENDULUM.sample(200, 1))
    times = np.linspace(0, 20, 101)[1:]
    exact = integrated(lambda t, u: [u[1], -np.sin(u[0])], [2.0, 0.0], times)
    assert relative_l2_error(exact[:, 0], model.predict(times[:, None])) < 1e-8
    assert relative_l2_error(exact[:, 1], model.derivative(times[:, None], 0)) < 1e-8
    joint = np.array([[4.0]])
    before, after = (each.derivative(joint, 0) for each in model.estimators_[:2])
    np.testing.assert_allclose(before, after, rtol=1e-8)
    assert [(w.begin, w.end) for w in model.windows_] == [(4.0 * i, 4.0 * i + 4) for i in range(5)]


@pytest.mark.parametrize("seed", [0, 1])
def test_heat_in_windows_of_random_features(seed):
    estimator = clone(OUTPUT).set_params(pde=HEAT, random_state=seed)
    model = TimeWindows(estimator, n_windows=4).fit(HEAT.sample(600, 240, random_state=seed))
    X = new_points(HEAT.domain)
    assert relative_l2_error(exact_solution(HEAT, X), model.predict(X)) < 1e-6
    assert 1 - 1e-4 < model.score(X) <= 1
    assert 1 - 1e-9 < model.score(X, exact_solution(HEAT, X)) <= 1


def standing(x):
    return torch.sin(torch.pi * x[:, 0]) * torch.cos(torch.pi * x[:, 1])


def test_a_wave_of_five_periods_is_followed():
    pde = PDE(
        SpaceTime(Interval(0.0, 1.0), 0.0, 10.0),
        equation=lambda x, u: u.d(1, 1) - u.d(0, 0),
        conditions=[Dirichlet(0.0), Initial(standing), InitialVelocity(0.0)],
        solution=standing,
    )
    model = TimeWindows(PINNRegressor(pde, random_state=0), n_windows=10).fit(pde.sample(3000, 600, random_state=0))
    X = new_points(pde.domain)
    # Windows are kept with a relative residual of up to 1e-3; energy is conserved, and errors of ten add up.
    assert relative_l2_error(exact_solution(pde, X), model.predict(X)) < 1e-4


def test_lengths_are_chosen_by_the_residual():
    model = TimeWindows(PINNRegressor(PENDULUM, random_state=0), tol=1e-9).fit(PENDULUM.sample(100, 1, random_state=0))
    ends = [w.end for w in model.windows_]
    assert ends[-1] == 20.0
    assert model.stop_reason_ == "end"
    assert [w.begin for w in model.windows_] == [0.0, *ends[:-1]]
    assert all(w.residual <= 1e-9 for w in model.windows_)
    lengths = [w.end - w.begin for w in model.windows_]
    assert lengths[1] == 2 * lengths[0]
    assert model.n_tries_ >= len(lengths)


def test_windows_that_do_not_hold_become_shorter():
    estimator = clone(OUTPUT).set_params(pde=PENDULUM, width=12)
    model = TimeWindows(estimator, first=1.0, tol=1e-3).fit(PENDULUM.sample(60, 1, random_state=0))
    assert model.n_tries_ > len(model.windows_) > 2
    assert all(w.residual <= 1e-3 for w in model.windows_)


def test_several_hidden_layers_in_each_window():
    estimator = PINNRegressor(HEAT, width=(12, 12), max_iter=60, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = TimeWindows(estimator, n_windows=2).fit(HEAT.sample(300, 120, random_state=0))
    X = new_points(HEAT.domain)
    assert relative_l2_error(exact_solution(HEAT, X), model.predict(X)) < 1e-3
    assert all(len(each.coefs_) == 3 for each in model.estimators_)


def test_it_is_an_estimator_as_any_other():
    X = PENDULUM.sample(100, 2, random_state=0)
    model = TimeWindows(PINNRegressor(PENDULUM, random_state=0), n_windows=2)
    assert clone(model).get_params()["estimator__random_state"] == 0
    assert clone(model).set_params(estimator__width=30, n_windows=3).estimator.width == 30
    predicted = model.fit(X).predict(X)
    np.testing.assert_array_equal(clone(model).fit(X).predict(X), predicted)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), predicted)
    with pytest.raises(TypeError, match="pickle"):
        pinnlearn.save(model, "nowhere")
    piped = make_pipeline(FunctionTransformer(), clone(model)).fit(X)
    np.testing.assert_array_equal(piped.predict(X), predicted)
    search = GridSearchCV(model, {"n_windows": [1, 2]}, cv=RegionKFold(2, pde=PENDULUM)).fit(X)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_known_values_join_the_window_that_their_time_lies_in():
    X = np.array([[0.0], [0.5], [1.0], [1.5], [2.0]])
    y = np.exp(-X[:, 0])
    y[0] = np.nan
    pde = PDE(Time(0.0, 2.0), equation=lambda x, u: u.dt + u.value, conditions=[Initial(1.0)])
    model = TimeWindows(PINNRegressor(pde, random_state=0), n_windows=2).fit(X, y)
    groups = [each.groups_["data"]["rows"] for each in model.estimators_]
    assert groups == [2, 2]
    np.testing.assert_allclose(model.predict(X), np.exp(-X[:, 0]), atol=1e-4)


def test_where_known_values_stand_for_the_start_later_windows_go_on_all_the_same():
    X = np.linspace(0.01, 0.7, 40)[:, None]
    y = np.full(40, np.nan)
    y[3] = math.exp(-X[3, 0])
    pde = PDE(Time(0.0, 0.7), equation=lambda x, u: u.dt + u.value)
    model = TimeWindows(clone(OUTPUT).set_params(pde=pde), n_windows=3).fit(X, y)
    np.testing.assert_allclose(model.predict(X), np.exp(-X[:, 0]), rtol=1e-8)
    X = HEAT.sample(300, 120, random_state=0)
    X = X[X[:, 1] > 0]
    inside = HEAT.domain.contains(X) & ~HEAT.domain.on_boundary(X)
    y = np.where(inside & (X[:, 1] < 0.1), exact_solution(HEAT, X), np.nan)
    model = TimeWindows(clone(OUTPUT).set_params(pde=clone(HEAT).set_params(initial=None)), n_windows=3).fit(X, y)
    assert relative_l2_error(exact_solution(HEAT, X), model.predict(X)) < 1e-4


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_round_off_of_large_output_weights_is_not_taken_for_a_mean_over_rows(seed):
    estimator = clone(OUTPUT).set_params(pde=HEAT, random_state=seed)
    X = HEAT.sample(200, 80, random_state=0)
    model = TimeWindows(estimator, n_windows=3).fit(X.astype(np.float32))
    # A window has 67 rows of the PDE.
    assert relative_l2_error(exact_solution(HEAT, X), model.predict(X)) < 1e-3


def test_warnings_of_all_windows_are_one():
    estimator = clone(OUTPUT).set_params(pde=HEAT, width=4)
    with pytest.warns(ConvergenceWarning, match=r"In the window from t = 0 to .* and in 2 more of 3 windows") as caught:
        TimeWindows(estimator, n_windows=3).fit(HEAT.sample(60, 24, random_state=0))
    assert len(caught) == 1


def test_a_callback_ends_the_march():
    callbacks = [lambda progress: True]
    estimator = PINNRegressor(HEAT, optimizer="gd", width=10, callbacks=callbacks, random_state=0)
    with pytest.warns(ConvergenceWarning, match="windows end at"):
        model = TimeWindows(estimator, n_windows=3).fit(HEAT.sample(60, 24, random_state=0))
    assert len(model.windows_) == 1
    assert model.stop_reason_.startswith("callback")


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (TimeWindows(PINNRegressor()), "an estimator with a PDE"),
        (TimeWindows(PINNRegressor(Poisson(Box([0, 0], [1, 1])))), "domain in time"),
        (TimeWindows(PINNRegressor(Heat())), "domain in time"),
        (TimeWindows(PINNRegressor(HEAT), n_windows=0), "n_windows must be an integer >= 1"),
        (TimeWindows(PINNRegressor(HEAT), n_windows="few"), "auto"),
        (TimeWindows(PINNRegressor(HEAT), tol=-1.0), "tol must be"),
        (TimeWindows(PINNRegressor(HEAT), first=2.0), "first is a part"),
        (TimeWindows(PINNRegressor(HEAT), growth=1.0), "growth must be"),
    ],
)
def test_bad_input_says_what_to_do(model, message):
    with pytest.raises(ValueError, match=message):
        model.fit(np.ones((3, 2)))
    assert not [name for name in vars(model) if name.endswith("_")]
