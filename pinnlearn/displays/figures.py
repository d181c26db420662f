"""What all figures share: their size, panels, and marks that can be told apart in grey. matplotlib is imported here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sklearn.utils.validation import check_is_fitted

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Inches of a panel: a column of a journal.
PANEL = (3.7, 3.2)
# For readers in grey; curves of more points than that have none, but dashes.
MARKERS, MARKED_POINTS = "osv^Dx", 20
DASHES = ("-", "--", "-.", ":")


def check_model(model: Any) -> None:
    """Raise an error unless it is a fitted PINNRegressor."""
    check_is_fitted(model)
    if not hasattr(model, "pde_"):
        raise TypeError(
            f"Displays draw PINNRegressor, got {type(model).__name__}; of a pipeline pass its last step, pipeline[-1], "
            "and X as that step gets it, of a search its best_estimator_."
        )


def make_panels(rows: int, columns: int) -> tuple[Figure, list[Axes]]:
    """A figure of so many panels, row by row."""
    # Not pyplot: it would keep every figure alive, and ask for a display.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(PANEL[0] * columns, PANEL[1] * rows), layout="constrained")
    return figure, list(figure.subplots(rows, columns, squeeze=False).ravel())


def given_or_new(ax: Axes | None) -> Axes:
    """The axes given, or those of a new figure of pyplot, as in scikit-learn's displays: notebooks show it."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=PANEL, layout="constrained")[1]


def legend_above(ax: Axes, n_columns: int = 3) -> None:
    """Put the legend above the axes, where no curve can run through it."""
    _legend(ax, "lower center", 1.0, n_columns)


def legend_below(ax: Axes, n_columns: int = 1) -> None:
    """Put the legend below the axes: where labels are long, or a title stands above."""
    _legend(ax, "upper center", -0.2, n_columns)


def _legend(ax: Axes, loc: Any, y: float, n_columns: int) -> None:
    ax.legend(loc=loc, bbox_to_anchor=(0.5, y), ncols=n_columns, frameon=False, handlelength=1.6, columnspacing=1)
