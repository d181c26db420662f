"""Solve partial differential equations with two-layer networks and natural gradient descent, as in scikit-learn."""

from pinnlearn import problems
from pinnlearn._version import __version__
from pinnlearn.estimators import PINNRegressor
from pinnlearn.metrics import relative_l2_error
from pinnlearn.optimizers import ENGD, GD, LBFGS, NGD, NNCG, SGD, SPRING, Adam, GaussNewton, SSBroyden
from pinnlearn.persistence import load, save
from pinnlearn.sampling import stack_points
from pinnlearn.time_windows import TimeWindows

__all__ = [
    "ENGD",
    "GD",
    "LBFGS",
    "NGD",
    "NNCG",
    "SGD",
    "SPRING",
    "Adam",
    "GaussNewton",
    "PINNRegressor",
    "SSBroyden",
    "TimeWindows",
    "__version__",
    "load",
    "problems",
    "relative_l2_error",
    "save",
    "stack_points",
]
