"""Activation functions and their derivatives of every order.

A PDE of order k needs sigma, ..., sigma^(k), and its Jacobian one order more, so an activation here is a function that
gives whichever orders are asked for.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cache

import numpy as np
import torch
from numpy.polynomial import polynomial
from torch import Tensor


@cache
def _tanh_polynomial(order: int) -> tuple[float, ...]:
    """Coefficients of P_k, ascending, with tanh^(k)(z) = P_k(tanh z)."""
    if order == 0:
        return (0.0, 1.0)
    # d/dz P(t) = P'(t) (1 - t^2), since t = tanh z has dt/dz = 1 - t^2.
    derivative = polynomial.polyder(np.asarray(_tanh_polynomial(order - 1)))
    return tuple(polynomial.polymul(derivative, [1.0, 0.0, -1.0]).tolist())


def tanh(z: Tensor, orders: Collection[int]) -> dict[int, Tensor]:
    """Evaluate derivatives of the hyperbolic tangent.

    Parameters
    ----------
    z : Tensor of any shape
    orders : collection of int
        The orders wanted; 0 is the function itself.

    Returns
    -------
    dict of int to Tensor
        The derivative of each order, in the shape of `z`.

    Examples
    --------
    >>> import torch
    >>> tanh(torch.zeros(1), [0, 1])
    {0: tensor([0.]), 1: tensor([1.])}
    """
    t = torch.tanh(z)
    return {order: t if order == 0 else _horner(_tanh_polynomial(order), t) for order in orders}


def _horner(coefficients: tuple[float, ...], t: Tensor) -> Tensor:
    """A polynomial with only odd or only even powers, in the square of `t`."""
    odd = (len(coefficients) - 1) % 2
    square = t * t
    *rest, lead = coefficients[odd::2]
    result = torch.full_like(t, lead)
    for coefficient in reversed(rest):
        result.mul_(square).add_(coefficient)
    return result.mul_(t) if odd else result


ACTIVATIONS = {"tanh": tanh}


def get_activation(name: str):
    """Look up an activation by its name.

    Raises
    ------
    ValueError
        If the name is unknown; the message lists the known ones.
    """
    if name not in ACTIVATIONS:
        raise ValueError(f"activation={name!r} is unknown; choose one of {sorted(ACTIVATIONS)}.")
    return ACTIVATIONS[name]
