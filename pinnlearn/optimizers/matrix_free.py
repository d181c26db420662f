"""A Jacobian that is never stored: its products with vectors, and damped solves by conjugate gradients."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from pinnlearn.hyperparameters import check_count, check_positive
from pinnlearn.krylov import Nystrom, conjugate_gradients, nystrom
from pinnlearn.optimizers.base import Linearized
from pinnlearn.optimizers.directions import Direction, Scaled, not_too_short


class ConjugateGradients(Direction):
    """The direction without J: preconditioned conjugate gradients on J^T J + lambda I; for many rows.

    Parameters
    ----------
    rank : int
        Of the Nyström approximation of J^T J that preconditions.
    tolerance : float
        Of the residual, relative to the right side.
    max_products : int
        The most products with J^T J.
    block_numbers : int
        The most numbers in a block of rows of J, which exists in such blocks only.

    Examples
    --------
    >>> from pinnlearn import NGD
    >>> NGD(solver=ConjugateGradients(rank=100, max_products=50))
    NGD(solver=ConjugateGradients(rank=100, max_products=50))
    """

    def __init__(self, rank: int = 50, tolerance: float = 1e-8, max_products: int = 500, block_numbers: int = 2**22):
        self.rank = rank
        self.tolerance = tolerance
        self.max_products = max_products
        self.block_numbers = block_numbers

    def check(self, damping: float | None) -> None:
        """Check the hyperparameters."""
        check_positive("tolerance", self.tolerance, or_zero=True)
        for name in ("rank", "max_products", "block_numbers"):
            check_count(name, getattr(self, name))
        if damping == 0:
            raise ValueError("solver='cg' needs damping > 0; use solver='svd' or 'auto' with damping=0.")

    def holds(self, damping: float | None, n: int, parameters: Tensor, gram_size: int) -> frozenset[str]:
        """Products."""
        return frozenset(("products",))

    def solve(self, linear: Linearized, r: Tensor, damping: float, parameters: Tensor) -> Tensor:
        """Solve by products."""
        return MatrixFree.of(linear, len(parameters), self).solver(damping)(r)

    def scaled(self, linear: Linearized, n_parameters: int, shortest: float) -> MatrixFree:
        """The products of J with its columns divided by their lengths."""
        J = MatrixFree.of(linear, n_parameters, self)
        return replace(J, lengths=not_too_short(J.squares.sqrt(), shortest))


@dataclass(frozen=True)
class MatrixFree:
    """J with its columns divided by `lengths`.

    Parameters
    ----------
    linear : Linearized
    squares : Tensor of shape (p,)
        The squared lengths of J's columns.
    lengths : Tensor of shape (p,)
    by : ConjugateGradients
        How systems are solved.
    """

    linear: Linearized
    squares: Tensor
    lengths: Tensor
    by: ConjugateGradients

    @staticmethod
    def of(linear: Linearized, n_parameters: int, by: ConjugateGradients) -> MatrixFree:
        """J itself."""
        blocks = linear.jacobian_blocks(max(1, by.block_numbers // n_parameters))
        squares = sum((J.square().sum(dim=0) for J in blocks), start=linear.residual.new_zeros(n_parameters))
        return MatrixFree(linear, squares, torch.ones_like(squares), by)

    @property
    def digest(self) -> None:
        """Products have none."""

    def equals(self, other: Scaled) -> bool:
        """Products do not tell."""
        return False

    def __matmul__(self, v: Tensor) -> Tensor:
        return self.linear.matvec(v / self.lengths)

    def adjoint(self, v: Tensor) -> Tensor:
        """J^T v."""
        return self.linear.rmatvec(v) / self.lengths

    @cached_property
    def sketch(self) -> Nystrom:
        """J^T J, approximately."""
        return nystrom(self._gram_product, self.squares, self.by.rank)

    def _gram_product(self, V: Tensor) -> Tensor:
        """J^T J V for V of shape (p, k)."""
        V = V / self.lengths[:, None]
        blocks = self.linear.jacobian_blocks(max(1, self.by.block_numbers // len(V)))
        return sum((J.T @ (J @ V) for J in blocks), start=torch.zeros_like(V)) / self.lengths[:, None]

    def solver(self, damping: float) -> Callable[[Tensor], Tensor]:
        """As `pinnlearn.linalg.damped_solver`, by preconditioned conjugate gradients on J^T J + lambda I."""
        shift = damping * float((self.squares / self.lengths.square()).sum()) / len(self.linear.residual)
        if shift == 0:
            return lambda r: torch.zeros_like(self.squares)
        return lambda r: conjugate_gradients(
            lambda v: self.adjoint(self @ v) + shift * v,
            self.adjoint(r),
            lambda v: self.sketch.precondition(v, shift),
            self.by.tolerance,
            self.by.max_products,
        )
