"""Flow in a square cavity whose lid moves by 4 x (1 - x), by Chebyshev collocation of its stream function.

psi with u = psi_y, v = -psi_x solves nu Delta^2 psi = psi_y Delta psi_x - psi_x Delta psi_y. In a corner that the lid
moves to or from it behaves like r^2 f(theta): this part is known, and is taken off [1]_. What is left is a polynomial
of (x, y), found by Newton's method in the sense of least squares.

References
----------
.. [1] Botella & Peyret (1998), Benchmark spectral results on the lid-driven cavity flow, Comput. Fluids 27.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.linalg
import torch
from numpy.polynomial import chebyshev
from numpy.typing import NDArray
from torch import Tensor

from pinnlearn.hyperparameters import Hyperparameters
from pinnlearn.problems.caching import once

WEIGHT, POWER = 1.0, 2.0
# Steps of Newton's method at most; the change of a coefficient that ends it.
MAX_STEPS, CONVERGED = 20, 1e-9
# The degree that the first guess is found with.
COARSE = 16
# psi and its derivatives up to the second order, by the letters of a corner's coordinates.
LETTERS = {(0, 0): "", (1, 0): "X", (0, 1): "Y", (2, 0): "XX", (1, 1): "XY", (0, 2): "YY"}
# The gradient of Delta psi, as sums of derivatives.
GRADIENT = {"laplacian_X": ((3, 0), (1, 2)), "laplacian_Y": ((2, 1), (0, 3))}
TINY = 1e-300

Order = tuple[int, int]


class CavityFlow(Hyperparameters):
    """The steady flow (u, v, p) as a function of (x, y), p = 0 at the origin.

    It is computed where it is first called, once a process for equal parameters.

    Parameters
    ----------
    reynolds : float
        1 / nu; the lid moves at the speed 1 at most, and the cavity has the width 1.
    degree : int
        Of the polynomial, in x and in y.
    """

    def __init__(self, reynolds: float = 100.0, degree: int = 40):
        self.reynolds = reynolds
        self.degree = degree

    def __call__(self, x: Tensor) -> Tensor:
        """Evaluate u, v and p at points, (n, 2) -> (n, 3)."""
        points = x.detach().cpu().double().numpy()
        psi, corners = stream_function(self), corner_flow(points)
        u = _polynomial(psi, points, (0, 1)) + corners["Y"]
        v = -_polynomial(psi, points, (1, 0)) - corners["X"]
        return torch.as_tensor(np.stack([u, v, self._pressure(points)], axis=1), device=x.device)

    def _pressure(self, points: NDArray) -> NDArray:
        smooth, origin = pressure(self), np.zeros((1, 2))
        difference = _polynomial(smooth, points) - _polynomial(smooth, origin)
        return difference + (corner_pressure(points) - corner_pressure(origin)) / self.reynolds


def _one_corner(X: NDArray, Y: NDArray) -> dict[str, NDArray]:
    """What the lid, Y = 0, drags from the wall, X = 0: psi = r^2 f(theta), and the derivatives that are read."""
    theta, r2 = np.arctan2(Y, X), np.maximum(X**2 + Y**2, TINY)
    return {
        "": -np.pi / 2 * (X**2 - Y**2) - 2 * X * Y + (np.pi / 2 - 2 * theta) * r2,
        "X": -4 * theta * X,
        "Y": 2 * np.pi * Y - 4 * X - 4 * theta * Y,
        "XX": -4 * theta + 4 * X * Y / r2,
        "XY": -4 * X**2 / r2,
        "YY": 2 * np.pi - 4 * theta - 4 * X * Y / r2,
        "laplacian_X": 8 * Y / r2,
        "laplacian_Y": -8 * X / r2,
    }


def corner_flow(points: NDArray) -> dict[str, NDArray]:
    """Both corners' part of psi, and its derivatives in x and y, by the same letters."""
    x, y = points.T
    left, right = _one_corner(x, 1 - y), _one_corner(1 - x, 1 - y)
    return {name: (-1.0) ** name.count("Y") * (left[name] + (-1.0) ** name.count("X") * right[name]) for name in left}


def corner_pressure(points: NDArray) -> NDArray:
    """The pressure of the corners' part over nu, harmonic: 8 log(r_left / r_right)."""
    x, y = points.T
    left, right = x**2 + (1 - y) ** 2, (1 - x) ** 2 + (1 - y) ** 2
    return 4 * np.log(np.maximum(left, TINY) / np.maximum(right, TINY))


def _values(degree: int, x: NDArray, order: int) -> NDArray:
    """The derivative of an order of all Chebyshev polynomials on [0, 1], (n, degree + 1)."""
    derivative = chebyshev.chebder(np.eye(degree + 1), order, scl=2.0) if order else np.eye(degree + 1)
    return chebyshev.chebvander(2 * x - 1, len(derivative) - 1) @ derivative


def _polynomial(coefficients: NDArray, points: NDArray, order: Order = (0, 0)) -> NDArray:
    along = [_values(len(coefficients) - 1, points[:, axis], order[axis]) for axis in range(2)]
    return np.einsum("ni,ij,nj->n", along[0], coefficients, along[1], optimize=True)


def _products(degree: int, points: NDArray, *orders: Order) -> NDArray:
    """A derivative, or a sum of such, of all products of two Chebyshev polynomials, (n, (degree + 1)^2)."""
    along = [[_values(degree, points[:, axis], order[axis]) for axis in range(2)] for order in orders]
    return np.sum([np.einsum("ni,nj->nij", *pair) for pair in along], axis=0).reshape(len(points), -1)


