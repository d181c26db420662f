"""Callbacks: what watches a fit, step by step.

Any callable of a `Progress` will do; one that returns True stops the fit. Four more methods are called where a
callback has them:

    on_fit_begin(fit), on_fit_end(fit)      before training and after it; `fit` is a `pinnlearn.training.course.Course`
    get_state(), set_state(state)           what a checkpoint keeps of the callback: a dict of plain values

After a fit has been resumed from a checkpoint, a callback is told once more of the step that the checkpoint is of.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from typing import Any

from numpy.typing import ArrayLike

from pinnlearn.hyperparameters import Hyperparameters, check_count, check_positive
from pinnlearn.metrics import relative_l2_error
from pinnlearn.persistence import read_checkpoint, write_checkpoint
from pinnlearn.training.course import Course, Progress


class Callback(Hyperparameters):
    """What the callbacks here share: a state, the attributes that end with an underscore, which checkpoints keep."""

    def on_fit_begin(self, fit: Course) -> None:
        """Check the parameters and forget the last fit."""

    def get_state(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {name: value for name, value in vars(self).items() if name.endswith("_")}

    def set_state(self, state: dict[str, Any]) -> None:
        """Take up what `get_state` gave."""
        self.__dict__.update(state)


class EarlyStopping(Callback):
    """Stop a fit that gets nowhere.

    Parameters
    ----------
    patience : int
        The number of steps without progress that it waits for.
    min_fall : float
        A loss counts as progress if it is below the best one by this part of it.
    monitor : callable, optional
        monitor(progress) -> float to watch in place of the loss, such as an error on points of your own; smaller is
        better. Losses are compared within a stage only: each stage may have a loss of its own.

    Attributes
    ----------
    best_ : float
    best_step_ : int

    Examples
    --------
    >>> from pinnlearn import PINNRegressor, problems
    >>> from pinnlearn.callbacks import EarlyStopping
    >>> pde = problems.poisson_1d()
    >>> stopping = EarlyStopping(patience=5, min_fall=0.1)
    >>> model = PINNRegressor(pde=pde, optimizer="adam", max_iter=1000, random_state=0, callbacks=[stopping])
    >>> model.fit(pde.sample(30, 2, random_state=0)).stop_reason_
    'callback: EarlyStopping asked to stop'
    """

    def __init__(self, patience: int = 20, min_fall: float = 0.01, monitor: Callable[[Progress], float] | None = None):
        self.patience = patience
        self.min_fall = min_fall
        self.monitor = monitor

    def on_fit_begin(self, fit: Course) -> None:
        """Check the parameters and forget the last fit."""
        check_count("patience", self.patience)
        if not 0 <= self.min_fall < 1:
            raise ValueError(f"min_fall is a part of the loss, at least 0 and below 1; got {self.min_fall!r}.")
        if self.monitor is not None and not callable(self.monitor):
            raise ValueError(
                "monitor must be a function of a Progress that gives a number, or None for the loss; got "
                f"{self.monitor!r}."
            )
        self.best_, self.best_step_ = math.inf, 0

    def __call__(self, progress: Progress) -> bool:
        """Whether there has been no progress for too long."""
        value = progress.loss if self.monitor is None else float(self.monitor(progress))
        begins = self.monitor is None and progress.n_iter == progress.stage_begin + 1
        if begins or value < (1 - self.min_fall) * self.best_:
            self.best_, self.best_step_ = value, progress.n_iter
        return progress.n_iter - self.best_step_ >= self.patience


class TimeLimit(Callback):
    """Stop a fit after a time, at the end of the step; what came before an interruption counts.

    Parameters
    ----------
    seconds : float

    Examples
    --------
    >>> TimeLimit(60)
    TimeLimit(seconds=60)
    """

    def __init__(self, seconds: float):
        self.seconds = seconds

    def on_fit_begin(self, fit: Course) -> None:
        """Check the parameter."""
        check_positive("seconds", self.seconds)

    def __call__(self, progress: Progress) -> bool:
        """Whether the time is over."""
        return progress.seconds >= self.seconds


class Checkpoint(Callback):
    """Keep a fit in a file, and go on from there.

    Where the file exists, `fit` with the same data and hyperparameters goes on from it and ends with the weights that
    it would have ended with, to the last bit on the same machine and number of threads. So a script that was killed
    is run once more as it is. A fit that a callback or Ctrl-C stopped goes on too; one that has ended is not made
    again. With `random_state=None` the seed is that of the file.

    Parameters
    ----------
    path : path-like
        The file; one for each fit.
    seconds : float or None
        Write when so many have passed since the file was written; None does not look at the clock.
    steps : int, optional
        Write every so many steps. The end of the fit is always written.

    Notes
    -----
    A new file is written beside the old one and then takes its place, so that there is a whole one at any time. What
    it holds, see `pinnlearn.training.records`. `callbacks`, `verbose` and `device` may change between the fits,
    everything else makes another fit, for which the file is refused.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from pinnlearn import PINNRegressor, problems
    >>> from pinnlearn.callbacks import Checkpoint, TimeLimit
    >>> pde = problems.poisson_1d()
    >>> X = pde.sample(30, 2, random_state=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     checkpoint = Checkpoint(pathlib.Path(folder) / "fit.checkpoint", steps=10)
    ...     model = PINNRegressor(pde=pde, optimizer="adam", max_iter=50, random_state=0)
    ...     stopped = model.set_params(callbacks=[checkpoint, lambda progress: progress.n_iter == 20]).fit(X).n_iter_
    ...     stopped, model.set_params(callbacks=[checkpoint]).fit(X).n_iter_
    (20, 50)
    """

    def __init__(self, path: str | os.PathLike, *, seconds: float | None = 60.0, steps: int | None = None):
        self.path = path
        self.seconds = seconds
        self.steps = steps

    def on_fit_begin(self, fit: Course) -> None:
        """Check the parameters, and read the file if there is one."""
        if not isinstance(self.path, str | os.PathLike):
            raise ValueError(f"path must be a path, got {self.path!r}.")
        if self.seconds is not None:
            check_positive("seconds", self.seconds)
        if self.steps is not None:
            check_count("steps", self.steps)
        self._written = time.monotonic()
        if os.path.exists(self.path):
            fit.record.resume(read_checkpoint(self.path))

    def __call__(self, progress: Progress) -> None:
        """Write, if it is time to."""
        by_steps = self.steps is not None and progress.n_iter % self.steps == 0
        if by_steps or (self.seconds is not None and time.monotonic() - self._written >= self.seconds):
            self._write(progress.plain())

    def on_fit_end(self, fit: Course) -> None:
        """Write the end, unless there is none."""
        if fit.stages and not fit.failed:
            self._write(fit.plain())

    def _write(self, content: dict[str, Any]) -> None:
        write_checkpoint(self.path, content)
        self._written = time.monotonic()


class ErrorMonitor(Callback):
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

    def on_fit_begin(self, fit: Course) -> None:
        """Check the parameter and forget the last fit."""
        check_count("per_decade", self.per_decade)
        self.steps_: list[int] = []
        self.seconds_: list[float] = []
        self.errors_: list[float] = []
        self.spent_ = 0.0

    def __call__(self, progress: Progress) -> None:
        """Record the error, if it is time to."""
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


__all__ = ["Callback", "Checkpoint", "EarlyStopping", "ErrorMonitor", "Progress", "TimeLimit"]
