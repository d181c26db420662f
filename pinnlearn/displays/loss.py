"""How the loss fell, in one training or in several."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pinnlearn.displays.figures import DASHES, MARKERS, check_model, given_or_new, legend_above
from pinnlearn.hyperparameters import check_choice

if TYPE_CHECKING:
    from matplotlib.axes import Axes

AGAINST = ("steps", "seconds")


class LossCurveDisplay:
    """The loss of one or several fits against steps or seconds, on a logarithmic scale.

    It is best made by `from_estimator` or `from_estimators`. The default method trains several networks one after the
    other, each from its own start: the loss then jumps where a thin line marks the start of a stage.

    Parameters
    ----------
    estimators : dict of str to PINNRegressor
        Fitted, by their labels.
    against : {"steps", "seconds"}
    by_group : bool
        Whether to mark what each group of rows has in the loss at the end.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
    figure_ : matplotlib.figure.Figure

    Examples
    --------
    >>> from pinnlearn import PINNRegressor, problems
    >>> from pinnlearn.displays import LossCurveDisplay
    >>> pde = problems.poisson_1d()
    >>> X = pde.sample(30, 2, random_state=0)
    >>> model = PINNRegressor(pde=pde, optimizer="gd", width=20, max_iter=50, random_state=0).fit(X)
    >>> display = LossCurveDisplay.from_estimator(model)
    >>> len(display.ax_.lines[0].get_ydata())
    51
    """

    def __init__(self, *, estimators: Mapping[str, Any], against: str = "steps", by_group: bool = False):
        self.estimators = estimators
        self.against = against
        self.by_group = by_group

    @classmethod
    def from_estimator(
        cls, estimator, *, label: str = "loss", against: str = "steps", by_group: bool = False, ax: Axes | None = None
    ) -> LossCurveDisplay:
        """Draw the losses of a fit.

        Parameters
        ----------
        estimator : PINNRegressor
            Fitted.
        label : str
        against : {"steps", "seconds"}
        by_group : bool
            Whether to mark what each group of rows has in the loss at the end; of the best weights, which are kept.
        ax : matplotlib.axes.Axes, optional
            Where to draw; None takes a new figure.

        Returns
        -------
        LossCurveDisplay
        """
        return cls.from_estimators({label: estimator}, against=against, by_group=by_group, ax=ax)

    @classmethod
    def from_estimators(
        cls, estimators: Mapping[str, Any], *, against: str = "steps", by_group: bool = False, ax: Axes | None = None
    ) -> LossCurveDisplay:
        """Draw the losses of several fits, given by their labels; the parameters are those of `from_estimator`."""
        return cls(estimators=estimators, against=against, by_group=by_group).plot(ax)

    def plot(self, ax: Axes | None = None) -> LossCurveDisplay:
        """Draw; on axes of a new figure if none are given."""
        check_choice("against", self.against, AGAINST)
        self.ax_ = given_or_new(ax)
        self.figure_ = self.ax_.figure
        for number, (label, estimator) in enumerate(self.estimators.items()):
            check_model(estimator)
            self._draw(estimator, label, f"C{number}", DASHES[number % len(DASHES)])
        self.ax_.set(yscale="log", xlabel=self.against, ylabel="loss")
        legend_above(self.ax_)
        return self

    def _draw(self, estimator, label: str, color: str, dashes: str) -> None:
        x = estimator.times_ if self.against == "seconds" else range(len(estimator.loss_curve_))
        self.ax_.plot(x, estimator.loss_curve_, dashes, label=label, color=color, linewidth=1.2)
        for _, first in estimator.stages_[1:]:
            self.ax_.axvline(x[first], color="0.8", linewidth=0.5, zorder=0)
        if self.by_group:
            for marker, (group, figures) in zip(MARKERS, estimator.groups_.items(), strict=False):
                name = group if len(self.estimators) == 1 else f"{label}, {group}"
                self.ax_.plot(x[-1], figures["loss"], marker, color=color, label=name, fillstyle="none")
