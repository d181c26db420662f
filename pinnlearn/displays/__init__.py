"""Figures of solutions, trainings, points and spectra, by scikit-learn's conventions for displays.

`SomethingDisplay.from_estimator(model, ...)` draws on the axes given as `ax`, or on those of a new figure, and keeps
them as `ax_` and `figure_`. matplotlib is imported when something is drawn.
"""

from __future__ import annotations

from pinnlearn.displays.figures import make_panels
from pinnlearn.displays.loss import LossCurveDisplay
from pinnlearn.displays.panels import Panel, plot_panels
from pinnlearn.displays.points import PointsDisplay
from pinnlearn.displays.residual import ResidualDisplay
from pinnlearn.displays.seeds import SeedsDisplay
from pinnlearn.displays.solution import SolutionDisplay, plot_solution
from pinnlearn.displays.spectrum import GramSpectrumDisplay
from pinnlearn.displays.unknowns import ProfileDisplay, UnknownsDisplay

__all__ = [
    "GramSpectrumDisplay",
    "LossCurveDisplay",
    "Panel",
    "PointsDisplay",
    "ProfileDisplay",
    "ResidualDisplay",
    "SeedsDisplay",
    "SolutionDisplay",
    "UnknownsDisplay",
    "make_panels",
    "plot_panels",
    "plot_solution",
]
