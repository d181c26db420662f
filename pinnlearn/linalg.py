"""Damped and undamped least-squares solves, and leave-one-out errors."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor

# A symmetric product is made in so many blocks of rows: more save multiplications, and make the products smaller.
SYMMETRIC_BLOCKS = 6
SOLVERS = ("auto", "cholesky", "qr", "svd")


def damped_solve(J: Tensor, r: Tensor, damping: float = 0.0, solver: str = "auto") -> Tensor:
    """Solve min ||J d - r||^2 + lambda ||d||^2, that is d = J^T (J J^T + lambda I)^-1 r.

    With damping 0 it is the pseudo-inverse solution J^+ r: singular values below eps * sigma_max, eps the machine
    epsilon of the dtype, count as zero (the cut-off of `scipy.linalg.lstsq`).

    Parameters
    ----------
    J : Tensor of shape (n, p)
    r : Tensor of shape (n,)
    damping : float
        lambda relative to the mean diagonal of J J^T.
    solver : {"auto", "cholesky", "qr", "svd"}
        "cholesky" of the smaller of J J^T + lambda I and J^T J + lambda I squares the condition number; "qr" of the
        stacked [J; sqrt(lambda) I] (of [J^T; sqrt(lambda) I] for wide J) does not, and is refined once; "svd" can do
        without damping. "auto" takes the first that is safe.

    Returns
    -------
    Tensor of shape (p,)

    Raises
    ------
    ValueError
        For an unknown solver, a negative damping, and damping 0 with a solver that needs some.
    torch.linalg.LinAlgError
        If a factorisation fails, in "cholesky" where the damping is too small for the dtype.

    Examples
    --------
    >>> J = torch.tensor([[3.0, 4.0]])
    >>> damped_solve(J, torch.tensor([5.0]))
    tensor([0.6000, 0.8000])
    """
    return damped_solver(J, damping, solver)(r)


def damped_solver(J: Tensor, damping: float = 0.0, solver: str = "auto") -> Callable[[Tensor], Tensor]:
    """Factorise once: the function that is returned solves for any r, as `damped_solve` does with these parameters."""
    if not damping >= 0:
        raise ValueError(f"damping must not be negative, got {damping}.")
    if solver not in SOLVERS:
        raise ValueError(f"solver={solver!r} is unknown; choose one of {list(SOLVERS)}.")
    if solver == "auto":
        solver = safe_solver(damping, J.dtype)
    if damping == 0 and solver != "svd":
        raise ValueError(f"solver={solver!r} needs damping > 0, got {damping}; use solver='svd' or 'auto' without.")
    if solver == "cholesky":
        return _cholesky(J, damping, _products(J))
    mean_diagonal = _mean_diagonal(J)
    if mean_diagonal == 0:
        return _zero_like(J)
    return {"svd": _svd, "qr": _qr}[solver](J, damping * mean_diagonal)


def damped_solvers(J: Tensor) -> Callable[[float], Callable[[Tensor], Tensor]]:
    """Solvers for several dampings of one J: its products, where they are safe, are made once for all of them.

    Returns
    -------
    callable
        solvers(damping) is what `damped_solver` gives.
    """
    products: list[Tensor] = []

    def solver(damping: float) -> Callable[[Tensor], Tensor]:
        if safe_solver(damping, J.dtype) != "cholesky":
            return damped_solver(J, damping)
        products[:] = products or [_products(J)]
        return _cholesky(J, damping, products[0].clone())

    return solver


def small_solution(A: Tensor, b: Tensor) -> Tensor:
    """A least-squares solution of A x = b that is small where columns of A have length 1.

    Their singular values s are damped, to s + d^2 / s, with d = eps sqrt(p): what is below rounding, of p columns, is
    hardly used. It is that of the triangular factor of [A, b], so that no orthogonal matrix with as many rows as A is
    formed. Where singular values fall without a gap, it leaves smaller residuals than one that is cut off at eps, in
    half the time.

    Parameters
    ----------
    A : Tensor of shape (n, p)
    b : Tensor of shape (n,)

    Returns
    -------
    Tensor of shape (p,)

    Examples
    --------
    >>> small_solution(torch.tensor([[3.0, 30.0]]), torch.tensor([6.0]))
    tensor([1.0000, 0.1000])
    """
    lengths = torch.linalg.vector_norm(A, dim=0)
    lengths = torch.where(lengths > 0, lengths, 1.0)
    _, R = torch.linalg.qr(torch.cat([A / lengths, b[:, None]], dim=1), mode="r")
    R, right = R[:, :-1], R[:, -1]
    shift = torch.full_like(lengths[0], torch.finfo(A.dtype).eps ** 2 * len(lengths))
    return _qr(R, shift)(right) / lengths


def safe_solver(damping: float, dtype: torch.dtype) -> str:
    """The fastest solver that keeps its digits with this damping."""
    # Forming J J^T leaves an error of about n eps lambda_max; 1e7 eps is a thousand rows with a margin.
    if damping > 1e7 * torch.finfo(dtype).eps:
        return "cholesky"
    return "qr" if damping > 0 else "svd"


def _mean_diagonal(J: Tensor) -> Tensor:
    return torch.linalg.vector_norm(J).square() / len(J)


def _zero_like(J: Tensor) -> Callable[[Tensor], Tensor]:
    return lambda r: torch.zeros_like(J[0])


def _products(J: Tensor) -> Tensor:
    """The lower triangle of the smaller of J J^T and J^T J."""
    return gram_of_rows(J if J.shape[0] <= J.shape[1] else J.T, lower=True)


def _cholesky(J: Tensor, damping: float, matrix: Tensor) -> Callable[[Tensor], Tensor]:
    """By the products of J, which are overwritten."""
    wide = J.shape[0] <= J.shape[1]
    # The squares of all entries of J: its mean diagonal without another pass over J.
    shift = damping * matrix.diagonal().sum() / len(J)
    if shift == 0:
        return _zero_like(J)
    factor = _shifted_cholesky(matrix, shift)
    return (lambda r: J.T @ _solve_by(factor, r)) if wide else (lambda r: _solve_by(factor, J.T @ r))


def gram_solve(gram: Tensor, r: Tensor, damping: float) -> Tensor:
    """Solve (H + lambda I) z = r for a Gram matrix H = J J^T, which is overwritten; J^T z is what `damped_solve` gives.

    Parameters
    ----------
    gram : Tensor of shape (n, n)
    r : Tensor of shape (n,)
    damping : float
        lambda relative to the mean diagonal of H; positive, and large enough for the dtype.

    Returns
    -------
    Tensor of shape (n,)

    Raises
    ------
    torch.linalg.LinAlgError
        Where the damping is too small for the dtype.
    """
    return _solve_by(_shifted_cholesky(gram, damping * gram.diagonal().mean()), r)


def pseudo_solve(matrix: Tensor, b: Tensor) -> Tensor:
    """The solution A^+ b for a symmetric positive semi-definite A; eigenvalues below p eps the largest count as zero.

    Parameters
    ----------
    matrix : Tensor of shape (p, p)
    b : Tensor of shape (p,)

    Returns
    -------
    Tensor of shape (p,)
    """
    values, vectors = torch.linalg.eigh(matrix)
    kept = values > len(b) * torch.finfo(matrix.dtype).eps * values[-1]
    return vectors @ torch.where(kept, vectors.T @ b / values, 0.0)


def symmetric(like: Tensor, fill: Callable[[Tensor, slice, slice], object], lower: bool = False) -> Tensor:
    """A symmetric matrix with as many rows as `like`, from the blocks of rows up to its diagonal.

    Parameters
    ----------
    like : Tensor of shape (n, k)
    fill : callable
        fill(block, rows, columns) writes the part of the matrix with these rows and columns.
    lower : bool
        Whether the lower triangle is enough; what is above it is then undefined.

    Returns
    -------
    Tensor of shape (n, n)
    """
    n = len(like)
    matrix = like.new_empty(n, n)
    for first, last in pairwise(n * i // SYMMETRIC_BLOCKS for i in range(SYMMETRIC_BLOCKS + 1)):
        rows, columns = slice(first, last), slice(last)
        fill(matrix[rows, columns], rows, columns)
        if not lower:
            matrix[:first, rows] = matrix[rows, :first].T
    return matrix


def gram_of_rows(A: Tensor, lower: bool = False) -> Tensor:
    """A A^T, (n, n), by symmetry with some 0.6 of the multiplications; `lower` as in `symmetric`."""
    return symmetric(A, lambda block, rows, columns: torch.mm(A[rows], A[columns].T, out=block), lower)


def gram_is_cheaper(n: int, p: int, gram_size: int) -> bool:
    """Whether products and factorisation of J J^T, (n, n), cost less than those of J^T J, (p, p).

    Parameters
    ----------
    n, p : int
        The shape of J.
    gram_size : int
        The k for which J J^T costs as much as the product of an (n, k) with a (k, n) matrix.
    """
    return n * n * (gram_size + n / 6) <= p * p * (n + p / 6)


def _shifted_cholesky(matrix: Tensor, shift: Tensor) -> Tensor:
    """The upper factor of a symmetric matrix + shift * I, in the place of the matrix; its lower triangle is read."""
    matrix.diagonal().add_(shift)
    factor = matrix.T  # column by column, as LAPACK wants it: no copy is made
    info = torch.empty(0, dtype=torch.int32, device=matrix.device)
    torch.linalg.cholesky_ex(factor, upper=True, check_errors=True, out=(factor, info))
    return factor


def _solve_by(factor: Tensor, b: Tensor) -> Tensor:
    return torch.cholesky_solve(b[:, None], factor, upper=True)[:, 0]


def _qr(J: Tensor, shift: Tensor) -> Callable[[Tensor], Tensor]:
    n, p = J.shape
    root = shift.sqrt()
    tall = n >= p
    stacked = torch.cat([J if tall else J.T, root * torch.eye(min(n, p), dtype=J.dtype, device=J.device)])
    Q, R = torch.linalg.qr(stacked)
    del stacked
    top, bottom = Q[: max(n, p)], Q[max(n, p) :]

    def solve_tall(r: Tensor) -> Tensor:
        d = _triangular(R, top.T @ r)
        return d + _triangular(R, top.T @ (r - J @ d) - root * (bottom.T @ d))

    def solve_wide(r: Tensor) -> Tensor:
        z = _triangular(R.T, r, upper=False)
        z = z + _triangular(R.T, r - J @ (top @ z) - root * (bottom @ z), upper=False)
        return top @ z

    return solve_tall if tall else solve_wide


def _triangular(R: Tensor, b: Tensor, upper: bool = True) -> Tensor:
    return torch.linalg.solve_triangular(R, b[:, None], upper=upper)[:, 0]


def _svd(J: Tensor, shift: Tensor) -> Callable[[Tensor], Tensor]:
    U, S, Vh = torch.linalg.svd(J, full_matrices=False)
    kept = torch.finfo(J.dtype).eps * S[0] < S
    inverse = torch.where(kept, S / (S * S + shift), 0.0)

    def solve(r: Tensor) -> Tensor:
        d = Vh.T @ (inverse * (U.T @ r))
        if bool(shift > 0):
            return d
        left = r - J @ d
        refined = d + Vh.T @ (inverse * (U.T @ left))
        # Where the smallest singular values that were kept are round-off themselves, refinement can do harm.
        better = torch.linalg.vector_norm(r - J @ refined) < torch.linalg.vector_norm(left)
        return refined if bool(better) else d

    return solve


def leave_one_out(A: Tensor, y: Tensor, damping: float) -> Tensor:
    """Leave-one-out residuals of a least-squares fit, all of them from one factorisation.

    Row i's entry is y_i minus what the fit without row i predicts for it: r_i / (1 - h_ii), with H the hat matrix
    A (A^T A + lambda I)^-1 A^T.

    Parameters
    ----------
    A : Tensor of shape (n, m)
    y : Tensor of shape (n,)
    damping : float
        lambda relative to the mean diagonal of A A^T; positive.

    Returns
    -------
    Tensor of shape (n,)

    References
    ----------
    Allen (1974), "The relationship between variable selection and data augmentation", Technometrics 16: PRESS.
    """
    root = (damping * _mean_diagonal(A)).sqrt()
    if A.shape[0] < A.shape[1]:
        return _leave_one_out_of_wide(A, y, root)
    Q, _ = torch.linalg.qr(torch.cat([A, root * torch.eye(A.shape[1], dtype=A.dtype, device=A.device)]))
    Q = Q[: len(A)]
    leverage = Q.square().sum(dim=1)
    # A row with leverage 1 is fitted whatever its value; the bound keeps 0 / 0 out.
    return (y - Q @ (Q.T @ y)) / torch.clamp(1 - leverage, min=math.sqrt(torch.finfo(A.dtype).eps))


def _leave_one_out_of_wide(A: Tensor, y: Tensor, root: Tensor) -> Tensor:
    """The same from K = A A^T + lambda I = R^T R: I - H = lambda K^-1, so that they are (K^-1 y)_i / (K^-1)_ii."""
    identity = torch.eye(len(A), dtype=A.dtype, device=A.device)
    _, R = torch.linalg.qr(torch.cat([A.T, root * identity]), mode="r")
    inverse = torch.linalg.solve_triangular(R, identity, upper=True)
    return inverse @ (inverse.T @ y) / inverse.square().sum(dim=1)
