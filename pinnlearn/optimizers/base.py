"""The contract between an optimizer and the rest: what it sees, what it gives back, and the loop around it.

An optimizer knows no PDE and no network. It sees a least-squares problem, functional in the parameters, and makes
one step at a time; `minimize` does what all of them need: the best parameters, non-finite losses, stopping.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from numbers import Integral
from typing import Any, ClassVar, Protocol, cast

import torch
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from torch import Tensor

from pinnlearn.hyperparameters import Hyperparameters, check_positive
from pinnlearn.notices import warn

STOP_REASONS = {
    "tol": "the relative residual fell to tol",
    "unverified": "the relative residual fell to tol at the rows of X, but that says little of u: see verification_",
    "noise": "the equations hold, and what is left of the measurements is their noise",
    "stalled": "no step reduces the loss any further; more width, or more points, may",
    "max_iter": "all max_iter steps were made; raise max_iter if the loss was still falling",
    "non_finite": "a step was not finite and was not taken; lower learning_rate, or raise damping",
    "callback": "a callback asked to stop",
}


class Interrupted(BaseException):
    """Raised in the middle of a step that is not to be ended: whoever runs the optimizer keeps what was before it."""


class Linearized(Protocol):
    """A problem at one point, to first order."""

    @property
    def residual(self) -> Tensor:
        """R."""

    @property
    def loss(self) -> Tensor:
        """1/2 ||r||^2."""

    @property
    def gradient(self) -> Tensor:
        """J^T r."""

    def jacobian(self) -> Tensor:
        """J, a new tensor (n_residuals, n_parameters)."""

    def jacobian_blocks(self, n_rows: int) -> Iterator[Tensor]:
        """J in blocks of rows, new tensors (at most n_rows, n_parameters); each row once, in no particular order."""

    @property
    def gram_size(self) -> int:
        """The k for which J J^T costs as much as the product of an (n, k) with a (k, n) matrix."""

    def gram(self) -> Tensor:
        """J J^T."""

    def matvec(self, v: Tensor) -> Tensor:
        """J v."""

    def rmatvec(self, v: Tensor) -> Tensor:
        """J^T v."""

    def linear_jacobian(self) -> Tensor:
        """The columns of J that belong to `Problem.linear`, a new tensor."""

    def along_linear(self, step: Tensor) -> Linearized:
        """The problem after a step in the linear parameters alone; what the others decide is not evaluated again."""


class Problem(Protocol):
    """A least-squares problem, L(w) = 1/2 ||r(w)||^2, as optimizers see it.

    `layout` names the blocks of w; `linear` is the slice of w that r is affine in where the equations are linear
    (the output weights), or None.
    """

    @property
    def layout(self) -> dict[str, slice]:
        """Where each block of parameters stands."""

    @property
    def linear(self) -> slice | None:
        """The parameters that enter u linearly."""

    def loss(self, parameters: Tensor) -> Tensor:
        """L(w), a scalar tensor."""

    def residual(self, parameters: Tensor) -> Tensor:
        """r(w)."""

    def linearize(self, parameters: Tensor) -> Linearized:
        """The problem at w to first order."""

    def hessian(self, parameters: Tensor) -> Callable[[Tensor], Tensor]:
        """The product v -> H v with the Hessian of L at w."""

    @property
    def strata(self) -> Sequence[NDArray]:
        """The rows, apart by what governs them."""

    def subset(self, rows: NDArray) -> Problem:
        """The problem on some of the rows."""


@dataclass(frozen=True)
class State:
    """Where an optimizer stands: parameters, their loss, and whatever it remembers.

    `stop` is a key of STOP_REASONS if the optimizer itself is done.
    """

    parameters: Tensor
    loss: float
    memory: Any = None
    stop: str | None = None


@dataclass
class Result:
    """The best parameters that were visited, and how it went.

    `loss_curve` starts with the loss before the first step; `state` is that after the last one; `handed_on` is its
    memory, where that is a number such as a damping, for a further run on other rows.
    """

    parameters: Tensor
    loss: float
    loss_curve: list[float] = field(default_factory=list)
    stop: str = ""
    state: State | None = None
    handed_on: float | None = None

    @property
    def n_iter(self) -> int:
        """The number of steps."""
        return len(self.loss_curve) - 1

    def add(self, state: State) -> None:
        """Append a step."""
        self.state = state
        self.loss_curve.append(state.loss)
        if not self.loss <= state.loss:  # also where the loss at the start was NaN
            self.parameters, self.loss = state.parameters, state.loss


class Optimizer(Hyperparameters):
    """A method to minimise a least-squares problem, one step at a time.

    A subclass stores its hyperparameters, `learning_rate` and `max_iter` among them, and writes `check` and `step`;
    `begin` where it has a memory.
    """

    learning_rate: float | None
    max_iter: int | None
    # The number of steps where none is given.
    default_steps: ClassVar[int] = 200
    # Whether max_iter=None lets the method choose.
    chooses_steps: ClassVar[bool] = False
    # Whether learning_rate=None lets the method choose.
    chooses_rate: ClassVar[bool] = True

    def check(self) -> None:
        """Check the hyperparameters.

        Raises
        ------
        ValueError
            What is wrong with them.
        """
        check_positive("learning_rate", self.learning_rate, or_none=self.chooses_rate)
        is_chosen = self.max_iter is None and self.chooses_steps
        if not is_chosen and (not isinstance(self.max_iter, Integral) or self.max_iter < 1):
            raise ValueError(f"max_iter must be at least 1, an integer; got {self.max_iter!r}.")

    @property
    def most_steps(self) -> int:
        """The largest number of steps."""
        return self.default_steps if self.max_iter is None else self.max_iter

    def begin(self, problem: Problem, parameters: Tensor) -> State:
        """The state before the first step."""
        return State(parameters, float(problem.loss(parameters)))

    def holds(self, n: int, parameters: Tensor, gram_size: int) -> frozenset[str]:
        """What takes memory in a step beside the activation.

        Any of "jacobian", J; "gram", J J^T without J; "products", those with J; "hessian", p by p; "graph", autograd's.

        Parameters
        ----------
        n : int
            The number of residuals.
        parameters : Tensor of shape (p,)
        gram_size : int
            What J J^T costs, see `Linearized.gram_size`.
        """
        return frozenset()

    @abstractmethod
    def step(self, problem: Problem, state: State) -> State:
        """Make one step; the new state's loss is that of its parameters."""

    def pack(self, memory: Any) -> Any:
        """What a checkpoint keeps of a state's memory: numbers, text, tensors; lists, (named) tuples, dicts of them."""
        return memory

    def unpack(self, problem: Problem, parameters: Tensor, packed: Any) -> Any:
        """The memory again, with which the next step is what it would have been; `parameters` are the state's."""
        return packed

    def figures(self, memory: Any) -> dict[str, float]:
        """What is worth showing while training runs, such as an adaptive damping, by name."""
        return {}


