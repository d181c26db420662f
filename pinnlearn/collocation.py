"""Which equation holds at which row of X: the meaning of X and y."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.stats import poisson

from pinnlearn.conditions import BaseCondition
from pinnlearn.domains import REGIONS, Domain
from pinnlearn.jets import Jet, TimeAxisUnknownError, Zero
from pinnlearn.least_squares import Equation, as_tensor
from pinnlearn.pdes import PDE

# Distances, over the domain's extent, within which points are near misses if chance would hardly put so many there.
NEAR = (1e-8, 1e-7, 1e-6, 1e-5, 1e-4)
UNLIKELY = 1e-5
# In more dimensions a sample of the boundary need not meet every face.
MAX_COVERED_DIMS = 3
# Rows outside by less than this part of the domain's extent were rounded rather than scaled.
ROUNDED = 1e-2


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
        return check_region(region, len(X))
    if pde.domain is None:
        return np.full(len(X), "interior")
    _check_starts(pde.conditions, pde.domain)
    outside = governed & ~pde.domain.contains(X)
    if outside.any():
        lower, upper = pde.domain.bounds
        off = float(pde.domain.distance(X[outside]).max())
        rounded = f"They are off by at most {off:.1g} of its extent: were they rounded? Give six digits or more."
        scaled = (
            "Give X in the units of the PDE; a scaler in front of PINNRegressor changes the PDE and is not needed (the "
            "network scales by itself)."
        )
        raise ValueError(
            f"{outside.sum()} of {governed.sum()} rows without a known value lie outside {pde.domain!r}: X spans "
            f"{X.min(axis=0)} to {X.max(axis=0)}, the domain {lower} to {upper}. {rounded if off < ROUNDED else scaled}"
        )
    return pde.domain.region(X)


def _check_starts(conditions: Sequence[BaseCondition], domain: Domain) -> None:
    for condition in conditions:
        if condition.region == "initial" and not domain.has_time:
            raise ValueError(
                f"{condition.label} holds at the start, but {domain!r} has no time; use SpaceTime(space, t_start, "
                "t_end), whose last coordinate is time."
            )


def snapped(pde: PDE | None, X: NDArray) -> NDArray:
    """X in double precision, with the rows that are on the boundary up to rounding exactly there."""
    return X.astype(float) if pde is None or pde.domain is None else pde.domain.snap(X)


def bounding_box(pde: PDE | None, X: NDArray) -> tuple[NDArray, NDArray]:
    """Lower and upper corner, each (n_dims,), of the domain, or of X where there is none."""
    if pde is not None and pde.domain is not None:
        lower, upper = pde.domain.bounds
        return np.asarray(lower, dtype=float), np.asarray(upper, dtype=float)
    return X.min(axis=0).astype(float), X.max(axis=0).astype(float)


def check_pinned(pde: PDE | None, equations: Sequence[Equation], region: ArrayLike | None = None) -> None:
    """Raise a ValueError where nothing but the PDE in the interior is known."""
    if pde is None or not {equation.group for equation in equations} <= {"interior"}:
        return
    if not pde.conditions:
        have = f"{type(pde).__name__} has no conditions"
    elif pde.domain is None and region is None:
        have = "without a domain, boundary rows cannot be told from others (pass domain= to the PDE, or region= to fit)"
    else:
        have = "X has no boundary or initial row under a condition"
    raise ValueError(
        f"nothing pins the solution down: {have}, and no value of u is known. Add boundary points to X (see "
        "pde.sample and pinnlearn.stack_points), conditions to the PDE, or known values y; for cross-validation "
        "pinnlearn.model_selection.RegionKFold keeps boundary points in every fold."
    )


def warn_of_bare_faces(pde: PDE | None, X: NDArray) -> None:
    """Warn where a condition is to hold on the whole boundary, but no row lies on one of the faces of the domain."""
    # Without any boundary row there is another error, or known values pin the solution down.
    if pde is None or pde.domain is None or not pde.domain.on_boundary(X).any():
        return
    for axis in _axes_to_cover(pde):
        ends = pde.domain.ends(X, axis)
        for end, face in ((-1, pde.domain.bounds[0][axis]), (1, pde.domain.bounds[1][axis])):
            if not (ends == end).any():
                away = np.abs(X[:, axis] - face).min()
                warnings.warn(
                    f"no row of X lies on the face x[:, {axis}] = {face:.7g} of the domain, though a condition holds "
                    f"on the whole boundary; the nearest row is {away:.2g} away. The solution may be anything there: "
                    "add rows on it (were they rounded, or scaled in front of the estimator, which scales by itself?), "
                    "restrict the condition by where=, or pass region=.",
                    UserWarning,
                    stacklevel=4,
                )


def _axes_to_cover(pde: PDE) -> list[int]:
    """The axes whose two faces both need rows: not the periodic ones, and in many dimensions none."""
    domain: Domain = pde.domain  # type: ignore[assignment]
    everywhere = any(c.region == "boundary" and c.where is None and not c.own_axes for c in pde.conditions)
    if not everywhere or domain.n_dims - domain.has_time > MAX_COVERED_DIMS:
        return []
    return [axis for axis in domain.axes_with_faces if axis not in _own_axes(pde)]


def warn_of_near_misses(pde: PDE | None, X: NDArray, y: NDArray | None) -> None:
    """Warn where more rows nearly lie on the boundary than chance would put there: they count as interior."""
    if pde is None or pde.domain is None:
        return
    governed = np.ones(len(X), dtype=bool) if y is None else np.isnan(y).all(axis=1)
    distances = pde.domain.distance(X[governed & pde.domain.contains(X) & (pde.domain.region(X) == "interior")])
    for near in NEAR:
        count = int((distances <= near).sum())
        if count and poisson.sf(count - 1, 2 * X.shape[1] * len(X) * near) < UNLIKELY:
            warnings.warn(
                f"{count} row(s) lie within {near:g} of the domain's extent of its boundary, but not on it, so they "
                "count as interior. If they are boundary points that were rounded, give them with six digits or more, "
                "or say so by region=.",
                UserWarning,
                stacklevel=4,
            )
            return


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


def pooled_weights(equations: Sequence[Equation]) -> dict[str, float]:
    """The paper's loss: one mean over the interior, one over all rows with a condition, initial ones among them."""
    counts = {g: sum(len(e.rows) for e in equations if e.group == g) for g in ("boundary", "initial")}
    return {group: count / sum(counts.values()) for group, count in counts.items() if count}


