"""What a checkpoint holds of a fit, and how a fit goes on from one.

A fit is determined by its data and hyperparameters, so that a checkpoint holds only what took the time: the results
of the runs of optimizers that have ended, and how far the present one is. A fit that is resumed does everything else
again, takes those results in place of making them, and ends where it would have ended, to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from typing import Any, cast

import joblib
import torch
from torch import Tensor

from pinnlearn.arrays import as_array
from pinnlearn.least_squares import LeastSquares
from pinnlearn.notices import warn
from pinnlearn.optimizers import Optimizer
from pinnlearn.optimizers.base import Result, State, begin


@dataclass
class Run:
    """A run of an optimizer: a stage of training; `times` are the seconds of its steps since training began.

    `handed_on` is the number that an earlier run of the same optimizer ended with, see `Result`.
    """

    stage: str
    optimizer: Optimizer
    problem: LeastSquares
    handed_on: float | None = None
    result: Result = field(init=False)
    times: list[float] = field(default_factory=list)

    def begin(self) -> None:
        """Begin at the problem's start."""
        self.result = begin(self.optimizer, self.problem, self.problem.start)
        if self.handed_on is not None:
            self.result.state = replace(cast(State, self.result.state), memory=self.handed_on)

    @cached_property
    def start(self) -> str:
        """A fingerprint of the weights that it starts from."""
        weights = self.problem.unknowns.network.blocks().values()
        arrays = [as_array(block.movedim(-1, 0)) for block in weights]
        if self.problem.coefficients.parts:
            arrays.append(as_array(self.problem.coefficients.vector))
        return cast(str, joblib.hash(arrays))

    def packed(self) -> dict[str, Any]:
        """The run as plain values; where it has ended, without the optimizer's state."""
        result = self.result
        run = {
            "stage": self.stage,
            "start": self.start,
            "parameters": result.parameters,
            "loss": result.loss,
            "loss_curve": list(result.loss_curve),
            "times": list(self.times),
            "stop": result.stop,
            "handed_on": result.handed_on,
        }
        if result.state is None:
            return run
        state = result.state
        memory = self.optimizer.pack(state.memory)
        return run | {"state": {"parameters": state.parameters, "stop": state.stop, "memory": memory}}

    def unpack(self, packed: dict[str, Any]) -> None:
        """Take the result from what `packed` gave."""
        packed = _on_device(packed, self.problem.start.device)
        self.times = packed["times"]
        self.result = Result(packed["parameters"], packed["loss"], packed["loss_curve"], packed["stop"])
        self.result.handed_on = packed.get("handed_on")  # checkpoints of older versions have none
        if "state" in packed:
            parameters, stop = packed["state"]["parameters"], packed["state"]["stop"]
            memory = self.optimizer.unpack(self.problem, parameters, packed["state"]["memory"])
            self.result.state = State(parameters, self.result.loss_curve[-1], memory, stop)


@dataclass
class Record:
    """The runs of a fit, as a checkpoint keeps them; and those of a checkpoint, to take in their place."""

    _identity: Callable[[], dict[str, Any]] = dict
    _saved: dict[str, Any] | None = None
    _ended: list[dict[str, Any]] = field(default_factory=list)
    _current: Run | None = None

    def plain(self) -> dict[str, Any]:
        """What a checkpoint has to hold of the runs, and of what tells this fit from others."""
        return self._identity() | {"runs": self._ended + ([self._current.packed()] if self._current else [])}

    def resume(self, saved: dict[str, Any]) -> None:
        """Go on from what `plain` gave."""
        self._saved = saved

    def seed(self, drawn: int, *, fixed: bool) -> int:
        """The seed to use: where it was left to chance, that of the fit that is resumed."""
        return drawn if fixed or self._saved is None else self._saved["seed"]

    def identify(self, identity: Callable[[], dict[str, Any]]) -> dict[str, Any] | None:
        """Say what tells this fit from others, as plain values and a tensor; asked for where a checkpoint needs it.

        Returns
        -------
        dict or None
            What there is to go on from.

        Raises
        ------
        ValueError
            If that is of another fit.
        """
        self._identity = cache(identity)
        if self._saved is None:
            return None
        mine, theirs = self._identity(), self._saved
        other = [name for name, value in mine.items() if not _is_same(value, theirs[name])]
        if other:
            raise ValueError(
                f"The checkpoint is of another fit: it differs in {', '.join(other)}. Give this fit a path of its own, "
                f"or delete the file. It was\n{theirs['settings']}, seed {theirs['seed']}, and this is\n"
                f"{mine['settings']}, seed {mine['seed']}; the seed comes from random_state."
            )
        return theirs

    def begin(self, run: Run, n_iter: int) -> Run:
        """The run at its begin, or as far as there is something to go on from."""
        runs, self._current = self._saved["runs"] if self._saved else [], run
        if runs and (runs[0]["stage"], runs[0]["start"]) == (run.stage, run.start):
            run.unpack(runs.pop(0))
            return run
        if runs:
            warn(
                f"From step {n_iter} on this fit takes another course than the one that the checkpoint is of, as "
                "happens on another machine or number of threads: it is computed anew from there.",
            )
            runs.clear()
        run.begin()
        return run

    def end(self, run: Run) -> None:
        """Keep the result of a run, and let its optimizer's state go; what a callback stopped may go on."""
        if run.result.stop != "callback":
            memory = run.result.state.memory if run.result.state else run.result.handed_on
            run.result.handed_on = memory if isinstance(memory, float) else None
            run.result.state = self._current = None
            self._ended.append(run.packed())


def _is_same(mine: Any, saved: Any) -> bool:
    """Equal; tensors, of which another number of threads changes the last digits, nearly so."""
    if not isinstance(mine, Tensor):
        return mine == saved
    saved = saved.to(mine.device)
    tolerance = torch.finfo(mine.dtype).eps ** 0.5 * float(mine.abs().max())
    return mine.shape == saved.shape and torch.allclose(mine, saved, rtol=0, atol=tolerance)


def _on_device(value: Any, device: torch.device) -> Any:
    if isinstance(value, Tensor):
        return value.to(device)
    if isinstance(value, dict):
        return {key: _on_device(item, device) for key, item in value.items()}
    if isinstance(value, list | tuple):
        moved = [_on_device(item, device) for item in value]
        return moved if isinstance(value, list) else type(value)(*moved) if hasattr(value, "_fields") else tuple(moved)
    return value
