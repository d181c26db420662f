"""Initial value problems, marched in windows that choose their own length.

On a long interval a fit may jump from the initial value to a fixed point of the equations right behind the start: that
costs next to nothing between two rows. In a short window there is no such way. So each window is a least-squares
problem of its own, u at its begin is what the window before ended with, and it is accepted where its residual is small
at rows that it has not seen, many of them next to its begin; then the next one is longer, otherwise it is tried again,
shorter.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pinnlearn.arrays import as_tensor
from pinnlearn.least_squares import Block, LeastSquares, LinearizedEquation, Unknowns
from pinnlearn.networks import PiecewiseNetwork, Window, window_weights
from pinnlearn.training.course import Course
from pinnlearn.training.initial_value import InitialValueProblem, derivative
from pinnlearn.training.marching import Pace
from pinnlearn.training.newton import Newton
from pinnlearn.training.propagation import Propagation, middles
from pinnlearn.training.stages import Solution, Stage, Task

# A residual that is smaller than this, relative to the terms of its equation, is round-off in a network's derivatives.
ROUND_OFF = 1e-12
# An output counts for at least this part of its largest value so far, and of the largest of all outputs.
FADED, VANISHED = 1e-6, 1e-10
# In single precision less is accepted: so many times the rounding of 1.
LEAST = 1e3
# Fresh rows reach to this part of a window's length from its begin.
NEAREST = 2.0**-40


class MarchWindows(Stage):
    """Solve an initial value problem in windows, each a least-squares problem of its own.

    It is for equations along one coordinate whose conditions and known values are all at one end of the domain, and
    determine u and its derivatives below the order of the equations there; anything else is handed on as it came. The
    first window is the whole interval, so that what is smooth is solved in one. Where the windows do not come to the
    other end, the solution is handed on as it came as well. Units are as many as the windows need, whatever `width`;
    `warm_start` begins them anew.

    Parameters
    ----------
    units : int
        In each window, one of them constant. 40 resolve what a polynomial of degree 20 does; more cost time and
        bring no digits that double precision has.
    slope : float
        Their slopes are normal with this standard deviation per window: below 2 they are too alike for round-off, above
        8 too steep for 40 of them to be smooth together.
    rows : int
        In each window, at Chebyshev points, so that none is far from its ends; those of X in it join them, at most as
        many again. More than twice the units leave no room between rows.
    fresh_rows : int
        By which a window is accepted, half of them at distances from its begin that shrink geometrically.
    looks : int
        Further fresh rows, so many over the whole interval: a pulse of a few thousandths of it is not passed over.
    accepted : float
        The largest relative residual: of u' times the length of the window, in units of u at its begin.
    continuity : float
        The weight of what is known at the begin of a window beside the mean over its rows.
    growth : float
        The next window is so many times as long; one that is not accepted is tried again so many times as short.
    steps : int
        Newton steps in a window at most; where they converge, seven are enough.
    tries : int
        Windows tried at most; one takes about 20 ms for each output.
    likely : float
        Where the errors that windows hand on may have grown to this part of u, the other stages try as well: a solve
        for all times at once does not follow what runs away from a solution.
    smallest : float
        The shortest window, as a part of the interval: shorter ones are lost in the rounding of t.

    References
    ----------
    Wang, Sankaran and Perdikaris (2024), "Respecting causality for training physics-informed neural networks", CMAME
    421: why a fit to all times at once fails.
    """

    def __init__(
        self,
        units: int = 40,
        slope: float = 4.0,
        rows: int = 100,
        fresh_rows: int = 400,
        looks: int = 20_000,
        accepted: float = 1e-9,
        continuity: float = 100.0,
        growth: float = 2.0,
        steps: int = 12,
        tries: int = 600,
        likely: float = 0.1,
        smallest: float = 1e-12,
    ):
        self.units = units
        self.slope = slope
        self.rows = rows
        self.fresh_rows = fresh_rows
        self.looks = looks
        self.accepted = accepted
        self.continuity = continuity
        self.growth = growth
        self.steps = steps
        self.tries = tries
        self.likely = likely
        self.smallest = smallest

    @property
    def most_steps(self) -> int:
        """Those of all windows; they are twice solved for where a size of u shows in the first solve alone."""
        return 2 * self.tries * self.steps

    def applies(self, task: Task) -> bool:
        """Whether the task is an initial value problem, at rows of a domain."""
        return self._initial_value_problem(task) is not None

    def _initial_value_problem(self, task: Task) -> InitialValueProblem | None:
        unknowns = task.problem.unknowns
        # Units with kinks in a derivative would take windows by the thousand to this residual.
        if task.draw is None or unknowns.linear is None or math.isfinite(unknowns.network.highest_order):
            return None
        return InitialValueProblem.of(task.problem, task.placement.bounds)

    def run(self, task: Task, solution: Solution, course: Course) -> Solution:
        """March to the end, or hand on what came."""
        problem = self._initial_value_problem(task)
        if problem is None or course.left < 1:
            return solution
        march = March(self, task, problem, course)
        is_there = march.run()
        if not march.networks or not (is_there or course.is_stopped):
            return solution
        marched = self._solution(task, march, is_there)
        is_likely = marched.determination is None or marched.determination.bound <= self.likely
        return marched if is_likely or course.is_stopped else replace(solution, aside=marched)

    def _solution(self, task: Task, march: March, is_there: bool) -> Solution:
        """What the windows make together."""
        network = PiecewiseNetwork.joined(march.networks).whole
        windows = tuple(sorted(march.windows))
        determination = march.propagation.determination if windows else None
        return Solution(
            task.problem.with_network(network),
            task.loss(network),
            is_trained=True,
            is_done=is_there,
            windows=windows,
            determination=determination,
        )


@dataclass(eq=False)
class March:
    """The windows so far, in the order of the march, and the largest value of each output in them."""

    stage: MarchWindows
    task: Task
    problem: InitialValueProblem
    course: Course
    networks: list[PiecewiseNetwork] = field(default_factory=list)
    windows: list[Window] = field(default_factory=list)

    def __post_init__(self) -> None:
        like = self.problem.governing.x
        self.largest = like.new_zeros(len(self.problem.orders))
        self.propagation = Propagation(self.problem.orders, like)

    def run(self) -> bool:
        """March; whether the other end was reached."""
        problem, stage = self.problem, self.stage
        t, state, conditions = problem.start, problem.state, problem.conditions
        pace = Pace(t, problem.end, abs(problem.end - t), stage.growth)
        shortest = stage.smallest * pace.length
        for _ in range(stage.tries):
            trial = Trial(self, t, pace.reach(t), state, conditions)
            network, residual = trial.solve() if pace.length >= shortest and self.course.left else (None, math.inf)
            if network is None or self.course.is_stopped:
                self.networks += [network] if network and not self.networks else []
                return False
            if not residual <= trial.accepted:
                pace.shorten(trial.length)
                continue
            trial.propagate(network)
            self._keep(trial, network, residual)
            if trial.end == problem.end:
                return True
            t, state = trial.end, problem.state_of(network, trial.end)
            conditions = (problem.continuing(t, state),)
            pace.go_on(trial.length, grows=not pace.was_shortened)
        return False

    def _keep(self, trial: Trial, network: PiecewiseNetwork, residual: float) -> None:
        begin, end = sorted((trial.begin, trial.end))
        self.networks.append(network)
        self.windows.append(Window(begin, end, network.width, residual))
        self.largest = torch.maximum(self.largest, trial.values(network).abs().amax(dim=0))


@dataclass(frozen=True, eq=False)
class Trial:
    """A window that is tried, from a state at its begin; `end` is before `begin` where a march runs backward."""

    march: March
    begin: float
    end: float
    state: list[Tensor]
    conditions: tuple[Block, ...]

    @property
    def length(self) -> float:
        """Of the window."""
        return abs(self.end - self.begin)

    @property
    def accepted(self) -> float:
        """The largest relative residual of a window to keep, as far as the precision allows."""
        return max(self.march.stage.accepted, LEAST * torch.finfo(self._governing.x.dtype).eps)

    @property
    def _governing(self) -> Block:
        return self.march.problem.governing

    def solve(self) -> tuple[PiecewiseNetwork | None, float]:
        """The network of the window, and its largest relative residual at fresh rows; infinite where there is none."""
        network = self._start()
        sizes = self._sizes(network)
        unknown = sizes == 0
        if bool(unknown.any()):
            known = float(sizes.max()) or 1.0
            network = self._solved(network, torch.where(unknown, known, sizes))
            measured = torch.clamp(self.values(network).abs().amax(dim=0), min=VANISHED * known)
            sizes = torch.where(unknown, measured, sizes)
        network = self._solved(network, sizes)
        return network, self._residual(network, sizes)

    def _start(self) -> PiecewiseNetwork:
        """Units of the window that continue the state as a polynomial: as a constant for equations of first order."""
        march, lower = self.march, min(self.begin, self.end)
        placement, stage = march.task.placement, march.stage
        rng = np.random.default_rng([placement.seed, len(march.course.stages)])
        weights = window_weights(stage.units, placement.n_outputs, self.length, stage.slope, rng)
        x = self._points(self._chebyshev())
        powers = [(x[:, 0] - self.begin) ** j / math.factorial(j) for j in range(max(map(len, self.state)))]
        values = [sum(y * power for y, power in zip(u, powers, strict=False)) for u in self.state]
        piece = placement.build(weights).fitted_to(x - lower, torch.stack(values, dim=1))
        return PiecewiseNetwork((lower,), (piece,))

    def _points(self, parts: NDArray) -> Tensor:
        """Points at parts of the window from its begin, (n, 1)."""
        points = self.begin + (self.end - self.begin) * np.asarray(parts)[:, None]
        return as_tensor(points, self._governing.x.device, self._governing.x.dtype)

    def _chebyshev(self) -> NDArray:
        n = self.march.stage.rows
        return (1 - np.cos(np.pi * (np.arange(n) + 0.5) / n)) / 2

    def _rows(self) -> Tensor:
        """Chebyshev points, and rows of X in the window."""
        given, n = self._governing.x, self.march.stage.rows
        lower, upper = sorted((self.begin, self.end))
        inside = given[(given[:, 0] >= lower) & (given[:, 0] <= upper)]
        return torch.cat([self._points(self._chebyshev()), inside[:: max(1, math.ceil(len(inside) / n))]])

    def _fresh(self, n_more: int = 0) -> Tensor:
        """Points that are no rows: uniform ones, ones in geometric progression from the begin, and both ends."""
        rng, n = np.random.default_rng(self.march.task.placement.seed + 1), self.march.stage.fresh_rows // 2
        return self._points(np.concatenate([[0.0, 1.0], rng.random(n + n_more), NEAREST ** rng.random(n)]))

    def values(self, network: PiecewiseNetwork) -> Tensor:
        """Evaluate u at Chebyshev points, (n, n_outputs)."""
        return network.evaluate(self._points(self._chebyshev())).reshape(self.march.stage.rows, -1)

    def _sizes(self, start: PiecewiseNetwork) -> Tensor:
        """The size of each output: of its state, and of what the equations make of it, over the window; or 0."""
        powers = [[self.length**j for j in range(len(u))] for u in self.state]
        of_state = torch.stack([(u.abs() * u.new_tensor(p)).max() for u, p in zip(self.state, powers, strict=True)])
        orders = self.march.problem.orders
        by_equations = self._highest(start).abs() * of_state.new_tensor([self.length**m for m in orders])
        return torch.maximum(torch.maximum(of_state, by_equations), FADED * self.march.largest)

    def _highest(self, start: PiecewiseNetwork) -> Tensor:
        """The highest derivative of each output at the begin, by the equations, (n_outputs,)."""
        problem, first = self.march.problem, self._points(np.zeros(1))
        part, at = self._linearized(start, first), start.at(first)
        A = first.new_zeros(len(part.coefficients), len(problem.orders))
        for i in range(len(A)):
            for term, c in problem.leading(part, i).items():
                A[i, term.output] = c[0] * (term.symbol.order > 0)
        begun = torch.cat([at.term(derivative(m), k) for k, m in enumerate(problem.orders)])
        rest = A @ begun - part.residual[0]
        finite = bool(torch.isfinite(A).all()) and bool(torch.isfinite(rest).all())
        return torch.linalg.pinv(A) @ rest if finite else torch.full_like(begun, math.nan)

    def _block(self, x: Tensor) -> Block:
        """The equations at points."""
        at_rows, rows = self._governing.at_rows, np.arange(len(x))
        return replace(self._governing, at_rows=replace(at_rows, x=x, equation=replace(at_rows.equation, rows=rows)))

    def _linearized(self, network: PiecewiseNetwork, x: Tensor) -> LinearizedEquation:
        return self._block(x).at_rows.linearize(network.at(x), network.highest_order)

    def _scales(self, part: LinearizedEquation, sizes: Tensor) -> list[float]:
        """How large each component of an equation is where outputs of these sizes vary over the window."""
        scales = []
        for i in range(len(part.coefficients)):
            leading = self.march.problem.leading(part, i).items()
            terms = [c * sizes[t.output] / self.length**t.symbol.order for t, c in leading]
            scales.append(float(torch.stack(terms).square().sum(dim=0).mean().sqrt()))
        return scales

    def _posed(self, network: PiecewiseNetwork, sizes: Tensor, x: Tensor) -> LeastSquares | None:
        """The equations at points, and what holds at the begin, relative to their scales; None where these are none."""
        blocks = (self._block(x), *self.conditions)
        parts = [b.at_rows.linearize(network.at(b.x), network.highest_order) for b in blocks]
        scales = [self._scales(part, sizes) for part in parts]
        if not all(0 < scale < math.inf for each in scales for scale in each):
            return None
        wanted = [1.0, *[self.march.stage.continuity] * len(self.conditions)]
        weighted = tuple(
            replace(block, weights=tuple((by / scale) ** 2 for scale in each))
            for block, each, by in zip(blocks, scales, wanted, strict=True)
        )
        return LeastSquares(Unknowns(network, network.linear), weighted)

    def _solved(self, network: PiecewiseNetwork, sizes: Tensor) -> PiecewiseNetwork:
        """The network with the output weights that solve the equations in the window, as far as Newton steps lead."""
        problem, course = self._posed(network, sizes, self._rows()), self.march.course
        if problem is None or not math.isfinite(float(problem.loss(problem.start))):
            return network
        steps = max(1, min(self.march.stage.steps, course.left))
        result = course.run("window", Newton(), problem, max_iter=steps)
        return cast(PiecewiseNetwork, problem.network(result.parameters))

    def propagate(self, network: PiecewiseNetwork) -> None:
        """Carry the errors of the windows before on through this one."""
        sizes = self.values(network).abs().amax(dim=0)
        problem = self._posed(network, torch.maximum(sizes, self._floor(sizes)), self._fresh())
        if problem is not None:
            x = as_tensor(middles(self.begin, self.end)[:, None], self._governing.x.device, self._governing.x.dtype)
            state = torch.cat([u[:m] for u, m in zip(self.state, self.march.problem.orders, strict=True)])
            self.march.propagation.add(problem, self._linearized(network, x), self.begin, self.end, state)

    def _residual(self, network: PiecewiseNetwork, sizes: Tensor) -> float:
        """The largest relative residual of equations and conditions; an output is no larger than it varies."""
        values = self.values(network)
        varies = (values - torch.stack([u[0] for u in self.state])).abs().amax(dim=0)
        least = torch.stack([u[0].abs() for u in self.state]).clamp(min=0)
        sizes = torch.maximum(torch.maximum(least, torch.minimum(sizes, varies)), self._floor(sizes))
        whole = abs(self.march.problem.end - self.march.problem.start)
        parts = [self._linearized(network, self._fresh(int(self.march.stage.looks * self.length / whole)))]
        parts += [b.at_rows.linearize(network.at(b.x), network.highest_order) for b in self.conditions]
        return max(self._relative(part, sizes) for part in parts)

    def _floor(self, sizes: Tensor) -> Tensor:
        return torch.maximum(torch.full_like(sizes, VANISHED * float(sizes.max())), FADED * self.march.largest)

    def _relative(self, part: LinearizedEquation, sizes: Tensor) -> float:
        """The largest residual of an equation, relative to its scale and to the round-off of its terms."""
        worst = []
        for i, (r, scale) in enumerate(zip(part.residual.unbind(dim=1), self._scales(part, sizes), strict=True)):
            terms = [(c * part.terms[t]).abs() for t, c in part.coefficients[i].items()]
            size = scale + ROUND_OFF / self.march.stage.accepted * torch.stack(terms).sum(dim=0)
            worst.append(float((r.abs() / size).max()))
        return max(worst) if all(map(math.isfinite, worst)) else math.inf
