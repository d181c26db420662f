"""What a domain is: where a PDE holds. It tells regions and outward normals, and samples points; all in numpy."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pinnlearn.hyperparameters import Hyperparameters

REGIONS = ("interior", "boundary", "initial")
Where = Callable[[NDArray], NDArray]
# How points are drawn where nothing else is asked for.
SAMPLING = "sobol"
# Coordinates printed with six digits count as those of the face that they were printed from, if they are this near.
DIGITS, PRINTED = 6, 1e-5
# Lengths of normals off by more are no rounding.
UNIT_LENGTH = 1e-5
# Points that come near the boundary halve their distance so many times; nearer ones count as points on it.
HALVINGS = 28


def on_face(x: NDArray, face: float, extent: float) -> NDArray:
    """Whether coordinates along one axis are that of a face, up to rounding; (n,) of bool.

    They are within 1e-9 of the extent (1e-6 for float32 points; far from the origin, within the rounding of the
    coordinates themselves), or are the face's own coordinate printed with six digits or more, as in a CSV file. The
    latter is an exact comparison, so that it takes no point that merely lies close.
    """
    relative, eps = (1e-6, 1e-7) if x.dtype == np.float32 else (1e-9, 2e-16)
    distance = np.abs(x - face)
    close = distance <= max(relative * extent, eps * (abs(face) + extent))
    return close | (np.isin(x, _printed(float(face)).astype(x.dtype)) & (distance <= PRINTED * extent))


@cache
def _printed(value: float) -> NDArray:
    """The number as it is read back after printing it with six digits or more, significant or decimal."""
    return np.unique([float(f"{value:.{digits}{kind}}") for kind in "gf" for digits in range(DIGITS, 17)])


class Domain(Hyperparameters, ABC):
    """Where a PDE holds, and what a class of your own inherits from.

    A point is in the region "boundary" where it lies on the boundary, "initial" on the slice t = t_start of a
    space-time domain (there it wins over the lateral boundary), and "interior" elsewhere; t = t_end is interior.

    A domain needs `bounds`, `contains`, `on_boundary`, `normal`, `sample_interior` and `sample_boundary`, and a
    constructor that stores its parameters under their own names. Points come as arrays (n, n_dims). What else is here
    works for any domain, and may be refined: `snap` and `distance` for points that were rounded, `axes_with_faces` and
    `ends` for `Periodic` conditions, `normal_where` for corners. Samplers may take a `method`, as those of `Box`.

    See Also
    --------
    SpaceTime : Any domain in space over a time interval.
    Time : A time interval alone.

    Examples
    --------
    >>> class Disk(Domain):
    ...     def __init__(self, radius):
    ...         self.radius = radius
    ...
    ...     @property
    ...     def bounds(self):
    ...         return np.full(2, -self.radius), np.full(2, self.radius)
    ...
    ...     def contains(self, X):
    ...         return np.linalg.norm(X, axis=1) <= self.radius * (1 + 1e-9)
    ...
    ...     def on_boundary(self, X):
    ...         return np.abs(np.linalg.norm(X, axis=1) - self.radius) <= self.radius * 1e-9
    ...
    ...     def normal(self, X):
    ...         return X / np.linalg.norm(X, axis=1, keepdims=True)
    ...
    ...     def sample_interior(self, n, rng):
    ...         return np.sqrt(rng.random((n, 1))) * self.sample_boundary(n, rng)
    ...
    ...     def sample_boundary(self, n, rng):
    ...         angle = 2 * np.pi * rng.random(n)
    ...         return self.radius * np.column_stack([np.cos(angle), np.sin(angle)])
    >>> Disk(2.0).region(np.array([[1.0, 0.0], [0.0, 2.0]])).tolist()
    ['interior', 'boundary']
    """

    has_time = False
    # Whether there is a (lateral) boundary to sample on.
    has_boundary = True

    @property
    @abstractmethod
    def bounds(self) -> tuple[NDArray, NDArray]:
        """Lower and upper corner of the bounding box, each (n_dims,)."""

    @abstractmethod
    def contains(self, X: ArrayLike) -> NDArray:
        """Whether each row lies in the closed domain, up to rounding; (n,) of bool."""

    @abstractmethod
    def on_boundary(self, X: ArrayLike) -> NDArray:
        """Whether each row lies on the (lateral) boundary, up to rounding; (n,) of bool."""

    @abstractmethod
    def normal(self, X: ArrayLike) -> NDArray:
        """Outward unit normals at points of the boundary, (n, n_dims)."""

    @abstractmethod
    def sample_interior(self, n: int, rng: np.random.Generator) -> NDArray:
        """Sample n points inside, (n, n_dims)."""

    @abstractmethod
    def sample_boundary(self, n: int, rng: np.random.Generator) -> NDArray:
        """Sample n points on the (lateral) boundary, (n, n_dims)."""

    def sample_initial(self, n: int, rng: np.random.Generator) -> NDArray:
        """Sample n points on the initial slice, (n, n_dims); a domain without time has none."""
        if n:
            raise ValueError(f"{self!r} has no initial slice to sample {n} points on; use SpaceTime.")
        return np.empty((0, self.n_dims))

    def sample_near_boundary(self, n: int, rng: np.random.Generator) -> NDArray:
        """Sample points near the boundary, at distances of 1/2 to 2^-28 of the extent; (at most n, n_dims)."""
        X = self.sample("boundary", n, rng)
        return self._moved_inside(X, -self.normal(X), rng)

    def _moved_inside(self, X: NDArray, directions: NDArray, rng: np.random.Generator) -> NDArray:
        """Points moved along directions, by 2^-1 to 2^-28 of the extent; those that do not stay inside are left out."""
        lower, upper = map(np.asarray, self.bounds)
        moved = X + directions * (upper - lower) * 2.0 ** -rng.uniform(1, HALVINGS, (len(X), 1))
        return moved[self.contains(moved) & ~self.on_boundary(moved)]

    @property
    def n_dims(self) -> int:
        """The number of coordinates of a point, time included."""
        return len(self.bounds[0])

    def region(self, X: ArrayLike) -> NDArray:
        """The region of each row, (n,) of str. Rows outside count as interior: ask `contains`."""
        return np.where(self.on_boundary(X), "boundary", "interior").astype("<U8")

    def snap(self, X: ArrayLike) -> NDArray:
        """Move points that are on the boundary up to rounding onto it, exactly; a new array (n, n_dims)."""
        return np.array(X, dtype=float)

    def distance(self, X: ArrayLike) -> NDArray:
        """How far each row is from the boundary (or initial slice), over the extent; inf if not known; (n,)."""
        return np.full(len(np.asarray(X)), np.inf)

    @property
    def axes_with_faces(self) -> Sequence[int]:
        """The axes along which the domain ends in two opposite faces, those of `ends`."""
        return ()

    def ends(self, X: ArrayLike, axis: int) -> NDArray:
        """For each row, -1 at the lower end of an axis, 1 at the upper end and 0 between; (n,) of int."""
        raise ValueError(f"{self!r} has no two opposite faces along axis {axis}; axes in space count from 0.")

    def normal_where(self, X: ArrayLike, where: Where) -> NDArray:
        """Outward unit normals for a condition on a part of the boundary; a corner has that of a face in this part.

        The part is told by a predicate of points, (n, n_dims) -> (n,).
        """
        return self.normal(X)

    @property
    def takes_method(self) -> bool:
        """Whether points can be sampled by any `method` of `pinnlearn.sampling`, not in one way only."""
        return all(map(_takes_method, (self.sample_interior, self.sample_boundary)))

    def sample(self, part: str, n: int, rng: np.random.Generator, method: str = SAMPLING) -> NDArray:
        """Sample a part by its own sampler, whether that takes a method or not; what others call.

        Parameters
        ----------
        part : {"interior", "boundary", "initial"}
        n : int
        rng : numpy Generator
        method : str
            For samplers that take one; others draw in their own way.

        Returns
        -------
        ndarray of shape (n, n_dims)

        Raises
        ------
        ValueError
            If the sampler gives points of another shape, or off the boundary.
        """
        sampler = getattr(self, f"sample_{part}")
        X = np.asarray(sampler(n, rng, method=method) if _takes_method(sampler) else sampler(n, rng))
        if X.shape != (n, self.n_dims):
            raise ValueError(f"sample_{part} of {self!r} must give points ({n}, {self.n_dims}), but gave {X.shape}.")
        off = ~self.on_boundary(X) if part == "boundary" else np.zeros(n, dtype=bool)
        if off.any():
            raise ValueError(
                f"{off.sum()} of {n} points that sample_boundary of {self!r} gave are not on its boundary, says its "
                "on_boundary; leave room there for rounding, such as 1e-9 of the extent."
            )
        return X

    def outward_normals(self, X: NDArray, where: Where | None = None) -> NDArray | None:
        """The normals at a condition's rows, (n, n_dims), checked; None if a row is off the boundary.

        Raises
        ------
        ValueError
            If `normal` gives another shape, or vectors that have not length 1.
        """
        if not self.on_boundary(X).all():
            return None
        normals = np.asarray(self.normal(X) if where is None else self.normal_where(X, where))
        if normals.shape != X.shape or not np.allclose(np.linalg.norm(normals, axis=1), 1, rtol=0, atol=UNIT_LENGTH):
            raise ValueError(
                f"normal of {self!r} must give vectors of length 1, one a row; it gave {normals[:1]} for {X[:1]}, and "
                f"shape {normals.shape} for {X.shape}."
            )
        return normals


def _takes_method(sampler: Callable[..., Any]) -> bool:
    return "method" in inspect.signature(sampler).parameters


def check_domain(domain: Any, whose: str) -> None:
    """Raise a ValueError where something else stands in the place of a domain, or its bounds are none."""
    if not isinstance(domain, Domain):
        raise ValueError(
            f"the domain of {whose} must be an object such as Box([0, 0], [1, 1]), got {domain!r}; let a class of your "
            "own inherit from pinnlearn.domains.Domain."
        )
    lower, upper = map(np.asarray, domain.bounds)
    if lower.ndim != 1 or lower.shape != upper.shape or not (lower < upper).all():
        raise ValueError(
            f"bounds of {domain!r} must be a lower and an upper corner, one number a coordinate, got {domain.bounds}."
        )
