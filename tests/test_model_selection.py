import numpy as np
import pytest
import sklearn
from sklearn.model_selection import GridSearchCV, cross_validate

from pinnlearn import PINNRegressor, problems, stack_points
from pinnlearn.conditions import Dirichlet, Neumann
from pinnlearn.domains import Box
from pinnlearn.metrics import residual_scorer, solution_scorer
from pinnlearn.model_selection import RegionKFold
from pinnlearn.pdes import PDE, Poisson
from tests.problems import wave

INTERVAL = problems.poisson_1d()


def folds(splitter, X, y=None, **options):
    return list(splitter.split(X, y, **options))


def test_folds_share_out_every_region():
    pde = problems.heat_1d()
    X = pde.sample(100, 60, random_state=0)
    regions = pde.domain.region(X)
    tested = []
    for train, test in folds(RegionKFold(5, pde=pde), X):
        assert sorted([*train, *test]) == list(range(160))
        tested += list(test)
        counts = [(regions[test] == name).sum() for name in ("interior", "boundary", "initial")]
        assert counts == [20, 8, 4]
    assert sorted(tested) == list(range(160))


def test_conditions_of_one_region_are_told_apart():
    left, right = (lambda x: x[:, 0] == 0), (lambda x: x[:, 0] == 1)
    conditions = [Dirichlet(0.0, where=left), Neumann(0.0, where=right)]
    pde = PDE(Box([0, 0], [1, 1]), equation=lambda x, u: u.laplacian, conditions=conditions)
    X = pde.sample(30, 80, random_state=0)
    for _, test in folds(RegionKFold(3, pde=pde), X):
        assert (X[test, 0] == 0).sum() in (6, 7)
        assert (X[test, 0] == 1).sum() in (6, 7)


def test_a_region_too_small_to_share_out_is_in_every_fold():
    X = INTERVAL.sample(100, 2, random_state=0)
    ends = set(np.flatnonzero(INTERVAL.domain.on_boundary(X)))
    for train, test in folds(RegionKFold(5, pde=INTERVAL), X):
        assert ends <= set(train)
        assert ends <= set(test)
        assert set(train) & set(test) == ends
        assert len(test) == 22


def test_shuffling_is_seeded():
    X = INTERVAL.sample(60, 20, random_state=0)
    splitter = RegionKFold(3, pde=INTERVAL, shuffle=True, random_state=0)
    first, second = folds(splitter, X), folds(splitter, X)
    assert all(
        np.array_equal(a, b) for one, two in zip(first, second, strict=True) for a, b in zip(one, two, strict=True)
    )
    assert not np.array_equal(first[0][1], folds(RegionKFold(3, pde=INTERVAL), X)[0][1])


def test_without_a_pde_known_values_and_regions_tell_rows_apart():
    X, y = stack_points(np.zeros((30, 1)), np.ones((9, 1)), np.zeros(9), random_state=0)
    for _, test in folds(RegionKFold(3), X, y):
        assert (~np.isnan(y[test])).sum() == 3
    region = np.where(np.isnan(y), "interior", "boundary")
    for _, test in folds(RegionKFold(3), X, region=region):
        assert (region[test] == "boundary").sum() == 3


def test_a_fold_without_anything_to_pin_the_solution_down_is_named():
    X = INTERVAL.sample(60, 0, random_state=0)
    with pytest.raises(ValueError, match=r"fold 0 of 3 would train on 40 rows without any boundary.*add such rows"):
        folds(RegionKFold(3, pde=INTERVAL), X)


def test_folds_that_make_no_sense_say_so():
    X = INTERVAL.sample(60, 2, random_state=0)
    with pytest.raises(ValueError, match=r"cannot tell boundary rows.*RegionKFold\(pde=\.\.\.\)"):
        folds(RegionKFold(3), X)
    with pytest.raises(ValueError, match="n_splits=40 is too many for 62 rows"):
        folds(RegionKFold(40, pde=INTERVAL), X)


def test_it_is_a_splitter_of_scikit_learn():
    splitter = RegionKFold(4, pde=Poisson(Box([0, 0], [1, 1])))
    assert splitter.get_n_splits() == 4
    assert "n_splits=4, pde=Poisson(domain=Box(lower=[0, 0], upper=[1, 1]))" in " ".join(repr(splitter).split())


# Cross-validation and searches.


def test_cross_validation_of_a_hundred_points_and_two_ends_never_lacks_the_boundary():
    X = INTERVAL.sample(100, 2, random_state=0)
    scoring = {"error": solution_scorer, "residual": residual_scorer}
    model = PINNRegressor(pde=INTERVAL, random_state=0)
    result = cross_validate(model, X, cv=RegionKFold(5, pde=INTERVAL), scoring=scoring)
    # Without one of its ends the solution is off by a linear function.
    assert -result["test_error"].min() < 1e-10
    assert -result["test_residual"].min() < 1e-10


