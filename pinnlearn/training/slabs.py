"""Equations in time and space, marched in slabs that choose their own length.

Where many waves pass, or a slow change follows a fast one, one set of units resolves no more than a part of all times.
So time is cut into slabs. Each is a least-squares problem of its own, for the output weights of units placed in it,
with rows of its own: the equations and the conditions on the boundary hold there, and at its begin u and its
derivatives in time below the order of the equations are those that the slab before ended with. It is accepted where
its residuals are small at fresh points; then the next one is as long, or longer, otherwise it is tried again, shorter.

The error is marched as well. To first order it is the function e that takes the residual r of a slab away, A e = -r,
and goes on from the e of the slab before; it is solved for at fresh points, with other units than those of u.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pinnlearn.arrays import as_array, as_tensor
from pinnlearn.hyperparameters import check_choice
from pinnlearn.jets import Jet, Symbol
from pinnlearn.least_squares import Block, Equation, EquationAtRows, LeastSquares, Unknowns, Weight
from pinnlearn.linalg import small_solution
from pinnlearn.networks import PiecewiseNetwork, Window, half_width
from pinnlearn.posing.ground import Ground
from pinnlearn.posing.measures import measured, naturally_weighted, output_sizes
from pinnlearn.posing.weights import balanced_weights
from pinnlearn.training.choices import ScaleChoice
from pinnlearn.training.course import Course
from pinnlearn.training.determination import Determination, Determiner
from pinnlearn.training.marching import Pace, continuing, kept_below, orders_in_time
from pinnlearn.training.newton import Newton
from pinnlearn.training.placement import Placement
from pinnlearn.training.stages import Solution, Stage, Task
from pinnlearn.training.windows import FADED, LEAST

EQUATIONS = ("all", "linear", "nonlinear")
# What rows are drawn for; and by how much the units that an error is solved for with are reseeded.
TO_SOLVE, TO_JUDGE = 0, 1
OTHER_UNITS = 10_000
# A slab that a shorter one did not better shows what there is to reach: so many times as much is accepted from then on.
AS_GOOD = 2.0


class MarchSlabs(Stage):
    """Solve an equation in time and space slab by slab, where one solve for all times does not hold.

    It is for domains in time and space whose equations read derivatives in time, and refer to no other time; nothing is
    known but conditions. A solution that holds at points that are no rows is handed on as it came; so it is where the
    equations leave u open, and where the march does not come to the end. Units are as many as slabs need, whatever
    `width`, and rows are drawn for each slab; those of X in it join them.

    Parameters
    ----------
    equations : {"all", "linear", "nonlinear"}
        Those that it is for.
    units : sequence of int
        In each slab: with one coordinate of space, with two, ..., the last one also with more.
    rows : float
        Of the PDE, for each unit; rows of X are at most as many again.
    conditions : float
        Rows on the boundary, and at the begin, for each of the units^(1 - 1/d) that d coordinates leave to a face.
    emphasis : float
        What residuals of conditions, and at the begin, are multiplied with beside the mean over rows of the PDE.
    accepted : float
        The largest relative residual at fresh points of a slab that is kept.
    room : float
        Below this part of it the next slab is longer; a larger part where shorter slabs have turned out to bring less.
    first : float
        The first slab, as a part of all times.
    growth : float
        A longer slab is so many times as long, a shorter one so many times as short.
    helping, telling : float
        A shorter slab is to bring a residual above `enough`, and one below, to this part. If it does not, the units do
        not resolve space, or rounding and errors of the slabs before are what is left, and the longer one is kept.
    tolerated : float
        The largest relative residual of such a slab.
    enough : float
        With larger ones than this, other stages try as well.
    estimated : float
        With a larger estimated error a solution is not handed on, though its equations hold.
    steps : int
        Newton steps in a slab of nonlinear equations at most; linear ones take one.
    tries : int
        Slabs tried at most. A march that would take more of them, even of longer ones, is given up.
    scale : ScaleChoice, optional
        How steep units are, chosen for each length of a slab; None is `ScaleChoice(n_rows=900, n_units=300)`.

    See Also
    --------
    MarchWindows : Equations along one coordinate.

    References
    ----------
    Wang, Sankaran and Perdikaris (2024), "Respecting causality for training physics-informed neural networks", CMAME
    421: why a fit to all times at once fails.
    """

    def __init__(
        self,
        equations: str = "all",
        units: Sequence[int] = (600, 1000),
        rows: float = 4.0,
        conditions: float = 8.0,
        emphasis: float = 10.0,
        accepted: float = 5e-7,
        room: float = 0.01,
        first: float = 0.125,
        growth: float = 2.0,
        helping: float = 0.9,
        telling: float = 0.5,
        tolerated: float = 1e-4,
        enough: float = 1e-5,
        estimated: float = 1e-3,
        steps: int = 8,
        tries: int = 120,
        scale: ScaleChoice | None = None,
    ):
        self.equations = equations
        self.units = units
        self.rows = rows
        self.conditions = conditions
        self.emphasis = emphasis
        self.accepted = accepted
        self.room = room
        self.first = first
        self.growth = growth
        self.helping = helping
        self.telling = telling
        self.tolerated = tolerated
        self.enough = enough
        self.estimated = estimated
        self.steps = steps
        self.tries = tries
        self.scale = scale

    @property
    def most_steps(self) -> int:
        """Those of all slabs."""
        return self.tries * self.steps

    def applies(self, task: Task) -> bool:
        """Whether there are time and space, a domain to draw rows from, and conditions alone."""
        problem, unknowns = task.problem, task.problem.unknowns
        if task.ground is None or task.placement.n_dims < 2 or not problem.has_time or unknowns.linear is None:
            return False
        # Units with kinks in a derivative would take slabs by the thousand to this residual.
        is_smooth = not math.isfinite(unknowns.network.highest_order)
        has_values = any(equation.values is not None for equation in problem.equations)
        if not is_smooth or has_values or not problem.n_interior:
            return False
        # As many initial values as the orders ask for; whether they are the right ones is seen in the first slab.
        n_initial = sum(len(block.weights) for block in problem.blocks if block.equation.group == "initial")
        return 0 < sum(orders_in_time(problem)) <= n_initial

    def run(self, task: Task, solution: Solution, course: Course) -> Solution:
        """March to the end, or hand on what came."""
        if course.left < 1 or not self.applies(task):
            return solution
        check_choice("equations", self.equations, EQUATIONS)
        is_linear = solution.problem.looks_linear
        if self.equations not in ("all", "linear" if is_linear else "nonlinear"):
            return solution
        verification = task.verify(solution)
        if verification is None:
            return solution
        error = max(verification.error_estimates, default=0.0)
        if verification.equations_hold and error <= self.estimated:
            return solution
        march, found = SlabMarch(self, task, course, is_linear), verification.determination
        # What is linear is as determined at a wrong u as at the right one.
        is_open = march.is_linear and found is not None and not found.is_determined
        return march.solution if not is_open and march.run() else solution

    def n_units(self, n_dims: int) -> int:
        """The number of units of a slab."""
        return self.units[min(n_dims - 1, len(self.units)) - 1]


class Solved(NamedTuple):
    """A slab, its network and its largest relative residual at fresh points."""

    slab: Slab
    network: PiecewiseNetwork
    residual: float


@dataclass(eq=False)
class SlabMarch:
    """The slabs so far, and what is known of the error in them."""

    stage: MarchSlabs
    task: Task
    course: Course
    is_linear: bool
    kept: list[Solved] = field(default_factory=list)
    chosen: dict[int, tuple[Placement, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ground = cast(Ground, self.task.ground)
        self.start, self.end = (float(corner[-1]) for corner in self.ground.bounds)
        self.orders = orders_in_time(self.task.problem)
        self.n_units = self.stage.n_units(self.task.placement.n_dims)
        self.largest = self.like.new_zeros(len(self.orders))
        self._squares = self.like.new_zeros(2, len(self.orders))  # of errors and values, summed over time
        self._room = self.stage.room
        self._accepted = max(self.stage.accepted, LEAST * torch.finfo(self.like.dtype).eps)

    @property
    def like(self) -> Tensor:
        """Of the device and the precision of all that is computed."""
        return self.task.problem.start

    def run(self) -> bool:
        """March; whether the end was reached."""
        t = self.start
        pace = Pace(t, self.end, self.stage.first * (self.end - t), self.stage.growth)
        before: tuple[PiecewiseNetwork, ...] = ()
        longer: Solved | None = None
        for n_tried in range(1, self.stage.tries + 1):
            if self.course.left < 1 or self.course.is_stopped:
                return False
            tried = Slab(self, t, pace.reach(t), before).solve()
            if self._wants_shorter(tried, longer, self.stage.tries - n_tried):
                # What was chosen elsewhere does not do here.
                self.chosen.pop(tried.slab.key, None)
                longer = tried
                pace.shorten(tried.slab.length)
                continue
            best = self._settled(tried, longer)
            is_good = best.residual <= max(self.stage.tolerated, self._accepted)
            if not is_good or not (self.kept or best.slab.is_determined(best.network)):
                return False
            before, t, longer = (best.network, self._keep(best)), best.slab.end, None
            if t == self.end:
                return True
            pace.go_on(best.slab.length, grows=best.residual <= self._room * self._accepted)
            if pace.growth * pace.length * (self.stage.tries - n_tried) < self.end - t:
                return False
        return False

    def _wants_shorter(self, tried: Solved, longer: Solved | None, n_left: int) -> bool:
        """Whether a slab is not accepted, a shorter one is likely to be better, and `n_left` of those reach the end."""
        is_better = longer is None or tried.residual <= self._telling(longer) * longer.residual
        reached = n_left * tried.slab.length / self.stage.growth
        return tried.residual > self._accepted and is_better and reached >= self.end - tried.slab.begin

    def _telling(self, longer: Solved) -> float:
        """The part of a residual that a shorter slab is to bring it to, to be worth its while."""
        if longer.residual > self.stage.tolerated:
            return math.inf
        return self.stage.telling if longer.residual <= self.stage.enough else self.stage.helping

    def _settled(self, tried: Solved, longer: Solved | None) -> Solved:
        """The slab to keep: the longer one, where the shorter one is hardly better."""
        if longer is not None and tried.residual <= self._accepted:
            self._room = max(self.stage.room, tried.residual / longer.residual)
        if tried.residual <= self._accepted:
            return tried
        if longer is not None and tried.residual > self._telling(longer) * longer.residual:
            tried = longer if longer.residual <= self.stage.tolerated else tried
        self._accepted = max(self._accepted, min(AS_GOOD * tried.residual, self.stage.tolerated))
        return tried

    def _keep(self, solved: Solved) -> PiecewiseNetwork:
        """Take a slab up; its error."""
        error = solved.slab.error(solved.network)
        self.kept.append(solved)
        values, errors = (solved.slab.sizes(network) for network in (solved.network, error))
        self.largest = torch.maximum(self.largest, values)
        self._squares += solved.slab.length * torch.stack([errors, values]).square()
        # Residuals need not be smaller than the errors that the slabs before hand on.
        self._accepted = max(self._accepted, min(max(self._relative_errors), self.stage.tolerated))
        return error

    @property
    def _relative_errors(self) -> tuple[float, ...]:
        """Of each output, over all times so far."""
        error, value = self._squares
        return tuple(torch.where(value > 0, error / value, torch.where(error > 0, math.inf, 0.0)).sqrt().tolist())

    @property
    def solution(self) -> Solution:
        """What the slabs make together."""
        network = PiecewiseNetwork.joined([solved.network for solved in self.kept]).whole
        windows = tuple(Window(s.slab.begin, s.slab.end, s.network.width, s.residual) for s in self.kept)
        errors = self._relative_errors
        return Solution(
            self.task.problem.with_network(network),
            self.task.loss(network),
            is_done=max(window.residual for window in windows) <= max(self.stage.enough, self.stage.accepted),
            windows=windows,
            determination=Determination(math.nan, True, errors, max(errors)),
        )


@dataclass(frozen=True, eq=False)
class Slab:
    """The times from begin to end.

    Parameters
    ----------
    march : SlabMarch
    begin, end : float
    before : tuple of PiecewiseNetwork
        U in the slab before, and its error; empty for the first.
    """

    march: SlabMarch
    begin: float
    end: float
    before: tuple[PiecewiseNetwork, ...]

    @property
    def length(self) -> float:
        """Of time."""
        return self.end - self.begin

    @property
    def key(self) -> int:
        """The same for slabs of about the same length."""
        return round(math.log2(self.length / (self.march.end - self.march.start)))

    @property
    def _time(self) -> int:
        return self.march.task.placement.n_dims - 1

    def _box(self, begin: float) -> tuple[NDArray, NDArray]:
        """The bounding box of the slab, as if it began elsewhere."""
        lower, upper = (corner.copy() for corner in self.march.ground.bounds)
        lower[-1], upper[-1] = begin, begin + self.length
        return lower, upper

    def solve(self) -> Solved:
        """Solve for the output weights, as far as Newton steps lead, and judge them."""
        march, course = self.march, self.march.course
        network = self._units(len(march.kept))
        problem = self._posed(network, TO_SOLVE, self.before[:1])
        if not march.is_linear:
            problem = problem.with_network(self._continued(problem))
        steps = 1 if march.is_linear else march.stage.steps
        result = course.run("slab", Newton(patience=1), problem, max_iter=max(1, min(steps, course.left)))
        network = cast(PiecewiseNetwork, problem.network(result.parameters))
        return Solved(self, network, self._residual(network))

    def _residual(self, network: PiecewiseNetwork) -> float:
        """The largest relative residual of an equation at fresh points."""
        sizes = torch.maximum(output_sizes(self._values(network)), FADED * self.march.largest)
        fresh = self._posed(network, TO_JUDGE, self.before[:1])
        ratio = max(measure.ratio() for measure in measured(fresh, sizes, half_width(self._box(self.begin))))
        return ratio if math.isfinite(ratio) else math.inf

    def error(self, network: PiecewiseNetwork) -> PiecewiseNetwork:
        """The function that takes the residuals of a network at fresh points away, to first order."""
        fresh = self._posed(network, TO_JUDGE, self.before)
        others = self._units(len(self.march.kept) + OTHER_UNITS)
        linear = fresh.linearize(fresh.start).carried_to(others)
        weights = small_solution(linear.jacobian(), -linear.residual)
        return cast(PiecewiseNetwork, Unknowns(others, others.linear).at(weights).network)

    def is_determined(self, network: PiecewiseNetwork) -> bool:
        """Whether the equations determine u in the slab, as far as rounding lets tell."""
        like, fresh = self.march.like, self._posed(network, TO_JUDGE, self.before[:1])
        if like.dtype != torch.float64:
            return True
        box, sizes = self._box(self.begin), output_sizes(self._values(network))
        sizes = torch.where(sizes > 0, sizes, 1.0)
        linear = fresh.linearize(fresh.start)
        at_u = naturally_weighted(fresh, sizes, half_width(box), linear).linearized_as(linear)
        determiner = self.march.task.verifier.determiner or Determiner()
        return determiner.determine(at_u, box, sizes, self._inside).is_determined

    def sizes(self, network: PiecewiseNetwork) -> Tensor:
        """The RMS of each output, (n_outputs,)."""
        return self._values(network).reshape(-1, len(self.march.orders)).square().mean(dim=0).sqrt()

    def _values(self, network: PiecewiseNetwork) -> Tensor:
        return network.evaluate(self._inside)

    @property
    def _inside(self) -> Tensor:
        inside, _, _ = self._fresh
        return as_tensor(inside, self.march.like.device, self.march.like.dtype)

    def _units(self, reseeded: int) -> PiecewiseNetwork:
        """Units in the slab, whose time they measure from its begin; their output weights are zero."""
        placement, scale = self._chosen
        placement = replace(placement, bounds=self._box(0.0)).reseeded(reseeded)
        return PiecewiseNetwork((self.begin,), (placement.network(self.march.n_units, scale, zero=True),))

    @cached_property
    def _chosen(self) -> tuple[Placement, float]:
        """How steep units are, chosen for slabs of about this length."""
        march, key = self.march, self.key
        if key not in march.chosen:
            placement = replace(march.task.placement, bounds=self._box(self.begin))
            problem = self._posed(placement.network(1, 1.0, zero=True), TO_SOLVE, self.before[:1])
            choice = march.stage.scale or ScaleChoice(n_rows=900, n_units=300)
            with march.course.heeding():
                march.chosen[key] = choice.choose(problem, [placement], march.n_units)
        return march.chosen[key]

    @cached_property
    def _fresh(self) -> tuple[NDArray, NDArray, NDArray]:
        return self._points(TO_JUDGE)

    @cached_property
    def _rows(self) -> tuple[NDArray, NDArray, NDArray]:
        inside, outside, first = self._points(TO_SOLVE)
        return np.concatenate([inside, self._given(len(inside))]), outside, first

    def _points(self, purpose: int) -> tuple[NDArray, NDArray, NDArray]:
        """Points inside, on the boundary, and at the begin."""
        march, ground, n_dims = self.march, self.march.ground, self.march.task.placement.n_dims
        rng = np.random.default_rng([march.task.placement.seed, purpose, len(march.kept)])
        inside = ground.inside(int(march.stage.rows * march.n_units), rng)
        outside = ground.on_boundary(int(march.stage.conditions * march.n_units ** (1 - 1 / n_dims)), rng)
        is_first = outside[:, -1] == march.start
        inside, outside, first = (self._moved(X) for X in (inside, outside[~is_first], outside[is_first]))
        return inside, outside, first

    def _moved(self, X: NDArray) -> NDArray:
        """Points of all times as points of the slab; where the domain moves, some may leave it."""
        part = (X[:, -1] - self.march.start) / (self.march.end - self.march.start)
        return self.march.ground.kept(np.column_stack([X[:, :-1], self.begin + self.length * part]))

    def _given(self, most: int) -> NDArray:
        """Rows of X in the slab."""
        X = np.unique(np.concatenate([as_array(block.x) for block in self.march.task.problem.blocks]), axis=0)
        inside = X[(X[:, -1] > self.begin) & (X[:, -1] <= self.end)]
        return inside[:: max(1, math.ceil(len(inside) / most))]

    def _posed(self, network, purpose: int, before: Sequence[PiecewiseNetwork]) -> LeastSquares:
        """The equations in the slab for a network, which goes on from the sum of those before."""
        inside, outside, first = self._rows if purpose == TO_SOLVE else self._fresh
        points = [inside, outside] if before else [inside, outside, first]
        problem = self.march.ground.pose(np.concatenate(points), Unknowns(network, network.linear))
        if before:
            problem = replace(problem, blocks=(*problem.blocks, self._continuing(first, before)))
        return problem.weighted(self._weights(problem))

    def _weights(self, problem: LeastSquares) -> Mapping[str, Weight]:
        """All residuals in units of u, conditions emphasised."""
        natural = cast(dict[str, tuple[float, ...]], balanced_weights(problem, half_width(self._box(self.begin))))
        emphasis = {e.name: 1.0 if e.group == "interior" else self.march.stage.emphasis for e in problem.equations}
        return {name: tuple(emphasis[name] ** 2 * w for w in weights) for name, weights in natural.items()}

    def _continuing(self, first: NDArray, before: Sequence[PiecewiseNetwork]) -> Block:
        """The equations by which u and its derivatives in time below the order go on from a sum of networks."""
        kept = kept_below(self.march.orders, self._time)

        def ended(x: Tensor) -> Tensor:
            at = [network.at(x) for network in before]
            terms = [[each.term(Symbol((axes,)), k) for each in at] for k, axes in kept]
            return torch.stack([torch.stack(term).sum(dim=0) for term in terms], dim=1)

        return self._block("what went before", "initial", continuing(kept, ended), first)

    def _block(self, name: str, group: str, residual: Callable[[Tensor, Jet], Tensor], X: NDArray) -> Block:
        x = as_tensor(X, self.march.like.device, self.march.like.dtype)
        equation = Equation(name, group, residual, np.arange(len(X)))
        return Block.of(EquationAtRows(equation, x, None, None, True, len(self.march.orders)))

    def _continued(self, problem: LeastSquares) -> PiecewiseNetwork:
        """Where Newton steps begin: the same conditions, and no derivatives in time from the order on."""
        powers = [(self._time,) * order for order in self.march.orders]

        def residual(x: Tensor, u: Jet) -> Tensor:
            return torch.stack([u[k].along(axes) for k, axes in enumerate(powers)], dim=1)

        still = self._block("no change", "interior", residual, self._rows[0])
        conditions = [block for block in problem.blocks if block.equation.group != "interior"]
        start = replace(problem, blocks=(still, *conditions))
        linear = start.weighted(self._weights(start)).linearize_at_zero()
        weights = small_solution(linear.jacobian(), -linear.residual)
        return cast(PiecewiseNetwork, start.network(weights))
