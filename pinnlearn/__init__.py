"""Solve partial differential equations with two-layer networks and natural gradient descent, as in scikit-learn."""

from pinnlearn import problems
from pinnlearn.estimators import PINNRegressor
from pinnlearn.metrics import relative_l2_error
from pinnlearn.optimizers import GD, NGD
from pinnlearn.sampling import stack_points

__version__ = "0.1.0"

__all__ = ["GD", "NGD", "PINNRegressor", "problems", "relative_l2_error", "stack_points"]
