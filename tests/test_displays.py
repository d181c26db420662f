import numpy as np
import pytest
import torch
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from pinnlearn import GD, Adam, PINNRegressor, problems
from pinnlearn.conditions import Dirichlet
from pinnlearn.displays import (
    GramSpectrumDisplay,
    LossCurveDisplay,
    Panel,
    PointsDisplay,
    ResidualDisplay,
    SeedsDisplay,
    SolutionDisplay,
    plot_panels,
    plot_solution,
)
from pinnlearn.displays.sections import CELLS, CURVE_POINTS
from pinnlearn.domains import Box, Interval
from pinnlearn.metrics import NEW_POINTS, exact_solution, new_points, relative_l2_error
from pinnlearn.pdes import PDE, Poisson
from pinnlearn.theory import Spectrum

plt = pytest.importorskip("matplotlib.pyplot")


def fitted(pde):
    """A poor solution, so that exact and predicted values differ visibly."""
    X = pde.sample(60, 30, random_state=0)
    return PINNRegressor(pde=pde, width=15, learning_rate=0.5, max_iter=3, random_state=0).fit(X)


def without_solution(pde):
    return pde.set_params(solution=None)


def images(figure):
    """The pictures, by the title of their axes."""
    return {ax.get_title(): ax.images[0] for ax in figure.axes if ax.images}


def midpoints(domain):
    """The points of an image: the last of two loops runs along the first axis."""
    lower, upper = domain.bounds
    at = lower[:, None] + (upper - lower)[:, None] * (np.arange(CELLS) + 0.5) / CELLS
    rest = ((lower + upper) / 2)[2:]
    return np.array([[x, y, *rest] for y in at[1] for x in at[0]])


def test_curves_are_those_of_solution_prediction_and_error():
    model = fitted(problems.poisson_1d())
    curves, error = plot_solution(model).axes
    exact, predicted = (line.get_ydata() for line in curves.lines)
    X = curves.lines[0].get_xdata()[:, None]
    assert X[0] == 0
    assert X[-1] == 1
    np.testing.assert_array_equal(exact, exact_solution(model.pde_, X))
    np.testing.assert_array_equal(predicted, model.predict(X))
    np.testing.assert_array_equal(error.lines[0].get_ydata(), np.abs(predicted - exact))
    assert error.get_yscale() == "log"
    assert [text.get_text() for text in curves.get_legend().get_texts()] == ["exact", "prediction"]


def test_training_points_are_ticks():
    model = fitted(problems.poisson_1d())
    X = np.array([[0.25], [0.5], [0.75]])
    ticks = plot_solution(model, X).axes[0].lines[-1]
    assert ticks.get_label() == "training points"
    np.testing.assert_array_equal(ticks.get_xdata(), X[:, 0])
    with pytest.raises(ValueError, match="X must have shape"):
        plot_solution(model, X[:, 0])


@pytest.mark.parametrize(
    ("make", "labels"), [(problems.poisson_2d, ("x", "y")), (problems.heat_1d, ("x", "t"))], ids=["space", "space-time"]
)
def test_images_are_those_of_solution_prediction_and_error(make, labels):
    model = fitted(make())
    figure = plot_solution(model)
    drawn = images(figure)
    X = midpoints(model.pde_.domain)
    exact, predicted = exact_solution(model.pde_, X), model.predict(X)
    expected = {"exact": exact, "prediction": predicted, "|prediction - exact|": np.abs(predicted - exact)}
    assert list(drawn) == list(expected)
    for title, values in expected.items():
        np.testing.assert_allclose(drawn[title].get_array(), values.reshape(CELLS, CELLS), rtol=1e-12, atol=1e-12)
    assert [(ax.get_xlabel(), ax.get_ylabel()) for ax in figure.axes if ax.images] == [labels] * 3
    assert [image.colorbar is not None for image in drawn.values()] == [True] * 3
    assert drawn["exact"].get_clim() == drawn["prediction"].get_clim()


