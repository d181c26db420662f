"""How much the seed decides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pinnlearn.displays.figures import given_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Values that differ by more than this factor are drawn on a logarithmic scale.
WIDE_RANGE = 30


class SeedsDisplay:
    """The figures of fits over seeds: a mark for each fit, a bar at the median.

    It is best made by `from_results`, from what `pinnlearn.model_selection.run_seeds` returns. The scale is
    logarithmic where all values are positive and differ by more than a factor of 30.

    Parameters
    ----------
    values : dict of str to ndarray of shape (n_seeds,)
        By their labels; NaN, a fit that failed, is left out.
    name : str
        What the values are.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
    figure_ : matplotlib.figure.Figure

    Examples
    --------
    >>> from pinnlearn import PINNRegressor, problems
    >>> from pinnlearn.displays import SeedsDisplay
    >>> from pinnlearn.model_selection import run_seeds
    >>> pde = problems.poisson_1d()
    >>> X = pde.sample(n_interior=30, n_boundary=2, random_state=0)
    >>> results = run_seeds(PINNRegressor(pde=pde, optimizer="adam", max_iter=5), X, seeds=3)
    >>> SeedsDisplay.from_results(results, "loss").ax_.get_ylabel()
    'loss'
    """

    def __init__(self, *, values: Mapping[str, NDArray], name: str = "test_score"):
        self.values = values
        self.name = name

    @classmethod
    def from_results(
        cls, results: Mapping[str, Any], name: str = "test_score", *, negate: bool = False, ax: Axes | None = None
    ) -> SeedsDisplay:
        """Draw one column of results.

        Parameters
        ----------
        results : dict
            What `run_seeds` returned; or several of them, by their labels.
        name : str
            The column: "test_score", "loss", "fit_time", ...
        negate : bool
            Whether to draw minus the values: scores that are minus an error.
        ax : matplotlib.axes.Axes, optional
            Where to draw; None takes a new figure.

        Returns
        -------
        SeedsDisplay

        Raises
        ------
        ValueError
            If there is no such column.
        """
        labelled = {"": results} if "seed" in results else results
        for columns in labelled.values():
            if name not in columns:
                raise ValueError(f"the results have no {name!r}; they have {', '.join(columns)}.")
        sign = -1.0 if negate else 1.0
        values = {label: sign * np.asarray(columns[name], dtype=float) for label, columns in labelled.items()}
        return cls(values=values, name=f"-{name}" if negate else name).plot(ax)

    def plot(self, ax: Axes | None = None) -> SeedsDisplay:
        """Draw; on axes of a new figure if none are given."""
        self.ax_ = given_or_new(ax)
        self.figure_ = self.ax_.figure
        for position, values in enumerate(self.values.values()):
            kept = values[np.isfinite(values)]
            spread = np.linspace(-0.15, 0.15, len(kept)) if len(kept) > 1 else np.zeros(len(kept))
            self.ax_.plot(position + spread, kept, "o", color="C0", markersize=4, fillstyle="none")
            self.ax_.hlines(np.median(kept), position - 0.25, position + 0.25, color="k")
        self.ax_.set(ylabel=self.name, yscale=self._scale())
        self.ax_.set_xlim(-0.6, len(self.values) - 0.4)
        self.ax_.set_xticks(range(len(self.values)), [label or f"{len(v)} seeds" for label, v in self.values.items()])
        return self

    def _scale(self) -> str:
        values = np.concatenate([values[np.isfinite(values)] for values in self.values.values()])
        return "log" if values.min() > 0 and values.max() > WIDE_RANGE * values.min() else "linear"
