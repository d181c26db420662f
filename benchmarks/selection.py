"""How near the best of a grid the default score picks, over problems and seeds.

Run as `python benchmarks/selection.py [SEEDS]`; the table goes to standard output, in Markdown. The errors are those
of the very models that were scored, the mean over three folds of rows that were left out; "refitted" are the errors
of the grid's cells fitted to all rows, as `GridSearchCV` does with the cell that it picks.
"""

import sys
from itertools import product

import numpy as np
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.utils.parallel import Parallel, delayed

from pinnlearn import PINNRegressor, problems
from pinnlearn.conditions import Dirichlet
from pinnlearn.domains import Box
from pinnlearn.metrics import solution_scorer
from pinnlearn.model_selection import RegionKFold
from pinnlearn.pdes import PDE

N_INTERIOR, N_BOUNDARY = 900, 120
GRID = {"learning_rate": [0.02, 0.1, 0.5, 1.0], "width": [20, 60, 180]}
WEIGHTS = [{"boundary": 10.0**k} for k in (-3, -1, 1, 3)]


def wave(x):
    """The solution of the cubic problem."""
    return torch.sin(2 * x[:, 0]) * torch.exp(x[:, 1])


def cubic(x, u):
    """-Laplace(u) + u^3 = f."""
    return -u.laplacian + u.value**3 - 3 * wave(x) - wave(x) ** 3


PROBLEMS = {
    "poisson_2d": problems.poisson_2d(),
    "heat_1d": problems.heat_1d(),
    "cubic": PDE(Box([0.0, 0.0], [1.0, 1.0]), equation=cubic, conditions=[Dirichlet(wave)], solution=wave),
}


def default_score(model, X, y=None):
    """The estimator's own score."""
    return model.score(X)


def pde_alone(model, X, y=None):
    """Minus the RMS residual of the PDE, without any condition."""
    return -float(np.sqrt(np.mean(model.residual(X) ** 2)))


def refitted_error(model, parameters, X, X_new) -> float:
    """The error of a cell of the grid fitted to all rows."""
    return -solution_scorer(clone(model).set_params(**parameters).fit(X), X_new)


def select(pde, grid, seed: int) -> tuple[float, ...]:
    """Span of the grid's errors; ratio to the best of what the score and the PDE alone pick, and when refitted."""
    X = pde.sample(N_INTERIOR, N_BOUNDARY, random_state=seed)
    model = PINNRegressor(pde=pde, trainable="hidden", init="gaussian", max_iter=50, random_state=seed)
    scoring = {"true": solution_scorer, "default": default_score, "pde": pde_alone}
    cv = RegionKFold(3, pde=pde)
    results = GridSearchCV(model, grid, cv=cv, scoring=scoring, refit=False, n_jobs=2).fit(X).cv_results_
    errors = -results["mean_test_true"]
    chosen, by_pde = (results[f"mean_test_{name}"].argmax() for name in ("default", "pde"))
    X_new = pde.domain.sample_interior(4000, np.random.default_rng(10_000 + seed), "uniform")
    jobs = (delayed(refitted_error)(model, parameters, X, X_new) for parameters in results["params"])
    refitted = np.array(Parallel(n_jobs=2)(jobs))
    best = errors.min()
    return errors.max() / best, errors[chosen] / best, errors[by_pde], refitted[chosen] / refitted.min()


def main(n_seeds: int) -> None:
    """Print the table."""
    print("| problem | grid | seed | span | chosen / best | error by the PDE alone | refitted: chosen / best |")
    print("|---|---|---|---|---|---|---|")
    grids = {"12 cells": GRID, "48 cells with boundary weights": GRID | {"loss_weights": WEIGHTS}}
    for (name, pde), (title, grid), seed in product(PROBLEMS.items(), grids.items(), range(n_seeds)):
        span, chosen, by_pde, refitted = select(pde, grid, seed)
        print(f"| {name} | {title} | {seed} | {span:.0f} | {chosen:.2f} | {by_pde:.1e} | {refitted:.2f} |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
