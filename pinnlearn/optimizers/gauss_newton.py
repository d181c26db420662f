"""Gauss-Newton with the damping of Levenberg and Marquardt, by the gain ratio."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from pinnlearn.hyperparameters import Hyperparameters, check_positive
from pinnlearn.linalg import damped_solvers
from pinnlearn.optimizers.base import Optimizer, Problem, State
from pinnlearn.optimizers.searches import moving
from pinnlearn.optimizers.trust import Longest, Nielsen

Solve = Callable[[Tensor], Tensor]


class Geodesic(Hyperparameters):
    """The second-order correction of a damped step: where the residuals' own curvature bends the way to.

    With the step v, r_vv = 2 / h^2 (r(w + h v) - r - h J v) and a = -(J^T J + lambda I)^-1 J^T r_vv; the step is then
    v + a / 2. It costs one more evaluation of the residuals, and a solve by the same factor.

    Parameters
    ----------
    bound : float
        It is left out where ``|a|`` is above this part of ``|v|``: the second order is then no correction.
    probe : float
        h.

    References
    ----------
    Transtrum and Sethna (2012), "Improvements to the Levenberg-Marquardt algorithm for nonlinear least-squares
    minimization", arXiv:1201.5885.

    Examples
    --------
    >>> GaussNewton(acceleration=Geodesic(bound=0.5))
    GaussNewton(acceleration=Geodesic(bound=0.5))
    """

    def __init__(self, bound: float = 0.75, probe: float = 0.1):
        self.bound = bound
        self.probe = probe

    def check(self) -> None:
        """Check the hyperparameters."""
        check_positive("bound", self.bound)
        check_positive("probe", self.probe)

    def bent(
        self, problem: Problem, parameters: Tensor, step: Tensor, residual: Tensor, change: Tensor, solve: Solve
    ) -> Tensor:
        """The step with its correction."""
        h = self.probe
        ahead = problem.residual(parameters + h * step)
        second = 2 / h**2 * (ahead - residual - h * change)
        correction = -solve(second)
        is_small = bool(correction.norm() < self.bound * step.norm())
        return step + correction / 2 if is_small else step


class GaussNewton(Optimizer):
    """Levenberg-Marquardt: w <- w - (J^T J + lambda I)^-1 J^T r, lambda adapted by the gain ratio.

    The direction is that of `NGD` and of `ENGD` with the same damping. A step that would raise the loss is not taken
    but tried again with more damping, by 2, 4, 8, ...; a step whose gain, the fall of the loss over that of the linear
    model, is rho divides the damping by up to 3: lambda <- lambda max(1/3, 1 - (2 rho - 1)^3).

    Parameters
    ----------
    learning_rate : float, optional
        The step length eta; None is 1.
    damping : float, Nielsen or Longest
        tau: the first lambda is tau times the largest entry on the diagonal of J^T J. It is short for
        `Nielsen(first=tau)`, which has the other numbers.
    max_iter : int
    acceleration : Geodesic, optional
        Adds the second-order correction of a step.

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

    def __init__(
        self,
        learning_rate: float | None = None,
        damping: float | Nielsen | Longest = 1e-3,
        max_iter: int = 200,
        acceleration: Geodesic | None = None,
    ):
        self.learning_rate = learning_rate
        self.damping = damping
        self.max_iter = max_iter
        self.acceleration = acceleration

    @property
    def rule(self) -> Nielsen | Longest:
        """How the damping adapts."""
        return self.damping if isinstance(self.damping, Nielsen | Longest) else Nielsen(first=self.damping)

    def check(self) -> None:
        """Check the hyperparameters."""
        super().check()
        if not isinstance(self.damping, Nielsen | Longest):
            check_positive("damping", self.damping)
        self.rule.check()
        if self.acceleration is not None:
            self.acceleration.check()

    def holds(self, n: int, parameters: Tensor, gram_size: int) -> frozenset[str]:
        """J."""
        return frozenset(("jacobian",))

    def step(self, problem: Problem, state: State) -> State:
        """Make one step."""
        linear = problem.linearize(state.parameters)
        J, gradient = linear.jacobian(), linear.gradient
        squares, rule, at = J.square().sum(dim=0), self.rule, moving(problem, state)
        mean_diagonal, eps, solvers = float(squares.sum()) / len(J), torch.finfo(J.dtype).eps, damped_solvers(J)
        if not bool(gradient.any()):
            return replace(state, stop="stalled")

        bend = self.acceleration

        def attempt(damping: float) -> tuple[State, float]:
            solve = solvers(max(damping / mean_diagonal, eps**2))
            step = -(self.learning_rate or 1.0) * solve(linear.residual)
            change = linear.matvec(step)
            bent = step if bend is None else bend.bent(problem, state.parameters, step, linear.residual, change, solve)
            # The fall of the linear model's loss, without a difference of nearly equal losses.
            return at(state.parameters + bent), -float(gradient @ step + change.square().sum() / 2)

        found = rule.choose(attempt, state, float(squares.max()), mean_diagonal / eps)
        if found is None:
            return replace(state, stop="stalled")
        ahead, damping = found
        return replace(ahead, memory=damping)

    def figures(self, memory: float | None) -> dict[str, float]:
        """The damping, lambda."""
        return {} if memory is None else {"damping": memory}
