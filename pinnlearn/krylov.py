"""Symmetric systems by products alone: conjugate gradients, and Nyström's approximation to precondition them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor

Product: TypeAlias = Callable[[Tensor], Tensor]


def conjugate_gradients(
    product: Product, b: Tensor, precondition: Product | None = None, tolerance: float = 1e-8, most_products: int = 1000
) -> Tensor:
    """Solve A x = b for a symmetric A; the way to x descends on 1/2 x^T A x - b^T x, wherever it ends.

    Parameters
    ----------
    product : callable
        v -> A v.
    b : Tensor of shape (p,)
    precondition : callable, optional
        v -> M v, M positive definite and near the inverse of A.
    tolerance : float
        Of ||b - A x|| / ||b||.
    most_products : int
        Where to end at the latest. A direction of no positive curvature ends it, too; if it is the first one, the
        answer goes along it, as far as the size of the curvature says.

    Returns
    -------
    Tensor of shape (p,)

    References
    ----------
    Nocedal & Wright (2006), "Numerical Optimization", algorithms 5.3 and 7.1.

    Examples
    --------
    >>> A = torch.diag(torch.tensor([1.0, 4.0]))
    >>> conjugate_gradients(lambda v: A @ v, torch.tensor([1.0, 2.0]))
    tensor([1.0000, 0.5000])
    """
    precondition = precondition or torch.clone
    x, left = torch.zeros_like(b), b.clone()
    z = precondition(left)
    p, slope = z.clone(), left @ z
    target = tolerance * torch.linalg.vector_norm(b)
    for k in range(most_products):
        if not torch.linalg.vector_norm(left) > target:
            break
        Ap = product(p)
        curvature = p @ Ap
        if not curvature > 0:
            return x if k else p * torch.where(curvature < 0, -slope / curvature, 1.0)
        x.addcmul_(p, slope / curvature)
        left.addcmul_(Ap, -slope / curvature)
        z = precondition(left)
        p, slope = z + (left @ z / slope) * p, left @ z
    return x


class Nystrom(NamedTuple):
    """A symmetric positive semi-definite matrix of low rank, U diag(values) U^T; values descend.

    Attributes
    ----------
    vectors : Tensor of shape (p, k)
    values : Tensor of shape (k,)
    norm : float
        The norm of the matrix that is approximated, as its products showed it: negative eigenvalues count.
    """

    vectors: Tensor
    values: Tensor
    norm: float

    def solve(self, b: Tensor, shift: float) -> Tensor:
        """(U diag(values) U^T + shift I)^-1 b."""
        return self._inverse(b, shift, shift)

    def precondition(self, b: Tensor, shift: float) -> Tensor:
        """The same with what U leaves out taken for the smallest of the values (Frangella et al., Eq. (1.3))."""
        return self._inverse(b, shift, float(self.values[-1]) + shift)

    def _inverse(self, b: Tensor, shift: float, outside: float) -> Tensor:
        return b / outside + self.vectors @ ((1 / (self.values + shift) - 1 / outside) * (self.vectors.T @ b))


def nystrom(product: Product, like: Tensor, rank: int) -> Nystrom:
    """Approximate a symmetric positive semi-definite A by its products with a random matrix, A Q (Q^T A Q)^-1 Q^T A.

    Parameters
    ----------
    product : callable
        V -> A V for V of shape (p, k).
    like : Tensor of shape (p,)
        Of A's size, dtype and device.
    rank : int
        The number k of products, at most p. They are with Gaussian vectors of a fixed seed: the same in every call.

    Returns
    -------
    Nystrom
        Negative eigenvalues, if A has any, are lost.

    References
    ----------
    Frangella, Tropp & Udell (2023), "Randomized Nyström preconditioning", SIAM J. Matrix Anal. Appl. 44,
    algorithm 2.1.

    Examples
    --------
    >>> A = torch.diag(torch.tensor([3.0, 1.0, 0.0], dtype=torch.float64))
    >>> nystrom(lambda V: A @ V, A[0], rank=2).values.round(decimals=4).tolist()
    [3.0, 1.0]
    """
    generator = torch.Generator().manual_seed(0)
    test = torch.randn(len(like), min(rank, len(like)), generator=generator, dtype=torch.float64).to(like)
    Q, _ = torch.linalg.qr(test)
    Y = product(Q)
    core = Q.T @ Y
    values, vectors = torch.linalg.eigh((core + core.T) / 2)
    # A small shift lets the core be inverted, and is taken off again; a larger one does for a negative eigenvalue.
    norm = torch.linalg.matrix_norm(Y)
    eps, tiny = torch.finfo(like.dtype).eps, torch.finfo(like.dtype).tiny
    shift = torch.clamp(eps * norm, min=tiny) + torch.clamp(-values[0], min=0)
    root = (Y + shift * Q) @ vectors / torch.sqrt(torch.clamp(values + shift, min=shift))
    U, singular, _ = torch.linalg.svd(root, full_matrices=False)
    return Nystrom(U, torch.clamp(singular.square() - shift, min=0), float(torch.linalg.matrix_norm(Y, 2)))


def sketched_solver(J: Tensor, damping: float, rank: int) -> Product:
    """Factorise a Nyström approximation of J J^T: the function that is returned gives J^T (J J^T + lambda I)^-1 r.

    Parameters
    ----------
    J : Tensor of shape (n, p)
    damping : float
        lambda relative to the mean diagonal of J J^T; positive.
    rank : int
    """
    shift = damping * float(torch.linalg.vector_norm(J).square()) / len(J)
    if shift == 0:
        return lambda r: torch.zeros_like(J[0])
    sketch = nystrom(lambda V: J @ (J.T @ V), J[:, 0], rank)
    return lambda r: J.T @ sketch.solve(r, shift)
