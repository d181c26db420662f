"""Whether equations determine u, and by how much the u that was found is off, to first order.

Both are asked of polynomials, in which a singular value of the linearised equations is what it says: the residual of a
function of size 1. Hidden units cannot tell: they need weights that drown such directions. A function that equations
hardly see is close to a polynomial, so where they leave u open (a condition is missing, or given where the equation
does not take it) the smallest singular value falls with the degree, and keeps falling.
"""

from __future__ import annotations

import math
from dataclasses import replace
from math import comb
from typing import NamedTuple

import torch
from numpy.typing import NDArray
from torch import Tensor

from pinnlearn.hyperparameters import Hyperparameters
from pinnlearn.jets import VALUE
from pinnlearn.least_squares import Linearization, Unknowns
from pinnlearn.networks.polynomials import Polynomials

# Singular values below this part of the largest are left out of the correction.
ROUND_OFF = 1e-14


class Determination(NamedTuple):
    """What the equations say of the functions near u.

    Attributes
    ----------
    sensitivity : float
        The weighted residual of the change of u, of its own size, that the equations see least.
    is_determined : bool
        Whether that is not next to nothing.
    corrections : tuple of n_outputs floats
        The relative size of the Newton correction of each output: an estimate of the error of a smooth u.
    bound : float
        The residual over the sensitivity: no smooth error is larger, to first order.
    """

    sensitivity: float
    is_determined: bool
    corrections: tuple[float, ...]
    bound: float


class Determiner(Hyperparameters):
    """How it is found out.

    Parameters
    ----------
    degree : int
        The largest degree of a polynomial.
    n_polynomials : int
        The largest number of them, outputs counted; degrees are lower where there would be more.
    negligible : float
        A sensitivity below this leaves u open.
    small, fall : float
        One below `small` does too, where the sensitivity to polynomials of half the degree is `fall` times as large.
    redundancy : int
        Points of the domain for each polynomial.
    visible : float
        A polynomial of which less than this part lies in the domain, and not in its bounding box alone, is left out.
    """

    def __init__(
        self,
        degree: int = 21,
        n_polynomials: int = 300,
        negligible: float = 1e-7,
        small: float = 1e-3,
        fall: float = 10.0,
        redundancy: int = 3,
        visible: float = 1e-6,
    ):
        self.degree = degree
        self.n_polynomials = n_polynomials
        self.negligible = negligible
        self.small = small
        self.fall = fall
        self.redundancy = redundancy
        self.visible = visible

    def degree_for(self, n_dims: int, n_outputs: int) -> int:
        """The degree of the polynomials."""
        return next((k for k in range(self.degree, 1, -1) if n_outputs * comb(k + n_dims, k) <= self.n_polynomials), 1)

    def n_points(self, n_dims: int, n_outputs: int) -> int:
        """How many points of the domain tell them apart."""
        degree = self.degree_for(n_dims, n_outputs)
        return self.redundancy * comb(degree + n_dims, degree)

    def determine(
        self, linear: Linearization, bounds: tuple[NDArray, NDArray], sizes: Tensor, points: Tensor
    ) -> Determination:
        """Ask the equations.

        Parameters
        ----------
        linear : Linearization
            The equations at the u that was found; with more rows than there are polynomials.
        bounds : pair of ndarray of shape (n_dims,)
            The box of the polynomials.
        sizes : Tensor of shape (n_outputs,)
            That of each output; changes are relative to it.
        points : Tensor of shape (n, n_dims)
            Uniform in the domain.
        """
        degree = self.degree_for(len(bounds[0]), len(sizes))
        polynomials = Polynomials.zero(bounds, degree, len(sizes), points)
        at_points = polynomials.at(points).matrix(VALUE) / math.sqrt(len(points))
        is_low = torch.as_tensor(polynomials.degrees.sum(axis=1) <= degree // 2)
        J = (_jacobian(linear, polynomials).unflatten(1, (len(sizes), -1)) * sizes[:, None]).to(points)
        _, low, _ = self._singular(J[:, :, is_low], at_points[:, is_low], linear.residual)
        along, S, V = self._singular(J, at_points, linear.residual)
        step = V @ torch.where(ROUND_OFF * S[0] < S, along / S, 0.0)
        corrections = (at_points @ step.reshape(len(sizes), -1).T).norm(dim=0)
        # Fewer polynomials see more, but for rounding.
        sensitivity, residual = float(min(S[-1], low[-1])), float(linear.residual.norm())
        is_open = sensitivity < self.negligible or (sensitivity < self.small and low[-1] > self.fall * sensitivity)
        bound = residual / sensitivity if sensitivity > 0 else float("inf" if residual > 0 else 0)
        return Determination(sensitivity, not is_open, tuple(corrections.tolist()), bound)

    def _singular(self, J: Tensor, at_points: Tensor, r: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """U^T r, S, V of J, (n, n_outputs, k), for polynomials of norm 1 at points of the domain, which is no box."""
        basis = of_norm_one(at_points, self.visible)
        along, S, Vh = svd((J @ basis).flatten(1), r)
        return along, S, (Vh.unflatten(1, (J.shape[1], -1)) @ basis.T).flatten(1).T


def of_norm_one(at_points: Tensor, visible: float) -> Tensor:
    """Combinations of polynomials that are orthonormal at points of the domain, (n_polynomials, n_kept).

    Parameters
    ----------
    at_points : Tensor of shape (n, n_polynomials)
        Over sqrt(n).
    visible : float
        What is less than this part of the largest there is left out.
    """
    # Squares suffice: what is left out is far above their rounding.
    squares, W = torch.linalg.eigh(at_points.T @ at_points)
    kept = squares > visible**2 * squares[-1]
    return W[:, kept] / squares[kept].sqrt()


def svd(A: Tensor, b: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """U^T b, S and V^T of a tall matrix A = U S V^T, by the triangular factor of A and b side by side."""
    _, R = torch.linalg.qr(torch.cat([A, b[:, None]], dim=1), mode="r")
    k = A.shape[1]
    U, S, Vh = torch.linalg.svd(R[:k, :k], full_matrices=False)
    return U.T @ R[:k, k], S, Vh


def _jacobian(linear: Linearization, polynomials: Polynomials) -> Tensor:
    """The equations' Jacobian in the coefficients of polynomials that are added to u."""
    carried = replace(linear.carried_to(polynomials), unknowns=Unknowns(polynomials, polynomials.linear))
    return carried.jacobian()
