"""Solutions that are as rough everywhere, as many waves are: more units, spread evenly.

Units that leave no gaps and have one slope resolve most where everywhere is alike. The finer the waves, the more of
them: as the residual does not fall before they are resolved, it tells by how it is spread whether more units help. That
of a layer or a front lies there; that of waves lies everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import cast

import numpy as np
from numpy.typing import NDArray

from pinnlearn.arrays import affordable
from pinnlearn.least_squares import LeastSquares
from pinnlearn.networks import TwoLayerNetwork
from pinnlearn.posing.ground import Ground
from pinnlearn.training.course import Course
from pinnlearn.training.newton import Newton
from pinnlearn.training.refinement import Fresh
from pinnlearn.training.stages import Solution, Stage, Task

# Arrays of rows by units that a solve holds at a time.
HELD = 10


class Spread(Stage):
    """Where a linear problem does not hold between its rows, and that everywhere: more units, spread evenly.

    Each round places units anew and solves for their output weights, at rows drawn for them, until the equations hold.
    Where a width was given, values are known in y, or X is all there is, the solution is handed on as it came; so it is
    where there is time, which slabs follow with more digits.

    Parameters
    ----------
    units : sequence of int
        Those of each round.
    resolution : float
        The slope of a unit per half-width of the domain is this times units^(1 / n_dims): steeper ones leave gaps, and
        flatter ones cannot be told from each other.
    rows : float
        Of the PDE, for each unit.
    conditions : float
        Points of the boundary, and of the start, for each unit.
    everywhere : float
        After the first round another is made where the residual is spread as evenly as this: the square of its mean
        over its mean square, which is 1 for one that is constant and 0.64 for normal random numbers.
    promising : float
        Or where the last round brought the residual to this part.
    enough, solved : float
        The relative residuals at fresh points at which no further round is made, and no other stage wanted.
    n_fresh : int
        Fresh points.
    dims : pair of int
        The fewest and the most dimensions that it is for.
    """

    def __init__(
        self,
        units: Sequence[int] = (1000, 2000, 4000),
        resolution: float = 0.065,
        rows: float = 3.0,
        conditions: float = 0.5,
        everywhere: float = 0.5,
        promising: float = 0.1,
        enough: float = 1e-6,
        solved: float = 1e-5,
        n_fresh: int = 3000,
        dims: tuple[int, int] = (2, 3),
    ):
        self.units = units
        self.resolution = resolution
        self.rows = rows
        self.conditions = conditions
        self.everywhere = everywhere
        self.promising = promising
        self.enough = enough
        self.solved = solved
        self.n_fresh = n_fresh
        self.dims = dims

    @property
    def most_steps(self) -> int:
        """One a round."""
        return len(self.units)

    def applies(self, task: Task) -> bool:
        """Whether rows can be drawn for all conditions, the width is free, dimensions are few, and none is time."""
        fewest, most = self.dims
        is_free = task.may_widen and not task.is_deep and fewest <= task.placement.n_dims <= most
        return is_free and task.ground is not None and not task.has_values and not task.problem.has_time

    def run(self, task: Task, solution: Solution, course: Course) -> Solution:
        """Solve with more units, as long as that helps."""
        if not self.applies(task) or course.left < 1:
            return solution
        verification = task.verify(solution)
        if verification is None or verification.equations_hold or not solution.problem.looks_linear:
            return solution
        return _Rounds(self, task, course).run(solution)


@dataclass(frozen=True, eq=False)
class _Rounds:
    """The rounds of a stage on one task."""

    stage: Spread
    task: Task
    course: Course

    @cached_property
    def _ground(self) -> Ground:
        return cast(Ground, self.task.ground)

    @cached_property
    def _rng(self) -> np.random.Generator:
        return np.random.default_rng(self.task.placement.seed)

    def run(self, solution: Solution) -> Solution:
        stage, fresh = self.stage, Fresh(self._ground, self.task.problem, self.stage.n_fresh, self.task.placement.seed)
        best, least, is_spread = solution.network, fresh.look(solution.network).residual, True
        for units in stage.units:
            if not is_spread or least <= stage.enough or self.course.left < 1 or self.course.is_stopped:
                break
            network, X = self._solve(units)
            found = fresh.look(network)
            is_spread = found.evenness >= stage.everywhere or found.residual <= stage.promising * least
            if found.residual < least:
                best, least, self.course.added_rows = network, found.residual, X
        if best is solution.network:
            return solution
        problem = self.task.problem.with_network(best)
        return Solution(problem, self.task.loss(best), is_done=least <= stage.solved)

    def _solve(self, units: int) -> tuple[TwoLayerNetwork, NDArray]:
        """The network, and the rows of the PDE that it was solved for."""
        stage, placement = self.stage, self.task.placement
        network = placement.even(units, stage.resolution * units ** (1 / placement.n_dims))
        problem, inside = self._drawn(network, units)
        result = self.course.run("units spread evenly", Newton(), problem, max_iter=1)
        return cast(TwoLayerNetwork, problem.network(result.parameters)), inside

    def _drawn(self, network: TwoLayerNetwork, units: int) -> tuple[LeastSquares, NDArray]:
        n_rows = affordable(int(self.stage.rows * units), HELD * units, self.task.problem.start)
        inside = self._ground.inside(n_rows, self._rng)
        on_boundary = self._ground.on_boundary(int(self.stage.conditions * units), self._rng)
        unknowns = replace(self.task.problem.unknowns, network=network, trained=network.linear)
        return self._ground.pose(np.concatenate([inside, on_boundary]), unknowns), inside
