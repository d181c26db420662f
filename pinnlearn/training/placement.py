"""Where hidden units of two-layer networks are placed: in a box, along or around units that training has found."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pinnlearn.activations import Activation
from pinnlearn.arrays import as_array, as_tensor
from pinnlearn.hyperparameters import Hyperparameters
from pinnlearn.jets import VALUE
from pinnlearn.networks import (
    Architecture,
    DeepNetwork,
    Inputs,
    Layers,
    Scaled,
    TwoLayerNetwork,
    Weights,
    domain_weights,
    even_weights,
    gaussian_layers,
    gaussian_weights,
    half_width,
    mapped_layers,
    placed_layers,
)

# The steepest unit of the first of several hidden layers, per half-width of the box: 5 finds shocks in fewer steps, but
# is wrong between few rows of a smooth problem.
DEEP_SCALE = 3.0


class Likeness(Hyperparameters):
    r"""Which trained units matter, and what units like them are.

    Half of the trained units often end where they do nothing.

    Parameters
    ----------
    influential : float
        A unit matters if the spread of its output is at least this part of the largest one.
    n_points : int
        Random points of the box that the spread is taken over.
    slope_factors : pair of float
        A unit around a trained one is between so many times as steep.
    active : float
        It passes through a random point where the trained one has ``|z|`` below this, so that it is not constant there.
    n_anchors : int
        The number of those random points.
    nearest : int
        Where fewer of them are active, so many with the smallest absolute z are taken.
    """

    def __init__(
        self,
        influential: float = 1e-2,
        n_points: int = 1000,
        slope_factors: tuple[float, float] = (0.5, 2.0),
        active: float = 2.0,
        n_anchors: int = 10_000,
        nearest: int = 10,
    ):
        self.influential = influential
        self.n_points = n_points
        self.slope_factors = slope_factors
        self.active = active
        self.n_anchors = n_anchors
        self.nearest = nearest


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
    inputs : Inputs, optional
        What units read in place of the coordinates; a network of one hidden layer is then a `DeepNetwork`.
    """

    bounds: tuple[NDArray, NDArray]
    n_outputs: int
    activation: Activation
    seed: int
    device: torch.device
    dtype: torch.dtype
    among: NDArray | None = None
    stretch: NDArray | float = 1.0
    inputs: Inputs | None = None

    @property
    def n_dims(self) -> int:
        """The number of coordinates of a point."""
        return len(self.bounds[0])

    def network(self, width: int, scale: float, *, zero: bool) -> TwoLayerNetwork | Any:
        """A network with units of this scale; its output weights are zero, or +-1."""
        if self.inputs is not None:
            return self._mapped(self.inputs, width, scale, zero)
        rng = np.random.default_rng(self.seed)
        weights = domain_weights(width, self.bounds, self.n_outputs, scale, rng, self.among, self.stretch)
        if zero:
            weights = weights._replace(output_weights=np.zeros_like(weights.output_weights))
        return self.build(weights)

    def even(self, width: int, scale: float) -> TwoLayerNetwork:
        """A network with units spread evenly, nearly all of this scale; its output weights are zero."""
        rng = np.random.default_rng(self.seed)
        return self.build(even_weights(width, self.bounds, self.n_outputs, scale, rng, self.stretch))

    def _mapped(self, inputs: Inputs, width: int, scale: float, zero: bool) -> DeepNetwork:
        """The same over a map of the inputs."""
        rng = np.random.default_rng(self.seed)
        # Last of these: the factor of features that depend on several axes.
        stretch = np.append(np.broadcast_to(self.stretch, self.n_dims), 1.0)[list(inputs.axes)]
        features = self._features(inputs, width, rng)
        weights, biases = mapped_layers(width, features, self.n_outputs, scale, rng, stretch)
        if zero:
            weights[-1][:] = 0.0
        return self._layers(inputs, (weights, biases))

    def _features(self, inputs: Inputs, n: int, rng: np.random.Generator) -> NDArray:
        """A map of the inputs at random points of the box, (n, n_features)."""
        points = as_tensor(rng.uniform(*self.bounds, size=(n, self.n_dims)))
        return as_array(cast(Tensor, inputs.jet(points, VALUE)))

    def stretched(self, factors: NDArray) -> Placement:
        """The same with slopes stretched along each axis."""
        return replace(self, stretch=factors)

    def reseeded(self, by: int) -> Placement:
        """The same with other random numbers."""
        return replace(self, seed=self.seed + by)

    def along(self, trained: TwoLayerNetwork) -> Placement:
        """The placement of units that point where trained ones do."""
        slopes = self._slopes(trained)
        lengths = np.linalg.norm(slopes, axis=1, keepdims=True)
        return replace(self, among=slopes / np.where(lengths > 0, lengths, 1.0), stretch=1.0)

    def like(self, trained: TwoLayerNetwork, likeness: Likeness) -> Placement:
        """The placement of units anywhere, with slopes like those of the trained units that matter."""
        slopes = self._slopes(trained)[self._influential(trained, likeness)]
        return replace(self, among=slopes, stretch=1.0)

    def around(self, trained: TwoLayerNetwork, likeness: Likeness) -> PlacementAround:
        """The placement of units around those trained ones that matter."""
        center = as_tensor((self.bounds[0] + self.bounds[1]) / 2, self.device, self.dtype)
        shifts = as_array(trained.hidden_bias + trained.hidden_weights @ center)
        chosen = self._influential(trained, likeness)
        mine = {f.name: getattr(self, f.name) for f in fields(Placement)}
        return PlacementAround(**mine, slopes=self._slopes(trained)[chosen], shifts=shifts[chosen], likeness=likeness)

    def _influential(self, trained: TwoLayerNetwork, likeness: Likeness) -> NDArray:
        """Which units matter, (width,) of bool."""
        points = np.random.default_rng(self.seed).uniform(*self.bounds, size=(likeness.n_points, trained.n_dims))
        spread = trained.at(as_tensor(points, self.device, self.dtype)).sigma(0).std(dim=0)
        influence = as_array(spread * trained.output_weights.norm(dim=1))
        return influence >= likeness.influential * influence.max()

    def _slopes(self, network: TwoLayerNetwork) -> NDArray:
        """Per half-width of the box."""
        return as_array(network.hidden_weights) * half_width(self.bounds)

    def gaussian(self, width: int) -> TwoLayerNetwork | DeepNetwork:
        """The paper's network, whatever the box."""
        if self.inputs is not None:
            return self.deep_gaussian((width,))
        return self.build(gaussian_weights(width, self.n_dims, self.n_outputs, np.random.default_rng(self.seed)))

    def deep(
        self, hidden: Sequence[int], *, zero: bool, scale: float = DEEP_SCALE, periodic: tuple[int, ...] = ()
    ) -> DeepNetwork:
        """A network of several hidden layers on the box scaled to [-1, 1]^d, its units placed there.

        Parameters
        ----------
        hidden : sequence of int
            The widths of the hidden layers.
        zero : bool
            Whether u is zero.
        scale : float
            The largest slope of a unit of the first layer per half-width of the box.
        periodic : tuple of int
            The axes along which the box is one period of u, where no map of the inputs is given.
        """
        inputs, rng = self.inputs or Scaled.of(self.bounds, periodic), np.random.default_rng(self.seed)
        widths = (inputs.n_features, *hidden, self.n_outputs)
        features = self._features(inputs, max(hidden), rng)
        weights, biases = placed_layers(widths, features, scale, self._sigma, rng)
        if zero:
            weights[-1][:] = 0.0
        return self._layers(inputs, (weights, biases))

    def deep_gaussian(self, hidden: Sequence[int]) -> DeepNetwork:
        """The same with the paper's weights, whatever the box."""
        inputs, rng = self.inputs or Scaled.identity(self.n_dims), np.random.default_rng(self.seed)
        return self._layers(inputs, gaussian_layers((inputs.n_features, *hidden, self.n_outputs), rng))

    def _sigma(self, z: NDArray) -> NDArray:
        return as_array(self.activation(as_tensor(z), [0])[0])

    def _layers(self, inputs: Inputs, layers: Layers) -> DeepNetwork:
        like = torch.empty(0, device=self.device, dtype=self.dtype)
        return DeepNetwork.of(Architecture(inputs), layers, self.activation, like)

    def build(self, weights: Weights) -> TwoLayerNetwork:
        """A network of given weights."""
        return TwoLayerNetwork.of(weights, self.activation, self.device, self.dtype)


