"""An equation at the rows of X where it holds: its residuals, and their derivatives in what it reads.

An equation is pointwise in the terms it reads, so one backward pass to those vectors gives the coefficients
c_t = d(residual) / d(term_t), for linear and nonlinear equations alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from pinnlearn.arrays import as_tensor
from pinnlearn.jets import EquationError, Jet, Symbol, Term
from pinnlearn.least_squares.coefficients import NO_COEFFICIENTS, Coefficients, CoefficientTerms
from pinnlearn.least_squares.unknowns import Unknowns
from pinnlearn.networks import AtPoints, Network, Reading

# Coefficients of an equation that differ by no more than this part of them are those of a linear one.
SAME = 1e-9
GROUPS = ("interior", "boundary", "initial", "data")

# What Python, numpy and torch say of the usual mistakes in an equation, and what to write instead.
HINTS = {
    "Can't call numpy() on Tensor": "Equations are written with torch: torch.sin(u.value), not np.sin(u.value).",
    "only one element tensors can be converted": "Functions of math take one number; write torch.sin(x[:, 0]).",
    "does not require grad": "Derivatives come with u, without torch.autograd: u.d(0) is du/dx_0.",
    "appears to not have been used in the graph": "Derivatives come with u, without torch.autograd: u.d(0) is du/dx_0.",
    "'Tensor' object is not callable": "u.value, u.laplacian, u.grad, u.dt and u.dn are read without parentheses.",
    **dict.fromkeys(
        [f"'Tensor' object has no attribute '{name}'" for name in ("d", "value", "laplacian", "dt", "dn", "at")],
        "An equation is called with x, the points, and then u, in this order: lambda x, u: ...",
    ),
    "positional argument": "An equation is called with x, the points, and then u: lambda x, u: ...",
}


def _hint(error: Exception) -> str | None:
    """What to write in an equation in place of what ended in an error, where that is known."""
    return next((hint for says, hint in HINTS.items() if says in str(error)), None)


@dataclass(frozen=True)
class Equation:
    """An equation and the rows of X where it holds.

    Parameters
    ----------
    name : str
        What to call it in messages, and in loss weights.
    group : {"interior", "boundary", "initial", "data"}
        The group of the loss that its residuals count in.
    residual : callable
        residual(x, u) -> (n,) or (n, q); what it reads of unknown coefficients are keyword arguments.
    rows : ndarray of shape (n,) of int
    normals : ndarray of shape (n, n_dims), optional
        Outward unit normals at the rows, on the boundary.
    values : ndarray of shape (n,), optional
        Known values of u; residual(x, u) then has to give u, and the equation is u = values.
    is_held : bool
        Whether every network that is trained has it, so that it matters to other functions alone.
    reads : tuple of str
        The unknown coefficients that it reads.
    is_pointwise : bool
        Whether a row's residual is known to depend on that row alone.
    """

    name: str
    group: str
    residual: Callable[..., Tensor]
    rows: NDArray
    normals: NDArray | None = None
    values: NDArray | None = None
    is_held: bool = False
    reads: tuple[str, ...] = ()
    is_pointwise: bool = False


@dataclass(frozen=True, eq=False)
class EquationAtRows:
    """An equation at its points, as tensors: (n, n_dims), (n, n_dims) and (n,)."""

    equation: Equation
    x: Tensor
    normals: Tensor | None
    values: Tensor | None
    has_time: bool | None
    n_outputs: int
    _zero: dict[Coefficients, LinearizedEquation] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def of(cls, equation: Equation, x: Tensor, has_time: bool | None, n_outputs: int) -> EquationAtRows:
        """The equation at its rows of x, (n_samples, n_dims)."""
        rows = torch.as_tensor(equation.rows, device=x.device)
        arrays = (equation.normals, equation.values)
        normals, values = (a if a is None else as_tensor(a, x.device, x.dtype) for a in arrays)
        return cls(equation, x[rows], normals, values, has_time, n_outputs)

    def residual(self, source: Any, unknown: CoefficientTerms | None = None) -> Tensor:
        """The residuals, (n, q), of the function that a `TermSource` stands for, and of unknown coefficients."""
        read = {} if unknown is None else unknown.read(self.equation.reads)
        try:
            r = self.equation.residual(self.x, Jet(source, self.has_time, self.normals), **read)
        except EquationError as error:
            raise ValueError(f"{self.equation.name}: {error}") from error
        except IndexError as error:
            n_dims = self.x.shape[1]
            raise ValueError(
                f"{self.equation.name} reads a coordinate that does not exist ({error}); points have {n_dims} "
                f"coordinate(s), x[:, 0] to x[:, {n_dims - 1}]."
            ) from error
        except (TypeError, AttributeError, RuntimeError, ValueError) as error:
            if hint := _hint(error):
                raise ValueError(
                    f"{self.equation.name} ends in {type(error).__name__}: {str(error).rstrip('.')}. {hint}"
                ) from error
            raise
        r = self._stacked(r)
        self._check_shape(r)
        if self.values is not None:
            r = r - self.values
        return r.reshape(len(self.x), -1)

    def residual_of(self, unknowns: Unknowns) -> Tensor:
        """The residuals, (n, q), of a network, without what their derivatives need."""
        source = _NetworkTerms(unknowns.network.at(self.x), unknowns.highest_order, False)
        return self.residual(source, CoefficientTerms(unknowns.coefficients, self.x, self.has_time, False))

    def at_zero(self, coefficients: Coefficients = NO_COEFFICIENTS) -> LinearizedEquation:
        """The equation to first order at the function that is zero everywhere: evaluated once."""
        if coefficients not in self._zero:
            self._zero.clear()
            self._zero[coefficients] = self._linearized(_ZeroTerms(self.x, self.n_outputs), coefficients, [])
        return self._zero[coefficients]

    def linearize(
        self,
        at: AtPoints,
        highest_order: float,
        coefficients: Coefficients = NO_COEFFICIENTS,
        twice: bool = False,
    ) -> LinearizedEquation:
        """The equation to first order at a network; `twice`: and all of it differentiable in the parameters."""
        source = _NetworkTerms(at, highest_order, True)
        return self._linearized(source, coefficients, source.at, twice)

    def _linearized(
        self, source: _Terms, coefficients: Coefficients, at: list[AtPoints], twice: bool = False
    ) -> LinearizedEquation:
        unknown = CoefficientTerms(coefficients, self.x, self.has_time, True)
        with torch.enable_grad():
            residual = self.residual(source, unknown)
            read: dict[Any, Tensor] = {**source.terms, **unknown.terms}
            slopes = [_differentiate(column, read, twice) for column in residual.unbind(dim=1)]
        by_terms = [{term: c for term, c in each.items() if isinstance(term, Term)} for each in slopes]
        of_unknown = [{key: c for key, c in each.items() if not isinstance(key, Term)} for each in slopes]
        terms = source.terms if twice else {term: values.detach() for term, values in source.terms.items()}
        in_unknowns = None
        if coefficients.size:
            in_unknowns = torch.stack([unknown.columns(each) for each in of_unknown], dim=1)
        residual = residual if twice else residual.detach()
        return LinearizedEquation(self.equation, residual, terms, by_terms, source.points, at, in_unknowns)

    def extended(self, points: ArrayLike, first: int) -> EquationAtRows:
        """The equation at further points, (k, n_dims), whose rows have numbers from `first` on."""
        x = as_tensor(points, self.x.device, self.x.dtype)
        rows = np.concatenate([self.equation.rows, np.arange(first, first + len(x))])
        return replace(self, equation=replace(self.equation, rows=rows), x=torch.cat([self.x, x]))

    def subset(self, keep: NDArray) -> EquationAtRows:
        """The equation at some of its rows."""
        index = torch.as_tensor(keep, device=self.x.device)
        normals, values = (t if t is None else t[index] for t in (self.normals, self.values))
        equation = replace(self.equation, rows=self.equation.rows[keep])
        return replace(self, equation=equation, x=self.x[index], normals=normals, values=values)

    def _stacked(self, r: Any) -> Any:
        """A list or tuple of q residuals (n,) as (n, q)."""
        if not isinstance(r, list | tuple):
            return r
        for each in r:
            self._check_shape(each)
        return torch.cat([each.reshape(len(self.x), -1) for each in r], dim=1) if r else self.x[:, :0]

    def _check_shape(self, r: Tensor) -> None:
        name, n = self.equation.name, len(self.x)
        if not isinstance(r, Tensor):
            raise TypeError(f"{name} must return a torch tensor, got {type(r).__name__}.")
        if r.ndim not in (1, 2) or len(r) != n or r.numel() == 0:
            raise ValueError(
                f"{name} must return one residual a row, shape ({n},) or ({n}, q) for {n} rows, but returned shape "
                f"{tuple(r.shape)}."
            )


@dataclass(frozen=True, eq=False)
class LinearizedEquation:
    """One equation to first order at one function.

    Attributes
    ----------
    residual : Tensor of shape (n, q)
        Without weights.
    terms : dict of Term to Tensor of shape (n,)
        What the equation read.
    coefficients : list of q dicts of Term to Tensor of shape (n,)
        d(residual component) / d(term).
    points : list of Tensor of shape (n, n_dims)
        The rows, and what they are paired with by `u.at(...)`.
    at : list of AtPoints
        The network at these points.
    in_unknowns : Tensor of shape (n, q, k) or None
        The derivatives of the residual in the parameters of unknown coefficients, where there are any.
    """

    equation: Equation
    residual: Tensor
    terms: dict[Term, Tensor]
    coefficients: list[dict[Term, Tensor]]
    points: list[Tensor]
    at: list[AtPoints]
    in_unknowns: Tensor | None = None

    def carried_to(self, network: Network) -> LinearizedEquation:
        """The same to first order, for another network that is the same function."""
        return replace(self, at=[network.at(x) for x in self.points])

    def has_coefficients_of(self, other: LinearizedEquation) -> bool:
        """Whether the equation is the same to first order at another function, as a linear one is everywhere."""
        return all(
            bool(torch.allclose(c, there[term], rtol=SAME, atol=SAME * float(c.abs().max())))
            for here, there in zip(self.coefficients, other.coefficients, strict=True)
            for term, c in here.items()
            if term in there
        )

    def readings(self, component: int, factor: Tensor) -> list[tuple[AtPoints, list[Reading]]]:
        """The readings of one component, times a factor, (n,), for each of the equation's point sets."""
        return [
            (at, [Reading(t.symbol, t.output, c * factor) for t, c in chosen])
            for points, at in enumerate(self.at)
            if (chosen := [(t, c) for t, c in self.coefficients[component].items() if t.points == points])
        ]


