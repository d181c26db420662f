"""Unknown coefficients of equations: numbers and functions of x that are solved for along with u.

A number is written in one parameter z, coefficient = map(z), a function as sum_j z_j P_j(x); what an equation says of
them reaches its residual's derivative in z by the chain rule, d(residual) / dz = sum_t c_t d(term_t) / dz.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Protocol, TypeAlias

import torch
from numpy.typing import NDArray
from torch import Tensor

from pinnlearn.jets import VALUE, EquationError, Jet, Symbol, Term
from pinnlearn.networks.polynomials import Polynomials, PolynomialsAtPoints


class Coefficient(Protocol):
    """Something unknown that equations read, a frozen value."""

    @property
    def parameters(self) -> Tensor:
        """What it is written in, (k,)."""

    def with_parameters(self, parameters: Tensor) -> Coefficient:
        """The same with others."""

    def term(self, x: Tensor, symbol: Symbol) -> Tensor:
        """It, or a derivative of it, at points; (n,)."""

    def slopes(self, x: Tensor, symbol: Symbol) -> Tensor:
        """The derivative of `term` in the parameters, (n, k)."""

    def read(self, terms: CoefficientTerms, name: str) -> Any:
        """What equations get."""


@dataclass(frozen=True, eq=False)
class Number:
    """A number between two bounds, one of which or both may be infinite.

    Without bounds it is scale * z; with one it is at a distance scale * exp(z) from it; with two it is
    lower + (upper - lower) / (1 + exp(-z)).

    Parameters
    ----------
    parameters : Tensor of shape (1,)
    scale : float
    lower, upper : float
    """

    parameters: Tensor
    scale: float = 1.0
    lower: float = -math.inf
    upper: float = math.inf

    @classmethod
    def of(cls, value: float, like: Tensor, lower: float = -math.inf, upper: float = math.inf) -> Number:
        """The number with this value, which lies between the bounds; on the device and in the precision of a tensor."""
        if math.isfinite(lower) and math.isfinite(upper):
            z, scale = math.log((value - lower) / (upper - value)), upper - lower
        elif math.isfinite(lower) or math.isfinite(upper):
            z, scale = 0.0, min(value - lower, upper - value)
        else:
            scale = abs(value) or 1.0
            z = value / scale
        return cls(like.new_tensor([z]), scale, lower, upper)

    @property
    def value(self) -> Tensor:
        """The number, (1,)."""
        z = self.parameters
        if math.isfinite(self.lower) and math.isfinite(self.upper):
            return self.lower + self.scale * torch.sigmoid(z)
        if math.isfinite(self.lower):
            return self.lower + self.scale * torch.exp(z)
        return self.upper - self.scale * torch.exp(z) if math.isfinite(self.upper) else self.scale * z

    @property
    def slope(self) -> Tensor:
        """The derivative of the number in z, (1,)."""
        if math.isfinite(self.lower) and math.isfinite(self.upper):
            s = torch.sigmoid(self.parameters)
            return self.scale * s * (1 - s)
        if math.isfinite(self.lower):
            return self.value - self.lower
        return self.value - self.upper if math.isfinite(self.upper) else torch.full_like(self.parameters, self.scale)

    def with_value(self, value: float) -> Number:
        """The same number with another value."""
        moved = Number.of(value, self.parameters, self.lower, self.upper)
        if math.isfinite(self.lower) and math.isfinite(self.upper):
            return moved
        if math.isfinite(self.lower) or math.isfinite(self.upper):
            return replace(self, parameters=torch.full_like(self.parameters, math.log(moved.scale / self.scale)))
        return replace(self, parameters=torch.full_like(self.parameters, value / self.scale))

    def with_parameters(self, parameters: Tensor) -> Number:
        """At another z."""
        return replace(self, parameters=parameters)

    def term(self, x: Tensor, symbol: Symbol) -> Tensor:
        """The number at each point, (n,)."""
        return self.value.expand(len(x))

    def slopes(self, x: Tensor, symbol: Symbol) -> Tensor:
        """The derivative in z, (n, 1)."""
        return self.slope.expand(len(x), 1)

    def read(self, terms: CoefficientTerms, name: str) -> Tensor:
        """The number at each row, (n,)."""
        return terms.term(name, VALUE)


@dataclass(frozen=True, eq=False)
class Function:
    """A function of some of the coordinates: a polynomial on the box of the domain.

    Parameters
    ----------
    polynomials : Polynomials
        Of those coordinates, with one output.
    axes : tuple of int
        Which ones they are.
    order : int
        Of the derivatives that are small where it is smooth.
    smoothness : float or None
        The weight of their squares among noise; None lets the method choose.
    """

    polynomials: Polynomials
    axes: tuple[int, ...]
    order: int = 2
    smoothness: float | None = None
    _known: dict[Any, Tensor] = field(default_factory=dict, repr=False)

    @classmethod
    def of(
        cls,
        value: float,
        axes: tuple[int, ...],
        bounds: tuple[NDArray, NDArray],
        degree: int,
        like: Tensor,
        order: int = 2,
        smoothness: float | None = None,
    ) -> Function:
        """The function that has one value everywhere; `bounds` are those of its axes."""
        polynomials = Polynomials.zero(bounds, degree, 1, like)
        start = torch.zeros_like(polynomials.coefficients)
        start[0, int(polynomials.degrees.sum(axis=1).argmin())] = value
        return cls(replace(polynomials, coefficients=start), axes, order, smoothness)

    @property
    def parameters(self) -> Tensor:
        """The polynomials' factors, (k,)."""
        return self.polynomials.coefficients[0]

    def with_parameters(self, parameters: Tensor) -> Function:
        """With other factors."""
        return replace(self, polynomials=replace(self.polynomials, coefficients=parameters[None]))

    def term(self, x: Tensor, symbol: Symbol) -> Tensor:
        """A derivative, or the function itself, at points; (n,)."""
        return self.slopes(x, symbol) @ self.parameters

    def slopes(self, x: Tensor, symbol: Symbol) -> Tensor:
        """Those of the polynomials, (n, k)."""
        key = (x, symbol)
        if key not in self._known:
            self._known[key] = self._slopes(x, symbol)
        return self._known[key]

    def _slopes(self, x: Tensor, symbol: Symbol) -> Tensor:
        number = {axis: i for i, axis in enumerate(self.axes)}
        own = [tuple(sorted(number[a] for a in axes)) for axes in symbol.monomials if set(axes) <= set(number)]
        if not own:  # it does not depend on the others
            return x.new_zeros(len(x), len(self.parameters))
        return PolynomialsAtPoints(self.polynomials, x[:, list(self.axes)]).matrix(Symbol(tuple(own)))

    def read(self, terms: CoefficientTerms, name: str) -> Jet:
        """The function as u is one."""
        return Jet(_FunctionTerms(terms, name), terms.has_time)


