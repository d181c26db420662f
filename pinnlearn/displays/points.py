"""The points of a problem, by what governs them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pinnlearn.displays.figures import check_model, given_or_new, legend_below
from pinnlearn.displays.sections import coordinate_names
from pinnlearn.pdes import PDE
from pinnlearn.posing.equations import assign_equations
from pinnlearn.posing.rows import Rows, check_pde, check_points

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Groups differ by shape and by grey.
STYLES: dict[str, dict[str, Any]] = {
    "interior": {"marker": "o", "color": "C0"},
    "boundary": {"marker": "s", "color": "C1"},
    "initial": {"marker": "^", "color": "C2"},
    "data": {"marker": "D", "color": "C3"},
    "joined": {"marker": "P", "color": "C4"},
}
# A white rim, so that marks stand out from any colour, and any grey, of an image under them.
RIM = {"markersize": 4, "markeredgecolor": "w", "markeredgewidth": 0.5}
# Of the axes, whatever the range of u; groups stand one above the other.
FOOT, TICK_HEIGHT = 0.02, 0.05


class PointsDisplay:
    """Points, marked by their group: interior, boundary, initial, data, or joined, which a fit added to those given.

    It is best made by `from_estimator`, or before a fit by `from_pde`. In one dimension points are ticks, on a
    solution at its foot; in more than two they are projected on two coordinates.

    Parameters
    ----------
    points : dict of group to ndarray of shape (n_rows, n_dims)
    names : sequence of str
        Of the coordinates.
    axes : two ints
        The coordinates that are drawn.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
    figure_ : matplotlib.figure.Figure

    Examples
    --------
    >>> from pinnlearn import problems
    >>> from pinnlearn.displays import PointsDisplay
    >>> pde = problems.heat_1d()
    >>> display = PointsDisplay.from_pde(pde, pde.sample(100, 60, random_state=0))
    >>> {group: len(rows) for group, rows in display.points.items()}
    {'interior': 100, 'boundary': 40, 'initial': 20}
    """

    def __init__(self, *, points: dict[str, NDArray], names: Sequence[str], axes: tuple[int, int] = (0, 1)):
        self.points = points
        self.names = names
        self.axes = axes

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X: ArrayLike,
        y: ArrayLike | None = None,
        region: ArrayLike | None = None,
        *,
        axes: tuple[int, int] = (0, 1),
        ax: Axes | None = None,
    ) -> PointsDisplay:
        """Draw points as a fitted model takes them, and those that joined in its training.

        Parameters
        ----------
        estimator : PINNRegressor
            Fitted.
        X, y, region
            As in `PINNRegressor.fit`.
        axes : two ints
            The coordinates that are drawn, where there are more.
        ax : matplotlib.axes.Axes, optional
            Where to draw, on a solution for example; None takes a new figure.

        Returns
        -------
        PointsDisplay
        """
        check_model(estimator)
        joined = {"joined": estimator.added_rows_} if len(estimator.added_rows_) else {}
        rows = Rows.of(estimator.pde_, check_points(X), y, region)
        return cls._of(estimator.pde_, _grouped(estimator.pde_, rows) | joined, axes).plot(ax)

    @classmethod
    def from_pde(
        cls,
        pde,
        X: ArrayLike,
        y: ArrayLike | None = None,
        region: ArrayLike | None = None,
        *,
        axes: tuple[int, int] = (0, 1),
        ax: Axes | None = None,
    ) -> PointsDisplay:
        """Draw points as a fit of this PDE would take them; the parameters are those of `from_estimator`."""
        points = check_points(X)
        checked = check_pde(pde, points.shape[1], y)
        return cls._of(checked, _grouped(checked, Rows.of(checked, points, y, region)), axes).plot(ax)

    @classmethod
    def _of(cls, pde, points: dict[str, NDArray], axes: tuple[int, int]) -> PointsDisplay:
        n_dims = next(iter(points.values())).shape[1]
        names = coordinate_names(n_dims, bool(pde.has_time))
        return cls(points=points, names=names, axes=axes)

    def plot(self, ax: Axes | None = None) -> PointsDisplay:
        """Draw; on axes of a new figure if none are given."""
        self.ax_ = given_or_new(ax)
        self.figure_ = self.ax_.figure
        is_line, is_empty = len(self.names) == 1, not self.ax_.has_data()
        for number, (group, X) in enumerate(self.points.items()):
            if is_line:
                height = (number + 0.5) / len(self.points) if is_empty else FOOT + TICK_HEIGHT * number
                draw_ticks(self.ax_, X[:, 0], group, height, color=STYLES[group]["color"])
            else:
                first, second = self.axes
                style = STYLES[group] | {"linestyle": "", "clip_on": False} | RIM
                self.ax_.plot(X[:, first], X[:, second], label=group, **style)
        if is_empty:
            self._label(is_line)
        legend_below(self.ax_, n_columns=2)
        return self

    def _label(self, is_line: bool) -> None:
        first, second = (0, 0) if is_line else self.axes
        self.ax_.set(xlabel=self.names[first], ylabel="" if is_line else self.names[second])
        if len(self.names) > 2:
            self.ax_.set_title("projected")
        if is_line:
            self.ax_.set(yticks=[], ylim=(0, 1))


def _grouped(pde: PDE, rows: Rows) -> dict[str, NDArray]:
    """The points of each group; a row with several equations once."""
    groups: dict[str, list[NDArray]] = {}
    for equation in assign_equations(pde, rows):
        groups.setdefault(equation.group, []).append(equation.rows)
    return {group: rows.X[np.unique(np.concatenate(groups[group]))] for group in STYLES if group in groups}


def draw_ticks(ax: Axes, x: NDArray, label: str, height: float = FOOT, **style) -> None:
    """Mark points of a line by ticks at some height of the axes."""
    ax.plot(x, np.full(len(x), height), "|", label=label, transform=ax.get_xaxis_transform(), **style)
