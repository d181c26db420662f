"""Solve partial differential equations with two-layer networks and natural gradient descent, as in scikit-learn."""

from pinnlearn import problems
from pinnlearn._version import __version__
from pinnlearn.estimators import PINNRegressor
from pinnlearn.metrics import relative_l2_error
from pinnlearn.optimizers import GD, LBFGS, NGD, SGD, Adam
from pinnlearn.persistence import load, save
from pinnlearn.sampling import stack_points

__all__ = [
    "GD",
    "LBFGS",
    "NGD",
    "SGD",
    "Adam",
    "PINNRegressor",
    "__version__",
    "load",
    "problems",
    "relative_l2_error",
    "save",
    "stack_points",
]
