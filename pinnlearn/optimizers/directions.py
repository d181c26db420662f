"""The direction of natural gradient descent, J^T (J J^T + lambda I)^-1 r, and the ways to compute it."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import torch
from torch import Tensor

from pinnlearn.hyperparameters import Hyperparameters, check_choice, check_count
from pinnlearn.krylov import sketched_solver
from pinnlearn.linalg import SOLVERS, damped_solver, gram_is_cheaper, gram_solve, safe_solver
from pinnlearn.optimizers.base import Linearized

Solve: TypeAlias = Callable[[Tensor], Tensor]


class Scaled(Protocol):
    """J with its columns divided by `lengths`."""

    @property
    def lengths(self) -> Tensor:
        """Those of the columns, very short ones less; zero where J is."""

    @property
    def digest(self) -> str | None:
        """What tells it from others, where `equals` can."""

    def __matmul__(self, v: Tensor) -> Tensor: ...

    def solver(self, damping: float) -> Solve:
        """Factorise: r -> J^T (J J^T + lambda I)^-1 r, with lambda relative to the mean diagonal of J J^T."""

    def equals(self, other: Scaled) -> bool:
        """Whether the two are known to be the same, entry by entry."""


@dataclass(frozen=True, eq=False)
class Stored:
    """J with its columns divided by their lengths, as a matrix; see `Scaled`."""

    matrix: Tensor
    lengths: Tensor
    factorise: Callable[[Tensor, float], Solve]

    @staticmethod
    def of(J: Tensor, shortest: float, factorise: Callable[[Tensor, float], Solve] = damped_solver) -> Stored:
        """J, which is overwritten, with columns of length 1."""
        lengths = not_too_short(torch.linalg.vector_norm(J, dim=0), shortest)
        return Stored(J.div_(lengths), lengths, factorise)

    @property
    def digest(self) -> str:
        """A hash of its entries."""
        return hashlib.sha256(self.matrix.cpu().numpy().tobytes()).hexdigest()

    def __matmul__(self, v: Tensor) -> Tensor:
        return self.matrix @ v

    def solver(self, damping: float) -> Solve:
        """Factorise."""
        return self.factorise(self.matrix, damping)

    def equals(self, other: Scaled) -> bool:
        """Whether all entries are equal."""
        return isinstance(other, Stored) and torch.equal(self.matrix, other.matrix)


def not_too_short(lengths: Tensor, shortest: float) -> Tensor:
    """What columns of these lengths are divided by."""
    return torch.maximum(lengths, shortest * lengths.max())


class Direction(Hyperparameters):
    """A way to compute J^T (J J^T + lambda I)^-1 r, lambda relative to the mean diagonal of J J^T."""

    def check(self, damping: float | None) -> None:
        """Check the hyperparameters; a damping of None adapts.

        Raises
        ------
        ValueError
            What is wrong with them, or with the damping.
        """

    @abstractmethod
    def holds(self, damping: float | None, n: int, parameters: Tensor, gram_size: int) -> frozenset[str]:
        """What takes memory, see `Optimizer.holds`; a damping of None adapts."""

    @abstractmethod
    def solve(self, linear: Linearized, r: Tensor, damping: float, parameters: Tensor) -> Tensor:
        """J^T (J J^T + lambda I)^-1 r for the problem to first order at w."""

    @abstractmethod
    def scaled(self, linear: Linearized, n_parameters: int, shortest: float) -> Scaled:
        """J with its columns divided by their lengths, by at least `shortest` times the largest."""


class _Factorising(Direction):
    """By factors of a J that is stored."""

    @abstractmethod
    def factorise(self, J: Tensor, damping: float) -> Solve:
        """The function r -> J^T (J J^T + lambda I)^-1 r."""

    def holds(self, damping: float | None, n: int, parameters: Tensor, gram_size: int) -> frozenset[str]:
        """J."""
        return frozenset(("jacobian",))

    def solve(self, linear: Linearized, r: Tensor, damping: float, parameters: Tensor) -> Tensor:
        """Factorise, and solve."""
        return self.factorise(linear.jacobian(), damping)(r)

    def scaled(self, linear: Linearized, n_parameters: int, shortest: float) -> Stored:
        """J with its columns divided by their lengths."""
        return Stored.of(linear.jacobian(), shortest, self.factorise)


class Direct(_Factorising):
    """The direction by a factorisation of the smaller of J J^T + lambda I and J^T J + lambda I, or of J.

    Parameters
    ----------
    method : {"auto", "cholesky", "qr", "svd"}
        See `pinnlearn.linalg.damped_solve`. "cholesky" forms J J^T by its structure, without J, where that costs less.

    Examples
    --------
    >>> from pinnlearn import NGD
    >>> NGD(solver=Direct("qr")).direction == NGD(solver="qr").direction
    True
    """

    def __init__(self, method: str = "auto"):
        self.method = method

    def check(self, damping: float | None) -> None:
        """Check the hyperparameters."""
        check_choice("method", self.method, SOLVERS)
        if self.method in ("cholesky", "qr") and damping == 0:
            raise ValueError(f"solver={self.method!r} needs damping > 0; use solver='svd' or 'auto' with damping=0.")

    def holds(self, damping: float | None, n: int, parameters: Tensor, gram_size: int) -> frozenset[str]:
        """J where the damping adapts or is tiny, and where J^T J costs less than J J^T; else that."""
        if damping is None:
            return super().holds(damping, n, parameters, gram_size)
        method = safe_solver(damping, parameters.dtype) if self.method == "auto" else self.method
        through_gram = method == "cholesky" and gram_is_cheaper(n, len(parameters), gram_size)
        return frozenset(("gram" if through_gram else "jacobian",))

    def factorise(self, J: Tensor, damping: float) -> Solve:
        """Factorise J, or its products."""
        return damped_solver(J, damping, self.method)

    def solve(self, linear: Linearized, r: Tensor, damping: float, parameters: Tensor) -> Tensor:
        """Solve by J J^T, or by J."""
        if "gram" in self.holds(damping, len(r), parameters, linear.gram_size):
            return linear.rmatvec(gram_solve(linear.gram(), r, damping))
        return super().solve(linear, r, damping, parameters)


class Sketched(_Factorising):
    """The direction with the Nyström approximation of J J^T in its place: randomised natural gradient descent.

    Parameters
    ----------
    rank : int
        Of the approximation.

    References
    ----------
    Guzmán-Cordero, Dangel, Goldshlager & Zeinhofer (2025), "Improving energy natural gradient descent through
    Woodbury, momentum, and randomization", arXiv:2505.12149.

    Examples
    --------
    >>> from pinnlearn import NGD
    >>> NGD(sketch=100).direction
    Sketched(rank=100)
    """

    def __init__(self, rank: int):
        self.rank = rank

    def check(self, damping: float | None) -> None:
        """Check the hyperparameters."""
        check_count("rank", self.rank)
        if damping == 0:
            raise ValueError(
                "sketch needs damping > 0: without it, what the sketch leaves out could not be solved for."
            )

    def factorise(self, J: Tensor, damping: float) -> Solve:
        """Approximate J J^T."""
        return sketched_solver(J, damping, self.rank)
