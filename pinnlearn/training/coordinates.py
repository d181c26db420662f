"""Learned coordinates: a small deep network finds them, and a wide layer on top of them is solved for.

Two layers in x follow what is smooth. Where a solution is sharp, and what is sharp is curved or moves, a small deep
network is trained, by few but long natural gradient steps. What its hidden layers give, and x, are coordinates
phi(x) in which the solution is smooth: random units tanh(w . phi + b) are placed in phi as two-layer units are in x,
and the output weights, of these units and of the layer below them, are the solution of a least-squares problem. The
result is a network of one more hidden layer, which reads all before it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray

from pinnlearn.arrays import affordable, as_tensor
from pinnlearn.least_squares import LeastSquares
from pinnlearn.networks import DeepNetwork, trainable_blocks
from pinnlearn.optimizers import GaussNewton, Geodesic, Longest, Optimizer
from pinnlearn.posing.ground import Ground
from pinnlearn.training.course import Course
from pinnlearn.training.newton import Newton
from pinnlearn.training.refinement import Fresh, likely
from pinnlearn.training.stages import Solution, Stage, Task

# Of a step that solves for output weights, where it would raise the loss.
HALVINGS = 6
# Arrays of rows by units that a solve holds at a time: derivatives of the wide layer, J, and its factors. A shock
# took 9.2 GB with 16,000 rows and 2,000 units, of which such an array has 0.26.
HELD = 40


class Round(NamedTuple):
    """A part of `TrainCoordinates`.

    Parameters
    ----------
    hidden : tuple of int or None
        The hidden layers of a network to begin with; None goes on with that of the round before.
    steps : int
    rows : int
        Of the PDE.
    kept : int
        So many steps are made on the same rows; then others are drawn, where residuals are large likelier.
    units : tuple of int
        Of the wide layers, one after the other.
    """

    hidden: tuple[int, ...] | None
    steps: int
    rows: int
    kept: int
    units: tuple[int, ...]


# The hidden layers of the first network.
FIRST = (10, 10)
# A front takes the first round, a second or two; a shock the second; what comes after it is for what is sharper.
ROUNDS = (
    Round(FIRST, 60, 600, 1, (300, 600, 1000)),
    Round((20, 20, 20), 120, 2000, 1, (1000, 2000)),
    Round(None, 80, 4000, 5, (1000, 2000)),
    Round(None, 80, 8000, 5, (1000, 2000)),
)


class TrainCoordinates(Stage):
    """Where two layers are stuck: learn coordinates, and solve for a wide layer on top of them.

    In each round a network is trained for some steps; then wider and wider layers are solved for, as long as the
    residual at fresh rows falls. Where values are known in y, a width was given, or X is all there is, the solution is
    handed on as it came.

    Parameters
    ----------
    rounds : sequence of Round, optional
        None is `ROUNDS`: a network of two layers, one of three, and that one further, on more rows.
    scale : float
        The largest slope of a unit of the first layer per half-width of the domain.
    conditions : float
        Points of the boundary, and of the start, for each row.
    trainer : Optimizer, optional
        What trains the coordinates; None is `GaussNewton(damping=Longest(), acceleration=Geodesic())`.
    rows_per_unit : float
        Of the wide layer; fewer leave room between rows.
    slope : float
        The length of a unit's slope in phi, root mean square.
    max_iter : int
        Steps of a solve, which is linear or converges quadratically.
    promising : float
        A wider layer is tried where the last one brought the residual to this part.
    enough, content, solved : float
        The relative residuals at fresh points at which no wider layer is tried, no further round made, and no other
        stage wanted.
    stuck : float
        It runs where the relative residual, at the rows or elsewhere, is above this.
    n_fresh : int
        Fresh points.
    most_dims : int
        In more dimensions directions matter more, which hidden training finds: in five, a sum of cosines came to 7e-6
        in a minute by coordinates, and to 2e-9 in 13 seconds by directions.

    References
    ----------
    Transtrum and Sethna (2012), arXiv:1201.5885, for the steps.
    """

    serves_maps = True

    def __init__(
        self,
        rounds: Sequence[Round] | None = None,
        scale: float = 3.0,
        conditions: float = 0.125,
        trainer: Optimizer | None = None,
        rows_per_unit: float = 8.0,
        slope: float = 0.3,
        max_iter: int = 8,
        promising: float = 0.3,
        enough: float = 1e-11,
        content: float = 1e-6,
        solved: float = 1e-3,
        stuck: float = 1e-3,
        n_fresh: int = 3000,
        most_dims: int = 4,
    ):
        self.rounds = rounds
        self.scale = scale
        self.conditions = conditions
        self.trainer = trainer
        self.rows_per_unit = rows_per_unit
        self.slope = slope
        self.max_iter = max_iter
        self.promising = promising
        self.enough = enough
        self.content = content
        self.solved = solved
        self.stuck = stuck
        self.n_fresh = n_fresh
        self.most_dims = most_dims

    @property
    def most_steps(self) -> int:
        """Those of all rounds and solves."""
        return sum(each.steps + len(each.units) * self.max_iter for each in self.rounds or ROUNDS)

    def applies(self, task: Task) -> bool:
        """Whether rows can be drawn, all conditions hold there, the width is free, and dimensions are few."""
        is_free = task.may_widen and task.placement.n_dims <= self.most_dims
        return task.trains_all and is_free and task.ground is not None and not task.has_values

    def run(self, task: Task, solution: Solution, course: Course) -> Solution:
        """Learn and solve, where the solution that comes is stuck."""
        if not self.applies(task) or course.left < 1 or solution.worst(task) <= task.bound(self.stuck):
            return solution
        return _Learning(self, task, course).run(solution)


@dataclass
class _Learning:
    """A stage on one task."""

    stage: TrainCoordinates
    task: Task
    course: Course

    def __post_init__(self) -> None:
        self.ground = cast(Ground, self.task.ground)
        self.rng = np.random.default_rng(self.task.placement.seed)
        self.optimizer = self.stage.trainer or GaussNewton(damping=Longest(), acceleration=Geodesic())
        self.damping: float | None = None
        self.fresh = Fresh(self.ground, self.task.problem, self.stage.n_fresh, self.task.placement.seed + 1)

    def run(self, solution: Solution) -> Solution:
        """Round after round, until the best network holds."""
        stage, rounds = self.stage, self.stage.rounds or ROUNDS
        best = trained = self._start(rounds[0].hidden or FIRST)
        least = math.inf
        for i, each in enumerate(rounds):
            begun = self._start(each.hidden) if i and each.hidden is not None else trained
            trained = self._train(begun, each)
            network, residual = self._widened(trained, each.units)
            if residual < least:
                best, least = network, residual
            if least <= stage.content or self.is_over:
                break
        problem = self.task.problem.with_network(best).training(trainable_blocks(best, "all"))
        found = Solution(problem, self.task.loss(best), is_trained=True, is_done=least <= stage.solved)
        return found if found.is_done or self.course.is_stopped else replace(solution, aside=found)

    @property
    def is_over(self) -> bool:
        """Whether no steps are left, or someone asked to stop."""
        return self.course.is_stopped or self.course.left < 1

    def _start(self, hidden: Sequence[int]) -> DeepNetwork:
        """The guess, or else a random function; zero, at which equations are finite, where they are not for that."""
        self.damping = None
        start = partial(self.task.placement.deep, hidden, scale=self.stage.scale, periodic=self.ground.periodic_axes)
        network = self.task.begun(start(zero=False))
        return network if math.isfinite(self._residual(network)) else self.task.begun(start(zero=True))

    def _train(self, network: DeepNetwork, round_: Round) -> DeepNetwork:
        """Steps on all weights, at rows that are drawn anew."""
        for _ in range(0, round_.steps, round_.kept):
            if self.is_over:
                break
            problem = self._drawn(network, network, round_.rows)
            problem = problem.training(trainable_blocks(network, "all"))
            steps = min(round_.kept, self.course.left)
            result = self.course.run("coordinates", self.optimizer, problem, self.damping, max_iter=steps)
            network, self.damping = cast(DeepNetwork, problem.network(result.parameters)), result.handed_on
        return network

    def _widened(self, trained: DeepNetwork, widths: Sequence[int]) -> tuple[DeepNetwork, float]:
        """Wider and wider layers on top, while that helps; the best network and its residual at fresh points."""
        best, least = trained, self._residual(trained)
        for units in widths:
            if self.is_over:
                break
            network = self._solve(widened(trained, units, self.stage.slope, self._inside(units), self.rng), trained)
            residual = self._residual(network)
            is_promising = residual < self.stage.promising * least
            if residual < least:
                best, least = network, residual
            if not is_promising or least <= self.stage.enough:
                break
        return best, least

    def _solve(self, network: DeepNetwork, trained: DeepNetwork) -> DeepNetwork:
        """Solve for the output weights, at rows where the residual of the trained network is large likelier."""
        width = network.weights[-1].shape[0]
        n_rows = int(self.stage.rows_per_unit * network.hidden_widths[-1])
        n_rows = affordable(n_rows, HELD * width, self.task.problem.start)
        problem = self._drawn(network, trained, n_rows).training(network.linear)
        steps = min(self.stage.max_iter, self.course.left)
        result = self.course.run("units in coordinates", Newton(halvings=HALVINGS), problem, max_iter=steps)
        return cast(DeepNetwork, problem.network(result.parameters))

    def _inside(self, n: int) -> torch.Tensor:
        like = self.task.problem.start
        return as_tensor(self.ground.inside(n, self.rng), like.device, like.dtype)

    def _drawn(self, network: DeepNetwork, judged: DeepNetwork, n_rows: int) -> LeastSquares:
        """The problem at rows drawn anew, for a network."""
        inside = likely(self._at(judged), self._candidates, n_rows, self.rng)
        on_boundary = self.ground.on_boundary(max(1, int(self.stage.conditions * n_rows)), self.rng)
        return self._pose(np.concatenate([inside, on_boundary]), network)

    def _candidates(self, n: int) -> NDArray:
        return self.ground.inside(n, self.rng)

    def _at(self, network: DeepNetwork) -> LeastSquares:
        return self._pose(self._candidates(2), network)

    def _pose(self, X: NDArray, network: DeepNetwork) -> LeastSquares:
        unknowns = replace(self.task.problem.unknowns, network=network, trained=network.linear)
        return self.ground.pose(X, unknowns)

    def _residual(self, network: DeepNetwork) -> float:
        return self.fresh.look(network).residual


def widened(
    trained: DeepNetwork, units: int, slope: float, anchors: torch.Tensor, rng: np.random.Generator
) -> DeepNetwork:
    """A network with a wide layer on top of all layers of another, as a function the same.

    Parameters
    ----------
    trained : DeepNetwork
    units : int
    slope : float
        The length of a unit's slope in phi, root mean square.
    anchors : Tensor of shape (units, n_dims)
        Points at which each unit is zero.
    rng : numpy Generator

    Returns
    -------
    DeepNetwork
        The wide layer reads the inputs and all hidden layers.
    """
    layers = tuple(range(trained.depth))
    phi = torch.cat([trained.at(anchors).hidden(layer) for layer in layers], dim=1)
    drawn = rng.standard_normal((phi.shape[1], units)) * slope / math.sqrt(phi.shape[1])
    weights = as_tensor(drawn, phi.device, phi.dtype)
    return trained.widened(weights, -(phi * weights.T).sum(dim=1), layers)