def begin(optimizer: Optimizer, problem: Problem, parameters: Tensor) -> Result:
    """The result before the first step."""
    state = optimizer.begin(problem, parameters)
    return Result(state.parameters, state.loss, [state.loss], state=state)


def minimize(
    optimizer: Optimizer,
    problem: Problem,
    parameters: Tensor,
    *,
    target: float = 0.0,
    max_iter: int | None = None,
    on_step: Callable[[int, State], bool] | None = None,
    begun: Result | None = None,
    heeding: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> Result:
    """Run an optimizer.

    Parameters
    ----------
    optimizer : Optimizer
    problem : Problem
    parameters : Tensor of shape (n_parameters,)
    target : float
        The loss to be content with.
    max_iter : int, optional
        None takes the optimizer's own.
    on_step : callable, optional
        on_step(n_iter, state) after each step; True stops.
    begun : Result, optional
        Go on from it, and append to it, in place of beginning at `parameters`. `on_step` is told of its last step
        once more.
    heeding : callable, optional
        heeding() is entered around each step, which may then be left by `Interrupted`.

    Returns
    -------
    Result

    Warns
    -----
    ConvergenceWarning
        If a step was not finite; it was not taken.
    """
    result = begun or begin(optimizer, problem, parameters)
    max_iter = optimizer.most_steps if max_iter is None else max_iter
    while not _is_over(result, target, max_iter, on_step):
        before = cast(State, result.state)
        try:
            with heeding():
                state = optimizer.step(problem, before)
        except Interrupted:
            result.stop = "callback"
            break
        except torch.linalg.LinAlgError:  # a factorisation that fails is a step that is not finite
            state = replace(before, loss=math.nan)
        if math.isfinite(state.loss) and math.isfinite(state.parameters.abs().max()):
            result.add(state)
            continue
        result.stop = "non_finite"
        message = f"{type(optimizer).__name__}, step {result.n_iter + 1}: {STOP_REASONS['non_finite']}."
        warn(f"{message} The best weights so far are kept (loss {result.loss:.3g}).", ConvergenceWarning)
        break
    return result


def _is_over(result: Result, target: float, max_iter: int, on_step: Callable[[int, State], bool] | None) -> bool:
    """Whether to stop here, and why."""
    state, result.stop = cast(State, result.state), ""
    if result.n_iter:
        stopped = on_step is not None and on_step(result.n_iter, state)
        result.stop = "callback" if stopped else "tol" if state.loss <= target else state.stop or ""
    if not result.stop and result.n_iter >= max_iter:
        result.stop = "max_iter"
    return bool(result.stop)
