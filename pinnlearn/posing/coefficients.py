"""Which coefficients of a PDE are unknown, who reads them, and how they get there.

A coefficient is a keyword argument of the functions that name it, or stands in the place of a number. Either way the
owner, a PDE or a condition, is copied with its values filled in, and evaluated as it always is.
"""

from __future__ import annotations

import copy
import inspect
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from numbers import Integral, Real
from typing import Any, NamedTuple, TypeAlias, cast

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from pinnlearn.arrays import as_array, as_tensor
from pinnlearn.conditions import BaseCondition, Condition, Neumann, Robin
from pinnlearn.hyperparameters import check_count, check_positive
from pinnlearn.jets import VALUE, Jet
from pinnlearn.least_squares import Coefficient, Coefficients, Equation, Function, Linearization, Number
from pinnlearn.pdes import PDE, Field, Unknown

Declared: TypeAlias = dict[str, Unknown | Field]
# Parameters of PDEs and conditions that are no part of an equation.
NO_EQUATION = ("domain", "where", "solution", "transform")


def declared(pde: PDE) -> Declared:
    """The unknown coefficients of a PDE by name: those it lists, and those in the place of a number.

    One that stands in a condition alone is called by the condition and its parameter, such as "Neumann.flux".
    """
    listed = pde.unknowns if isinstance(pde.unknowns, Mapping) else {}
    unknowns: Declared = {
        name: Unknown(float(value)) if isinstance(value, Real) else cast(Unknown, value)
        for name, value in listed.items()
    }
    unknowns |= {name: value for name, value in _parameters(pde) if isinstance(value, Unknown | Field)}
    conditions = pde.conditions if isinstance(pde.conditions, list | tuple) else ()
    for condition in filter(_is_condition, conditions):  # what is none is told of elsewhere
        for name, value in _parameters(condition):
            if isinstance(value, Unknown | Field) and not any(value is each for each in unknowns.values()):
                unknowns[f"{condition.name or type(condition).__name__}.{name}"] = value
    return unknowns


def has_unknowns(pde: Any) -> bool:
    """Whether something is a PDE with unknown coefficients."""
    return isinstance(pde, PDE) and bool(declared(pde))


def _is_condition(what: Any) -> bool:
    return isinstance(what, BaseCondition)


def _parameters(owner: Any) -> Iterator[tuple[str, Any]]:
    return ((n, value) for n, value in owner.get_params(deep=False).items() if n not in NO_EQUATION)


@dataclass(frozen=True)
class Bound:
    """The residual of a PDE or a condition, as a function of points, u and unknown coefficients.

    Parameters
    ----------
    owner : PDE or condition
    unknowns : dict of str to Unknown or Field
        All that are declared.
    """

    owner: Any
    unknowns: Mapping[str, Unknown | Field]

    @property
    def reads(self) -> tuple[str, ...]:
        """The unknown coefficients that it reads."""
        values = [value for _, value in _parameters(self.owner)]
        named = {name for value in (*values, _residual(self.owner)) for name in self._named(value)}
        placed = {name for name, unknown in self.unknowns.items() if any(unknown is value for value in values)}
        return tuple(name for name in self.unknowns if name in named | placed)

    def __call__(self, x: Tensor, u: Jet, **values: Any) -> Tensor:
        """Evaluate with the values of those that it reads."""
        owner = copy.copy(self.owner)
        for name, value in _parameters(self.owner):
            if isinstance(value, Unknown | Field):
                owner.__dict__[name] = next(values[k] for k, each in self.unknowns.items() if each is value)
            elif named := self._named(value):
                owner.__dict__[name] = partial(value, **{k: values[k] for k in named})
        return owner.residual(x, u, **{k: values[k] for k in self._named(self.owner.residual)})

    def _named(self, function: Any) -> list[str]:
        """The unknown coefficients that a function has as arguments."""
        arguments = _arguments(function)
        return [name for name in self.unknowns if name in arguments]


def _arguments(function: Any) -> list[str]:
    """The names of a function's arguments after x (and u)."""
    try:
        return list(inspect.signature(function).parameters)[1:] if callable(function) else []
    except (TypeError, ValueError):  # one that is written in C has no signature
        return []


def bound(owner: Any, unknowns: Mapping[str, Unknown | Field]) -> tuple[Callable[..., Tensor], tuple[str, ...]]:
    """The residual of a PDE or a condition, and what it reads of unknown coefficients."""
    residual = Bound(owner, unknowns)
    reads = residual.reads if unknowns else ()
    return (residual, reads) if reads else (owner.residual, ())


