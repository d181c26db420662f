"""A least-squares problem to first order: residual, gradient, Jacobian and Gram matrix, exact and without autograd.

J = sum_t c_t * J_t with the coefficients c_t of the equations and the closed-form J_t of the network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pinnlearn.least_squares.equation import LinearizedEquation
from pinnlearn.least_squares.unknowns import COEFFICIENTS, Unknowns
from pinnlearn.linalg import gram_of_rows
from pinnlearn.networks import Network, Piece


@dataclass(frozen=True, eq=False)
class Linearization:
    """A least-squares problem at one point, to first order.

    Attributes
    ----------
    unknowns : Unknowns
        Of that point.
    parts : list of LinearizedEquation
    factors : list of Tensor of shape (n, q)
        What the residuals of each equation are multiplied with.
    relinearize : callable
        relinearize(unknowns, at) is the problem at other unknowns, whose network at the rows is known.
    residual : Tensor of shape (n_residuals,)
        Weighted; equation by equation, a row's residuals adjacent.
    """

    unknowns: Unknowns
    parts: list[LinearizedEquation]
    factors: list[Tensor]
    relinearize: Callable[[Unknowns, list], Linearization]

    @cached_property
    def residual(self) -> Tensor:  # noqa: D102
        return torch.cat([(p.residual * f).reshape(-1) for p, f in zip(self.parts, self.factors, strict=True)])

    @property
    def loss(self) -> Tensor:
        """L = 1/2 ||r||^2, a scalar tensor."""
        return self.residual @ self.residual / 2

    @property
    def groups(self) -> NDArray:
        """The group of each residual, (n_residuals,) of str."""
        return np.concatenate([np.repeat(part.equation.group, part.residual.numel()) for part in self.parts])

    @property
    def gradient(self) -> Tensor:
        """J^T r, (n_parameters,), without forming J."""
        return self.rmatvec(self.residual)

    def carried_to(self, network: Network) -> Linearization:
        """The same to first order, for another network that is the same function; no equation is evaluated again."""
        parts = [part.carried_to(network) for part in self.parts]
        return Linearization(replace(self.unknowns, network=network), parts, self.factors, self.relinearize)

    @cached_property
    def in_unknowns(self) -> Tensor:
        """The columns of J that belong to unknown coefficients, (n_residuals, k)."""
        k = self.unknowns.coefficients.size
        if not k:
            return self.residual.new_zeros(len(self.residual), 0)
        columns = [
            p.residual.new_zeros(*p.residual.shape, k) if p.in_unknowns is None else p.in_unknowns for p in self.parts
        ]
        return torch.cat([(c * f[..., None]).reshape(-1, k) for c, f in zip(columns, self.factors, strict=True)])

    def jacobian(self, blocks: Sequence[str] | None = None) -> Tensor:
        """J, (n_residuals, n_parameters), or the columns of some blocks; a new tensor at each call."""
        J = self.of_network(self.unknowns.trained if blocks is None else tuple(blocks))
        return torch.cat([J, self.in_unknowns], dim=1) if blocks is None and COEFFICIENTS in self.unknowns.layout else J

    def less(self, values: Tensor) -> Linearization:
        """The same with residuals that are smaller by some values, (n_residuals,)."""
        sizes = [part.residual.numel() for part in self.parts]
        parts = [
            replace(part, residual=part.residual - (v.reshape(f.shape) / f))
            for part, f, v in zip(self.parts, self.factors, values.split(sizes), strict=True)
        ]
        return replace(self, parts=parts)

    def of_network(self, names: tuple[str, ...]) -> Tensor:
        """The columns of J that belong to some blocks of the network."""
        J = self.residual.new_zeros(len(self.residual), sum(self._sizes(names)))
        for where, at, readings in self._pieces():
            at.add_jacobian(readings, dict(zip(names, J[where].split(self._sizes(names), dim=1), strict=True)))
        return J

    def jacobian_blocks(self, n_rows: int) -> Iterator[Tensor]:
        """J in blocks of rows, (at most n_rows, n_parameters), each row once: equation by equation and component."""
        names, sizes = self.unknowns.trained, self._sizes(self.unknowns.trained)
        for _, group in groupby(self._pieces(), key=lambda piece: piece.where.start):
            pieces = list(group)  # of the same rows, one for each point set
            n, where = len(pieces[0].at.x), pieces[0].where
            for first in range(0, n, n_rows):
                J = self.residual.new_zeros(min(n_rows, n - first), sum(sizes))
                out = dict(zip(names, J.split(sizes, dim=1), strict=True))
                for piece in pieces:
                    part = piece.at_rows(slice(first, first + n_rows))
                    part.at.add_jacobian(part.readings, out)
                yield torch.cat([J, self.in_unknowns[where][first : first + n_rows]], dim=1)

    def _sizes(self, names: Sequence[str]) -> list[int]:
        layout = self.unknowns.layout
        return [layout[name].stop - layout[name].start for name in names]

    @property
    def gram_size(self) -> int:
        """The k for which J J^T costs as much as the product of an (n, k) with a (k, n) matrix."""
        network, trained = self.unknowns.network, self.unknowns.trained
        k = self.unknowns.coefficients.size
        return int(min(network.gram_size(list(self._pieces()), trained) + k, self.unknowns.size))

    def gram(self) -> Tensor:
        """J J^T, (n_residuals, n_residuals); by its structure, without J, where that costs less."""
        if self.gram_size < self.unknowns.size:
            gram = self.unknowns.network.gram(list(self._pieces()), self.unknowns.trained, len(self.residual))
            return gram + self.in_unknowns @ self.in_unknowns.T if COEFFICIENTS in self.unknowns.layout else gram
        return gram_of_rows(self.jacobian())

    def matvec(self, v: Tensor) -> Tensor:
        """J v, (n_residuals,), without forming J."""
        result = self.in_unknowns @ v[len(v) - self.unknowns.coefficients.size :]
        tangent = self.unknowns.split(v)
        for where, at, readings in self._pieces():
            result[where] += at.jvp(readings, tangent)
        return result

    def rmatvec(self, v: Tensor) -> Tensor:
        """J^T v, (n_parameters,), without forming J."""
        total = self.residual.new_zeros(self.unknowns.size - self.unknowns.coefficients.size)
        for _, at, readings in self._pieces(v):
            total = total + at.vjp(readings, self.unknowns.trained)
        return torch.cat([total, self.in_unknowns.T @ v])

    def linear_jacobian(self) -> Tensor:
        """The columns of J that belong to the parameters that u is linear in."""
        return self.jacobian(self.unknowns.linear_blocks)

    def along_linear(self, step: Tensor) -> Linearization:
        """The problem after a step in parameters that u is linear in; what others decide is not evaluated again."""
        parameters = self.unknowns.vector
        parameters[self.unknowns.linear] += step
        unknowns = self.unknowns.at(parameters)
        return self.relinearize(unknowns, [part.at[0].in_network(unknowns.network) for part in self.parts])

    def row_order(self) -> NDArray:
        """The permutation that sorts the residuals by row of X, a row's residuals adjacent."""
        rows = [np.repeat(part.equation.rows, part.residual.shape[1]) for part in self.parts]
        return np.argsort(np.concatenate(rows), kind="stable")

    def _pieces(self, v: Tensor | None = None) -> Iterator[Piece]:
        """The components of the equations, one for each of their point sets; weighted, and times `v`, if given."""
        start = 0
        for part, factors in zip(self.parts, self.factors, strict=True):
            n, q = part.residual.shape
            for component, factor in enumerate(factors.unbind(dim=1)):
                where = slice(start + component, start + n * q, q)
                for at, readings in part.readings(component, factor if v is None else factor * v[where]):
                    yield Piece(where, at, readings)
            start += n * q
