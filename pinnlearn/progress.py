"""What `verbose` shows of a fit: a live bar where someone sees it move, lines where they end in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from numbers import Real
from typing import Any

from pinnlearn.training.course import Course, Progress
from pinnlearn.training.interruption import in_main

# Seconds between two looks at the losses by group, and how many times as long as such a look takes it has to be.
INTERVAL, RARELY = 0.5, 100


def displays(verbose: int) -> list[Any]:
    """The callbacks that show a fit as `verbose` asks for."""
    if not isinstance(verbose, Real):
        raise ValueError(f"verbose must be 0 for silence, 1 for a bar or 2 for a line a step; got {verbose!r}.")
    if verbose < 1:
        return []
    if verbose > 1:
        return [Lines(every_step=True)]
    if not in_main():
        return []
    return [Bar()] if _is_watched() else [Lines(every_step=False)]


def _is_watched() -> bool:
    """Whether standard error is a terminal, or a notebook shows the bar."""
    return sys.stderr.isatty() or "ipykernel" in sys.modules


def say(text: str) -> None:
    """Print a line of a log now, not when a buffer is full."""
    print(f"[PINNRegressor] {text}", flush=True)


class Bar:
    """A bar over steps, with the loss, its groups and what the optimizer shows; the time left is to the last step."""

    def on_fit_begin(self, fit: Course) -> None:
        """Forget the last fit."""
        self._bar: Any = None
        self._next = 0.0

    def __call__(self, progress: Progress) -> None:
        """Move it."""
        if self._bar is None:
            from tqdm.auto import tqdm

            first = progress.n_iter - 1  # more than 0 after a checkpoint
            self._bar = tqdm(
                total=progress.max_iter, initial=first, unit=" steps", dynamic_ncols=True, mininterval=INTERVAL
            )
        begin = time.perf_counter()
        if begin >= self._next:
            self._bar.set_description_str(progress.stage, refresh=False)
            self._bar.set_postfix_str(_shown(progress, progress.group_losses()), refresh=False)
            spent = time.perf_counter() - begin
            self._next = begin + max(INTERVAL, RARELY * spent)
        self._bar.update(progress.n_iter - self._bar.n)

    def on_fit_end(self, fit: Course) -> None:
        """Leave it as it is at the end."""
        if self._bar is not None:
            self._bar.set_postfix_str(f"loss {fit.loss_curve[-1]:.1e}" if fit.loss_curve else "", refresh=False)
            self._bar.close()


class Lines:
    """A line for every step, or for the last step of every stage."""

    def __init__(self, every_step: bool):
        self.every_step = every_step

    def on_fit_begin(self, fit: Course) -> None:
        """Forget the last fit."""
        self._last: tuple[int, str] | None = None

    def __call__(self, progress: Progress) -> None:
        """Print what there is to say."""
        line = f"{progress.stage}, step {progress.n_iter}: {_shown(progress, {})}, {progress.seconds:.1f} s"
        if self.every_step:
            say(line)
        elif self._last and self._last[0] != progress.stage_begin:
            say(self._last[1])
        self._last = (progress.stage_begin, line)

    def on_fit_end(self, fit: Course) -> None:
        """Print the last stage's line."""
        if self._last and not self.every_step:
            say(self._last[1])


def _shown(progress: Progress, groups: Mapping[str, float]) -> str:
    parts = " + ".join(f"{name} {loss:.1e}" for name, loss in groups.items())
    figures = [f"{name} {value:.1e}" for name, value in progress.figures.items()]
    return ", ".join([f"loss {progress.loss:.3e}" + (f" ({parts})" if parts else ""), *figures])