def _differentiate(column: Tensor, terms: dict[Any, Tensor], twice: bool) -> dict[Any, Tensor]:
    """d(column_i) / d(term_i) for each term: one backward pass, since row i depends on row i alone."""
    if not column.requires_grad:
        return {}
    gradients = torch.autograd.grad(
        column.sum(), list(terms.values()), retain_graph=True, allow_unused=True, create_graph=twice
    )
    return {term: g for term, g in zip(terms, gradients, strict=True) if g is not None}


class _Terms:
    """The terms that an equation reads, kept to differentiate by."""

    def __init__(self, x: Tensor, n_outputs: int, differentiable: bool):
        self.n_dims, self.n_outputs = x.shape[1], n_outputs
        self.points: list[Tensor] = [x]
        self.terms: dict[Term, Tensor] = {}
        self._differentiable = differentiable

    def term(self, term: Term) -> Tensor:
        if term not in self.terms:
            self.terms[term] = self._values(term).requires_grad_(self._differentiable)
        return self.terms[term]

    def add_points(self, x: Tensor) -> int:
        if not isinstance(x, Tensor) or x.shape != self.points[0].shape:
            came = f"shape {tuple(x.shape)}" if isinstance(x, Tensor) else repr(x)
            raise EquationError(
                f"u.at(...) needs one point a row, a tensor of shape {tuple(self.points[0].shape)}, got {came}."
            )
        known = [i for i, points in enumerate(self.points) if points is x]
        if not known:
            self.points.append(x)
        return known[0] if known else len(self.points) - 1

    def _values(self, term: Term) -> Tensor:
        raise NotImplementedError


