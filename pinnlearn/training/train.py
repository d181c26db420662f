"""The run of a training: stage after stage, and the one rule by which the better solution is kept."""

from __future__ import annotations

import math
from collections.abc import Sequence

from sklearn.exceptions import ConvergenceWarning

from pinnlearn.notices import warn
from pinnlearn.training.course import Course
from pinnlearn.training.interruption import Interrupted
from pinnlearn.training.stages import Solution, Stage, Steps, Task
from pinnlearn.training.verification import Verification, unsolved

# Of two solutions the later is kept only if it does better by this factor: trained units have more ways to go wrong.
CLEARLY = 1.2


def train(task: Task, stages: Sequence[Stage], course: Course, start: Solution) -> tuple[Solution, Verification | None]:
    """Run stages one after the other, until one says that no other is wanted and its solution holds elsewhere too.

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
    solution : Solution
        The best one by the rule `better`.
    verification : Verification or None
        How well it holds where no row was; None where nothing tells, or someone asked to stop.

    Warns
    -----
    ConvergenceWarning
        If the equations are not solved, at the rows or elsewhere, or leave u open.
    """
    best = last = start
    verified: dict[Solution, Verification | None] = {}
    aside: Solution | None = None
    for stage in stages:
        before = best if stage.continues else last
        try:
            last = stage.run(task, before, course)
        except Interrupted:
            course.stop = "callback"
            break
        aside = last.aside or aside
        if last is not before:
            best = last if stage.continues or best is start else better(best, last, task, course)
        if (last.is_done or task.has_known_values) and last not in verified and not isinstance(stage, Steps):
            verified[last] = verification = task.verify(last)
            # One that is known to hold is better than one that is not, whatever their losses.
            best = last if _is_known_to_hold(verification) and not _is_known_to_hold(verified.get(best)) else best
        if course.is_stopped or (last.is_done and _stands(verified.get(last))) or _is_up_to_noise(verified.get(last)):
            break
    if course.is_stopped:
        return best, None
    verification = verified[best] if best in verified else task.verify(best)
    if aside is not None and not _is_known_to_hold(verification):
        other = task.verify(aside)
        if verification is None or other is None or other.excess < verification.excess:
            best, verification = aside, other
    _end(task, stage, best, course, verification)
    return best, verification and task.searched(best, verification)


def _is_known_to_hold(verification: Verification | None) -> bool:
    return verification is not None and verification.equations_hold


def _is_up_to_noise(verification: Verification | None) -> bool:
    return verification is not None and verification.is_up_to_noise


def _stands(verification: Verification | None) -> bool:
    return verification is None or verification.equations_hold


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


def _end(task: Task, stage: Stage, best: Solution, course: Course, verification: Verification | None) -> None:
    """Say why training ended, with which stage, and warn of what does not hold.

    Steps that the user cut short say so themselves, and those that were not finite have warned.
    """
    if not isinstance(stage, Steps):
        # Windows are accepted by residuals relative to the size of u in each, not over the whole domain.
        is_solved = best.loss <= task.target or (best.windows and best.is_done)
        short = "stalled" if course.left else "max_iter"
        course.stop = "tol" if is_solved else short if best.noise is None else "noise"
    if course.stop == "tol" and verification is not None and not verification.holds:
        course.stop = "unverified"
    elif course.stop == "stalled" and _is_up_to_noise(verification):
        course.stop = "noise"
    relative = _relative_residual(task, best) if verification is None else verification.at_rows
    is_unsolved = relative > task.verifier.accepted
    if is_unsolved and isinstance(stage, Steps) and course.stop in ("non_finite", "max_iter" if stage.is_cut else None):
        return
    unverified = unsolved(relative) if is_unsolved else None
    complaint = unverified if verification is None else verification.complaint()
    if complaint is not None:
        warn(complaint, ConvergenceWarning)


def _relative_residual(task: Task, solution: Solution) -> float:
    """That of the loss at the rows; 0 where nothing but data is fitted, which may be noise."""
    return 0.0 if task.is_data or task.reference == 0 else math.sqrt(solution.loss / task.reference)
