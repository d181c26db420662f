"""SSBroyden: a quasi-Newton method of Broyden's family that scales its model of the Hessian in every step."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from pinnlearn.optimizers.base import Optimizer, Problem, State
from pinnlearn.optimizers.searches import Evaluated, evaluate, search_wolfe


class _Model(NamedTuple):
    """Where it stands, and the inverse of the Hessian's model, (p, p); None at a (re)start."""

    at: Evaluated
    inverse: Tensor | None = None


class SSBroyden(Optimizer):
    """Self-scaled Broyden: w <- w - eta H g, with a step for the strong Wolfe conditions.

    H models the inverse of the Hessian. With s the step and y the change of the gradient,

    H <- (H - H y y^T H / y^T H y + phi (y^T H y) v v^T) / tau + s s^T / y^T s,  v = s / y^T s - H y / y^T H y,

    where phi, the member of Broyden's family (1 is BFGS, 0 is DFP), and the scaling tau change from step to step by the
    formulas of the reference. The first H is y^T s / y^T y times the identity.

    Parameters
    ----------
    learning_rate : float
        The first step length eta that each line search tries.
    max_iter : int
        Iterations; each evaluates the loss and its gradient once or a few times.

    See Also
    --------
    LBFGS : Holds the last steps only, not p x p numbers.

    Notes
    -----
    Where a line search fails, H is dropped and the next step goes along the gradient; where that fails too, training
    has stalled.

    References
    ----------
    Urbán, Stefanou & Pons (2024), "Unveiling the optimization process of physics informed neural networks: How accurate
    and competitive can PINNs be?", J. Comput. Phys., arXiv:2405.04230, Eqs. (13) to (23), after Al-Baali (1998),
    "Numerical experience with a class of self-scaling quasi-Newton algorithms", J. Optim. Theory Appl. 96.

    Examples
    --------
    >>> SSBroyden(max_iter=100)
    SSBroyden(max_iter=100)
    """

    chooses_rate = False
    learning_rate: float

    def __init__(self, learning_rate: float = 1.0, max_iter: int = 1000):
        self.learning_rate = learning_rate
        self.max_iter = max_iter

    def holds(self, n: int, parameters: Tensor, gram_size: int) -> frozenset[str]:
        """The inverse of the Hessian's model."""
        return frozenset(("hessian",))

    def begin(self, problem: Problem, parameters: Tensor) -> State:
        """The state before the first step."""
        at = evaluate(problem, parameters)
        return State(parameters, at.loss, _Model(at))

    def step(self, problem: Problem, state: State) -> State:
        """Make one iteration."""
        for model in (state.memory, _Model(state.memory.at)):
            end = search_wolfe(problem, model.at, self.learning_rate * _direction(model))
            if end is not None and end.loss < state.loss:
                return State(end.point, end.loss, _updated(model, end))
        return replace(state, stop="stalled")


def _direction(model: _Model) -> Tensor:
    """Along H g; without H along the gradient, no further than 1 in the sum of the parameters' moves."""
    gradient = model.at.gradient
    if model.inverse is None:
        return -gradient / torch.clamp(gradient.abs().sum(), min=1)
    return -(model.inverse @ gradient)


def _updated(model: _Model, end: Evaluated) -> _Model:
    """The model at the end of a step; its matrix is overwritten."""
    at, H = model
    s, y = end.point - at.point, end.gradient - at.gradient
    ys = float(y @ s)
    if not ys > 0:  # round-off, since the step meets the Wolfe conditions
        return _Model(end, H)
    if H is None:
        H = torch.diag(torch.full_like(s, ys / float(y @ y)))
        sBs = float(s @ s) * float(y @ y) / ys
    else:  # B s = -eta g where H = B^-1: no system is solved
        sBs = -float(s @ at.gradient) * _step_length(model, s)
    Hy = H @ y
    yHy = float(y @ Hy)
    phi, tau = _family_and_scaling(sBs / ys, yHy / ys, len(s))
    v = s / ys - Hy / yHy
    H.addr_(Hy, Hy, alpha=-1 / yHy).addr_(v, v, alpha=phi * yHy).div_(tau).addr_(s, s, alpha=1 / ys)
    return _Model(end, H)


def _step_length(model: _Model, s: Tensor) -> float:
    """The eta of s = -eta H g."""
    direction = _direction(model)
    return float(s @ direction) / float(direction @ direction)


def _family_and_scaling(b: float, h: float, p: int) -> tuple[float, float]:
    """The numbers phi and tau, from b = s^T B s / y^T s, h = y^T H y / y^T s and the number of parameters."""
    a = max(h * b - 1, torch.finfo(torch.float64).eps)  # Cauchy and Schwarz: not negative
    low = min(1.0, h * (1 - math.sqrt(a / (1 + a))))
    theta = max((low - 1) / a, min(1 / low, (1 - b) / b))
    sigma = 1 + theta * a
    rho = min(1.0, 1 / b)
    spread = sigma ** (1 / (1 - max(p, 2)))
    tau = min(rho * spread, sigma) if theta <= 0 else rho * min(spread, 1 / theta)
    return (1 - theta) / sigma, tau
