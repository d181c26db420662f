"""Where rows are added: at points of the domain where the residual of the PDE is large."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pinnlearn.least_squares import LeastSquares

# Points of the domain for each row that is added, of which those with a large residual are the likelier ones.
CANDIDATES = 5


def refine(problem: LeastSquares, candidates: Callable[[int], NDArray], n_rows: int, seed: int) -> LeastSquares:
    """Add rows of the PDE: points of the domain, kept with a likelihood in proportion to 1 + |r| / mean |r|.

    Parameters
    ----------
    problem : LeastSquares
        At its start, whose residual r counts.
    candidates : callable
        candidates(n) gives n points of the domain, (n, n_dims).
    n_rows : int
        The number of rows to add.
    seed : int

    Returns
    -------
    LeastSquares

    References
    ----------
    Wu, Zhu, Tan, Kartha and Lu (2023), "A comprehensive study of non-adaptive and residual-based adaptive sampling
    for physics-informed neural networks", CMAME 403: RAD with k = c = 1.
    """
    return problem.refined(likely(problem, candidates, n_rows, np.random.default_rng(seed)))


def likely(
    problem: LeastSquares, candidates: Callable[[int], NDArray], n_rows: int, rng: np.random.Generator
) -> NDArray:
    """Draw points, (n_rows, n_dims), with that likelihood, from `CANDIDATES` times as many."""
    points = candidates(CANDIDATES * n_rows)
    residual = problem.interior_residual(points)
    residual = np.where(np.isfinite(residual), residual, 0.0)
    likelihood = 1 + residual / max(residual.mean(), np.finfo(float).tiny)
    likelihood /= likelihood.sum()
    return points[rng.choice(len(points), size=n_rows, replace=False, p=likelihood)]
