"""How much J changes when weights move, neuron by neuron: Lemma 4.6 of the paper."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pinnlearn.least_squares import LeastSquares, as_tensor
from pinnlearn.pdes import PDE
from pinnlearn.sampling import as_generator
from pinnlearn.theory.posing import CPU, DTYPE, Posed, check_count, pose, spectral_norm


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
        The same with one neuron moved by the same total distance, m^(1/2) R.
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

    Neurons move in random directions. One neuron that moves the whole distance does so where a row feels it most: along
    a direction that leaves z at one of the points as it is, so that the activation does not saturate there.

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
    radii = np.asarray(radii, dtype=float)
    if radii.ndim != 1 or not len(radii) or not (np.isfinite(radii) & (radii > 0)).all():
        raise ValueError(f"radii must be positive numbers, got {radii.tolist()}.")
    posed = pose(pde, X, activation=activation, y=y, region=region)
    rng = as_generator(random_state)
    problem = posed.draw(check_count("width", width, 1), rng)
    everyone, one = _unit_moves(posed, width, rng)
    spread = [_change(problem, R * everyone) for R in radii]
    concentrated = [_change(problem, math.sqrt(width) * R * one) for R in radii]
    # Derivatives of relu3 of order 3, which J reads, jump: there is no Lipschitz constant.
    power = 0.5 if posed.activation.highest_order < math.inf else 1.0
    return Stability(radii, np.array(spread), np.array(concentrated), power)


def _unit_moves(posed: Posed, width: int, rng: np.random.Generator) -> tuple[NDArray, NDArray]:
    """Moves of (w, b), (width, n_dims + 1): of all neurons by 1, and of one neuron by 1."""
    everyone = rng.standard_normal((width, posed.n_dims + 1))
    everyone /= np.linalg.norm(everyone, axis=1, keepdims=True)
    one = np.zeros_like(everyone)
    direction = rng.standard_normal(posed.n_dims)
    one[0] = np.append(direction, -direction @ posed.X[rng.integers(len(posed.X))])
    return everyone, one / np.linalg.norm(one)


def _change(problem: LeastSquares, move: NDArray) -> float:
    step = as_tensor(move.T.ravel(), CPU, DTYPE)
    there, here = (problem.linearize(w).jacobian() for w in (problem.start + step, problem.start))
    return spectral_norm(there - here)
