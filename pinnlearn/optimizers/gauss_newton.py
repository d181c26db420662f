"""Gauss-Newton with the damping of Levenberg and Marquardt, by the gain ratio."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from pinnlearn.hyperparameters import check_positive
from pinnlearn.linalg import damped_solve
from pinnlearn.optimizers.base import Optimizer, Problem, State
from pinnlearn.optimizers.searches import moving
from pinnlearn.optimizers.trust import Nielsen, first_trusted


class GaussNewton(Optimizer):
    """Levenberg-Marquardt: w <- w - (J^T J + lambda I)^-1 J^T r, lambda adapted by the gain ratio.

    The direction is that of `NGD` and of `ENGD` with the same damping. A step that would raise the loss is not taken
    but tried again with more damping, by 2, 4, 8, ...; a step whose gain, the fall of the loss over that of the linear
    model, is rho divides the damping by up to 3: lambda <- lambda max(1/3, 1 - (2 rho - 1)^3).

    Parameters
    ----------
    learning_rate : float, optional
        The step length eta; None is 1.
    damping : float or Nielsen
        tau: the first lambda is tau times the largest entry on the diagonal of J^T J. It is short for
        `Nielsen(first=tau)`, which has the other numbers.
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

    def __init__(self, learning_rate: float | None = None, damping: float | Nielsen = 1e-3, max_iter: int = 200):
        self.learning_rate = learning_rate
        self.damping = damping
        self.max_iter = max_iter

    @property
    def rule(self) -> Nielsen:
        """How the damping adapts."""
        return self.damping if isinstance(self.damping, Nielsen) else Nielsen(first=self.damping)

    def check(self) -> None:
        """Check the hyperparameters."""
        super().check()
        if not isinstance(self.damping, Nielsen):
            check_positive("damping", self.damping)
        self.rule.check()

    def holds(self, n: int, parameters: Tensor, gram_size: int) -> frozenset[str]:
        """J."""
        return frozenset(("jacobian",))

    def step(self, problem: Problem, state: State) -> State:
        """Make one step."""
        linear = problem.linearize(state.parameters)
        J, gradient = linear.jacobian(), linear.gradient
        squares, rule, at = J.square().sum(dim=0), self.rule, moving(problem, state)
        mean_diagonal, eps = float(squares.sum()) / len(J), torch.finfo(J.dtype).eps
        if not bool(gradient.any()):
            return replace(state, stop="stalled")

        def attempt(damping: float) -> tuple[State, float]:
            relative = max(damping / mean_diagonal, eps**2)
            step = -(self.learning_rate or 1.0) * damped_solve(J, linear.residual, relative)
            # The fall of the linear model's loss, without a difference of nearly equal losses.
            return at(state.parameters + step), -float(gradient @ step + linear.matvec(step).square().sum() / 2)

        begin = rule.first * float(squares.max()) if state.memory is None else state.memory
        found = first_trusted(attempt, state.loss, rule.tried(begin, mean_diagonal / eps), rule.accepted)
        if found is None:
            return replace(state, stop="stalled")
        ahead, damping, gain = found
        return replace(ahead, memory=rule.after(damping, gain))

    def figures(self, memory: float | None) -> dict[str, float]:
        """The damping, lambda."""
        return {} if memory is None else {"damping": memory}
