"""Where hidden units are placed, at what scale, and with how much damping their outputs are solved for.

Scale and damping are chosen by how well the output weights predict equations that were left out: leave-one-out
residuals cost one factorisation, spend no row on validation and train nothing twice.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray

from pinnlearn.activations import Activation
from pinnlearn.least_squares import LeastSquares, as_array, as_tensor, build_network
from pinnlearn.linalg import leave_one_out
from pinnlearn.networks import TwoLayerNetwork, Weights, domain_weights, gaussian_weights, half_width

# Slopes per half-width of the domain: from nearly polynomial units to fronts of 1/30 of the domain.
SCALES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 2.0, 3.0, 5.0, 8.0, 12.0, 20.0, 30.0)
FALLBACK_SCALE = 2.0
# Along each axis slopes are then stretched by such factors, where that predicts clearly better what is left out: in few
# dimensions, and where the loss of left-out equations is not yet this part of the loss of u = 0. In many dimensions
# directions matter more, which training finds.
STRETCHES, CLEARLY, STRETCHED_DIMS, ACCURATE = (4.0, 2.0, 1.4), 1.2, 4, 1e-20
# Beyond some tens, more trained units cost time and bring few digits: the output solve brings those.
TRAINED_UNITS = 64
START_SCALES = (2.0, 4.0, 8.0)
# Half of the trained units often end where they do nothing. A unit matters if the spread of its output is at least
# this part of the largest one; new units are up to twice as steep as those they are like.
INFLUENTIAL, INFLUENCE_POINTS, GROWN_UNITS, GROWN_SCALE = 1e-2, 1000, 64, 2.0
# A unit around a trained one is between half and twice as steep, and passes through one of so many random points where
# that one has |z| < ACTIVE, or through one of its NEAREST.
SLOPE_FACTORS, ACTIVE, ANCHORS, NEAREST = (0.5, 2.0), 2.0, 10_000, 10
PROBE_ROWS, PROBE_UNITS = 1200, 400
# Singular values that round-off alone produces do not count as fitted.
ROUND_OFF = 1e-27
# Dampings of an output solve, in rising order; none is tried that is over PATIENCE times the best one so far.
DAMPINGS = tuple(10.0**k for k in range(-27, 1, 3))
PATIENCE = 1e5
# What is left out is predicted as well by a fit whose left-out loss is within this factor; the plainer one is taken.
AS_GOOD = 1.05
# A smaller group is no judge: where two boundary values pin a solution down, neither predicts the other.
JUDGING_GROUP = 20


def probe_width(width: int, n_rows: int) -> int:
    """The number of units to probe with: few enough for the rows to be redundant."""
    return max(1, min(width, n_rows // 3, PROBE_UNITS))


@dataclass(frozen=True)
class Placement:
    """Draws networks whose hidden units are placed in a box; the same units at any scale.

    Parameters
    ----------
    bounds : pair of ndarray of shape (n_dims,)
    n_outputs : int
    activation : Activation
    seed : int
    device : torch.device
    dtype : torch.dtype
    among : ndarray of shape (k, n_dims), optional
        Directions to draw from; None draws them from the sphere.
    stretch : ndarray of shape (n_dims,), optional
        What slopes along each axis are multiplied with.
    """

    bounds: tuple[NDArray, NDArray]
    n_outputs: int
    activation: Activation
    seed: int
    device: torch.device
    dtype: torch.dtype
    among: NDArray | None = None
    stretch: NDArray | float = 1.0

    @property
    def n_dims(self) -> int:
        """The number of coordinates of a point."""
        return len(self.bounds[0])

    def network(self, width: int, scale: float, trainable: str, *, zero: bool) -> TwoLayerNetwork:
        """A network with units of this scale; its output weights are zero, or +-1."""
        rng = np.random.default_rng(self.seed)
        weights = domain_weights(width, self.bounds, self.n_outputs, scale, rng, self.among, self.stretch)
        if zero:
            weights = weights._replace(output_weights=np.zeros_like(weights.output_weights))
        return self.build(weights, trainable)

    def starts(self, width: int) -> list[TwoLayerNetwork]:
        """Small networks to train all weights of, at several scales."""
        seeded = [replace(self, seed=self.seed + 1 + i) for i in range(len(START_SCALES))]
        return [
            placement.network(min(width, TRAINED_UNITS), scale, "all", zero=True)
            for placement, scale in zip(seeded, START_SCALES, strict=True)
        ]

    def along(self, trained: TwoLayerNetwork) -> Placement:
        """The placement of units that point where trained ones do."""
        slopes = self._slopes(trained)
        lengths = np.linalg.norm(slopes, axis=1, keepdims=True)
        return replace(self, among=slopes / np.where(lengths > 0, lengths, 1.0), stretch=1.0)

    def grown(self, trained: TwoLayerNetwork, n_units: int) -> TwoLayerNetwork:
        """The trained units and beside them new ones, with slopes like those of the units that matter."""
        like = replace(self, among=self._slopes(trained)[self._influential(trained)], stretch=1.0)
        return beside(like.network(n_units, GROWN_SCALE, "all", zero=True), trained)

    def around(self, trained: TwoLayerNetwork) -> PlacementAround:
        """The placement of units around those trained ones that matter."""
        center = as_tensor((self.bounds[0] + self.bounds[1]) / 2, self.device, self.dtype)
        shifts = as_array(trained.hidden_bias + trained.hidden_weights @ center)
        influential = self._influential(trained)
        mine = {f.name: getattr(self, f.name) for f in fields(Placement)}
        return PlacementAround(**mine, slopes=self._slopes(trained)[influential], shifts=shifts[influential])

    def _influential(self, trained: TwoLayerNetwork) -> NDArray:
        """Which units matter, (width,) of bool."""
        points = np.random.default_rng(self.seed).uniform(*self.bounds, size=(INFLUENCE_POINTS, trained.n_dims))
        spread = trained.at(as_tensor(points, self.device, self.dtype)).sigma(0).std(dim=0)
        influence = as_array(spread * trained.output_weights.norm(dim=1))
        return influence >= INFLUENTIAL * influence.max()

    def _slopes(self, network: TwoLayerNetwork) -> NDArray:
        """Per half-width of the box."""
        return as_array(network.hidden_weights) * half_width(self.bounds)

    def gaussian(self, width: int, trainable: str) -> TwoLayerNetwork:
        """The paper's network, whatever the box."""
        weights = gaussian_weights(width, self.n_dims, self.n_outputs, np.random.default_rng(self.seed))
        return self.build(weights, trainable)

    def build(self, weights: Weights, trainable: str) -> TwoLayerNetwork:
        """A network of given weights."""
        return build_network(weights, self.activation, trainable, self.device, self.dtype)


