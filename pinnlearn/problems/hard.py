"""The field's hard benchmark problems, each with a trusted solution.

Where no solution is known in closed form it is computed, in this package, by a spectral method, once a process.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pinnlearn.conditions import Condition, Dirichlet, Initial, InitialVelocity, Periodic
from pinnlearn.domains import Box, Interval, SpaceTime
from pinnlearn.hyperparameters import Hyperparameters
from pinnlearn.jets import Jet
from pinnlearn.pdes import PDE, Poisson
from pinnlearn.problems.cavity import CavityFlow
from pinnlearn.problems.exact import burgers_shock
from pinnlearn.problems.spectral import Evolution

PI = math.pi
TWO_PI = 2 * math.pi


def burgers() -> PDE:
    """u_t + u u_x = (0.01 / pi) u_xx on [-1, 1] x [0, 1], u = 0 at both ends, u(x, 0) = -sin(pi x) [1]_.

    References
    ----------
    .. [1] Raissi, Perdikaris & Karniadakis (2019), Physics-informed neural networks, J. Comput. Phys. 378.
    """
    return burgers_shock()


def _uniform(t_end: float, n_pieces: int) -> tuple[float, ...]:
    return tuple(np.linspace(0.0, t_end, n_pieces + 1).tolist())


def _graded(shortest: float, n_pieces: int) -> tuple[float, ...]:
    """Pieces of [0, 1] that become shorter towards 0, where corners of the initial value are smoothed."""
    return (0.0, *np.geomspace(shortest, 1.0, n_pieces).tolist())


def _wells(x: Tensor) -> Tensor:
    return x[:, 0] ** 2 * torch.cos(PI * x[:, 0])


def _wells_array(x: NDArray) -> NDArray:
    return x**2 * np.cos(PI * x)


def _allen_cahn_symbol(k: NDArray) -> NDArray:
    # With the derivative -10 of 5 u - 5 u^3 at u = -1, which is u at the kink x = 1.
    return -10.0 - 1e-4 * k**2


def _allen_cahn_rest(u: NDArray) -> NDArray:
    return (15 - 5 * u * u) * u


def _allen_cahn(x: Tensor, u: Jet) -> Tensor:
    return u.dt - 1e-4 * u.d(0, 0) - 5 * u.value + 5 * u.value**3


def allen_cahn() -> PDE:
    """u_t = 1e-4 u_xx + 5 u - 5 u^3, periodic on [-1, 1], t <= 1, u(x, 0) = x^2 cos(pi x) [1]_.

    The periodic continuation of the initial value has a kink at x = 1, which diffusion makes a layer.

    References
    ----------
    .. [1] Raissi, Perdikaris & Karniadakis (2019), Physics-informed neural networks, J. Comput. Phys. 378.
    """
    return PDE(
        SpaceTime(Interval(-1.0, 1.0), 0.0, 1.0),
        equation=_allen_cahn,
        conditions=[Periodic(0), Initial(_wells)],
        solution=Evolution(
            _wells_array,
            _allen_cahn_symbol,
            _allen_cahn_rest,
            breaks=_graded(5e-4, 20),
            step=4e-3,
            n_modes=2048,
            n_tail=8192,
        ),
    )


def _cosine(x: Tensor) -> Tensor:
    return torch.cos(PI * x[:, 0])


def _cosine_array(x: NDArray) -> NDArray:
    return np.cos(PI * x)


def _kdv_symbol(k: NDArray) -> NDArray:
    return 1j * 0.022**2 * k**3


def _half_square(u: NDArray) -> NDArray:
    return -(u**2) / 2


def _kdv(x: Tensor, u: Jet) -> Tensor:
    return u.dt + u.value * u.d(0) + 0.022**2 * u.d(0, 0, 0)


def kdv() -> PDE:
    """u_t + u u_x + 0.022^2 u_xxx = 0, periodic on [-1, 1], t <= 1, u(x, 0) = cos(pi x): a train of solitons [1]_.

    References
    ----------
    .. [1] Zabusky & Kruskal (1965), Interaction of "solitons" in a collisionless plasma, Phys. Rev. Lett. 15.
    """
    return PDE(
        SpaceTime(Interval(-1.0, 1.0), 0.0, 1.0),
        equation=_kdv,
        conditions=[Periodic(0), Initial(_cosine)],
        solution=Evolution(
            _cosine_array, _kdv_symbol, _half_square, order=1, breaks=_uniform(1.0, 64), step=8e-5, n_modes=256
        ),
    )


def _humps(x: Tensor) -> Tensor:
    return torch.cos(x[:, 0]) * (1 + torch.sin(x[:, 0]))


def _humps_array(x: NDArray) -> NDArray:
    return np.cos(x) * (1 + np.sin(x))


def _kuramoto_symbol(k: NDArray) -> NDArray:
    return 100 / 16**2 * k**2 - 100 / 16**4 * k**4


def _kuramoto_square(u: NDArray) -> NDArray:
    return -100 / 32 * u**2


def _kuramoto(x: Tensor, u: Jet) -> Tensor:
    return u.dt + 100 / 16 * u.value * u.d(0) + 100 / 16**2 * u.d(0, 0) + 100 / 16**4 * u.d(0, 0, 0, 0)


def kuramoto_sivashinsky(t_end: float = 0.5) -> PDE:
    """u_t + 100/16 u u_x + 100/16^2 u_xx + 100/16^4 u_xxxx = 0, periodic on [0, 2 pi] [1]_.

    At the start u = cos x (1 + sin x). Chaotic: small perturbations of the start grow by up to exp(25 t).

    References
    ----------
    .. [1] Wang, Sankaran & Perdikaris (2024), Respecting causality for training physics-informed neural networks,
       Comput. Methods Appl. Mech. Eng. 421.
    """
    return PDE(
        SpaceTime(Interval(0.0, TWO_PI), 0.0, t_end),
        equation=_kuramoto,
        conditions=[Periodic(0), Initial(_humps)],
        solution=Evolution(
            _humps_array,
            _kuramoto_symbol,
            _kuramoto_square,
            order=1,
            period=(0.0, TWO_PI),
            breaks=_uniform(t_end, 2 * math.ceil(32 * t_end)),
            step=3e-5,
            n_modes=256,
        ),
    )


def _soliton(x: Tensor) -> Tensor:
    value = 2 / torch.cosh(x[:, 0])
    return torch.stack([value, torch.zeros_like(value)], dim=1)


def _soliton_array(x: NDArray) -> NDArray:
    return 2 / np.cosh(x)


# The mean of |h|^2, which is conserved: 4 tanh(5) / 5.
MEAN_DENSITY = 4 * math.tanh(5.0) / 5


def _schroedinger_symbol(k: NDArray) -> NDArray:
    # With the mean of 2 i |h|^2, what |h|^2 h does to small fast waves: the rest of it averages out.
    return -0.5j * k**2 + 2j * MEAN_DENSITY


def _schroedinger_rest(h: NDArray) -> NDArray:
    return 1j * (h.real**2 + h.imag**2 - 2 * MEAN_DENSITY) * h


def _schroedinger(x: Tensor, h: Jet) -> Tensor:
    """The real and the imaginary part of i h_t + h_xx / 2 + |h|^2 h, h = u + i v; (n, 2)."""
    u, v = h[0], h[1]
    density = u.value**2 + v.value**2
    real = -v.dt + u.d(0, 0) / 2 + density * u.value
    imaginary = u.dt + v.d(0, 0) / 2 + density * v.value
    return torch.stack([real, imaginary], dim=1)


def schroedinger() -> PDE:
    """Nonlinear Schroedinger: i h_t + h_xx / 2 + abs(h)^2 h = 0, periodic on [-5, 5], t <= pi / 2 [1]_.

    At the start h = 2 sech(x); the outputs are Re h and Im h.

    The slope of the initial value's periodic continuation jumps by 0.05 at x = 5, which no diffusion smooths: at all
    times the coefficients of h fall like k^-2, those beyond the mode K have a relative norm of 0.013 K^-1.5, and the
    series of h_xx and h_t do not converge. The solution that is given here is right to 1e-7.

    References
    ----------
    .. [1] Raissi, Perdikaris & Karniadakis (2019), Physics-informed neural networks, J. Comput. Phys. 378.
    """
    return PDE(
        SpaceTime(Interval(-5.0, 5.0), 0.0, PI / 2),
        equation=_schroedinger,
        conditions=[Periodic(0), Initial(_soliton)],
        n_outputs=2,
        solution=Evolution(
            _soliton_array,
            _schroedinger_symbol,
            _schroedinger_rest,
            period=(-5.0, 5.0),
            breaks=_uniform(PI / 2, 160),
            step=2e-4,
            n_modes=512,
            n_tail=4096,
            complex_valued=True,
            rotating=True,
        ),
    )


class Convection(Hyperparameters):
    """The equation u_t + speed u_x = 0."""

    def __init__(self, speed: float):
        self.speed = speed

    def __call__(self, x: Tensor, u: Jet) -> Tensor:
        """Evaluate u_t + speed u_x, (n,)."""
        return u.dt + self.speed * u.d(0)


class TravellingSine(Hyperparameters):
    """The function sin(x - speed t)."""

    def __init__(self, speed: float):
        self.speed = speed

    def __call__(self, x: Tensor) -> Tensor:
        """Evaluate it at points (x, t), (n, 2) -> (n,)."""
        return torch.sin(x[:, 0] - self.speed * x[:, 1])


def convection(speed: float = 40.0) -> PDE:
    """u_t + speed u_x = 0, periodic on [0, 2 pi], t <= 1, u = sin(x - speed t) [1]_.

    References
    ----------
    .. [1] Rathore, Lei, Frangella, Lu & Udell (2024), Challenges in training PINNs: a loss landscape perspective,
       ICML, arXiv:2402.01868.
    """
    solution = TravellingSine(speed)
    return PDE(
        SpaceTime(Interval(0.0, TWO_PI), 0.0, 1.0),
        equation=Convection(speed),
        conditions=[Periodic(0), Initial(solution)],
        solution=solution,
    )


def _bump(x: Tensor) -> Tensor:
    return torch.exp(-((x[:, 0] - PI) ** 2) / (2 * (PI / 4) ** 2))


class Growth(Hyperparameters):
    """The equation u_t = rate u (1 - u)."""

    def __init__(self, rate: float):
        self.rate = rate

    def __call__(self, x: Tensor, u: Jet) -> Tensor:
        """Evaluate u_t - rate u (1 - u), (n,)."""
        return u.dt - self.rate * u.value * (1 - u.value)


class LogisticBump(Hyperparameters):
    """The function u_0 e^(rate t) / (u_0 e^(rate t) + 1 - u_0), u_0 = exp(-(x - pi)^2 / (2 (pi / 4)^2))."""

    def __init__(self, rate: float):
        self.rate = rate

    def __call__(self, x: Tensor) -> Tensor:
        """Evaluate it at points (x, t), (n, 2) -> (n,)."""
        grown = _bump(x) * torch.exp(self.rate * x[:, 1])
        return grown / (grown + 1 - _bump(x))


def _jump_between_ends(x: Tensor, u: Jet) -> Tensor:
    across = x.clone()
    across[:, 0] = torch.where(x[:, 0] < PI, x.new_tensor(TWO_PI), x.new_tensor(0.0))
    return u.value - u.at(across).value


def reaction(rate: float = 5.0) -> PDE:
    """u_t = rate u (1 - u), periodic on [0, 2 pi], t <= 1, u(x, 0) = exp(-(x - pi)^2 / (2 (pi / 4)^2)) [1]_.

    Values alone are periodic: the slopes at the two ends differ in sign, and grow.

    References
    ----------
    .. [1] Rathore, Lei, Frangella, Lu & Udell (2024), Challenges in training PINNs: a loss landscape perspective,
       ICML, arXiv:2402.01868.
    """
    return PDE(
        SpaceTime(Interval(0.0, TWO_PI), 0.0, 1.0),
        equation=Growth(rate),
        conditions=[Condition(_jump_between_ends, name="periodic values"), Initial(_bump)],
        solution=LogisticBump(rate),
    )


class StandingWaves(Hyperparameters):
    """The function sin(pi x) cos(2 pi t) + sin(beta pi x) cos(2 beta pi t) / 2."""

    def __init__(self, beta: int):
        self.beta = beta

    def __call__(self, x: Tensor) -> Tensor:
        """Evaluate it at points (x, t), (n, 2) -> (n,)."""
        x, t = PI * x[:, 0], 2 * PI * x[:, 1]
        return torch.sin(x) * torch.cos(t) + torch.sin(self.beta * x) * torch.cos(self.beta * t) / 2


def _wave_of_speed_two(x: Tensor, u: Jet) -> Tensor:
    return u.d(1, 1) - 4 * u.d(0, 0)


def wave(beta: int = 5) -> PDE:
    """u_tt = 4 u_xx on [0, 1], t <= 1, u = sin(pi x) cos(2 pi t) + sin(beta pi x) cos(2 beta pi t) / 2 [1]_.

    u = 0 at both ends; its value and its velocity, 0, are given at the start.

    References
    ----------
    .. [1] Rathore, Lei, Frangella, Lu & Udell (2024), Challenges in training PINNs: a loss landscape perspective,
       ICML, arXiv:2402.01868.
    """
    solution = StandingWaves(beta)
    return PDE(
        SpaceTime(Interval(0.0, 1.0), 0.0, 1.0),
        equation=_wave_of_speed_two,
        conditions=[Dirichlet(0.0), Initial(solution), InitialVelocity(0.0)],
        solution=solution,
    )


def _standing(x: Tensor) -> Tensor:
    return torch.sin(3 * PI * x[:, 0]) * torch.cos(3 * PI * x[:, 1])


def _wave(x: Tensor, u: Jet) -> Tensor:
    return u.d(1, 1) - u.d(0, 0)


def long_wave() -> PDE:
    """u_tt = u_xx on [0, 1], t <= 10, u = sin(3 pi x) cos(3 pi t), 0 at both ends, for fifteen periods."""
    return PDE(
        SpaceTime(Interval(0.0, 1.0), 0.0, 10.0),
        equation=_wave,
        conditions=[Dirichlet(0.0), Initial(_standing), InitialVelocity(0.0)],
        solution=_standing,
    )


FREQUENCIES = (4, 8, 12, 16)


def _many_scales(x: Tensor) -> Tensor:
    return torch.stack([torch.sin(k * PI * x).prod(dim=1) for k in FREQUENCIES]).sum(dim=0)


def _many_scales_source(x: Tensor) -> Tensor:
    return torch.stack([2 * (k * PI) ** 2 * torch.sin(k * PI * x).prod(dim=1) for k in FREQUENCIES]).sum(dim=0)


def multiscale_poisson() -> Poisson:
    """-Laplace(u) = f on [0, 1]^2, u = sum of sin(k pi x) sin(k pi y) over k = 4, 8, 12, 16."""
    return Poisson(Box([0.0, 0.0], [1.0, 1.0]), source=_many_scales_source, solution=_many_scales)


class SteadyFlow(Hyperparameters):
    """The steady Navier-Stokes equations, (w . grad) w + grad p = Laplace(w) / reynolds, div w = 0, w = (u, v)."""

    def __init__(self, reynolds: float):
        self.reynolds = reynolds

    def __call__(self, x: Tensor, flow: Jet) -> Tensor:
        """Evaluate both momenta and the divergence, (n, 3)."""
        u, v, p = flow
        along_x = u.value * u.d(0) + v.value * u.d(1) + p.d(0) - u.laplacian / self.reynolds
        along_y = u.value * v.d(0) + v.value * v.d(1) + p.d(1) - v.laplacian / self.reynolds
        return torch.stack([along_x, along_y, u.d(0) + v.d(1)], dim=1)


def _moving_lid(x: Tensor, flow: Jet) -> Tensor:
    lid = torch.where(x[:, 1] == 1, 4 * x[:, 0] * (1 - x[:, 0]), torch.zeros_like(x[:, 0]))
    return torch.stack([flow[0].value - lid, flow[1].value], dim=1)


def _pressure_at_the_origin(x: Tensor, flow: Jet) -> Tensor:
    return flow[2].at(torch.zeros_like(x)).value


def _bottom(x) -> NDArray:
    return x[:, 1] == 0


def lid_driven_cavity(reynolds: float = 100.0) -> PDE:
    """Steady Navier-Stokes flow (u, v, p) in the unit square, u = 4 x (1 - x) on the lid y = 1 [1]_.

    Velocities are 0 on the other sides, p is 0 at the origin. Where the lid meets the side walls velocities are not
    smooth, and p is infinite like log(r).

    References
    ----------
    .. [1] Ghia, Ghia & Shin (1982), High-Re solutions for incompressible flow, J. Comput. Phys. 48, for a lid of
       constant speed.
    """
    return PDE(
        Box([0.0, 0.0], [1.0, 1.0]),
        equation=SteadyFlow(reynolds),
        conditions=[
            Condition(_moving_lid, name="velocities on the walls"),
            Condition(_pressure_at_the_origin, where=_bottom, name="pressure at the origin"),
        ],
        n_outputs=3,
        solution=CavityFlow(reynolds),
    )


__all__ = [
    "allen_cahn",
    "burgers",
    "convection",
    "kdv",
    "kuramoto_sivashinsky",
    "lid_driven_cavity",
    "long_wave",
    "multiscale_poisson",
    "reaction",
    "schroedinger",
    "wave",
]
