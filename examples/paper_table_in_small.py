"""
The paper's table, in small
===========================

The first row of the paper's main table: the 1D Poisson problem by SGD, Adam, L-BFGS and NGD, on the paper's network,
hidden weights trained from N(0, 1), output weights fixed at +-1. SGD and Adam make a fiftieth of the paper's epochs.
`The whole table <../reproduction.html>`_ is one command, ``pinnlearn reproduce main``.
"""

import matplotlib.pyplot as plt

from pinnlearn import LBFGS, NGD, SGD, Adam, PINNRegressor, problems
from pinnlearn.callbacks import ErrorMonitor
from pinnlearn.metrics import exact_solution

pde = problems.poisson_1d()
X = pde.sample(n_interior=100, n_boundary=2, random_state=0)
X_new = pde.sample(n_interior=1000, n_boundary=0, method="uniform", random_state=1)

optimizers = {
    "SGD": SGD(1e-3, momentum=0.0, batch_size=None, max_iter=200),
    "Adam": Adam(1e-3, max_iter=200),
    "L-BFGS": LBFGS(1.0, max_iter=100),
    "NGD": NGD(0.1, damping=1e-12, max_iter=150),  # w <- w - eta J^T (J J^T + lambda I)^-1 r
}
monitors = {name: ErrorMonitor(X_new, exact_solution(pde, X_new)) for name in optimizers}
for name, optimizer in optimizers.items():
    PINNRegressor(
        pde=pde,
        optimizer=optimizer,
        width=500,
        trainable="hidden",
        init="gaussian",
        loss_weights=None,
        callbacks=[monitors[name]],
        random_state=0,
    ).fit(X)

error = monitors["NGD"].errors_[-1]
for name, monitor in monitors.items():
    print(f"{name:<7} {monitor.steps_[-1]:>4} steps, relative L2 error {monitor.errors_[-1]:.1e}")

# %%

figure, ax = plt.subplots(figsize=(3.7, 3.4), layout="constrained")
for (name, monitor), marker in zip(monitors.items(), "svDo", strict=True):
    ax.loglog(monitor.steps_, monitor.errors_, marker=marker, markersize=4, linewidth=0.9, label=name)
ax.set(xlabel="steps", ylabel="relative L2 error")
ax.legend()