Key: TypeAlias = tuple[str, Symbol]


class CoefficientTerms:
    """What an equation reads of coefficients at points, kept to differentiate by."""

    def __init__(self, coefficients: Coefficients, x: Tensor, has_time: bool | None, differentiable: bool):
        self.x, self.has_time = x, has_time
        self.terms: dict[Key, Tensor] = {}
        self._coefficients = coefficients
        self._differentiable = differentiable

    def read(self, names: Iterable[str]) -> dict[str, Any]:
        """The keyword arguments of an equation that reads these."""
        return {name: self._coefficients.parts[name].read(self, name) for name in names}

    def term(self, name: str, symbol: Symbol) -> Tensor:
        """The values of a term, (n,)."""
        key = (name, symbol)
        if key not in self.terms:
            values = self._coefficients.parts[name].term(self.x, symbol)
            self.terms[key] = values.requires_grad_() if self._differentiable else values
        return self.terms[key]

    def columns(self, slopes: Mapping[Key, Tensor]) -> Tensor:
        """The derivative in all parameters, (n, k), of what has these derivatives in the terms."""
        coefficients = self._coefficients
        columns = {name: self.x.new_zeros(len(self.x), len(c.parameters)) for name, c in coefficients.parts.items()}
        for (name, symbol), c in slopes.items():
            columns[name] = columns[name] + c[:, None] * coefficients.parts[name].slopes(self.x, symbol)
        return torch.cat(list(columns.values()), dim=1)


@dataclass(frozen=True)
class _FunctionTerms:
    """The source of the jet of an unknown function."""

    terms: CoefficientTerms
    name: str
    n_outputs: int = 1

    @property
    def n_dims(self) -> int:
        return self.terms.x.shape[1]

    def term(self, term: Term) -> Tensor:
        return self.terms.term(self.name, term.symbol)

    def add_points(self, x: Tensor) -> int:
        raise EquationError(
            f"the equation reads {self.name}.at(...), but an unknown function is read at its rows only."
        )


@dataclass(frozen=True, eq=False)
class Coefficients:
    """All unknown coefficients of a problem.

    Parameters
    ----------
    parts : dict of str to Coefficient
    held : bool
        Whether they stay as they are.
    """

    parts: Mapping[str, Coefficient] = field(default_factory=dict)
    held: bool = False

    @property
    def size(self) -> int:
        """The number of parameters that are solved for."""
        return 0 if self.held else sum(len(c.parameters) for c in self.parts.values())

    @cached_property
    def layout(self) -> dict[str, slice]:
        """Where each stands among the parameters."""
        layout, start = {}, 0
        for name, coefficient in self.parts.items():
            layout[name] = slice(start, start + len(coefficient.parameters))
            start = layout[name].stop
        return layout

    @property
    def vector(self) -> Tensor:
        """The parameters of all, (k,)."""
        return torch.cat([c.parameters for c in self.parts.values()])

    def at(self, vector: Tensor) -> Coefficients:
        """With other parameters."""
        parts = {name: c.with_parameters(vector[self.layout[name]]) for name, c in self.parts.items()}
        return replace(self, parts=parts)

    def holding(self, held: bool = True) -> Coefficients:
        """The same, to stay as they are, or to be solved for."""
        return replace(self, held=held)


# Of problems in which everything but u is known.
NO_COEFFICIENTS = Coefficients()
