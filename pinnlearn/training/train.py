"""The run of a training: stage after stage, and the one rule by which the better solution is kept."""

from __future__ import annotations

import math
from collections.abc import Sequence

from sklearn.exceptions import ConvergenceWarning

from pinnlearn.notices import warn
from pinnlearn.training.course import Course
from pinnlearn.training.interruption import Interrupted
from pinnlearn.training.stages import Solution, Stage, Steps, Task

# A relative residual above which the user is warned.
UNSOLVED = 1e-2
# Of two solutions the later is kept only if it does better by this factor: trained units have more ways to go wrong.
CLEARLY = 1.2


def train(task: Task, stages: Sequence[Stage], course: Course, start: Solution) -> Solution:
    """Run stages one after the other, until one says that no other is wanted.

    Parameters
    ----------
    task : Task
    stages : sequence of Stage
    course : Course
        Its `stop` is set to why training ended.
    start : Solution
        Where to begin.

    Returns
    -------
    Solution
        The best one by the rule `better`.

    Warns
    -----
    ConvergenceWarning
        If the equations are not solved, unless nothing but optimizers was asked for.
    """
    best = last = start
    for stage in stages:
        before = best if stage.continues else last
        try:
            last = stage.run(task, before, course)
        except Interrupted:
            course.stop = "callback"
            break
        if last is not before:
            best = last if stage.continues or best is start else better(best, last, task, course)
        if last.is_done or course.is_stopped:
            break
    if not all(isinstance(stage, Steps) for stage in stages):
        _end(task, best, course)
    return best


def better(best: Solution, last: Solution, task: Task, course: Course) -> Solution:
    """The solution to keep: the later one where it clearly does better at its rows, left-out rows and other points.

    By the loss at its rows alone a network that interpolates them would win, so one without a left-out loss needs
    other points to be judged by; where training was cut short, that loss is all there is.
    """
    if course.is_stopped or course.left < 1:
        return min(best, last, key=lambda solution: solution.loss)
    if last.left_out_loss is None and task.judge is None:
        return best
    return last if CLEARLY * last.worst(task) < best.worst(task) else best


def _end(task: Task, best: Solution, course: Course) -> None:
    """Say why training ended, and warn of what is not solved."""
    if course.is_stopped:
        return
    course.stop = "tol" if best.loss <= task.target else "stalled" if course.left else "max_iter"
    if not task.is_data and task.reference > 0:
        is_judged = best.is_trained or (task.trains_all and not best.is_done)
        unseen = task.unseen(best.network) if is_judged else 0.0
        _warn_if_unsolved(math.sqrt(best.loss / task.reference), math.sqrt(unseen / task.reference))


def _warn_if_unsolved(at_rows: float, elsewhere: float) -> None:
    """Warn of a relative residual that is large, at the rows or at points of the domain that are not among them."""
    if at_rows > UNSOLVED:
        message = (
            f"The equations are not solved: their relative residual is still {at_rows:.1g}. Try a larger max_iter or "
            "width, more points, or another random_state; and check that the problem has a solution."
        )
    elif elsewhere > UNSOLVED:
        message = (
            "The equations are solved at the rows of X, but not between them: their relative residual at other points "
            f"of the domain is {elsewhere:.1g}. Give more rows."
        )
    else:
        return
    warn(message, ConvergenceWarning)
