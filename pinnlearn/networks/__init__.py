"""Networks: functions of points with exact derivatives, and exact Jacobians of these in their weights."""

from pinnlearn.networks.base import AtPoints, Network, Piece, Reading, trainable_blocks
from pinnlearn.networks.deep import Architecture, DeepAtPoints, DeepNetwork
from pinnlearn.networks.initialisation import (
    INITS,
    Layers,
    Weights,
    domain_weights,
    even_weights,
    gaussian_layers,
    gaussian_weights,
    half_width,
    mapped_layers,
    placed_layers,
    window_weights,
)
from pinnlearn.networks.inputs import Fourier, FourierFeatures, Inputs, Scaled
from pinnlearn.networks.piecewise import PiecewiseNetwork, Window
from pinnlearn.networks.two_layer import BLOCKS, NetworkAtPoints, TwoLayerNetwork

__all__ = [
    "BLOCKS",
    "INITS",
    "Architecture",
    "AtPoints",
    "DeepAtPoints",
    "DeepNetwork",
    "Fourier",
    "FourierFeatures",
    "Inputs",
    "Layers",
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
    "even_weights",
    "gaussian_layers",
    "gaussian_weights",
    "half_width",
    "mapped_layers",
    "placed_layers",
    "trainable_blocks",
    "window_weights",
]
