"""Named benchmark problems, each with its exact solution.

The exact definitions of the five problems of the paper are not published; these are ours, in its dimensions and
sizes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pinnlearn.conditions import Dirichlet, Initial
from pinnlearn.domains import Box, Interval, SpaceTime
from pinnlearn.hyperparameters import Hyperparameters
from pinnlearn.jets import Jet
from pinnlearn.pdes import PDE, Heat, Helmholtz, Poisson

PI = math.pi


def _sine(x: Tensor) -> Tensor:
    return torch.sin(PI * x[:, 0])


def _sine_source(x: Tensor) -> Tensor:
    return PI**2 * _sine(x)


def poisson_1d() -> Poisson:
    """-u'' = pi^2 sin(pi x) on [0, 1], u = sin(pi x).

    Examples
    --------
    >>> poisson_1d().domain
    Interval(a=0.0, b=1.0)
    """
    return Poisson(Interval(0.0, 1.0), source=_sine_source, solution=_sine)


def _sine_sine(x: Tensor) -> Tensor:
    return torch.sin(PI * x[:, 0]) * torch.sin(PI * x[:, 1])


def _sine_sine_source(x: Tensor) -> Tensor:
    return 2 * PI**2 * _sine_sine(x)


def poisson_2d() -> Poisson:
    """-Laplace(u) = 2 pi^2 sin(pi x) sin(pi y) on [0, 1]^2, u = sin(pi x) sin(pi y)."""
    return Poisson(Box([0.0, 0.0], [1.0, 1.0]), source=_sine_sine_source, solution=_sine_sine)


def _cooling(x: Tensor) -> Tensor:
    return torch.exp(-(PI**2) * x[:, 1] / 4) * _sine(x)


def heat_1d() -> Heat:
    """u_t = u_xx / 4 on [0, 1] x [0, 1], u = exp(-pi^2 t / 4) sin(pi x)."""
    domain = SpaceTime(Interval(0.0, 1.0), 0.0, 1.0)
    return Heat(domain, diffusivity=0.25, initial=_sine, solution=_cooling)


def _waves(x: Tensor) -> Tensor:
    return torch.sin(PI * x[:, 0]) * torch.sin(4 * PI * x[:, 1])


def _waves_source(x: Tensor) -> Tensor:
    return (1 - 17 * PI**2) * _waves(x)


def helmholtz_2d() -> Helmholtz:
    """Laplace(u) + u = f on [-1, 1]^2, u = sin(pi x) sin(4 pi y)."""
    return Helmholtz(Box([-1.0, -1.0], [1.0, 1.0]), wavenumber=1.0, source=_waves_source, solution=_waves)


def _pairs(x: Tensor) -> Tensor:
    return (x[:, 0::2] * x[:, 1::2]).sum(dim=1)


def poisson_10d() -> Poisson:
    """Laplace(u) = 0 on [0, 1]^10, u = sum_i x_{2i-1} x_{2i}."""
    return Poisson(Box([0.0] * 10, [1.0] * 10), boundary=_pairs, solution=_pairs)


def _sine_sine_cubed_source(x: Tensor) -> Tensor:
    return _sine_sine_source(x) + _sine_sine(x) ** 3


def cubic_poisson() -> PDE:
    """-Laplace(u) + u^3 = f on [0, 1]^2, u = sin(pi x) sin(pi y)."""
    return PDE(
        Box([0.0, 0.0], [1.0, 1.0]),
        equation=lambda x, u: -u.laplacian + u.value**3 - _sine_sine_cubed_source(x),
        conditions=[Dirichlet(0.0)],
        solution=_sine_sine,
    )


def allen_cahn_wave(diffusivity: float = 0.02) -> PDE:
    """u_t = kappa u_xx + u - u^3 on [-1, 1] x [0, 1]: a front that moves from 1 to 0, u = (1 - tanh(s)) / 2.

    s = (x - c t) / sqrt(8 kappa), c = 3 sqrt(kappa / 2).
    """
    width, speed = math.sqrt(8 * diffusivity), 3 * math.sqrt(diffusivity / 2)
    return _reaction(
        diffusivity, lambda u: u - u**3, lambda x: (1 - torch.tanh((x[:, 0] - speed * x[:, 1]) / width)) / 2
    )


def fisher_wave(diffusivity: float = 0.01) -> PDE:
    """u_t = kappa u_xx + u (1 - u) on [-1, 1] x [0, 1]: a front that moves from 1 to 0, u = (1 + exp(s))^-2.

    s = (x - c t) / sqrt(6 kappa), c = 5 sqrt(kappa / 6) (Ablowitz & Zeppetella 1979, Bull. Math. Biol. 41).
    """
    width, speed = math.sqrt(6 * diffusivity), 5 * math.sqrt(diffusivity / 6)
    return _reaction(
        diffusivity, lambda u: u * (1 - u), lambda x: torch.sigmoid(-(x[:, 0] - speed * x[:, 1]) / width) ** 2
    )


def _reaction(diffusivity: float, rate: Callable[[Tensor], Tensor], solution: Callable[[Tensor], Tensor]) -> PDE:
    """u_t = kappa u_xx + rate(u) on [-1, 1] x [0, 1], with the values of a solution at both ends and at the start."""
    return PDE(
        SpaceTime(Interval(-1.0, 1.0), 0.0, 1.0),
        equation=lambda x, u: u.dt - diffusivity * u.d(0, 0) - rate(u.value),
        conditions=[Dirichlet(solution), Initial(solution)],
        solution=solution,
    )


def burgers_front(viscosity: float = 0.1) -> PDE:
    """u_t + u u_x = nu u_xx on [-1, 1] x [0, 1]: a front, u = c - a tanh(a (x - c t) / (2 nu)), a = 0.8, c = 0.5."""
    height, speed = 0.8, 0.5

    def front(x: Tensor) -> Tensor:
        return speed - height * torch.tanh(height * (x[:, 0] - speed * x[:, 1]) / (2 * viscosity))

    return _burgers(viscosity, Dirichlet(front), Initial(front), front)


def burgers_shock(viscosity: float = 0.01 / PI) -> PDE:
    """u_t + u u_x = nu u_xx on [-1, 1] x [0, 1], u = 0 at both ends, u(x, 0) = -sin(pi x): a shock forms at x = 0.

    Its solution is the Cole-Hopf integral, by Gauss-Hermite quadrature.
    """
    return _burgers(viscosity, Dirichlet(0.0), Initial(_minus_sine), ColeHopf(viscosity))


def _minus_sine(x: Tensor) -> Tensor:
    return -_sine(x)


def _burgers(viscosity: float, boundary: Dirichlet, initial: Initial, solution: Callable[[Tensor], Tensor]) -> PDE:
    return PDE(
        SpaceTime(Interval(-1.0, 1.0), 0.0, 1.0),
        equation=BurgersEquation(viscosity),
        conditions=[boundary, initial],
        solution=solution,
    )


class BurgersEquation(Hyperparameters):
    """The equation u_t + u u_x = viscosity u_xx."""

    def __init__(self, viscosity: float):
        self.viscosity = viscosity

    def __call__(self, x: Tensor, u: Jet) -> Tensor:
        """Evaluate u_t + u u_x - viscosity u_xx, (n,)."""
        return u.dt + u.value * u.d(0) - self.viscosity * u.d(0, 0)


class ColeHopf(Hyperparameters):
    """The solution of Burgers' equation that starts as -sin(pi x)."""

    def __init__(self, viscosity: float):
        self.viscosity = viscosity

    def __call__(self, x: Tensor) -> Tensor:
        """Evaluate it at points (x, t), (n, 2) -> (n,)."""
        return torch.as_tensor(_cole_hopf(x.detach().cpu().numpy(), self.viscosity), device=x.device)


