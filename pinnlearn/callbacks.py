"""Callbacks: what watches a fit, step by step. Any callable of a `Progress` will do; one that returns True stops it."""

from __future__ import annotations

import math
import time

from numpy.typing import ArrayLike

from pinnlearn.metrics import relative_l2_error
from pinnlearn.optimizers import Progress


class ErrorMonitor:
    """Record the relative L2 error against known values while a model is trained.

    Parameters
    ----------
    X : array-like of shape (n_points, n_dims)
        Points that the model is not trained on.
    u : array-like of shape (n_points,) or (n_points, n_outputs)
        The solution there.
    per_decade : int
        How often: after the first steps, and so many times while the number of steps grows tenfold.

    Attributes
    ----------
    steps_ : list of int
    seconds_ : list of float
        Since training began, the time of the monitor itself left out.
    errors_ : list of float
    spent_ : float
        The seconds that the monitor itself took.

    Examples
    --------
    >>> import numpy as np
    >>> from pinnlearn import PINNRegressor, problems
    >>> pde = problems.poisson_1d()
    >>> X_new = np.linspace(0, 1, 50)[:, None]
    >>> monitor = ErrorMonitor(X_new, np.sin(np.pi * X_new[:, 0]))
    >>> model = PINNRegressor(pde=pde, optimizer="adam", max_iter=20, random_state=0, callbacks=[monitor])
    >>> _ = model.fit(pde.sample(30, 2, random_state=0))
    >>> monitor.steps_
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 13, 15, 17, 20]
    """

    def __init__(self, X: ArrayLike, u: ArrayLike, per_decade: int = 20):
        self.X = X
        self.u = u
        self.per_decade = per_decade
        self._clear()

    def _clear(self) -> None:
        self.steps_: list[int] = []
        self.seconds_: list[float] = []
        self.errors_: list[float] = []
        self.spent_ = 0.0

    def __call__(self, progress: Progress) -> None:
        """Record the error, if it is time to."""
        if progress.n_iter == 1:  # another fit
            self._clear()
        if self.steps_ and progress.n_iter < self._next():
            return
        begin = time.perf_counter()
        self.errors_.append(relative_l2_error(self.u, progress.predict(self.X)))
        self.steps_.append(progress.n_iter)
        self.seconds_.append(progress.seconds - self.spent_)
        self.spent_ += time.perf_counter() - begin

    def _next(self) -> int:
        last = self.steps_[-1]
        return max(last + 1, math.ceil(last * 10 ** (1 / self.per_decade)))


__all__ = ["ErrorMonitor"]
