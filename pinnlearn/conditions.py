"""Conditions: the equations that hold on the boundary and at the start."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral, Real

import torch
from torch import Tensor

from pinnlearn.domains import Domain
from pinnlearn.hyperparameters import Hyperparameters
from pinnlearn.jets import Jet

Value = float | Callable[[Tensor], Tensor]


def evaluate(value: Value, x: Tensor, like: Tensor, name: str) -> Tensor:
    """Evaluate a number or a function of x to a tensor that fits `like`.

    Raises
    ------
    ValueError
        If the function does not give one value a row.
    TypeError
        If it is neither a number nor a function.
    """
    if isinstance(value, Real):
        return torch.full_like(like, float(value))
    if not callable(value):
        raise TypeError(f"{name} must be a number or a function of x, got {value!r}.")
    result = torch.as_tensor(value(x), dtype=like.dtype, device=like.device)
    if result.ndim == 0:
        return result.expand(like.shape)
    if result.shape != like.shape:
        raise ValueError(
            f"{name} must give one value a row, shape {tuple(like.shape)}, but gave {tuple(result.shape)} for x of "
            f"shape {tuple(x.shape)}; write x[:, 0] for the first coordinate."
        )
    return result


class Condition(Hyperparameters):
    """Any condition, residual(x, u) = 0, in a region.

    Parameters
    ----------
    residual : callable
        residual(x, u) -> (n,) or (n, q), with x a tensor (n, n_dims) and u a `pinnlearn.jets.Jet`.
    region : {"boundary", "initial"}
    where : callable, optional
        A predicate of x, (n, n_dims) -> (n,) of bool: the part of the region where the condition holds.

    Examples
    --------
    >>> insulated = Condition(lambda x, u: u.dn, where=lambda x: x[:, 0] == 0)
    """

    def __init__(self, residual: Callable[[Tensor, Jet], Tensor], region: str = "boundary", where=None):
        self.residual = residual
        self.region = region
        self.where = where


class Dirichlet(Hyperparameters):
    """u = value on the boundary.

    Parameters
    ----------
    value : float or callable
        A number, or a function of x giving (n,); with several outputs (n, n_outputs).
    where : callable, optional
        A predicate of x: the part of the boundary where the condition holds.

    Examples
    --------
    >>> Dirichlet(1.5)
    Dirichlet(value=1.5)
    """

    region = "boundary"

    def __init__(self, value: Value, where=None):
        self.value = value
        self.where = where

    def residual(self, x: Tensor, u: Jet) -> Tensor:
        """Evaluate u - value, (n,)."""
        return _less(u.value, self.value, x, f"the value of {type(self).__name__}")


def _less(term: Tensor, value: Value, x: Tensor, name: str) -> Tensor:
    return term - evaluate(value, x, term, name)


class Neumann(Hyperparameters):
    """du/dn = flux on the boundary, n being the outward normal.

    Parameters
    ----------
    flux : float or callable
        A number, or a function of x giving (n,); with several outputs (n, n_outputs).
    where : callable, optional
        A predicate of x: the part of the boundary where the condition holds.

    Notes
    -----
    A corner has the normal of the first of its faces, in the order of the axes, that `where` holds on.

    Examples
    --------
    >>> insulated = Neumann(0.0, where=lambda x: x[:, 0] == 0)
    """

    region = "boundary"

    def __init__(self, flux: Value, where=None):
        self.flux = flux
        self.where = where

    def residual(self, x: Tensor, u: Jet) -> Tensor:
        """Evaluate du/dn - flux, (n,)."""
        return _less(u.dn, self.flux, x, "the flux of Neumann")


class Robin(Hyperparameters):
    """a u + b du/dn = value on the boundary, n being the outward normal.

    Parameters
    ----------
    a, b, value : float or callable
        Numbers, or functions of x giving (n,); with several outputs (n, n_outputs).
    where : callable, optional
        A predicate of x: the part of the boundary where the condition holds.

    Examples
    --------
    >>> Robin(2.0, 1.0, 0.0)  # heat lost to surroundings at 0, du/dn = -2 u
    Robin(a=2.0, b=1.0, value=0.0)
    """

    region = "boundary"

    def __init__(self, a: Value, b: Value, value: Value, where=None):
        self.a = a
        self.b = b
        self.value = value
        self.where = where

    def residual(self, x: Tensor, u: Jet) -> Tensor:
        """Evaluate a u + b du/dn - value, (n,)."""
        u_x, slope = u.value, u.dn
        a, b = (evaluate(factor, x, u_x, f"{name} of Robin") for name, factor in (("a", self.a), ("b", self.b)))
        return _less(a * u_x + b * slope, self.value, x, "the value of Robin")


class Initial(Dirichlet):
    """u = value at t = t_start.

    Parameters
    ----------
    value : float or callable
        A number, or a function of x (time is its last column) giving (n,); with several outputs (n, n_outputs).
    where : callable, optional
        A predicate of x: the part of the initial slice where the condition holds.
    """

    region = "initial"


class InitialVelocity(Initial):
    """du/dt = value at t = t_start, for equations of second order in time.

    Parameters
    ----------
    value : float or callable
        A number, or a function of x (time is its last column) giving (n,); with several outputs (n, n_outputs).
    where : callable, optional
        A predicate of x: the part of the initial slice where the condition holds.
    """

    def residual(self, x: Tensor, u: Jet) -> Tensor:
        """Evaluate du/dt - value, (n,)."""
        return _less(u.dt, self.value, x, "the value of InitialVelocity")


class Periodic(Hyperparameters):
    """u and du/dn continue from one end of an axis to the other, on a domain with two opposite faces there.

    Conditions without `where` leave the rows on these faces alone.

    Parameters
    ----------
    axis : int
        The coordinate that is periodic, from 0.

    Examples
    --------
    >>> Periodic(0)
    Periodic(axis=0)
    """

    region = "boundary"
    where = None

    def __init__(self, axis: int):
        self.axis = axis

    def on(self, domain: Domain | None) -> Condition:
        """The condition on the faces of a domain.

        Raises
        ------
        ValueError
            If the domain has no two opposite faces there.
        """
        if not isinstance(self.axis, Integral):
            raise ValueError(f"the axis of {self!r} must be an integer, counted from 0.")
        if domain is None:
            raise ValueError(f"{self!r} needs to know where its two faces are; give the PDE a domain.")
        domain.ends(domain.bounds[0][None], self.axis)
        lower, upper = (float(corner[self.axis]) for corner in domain.bounds)

        def residual(x: Tensor, u: Jet) -> Tensor:
            across = x.clone()
            across[:, self.axis] = torch.where(x[:, self.axis] < (lower + upper) / 2, upper, lower)
            other = u.at(across)
            jumps = (u.value - other.value, u.d(self.axis) - other.d(self.axis))
            return torch.stack(jumps, dim=1).flatten(start_dim=1)

        return Condition(residual, where=lambda x: domain.ends(x.numpy(), self.axis) != 0)


__all__ = ["Condition", "Dirichlet", "Initial", "InitialVelocity", "Neumann", "Periodic", "Robin"]
