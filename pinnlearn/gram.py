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
from typing import NamedTuple

import torch
from torch import Tensor

from pinnlearn.jets import Symbol
from pinnlearn.linalg import symmetric
from pinnlearn.networks import NetworkAtPoints, Reading, TwoLayerNetwork


class Piece(NamedTuple):
    """One component of one equation: its places among the residuals, and what it reads there."""

    where: slice
    at: NetworkAtPoints
    readings: list[Reading]

    def at_rows(self, some: slice) -> Piece:
        """The piece at some of its points."""
        where = range(*self.where.indices(self.where.stop))[some]
        readings = [r._replace(coefficient=r.coefficient[some]) for r in self.readings]
        return Piece(slice(where.start, where.stop, where.step), self.at.at_rows(some), readings)


def structured_size(network: TwoLayerNetwork, pieces: Sequence[Piece]) -> float:
    """The k of the (n, k) by (k, n) products that the structure costs; infinite where there is none.

    There is one if hidden weights are trained and each residual reads u at one point.
    """
    if "hidden_weights" not in network.layout or len({piece.where.start for piece in pieces}) < len(pieces):
        return math.inf
    n_outputs = network.n_outputs if "output_weights" in network.layout else 0
    return network.width * (1 + len(_symbols(pieces)) + n_outputs)


def structured_gram(network: TwoLayerNetwork, pieces: Sequence[Piece], n_residuals: int) -> Tensor:
    """J J^T in the trained weights.

    Parameters
    ----------
    network : TwoLayerNetwork
        Hidden weights are trained.
    pieces : sequence of Piece
        One for each residual's place.
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
    trains_outputs = "output_weights" in network.layout
    O = like.new_zeros(n_residuals, network.output_weights.numel() if trains_outputs else 0)  # noqa: E741
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


def _through_symbols(network: TwoLayerNetwork, x: Tensor, A: Tensor, B: dict[Symbol, Tensor]) -> dict[Symbol, Tensor]:
    """F_p, (n, m), for each symbol p."""
    gradients = {symbol: symbol.gradient(network.hidden_weights) for symbol in B}
    F = {symbol: (x @ gradient.T).mul_(A) for symbol, gradient in gradients.items()}
    for symbol, other in product(B, B):
        F[symbol].addcmul_(B[other], (gradients[symbol] * gradients[other]).sum(dim=1), value=0.5)
    return F


def _symbols(pieces: Sequence[Piece]) -> list[Symbol]:
    """The symbols that are not constant, each once."""
    return list(dict.fromkeys(r.symbol for piece in pieces for r in piece.readings if r.symbol.order))
