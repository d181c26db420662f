"""
Search over the learning rate and the width
===========================================

``PINNRegressor`` is a scikit-learn estimator, so that ``GridSearchCV`` searches over the learning rate eta and the
width m, here on two processes.
"""

import warnings

import matplotlib.pyplot as plt
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV

from pinnlearn import PINNRegressor, problems, relative_l2_error
from pinnlearn.metrics import exact_solution, log_residual_scorer
from pinnlearn.model_selection import RegionKFold

# %%
# Without y every row is governed by the PDE and its conditions. ``RegionKFold`` deals interior and boundary points out
# to all folds alike; the scorer counts digits of the relative residual, where ``score`` would round to 1. Candidates
# that do not solve the equations would each say so, which is what the search is to find out.

warnings.simplefilter("ignore", ConvergenceWarning)

pde = problems.poisson_2d()
X = pde.sample(n_interior=120, n_boundary=60, random_state=0)
rates, widths = [0.1, 0.5, 1.0], [15, 30, 60]
search = GridSearchCV(
    PINNRegressor(pde=pde, max_iter=30, random_state=0),
    {"learning_rate": rates, "width": widths},
    scoring=log_residual_scorer,
    cv=RegionKFold(2, pde=pde),
    n_jobs=2,
).fit(X)

X_new = pde.sample(n_interior=10_000, n_boundary=0, method="uniform", random_state=1)
error = relative_l2_error(exact_solution(pde, X_new), search.predict(X_new))
print(f"best: {search.best_params_}, relative L2 error {error:.1e}")

# %%

digits = search.cv_results_["mean_test_score"].reshape(len(rates), len(widths))
figure, ax = plt.subplots(figsize=(3.7, 3.2), layout="constrained")
for rate, line, dashes in zip(rates, digits, ("-", "--", ":"), strict=True):
    ax.plot(widths, line, dashes, marker="o", label=f"eta = {rate}")
ax.set(xlabel="width m", ylabel="digits of the relative residual", xticks=widths)
ax.legend()