@dataclass(frozen=True)
class PlacementAround(Placement):
    """Draws units around trained ones: with slopes like theirs, through points where those have their slope.

    A steep unit whose hyperplane passes a layer by is constant there, and one drawn anywhere in the domain does.

    Parameters
    ----------
    slopes : ndarray of shape (k, n_dims)
    shifts : ndarray of shape (k,)
        A trained unit has z = slopes . xi + shift, xi in coordinates where the box is [-1, 1]^d.
    """

    slopes: NDArray = field(default_factory=lambda: np.empty((0, 0)))
    shifts: NDArray = field(default_factory=lambda: np.empty(0))

    def network(self, width: int, scale: float, trainable: str, *, zero: bool) -> TwoLayerNetwork:
        """A network with units like the trained ones, their slopes changed by vectors of length at most `scale`."""
        rng = np.random.default_rng(self.seed)
        n_dims = self.slopes.shape[1]
        like = rng.integers(len(self.slopes), size=width)
        directions = rng.standard_normal((width, n_dims))
        directions *= rng.uniform(0, scale, size=(width, 1)) / np.linalg.norm(directions, axis=1, keepdims=True)
        slopes = rng.uniform(*SLOPE_FACTORS, size=(width, 1)) * self.slopes[like] + directions
        anchors = self._anchors(like, rng)
        weights = slopes / half_width(self.bounds)
        center = (self.bounds[0] + self.bounds[1]) / 2
        bias = rng.uniform(-1, 1, size=width) - (slopes * anchors).sum(axis=1) - weights @ center
        outputs = np.zeros((width, self.n_outputs)) if zero else rng.choice([-1.0, 1.0], size=(width, self.n_outputs))
        return self.build(Weights(weights, bias, outputs), trainable)

    def _anchors(self, like: NDArray, rng: np.random.Generator) -> NDArray:
        """For each unit a point of the box where the trained unit that it is like has its slope, (width, n_dims)."""
        points = rng.uniform(-1, 1, size=(ANCHORS, self.slopes.shape[1]))
        anchors = np.empty((len(like), points.shape[1]))
        for unit in np.unique(like):
            z = np.abs(points @ self.slopes[unit] + self.shifts[unit])
            near = np.flatnonzero(z <= max(ACTIVE, np.partition(z, NEAREST)[NEAREST]))
            anchors[like == unit] = points[rng.choice(near, size=(like == unit).sum())]
        return anchors