@pytest.fixture
def regions_only():
    """A problem that knows neither its domain nor values on the boundary, and the regions of its points."""
    X = INTERVAL.sample(60, 20, random_state=0)
    return PINNRegressor(pde=Poisson(source=INTERVAL.source), random_state=0), X, INTERVAL.domain.region(X)


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_region_is_routed_to_fit_score_and_split_with_no_call_by_the_user(regions_only, n_jobs):
    model, X, region = regions_only
    with sklearn.config_context(enable_metadata_routing=True):
        result = cross_validate(
            model, X, cv=RegionKFold(3), params={"region": region}, error_score="raise", n_jobs=n_jobs
        )
        assert result["test_score"].min() > 1 - 1e-9
        search = GridSearchCV(model, {"width": [20, 40]}, cv=RegionKFold(3), error_score="raise", n_jobs=n_jobs)
        assert search.fit(X, region=region).best_score_ > 1 - 1e-9
        assert search.score(X, region=region) > 1 - 1e-9


def test_without_routing_region_reaches_fit_and_score_says_what_it_lacks(regions_only):
    model, X, region = regions_only
    search = GridSearchCV(model, {"width": [20, 40]}, cv=3, scoring=lambda model, X, y=None: 0.0)
    assert search.fit(X, region=region).best_estimator_.loss_weights_.keys() == {"interior", "boundary"}
    with pytest.raises(ValueError, match=r"region=.*enable_metadata_routing=True"):
        cross_validate(model, X, cv=3, params={"region": region}, error_score="raise")


# What a search selects: the errors are those of the very models that were scored, on rows that were left out.


def cubic(x, u):
    return -u.laplacian + u.value**3 - 3 * wave(x) - wave(x) ** 3


PROBLEMS = {
    "2D Poisson": problems.poisson_2d(),  # all boundary values are zero
    "heat": problems.heat_1d(),
    "cubic": PDE(Box([0.0, 0.0], [1.0, 1.0]), equation=cubic, conditions=[Dirichlet(wave)], solution=wave),
}


def default_score(model, X, y=None):
    return model.score(X)


def interior_score(model, X, y=None):
    """What a score must not be: the residual of the PDE alone."""
    return -float(np.sqrt(np.mean(model.residual(X) ** 2)))


def search(pde, grid, n_interior):
    """The true error of each cell of a grid, and of the cells that the default score and the PDE alone choose."""
    X = pde.sample(n_interior, 120, random_state=0)
    model = PINNRegressor(pde=pde, trainable="hidden", init="gaussian", max_iter=50, random_state=0)
    scoring = {"true": solution_scorer, "default": default_score, "interior": interior_score}
    cv = RegionKFold(3, pde=pde)
    results = GridSearchCV(model, grid, cv=cv, n_jobs=2, refit=False, scoring=scoring).fit(X).cv_results_
    errors = -results["mean_test_true"]
    return errors, *(errors[results[f"mean_test_{name}"].argmax()] for name in ("default", "interior"))


@pytest.mark.filterwarnings("ignore:The equations are (not )?solved")  # some of a grid are not
@pytest.mark.slow
@pytest.mark.parametrize("name", PROBLEMS)
def test_the_default_score_picks_a_model_near_the_best_of_the_grid(name):
    grid = {"learning_rate": [0.02, 0.1, 0.5, 1.0], "width": [20, 60, 180]}
    errors, chosen, _ = search(PROBLEMS[name], grid, 900)
    assert errors.max() > 30 * errors.min()
    assert chosen < 3 * errors.min()


@pytest.mark.filterwarnings("ignore:The equations are (not )?solved")  # networks that are too small
@pytest.mark.parametrize("name", PROBLEMS)
def test_it_does_so_among_boundary_weights_where_the_pde_alone_picks_one_that_ignores_the_boundary(name):
    # Networks too small to satisfy both: a small weight gives up the boundary.
    weights = [{"boundary": 10.0**k} for k in (-3, -1, 1, 3)]
    errors, chosen, by_pde_alone = search(
        PROBLEMS[name], {"learning_rate": [0.1, 0.5], "width": [6, 12], "loss_weights": weights}, 300
    )
    assert chosen < 10 * errors.min()
    if name == "2D Poisson":  # the interior of zero boundary values says nothing of them
        assert by_pde_alone > 0.9
    assert by_pde_alone > 2 * chosen
