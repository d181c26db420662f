"""Natural gradient descent, w <- w - eta J^T (J J^T + lambda I)^-1 r."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from numbers import Real
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor

from pinnlearn.krylov import sketched_solver
from pinnlearn.linalg import SOLVERS, damped_solve, damped_solver, gram_is_cheaper, gram_solve, safe_solver
from pinnlearn.optimizers.base import Linearized, Optimizer, Problem, State, check_count
from pinnlearn.optimizers.matrix_free import MatrixFree
from pinnlearn.optimizers.searches import lower, search_halves

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
# The rank of the preconditioner of conjugate gradients.
PRECONDITIONER_RANK = 50
# Without a given learning rate: stalled when the loss has not fallen to 0.9 in 20 steps; where all parameters are
# linear a step either solves the problem or converges quadratically, and 2 steps tell.
WINDOW, LINEAR_WINDOW = (20, 0.9), (2, 0.1)


class _Factorised(NamedTuple):
    matrix: Tensor | MatrixFree
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
    solver : {"auto", "cholesky", "qr", "svd", "cg"}
        "cg" is matrix-free: conjugate gradients on J^T J + lambda I to a relative residual of 1e-8, or for 500 products
        with J, which exists in blocks of rows only; for many rows. The others: see `pinnlearn.linalg.damped_solve`.
    line_search : bool, optional
        Whether to take the best of eta = 1, 1/2, 1/4, ..., up to where the loss rises again. None searches where
        neither `learning_rate` is given nor `damping` is adaptive.
    refit : bool, optional
        Whether the parameters that are linear in u (the output weights) are solved for once more after each step of
        an adaptive damping, so that the others move along the loss that is left when the output weights follow
        (variable projection). None does where `learning_rate` is not given.
    max_iter : int, optional
        The largest number of steps. None is 200; in the default method of the estimator, to which everything about the
        steps is left, it is the sum of what its stages make at most.
    sketch : int, optional
        Randomised NGD: J J^T is replaced by its Nyström approximation of this rank. With solver="cg" the approximation
        is of J^T J, and preconditions: the step stays what it is.

    See Also
    --------
    GD : The same without J J^T.

    Notes
    -----
    Damped NGD, (J J^T + lambda I)^-1 of size n, and damped Gauss-Newton, (J^T J + lambda I)^-1 of size p, are one
    direction; the smaller system is solved. `ENGD` and `GaussNewton` go along it too: they differ in the length of the
    step and in how the damping is chosen.

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
    .. [4] Guzmán-Cordero, Dangel, Goldshlager & Zeinhofer (2025), "Improving energy natural gradient descent through
       Woodbury, momentum, and randomization", arXiv:2505.12149: the sketch.

    Examples
    --------
    >>> NGD(learning_rate=0.1, damping=1e-10)
    NGD(learning_rate=0.1, damping=1e-10)
    """

    chooses_steps = True
    shortest_column: ClassVar[float] = SHORTEST_COLUMN

    def __init__(
        self,
        learning_rate: float | None = None,
        damping: float | str = "auto",
        solver: str = "auto",
        line_search: bool | None = None,
        refit: bool | None = None,
        max_iter: int | None = None,
        sketch: int | None = None,
    ):
        self.learning_rate = learning_rate
        self.damping = damping
        self.solver = solver
        self.line_search = line_search
        self.refit = refit
        self.max_iter = max_iter
        self.sketch = sketch

    def check(self) -> None:
        """Check the hyperparameters."""
        super().check()
        if self.solver not in (known := [*SOLVERS, "cg"]):
            raise ValueError(f"solver={self.solver!r} is unknown; choose one of {known}.")
        if self.damping != "auto" and not (isinstance(self.damping, Real) and 0 <= self.damping < math.inf):
            raise ValueError(f"damping must be 'auto' or a number >= 0, got {self.damping!r}.")
        if self.solver in ("cholesky", "qr", "cg") and self.damping == 0:
            raise ValueError(f"solver={self.solver!r} needs damping > 0; use solver='svd' or 'auto' with damping=0.")
        self._check_sketch()
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

    def _check_sketch(self) -> None:
        if self.sketch is None:
            return
        check_count("sketch", self.sketch)
        if self.solver not in ("auto", "cg"):
            raise ValueError(f"sketch={self.sketch} takes the place of solver={self.solver!r}; leave one of them out.")
        if self.damping == 0:
            raise ValueError(
                "sketch needs damping > 0: without it, what the sketch leaves out could not be solved for."
            )

    def begin(self, problem: Problem, parameters: Tensor) -> State:
        """The state before the first step; with an adaptive damping its memory is that and the latest losses."""
        state = super().begin(problem, parameters)
        if self.damping != "auto":
            return state
        exact = _is_linear(problem) and self.solver != "cg" and self.sketch is None
        damping = torch.finfo(parameters.dtype).eps ** 2 if exact else FIRST_DAMPING
        return replace(state, memory=_Memory(damping, (state.loss,)))

    def step(self, problem: Problem, state: State) -> State:
        """Make one step."""
        return self._adaptive_step(problem, state) if self.damping == "auto" else self._plain_step(problem, state)

    def pack(self, memory: _Memory | Linearized | None) -> Any:
        """Damping and losses; of the factors that are kept, which J they are of."""
        if not isinstance(memory, _Memory):  # a plain step's memory follows from the parameters
            return None
        kept = None
        if memory.kept is not None and isinstance(memory.kept.matrix, Tensor):  # else no step finds it kept
            kept = (memory.kept.damping, _digest(memory.kept.matrix))
        return {"damping": memory.damping, "losses": memory.losses, "kept": kept}

    def unpack(self, problem: Problem, parameters: Tensor, packed: Any) -> _Memory | None:
        """The memory again, with factors of the same J."""
        if packed is None:
            return None
        kept = None
        if packed["kept"] is not None:
            damping, digest = packed["kept"]
            B, _ = _with_columns_of_length_one(problem.linearize(parameters).jacobian(), self.shortest_column)
            # Where J has changed since, a step would not find it kept either.
            kept = self._factorise(B, damping) if _digest(B) == digest else None
        return _Memory(packed["damping"], packed["losses"], kept=kept)

    def figures(self, memory: _Memory | Linearized | None) -> dict[str, float]:
        """The damping."""
        return {"damping": memory.damping if isinstance(memory, _Memory) else float(self.damping)}

    def _plain_step(self, problem: Problem, state: State) -> State:
        linear = problem.linearize(state.parameters) if state.memory is None else state.memory
        direction = -self.solve(linear, linear.residual, state.parameters)
        if not bool(direction.any()):
            return replace(state, stop="stalled")
        if self.learning_rate is not None or self.line_search is False:
            return _at(problem, state.parameters + (self.learning_rate or 1.0) * direction)
        return lower(state, search_halves(partial(_at, problem), state, direction))

    def solve(self, linear: Linearized, r: Tensor, parameters: Tensor) -> Tensor:
        """J^T (J J^T + lambda I)^-1 r with a fixed damping, for the problem to first order at w."""
        damping, held = float(self.damping), self.holds(len(r), parameters, linear.gram_size)
        if "gram" in held:
            return linear.rmatvec(gram_solve(linear.gram(), r, damping))
        J = linear.jacobian() if "jacobian" in held else self._matrix_free(linear, len(parameters))
        return self._solver(J, damping)(r)

    def _matrix_free(self, linear: Linearized, n_parameters: int) -> MatrixFree:
        return MatrixFree.of(linear, n_parameters, self.sketch or PRECONDITIONER_RANK)

    def _solver(self, J: Tensor | MatrixFree, damping: float) -> Callable[[Tensor], Tensor]:
        if isinstance(J, MatrixFree):
            return J.solver(damping)
        if self.sketch is not None:
            return sketched_solver(J, damping, self.sketch)
        return damped_solver(J, damping, self.solver)

    def holds(self, n: int, parameters: Tensor, gram_size: int) -> frozenset[str]:
        """J where the damping adapts or is tiny, and where J^T J costs less than J J^T; else that; neither for "cg"."""
        if self.solver == "cg":
            return frozenset(("products",))
        if self.damping == "auto" or self.sketch is not None:
            return frozenset(("jacobian",))
        solver = safe_solver(float(self.damping), parameters.dtype) if self.solver == "auto" else self.solver
        through_gram = solver == "cholesky" and gram_is_cheaper(n, len(parameters), gram_size)
        return frozenset(("gram" if through_gram else "jacobian",))

    def _adaptive_step(self, problem: Problem, state: State) -> State:
        damping, losses, linear, kept = state.memory
        linear = linear or problem.linearize(state.parameters)
        B, lengths = self._scaled(linear, len(state.parameters))
        if not lengths.min() > 0:
            return replace(state, stop="stalled")
        eta, dtype = self.learning_rate or 1.0, lengths.dtype
        is_kept = kept is not None and isinstance(B, Tensor) and torch.equal(kept.matrix, B)
        while damping < 1 / torch.finfo(dtype).eps:
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
                    memory = _Memory(_next_damping(damping, gain, dtype), losses, candidate.memory, kept)
                    return replace(candidate, memory=memory, stop="stalled" if self._is_done(problem, losses) else None)
            if is_kept:  # the problem is linear, and what is left is round-off
                break
            damping = max(RAISE * damping, torch.finfo(dtype).eps)
        return replace(state, stop="stalled")

    def _refitted(self, problem: Problem, state: State, damping: float) -> State:
        """The state with its linear parameters solved for again, to first order, if that lowers the loss."""
        wanted = self.refit is not False and self.learning_rate is None
        if not wanted or problem.linear is None or _is_linear(problem) or not math.isfinite(state.loss):
            return state
        linear: Linearized = state.memory
        B, lengths = _with_columns_of_length_one(linear.linear_jacobian(), self.shortest_column)
        if not lengths.min() > 0:
            return state
        step = -damped_solve(B, linear.residual, max(damping, LEAST_REFIT_DAMPING)) / lengths
        ahead, parameters = linear.along_linear(step), state.parameters.clone()
        parameters[problem.linear] += step
        loss = float(ahead.loss)
        return State(parameters, loss, ahead) if loss < state.loss else state

    def _scaled(self, linear: Linearized, n_parameters: int) -> tuple[Tensor | MatrixFree, Tensor]:
        """J with its columns divided by their lengths, and those."""
        if self.solver != "cg":
            return _with_columns_of_length_one(linear.jacobian(), self.shortest_column)
        J = self._matrix_free(linear, n_parameters)
        lengths = _not_too_short(J.squares.sqrt(), self.shortest_column)
        return replace(J, lengths=lengths), lengths

    def _factorise(self, B: Tensor | MatrixFree, damping: float) -> _Factorised | None:
        try:
            return _Factorised(B, damping, self._solver(B, damping))
        except torch.linalg.LinAlgError:
            return None

    def _is_done(self, problem: Problem, losses: tuple[float, ...]) -> bool:
        """Whether further steps are hardly worth their time."""
        if self.learning_rate is not None:
            return False
        window, fall = LINEAR_WINDOW if _is_linear(problem) else WINDOW
        return len(losses) > window and losses[-1] > fall * losses[-1 - window]


