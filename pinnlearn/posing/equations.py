"""Which equation holds at which row of X: the meaning of X and y."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from numbers import Integral
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import poisson

from pinnlearn.arrays import as_array, as_tensor
from pinnlearn.conditions import BaseCondition
from pinnlearn.domains import Domain
from pinnlearn.jets import Jet, Recording, TimeAxisUnknownError, Zero
from pinnlearn.least_squares import CoefficientTerms, Equation
from pinnlearn.pdes import PDE
from pinnlearn.posing.coefficients import bound, coefficients, declared
from pinnlearn.posing.exact import ansatz_of
from pinnlearn.posing.findings import Finding
from pinnlearn.posing.rows import Rows

# Distances, over the domain's extent, within which points are near misses if chance would hardly put so many there.
NEAR = (1e-8, 1e-7, 1e-6, 1e-5, 1e-4)
UNLIKELY = 1e-5
# In more dimensions a sample of the boundary need not meet every face.
MAX_COVERED_DIMS = 3


def assign_equations(pde: PDE, rows: Rows) -> list[Equation]:
    """Say which equations hold at which rows.

    A row with a known y has the equation u(x_i) = y_i. Any other row is governed by the PDE in the interior and by
    the conditions of its region elsewhere; where none applies, by the PDE (outflow). A condition that holds exactly
    has no equation, and what rows lie there have none but those of other conditions; a periodic one has, which the
    network meets by itself. Where u has a form, the equations are those of the network in it.

    Parameters
    ----------
    pde : PDE
    rows : Rows

    Returns
    -------
    list of Equation
        Those without rows are left out.
    """
    equations = _known_values(rows)
    measured = _measured(pde, rows)
    if (rows.governed | measured).any():
        equations += _governed(pde, rows.X, rows.governed, rows.regions, measured)
    ansatz = ansatz_of(pde)
    if ansatz is not None:
        equations = [replace(equation, residual=ansatz.applied(equation.residual)) for equation in equations]
    return [equation for equation in _distinct(equations) if len(equation.rows)]


def _distinct(equations: Sequence[Equation]) -> list[Equation]:
    """The equations, those that would have one name numbered from the second on."""
    seen: Counter[str] = Counter()
    distinct = []
    for equation in equations:
        seen[equation.name] += 1
        number = seen[equation.name]
        distinct.append(equation if number == 1 else replace(equation, name=f"{equation.name} ({number})"))
    return distinct


def bounding_box(pde: PDE, X: NDArray) -> tuple[NDArray, NDArray]:
    """Lower and upper corner, each (n_dims,), of the domain, or of X where there is none."""
    if pde.domain is not None:
        lower, upper = pde.domain.bounds
        return np.asarray(lower, dtype=float), np.asarray(upper, dtype=float)
    return X.min(axis=0).astype(float), X.max(axis=0).astype(float)


def check_pinned(pde: PDE, equations: Sequence[Equation], is_routed: bool) -> None:
    """Raise a ValueError where nothing but the PDE in the interior is known."""
    if not equations:
        raise ValueError(
            "all rows of X lie where conditions hold exactly, so that no equation governs any; add interior rows."
        )
    is_exact = pde.transform is not None or len(pde.imposed_conditions) < len(pde.conditions)
    if is_exact or not {equation.group for equation in equations} <= {"interior"}:
        return
    if not pde.conditions:
        have = f"{type(pde).__name__} has no conditions"
    elif pde.domain is None and not is_routed:
        have = "without a domain, boundary rows cannot be told from others (pass domain= to the PDE, or region= to fit)"
    else:
        have = "X has no boundary or initial row under a condition"
    raise ValueError(
        f"nothing pins the solution down: {have}, and no value of u is known. Add boundary points to X (see "
        "pde.sample and pinnlearn.stack_points), conditions to the PDE, or known values y; for cross-validation "
        "pinnlearn.model_selection.RegionKFold keeps boundary points in every fold."
    )


def suspicious_rows(pde: PDE, rows: Rows) -> list[Finding]:
    """What is suspicious about rows: conditions that hold at none of them, and rows that just miss the boundary."""
    unmet = [Finding("unmet condition", message) for message in unmet_conditions(pde, rows.X, rows.regions)]
    if rows.is_routed or pde.domain is None:
        return unmet
    return [*unmet, *near_misses(pde, rows), *bare_faces(pde, rows.X)]


def bare_faces(pde: PDE, X: NDArray) -> list[Finding]:
    """Faces of the domain on which no row lies, though a condition is to hold on the whole boundary."""
    # Without any boundary row there is another error, or known values pin the solution down.
    found: list[Finding] = []
    domain = cast(Domain, pde.domain)
    if not domain.on_boundary(X).any():
        return found
    for axis in _axes_to_cover(pde):
        ends = domain.ends(X, axis)
        for end, face in ((-1, domain.bounds[0][axis]), (1, domain.bounds[1][axis])):
            if not (ends == end).any():
                away = np.abs(X[:, axis] - face).min()
                message = (
                    f"no row of X lies on the face x[:, {axis}] = {face:.7g} of the domain, though a condition holds "
                    f"on the whole boundary; the nearest row is {away:.2g} away. The solution may be anything there: "
                    "add rows on it (were they rounded, or scaled in front of the estimator, which scales by itself?), "
                    "restrict the condition by where=, or pass region=."
                )
                found.append(Finding("bare face", message))
    return found


def _axes_to_cover(pde: PDE) -> list[int]:
    """The axes whose two faces both need rows: not the periodic ones, and in many dimensions none."""
    domain: Domain = pde.domain  # type: ignore[assignment]
    imposed = pde.imposed_conditions
    everywhere = any(c.region == "boundary" and c.where is None and not c.own_axes for c in imposed)
    if not everywhere or domain.n_dims - domain.has_time > MAX_COVERED_DIMS:
        return []
    return [axis for axis in domain.axes_with_faces if axis not in _own_axes(pde)]


def near_misses(pde: PDE, rows: Rows) -> list[Finding]:
    """Whether more rows nearly lie on the boundary than chance would put there: they count as interior."""
    X, domain = rows.given, cast(Domain, pde.domain)
    distances = domain.distance(X[rows.governed & domain.contains(X) & (rows.regions == "interior")])
    for near in NEAR:
        count = int((distances <= near).sum())
        if count and poisson.sf(count - 1, 2 * X.shape[1] * len(X) * near) < UNLIKELY:
            message = (
                f"{count} row(s) lie within {near:g} of the domain's extent of its boundary, but not on it, so they "
                "count as interior. If they are boundary points that were rounded, give them with six digits or more, "
                "or say so by region=."
            )
            return [Finding("near misses", message)]
    return []


def time_axis(pde: PDE, x: torch.Tensor) -> bool | None:
    """Whether the last coordinate is time; asks the equation where nothing else tells."""
    if pde.has_time is not None or not pde.has_equation:
        return pde.has_time
    try:
        residual, reads = bound(pde, declared(pde))
        start = CoefficientTerms(coefficients(pde, _box(x), x), x[:2], None, False).read(reads)
        residual(x[:2], Jet(Zero(x[:2], pde.n_outputs), has_time=None), **start)
    except TimeAxisUnknownError:
        return True
    except Exception:  # reported with its context when the equations are checked
        return None
    return None


def _box(x: torch.Tensor) -> tuple[NDArray, NDArray]:
    return as_array(x.amin(dim=0)), as_array(x.amax(dim=0)) + 1.0


def pooled_weights(equations: Sequence[Equation]) -> dict[str, float]:
    """The paper's loss: one mean over the interior, one over all rows with a condition, initial ones among them."""
    counts = {g: sum(len(e.rows) for e in equations if e.group == g) for g in ("boundary", "initial")}
    return {group: count / sum(counts.values()) for group, count in counts.items() if count}


