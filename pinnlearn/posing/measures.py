"""What residuals are relative to: the size of their equation's terms."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from pinnlearn.least_squares import LeastSquares, Linearization, LinearizedEquation
from pinnlearn.posing.weights import natural_size

# A term counts for at least this part of its natural size: in Laplace(u) = 0 all terms may vanish with the residual.
SMALLEST_TERM = 0.1
# An output counts for at least this part of the largest: one that is zero is so up to the others' round-off.
SMALLEST_OUTPUT = 1e-9


def output_sizes(predicted: Tensor) -> Tensor:
    """The RMS of each output, (n_outputs,); one that is but round-off of the others counts as a part of the largest."""
    sizes = predicted.reshape(len(predicted), -1).square().mean(dim=0).sqrt()
    return sizes.clamp(min=float(sizes.max()) * SMALLEST_OUTPUT)


class Measure(NamedTuple):
    """The residuals of one equation, and what they are relative to, row by row.

    Attributes
    ----------
    name, group : str
    residual : Tensor of shape (n, q)
    terms : Tensor of shape (n, q)
        The squares of the terms that are read, and of what is prescribed.
    natural : Tensor of shape (n, q)
        The squares of the terms of a u that has its size and varies over the domain.
    least : Tensor of shape (q,)
        The part of the mean of `natural` that the mean of `terms` counts for at least.
    """

    name: str
    group: str
    residual: Tensor
    terms: Tensor
    natural: Tensor
    least: Tensor

    def squared_scale(self, rows: Any = slice(None)) -> Tensor:
        """What the squares of residuals are relative to at some of the rows, (q,)."""
        return torch.maximum(self.terms[rows].mean(dim=0), self.least * self.natural[rows].mean(dim=0))

    def ratio(self, rows: Any = slice(None), also: Any = None) -> float:
        """RMS residual / scale over some of the rows; the scale may be that of other rows, if it is larger there."""
        squares, scale = self.residual[rows].square(), self.squared_scale(rows)
        if also is not None:
            scale = torch.maximum(scale, self.squared_scale(also))
        # 0 / 0 = 0.
        relative = torch.where(scale > 0, squares / scale, torch.where(squares == 0, 0.0, math.inf))
        return math.sqrt(float(relative.mean()))


def measured(
    problem: LeastSquares, sizes: Tensor, half_width: np.ndarray, linear: Linearization | None = None
) -> list[Measure]:
    """Each equation of a problem at its start, with what its residuals are relative to.

    Parameters
    ----------
    problem : LeastSquares
    sizes : Tensor of shape (n_outputs,)
        Of each output of u.
    half_width : ndarray of shape (n_dims,)
    linear : Linearization, optional
        The problem at its start, if it is known.
    """
    parts = (linear or problem.linearize(problem.start)).parts
    return [
        _measure(part, zero.residual.square(), sizes, half_width)
        for zero, part in zip(problem.at_zero, parts, strict=True)
    ]


def _measure(part: LinearizedEquation, prescribed: Tensor, sizes: Tensor, half_width: np.ndarray) -> Measure:
    # An equation need not be defined at u = 0.
    terms, natural = torch.where(torch.isfinite(prescribed), prescribed, 0.0), torch.zeros_like(prescribed)
    least = prescribed.new_full((len(part.coefficients),), SMALLEST_TERM**2)
    for k, coefficients in enumerate(part.coefficients):
        for term, c in coefficients.items():
            natural[:, k] += (c * natural_size(term.symbol, half_width) * sizes[term.output]).square()
        if all(term.symbol.order == 0 for term in coefficients):
            least[k] = 1.0
        else:
            terms[:, k] += sum((c * part.terms[term]).square() for term, c in coefficients.items())
    return Measure(part.equation.name, part.equation.group, part.residual, terms, natural, least)


def naturally_weighted(
    problem: LeastSquares, sizes: Tensor, half_width: np.ndarray, linear: Linearization | None = None
) -> LeastSquares:
    """A problem whose components count, whatever the loss weighs, by what a change of u of its own size does to them.

    Parameters
    ----------
    problem : LeastSquares
    sizes : Tensor of shape (n_outputs,)
        Of each output of u.
    half_width : ndarray of shape (n_dims,)
    linear : Linearization, optional
        The problem at its start, if it is known.
    """
    natural = {m.name: m.natural.mean(dim=0) for m in measured(problem, sizes, half_width, linear)}
    return problem.weighted({name: (1 / torch.where(size > 0, size, 1.0)).tolist() for name, size in natural.items()})