def _with_columns_of_length_one(J: Tensor, shortest: float) -> tuple[Tensor, Tensor]:
    """J, which is overwritten, with its columns divided by their lengths, and those; very short ones less."""
    lengths = _not_too_short(torch.linalg.vector_norm(J, dim=0), shortest)
    return J.div_(lengths), lengths


def _digest(matrix: Tensor) -> str:
    return hashlib.sha256(matrix.cpu().numpy().tobytes()).hexdigest()


def _not_too_short(lengths: Tensor, shortest: float) -> Tensor:
    """What columns of these lengths are divided by."""
    return torch.maximum(lengths, shortest * lengths.max())


def _is_linear(problem: Problem) -> bool:
    return problem.linear is not None and len(problem.layout) == 1


def _at(problem: Problem, parameters: Tensor) -> State:
    """The state at parameters; its memory is the problem there, to first order."""
    linear = problem.linearize(parameters)
    return State(parameters, float(linear.loss), linear)


def _next_damping(damping: float, gain: float, dtype: torch.dtype) -> float:
    """Trust the linear model more where it predicted well."""
    factor = LOWER if gain > 0.9 else LOWER_SLOWLY if gain > 0.5 else 1.0 if gain > 0.25 else 3.0
    return max(factor * damping, torch.finfo(dtype).eps ** 2)
