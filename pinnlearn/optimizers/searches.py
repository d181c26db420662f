"""Line searches: how far to go, once an optimizer has chosen where to."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import NamedTuple

import numpy as np
import scipy.optimize
from torch import Tensor

from pinnlearn.optimizers.base import Problem, State

# The shortest step of a search that halves is 2^-19, of the grid 2^-30.
HALVINGS, GRID = 20, 31
# A step is long enough to lower the loss by this part of what its slope promises (Rathore et al. 2024, Appendix E).
ARMIJO = 0.1


def moved(problem: Problem, state: State, step: Tensor) -> State:
    """The state after a step."""
    parameters = state.parameters + step
    return replace(state, parameters=parameters, loss=float(problem.loss(parameters)))


def lower(state: State, best: State) -> State:
    """The better state, if it is better; else the first, with the news that training has stalled."""
    return best if best.loss < state.loss else replace(state, stop="stalled")


def follow(problem: Problem, state: State, direction: Tensor, learning_rate: float | None) -> State:
    """The state after a step of this length, or of the best length of a grid where none is given."""
    if not bool(direction.any()):
        return replace(state, stop="stalled")
    if learning_rate is not None:
        return moved(problem, state, learning_rate * direction)
    return lower(state, search_grid(problem, state, direction))


def search_grid(problem: Problem, state: State, direction: Tensor) -> State:
    """The best of steps of length 1, 1/2, 1/4, ..., 2^-30, all of them tried (Müller & Zeinhofer 2023, Section 4)."""
    steps = (moved(problem, state, 0.5**k * direction) for k in range(GRID))
    return min(steps, key=lambda s: s.loss if math.isfinite(s.loss) else math.inf)


def search_halves(at: Callable[[Tensor], State], state: State, direction: Tensor) -> State:
    """The best of steps of length 1, 1/2, 1/4, ..., up to the first that is worse than one that lowered the loss."""
    best = state
    for k in range(HALVINGS):
        candidate = at(state.parameters + 0.5**k * direction)
        if candidate.loss < best.loss:
            best = candidate
        elif best is not state:
            break
    return best


def search_armijo(problem: Problem, state: State, direction: Tensor, gradient: Tensor, first: float) -> State:
    """The first step of length eta, eta / 2, ... that lowers the loss by a part of what its slope promises (Armijo)."""
    slope = float(gradient @ direction)
    for k in range(GRID):
        eta = first * 0.5**k
        candidate = moved(problem, state, eta * direction)
        if candidate.loss < state.loss and candidate.loss <= state.loss + ARMIJO * eta * slope:
            return candidate
    return replace(state, stop="stalled")


class Evaluated(NamedTuple):
    """The loss and its gradient at a point."""

    point: Tensor
    loss: float
    gradient: Tensor


def evaluate(problem: Problem, point: Tensor) -> Evaluated:
    """Evaluate the loss and its gradient."""
    linear = problem.linearize(point)
    return Evaluated(point, float(linear.loss), linear.gradient)


def search_wolfe(problem: Problem, begin: Evaluated, direction: Tensor) -> Evaluated | None:
    """A step for the strong Wolfe conditions with c1 = 1e-4 and c2 = 0.9, tried from length 1 on, by scipy; or none."""

    @cache
    def at(eta: float) -> Evaluated:
        return evaluate(problem, begin.point + eta * direction)

    def loss(eta: np.ndarray) -> float:
        value = at(float(eta[0])).loss
        return value if math.isfinite(value) else math.inf

    def slope(eta: np.ndarray) -> np.ndarray:
        return np.array([float(at(float(eta[0])).gradient @ direction)])

    start, unit = np.zeros(1), np.ones(1)
    first_slope = np.array([float(begin.gradient @ direction)])
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # that it found nothing, which its answer says
        eta, *_ = scipy.optimize.line_search(loss, slope, start, unit, first_slope, begin.loss)
    return None if eta is None else at(float(eta))
