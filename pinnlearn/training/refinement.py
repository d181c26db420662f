"""Residuals at fresh points; rows that are added where that of the PDE is large."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pinnlearn.arrays import as_tensor
from pinnlearn.least_squares import LeastSquares
from pinnlearn.networks import Network, half_width
from pinnlearn.posing.ground import Ground
from pinnlearn.posing.measures import measured, output_sizes

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


class Look(NamedTuple):
    """What fresh points say of a network.

    Attributes
    ----------
    residual : float
        The largest relative residual of an equation; infinite if one is not finite.
    evenness : float
        How evenly the PDE's is spread: the square of its mean over its mean square.
    """

    residual: float
    evenness: float


@dataclass(frozen=True, eq=False)
class Fresh:
    """Uniform points inside, always the same, and an eighth as many on each part of the boundary.

    Parameters
    ----------
    ground : Ground
    problem : LeastSquares
    n : int
    seed : int
    """

    ground: Ground
    problem: LeastSquares
    n: int
    seed: int

    def look(self, network: Network) -> Look:
        """Judge a network."""
        rng = np.random.default_rng(self.seed)
        inside, on_boundary = self.ground.inside(self.n, rng), self.ground.on_boundary(self.n // 8, rng)
        unknowns = replace(self.problem.unknowns, network=network, trained=network.linear)
        posed = self.ground.pose(np.concatenate([inside, on_boundary]), unknowns)
        like = posed.start
        sizes = output_sizes(self.ground.evaluate(network, as_tensor(inside, like.device, like.dtype)))
        measures = measured(posed, sizes, half_width(self.ground.bounds))
        ratios = [measure.ratio() for measure in measures]
        residual = max(ratios) if all(map(math.isfinite, ratios)) else math.inf
        squares = [m.residual.square().sum(dim=1) for m in measures if m.group == "interior"]
        return Look(residual, min((float(s.sqrt().mean() ** 2 / s.mean()) for s in squares if s.any()), default=0.0))
