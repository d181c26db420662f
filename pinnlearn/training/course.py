"""The course of a training: its losses and stages, who is told of them, and why it stopped."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, cast

from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from pinnlearn.arrays import as_array, as_tensor
from pinnlearn.least_squares import LeastSquares
from pinnlearn.networks import Network
from pinnlearn.networks.attributes import AnyNetwork, times
from pinnlearn.optimizers import Optimizer, minimize
from pinnlearn.optimizers.base import STOP_REASONS, Result, State
from pinnlearn.training.interruption import Interruption
from pinnlearn.training.records import Record, Run


def evaluate_network(network: Network, x: Tensor) -> Tensor:
    """The values of u where it is the network itself."""
    return network.evaluate(x)


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
    stage_begin : int
        The number of steps made before this stage.
    seconds : float
        Since training began; what came before an interruption counts.
    max_iter : int
        The number of steps that the fit may make at most.
    figures : dict of str to float
        What the optimizer has to show, such as its damping.
    """

    n_iter: int
    loss: float
    stage: str
    stage_begin: int
    seconds: float
    max_iter: int
    figures: dict[str, float]
    _parameters: Tensor = field(repr=False)
    _problem: LeastSquares = field(repr=False)
    _course: Course = field(repr=False)

    @property
    def network(self) -> Network:
        """The network as it is now."""
        return times(cast(AnyNetwork, self._problem.network(self._parameters)), self._course.sizes)

    def predict(self, X: ArrayLike) -> NDArray:
        """Evaluate u as it is now, (n_samples,) or (n_samples, n_outputs)."""
        start = self._parameters
        return as_array(self._course.evaluate(self.network, as_tensor(X, start.device, start.dtype)))

    def group_losses(self) -> dict[str, float]:
        """The part of the loss that each group of rows has now; this evaluates the residuals once."""
        return self._problem.group_losses(self._parameters)

    def plain(self) -> dict[str, Any]:
        """What a checkpoint has to hold for the fit to go on from where it is."""
        return self._course.plain()


