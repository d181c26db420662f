"""Whether known values are fitted as well as their noise allows.

Where a fit could still do better, what it leaves of the known values is alike at neighbouring places: what is left at
one can be told from what is left at the next. Noise cannot.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch import Tensor

from pinnlearn.arrays import as_array
from pinnlearn.least_squares import LeastSquares
from pinnlearn.posing.measures import measured

# Fewer values tell nothing.
FEWEST = 10
# The mean square of differences between neighbours is twice the mean square where they are independent, and far less
# where they are alike. It spreads by 1 / sqrt(n) of that for n values (von Neumann 1941).
UNLIKE = 0.5


def noise_of(problem: LeastSquares, sizes: Tensor, half_width: NDArray) -> float:
    """What a network leaves of known values, relative to them, where that is noise.

    Parameters
    ----------
    problem : LeastSquares
        At its start, the network, and the rows.
    sizes : Tensor of shape (n_outputs,)
        Of each output of u.
    half_width : ndarray of shape (n_dims,)

    Returns
    -------
    float
        The root mean square relative residual, that of the worst output; 0 where there are no known values, or where
        what is left of them is alike at neighbours.
    """
    found = [0.0]
    for block, measure in zip(problem.blocks, measured(problem, sizes, half_width), strict=True):
        if block.equation.values is None or len(block.x) < FEWEST:
            continue
        if not _is_noise(as_array(block.x) / half_width, as_array(measure.residual[:, 0])):
            return 0.0
        found.append(measure.ratio())
    return max(found)


def _is_noise(X: NDArray, residual: NDArray) -> bool:
    _, nearest = cKDTree(X).query(X, k=2)
    differences = residual - residual[nearest[:, 1]]
    return bool(np.mean(differences**2) > UNLIKE * 2 * np.mean(residual**2))
