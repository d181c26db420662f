"""Natural gradient descent, w <- w - eta J^T (J J^T + lambda I)^-1 r: a direction, and how far to go along it."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from itertools import islice
from numbers import Real
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor

from pinnlearn.hyperparameters import check_count
from pinnlearn.linalg import SOLVERS
from pinnlearn.optimizers.base import Linearized, Optimizer, Problem, State
from pinnlearn.optimizers.directions import Direct, Direction, Scaled, Sketched, Solve, Stored
from pinnlearn.optimizers.matrix_free import ConjugateGradients
from pinnlearn.optimizers.searches import Given, Halving, StepLength, check_length, follow
from pinnlearn.optimizers.trust import GainRatio, first_trusted, hardly_falls


class _Factorised(NamedTuple):
    J: Scaled
    damping: float
    solve: Solve


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
    damping : "auto", float or GainRatio
        lambda, relative to the mean diagonal of J J^T. A number is the plain update of the paper with that damping;
        0 means the pseudo-inverse step -eta J^+ r, singular values below eps * sigma_max left out, for any shape
        of J. "auto" adapts lambda by the gain ratio (Levenberg-Marquardt), with the columns of J scaled to length 1
        (Marquardt), and takes no step that raises the loss; the step length stays eta. It is `GainRatio()`, which has
        the numbers.
    solver : {"auto", "cholesky", "qr", "svd", "cg"} or Direction
        How the direction is computed. "cg" is `ConjugateGradients()`, which stores no J; for many rows. The others are
        those of `Direct`.
    line_search : bool or StepLength, optional
        Whether to take the best of eta = 1, 1/2, 1/4, ..., up to where the loss rises again. None searches where
        neither `learning_rate` is given nor `damping` is adaptive. True is `Halving()`; `Grid()` and `Armijo()` are
        others.
    refit : bool, optional
        Whether the parameters that are linear in u (the output weights) are solved for once more after each step of
        an adaptive damping, so that the others move along the loss that is left when the output weights follow
        (variable projection). None does where `learning_rate` is not given.
    max_iter : int, optional
        The largest number of steps. None is 200; in the default method of the estimator, to which everything about the
        steps is left, it is the sum of what its stages make at most.
    sketch : int, optional
        Randomised NGD: `Sketched(sketch)`, J J^T is replaced by its Nyström approximation of this rank. With
        solver="cg" the approximation is of J^T J, and preconditions: the step stays what it is.

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

    def __init__(
        self,
        learning_rate: float | None = None,
        damping: float | str | GainRatio = "auto",
        solver: str | Direction = "auto",
        line_search: bool | StepLength | None = None,
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

    @property
    def direction(self) -> Direction:
        """How the direction is computed."""
        if isinstance(self.solver, Direction):
            return self.solver
        if self.solver == "cg":
            return ConjugateGradients() if self.sketch is None else ConjugateGradients(self.sketch)
        return Direct(self.solver) if self.sketch is None else Sketched(self.sketch)

    @property
    def rule(self) -> GainRatio | None:
        """How the damping adapts; None where it is fixed."""
        if isinstance(self.damping, GainRatio):
            return self.damping
        return GainRatio() if self.damping == "auto" else None

    @property
    def _fixed_damping(self) -> float | None:
        return None if self.rule else float(cast(float, self.damping))

    @property
    def _length(self) -> StepLength:
        """How far a step goes where the damping is fixed."""
        if self.learning_rate is not None or self.line_search is False:
            return Given(self.learning_rate or 1.0)
        return self.line_search if isinstance(self.line_search, StepLength) else Halving()

    def check(self) -> None:
        """Check the hyperparameters."""
        super().check()
        if not isinstance(self.solver, Direction) and self.solver not in (known := [*SOLVERS, "cg"]):
            raise ValueError(f"solver={self.solver!r} is unknown; choose one of {known}.")
        if self.rule is not None:
            self.rule.check()
        elif not (isinstance(self.damping, Real) and 0 <= self.damping < math.inf):
            raise ValueError(f"damping must be 'auto' or a number >= 0, got {self.damping!r}.")
        if self.sketch is not None:
            check_count("sketch", self.sketch)
            if self.solver not in ("auto", "cg"):
                raise ValueError(
                    f"sketch={self.sketch} takes the place of solver={self.solver!r}; leave one of them out."
                )
        self.direction.check(self._fixed_damping)
        check_length(self.learning_rate, self.line_search)
        if self.line_search and self.rule is not None:
            raise ValueError(
                f"line_search={self.line_search!r} goes with a fixed damping; with damping='auto' every step is full."
            )
        if self.refit and (self.rule is None or self.learning_rate is not None):
            raise ValueError(
                "refit=True goes with damping='auto' and no learning_rate: it changes the step. Leave it out, or them."
            )

    def holds(self, n: int, parameters: Tensor, gram_size: int) -> frozenset[str]:
        """What its direction holds."""
        return self.direction.holds(self._fixed_damping, n, parameters, gram_size)

    def begin(self, problem: Problem, parameters: Tensor) -> State:
        """The state before the first step; with an adaptive damping its memory is that and the latest losses."""
        state, rule = super().begin(problem, parameters), self.rule
        if rule is None:
            return state
        exact = _is_linear(problem) and isinstance(self.direction, Direct)
        damping = torch.finfo(parameters.dtype).eps ** 2 if exact else rule.first
        return replace(state, memory=_Memory(damping, (state.loss,)))

    def step(self, problem: Problem, state: State) -> State:
        """Make one step."""
        rule = self.rule
        return self._plain_step(problem, state) if rule is None else self._adaptive_step(problem, state, rule)

    def pack(self, memory: _Memory | Linearized | None) -> Any:
        """Damping and losses; of the factors that are kept, which J they are of."""
        if not isinstance(memory, _Memory):  # a plain step's memory follows from the parameters
            return None
        digest = memory.kept and memory.kept.J.digest
        kept = (memory.kept.damping, digest) if memory.kept and digest else None  # else no step finds it kept
        return {"damping": memory.damping, "losses": memory.losses, "kept": kept}

    def unpack(self, problem: Problem, parameters: Tensor, packed: Any) -> _Memory | None:
        """The memory again, with factors of the same J."""
        if packed is None:
            return None
        kept = None
        if packed["kept"] is not None and self.rule is not None:
            damping, digest = packed["kept"]
            J = self._scaled(problem.linearize(parameters), parameters, self.rule)
            # Where J has changed since, a step would not find it kept either.
            kept = _Factorised(J, damping, J.solver(damping)) if J.digest == digest else None
        return _Memory(packed["damping"], packed["losses"], kept=kept)

    def figures(self, memory: _Memory | Linearized | None) -> dict[str, float]:
        """The damping."""
        return {"damping": memory.damping if isinstance(memory, _Memory) else float(cast(float, self.damping))}

    def _plain_step(self, problem: Problem, state: State) -> State:
        linear = problem.linearize(state.parameters) if state.memory is None else state.memory
        damping = float(cast(float, self.damping))
        direction = -self.direction.solve(linear, linear.residual, damping, state.parameters)
        return follow(self._length, partial(_at, problem), state, direction, linear)

    def _scaled(self, linear: Linearized, parameters: Tensor, rule: GainRatio) -> Scaled:
        return self.direction.scaled(linear, len(parameters), rule.shortest_column)

    def _adaptive_step(self, problem: Problem, state: State, rule: GainRatio) -> State:
        memory, eps = state.memory, torch.finfo(state.parameters.dtype).eps
        linear = memory.linear or problem.linearize(state.parameters)
        J, eta = self._scaled(linear, state.parameters, rule), self.learning_rate or 1.0
        if not J.lengths.min() > 0:
            return replace(state, stop="stalled")
        window = max(rule.patience[0], rule.linear_patience[0])
        kept = memory.kept if memory.kept is not None and J.equals(memory.kept.J) else None

        def attempt(damping: float) -> tuple[State, float]:
            factors = kept if kept and kept.damping == damping else _Factorised(J, damping, J.solver(damping))
            direction = -factors.solve(linear.residual)
            ahead = _at(problem, state.parameters + eta * direction / J.lengths)
            ahead = self._refitted(problem, ahead, max(damping, rule.least_refit_damping), rule.shortest_column)
            left = float((linear.residual + eta * (J @ direction)).square().sum()) / 2
            losses = (*memory.losses, ahead.loss)[-1 - window :]
            next_memory = _Memory(damping, losses, ahead.memory, factors if _is_linear(problem) else None)
            return replace(ahead, memory=next_memory), state.loss - left

        dampings = rule.tried(memory.damping, eps)
        if kept is not None:  # the problem is linear, and what more damping leaves is round-off
            dampings = islice(dampings, 1)
        found = first_trusted(attempt, state.loss, dampings, rule.accepted)
        if found is None:
            return replace(state, stop="stalled")
        ahead, damping, gain = found
        memory = ahead.memory._replace(damping=rule.after(damping, gain, eps))
        return replace(ahead, memory=memory, stop="stalled" if self._is_done(problem, memory.losses, rule) else None)

    def _refitted(self, problem: Problem, state: State, damping: float, shortest: float) -> State:
        """The state with its linear parameters solved for again, to first order, if that lowers the loss."""
        wanted = self.refit is not False and self.learning_rate is None
        if not wanted or problem.linear is None or _is_linear(problem) or not math.isfinite(state.loss):
            return state
        linear: Linearized = state.memory
        J = Stored.of(linear.linear_jacobian(), shortest)
        if not J.lengths.min() > 0:
            return state
        step = -J.solver(damping)(linear.residual) / J.lengths
        ahead, parameters = linear.along_linear(step), state.parameters.clone()
        parameters[problem.linear] += step
        loss = float(ahead.loss)
        return State(parameters, loss, ahead) if loss < state.loss else state

    def _is_done(self, problem: Problem, losses: tuple[float, ...], rule: GainRatio) -> bool:
        """Whether further steps are hardly worth their time."""
        patience = rule.linear_patience if _is_linear(problem) else rule.patience
        return self.learning_rate is None and hardly_falls(losses, patience)


def _is_linear(problem: Problem) -> bool:
    return problem.linear is not None and len(problem.layout) == 1


def _at(problem: Problem, parameters: Tensor) -> State:
    """The state at parameters; its memory is the problem there, to first order."""
    linear = problem.linearize(parameters)
    return State(parameters, float(linear.loss), linear)
