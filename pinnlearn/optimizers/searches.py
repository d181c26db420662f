"""How far to go, once an optimizer has chosen where to: a length that is given, or one that is searched for."""

from __future__ import annotations

import math
import warnings
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import NamedTuple, TypeAlias

import numpy as np
import scipy.optimize
from torch import Tensor

from pinnlearn.hyperparameters import Hyperparameters, check_count, check_positive
from pinnlearn.optimizers.base import Linearized, Problem, State

# The state at parameters.
At: TypeAlias = Callable[[Tensor], State]


class StepLength(Hyperparameters):
    """How far to go along a direction."""

    @abstractmethod
    def along(self, at: At, state: State, direction: Tensor, linear: Linearized) -> State:
        """The state after a step; without one that lowers the loss, where that is wanted, the state has stalled.

        Parameters
        ----------
        at : callable
            Gives the state at parameters.
        state : State
            Where the step begins.
        direction : Tensor of shape (p,)
            The step of length 1.
        linear : Linearized
            The problem there, to first order.
        """

    def check(self) -> None:
        """Raise a ValueError that says what is wrong with the hyperparameters."""


class Given(StepLength):
    """A length that is given, whatever the loss does.

    Parameters
    ----------
    eta : float
    """

    def __init__(self, eta: float = 1.0):
        self.eta = eta

    def check(self) -> None:
        """Check the hyperparameters."""
        check_positive("eta", self.eta)

    def along(self, at: At, state: State, direction: Tensor, linear: Linearized) -> State:
        """The state after a step of this length."""
        return at(state.parameters + self.eta * direction)


class _Halved(StepLength):
    def __init__(self, n_lengths: int):
        self.n_lengths = n_lengths

    def check(self) -> None:
        """Check the hyperparameters."""
        check_count("n_lengths", self.n_lengths)


class Halving(_Halved):
    """The best of the lengths 1, 1/2, 1/4, ..., up to the first that is worse than one that lowered the loss.

    Parameters
    ----------
    n_lengths : int
        The most lengths that are tried; the shortest is 2^(1 - n_lengths).

    Examples
    --------
    >>> from pinnlearn import NGD
    >>> NGD(damping=1e-6, line_search=Halving(10))
    NGD(damping=1e-06, line_search=Halving(n_lengths=10))
    """

    def __init__(self, n_lengths: int = 20):
        super().__init__(n_lengths)

    def along(self, at: At, state: State, direction: Tensor, linear: Linearized) -> State:
        """The state after the best step."""
        best = state
        for k in range(self.n_lengths):
            candidate = at(state.parameters + 0.5**k * direction)
            if candidate.loss < best.loss:
                best = candidate
            elif best is not state:
                break
        return _lower(state, best)


class Grid(_Halved):
    """The best of the lengths 1, 1/2, 1/4, ..., all of them tried (Müller & Zeinhofer 2023, Section 4).

    Parameters
    ----------
    n_lengths : int
        The number of lengths; the shortest is 2^(1 - n_lengths).
    """

    def __init__(self, n_lengths: int = 31):
        super().__init__(n_lengths)

    def along(self, at: At, state: State, direction: Tensor, linear: Linearized) -> State:
        """The state after the best step."""
        steps = (at(state.parameters + 0.5**k * direction) for k in range(self.n_lengths))
        return _lower(state, min(steps, key=lambda s: s.loss if math.isfinite(s.loss) else math.inf))


class Armijo(_Halved):
    """The first of the lengths 1, 1/2, 1/4, ... that lowers the loss by a part of what its slope promises.

    Parameters
    ----------
    part : float
        That part (Rathore et al. 2024, Appendix E).
    n_lengths : int
        The most lengths that are tried.
    """

    def __init__(self, part: float = 0.1, n_lengths: int = 31):
        super().__init__(n_lengths)
        self.part = part

    def check(self) -> None:
        """Check the hyperparameters."""
        super().check()
        check_positive("part", self.part)

    def along(self, at: At, state: State, direction: Tensor, linear: Linearized) -> State:
        """The state after the first step that is good enough."""
        slope = float(linear.gradient @ direction)
        for k in range(self.n_lengths):
            candidate = at(state.parameters + 0.5**k * direction)
            if candidate.loss < state.loss and candidate.loss <= state.loss + self.part * 0.5**k * slope:
                return candidate
        return replace(state, stop="stalled")


def _lower(state: State, best: State) -> State:
    """The better state, if it is better; else the first, with the news that training has stalled."""
    return best if best.loss < state.loss else replace(state, stop="stalled")


def follow(length: StepLength, at: At, state: State, direction: Tensor, linear: Linearized) -> State:
    """The state after a step along a direction, which stalls where that is zero; see `StepLength.along`."""
    return length.along(at, state, direction, linear) if bool(direction.any()) else replace(state, stop="stalled")


def moving(problem: Problem, state: State) -> At:
    """Gives the state at parameters, with the memory of this one."""
    return lambda w: replace(state, parameters=w, loss=float(problem.loss(w)))


def chosen_length(learning_rate: float | None, otherwise: StepLength) -> StepLength:
    """The step length that is given, or another one."""
    return otherwise if learning_rate is None else Given(learning_rate)


def check_length(learning_rate: float | None, line_search: StepLength | bool | None) -> None:
    """Raise a ValueError unless at most one of them says how far to go, and says it well."""
    if line_search and learning_rate is not None:
        raise ValueError(
            f"learning_rate={learning_rate!r} fixes the step length, so line_search={line_search!r} has nothing to "
            "choose; leave one of them out."
        )
    if isinstance(line_search, StepLength):
        line_search.check()
    elif not isinstance(line_search, bool | None):
        raise ValueError(f"line_search must be a step length, such as Halving(), got {line_search!r}.")


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
