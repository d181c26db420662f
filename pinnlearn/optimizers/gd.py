"""Gradient descent, w <- w - eta J^T r."""

from __future__ import annotations

import math
from dataclasses import replace

import torch

from pinnlearn.optimizers.base import Optimizer, Problem, State


class GD(Optimizer):
    """Gradient descent with a constant step length.

    Parameters
    ----------
    learning_rate : float, optional
        The step length eta. None takes 1 / ||J J^T||_2 at the start, the largest that the theory allows up to a
        constant, and halves it where the loss would rise.
    max_iter : int

    References
    ----------
    "Fast Convergence of Natural Gradient Descent for Over-parameterized Physics-Informed Neural Networks" (2024),
    arXiv:2408.00573, Theorem 3.7: eta = O(1 / ||H_infinity||).
    """

    def __init__(self, learning_rate: float | None = None, max_iter: int = 10_000):
        self.learning_rate = learning_rate
        self.max_iter = max_iter

    def begin(self, problem: Problem, parameters: torch.Tensor) -> State:
        """Choose the step length, if it is not given."""
        eta = self.learning_rate or 1 / _largest_eigenvalue(problem, parameters)
        return replace(super().begin(problem, parameters), memory=eta)

    def step(self, problem: Problem, state: State) -> State:
        """Make one step."""
        eta, gradient = state.memory, problem.linearize(state.parameters).gradient
        while True:
            parameters = state.parameters - eta * gradient
            loss = float(problem.loss(parameters))
            if self.learning_rate is not None or loss < state.loss:
                return State(parameters, loss, eta)
            eta /= 2
            if eta < torch.finfo(parameters.dtype).eps * state.memory:
                return replace(state, stop="stalled")

    def figures(self, memory: float) -> dict[str, float]:
        """The step length."""
        return {"learning rate": memory}


def _largest_eigenvalue(problem: Problem, parameters: torch.Tensor, n_products: int = 30) -> float:
    """||J J^T||_2 by the power method."""
    linear = problem.linearize(parameters)
    v = linear.residual
    eigenvalue = torch.zeros((), dtype=v.dtype)
    for _ in range(n_products):
        v = linear.matvec(linear.rmatvec(v / torch.linalg.vector_norm(v)))
        eigenvalue = torch.linalg.vector_norm(v)
    return float(eigenvalue) if 0 < float(eigenvalue) < math.inf else 1.0
