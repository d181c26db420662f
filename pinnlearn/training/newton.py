"""Newton's method for problems whose parameters are as good as linear: output weights, in a window or a wide layer."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from pinnlearn.linalg import damped_solve, small_solution
from pinnlearn.optimizers import Optimizer
from pinnlearn.optimizers.base import Problem, State
from pinnlearn.optimizers.trust import hardly_falls

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
        parameters, loss = _halved(problem, state, solved - state.parameters, self.halvings)
        if not math.isfinite(loss):
            return replace(state, stop="stalled")
        least, n_idle = state.memory or (state.loss, 0)
        n_idle = 0 if loss < FALLING * least else n_idle + 1
        is_over = n_idle >= self.patience or loss <= AS_PREDICTED * predicted
        return State(parameters, loss, (min(least, loss), n_idle), "stalled" if is_over else None)


def _halved(problem: Problem, state: State, step: Tensor, n_left: int) -> tuple[Tensor, float]:
    """Parameters after a step, and their loss; it is halved so many times, if it raises that."""
    parameters = state.parameters + step
    loss = float(problem.loss(parameters))
    while n_left and not loss < state.loss:
        step, n_left = step / 2, n_left - 1
        parameters = state.parameters + step
        loss = float(problem.loss(parameters))
    return parameters, loss


class SettlingNewton(Optimizer):
    """Gauss-Newton steps as those of `Newton`, until the linear model has nothing to gain.

    So unknown coefficients have settled also where noise is left of the loss.

    Parameters
    ----------
    max_iter : int
    halvings : int
        A step that would raise the loss is halved so many times at most.
    settled : float
        It ends where the linear model promises to lower the loss by less than this part.
    damping : float
        Relative to the mean diagonal of J J^T: round-off.
    hold : float
        The weight of a change of parameters that u is not linear in, relative to the length of their columns.
    patience : tuple (steps, part)
        It ends as well where the loss has not fallen to this part in so many steps.
    """

    learning_rate = None

    def __init__(
        self,
        max_iter: int = 20,
        halvings: int = 8,
        settled: float = 1e-8,
        damping: float = 1e-28,
        hold: float = 1e-10,
        patience: tuple[int, float] = (3, 0.5),
    ):
        self.max_iter = max_iter
        self.halvings = halvings
        self.damping = damping
        self.hold = hold
        self.settled = settled
        self.patience = patience

    def step(self, problem: Problem, state: State) -> State:
        """Go where the linear model is least, or part of the way."""
        linear = problem.linearize(state.parameters)
        J, r = linear.jacobian(), linear.residual
        if not bool(torch.isfinite(J).all()) or not bool(torch.isfinite(r).all()):
            return replace(state, stop="stalled")
        # Along what J leaves open, parameters that u is not linear in stay.
        hold = self.hold * torch.diag(torch.linalg.vector_norm(J, dim=0))[_others(problem, J)]
        b = J @ state.parameters - r
        A, right = torch.cat([J, hold]), torch.cat([b, hold @ state.parameters])
        lengths = torch.linalg.vector_norm(A, dim=0)
        lengths = torch.where(lengths > 0, lengths, 1.0)
        # Refined by J itself: by triangular factors alone, estimates among noise were off by a fifth of their errors.
        solved = damped_solve(A / lengths, right, self.damping, "qr") / lengths
        predicted = float((J @ solved - b).square().sum()) / 2
        parameters, loss = _halved(problem, state, solved - state.parameters, self.halvings)
        if not loss < state.loss:
            return replace(state, stop="stalled")
        losses = (*(state.memory or (state.loss,)), loss)
        is_over = state.loss - predicted < self.settled * state.loss or hardly_falls(losses, self.patience)
        return State(parameters, loss, losses, "stalled" if is_over else None)


def _others(problem: Problem, J: Tensor) -> Tensor:
    """Which parameters u is not linear in, (n_parameters,) of bool."""
    others = torch.ones(J.shape[1], dtype=torch.bool, device=J.device)
    if problem.linear is not None:
        others[problem.linear] = False
    return others
