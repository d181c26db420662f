"""What `optimizer=` stands for: the stages of a training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sklearn.base import clone

from pinnlearn.optimizers import NGD, Direct, GainRatio, Optimizer, get_optimizer
from pinnlearn.training.coordinates import TrainCoordinates
from pinnlearn.training.grading import Grade
from pinnlearn.training.identification import Identify, IdentifyInCoordinates
from pinnlearn.training.slabs import MarchSlabs
from pinnlearn.training.spreading import Spread
from pinnlearn.training.stages import Enrich, Grow, March, SolveOutput, Stage, Steps, Task, TrainHidden
from pinnlearn.training.windows import MarchWindows

# The default method; that of several hidden layers; where only output weights are trained there.
JOINED: tuple[Stage, ...] = (
    MarchWindows(),
    SolveOutput(),
    Spread(),
    Grade(),
    MarchSlabs("linear"),
    TrainCoordinates(),
    TrainHidden(),
    March(),
    Grow(),
    Enrich(),
    MarchSlabs("nonlinear"),
)
DEEP: tuple[Stage, ...] = (Steps(NGD()), SolveOutput())
DEEP_OUTPUT: tuple[Stage, ...] = (SolveOutput(),)
# One hidden layer over a map of the inputs.
MAPPED: tuple[Stage, ...] = (SolveOutput(), TrainCoordinates())
# Where coefficients are unknown.
INVERSE: tuple[Stage, ...] = (Identify(), IdentifyInCoordinates())


@dataclass(frozen=True)
class Method:
    """The stages of a training, and what they were made of.

    Attributes
    ----------
    used : list of Optimizer or Stage
        Clones of what was asked for.
    stages : tuple of Stage
    max_iter : int or None
        The number of steps that they may make at most, where it was given.
    """

    used: list[Optimizer | Stage]
    stages: tuple[Stage, ...]
    max_iter: int | None = None

    @classmethod
    def of(cls, optimizer: Any, learning_rate: float | None, max_iter: int | None, default: Sequence[Stage]) -> Method:
        """The method of a name, an object, or a list of either.

        Parameters
        ----------
        optimizer : str, Optimizer, Stage or list of them
        learning_rate, max_iter
            What the estimator overrides.
        default : sequence of Stage
            What NGD with nothing chosen about its steps means; empty if it means itself.

        Raises
        ------
        ValueError
            For an unknown name, parameters that make no sense, and overrides of a list.
        """
        used = _clones(optimizer, {"learning_rate": learning_rate, "max_iter": max_iter})
        (first, *others) = used
        if default and not others and isinstance(first, NGD) and chooses_nothing(first):
            return cls(used, joined(default, first), first.max_iter)
        return cls(used, tuple(each if isinstance(each, Stage) else Steps(each) for each in used))

    def most_steps(self, task: Task) -> int:
        """The number of steps that may be made at most, by the stages that the task is one for."""
        return self.max_iter or sum(stage.most_steps for stage in self.stages if stage.applies(task))

    def seed(self, seed: int) -> None:
        """Give a seed to the optimizers that want one and have none."""
        for each in self.used:
            if each.get_params().get("random_state", seed) is None:
                each.set_params(random_state=seed)


def joined(default: Sequence[Stage], optimizer: NGD) -> tuple[Stage, ...]:
    """A default method, its steps made by this optimizer."""
    stages = [clone(stage) for stage in default]
    for stage in stages:
        if "optimizer" in stage.get_params():
            stage.set_params(optimizer=optimizer)
    return tuple(stages)


def chooses_nothing(optimizer: NGD) -> bool:
    """Whether everything about the steps is left to the method; it solves with J as it is."""
    is_free = optimizer.learning_rate is None and optimizer.rule == GainRatio()
    return is_free and isinstance(optimizer.direction, Direct)


def _clones(optimizer: Any, overrides: dict[str, Any]) -> list[Optimizer | Stage]:
    several = isinstance(optimizer, list | tuple)
    if several and not optimizer:
        raise ValueError("optimizer is an empty list; name at least one.")
    overrides = {name: value for name, value in overrides.items() if value is not None}
    if several and overrides:
        raise ValueError(
            f"{' and '.join(overrides)} on the estimator would override every optimizer of the list; set them on "
            "the optimizer objects, as in [NGD(max_iter=20), ...]."
        )
    given: Sequence[Any] = optimizer if several else [optimizer]
    return [_clone(each, overrides) for each in given]


def _clone(each: Any, overrides: dict[str, Any]) -> Optimizer | Stage:
    if isinstance(each, Stage):
        if overrides:
            raise ValueError(f"{each!r} has parameters of its own; set them there, in place of {', '.join(overrides)}.")
        return clone(each)
    chosen = clone(get_optimizer(each)).set_params(**overrides)
    chosen.check()
    return chosen
