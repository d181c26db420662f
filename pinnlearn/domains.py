"""Domains: where a PDE holds. They tell regions and outward normals, and sample points; all in numpy."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pinnlearn.hyperparameters import Hyperparameters
from pinnlearn.sampling import unit_points

REGIONS = ("interior", "boundary", "initial")
Where = Callable[[NDArray], NDArray]
# Next to a corner, on one of its faces: this part of the way to the middle of the face.
STEP_INSIDE = 1e-3


# Coordinates printed with six digits count as those of the face that they were printed from, if they are this near.
DIGITS, PRINTED = 6, 1e-5


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


class Domain(Hyperparameters):
    """What every domain can do.

    A point is in the region "boundary" where it lies on the boundary, "initial" on the slice t = t_start of a
    space-time domain (there it wins over the lateral boundary), and "interior" elsewhere; t = t_end is interior.
    """

    has_time = False

    @property
    @abstractmethod
    def bounds(self) -> tuple[NDArray, NDArray]:
        """Lower and upper corner of the bounding box, each (n_dims,)."""

    @abstractmethod
    def contains(self, X: ArrayLike) -> NDArray:
        """Whether each row lies in the closed domain, up to the tolerance; (n,) of bool."""

    @abstractmethod
    def on_boundary(self, X: ArrayLike) -> NDArray:
        """Whether each row lies on the (lateral) boundary, up to the tolerance; (n,) of bool."""

    @abstractmethod
    def normal(self, X: ArrayLike, where: Where | None = None) -> NDArray:
        """Outward unit normals, (n, n_dims); zero off the boundary.

        A corner has the normal of the first of its faces, in the order of the axes; with `where`, a predicate of
        points (n, n_dims) -> (n,), of the first one that it holds on.
        """

    def snap(self, X: ArrayLike) -> NDArray:
        """Move points that are on the boundary up to rounding onto it, exactly; a new array (n, n_dims)."""
        return np.array(X, dtype=float)

    def distance(self, X: ArrayLike) -> NDArray:
        """How far each row is from the boundary (or initial slice), over the extent of the domain; (n,)."""
        return np.full(len(np.asarray(X)), np.inf)

    def ends(self, X: ArrayLike, axis: int) -> NDArray:
        """For each row, -1 at the lower end of an axis, 1 at the upper end and 0 between; (n,) of int."""
        raise ValueError(f"{self!r} has no two opposite faces along axis {axis}; axes in space count from 0.")

    @abstractmethod
    def sample_interior(self, n: int, rng: np.random.Generator, method: str = "sobol") -> NDArray:
        """Sample n points inside, (n, n_dims)."""

    @abstractmethod
    def sample_boundary(self, n: int, rng: np.random.Generator, method: str = "sobol") -> NDArray:
        """Sample n points exactly on the (lateral) boundary, (n, n_dims)."""

    def sample_initial(self, n: int, rng: np.random.Generator, method: str = "sobol") -> NDArray:
        """Sample n points on the initial slice, (n, n_dims); a domain without time has none."""
        if n:
            raise ValueError(f"{self!r} has no initial slice to sample {n} points on; use SpaceTime.")
        return np.empty((0, self.n_dims))

    @property
    def n_dims(self) -> int:
        """The number of coordinates of a point, time included."""
        return len(self.bounds[0])

    def region(self, X: ArrayLike) -> NDArray:
        """The region of each row, (n,) of str. Rows outside count as interior: ask `contains`."""
        return np.where(self.on_boundary(X), "boundary", "interior").astype("<U8")


class AxisParallel(Domain):
    """What boxes and intervals share: two opposite corners."""

    @abstractmethod
    def corners(self) -> tuple[ArrayLike, ArrayLike]:
        """Lower and upper corner as they were given."""

    @property
    def bounds(self) -> tuple[NDArray, NDArray]:
        """Lower and upper corner, each (n_dims,)."""
        lower, upper = (np.array(corner, dtype=float) for corner in self.corners())
        valid = lower.ndim == 1 and lower.shape == upper.shape and len(lower)
        if not valid or not np.isfinite(upper - lower).all() or not (lower < upper).all():
            raise ValueError(f"{self!r}: the corners must be finite, of one length, and lower < upper on every axis.")
        return lower, upper

    def contains(self, X: ArrayLike) -> NDArray:
        """Whether each row lies in the closed box, up to the tolerance."""
        X, lower, upper = self._measured(X)
        return np.asarray((((lower <= X) & (upper >= X)) | self._faces(X).any(axis=2)).all(axis=1))

    def on_boundary(self, X: ArrayLike) -> NDArray:
        """Whether each row lies on a face, up to the tolerance."""
        return self.contains(X) & self._faces(X).any(axis=(1, 2))

    def normal(self, X: ArrayLike, where: Where | None = None) -> NDArray:
        """Outward unit normals; zero off the boundary, at a corner that of the first face (where `where` holds)."""
        faces = self._faces(X) & self.on_boundary(X)[:, None, None]
        signs = faces[:, :, 1].astype(float) - faces[:, :, 0]
        corners = np.flatnonzero((signs != 0).sum(axis=1) > 1)
        if where is not None and len(corners):
            chosen = (signs[corners] != 0) & self._holds_on_faces(corners, X, where)
            signs[corners] *= chosen | ~chosen.any(axis=1, keepdims=True)
        first = np.cumsum(signs != 0, axis=1) == 1
        return np.where(first, signs, 0.0)

    def snap(self, X: ArrayLike) -> NDArray:
        """Move points that are on a face up to rounding onto it, exactly."""
        X, lower, upper = self._measured(X)
        faces = self._faces(X)
        return np.where(faces[:, :, 0], lower, np.where(faces[:, :, 1], upper, X.astype(float)))

    def distance(self, X: ArrayLike) -> NDArray:
        """How far each row is from the nearest face, over the box's extent along that axis."""
        X, lower, upper = self._measured(X)
        return (np.minimum(np.abs(X - lower), np.abs(X - upper)) / (upper - lower)).min(axis=1)

    def ends(self, X: ArrayLike, axis: int) -> NDArray:
        """For each row, -1 at the lower end of an axis, 1 at the upper end and 0 between."""
        if not 0 <= axis < self.n_dims:
            return super().ends(X, axis)
        faces = self._faces(X)[:, axis]
        return faces[:, 1].astype(int) - faces[:, 0]

    def sample_interior(self, n: int, rng: np.random.Generator, method: str = "sobol") -> NDArray:
        """Sample n points inside, (n, n_dims)."""
        lower, upper = self.bounds
        return lower + (upper - lower) * unit_points(n, self.n_dims, rng, method)

    def sample_boundary(self, n: int, rng: np.random.Generator, method: str = "sobol") -> NDArray:
        """Sample n points exactly on the faces, shared out by area; in one dimension the ends alternate."""
        lower, upper = self.bounds
        faces = self._share_out(n, rng)
        X = np.empty((n, self.n_dims))
        for face in np.unique(faces):
            axis, is_upper = divmod(face, 2)
            rows = np.flatnonzero(faces == face)
            inside = unit_points(len(rows), self.n_dims - 1, rng, method)
            X[rows] = lower + (upper - lower) * np.insert(inside, axis, 0.0, axis=1)
            X[rows, axis] = upper[axis] if is_upper else lower[axis]
        return X

    def _share_out(self, n: int, rng: np.random.Generator) -> NDArray:
        """The face (2 * axis + is_upper) of each of n samples, in proportion to the faces' areas."""
        lower, upper = self.bounds
        areas = np.repeat(1 / (upper - lower), 2)
        # Systematic sampling: each face's count is its share of n, rounded up or down.
        offset = 0.5 if self.n_dims == 1 else rng.random()
        faces = np.searchsorted(np.cumsum(areas) / areas.sum(), (np.arange(n) + offset) / max(n, 1), side="right")
        faces = np.minimum(faces, len(areas) - 1)
        return np.arange(n) % 2 if self.n_dims == 1 else faces

    def _measured(self, X: ArrayLike) -> tuple[NDArray, NDArray, NDArray]:
        X = np.asarray(X)
        lower, upper = self.bounds
        if X.ndim != 2 or X.shape[1] != len(lower):
            raise ValueError(f"X must have shape (n, {len(lower)}) for {self!r}, got {X.shape}.")
        return X, lower, upper

    def _faces(self, X: ArrayLike) -> NDArray:
        """Whether each row is at the lower and at the upper end of each axis, (n, n_dims, 2)."""
        X, lower, upper = self._measured(X)
        return np.stack(
            [
                np.stack([on_face(x, face, b - a) for face in (a, b)], axis=1)
                for x, a, b in zip(X.T, lower, upper, strict=True)
            ],
            axis=1,
        )

    def _holds_on_faces(self, rows: NDArray, X: ArrayLike, where: Where) -> NDArray:
        """Whether `where` holds on the face along each axis, next to each of some rows; (n_rows, n_dims) of bool."""
        snapped = self.snap(X)
        inside = snapped + STEP_INSIDE * (sum(self.bounds) / 2 - snapped)
        holds = []
        for axis in range(self.n_dims):
            beside = inside.copy()
            beside[:, axis] = snapped[:, axis]
            holds.append(where(beside)[rows])
        return np.stack(holds, axis=1)


