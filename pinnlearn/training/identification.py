"""Unknown coefficients along with u: where to begin, and one least-squares problem for both.

In hidden units that stay, the output weights and the coefficients are the parameters: an equation such as
u_t - nu u_xx is bilinear in them, and Gauss-Newton steps converge from a good start. Measurements give one, whatever
the guess: u is fitted to them alone, and the coefficients then to the equations at this u, where they mostly enter
linearly. The guess is another start, and the one that ends with the smaller loss counts.
"""

from __future__ import annotations

import math
from dataclasses import replace
from collections.abc import Sequence
from typing import NamedTuple

import torch
from sklearn.base import clone

from pinnlearn.least_squares import Coefficients
from pinnlearn.linalg import damped_solve
from pinnlearn.networks import TwoLayerNetwork
from pinnlearn.optimizers import NGD, Optimizer, minimize
from pinnlearn.optimizers.base import Problem, State
from pinnlearn.optimizers.trust import hardly_falls
from pinnlearn.training.choices import ROUND_OFF, DampingChoice, ScaleChoice, affine_at
from pinnlearn.training.course import Course
from pinnlearn.training.stages import Solution, Stage, Task
from pinnlearn.training.uncertainty import measuring, uncertainty, weighing


class Start(NamedTuple):
    """Where to begin: coefficients, and a u that measurements suggest."""

    coefficients: Coefficients
    network: TwoLayerNetwork


class GaussNewtonToSmallest(Optimizer):
    """Gauss-Newton steps to the smallest parameters, columns of J of length 1, that solve the linear model.

    Unlike `Newton` it goes on until the linear model has nothing to gain, so that coefficients have settled also where
    noise is left of the loss.

    Parameters
    ----------
    max_iter : int
    halvings : int
        A step that would raise the loss is halved so many times at most.
    settled : float
        It ends where the linear model promises to lower the loss by less than this part.
    damping : float
        Relative to the mean diagonal of J J^T: round-off.
    patience : tuple (steps, part)
        It ends as well where the loss has not fallen to this part in so many steps.
    """

    learning_rate = None

    def __init__(
        self,
        max_iter: int = 20,
        halvings: int = 8,
        settled: float = 1e-8,
        damping: float = 1e-28,
        patience: tuple[int, float] = (3, 0.5),
    ):
        self.max_iter = max_iter
        self.halvings = halvings
        self.settled = settled
        self.damping = damping
        self.patience = patience

    def step(self, problem: Problem, state: State) -> State:
        """Go where the linear model is least, or part of the way."""
        linear = problem.linearize(state.parameters)
        J, r = linear.jacobian(), linear.residual
        b = J @ state.parameters - r
        lengths = torch.linalg.vector_norm(J, dim=0)
        lengths = torch.where(lengths > 0, lengths, 1.0)
        solved = damped_solve(J / lengths, b, self.damping, "qr") / lengths
        predicted = float((J @ solved - b).square().sum()) / 2
        step, losses = solved - state.parameters, state.memory or (state.loss,)
        for _ in range(self.halvings + 1):
            loss = float(problem.loss(state.parameters + step))
            if loss < state.loss:
                break
            step = step / 2
        else:
            return replace(state, stop="stalled")
        losses = (*losses, loss)
        is_over = state.loss - predicted < self.settled * state.loss or hardly_falls(losses, self.patience)
        return State(state.parameters + step, loss, losses, "stalled" if is_over else None)


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
    as_good : float
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
        as_good: float = 1.02,
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
        self.as_good = as_good

    @property
    def most_steps(self) -> int:
        """Those of all runs: two from each of two starts, and one at the scale that the best of them asks for."""
        return (2 + 2 * self.rounds + 2 * len(self.ratios)) * self.max_iter

    def applies(self, task: Task) -> bool:
        """Whether there is anything to estimate, in one hidden layer."""
        return bool(task.problem.coefficients.size) and not task.is_deep

    def run(self, task: Task, solution: Solution, course: Course) -> Solution:
        """Estimate from each start, and once more at the scale that the best estimate asks for."""
        if not self.applies(task) or course.left < 1:
            return solution
        best = self._best(task, solution.coefficients, course)
        if best.loss > task.bound(self.exact) or isinstance(task.noise, float):
            best = self._among_noise(task, best, course)
        return replace(best, is_done=best.noise is not None or best.loss <= task.target)

    def _best(self, task: Task, guess: Coefficients, course: Course) -> Solution:
        """What measurements suggest, and, where that does not do, the guess."""
        best = None
        suggested = self._from_values(task)
        if suggested is not None:
            best = self._refined(task, suggested, course)
        if best is None or not (course.is_stopped or best.loss <= task.bound(self.exact)):
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

    def _among_noise(self, task: Task, best: Solution, course: Course) -> Solution:
        """With equations that hold, and measurements by their noise, where what is left is that of measurements."""
        names = [block.equation.name for block in measuring(task.problem)]
        given = task.noise if isinstance(task.noise, float) else None
        for ratio in self.ratios:
            noise = dict.fromkeys(names, given or 1.0)
            found = self._weighed(task, best, noise, ratio, course)
            known = uncertainty(found.problem, names, given)
            if given is None and len(set(known.noise.values())) > 1:
                found = self._weighed(task, found, known.noise, ratio, course)
                known = uncertainty(found.problem, names)
            losses = found.problem.equation_losses(found.problem.start)
            of_values = sum(losses[name] for name in names)
            if found.loss - of_values < of_values:
                return replace(found, noise=known.noise)
        return best

    def _weighed(self, task: Task, start: Solution, noise: dict[str, float], ratio: float, course: Course) -> Solution:
        weighed = replace(task, problem=weighing(task.problem, noise, ratio))
        return self._estimate(weighed, Start(start.coefficients, start.network), course, True)

    def _estimate(self, task: Task, start: Start, course: Course, is_noisy: bool = False) -> Solution:
        """From one start, in units of the scale that the equations ask for there."""
        held = task.problem.with_coefficients(start.coefficients.holding())
        held = held.training(start.network.linear)
        choice = clone(self.scale or ScaleChoice())
        choice = choice.set_params(as_good=self.as_good) if is_noisy else choice
        placement, scale = choice.choose(held, [task.placement], task.width, around=start.network)
        placed = placement.network(task.width, scale, zero=True)
        affine = affine_at(held.with_network(start.network)).carried_to(placed)
        first = damped_solve(affine.jacobian(), -affine.residual, ROUND_OFF)
        output = held.with_network(placed).at(first).with_coefficients(start.coefficients)
        optimizer, steps = GaussNewtonToSmallest(self.max_iter, self.halvings), min(self.max_iter, course.left)
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
        network = output.network(output.start + step)
        fitted = replace(task.problem, blocks=tuple(others)).with_network(network)
        alone = fitted.training(())
        result = minimize(NGD(), alone, alone.start, max_iter=self.max_iter)
        return Start(alone.at(result.parameters).coefficients, network) if math.isfinite(result.loss) else None
