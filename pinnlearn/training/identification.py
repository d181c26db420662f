"""Unknown coefficients along with u: where to begin, and one least-squares problem for both.

In hidden units that stay, the output weights and the coefficients are the parameters: an equation such as
u_t - nu u_xx is bilinear in them, and Gauss-Newton steps converge from a good start. Measurements give one, whatever
the guess: u is fitted to them alone, and the coefficients then to the equations at this u, where they mostly enter
linearly. The guess is another start, and the one that ends with the smaller loss counts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple, cast

import numpy as np
from sklearn.base import clone

from pinnlearn.arrays import as_tensor
from pinnlearn.least_squares import Coefficients, LeastSquares
from pinnlearn.linalg import damped_solve
from pinnlearn.networks import TwoLayerNetwork, trainable_blocks
from pinnlearn.optimizers import NGD, GaussNewton, Geodesic, Longest, Optimizer, minimize
from pinnlearn.training.choices import ROUND_OFF, DampingChoice, ScaleChoice, affine_at
from pinnlearn.training.coordinates import widened
from pinnlearn.training.course import Course
from pinnlearn.training.newton import SettlingNewton
from pinnlearn.training.smoothness import of_rows, rough, smoothed
from pinnlearn.training.stages import Solution, Stage, Task
from pinnlearn.training.uncertainty import expected_loss, is_noise, looks_random, measuring, uncertainty, weighing

# Among noise: by noise that is alike for all measurements, and then by that which was found.
PASSES = 2


class Start(NamedTuple):
    """Where to begin: coefficients, and a u that measurements suggest."""

    coefficients: Coefficients
    network: TwoLayerNetwork


def among_noise(
    task: Task,
    best: Solution,
    ratios: Sequence[float],
    course: Course,
    solve: Callable[[LeastSquares, Solution], Solution],
) -> Solution:
    """A solution with equations that hold, and measurements by their noise, if what is left is noise; or the best one.

    Parameters
    ----------
    task : Task
    best : Solution
        Without noise in mind.
    ratios : sequence of float
        As in `Identify`.
    course : Course
    solve : callable
        solve(problem, start) solves a problem that is weighed anew.
    """
    names = [block.equation.name for block in measuring(task.problem)]
    is_told = task.known_noise is not None or any(f.smoothness for f in rough(task.problem).values())
    if not names or not (is_told or looks_random(best.problem)):
        return best
    for ratio in ratios:
        found, noise = best, dict.fromkeys(names, task.known_noise or 1.0)
        for _ in range(PASSES):
            begun = weighing(task.problem, noise, ratio)
            found = solve(smoothed(begun.taking(found.problem.unknowns).training(found.network.linear)), found)
            if course.is_stopped:
                return best
            noise = uncertainty(found.problem, names, task.known_noise).noise
        problem = of_rows(found.problem)
        losses = problem.equation_losses(problem.start)
        of_values = sum(losses[name] for name in names)
        if sum(losses.values()) < of_values + max(of_values, expected_loss(problem, task.known_noise or 0.0)):
            return replace(found, noise=noise) if is_told or looks_random(found.problem) else best
    return best


class Identify(Stage):
    """Estimate unknown coefficients along with the output weights of placed units.

    Parameters
    ----------
    scale : ScaleChoice, optional
        How the scale of units is chosen; None is `ScaleChoice()`.
    units_per_value : float
        Units of the fit to measurements alone, for each of them.
    max_iter : int
        Of each run.
    halvings : int
        Of a step that would raise the loss.
    exact : float
        The relative residual at which no other start is tried, and no noise is suspected.
    enough : float
        That at which no other scale is tried.
    promising : float
        Another is tried where the last one brought the loss to this part.
    rounds : int
        How many others are tried.
    ratios : sequence of float
        By how much less measurements weigh than equations, where there is noise, so that equations are not off to fit
        it; the first at which they are not.
    below_values : float
        Of `ScaleChoice` where there is noise.
    """

    serves_unknowns = True

    def __init__(
        self,
        scale: ScaleChoice | None = None,
        units_per_value: float = 0.5,
        max_iter: int = 20,
        halvings: int = 8,
        exact: float = 1e-5,
        enough: float = 1e-8,
        promising: float = 0.1,
        rounds: int = 3,
        ratios: Sequence[float] = (1e-3, 1e-2, 1e-1),
        below_values: float = 1e-3,
    ):
        self.scale = scale
        self.units_per_value = units_per_value
        self.max_iter = max_iter
        self.halvings = halvings
        self.exact = exact
        self.enough = enough
        self.promising = promising
        self.rounds = rounds
        self.ratios = ratios
        self.below_values = below_values

    @property
    def most_steps(self) -> int:
        """Those of all runs: from two starts, at several scales, and for each ratio twice."""
        return (2 + 2 * self.rounds + PASSES * len(self.ratios)) * self.max_iter

    def applies(self, task: Task) -> bool:
        """Whether there is anything to estimate, or noise in measurements, in one hidden layer."""
        return bool(task.problem.coefficients.size or task.noise is not None) and not task.is_deep

    def run(self, task: Task, solution: Solution, course: Course) -> Solution:
        """Estimate without noise in mind; then, if something is left, with it."""
        if not self.applies(task) or course.left < 1:
            return solution
        best = self._best(task, solution.coefficients, course)
        if course.is_stopped:
            return best
        if best.loss > task.bound(self.exact) or task.noise is not None:

            def weighed(problem: LeastSquares, start: Solution) -> Solution:
                at = Start(start.coefficients, start.network)
                return self._estimate(replace(task, problem=problem), at, course, is_noisy=True)

            best = among_noise(task, best, self.ratios, course, weighed)
        return replace(best, is_done=best.noise is not None or best.loss <= task.target)

    def _best(self, task: Task, guess: Coefficients, course: Course) -> Solution:
        """What measurements suggest; and the guess, where that leaves more than what looks like noise."""
        best: Solution | None = None
        with course.heeding():
            suggested = self._from_values(task)
        if suggested is not None:
            best = self._refined(task, suggested, course)
        if best is None or not (course.is_stopped or best.loss <= task.bound(self.exact) or is_noise(best.problem)):
            other = self._refined(task, Start(guess, task.placement.network(1, 1.0, zero=True)), course)
            best = other if best is None or other.loss < best.loss else best
        return best

    def _refined(self, task: Task, start: Start, course: Course) -> Solution:
        """From one start; then in units of the scale that the equations ask for at what was found, while that helps."""
        best = self._estimate(task, start, course)
        for _ in range(self.rounds):
            if course.left < 1 or course.is_stopped or best.loss <= task.bound(self.enough):
                break
            again = self._estimate(task, Start(best.coefficients, best.network), course)
            is_better, is_over = again.loss < best.loss, again.loss > self.promising * best.loss
            best = again if is_better else best
            if is_over:
                break
        return best

    def _estimate(self, task: Task, start: Start, course: Course, is_noisy: bool = False) -> Solution:
        """From one start, in units of the scale that the equations ask for there."""
        held = task.problem.with_coefficients(start.coefficients.holding())
        held = held.training(start.network.linear)
        choice = clone(self.scale or ScaleChoice())
        choice = choice.set_params(below_values=self.below_values) if is_noisy else choice
        with course.heeding():
            placement, scale = choice.choose(of_rows(held), [task.placement], task.width, around=start.network)
        placed = placement.network(task.width, scale, zero=True)
        affine = affine_at(held.with_network(start.network)).carried_to(placed)
        first = damped_solve(affine.jacobian(), -affine.residual, ROUND_OFF)
        output = held.with_network(placed).at(first).with_coefficients(start.coefficients)
        optimizer, steps = SettlingNewton(self.max_iter, self.halvings), min(self.max_iter, course.left)
        result = course.run("coefficients", optimizer, output, max_iter=steps)
        found = task.problem.training(placed.linear).taking(output.at(result.parameters).unknowns)
        return Solution(found, result.loss)

    def _from_values(self, task: Task) -> Start | None:
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
        network = cast(TwoLayerNetwork, output.network(output.start + step))
        if not others:
            return Start(task.problem.coefficients, network)
        fitted = replace(task.problem, blocks=tuple(others)).with_network(network)
        alone = fitted.training(())
        result = minimize(NGD(), alone, alone.start, max_iter=self.max_iter)
        return Start(alone.at(result.parameters).coefficients, network) if math.isfinite(result.loss) else None


class IdentifyInCoordinates(Stage):
    """Where placed units are not enough, for a shock: train a small deep network and coefficients on the same rows.

    Then a wide layer is put on top of its hidden layers, and its output weights and the coefficients are solved for.

    Parameters
    ----------
    hidden : tuple of int
    steps : int
        Of the training of all weights.
    kept : int
        After so many steps it is asked whether the loss still falls.
    falling : float
        By this factor.
    scale, slope, trainer
        As in `TrainCoordinates`.
    units : tuple of int
        Of the wide layers, one after the other while that helps.
    rows_per_unit : float
        Residuals of a wide layer.
    max_iter, halvings, exact, promising, ratios
        As in `Identify`.
    """

    serves_unknowns = True

    def __init__(
        self,
        hidden: tuple[int, ...] = (20, 20, 20),
        steps: int = 200,
        kept: int = 20,
        falling: float = 0.9,
        scale: float = 3.0,
        slope: float = 0.3,
        trainer: Optimizer | None = None,
        units: tuple[int, ...] = (1000, 2000),
        rows_per_unit: float = 2.0,
        max_iter: int = 8,
        halvings: int = 8,
        exact: float = 1e-5,
        promising: float = 0.3,
        ratios: Sequence[float] = (1e-3, 1e-2, 1e-1),
    ):
        self.hidden = hidden
        self.steps = steps
        self.kept = kept
        self.falling = falling
        self.scale = scale
        self.slope = slope
        self.trainer = trainer
        self.units = units
        self.rows_per_unit = rows_per_unit
        self.max_iter = max_iter
        self.halvings = halvings
        self.exact = exact
        self.promising = promising
        self.ratios = ratios

    @property
    def most_steps(self) -> int:
        """Those of training, of each wide layer and of solves among noise."""
        return self.steps + (len(self.units) + PASSES * len(self.ratios)) * self.max_iter

    def applies(self, task: Task) -> bool:
        """Whether there is anything to estimate, and the network is free."""
        return bool(task.problem.coefficients.size) and task.may_widen and task.trains_all

    def run(self, task: Task, solution: Solution, course: Course) -> Solution:
        """Train and solve, unless the solution that comes will do."""
        is_exact = solution.is_placed and solution.loss <= task.bound(self.exact)
        if not self.applies(task) or solution.is_done or is_exact or course.left < 1:
            return solution
        best = self._widened(task, self._train(task, solution.coefficients, course), course)
        best = replace(best, problem=task.problem.training(best.problem.unknowns.trained).taking(best.problem.unknowns))
        best = replace(best, loss=float(best.problem.loss(best.problem.start)))
        if course.is_stopped:
            return best
        if best.loss > task.bound(self.exact):
            best = among_noise(
                task, best, self.ratios, course, lambda problem, start: self._settle(problem, start, course)
            )
        return replace(best, is_done=best.noise is not None or best.loss <= task.target)

    def _train(self, task: Task, coefficients: Coefficients, course: Course) -> Solution:
        """All weights of a small deep network, and the coefficients."""
        network = task.placement.deep(self.hidden, scale=self.scale, zero=False)
        problem = task.problem.with_network(network).training(trainable_blocks(network, "all"))
        problem, loss, damping = problem.with_coefficients(coefficients), math.inf, None
        optimizer = self.trainer or GaussNewton(damping=Longest(), acceleration=Geodesic())
        for _ in range(0, self.steps, self.kept):
            steps = min(self.kept, course.left)
            result = course.run("coordinates and coefficients", optimizer, problem, damping, max_iter=steps)
            problem, damping = problem.at(result.parameters), result.handed_on
            is_over = course.is_stopped or course.left < 1 or result.stop == "stalled"
            if is_over or not result.loss < self.falling * loss:
                break
            loss = result.loss
        return Solution(problem, result.loss, is_trained=True)

    def _widened(self, task: Task, trained: Solution, course: Course) -> Solution:
        """Wider and wider layers on top, while the loss falls."""
        best, rng, problem = trained, np.random.default_rng(task.placement.seed), trained.problem
        if task.draw is not None:
            problem = task.refined(problem, course)
            best = replace(trained, problem=problem, loss=float(problem.loss(problem.start)))
        for units in self.units:
            n_outputs = trained.network.n_outputs
            if course.is_stopped or course.left < 1 or units * n_outputs * self.rows_per_unit > problem.n_residuals:
                break
            anchors = as_tensor(rng.uniform(*task.placement.bounds, size=(units, task.placement.n_dims)))
            wide = widened(trained.network, units, self.slope, anchors.to(task.problem.start), rng)
            begun = problem.with_coefficients(best.coefficients).with_network(wide)
            found = self._settle(problem, replace(best, problem=begun), course)
            is_promising = found.loss < self.promising * best.loss
            best = found if found.loss < best.loss else best
            if not is_promising:
                break
        return best

    def _settle(self, problem: LeastSquares, start: Solution, course: Course) -> Solution:
        """Output weights and coefficients, for the hidden units of a solution."""
        output = problem.taking(start.problem.unknowns).training(start.network.linear)
        steps = min(self.max_iter, course.left)
        result = course.run("coefficients", SettlingNewton(self.max_iter, self.halvings), output, max_iter=steps)
        return Solution(output.at(result.parameters), result.loss, is_trained=True)
