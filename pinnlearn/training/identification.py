"""Unknown coefficients along with u: where to begin, and one least-squares problem for both.

In hidden units that stay, the output weights and the coefficients are the parameters: an equation such as
u_t - nu u_xx is bilinear in them, and Gauss-Newton steps converge from a good start. Measurements give one, whatever
the guess: u is fitted to them alone, and the coefficients then to the equations at this u, where they mostly enter
linearly. The guess is another start, and the one that ends with the smaller loss counts.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from pinnlearn.least_squares import COEFFICIENTS, Coefficients, LeastSquares
from pinnlearn.linalg import damped_solve
from pinnlearn.networks import TwoLayerNetwork
from pinnlearn.optimizers import NGD, minimize
from pinnlearn.training.choices import DampingChoice, ScaleChoice
from pinnlearn.training.course import Course
from pinnlearn.training.newton import Newton
from pinnlearn.training.stages import Solution, Stage, Task


class Identify(Stage):
    """Estimate unknown coefficients along with the output weights of placed units.

    Parameters
    ----------
    scale : ScaleChoice, optional
        How the scale of units is chosen; None is `ScaleChoice()`.
    units_per_value : float
        Units of the fit to measurements alone, for each of them.
    max_iter : int
        Of each run, with coefficients as they are and then free.
    halvings : int
        Of a step that would raise the loss.
    enough : float
        The relative residual at which no other start is tried.
    """

    serves_unknowns = True

    def __init__(
        self,
        scale: ScaleChoice | None = None,
        units_per_value: float = 0.5,
        max_iter: int = 20,
        halvings: int = 8,
        enough: float = 1e-6,
    ):
        self.scale = scale
        self.units_per_value = units_per_value
        self.max_iter = max_iter
        self.halvings = halvings
        self.enough = enough

    @property
    def most_steps(self) -> int:
        """Those of all runs: two from each of two starts, and one at the scale that the best of them asks for."""
        return 5 * self.max_iter

    def applies(self, task: Task) -> bool:
        """Whether there is anything to estimate, in one hidden layer."""
        return bool(task.problem.coefficients.size) and not task.is_deep

    def run(self, task: Task, solution: Solution, course: Course) -> Solution:
        """Estimate from each start, and once more at the scale that the best estimate asks for."""
        if not self.applies(task) or course.left < 1:
            return solution
        starts = [c for c in (self._from_values(task), solution.coefficients) if c is not None]
        best: Solution | None = None
        for start in starts:
            found = self._estimate(task, start, course)
            best = found if best is None or found.loss < best.loss else best
            if course.is_stopped or best.loss <= task.bound(self.enough):
                break
        again = self._estimate(task, best.coefficients, course)
        best = again if again.loss < best.loss else best
        return replace(best, is_done=best.loss <= task.target)

    def _estimate(self, task: Task, start: Coefficients, course: Course) -> Solution:
        """From these coefficients: u for them, and then both."""
        held = task.problem.with_coefficients(start.holding())
        placement, scale = (self.scale or ScaleChoice()).choose(held, [task.placement], task.width)
        network = placement.network(task.width, scale, zero=True)
        output = held.with_network(network).training(network.linear)
        steps = partial(min, self.max_iter)
        optimizer = Newton(halvings=self.halvings)
        first = course.run("output weights", optimizer, output, max_iter=steps(course.left))
        joint = output.at(first.parameters)
        joint = joint.with_coefficients(start)
        result = course.run("coefficients and output weights", optimizer, joint, max_iter=steps(course.left))
        found = task.problem.taking(joint.at(result.parameters).unknowns)
        import os
        if os.environ.get("DEBUG_ID"):
            print("scale", scale, placement.stretch, [ (n,float(c.value)) for n,c in start.parts.items() if hasattr(c,"value")], "first", first.n_iter, first.loss, "joint", result.n_iter, result.loss, [ (n,float(c.value)) for n,c in found.coefficients.parts.items() if hasattr(c,"value")], course.seconds)
        return Solution(found, result.loss)

    def _from_values(self, task: Task) -> Coefficients | None:
        """Coefficients by the equations that read them, at a u that is fitted to all that read none; or None."""
        blocks = task.problem.blocks
        plain = [b for b in blocks if not b.equation.reads and b.equation.group != "interior"]
        others = [b for b in blocks if b.equation.reads]
        if not any(b.equation.values is not None for b in plain):
            return None
        n_values = sum(b.n_residuals for b in plain)
        width = max(1, min(task.width, int(self.units_per_value * n_values)))
        known = replace(task.problem, blocks=tuple(plain)).with_coefficients(Coefficients())
        placement, scale = (self.scale or ScaleChoice()).choose(known, [task.placement], width)
        network = placement.network(width, scale, zero=True)
        output = known.with_network(network).training(network.linear)
        damping, _ = DampingChoice().choose(output)
        if math.isinf(damping):
            return None
        linear = output.linearize(output.start)
        step = damped_solve(linear.jacobian(), -linear.residual, damping)
        fitted = replace(task.problem, blocks=tuple(others)).with_network(output.network(output.start + step))
        alone = fitted.training(())
        result = minimize(NGD(), alone, alone.start, max_iter=self.max_iter)
        return alone.at(result.parameters).coefficients if math.isfinite(result.loss) else None
