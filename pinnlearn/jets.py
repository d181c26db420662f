"""Jets: a function and those of its derivatives that an equation reads, at points.

A derivative is named by its symbol p, the polynomial that its Fourier transform multiplies with: d/dx_0 has the symbol
w_0, the Laplacian |w|^2. The symbol is all that a two-layer network needs to evaluate the derivative in closed form.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from numbers import Integral
from typing import NamedTuple, Protocol

import torch
from torch import Tensor


@dataclass(frozen=True)
class Symbol:
    """A homogeneous polynomial in w, a sum of monomials; each monomial is a sorted tuple of axes.

    Examples
    --------
    >>> import torch
    >>> laplacian = Symbol(((0, 0), (1, 1)))
    >>> laplacian(torch.tensor([[3.0, 4.0]]))
    tensor([25.])
    """

    monomials: tuple[tuple[int, ...], ...]

    @property
    def order(self) -> int:
        """The degree of the polynomial, which is the order of the derivative."""
        return len(self.monomials[0])

    @property
    def axes(self) -> set[int]:
        """The axes that the polynomial depends on."""
        return set().union(*self.monomials)

    def __call__(self, w: Tensor) -> Tensor:
        """Evaluate p at each row of `w`, (m, n_dims) -> (m,)."""
        return w[:, _factors(self.monomials, w.device)].prod(dim=2).sum(dim=1)

    def gradient(self, w: Tensor) -> Tensor:
        """Evaluate grad p at each row of `w`, (m, n_dims) -> (m, n_dims)."""
        axes, powers, others = _differentiated(self.monomials, w.device)
        values = w[:, others].prod(dim=2) * powers
        return torch.zeros_like(w).index_add_(1, axes, values)


@cache
def _factors(monomials: tuple[tuple[int, ...], ...], device: torch.device) -> Tensor:
    """The axes whose coordinates are multiplied, (n_monomials, order)."""
    return torch.tensor(monomials, dtype=torch.long, device=device)


@cache
def _differentiated(monomials: tuple[tuple[int, ...], ...], device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """What monomials are differentiated by, (k,), the power that comes in front, and what is left, (k, order - 1)."""
    parts = [
        (axis, power, axes[: axes.index(axis)] + axes[axes.index(axis) + 1 :])
        for axes in monomials
        for axis, power in Counter(axes).items()
    ]
    axes, powers = (torch.tensor([part[k] for part in parts], dtype=torch.long, device=device) for k in (0, 1))
    others = torch.tensor([part[2] for part in parts], dtype=torch.long, device=device)
    return axes, powers, others.reshape(len(parts), max(0, len(monomials[0]) - 1))


VALUE = Symbol(((),))


class Term(NamedTuple):
    """One quantity that an equation reads: a derivative of one output at one of its point sets."""

    symbol: Symbol
    output: int
    points: int  # 0 for the rows themselves, k for the k-th `u.at(...)`


class EquationError(ValueError):
    """Raised where an equation reads what is not there; whoever called the equation adds its name."""


class TimeAxisUnknownError(EquationError):
    """Raised where an equation reads `u.dt` and nothing else has said that the last coordinate is time."""


class TermSource(Protocol):
    """What a jet asks for its terms: a network at points, or a stand-in."""

    @property
    def n_dims(self) -> int:
        """The number of coordinates of a point."""

    @property
    def n_outputs(self) -> int:
        """The number of components of u."""

    def term(self, term: Term) -> Tensor:
        """The values of a term, (n,)."""

    def add_points(self, x: Tensor) -> int:
        """Register points paired with the rows; their number for `Term.points`."""


@dataclass(frozen=True)
class Zero:
    """The source of the function that is zero everywhere, at the rows of `x`."""

    x: Tensor
    n_outputs: int = 1

    @property
    def n_dims(self) -> int:
        """The number of coordinates of a point."""
        return self.x.shape[1]

    def term(self, term: Term) -> Tensor:
        """Zeros, (n,)."""
        return torch.zeros_like(self.x[:, 0])

    def add_points(self, x: Tensor) -> int:
        """Any other points will do as well."""
        return 1


@dataclass(frozen=True)
class Recording(Zero):
    """The same, which keeps what was read of it."""

    terms: set[Term] = field(default_factory=set)

    def term(self, term: Term) -> Tensor:
        """Zeros, (n,)."""
        self.terms.add(term)
        return super().term(term)

    def order_along(self, axis: int) -> int:
        """The highest order of the derivatives along an axis that were read."""
        return max((m.count(axis) for term in self.terms for m in term.symbol.monomials), default=0)


@dataclass(frozen=True)
class Scaled:
    """The source of a function whose outputs are those of another, times factors."""

    source: TermSource
    factors: tuple[float, ...]

    @property
    def n_dims(self) -> int:
        """The number of coordinates of a point."""
        return self.source.n_dims

    @property
    def n_outputs(self) -> int:
        """The number of components of u."""
        return self.source.n_outputs

    def term(self, term: Term) -> Tensor:
        """The values of a term, (n,)."""
        return self.factors[term.output] * self.source.term(term)

    def add_points(self, x: Tensor) -> int:
        """Register points paired with the rows; their number for `Term.points`."""
        return self.source.add_points(x)


@dataclass(frozen=True)
class Jet:
    """The unknown function of an equation, with its derivatives; nothing is computed until it is read.

    With one output everything that is read has shape (n,); with several outputs (n, n_outputs), and `u[k]` is the
    jet of output k alone.

    Parameters
    ----------
    source : TermSource
        Where the values come from.
    has_time : bool or None
        Whether the last coordinate is time. None: not known, and `laplacian` counts every axis as space.
    normal_vectors : Tensor of shape (n, n_dims) or None
        Outward unit normals, for rows on a boundary.
    output, points : int
        The output and the point set that this jet stands for.

    Examples
    --------
    A nonlinear equation, -Laplace(u) + u^3 = 1, as a function of a jet:

    >>> def equation(x, u):
    ...     return -u.laplacian + u.value**3 - 1.0
    """

    source: TermSource
    has_time: bool | None = None
    normal_vectors: Tensor | None = None
    output: int | None = None
    points: int = 0

    @property
    def value(self) -> Tensor:
        """The function itself."""
        return self._read(VALUE)

    def d(self, *axes: int) -> Tensor:
        """A partial derivative: `u.d(0)` is du/dx_0, `u.d(0, 1)` is d^2u/dx_0 dx_1.

        Raises
        ------
        ValueError
            If an axis is not one of the coordinates.
        """
        if not axes:
            raise EquationError(
                "the equation reads u.d() along no axis; write u.value for u itself, u.d(0) for du/dx_0."
            )
        return self.along(axes)

    def along(self, axes: Sequence[int]) -> Tensor:
        """The derivative along axes, one for each time that it is taken; along none, the function itself."""
        return self._read(Symbol((tuple(sorted(self._check_axis(axis) for axis in axes)),)))

    @property
    def dt(self) -> Tensor:
        """The derivative in time, the last coordinate."""
        if self.has_time is None:
            raise TimeAxisUnknownError(
                "reads u.dt, but nothing says that the last coordinate is time; give the PDE a domain in time."
            )
        if not self.has_time:
            raise EquationError(
                "the equation reads u.dt, but its domain has no time axis; use SpaceTime(space, t_start, t_end), or "
                "Time(t_start, t_end) where there is no space, or u.d(axis) for a derivative in space."
            )
        return self.d(self.source.n_dims - 1)

    @property
    def dn(self) -> Tensor:
        """The derivative along the outward normal, on the boundary of a domain."""
        if self.normal_vectors is None:
            raise EquationError(
                "the equation reads u.dn, but its rows have no outward normal; normals exist on the boundary of a "
                "PDE's domain only."
            )
        per_axis = [self._rowwise(self.normal_vectors[:, axis], self.d(axis)) for axis in range(self.source.n_dims)]
        return torch.stack(per_axis).sum(dim=0)

    @property
    def grad(self) -> Tensor:
        """The gradient in space, (n, n_space); with several outputs (n, n_outputs, n_space)."""
        return torch.stack([self.d(axis) for axis in range(self._check_space())], dim=-1)

    @property
    def laplacian(self) -> Tensor:
        """The Laplacian in space (time is not counted)."""
        return self._read(Symbol(tuple((axis, axis) for axis in range(self._check_space()))))

    def __getitem__(self, output: int) -> Jet:
        if not 0 <= output < self.source.n_outputs:
            raise EquationError(
                f"the equation reads output u[{output}], but the function has {self.source.n_outputs} output(s), "
                "numbered from 0; set n_outputs on the PDE."
            )
        return Jet(self.source, self.has_time, self.normal_vectors, output, self.points)

    def __getattr__(self, name: str):
        raise AttributeError(
            f"u has no {name!r}, but value, d(axis, ...), dt, dn, grad, laplacian, at(x) and u[k]; du/dx_0 is u.d(0)."
        )

    def _refuse(self, *others):
        raise EquationError("the equation computes with u itself; write u.value for the values of u.")

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __pow__ = __neg__ = (
        _refuse
    )

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        raise EquationError(
            f"the equation calls {getattr(function, '__name__', 'a torch function')}(u) with u itself; write u.value "
            "for the values of u."
        )

    def __iter__(self) -> Iterator[Jet]:
        return (self[k] for k in range(self.source.n_outputs))

    def at(self, x: Tensor) -> Jet:
        """The same function at n other points, `x` of shape (n, n_dims), paired with the rows."""
        return Jet(self.source, self.has_time, self.normal_vectors, self.output, self.source.add_points(x))

    def _check_space(self) -> int:
        """The number of coordinates in space, of which there must be some."""
        n_space = self.source.n_dims - bool(self.has_time)
        if not n_space:
            raise EquationError(
                "the equation reads u.laplacian or u.grad, which are in space, but time is the only coordinate; use "
                "u.dt and u.d(0, 0)."
            )
        return n_space

    def _check_axis(self, axis: int) -> int:
        n_dims = self.source.n_dims
        if not isinstance(axis, Integral):
            raise EquationError(
                f"the equation reads u.d({axis!r}), but an axis is an integer, the number of a coordinate from 0 to "
                f"{n_dims - 1}; write u.d(0) for du/dx_0, u.d(0, 0) for the second derivative."
            )
        if not 0 <= axis < n_dims:
            raise EquationError(
                f"the equation reads a derivative along axis {axis}, but points have {n_dims} coordinate(s), "
                f"numbered 0 to {n_dims - 1}."
            )
        return axis

    def _read(self, symbol: Symbol) -> Tensor:
        if self.output is not None or self.source.n_outputs == 1:
            return self.source.term(Term(symbol, self.output or 0, self.points))
        columns = [self.source.term(Term(symbol, k, self.points)) for k in range(self.source.n_outputs)]
        return torch.stack(columns, dim=1)

    @staticmethod
    def _rowwise(factor: Tensor, values: Tensor) -> Tensor:
        return factor.reshape(-1, *[1] * (values.ndim - 1)) * values


__all__ = ["Jet"]
