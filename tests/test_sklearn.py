"""That the estimator is one of scikit-learn's, beyond the checks that scikit-learn runs itself."""

import copy
import pickle
import warnings
from functools import partial

import cloudpickle
import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
import torch
from sklearn.base import clone
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import estimator_checks_generator
from sklearn.utils.fixes import parse_version

from pinnlearn import NGD, PINNRegressor, problems
from pinnlearn.conditions import Condition, Dirichlet, Initial, Neumann, Periodic, Robin
from pinnlearn.domains import Box, Interval, SpaceTime
from pinnlearn.model_selection import RegionKFold
from pinnlearn.pdes import PDE, Heat, Helmholtz, Poisson
from tests.problems import small as small_model

SQUARE = Poisson(Box([0.0, 0.0], [1.0, 1.0]), source=1.0)
X = SQUARE.sample(60, 30, random_state=0)
NAMES = ["x", "y"]
small = partial(small_model, pde=SQUARE)

CHECKS = [
    pytest.param(estimator, check, id=f"{kind}-{check.func.__name__}")
    for kind, pde in {"regression": None, "PDE": Poisson()}.items()
    for estimator, check in estimator_checks_generator(PINNRegressor(pde=pde, random_state=0))
]


@pytest.mark.parametrize(("estimator", "check"), CHECKS)
def test_scikit_learn_checks(estimator, check):
    check(clone(estimator))


# Dataframes.

FRAMES = {
    "pandas": pd.DataFrame(X, columns=NAMES),
    "polars": pl.DataFrame(X, schema=NAMES),
}


