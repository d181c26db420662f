"""A Jacobian that is never stored: its products with vectors, and damped solves by conjugate gradients."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from pinnlearn.krylov import Nystrom, conjugate_gradients, nystrom
from pinnlearn.optimizers.base import Linearized

# The most numbers in a block of rows of J.
BLOCK_NUMBERS = 2**22
# Of conjugate gradients: ||residual|| / ||right side||, and the most products with J^T J.
CG_TOLERANCE, CG_PRODUCTS = 1e-8, 500


@dataclass(frozen=True)
class MatrixFree:
    """J with its columns divided by `lengths`.

    Parameters
    ----------
    linear : Linearized
    squares : Tensor of shape (p,)
        The squared lengths of J's columns.
    lengths : Tensor of shape (p,)
    rank : int
        Of the sketch of J^T J that preconditions.
    """

    linear: Linearized
    squares: Tensor
    lengths: Tensor
    rank: int

    @staticmethod
    def of(linear: Linearized, n_parameters: int, rank: int) -> MatrixFree:
        """J itself."""
        blocks = linear.jacobian_blocks(max(1, BLOCK_NUMBERS // n_parameters))
        squares = sum((J.square().sum(dim=0) for J in blocks), start=linear.residual.new_zeros(n_parameters))
        return MatrixFree(linear, squares, torch.ones_like(squares), rank)

    def __matmul__(self, v: Tensor) -> Tensor:
        return self.linear.matvec(v / self.lengths)

    def adjoint(self, v: Tensor) -> Tensor:
        """J^T v."""
        return self.linear.rmatvec(v) / self.lengths

    @cached_property
    def sketch(self) -> Nystrom:
        """J^T J, approximately."""
        return nystrom(self._gram_product, self.squares, self.rank)

    def _gram_product(self, V: Tensor) -> Tensor:
        """J^T J V for V of shape (p, k)."""
        V = V / self.lengths[:, None]
        blocks = self.linear.jacobian_blocks(max(1, BLOCK_NUMBERS // len(V)))
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
            CG_TOLERANCE,
            CG_PRODUCTS,
        )
