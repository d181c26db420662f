"""Activation functions and their derivatives of every order.

A PDE of order k needs sigma, ..., sigma^(k), and its Jacobian one order more, so an activation here gives whichever
orders are asked for, all from one transcendental function of z.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.polynomial import hermite_e, polynomial
from torch import Tensor

from pinnlearn.hyperparameters import suggestion


@dataclass(frozen=True)
class Activation:
    """An activation function with its derivatives.

    Parameters
    ----------
    name : str
    core : callable
        z -> c, what every order is made of and is worth computing once, e.g. tanh z.
    derivative : callable
        (z, c, order) -> sigma^(order)(z), in the shape of z; order 0 is the function itself.
    highest_order : float
        The highest order that is bounded; beyond it there is none.

    Examples
    --------
    >>> import torch
    >>> get_activation("tanh")(torch.zeros(1), [0, 1])
    {0: tensor([0.]), 1: tensor([1.])}
    """

    name: str
    core: Callable[[Tensor], Tensor]
    derivative: Callable[[Tensor, Tensor, int], Tensor]
    highest_order: float = math.inf

    def __call__(self, z: Tensor, orders: Collection[int]) -> dict[int, Tensor]:
        """Evaluate several orders at `z`, of any shape."""
        core = self.core(z)
        return {order: self.evaluate(z, core, order) for order in orders}

    def evaluate(self, z: Tensor, core: Tensor, order: int) -> Tensor:
        """Evaluate one order, given c.

        Raises
        ------
        ValueError
            If there is no such order.
        """
        if order > self.highest_order:
            raise ValueError(
                f"activation={self.name!r} has bounded derivatives up to order {self.highest_order}, not {order}; use "
                "a smooth activation such as 'tanh'."
            )
        return self.derivative(z, core, order)


def _horner(coefficients: tuple[float, ...], t: Tensor) -> Tensor:
    """A polynomial with only odd or only even powers, in the square of `t`."""
    odd = (len(coefficients) - 1) % 2
    square = t * t
    *rest, lead = coefficients[odd::2]
    result = (square * lead).add_(rest.pop()) if rest else torch.full_like(t, lead)
    for coefficient in reversed(rest):
        result.mul_(square).add_(coefficient)
    return result.mul_(t) if odd else result


@cache
def _tanh_polynomial(order: int) -> tuple[float, ...]:
    """Coefficients of P_k, ascending, with tanh^(k)(z) = P_k(tanh z)."""
    if order == 0:
        return (0.0, 1.0)
    # d/dz P(t) = P'(t) (1 - t^2), since t = tanh z has dt/dz = 1 - t^2.
    derivative = polynomial.polyder(np.asarray(_tanh_polynomial(order - 1)))
    return tuple(polynomial.polymul(derivative, [1.0, 0.0, -1.0]).tolist())


def _tanh(z: Tensor, t: Tensor, order: int) -> Tensor:
    return t if order == 0 else _horner(_tanh_polynomial(order), t)


def _half_tanh(z: Tensor) -> Tensor:
    return torch.tanh(z / 2)


def _logistic(z: Tensor, t: Tensor, order: int) -> Tensor:
    # s(z) = (1 + tanh(z / 2)) / 2, which loses the tail.
    return torch.sigmoid(z) if order == 0 else _tanh(z, t, order) / 2 ** (order + 1)


def _softplus(z: Tensor, t: Tensor, order: int) -> Tensor:
    # log(1 + exp z), whose derivative is s(z); torch's own softplus is cut off at 20, an error of 2e-9.
    return torch.logaddexp(z, torch.zeros_like(z)) if order == 0 else _logistic(z, t, order - 1)


def _swish(z: Tensor, t: Tensor, order: int) -> Tensor:
    # (z s)^(k) = z s^(k) + k s^(k-1).
    value = z * _logistic(z, t, order)
    return value if order == 0 else value.add_(_logistic(z, t, order - 1), alpha=order)


def _relu3(z: Tensor, positive: Tensor, order: int) -> Tensor:
    power = 3 - order
    return math.perm(3, order) * (positive**power if power else (z > 0).to(z.dtype))


def _sin(z: Tensor, _: Tensor, order: int) -> Tensor:
    value = torch.sin(z) if order % 2 == 0 else torch.cos(z)
    return value if order % 4 < 2 else -value


def _gaussian(z: Tensor, bell: Tensor, order: int) -> Tensor:
    # (-1)^k He_k(z) exp(-z^2 / 2), He_k the probabilists' Hermite polynomials.
    hermite = tuple(hermite_e.herme2poly([0.0] * order + [1.0]).tolist())
    return _horner(hermite, z).mul_(bell).mul_((-1) ** order)


ACTIVATIONS = {
    activation.name: activation
    for activation in (
        Activation("tanh", torch.tanh, _tanh),
        Activation("logistic", _half_tanh, _logistic),
        Activation("softplus", _half_tanh, _softplus),
        Activation("swish", _half_tanh, _swish),
        Activation("relu3", torch.relu, _relu3, highest_order=3),
        Activation("sin", lambda z: z, _sin),
        Activation("gaussian", lambda z: torch.exp(-z * z / 2), _gaussian),
    )
}

# What other packages call them; "relu" is not smooth enough for a PDE, its third power is.
SYNONYMS = {"sigmoid": "logistic", "silu": "swish", "relu": "relu3", "sine": "sin", "rbf": "gaussian"}


def get_activation(name: str) -> Activation:
    """Look up an activation by its name.

    Raises
    ------
    ValueError
        If the name is unknown; the message lists the known ones.
    """
    if not isinstance(name, str) or name not in ACTIVATIONS:
        raise ValueError(
            f"activation={name!r} is unknown; choose one of {sorted(ACTIVATIONS)}."
            + suggestion(name, ACTIVATIONS, SYNONYMS)
        )
    return ACTIVATIONS[name]