class Box(AxisParallel):
    """An axis-parallel box.

    Parameters
    ----------
    lower, upper : array-like of shape (n_dims,)
        Two opposite corners, lower < upper on every axis.

    Examples
    --------
    >>> box = Box([0, 0], [2, 1])
    >>> box.region([[1.0, 0.5], [2.0, 0.5]]).tolist()
    ['interior', 'boundary']
    >>> box.normal([[2.0, 0.5]]).tolist()
    [[1.0, 0.0]]
    """

    def __init__(self, lower: ArrayLike, upper: ArrayLike):
        self.lower = lower
        self.upper = upper

    def corners(self) -> tuple[ArrayLike, ArrayLike]:
        """`lower` and `upper`."""
        return self.lower, self.upper


class Interval(AxisParallel):
    """The interval [a, b].

    Parameters
    ----------
    a, b : float
        The ends, a < b.

    Examples
    --------
    >>> Interval(0.0, 1.0).sample_boundary(4, np.random.default_rng(0)).ravel().tolist()
    [0.0, 1.0, 0.0, 1.0]
    """

    def __init__(self, a: float, b: float):
        self.a = a
        self.b = b

    def corners(self) -> tuple[ArrayLike, ArrayLike]:
        """The ends, as corners in one dimension."""
        return [self.a], [self.b]


