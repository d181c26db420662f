"""A trained network as a module of torch, to be built into other models and exported."""

from __future__ import annotations

from torch import Tensor, nn

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