def test_the_extent_of_an_image_is_that_of_the_domain():
    figure = plot_solution(fitted(Poisson(Box([-1, 2], [1, 5]), source=1.0)))
    assert {tuple(image.get_extent()) for image in images(figure).values()} == {(-1.0, 1.0, 2.0, 5.0)}


def test_in_many_dimensions_the_slice_through_the_middle_is_drawn():
    model = fitted(problems.poisson_10d())
    drawn = images(plot_solution(model))
    X = midpoints(model.pde_.domain)
    assert X.shape == (CELLS**2, 10)
    exact, predicted = exact_solution(model.pde_, X), model.predict(X)
    assert list(drawn) == ["exact, slice", "prediction, slice", "|prediction - exact|, slice"]
    for image, values in zip(drawn.values(), (exact, predicted, np.abs(predicted - exact)), strict=True):
        np.testing.assert_allclose(image.get_array(), values.reshape(CELLS, CELLS), rtol=1e-12, atol=1e-12)


def test_parity_in_many_dimensions():
    model = fitted(problems.poisson_10d())
    parity = next(ax for ax in plot_solution(model).axes if ax.get_xlabel() == "exact")
    exact, predicted = parity.lines[-1].get_data()
    X = new_points(model.pde_.domain)[: len(exact)]
    assert len(exact) >= 1000
    np.testing.assert_array_equal(exact, exact_solution(model.pde_, X))
    np.testing.assert_array_equal(predicted, model.predict(X))


@pytest.mark.parametrize("make", [problems.poisson_1d, problems.heat_1d, problems.poisson_10d])
def test_the_title_tells_the_error_at_new_points(make):
    model = fitted(make())
    X = new_points(model.pde_.domain)
    assert X.shape == (NEW_POINTS, model.n_features_in_)
    error = relative_l2_error(exact_solution(model.pde_, X), model.predict(X))
    assert plot_solution(model).get_suptitle().endswith(f"relative L2 error {error:.1e}")


def test_without_a_solution_curves_are_those_of_prediction_and_residual():
    model = fitted(without_solution(problems.poisson_1d()))
    curves, residual = plot_solution(model).axes
    X = curves.lines[0].get_xdata()[:, None]
    assert [line.get_label() for line in curves.lines] == ["prediction"]
    np.testing.assert_array_equal(residual.lines[0].get_ydata(), np.abs(model.residual(X)))


