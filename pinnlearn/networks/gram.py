"""The Gram matrix J J^T of a two-layer network by its structure, without J.

In the weights of hidden unit r, a row of J is A_ir x_i + sum_p B_ir^p grad p(w_r), one term for each symbol p that the
equations read; in its bias it is A_ir, in its output weight O_ir. With x~ = (x, 1) and g_p = grad p(w_r)

    J J^T = (A A^T) * (X~ X~^T) + sum_p [F_p B_p^T + its transpose] + O O^T
    F_p   = A * (X g_p^T) + 1/2 sum_q <g_p, g_q> * B_q

For the Laplacian, whose gradient is 2 w, these are three products of an (n, m) with an (m, n) matrix in any dimension,
where J J^T itself costs n_dims + 2 of them. The equations need only be pointwise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product
from typing import Any, Protocol

import torch
from torch import Tensor

from pinnlearn.jets import Symbol
from pinnlearn.linalg import symmetric
from pinnlearn.networks.base import Network, Piece


class TwoLayers(Network, Protocol):
    """A two-layer network, as far as it is needed here."""

    @property
    def width(self) -> int:
        """The number of hidden units."""

    @property
    def hidden_weights(self) -> Tensor:
        """(m, n_dims)."""

    @property
    def output_weights(self) -> Tensor:
        """(m, n_outputs)."""


def structured_size(network: TwoLayers, pieces: Sequence[Piece], trained: Sequence[str]) -> float:
    """The k of the (n, k) by (k, n) products that the structure costs; infinite where there is none.

    There is one if hidden weights are trained and each residual reads u at one point.
    """
    if "hidden_weights" not in trained or len({piece.where.start for piece in pieces}) < len(pieces):
        return math.inf
    n_outputs = network.n_outputs if "output_weights" in trained else 0
    return network.width * (1 + len(_symbols(pieces)) + n_outputs)


def structured_gram(network: TwoLayers, pieces: Sequence[Piece], trained: Sequence[str], n_residuals: int) -> Tensor:
    """J J^T in the trained weights.

    Parameters
    ----------
    network : TwoLayerNetwork
    pieces : sequence of Piece
        One for each residual's place.
    trained : sequence of str
        The trained blocks, hidden weights and bias among them.
    n_residuals : int

    Returns
    -------
    Tensor of shape (n_residuals, n_residuals)
    """
    symbols = _symbols(pieces)
    like = pieces[0].at.x
    x = like.new_empty(n_residuals, network.n_dims)
    A = like.new_empty(n_residuals, network.width)
    B = {symbol: torch.zeros_like(A) for symbol in symbols}
    trains_outputs = "output_weights" in trained
    O = like.new_zeros(n_residuals, network.output_weights.numel() if trains_outputs else 0)  # noqa: E741
    at: Any
    for where, at, readings in pieces:
        x[where] = at.x
        A[where] = at.slope(readings)
        for symbol, factor in at.symbol_factors(readings).items():
            B[symbol][where] = factor
        if trains_outputs:
            at.add_jacobian(readings, {"output_weights": O[where]})
    F = _through_symbols(network, x, A, B)
    scale = x.new_full((1, 1), 1 / network.width)

    def fill(block: Tensor, rows: slice, columns: slice) -> None:
        torch.mm(A[rows], A[columns].T, out=block)
        block.mul_(torch.addmm(scale, x[rows], x[columns].T, alpha=1 / network.width))
        for symbol in symbols:
            for one, other in ((F[symbol], B[symbol]), (B[symbol], F[symbol])):
                block.addmm_(one[rows], other[columns].T, alpha=1 / network.width)
        block.addmm_(O[rows], O[columns].T)

    return symmetric(A, fill)


def _through_symbols(network: TwoLayers, x: Tensor, A: Tensor, B: dict[Symbol, Tensor]) -> dict[Symbol, Tensor]:
    """F_p, (n, m), for each symbol p."""
    gradients = {symbol: symbol.gradient(network.hidden_weights) for symbol in B}
    F = {symbol: (x @ gradient.T).mul_(A) for symbol, gradient in gradients.items()}
    for symbol, other in product(B, B):
        F[symbol].addcmul_(B[other], (gradients[symbol] * gradients[other]).sum(dim=1), value=0.5)
    return F


def _symbols(pieces: Sequence[Piece]) -> list[Symbol]:
    """The symbols that are not constant, each once."""
    return list(dict.fromkeys(r.symbol for piece in pieces for r in piece.readings if r.symbol.order))
