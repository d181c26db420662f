"""Oscillation: many waves in the domain."""

import math

import torch

from pinnlearn.conditions import Dirichlet, Initial, InitialVelocity, Neumann, Robin
from pinnlearn.domains import Interval, SpaceTime
from pinnlearn.pdes import PDE
from zoo_problems.posed import PI, exhibit, face, unit_square
from zoo_problems.smooth import time_to


@exhibit("Helmholtz, k = 20", 900, 120, k=20.0)
@exhibit("Helmholtz, k = 50", 900, 120, k=50.0)
def helmholtz(k, angle=0.4):
    """Laplace(u) + k^2 u = 0 on the square, a plane wave."""

    def solution(x):
        return torch.cos(k * (math.cos(angle) * x[:, 0] + math.sin(angle) * x[:, 1]))

    return PDE(
        unit_square(),
        equation=lambda x, u: u.laplacian + k**2 * u.value,
        conditions=[Dirichlet(solution)],
        solution=solution,
    )


@exhibit("string of wavenumber 150", 100, 2)
def wavenumber_150(k=150.0):
    """Case 8: u'' + k^2 u = 0, u = cos(k x) + 0.3 sin(k x), its slope at 0, and du/dn - 2 u at 1."""

    def slope(s):
        return -k * math.sin(k * s) + 0.3 * k * math.cos(k * s)

    end = slope(1.0) - 2 * (math.cos(k) + 0.3 * math.sin(k))
    return PDE(
        Interval(0.0, 1.0),
        equation=lambda x, u: u.d(0, 0) + k**2 * u.value,
        conditions=[Neumann(-slope(0.0), where=face(0, 0.0)), Robin(-2.0, 1.0, end, where=face(0, 1.0))],
        solution=lambda x: torch.cos(k * x[:, 0]) + 0.3 * torch.sin(k * x[:, 0]),
    )


@exhibit("chirp, sin(40 x^2)", 200, 2)
def chirp(rate=40.0):
    """-u'' = f."""

    def source(x):
        s = rate * x[:, 0] ** 2
        return 4 * rate * s * torch.sin(s) - 2 * rate * torch.cos(s)

    return PDE(
        Interval(0.0, 2.0),
        equation=lambda x, u: -u.d(0, 0) - source(x),
        conditions=[Dirichlet(lambda x: torch.sin(rate * x[:, 0] ** 2))],
        solution=lambda x: torch.sin(rate * x[:, 0] ** 2),
    )


@exhibit("two scales", 200, 2)
def two_scales():
    """-u'' = f, u = sin(2 pi x) + 0.1 sin(50 pi x)."""

    def tones(x):
        return torch.sin(2 * PI * x[:, 0]), 0.1 * torch.sin(50 * PI * x[:, 0])

    return PDE(
        Interval(0.0, 1.0),
        equation=lambda x, u: -u.d(0, 0) - (2 * PI) ** 2 * tones(x)[0] - (50 * PI) ** 2 * tones(x)[1],
        conditions=[Dirichlet(0.0)],
        solution=lambda x: sum(tones(x)),
    )


@exhibit("eight by eight waves", 900, 120)
def eight_by_eight():
    """-Laplace(u) = 128 pi^2 u, u = sin(8 pi x) sin(8 pi y)."""

    def solution(x):
        return torch.sin(8 * PI * x[:, 0]) * torch.sin(8 * PI * x[:, 1])

    return PDE(
        unit_square(),
        equation=lambda x, u: -u.laplacian - 128 * PI**2 * solution(x),
        conditions=[Dirichlet(0.0)],
        solution=solution,
    )


@exhibit("string, t to 10", 900, 120)
def long_string():
    """u_tt = u_xx, u = sin(3 pi x) cos(3 pi t)."""

    def solution(x):
        return torch.sin(3 * PI * x[:, 0]) * torch.cos(3 * PI * x[:, 1])

    return PDE(
        time_to(10.0),
        equation=lambda x, u: u.d(1, 1) - u.d(0, 0),
        conditions=[Dirichlet(0.0), Initial(solution), InitialVelocity(0.0)],
        solution=solution,
    )


@exhibit("membrane", 1500, 600)
def membrane():
    """Case 7: u_tt = 100 Laplace(u) on the square, u = sin(pi x) sin(pi y) cos(sqrt(2) pi 10 t), t to 1."""

    def solution(x):
        return torch.sin(PI * x[:, 0]) * torch.sin(PI * x[:, 1]) * torch.cos(math.sqrt(2) * PI * 10 * x[:, 2])

    return PDE(
        SpaceTime(unit_square(), 0.0, 1.0),
        equation=lambda x, u: u.d(2, 2) - 100 * u.laplacian,
        conditions=[Dirichlet(0.0), Initial(solution), InitialVelocity(0.0)],
        solution=solution,
    )


@exhibit("coefficient that oscillates, 20 periods", 200, 2)
def oscillating_coefficient(period=0.05):
    """-(u' / (2 + cos(k x)))' = 1, u(0) = u(1) = 0, k = 2 pi / period."""
    k = 2 * PI / period

    def equation(x, u):
        p, slope = 2 + torch.cos(k * x[:, 0]), -k * torch.sin(k * x[:, 0])
        return u.d(0, 0) / p - slope / p**2 * u.d(0) + 1

    def solution(x):
        s = x[:, 0]
        return s - s**2 + (0.5 - s) * torch.sin(k * s) / k - (torch.cos(k * s) - 1) / k**2

    return PDE(Interval(0.0, 1.0), equation=equation, conditions=[Dirichlet(0.0)], solution=solution)


@exhibit("heat wave in the ground, ten days", 900, 120)
def heat_wave():
    """u_t = kappa u_zz, u = exp(-z / d) cos(w t - z / d), d = sqrt(2 kappa / w), in days and metres."""
    w, kappa = 2 * PI, 0.0432
    depth = math.sqrt(2 * kappa / w)

    def solution(x):
        return torch.exp(-x[:, 0] / depth) * torch.cos(w * x[:, 1] - x[:, 0] / depth)

    return PDE(
        time_to(10.0),
        equation=lambda x, u: u.dt - kappa * u.d(0, 0),
        conditions=[Dirichlet(solution), Initial(solution)],
        solution=solution,
    )


@exhibit("packet of a particle", 1200, 240)
def packet():
    """The equation i psi_t = -psi_xx / 2 on [-10, 10], t to 2, as two: a Gaussian that moves and spreads."""
    speed = 2.0

    def psi(x):
        s, t = x[:, 0], x[:, 1]
        spread = 1 + 1j * t
        phase = 1j * speed * (s - speed * t / 2)
        return torch.exp(-((s - speed * t) ** 2) / (2 * spread) + phase) / torch.sqrt(spread)

    def solution(x):
        return torch.stack([psi(x).real, psi(x).imag], dim=1)

    return PDE(
        time_to(2.0, -10.0, 10.0),
        equation=lambda x, u: torch.stack([u[0].dt + u[1].d(0, 0) / 2, u[1].dt - u[0].d(0, 0) / 2], dim=1),
        conditions=[Dirichlet(solution), Initial(solution)],
        n_outputs=2,
        solution=solution,
    )