def keeps_names(frame):
    """Whether this version of scikit-learn reads the names of this version of the library."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return hasattr(LinearRegression().fit(frame, X[:, 0]), "feature_names_in_")


LIBRARIES = [
    pytest.param(
        library,
        marks=[
            pytest.mark.skipif(not keeps_names(frame), reason="this scikit-learn reads no names of it"),
            pytest.mark.filterwarnings("ignore:Support for the dataframe interchange:DeprecationWarning"),
        ],
    )
    for library, frame in FRAMES.items()
]
each_library = pytest.mark.parametrize("library", LIBRARIES)


@each_library
def test_column_names_are_kept_and_checked(library):
    frame = FRAMES[library]
    model = small().fit(frame)
    assert model.feature_names_in_.tolist() == NAMES
    np.testing.assert_array_equal(model.predict(frame), small().fit(X).predict(X))
    assert model.score(frame) == small().fit(X).score(X)  # with warnings as errors: names are there throughout
    for method in ("predict", "score", "residual", "gram", "derivative"):
        with pytest.raises(ValueError, match=r"feature names should match[^|]*same order"):
            getattr(model, method)(frame[["y", "x"]])


@each_library
def test_frames_pass_through_a_pipeline_with_set_output(library):
    pipeline = make_pipeline(FunctionTransformer(), small()).set_output(transform=library)
    pipeline.fit(FRAMES[library])
    assert pipeline[-1].feature_names_in_.tolist() == NAMES
    np.testing.assert_array_equal(pipeline.predict(FRAMES[library]), small().fit(X).predict(X))


@each_library
def test_known_values_may_be_a_column_of_a_frame(library):
    y = np.where(SQUARE.domain.on_boundary(X), 0.0, np.nan)
    column = {"pandas": pd.Series, "polars": pl.Series}[library](y)
    model = small(pde=Poisson(source=1.0)).fit(FRAMES[library], column)
    expected = small(pde=Poisson(source=1.0)).fit(X, y).predict(X)
    np.testing.assert_array_equal(model.predict(FRAMES[library]), expected)


# Display.


def test_html_repr_shows_the_equation_and_survives_every_state():
    for model in (small(), small().fit(X), PINNRegressor(), PINNRegressor(width=-1, optimizer=None, pde="no")):
        html = model._repr_html_()
        assert "PINNRegressor" in html
    assert "Poisson" in small()._repr_html_()


REPRS = {
    "Poisson(domain=Box(lower=[0, 0], upper=[1, 1]), source=2.0)": Poisson(Box([0, 0], [1, 1]), source=2.0),
    "Helmholtz(wavenumber=3.0, boundary=None)": Helmholtz(wavenumber=3.0, boundary=None),
    "Heat(domain=SpaceTime(space=Interval(a=0, b=1), t_start=0, t_end=2), diffusivity=0.5)": Heat(
        SpaceTime(Interval(0, 1), 0, 2), diffusivity=0.5
    ),
    "PDE(conditions=[Dirichlet(value=1.0), Initial(value=0.0), Neumann(flux=2.0), Robin(a=1.0, b=2.0, value=3.0), "
    "Periodic(axis=1)])": PDE(
        conditions=[Dirichlet(1.0), Initial(0.0), Neumann(2.0), Robin(1.0, 2.0, 3.0), Periodic(1)]
    ),
    "NGD(learning_rate=0.1, damping=1e-08)": NGD(0.1, damping=1e-8),
    "PINNRegressor(pde=Poisson(domain=Interval(a=0, b=1)), width=30)": PINNRegressor(Poisson(Interval(0, 1)), width=30),
}


@pytest.mark.parametrize("text", REPRS)
def test_reprs_evaluate_to_an_equal_object(text):
    value = REPRS[text]
    assert repr(value) == text
    again = eval(text)
    assert again.get_params() == value.get_params()


def test_reprs_name_functions_and_have_no_addresses():
    assert repr(problems.poisson_2d()).endswith("source=_sine_sine_source, solution=_sine_sine)")
    assert repr(Poisson(source=lambda x: x)) == "Poisson(source=<lambda>)"
    assert " at 0x" not in repr(PINNRegressor(pde=problems.poisson_2d()))


# Parameters.


def test_nested_parameters_are_reached_set_and_cloned():
    model = PINNRegressor(pde=Helmholtz(Box([0, 0], [1, 1])), optimizer=NGD())
    assert {"pde__wavenumber", "pde__domain__upper", "optimizer__damping"} <= set(model.get_params())
    changed = clone(model).set_params(pde__wavenumber=2.0, optimizer__damping=1e-6, pde__domain__upper=[2.0, 2.0])
    assert (changed.pde.wavenumber, changed.optimizer.damping, changed.pde.domain.upper) == (2.0, 1e-6, [2.0, 2.0])
    assert clone(changed).pde == changed.pde != model.pde
    assert model.pde == Helmholtz(Box([0, 0], [1, 1]))


def test_a_search_over_nested_parameters():
    pde = PDE(Interval(0, 1), equation=decay, conditions=[Dirichlet(1.0, where=at_start)])
    points = pde.sample(40, 10, random_state=0)
    grid = {"optimizer__damping": [1e-4, 1.0], "pde__domain": [Interval(0, 1)]}
    model = PINNRegressor(pde=pde, optimizer=NGD(learning_rate=0.5, max_iter=20), width=20, random_state=0)
    search = GridSearchCV(model, grid, cv=RegionKFold(3, pde=pde), error_score="raise").fit(points)
    assert search.best_params_["optimizer__damping"] == 1e-4


def decay(x, u):
    return u.d(0) + u.value


def at_start(x):
    return x[:, 0] == 0


# Copies.


def test_lambdas_travel_through_parallel_jobs():
    pde = Poisson(Interval(0.0, 1.0), source=lambda x: torch.ones_like(x[:, 0]), boundary=lambda x: 0 * x[:, 0])
    points = pde.sample(40, 20, random_state=0)
    model = PINNRegressor(pde=pde, width=20, random_state=0)
    one, two = (cross_val_predict(model, points, cv=3, n_jobs=n_jobs) for n_jobs in (1, 2))
    np.testing.assert_allclose(one, two, atol=1e-9)
    (fitted,) = joblib.Parallel(n_jobs=2)([joblib.delayed(model.fit)(points)])
    assert fitted.predict([[0.5]]) == pytest.approx(0.125)


LAMBDAS = {
    "source=<lambda> of Poisson": Poisson(source=lambda x: x[:, 0]),
    "value=<lambda> of Dirichlet": PDE(conditions=[Dirichlet(lambda x: x[:, 0])]),
    "where=<lambda> of Condition": PDE(conditions=[Condition(decay, where=lambda x: x[:, 0] == 0)]),
    "callbacks=<lambda> of PINNRegressor": PINNRegressor(callbacks=[print, lambda progress: False]),
}


@pytest.mark.parametrize("name", LAMBDAS)
@pytest.mark.parametrize(
    "dump", [pickle.dumps, lambda model: joblib.dump(model, "/dev/null")], ids=["pickle", "joblib"]
)
def test_plain_pickle_of_a_lambda_names_it_and_the_remedy(name, dump):
    value = LAMBDAS[name]
    model = value if isinstance(value, PINNRegressor) else PINNRegressor(pde=value)
    with pytest.raises(pickle.PicklingError, match=rf"Can't pickle {name}: .*Write it with def .* cloudpickle\.dump"):
        dump(model)


def test_a_local_function_is_named_too():
    def source(x):
        return x[:, 0]

    with pytest.raises(pickle.PicklingError, match="source=<source> of Poisson"):
        pickle.dumps(Poisson(source=source))


@pytest.mark.parametrize("name", LAMBDAS)
def test_cloudpickle_and_copy_take_lambdas(name):
    value = LAMBDAS[name]
    for again in (pickle.loads(cloudpickle.dumps(value)), copy.deepcopy(value), copy.copy(value)):
        assert repr(again) == repr(value)
        assert set(vars(again)) == set(vars(value))
    assert copy.deepcopy(value).get_params().keys() == value.get_params().keys()


def test_functions_with_a_name_are_pickled_and_stay_equal():
    pde = PDE(Interval(0, 1), equation=decay, conditions=[Dirichlet(1.0, where=at_start)])
    assert pickle.loads(pickle.dumps(pde)) == pde


def test_a_model_of_another_version_warns_and_predicts():
    model = small().fit(X)
    state = pickle.dumps(model).replace(b"0.1.0", b"0.0.9")
    with pytest.warns(UserWarning, match=r"saved with pinnlearn 0\.0\.9, and this is 0\.1\.0.*[Ff]it it again"):
        old = pickle.loads(state)
    np.testing.assert_array_equal(old.predict(X), model.predict(X))
    assert not [name for name in vars(old) if "version" in name]


# Metadata.


def test_region_passes_through_pipelines_with_and_without_routing():
    region = SQUARE.domain.region(X)
    expected = small(pde=Poisson(source=1.0)).fit(X, region=region).predict(X)
    pipeline = make_pipeline(FunctionTransformer(), small(pde=Poisson(source=1.0)))
    np.testing.assert_array_equal(pipeline.fit(X, pinnregressor__region=region).predict(X), expected)
    with sklearn.config_context(enable_metadata_routing=True):
        np.testing.assert_array_equal(pipeline.fit(X, region=region).predict(X), expected)
        direct = small(pde=Poisson(source=1.0)).fit(X, region=region).score(X, region=region)
        assert pipeline.score(X, region=region) == pytest.approx(direct)


@pytest.mark.skipif(
    parse_version(sklearn.__version__) < parse_version("1.8"),
    reason="a search before scikit-learn 1.8 sends no metadata to the score of a pipeline, whatever its estimator",
)
def test_region_passes_through_a_search_over_a_pipeline():
    region = SQUARE.domain.region(X)
    pipeline = make_pipeline(FunctionTransformer(), small(pde=Poisson(source=1.0)))
    with sklearn.config_context(enable_metadata_routing=True):
        grid = {"pinnregressor__width": [5, 12]}
        search = GridSearchCV(pipeline, grid, cv=RegionKFold(3), n_jobs=2, error_score="raise")
        assert np.isfinite(search.fit(X, region=region).cv_results_["mean_test_score"]).all()