@pytest.mark.parametrize("make", [problems.poisson_2d, problems.heat_1d, problems.poisson_10d])
def test_without_a_solution_images_are_those_of_prediction_and_residual(make):
    model = fitted(without_solution(make()))
    predicted, residual = images(plot_solution(model)).values()
    X = midpoints(model.pde_.domain)
    np.testing.assert_allclose(predicted.get_array().ravel(), model.predict(X), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(residual.get_array().ravel(), np.abs(model.residual(X)), rtol=1e-9, atol=1e-9)


def test_an_exact_prediction_can_be_drawn(tmp_path):
    """All errors are zero, of which there is no logarithm."""
    model = fitted(Poisson(problems.poisson_2d().domain, solution=lambda x: 0 * x[:, 0]))
    assert not model.predict([[0.5, 0.5]]).any()
    plot_solution(model).savefig(tmp_path / "zero.png")


def test_the_figure_does_not_touch_pyplot():
    from matplotlib import _pylab_helpers

    before = len(_pylab_helpers.Gcf.figs)
    plot_solution(fitted(problems.poisson_1d()))
    assert len(_pylab_helpers.Gcf.figs) == before


def test_what_cannot_be_drawn_is_told():
    X = np.random.default_rng(0).uniform(size=(20, 2))
    with pytest.raises(ValueError, match="with a domain and one output, got pde=None"):
        plot_solution(PINNRegressor(width=5, random_state=0).fit(X, X[:, 0]))
    pde = PDE(equation=lambda x, u: u.d(0))
    with pytest.raises(ValueError, match="got domain=None"):
        plot_solution(PINNRegressor(pde=pde, width=5, random_state=0).fit(X, np.where(X[:, 0] < 0.5, 1.0, np.nan)))


@pytest.mark.parametrize("display", [SolutionDisplay, ResidualDisplay, LossCurveDisplay])
def test_of_a_pipeline_the_last_step_is_asked_for(display):
    pipeline = make_pipeline(FunctionTransformer(), fitted(problems.poisson_1d()))
    with pytest.raises(TypeError, match="got Pipeline; of a pipeline pass its last step"):
        display.from_estimator(pipeline)


def test_round_off_is_no_data_of_a_spectrum():
    spectra = {name: Spectrum(np.array([4.0, 1.0, 1e-3, 1e-9]), floor) for name, floor in (("a", 1e-12), ("b", 1e-2))}
    ax = GramSpectrumDisplay(spectra=spectra).plot().ax_
    all_kept, floor, some_kept, other_floor = ax.lines
    np.testing.assert_array_equal(all_kept.get_ydata(), [1, 0.25, 2.5e-4, 2.5e-10])
    np.testing.assert_array_equal(some_kept.get_ydata(), [1, 0.25])
    assert [line.get_ydata()[0] for line in (floor, other_floor)] == [2.5e-13, 2.5e-3]
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["a", "b (2 of 4 in round-off)"]


def test_panels_leave_out_what_has_no_logarithm():
    x = [10, 100, 1000]
    panel = Panel(
        "t", "width", "y", x, {"a": [1.0, np.inf, 0.01], "b": [0.0, -1.0, 2.0]}, {"1 / x": -1}, {"a": [2, 2, 2]}
    )
    (ax,) = plot_panels([panel]).axes
    a, bound, b, guide = ax.lines
    np.testing.assert_array_equal(a.get_ydata(), [1, np.nan, 0.01])
    np.testing.assert_array_equal(b.get_ydata(), [np.nan, np.nan, 2])
    np.testing.assert_array_equal(bound.get_ydata(), [2, 2, 2])
    assert bound.get_color() == a.get_color()
    np.testing.assert_allclose(guide.get_ydata(), [1, 0.1, 0.01])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a", "b", "1 / x"]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["10", "100", "1000"]
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")


def test_panels_are_laid_out_in_rows():
    panel = Panel("t", "step", "loss", range(30), {"a": np.arange(1, 31)}, log_x=False)
    figure = plot_panels([panel] * 4)
    assert len(figure.axes) == 4
    assert {ax.get_xscale() for ax in figure.axes} == {"linear"}


def test_a_section_is_a_line_or_a_plane_at_given_coordinates():
    model = fitted(problems.heat_1d())
    curve = SolutionDisplay.from_estimator(model, axes=0, at={1: 0.25})
    x = np.linspace(0, 1, CURVE_POINTS)
    X = np.column_stack([x, np.full(len(x), 0.25)])
    exact, predicted = (line.get_xydata() for line in curve.ax_.lines)
    np.testing.assert_allclose(exact, np.column_stack([x, exact_solution(model.pde_, X)]), rtol=1e-12)
    np.testing.assert_allclose(predicted, np.column_stack([x, model.predict(X)]), rtol=1e-12)
    assert curve.ax_.get_title() == "at t = 0.25"
    plane = SolutionDisplay.from_estimator(fitted(problems.poisson_10d()), axes=(3, 1), at={0: 1.0})
    assert set(plane.section.X[:, 0]) == {1.0}
    assert set(plane.section.X[:, 2]) == {0.5}
    assert (plane.ax_.get_xlabel(), plane.ax_.get_ylabel()) == ("$x_{4}$", "$x_{2}$")


def test_the_error_is_that_of_the_solution_and_needs_one():
    model = fitted(problems.poisson_2d())
    X = midpoints(model.pde_.domain)
    drawn = SolutionDisplay.from_estimator(model, kind="error").ax_.images[0].get_array()
    np.testing.assert_allclose(drawn.ravel(), np.abs(model.predict(X) - exact_solution(model.pde_, X)), rtol=1e-9)
    with pytest.raises(ValueError, match="kind='error' needs the exact solution"):
        SolutionDisplay.from_estimator(fitted(without_solution(problems.poisson_2d())), kind="error")


def test_one_component_of_a_system_is_drawn():
    X = np.random.default_rng(0).uniform(size=(30, 1))
    model = PINNRegressor(width=5, random_state=0).fit(X, np.column_stack([X, X**2]))
    display = SolutionDisplay.from_estimator(model, X, output=1)
    (line,) = display.ax_.lines
    np.testing.assert_array_equal(line.get_ydata(), model.predict(display.section.X)[:, 1])
    assert line.get_xdata()[[0, -1]].tolist() == [X.min(), X.max()]


def test_without_a_domain_the_hull_of_the_points_is_drawn():
    X = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.3, 0.3]])  # half of the unit square
    model = PINNRegressor(width=3, random_state=0).fit(X, X[:, 0])
    display = SolutionDisplay.from_estimator(model, X)
    x, y = display.section.X.T
    outside = np.asarray(np.ma.getmaskarray(display.ax_.images[0].get_array())).ravel()
    np.testing.assert_array_equal(outside, x + y > 1 + 1e-9)
    with pytest.raises(ValueError, match="pass X="):
        SolutionDisplay.from_estimator(model)


