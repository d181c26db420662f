"""What a fit tells of unknown coefficients: their values, how sure they are, and what measurements leave open."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pinnlearn.arrays import as_array, available_bytes
from pinnlearn.least_squares import COEFFICIENTS, Coefficients, LeastSquares, Number
from pinnlearn.linalg import small_solution
from pinnlearn.posing.coefficients import Polynomial, estimates
from pinnlearn.posing.findings import Finding
from pinnlearn.training.stages import Solution
from pinnlearn.training.uncertainty import Uncertainty, measuring, uncertainty

# A combination of coefficients with a larger relative standard error is not determined, nor is one of which equations
# and measurements together see less than so many machine epsilons.
OPEN, UNSEEN = 1.0, 1e5
# Arrays of the size of J that the covariance takes.
HELD = 6


def judged(problem: LeastSquares) -> LeastSquares:
    """A problem for errors: in all that is trained, or, where rows are fewer than that, in what u is linear in."""
    is_determined = problem.unknowns.size < problem.n_residuals
    return problem if is_determined else problem.training(problem.unknowns.network.linear)


def how_sure(solution: Solution, noise: float | None) -> Uncertainty | None:
    """The uncertainty of a solution; None where nothing was measured, or no room is left for a Jacobian."""
    problem, names = judged(solution.problem), [block.equation.name for block in measuring(solution.problem)]
    n_bytes = HELD * problem.n_residuals * problem.unknowns.size * problem.start.element_size()
    is_asked = problem.coefficients.size or solution.noise is not None
    if not names or not is_asked or n_bytes > available_bytes(problem.start.device):
        return None
    return uncertainty(problem, names, noise)


def attributes_of(problem: LeastSquares, known: Uncertainty | None) -> dict[str, Any]:
    """The fitted attributes: values, standard errors and covariance of numbers, noise of measurements."""
    coefficients, unknowns = problem.coefficients, judged(problem).unknowns
    names = [name for name, c in coefficients.parts.items() if isinstance(c, Number)]
    values = estimates(coefficients)
    if known is None or not coefficients.parts:
        cov = np.full((len(names), len(names)), np.nan)
    else:
        half = as_array(_slopes(coefficients)[:, None] * known.half)
        at = [coefficients.layout[name].start for name in names]
        cov = half[at] @ half[at].T
        for name, where in coefficients.layout.items():
            if name not in names:
                values[name] = cast(Polynomial, values[name])._replace(root=half[where])
    return {
        "unknowns_": values,
        "unknowns_std_": dict(zip(names, np.sqrt(np.diag(cov)).tolist(), strict=True)),
        "unknowns_cov_": cov,
        "noise_": {} if known is None else known.noise,
        "covariance_root_": None if known is None else as_array(known.root),
        "covariance_of_": "output" if unknowns.trained == unknowns.network.linear else "all",
    }


def _slopes(coefficients: Coefficients) -> Tensor:
    """The derivative of each value in its parameter, (k,)."""
    return torch.cat([
        c.slope if isinstance(c, Number) else torch.ones_like(c.parameters) for c in coefficients.parts.values()
    ])  # fmt: skip


def open_combinations(coefficients: Coefficients, known: Uncertainty | None) -> list[Finding]:
    """The combination of numbers that measurements determine least, if they leave it open."""
    at = {n: coefficients.layout[n].start for n, c in coefficients.parts.items() if isinstance(c, Number)}
    if known is None or not at:
        return []
    values = torch.cat([cast(Number, coefficients.parts[name]).value for name in at])
    sizes = torch.where(values != 0, values.abs(), 1.0)
    half = (_slopes(coefficients)[:, None] * known.half)[list(at.values())] / sizes[:, None]
    U, S, _ = torch.linalg.svd(half, full_matrices=False)
    least = UNSEEN * torch.finfo(known.singular.dtype).eps
    unseen = len(at) == len(known.singular) and float(known.singular[-1]) < least
    if not (float(S[0]) > OPEN or unseen):
        return []
    return [Finding("open unknowns", _told(list(at), U[:, 0], float(S[0])))]


def _told(names: list[str], direction: Tensor, error: float) -> str:
    main = [name for name, part in zip(names, direction.tolist(), strict=True) if abs(part) > 0.1]
    if len(main) == 1:
        what = f"the unknown {main[0]!r}"
    else:
        signs = " ".join(f"{part:+.2g} d({name})/{name}" for name, part in zip(names, direction.tolist(), strict=True))
        what = f"a combination of {', '.join(main)}, the relative change {signs}"
    size = f"its relative standard error is {error:.1g}" if math.isfinite(error) else "its standard error is infinite"
    return (
        f"the measurements do not determine {what}: {size}. Measure more, elsewhere, or more exactly; or give one of "
        "them a value."
    )


def profile(problem: LeastSquares, name: str, values: NDArray, noise: Mapping[str, float], steps: int = 3) -> NDArray:
    """2 (loss - least loss) / s^2 with an unknown number at each of some values, all else by Gauss-Newton steps.

    s is the standard deviation of the weighted residual of a measurement.
    """
    column = problem.layout[COEFFICIENTS].start + problem.coefficients.layout[name].start
    number = cast(Number, problem.coefficients.parts[name])
    others = torch.arange(len(problem.start), device=problem.start.device) != column

    def least(parameters: Tensor) -> float:
        losses = [float(problem.loss(parameters))]
        for _ in range(steps):
            linear = problem.linearize(parameters)
            J = linear.jacobian()[:, others]
            parameters = parameters.clone()
            parameters[others] = small_solution(J, J @ parameters[others] - linear.residual)
            losses.append(float(problem.loss(parameters)))
        return min(losses)

    def at(value: float) -> Tensor:
        parameters = problem.start.clone()
        parameters[column] = number.with_value(value).parameters[0]
        return parameters

    factors = zip(problem.blocks, problem.factors, strict=True)
    scale = np.mean([noise[b.equation.name] * float(f.mean()) for b, f in factors if b.equation.name in noise])
    losses = np.array([least(at(float(value))) for value in values])
    return 2 * (losses - min(losses.min(), least(problem.start))) / scale**2
