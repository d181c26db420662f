"""What the rest of the package asks of a network: blocks of weights, and derivatives at points with their Jacobians.

Nothing above this folder knows what is inside a network. It names blocks, and which of them it is linear in; it gives
terms, the derivatives that equations read, and how those change with its weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from torch import Tensor

from pinnlearn.jets import VALUE, Symbol


class Reading(NamedTuple):
    """A term that an equation reads, with the equation's derivative with respect to it, (n,)."""

    symbol: Symbol
    output: int
    coefficient: Tensor


class AtPoints(Protocol):
    """A network at points x, (n, n_dims); what several terms share is computed once."""

    @property
    def x(self) -> Tensor:
        """The points."""

    @property
    def network(self) -> Network:
        """The network."""

    def term(self, symbol: Symbol, output: int) -> Tensor:
        """The derivative with this symbol of one output, (n,)."""

    def add_jacobian(self, readings: list[Reading], out: Mapping[str, Tensor]) -> None:
        """Add the derivative of sum_t c_t * term_t in the numbers of each block, (n, size of the block), to `out`."""

    def jvp(self, readings: list[Reading], tangent: Mapping[str, Tensor]) -> Tensor:
        """The derivative of sum_t c_t * term_t along a direction, (n,); blocks that are left out stay."""

    def vjp(self, readings: list[Reading], blocks: Sequence[str]) -> Tensor:
        """The sums over the points of what `add_jacobian` adds, block after block, without forming it."""

    def at_rows(self, some: slice) -> AtPoints:
        """The network at some of the points; what is known already is shared."""

    def in_network(self, network: Network) -> AtPoints:
        """A network that differs in blocks alone that it is linear in, at the same points."""


class Piece(NamedTuple):
    """One component of one equation: its places among the residuals, and what it reads there."""

    where: slice
    at: AtPoints
    readings: list[Reading]

    def at_rows(self, some: slice) -> Piece:
        """The piece at some of its points."""
        where = range(*self.where.indices(self.where.stop))[some]
        readings = [r._replace(coefficient=r.coefficient[some]) for r in self.readings]
        return Piece(slice(where.start, where.stop, where.step), self.at.at_rows(some), readings)


class Network(Protocol):
    """A function of points with weights in named blocks, a frozen value."""

    @property
    def linear(self) -> tuple[str, ...]:
        """The blocks that u is linear in."""

    @property
    def n_dims(self) -> int:
        """The number of coordinates of a point."""

    @property
    def n_outputs(self) -> int:
        """The number of components of u."""

    @property
    def highest_order(self) -> float:
        """The highest order of a derivative."""

    @property
    def smoothness(self) -> str:
        """What limits it, for messages."""

    def blocks(self) -> dict[str, Tensor]:
        """The weights by name; read row by row they are the numbers of a parameter vector."""

    def with_blocks(self, blocks: Mapping[str, Tensor]) -> Network:
        """The network with other weights in some blocks, in the shapes of `blocks`."""

    def at(self, x: Tensor) -> AtPoints:
        """The network at points, (n, n_dims)."""

    def evaluate(self, x: Tensor, symbol: Symbol = VALUE) -> Tensor:
        """A derivative of all outputs at points, (n,) or (n, n_outputs); without a symbol the outputs themselves."""

    def steepest(self, x: Tensor) -> Tensor:
        """Points where the function may change within a short way, as many as x has; made from these."""

    def gram_size(self, pieces: Sequence[Piece], trained: Sequence[str]) -> float:
        """The k of the (n, k) by (k, n) products that J J^T costs by its structure; infinite where there is none."""

    def gram(self, pieces: Sequence[Piece], trained: Sequence[str], n_residuals: int) -> Tensor:
        """J J^T by its structure, (n_residuals, n_residuals), J in the trained blocks."""


def trainable_blocks(network: Network, which: str) -> tuple[str, ...]:
    """The blocks of "all" weights, of the "output"'s, which u is linear in, or of the others, "hidden".

    Raises
    ------
    KeyError
        If it is none of the three.
    """
    every = tuple(network.blocks())
    hidden = tuple(name for name in every if name not in network.linear)
    return {"all": every, "output": network.linear, "hidden": hidden}[which]
