"""Stochastic gradient descent and Adam: torch.optim on mini-batches of rows, an epoch a step."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pinnlearn.hyperparameters import check_momentum
from pinnlearn.optimizers.base import Linearized, Optimizer, Problem, State


@dataclass(frozen=True)
class _Memory:
    """The moving point with what torch.optim remembers of it, the shuffler, and the problem at the point."""

    point: Tensor
    update: torch.optim.Optimizer
    rng: np.random.Generator
    linear: Linearized


class _Epochs(Optimizer):
    """An optimizer of torch.optim whose step is an epoch, one pass over all rows.

    The gradient is in closed form, J^T r; torch's autograd has no part in it.
    """

    chooses_rate = False
    learning_rate: float
    batch_size: int | None
    random_state: int | None

    @abstractmethod
    def _make(self, point: Tensor) -> torch.optim.Optimizer:
        """The optimizer of torch.optim that moves `point`."""

    def check(self) -> None:
        """Check the hyperparameters."""
        super().check()
        if self.batch_size is not None and not (isinstance(self.batch_size, Integral) and self.batch_size >= 1):
            raise ValueError(f"batch_size must be an integer >= 1, or None for all rows, got {self.batch_size!r}.")

    def begin(self, problem: Problem, parameters: Tensor) -> State:
        """The state before the first epoch."""
        point, linear = parameters.clone(), problem.linearize(parameters)
        memory = _Memory(point, self._make(point), np.random.default_rng(self.random_state), linear)
        return State(parameters, float(linear.loss), memory)

    def step(self, problem: Problem, state: State) -> State:
        """Make one epoch."""
        memory = state.memory
        for gradient in self._gradients(problem, memory):
            memory.point.grad = gradient
            memory.update.step()
        parameters = memory.point.clone()
        linear = problem.linearize(parameters)  # of all rows: the loss now, and the gradient of the next full batch
        return State(parameters, float(linear.loss), _Memory(memory.point, memory.update, memory.rng, linear))

    def pack(self, memory: _Memory) -> dict[str, Any]:
        """What torch.optim remembers, and where the shuffler stands."""
        return {"update": memory.update.state_dict()["state"], "rng": memory.rng.bit_generator.state}

    def unpack(self, problem: Problem, parameters: Tensor, packed: dict[str, Any]) -> _Memory:
        """The memory again."""
        memory = self.begin(problem, parameters).memory
        memory.update.load_state_dict(memory.update.state_dict() | {"state": packed["update"]})
        memory.rng.bit_generator.state = packed["rng"]
        return memory

    def _gradients(self, problem: Problem, memory: _Memory) -> Iterator[Tensor]:
        """The gradients of an epoch, each at the point that the last one led to."""
        if self.batch_size is None:
            yield memory.linear.gradient
            return
        for rows in deal(problem.strata, self.batch_size, memory.rng):
            yield problem.subset(rows).linearize(memory.point).gradient


def deal(strata: Sequence[NDArray], batch_size: int, rng: np.random.Generator) -> list[NDArray]:
    """Share rows out over mini-batches, each stratum in its proportion.

    A stratum with fewer rows than there are batches, such as the two ends of an interval, is in every one of them, so
    that a batch's loss is an unbiased estimate of the loss.

    Parameters
    ----------
    strata : sequence of ndarray of int
        Rows that the same equation governs.
    batch_size : int
        The largest number of rows that are shared out to a batch, up to one for each stratum.
    rng : numpy Generator

    Returns
    -------
    list of ndarray of int

    Examples
    --------
    >>> batches = deal([np.arange(6), np.array([8, 9])], 3, np.random.default_rng(0))
    >>> [len(rows) for rows in batches], [set(rows) >= {8, 9} for rows in batches]
    ([4, 4, 4], [True, True, True])
    """
    n_batches = math.ceil(sum(map(len, strata)) / batch_size)
    shares = [
        np.array_split(rng.permutation(rows), n_batches) if len(rows) >= n_batches else [rows] * n_batches
        for rows in strata
    ]
    return [np.concatenate(batch) for batch in zip(*shares, strict=True)]


class SGD(_Epochs):
    """Stochastic gradient descent with momentum, by torch.optim.SGD.

    Parameters
    ----------
    learning_rate : float
        The step length eta of a mini-batch.
    momentum : float
        The part of the last step that is added to the next, at least 0 and below 1.
    batch_size : int, optional
        Rows in a mini-batch, drawn from every region in its proportion (see `deal`). None takes all rows: plain
        gradient descent with momentum.
    max_iter : int
        Epochs; each counts as one step.
    random_state : int, optional
        Seeds the shuffling of rows; None takes the estimator's.

    See Also
    --------
    GD : All rows at once, with a step length that needs no tuning.

    Examples
    --------
    >>> SGD(learning_rate=1e-2, momentum=0.0, batch_size=None)
    SGD(learning_rate=0.01, momentum=0.0, batch_size=None)
    """

    def __init__(
        self,
        learning_rate: float = 1e-3,
        momentum: float = 0.9,
        batch_size: int | None = 200,
        max_iter: int = 1000,
        random_state: int | None = None,
    ):
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.random_state = random_state

    def check(self) -> None:
        """Check the hyperparameters."""
        super().check()
        check_momentum(self.momentum)

    def _make(self, point: Tensor) -> torch.optim.Optimizer:
        return torch.optim.SGD([point], lr=self.learning_rate, momentum=self.momentum)


class Adam(_Epochs):
    """Adam, by torch.optim.Adam.

    Parameters
    ----------
    learning_rate : float
        The step length eta: about how far a weight moves in a step.
    betas : pair of float
        How slowly the averages of the gradient and of its square forget, each at least 0 and below 1.
    batch_size : int, optional
        As in `SGD`; None takes all rows.
    max_iter : int
        Epochs; each counts as one step.
    random_state : int, optional
        Seeds the shuffling of rows; None takes the estimator's.

    References
    ----------
    Kingma & Ba (2015), "Adam: A method for stochastic optimization", arXiv:1412.6980.

    Examples
    --------
    >>> Adam(learning_rate=1e-2)
    Adam(learning_rate=0.01)
    """

    def __init__(
        self,
        learning_rate: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        batch_size: int | None = None,
        max_iter: int = 10_000,
        random_state: int | None = None,
    ):
        self.learning_rate = learning_rate
        self.betas = betas
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.random_state = random_state

    def check(self) -> None:
        """Check the hyperparameters."""
        super().check()
        if np.shape(self.betas) != (2,) or not all(0 <= beta < 1 for beta in self.betas):
            raise ValueError(f"betas must be two numbers, each at least 0 and below 1, got {self.betas!r}.")

    def _make(self, point: Tensor) -> torch.optim.Optimizer:
        return torch.optim.Adam([point], lr=self.learning_rate, betas=(self.betas[0], self.betas[1]))
