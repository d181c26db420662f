"""How much J changes when weights move, neuron by neuron: Lemma 4.6 of the paper."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from pinnlearn.arrays import CPU, as_tensor
from pinnlearn.hyperparameters import check_count
from pinnlearn.least_squares import LeastSquares
from pinnlearn.pdes import PDE
from pinnlearn.sampling import as_generator
from pinnlearn.theory.posing import DTYPE, Posed, pose, spectral_norm


@dataclass(frozen=True)
class Stability:
    """The change of J against the radius.

    Attributes
    ----------
    radii : ndarray of shape (k,)
        R: how far each neuron moves, ||w_r - w_r(0)|| with the bias in w_r.
    spread : ndarray of shape (k,)
        ||J(w) - J(w_0)||_2 with every neuron moved by R, each in a direction of its own.
    concentrated : ndarray of shape (k,)
        The same with one neuron moved by the same total distance, m^(1/2) R: the neuron that makes most of it.
    power : float
        The theory's bound is a constant times R^power: 1 for smooth activations, 1/2 for relu3.
    """

    radii: NDArray
    spread: NDArray
    concentrated: NDArray
    power: float

    @property
    def ratio(self) -> NDArray:
        """||J(w) - J(w_0)||_2 / R^power, (k,), which the theory bounds."""
        return self.spread / self.radii**self.power


def jacobian_stability(
    pde: PDE | None,
    X: ArrayLike,
    *,
    activation: str = "tanh",
    width: int = 1000,
    radii: Sequence[float] = (1e-3, 1e-2, 1e-1, 1.0),
    random_state=None,
    y: ArrayLike | None = None,
    region: ArrayLike | None = None,
) -> Stability:
    """Measure ||J(w) - J(w_0)||_2 against the radius that each neuron moves.

    Neurons move in random directions. The one neuron that moves the whole distance goes in a direction that leaves z at
    one of the points as it is, so that the activation does not saturate there; of all neurons, each with a point of its
    own, the one that changes J most is taken.

    Parameters
    ----------
    pde : PDE or None
        None is plain regression.
    X : array-like of shape (n_samples, n_dims)
    activation : str
    width : int
    radii : sequence of positive float
    random_state : int, Generator, RandomState or None
    y, region
        As in `PINNRegressor.fit`.

    Returns
    -------
    Stability

    Raises
    ------
    ValueError
        For bad input.

    Examples
    --------
    >>> from pinnlearn import problems
    >>> pde = problems.poisson_1d()
    >>> X = pde.sample(10, 2, random_state=0)
    >>> stability = jacobian_stability(pde, X, radii=[1e-3, 1e-2], random_state=0)
    >>> bool(stability.ratio.max() < 1.1 * stability.ratio.min())  # smooth: in proportion to R
    True
    """
    R: NDArray = np.asarray(radii, dtype=float)
    if R.ndim != 1 or not len(R) or not (np.isfinite(R) & (R > 0)).all():
        raise ValueError(f"radii must be positive numbers, got {R.tolist()}.")
    posed = pose(pde, X, activation=activation, y=y, region=region)
    rng = as_generator(random_state)
    problem = posed.draw(check_count("width", width, 1), rng)
    apart, along = _random_moves(posed, width, rng), _level_moves(posed, width, rng)
    spread = [spectral_norm(_change(problem, radius * apart)) for radius in R]
    concentrated = [_largest_part(_change(problem, math.sqrt(width) * radius * along), width) for radius in R]
    # Derivatives of relu3 of order 3, which J reads, jump: there is no Lipschitz constant.
    power = 0.5 if posed.activation.highest_order < math.inf else 1.0
    return Stability(R, np.array(spread), np.array(concentrated), power)


def _random_moves(posed: Posed, width: int, rng: np.random.Generator) -> NDArray:
    """Moves of (w, b) of length 1 in random directions, (width, n_dims + 1)."""
    moves = rng.standard_normal((width, posed.n_dims + 1))
    return moves / np.linalg.norm(moves, axis=1, keepdims=True)


def _level_moves(posed: Posed, width: int, rng: np.random.Generator) -> NDArray:
    """Moves of (w, b) of length 1 that leave z = w . x + b as it is at one of the points, (width, n_dims + 1)."""
    directions = rng.standard_normal((width, posed.n_dims))
    points = posed.X[rng.integers(len(posed.X), size=width)]
    moves = np.column_stack([directions, -(directions * points).sum(axis=1)])
    return moves / np.linalg.norm(moves, axis=1, keepdims=True)


def _change(problem: LeastSquares, moves: NDArray) -> Tensor:
    """J after moves of the neurons minus J before, (n, p)."""
    step = as_tensor(moves.T.ravel(), CPU, DTYPE)
    return problem.linearize(problem.start + step).jacobian() - problem.linearize(problem.start).jacobian()


def _largest_part(change: Tensor, width: int) -> float:
    """The largest norm of a neuron's columns: what a change of that neuron alone does."""
    parts = change.unflatten(1, (-1, width)).movedim(2, 0)
    return float(torch.linalg.matrix_norm(parts, 2).max())