def choose_scale(
    problem: LeastSquares,
    placements: Sequence[Placement],
    width: int,
    trainable: str,
    trained: TwoLayerNetwork | None = None,
) -> tuple[Placement, float]:
    """Choose the scale of the hidden units, and of several placements one.

    Parameters
    ----------
    problem : LeastSquares
        Its equations and weights; large problems are thinned.
    placements : sequence of Placement
    width : int
        The number of units to come; fewer are tried, so that the rows are redundant.
    trainable : {"all", "hidden", "output"}
        The weights that are to fit the equations: the output weights, or hidden weights to first order, from output
        weights +-1.
    trained : TwoLayerNetwork, optional
        Units that the others are to be added to. None linearises the equations at u = 0.

    Returns
    -------
    placement : Placement
        For new output weights in few dimensions it is stretched along the axes.
    scale : float
        One of SCALES; FALLBACK_SCALE where the equations say nothing.
    """
    problem = _thinned(problem)
    hidden = trainable == "hidden"
    units = probe_width(width, problem.n_rows) // (3 if hidden else 1)

    def probe(placement: Placement, scale: float) -> TwoLayerNetwork:
        network = placement.network(max(1, units), scale, "hidden" if hidden else "output", zero=not hidden)
        return network if trained is None else beside(network, trained)

    def loss(placement: Placement, scale: float) -> float:
        return left_out_loss(problem.with_network(probe(placement, scale)))

    choices = list(product(placements, SCALES))
    losses = [loss(*choice) for choice in choices]
    if not min(losses) < max(losses):
        return placements[0], FALLBACK_SCALE
    placement, scale = choices[int(np.argmin(losses))]
    if hidden or trained is not None:
        return placement, scale
    is_accurate = min(losses) < ACCURATE * float(problem.loss(problem.start))
    if 1 < placement.n_dims <= STRETCHED_DIMS and not is_accurate:
        stretch = _choose_stretch(lambda factors: loss(replace(placement, stretch=factors), scale), placement.n_dims)
        placement = replace(placement, stretch=stretch)
    # m units resolve what is as small as m^(-1/d).
    return placement, scale * (width / units) ** (1 / placement.n_dims)


def _choose_stretch(loss: Callable[[NDArray], float], n_dims: int) -> NDArray:
    """The factor of the slopes along each axis, by pattern search (Hooke and Jeeves 1961) from ones."""
    stretch = np.ones(n_dims)
    least = loss(stretch)
    for step in STRETCHES:
        is_moving = True
        while is_moving:
            is_moving = False
            for axis, factor in product(range(n_dims), (step, 1 / step)):
                tried = stretch.copy()
                tried[axis] *= factor
                if CLEARLY * (loss_there := loss(tried)) < least:
                    stretch, least, is_moving = tried, loss_there, True
    return stretch


def beside(placed: TwoLayerNetwork, trained: TwoLayerNetwork) -> TwoLayerNetwork:
    """The trained units and the placed ones together; the function is that of the trained ones."""
    width = trained.width + placed.width
    # The output is divided by the root of the width, which differs.
    rescaled = trained.output_weights * math.sqrt(width / trained.width)
    return replace(
        placed,
        hidden_weights=torch.cat([trained.hidden_weights, placed.hidden_weights]),
        hidden_bias=torch.cat([trained.hidden_bias, placed.hidden_bias]),
        output_weights=torch.cat([rescaled, torch.zeros_like(placed.output_weights)]),
    )


def substitute(placed: TwoLayerNetwork, trained: TwoLayerNetwork) -> TwoLayerNetwork:
    """The trained units in place of the first placed ones; the width is that of `placed`."""
    rest = replace(
        placed,
        hidden_weights=placed.hidden_weights[trained.width :],
        hidden_bias=placed.hidden_bias[trained.width :],
        output_weights=placed.output_weights[trained.width :],
    )
    return beside(rest, trained)


def choose_damping(problem: LeastSquares) -> tuple[float, float]:
    """Choose the damping of a solve for the output weights: the largest that predicts left-out equations best.

    Smooth problems with enough rows want next to none, noisy data and many dimensions more. Where several do as well,
    the equations leave something open (the gap between the boundary and the first row, for units with a kink there),
    and only damping keeps the weights from using it.

    Returns
    -------
    damping : float
        Relative to the mean diagonal of J J^T; infinite where no solve at all is best.
    left_out_loss : float
    """
    tried = {math.inf: float(problem.loss(problem.start))}
    for damping in DAMPINGS:
        tried[damping] = left_out_loss(problem, damping)
        best = min(tried, key=lambda d: tried[d])
        if math.isfinite(best) and damping > PATIENCE * best:
            break
    if math.isinf(best):
        return best, tried[best]
    chosen = max(d for d in tried if math.isfinite(d) and tried[d] <= AS_GOOD * tried[best])
    return chosen, tried[chosen]


def left_out_loss(problem: LeastSquares, damping: float = ROUND_OFF) -> float:
    """The loss in equations that were left out, one at a time, when the parameters were fitted.

    Parameters
    ----------
    problem : LeastSquares
        Linearised at its start.
    damping : float
        Relative to the mean diagonal of J J^T.

    Returns
    -------
    float
        Over groups that are large enough to judge by; infinite where it is not defined.
    """
    linear = problem.linearize(problem.start)
    residuals = leave_one_out(linear.jacobian(), -linear.residual, damping)
    names, counts = np.unique(linear.groups, return_counts=True)
    judges = names[counts >= min(JUDGING_GROUP, counts.max())]
    judged = torch.as_tensor(np.isin(linear.groups, judges), device=residuals.device)
    loss = float(residuals[judged].square().sum()) / 2
    return loss if math.isfinite(loss) else math.inf


def _thinned(problem: LeastSquares) -> LeastSquares:
    rows = [equation.rows for equation in problem.equations]
    return problem.subset(np.unique(np.concatenate([r[:: math.ceil(len(r) / PROBE_ROWS)] for r in rows])))
