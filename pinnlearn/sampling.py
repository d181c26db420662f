"""Point sets: low-discrepancy points in the unit cube, and arrays of points put together for `fit`."""

from __future__ import annotations

import math
from numbers import Integral

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import qmc
from sklearn.utils import check_random_state


def as_generator(random_state) -> np.random.Generator:
    """Turn scikit-learn's `random_state` (None, an int, a RandomState or a Generator) into a numpy Generator."""
    if isinstance(random_state, np.random.Generator):
        return random_state
    if random_state is None or isinstance(random_state, Integral):
        return np.random.default_rng(None if random_state is None else int(random_state))
    try:
        legacy = check_random_state(random_state)
    except ValueError as error:
        raise ValueError(
            f"random_state must be an integer such as 0, for the same result each time, or None; got {random_state!r}."
        ) from error
    return np.random.default_rng(legacy.randint(2**31, size=4))


def sobol(n: int, n_dims: int, rng: np.random.Generator) -> NDArray:
    """Points of a Sobol' sequence, scrambled, in the unit cube, (n, n_dims)."""
    # They are balanced in powers of two only; drawing one and taking its head avoids scipy's warning.
    return qmc.Sobol(n_dims, seed=rng).random_base2(math.ceil(math.log2(max(n, 1))))[:n]


def _grid(n: int, n_dims: int, rng: np.random.Generator) -> NDArray:
    per_axis = math.ceil(round(n ** (1 / n_dims), 9))
    midpoints = (np.arange(per_axis) + 0.5) / per_axis
    # Thinned evenly to n points; Python's integers, since 2^100 cells are too many for int64.
    cells = [i * (per_axis**n_dims - 1) // max(n - 1, 1) for i in range(n)]
    digits = [[cell // per_axis**axis % per_axis for axis in reversed(range(n_dims))] for cell in cells]
    return midpoints[np.array(digits)]


METHODS = {
    "uniform": lambda n, n_dims, rng: rng.random((n, n_dims)),
    "grid": _grid,
    "sobol": sobol,
    "halton": lambda n, n_dims, rng: qmc.Halton(n_dims, seed=rng).random(n),
    "lhs": lambda n, n_dims, rng: qmc.LatinHypercube(n_dims, seed=rng).random(n),
}


def unit_points(n: int, n_dims: int, rng: np.random.Generator, method: str = "sobol") -> NDArray:
    """Draw points in the unit cube.

    Parameters
    ----------
    n, n_dims : int
    rng : numpy Generator
    method : {"uniform", "grid", "sobol", "halton", "lhs"}
        "grid" is a tensor grid of midpoints, thinned evenly where n is no n_dims-th power.

    Returns
    -------
    ndarray of shape (n, n_dims)

    Examples
    --------
    >>> unit_points(4, 2, np.random.default_rng(0), "grid").tolist()
    [[0.25, 0.25], [0.25, 0.75], [0.75, 0.25], [0.75, 0.75]]
    """
    if method not in METHODS:
        raise ValueError(f"method={method!r} is unknown; choose one of {sorted(METHODS)}.")
    if n < 0:
        raise ValueError(f"the number of points must not be negative, got {n}.")
    if n == 0 or n_dims == 0:
        return np.empty((n, n_dims))
    return METHODS[method](n, n_dims, rng)


def stack_points(
    X_interior: ArrayLike, X_boundary: ArrayLike, y_boundary: ArrayLike | None = None, random_state=None
) -> tuple[NDArray, NDArray]:
    """Put interior and boundary points into one pair (X, y) for `PINNRegressor.fit`, rows interleaved.

    Parameters
    ----------
    X_interior : array-like of shape (n_interior, n_dims)
        Points where the PDE holds; their y is NaN, which says just that.
    X_boundary : array-like of shape (n_boundary, n_dims)
        Points on the boundary, or measured ones.
    y_boundary : array-like of shape (n_boundary,) or (n_boundary, n_outputs), optional
        Values of the solution there. None leaves them NaN too: the PDE's own conditions apply.
    random_state : int, RandomState or None
        For the order of the rows.

    Returns
    -------
    X : ndarray of shape (n_interior + n_boundary, n_dims)
    y : ndarray of shape (n_interior + n_boundary,) or (..., n_outputs)

    Raises
    ------
    ValueError
        If the arrays do not fit together.

    Examples
    --------
    >>> X, y = stack_points([[0.2], [0.5], [0.7]], [[0.0], [1.0]], [1.0, 2.0], random_state=0)
    >>> X.shape, int(np.isnan(y).sum())
    ((5, 1), 3)
    """
    interior, boundary = np.asarray(X_interior), np.asarray(X_boundary)
    if interior.ndim != 2 or boundary.ndim != 2 or interior.shape[1] != boundary.shape[1]:
        raise ValueError(
            "X_interior and X_boundary must be 2-D with the same number of columns, got shapes "
            f"{interior.shape} and {boundary.shape}."
        )
    y = np.full(len(boundary), np.nan) if y_boundary is None else np.asarray(y_boundary, dtype=float)
    if y.shape[:1] != (len(boundary),):
        raise ValueError(
            f"y_boundary of shape {y.shape} has {y.size} values, X_boundary has {len(boundary)} rows; give one a row."
        )
    order = as_generator(random_state).permutation(len(interior) + len(boundary))
    unknown = np.full((len(interior), *y.shape[1:]), np.nan)
    return np.concatenate([interior, boundary])[order], np.concatenate([unknown, y])[order]
