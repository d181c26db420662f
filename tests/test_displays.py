import numpy as np
import pytest

from pinnlearn import PINNRegressor, problems
from pinnlearn.displays import SMALLEST_ERROR, plot_solution
from pinnlearn.metrics import exact_solution
from pinnlearn.pdes import Poisson

pytest.importorskip("matplotlib")


def fitted(pde):
    X = pde.sample(60, 30, random_state=0)
    return PINNRegressor(pde=pde, width=15, learning_rate=0.5, max_iter=3, random_state=0).fit(X)


def test_curves_are_those_of_solution_prediction_and_error():
    model = fitted(problems.poisson_1d())
    curves, error = plot_solution(model).axes
    exact, predicted = (line.get_ydata() for line in curves.lines)
    X = curves.lines[0].get_xdata()[:, None]
    np.testing.assert_array_equal(exact, exact_solution(model.pde_, X))
    np.testing.assert_array_equal(predicted, model.predict(X))
    np.testing.assert_array_equal(error.lines[0].get_ydata(), np.maximum(np.abs(predicted - exact), SMALLEST_ERROR))
    assert error.get_yscale() == "log"


@pytest.mark.parametrize(
    ("make", "labels"),
    [
        (problems.poisson_2d, ("x", "y")),
        (problems.heat_1d, ("x", "t")),
        (problems.poisson_10d, ("$x_1$", "$x_2$")),
    ],
)
def test_images_are_those_of_solution_prediction_and_error(make, labels):
    model = fitted(make())
    axes = [ax for ax in plot_solution(model).axes if ax.get_xlabel() == labels[0]]
    assert [(ax.get_xlabel(), ax.get_ylabel()) for ax in axes] == [labels] * 3
    exact, predicted, error = (ax.collections[0].get_array() for ax in axes)
    np.testing.assert_allclose(np.abs(predicted - exact), error, atol=2 * SMALLEST_ERROR)
    # The point in the lower left corner, and the one to its right: the first axis runs along x.
    lower, upper = model.pde_.domain.bounds
    corner = np.array([(lower + upper) / 2] * 2)
    corner[:, :2] = lower[:2]
    corner[1, 0] += (upper[0] - lower[0]) / (exact.shape[1] - 1)
    np.testing.assert_allclose(predicted[0, :2], model.predict(corner), atol=1e-12)
    np.testing.assert_allclose(exact[0, :2], exact_solution(model.pde_, corner), atol=1e-12)


def test_parity_in_many_dimensions():
    parity = next(ax for ax in plot_solution(fitted(problems.poisson_10d())).axes if ax.get_xlabel() == "exact")
    assert len(parity.lines[1].get_xdata()) >= 1000


def test_what_cannot_be_drawn_is_told():
    X = np.random.default_rng(0).uniform(size=(20, 2))
    with pytest.raises(ValueError, match="with a domain"):
        plot_solution(PINNRegressor(width=5, random_state=0).fit(X, X[:, 0]))
    with pytest.raises(ValueError, match="no exact solution"):
        plot_solution(fitted(Poisson(problems.poisson_1d().domain)))
