"""Conditions: the equations that hold on the boundary and at the start."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Real

import torch
from torch import Tensor

from pinnlearn.base import Hyperparameters
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
        u_x = u.value
        return u_x - evaluate(self.value, x, u_x, f"the value of {type(self).__name__}")


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
