"""Two-layer networks: their derivatives in closed form, and those of these in the weights.

For u(x) = m^(-1/2) sum_r a_r sigma(z_r), z_r = w_r . x + b_r, a derivative of order k with symbol p is

    D u        = m^(-1/2) sum_r a_r p(w_r) sigma^(k)(z_r)
    d/da_r     = m^(-1/2) p(w_r) sigma^(k)(z_r)
    d/dw_r     = m^(-1/2) a_r [ p(w_r) sigma^(k+1)(z_r) x + grad p(w_r) sigma^(k)(z_r) ]
    d/db_r     = m^(-1/2) a_r p(w_r) sigma^(k+1)(z_r)
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any, ClassVar, cast

import torch
from torch import Tensor

from pinnlearn.activations import Activation
from pinnlearn.arrays import as_tensor
from pinnlearn.jets import VALUE, Symbol
from pinnlearn.networks.base import Network, Piece, Reading
from pinnlearn.networks.gram import structured_gram, structured_size
from pinnlearn.networks.initialisation import Weights

# Multiples of it fill the unit interval evenly.
GOLDEN = (math.sqrt(5) - 1) / 2
# By the names of the estimator's `trainable`; for all of them, in the order of the parameter vector.
BLOCKS = {
    "hidden": ("hidden_weights", "hidden_bias"),
    "output": ("output_weights",),
    "all": ("hidden_weights", "hidden_bias", "output_weights"),
}


@dataclass(frozen=True)
class TwoLayerNetwork:
    """A two-layer network.

    Parameters
    ----------
    activation : Activation
    hidden_weights : Tensor of shape (m, n_dims)
    hidden_bias : Tensor of shape (m,)
    output_weights : Tensor of shape (m, n_outputs)
    """

    linear: ClassVar[tuple[str, ...]] = ("output_weights",)

    activation: Activation
    hidden_weights: Tensor
    hidden_bias: Tensor
    output_weights: Tensor

    @classmethod
    def of(cls, weights: Weights, activation: Activation, device: torch.device, dtype: torch.dtype) -> TwoLayerNetwork:
        """Put arrays of weights on a device, as a network."""
        return cls(activation, *(as_tensor(block, device, dtype) for block in weights))

    @property
    def width(self) -> int:
        """The number m of hidden units."""
        return self.hidden_weights.shape[0]

    @property
    def hidden_widths(self) -> tuple[int, ...]:
        """The number of units of each hidden layer, of which there is one."""
        return (self.width,)

    @property
    def n_dims(self) -> int:
        """The number of coordinates of a point."""
        return self.hidden_weights.shape[1]

    @property
    def n_outputs(self) -> int:
        """The number of components of u."""
        return self.output_weights.shape[1]

    @property
    def highest_order(self) -> float:
        """The highest order of a derivative: that of the activation's."""
        return self.activation.highest_order

    @property
    def smoothness(self) -> str:
        """What limits it."""
        return f"activation={self.activation.name!r}"

    def blocks(self) -> dict[str, Tensor]:
        """The weights by name; units run last, coordinate by coordinate and output by output."""
        return {name: getattr(self, name).movedim(0, -1) for name in BLOCKS["all"]}

    def with_blocks(self, blocks: Mapping[str, Tensor]) -> TwoLayerNetwork:
        """The network with other weights in some blocks, in the shapes of `blocks`."""
        moved: dict[str, Any] = {name: block.movedim(-1, 0) for name, block in blocks.items()}
        return replace(self, **moved)

    def at(self, x: Tensor) -> NetworkAtPoints:
        """The network at points `x` of shape (n, n_dims)."""
        return NetworkAtPoints(self, x)

    def evaluate(self, x: Tensor, symbol: Symbol = VALUE) -> Tensor:
        """A derivative of all outputs at points, (n,) or (n, n_outputs); without a symbol the outputs themselves."""
        at = self.at(x)
        columns = [at.term(symbol, k) for k in range(self.n_outputs)]
        return columns[0] if len(columns) == 1 else torch.stack(columns, dim=1)

    def steepest(self, x: Tensor) -> Tensor:
        """Points where u is steep: each is moved along one unit's slope to |z| < 1, the steepest units first."""
        steepness = self.hidden_weights.norm(dim=1) * self.output_weights.norm(dim=1)
        units = steepness.argsort(descending=True).repeat(1 + len(x) // self.width)[: len(x)]
        w, b = self.hidden_weights[units], self.hidden_bias[units]
        z = 2 * torch.arange(len(x), device=x.device).to(x).mul(GOLDEN).frac() - 1
        away = ((w * x).sum(dim=1) + b - z) / w.square().sum(dim=1).clamp(min=torch.finfo(x.dtype).tiny)
        return x - away[:, None] * w

    def fitted_to(self, x: Tensor, values: Tensor) -> TwoLayerNetwork:
        """The network with the output weights that fit values, (n, n_outputs), at points."""
        features = self.at(x).sigma(0) / math.sqrt(self.width)
        return replace(self, output_weights=torch.linalg.pinv(features) @ values)

    def gram_size(self, pieces: Sequence[Piece], trained: Sequence[str]) -> float:
        """The k of the (n, k) by (k, n) products that J J^T costs by its structure; infinite where there is none."""
        return structured_size(self, pieces, trained)

    def gram(self, pieces: Sequence[Piece], trained: Sequence[str], n_residuals: int) -> Tensor:
        """J J^T by its structure, (n_residuals, n_residuals), J in the trained blocks."""
        return structured_gram(self, pieces, trained, n_residuals)


class NetworkAtPoints:
    """A network at points; derivatives of the activation and symbols are computed once, for all terms."""

    def __init__(self, network: TwoLayerNetwork, x: Tensor):
        self.network = network
        self.x = x
        self._z = torch.addmm(network.hidden_bias, x, network.hidden_weights.T)
        self._core = network.activation.core(self._z)
        self._sigma: dict[int, Tensor] = {}
        self._symbols: dict[Symbol, Tensor] = {}
        self._gradients: dict[Symbol, Tensor] = {}
        self._root_width = math.sqrt(network.width)

    def at_rows(self, some: slice) -> NetworkAtPoints:
        """The network at some of the points; what is known already is shared."""
        part = copy(self)
        part.x, part._z, part._core = self.x[some], self._z[some], self._core[some]
        part._sigma = {order: values[some] for order, values in self._sigma.items()}
        return part

    def in_network(self, network: Network) -> NetworkAtPoints:
        """A network with the same hidden weights at the same points."""
        other = copy(self)
        other.network = cast(TwoLayerNetwork, network)
        return other

    def sigma(self, order: int) -> Tensor:
        """sigma^(order)(z), (n, m)."""
        if order not in self._sigma:
            self._sigma[order] = self.network.activation.evaluate(self._z, self._core, order)
        return self._sigma[order]

    def symbol(self, symbol: Symbol) -> Tensor:
        """p(w), (m,)."""
        if symbol not in self._symbols:
            self._symbols[symbol] = symbol(self.network.hidden_weights)
        return self._symbols[symbol]

    def symbol_gradient(self, symbol: Symbol) -> Tensor:
        """The gradient of p at w, (m, n_dims)."""
        if symbol not in self._gradients:
            self._gradients[symbol] = symbol.gradient(self.network.hidden_weights)
        return self._gradients[symbol]

    def term(self, symbol: Symbol, output: int) -> Tensor:
        """The derivative with this symbol of one output, (n,)."""
        net = self.network
        read_out = self.symbol(symbol) * net.output_weights[:, output]
        return self.sigma(symbol.order) @ read_out / self._root_width

    def add_jacobian(self, readings: list[Reading], out: Mapping[str, Tensor]) -> None:
        """Add the derivative of sum_t c_t * term_t in the numbers of each block to `out`.

        Parameters
        ----------
        readings : list of Reading
        out : dict of block name to Tensor of shape (n, size of the block)
            Views of a Jacobian, in the order of `TwoLayerNetwork.blocks`.
        """
        readings = [reading._replace(coefficient=reading.coefficient / self._root_width) for reading in readings]
        if "hidden_weights" in out or "hidden_bias" in out:
            self._add_slopes(self.slope(readings), out)
        for reading in readings:
            self._add_read_outs(reading, out)

    def jvp(self, readings: list[Reading], tangent: Mapping[str, Tensor]) -> Tensor:
        """The derivative of sum_t c_t * term_t along a direction, (n,).

        Parameters
        ----------
        readings : list of Reading
        tangent : dict of block name to Tensor
            The direction, in the shapes of `TwoLayerNetwork.blocks`; blocks that are left out stay.
        """
        net = self.network
        dW, db, da = (
            tangent[name] if name in tangent else torch.zeros_like(block) for name, block in net.blocks().items()
        )
        total = torch.zeros_like(self.x[:, 0])
        dz = self.x @ dW + db
        for symbol, output, coefficient in readings:
            p, a = self.symbol(symbol), net.output_weights[:, output]
            dp = (self.symbol_gradient(symbol) * dW.T).sum(dim=1)
            through_read_out = self.sigma(symbol.order) @ (p * da[output] + a * dp)
            through_activation = (self.sigma(symbol.order + 1) * dz) @ (a * p)
            total += coefficient * (through_read_out + through_activation)
        return total / self._root_width

    def vjp(self, readings: list[Reading], blocks: Sequence[str]) -> Tensor:
        """The column sums of the Jacobian, (n_parameters of the blocks,), without forming it."""
        net = self.network
        sums = {block: torch.zeros_like(getattr(net, block)) for block in blocks}
        for order, c, read_outs, group in self._by_order(readings):
            through_read_out = c.T @ self.sigma(order)
            if "output_weights" in sums:
                for column, reading in zip(through_read_out, group, strict=True):
                    sums["output_weights"][:, reading.output].addcmul_(column, self.symbol(reading.symbol))
            if "hidden_weights" in sums:
                through_activation = (self._slope_sums(order, c) * read_outs[:, None]).sum(dim=0)
                sums["hidden_bias"] += through_activation[-1]
                sums["hidden_weights"] += through_activation[:-1].T
                if order:  # the symbol of a value is constant
                    sums["hidden_weights"] += (self._symbol_gradients(group) * through_read_out[:, :, None]).sum(dim=0)
        return torch.cat([sums[block].movedim(0, -1).reshape(-1) for block in blocks]) / self._root_width

    def _slope_sums(self, order: int, c: Tensor) -> Tensor:
        """sum_i c_it (x_i, 1) sigma^(k + 1)(z_ir) for each reading t, (T, n_dims + 1, m), as one product."""
        weighted = torch.cat([c[:, :, None] * self.x[:, None], c[:, :, None]], dim=2)
        return (weighted.flatten(1).T @ self.sigma(order + 1)).unflatten(0, weighted.shape[1:])

    def _by_order(self, readings: list[Reading]) -> Iterator[tuple[int, Tensor, Tensor, list[Reading]]]:
        """For each order k: k, the coefficients C (n, T), the read-outs a * p (T, m), the readings."""
        groups: dict[int, list[Reading]] = defaultdict(list)
        for reading in readings:
            groups[reading.symbol.order].append(reading)
        net = self.network
        for order, group in groups.items():
            read_outs = [self.symbol(t.symbol) * net.output_weights[:, t.output] for t in group]
            yield order, torch.stack([t.coefficient for t in group], dim=1), torch.stack(read_outs), group

    def slope(self, readings: list[Reading]) -> Tensor:
        """sum_t c_t a p_t(w) sigma^(k_t + 1)(z), (n, m): the derivative in z through the activation, times m^(1/2)."""
        slopes = [(c @ a).mul_(self.sigma(k + 1)) for k, c, a, _ in self._by_order(readings)]
        return reduce(Tensor.add_, slopes)

    def symbol_factors(self, readings: list[Reading]) -> dict[Symbol, Tensor]:
        """sum_t c_t a sigma^(k)(z), (n, m), for each symbol of order k >= 1: what grad p is times, up to m^(-1/2)."""
        factors: dict[Symbol, Tensor] = {}
        for symbol, output, c in readings:
            if symbol.order:
                factor = torch.outer(c, self.network.output_weights[:, output]).mul_(self.sigma(symbol.order))
                factors[symbol] = factors[symbol] + factor if symbol in factors else factor
        return factors

    def _symbol_gradients(self, group: list[Reading]) -> Tensor:
        """The read-out times grad p for each reading, (T, m, n_dims)."""
        output_weights = self.network.output_weights
        return torch.stack([self.symbol_gradient(t.symbol) * output_weights[:, t.output, None] for t in group])

    def _add_slopes(self, slope: Tensor, out: Mapping[str, Tensor]) -> None:
        """What hidden weights and bias do through the activation."""
        if "hidden_bias" in out:
            out["hidden_bias"] += slope
        for axis, column in enumerate(_columns(out, "hidden_weights", self.network.width)):
            column.addcmul_(slope, self.x[:, axis, None])

    def _add_read_outs(self, reading: Reading, out: Mapping[str, Tensor]) -> None:
        """What weights do through a * p(w), which a term is linear in."""
        symbol, output, coefficient = reading
        outputs, weights = (_columns(out, name, self.network.width) for name in ("output_weights", "hidden_weights"))
        axes = symbol.axes if weights else ()
        if not (outputs or axes):
            return
        weighted = self.sigma(symbol.order) * coefficient[:, None]
        if outputs:
            outputs[output].addcmul_(weighted, self.symbol(symbol))
        gradient = self.symbol_gradient(symbol) * self.network.output_weights[:, output, None]
        for axis in axes:
            weights[axis].addcmul_(weighted, gradient[:, axis])


def _columns(out: Mapping[str, Tensor], block: str, width: int) -> tuple[Tensor, ...]:
    """The parts of a block of a Jacobian, (n, width) each: one for each coordinate, or output; none without it."""
    return out[block].unflatten(1, (-1, width)).unbind(dim=1) if block in out else ()
