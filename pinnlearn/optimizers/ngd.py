"""Natural gradient descent, w <- w - eta J^T (J J^T + lambda I)^-1 r."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from numbers import Real
from typing import NamedTuple

import torch
from torch import Tensor

from pinnlearn.linalg import SOLVERS, damped_solve, damped_solver, gram_is_cheaper, gram_solve, safe_solver
from pinnlearn.optimizers.base import Linearized, Optimizer, Problem, State

# Levenberg-Marquardt: the gain ratio is the true fall of the loss over that of the linear model.
ACCEPTED_GAIN = 1e-3
RAISE, LOWER, LOWER_SLOWLY = 8.0, 0.1, 0.6
FIRST_DAMPING = 1e-3
# A column of J shorter than this, relative to the longest, is not stretched to length 1: a unit that the equations
# hardly feel would be moved far by the next step, and become a step between two rows.
SHORTEST_COLUMN = 1e-2
# The linear parameters are solved for again with the damping of the step, but at least with this: next to none would
# let them grow so large that no other parameter can move.
LEAST_REFIT_DAMPING = 1e-8
# Without a given learning rate: stalled when the loss has not fallen to 0.9 in 20 steps; where all parameters are
# linear a step either solves the problem or converges quadratically, and 2 steps tell.
WINDOW, LINEAR_WINDOW = (20, 0.9), (2, 0.1)
# The shortest step of a line search is 2^-19.
HALVINGS = 20


class _Factorised(NamedTuple):
    matrix: Tensor
    damping: float
    solve: Callable[[Tensor], Tensor]


class _Memory(NamedTuple):
    """What an adaptive step leaves to the next: damping, latest losses, and the factors of a J that may stay as it is.

    Each step, also a plain one, leaves the problem to first order at its parameters, which it needed for their loss.
    """

    damping: float
    losses: tuple[float, ...]
    linear: Linearized | None = None
    kept: _Factorised | None = None


class NGD(Optimizer):
    """Natural gradient descent.

    Parameters
    ----------
    learning_rate : float, optional
        The step length eta. None lets the method choose: full steps (eta = 1) with adaptive damping, a line search
        with a fixed one.
    damping : "auto" or float
        lambda, relative to the mean diagonal of J J^T. A number is the plain update of the paper with that damping;
        0 means the pseudo-inverse step -eta J^+ r, singular values below eps * sigma_max left out, for any shape
        of J. "auto" adapts lambda by the gain ratio (Levenberg-Marquardt), with the columns of J scaled to length 1
        (Marquardt), and takes no step that raises the loss; the step length stays eta.
    solver : {"auto", "cholesky", "qr", "svd"}
        See `pinnlearn.linalg.damped_solve`.
    line_search : bool, optional
        Whether to take the best of eta = 1, 1/2, 1/4, ..., up to where the loss rises again. None searches where
        neither `learning_rate` is given nor `damping` is adaptive.
    refit : bool, optional
        Whether the parameters that are linear in u (the output weights) are solved for once more after each step of
        an adaptive damping, so that the others move along the loss that is left when the output weights follow
        (variable projection). None does where `learning_rate` is not given.
    max_iter : int

    See Also
    --------
    GD : The same without J J^T.

    Notes
    -----
    Damped NGD, (J J^T + lambda I)^-1 of size n, and damped Gauss-Newton, (J^T J + lambda I)^-1 of size p, are one
    direction; the smaller system is solved.

    Undamped, J^T (J J^T)^-1 r fails in floating point even for over-parameterized networks, since J J^T is
    numerically singular: damping=0 therefore is the pseudo-inverse.

    References
    ----------
    .. [1] "Fast Convergence of Natural Gradient Descent for Over-parameterized Physics-Informed Neural Networks"
       (2024), arXiv:2408.00573, Section 4.
    .. [2] Marquardt (1963), "An algorithm for least-squares estimation of nonlinear parameters", SIAM J. 11.
    .. [3] Golub and Pereyra (1973), "The differentiation of pseudo-inverses and nonlinear least squares problems
       whose variables separate", SIAM J. Numer. Anal. 10; as a correction after each joint step, Ruhe and Wedin
       (1980), "Algorithms for separable nonlinear least squares problems", SIAM Review 22, algorithm 2.

    Examples
    --------
    >>> NGD(learning_rate=0.1, damping=1e-10)
    NGD(learning_rate=0.1, damping=1e-10)
    """

    solves = True

    def __init__(
        self,
        learning_rate: float | None = None,
        damping: float | str = "auto",
        solver: str = "auto",
        line_search: bool | None = None,
        refit: bool | None = None,
        max_iter: int = 200,
    ):
        self.learning_rate = learning_rate
        self.damping = damping
        self.solver = solver
        self.line_search = line_search
        self.refit = refit
        self.max_iter = max_iter

    def check(self) -> None:
        """Check the hyperparameters."""
        super().check()
        if self.solver not in SOLVERS:
            raise ValueError(f"solver={self.solver!r} is unknown; choose one of {list(SOLVERS)}.")
        if self.damping != "auto" and not (isinstance(self.damping, Real) and 0 <= self.damping < math.inf):
            raise ValueError(f"damping must be 'auto' or a number >= 0, got {self.damping!r}.")
        if self.solver in ("cholesky", "qr") and self.damping == 0:
            raise ValueError(f"solver={self.solver!r} needs damping > 0; use solver='svd' or 'auto' with damping=0.")
        if self.line_search and self.learning_rate is not None:
            raise ValueError(
                f"learning_rate={self.learning_rate!r} fixes the step length, so line_search=True has nothing to "
                "choose; leave one of them out."
            )
        if self.line_search and self.damping == "auto":
            raise ValueError("line_search=True goes with a fixed damping; with damping='auto' every step is full.")
        if self.refit and (self.damping != "auto" or self.learning_rate is not None):
            raise ValueError(
                "refit=True goes with damping='auto' and no learning_rate: it changes the step. Leave it out, or them."
            )

    def begin(self, problem: Problem, parameters: Tensor) -> State:
        """The state before the first step; with an adaptive damping its memory is that and the latest losses."""
        state = super().begin(problem, parameters)
        if self.damping != "auto":
            return state
        damping = torch.finfo(parameters.dtype).eps ** 2 if _is_linear(problem) else FIRST_DAMPING
        return replace(state, memory=_Memory(damping, (state.loss,)))

    def step(self, problem: Problem, state: State) -> State:
        """Make one step."""
        try:
            return self._adaptive_step(problem, state) if self.damping == "auto" else self._plain_step(problem, state)
        except torch.linalg.LinAlgError:  # a factorisation that fails is a step that is not finite
            return replace(state, loss=math.nan)

    def _plain_step(self, problem: Problem, state: State) -> State:
        linear = problem.linearize(state.parameters) if state.memory is None else state.memory
        direction = self._plain_direction(linear, state.parameters)
        if not bool(direction.any()):
            return replace(state, stop="stalled")
        if self.learning_rate is not None or self.line_search is False:
            return _at(problem, state.parameters + (self.learning_rate or 1.0) * direction)
        best = _search_line(problem, state, direction)
        return best if best.loss < state.loss else replace(state, stop="stalled")

    def _plain_direction(self, linear: Linearized, parameters: Tensor) -> Tensor:
        r, damping = linear.residual, float(self.damping)
        if self.needs_jacobian(len(r), parameters, linear.gram_size):
            return -damped_solve(linear.jacobian(), r, damping, self.solver)
        return -linear.rmatvec(gram_solve(linear.gram(), r, damping))

    def needs_jacobian(self, n: int, parameters: Tensor, gram_size: int) -> bool:
        """Whether J is formed: where the damping adapts or is tiny, and where J^T J costs less than J J^T."""
        if self.damping == "auto":
            return True
        solver = safe_solver(float(self.damping), parameters.dtype) if self.solver == "auto" else self.solver
        return solver != "cholesky" or not gram_is_cheaper(n, len(parameters), gram_size)

    def _adaptive_step(self, problem: Problem, state: State) -> State:
        damping, losses, linear, kept = state.memory
        linear = linear or problem.linearize(state.parameters)
        B, lengths = _with_columns_of_length_one(linear.jacobian())
        if not lengths.min() > 0:
            return replace(state, stop="stalled")
        eta = self.learning_rate or 1.0
        is_kept = kept is not None and torch.equal(kept.matrix, B)
        while damping < 1 / torch.finfo(B.dtype).eps:
            if not (is_kept and kept.damping == damping):
                kept = self._factorise(B, damping)
            if kept is not None:
                direction = -kept.solve(linear.residual)
                candidate = self._refitted(problem, _at(problem, state.parameters + eta * direction / lengths), damping)
                predicted = state.loss - float((linear.residual + eta * (B @ direction)).square().sum()) / 2
                gain = (state.loss - candidate.loss) / predicted if predicted > 0 else -math.inf
                if candidate.loss < state.loss and gain > ACCEPTED_GAIN:
                    losses = (*losses, candidate.loss)[-1 - WINDOW[0] :]
                    kept = kept if _is_linear(problem) else None
                    memory = _Memory(_next_damping(damping, gain, B.dtype), losses, candidate.memory, kept)
                    return replace(candidate, memory=memory, stop="stalled" if self._is_done(problem, losses) else None)
            if is_kept:  # the problem is linear, and what is left is round-off
                break
            damping = max(RAISE * damping, torch.finfo(B.dtype).eps)
        return replace(state, stop="stalled")

    def _refitted(self, problem: Problem, state: State, damping: float) -> State:
        """The state with its linear parameters solved for again, to first order, if that lowers the loss."""
        wanted = self.refit is not False and self.learning_rate is None
        if not wanted or problem.linear is None or _is_linear(problem) or not math.isfinite(state.loss):
            return state
        linear: Linearized = state.memory
        B, lengths = _with_columns_of_length_one(linear.linear_jacobian())
        if not lengths.min() > 0:
            return state
        step = -damped_solve(B, linear.residual, max(damping, LEAST_REFIT_DAMPING)) / lengths
        ahead, parameters = linear.along_linear(step), state.parameters.clone()
        parameters[problem.linear] += step
        loss = float(ahead.loss)
        return State(parameters, loss, ahead) if loss < state.loss else state

    def _factorise(self, B: Tensor, damping: float) -> _Factorised | None:
        try:
            return _Factorised(B, damping, damped_solver(B, damping, self.solver))
        except torch.linalg.LinAlgError:
            return None

    def _is_done(self, problem: Problem, losses: tuple[float, ...]) -> bool:
        """Whether further steps are hardly worth their time."""
        if self.learning_rate is not None:
            return False
        window, fall = LINEAR_WINDOW if _is_linear(problem) else WINDOW
        return len(losses) > window and losses[-1] > fall * losses[-1 - window]


def _with_columns_of_length_one(J: Tensor) -> tuple[Tensor, Tensor]:
    """J, which is overwritten, with its columns divided by their lengths, and those; very short ones less."""
    lengths = torch.linalg.vector_norm(J, dim=0)
    lengths = torch.maximum(lengths, SHORTEST_COLUMN * lengths.max())
    return J.div_(lengths), lengths


def _is_linear(problem: Problem) -> bool:
    return problem.linear is not None and len(problem.layout) == 1


def _at(problem: Problem, parameters: Tensor) -> State:
    """The state at parameters; its memory is the problem there, to first order."""
    linear = problem.linearize(parameters)
    return State(parameters, float(linear.loss), linear)


def _search_line(problem: Problem, state: State, direction: Tensor) -> State:
    """The best of steps of length 1, 1/2, 1/4, ..., up to the first that is worse than one that lowered the loss."""
    best = state
    for k in range(HALVINGS):
        candidate = _at(problem, state.parameters + 0.5**k * direction)
        if candidate.loss < best.loss:
            best = candidate
        elif best is not state:
            break
    return best


def _next_damping(damping: float, gain: float, dtype: torch.dtype) -> float:
    """Trust the linear model more where it predicted well."""
    factor = LOWER if gain > 0.9 else LOWER_SLOWLY if gain > 0.5 else 1.0 if gain > 0.25 else 3.0
    return max(factor * damping, torch.finfo(dtype).eps ** 2)
