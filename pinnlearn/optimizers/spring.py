"""SPRING: natural gradient descent in kernel form, with momentum."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from pinnlearn.hyperparameters import check_momentum, check_positive
from pinnlearn.optimizers.base import Optimizer, Problem, State
from pinnlearn.optimizers.directions import Direct
from pinnlearn.optimizers.searches import Grid, StepLength, check_length, chosen_length, follow, moving


class _Momentum(NamedTuple):
    """The last direction phi, and the number of steps k."""

    phi: Tensor
    k: int


class SPRING(Optimizer):
    """Natural gradient descent with momentum: a projected part of the last direction is kept.

    phi_k = mu phi_{k-1} + J^T (J J^T + lambda I)^-1 (r - mu J phi_{k-1}), and
    w <- w - eta phi_k / sqrt(1 - mu^(2k)), the root correcting for phi_0 = 0.

    Parameters
    ----------
    learning_rate : float, optional
        The step length eta. None searches in every step.
    damping : float
        lambda, relative to the mean diagonal of J J^T.
    momentum : float
        mu, at least 0 and below 1; 0 is damped natural gradient descent.
    max_iter : int
    line_search : StepLength, optional
        How the step length is searched for; None is `Grid()`, which tries 1, 1/2, ..., 2^-30 and takes the best.

    See Also
    --------
    NGD : Without momentum.

    Notes
    -----
    It was made for rows that are drawn anew in every step. Here all rows are seen at once, so that the momentum has
    little to average, and the bound on the length of a step, which the original has, is left out.

    References
    ----------
    .. [1] Guzmán-Cordero, Dangel, Goldshlager & Zeinhofer (2025), "Improving energy natural gradient descent through
       Woodbury, momentum, and randomization", arXiv:2505.12149.
    .. [2] Goldshlager, Abrahamsen & Lin (2024), "A Kaczmarz-inspired approach to accelerate the optimization of neural
       network wavefunctions", J. Comput. Phys. 516, arXiv:2401.10190: mu = 0.99, lambda = 1e-3.

    Examples
    --------
    >>> SPRING(learning_rate=0.1, momentum=0.5)
    SPRING(learning_rate=0.1, momentum=0.5)
    """

    def __init__(
        self,
        learning_rate: float | None = None,
        damping: float = 1e-6,
        momentum: float = 0.9,
        max_iter: int = 200,
        line_search: StepLength | None = None,
    ):
        self.learning_rate = learning_rate
        self.damping = damping
        self.momentum = momentum
        self.max_iter = max_iter
        self.line_search = line_search

    def check(self) -> None:
        """Check the hyperparameters."""
        super().check()
        check_positive("damping", self.damping, or_zero=True)
        check_momentum(self.momentum)
        check_length(self.learning_rate, self.line_search)

    def holds(self, n: int, parameters: Tensor, gram_size: int) -> frozenset[str]:
        """What NGD with this damping holds."""
        return Direct().holds(self.damping, n, parameters, gram_size)

    def begin(self, problem: Problem, parameters: Tensor) -> State:
        """The state before the first step."""
        return replace(super().begin(problem, parameters), memory=_Momentum(torch.zeros_like(parameters), 0))

    def step(self, problem: Problem, state: State) -> State:
        """Make one step."""
        (phi, k), mu = state.memory, self.momentum
        linear = problem.linearize(state.parameters)
        left = linear.residual - mu * linear.matvec(phi)
        phi = mu * phi + Direct().solve(linear, left, self.damping, state.parameters)
        ahead = replace(state, memory=_Momentum(phi, k + 1))
        direction = -phi / math.sqrt(1 - mu ** (2 * (k + 1)))
        length = chosen_length(self.learning_rate, self.line_search or Grid())
        return follow(length, moving(problem, ahead), ahead, direction, linear)
