"""Which optimizer wins: every method on five linear and four nonlinear problems, for the same seconds.

All train the same network from the same start, all its weights, but the default: it is the package's joined method,
which solves for the output weights and chooses width and start itself.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial

from numpy.typing import NDArray

from pinnlearn.estimators import PINNRegressor
from pinnlearn.experiments.runs import Point, Result
from pinnlearn.optimizers import (
    ENGD,
    LBFGS,
    NGD,
    NNCG,
    SPRING,
    Adam,
    GaussNewton,
    Optimizer,
    SSBroyden,
)
from pinnlearn.pdes import PDE
from pinnlearn.problems import NONLINEAR_PROBLEMS, PROBLEMS
from pinnlearn.training.course import Progress

WIDTH = 100
ALL_PROBLEMS = PROBLEMS | NONLINEAR_PROBLEMS
# More steps than there is time for.
ENDLESS = 10**9
DEFAULT = "default"
METHODS: dict[str, Callable[[], list[Optimizer]]] = {
    DEFAULT: lambda: [NGD()],
    "adam": lambda: [Adam(max_iter=ENDLESS)],
    "lbfgs": lambda: [LBFGS(max_iter=ENDLESS)],
    "ssbroyden": lambda: [SSBroyden(max_iter=ENDLESS)],
    "nncg": lambda: [NNCG(max_iter=ENDLESS)],
    "adam, lbfgs, nncg": lambda: [Adam(max_iter=100), LBFGS(max_iter=100), NNCG(max_iter=ENDLESS)],
    "gauss_newton": lambda: [GaussNewton(max_iter=ENDLESS)],
    "engd": lambda: [ENGD(max_iter=ENDLESS)],
    "spring": lambda: [SPRING(max_iter=ENDLESS)],
    "spring, eta = 0.1": lambda: [SPRING(learning_rate=0.1, max_iter=ENDLESS)],
    "ngd, lambda = 1e-6": lambda: [NGD(damping=1e-6, max_iter=ENDLESS)],
    "ngd, adaptive": lambda: [NGD(learning_rate=1.0, max_iter=ENDLESS)],
    "ngd, adaptive, sketch": lambda: [NGD(learning_rate=1.0, sketch=100, max_iter=ENDLESS)],
    "ngd, adaptive, cg": lambda: [NGD(learning_rate=1.0, solver="cg", max_iter=ENDLESS)],
}


@dataclass(frozen=True)
class Trial:
    """One fit: what is in a row of results before the figures."""

    problem: str
    optimizer: str
    seed: int
    budget: float

    def sample(self) -> tuple[PDE, NDArray]:
        """The PDE and its points, which differ from seed to seed."""
        return ALL_PROBLEMS[self.problem].sample(self.seed)

    def estimator(self, pde: PDE, X: NDArray) -> PINNRegressor:
        """What is fitted, for `budget` seconds."""
        model = PINNRegressor(pde, random_state=self.seed, callbacks=[partial(_is_over, self.budget)])
        if self.optimizer == DEFAULT:
            return model
        return model.set_params(optimizer=METHODS[self.optimizer](), width=WIDTH, tol=0)


def _is_over(budget: float, progress: Progress) -> bool:
    return progress.seconds > budget


def make_trials(seeds: Sequence[int], budget: float) -> list[Trial]:
    """All trials, seed by seed, so that what is cut off leaves whole tables of fewer seeds."""
    return [Trial(p, o, seed, budget) for seed in seeds for p in ALL_PROBLEMS for o in METHODS]


def to_markdown(results: Collection[Result], points: Sequence[Point], budget: float) -> str:
    """Median errors after so many steps, and after so many seconds, a table each; the smallest of a column is bold.

    Parameters
    ----------
    results : collection of Result
        Their runs are trials.
    points : sequence of Point
        The error in the course of the trials.
    budget : float
        Seconds of each trial.
    """
    seeds = sorted({result.run.seed for result in results})
    caption = (
        f"Relative L2 error at points that were not trained on, medians over seeds {', '.join(map(str, seeds))}; one "
        f"thread and {budget:g} s a trial. A method that had not come so far counts with what it had reached."
    )
    tables = [
        _table("After 10 steps", results, points, lambda p: p.step <= 10),
        _table("After 100 steps", results, points, lambda p: p.step <= 100),
        _table(f"After {budget / 10:g} s", results, points, lambda p: p.seconds <= budget / 10),
        _table(f"After {budget:g} s", results, points, lambda p: True),
        _table("Steps made", results, points, lambda p: True, lambda p: f"{p.step}"),
    ]
    return "\n\n".join([caption, *tables]) + "\n"


def _table(
    title: str,
    results: Collection[Result],
    points: Sequence[Point],
    counts: Callable[[Point], bool],
    show: Callable[[Point], str] | None = None,
) -> str:
    """A table of the last point of each trial that counts; cells are medians by error, or what `show` says of them."""
    last = {point.run: point for point in points if counts(point)}  # points are in the order of steps
    trials = {(o, p): [] for o in METHODS for p in ALL_PROBLEMS}  # type: dict[tuple[str, str], list[Point | None]]
    for result in results:
        trials[result.run.optimizer, result.run.problem].append(last.get(result.run))
    cells = {key: _median(found) for key, found in trials.items()}
    best = {p: min((c.error for (_, q), c in cells.items() if c and q == p), default=None) for p in ALL_PROBLEMS}
    rows = [[o, *(_shown(cells[o, p], best[p], show) for p in ALL_PROBLEMS)] for o in METHODS]
    return "\n".join(_line(*row) for row in [[title, *ALL_PROBLEMS], ["---"] * (1 + len(ALL_PROBLEMS)), *rows])


def _median(points: Sequence[Point | None]) -> Point | None:
    """The point of median error; none where a trial had not got as far."""
    known = [point for point in points if point is not None]
    if not known or len(known) < len(points):
        return None
    return sorted(known, key=lambda point: point.error)[(len(known) - 1) // 2]


def _shown(point: Point | None, best: float | None, show: Callable[[Point], str] | None) -> str:
    if point is None:
        return "-"
    if show:
        return show(point)
    return f"**{point.error:.1e}**" if point.error == best else f"{point.error:.1e}"


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
