"""Newton's method for problems whose parameters are as good as linear: output weights, in a window or a wide layer."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from pinnlearn.linalg import small_solution
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
    patience : int
        It ends after so many steps that bring no more digits.
    halvings : int
        A step that would raise the loss is halved so many times at most; then it is taken.
    """

    learning_rate = None

    def __init__(self, max_iter: int = 12, patience: int = 2, halvings: int = 0):
        self.max_iter = max_iter
        self.patience = patience
        self.halvings = halvings

    def step(self, problem: Problem, state: State) -> State:
        """Go where the linear model is least.

        It ends where it is not finite, where the loss falls no further, or where it is as predicted.
        """
        linear = problem.linearize(state.parameters)
        J, r = linear.jacobian(), linear.residual
        if not bool(torch.isfinite(J).all()) or not bool(torch.isfinite(r).all()):
            return replace(state, stop="stalled")
        b = J @ state.parameters - r
        solved = small_solution(J, b)
        predicted = float((J @ solved - b).square().sum()) / 2
        del J
        parameters, loss = self._halved(problem, state, solved - state.parameters)
        if not math.isfinite(loss):
            return replace(state, stop="stalled")
        least, n_idle = state.memory or (state.loss, 0)
        n_idle = 0 if loss < FALLING * least else n_idle + 1
        is_over = n_idle >= self.patience or loss <= AS_PREDICTED * predicted
        return State(parameters, loss, (min(least, loss), n_idle), "stalled" if is_over else None)

    def _halved(self, problem: Problem, state: State, step: Tensor) -> tuple[Tensor, float]:
        parameters = state.parameters + step
        loss, n_left = float(problem.loss(parameters)), self.halvings
        while n_left and not loss < state.loss:
            step, n_left = step / 2, n_left - 1
            parameters = state.parameters + step
            loss = float(problem.loss(parameters))
        return parameters, loss
