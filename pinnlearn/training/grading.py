"""Layers: rows and hidden units that are graded towards planes.

Classical codes solve layers on meshes graded towards them. Here half of the rows are uniform, and half at distances
from planes that halve, every scale alike: from the faces of the domain first, then from where residuals at fresh points
are large. A row's weight is the inverse of the density that it was drawn with, so that the loss stays the integral of
r^2. Units are as steep as they are near to a plane.

Coordinates xi are those in which the bounding box is [-1, 1]^d.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pinnlearn.arrays import as_array, as_tensor, available_bytes
from pinnlearn.jets import Symbol
from pinnlearn.least_squares import Block, LeastSquares
from pinnlearn.networks import TwoLayerNetwork, Weights, half_width
from pinnlearn.optimizers import NGD, GainRatio
from pinnlearn.posing.ground import Ground
from pinnlearn.posing.measures import Measure, measured, output_sizes
from pinnlearn.training.choices import ScaleChoice
from pinnlearn.training.course import Course
from pinnlearn.training.placement import Placement, beside
from pinnlearn.training.stages import Solution, Stage, Task

# Of a plane at distance d: slopes are 2/d times a number from this range, those along the plane of this size.
ACROSS, ALONG = (0.5, 2.0), 3.0
# Units stop this many halvings before rows do, so that rows see what they are.
COARSER = 3.0
# The part of a plane's residual that lies nearer than it is resolved for, and how many halvings more are taken.
NEARER, MORE_HALVINGS, FEWEST_HALVINGS = 0.01, 4.0, 5.0
# A part of the residual below which a plane's distances tell nothing.
TELLING = 0.02


@dataclass(frozen=True, eq=False)
class Planes:
    """Planes that points are graded towards.

    Parameters
    ----------
    bounds : pair of ndarray of shape (n_dims,)
        The bounding box.
    points, normals : ndarray of shape (k, n_dims)
        In xi: a point of each plane, and its normal of length one.
    shares : ndarray of shape (k,)
        The part of graded points and units that each plane has; their sum is 1.
    halvings : ndarray of shape (k,)
        From the whole extent on, the distance to each is halved so many times.
    """

    bounds: tuple[NDArray, NDArray]
    points: NDArray
    normals: NDArray
    shares: NDArray
    halvings: NDArray

    @classmethod
    def of_faces(cls, bounds: tuple[NDArray, NDArray], halvings: float) -> Planes:
        """The faces of the bounding box, alike."""
        axes = np.eye(len(bounds[0]))
        alike = np.full(2 * len(axes), 1.0)
        return cls(bounds, np.vstack([-axes, axes]), np.vstack([axes, axes]), alike / len(alike), halvings * alike)

    def joined(self, point: NDArray, normal: NDArray, share: float, halvings: float) -> Planes:
        """With one more."""
        return replace(
            self,
            points=np.vstack([self.points, point]),
            normals=np.vstack([self.normals, normal]),
            shares=np.append(self.shares * (1 - share), share),
            halvings=np.append(self.halvings, halvings),
        )

    def xi(self, x: NDArray) -> NDArray:
        """Points of the domain in xi."""
        return (x - (self.bounds[0] + self.bounds[1]) / 2) / half_width(self.bounds)

    def x(self, xi: NDArray) -> NDArray:
        """The way back."""
        return (self.bounds[0] + self.bounds[1]) / 2 + xi * half_width(self.bounds)

    @property
    def _axes(self) -> NDArray:
        """The axis along which each plane is approached, (k,)."""
        return np.abs(self.normals).argmax(axis=1)

    @property
    def _faces(self) -> NDArray:
        """-1 or 1 for the lower or upper face of the box, 0 for a plane inside, (k,)."""
        along = self.points[np.arange(len(self.points)), self._axes]
        return np.where(np.abs(along) == 1, along, 0.0)

    def approach(self, x: NDArray, rng: np.random.Generator) -> tuple[NDArray, NDArray]:
        """Points moved along an axis towards a plane each, (n, n_dims), some out of the box; and which, (n,)."""
        xi, which = self.xi(x), rng.choice(len(self.shares), size=len(x), p=self.shares)
        axes, normals, faces = self._axes[which], self.normals[which], self._faces[which]
        away = 2 * 2.0 ** -(rng.uniform(0, 1, len(x)) * self.halvings[which])
        away *= np.where(faces == 0, rng.choice([-1.0, 1.0], len(x)), -faces)
        rows = np.arange(len(x))
        xi[rows, axes] += away - (normals * (xi - self.points[which])).sum(axis=1) / normals[rows, axes]
        return self.x(xi), which

    def distances(self, x: NDArray) -> NDArray:
        """Those from each plane in xi, along its axis, (n, k)."""
        away = (self.xi(x)[:, None] - self.points) * self.normals
        return np.abs(away.sum(axis=2) / self.normals[np.arange(len(self.points)), self._axes])

    def density(self, x: NDArray) -> NDArray:
        """That of uniform points and as many graded ones, relative to the uniform one, (n,)."""
        distances, sides = self.distances(x), np.where(self._faces == 0, 2, 1)
        graded = 2 / (sides * np.maximum(distances, np.finfo(float).tiny) * math.log(2) * self.halvings)
        reached = (distances >= 2 * 2.0**-self.halvings) & (distances <= 2)
        return 0.5 + 0.5 * (self.shares * np.where(reached, graded, 0.0)).sum(axis=1)

    def factor(self, x: Tensor) -> Tensor:
        """What residuals at points are multiplied with, (n,)."""
        return as_tensor(self.density(as_array(x)) ** -0.5, x.device, x.dtype)

    def units(self, width: int, placement: Placement, rng: np.random.Generator) -> TwoLayerNetwork:
        """Units on both sides of the planes; their output weights are zero."""
        which = rng.choice(len(self.shares), size=width, p=self.shares)
        normals = self.normals[which]
        halvings = np.maximum(self.halvings[which] - COARSER, 1.0)
        distances = 2 * 2.0 ** -(rng.uniform(0, 1, width) * halvings)
        through = rng.uniform(-1, 1, normals.shape)
        through -= normals * ((through - self.points[which]) * normals).sum(axis=1, keepdims=True)
        through += normals * (distances * rng.uniform(-1, 1, width))[:, None]
        across = rng.choice([-1.0, 1.0], width) * rng.uniform(*ACROSS, width) * 2 / distances
        along = ALONG * rng.standard_normal(normals.shape)
        along -= normals * (along * normals).sum(axis=1, keepdims=True)
        weights = (normals * across[:, None] + along) / half_width(self.bounds)
        bias = -(weights * self.x(through)).sum(axis=1)
        return placement.build(Weights(weights, bias, np.zeros((width, placement.n_outputs))))


class _Found(NamedTuple):
    """What fresh points say of a network.

    Attributes
    ----------
    residual : float
        The largest relative residual of an equation, as an integral.
    worst : ndarray of shape (n_dims,)
        The point of the domain where the PDE's is largest.
    uniform : float
        The part of the PDE's that uniform points have: near no plane.
    needed : Planes
        The planes, with shares and distances as the residual is spread.
    """

    residual: float
    worst: NDArray
    uniform: float
    needed: Planes


class Grade(Stage):
    """Where a solution does not hold elsewhere: more rows and units, graded towards faces and large residuals.

    Each round draws rows and units anew, as the residuals of the last one at fresh points are spread over planes and
    distances. It runs in one dimension, and for linear equations in more: layers that are curved or move are for
    hidden training. Where values are known in y, the solution is handed on as it came.

    Parameters
    ----------
    rounds : int
    enough : pair of float
        The relative residual at fresh points to be content with, in one dimension and in more.
    promising : float
        From the second round on, another is made where the last one brought the residual to this part.
    units, more_units : pair of int
        In one dimension and in more: those of the first round, and how many more each further one has. A width that
        was given is kept.
    rows, more_rows : pair of int
        Alike.
    graded : pair of float
        The part of the units that is graded.
    conditions : float
        Points of the boundary (and of the start) for each row, in more than one dimension.
    halvings : float
        How often distances are halved, until it is known how near a layer is.
    joining, apart, share : float
        A plane joins at the worst point where uniform points have more than `joining` of the residual, if none is
        nearer than `apart` (the box is 2 wide); with this share of points and units.
    scale : ScaleChoice, optional
        Of the units that are not graded; None is `ScaleChoice()`.
    scales : pair of float
        The least scale of those, and, in one dimension, that of half of them.
    n_fresh : int
        Fresh points.
    max_iter : int
        Steps of a round, which is linear or converges quadratically.
    """

    def __init__(
        self,
        rounds: int = 6,
        enough: Sequence[float] = (1e-10, 1e-6),
        promising: float = 0.3,
        units: Sequence[int] = (400, 1000),
        more_units: Sequence[int] = (200, 500),
        rows: Sequence[int] = (3000, 5000),
        more_rows: Sequence[int] = (800, 4000),
        graded: Sequence[float] = (0.5, 0.6),
        conditions: float = 0.25,
        halvings: float = 25.0,
        joining: float = 0.3,
        apart: float = 1e-2,
        share: float = 0.5,
        scale: ScaleChoice | None = None,
        scales: Sequence[float] = (2.0, 30.0),
        n_fresh: int = 6000,
        max_iter: int = 15,
    ):
        self.rounds = rounds
        self.enough = enough
        self.promising = promising
        self.units = units
        self.more_units = more_units
        self.rows = rows
        self.more_rows = more_rows
        self.graded = graded
        self.conditions = conditions
        self.halvings = halvings
        self.joining = joining
        self.apart = apart
        self.share = share
        self.scale = scale
        self.scales = scales
        self.n_fresh = n_fresh
        self.max_iter = max_iter

    @property
    def most_steps(self) -> int:
        """Those of all rounds."""
        return self.rounds * self.max_iter

    def run(self, task: Task, solution: Solution, course: Course) -> Solution:
        """Refine what does not hold at points that are no rows; what does is handed on."""
        verification = task.verify(solution)
        if verification is None or verification.equations_hold or course.left < 1:
            return solution
        if task.placement.n_dims > 1 and not _is_linear(solution.problem):
            return solution
        # At points of its own it would impose conditions where values are known instead.
        if any(equation.values is not None for equation in task.problem.equations):
            return solution
        return _Rounds(self, task, course).run(solution)


class _Rounds:
    """The rounds of a stage on one task."""

    def __init__(self, stage: Grade, task: Task, course: Course):
        self.stage = stage
        self.task = task
        self.course = course
        self.ground = cast(Ground, task.ground)
        self.several = int(task.placement.n_dims > 1)
        self.rng = np.random.default_rng(task.placement.seed)

    def run(self, solution: Solution) -> Solution:
        planes = Planes.of_faces(self.ground.bounds, self.stage.halvings)
        best, found = solution.network, self._look(planes, solution.network)
        least = found.residual
        for k in range(self.stage.rounds):
            before = least
            network, X = self._solve(planes, k)
            found = self._look(planes, network)
            if found.residual < least:
                best, least, self.course.added_rows = network, found.residual, X
            is_promising = k == 0 or found.residual < self.stage.promising * before
            if found.residual <= self.stage.enough[self.several] or not is_promising or self.course.is_stopped:
                break
            planes = self._refined(found, network)
        if best is solution.network:
            return solution
        problem = self.task.problem.with_network(best)
        return Solution(problem, self.task.loss(best), is_done=True)

    def _refined(self, found: _Found, network: TwoLayerNetwork) -> Planes:
        planes, stage = found.needed, self.stage
        if found.uniform <= stage.joining or planes.distances(found.worst[None]).min() <= stage.apart:
            return planes
        slope = np.array([float(self._slope(network, found.worst, axis)) for axis in range(len(found.worst))])
        slope = slope * half_width(planes.bounds)
        normal = slope / np.linalg.norm(slope) if slope.any() else np.eye(len(slope))[0]
        return planes.joined(planes.xi(found.worst), normal, stage.share, stage.halvings)

    def _slope(self, network: TwoLayerNetwork, x: NDArray, axis: int) -> Tensor:
        like = self.task.problem.start
        at = as_tensor(x[None], like.device, like.dtype)
        slopes = network.evaluate(at, Symbol(((axis,),))).reshape(-1)
        return slopes[slopes.abs().argmax()]

    def _solve(self, planes: Planes, k: int) -> tuple[TwoLayerNetwork, NDArray]:
        """A round: the network, and the rows of the PDE that it was solved for."""
        stage, some = self.stage, self.several
        width = stage.units[some] + k * stage.more_units[some]
        width = width if self.task.may_widen else min(width, self.task.width)
        inside, outside = self._rows(planes, self._affordable(stage.rows[some] + k * stage.more_rows[some], width))
        n_graded = int(stage.graded[some] * width)
        network = beside(planes.units(n_graded, self.task.placement, self.rng), self._broad(width - n_graded))
        posed = self._pose(np.concatenate([inside, outside]), planes)
        problem = posed.training(network.linear).with_network(network)
        # Columns have all lengths: those of graded units differ by the squares of their slopes.
        optimizer = NGD(damping=GainRatio(shortest_column=1e-15))
        result = self.course.run("graded units", optimizer, problem, max_iter=min(stage.max_iter, self.course.left))
        return cast(TwoLayerNetwork, problem.network(result.parameters)), inside

    def _affordable(self, n_rows: int, width: int) -> int:
        """As many rows, or those for which J and its factors have room."""
        itemsize = self.task.problem.start.element_size()
        return min(n_rows, int(available_bytes(self.task.placement.device) / (8 * width * itemsize)))

    def _broad(self, width: int) -> TwoLayerNetwork:
        """Units that are not graded."""
        placement, scale = self._chosen
        if self.several:
            return placement.network(width, scale, zero=True)
        steep = placement.reseeded(1).network(width // 2, max(scale, self.stage.scales[1]), zero=True)
        return beside(steep, placement.network(width - width // 2, scale, zero=True))

    @cached_property
    def _chosen(self) -> tuple[Placement, float]:
        """Placement and scale of the units that are not graded, chosen at uniform rows."""
        choice, task = self.stage.scale or ScaleChoice(), self.task
        X = [self.ground.inside(choice.n_rows, self.rng), self.ground.on_boundary(choice.n_rows // 4, self.rng)]
        uniform = self.ground.pose(np.concatenate(X), task.problem.unknowns)
        with self.course.heeding():
            output = uniform.training(uniform.unknowns.network.linear)
            placement, scale = choice.choose(output, [task.placement], choice.n_units)
        return placement, max(scale, self.stage.scales[0])

    def _rows(self, planes: Planes, n: int) -> tuple[NDArray, NDArray]:
        """Points inside, and on the boundary; half of them graded."""
        graded, _ = planes.approach(self.ground.inside(n - n // 2, self.rng), self.rng)
        inside = np.concatenate([self.ground.inside(n // 2, self.rng), self.ground.kept(graded)])
        if not self.several:
            return inside, self.ground.on_boundary(2, self.rng)
        n_outside = int(self.stage.conditions * n) // 2
        moved, _ = planes.approach(self.ground.on_boundary(n_outside, self.rng), self.rng)
        return inside, np.concatenate([self.ground.on_boundary(n_outside, self.rng), self.ground.kept_outside(moved)])

    def _pose(self, X: NDArray, planes: Planes) -> LeastSquares:
        posed = self.ground.pose(X, self.task.problem.unknowns)
        return replace(posed, blocks=tuple(replace(block, factor=planes.factor) for block in posed.blocks))

    def _look(self, planes: Planes, network: TwoLayerNetwork) -> _Found:
        """At fresh points, always the same for the same planes."""
        rng, n = np.random.default_rng(self.task.placement.seed + 1), self.stage.n_fresh
        uniform = self.ground.inside(n // 2, rng)
        graded, which = planes.approach(self.ground.inside(n // 2, rng), rng)
        is_kept = self.ground.contains(graded)
        X = np.concatenate([uniform, graded[is_kept], self.ground.on_boundary(n // 8, rng)])
        fresh = self._pose(X, planes).with_network(network)
        like = fresh.start
        sizes = output_sizes(network.evaluate(as_tensor(uniform, like.device, like.dtype)))
        measures = measured(fresh, sizes, half_width(planes.bounds))
        squares = [_integrand(b, m) for b, m in zip(fresh.blocks, measures, strict=True)]
        residual = max(math.sqrt(float(r.sum())) for r in squares)
        pde = next(i for i, block in enumerate(fresh.blocks) if block.equation.group == "interior")
        of = np.concatenate([np.full(len(uniform), -1), which[is_kept], np.full(len(X), -1)])
        rows = fresh.blocks[pde].equation.rows
        is_inside = rows < len(uniform) + is_kept.sum()
        return _found(planes, residual, X[rows[is_inside]], squares[pde][is_inside], of[rows[is_inside]])


def _integrand(block: Block, measure: Measure) -> NDArray:
    """The weighted squares of an equation's relative residuals, (n,), whose sum is their mean."""
    weights = block.row_factors.square()[:, None] / block.row_factors.square().sum()
    scale = torch.maximum(
        (weights * measure.terms).sum(dim=0), measure.least * (weights * measure.natural).sum(dim=0)
    ).clamp(min=torch.finfo(weights.dtype).tiny)
    return as_array((weights * measure.residual.square() / scale).mean(dim=1))


