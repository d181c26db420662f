"""What X, y and region mean: points, known values, and the region of each row, read once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.utils import check_array

from pinnlearn.conditions import BaseCondition
from pinnlearn.domains import REGIONS, Domain, check_domain
from pinnlearn.pdes import PDE, PlainRegression

# Rows outside by less than this part of the domain's extent were rounded rather than scaled.
ROUNDED = 1e-2


@dataclass(frozen=True)
class Rows:
    """The rows of a problem.

    Attributes
    ----------
    X : ndarray of shape (n_samples, n_dims)
        In double precision; points that are on the boundary up to rounding are exactly there.
    values : ndarray of shape (n_samples, n_outputs) or None
        Known values of u, NaN where it is not known.
    regions : ndarray of shape (n_samples,)
        "interior", "boundary", "initial", or "data" where there is no equation.
    given : ndarray of shape (n_samples, n_dims)
        X as it came, in its own precision.
    is_routed : bool
        Whether the regions were given by the user.
    """

    X: NDArray
    values: NDArray | None
    regions: NDArray
    given: NDArray
    is_routed: bool

    @classmethod
    def of(cls, pde: PDE, X: NDArray, y: ArrayLike | None = None, region: ArrayLike | None = None) -> Rows:
        """Read X, y and region as `PINNRegressor.fit` takes them.

        Raises
        ------
        ValueError
            If rows lie outside the domain, or y or region does not fit X.
        """
        values = check_known_values(y, len(X), pde.n_outputs)
        points = _snapped(pde, X)
        governed = np.asarray(~_known(values, len(X)).any(axis=1))
        if not pde.has_equation:
            _check_all_known(values, len(X))
            regions = np.full(len(X), "data")
        elif region is not None:
            regions = check_region(region, len(X))
        else:
            regions = _resolve_regions(pde, points, governed)
        return cls(points, values, regions, X, region is not None)

    @property
    def governed(self) -> NDArray:
        """Which rows have equations of the problem, not known values; (n_samples,) of bool."""
        return np.asarray(~self.known.any(axis=1))

    @property
    def known(self) -> NDArray:
        """Which values are known, (n_samples, n_outputs) of bool."""
        return _known(self.values, len(self.X))


def _known(values: NDArray | None, n: int) -> NDArray:
    return np.zeros((n, 1), dtype=bool) if values is None else ~np.isnan(values)


def _resolve_regions(pde: PDE, X: NDArray, governed: NDArray) -> NDArray:
    """The region of each row by the PDE's domain, (n,) of str."""
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
                "t_end), whose last coordinate is time, or Time(t_start, t_end)."
            )


def _snapped(pde: PDE, X: NDArray) -> NDArray:
    """X in double precision, with the rows that are on the boundary up to rounding exactly there."""
    return X.astype(float) if pde.domain is None else pde.domain.snap(X)


def check_region(region: ArrayLike, n: int) -> NDArray:
    """The region of each row as it was given, (n,) of str."""
    regions = np.asarray(region)
    if regions.shape != (n,):
        raise ValueError(f"region must have one entry a row, shape ({n},), got {regions.shape}.")
    unknown = sorted({str(name) for name in np.unique(regions)} - set(REGIONS))
    if unknown:
        raise ValueError(f"region has unknown names {unknown}; choose from {list(REGIONS)}.")
    return regions.astype("<U8")


def _check_all_known(values: NDArray | None, n: int) -> None:
    unknown = n if values is None else int(np.isnan(values).any(axis=1).sum())
    if unknown:
        raise ValueError(
            f"Input y contains NaN in {unknown} of {n} rows; with pde=None every value must be known. Pass pde=... if "
            "those rows are governed by an equation."
        )


def check_points(X: ArrayLike) -> NDArray:
    """Points as (n_samples, n_dims); float32 stays float32, which tells how exactly they lie on the boundary."""
    return np.asarray(check_array(X, dtype=[np.float64, np.float32], ensure_min_samples=0))


def check_pde(pde: Any, n_dims: int, y: ArrayLike | None = None) -> PDE:
    """A clone of the PDE, which fits points of this dimension; for None a regression of the columns of y."""
    if pde is None:
        return PlainRegression(1 if y is None else check_known_values(y, len(np.asarray(y))).shape[1])
    if not isinstance(pde, PDE):
        raise ValueError(f"pde must be a pinnlearn.pdes.PDE (an object, not a class) or None, got {pde!r}.")
    if pde.equation is not None and not callable(pde.equation):
        raise ValueError(
            f"equation must be a function of x and u, such as lambda x, u: u.laplacian + 1, got {pde.equation!r}."
        )
    if pde.domain is not None:
        check_domain(pde.domain, type(pde).__name__)
    if pde.domain is not None and n_dims != pde.domain.n_dims:
        raise ValueError(
            f"X has {n_dims} column(s), but {pde.domain!r} has {pde.domain.n_dims} coordinate(s)"
            f"{' (time is the last)' if pde.domain.has_time else ''}; give one column for each."
        )
    _check_conditions(pde.conditions)
    return clone(pde)


def _check_conditions(conditions: Any) -> None:
    advice = "write conditions=[Dirichlet(0.0), ...], a list of objects from pinnlearn.conditions."
    if not isinstance(conditions, list | tuple):
        raise ValueError(f"the conditions of a PDE must be a list, got {conditions!r}; {advice}")
    for condition in conditions:
        if not isinstance(condition, BaseCondition):
            raise ValueError(f"{condition!r} is no condition; {advice} For a function use Condition(residual).")
        where = getattr(condition, "where", None)
        if where is not None and not callable(where):
            raise ValueError(f"where of {condition!r} must be a function of x, got {where!r}.")


def check_known_values(y: ArrayLike | None, n: int, n_outputs: int | None = None) -> Any:
    """Known values as (n, n_outputs), NaN where unknown; None for none."""
    if y is None:
        return None
    values = check_array(
        y, ensure_2d=False, allow_nd=False, ensure_all_finite="allow-nan", dtype=np.float64, input_name="y"
    )
    values = values.reshape(len(values), -1)
    if len(values) != n:
        raise ValueError(f"y has {len(values)} rows and X has {n}: inconsistent numbers of samples.")
    if n_outputs is not None and values.shape[1] != n_outputs:
        raise ValueError(f"y has {values.shape[1]} column(s), but the PDE has n_outputs={n_outputs}.")
    return values
