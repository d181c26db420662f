"""What is solved for: some blocks of a network's weights, and coefficients, as one vector of parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from pinnlearn.least_squares.coefficients import NO_COEFFICIENTS, Coefficients
from pinnlearn.networks import Network

# The block of coefficients in a parameter vector, after those of the network.
COEFFICIENTS = "unknowns"


@dataclass(frozen=True, eq=False)
class Unknowns:
    """A network, which of its blocks are trained, the others stay as they are, and unknown coefficients.

    Parameters
    ----------
    network : Network
    trained : tuple of str
        In the order of the parameter vector.
    coefficients : Coefficients
    """

    network: Network
    trained: tuple[str, ...]
    coefficients: Coefficients = NO_COEFFICIENTS

    @cached_property
    def layout(self) -> dict[str, slice]:
        """Where each trained block stands in the parameter vector."""
        layout, start, blocks = {}, 0, self.network.blocks()
        for name in self.trained:
            layout[name] = slice(start, start + blocks[name].numel())
            start = layout[name].stop
        if self.coefficients.size:
            layout[COEFFICIENTS] = slice(start, start + self.coefficients.size)
        return layout

    @property
    def size(self) -> int:
        """The number of parameters."""
        return sum(where.stop - where.start for where in self.layout.values())

    @property
    def linear(self) -> slice | None:
        """The parameters that u is linear in, if any are trained; they stand together."""
        parts = [self.layout[name] for name in self.trained if name in self.network.linear]
        return slice(parts[0].start, parts[-1].stop) if parts else None

    @property
    def linear_blocks(self) -> tuple[str, ...]:
        """The trained blocks that u is linear in."""
        return tuple(name for name in self.trained if name in self.network.linear)

    @property
    def are_linear(self) -> bool:
        """Whether u is linear in all of the network that is trained."""
        return self.linear_blocks == self.trained

    @property
    def highest_order(self) -> float:
        """Of the derivatives that an equation may read: those in weights that u is not linear in are one more."""
        return self.network.highest_order - (not self.are_linear)

    @property
    def vector(self) -> Tensor:
        """The parameters, (size,)."""
        parts = [self.network_vector] if self.trained else []
        return torch.cat([*parts, self.coefficients.vector] if self.coefficients.size else parts)

    @property
    def network_vector(self) -> Tensor:
        """The network's part of the parameters."""
        blocks = self.network.blocks()
        return torch.cat([blocks[name].reshape(-1) for name in self.trained])

    def at(self, parameters: Tensor) -> Unknowns:
        """The same with another parameter vector."""
        moved = replace(self, network=self.network.with_blocks(self.split(parameters)))
        if not self.coefficients.size:
            return moved
        return replace(moved, coefficients=self.coefficients.at(parameters[self.layout[COEFFICIENTS]]))

    def split(self, parameters: Tensor) -> dict[str, Tensor]:
        """The network's part of a vector in the space of parameters, block by block, as `Network.blocks` has it."""
        blocks: Mapping[str, Tensor] = self.network.blocks()
        return {name: parameters[self.layout[name]].reshape(blocks[name].shape) for name in self.trained}