def check_region(region: ArrayLike, n: int) -> NDArray:
    """The region of each row as it was given, (n,) of str."""
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
    for condition, holds in _where_conditions_hold(pde, X, regions):
        rows = np.flatnonzero(governed & holds)
        uncovered[rows] = False
        normals = _normals(pde, X[rows], condition.where)
        equations.append(Equation(condition.label, condition.region, condition.residual, rows, normals))
    rest = np.flatnonzero(uncovered)
    # A boundary row under no condition gets the PDE (outflow) and counts with the interior, whose equation it has.
    return [Equation(f"the equation of {type(pde).__name__}", "interior", pde.residual, rest), *equations]


def _where_conditions_hold(pde: PDE, X: NDArray, regions: NDArray) -> list[tuple[BaseCondition, NDArray]]:
    """Each condition as it holds on the domain, and at which rows, known values or not; (n,) of bool."""
    conditions = [condition.on(pde.domain) for condition in pde.conditions]
    taken = _at_own_faces(pde, X)
    places = []
    for condition in conditions:
        holds = regions == condition.region
        if condition.where is None and condition.region == "boundary":
            holds &= ~taken
        holds[holds] = condition.selects(_points(X[holds]))
        places.append((condition, holds))
    return places


def _own_axes(pde: PDE) -> set[int]:
    return {axis for condition in pde.conditions for axis in condition.own_axes}


def _at_own_faces(pde: PDE, X: NDArray) -> NDArray:
    """The rows on faces that are some condition's own, (n,) of bool."""
    taken = np.zeros(len(X), dtype=bool)
    for axis in _own_axes(pde):
        taken |= pde.domain.ends(X, axis) != 0  # type: ignore[union-attr]
    return taken


def unmet_conditions(pde: PDE, X: NDArray, regions: NDArray) -> list[str]:
    """Say of each condition that holds at no row of X that it is not imposed; rows with a known value count.

    Parameters
    ----------
    pde : PDE
    X : ndarray of shape (n_samples, n_dims)
    regions : ndarray of str of shape (n_samples,)
        Without a domain, where all are "interior", nothing tells the boundary from the rest, and no condition is unmet.

    Returns
    -------
    list of str
        Messages, with what to do.
    """
    if pde.domain is None and (regions == "interior").all():
        return []
    return [
        f"{condition.label} is not imposed: {_why_unmet(condition, int((regions == condition.region).sum()))}"
        for condition, holds in _where_conditions_hold(pde, X, regions)
        if not holds.any()
    ]


def _why_unmet(condition: BaseCondition, n: int) -> str:
    if n and condition.where is None:
        return f"other conditions have all {n} {condition.region} rows for their own. Leave it out, or give it where=."
    where = f"its where selects none of {n} {condition.region} rows" if n else f"no row of X is {condition.region}"
    return (
        f"{where}. Add rows there, as pde.sample does, or leave the condition out (pass None to a ready-made PDE). "
        "Folds of a search lose such rows: pass cv=RegionKFold()."
    )


def warn_of_unmet_conditions(pde: PDE | None, X: NDArray, region: ArrayLike | None) -> None:
    """Warn of each condition that holds at no row of X."""
    if pde is None:
        return
    regions = resolve_regions(pde, X, np.zeros(len(X), dtype=bool), region)
    for message in unmet_conditions(pde, X, regions):
        warnings.warn(message, UserWarning, stacklevel=4)


def _points(X: NDArray) -> torch.Tensor:
    return as_tensor(X, torch.device("cpu"), torch.float64)


def _normals(pde: PDE, X: NDArray, where) -> NDArray | None:
    """Outward normals, or None where some row has none."""
    if pde.domain is None:
        return None
    of_points = None if where is None else lambda points: np.asarray(where(_points(points)), bool)
    return pde.domain.outward_normals(X, of_points)
