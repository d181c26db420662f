"""Newton's method for problems whose parameters are as good as linear: output weights, in a window or a wide layer."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from pinnlearn.optimizers import Optimizer
from pinnlearn.optimizers.base import Problem, State

# A step that leaves more than this part of the loss brings no more digits.
FALLING = 0.1
# Nor does one after a step that left no more than this times what the linear model leaves.
AS_PREDICTED = 1.1


class Newton(Optimizer):
    """Undamped Gauss-Newton steps, each to the smallest parameters that solve the linear model, columns of length 1.

    A smallest change would let the parameters grow from step to step along what the equations hardly see, and the
    rounding of u with them.

    Parameters
    ----------
    max_iter : int
    halvings : int
        A step that would raise the loss is halved so many times at most; then it is taken.
    """

    learning_rate = None

    def __init__(self, max_iter: int = 12, halvings: int = 0):
        self.max_iter = max_iter
        self.halvings = halvings

    def step(self, problem: Problem, state: State) -> State:
        """Go where the linear model is least.

        It ends where it is not finite, where the loss has twice fallen no further, or where it is as predicted.
        """
        linear = problem.linearize(state.parameters)
        J, r = linear.jacobian(), linear.residual
        lengths = torch.linalg.vector_norm(J, dim=0)
        lengths = torch.where(lengths > 0, lengths, 1.0)
        if not bool(torch.isfinite(J).all()) or not bool(torch.isfinite(r).all()):
            return replace(state, stop="stalled")
        J = J.div_(lengths)
        b = J @ (state.parameters * lengths) - r
        scaled = _smallest(J, b)
        predicted = float((J @ scaled - b).square().sum()) / 2
        parameters, loss = self._halved(problem, state, scaled / lengths - state.parameters)
        if not math.isfinite(loss):
            return replace(state, stop="stalled")
        least, n_idle = state.memory or (state.loss, 0)
        n_idle = 0 if loss < FALLING * least else n_idle + 1
        is_over = n_idle > 1 or loss <= AS_PREDICTED * predicted
        return State(parameters, loss, (min(least, loss), n_idle), "stalled" if is_over else None)

    def _halved(self, problem: Problem, state: State, step: Tensor) -> tuple[Tensor, float]:
        parameters = state.parameters + step
        loss, n_left = float(problem.loss(parameters)), self.halvings
        while n_left and not loss < state.loss:
            step, n_left = step / 2, n_left - 1
            parameters = state.parameters + step
            loss = float(problem.loss(parameters))
        return parameters, loss


def _smallest(J: Tensor, b: Tensor) -> Tensor:
    """J^+ b by singular values, those of R in J = Q R where J is tall; below eps times the largest they are zero."""
    if len(J) > J.shape[1]:
        Q, J = torch.linalg.qr(J)
        b = Q.T @ b
        del Q
    U, S, Vh = torch.linalg.svd(J, full_matrices=False)
    inverse = torch.where(torch.finfo(S.dtype).eps * S[0] < S, 1 / S, 0.0)
    return Vh.T @ (inverse * (U.T @ b))
