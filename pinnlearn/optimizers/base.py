"""The contract between an optimizer and the rest: what it sees, what it gives back, and the loop around it.

An optimizer knows no PDE and no network. It sees a least-squares problem, functional in the parameters, and makes
one step at a time; `minimize` does what all of them need: the best parameters, non-finite losses, stopping.
"""

from __future__ import annotations

import math
import warnings
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from numbers import Integral, Real
from typing import Any, ClassVar, Protocol

import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import ConvergenceWarning
from torch import Tensor

from pinnlearn.base import Hyperparameters

STOP_REASONS = {
    "tol": "the relative residual fell to tol",
    "stalled": "no step reduces the loss any further; more width, or more points, may",
    "max_iter": "all max_iter steps were made; raise max_iter if the loss was still falling",
    "non_finite": "a step was not finite and was not taken; lower learning_rate, or raise damping",
    "callback": "a callback asked to stop",
}


class Linearized(Protocol):
    """A problem at one point, to first order."""

    residual: Tensor

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


@dataclass(frozen=True)
class Progress:
    """What a callback sees after each step; it stops the fit by returning True.

    Attributes
    ----------
    n_iter : int
        The number of steps made.
    loss : float
    stage : str
        What is being trained, or by which optimizer.
    seconds : float
        Since training began.
    predict : callable
        predict(X) evaluates u as it is now.
    """

    n_iter: int
    loss: float
    stage: str
    seconds: float
    predict: Callable[[ArrayLike], NDArray]


@dataclass
class Result:
    """The best parameters that were visited, and how it went.

    `loss_curve` starts with the loss before the first step.
    """

    parameters: Tensor
    loss: float
    loss_curve: list[float] = field(default_factory=list)
    stop: str = "max_iter"

    @property
    def n_iter(self) -> int:
        """The number of steps."""
        return len(self.loss_curve) - 1


class Optimizer(Hyperparameters):
    """A method to minimise a least-squares problem, one step at a time.

    A subclass stores its hyperparameters, `learning_rate` and `max_iter` among them, and writes `check` and `step`;
    `begin` where it has a memory.
    """

    learning_rate: float | None
    max_iter: int
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
        if not isinstance(self.max_iter, Integral) or self.max_iter < 1:
            raise ValueError(f"max_iter must be at least 1, an integer; got {self.max_iter!r}.")

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


def check_positive(name: str, value, *, or_none: bool = False, or_zero: bool = False) -> None:
    """Raise a ValueError unless `value` is a positive finite number (or None, or zero, if that is allowed)."""
    if value is None and or_none:
        return
    try:
        valid = 0 < float(value) < math.inf or (or_zero and value == 0)
    except (TypeError, ValueError):
        valid = False
    if not valid:
        also = ", or None to let the method choose" if or_none else " or zero" if or_zero else ""
        raise ValueError(f"{name} must be a positive number{also}; got {value!r}.")


def check_momentum(momentum: float) -> None:
    """Raise a ValueError unless `momentum` is at least 0 and below 1."""
    if not (isinstance(momentum, Real) and 0 <= momentum < 1):
        raise ValueError(f"momentum must be at least 0 and below 1, got {momentum!r}.")


def check_count(name: str, value) -> None:
    """Raise a ValueError unless `value` is an integer of at least 1."""
    if not isinstance(value, Integral) or value < 1:
        raise ValueError(f"{name} must be an integer >= 1, got {value!r}.")


def minimize(
    optimizer: Optimizer,
    problem: Problem,
    parameters: Tensor,
    *,
    target: float = 0.0,
    max_iter: int | None = None,
    on_step: Callable[[int, State], bool] | None = None,
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

    Returns
    -------
    Result

    Warns
    -----
    ConvergenceWarning
        If a step was not finite; it was not taken.
    """
    state = optimizer.begin(problem, parameters)
    best = Result(state.parameters, state.loss, [state.loss])
    for n_iter in range(1, 1 + (optimizer.max_iter if max_iter is None else max_iter)):
        try:
            state = optimizer.step(problem, state)
        except torch.linalg.LinAlgError:  # a factorisation that fails is a step that is not finite
            state = replace(state, loss=math.nan)
        if not (math.isfinite(state.loss) and math.isfinite(state.parameters.abs().max())):
            best.stop = "non_finite"
            message = (
                f"{type(optimizer).__name__}, step {n_iter}: {STOP_REASONS['non_finite']}. The best weights so far"
            )
            warnings.warn(f"{message} are kept (loss {best.loss:.3g}).", ConvergenceWarning, stacklevel=2)
            break
        best.loss_curve.append(state.loss)
        if not best.loss <= state.loss:  # also where the loss at the start was NaN
            best.parameters, best.loss = state.parameters, state.loss
        stopped = on_step is not None and on_step(n_iter, state)
        reason = "callback" if stopped else "tol" if state.loss <= target else state.stop
        if reason:
            best.stop = reason
            break
    return best