def _cole_hopf(points: NDArray, viscosity: float) -> NDArray:
    """The solution E[-sin(pi y) f(y)] / E[f(y)], f(y) = exp(-cos(pi y) / (2 pi nu)), y ~ N(x, 2 nu t); (n,)."""
    nodes, weights = np.polynomial.hermite.hermgauss(200)
    y = points[:, :1] - nodes * np.sqrt(4 * viscosity * points[:, 1:])
    exponents = -np.cos(PI * y) / (2 * PI * viscosity)
    f = weights * np.exp(exponents - exponents.max(axis=1, keepdims=True))
    return -(np.sin(PI * y) * f).sum(axis=1) / f.sum(axis=1)


@dataclass(frozen=True)
class Problem:
    """A benchmark problem with the number of points it is solved at."""

    make: Callable[[], PDE]
    n_interior: int
    n_boundary: int

    def sample(self, random_state=None):
        """The PDE and its points, (n_interior + n_boundary, n_dims)."""
        pde = self.make()
        return pde, pde.sample(self.n_interior, self.n_boundary, random_state=random_state)


PROBLEMS = {
    "poisson_1d": Problem(poisson_1d, 100, 2),
    "poisson_2d": Problem(poisson_2d, 900, 120),
    "heat_1d": Problem(heat_1d, 900, 120),
    "helmholtz_2d": Problem(helmholtz_2d, 900, 200),
    "poisson_10d": Problem(poisson_10d, 1000, 200),
}

# Beside the five: with a power of u.
NONLINEAR_PROBLEMS = {
    "cubic_poisson": Problem(cubic_poisson, 900, 120),
    "burgers_front": Problem(burgers_front, 900, 120),
    "allen_cahn_wave": Problem(allen_cahn_wave, 900, 120),
    "fisher_wave": Problem(fisher_wave, 900, 120),
}

__all__ = [
    "allen_cahn_wave",
    "burgers_front",
    "burgers_shock",
    "cubic_poisson",
    "fisher_wave",
    "heat_1d",
    "helmholtz_2d",
    "poisson_1d",
    "poisson_2d",
    "poisson_10d",
]
