"""Gauss-Newton with the damping of Levenberg and Marquardt, by the gain ratio."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from pinnlearn.linalg import damped_solve
from pinnlearn.optimizers.base import Linearized, Optimizer, Problem, State, check_positive
from pinnlearn.optimizers.searches import moved


class _Trust(NamedTuple):
    """The damping lambda, and what it is multiplied with if the next step fails."""

    damping: float
    raised_by: float = 2.0


class GaussNewton(Optimizer):
    """Levenberg-Marquardt: w <- w - (J^T J + lambda I)^-1 J^T r, lambda adapted by the gain ratio.

    The direction is that of `NGD` and of `ENGD` with the same damping. A step that would raise the loss is not taken
    but tried again with more damping, by 2, 4, 8, ...; a step whose gain, the fall of the loss over that of the linear
    model, is rho divides the damping by up to 3: lambda <- lambda max(1/3, 1 - (2 rho - 1)^3).

    Parameters
    ----------
    learning_rate : float, optional
        The step length eta; None is 1.
    damping : float
        tau: the first lambda is tau times the largest entry on the diagonal of J^T J.
    max_iter : int

    See Also
    --------
    NGD : Its adaptive damping scales the columns of J to one length first, and may solve for the output weights again.

    References
    ----------
    Nielsen (1999), "Damping parameter in Marquardt's method", IMM-REP-1999-05, Technical University of Denmark.

    Examples
    --------
    >>> GaussNewton(damping=1e-6)
    GaussNewton(damping=1e-06)
    """

    def __init__(self, learning_rate: float | None = None, damping: float = 1e-3, max_iter: int = 200):
        self.learning_rate = learning_rate
        self.damping = damping
        self.max_iter = max_iter

    def check(self) -> None:
        """Check the hyperparameters."""
        super().check()
        check_positive("damping", self.damping)

    def holds(self, n: int, parameters: Tensor, gram_size: int) -> frozenset[str]:
        """J."""
        return frozenset(("jacobian",))

    def step(self, problem: Problem, state: State) -> State:
        """Make one step."""
        linear = problem.linearize(state.parameters)
        J, gradient = linear.jacobian(), linear.gradient
        squares = J.square().sum(dim=0)
        mean_diagonal, eps = float(squares.sum()) / len(J), torch.finfo(J.dtype).eps
        damping, raised_by = state.memory or _Trust(self.damping * float(squares.max()))
        while bool(gradient.any()) and damping * eps < mean_diagonal:
            relative = max(damping / mean_diagonal, eps**2)
            step = -(self.learning_rate or 1.0) * damped_solve(J, linear.residual, relative)
            candidate = moved(problem, state, step)
            gain = (state.loss - candidate.loss) / _predicted_fall(linear, gradient, step)
            if gain > 0:
                trust = _Trust(damping * max(1 / 3, 1 - (2 * gain - 1) ** 3))
                return State(candidate.parameters, candidate.loss, trust)
            damping, raised_by = damping * raised_by, 2 * raised_by
        return replace(state, stop="stalled")


def _predicted_fall(linear: Linearized, gradient: Tensor, step: Tensor) -> float:
    """The fall of the linear model's loss, without a difference of nearly equal losses; 0 becomes infinity."""
    fall = -float(gradient @ step + linear.matvec(step).square().sum() / 2)
    return fall if fall > 0 else math.inf