def _solve(A: NDArray, b: NDArray) -> NDArray:
    return scipy.linalg.lstsq(A, b, cond=1e-15, lapack_driver="gelsy", check_finite=False)[0]


def _grid(n: int) -> NDArray:
    """Chebyshev points inside of the unit square, (n^2, 2)."""
    x = (1 - np.cos(np.pi * (np.arange(n) + 0.5) / n)) / 2
    return np.stack(np.meshgrid(x, x, indexing="ij"), axis=-1).reshape(-1, 2)


def _walls(n: int) -> tuple[NDArray, NDArray]:
    """Points on the four sides, (4 n, 2), and the axis that is normal to each, (4 n,)."""
    t = (1 - np.cos(np.pi * np.arange(n) / (n - 1))) / 2
    sides = [(np.full(n, 0.0), t), (np.full(n, 1.0), t), (t, np.full(n, 0.0)), (t, np.full(n, 1.0))]
    return np.concatenate([np.column_stack(side) for side in sides]), np.repeat([0, 0, 1, 1], n)


@dataclass(frozen=True)
class Collocation:
    """The equation at points inside, and psi and its normal derivative at points of the walls, for one degree."""

    degree: int
    viscosity: float

    def solve(self, psi: NDArray) -> NDArray:
        """The coefficients, ((degree + 1)^2,), by Newton's method from a guess."""
        wall, value = self.walls()
        residual_and_jacobian = self.interior()
        for _ in range(MAX_STEPS):
            residual, J = residual_and_jacobian(psi)
            step = _solve(np.vstack([J, wall]), np.concatenate([-residual, value - wall @ psi]))
            psi = psi + step
            if np.abs(step).max() < CONVERGED:
                break
        return psi

    def walls(self) -> tuple[NDArray, NDArray]:
        """What the coefficients are multiplied by for values and slopes on the walls, and what that must give."""
        points, axes = _walls(self.degree + 1)
        corners, x = corner_flow(points), points[:, 0]
        slopes = [_products(self.degree, points, order) for order in ((1, 0), (0, 1))]
        lid = np.where((axes == 1) & (points[:, 1] == 1), 4 * x * (1 - x), 0.0)
        rows = [self.degree * _products(self.degree, points, (0, 0)), np.where(axes[:, None] == 0, *slopes)]
        known = [-self.degree * corners[""], lid - np.where(axes == 0, corners["X"], corners["Y"])]
        return np.concatenate(rows), np.concatenate(known)

    def interior(self) -> Callable[[NDArray], tuple[NDArray, NDArray]]:
        """The equation and its Jacobian at points inside, as a function of the coefficients."""
        points = _grid(self.degree - 1)
        corners = corner_flow(points)
        d_x, d_y, l_x, l_y = (_products(self.degree, points, *o) for o in [((1, 0),), ((0, 1),), *GRADIENT.values()])
        viscous = self.viscosity * _products(self.degree, points, (4, 0), (2, 2), (2, 2), (0, 4))
        # Fourth derivatives are of this size, and larger near the walls; near corners the equation has no limit.
        weights = (4 * points * (1 - points)).prod(axis=1) ** 2 / (self.viscosity * self.degree**4)

        def residual_and_jacobian(psi: NDArray) -> tuple[NDArray, NDArray]:
            psi_x, psi_y = d_x @ psi + corners["X"], d_y @ psi + corners["Y"]
            laplacian_x, laplacian_y = l_x @ psi + corners["laplacian_X"], l_y @ psi + corners["laplacian_Y"]
            J = viscous + laplacian_y[:, None] * d_x - laplacian_x[:, None] * d_y
            J += psi_x[:, None] * l_y - psi_y[:, None] * l_x
            residual = viscous @ psi - psi_y * laplacian_x + psi_x * laplacian_y
            return weights * residual, weights[:, None] * J

        return residual_and_jacobian


@once
def stream_function(flow: CavityFlow) -> NDArray:
    """The Chebyshev coefficients of psi less that of the corners, (degree + 1, degree + 1)."""
    degree, viscosity = flow.degree, 1 / flow.reynolds
    coarse = Collocation(COARSE, viscosity).solve(np.zeros((COARSE + 1) ** 2))
    guess = np.zeros((degree + 1, degree + 1))
    guess[: COARSE + 1, : COARSE + 1] = coarse.reshape(COARSE + 1, -1)
    return Collocation(degree, viscosity).solve(guess.ravel()).reshape(degree + 1, -1)


@once
def pressure(flow: CavityFlow) -> NDArray:
    """The Chebyshev coefficients of p less that of the corners: grad p = nu Delta u - (u . grad) u by least squares."""
    psi, points, nu = stream_function(flow), _grid(flow.degree), 1 / flow.reynolds
    corners, degree = corner_flow(points), flow.degree // 2
    of = {name: _polynomial(psi, points, order) + corners[name] for order, name in LETTERS.items()}
    viscous_x, viscous_y = (
        nu * sum(_polynomial(psi, points, order) for order in GRADIENT[name]) for name in ("laplacian_Y", "laplacian_X")
    )
    p_x = viscous_x - of["Y"] * of["XY"] + of["X"] * of["YY"]
    p_y = -viscous_y + of["Y"] * of["XX"] - of["X"] * of["XY"]
    rows = np.vstack([_products(degree, points, (1, 0)), _products(degree, points, (0, 1))])
    return _solve(rows, np.concatenate([p_x, p_y])).reshape(degree + 1, -1)


__all__ = ["CavityFlow"]