@dataclass(frozen=True)
class PlacementAround(Placement):
    """Draws units around trained ones: with slopes like theirs, through points where those have their slope.

    A steep unit whose hyperplane passes a layer by is constant there, and one drawn anywhere in the domain does.

    Parameters
    ----------
    slopes : ndarray of shape (k, n_dims)
    shifts : ndarray of shape (k,)
        A trained unit has z = slopes . xi + shift, xi in coordinates where the box is [-1, 1]^d.
    likeness : Likeness
    """

    slopes: NDArray = field(default_factory=lambda: np.empty((0, 0)))
    shifts: NDArray = field(default_factory=lambda: np.empty(0))
    likeness: Likeness = field(default_factory=Likeness)

    def network(self, width: int, scale: float, *, zero: bool) -> TwoLayerNetwork:
        """A network with units like the trained ones, their slopes changed by vectors of length at most `scale`."""
        rng = np.random.default_rng(self.seed)
        n_dims = self.slopes.shape[1]
        like = rng.integers(len(self.slopes), size=width)
        directions = rng.standard_normal((width, n_dims))
        directions *= rng.uniform(0, scale, size=(width, 1)) / np.linalg.norm(directions, axis=1, keepdims=True)
        slopes = rng.uniform(*self.likeness.slope_factors, size=(width, 1)) * self.slopes[like] + directions
        anchors = self._anchors(like, rng)
        weights = slopes / half_width(self.bounds)
        center = (self.bounds[0] + self.bounds[1]) / 2
        bias = rng.uniform(-1, 1, size=width) - (slopes * anchors).sum(axis=1) - weights @ center
        outputs = np.zeros((width, self.n_outputs)) if zero else rng.choice([-1.0, 1.0], size=(width, self.n_outputs))
        return self.build(Weights(weights, bias, outputs))

    def _anchors(self, like: NDArray, rng: np.random.Generator) -> NDArray:
        """For each unit a point of the box where the trained unit that it is like has its slope, (width, n_dims)."""
        nearest, active = self.likeness.nearest, self.likeness.active
        points = rng.uniform(-1, 1, size=(self.likeness.n_anchors, self.slopes.shape[1]))
        anchors = np.empty((len(like), points.shape[1]))
        for unit in np.unique(like):
            z = np.abs(points @ self.slopes[unit] + self.shifts[unit])
            near = np.flatnonzero(z <= max(active, np.partition(z, nearest)[nearest]))
            anchors[like == unit] = points[rng.choice(near, size=(like == unit).sum())]
        return anchors


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