@dataclass
class Course:
    """The record of a training: losses, stages, and who listens.

    Entering it begins the fit for its callbacks, leaving it ends it; meanwhile Ctrl-C stops training.

    Parameters
    ----------
    callbacks : sequence of callables
        Each is called with a `Progress` after every step; one that returns True stops the training.

    Attributes
    ----------
    loss_curve, times : list of float
        The loss before the first step and after each, and the seconds since training began.
    stages : list of (str, int)
    stop : str
        Why the last run stopped, a key of STOP_REASONS.
    max_iter : int
        The number of steps that the fit may make at most.
    added_rows : ndarray of shape (n_rows, n_dims) or None
        The rows that joined those given, the last time that any did.
    sizes : sequence of n_outputs floats, optional
        The outputs of networks times these are u; None for ones.
    failed : bool
        Whether it ended in an error.
    record : Record
        What a checkpoint keeps of the runs.
    evaluate : callable
        evaluate(network, x) gives the values of u.
    """

    callbacks: Sequence[Callable[[Progress], bool | None]] = ()
    loss_curve: list[float] = field(default_factory=list)
    times: list[float] = field(default_factory=lambda: [0.0])
    stages: list[tuple[str, int]] = field(default_factory=list)
    stop: str = ""
    max_iter: int = 0
    added_rows: NDArray | None = None
    sizes: Sequence[float] | None = None
    failed: bool = False
    begun: float = field(default_factory=time.perf_counter)
    record: Record = field(default_factory=Record)
    evaluate: Callable[[Network, Tensor], Tensor] = evaluate_network
    _interruption: Interruption = field(default_factory=Interruption)
    _stopped_by: str = ""

    def __enter__(self) -> Course:
        for callback in self.callbacks:
            getattr(callback, "on_fit_begin", _nothing)(self)
        self._interruption.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._interruption.__exit__(*error)
        self.failed = error[0] is not None
        for callback in self.callbacks:
            getattr(callback, "on_fit_end", _nothing)(self)

    @property
    def n_iter(self) -> int:
        """The number of steps so far."""
        return max(0, len(self.loss_curve) - 1)

    @property
    def seconds(self) -> float:
        """Since training began."""
        return time.perf_counter() - self.begun

    @property
    def stop_reason(self) -> str:
        """Why training stopped, and what to do about it."""
        if self.stop != "callback":
            return f"{self.stop}: {STOP_REASONS[self.stop]}"
        if self._stopped_by:
            return f"callback: {self._stopped_by} asked to stop"
        return "interrupted: by Ctrl-C; the best weights so far are kept"

    @property
    def left(self) -> int:
        """The number of steps that may still be made."""
        return max(0, self.max_iter - self.n_iter)

    @property
    def is_stopped(self) -> bool:
        """Whether a callback or Ctrl-C asked to stop."""
        return self.stop == "callback" or self._interruption.asked

    def heeding(self) -> AbstractContextManager[None]:
        """While it is entered, Ctrl-C raises `Interrupted` at once: for what changes nothing until it is done."""
        return self._interruption.heeding()

    def run(
        self, stage: str, optimizer: Optimizer, problem: LeastSquares, handed_on: float | None = None, **options
    ) -> Result:
        """Minimise, and append to the record; what goes on on other rows is one stage."""
        first = self.n_iter
        if handed_on is None:
            self.stages.append((stage, first))
        run = self.record.begin(Run(stage, optimizer, problem, handed_on), first)
        result = run.result
        if result.state is not None:

            def on_step(n_iter: int, state: State) -> bool:
                now, figures = self.seconds, optimizer.figures(state.memory)
                run.times[n_iter - 1 :] = [now]  # after a checkpoint the last step is told once more
                where = (stage, first, now, self.max_iter, figures, state.parameters, problem, self)
                return self._tell(Progress(first + n_iter, state.loss, *where))

            heeding = self._interruption.heeding
            minimize(optimizer, problem, problem.start, begun=result, on_step=on_step, heeding=heeding, **options)
        self.loss_curve += result.loss_curve[1 if self.loss_curve else 0 :]
        self.times += run.times
        self.stop = result.stop
        self.record.end(run)
        return result

    def _tell(self, progress: Progress) -> bool:
        # Every one is told, even if one says stop.
        said = [callback for callback in self.callbacks if callback(progress)]
        self._stopped_by = ", ".join(getattr(c, "__name__", type(c).__name__) for c in said)
        return bool(said) or self._interruption.asked

    def plain(self) -> dict[str, Any]:
        """What a checkpoint has to hold for the fit to go on from here."""
        states = [[type(c).__name__, c.get_state()] for c in self.callbacks if hasattr(c, "get_state")]
        return self.record.plain() | {"seconds": self.seconds, "callbacks": states}

    def identify(self, identity: Callable[[], dict[str, Any]]) -> None:
        """Say what tells this fit from others, see `Record.identify`; from a checkpoint, callbacks and time go on."""
        saved = self.record.identify(identity)
        if saved is None:
            return
        self.begun -= saved["seconds"]
        states = saved["callbacks"]
        for callback in self.callbacks:
            state = next((pair for pair in states if pair[0] == type(callback).__name__), None)
            if state is not None and hasattr(callback, "set_state"):
                states.remove(state)
                callback.set_state(state[1])


def _nothing(_: Course) -> None:
    """What a callback without a hook does."""


def check_callbacks(callbacks: Any) -> list[Any]:
    """The callbacks as a list."""
    if callbacks is None:
        return []
    if not isinstance(callbacks, list | tuple) or not all(map(callable, callbacks)):
        raise ValueError(
            f"callbacks must be a list of functions of a Progress, or of objects such as those of pinnlearn.callbacks; "
            f"got {callbacks!r}. (Callbacks of scikit-learn go to set_callbacks.)"
        )
    return list(callbacks)