def _known_values(rows: Rows) -> list[Equation]:
    """An equation for each output that is known somewhere, in each group."""
    groups, known = np.where(rows.regions == "interior", "data", rows.regions), rows.known
    several = known.shape[1] > 1
    return [
        Equation(
            f"the known values of u[{k}]" if several else "the known values",
            str(group),
            _output(k),
            at,
            values=cast(NDArray, rows.values)[at, k],
        )
        for group in np.unique(groups[known.any(axis=1)])
        for k in range(known.shape[1])
        if len(at := np.flatnonzero(known[:, k] & (groups == group)))
    ]


def _output(k: int):
    return lambda x, u: u[k].value


def _measured(pde: PDE, rows: Rows) -> NDArray:
    """Rows of known values at which a PDE with unknown coefficients holds as well, (n,) of bool.

    Without a domain that is so where every row is known: others are then collocation points.
    """
    if not declared(pde) or (pde.domain is None and rows.governed.any()):
        return np.zeros(len(rows.X), dtype=bool)
    inside = ~rows.governed & (rows.regions == "interior")
    return inside if pde.domain is None else inside & pde.domain.contains(rows.X)


def _governed(pde: PDE, X: NDArray, governed: NDArray, regions: NDArray, measured: NDArray) -> list[Equation]:
    """The PDE and its conditions at the rows that no known value governs, the PDE at measured ones too."""
    equations, uncovered, unknowns = [], governed.copy(), declared(pde)
    for condition, holds in _where_conditions_hold(pde, X, regions):
        rows = np.flatnonzero(governed & holds)
        uncovered[rows] = False
        is_held = condition.hard and bool(condition.own_axes)
        if condition.hard and not is_held:
            continue
        normals = _normals(pde, X[rows], condition.where)
        residual, reads = bound(condition, unknowns)
        known = condition.is_pointwise
        law = Equation(condition.label, condition.region, residual, rows, normals, None, is_held, reads, known)
        equations.append(law)
    rest, (residual, reads) = np.flatnonzero(uncovered | measured), bound(pde, unknowns)
    # A boundary row under no condition gets the PDE (outflow) and counts with the interior, whose equation it has.
    return [Equation(f"the equation of {type(pde).__name__}", "interior", residual, rest, reads=reads), *equations]


