"""Where the PDE holds, and where it does not yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pinnlearn.displays.figures import given_or_new
from pinnlearn.displays.sections import SMALLEST_ERROR, Section, draw_logarithmic

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def residual_size(model, X: NDArray) -> NDArray:
    """The norm over the PDE's equations of their residuals, (n,)."""
    return np.linalg.norm(model.residual(X).reshape(len(X), -1), axis=1)


class ResidualDisplay:
    """The size of the PDE's residual over the domain, on a logarithmic scale: where the equation fails.

    It is best made by `from_estimator`.

    Parameters
    ----------
    section : Section
        Where it is drawn.
    residual : ndarray of shape (len(section.X),)
        The norm over the PDE's equations of their residuals, in the units of the equation.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
    figure_ : matplotlib.figure.Figure

    See Also
    --------
    SolutionDisplay : The solution itself, and its error.

    Examples
    --------
    >>> from pinnlearn import PINNRegressor, problems
    >>> from pinnlearn.displays import ResidualDisplay
    >>> pde = problems.poisson_1d()
    >>> model = PINNRegressor(pde=pde, random_state=0).fit(pde.sample(30, 2, random_state=0))
    >>> ResidualDisplay.from_estimator(model).ax_.get_yscale()
    'log'
    """

    def __init__(self, *, section: Section, residual: NDArray):
        self.section = section
        self.residual = residual

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X: ArrayLike | None = None,
        *,
        axes: int | Sequence[int] | None = None,
        at: Mapping[int, float] | None = None,
        ax: Axes | None = None,
        **style: Any,
    ) -> ResidualDisplay:
        """Draw the residual of a fitted model.

        Parameters
        ----------
        estimator : PINNRegressor
            Fitted to a PDE.
        X, axes, at, ax, **style
            As in `SolutionDisplay.from_estimator`.

        Returns
        -------
        ResidualDisplay
        """
        section = Section.through(estimator, X, axes, at)
        residual = section.evaluate(lambda points: residual_size(estimator, points))
        return cls(section=section, residual=residual).plot(ax, **style)

    def plot(self, ax: Axes | None = None, **style: Any) -> ResidualDisplay:
        """Draw; on axes of a new figure if none are given."""
        self.ax_ = given_or_new(ax)
        self.figure_ = self.ax_.figure
        draw_logarithmic(self.ax_, self.section, self.residual, "|PDE residual|", SMALLEST_ERROR, **style)
        return self
