"""Space-time: a domain in space, over an interval of time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pinnlearn.domains.base import SAMPLING, Domain, Where, check_domain, on_face
from pinnlearn.domains.boxes import AxisParallel, Box
from pinnlearn.sampling import unit_points


class SpaceTime(Domain):
    """A domain in space over a time interval; time is the last coordinate.

    Parameters
    ----------
    space : Domain
    t_start, t_end : float

    Examples
    --------
    >>> from pinnlearn.domains import Interval
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
        check_domain(self.space, "SpaceTime")
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

    def normal(self, X: ArrayLike) -> NDArray:
        """Outward unit normals in space, with a zero for time."""
        return self._during(X, self.space.normal(self._split(X)[0]))

    def normal_where(self, X: ArrayLike, where: Where) -> NDArray:
        """Outward unit normals in space for a condition on a part of the boundary, with a zero for time."""
        space, time = self._split(X)
        return self._during(X, self.space.normal_where(space, lambda points: where(np.column_stack([points, time]))))

    def _during(self, X: ArrayLike, normals: NDArray) -> NDArray:
        """Normals in space at points of space-time; zero outside."""
        return np.column_stack([normals * self.contains(X)[:, None], np.zeros(len(normals))])

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

    @property
    def axes_with_faces(self) -> Sequence[int]:
        """Those of the space: time has a start, and is open at its end."""
        return self.space.axes_with_faces

    def ends(self, X: ArrayLike, axis: int) -> NDArray:
        """For each row, -1 at the lower end of an axis in space, 1 at the upper end and 0 between."""
        return self.space.ends(self._split(X)[0], axis)

    @property
    def takes_method(self) -> bool:
        """Whether the space does."""
        return self.space.takes_method

    def sample_interior(self, n: int, rng: np.random.Generator, method: str = SAMPLING) -> NDArray:
        """Sample n points inside, (n, n_dims)."""
        # One joint point set, so that space and time are filled together; a space that is no box keeps its own.
        if isinstance(self.space, AxisParallel):
            return Box(*self.bounds).sample_interior(n, rng, method)
        return np.column_stack([self.space.sample("interior", n, rng, method), self._times(n, rng, method)])

    def sample_boundary(self, n: int, rng: np.random.Generator, method: str = SAMPLING) -> NDArray:
        """Sample n points on the lateral boundary, at times after t_start."""
        return np.column_stack([self.space.sample("boundary", n, rng, method), self._times(n, rng, method)])

    def sample_initial(self, n: int, rng: np.random.Generator, method: str = SAMPLING) -> NDArray:
        """Sample n points at t_start, (n, n_dims)."""
        return np.column_stack([self.space.sample("interior", n, rng, method), np.full(n, float(self.t_start))])

    def sample_near_boundary(self, n: int, rng: np.random.Generator) -> NDArray:
        """Sample points near the boundary in space (half of them), the start or the end; (at most n, n_dims)."""
        lateral = super().sample_near_boundary(n // 2, rng)
        ends = self.sample("initial", n - n // 2, rng)
        later = np.zeros((len(ends), self.n_dims))
        later[:, -1] = 1.0
        later[1::2, -1] = -1.0
        ends[1::2, -1] = self.t_end
        return np.concatenate([lateral, self._moved_inside(ends, later, rng)])

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
