"""Warnings point at the line of the user's call, once a fit."""

import inspect
import warnings

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from pinnlearn import problems
from pinnlearn.conditions import Dirichlet
from pinnlearn.domains import Box
from pinnlearn.pdes import PDE
from tests.problems import small

# No row of X lies where x = 2: the condition is not imposed.
SUSPICIOUS = PDE(
    Box([0, 0], [1, 1]),
    equation=lambda x, u: u.laplacian,
    conditions=[Dirichlet(0.0), Dirichlet(1.0, where=lambda x: x[:, 0] == 2, name="nowhere")],
)
X = SUSPICIOUS.sample(40, 40, random_state=0)


def fit_in(wrap):
    """The warnings of a fit, and the line of the call."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        line = inspect.currentframe().f_lineno + 1
        wrap(small(SUSPICIOUS)).fit(X)
    return [warning for warning in seen if "nowhere" in str(warning.message)], line


WRAPPED = {
    "alone": lambda model: model,
    "pipeline": lambda model: make_pipeline(FunctionTransformer(), model),
    "pipelines": lambda model: make_pipeline(make_pipeline(model)),
}


@pytest.mark.parametrize("name", WRAPPED)
def test_a_warning_is_given_once_at_the_users_line(name):
    seen, line = fit_in(WRAPPED[name])
    assert [(warning.filename, warning.lineno) for warning in seen] == [(__file__, line)]


def test_a_search_warns_at_the_users_line_too():
    seen, line = fit_in(lambda model: GridSearchCV(model, {"width": [5]}, cv=2))
    assert {(warning.filename, warning.lineno) for warning in seen} == {(__file__, line)}


def test_a_fit_in_a_callback_warns_where_that_calls_it():
    lines = []

    def again(progress):
        lines.append(inspect.currentframe().f_lineno + 1)
        small(SUSPICIOUS).fit(X)
        return True

    pde = problems.poisson_1d()
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        small(pde, callbacks=[again]).fit(pde.sample(20, 2, random_state=0))
    assert [warning.lineno for warning in seen if "nowhere" in str(warning.message)] == lines


def test_what_is_found_is_data_and_only_fit_warns():
    with pytest.warns(UserWarning, match="nowhere is not imposed"):
        model = small(SUSPICIOUS).fit(X)
    (finding,) = model.findings_
    assert finding.kind == "unmet condition"
    assert f"note: {finding.message}" in str(model.describe())
    model.score(X), model.residual(X), model.gram(X)  # warnings are errors here


@pytest.mark.parametrize("end", [np.pi, 0.7])
def test_float32_points_lie_on_the_boundary_for_all_who_pose_them(end):
    from pinnlearn.displays import PointsDisplay
    from pinnlearn.domains import Interval
    from pinnlearn.model_selection import RegionKFold
    from pinnlearn.pdes import Poisson
    from pinnlearn.posing.rows import Rows
    from pinnlearn.theory import gram_spectrum, pose

    pde = Poisson(Interval(0, end), source=1.0)
    points = np.append(np.linspace(0.1, 0.6, 8), [0.0, 0.0, end, end]).astype(np.float32)[:, None]
    assert small(pde).fit(points).groups_["boundary"]["rows"] == 4
    assert len(PointsDisplay.from_pde(pde, points).points["boundary"]) == 4
    assert pose(pde, points).template.n_rows_in("boundary") == 4
    assert len(gram_spectrum(pde, points, width=30, random_state=0).eigenvalues) == 12
    train, _ = next(RegionKFold(2, pde=pde).split(points))
    assert (train >= 8).sum() == 2  # half of the four boundary rows, shared out as a kind of their own
    model = small(pde).fit(points)
    assert model.score(points) == model.score(Rows.of(pde, points).X)