class _ZeroTerms(_Terms):
    """Those of the function that is zero."""

    def __init__(self, x: Tensor, n_outputs: int):
        super().__init__(x, n_outputs, True)

    def _values(self, term: Term) -> Tensor:
        return torch.zeros_like(self.points[0][:, 0])


class _NetworkTerms(_Terms):
    """Those of a network."""

    def __init__(self, at: AtPoints, highest_order: float, differentiable: bool):
        super().__init__(at.x, at.network.n_outputs, differentiable)
        self.at: list[AtPoints] = [at]
        self._highest_order = highest_order

    def add_points(self, x: Tensor) -> int:
        number = super().add_points(x)
        if number == len(self.at):
            self.at.append(self.at[0].network.at(x))
        return number

    def _values(self, term: Term) -> Tensor:
        self._check_smooth_enough(term.symbol)
        return self.at[term.points].term(term.symbol, term.output)

    def _check_smooth_enough(self, symbol: Symbol) -> None:
        network = self.at[0].network
        if symbol.order > self._highest_order:
            highest = network.highest_order
            raise EquationError(
                f"the equation reads a derivative of order {symbol.order}, but {network.smoothness} serves equations "
                f"up to order {highest - 1:.0f}, with trainable='output' up to order {highest:.0f}; use a smooth "
                "activation such as 'tanh'."
            )
