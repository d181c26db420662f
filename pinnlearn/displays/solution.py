"""The solution, the exact one where it is known, and how far they are apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pinnlearn.displays.figures import check_model, given_or_new, legend_above, make_panels
from pinnlearn.displays.points import draw_ticks
from pinnlearn.displays.residual import ResidualDisplay, residual_size
from pinnlearn.displays.sections import Section, draw, draw_logarithmic, rounding, unnamed
from pinnlearn.hyperparameters import check_choice
from pinnlearn.metrics import exact_solution, new_points, relative_l2_error

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

KINDS = ("prediction", "exact", "error")
# The exact solution is a broad band under the prediction: the two mostly coincide.
BAND = {"color": "0.75", "linewidth": 5}
# Points of a parity plot.
PARITY_POINTS = 2000


class SolutionDisplay:
    """A fitted solution: a curve on a line, an image on a plane or over space and time, in more dimensions a slice.

    It is best made by `from_estimator`.

    Parameters
    ----------
    section : Section
        Where it is drawn.
    prediction : ndarray of shape (len(section.X),)
    exact : ndarray of shape (len(section.X),), optional
    kind : {"prediction", "exact", "error"}
        The error is ``|prediction - exact|``, on a logarithmic scale.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
    figure_ : matplotlib.figure.Figure

    See Also
    --------
    ResidualDisplay : Where the equation fails; it needs no exact solution.
    plot_solution : Solution, exact solution and error side by side.

    Examples
    --------
    >>> from pinnlearn import PINNRegressor, problems
    >>> from pinnlearn.displays import SolutionDisplay
    >>> pde = problems.heat_1d()
    >>> model = PINNRegressor(pde=pde, width=30, random_state=0).fit(pde.sample(100, 60, random_state=0))
    >>> display = SolutionDisplay.from_estimator(model)  # over space and time
    >>> display.ax_.get_ylabel()
    't'
    >>> display = SolutionDisplay.from_estimator(model, axes=0, at={1: 0.5})  # at t = 0.5
    >>> display.ax_.get_title()
    'at t = 0.5'
    """

    def __init__(
        self, *, section: Section, prediction: NDArray, exact: NDArray | None = None, kind: str = "prediction"
    ):
        self.section = section
        self.prediction = prediction
        self.exact = exact
        self.kind = kind

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X: ArrayLike | None = None,
        *,
        kind: str = "prediction",
        axes: int | Sequence[int] | None = None,
        at: Mapping[int, float] | None = None,
        output: int = 0,
        ax: Axes | None = None,
        **style: Any,
    ) -> SolutionDisplay:
        """Draw a fitted model.

        Parameters
        ----------
        estimator : PINNRegressor
            Fitted.
        X : array-like of shape (n_samples, n_dims), optional
            Points that tell where to draw; needed if the PDE has no domain.
        kind : {"prediction", "exact", "error"}
            The latter two for a PDE with a `solution`.
        axes : int or two ints, optional
            The coordinates along which it is drawn: one gives a curve, two an image. By default the first two.
        at : dict of int to float, optional
            The values of the other coordinates, by default the middle of the domain.
        output : int
            Which component of u.
        ax : matplotlib.axes.Axes, optional
            Where to draw; None takes a new figure.
        **style
            Passed to matplotlib's `plot` or `imshow`.

        Returns
        -------
        SolutionDisplay

        Raises
        ------
        ImportError
            Without matplotlib: install `pinnlearn[plot]`.
        ValueError
            For coordinates or a kind that there are not.
        """
        section = Section.through(estimator, X, axes, at)
        return cls(**_values(estimator, section, output), section=section, kind=kind).plot(ax, **style)

    def plot(self, ax: Axes | None = None, **style: Any) -> SolutionDisplay:
        """Draw; on axes of a new figure if none are given. `style` goes to matplotlib's `plot` or `imshow`."""
        check_choice("kind", self.kind, KINDS)
        if self.exact is None and self.kind != "prediction":
            raise ValueError(f"kind={self.kind!r} needs the exact solution; give the PDE a solution=, a function of x.")
        self.ax_ = given_or_new(ax)
        self.figure_ = self.ax_.figure
        if self.kind == "error":
            self._draw_error(cast(NDArray, self.exact), style)
        elif self.section.is_line:
            self._draw_curves(style)
        else:
            draw(self.ax_, self.section, getattr(self, self.kind), self.kind, **style)
        return self

    def _draw_error(self, exact: NDArray, style: dict) -> None:
        error = np.abs(self.prediction - exact)
        draw_logarithmic(self.ax_, self.section, error, "|prediction - exact|", rounding(exact), **style)

    def _draw_curves(self, style: dict) -> None:
        if self.exact is not None:
            drawn = self.ax_.get_legend_handles_labels()[1]  # one entry of the legend for all curves
            draw(self.ax_, self.section, self.exact, "u", label="_exact" if "exact" in drawn else "exact", **BAND)
        if self.kind == "prediction":
            draw(self.ax_, self.section, self.prediction, "u", **{"label": "prediction"} | style)