def _residual(owner: Any) -> Any:
    """Its residual; a condition that needs to know its domain first has none."""
    return getattr(owner, "residual", None)


def coefficients(
    pde: PDE, bounds: tuple[NDArray, NDArray], like: Tensor, values: Mapping[str, Any] | None = None
) -> Coefficients:
    """The unknown coefficients of a PDE at their start, or at values as `unknowns_` has them.

    Parameters
    ----------
    pde : PDE
    bounds : pair of ndarray of shape (n_dims,)
        Those of the domain, where functions are polynomials.
    like : Tensor
        For the device and the precision.
    values : dict of str to float or Polynomial, optional
    """
    parts = {name: _coefficient(unknown, bounds, like) for name, unknown in declared(pde).items()}
    return Coefficients({name: at_value(c, values[name]) if values else c for name, c in parts.items()})


def _coefficient(unknown: Unknown | Field, bounds: tuple[NDArray, NDArray], like: Tensor) -> Coefficient:
    if isinstance(unknown, Unknown):
        lower, upper = _bounds(unknown)
        return Number.of(float(unknown.initial), like, lower, upper)
    axes = _axes(unknown, len(bounds[0]))
    box = bounds[0][list(axes)], bounds[1][list(axes)]
    smoothness = None if unknown.smoothness == "auto" else float(unknown.smoothness)
    return Function.of(float(unknown.initial), axes, box, unknown.degree, like, unknown.order, smoothness)


