"""What conditions and known values prescribe of u itself: where to start, and how large its outputs are."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from pinnlearn.arrays import as_array
from pinnlearn.least_squares import LeastSquares, Linearization, LinearizedEquation
from pinnlearn.posing.weights import natural_size

# Values whose mean is so many times their spread have an offset, and nonlinear equations do not start without it.
OFFSET = 3.0
# Outputs whose prescribed sizes differ by no more than this factor count alike.
ALIKE = 100.0
# One that is but this part of the largest is round-off, such as sin(pi) beside 1.
ROUND_OFF = 1e-14


def prescribed_values(problem: LeastSquares, output: int) -> tuple[NDArray, NDArray]:
    """The points, (n, n_dims), and the values there, (n,), that conditions and y prescribe of an output."""
    pairs = [pair for part in problem.at_zero for pair in _prescribed(part, output)]
    n_dims = problem.unknowns.network.n_dims
    points, values = zip(*[(np.empty((0, n_dims)), np.empty(0)), *pairs], strict=True)
    return np.concatenate(points), np.concatenate(values)


def _prescribed(part: LinearizedEquation, output: int) -> list[tuple[NDArray, NDArray]]:
    """The points, and the values there, that an equation prescribes of an output, if that is all it does."""
    if part.equation.group == "interior":
        return []
    found = []
    for component, coefficients in enumerate(part.coefficients):
        read = {term: slope for term, slope in coefficients.items() if bool(slope.any())}
        if [(term.symbol.order, term.output, term.points) for term in read] == [(0, output, 0)]:
            (slope,) = read.values()
            values = -part.residual[:, component] / slope
            finite = torch.isfinite(values)
            found.append((as_array(part.points[0][finite]), as_array(values[finite])))
    return found


def wants_start(problem: LeastSquares, probe: Linearization) -> bool:
    """Whether u = 0 is no good start: equations have no slope there, or are nonlinear and u has an offset.

    Parameters
    ----------
    problem : LeastSquares
    probe : Linearization
        The problem at any network that is not zero.
    """
    if _slopes_fail(problem):
        return True
    is_linear = all(zero.has_coefficients_of(part) for zero, part in zip(problem.at_zero, probe.parts, strict=True))
    outputs = range(problem.unknowns.network.n_outputs)
    return not is_linear and any(_has_offset(prescribed_values(problem, k)[1]) for k in outputs)


def _has_offset(values: NDArray) -> bool:
    return len(values) > 0 and bool(abs(values.mean()) > OFFSET * values.std())


def _slopes_fail(problem: LeastSquares) -> bool:
    """Whether an equation has no slope at u = 0 to start along: it is not finite there, or zero at all rows."""
    parts = problem.at_zero
    return any(_fails(each) for part in parts for each in part.coefficients) or not all(
        bool(torch.isfinite(part.residual).all()) for part in parts
    )


def _fails(coefficients: dict) -> bool:
    if not coefficients:
        return False  # reported when the equations are checked
    slopes = torch.stack(list(coefficients.values()))
    return not bool(torch.isfinite(slopes).all()) or not bool(slopes.any())


def nearest_to_prescribed(problem: LeastSquares, X: NDArray) -> NDArray:
    """The function of first degree that is nearest to the values that are prescribed, at X.

    Returns
    -------
    ndarray of shape (n, n_outputs)
        Zero for outputs of which no value is prescribed.
    """
    found = np.zeros((len(X), problem.unknowns.network.n_outputs))
    lower, extent = X.min(axis=0), np.ptp(X, axis=0)
    for k in range(found.shape[1]):
        points, values = prescribed_values(problem, k)
        if len(values):
            slopes = np.linalg.lstsq(_of_degree_one(points, lower, extent), values, rcond=None)[0]
            found[:, k] = _of_degree_one(X, lower, extent) @ slopes
    return found


def _of_degree_one(X: NDArray, lower: NDArray, extent: NDArray) -> NDArray:
    return np.column_stack([np.ones(len(X)), (X - lower) / np.where(extent > 0, extent, 1.0)])


def relative_sizes(problem: LeastSquares, half_width: NDArray) -> tuple[float, ...] | None:
    """How large each output is beside the largest, (n_outputs,); None where they are alike, or nothing tells.

    What is prescribed of an output tells, and where that is nothing, or zero, the other terms of the PDE where it reads
    it, at u = 0: none is larger than all others together. Initial values of ordinary equations do not: they may grow.
    """
    points = [as_array(block.x) for block in problem.blocks if block.equation.group != "interior"]
    if not points or (points[0].shape[1] == 1 and len(np.unique(np.concatenate(points))) == 1):
        return None
    outputs = range(problem.unknowns.network.n_outputs)
    values = [prescribed_values(problem, k)[1] for k in outputs]
    sizes = np.array([np.sqrt(np.mean(each**2)) if len(each) else 0.0 for each in values])
    sizes[sizes < ROUND_OFF * sizes.max()] = 0.0
    pdes = [part for part in problem.at_zero if part.equation.group == "interior"]
    balances = [each for part in pdes for each in _balances(part, half_width, len(sizes))]
    for _ in outputs:  # what one has told may tell of another
        told = [min(bounds) if (bounds := _bounds(balances, sizes, k)) else 0.0 for k in outputs]
        sizes = np.where(sizes > 0, sizes, told)
    known = sizes > 0
    if not known.any() or sizes.max() <= ALIKE * sizes[known].min():
        return None
    return tuple(np.where(known, sizes / sizes.max(), 1.0).tolist())


def _balances(part: LinearizedEquation, half_width: NDArray, n_outputs: int) -> list[tuple[float, NDArray]]:
    """What each component of an equation has at u = 0, and what outputs of size 1 add to it, (n_outputs,)."""
    found = []
    for component, coefficients in enumerate(part.coefficients):
        added = np.zeros(n_outputs)
        for term, c in coefficients.items():
            added[term.output] += float(c.square().mean().sqrt()) * natural_size(term.symbol, half_width)
        found.append((float(part.residual[:, component].square().mean().sqrt()), added))
    return [(rest, added) for rest, added in found if np.isfinite(rest) and np.isfinite(added).all()]


def _bounds(balances: list[tuple[float, NDArray]], sizes: NDArray, output: int) -> list[float]:
    """The largest sizes of an output at which it does not outweigh all else, where that is something."""
    others = np.arange(len(sizes)) != output
    bounds = [(rest + added[others] @ sizes[others]) / added[output] for rest, added in balances if added[output] > 0]
    return [bound for bound in bounds if bound > 0]
