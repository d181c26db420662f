"""Maps of the inputs, with exact derivatives of every order, that a network's first layer reads."""

from __future__ import annotations

import math
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pinnlearn.hyperparameters import Hyperparameters, check_count, check_positive
from pinnlearn.jets import Symbol


class FourierFeatures(Hyperparameters):
    """Cosines and sines of random directions, which hidden units read beside the coordinates.

    For solutions that oscillate many times over the domain. Derivatives are exact.

    Parameters
    ----------
    n_frequencies : int
        The number of directions; each gives a cosine and a sine.
    scale : float
        Their frequencies are normal with this standard deviation, in radians per half-width of the domain.

    See Also
    --------
    Fourier : The map, with its formula and source.

    Examples
    --------
    >>> from pinnlearn import PINNRegressor
    >>> model = PINNRegressor(inputs=FourierFeatures(16, scale=10.0))
    """

    def __init__(self, n_frequencies: int = 32, scale: float = 5.0):
        self.n_frequencies = n_frequencies
        self.scale = scale

    def drawn(self, bounds: tuple[NDArray, NDArray], rng: np.random.Generator) -> Fourier:
        """The map of a box.

        Raises
        ------
        ValueError
            If `n_frequencies` is no count, or `scale` not positive.
        """
        check_count("n_frequencies", self.n_frequencies)
        check_positive("scale", self.scale)
        frequencies = self.scale * rng.standard_normal((self.n_frequencies, len(bounds[0])))
        return Fourier(Scaled.of(bounds), tuple(tuple(map(float, row)) for row in frequencies))


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

    @property
    def affine(self) -> list[tuple[float, float]]:
        """The shift and the scale of each feature, (x - shift) / scale; 0 and 1 for those that are not affine."""

    @property
    def axes(self) -> tuple[int, ...]:
        """The axis that each feature depends on; -1 where these are several."""


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
    def axes(self) -> tuple[int, ...]:
        """The axis that each feature depends on."""
        return tuple(axis for axis in range(self.n_dims) for _ in range(1 + (axis in self.periodic)))

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


class Fourier(NamedTuple):
    """A scaled box, and cosines and sines of some directions in it: cos(f . xi), sin(f . xi), xi in [-1, 1]^d.

    Parameters
    ----------
    scaled : Scaled
        Without periodic axes.
    frequencies : tuple of tuple of float
        For each pair f, (n_dims,), in radians per half-width of the box.

    References
    ----------
    Tancik et al. (2020), "Fourier features let networks learn high frequency functions in low dimensional domains",
    NeurIPS.

    Examples
    --------
    >>> waves = Fourier(Scaled((0.0,), (2.0,)), ((math.pi,),))
    >>> waves.jet(torch.tensor([[1.25]]), Symbol(((),))).round(decimals=3)  # xi = 0.25
    tensor([[0.2500, 0.7070, 0.7070]])
    """

    scaled: Scaled
    frequencies: tuple[tuple[float, ...], ...]

    @property
    def n_dims(self) -> int:
        """The number of coordinates of a point."""
        return self.scaled.n_dims

    @property
    def n_features(self) -> int:
        """Those of the box, and two for each frequency."""
        return self.scaled.n_features + 2 * len(self.frequencies)

    @property
    def affine(self) -> list[tuple[float, float]]:
        """The shift and the scale of each feature, (x - shift) / scale; 0 and 1 for cosines and sines."""
        return self.scaled.affine + [(0.0, 1.0)] * (2 * len(self.frequencies))

    @property
    def axes(self) -> tuple[int, ...]:
        """The axis that each feature depends on; -1 for cosines and sines, which depend on several."""
        return self.scaled.axes + (-1,) * (2 * len(self.frequencies))

    def jet(self, x: Tensor, symbol: Symbol) -> Tensor | None:
        """A derivative at points, (n, n_features); (1, n_features) if it is constant, None if it is zero."""
        rates = x.new_tensor(self.frequencies) / x.new_tensor(self.scaled.half_widths)
        phases = (x - x.new_tensor(self.scaled.centre)) @ rates.T + symbol.order * math.pi / 2
        # The symbol is what a derivative multiplies exp(i f . x) with, up to a power of i.
        waves = symbol(rates) * torch.cat([torch.cos(phases), torch.sin(phases)], dim=1).unflatten(1, (2, -1))
        box = self.scaled.jet(x, symbol)
        affine = x.new_zeros(len(x), self.scaled.n_features) if box is None else box.expand(len(x), -1)
        return torch.cat([affine, waves.flatten(1)], dim=1)


__all__ = ["FourierFeatures"]
