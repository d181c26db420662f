"""An interval of time: the domain of ordinary differential equations that start from given values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pinnlearn.domains.base import on_face
from pinnlearn.domains.boxes import AxisParallel


class Time(AxisParallel):
    """The times from t_start to t_end, the one coordinate of a system of ordinary differential equations.

    t_start is "initial", where `Initial` and `InitialVelocity` hold; every other time, t_end too, is "interior". There
    is no boundary. `u.dt` is the derivative; the second one is `u.d(0, 0)`.

    Parameters
    ----------
    t_start, t_end : float

    See Also
    --------
    SpaceTime : Time, and space.

    Examples
    --------
    >>> Time(0.0, 2.0).region([[0.0], [1.0], [2.0]]).tolist()
    ['initial', 'interior', 'interior']
    """

    has_time = True
    has_boundary = False

    def __init__(self, t_start: float, t_end: float):
        self.t_start = t_start
        self.t_end = t_end

    def corners(self) -> tuple[ArrayLike, ArrayLike]:
        """The start and the end, as corners in one dimension."""
        return [self.t_start], [self.t_end]

    def on_boundary(self, X: ArrayLike) -> NDArray:
        """Nowhere."""
        return np.zeros(len(self.contains(X)), dtype=bool)

    def region(self, X: ArrayLike) -> NDArray:
        """The region of each row, "initial" or "interior"."""
        initial = self.contains(X) & on_face(np.asarray(X)[:, 0], self.t_start, self.t_end - self.t_start)
        return np.where(initial, "initial", "interior").astype("<U8")

    def distance(self, X: ArrayLike) -> NDArray:
        """How far each row is from t_start, over the extent."""
        return np.abs(np.asarray(X)[:, 0] - self.t_start) / (self.t_end - self.t_start)

    @property
    def axes_with_faces(self) -> Sequence[int]:
        """None: time has a start, and is open at its end."""
        return ()

    def sample_boundary(self, n: int, rng: np.random.Generator, method: str = "") -> NDArray:
        """No points: there is no boundary."""
        if n:
            raise ValueError(f"{self!r} has no boundary to sample {n} points on; its rows at t_start are n_initial.")
        return np.empty((0, 1))

    def sample_near_boundary(self, n: int, rng: np.random.Generator) -> NDArray:
        """Sample points near the start and the end, at distances that halve; (n, 1)."""
        lower, upper = self.bounds
        at_end = np.arange(n)[:, None] % 2
        return self._moved_inside(np.where(at_end, upper, lower), 1.0 - 2.0 * at_end, rng)

    def sample_initial(self, n: int, rng: np.random.Generator, method: str = "") -> NDArray:
        """Give n times t_start; one is enough."""
        return np.full((n, 1), float(self.t_start))
