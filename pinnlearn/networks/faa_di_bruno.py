"""Derivatives of sigma(z(x)) from those of z, by Faa di Bruno's formula, and how they change with those of z.

For a derivative alpha, with one term for each partition pi of its axes into blocks,

    sigma(z)^alpha = sum_k sigma^(k)(z) P_k,    P_k = sum over pi of k blocks: prod_{B in pi} z^B

A symbol that is a sum, such as the Laplacian's, needs no derivative alpha for itself: its P_1 is z^symbol, carried as
one, and its other P_k are sums of products of lower derivatives, |grad z|^2 for the Laplacian ("forward Laplacian").
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from functools import cache

import torch
from torch import Tensor

from pinnlearn.activations import Activation
from pinnlearn.jets import VALUE, Symbol

# Outer products of more numbers than so many are summed as one product of matrices.
SMALL = 2000
# Derivatives by their symbols; one that is not there is zero.
Jets = dict[Symbol, Tensor]
# A sum of products of derivatives: the factors, and what each product is multiplied with.
Sum = tuple[tuple[tuple[Symbol, ...], float], ...]


def _partitions(axes: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], ...]]:
    """The partitions of axes into blocks, each block and the blocks themselves in rising order; with repetitions."""
    if not axes:
        yield ()
        return
    first, rest = axes[0], axes[1:]
    for chosen in range(2 ** len(rest)):
        block = (first, *(axis for i, axis in enumerate(rest) if chosen >> i & 1))
        others = tuple(axis for i, axis in enumerate(rest) if not chosen >> i & 1)
        for partition in _partitions(others):
            yield tuple(sorted((block, *partition)))


@cache
def products(symbol: Symbol) -> dict[int, Sum]:
    """The sums of products P_k by k.

    Examples
    --------
    >>> products(Symbol(((0, 0),)))[2]
    (((Symbol(monomials=((0,),)), Symbol(monomials=((0,),))), 1.0),)
    """
    counts: dict[int, Counter[tuple[Symbol, ...]]] = defaultdict(Counter)
    for axes in symbol.monomials:
        for partition in _partitions(axes):
            if len(partition) > 1:
                counts[len(partition)][tuple(Symbol((block,)) for block in partition)] += 1
    sums = {k: tuple((factors, float(n)) for factors, n in counter.items()) for k, counter in counts.items()}
    return {1: (((symbol,), 1.0),)} | sums


@cache
def slopes(symbol: Symbol) -> dict[int, dict[Symbol, Sum]]:
    """The derivatives of each P_k in the derivatives of z that it is made of."""
    result: dict[int, dict[Symbol, Sum]] = {}
    for k, terms in products(symbol).items():
        parts: dict[Symbol, dict[tuple[Symbol, ...], float]] = defaultdict(lambda: defaultdict(float))
        for factors, n in terms:
            for i, factor in enumerate(factors):
                parts[factor][factors[:i] + factors[i + 1 :]] += n
        result[k] = {factor: tuple(counter.items()) for factor, counter in parts.items()}
    return result


@cache
def needed(symbol: Symbol) -> tuple[Symbol, ...]:
    """The derivatives that a derivative takes through a layer, lower orders first: z itself, parts, the symbol."""
    parts = {part for terms in products(symbol).values() for factors, _ in terms for part in factors}
    return tuple(sorted({VALUE, symbol} | parts, key=lambda s: (s.order, s.monomials)))


def evaluate(terms: Sum, z: Mapping[Symbol, Tensor]) -> Tensor | None:
    """A sum of products; None if it is zero."""
    total: Tensor | None = None
    for factors, n in terms:
        if not all(factor in z for factor in factors):
            continue
        *first, last = [z[factor] for factor in factors]
        product = last
        for factor in first[1:]:
            product = product * factor
        if not first:
            total = n * product if total is None else total.add(product, alpha=n)
        elif total is None:
            total = (product * first[0]).mul_(n) if n != 1 else product * first[0]
        else:
            total = torch.addcmul(total, product, first[0], value=n)
    return total


def add_to(sums: Jets, symbol: Symbol, values: Tensor) -> None:
    """Add to a derivative."""
    sums[symbol] = sums[symbol] + values if symbol in sums else values


class Activated:
    """sigma(z) at points, with derivatives of it that are added one after another, lower orders first.

    Attributes
    ----------
    z, h : dict of Symbol to Tensor of shape (n, width)
        Derivatives of z and of sigma(z); (1, width) for those that are the same at all points.
    """

    def __init__(self, activation: Activation):
        self._activation = activation
        self.z: Jets = {}
        self.h: Jets = {}
        self._core: Tensor | None = None
        self._sigma: dict[int, Tensor] = {}
        self._sums: dict[tuple[Symbol, int], Tensor | None] = {}

    def at_rows(self, some: slice) -> Activated:
        """At some of the points."""
        part = copy(self)
        n = len(self.h[VALUE]) if self.h else 0
        part.z, part.h, part._sums, part._sigma = (  # type: ignore[assignment]
            {key: rows(values, some, n) for key, values in of.items()}
            for of in (self.z, self.h, self._sums, self._sigma)
        )
        part._core = rows(self._core, some, n)
        return part

    def add(self, symbol: Symbol, z: Tensor | None) -> None:
        """A further derivative, given that of z; None where that is zero."""
        if z is not None:
            self.z[symbol] = z
        h = self.sigma(0) if symbol == VALUE else self._through(symbol, 0)
        if h is not None:
            self.h[symbol] = h

    def sigma(self, order: int) -> Tensor:
        """sigma^(order)(z), (n, width)."""
        if order not in self._sigma:
            z = self.z[VALUE]
            self._core = self._activation.core(z) if self._core is None else self._core
            self._sigma[order] = self._activation.evaluate(z, self._core, order)
        return self._sigma[order]

    def _sum(self, symbol: Symbol, k: int) -> Tensor | None:
        """P_k of a symbol."""
        if k == 1:
            return self.z.get(symbol)
        if (symbol, k) not in self._sums:
            self._sums[symbol, k] = evaluate(products(symbol)[k], self.z)
        return self._sums[symbol, k]

    def _through(self, symbol: Symbol, more: int) -> Tensor | None:
        """sum_k sigma^(k + more) P_k: the derivative itself, or with more = 1 that in z through the activation."""
        total: Tensor | None = None
        for k in products(symbol):
            P = self._sum(symbol, k)
            if P is not None:
                sigma = self.sigma(k + more)
                total = sigma * P if total is None else total.addcmul_(sigma, P)
        return total

    def tangent(self, dz: Mapping[Symbol, Tensor], symbols: Iterable[Symbol]) -> Jets:
        """How derivatives of sigma(z) change where those of z do so by dz."""
        result: Jets = {}
        for symbol in symbols:
            for k, parts in self._slopes(symbol):
                for part, slope in parts:
                    if part in dz:
                        change = self.sigma(k) * dz[part] if slope is None else self.sigma(k) * slope * dz[part]
                        add_to(result, symbol, change)
            through = self.sigma(1) if symbol == VALUE else self._through(symbol, 1)
            if VALUE in dz and through is not None:
                add_to(result, symbol, through * dz[VALUE])
        return result

    def adjoint(self, dh: Mapping[Symbol, Tensor]) -> Jets:
        """The derivatives in those of z of what has the derivatives dh in those of sigma(z)."""
        result: Jets = {}
        for symbol, d in dh.items():
            through = self.sigma(1) if symbol == VALUE else self._through(symbol, 1)
            if through is not None:
                add_to(result, VALUE, d * through)
            for k, parts in self._slopes(symbol):
                weighted = d * self.sigma(k)
                for part, slope in parts:
                    add_to(result, part, weighted if slope is None else weighted * slope)
        return result

    def _slopes(self, symbol: Symbol) -> Iterator[tuple[int, list[tuple[Symbol, Tensor | None]]]]:
        """For each k the derivatives of P_k, zero ones left out; None stands for one."""
        if symbol == VALUE:
            return
        for k, parts in slopes(symbol).items():
            if k == 1:
                yield k, [(symbol, None)]
                continue
            known = ((part, evaluate(terms, self.z)) for part, terms in parts.items())
            yield k, [(part, slope) for part, slope in known if slope is not None]


def rows(values: Tensor | None, some: slice, n: int) -> Tensor | None:
    """Some of n rows; what is the same at all of them stays as it is."""
    return values if values is None or (len(values) == 1 and n > 1) else values[some]


def outer_sum(h: Tensor, G: Tensor) -> Tensor:
    """The sum over the points of outer products, (fan_in, fan_out), of h (n, fan_in) and G (n, fan_out)."""
    return h.T @ (G.sum(dim=0, keepdim=True) if len(h) < len(G) else G)


def add_outer(h: list[Tensor], G: list[Tensor], out: Tensor) -> None:
    """Add the outer products of rows, summed over pairs of an h (n, fan_in) and a G (n, fan_out), to `out`."""
    n, fan_in, fan_out = out.shape
    if fan_in * fan_out > SMALL and len(h) > 1:
        H = torch.stack([each.expand(n, fan_in) for each in h], dim=2)
        out.baddbmm_(H, torch.stack(G, dim=1))
        return
    for each, other in zip(h, G, strict=True):
        out.addcmul_(each[:, :, None], other[:, None, :])
