r"""
Poisson's equation in six lines
===============================

Solve :math:`-\Delta u = 2 \pi^2 \sin(\pi x) \sin(\pi y)` on the unit square with :math:`u = 0` on its boundary.
"""

import math

import torch

from pinnlearn import PINNRegressor, relative_l2_error
from pinnlearn.displays import PointsDisplay, SolutionDisplay
from pinnlearn.domains import Box
from pinnlearn.metrics import exact_solution
from pinnlearn.pdes import Poisson


def exact(x):
    return torch.sin(math.pi * x[:, 0]) * torch.sin(math.pi * x[:, 1])


# %%
# The problem, its points, the fit. One array holds interior and boundary points; the domain tells them apart.

pde = Poisson(Box([0, 0], [1, 1]), source=lambda x: 2 * math.pi**2 * exact(x), boundary=0.0, solution=exact)
X = pde.sample(n_interior=900, n_boundary=120, random_state=0)
model = PINNRegressor(pde=pde, random_state=0).fit(X)

# %%
# The exact solution is known here, though ``fit`` does not use it. So we can tell the error, at points that the model
# was not trained on.

X_new = pde.sample(n_interior=10_000, n_boundary=0, method="uniform", random_state=1)
error = relative_l2_error(exact_solution(pde, X_new), model.predict(X_new))
print(f"relative L2 error {error:.1e}")
print(model.describe())

# %%

display = SolutionDisplay.from_estimator(model)
PointsDisplay.from_estimator(model, X, ax=display.ax_)
SolutionDisplay.from_estimator(model, kind="error")