def test_a_model_of_named_columns_is_drawn_without_warnings_under_their_names():
    pandas = pytest.importorskip("pandas")
    pde = problems.poisson_1d()
    X = pandas.DataFrame({"length": pde.sample(60, 2, random_state=0)[:, 0]})
    model = PINNRegressor(pde=pde, random_state=0).fit(X)
    assert plot_solution(model).axes[0].get_xlabel() == "length"
    assert ResidualDisplay.from_estimator(model).ax_.get_xlabel() == "length"


@pytest.mark.parametrize("axes", [2, (0, 0), (0, 1, 0), -1])
def test_axes_that_are_not_there_are_told(axes):
    with pytest.raises(ValueError, match="axes must be one or two of the coordinates 0 to 1"):
        SolutionDisplay.from_estimator(fitted(problems.heat_1d()), axes=axes)


def test_the_residual_is_the_norm_over_the_equations():
    """u' = u and u' = 2, so that both residuals are known for the prediction that there is."""
    pde = PDE(
        Interval(0, 1),
        equation=lambda x, u: torch.stack([u.d(0) - u.value, u.d(0) - 2], dim=1),
        conditions=[Dirichlet(1.0)],
    )
    model = PINNRegressor(pde=pde, width=8, random_state=0, optimizer="gd", max_iter=1).fit(
        pde.sample(20, 2, random_state=0)
    )
    (line,) = ResidualDisplay.from_estimator(model).ax_.lines
    x = line.get_xdata()[:, None]
    slope = model.derivative(x, 0)
    np.testing.assert_allclose(line.get_ydata(), np.hypot(slope - model.predict(x), slope - 2), rtol=1e-9)


def test_loss_curves_stand_against_steps_or_the_seconds_of_each():
    pde = problems.poisson_1d()
    X = pde.sample(20, 2, random_state=0)
    models = {
        name: PINNRegressor(pde=pde, width=10, optimizer=optimizer, random_state=0).fit(X)
        for name, optimizer in (("gd", GD(max_iter=6)), ("two", [Adam(max_iter=4), GD(max_iter=3)]))
    }
    for against, x in (("steps", lambda model: range(model.n_iter_ + 1)), ("seconds", lambda model: model.times_)):
        display = LossCurveDisplay.from_estimators(models, against=against)
        curves = {line.get_label(): line for line in display.ax_.lines}
        for name, model in models.items():
            np.testing.assert_array_equal(curves[name].get_xdata(), list(x(model)))
            np.testing.assert_array_equal(curves[name].get_ydata(), model.loss_curve_)
        (start,) = (line.get_xdata()[0] for name, line in curves.items() if name.startswith("_"))
        assert start == list(x(models["two"]))[4]
    with pytest.raises(ValueError, match="against='epochs'"):
        LossCurveDisplay.from_estimator(models["gd"], against="epochs")


