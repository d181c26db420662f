"""Networks as the fitted attributes of an estimator, arrays under their names, and back."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from pinnlearn.activations import Activation
from pinnlearn.arrays import as_array
from pinnlearn.networks.deep import DeepNetwork
from pinnlearn.networks.initialisation import Weights
from pinnlearn.networks.piecewise import PiecewiseNetwork
from pinnlearn.networks.two_layer import TwoLayerNetwork

# Whatever the network; those of another kind than the last fit's are forgotten.
NAMES = ("hidden_weights_", "hidden_bias_", "output_weights_", "coefs_", "intercepts_", "architecture_")
AnyNetwork = TwoLayerNetwork | PiecewiseNetwork | DeepNetwork


def attributes_of(network: AnyNetwork) -> dict[str, Any]:
    """A network as attributes: `coefs_` and `intercepts_`, and what else its kind has."""
    if isinstance(network, DeepNetwork):
        coefs, intercepts = network.plain()
        return {"coefs_": coefs, "intercepts_": intercepts, "architecture_": network.architecture}
    pieces = network.pieces if isinstance(network, PiecewiseNetwork) else (network,)
    roots = np.concatenate([np.full(piece.width, math.sqrt(piece.width)) for piece in pieces])
    # A window as it is trained is alone.
    whole = network.whole if isinstance(network, PiecewiseNetwork) else network
    W, b, a = map(as_array, (whole.hidden_weights, whole.hidden_bias, whole.output_weights))
    return {
        "hidden_weights_": W,
        "hidden_bias_": b,
        "output_weights_": a[:, 0] if network.n_outputs == 1 else a,
        "coefs_": [W.T.copy(), (a / roots[:, None]).astype(a.dtype)],
        "intercepts_": [b.copy(), np.zeros(network.n_outputs, a.dtype)],
    }


def times(network: AnyNetwork, sizes: Sequence[float] | None) -> AnyNetwork:
    """A network whose outputs are those of another, times sizes; None for ones."""
    if sizes is None:
        return network
    blocks = {name: network.blocks()[name] for name in network.linear}
    factors = {name: block.new_tensor(sizes) for name, block in blocks.items()}
    if not isinstance(network, DeepNetwork):  # units run last
        factors = {name: each[:, None] for name, each in factors.items()}
    return network.with_blocks({name: block * factors[name] for name, block in blocks.items()})


def network_of(attributes: Mapping[str, Any], activation: Activation, like: Tensor) -> AnyNetwork:
    """The network of attributes, on the device and in the precision of a tensor."""
    if "hidden_weights_" not in attributes:
        layers = attributes["coefs_"], attributes["intercepts_"]
        return DeepNetwork.from_plain(attributes["architecture_"], layers, activation, like)
    W, b, a = (attributes[name] for name in NAMES[:3])
    network = TwoLayerNetwork.of(Weights(W, b, a.reshape(len(b), -1)), activation, like.device, like.dtype)
    windows = attributes.get("windows_", [])  # files of older versions have none
    return PiecewiseNetwork.of(network, windows) if len(windows) > 1 else network


def hidden_widths(attributes: Mapping[str, Any]) -> tuple[int, ...]:
    """The number of units of each hidden layer."""
    if "hidden_bias_" in attributes:  # files of older versions have no more
        return (len(attributes["hidden_bias_"]),)
    return tuple(len(bias) for bias in attributes["intercepts_"][:-1])


def n_parameters(attributes: Mapping[str, Any]) -> int:
    """The number of weights and biases."""
    names = [name for name in NAMES[:3] if name in attributes]
    arrays: list[NDArray] = [attributes[name] for name in names] or attributes["coefs_"] + attributes["intercepts_"]
    return sum(array.size for array in arrays)
