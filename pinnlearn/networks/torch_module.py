"""A trained network as a module of torch, to be built into other models and exported."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from pinnlearn.networks.deep import DeepNetwork
from pinnlearn.networks.piecewise import PiecewiseNetwork
from pinnlearn.networks.two_layer import TwoLayerNetwork


class TwoLayerModule(nn.Module):
    """u(x) = width^(-1/2) sum_r a_r sigma(w_r . x + b_r).

    Parameters
    ----------
    network : TwoLayerNetwork
        Copied.

    Attributes
    ----------
    hidden_weights, hidden_bias, output_weights : nn.Parameter
        Of shapes (width, n_dims), (width,) and (width, n_outputs).
    """

    def __init__(self, network: TwoLayerNetwork):
        super().__init__()
        self.activation = network.activation
        self.hidden_weights = nn.Parameter(network.hidden_weights.clone())
        self.hidden_bias = nn.Parameter(network.hidden_bias.clone())
        self.output_weights = nn.Parameter(network.output_weights.clone())

    def forward(self, x: Tensor) -> Tensor:
        """Evaluate u at points (n, n_dims): (n,), or (n, n_outputs) for several outputs."""
        network = TwoLayerNetwork(self.activation, self.hidden_weights, self.hidden_bias, self.output_weights)
        return network.evaluate(x)


class DeepModule(nn.Module):
    """A network of several layers.

    Parameters
    ----------
    network : DeepNetwork
        Copied.

    Attributes
    ----------
    weights, biases : nn.ParameterList
        Of shapes (fan_in, fan_out) and (fan_out,) for each layer; the first reads points scaled to [-1, 1].
    """

    def __init__(self, network: DeepNetwork):
        super().__init__()
        self.activation, self.architecture = network.activation, network.architecture
        self.weights = nn.ParameterList(W.clone() for W in network.weights)
        self.biases = nn.ParameterList(b.clone() for b in network.biases)

    def forward(self, x: Tensor) -> Tensor:
        """Evaluate u at points (n, n_dims): (n,), or (n, n_outputs) for several outputs."""
        inputs, reads = self.architecture
        return DeepNetwork(self.activation, inputs, tuple(self.weights), tuple(self.biases), reads).evaluate(x)


class PiecewiseModule(nn.Module):
    """One two-layer network for each window along the last axis; all are evaluated, and one is taken, at each point.

    Parameters
    ----------
    network : PiecewiseNetwork
        Copied.

    Attributes
    ----------
    pieces : nn.ModuleList of TwoLayerModule
        Of points whose last coordinate is measured from where the window begins.
    origins : Tensor of shape (n_windows, n_dims)
        What points are measured from.
    """

    origins: Tensor

    def __init__(self, network: PiecewiseNetwork):
        super().__init__()
        self.pieces = nn.ModuleList(TwoLayerModule(piece) for piece in network.pieces)
        like = network.pieces[0].hidden_bias
        origins = torch.stack([network.origin(i, like) for i in range(len(network.pieces))])
        self.register_buffer("origins", origins)

    def forward(self, x: Tensor) -> Tensor:
        """Evaluate u at points (n, n_dims): (n,), or (n, n_outputs) for several outputs."""
        window = torch.bucketize(x[:, -1].contiguous(), self.origins[1:, -1].contiguous(), right=True)
        values = torch.stack([piece(x - origin) for piece, origin in zip(self.pieces, self.origins, strict=True)])
        return values[window, torch.arange(len(x), device=x.device)]


class TransformedModule(nn.Module):
    """u = transform(x, v), v being another module.

    Parameters
    ----------
    module : nn.Module
    transform : callable
        transform(x, v) -> u.
    """

    def __init__(self, module: nn.Module, transform: Callable[[Tensor, Tensor], Tensor]):
        super().__init__()
        self.module = module
        self.transform = transform

    def forward(self, x: Tensor) -> Tensor:
        """Evaluate u at points (n, n_dims): (n,), or (n, n_outputs) for several outputs."""
        return self.transform(x, self.module(x))


def as_module(network: TwoLayerNetwork | PiecewiseNetwork | DeepNetwork) -> nn.Module:
    """A network as a module."""
    if isinstance(network, DeepNetwork):
        return DeepModule(network)
    return PiecewiseModule(network) if isinstance(network, PiecewiseNetwork) else TwoLayerModule(network)
