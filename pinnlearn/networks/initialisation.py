"""Weights that networks start from: the paper's Gaussian ones, units placed in a box."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from pinnlearn.sampling import sobol

INITS = ("domain", "gaussian")


class Weights(NamedTuple):
    """The weights of a two-layer network as arrays: (m, n_dims), (m,) and (m, n_outputs)."""

    hidden_weights: NDArray
    hidden_bias: NDArray
    output_weights: NDArray


def gaussian_weights(width: int, n_dims: int, n_outputs: int, rng: np.random.Generator) -> Weights:
    """Draw the initialisation of the paper: hidden weights and bias N(0, 1), output weights +-1."""
    hidden = rng.standard_normal((width, n_dims + 1))
    signs = rng.choice([-1.0, 1.0], size=(width, n_outputs))
    return Weights(hidden[:, :-1].copy(), hidden[:, -1].copy(), signs)


def half_width(bounds: tuple[NDArray, NDArray]) -> NDArray:
    """Half the extent of a box along each axis; an axis of extent zero counts as 1."""
    extent = bounds[1] - bounds[0]
    return np.where(extent > 0, extent, 1.0) / 2


def window_weights(width: int, n_outputs: int, length: float, slope: float, rng: np.random.Generator) -> Weights:
    """Draw hidden units along [0, length]: a constant one, and others steepest at places uniform there; outputs zero.

    Parameters
    ----------
    width, n_outputs : int
    length : float
    slope : float
        Slopes are normal, with this standard deviation per length.
    rng : numpy Generator
    """
    slopes, places = slope * rng.standard_normal(width), rng.random(width)
    bias = -slopes * places
    slopes[0], bias[0] = 0.0, 1.0  # no activation is zero at 1
    return Weights(slopes[:, None] / length, bias, np.zeros((width, n_outputs)))


def domain_weights(
    width: int,
    bounds: tuple[NDArray, NDArray],
    n_outputs: int,
    scale: float,
    rng: np.random.Generator,
    among: NDArray | None = None,
    stretch: NDArray | float = 1.0,
) -> Weights:
    """Draw hidden units placed in the box `bounds`; output weights are +-1.

    In coordinates where the box is [-1, 1]^d, a unit's direction is uniform on the sphere and its length uniform in
    [0, scale]; z = s at a point uniform in the box, s uniform in [-1, 1]. The shift s matters for small scales: with
    s = 0 every unit sits at the inflection of an odd activation, where even powers of x come with a factor `scale`
    less than the odd powers above them, and a quadratic in 10 dimensions cannot be told from a cubic.

    Parameters
    ----------
    width, n_outputs : int
    bounds : pair of arrays of shape (n_dims,)
        Lower and upper corner; an axis of extent zero counts as 1.
    scale : float
        The largest slope of a hidden unit per half-width of the box.
    rng : numpy Generator
    among : ndarray of shape (k, n_dims), optional
        Draw from these directions, whose lengths count, in place of the sphere.
    stretch : ndarray of shape (n_dims,), optional
        What the slopes along each axis are multiplied with.
    """
    lower, upper = bounds
    if among is None:
        directions = rng.standard_normal((width, len(lower)))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    else:
        directions = among[rng.integers(len(among), size=width)]
    slopes = directions * rng.uniform(0, scale, size=(width, 1)) * stretch
    anchors = rng.uniform(-1, 1, size=slopes.shape)
    shifts = rng.uniform(-1, 1, size=width)
    signs = rng.choice([-1.0, 1.0], size=(width, n_outputs))
    weights = slopes / half_width(bounds)
    return Weights(weights, shifts - (slopes * anchors).sum(axis=1) - weights @ ((lower + upper) / 2), signs)


def even_weights(
    width: int,
    bounds: tuple[NDArray, NDArray],
    n_outputs: int,
    scale: float,
    rng: np.random.Generator,
    stretch: NDArray | float = 1.0,
    flattest: float = 0.8,
) -> Weights:
    """Place hidden units in the box `bounds` as evenly as can be; output weights are zero.

    Directions and distances from the centre are those of a Sobol sequence, and slopes are nearly equal: for solutions
    that are as rough everywhere. As many units of `domain_weights`, which leave gaps and have all slopes up to the
    largest, resolve less: of sines up to sin(16 pi x) sin(16 pi y) on the unit square 2,000 leave an error of 8e-3, and
    these 3e-4.

    Parameters
    ----------
    width, n_outputs, bounds, scale, rng, stretch
        As in `domain_weights`.
    flattest : float
        The smallest slope, as a part of the largest.
    """
    lower, upper = bounds
    uniform = sobol(width, len(lower) + 2, rng)
    lengths = scale * (flattest + (1 - flattest) * uniform[:, :1])
    slopes = lengths * _even_directions(uniform[:, 2:]) * stretch
    # Each is steepest in the box, or has |z| below 1 there.
    shifts = (2 * uniform[:, 1] - 1) * (np.abs(slopes).sum(axis=1) + 1)
    weights = slopes / half_width(bounds)
    return Weights(weights, shifts - weights @ ((lower + upper) / 2), np.zeros((width, n_outputs)))


def _even_directions(uniform: NDArray) -> NDArray:
    """Directions of length one, up to sign, (n, d), from points uniform in the unit cube."""
    if uniform.shape[1] == 2:
        angles = math.pi * uniform[:, 0]
        return np.column_stack([np.cos(angles), np.sin(angles)])
    normal = norm.ppf(uniform)
    return normal / np.linalg.norm(normal, axis=1, keepdims=True)


# The weights and biases of layers: (fan_in, fan_out) and (fan_out,) for each.
Layers = tuple[list[NDArray], list[NDArray]]


def mapped_layers(
    width: int,
    features: NDArray,
    n_outputs: int,
    scale: float,
    rng: np.random.Generator,
    stretch: NDArray | float = 1.0,
) -> Layers:
    """Draw one hidden layer over a map of the inputs, as `domain_weights` does over coordinates; outputs +-1.

    Parameters
    ----------
    width, n_outputs : int
    features : ndarray of shape (width, n_features)
        The map at random points; each unit has z = s, s uniform in [-1, 1], at one of them.
    scale : float
        The largest slope of a unit in the features.
    rng : numpy Generator
    stretch : ndarray of shape (n_features,), optional
        What the slopes along each feature are multiplied with.
    """
    directions = rng.standard_normal(features.shape)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    slopes = directions * rng.uniform(0, scale, size=(width, 1)) * stretch
    bias = rng.uniform(-1, 1, size=width) - (slopes * features).sum(axis=1)
    signs = rng.choice([-1.0, 1.0], size=(width, n_outputs)) / math.sqrt(width)
    return [slopes.T.copy(), signs], [bias, np.zeros(n_outputs)]


def placed_layers(
    widths: Sequence[int],
    features: NDArray,
    scale: float,
    activation: Callable[[NDArray], NDArray],
    rng: np.random.Generator,
) -> Layers:
    """Draw layers whose units are placed where the inputs are: each has its zero at one of some points.

    Slopes of the first layer have lengths uniform in [0, scale]; the other layers are orthogonal matrices. With biases
    of zero a network of an odd activation is odd about the centre of the inputs, and learns nothing even at first.

    Parameters
    ----------
    widths : sequence of int
        Those of the inputs, of the hidden layers and of the outputs.
    features : ndarray of shape (n_points, widths[0])
        The inputs at random points, at least as many as the widest hidden layer has units.
    scale : float
    activation : callable
    rng : numpy Generator

    References
    ----------
    Saxe, McClelland and Ganguli (2014), "Exact solutions to the nonlinear dynamics of learning in deep linear neural
    networks", ICLR.
    """
    directions = rng.standard_normal((widths[0], widths[1]))
    lengths = rng.uniform(0, scale, size=widths[1])
    weights = [directions / np.linalg.norm(directions, axis=0) * lengths]
    weights += [_orthogonal(fan_in, fan_out, rng) for fan_in, fan_out in pairwise(widths[1:])]
    biases, h = [], features
    for W in weights[:-1]:
        z = h @ W
        biases.append(-z[rng.permutation(len(h))[: W.shape[1]], np.arange(W.shape[1])])
        h = activation(z + biases[-1])
    return weights, [*biases, np.zeros(widths[-1])]


def _orthogonal(fan_in: int, fan_out: int, rng: np.random.Generator) -> NDArray:
    """Orthonormal columns or rows, whichever there are fewer of, (fan_in, fan_out)."""
    q, r = np.linalg.qr(rng.standard_normal((max(fan_in, fan_out), min(fan_in, fan_out))))
    q *= np.sign(np.diag(r))
    return q if fan_in >= fan_out else q.T


def gaussian_layers(widths: Sequence[int], rng: np.random.Generator) -> Layers:
    """Draw the paper's weights for several layers: N(0, 1) / sqrt(fan_in) after the first, outputs +-1 / sqrt(fan_in).

    Parameters
    ----------
    widths : sequence of int
        Those of the inputs, of the hidden layers and of the outputs.
    rng : numpy Generator
    """
    weights, biases = [], []
    for layer, (fan_in, fan_out) in enumerate(pairwise(widths)):
        weights.append(rng.standard_normal((fan_in, fan_out)) / (math.sqrt(fan_in) if layer else 1.0))
        biases.append(rng.standard_normal(fan_out))
    signs = rng.choice([-1.0, 1.0], size=weights[-1].shape)
    return [*weights[:-1], signs / math.sqrt(widths[-2])], [*biases[:-1], np.zeros(widths[-1])]
