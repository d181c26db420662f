"""Weights of residuals: one for each component of each equation, which makes the loss independent of units."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pinnlearn.hyperparameters import check_positive
from pinnlearn.jets import Symbol
from pinnlearn.least_squares import GROUPS, LeastSquares, Linearization, LinearizedEquation, Weight


def balanced_weights(
    problem: LeastSquares, half_width: NDArray, start: Linearization | None = None
) -> dict[str, Weight]:
    """Weights that make the loss independent of the units of x and of the equations.

    A function of amplitude 1 that varies over the domain has a k-th derivative of about half_width^(-k), its
    natural size; a component's weight is 1 / mean over its rows of sum_t (c_t size_t)^2, with the coefficients c_t
    where training starts. So all residuals are in units of u, and a boundary value's weight is 1.

    Parameters
    ----------
    problem : LeastSquares
    half_width : ndarray of shape (n_dims,)
        Half the extent of the domain along each axis.
    start : Linearization, optional
        The problem where training starts; None is u = 0.

    Returns
    -------
    dict of str to tuple of float
        For each equation by its name, a weight for each of its components.
    """
    parts = problem.at_zero if start is None else start.parts
    return {part.equation.name: _component_weights(part, half_width) for part in parts}


def _component_weights(part: LinearizedEquation, half_width: NDArray) -> tuple[float, ...]:
    means = []
    for coefficients in part.coefficients:
        squares = (c**2 * natural_size(t.symbol, half_width) ** 2 for t, c in coefficients.items())
        means.append(float(sum(squares, start=torch.zeros_like(part.residual[:, 0])).mean()))
    return tuple(1 / mean if 0 < mean < math.inf else 1.0 for mean in means)


def check_loss_weights(given: Any, problem: LeastSquares) -> dict[str, Weight]:
    """Weights by group or by equation as a user gives them; those that are not named are 1.

    Raises
    ------
    ValueError
        For an unknown name, and for what is no positive number, or not as many as the equation has components.
    """
    if given is None:
        return {}
    components = {block.equation.name: len(block.weights) for block in problem.blocks}
    known = [*GROUPS, *components]
    if not isinstance(given, dict) or not set(given) <= set(known):
        raise ValueError(
            f"loss_weights must be 'auto', None or a dict with keys of {known} (a condition is called by its name=), "
            f"got {given!r}."
        )
    for name, weight in given.items():
        several = isinstance(weight, list | tuple)
        if several and len(weight) != components.get(name, 1):
            raise ValueError(
                f"loss_weights[{name!r}] has {len(weight)} weights, but needs one, or one for each of the "
                f"{components.get(name, 1)} component(s)."
            )
        for each in weight if several else [weight]:
            check_positive(f"loss_weights[{name!r}]", each)
    return given


def natural_size(symbol: Symbol, half_width: NDArray) -> float:
    """The size of a derivative of a function of amplitude 1 that varies over a domain of this half-width."""
    return math.sqrt(sum(np.prod(1 / half_width[list(axes)]) ** 2 for axes in symbol.monomials))
