"""What is wrong with the equations of a problem, which is an error, and what is suspicious: findings, as data."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from pinnlearn.jets import Term
from pinnlearn.least_squares import EquationAtRows, LeastSquares, Linearization, LinearizedEquation, Unknowns
from pinnlearn.posing.findings import Finding


def check_equations(start: Linearization, probe: Linearization, problem: LeastSquares) -> None:
    """Check that every equation reads u, is finite at the start, with its slope, and is pointwise.

    Parameters
    ----------
    start : Linearization
        The problem at the function that training starts from.
    probe : Linearization
        The problem at any network that is not zero, to tell pointwise equations from others.
    problem : LeastSquares

    Raises
    ------
    ValueError
        What is wrong, which equation it is and what to do instead.
    """
    for part in start.parts:
        _check_reads(part)
    for block, part in zip(problem.blocks, probe.parts, strict=True):
        if not block.equation.is_pointwise:
            _check_pointwise(block.at_rows, part.residual, probe.unknowns)
    for part in start.parts:
        _check_finite(part)


def _check_reads(part: LinearizedEquation) -> None:
    if not all(part.coefficients):
        raise ValueError(
            f"{part.equation.name} reads nothing of u, or detaches it, so no u can satisfy it; use u.value, u.d(axis), "
            "u.laplacian and torch functions of them."
        )


def _check_finite(part: LinearizedEquation) -> None:
    name, n = part.equation.name, len(part.residual)
    bad = int((~torch.isfinite(part.residual)).any(dim=1).sum())
    if bad:
        raise ValueError(
            f"{name} gives NaN or infinity at {bad} of {n} rows at the start of training; check its functions of x "
            "there (divisions by zero, logarithms), and that it is defined for u = 0; else start elsewhere by "
            "initial_guess=."
        )
    slopes = torch.stack([c for coefficients in part.coefficients for c in coefficients.values()])
    bad = int((~torch.isfinite(slopes)).any(dim=0).sum())
    if bad:
        raise ValueError(
            f"{name} has a slope in u or its derivatives that is NaN or infinite at {bad} of {n} rows at the start of "
            "training, as sqrt(u), exp(-1 / u) and the length of the gradient have at 0: no step leads from there. "
            "Start elsewhere by initial_guess=, a number or a function of x; or write it so that it is smooth at 0, "
            "such as sqrt(u**2 + 1e-6)."
        )


def _check_pointwise(at_rows: EquationAtRows, whole: Tensor, probe: Unknowns) -> None:
    n = len(at_rows.x)
    for some in (np.arange(0, n, 2), np.arange(1, n, 2)):  # each row is missing from one of them
        if len(some) and not _agree(whole[some], at_rows.subset(some).residual_of(probe)):
            raise ValueError(
                f"{at_rows.equation.name} is not pointwise: it gives other residuals for the same rows when it is "
                f"evaluated on {len(some)} of its {n} rows. A row's residual may depend on that row of x and u alone: "
                "use no mean, sum or norm over rows, and combine shapes (n,) with (n,), not (n, 1)."
            )


def _agree(whole: Tensor, alone: Tensor) -> bool:
    tolerance = math.sqrt(torch.finfo(whole.dtype).eps)
    return whole.shape == alone.shape and torch.allclose(
        whole, alone, rtol=tolerance, atol=tolerance * float(whole.abs().nan_to_num().max()), equal_nan=True
    )


def free_constants(probe: Linearization) -> list[Finding]:
    """The outputs that the equations tell up to a constant only: u + c solves them as well as u does."""
    n_outputs = probe.unknowns.network.n_outputs
    coefficients = [each for part in probe.parts for each in part.coefficients]
    free = [k for k in range(n_outputs) if all(_ignores_constant(each, k) for each in coefficients)]
    names = ["u" if n_outputs == 1 else f"u[{k}]" for k in free]
    return [
        Finding(
            "free constant",
            f"the equations tell {name} up to a constant only; give a known value in y, or a condition on {name} "
            "itself.",
        )
        for name in names
    ]


def _ignores_constant(coefficients: dict[Term, Tensor], output: int) -> bool:
    values = [c for term, c in coefficients.items() if term.symbol.order == 0 and term.output == output]
    return not values or not bool(torch.stack(values).sum(dim=0).any())


def few_equations(problem: LeastSquares) -> list[Finding]:
    """Whether a PDE has fewer equations than u has outputs."""
    n_outputs = problem.unknowns.network.n_outputs
    few = [b for b in problem.blocks if b.equation.group == "interior" and len(b.weights) < n_outputs]
    return [
        Finding(
            "few equations",
            f"{block.equation.name} gives {len(block.weights)} equation(s) a row for the {n_outputs} outputs of u, "
            "which do not determine them; return one residual for each, such as torch.stack([...], dim=1).",
        )
        for block in few
    ]
