"""How good a solution is: errors against a known one, and residuals relative to the size of their equation's terms."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.pipeline import Pipeline
from torch import Tensor

from pinnlearn.arrays import as_tensor
from pinnlearn.least_squares import GROUPS, LeastSquares
from pinnlearn.posing.measures import measured, output_sizes

# The points that a solution is judged at; a seed that nobody takes for training.
NEW_POINTS, NEW_SEED = 10_000, 1_000_003


def relative_l2_error(y_true: ArrayLike, y_pred: ArrayLike) -> float:
    """Evaluate ||y_pred - y_true|| / ||y_true||.

    Parameters
    ----------
    y_true, y_pred : array-like of one shape
        Values of the solution and of its approximation, at points that were not trained on.

    Returns
    -------
    float
        0 where both are zero everywhere.

    Examples
    --------
    >>> relative_l2_error([3.0, 4.0], [3.0, 4.5])
    0.1
    """
    true, predicted = np.asarray(y_true, dtype=float), np.asarray(y_pred, dtype=float)
    if true.shape != predicted.shape:
        raise ValueError(f"y_true and y_pred must have one shape, got {true.shape} and {predicted.shape}.")
    return _ratio(float(np.linalg.norm(predicted - true)), float(np.linalg.norm(true)))


def exact_solution(pde, X: ArrayLike) -> np.ndarray:
    """The values of `pde.solution` at points, (n,) or (n, n_outputs)."""
    if pde is None or pde.solution is None:
        raise ValueError("the PDE has no exact solution; pass solution=..., a function of x.")
    return np.asarray(pde.solution(as_tensor(X, torch.device("cpu"), torch.float64)))


def new_points(domain) -> np.ndarray:
    """Uniform random points that no model was trained on, always the same; (10000, n_dims)."""
    return domain.sample("interior", NEW_POINTS, np.random.default_rng(NEW_SEED), "uniform")


def solution_scorer(estimator, X: ArrayLike, y: ArrayLike | None = None) -> float:
    """Score a fitted model by minus its relative L2 error against the PDE's exact solution (greater is better).

    A scorer for `GridSearchCV(scoring=solution_scorer)`; `y` is not used.

    Examples
    --------
    >>> from sklearn.model_selection import GridSearchCV
    >>> from pinnlearn import PINNRegressor, problems
    >>> search = GridSearchCV(PINNRegressor(pde=problems.poisson_1d()), {"width": [10, 20]}, scoring=solution_scorer)
    """
    estimator, X = _last_step(estimator, X)
    return -relative_l2_error(exact_solution(estimator.pde_, X), estimator.predict(X))


def residual_scorer(estimator, X: ArrayLike, y: ArrayLike | None = None) -> float:
    """Score a fitted model by minus the mean relative residual of all its equations, as `PINNRegressor.score`.

    Unlike `score` it is not R^2 where every value is known.
    """
    estimator, X = _last_step(estimator, X)
    return -estimator.relative_residual(X, y)


def _last_step(estimator, X: ArrayLike) -> tuple:
    """The model at the end of a pipeline, and the points that come to it."""
    return (estimator[-1], estimator[:-1].transform(X)) if isinstance(estimator, Pipeline) else (estimator, X)


def log_solution_scorer(estimator, X: ArrayLike, y: ArrayLike | None = None) -> float:
    """Score a fitted model by the digits of its solution, -log10 of the relative L2 error.

    For searches among models that agree to many digits: folds then count by their digits, where by the error itself
    the worst fold would decide alone.
    """
    return _digits(-solution_scorer(estimator, X, y))


def log_residual_scorer(estimator, X: ArrayLike, y: ArrayLike | None = None) -> float:
    """Score a fitted model by the digits of its equations, -log10 of the mean relative residual.

    Examples
    --------
    >>> from sklearn.model_selection import GridSearchCV
    >>> from pinnlearn import PINNRegressor, problems
    >>> pde = problems.poisson_1d()
    >>> search = GridSearchCV(PINNRegressor(pde=pde), {"width": [10, 20]}, scoring=log_residual_scorer)
    """
    return _digits(-residual_scorer(estimator, X, y))


def _digits(error: float) -> float:
    # An error of zero would make the mean over folds infinite.
    return -math.log10(max(error, np.finfo(float).tiny))


def relative_residual(problem: LeastSquares, predicted: Tensor, half_width: np.ndarray) -> float:
    """rho, the root mean square of the relative residuals of all groups, see `relative_residuals`."""
    groups = by_group(problem, relative_residuals(problem, predicted, half_width)).values()
    return math.sqrt(sum(ratio**2 for ratio in groups) / len(groups))


def relative_residuals(problem: LeastSquares, predicted: Tensor, half_width: np.ndarray) -> dict[str, float]:
    """RMS residual / scale of each equation, without loss weights.

    For equations with derivatives, scale^2 = mean(sum over the terms read of (c_t term_t)^2 + r_0^2), r_0 the
    residual of u = 0; but at least a tenth of the terms' natural size, for a u of the RMS predicted. For those of
    values, it is the larger of the RMS predicted and that of the values prescribed.

    Parameters
    ----------
    problem : LeastSquares
        At its start.
    predicted : Tensor of shape (n_samples,) or (n_samples, n_outputs)
        u at all scored rows; each output has its own size.
    half_width : ndarray of shape (n_dims,)
        Half the extent of the domain along each axis.

    Returns
    -------
    dict of str to float
        By the equations' names.
    """
    measures = measured(problem, output_sizes(predicted), half_width)
    return {measure.name: measure.ratio() for measure in measures}


def by_group(problem: LeastSquares, ratios: Mapping[str, float]) -> dict[str, float]:
    """The root mean square over all residuals of a group of what is known by equation."""
    groups = {}
    for group in GROUPS:
        blocks = [block for block in problem.blocks if block.equation.group == group]
        if blocks:
            squares = [block.n_residuals * ratios[block.equation.name] ** 2 for block in blocks]
            groups[group] = math.sqrt(sum(squares) / sum(block.n_residuals for block in blocks))
    return groups


def _ratio(numerator: float, denominator: float) -> float:
    if denominator > 0:
        return numerator / denominator
    return 0.0 if numerator == 0 else math.inf


__all__ = [
    "exact_solution",
    "log_residual_scorer",
    "log_solution_scorer",
    "new_points",
    "relative_l2_error",
    "relative_residual",
    "residual_scorer",
    "solution_scorer",
]
