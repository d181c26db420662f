"""
On a GPU
========

``device="auto"`` takes a GPU where there is one, and the CPU otherwise. A model that was trained on a GPU is three
numpy arrays: it predicts anywhere.
"""

import torch

from pinnlearn import PINNRegressor, problems, relative_l2_error
from pinnlearn.displays import SolutionDisplay
from pinnlearn.metrics import exact_solution, new_points

device = torch.cuda.get_device_name() if torch.cuda.is_available() else "the CPU: no GPU was found"
print(f"computing on {device}")

pde = problems.poisson_10d()
X = pde.sample(n_interior=1000, n_boundary=200, random_state=0)
model = PINNRegressor(pde=pde, device="auto", random_state=0).fit(X)

X_new = new_points(pde.domain)
error = relative_l2_error(exact_solution(pde, X_new), model.predict(X_new))
print(f"{len(X)} points in {X.shape[1]} dimensions: relative L2 error {error:.1e}")

# %%
# Of ten dimensions, a slice through the middle along two of them.

SolutionDisplay.from_estimator(model, axes=(0, 1))
