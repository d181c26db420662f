import numpy as np
import pytest
import torch
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from pinnlearn import PINNRegressor, problems, relative_l2_error
from pinnlearn.evaluation import problem_at
from pinnlearn.metrics import (
    by_group,
    exact_solution,
    log_residual_scorer,
    log_solution_scorer,
    relative_residuals,
    residual_scorer,
    solution_scorer,
)
from pinnlearn.pdes import Poisson
from pinnlearn.posing.rows import Rows


def test_relative_l2_error():
    assert relative_l2_error([3.0, 4.0], [3.0, 4.0]) == 0.0
    assert relative_l2_error([3.0, 4.0], [0.0, 0.0]) == 1.0
    assert relative_l2_error([0.0], [0.0]) == 0.0
    with pytest.raises(ValueError, match=r"\(2,\) and \(1,\)"):
        relative_l2_error([1.0, 2.0], [1.0])


@pytest.fixture(scope="module")
def model():
    pde = problems.poisson_1d()
    return PINNRegressor(pde=pde, random_state=0).fit(pde.sample(40, 2, random_state=0))


def test_solution_scorer_is_minus_the_error(model):
    X = np.linspace(0, 1, 11)[:, None]
    assert solution_scorer(model, X) == -relative_l2_error(np.sin(np.pi * X[:, 0]), model.predict(X))
    with pytest.raises(ValueError, match="no exact solution"):
        exact_solution(Poisson(), X)


def test_residual_scorer_is_score_less_one(model):
    X = np.linspace(0, 1, 11)[:, None]
    assert residual_scorer(model, X) == pytest.approx(model.score(X) - 1.0)


@pytest.mark.parametrize("scorer", [solution_scorer, residual_scorer, log_solution_scorer, log_residual_scorer])
def test_scorers_reach_the_model_at_the_end_of_a_pipeline(model, scorer):
    X = np.linspace(0, 1, 11)[:, None]
    pipeline = make_pipeline(FunctionTransformer(lambda X: X / 2).fit(2 * X), model)
    assert scorer(pipeline, 2 * X) == scorer(model, X)


def test_log_scorers_are_the_digits_of_the_others(model):
    X = np.linspace(0, 1, 11)[:, None]
    assert 10 ** -log_solution_scorer(model, X) == pytest.approx(-solution_scorer(model, X))
    assert 10 ** -log_residual_scorer(model, X) == pytest.approx(-residual_scorer(model, X))
    nothing = Poisson(problems.poisson_1d().domain, solution=lambda x: torch.zeros_like(x[:, 0]))
    exact = PINNRegressor(pde=nothing, width=3, max_iter=1, random_state=0).fit(nothing.sample(10, 2, random_state=0))
    exact.output_weights_ = np.zeros(3)
    # u = 0 is exact: all the digits that there are, and no infinity in the mean over folds.
    assert 300 < log_solution_scorer(exact, X) == log_residual_scorer(exact, X) < np.inf


@pytest.mark.filterwarnings("ignore:The equations are (not )?solved")  # three units and a step
def test_relative_residual_by_hand():
    # u = 0 solves nothing of -u'' = 1, u(0) = u(1) = 2: interior ratio 1 (all of it is r_0), boundary ratio 1.
    model = PINNRegressor(
        pde=Poisson(problems.poisson_1d().domain, source=1.0, boundary=2.0), width=3, max_iter=1, random_state=0
    )
    model.fit(model.pde.sample(10, 2, random_state=0))
    model.output_weights_ = np.zeros(3)
    X = np.linspace(0, 1, 5)[:, None]
    assert model.relative_residual(X) == pytest.approx(1.0)
    # u = c: the boundary residual is c - 2, over max(c, 2); the interior is as before. Rows weigh nothing, groups do.
    model.hidden_weights_, model.hidden_bias_ = np.zeros((3, 1)), np.full(3, 0.5)
    model.output_weights_ = np.full(3, 1.0 / (np.tanh(0.5) * np.sqrt(3)))
    np.testing.assert_allclose(model.predict(X), 1.0)
    assert model.relative_residual(X) == pytest.approx(np.sqrt((1.0 + 0.25) / 2))
    problem = problem_at(model, Rows.of(model.pde_, X))
    ratios = relative_residuals(problem, torch.as_tensor(model.predict(X)), np.array([0.5]))
    assert ratios == pytest.approx({"the equation of Poisson": 1.0, "Dirichlet(value=2.0)": 0.5})
    assert by_group(problem, ratios) == pytest.approx({"interior": 1.0, "boundary": 0.5})


def test_exact_solution_is_numpy():
    X = np.linspace(0, 1, 4)[:, None]
    solution = exact_solution(problems.poisson_1d(), X)
    assert not isinstance(solution, torch.Tensor)
    np.testing.assert_allclose(solution, np.sin(np.pi * X[:, 0]))
