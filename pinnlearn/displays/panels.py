"""Figures of several panels: quantities against others, on logarithmic scales."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from pinnlearn.displays.figures import MARKED_POINTS, MARKERS, make_panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Of a logarithmic axis; with more, its own ticks are clearer.
TICKED_POINTS = 5


@dataclass(frozen=True)
class Panel:
    """One panel of `plot_panels`.

    Parameters
    ----------
    title, xlabel, ylabel : str
    x : array-like of shape (k,)
    curves : dict of str to array-like of shape (k,)
        By their labels; values that are not positive and finite are left out.
    guides : dict of str to float
        Powers of x to compare with, each a dashed line through the first point of the first curve.
    bounds : dict of str to array-like of shape (k,)
        By the label of the curve that they bound: dotted, in its colour.
    log_x : bool
    """

    title: str
    xlabel: str
    ylabel: str
    x: ArrayLike
    curves: Mapping[str, ArrayLike]
    guides: Mapping[str, float] = field(default_factory=dict)
    bounds: Mapping[str, ArrayLike] = field(default_factory=dict)
    log_x: bool = True


def plot_panels(panels: Sequence[Panel], columns: int = 3) -> Figure:
    """Draw quantities against others, on logarithmic scales.

    Parameters
    ----------
    panels : sequence of Panel
    columns : int

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ImportError
        Without matplotlib: install `pinnlearn[plot]`.

    Examples
    --------
    >>> panel = Panel("distance", "width", "", [10, 100], {"tanh": [1.0, 0.3]}, {"m^(-1/2)": -0.5})
    >>> len(plot_panels([panel], columns=1).axes[0].lines)
    2
    """
    columns = min(columns, len(panels))
    figure, axes = make_panels(-(-len(panels) // columns), columns)
    for ax in axes[len(panels) :]:
        ax.remove()
    for ax, panel in zip(axes, panels, strict=False):
        _draw_panel(ax, panel)
    return figure


def _draw_panel(ax: Axes, panel: Panel) -> None:
    x = np.asarray(panel.x, dtype=float)
    for number, (label, values) in enumerate(panel.curves.items()):
        y = np.asarray(values, dtype=float)
        y = np.where(np.isfinite(y) & (y > 0), y, np.nan)
        mark = MARKERS[number % len(MARKERS)] if len(x) <= MARKED_POINTS else ""
        ax.plot(x, y, f"{mark}-", label=label, color=f"C{number}", markersize=4, linewidth=1)
        if label in panel.bounds:
            ax.plot(x, np.asarray(panel.bounds[label], dtype=float), ":", color=f"C{number}", linewidth=1)
        if number == 0:
            first = y
    for (label, power), dashes in zip(panel.guides.items(), ("--", ":", "-."), strict=False):
        start = int(np.argmax(np.isfinite(first)))
        ax.plot(x, first[start] * (x / x[start]) ** power, dashes, color="0.6", label=label, linewidth=1)
    ax.set(xscale="log" if panel.log_x else "linear", yscale="log", xlabel=panel.xlabel, ylabel=panel.ylabel)
    ax.set_title(panel.title, fontsize="medium")
    if not panel.log_x:
        ax.locator_params(axis="x", integer=True)
    elif len(x) <= TICKED_POINTS:
        ax.set_xticks(x, [f"{value:g}" for value in x])
        ax.set_xticks([], minor=True)
    # Below the axes, where no curve can run through it.
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.23), ncols=2, fontsize="small", frameon=False)