def _found(planes: Planes, residual: float, X: NDArray, squares: NDArray, of: NDArray) -> _Found:
    """What the PDE's squared residuals at points say, `of` being the plane that each was drawn for, or -1."""
    graded = of >= 0
    total = max(squares.sum(), np.finfo(float).tiny)
    parts = np.bincount(of[graded], squares[graded], minlength=len(planes.shares)) + np.finfo(float).tiny
    parts /= parts.sum()
    distances, halvings = planes.distances(X), planes.halvings.copy()
    for k in np.flatnonzero(parts > TELLING):
        mine = np.flatnonzero(of == k)
        order = mine[np.argsort(distances[mine, k])]
        nearer = np.cumsum(squares[order])
        nearest = distances[order, k][np.searchsorted(nearer, NEARER * nearer[-1])]
        halvings[k] = np.clip(math.log2(2 / nearest) + MORE_HALVINGS, FEWEST_HALVINGS, halvings.max())
    needed = replace(planes, shares=0.9 * parts + 0.1 * planes.shares, halvings=halvings)
    return _Found(residual, X[squares.argmax()], float(squares[~graded].sum() / total), needed)


def _is_linear(problem: LeastSquares) -> bool:
    """Whether the coefficients of all equations are at the solution what they are at u = 0."""
    parts = problem.linearize(problem.start).parts
    pairs = [
        (there[term], here[term])
        for zero, part in zip(problem.at_zero, parts, strict=True)
        for there, here in zip(zero.coefficients, part.coefficients, strict=True)
        for term in here.keys() & there.keys()
    ]
    return all(torch.allclose(there, here, rtol=1e-9, atol=0) for there, here in pairs)
