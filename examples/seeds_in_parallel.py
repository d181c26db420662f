"""
Many seeds, in parallel
=======================

How much does the seed decide? ``run_seeds`` makes one fit a seed, each on one thread, with the same numbers for any
``n_jobs``.
"""

import numpy as np

from pinnlearn import LBFGS, NGD, Adam, PINNRegressor, problems
from pinnlearn.displays import SeedsDisplay
from pinnlearn.metrics import solution_scorer
from pinnlearn.model_selection import run_seeds

pde = problems.poisson_1d()
X = pde.sample(n_interior=60, n_boundary=2, random_state=0)
X_new = pde.sample(n_interior=1000, n_boundary=0, method="uniform", random_state=1)
optimizers = {"Adam": Adam(max_iter=100), "L-BFGS": LBFGS(max_iter=100), "NGD": NGD(max_iter=30)}

results = {
    name: run_seeds(
        PINNRegressor(pde=pde, width=30, optimizer=optimizer, init="gaussian"),
        X,
        seeds=4,
        scoring=solution_scorer,
        X_test=X_new,
        n_jobs=2,
    )
    for name, optimizer in optimizers.items()
}
error = -np.median(results["NGD"]["test_score"])
print(f"median relative L2 error of NGD {error:.1e}")

# %%
# A mark for each seed, a bar at the median. The score is minus the relative L2 error.

display = SeedsDisplay.from_results(results, negate=True)
display.ax_.set_ylabel("relative L2 error")