class SpaceTime(Domain):
    """A domain in space over a time interval; time is the last coordinate.

    Parameters
    ----------
    space : Domain
    t_start, t_end : float

    Examples
    --------
    >>> domain = SpaceTime(Interval(0.0, 1.0), 0.0, 2.0)
    >>> domain.region([[0.5, 0.0], [0.0, 0.0], [0.0, 1.0], [0.5, 2.0]]).tolist()
    ['initial', 'initial', 'boundary', 'interior']
    """

    has_time = True

    def __init__(self, space: Domain, t_start: float, t_end: float):
        self.space = space
        self.t_start = t_start
        self.t_end = t_end

    @property
    def bounds(self) -> tuple[NDArray, NDArray]:
        """Lower and upper corner of the bounding box, each (n_dims,), time last."""
        if not -np.inf < self.t_start < self.t_end < np.inf:
            raise ValueError(f"SpaceTime needs finite t_start < t_end, got {self.t_start!r} and {self.t_end!r}.")
        lower, upper = self.space.bounds
        return np.append(lower, self.t_start), np.append(upper, self.t_end)

    def contains(self, X: ArrayLike) -> NDArray:
        """Whether each row lies in the closed domain, up to the tolerance."""
        space, time = self._split(X)
        during = (
            (time >= self.t_start) & (time <= self.t_end) | self._at(time, self.t_start) | self._at(time, self.t_end)
        )
        return self.space.contains(space) & during

    def on_boundary(self, X: ArrayLike) -> NDArray:
        """Whether each row lies on the lateral boundary (the boundary in space), up to the tolerance."""
        return self.contains(X) & self.space.on_boundary(self._split(X)[0])

    def region(self, X: ArrayLike) -> NDArray:
        """The region of each row; at t_start "initial" wins over "boundary"."""
        initial = self.contains(X) & self._at(self._split(X)[1], self.t_start)
        return np.where(initial, "initial", super().region(X))

    def normal(self, X: ArrayLike, where: Where | None = None) -> NDArray:
        """Outward unit normals in space, with a zero for time."""
        space, time = self._split(X)
        in_space = None if where is None else lambda points: where(np.column_stack([points, time]))
        normals = self.space.normal(space, in_space) * self.contains(X)[:, None]
        return np.column_stack([normals, np.zeros(len(normals))])

    def snap(self, X: ArrayLike) -> NDArray:
        """Move points that are on the boundary in space, at t_start or at t_end up to rounding there, exactly."""
        space, time = self._split(X)
        times = time.astype(float)
        for end in (self.t_start, self.t_end):
            times = np.where(self._at(time, end), end, times)
        return np.column_stack([self.space.snap(space), times])

    def distance(self, X: ArrayLike) -> NDArray:
        """How far each row is from the boundary in space, or from t_start, over the extent."""
        space, time = self._split(X)
        return np.minimum(self.space.distance(space), np.abs(time - self.t_start) / (self.t_end - self.t_start))

    def ends(self, X: ArrayLike, axis: int) -> NDArray:
        """For each row, -1 at the lower end of an axis in space, 1 at the upper end and 0 between."""
        return self.space.ends(self._split(X)[0], axis)

    def sample_interior(self, n: int, rng: np.random.Generator, method: str = "sobol") -> NDArray:
        """Sample n points inside, (n, n_dims)."""
        # One joint point set, so that space and time are filled together; a space that is no box keeps its own.
        if isinstance(self.space, AxisParallel):
            return Box(*self.bounds).sample_interior(n, rng, method)
        return np.column_stack([self.space.sample_interior(n, rng, method), self._times(n, rng, method)])

    def sample_boundary(self, n: int, rng: np.random.Generator, method: str = "sobol") -> NDArray:
        """Sample n points on the lateral boundary, at times after t_start."""
        return np.column_stack([self.space.sample_boundary(n, rng, method), self._times(n, rng, method)])

    def sample_initial(self, n: int, rng: np.random.Generator, method: str = "sobol") -> NDArray:
        """Sample n points at t_start, (n, n_dims)."""
        return np.column_stack([self.space.sample_interior(n, rng, method), np.full(n, float(self.t_start))])

    def _times(self, n: int, rng: np.random.Generator, method: str) -> NDArray:
        times = unit_points(n, 1, rng, method)[:, 0]
        return self.t_start + (self.t_end - self.t_start) * rng.permutation(times)

    def _split(self, X: ArrayLike) -> tuple[NDArray, NDArray]:
        X = np.asarray(X)
        if X.ndim != 2 or X.shape[1] != self.n_dims:
            raise ValueError(f"X must have shape (n, {self.n_dims}) for {self!r}, got {X.shape}.")
        return X[:, :-1], X[:, -1]

    def _at(self, time: NDArray, moment: float) -> NDArray:
        return on_face(time, moment, self.t_end - self.t_start)


__all__ = ["Box", "Domain", "Interval", "SpaceTime"]
