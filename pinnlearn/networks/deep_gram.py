"""The Gram matrix J J^T of a deep network by its structure, without the Jacobian of its large layers.

A row of the Jacobian in a layer's weights is a sum of outer products, sum_alpha h^alpha (x) G^alpha, so that

    J J^T = sum over layers: sum_{alpha, beta} (h^alpha h^beta^T) * (G^alpha G^beta^T) + G^0 G^0^T

A small layer, for which its columns of J are fewer than what these products take, is formed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from pinnlearn.jets import Symbol
from pinnlearn.linalg import symmetric
from pinnlearn.networks.base import Network, Piece
from pinnlearn.networks.faa_di_bruno import Jets, needed

# What it costs to multiply and add one pair of (n, n) products, in columns of a product of matrices.
PASS = 30


class Layered(Network, Protocol):
    """A deep network, as far as it is needed here."""

    @property
    def weights(self) -> tuple[Tensor, ...]:
        """(fan_in, fan_out) for each layer."""


def layered_size(network: Layered, pieces: Sequence[Piece], trained: Sequence[str]) -> float:
    """The k of the (n, k) by (k, n) products that the structure costs; infinite where there is none.

    There is one if each residual reads u at one point, and some layer is large.
    """
    if len({piece.where.start for piece in pieces}) < len(pieces):
        return math.inf
    by_products = _by_products(network, pieces, trained)
    if not by_products:
        return math.inf
    blocks = network.blocks()
    formed = sum(blocks[name].numel() for name in trained if name not in by_products)
    return formed + sum(by_products.values())


def _by_products(network: Layered, pieces: Sequence[Piece], trained: Iterable[str]) -> dict[str, int]:
    """The blocks for which products cost less than forming their columns, and what these cost."""
    blocks = network.blocks()
    # What is not read by itself is read by the layer above; the last layer has what is read alone.
    n_read = len({symbol for piece in pieces for r in piece.readings for symbol in needed(r.symbol)})
    costs = {name: n_read**2 * (sum(blocks[name].shape) + PASS) for name in trained if blocks[name].ndim == 2}
    return {name: cost for name, cost in costs.items() if cost < blocks[name].numel()}


def layered_gram(network: Layered, pieces: Sequence[Piece], trained: Sequence[str], n_residuals: int) -> Tensor:
    """J J^T in the trained weights.

    Parameters
    ----------
    network : DeepNetwork
    pieces : sequence of Piece
        One for each residual's place.
    trained : sequence of str
        The trained blocks.
    n_residuals : int

    Returns
    -------
    Tensor of shape (n_residuals, n_residuals)
    """
    blocks, by_products = network.blocks(), _by_products(network, pieces, trained)
    formed = [name for name in trained if name not in by_products]
    like = pieces[0].at.x
    J = like.new_zeros(n_residuals, sum(blocks[name].numel() for name in formed))
    outers: dict[str, dict[Symbol, tuple[Tensor, Tensor]]] = {name: {} for name in by_products}
    at: Any
    for where, at, readings in pieces:
        adjoints = at.adjoints(readings, min(_layer(name) for name in trained))
        if formed:
            out = dict(zip(formed, J[where].split([blocks[name].numel() for name in formed], dim=1), strict=True))
            at.add_adjoints(adjoints, out)
        for name, found in outers.items():
            _put(found, where, at, _layer(name), adjoints[_layer(name)], n_residuals)
    return _summed(J, [list(found.values()) for found in outers.values()])


def _layer(name: str) -> int:
    return int(name.rpartition("_")[2])


def _put(
    found: dict[Symbol, tuple[Tensor, Tensor]], where: slice, at: Any, layer: int, G: Jets, n_residuals: int
) -> None:
    """Put the factors of a piece's outer products in their places; they are zero elsewhere."""
    for symbol, g in G.items():
        h = at.read(layer, symbol)
        if h is None:
            continue
        if symbol not in found:
            found[symbol] = h.new_zeros(n_residuals, h.shape[1]), g.new_zeros(n_residuals, g.shape[1])
        for into, values in zip(found[symbol], (h, g), strict=True):
            into[where] = values


def _summed(J: Tensor, layers: list[list[tuple[Tensor, Tensor]]]) -> Tensor:
    """J J^T of the formed columns, and of the layers of outer products."""

    def fill(block: Tensor, rows: slice, columns: slice) -> None:
        torch.mm(J[rows], J[columns].T, out=block)
        for pairs in layers:
            for h, g in pairs:
                for other_h, other_g in pairs:
                    block.addcmul_(h[rows] @ other_h[columns].T, g[rows] @ other_g[columns].T)

    return symmetric(J, fill)
