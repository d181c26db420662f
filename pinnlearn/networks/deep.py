"""Deep networks: their derivatives layer by layer, and the Jacobians of these by one backward pass.

A layer is z = h W + b, with h' = sigma(z) handed on; the last layer is linear. For every derivative alpha that is
read, and those that these take (see `pinnlearn.networks.faa_di_bruno`), z^alpha = h^alpha W. With
G^alpha = dr / dz^alpha

    dr/dW = sum_alpha h^alpha (x) G^alpha  (a row's outer products),    dr/db = G^0
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pinnlearn.activations import Activation
from pinnlearn.arrays import as_array, as_tensor
from pinnlearn.jets import VALUE, Symbol
from pinnlearn.networks.base import Network, Piece, Reading
from pinnlearn.networks.deep_gram import layered_gram, layered_size
from pinnlearn.networks.faa_di_bruno import Activated, Jets, add_outer, add_to, needed, outer_sum, rows
from pinnlearn.networks.initialisation import Layers
from pinnlearn.networks.inputs import Inputs


class Architecture(NamedTuple):
    """What a deep network has beside weights and an activation, see `DeepNetwork`."""

    inputs: Inputs
    reads: tuple[tuple[int, ...], ...] | None = None


@dataclass(frozen=True, eq=False)
class DeepNetwork:
    """A network of several layers.

    Parameters
    ----------
    activation : Activation
    inputs : Inputs
        What the first layer reads, a map of the points.
    weights : tuple of Tensor of shape (fan_in, fan_out)
        Of the hidden layers, and of the last, linear one.
    biases : tuple of Tensor of shape (fan_out,)
    reads : tuple of tuple of int, optional
        What each layer reads: outputs of earlier layers, counted from 1, side by side; 0 is the map of the points.
        None is the layer before, for every layer.
    """

    activation: Activation
    inputs: Inputs
    weights: tuple[Tensor, ...]
    biases: tuple[Tensor, ...]
    reads: tuple[tuple[int, ...], ...] | None = None

    @classmethod
    def of(cls, architecture: Architecture, layers: Layers, activation: Activation, like: Tensor) -> DeepNetwork:
        """A network of arrays of weights and biases, on the device and in the precision of a tensor."""
        weights, biases = (tuple(as_tensor(block, like.device, like.dtype) for block in blocks) for blocks in layers)
        return cls(activation, architecture.inputs, weights, biases, architecture.reads)

    @classmethod
    def from_plain(
        cls, architecture: Architecture, layers: Layers, activation: Activation, like: Tensor
    ) -> DeepNetwork:
        """The way back from `plain`."""
        widths = [len(bias) for bias in layers[1][:-1]]
        weights, biases = [W.astype(float) for W in layers[0]], [b.astype(float) for b in layers[1]]
        for W, b, where, shift, scale in _reading_inputs(architecture, widths, weights, biases):
            b += shift @ W[where]
            W[where] *= scale[:, None]
        return cls.of(architecture, (weights, biases), activation, like)

    @property
    def architecture(self) -> Architecture:
        """What it has beside weights and an activation."""
        return Architecture(self.inputs, self.reads)

    def plain(self) -> Layers:
        """Weights and biases in double precision, such that layers read points in their own units."""
        weights, biases = (
            [as_array(block).astype(float) for block in blocks] for blocks in (self.weights, self.biases)
        )
        for W, b, where, shift, scale in _reading_inputs(self.architecture, self.hidden_widths, weights, biases):
            W[where] /= scale[:, None]
            b -= shift @ W[where]
        return weights, biases

    @property
    def depth(self) -> int:
        """The number of layers, hidden ones and the last."""
        return len(self.weights)

    @property
    def hidden_widths(self) -> tuple[int, ...]:
        """The number of units of each hidden layer."""
        return tuple(len(bias) for bias in self.biases[:-1])

    @property
    def sources(self) -> tuple[tuple[int, ...], ...]:
        """What each layer reads, as `reads` has it."""
        return self.reads or tuple((layer,) for layer in range(self.depth))

    def columns(self, layer: int) -> Iterator[tuple[int, slice]]:
        """What a layer, counted from 1, reads, and where this stands side by side."""
        return _side_by_side(self.sources[layer - 1], (self.inputs.n_features, *self.hidden_widths))

    @property
    def linear(self) -> tuple[str, ...]:
        """The blocks that u is linear in: the last layer's."""
        return _names(self.depth)

    @property
    def n_dims(self) -> int:
        """The number of coordinates of a point."""
        return self.inputs.n_dims

    @property
    def n_outputs(self) -> int:
        """The number of components of u."""
        return len(self.biases[-1])

    @property
    def highest_order(self) -> float:
        """The highest order of a derivative: that of the activation's."""
        return self.activation.highest_order

    @property
    def smoothness(self) -> str:
        """What limits it."""
        return f"activation={self.activation.name!r}"

    def blocks(self) -> dict[str, Tensor]:
        """The weights by name: weights_1 (fan_in, fan_out), bias_1 (fan_out,), and so on; the last are the outputs'."""
        layers = enumerate(zip(self.weights, self.biases, strict=True), start=1)
        return {name: block for layer, pair in layers for name, block in zip(_names(layer), pair, strict=True)}

    def with_blocks(self, blocks: Mapping[str, Tensor]) -> DeepNetwork:
        """The network with other weights in some blocks, in the shapes of `blocks`."""
        all_blocks = self.blocks() | dict(blocks)
        weights, biases = zip(*((all_blocks[name] for name in _names(i + 1)) for i in range(self.depth)), strict=True)
        return replace(self, weights=weights, biases=biases)

    def widened(self, weights: Tensor, bias: Tensor, layers: Sequence[int]) -> DeepNetwork:
        """The same function, with a further hidden layer over some of the layers, which the last layer reads as well.

        Parameters
        ----------
        weights : Tensor of shape (fan_in, width)
            Of the new layer.
        bias : Tensor of shape (width,)
        layers : sequence of int
            What it reads, side by side; 0 is the map of the points. The last layer is linear in the new units, with
            weights of zero, and in what it has read before.
        """
        *reads, last = self.sources
        unread = self.weights[-1].new_zeros(len(bias), self.n_outputs)
        return replace(
            self,
            weights=(*self.weights[:-1], weights, torch.cat([unread, self.weights[-1]])),
            biases=(*self.biases[:-1], bias, self.biases[-1]),
            reads=(*reads, tuple(layers), (self.depth, *last)),
        )

    def at(self, x: Tensor) -> DeepAtPoints:
        """The network at points, (n, n_dims)."""
        return DeepAtPoints(self, x)

    def evaluate(self, x: Tensor, symbol: Symbol = VALUE) -> Tensor:
        """A derivative of all outputs at points, (n,) or (n, n_outputs); without a symbol the outputs themselves."""
        values = self.at(x).outputs(symbol)
        return values[:, 0] if self.n_outputs == 1 else values

    def steepest(self, x: Tensor) -> Tensor:
        """Points where u is steep: the steepest quarter of these, each moved a little way to some of the others."""
        at = self.at(x)
        gradient = [at.outputs(Symbol(((axis,),))).square().sum(dim=1) * scale for axis, scale in enumerate(_spans(x))]
        order = torch.stack(gradient).sum(dim=0).argsort(descending=True)
        chosen = order[: 1 + len(x) // 4].repeat(4)[: len(x)]
        return x[chosen] + NEARBY * (x - x[chosen])

    def gram_size(self, pieces: Sequence[Piece], trained: Sequence[str]) -> float:
        """The k of the (n, k) by (k, n) products that J J^T costs by its structure; infinite where there is none."""
        return layered_size(self, pieces, trained)

    def gram(self, pieces: Sequence[Piece], trained: Sequence[str], n_residuals: int) -> Tensor:
        """J J^T by its structure, (n_residuals, n_residuals), J in the trained blocks."""
        return layered_gram(self, pieces, trained, n_residuals)


# How far `steepest` moves points, as a part of the way.
NEARBY = 0.05


class DeepAtPoints:
    """A deep network at points; a derivative that several terms take is carried through the layers once."""

    def __init__(self, network: DeepNetwork, x: Tensor):
        self.network = network
        self.x = x
        self._layers = [Activated(network.activation) for _ in network.hidden_widths]
        self._inputs: dict[Symbol, Tensor | None] = {}
        self._read: dict[tuple[int, Symbol], Tensor | None] = {}
        self._outputs: Jets = {}

    def at_rows(self, some: slice) -> DeepAtPoints:
        """The network at some of the points; what is known already is shared."""
        part, n = copy(self), self.x.shape[0]
        part.x = self.x[some]
        part._layers = [layer.at_rows(some) for layer in self._layers]
        part._inputs, part._read, part._outputs = (  # type: ignore[assignment]
            {key: rows(values, some, n) for key, values in of.items()}
            for of in (self._inputs, self._read, self._outputs)
        )
        return part

    def in_network(self, network: Network) -> DeepAtPoints:
        """A network with the same hidden layers at the same points."""
        other = copy(self)
        other.network, other._outputs = cast(DeepNetwork, network), {}
        return other

    def hidden(self, layer: int, symbol: Symbol = VALUE) -> Tensor:
        """A derivative of a hidden layer's output, (n, width); layers count from 1, and 0 is the map of the points."""
        self._carry(symbol)
        width = (self.network.inputs.n_features, *self.network.hidden_widths)[layer]
        known = self._jet(layer, symbol)
        return self.x.new_zeros(self.x.shape[0], width) if known is None else known.expand(self.x.shape[0], width)

    def outputs(self, symbol: Symbol) -> Tensor:
        """A derivative of all outputs, (n, n_outputs)."""
        if symbol not in self._outputs:
            net = self.network
            read = self.read(net.depth, symbol)
            values = self.x.new_zeros(1, net.n_outputs) if read is None else read @ net.weights[-1]
            values = values + net.biases[-1] if symbol == VALUE else values
            self._outputs[symbol] = values.expand(self.x.shape[0], net.n_outputs)
        return self._outputs[symbol]

    def term(self, symbol: Symbol, output: int) -> Tensor:
        """The derivative with this symbol of one output, (n,)."""
        return self.outputs(symbol)[:, output].clone()

    def _carry(self, symbol: Symbol) -> None:
        """Carry a derivative, and what it takes, through the hidden layers, all in one product of matrices a layer."""
        new = [each for each in needed(symbol) if each not in self._inputs]
        for each in new:
            self._inputs[each] = self.network.inputs.jet(self.x, each)
        for i, layer in enumerate(self._layers if new else []):
            z = _multiplied(self._reads(i + 1, new), self.network.weights[i])
            if VALUE in new:
                z[VALUE] = z[VALUE] + self.network.biases[i]
            for each in new:
                layer.add(each, z.get(each))

    def _jet(self, layer: int, symbol: Symbol) -> Tensor | None:
        return self._layers[layer - 1].h.get(symbol) if layer else self._inputs[symbol]

    def read(self, layer: int, symbol: Symbol) -> Tensor | None:
        """A derivative of what a layer reads, (n, fan_in), or (1, fan_in) where it is constant; None if it is zero."""
        self._carry(symbol)
        return self._reading(layer, symbol)

    def _reading(self, layer: int, symbol: Symbol) -> Tensor | None:
        if (layer, symbol) not in self._read:
            parts = [self._jet(source, symbol) for source in self.network.sources[layer - 1]]
            self._read[layer, symbol] = parts[0] if len(parts) == 1 else self._joined(layer, parts)
        return self._read[layer, symbol]

    def _joined(self, layer: int, parts: list[Tensor | None]) -> Tensor | None:
        if all(part is None for part in parts):
            return None
        n = max(len(part) for part in parts if part is not None)
        filled = self.x.new_zeros(n, self.network.weights[layer - 1].shape[0])
        widths = [where.stop - where.start for _, where in self.network.columns(layer)]
        pairs = zip(parts, filled.split(widths, dim=1), strict=True)
        return torch.cat([zero if part is None else part.expand(n, -1) for part, zero in pairs], dim=1)

    def _reads(self, layer: int, symbols: Iterable[Symbol]) -> Jets:
        """The derivatives of what a layer reads that are not zero."""
        known = ((symbol, self._reading(layer, symbol)) for symbol in symbols)
        return {symbol: values for symbol, values in known if values is not None}

    def adjoints(self, readings: list[Reading], lowest: int = 1) -> dict[int, Jets]:
        """G^alpha = d(sum_t c_t * term_t) / dz^alpha, (n, fan_out), of layers from the lowest asked for to the last."""
        net, dh = self.network, cast(dict[int, Jets], {})
        G = {net.depth: self._at_outputs(readings)}
        for layer in range(net.depth, lowest, -1):
            for source, where in net.columns(layer):
                if source >= lowest:
                    for symbol, d in _multiplied(G[layer], net.weights[layer - 1][where].T).items():
                        add_to(dh.setdefault(source, {}), symbol, d)
            G[layer - 1] = self._layers[layer - 2].adjoint(dh.get(layer - 1, {}))
        return G

    def _at_outputs(self, readings: list[Reading]) -> Jets:
        """The coefficients, (n, n_outputs), by symbol."""
        G: Jets = {}
        for symbol, output, c in readings:
            self._carry(symbol)
            columns = [c if k == output else torch.zeros_like(c) for k in range(self.network.n_outputs)]
            add_to(G, symbol, torch.stack(columns, dim=1))
        return G

    def outers(self, layer: int, G: Jets) -> tuple[list[Tensor], list[Tensor]]:
        """What outer products the derivative in a layer's weights is the sum of: h^alpha and G^alpha, pairwise."""
        reads = self._reads(layer, G)
        return list(reads.values()), [G[symbol] for symbol in reads]

    def add_jacobian(self, readings: list[Reading], out: Mapping[str, Tensor]) -> None:
        """Add the derivative of sum_t c_t * term_t in the numbers of each block to `out`.

        Parameters
        ----------
        readings : list of Reading
        out : dict of block name to Tensor of shape (n, size of the block)
            Views of a Jacobian, in the order of `DeepNetwork.blocks`.
        """
        self.add_adjoints(self.adjoints(readings, lowest_layer(out)), out)

    def add_adjoints(self, adjoints: Mapping[int, Jets], out: Mapping[str, Tensor]) -> None:
        """The same, given the derivatives in what layers hand on."""
        for layer, G in adjoints.items():
            weights, bias = _names(layer)
            if weights in out and G:
                add_outer(*self.outers(layer, G), out[weights].unflatten(1, self.network.weights[layer - 1].shape))
            if bias in out and VALUE in G:
                out[bias] += G[VALUE]

    def vjp(self, readings: list[Reading], blocks: Sequence[str]) -> Tensor:
        """The column sums of the Jacobian, (n_parameters of the blocks,), without forming it."""
        sums = {name: torch.zeros_like(block) for name, block in self.network.blocks().items() if name in blocks}
        for layer, G in self.adjoints(readings, lowest_layer(blocks)).items():
            weights, bias = _names(layer)
            if weights in sums:
                for h, g in zip(*self.outers(layer, G), strict=True):
                    sums[weights] = sums[weights] + outer_sum(h, g)
            if bias in sums and VALUE in G:
                sums[bias] = sums[bias] + G[VALUE].sum(dim=0)
        return torch.cat([sums[name].reshape(-1) for name in blocks])

    def jvp(self, readings: list[Reading], tangent: Mapping[str, Tensor]) -> Tensor:
        """The derivative of sum_t c_t * term_t along a direction, (n,).

        Parameters
        ----------
        readings : list of Reading
        tangent : dict of block name to Tensor
            The direction, in the shapes of `DeepNetwork.blocks`; blocks that are left out stay.
        """
        symbols = {part: None for reading in readings for part in needed(reading.symbol)}
        for symbol in symbols:
            self._carry(symbol)
        dh: dict[int, Jets] = {}
        for i, layer in enumerate(self._layers):
            dh[i + 1] = layer.tangent(self._tangent(i + 1, dh, tangent, symbols), symbols)
        dz = self._tangent(self.network.depth, dh, tangent, symbols)
        total = torch.zeros_like(self.x[:, 0])
        for symbol, output, c in readings:
            if symbol in dz:
                total = total + c * dz[symbol][:, output]
        return total

    def _tangent(
        self, layer: int, dh: Mapping[int, Jets], tangent: Mapping[str, Tensor], symbols: Iterable[Symbol]
    ) -> Jets:
        """How derivatives of a layer's z change: dz^alpha = dh^alpha W + h^alpha dW."""
        weights, bias = _names(layer)
        dz: Jets = _multiplied(self._reads(layer, symbols), tangent[weights]) if weights in tangent else {}
        for source, where in self.network.columns(layer):
            for symbol, d in _multiplied(dh.get(source, {}), self.network.weights[layer - 1][where]).items():
                add_to(dz, symbol, d)
        if bias in tangent:
            add_to(dz, VALUE, tangent[bias].expand(self.x.shape[0], -1))
        return dz


def _names(layer: int) -> tuple[str, str]:
    """The blocks of a layer, counted from 1."""
    return f"weights_{layer}", f"bias_{layer}"


def _side_by_side(sources: Sequence[int], widths: Sequence[int]) -> Iterator[tuple[int, slice]]:
    start = 0
    for source in sources:
        yield source, slice(start, start + widths[source])
        start += widths[source]


def _reading_inputs(
    architecture: Architecture, widths: Sequence[int], weights: list[NDArray], biases: list[NDArray]
) -> Iterator[tuple[NDArray, NDArray, slice, NDArray, NDArray]]:
    """The layers that read the points: weights, bias, their rows that do, and shift and scale of what these read."""
    inputs, reads = architecture
    shift, scale = np.array(inputs.affine).T
    for layer, (W, b) in enumerate(zip(weights, biases, strict=True)):
        sources = (layer,) if reads is None else reads[layer]
        for source, where in _side_by_side(sources, (inputs.n_features, *widths)):
            if source == 0:
                yield W, b, where, shift, scale


def lowest_layer(blocks: Iterable[str]) -> int:
    """The first layer that some blocks belong to."""
    return min(int(name.rpartition("_")[2]) for name in blocks)


def _multiplied(jets: Jets, W: Tensor) -> Jets:
    """Each times a matrix, as one product."""
    if not jets:
        return {}
    if len(jets) == 1:
        return {symbol: values @ W for symbol, values in jets.items()}
    product = torch.cat(list(jets.values())) @ W
    return dict(zip(jets, product.split([len(values) for values in jets.values()]), strict=True))


def _spans(x: Tensor) -> list[float]:
    """The square of the extent of points along each axis."""
    return (x.amax(dim=0) - x.amin(dim=0)).square().tolist()
