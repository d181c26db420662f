"""What watching a fit costs: steps with a bar and callbacks beside steps without.

Run as `python benchmarks/callbacks.py [REPETITIONS [STEPS]]`: 2D Poisson, 900 + 120 rows, width 100, all weights
trained by NGD. The two fits take turns. "more" is the median of the repetitions' ratios of seconds a step, less 1; "in
them" is what passes between the first and the last callback of a step, as a part of all time, which other work on the
machine disturbs less. The bar is that of a terminal; a Checkpoint writes every 60 seconds; ErrorMonitor has 1,000
points and its own schedule.
"""

import contextlib
import io
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from pinnlearn import NGD, PINNRegressor, problems
from pinnlearn.callbacks import Checkpoint, EarlyStopping, ErrorMonitor, TimeLimit
from pinnlearn.progress import Bar


class Clock:
    """Notes the time at each step."""

    def __init__(self):
        self.times = []

    def __call__(self, progress):
        """Note it."""
        self.times.append(time.perf_counter())


def watchers(path: Path) -> dict[str, list]:
    """What is measured, by name."""
    X_new = np.random.default_rng(0).uniform(size=(1_000, 2))
    u = np.sin(np.pi * X_new).prod(axis=1)
    others = [EarlyStopping(10_000), TimeLimit(1e4), Checkpoint(path)]
    return {
        "the bar": [Bar()],
        "EarlyStopping, TimeLimit, Checkpoint": others,
        "all of them, and ErrorMonitor": [Bar(), *others, ErrorMonitor(X_new, u)],
    }


def fit(X, optimizer: NGD, callbacks: list) -> tuple[float, float]:
    """Seconds a step, and the part of them that the callbacks take."""
    first, last = Clock(), Clock()
    model = PINNRegressor(pde=problems.poisson_2d(), optimizer=optimizer, width=100, init="gaussian", tol=0)
    with contextlib.redirect_stderr(io.StringIO()):
        model.set_params(random_state=0, callbacks=[first, *callbacks, last]).fit(X)
    begin, end = np.array(first.times), np.array(last.times)
    return (end[-1] - end[0]) / (len(end) - 1), float((end - begin)[1:].sum() / (end[-1] - end[0]))


def measure(X, optimizer: NGD, what: str, repetitions: int) -> str:
    """The cells of a line."""
    plain, watched, inside = [], [], []
    for _ in range(repetitions):
        with tempfile.TemporaryDirectory() as folder:
            plain.append(fit(X, optimizer, [])[0])
            seconds, part = fit(X, optimizer, watchers(Path(folder) / "fit")[what])
            watched.append(seconds)
            inside.append(part)
    ratio = statistics.median(b / a for a, b in zip(plain, watched, strict=True))
    figures = (f"{statistics.median(seconds) * 1e3:.2f}" for seconds in (plain, watched))
    return " | ".join([*figures, f"{100 * (ratio - 1):.1f}", f"{100 * statistics.median(inside):.2f}"])


def main(repetitions: int = 5, steps: int = 200) -> None:
    """Print a line for each set of callbacks and each kind of step."""
    X = problems.poisson_2d().sample(900, 120, random_state=0)
    print("| step | callbacks | ms a step without | with | more, % | in them, % |")
    print("|---|---|---|---|---|---|")
    for name, damping in (("damping 1e-6", 1e-6), ("adaptive", "auto")):
        optimizer = NGD(learning_rate=0.5, damping=damping, max_iter=steps)
        for what in watchers(Path("unused")):
            print(f"| {name} | {what} | {measure(X, optimizer, what, repetitions)} |", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
