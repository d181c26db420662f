"""Unknown functions among noise: a penalty on how rough they are, and its weight.

The penalty of a function f is weight times the mean over its box of the squares of its derivatives of one order, along
each axis, lengths in half-widths of the box. Its weight is that of generalised cross-validation: with what measurements
leave, r, and their part of the trace of the hat matrix, t, it makes n ||r||^2 / (n - t)^2 least.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import product

import numpy as np
import torch
from torch import Tensor

from pinnlearn.arrays import as_tensor
from pinnlearn.jets import Jet
from pinnlearn.least_squares import Block, Equation, EquationAtRows, Function, LeastSquares
from pinnlearn.training.uncertainty import reduced

# The group of the penalties, which is no group of rows.
SMOOTHNESS = "smoothness"
# Weights that are tried, in units of that at which the penalty counts as much as measurements do.
TRIED = tuple(10.0**k for k in np.arange(-14.0, 4.5, 0.5))


def rough(problem: LeastSquares) -> dict[str, Function]:
    """The unknown functions of a problem whose roughness is penalised."""
    parts = problem.coefficients.parts.items()
    return {name: c for name, c in parts if isinstance(c, Function) and c.smoothness != 0}


def smoothed(problem: LeastSquares) -> LeastSquares:
    """A problem with penalties, of the weights that were given, or that cross-validation chooses at its start."""
    plain = of_rows(problem)
    functions = rough(plain)
    if not functions:
        return plain
    blocks = {name: _penalty(plain, name, function) for name, function in functions.items()}
    free = [name for name, function in functions.items() if function.smoothness is None]
    weights = {name: float(f.smoothness) for name, f in functions.items() if f.smoothness is not None}
    if free:
        weights |= dict.fromkeys(free, _cross_validated(plain, [blocks[name] for name in free]))
    n = sum(block.n_residuals for block in blocks.values())
    unit = _unit(plain)
    added = [
        replace(block, weights=tuple(n * unit * weights[name] for _ in block.weights)) for name, block in blocks.items()
    ]
    return replace(plain, blocks=(*plain.blocks, *added))


def of_rows(problem: LeastSquares) -> LeastSquares:
    """A problem without its penalties."""
    return replace(problem, blocks=tuple(b for b in problem.blocks if b.equation.group != SMOOTHNESS))


def _unit(problem: LeastSquares) -> float:
    """The weight of one measurement in the loss."""
    factors = [f for b, f in zip(problem.blocks, problem.factors, strict=True) if b.equation.values is not None]
    return float(torch.cat(factors).square().mean())


def _penalty(problem: LeastSquares, name: str, function: Function) -> Block:
    """The derivatives at Gauss points of the box, times the roots of their weights; a component for each axis."""
    like, polynomials = problem.start, function.polynomials
    nodes, shares = np.polynomial.legendre.leggauss(polynomials.degree + 1)
    grid = np.array(list(product(nodes, repeat=len(function.axes))))
    share = np.array([math.prod(each) for each in product(shares / 2, repeat=len(function.axes))])
    lower, upper = polynomials.bounds
    x = like.new_zeros(len(grid), problem.unknowns.network.n_dims)
    x[:, list(function.axes)] = as_tensor(lower + (grid + 1) / 2 * (upper - lower), like.device, like.dtype)
    roots, halves = as_tensor(np.sqrt(share), like.device, like.dtype), ((upper - lower) / 2).tolist()
    along = list(zip(function.axes, halves, strict=True))

    def residual(x: Tensor, u: Jet, **read: Jet) -> Tensor:
        rates = [h**function.order * read[name].d(*[axis] * function.order) for axis, h in along]
        return torch.stack([roots * rate for rate in rates], dim=1)

    equation = Equation(f"the smoothness of {name}", SMOOTHNESS, residual, np.arange(len(grid)), reads=(name,))
    n_outputs = problem.unknowns.network.n_outputs
    return Block.of(EquationAtRows(equation, x, None, None, problem.has_time, n_outputs), problem.coefficients)


def _cross_validated(problem: LeastSquares, penalties: Sequence[Block]) -> float:
    """The weight for which left-out measurements are predicted best, by the linear model at the problem's start."""
    linear = problem.linearize(problem.start)
    space = reduced(problem, linear)
    B, right = space.P, space.without(linear.in_unknowns @ problem.coefficients.vector - linear.residual)
    parts = [penalty.at_rows.at_zero(problem.coefficients).in_unknowns for penalty in penalties]
    D = torch.cat([part.flatten(0, 1) for part in parts if part is not None])
    kinds = [torch.full((b.n_residuals,), b.equation.values is not None) for b in problem.blocks]
    measured, unit = torch.cat(kinds).to(B.device), _unit(problem)
    taken, n = float(space.leverage[measured].sum()), int(measured.sum())

    def score(weight: float) -> float:
        root = math.sqrt(unit * weight)
        Q, _ = torch.linalg.qr(torch.cat([B, root * D]))
        top = Q[: len(B)]
        left = right - top @ (top.T @ right)
        free = n - taken - float(top[measured].square().sum())
        return n * float(left[measured].square().sum()) / free**2 if free > 0 else math.inf

    return min(TRIED, key=score)
