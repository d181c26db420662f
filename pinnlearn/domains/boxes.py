"""Boxes, whose faces are parallel to the axes."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pinnlearn.domains.base import SAMPLING, Domain, Where, on_face
from pinnlearn.sampling import unit_points

# Next to a corner, on one of its faces: this part of the way to the middle of the face.
STEP_INSIDE = 1e-3


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

    def normal(self, X: ArrayLike) -> NDArray:
        """Outward unit normals; zero off the boundary, at a corner that of its first face in the order of the axes."""
        return _first_alone(self._signs(X))

    def normal_where(self, X: ArrayLike, where: Where) -> NDArray:
        """Outward unit normals; zero off the boundary, at a corner that of its first face that `where` holds on."""
        signs = self._signs(X)
        corners = np.flatnonzero((signs != 0).sum(axis=1) > 1)
        if len(corners):
            chosen = (signs[corners] != 0) & self._holds_on_faces(corners, X, where)
            signs[corners] *= chosen | ~chosen.any(axis=1, keepdims=True)
        return _first_alone(signs)

    def snap(self, X: ArrayLike) -> NDArray:
        """Move points that are on a face up to rounding onto it, exactly."""
        X, lower, upper = self._measured(X)
        faces = self._faces(X)
        return np.where(faces[:, :, 0], lower, np.where(faces[:, :, 1], upper, X.astype(float)))

    def distance(self, X: ArrayLike) -> NDArray:
        """How far each row is from the nearest face, over the box's extent along that axis."""
        X, lower, upper = self._measured(X)
        return (np.minimum(np.abs(X - lower), np.abs(X - upper)) / (upper - lower)).min(axis=1)

    @property
    def axes_with_faces(self) -> Sequence[int]:
        """All axes."""
        return range(self.n_dims)

    def ends(self, X: ArrayLike, axis: int) -> NDArray:
        """For each row, -1 at the lower end of an axis, 1 at the upper end and 0 between."""
        if axis not in self.axes_with_faces:
            return super().ends(X, axis)
        faces = self._faces(X)[:, axis]
        return faces[:, 1].astype(int) - faces[:, 0]

    def sample_interior(self, n: int, rng: np.random.Generator, method: str = SAMPLING) -> NDArray:
        """Sample n points inside, (n, n_dims)."""
        lower, upper = self.bounds
        return lower + (upper - lower) * unit_points(n, self.n_dims, rng, method)

    def sample_boundary(self, n: int, rng: np.random.Generator, method: str = SAMPLING) -> NDArray:
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

    def _signs(self, X: ArrayLike) -> NDArray:
        """-1, 1 or 0 for each axis: whether each row of the boundary is at its lower end, its upper end or neither."""
        faces = self._faces(X) & self.on_boundary(X)[:, None, None]
        return faces[:, :, 1].astype(float) - faces[:, :, 0]

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


def _first_alone(signs: NDArray) -> NDArray:
    """The first entry of each row that is not zero, the others zero."""
    return np.where(np.cumsum(signs != 0, axis=1) == 1, signs, 0.0)


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
