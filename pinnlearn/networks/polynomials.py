"""Polynomials on a box, as a network: what equations say of smooth functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations_with_replacement
from math import comb
from typing import ClassVar, cast

import numpy as np
import torch
from numpy.polynomial import legendre
from numpy.typing import NDArray
from torch import Tensor

from pinnlearn.arrays import as_array, as_tensor
from pinnlearn.jets import VALUE, Symbol
from pinnlearn.networks.base import AtPoints, Network, Piece, Reading


@dataclass(frozen=True, eq=False)
class Polynomials:
    """A polynomial of bounded degree, sum_j c_j P_j, in products of Legendre's that are orthonormal on a box.

    For a uniform density on the box the mean of u^2 is the sum of c_j^2.

    Parameters
    ----------
    bounds : pair of ndarray of shape (n_dims,)
    degree : int
        The largest total degree.
    coefficients : Tensor of shape (n_outputs, n_polynomials)
    """

    linear: ClassVar[tuple[str, ...]] = ("coefficients",)
    highest_order: ClassVar[float] = float("inf")
    smoothness: ClassVar[str] = "a polynomial"

    bounds: tuple[NDArray, NDArray]
    degree: int
    coefficients: Tensor

    @classmethod
    def zero(cls, bounds: tuple[NDArray, NDArray], degree: int, n_outputs: int, like: Tensor) -> Polynomials:
        """The one that is zero, on the device and in the precision of a tensor."""
        return cls(bounds, degree, like.new_zeros(n_outputs, comb(degree + len(bounds[0]), degree)))

    @property
    def n_dims(self) -> int:
        """The number of coordinates of a point."""
        return len(self.bounds[0])

    @property
    def n_outputs(self) -> int:
        """The number of components of u."""
        return len(self.coefficients)

    @cached_property
    def degrees(self) -> NDArray:
        """The degree of each polynomial along each axis, (n_polynomials, n_dims)."""
        # Of the axes and a dummy, `degree` are chosen, some of them several times.
        chosen = combinations_with_replacement(range(self.n_dims + 1), self.degree)
        return np.array([np.bincount(axes, minlength=self.n_dims + 1)[:-1] for axes in chosen])

    def blocks(self) -> dict[str, Tensor]:
        """The coefficients."""
        return {"coefficients": self.coefficients}

    def with_blocks(self, blocks: Mapping[str, Tensor]) -> Polynomials:
        """With other coefficients."""
        return replace(self, coefficients=blocks["coefficients"])

    def at(self, x: Tensor) -> PolynomialsAtPoints:
        """At points, (n, n_dims)."""
        return PolynomialsAtPoints(self, x)

    def evaluate(self, x: Tensor, symbol: Symbol = VALUE) -> Tensor:
        """A derivative of all outputs at points, (n,) or (n, n_outputs); without a symbol the outputs themselves."""
        return (self.at(x).matrix(symbol) @ self.coefficients.T).squeeze(1)

    def steepest(self, x: Tensor) -> Tensor:
        """Any points: a polynomial is steep nowhere."""
        return x

    def gram_size(self, pieces: Sequence[Piece], trained: Sequence[str]) -> float:
        """Infinite: J J^T has no structure."""
        return float("inf")

    def gram(self, pieces: Sequence[Piece], trained: Sequence[str], n_residuals: int) -> Tensor:
        """There is none by structure."""
        raise NotImplementedError


class PolynomialsAtPoints:
    """Polynomials at points; their derivatives are computed once."""

    def __init__(self, network: Polynomials, x: Tensor):
        self.network: Network = network
        self.x = x
        self._matrices: dict[Symbol, Tensor] = {}

    def matrix(self, symbol: Symbol) -> Tensor:
        """The derivative with this symbol of each polynomial, (n, n_polynomials)."""
        if symbol not in self._matrices:
            self._matrices[symbol] = as_tensor(
                _derivatives(cast(Polynomials, self.network), as_array(self.x), symbol)
            ).to(self.x)
        return self._matrices[symbol]

    def term(self, symbol: Symbol, output: int) -> Tensor:
        """The derivative with this symbol of one output, (n,)."""
        return self.matrix(symbol) @ self.network.blocks()["coefficients"][output]

    def add_jacobian(self, readings: list[Reading], out: Mapping[str, Tensor]) -> None:
        """Add the derivative of sum_t c_t * term_t in the coefficients, (n, n_outputs * n_polynomials), to `out`."""
        for symbol, output, coefficient in readings:
            columns = out["coefficients"].unflatten(1, (self.network.n_outputs, -1))
            columns[:, output] += coefficient[:, None] * self.matrix(symbol)

    def jvp(self, readings: list[Reading], tangent: Mapping[str, Tensor]) -> Tensor:
        """The derivative of sum_t c_t * term_t along a direction, (n,)."""
        along = tangent["coefficients"]
        return torch.stack([c * (self.matrix(s) @ along[output]) for s, output, c in readings]).sum(dim=0)

    def vjp(self, readings: list[Reading], blocks: Sequence[str]) -> Tensor:
        """The sums over the points of what `add_jacobian` adds."""
        sums = torch.zeros_like(self.network.blocks()["coefficients"])
        for symbol, output, coefficient in readings:
            sums[output] += coefficient @ self.matrix(symbol)
        return sums.reshape(-1)

    def at_rows(self, some: slice) -> PolynomialsAtPoints:
        """At some of the points."""
        return PolynomialsAtPoints(self.network, self.x[some])  # type: ignore[arg-type]

    def in_network(self, network: Network) -> PolynomialsAtPoints:
        """Other coefficients at the same points."""
        other = PolynomialsAtPoints(network, self.x)  # type: ignore[arg-type]
        other._matrices = self._matrices
        return other


@dataclass(frozen=True, eq=False)
class PlusPolynomial:
    """A network that stays as it is, plus a polynomial, whose coefficients are the weights.

    Parameters
    ----------
    fixed : Network
    polynomial : Polynomials
        With as many outputs.
    """

    linear: ClassVar[tuple[str, ...]] = Polynomials.linear

    fixed: Network
    polynomial: Polynomials

    @property
    def n_dims(self) -> int:
        """The number of coordinates of a point."""
        return self.polynomial.n_dims

    @property
    def n_outputs(self) -> int:
        """The number of components of u."""
        return self.polynomial.n_outputs

    @property
    def highest_order(self) -> float:
        """That of the fixed network, whose hidden weights stay."""
        return self.fixed.highest_order

    @property
    def smoothness(self) -> str:
        """That of the fixed network."""
        return self.fixed.smoothness

    def blocks(self) -> dict[str, Tensor]:
        """The coefficients."""
        return self.polynomial.blocks()

    def with_blocks(self, blocks: Mapping[str, Tensor]) -> PlusPolynomial:
        """With other coefficients."""
        return replace(self, polynomial=self.polynomial.with_blocks(blocks))

    def at(self, x: Tensor) -> PlusPolynomialAtPoints:
        """At points, (n, n_dims)."""
        return PlusPolynomialAtPoints(self, self.polynomial.at(x), self.fixed.at(x))

    def evaluate(self, x: Tensor, symbol: Symbol = VALUE) -> Tensor:
        """A derivative of all outputs at points, (n,) or (n, n_outputs); without a symbol the outputs themselves."""
        return self.fixed.evaluate(x, symbol) + self.polynomial.evaluate(x, symbol)

    def steepest(self, x: Tensor) -> Tensor:
        """Where the fixed network is steep."""
        return self.fixed.steepest(x)

    def gram_size(self, pieces: Sequence[Piece], trained: Sequence[str]) -> float:
        """Infinite: J J^T has no structure."""
        return float("inf")

    def gram(self, pieces: Sequence[Piece], trained: Sequence[str], n_residuals: int) -> Tensor:
        """There is none by structure."""
        raise NotImplementedError


class PlusPolynomialAtPoints:
    """A fixed network plus a polynomial at points; the terms of what is fixed are computed once."""

    def __init__(self, network: PlusPolynomial, polynomial: PolynomialsAtPoints, fixed: AtPoints):
        self.network: Network = network
        self.x = polynomial.x
        self._polynomial, self._fixed = polynomial, fixed
        self._terms: dict[tuple[Symbol, int], Tensor] = {}
        self.add_jacobian, self.jvp, self.vjp = polynomial.add_jacobian, polynomial.jvp, polynomial.vjp

    def term(self, symbol: Symbol, output: int) -> Tensor:
        """The derivative with this symbol of one output, (n,)."""
        if (symbol, output) not in self._terms:
            self._terms[symbol, output] = self._fixed.term(symbol, output)
        return self._terms[symbol, output] + self._polynomial.term(symbol, output)

    def at_rows(self, some: slice) -> PlusPolynomialAtPoints:
        """At some of the points."""
        network = cast(PlusPolynomial, self.network)
        return PlusPolynomialAtPoints(network, self._polynomial.at_rows(some), self._fixed.at_rows(some))

    def in_network(self, network: Network) -> PlusPolynomialAtPoints:
        """Other coefficients at the same points."""
        other = cast(PlusPolynomial, network)
        changed = PlusPolynomialAtPoints(other, self._polynomial.in_network(other.polynomial), self._fixed)
        changed._terms = self._terms
        return changed


def _derivatives(network: Polynomials, x: NDArray, symbol: Symbol) -> NDArray:
    lower, upper = network.bounds
    half = (upper - lower) / 2
    z, degrees = (x - lower) / half - 1, network.degrees
    total = np.zeros((len(x), len(degrees)))
    for axes in symbol.monomials:
        columns = np.ones_like(total)
        for axis in range(network.n_dims):
            order = axes.count(axis)
            columns *= _along_axis(z[:, axis], network.degree, order)[:, degrees[:, axis]] / half[axis] ** order
        total += columns
    return total


def _along_axis(z: NDArray, degree: int, order: int) -> NDArray:
    """A derivative of Legendre's polynomials, of mean square 1 on [-1, 1], at points; (n, degree + 1)."""
    norms = np.sqrt(2 * np.arange(degree + 1) + 1)
    coefficients = legendre.legder(np.diag(norms), m=order, axis=0) if order else np.diag(norms)
    return legendre.legval(z, coefficients).T if order <= degree else np.zeros((len(z), degree + 1))