def _values(model, section: Section, output: int) -> dict[str, Any]:
    """The prediction, and the exact solution or None, (k,) each."""

    def component(values: NDArray) -> NDArray:
        return values.reshape(len(section.X), -1)[:, output]

    known = model.pde_.solution is not None
    return {
        "prediction": component(section.evaluate(model.predict)),
        "exact": component(section.evaluate(lambda X: exact_solution(model.pde_, X))) if known else None,
    }


@unnamed()
def plot_solution(model, X: ArrayLike | None = None) -> Figure:
    """Draw a fitted model beside the exact solution of its PDE; without one, beside the PDE's residual.

    In one dimension curves; in two, space or space-time, images; in more, images of the slice through the middle of
    the domain along the first two axes, and a parity plot. The error is on a logarithmic scale.

    Parameters
    ----------
    model : PINNRegressor
        Fitted, with one output, to a PDE that has a domain.
    X : array-like of shape (n_samples, n_dims), optional
        Training points, marked in one dimension by ticks.

    Returns
    -------
    matplotlib.figure.Figure
        Save it by `figure.savefig(path)`. Its title tells the error at `pinnlearn.metrics.new_points` of the domain.

    Raises
    ------
    ImportError
        Without matplotlib: install `pinnlearn[plot]`.
    ValueError
        If the PDE has no domain, or several outputs.

    Examples
    --------
    >>> from pinnlearn import PINNRegressor, problems
    >>> pde = problems.poisson_1d()
    >>> model = PINNRegressor(pde=pde, random_state=0).fit(pde.sample(30, 2, random_state=0))
    >>> [axes.get_ylabel() for axes in plot_solution(model).axes]
    ['u', '|prediction - exact|']
    """
    check_model(model)
    pde = model.pde_
    if pde.domain is None or pde.n_outputs != 1:
        got = f"domain={pde.domain!r} and n_outputs={pde.n_outputs}" if pde.has_equation else "pde=None"
        raise ValueError(
            f"plot_solution draws a PDE with a domain and one output, got {got}; draw one component by "
            "SolutionDisplay.from_estimator(model, X, output=...)."
        )
    displays = _side_by_side(model)
    has_parity = pde.domain.n_dims > 2 and pde.solution is not None
    figure, axes = make_panels(2, 2) if has_parity else make_panels(1, len(displays))
    for ax, display in zip(axes, displays, strict=False):
        display.plot(ax)
    if pde.domain.n_dims == 1:
        _mark(axes[0], pde.domain, X)
    else:
        _share_colours(displays[:-1])
    if has_parity:
        _draw_parity(axes[-1], model)
    figure.suptitle(_title(model))
    return figure


def _side_by_side(model) -> list[SolutionDisplay | ResidualDisplay]:
    """The displays of a figure, left to right; the error, or the residual, comes last."""
    section = Section.through(model)
    values = _values(model, section, output=0)
    if values["exact"] is None:
        residual = section.evaluate(lambda X: residual_size(model, X))
        return [SolutionDisplay(section=section, **values), ResidualDisplay(section=section, residual=residual)]
    kinds = ("prediction", "error") if section.is_line else ("exact", "prediction", "error")
    return [SolutionDisplay(section=section, kind=kind, **values) for kind in kinds]


def _share_colours(displays: Sequence) -> None:
    """One scale for exact and prediction, that of the exact one."""
    pictures = [display.ax_.images[0] for display in displays]
    for picture in pictures:
        picture.set_clim(*pictures[0].get_clim())


def _mark(ax: Axes, domain, X: ArrayLike | None) -> None:
    if X is not None:
        draw_ticks(ax, np.asarray(X)[domain.contains(X)][:, 0], "training points", color="0.3")
    legend_above(ax)


def _title(model) -> str:
    X, name = new_points(model.pde_.domain), type(model.pde_).__name__
    if model.pde_.solution is None:
        return f"{name}: RMS of the PDE residual {np.sqrt(np.mean(residual_size(model, X) ** 2)):.1e}"
    return f"{name}: relative L2 error {relative_l2_error(exact_solution(model.pde_, X), model.predict(X)):.1e}"


def _draw_parity(ax: Axes, model) -> None:
    X = new_points(model.pde_.domain)[:PARITY_POINTS]
    exact, predicted = exact_solution(model.pde_, X), model.predict(X)
    ax.axline((exact[0], exact[0]), slope=1, color="0.6", linewidth=1)
    ax.plot(exact, predicted, ".", markersize=3, alpha=0.5)
    ax.set(xlabel="exact", ylabel="prediction", title=f"at {PARITY_POINTS} random points")
