"""Unknown coefficients: their estimates with intervals, and how the loss grows away from one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pinnlearn import evaluation
from pinnlearn.displays.figures import check_model, given_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Half of a 95 % interval in standard errors, and what the deviance is at its ends.
HALF_WIDTH = 1.96


class UnknownsDisplay:
    """Estimates of unknown numbers with their 95 % intervals, each in units of its estimate.

    It is best made by `from_estimator`.

    Parameters
    ----------
    values, stds : dict of str to float
    true : dict of str to float, optional
        What is right, where it is known.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
    figure_ : matplotlib.figure.Figure

    Examples
    --------
    >>> from pinnlearn.displays import UnknownsDisplay
    >>> UnknownsDisplay(values={"nu": 0.31}, stds={"nu": 0.02}, true={"nu": 0.3}).plot().ax_.get_yticklabels()
    [Text(0, 0, 'nu = 0.31')]
    """

    def __init__(
        self, *, values: Mapping[str, float], stds: Mapping[str, float], true: Mapping[str, float] | None = None
    ):
        self.values = values
        self.stds = stds
        self.true = true

    @classmethod
    def from_estimator(
        cls, estimator: Any, *, true: Mapping[str, float] | None = None, ax: Axes | None = None
    ) -> UnknownsDisplay:
        """Draw those of a fitted model.

        Parameters
        ----------
        estimator : PINNRegressor
        true : dict of str to float, optional
        ax : matplotlib.axes.Axes, optional
            Where to draw; None takes a new figure.

        Returns
        -------
        UnknownsDisplay

        Raises
        ------
        ValueError
            If the model has no unknown numbers.
        """
        check_model(estimator)
        stds = estimator.unknowns_std_
        if not stds:
            raise ValueError("the model has no unknown numbers; see the parameter unknowns of pinnlearn.pdes.PDE.")
        values = {name: estimator.unknowns_[name] for name in stds}
        return cls(values=values, stds=stds, true=true).plot(ax)

    def plot(self, ax: Axes | None = None) -> UnknownsDisplay:
        """Draw; on axes of a new figure if none are given."""
        self.ax_ = given_or_new(ax)
        self.figure_ = self.ax_.figure
        sizes = {name: abs(value) or 1.0 for name, value in self.values.items()}
        for row, (name, value) in enumerate(self.values.items()):
            half = HALF_WIDTH * self.stds[name] / sizes[name]
            self.ax_.errorbar(value / sizes[name], row, xerr=half, fmt="o", color="C0", markersize=4, capsize=3)
            if self.true is not None and name in self.true:
                self.ax_.plot(self.true[name] / sizes[name], row, "x", color="k")
        self.ax_.set_yticks(range(len(sizes)), [f"{name} = {value:.4g}" for name, value in self.values.items()])
        self.ax_.set(xlabel="estimate and 95 % interval / size of the estimate", ylim=(-0.6, len(sizes) - 0.4))
        return self


class ProfileDisplay:
    """The deviance along one unknown, all else solved for anew at each of its values.

    It is 2 (loss - least loss) in units of the noise. A 95 % interval lies where it is below 3.84, and the parabola of
    the standard error approximates it.

    Parameters
    ----------
    name : str
    values, deviances : ndarray of shape (n_values,)
    estimate, std : float

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
    figure_ : matplotlib.figure.Figure
    """

    def __init__(self, *, name: str, values: NDArray, deviances: NDArray, estimate: float, std: float):
        self.name = name
        self.values = values
        self.deviances = deviances
        self.estimate = estimate
        self.std = std

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        y: ArrayLike,
        name: str,
        *,
        n_values: int = 15,
        reach: float = 3.0,
        ax: Axes | None = None,
    ) -> ProfileDisplay:
        """Draw that of a fitted model.

        Parameters
        ----------
        estimator : PINNRegressor
        X, y
            What it was fitted to.
        name : str
            The unknown.
        n_values : int
        reach : float
            How far to either side of the estimate, in standard errors.
        ax : matplotlib.axes.Axes, optional
            Where to draw; None takes a new figure.

        Returns
        -------
        ProfileDisplay

        Raises
        ------
        ValueError
            If there is no such number.
        """
        check_model(estimator)
        if name not in estimator.unknowns_std_:
            raise ValueError(f"the model has no unknown number {name!r}; it has {list(estimator.unknowns_std_)}.")
        estimate, std = estimator.unknowns_[name], estimator.unknowns_std_[name]
        values = estimate + std * np.linspace(-reach, reach, n_values)
        deviances = evaluation.deviances(estimator, np.asarray(X, dtype=float), y, name, values)
        return cls(name=name, values=values, deviances=deviances, estimate=estimate, std=std).plot(ax)

    def plot(self, ax: Axes | None = None) -> ProfileDisplay:
        """Draw; on axes of a new figure if none are given."""
        self.ax_ = given_or_new(ax)
        self.figure_ = self.ax_.figure
        self.ax_.plot(self.values, self.deviances, "o-", markersize=4, label="solved for anew")
        self.ax_.plot(
            self.values, ((self.values - self.estimate) / self.std) ** 2, "k--", label="by the standard error"
        )
        self.ax_.axhline(HALF_WIDTH**2, color="0.5", linestyle=":")
        self.ax_.set(xlabel=self.name, ylabel="deviance", ylim=(0, None) if math.isfinite(self.std) else None)
        self.ax_.legend(frameon=False)
        return self