class Polynomial(NamedTuple):
    """An estimated function of some of the coordinates, sum_j factor_j P_j(x), P_j orthonormal on a box.

    Attributes
    ----------
    axes : tuple of int
        The coordinates that it depends on.
    lower, upper : tuple of float
        The box, along these.
    degree : int
    factors : ndarray of shape (k,)
    root : ndarray of shape (k, k) or None
        root root^T is their covariance.
    """

    axes: tuple[int, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    degree: int
    factors: NDArray
    root: NDArray | None = None

    def __call__(self, X: ArrayLike) -> NDArray:
        """Evaluate at points, (n_samples, n_dims), as `predict` takes them; (n_samples,)."""
        return self._basis(X) @ self.factors

    def std(self, X: ArrayLike) -> NDArray:
        """The standard error at points, (n_samples,); NaN where it is not known."""
        basis = self._basis(X)
        return np.full(len(basis), np.nan) if self.root is None else np.linalg.norm(basis @ self.root, axis=1)

    def _basis(self, X: ArrayLike) -> NDArray:
        x = as_tensor(np.asarray(X, float), torch.device("cpu"), torch.float64)
        return as_array(self.function(x.new_zeros(())).slopes(x, VALUE))

    def function(self, like: Tensor) -> Function:
        """As a coefficient of equations."""
        box = np.array(self.lower), np.array(self.upper)
        zero = Function.of(0.0, self.axes, box, self.degree, like)
        return zero.with_parameters(as_tensor(self.factors, like.device, like.dtype))


def estimates(coefficients: Coefficients) -> dict[str, float | Polynomial]:
    """The values of coefficients, as the attribute `unknowns_`."""
    return {name: _estimate(coefficient) for name, coefficient in coefficients.parts.items()}


def _estimate(coefficient: Coefficient) -> float | Polynomial:
    if isinstance(coefficient, Number):
        return float(coefficient.value)
    function = cast(Function, coefficient)
    lower, upper = (tuple(map(float, corner)) for corner in function.polynomials.bounds)
    return Polynomial(function.axes, lower, upper, function.polynomials.degree, as_array(function.parameters))


def at_value(coefficient: Coefficient, value: Any) -> Coefficient:
    """A coefficient at what `estimates` gives of one."""
    if isinstance(coefficient, Number):
        return coefficient.with_value(float(value))
    return cast(Polynomial, value).function(coefficient.parameters)


def _bounds(unknown: Unknown) -> tuple[float, float]:
    lower = -math.inf if unknown.lower is None else float(unknown.lower)
    return lower, math.inf if unknown.upper is None else float(unknown.upper)


def _axes(unknown: Field, n_dims: int) -> tuple[int, ...]:
    return tuple(range(n_dims)) if unknown.axes is None else tuple(int(axis) for axis in unknown.axes)


def check_unknowns(pde: PDE, n_dims: int) -> None:
    """Check what a PDE says of unknown coefficients, and that somebody reads each.

    Raises
    ------
    ValueError
        What is wrong, and what to do.
    """
    if pde.unknowns is not None and not isinstance(pde.unknowns, Mapping):
        raise ValueError(f'unknowns must be a dict, such as {{"nu": 0.1}}, got {pde.unknowns!r}.')
    unknowns = declared(pde)
    for name, unknown in unknowns.items():
        _check_unknown(name, unknown, n_dims)
    owners = [pde, *pde.conditions]
    for owner in owners:
        _check_functions(owner, unknowns)
    read = {name for owner in owners for name in Bound(owner, unknowns).reads}
    if unread := [name for name in unknowns if name not in read]:
        raise ValueError(
            f"unknowns has {unread}, but neither the equation nor a condition takes an argument of that name; write "
            f"equation=lambda x, u, {unread[0]}: ..., or leave it out."
        )


def _check_unknown(name: str, unknown: Any, n_dims: int) -> None:
    if isinstance(unknown, Field):
        check_count(f"degree of the unknown {name!r}", unknown.degree, least=0)
        axes = _axes(unknown, n_dims)
        if not axes or not all(isinstance(axis, Integral) and 0 <= axis < n_dims for axis in axes):
            raise ValueError(f"axes of the unknown {name!r} must be numbers of coordinates below {n_dims}, got {axes}.")
        check_count(f"order of the unknown {name!r}", unknown.order)
        if unknown.smoothness != "auto":
            check_positive(f"smoothness of the unknown {name!r}", unknown.smoothness, or_zero=True)
        return
    if not isinstance(unknown, Unknown):
        raise ValueError(f"the unknown {name!r} must be a number to begin at, an Unknown or a Field, got {unknown!r}.")
    if not isinstance(unknown.initial, Real) or not math.isfinite(unknown.initial):
        raise ValueError(f"the unknown {name!r} must begin at a finite number, got {unknown.initial!r}.")
    lower, upper = _bounds(unknown)
    if not lower < unknown.initial < upper:
        raise ValueError(
            f"the unknown {name!r} begins at {unknown.initial}, which is not between its bounds {lower} and {upper}; "
            "begin inside them."
        )


def _check_functions(owner: Any, unknowns: Mapping[str, Any]) -> None:
    """Whether the functions of a PDE or a condition take known arguments, and hide no parameter of their own."""
    for name, function in _parameters(owner):
        if not inspect.isfunction(function):
            continue
        _check_arguments(f"{name} of {type(owner).__name__}", function, unknowns)
        _check_closure(f"{name} of {type(owner).__name__}", function)


def _check_arguments(what: str, function: Any, unknowns: Mapping[str, Any]) -> None:
    n_given = 2 if what.split()[0] in ("equation", "residual") else 1
    parameters = list(inspect.signature(function).parameters.values())[n_given:]
    needed = [
        p.name for p in parameters if p.default is p.empty and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
    ]
    if missing := [name for name in needed if name not in unknowns]:
        given = f"unknowns has {list(unknowns)}" if unknowns else "the PDE has no unknowns"
        raise ValueError(
            f"{what} takes the argument(s) {missing}, but {given}; pass unknowns={{{missing[0]!r}: 1.0}} to the PDE to "
            "estimate it from measurements, or give it a default value."
        )


def _check_closure(what: str, function: Any) -> None:
    variables = inspect.getclosurevars(function)
    for name, value in {**variables.globals, **variables.nonlocals}.items():
        if isinstance(value, nn.Parameter) or (isinstance(value, Tensor) and value.requires_grad):
            raise ValueError(
                f"{what} reads the torch parameter {name!r}, which nothing here would train. To estimate it from "
                f"measurements make it an argument, lambda x, u, {name}: ..., and pass unknowns={{{name!r}: ...}} to "
                f"the PDE; if it is a fixed number write {name}.detach()."
            )


def check_has_data(pde: PDE, equations: list[Equation]) -> None:
    """Raise a ValueError where unknown coefficients have nothing to be estimated from."""
    unknowns = declared(pde)
    if not unknowns or any(equation.values is not None for equation in equations):
        return
    if any(isinstance(condition, Condition | Neumann | Robin) for condition in pde.conditions):
        return  # of two conditions at one place one is a measurement
    raise ValueError(
        f"there is nothing to estimate {list(unknowns)} from: no value of u is known. Add rows to X with measurements "
        "in y, NaN in the other rows."
    )


def check_are_read(probe: Linearization) -> None:
    """Raise a ValueError where a coefficient makes no difference to any residual."""
    for name, where in probe.unknowns.coefficients.layout.items():
        if not bool(probe.in_unknowns[:, where].any()):
            raise ValueError(
                f"the unknown {name!r} makes no difference to any equation: it is taken as an argument, but not used, "
                "or is detached; or the rows where it is read are missing."
            )
