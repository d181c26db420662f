"""L-BFGS, a quasi-Newton method of limited memory: torch.optim.LBFGS, an iteration a step."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from pinnlearn.hyperparameters import check_count
from pinnlearn.optimizers.base import Optimizer, Problem, State

LINE_SEARCH_EVALUATIONS = 25


@dataclass(frozen=True)
class _Evaluated:
    """The loss and its gradient at a point."""

    point: Tensor
    loss: Tensor
    gradient: Tensor


@dataclass
class _Search:
    """A run of torch.optim.LBFGS.

    Parameters
    ----------
    point : Tensor
        Moves.
    update : torch.optim.LBFGS
        Moves it, and remembers its past.
    scale : float
        The loss is multiplied by it: torch takes no curvature below 1e-10 in units of the loss into its memory, which
        would end the descent there.
    known : list
        What was evaluated in the last step; torch comes back to its end.
    """

    point: Tensor
    update: torch.optim.LBFGS
    scale: float
    known: list[_Evaluated] = field(default_factory=list)

    def evaluate(self, problem: Problem) -> _Evaluated:
        """The loss and gradient at the moving point."""
        for evaluated in self.known:
            if torch.equal(evaluated.point, self.point):
                return evaluated
        linear = problem.linearize(self.point.clone())
        self.known.append(_Evaluated(self.point.clone(), linear.loss, linear.gradient))
        return self.known[-1]

    def step(self, problem: Problem) -> _Evaluated:
        """One iteration; where it ends."""

        def closure() -> Tensor:
            evaluated = self.evaluate(problem)
            self.point.grad = self.scale * evaluated.gradient
            return self.scale * evaluated.loss

        self.update.step(closure)  # type: ignore[arg-type]
        self.known = [self.evaluate(problem)]
        return self.known[0]


class LBFGS(Optimizer):
    """L-BFGS with a line search for the strong Wolfe conditions, by torch.optim.LBFGS.

    It sees all rows at once, and runs on the problem's device.

    Parameters
    ----------
    learning_rate : float
        The first step length eta that each line search tries.
    history_size : int
        The number of past steps that the model of the Hessian is made of.
    max_iter : int
        Iterations; each evaluates the loss and its gradient once or a few times.

    Notes
    -----
    Where a line search fails, the memory is dropped and the next step goes along the gradient; where that fails too,
    training has stalled.

    References
    ----------
    Liu & Nocedal (1989), "On the limited memory BFGS method for large scale optimization", Math. Programming 45.

    Examples
    --------
    >>> LBFGS(max_iter=100)
    LBFGS(max_iter=100)
    """

    chooses_rate = False
    learning_rate: float

    def __init__(self, learning_rate: float = 1.0, history_size: int = 100, max_iter: int = 1000):
        self.learning_rate = learning_rate
        self.history_size = history_size
        self.max_iter = max_iter

    def check(self) -> None:
        """Check the hyperparameters."""
        super().check()
        check_count("history_size", self.history_size)

    def begin(self, problem: Problem, parameters: Tensor) -> State:
        """The state before the first step."""
        loss = float(problem.loss(parameters))
        return State(parameters, loss, self._begin_search(parameters, loss))

    def step(self, problem: Problem, state: State) -> State:
        """Make one iteration."""
        for search in (state.memory, self._begin_search(state.parameters, state.loss)):
            end = search.step(problem)
            if not float(end.loss) >= state.loss:  # smaller, or NaN
                return State(end.point, float(end.loss), search)
        return replace(state, stop="stalled")

    def pack(self, memory: _Search) -> dict[str, Any]:
        """What torch.optim remembers, and the scale of the loss."""
        return {"scale": memory.scale, "update": memory.update.state_dict()["state"]}

    def unpack(self, problem: Problem, parameters: Tensor, packed: dict[str, Any]) -> _Search:
        """The search again."""
        search = self._begin_search(parameters, math.inf)
        search.scale = packed["scale"]
        search.update.load_state_dict(search.update.state_dict() | {"state": packed["update"]})
        return search

    def _begin_search(self, parameters: Tensor, loss: float) -> _Search:
        point = parameters.clone()
        # torch's tolerances are absolute, in units of the loss; a loss that falls no further is noticed in `step`.
        update = torch.optim.LBFGS(
            [point],
            lr=self.learning_rate,
            max_iter=1,
            max_eval=1 + LINE_SEARCH_EVALUATIONS,
            history_size=self.history_size,
            tolerance_grad=0.0,
            tolerance_change=0.0,
            line_search_fn="strong_wolfe",
        )
        return _Search(point, update, 1 / (torch.finfo(point.dtype).eps * loss) if 0 < loss < math.inf else 1.0)
