"""The limiting Gram matrix H_infinity = E[J J^T] over the paper's initialisation, by sampling and by quadrature.

A neuron's part of J J^T does not depend on the other neurons if the equations are linear in u, so that the mean over
networks is a mean over neurons, whatever the width. It is quadratic in the output weight: a = (m omega_r)^(1/2) turns
a network of m nodes into a quadrature rule with the weights omega_r.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from pinnlearn.arrays import as_array
from pinnlearn.hyperparameters import check_count
from pinnlearn.networks import Weights
from pinnlearn.pdes import PDE
from pinnlearn.sampling import as_generator
from pinnlearn.theory.posing import DTYPE, Posed, chunk_sizes, factor, pose

# So many independent means tell a standard error to 1 / sqrt(2 * 99), 7 %.
BATCHES = 100
# Beyond it the normal density is 2e-22, and no power of w that an equation brings makes up for that.
REACH = 10.0


def limiting_gram(
    pde: PDE | None,
    X: ArrayLike,
    *,
    activation: str = "tanh",
    n_neurons: int = 10_000,
    random_state=None,
    return_std: bool = False,
    y: ArrayLike | None = None,
    region: ArrayLike | None = None,
) -> NDArray | tuple[NDArray, NDArray]:
    """Estimate H_infinity = E[J J^T] over w ~ N(0, I), a = +-1, in the hidden weights, from random neurons.

    Parameters
    ----------
    pde : PDE or None
        Linear in u. None is plain regression.
    X : array-like of shape (n_samples, n_dims)
        At least two points.
    activation : str
        Any; whether the theory says that H_infinity is positive definite with it, `positive_definite` tells.
    n_neurons : int
        The error falls like n_neurons^(-1/2); memory does not grow with it.
    random_state : int, Generator, RandomState or None
    return_std : bool
        Also return the standard error of every entry, from the spread of the means of up to 100 batches.
    y, region
        As in `PINNRegressor.fit`: a row with a known value has the equation u = y.

    Returns
    -------
    H : ndarray of shape (n_residuals, n_residuals)
        In row order, with the paper's loss: 1/n1 for interior rows, 1/n2 for boundary and initial rows together.
    std : ndarray of shape (n_residuals, n_residuals)
        If `return_std`.

    Raises
    ------
    ValueError
        For bad input, and for a PDE that is not linear: its J depends on u, which is random in the limit too.

    References
    ----------
    "Fast Convergence of Natural Gradient Descent for Over-parameterized Physics-Informed Neural Networks" (ICLR
    2026), arXiv:2408.00573.

    Examples
    --------
    >>> from pinnlearn import problems
    >>> pde = problems.poisson_1d()
    >>> H = limiting_gram(pde, pde.sample(10, 2, random_state=0), random_state=0)
    >>> H.shape
    (12, 12)
    """
    n_neurons = check_count("n_neurons", n_neurons, 2)
    posed = _pose_linear(pde, X, activation, y, region)
    rng = as_generator(random_state)
    mean = torch.zeros(posed.n_residuals, posed.n_residuals, dtype=DTYPE)
    square = torch.zeros_like(mean)
    sizes = chunk_sizes(n_neurons, posed.n_residuals, 1, BATCHES if return_std else 1)
    for size in sizes:
        problem = posed.draw(size, rng)
        gram = problem.linearize(problem.start).gram()
        mean += gram.mul_(size / n_neurons)
        square += gram.square_().mul_(n_neurons / size)
    if not return_std:
        return _in_row_order(posed, mean)
    variance = (square - mean.square()).clamp_(min=0) / (len(sizes) - 1)
    return _in_row_order(posed, mean), _in_row_order(posed, variance.sqrt_())


def limiting_gram_by_quadrature(
    pde: PDE | None,
    X: ArrayLike,
    *,
    activation: str = "tanh",
    n_nodes: int = 101,
    y: ArrayLike | None = None,
    region: ArrayLike | None = None,
) -> NDArray:
    """Integrate H_infinity over (w, b), for points on a line.

    The trapezoidal rule on [-10, 10]^2: for a smooth activation its error falls exponentially in the number of nodes,
    faster than that of Gauss and Hermite's rule, since the integrand is analytic in a strip alone.

    Parameters
    ----------
    pde : PDE or None
        Linear in u, in one coordinate.
    X : array-like of shape (n_samples, 1)
    activation : str
    n_nodes : int
        Along each of the two axes.
    y, region
        As in `PINNRegressor.fit`.

    Returns
    -------
    ndarray of shape (n_residuals, n_residuals)

    Raises
    ------
    ValueError
        For bad input, for points with more than one coordinate, and for a PDE that is not linear.

    References
    ----------
    Trefethen (2022), "Exactness of quadrature formulas", SIAM Review 64.
    """
    posed = _pose_linear(pde, X, activation, y, region)
    problem = posed.at(quadrature_weights(posed, check_count("n_nodes", n_nodes, 2)))
    return _in_row_order(posed, problem.linearize(problem.start).gram())


def quadrature_weights(posed: Posed, n_nodes: int) -> Weights:
    """The network whose J J^T is the trapezoidal rule for H_infinity, of n_nodes^2 units."""
    if posed.n_dims != 1:
        raise ValueError(
            f"quadrature is for points on a line, got X with {posed.n_dims} columns; use limiting_gram, which samples."
        )
    nodes, step = np.linspace(-REACH, REACH, n_nodes, retstep=True)
    density = step * np.exp(-(nodes**2) / 2) / math.sqrt(2 * math.pi)
    w, b = (axis.ravel() for axis in np.meshgrid(nodes, nodes))
    omega = np.outer(density, density).ravel()
    read_out = np.sqrt(len(omega) * omega)
    return Weights(w[:, None], b, np.repeat(read_out[:, None], posed.n_outputs, axis=1))


def random_factor(posed: Posed, n_neurons: int, rng: np.random.Generator) -> torch.Tensor:
    """R, (n, n), with R^T R the Gram matrix of so many random neurons; its small singular values keep their digits."""

    def pieces():
        sizes = chunk_sizes(n_neurons, posed.n_residuals, posed.n_dims + 1)
        for size in sizes:
            problem = posed.draw(size, rng)
            yield problem.linearize(problem.start).jacobian().T * math.sqrt(size / n_neurons)

    return factor(pieces(), posed.n_residuals)


def check_linear(posed: Posed) -> None:
    """Raise a ValueError unless the equations are linear in u."""
    if not posed.is_linear:
        raise ValueError(
            "the limiting Gram matrix is defined for equations that are linear in u: here J depends on u itself, which "
            "stays random at infinite width. Use gram_spectrum of a fitted model, or of a network of finite width."
        )


def _pose_linear(pde, X, activation: str, y, region) -> Posed:
    posed = pose(pde, X, activation=activation, y=y, region=region)
    check_linear(posed)
    return posed


def _in_row_order(posed: Posed, H: torch.Tensor) -> NDArray:
    order = posed.template.linearize(posed.template.start).row_order()
    return as_array(H)[np.ix_(order, order)]
