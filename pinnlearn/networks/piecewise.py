"""Networks of windows: one two-layer network for each piece of the last axis, which it measures from where it begins.

A window far from the origin and short, at t = 1000 of length 1e-3, would lose six digits of t in w t + b; in
w (t - begin) + b it loses none.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple, cast

import torch
from torch import Tensor

from pinnlearn.jets import VALUE, Symbol
from pinnlearn.networks.base import Network, Piece, Reading
from pinnlearn.networks.two_layer import BLOCKS, NetworkAtPoints, TwoLayerNetwork


class Window(NamedTuple):
    """A window along the last axis, from begin to end, with its hidden units and its largest relative residual."""

    begin: float
    end: float
    units: int
    residual: float


@dataclass(frozen=True, eq=False)
class PiecewiseNetwork:
    """A network for each window; a point outside all of them belongs to the nearest one, a joint to the later one.

    Its blocks are those of the pieces, their units one after another.

    Parameters
    ----------
    begins : tuple of float
        Where windows begin, in rising order.
    pieces : tuple of TwoLayerNetwork
        The last coordinate of a piece is measured from its begin.
    """

    linear: ClassVar[tuple[str, ...]] = TwoLayerNetwork.linear

    begins: tuple[float, ...]
    pieces: tuple[TwoLayerNetwork, ...]

    @classmethod
    def of(cls, network: TwoLayerNetwork, windows: Sequence[Window]) -> PiecewiseNetwork:
        """The units of a network, one window after another."""
        begins, units = tuple(window.begin for window in windows), [window.units for window in windows]
        blocks = {name: block.split(units, dim=-1) for name, block in network.blocks().items()}
        parts = ({name: each[i] for name, each in blocks.items()} for i in range(len(windows)))
        return cls(begins, tuple(network.with_blocks(part) for part in parts))

    @classmethod
    def joined(cls, networks: Sequence[PiecewiseNetwork]) -> PiecewiseNetwork:
        """The windows of several networks, in any order."""
        windows = [pair for each in networks for pair in zip(each.begins, each.pieces, strict=True)]
        windows.sort(key=lambda window: window[0])
        begins, pieces = zip(*windows, strict=True)
        return cls(begins, pieces)

    @property
    def whole(self) -> TwoLayerNetwork | PiecewiseNetwork:
        """The same function; that of one window as a two-layer network, of coordinates as they are."""
        if len(self.pieces) > 1:
            return self
        (begin,), (piece,) = self.begins, self.pieces
        return replace(piece, hidden_bias=piece.hidden_bias - begin * piece.hidden_weights[:, -1])

    @property
    def widths(self) -> list[int]:
        """The number of units of each window."""
        return [piece.width for piece in self.pieces]

    @property
    def width(self) -> int:
        """The number of units of all windows."""
        return sum(self.widths)

    @property
    def n_dims(self) -> int:
        """The number of coordinates of a point."""
        return self.pieces[0].n_dims

    @property
    def n_outputs(self) -> int:
        """The number of components of u."""
        return self.pieces[0].n_outputs

    @property
    def highest_order(self) -> float:
        """The highest order of a derivative."""
        return self.pieces[0].highest_order

    @property
    def smoothness(self) -> str:
        """What limits it."""
        return self.pieces[0].smoothness

    @property
    def hidden_weights(self) -> Tensor:
        """Those of all windows, (width, n_dims)."""
        return self.blocks()["hidden_weights"].T

    @property
    def hidden_bias(self) -> Tensor:
        """Those of all windows, (width,)."""
        return self.blocks()["hidden_bias"]

    @property
    def output_weights(self) -> Tensor:
        """Those of all windows, (width, n_outputs)."""
        return self.blocks()["output_weights"].T

    def blocks(self) -> dict[str, Tensor]:
        """The weights by name; units run last, window after window."""
        parts = [piece.blocks() for piece in self.pieces]
        return {name: torch.cat([part[name] for part in parts], dim=-1) for name in BLOCKS["all"]}

    def with_blocks(self, blocks: Mapping[str, Tensor]) -> PiecewiseNetwork:
        """The network with other weights in some blocks, in the shapes of `blocks`."""
        split = {name: block.split(self.widths, dim=-1) for name, block in blocks.items()}
        parts = ({name: each[i] for name, each in split.items()} for i in range(len(self.pieces)))
        pieces = tuple(piece.with_blocks(part) for piece, part in zip(self.pieces, parts, strict=True))
        return replace(self, pieces=pieces)

    def windows_of(self, x: Tensor) -> Tensor:
        """The window of each point, (n,) of int."""
        joints = x.new_tensor(self.begins[1:])
        return torch.bucketize(x[:, -1].contiguous(), joints, right=True)

    def origin(self, window: int, like: Tensor) -> Tensor:
        """What coordinates are measured from in a window, (n_dims,)."""
        return like.new_tensor([*[0.0] * (self.n_dims - 1), self.begins[window]])

    def at(self, x: Tensor) -> PiecewiseAtPoints:
        """The network at points, (n, n_dims)."""
        return PiecewiseAtPoints(self, x)

    def evaluate(self, x: Tensor, symbol: Symbol = VALUE) -> Tensor:
        """A derivative of all outputs at points, (n,) or (n, n_outputs); without a symbol the outputs themselves."""
        at = self.at(x)
        columns = [at.term(symbol, k) for k in range(self.n_outputs)]
        return columns[0] if len(columns) == 1 else torch.stack(columns, dim=1)

    def steepest(self, x: Tensor) -> Tensor:
        """Points where u is steep: they are shared out among the windows, and moved to the steepest units there."""
        points, n = x.clone(), len(self.pieces)
        for i, piece in enumerate(self.pieces[: len(x)]):
            origin = self.origin(i, x)
            points[i::n] = piece.steepest(x[i::n] - origin) + origin
        return points

    def gram_size(self, pieces: Sequence[Piece], trained: Sequence[str]) -> float:
        """Infinite: J J^T has the structure of its windows alone, and is formed from J."""
        return math.inf

    def gram(self, pieces: Sequence[Piece], trained: Sequence[str], n_residuals: int) -> Tensor:
        """Never asked for, see `gram_size`."""
        raise NotImplementedError("J J^T of windows is formed from J")


class _Part(NamedTuple):
    """A window at its points: their numbers among all points, and the numbers of its units among all units."""

    rows: Tensor
    units: slice
    at: NetworkAtPoints

    def readings(self, readings: list[Reading]) -> list[Reading]:
        return [reading._replace(coefficient=reading.coefficient[self.rows]) for reading in readings]


class PiecewiseAtPoints:
    """A network of windows at points; a window that has none of them is not evaluated."""

    def __init__(self, network: PiecewiseNetwork, x: Tensor):
        self.network = network
        self.x = x
        self._parts = list(self._cut())

    def _cut(self) -> Iterator[_Part]:
        windows, first = self.network.windows_of(self.x), 0
        present = set(windows.unique().tolist())
        for window, piece in enumerate(self.network.pieces):
            if window in present:
                rows = torch.nonzero(windows == window)[:, 0]
                local = self.x[rows] - self.network.origin(window, self.x)
                yield _Part(rows, slice(first, first + piece.width), piece.at(local))
            first += piece.width

    def at_rows(self, some: slice) -> PiecewiseAtPoints:
        """The network at some of the points."""
        return PiecewiseAtPoints(self.network, self.x[some])

    def in_network(self, network: Network) -> PiecewiseAtPoints:
        """A network with the same hidden weights at the same points."""
        other, piecewise = copy(self), cast(PiecewiseNetwork, network)
        other.network = piecewise
        first = [sum(piecewise.widths[:i]) for i in range(len(piecewise.pieces))]
        pieces = dict(zip(first, piecewise.pieces, strict=True))
        other._parts = [part._replace(at=part.at.in_network(pieces[part.units.start])) for part in self._parts]
        return other

    def term(self, symbol: Symbol, output: int) -> Tensor:
        """The derivative with this symbol of one output, (n,)."""
        values = [part.at.term(symbol, output) for part in self._parts]
        if not values:
            return self.x.new_zeros(0)
        return torch.cat(values)[torch.cat([part.rows for part in self._parts]).argsort()]

    def add_jacobian(self, readings: list[Reading], out: Mapping[str, Tensor]) -> None:
        """Add the derivative of sum_t c_t * term_t in the numbers of each block to `out`; zero between windows."""
        for part in self._parts:
            views = {name: self._units_of(block, part) for name, block in out.items()}
            local = {name: view.new_zeros(len(part.rows), view[0].numel()) for name, view in views.items()}
            part.at.add_jacobian(part.readings(readings), local)
            for name, view in views.items():
                view.index_add_(0, part.rows, local[name].view(len(part.rows), *view.shape[1:]))

    def _units_of(self, block: Tensor, part: _Part) -> Tensor:
        """The columns of a window in the columns of a block, (n, k, units of the window)."""
        return block.unflatten(1, (-1, self.network.width))[..., part.units]

    def jvp(self, readings: list[Reading], tangent: Mapping[str, Tensor]) -> Tensor:
        """The derivative of sum_t c_t * term_t along a direction, (n,); blocks that are left out stay."""
        total = torch.zeros_like(self.x[:, 0])
        for part in self._parts:
            own = {name: block[..., part.units] for name, block in tangent.items()}
            total[part.rows] = part.at.jvp(part.readings(readings), own)
        return total

    def vjp(self, readings: list[Reading], blocks: Sequence[str]) -> Tensor:
        """The column sums of the Jacobian, (n_parameters of the blocks,), without forming it."""
        all_blocks = self.network.blocks()
        sums: dict[str, Any] = {name: torch.zeros_like(all_blocks[name]) for name in blocks}
        for part in self._parts:
            own = {name: sums[name][..., part.units] for name in blocks}
            flat = part.at.vjp(part.readings(readings), blocks).split([each.numel() for each in own.values()])
            for each, values in zip(own.values(), flat, strict=True):
                each.copy_(values.view(each.shape))
        return torch.cat([each.reshape(-1) for each in sums.values()])
