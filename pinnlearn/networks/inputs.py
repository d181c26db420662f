"""Maps of the inputs, with exact derivatives of every order, that a deep network's first layer reads."""

from __future__ import annotations

import math
from typing import NamedTuple, Protocol

import torch
from numpy.typing import NDArray
from torch import Tensor

from pinnlearn.jets import Symbol


class Inputs(Protocol):
    """A map of points, a frozen value."""

    @property
    def n_dims(self) -> int:
        """The number of coordinates of a point."""

    @property
    def n_features(self) -> int:
        """The number of coordinates of its image."""

    def jet(self, x: Tensor, symbol: Symbol) -> Tensor | None:
        """A derivative at points, (n, n_features); (1, n_features) if it is constant, None if it is zero."""


class Scaled(NamedTuple):
    """A box scaled to [-1, 1]^d; coordinates along `periodic` axes are replaced by cosine and sine of a period.

    An axis of extent zero counts as 1.

    Parameters
    ----------
    lower, upper : tuple of float
        The corners of the box.
    periodic : tuple of int
        The axes along which the box is one period.

    Examples
    --------
    >>> circle = Scaled((0.0, -1.0), (4.0, 1.0), periodic=(0,))
    >>> circle.jet(torch.tensor([[1.0, 0.5]]), Symbol(((),))).abs().round(decimals=3)
    tensor([[0.0000, 1.0000, 0.5000]])
    """

    lower: tuple[float, ...]
    upper: tuple[float, ...]
    periodic: tuple[int, ...] = ()

    @property
    def n_dims(self) -> int:
        """The number of coordinates of a point."""
        return len(self.lower)

    @property
    def n_features(self) -> int:
        """One for each axis, two for a periodic one."""
        return self.n_dims + len(self.periodic)

    @property
    def half_widths(self) -> list[float]:
        """Half the extent along each axis."""
        return [(b - a) / 2 or 0.5 for a, b in zip(self.lower, self.upper, strict=True)]

    @property
    def centre(self) -> list[float]:
        """That of the box."""
        return [(a + b) / 2 for a, b in zip(self.lower, self.upper, strict=True)]

    @property
    def affine(self) -> list[tuple[float, float]]:
        """The shift and the scale of each feature, (x - shift) / scale; 0 and 1 for cosines and sines."""
        pairs = zip(self.centre, self.half_widths, strict=True)
        each = [[(0.0, 1.0)] * 2 if axis in self.periodic else [pair] for axis, pair in enumerate(pairs)]
        return [pair for along in each for pair in along]

    def jet(self, x: Tensor, symbol: Symbol) -> Tensor | None:
        """A derivative at points, (n, n_features); (1, n_features) if it is constant, None if it is zero."""
        # Each feature depends on one axis: it has no mixed derivatives.
        orders = {m[0]: len(m) for m in symbol.monomials if m and len(set(m)) == 1}
        if symbol.order and not any(axis in self.periodic or order < 2 for axis, order in orders.items()):
            return None
        is_constant = symbol.order and not any(axis in self.periodic for axis in orders)
        points = x[:1] if is_constant else x
        features = [
            feature
            for axis in range(self.n_dims)
            for feature in self._along(points[:, axis], axis, orders.get(axis, 0 if not symbol.order else None))
        ]
        return torch.stack(features, dim=1)

    def _along(self, x: Tensor, axis: int, order: int | None) -> list[Tensor]:
        """What an axis becomes, one derivative of it; order None is zero."""
        half = self.half_widths[axis]
        if order is None:
            return [torch.zeros_like(x)] * (1 + (axis in self.periodic))
        if axis in self.periodic:
            rate = math.pi / half
            phase = rate * (x - self.lower[axis]) + order * math.pi / 2
            return [torch.cos(phase).mul_(rate**order), torch.sin(phase).mul_(rate**order)]
        if order == 0:
            return [(x - self.centre[axis]) / half]
        return [torch.full_like(x, 1 / half if order == 1 else 0.0)]

    @classmethod
    def of(cls, bounds: tuple[NDArray, NDArray], periodic: tuple[int, ...] = ()) -> Scaled:
        """That of a box, from arrays of shape (n_dims,)."""
        lower, upper = (tuple(map(float, corner)) for corner in bounds)
        return cls(lower, upper, periodic)

    @classmethod
    def identity(cls, n_dims: int) -> Scaled:
        """Points as they are: the box [-1, 1]^d."""
        return cls((-1.0,) * n_dims, (1.0,) * n_dims)
