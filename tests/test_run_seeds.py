import warnings

import joblib
import numpy as np
import pytest
import torch
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from pinnlearn import PINNRegressor, problems
from pinnlearn.metrics import log_solution_scorer, solution_scorer
from pinnlearn.model_selection import run_seeds

PDE = problems.poisson_2d()
X = PDE.sample(60, 20, random_state=0)
X_NEW = PDE.domain.sample_interior(50, np.random.default_rng(1), "uniform")


def small(**parameters):
    return PINNRegressor(**{"pde": PDE, "learning_rate": 0.5, "width": 20, "max_iter": 5} | parameters)


class FailsForSeedTwo(PINNRegressor):
    def fit(self, X, y=None, region=None):
        if self.random_state == 2:
            raise RuntimeError("out of luck")
        return super().fit(X, y, region)


def test_each_seed_gives_the_fit_of_that_seed():
    results = run_seeds(small(), X, seeds=[3, 0], scoring=solution_scorer, X_test=X_NEW, return_estimator=True)
    assert set(results) == {"seed", "fit_time", "n_iter", "loss", "test_score", "estimator"}
    assert results["seed"].tolist() == [3, 0]
    for k, seed in enumerate([3, 0]):
        alone = small(random_state=seed).fit(X)
        assert results["estimator"][k].random_state == seed
        # One thread or two round differently.
        assert results["loss"][k] == pytest.approx(alone.loss_, rel=1e-6)
        assert results["test_score"][k] == pytest.approx(solution_scorer(alone, X_NEW), rel=1e-6)
        assert results["n_iter"][k] == alone.n_iter_
    assert (results["fit_time"] > 0).all()


@pytest.fixture
def _two_threads():
    """Two threads of torch, whose sums are rounded otherwise than those of one."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("_two_threads")
@pytest.mark.parametrize(("backend", "n_jobs"), [("loky", 2), ("threading", 2), ("threading", 3)])
def test_results_are_the_same_however_they_are_shared_out(backend, n_jobs):
    # Steps with adaptive damping magnify a difference in the last digit.
    model = small(optimizer="ngd", learning_rate=0.5, max_iter=40, width=60)
    alone = run_seeds(model, X, seeds=3)
    with joblib.parallel_config(backend):
        together = run_seeds(model, X, seeds=3, n_jobs=n_jobs)
    for name in ("seed", "n_iter", "loss", "test_score"):
        np.testing.assert_array_equal(alone[name], together[name])


def test_several_scorers_have_a_column_each():
    scoring = {"error": solution_scorer, "digits": log_solution_scorer}
    results = run_seeds(small(), X, seeds=2, scoring=scoring)
    np.testing.assert_allclose(results["test_digits"], -np.log10(-results["test_error"]))
    y = PDE.solution(torch.tensor(X)).numpy()
    assert set(run_seeds(small(), X, y, seeds=1, scoring=["r2", "neg_max_error"])) >= {"test_r2", "test_neg_max_error"}


def test_a_seed_that_fails_is_named_and_the_others_stay():
    model = FailsForSeedTwo(**small().get_params(deep=False))
    with pytest.warns(FitFailedWarning, match=r"1 of 4 fits failed, and their figures are NaN: seed 2.*\n.*") as caught:
        results = run_seeds(model, X, seeds=4, return_estimator=True)
    assert "out of luck" in str(caught[0].message)
    assert np.isnan(results["loss"]).tolist() == [False, False, True, False]
    assert np.isnan(results["test_score"]).tolist() == [False, False, True, False]
    assert results["estimator"][2] is None
    assert results["seed"].tolist() == [0, 1, 2, 3]


def test_where_all_fail_it_is_an_error():
    with pytest.raises(ValueError, match=r"All 2 fits failed(.|\n)*width must be 'auto', an integer"):
        run_seeds(small(width=-1), X, seeds=2)


def test_seeds_reach_into_pipelines():
    pipeline = make_pipeline(FunctionTransformer(), small())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        results = run_seeds(pipeline, X, seeds=2, scoring=lambda model, X, y: model[-1].score(X))
    assert results["n_iter"].tolist() == [5, 5]
    assert results["loss"][0] != results["loss"][1]


@pytest.mark.parametrize("seeds", [0, -1, [], [0, -1], [0.5]])
def test_bad_seeds_are_told(seeds):
    with pytest.raises(ValueError, match="seeds must be a number of seeds >= 1, or a list of integers >= 0"):
        run_seeds(small(), X, seeds=seeds)


def test_an_estimator_without_seeds_is_told():
    with pytest.raises(ValueError, match=r"LinearRegression\(\) has no random_state"):
        run_seeds(LinearRegression(), X, X[:, 0])
