"""Which equation holds at which row of X: the meaning of X and y."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from pinnlearn.domains import REGIONS
from pinnlearn.jets import Jet, TimeAxisUnknownError, Zero
from pinnlearn.least_squares import Equation, as_tensor
from pinnlearn.pdes import PDE


def assign_equations(pde: PDE | None, X: NDArray, y: NDArray | None, region: ArrayLike | None = None) -> list[Equation]:
    """Say which equations hold at which rows.

    A row with a known y has the equation u(x_i) = y_i. Any other row is governed by the PDE in the interior and by
    the conditions of its region elsewhere; where none applies, by the PDE (outflow).

    Parameters
    ----------
    pde : PDE or None
        None is plain regression.
    X : ndarray of shape (n_samples, n_dims)
    y : ndarray of shape (n_samples, n_outputs) or None
        NaN where u is not known.
    region : sequence of {"interior", "boundary", "initial"}, of length n_samples, optional
        None asks the PDE's domain.

    Returns
    -------
    list of Equation
        Those without rows are left out.

    Raises
    ------
    ValueError
        If rows lie outside the domain, `region` does not fit, or y is missing where it must be known.
    """
    known: NDArray = np.zeros((len(X), 1), dtype=bool) if y is None else ~np.isnan(y)
    governed = np.asarray(~known.any(axis=1))
    if pde is None:
        _check_all_known(known)
        regions = np.full(len(X), "data")
    else:
        regions = resolve_regions(pde, X, governed, region)
    equations = _known_values(y, known, regions)
    if pde is not None and governed.any():
        equations += _governed(pde, X, governed, regions)
    return [equation for equation in equations if len(equation.rows)]


def resolve_regions(pde: PDE, X: NDArray, governed: NDArray, region: ArrayLike | None = None) -> NDArray:
    """The region of each row, from `region` or from the PDE's domain, (n,) of str."""
    if region is not None:
        return _check_region(region, len(X))
    if pde.domain is None:
        return np.full(len(X), "interior")
    outside = governed & ~pde.domain.contains(X)
    if outside.any():
        lower, upper = pde.domain.bounds
        raise ValueError(
            f"{outside.sum()} of {governed.sum()} rows without a known value lie outside {pde.domain!r}: X spans "
            f"{X.min(axis=0)} to {X.max(axis=0)}, the domain {lower} to {upper}. Give X in the units of the PDE; a "
            "scaler in front of PINNRegressor changes the PDE and is not needed (the network scales by itself)."
        )
    return pde.domain.region(X)


def time_axis(pde: PDE | None, x: torch.Tensor) -> bool | None:
    """Whether the last coordinate is time; asks the equation where nothing else tells."""
    if pde is None or pde.has_time is not None:
        return None if pde is None else pde.has_time
    try:
        pde.residual(x[:2], Jet(Zero(x[:2], pde.n_outputs), has_time=None))
    except TimeAxisUnknownError:
        return True
    except Exception:  # reported with its context when the equations are checked
        return None
    return None


def _check_all_known(known: NDArray) -> None:
    if not known.all():
        raise ValueError(
            f"Input y contains NaN in {(~known.all(axis=1)).sum()} of {len(known)} rows; with pde=None every value "
            "must be known. Pass pde=... if those rows are governed by an equation."
        )


def _check_region(region: ArrayLike, n: int) -> NDArray:
    regions = np.asarray(region)
    if regions.shape != (n,):
        raise ValueError(f"region must have one entry a row, shape ({n},), got {regions.shape}.")
    unknown = sorted({str(name) for name in np.unique(regions)} - set(REGIONS))
    if unknown:
        raise ValueError(f"region has unknown names {unknown}; choose from {list(REGIONS)}.")
    return regions.astype("<U8")


def _known_values(y: NDArray | None, known: NDArray, regions: NDArray) -> list[Equation]:
    groups = np.where(regions == "interior", "data", regions)
    return [
        Equation("the known values", group, _output(k), rows, values=y[rows, k])
        for group in np.unique(groups[known.any(axis=1)])
        for k in range(known.shape[1])
        if len(rows := np.flatnonzero(known[:, k] & (groups == group))) and y is not None
    ]


def _output(k: int):
    return lambda x, u: u[k].value


def _governed(pde: PDE, X: NDArray, governed: NDArray, regions: NDArray) -> list[Equation]:
    """The PDE and its conditions at the rows that no known value governs."""
    equations, uncovered = [], governed.copy()
    for condition in pde.conditions:
        if condition.region not in REGIONS[1:]:
            raise ValueError(f"{condition!r} is for an unknown region; choose one of {list(REGIONS[1:])}.")
        candidates = np.flatnonzero(governed & (regions == condition.region))
        rows = candidates[_where(condition, X[candidates])]
        uncovered[rows] = False
        equations.append(Equation(repr(condition), condition.region, condition.residual, rows, _normals(pde, X[rows])))
    rest = np.flatnonzero(uncovered)
    # A boundary row under no condition gets the PDE (outflow) and counts with the interior, whose equation it has.
    return [Equation(f"the equation of {type(pde).__name__}", "interior", pde.residual, rest), *equations]


def _where(condition, X: NDArray) -> NDArray:
    if condition.where is None or not len(X):
        return np.ones(len(X), dtype=bool)
    try:
        chosen = np.asarray(condition.where(as_tensor(X, torch.device("cpu"), torch.float64)), dtype=bool)
    except IndexError as error:
        raise ValueError(f"where of {condition!r} reads a coordinate that does not exist ({error}).") from error
    if chosen.shape != (len(X),):
        raise ValueError(f"where of {condition!r} must give one bool a row, ({len(X)},), got shape {chosen.shape}.")
    if not chosen.any():
        warnings.warn(f"where of {condition!r} selects none of {len(X)} {condition.region} rows.", stacklevel=2)
    return chosen


def _normals(pde: PDE, X: NDArray) -> NDArray | None:
    """Outward normals, or None where some row has none."""
    normals = None if pde.domain is None else pde.domain.normal(X)
    return None if normals is None or not normals.any(axis=1).all() else normals
