r"""
Two plain arrays of points
==========================

Solve :math:`-\Delta u = 13 \sin(2 x) \cos(3 y)` on the unit disk, from points where the equation holds and points where
u is known. There is no domain object: any shape that you have points of will do.
"""

import numpy as np
import torch

from pinnlearn import PINNRegressor, relative_l2_error, stack_points
from pinnlearn.displays import PointsDisplay, SolutionDisplay
from pinnlearn.pdes import Poisson


def exact(X):
    return np.sin(2 * X[:, 0]) * np.cos(3 * X[:, 1])


def disk(n, rng):
    angle, radius = rng.uniform(0, 2 * np.pi, n), np.sqrt(rng.uniform(0, 1, n))
    return np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])


rng = np.random.default_rng(0)
X_interior = disk(600, rng)
angle = np.linspace(0, 2 * np.pi, 120, endpoint=False)
X_boundary = np.column_stack([np.cos(angle), np.sin(angle)])

# %%
# ``stack_points`` makes one X and one y of them: y is u where it is known, and NaN where the equation holds.

pde = Poisson(source=lambda x: 13 * torch.sin(2 * x[:, 0]) * torch.cos(3 * x[:, 1]))
X, y = stack_points(X_interior, X_boundary, exact(X_boundary), random_state=0)
model = PINNRegressor(pde=pde, random_state=0).fit(X, y)

X_new = disk(10_000, rng)
error = relative_l2_error(exact(X_new), model.predict(X_new))
print(f"relative L2 error {error:.1e}")

# %%

display = SolutionDisplay.from_estimator(model, X, aspect="equal")
PointsDisplay.from_estimator(model, X, y, ax=display.ax_)
