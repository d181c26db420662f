"""Networks: functions of points with exact derivatives, and exact Jacobians of these in their weights."""

from pinnlearn.networks.base import AtPoints, Network, Piece, Reading, trainable_blocks
from pinnlearn.networks.deep import DeepAtPoints, DeepNetwork
from pinnlearn.networks.initialisation import (
    INITS,
    Weights,
    domain_weights,
    gaussian_weights,
    half_width,
    window_weights,
)
from pinnlearn.networks.inputs import Inputs, Scaled, identity
from pinnlearn.networks.piecewise import PiecewiseNetwork, Window
from pinnlearn.networks.two_layer import BLOCKS, NetworkAtPoints, TwoLayerNetwork

__all__ = [
    "BLOCKS",
    "INITS",
    "AtPoints",
    "DeepAtPoints",
    "DeepNetwork",
    "Inputs",
    "Network",
    "NetworkAtPoints",
    "Piece",
    "PiecewiseNetwork",
    "Reading",
    "Scaled",
    "TwoLayerNetwork",
    "Weights",
    "Window",
    "domain_weights",
    "gaussian_weights",
    "half_width",
    "identity",
    "trainable_blocks",
    "window_weights",
]
