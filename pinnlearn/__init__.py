"""Solve partial differential equations with two-layer networks and natural gradient descent, as in scikit-learn."""

from pinnlearn import problems
from pinnlearn._version import __version__
from pinnlearn.estimators import PINNRegressor
from pinnlearn.metrics import relative_l2_error
from pinnlearn.optimizers import ENGD, GD, LBFGS, NGD, NNCG, SGD, SPRING, Adam, GaussNewton, SSBroyden
from pinnlearn.sampling import stack_points

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
    "__version__",
    "problems",
    "relative_l2_error",
    "stack_points",
]
