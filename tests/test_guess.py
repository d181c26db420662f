"""Where a fit starts: `initial_guess`, and what is taken where equations have no slope at u = 0."""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import solve_bvp, solve_ivp
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV

from pinnlearn import PINNRegressor, relative_l2_error
from pinnlearn.conditions import Dirichlet, Initial
from pinnlearn.domains import Interval, Time
from pinnlearn.model_selection import RegionKFold
from pinnlearn.optimizers import NGD
from pinnlearn.pdes import PDE

UNIT = Interval(0.0, 1.0)
X_NEW = np.linspace(0, 1, 101)[:, None]
# What 60 rows tell of a peak of height 4.
RESOLVED = 1e-6


def bratu(strength=1.0):
    return PDE(UNIT, equation=lambda x, u: u.d(0, 0) + strength * torch.exp(u.value), conditions=[Dirichlet(0.0)])


def hat(height):
    return lambda x: height * torch.sin(math.pi * x[:, 0])


def by_scipy(acceleration, ends, height):
    """u'' = acceleration(u) between two end values, from a sine of this height on the line between them."""
    x = np.linspace(0, 1, 200)
    line = ends[0] + (ends[1] - ends[0]) * x
    start = np.stack([line + height * np.sin(np.pi * x), ends[1] - ends[0] + height * np.pi * np.cos(np.pi * x)])
    solved = solve_bvp(
        lambda x, y: np.stack([y[1], acceleration(y[0])]),
        lambda a, b: np.array([a[0] - ends[0], b[0] - ends[1]]),
        x,
        start,
        tol=1e-10,
        max_nodes=20_000,
    )
    assert solved.success
    return solved.sol(X_NEW[:, 0])[0]


def fitted(pde, **parameters):
    return PINNRegressor(pde, random_state=0, **parameters).fit(pde.sample(60, 2, random_state=0))


# Bratu's equation has two solutions, and a fit says so.
@pytest.mark.filterwarnings("ignore:the equations have another solution")
class TestBothSolutionsOfBratu:
    upper = by_scipy(lambda u: -np.exp(u), (0.0, 0.0), 4.5)
    lower = by_scipy(lambda u: -np.exp(u), (0.0, 0.0), 0.0)

    def test_each_is_reached_from_near_it(self):
        assert relative_l2_error(self.upper, self.lower) > 0.9
        for guess, expected in [(hat(4.5), self.upper), (hat(0.1), self.lower), (0.0, self.lower)]:
            model = fitted(bratu(), initial_guess=guess)
            assert relative_l2_error(expected, model.predict(X_NEW)) < RESOLVED
            assert model.stop_reason_.startswith("tol")

    def test_from_the_other_solution_that_a_fit_tells(self):
        other = fitted(bratu()).verification_.other
        model = fitted(bratu(), initial_guess=other)
        assert relative_l2_error(self.upper, model.predict(X_NEW)) < RESOLVED
        assert relative_l2_error(self.lower, model.verification_.other.predict(X_NEW)) < 1e-2

    def test_from_a_fitted_model_of_another_strength(self):
        before = fitted(bratu(1.2), initial_guess=hat(4.0))
        for guess in (before, before.predict, FrozenEstimator(before)):
            model = fitted(bratu(), initial_guess=guess)
            assert relative_l2_error(self.upper, model.predict(X_NEW)) < RESOLVED

    @pytest.mark.parametrize("parameters", [{"optimizer": NGD(learning_rate=1.0), "max_iter": 60, "width": 40}])
    def test_optimizers_start_there_too(self, parameters):
        model = fitted(bratu(), initial_guess=hat(4.09), **parameters)
        assert relative_l2_error(self.upper, model.predict(X_NEW)) < 1e-3

    def test_a_search_takes_guesses_as_a_parameter(self):
        pde, guesses = bratu(), [0.0, hat(4.5)]
        search = GridSearchCV(
            PINNRegressor(pde, random_state=0),
            {"initial_guess": guesses},
            cv=RegionKFold(2, pde=pde),
            error_score="raise",
        ).fit(pde.sample(60, 4, random_state=0))
        assert search.best_params_["initial_guess"] in guesses
        assert (search.cv_results_["mean_test_score"] > 0.99).all()

    def test_several_layers_start_there(self):
        model = fitted(bratu(), initial_guess=hat(4.09), width=(20, 20), max_iter=1)
        assert relative_l2_error(self.upper, model.predict(X_NEW)) < 0.1


@pytest.mark.parametrize(
    ("rate", "by_numpy"),
    [(lambda u: torch.sqrt(u), np.sqrt), (lambda u: 1 / u, lambda u: 1 / u), (lambda u: torch.log(u), np.log)],
    ids=["root", "reciprocal", "logarithm"],
)
def test_where_there_is_no_slope_at_zero_a_fit_starts_at_the_values_of_the_conditions(rate, by_numpy):
    pde = PDE(UNIT, equation=lambda x, u: u.d(0, 0) - rate(u.value), conditions=[Dirichlet(lambda x: 2 + 3 * x[:, 0])])
    model = fitted(pde)
    assert relative_l2_error(by_scipy(by_numpy, (2.0, 5.0), 0.0), model.predict(X_NEW)) < RESOLVED
    assert model.stop_reason_.startswith("tol")


def test_what_is_marched_starts_at_its_initial_values():
    pde = PDE(Time(0.0, 3.0), equation=lambda x, u: u.dt + torch.sqrt(u.value), conditions=[Initial(4.0)])
    model = fitted(pde)
    exact = solve_ivp(lambda t, u: -np.sqrt(u), (0, 3), [4.0], rtol=1e-11, atol=1e-12, dense_output=True)
    assert relative_l2_error(exact.sol(3 * X_NEW[:, 0])[0], model.predict(3 * X_NEW)) < 1e-8


def test_a_guess_changes_no_answer_where_there_is_one():
    pde = PDE(UNIT, equation=lambda x, u: u.d(0, 0) - u.value - 1, conditions=[Dirichlet(0.0)])
    exact = np.cosh(X_NEW[:, 0] - 0.5) / np.cosh(0.5) - 1
    for guess in (None, 1.0, [1.0], hat(3.0), lambda x: np.asarray(x)[:, 0]):
        assert relative_l2_error(exact, fitted(pde, initial_guess=guess).predict(X_NEW)) < 1e-9


BAD = {
    "a word": ("up", "must be a number"),
    "too many numbers": ([1.0, 2.0, 3.0], "got \\(3,\\)"),
    "another shape": (lambda x: torch.ones(3), "shape"),
    "not finite": (lambda x: torch.log(-1 - x[:, 0]), "NaN or infinity"),
    "a model that is not fitted": (PINNRegressor(), "FrozenEstimator"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_guess_is_refused(name):
    guess, message = BAD[name]
    with pytest.raises(ValueError, match=message):
        fitted(bratu(), initial_guess=guess)


def test_hidden_training_carries_no_guess():
    with pytest.raises(ValueError, match="trainable='hidden'"):
        fitted(bratu(), initial_guess=1.0, trainable="hidden")


def test_a_clone_of_a_model_with_a_function_keeps_it():
    guess = hat(1.0)
    assert clone(PINNRegressor(initial_guess=guess)).initial_guess is guess