def test_losses_by_group_are_those_at_the_end():
    model = fitted(problems.heat_1d())
    display = LossCurveDisplay.from_estimator(model, by_group=True)
    drawn = {line.get_label(): line.get_ydata()[0] for line in display.ax_.lines if line.get_label() in model.groups_}
    assert drawn == {group: figures["loss"] for group, figures in model.groups_.items()}
    assert sum(drawn.values()) == pytest.approx(model.loss_)


def test_the_spectrum_of_a_model_is_that_of_its_gram_matrix():
    model = fitted(problems.poisson_1d())
    X = model.pde_.sample(6, 2, random_state=0)
    display = GramSpectrumDisplay.from_estimator(model, X)
    drawn = display.ax_.lines[0].get_ydata()
    eigenvalues = np.linalg.eigvalsh(model.gram(X))[::-1]
    # Eigenvalues of the formed matrix are good to about n eps.
    np.testing.assert_allclose(drawn, (eigenvalues / eigenvalues[0])[: len(drawn)], atol=1e-14)


def test_points_stand_under_what_governs_them():
    pde = problems.heat_1d()
    X = np.array([[0.5, 0.5], [0.0, 0.5], [0.5, 0.0], [0.25, 0.75], [0.75, 0.25]])
    y = np.array([np.nan, np.nan, np.nan, 1.0, np.nan])
    ax = PointsDisplay.from_pde(pde, X, y).ax_
    drawn = {line.get_label(): line.get_xydata().tolist() for line in ax.lines}
    assert drawn == {
        "interior": [[0.5, 0.5], [0.75, 0.25]],
        "boundary": [[0.0, 0.5]],
        "initial": [[0.5, 0.0]],
        "data": [[0.25, 0.75]],
    }
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("x", "t")


def test_rows_that_joined_in_training_are_drawn():
    model = fitted(problems.heat_1d())
    model.added_rows_ = np.array([[0.1, 0.9], [0.2, 0.8]])
    drawn = {line.get_label(): line for line in PointsDisplay.from_estimator(model, [[0.5, 0.5]]).ax_.lines}
    assert set(drawn) == {"interior", "joined"}
    np.testing.assert_array_equal(drawn["joined"].get_xydata(), model.added_rows_)


def test_points_on_a_curve_leave_its_axes_alone():
    model = fitted(problems.poisson_1d())
    X = model.pde_.sample(5, 2, random_state=0)
    solution = SolutionDisplay.from_estimator(model)
    limits = solution.ax_.get_ylim()
    display = PointsDisplay.from_estimator(model, X, ax=solution.ax_)
    assert display.ax_ is solution.ax_
    assert (solution.ax_.get_ylim(), solution.ax_.get_ylabel()) == (limits, "u")
    assert sorted(solution.ax_.lines[-1].get_xdata()) == [0, 1]


def test_seeds_are_marks_with_a_bar_at_their_median():
    results = {"a": {"seed": np.arange(3), "loss": np.array([1.0, 100.0, 3.0])}}
    results["b"] = {"seed": np.arange(3), "loss": np.array([2.0, np.nan, 4.0])}
    ax = SeedsDisplay.from_results(results, "loss").ax_
    assert [sorted(line.get_ydata()) for line in ax.lines] == [[1, 3, 100], [2, 4]]
    assert [bar.get_segments()[0][0, 1] for bar in ax.collections] == [3, 3]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["a", "b"]
    assert ax.get_yscale() == "log"
    one = SeedsDisplay.from_results(results["b"], "loss", negate=True).ax_
    assert (sorted(one.lines[0].get_ydata()), one.get_ylabel(), one.get_yscale()) == ([-4, -2], "-loss", "linear")
    with pytest.raises(ValueError, match="no 'error'; they have seed, loss"):
        SeedsDisplay.from_results(results, "error")


def test_a_display_draws_where_it_is_told_and_otherwise_on_a_figure_of_pyplot():
    model = fitted(problems.poisson_1d())
    _, ax = plt.subplots()
    display = ResidualDisplay.from_estimator(model, ax=ax)
    assert (display.ax_, display.figure_) == (ax, ax.figure)
    before = plt.get_fignums()
    assert display.plot().figure_.number not in before