def _where_conditions_hold(pde: PDE, X: NDArray, regions: NDArray) -> list[tuple[BaseCondition, NDArray]]:
    """Each condition as it holds on the domain, and at which rows, known values or not; (n,) of bool."""
    orders = _orders(pde, X)
    conditions = [condition.on(pde.domain, orders) for condition in pde.conditions]
    taken = _at_own_faces(pde, X)
    places = []
    for condition in conditions:
        holds = regions == condition.region
        if condition.where is None and condition.region == "boundary":
            holds &= ~taken
        holds[holds] = condition.selects(_points(X[holds]))
        places.append((condition, holds))
    return places


def _orders(pde: PDE, X: NDArray) -> dict[int, int]:
    """The equation's order along each axis that some condition owns; asks the equation, at two rows."""
    axes = _own_axes(pde)
    if not (axes and len(X) and pde.has_equation):
        return {}
    x = _points(X[:2])
    source = Recording(x, pde.n_outputs)
    # What is wrong with an equation is reported with its context when the equations are checked.
    with suppress(Exception):
        pde.residual(x, Jet(source, time_axis(pde, x)))
    return {axis: source.order_along(axis) for axis in axes if isinstance(axis, Integral)}


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
        if not condition.hard and not holds.any()
    ]


def _why_unmet(condition: BaseCondition, n: int) -> str:
    if n and condition.where is None:
        return f"other conditions have all {n} {condition.region} rows for their own. Leave it out, or give it where=."
    where = f"its where selects none of {n} {condition.region} rows" if n else f"no row of X is {condition.region}"
    return (
        f"{where}. Add rows there, as pde.sample does, or leave the condition out (pass None to a ready-made PDE). "
        "Folds of a search lose such rows: pass cv=RegionKFold()."
    )


def _points(X: NDArray) -> torch.Tensor:
    return as_tensor(X, torch.device("cpu"), torch.float64)


def _normals(pde: PDE, X: NDArray, where) -> NDArray | None:
    """Outward normals, or None where some row has none."""
    if pde.domain is None:
        return None
    of_points = None if where is None else lambda points: np.asarray(where(_points(points)), bool)
    return pde.domain.outward_normals(X, of_points)
