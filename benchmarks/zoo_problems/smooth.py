"""Ordinary problems: smooth solutions of many kinds of equations and conditions."""

import math

import numpy as np
import torch

from pinnlearn.conditions import Condition, Dirichlet, Initial, InitialVelocity, Neumann, Periodic, Robin
from pinnlearn.domains import Box, Interval, SpaceTime
from pinnlearn.pdes import PDE
from zoo_problems.posed import PI, Posed, exhibit, face, unit_square


def time_to(t_end: float, lower: float = 0.0, upper: float = 1.0) -> SpaceTime:
    """An interval in space, over the times to t_end."""
    return SpaceTime(Interval(lower, upper), 0.0, t_end)


@exhibit("advection, periodic", 900, 120, speed=1.0)
@exhibit("advection, speed 30", 1000, 200, speed=30.0)
def advection(speed):
    """u_t + speed u_x = 0, periodic, u = sin(2 pi (x - speed t))."""
    return PDE(
        time_to(1.0),
        equation=lambda x, u: u.dt + speed * u.d(0),
        conditions=[Periodic(0), Initial(lambda x: torch.sin(2 * PI * x[:, 0]))],
        solution=lambda x: torch.sin(2 * PI * (x[:, 0] - speed * x[:, 1])),
    )


@exhibit("advection, beta = 30", 1000, 200)
def advection_beta():
    """u_t + 30 u_x = 0, periodic on [0, 2 pi], from sin(x)."""
    return PDE(
        time_to(1.0, 0.0, 2 * PI),
        equation=lambda x, u: u.dt + 30 * u.d(0),
        conditions=[Periodic(0), Initial(lambda x: torch.sin(x[:, 0]))],
        solution=lambda x: torch.sin(x[:, 0] - 30 * x[:, 1]),
    )


@exhibit("advection from an inlet", 600, 120)
def inlet():
    """u_t + u_x = 0 with a value at x = 0 and at the start: u = exp(-(x - t)^2 / 0.1)."""

    def solution(x):
        return torch.exp(-((x[:, 0] - x[:, 1]) ** 2) / 0.1)

    return PDE(
        time_to(1.0),
        equation=lambda x, u: u.dt + u.d(0),
        conditions=[Dirichlet(solution, where=face(0, 0.0)), Initial(solution)],
        solution=solution,
    )


@exhibit("steady advection and decay", 600, 120)
def steady_advection():
    """2 u_x + u_y + u = 0 with values on the two inlets: u = exp(-x / 2) g(2 y - x)."""

    def solution(x):
        return torch.exp(-x[:, 0] / 2) * torch.sin(2 * x[:, 1] - x[:, 0])

    return PDE(
        unit_square(),
        equation=lambda x, u: 2 * u.d(0) + u.d(1) + u.value,
        conditions=[Dirichlet(solution, where=lambda x: (x[:, 0] == 0) | (x[:, 1] == 0))],
        solution=solution,
    )


@exhibit("string, t to 2", 900, 150)
def string():
    """u_tt = u_xx, two tones."""

    def solution(x):
        first = torch.sin(PI * x[:, 0]) * torch.cos(PI * x[:, 1])
        return first + 0.5 * torch.sin(2 * PI * x[:, 0]) * torch.sin(2 * PI * x[:, 1])

    return PDE(
        time_to(2.0),
        equation=lambda x, u: u.d(1, 1) - u.d(0, 0),
        conditions=[
            Dirichlet(0.0),
            Initial(lambda x: torch.sin(PI * x[:, 0])),
            InitialVelocity(lambda x: PI * torch.sin(2 * PI * x[:, 0])),
        ],
        solution=solution,
    )


@exhibit("vibrating beam", 900, 200)
def vibrating_beam():
    """u_tt + u_xxxx / pi^4 = 0, hinged: u = sin(pi x) cos(t)."""
    return PDE(
        time_to(3.0),
        equation=lambda x, u: u.d(1, 1) + u.d(0, 0, 0, 0) / PI**4,
        conditions=[
            Dirichlet(0.0),
            Condition(lambda x, u: u.d(0, 0)),
            Initial(lambda x: torch.sin(PI * x[:, 0])),
            InitialVelocity(0.0),
        ],
        solution=lambda x: torch.sin(PI * x[:, 0]) * torch.cos(x[:, 1]),
    )


@exhibit("soliton of Korteweg and de Vries", 1200, 240)
def soliton():
    """u_t + 6 u u_x + u_xxx = 0 on [-8, 8], t to 1: u = 2 k^2 sech^2(k (x + 2 - 4 k^2 t)), k = 0.8."""
    k = 0.8

    def solution(x):
        return 2 * k**2 / torch.cosh(k * (x[:, 0] + 2 - 4 * k**2 * x[:, 1])) ** 2

    return PDE(
        time_to(1.0, -8.0, 8.0),
        equation=lambda x, u: u.dt + 6 * u.value * u.d(0) + u.d(0, 0, 0),
        conditions=[
            Dirichlet(solution),
            Condition(lambda x, u: u.d(0) + 2 * k * torch.tanh(k * (x[:, 0] + 2 - 4 * k**2 * x[:, 1])) * solution(x)),
            Initial(solution),
        ],
        solution=solution,
    )


@exhibit("kink of sine-Gordon", 900, 200)
def kink():
    """u_tt - u_xx + sin(u) = 0 on [-5, 5], t to 2: u = 4 atan(exp((x - v t) / sqrt(1 - v^2))), v = 0.5."""
    v = 0.5
    gamma = 1 / math.sqrt(1 - v**2)

    def solution(x):
        return 4 * torch.atan(torch.exp(gamma * (x[:, 0] - v * x[:, 1])))

    return PDE(
        time_to(2.0, -5.0, 5.0),
        equation=lambda x, u: u.d(1, 1) - u.d(0, 0) + torch.sin(u.value),
        conditions=[
            Dirichlet(solution),
            Initial(solution),
            InitialVelocity(lambda x: -2 * gamma * v / torch.cosh(gamma * (x[:, 0] - v * x[:, 1]))),
        ],
        solution=solution,
    )


@exhibit("clamped plate", 900, 200)
def clamped_plate():
    """Laplace^2 u = f with u = du/dn = 0: u = (x (1 - x) y (1 - y))^2."""

    def bump(s):
        return (s * (1 - s)) ** 2

    def source(x):
        X, Y = bump(x[:, 0]), bump(x[:, 1])
        bend = 4 * (1 - 6 * x[:, 0] + 6 * x[:, 0] ** 2) * (1 - 6 * x[:, 1] + 6 * x[:, 1] ** 2)
        return 24 * Y + 24 * X + 2 * bend

    return PDE(
        unit_square(),
        equation=lambda x, u: u.d(0, 0, 0, 0) + 2 * u.d(0, 0, 1, 1) + u.d(1, 1, 1, 1) - source(x),
        conditions=[Dirichlet(0.0), Neumann(0.0)],
        solution=lambda x: bump(x[:, 0]) * bump(x[:, 1]),
    )


@exhibit("reaction and diffusion in a square", 1200, 300)
def reaction_in_a_square():
    """u_t = Laplace(u) / 10 - u^2 + f, insulated: u = exp(-t) cos(pi x) cos(pi y) + 2."""

    def mode(x):
        return torch.exp(-x[:, 2]) * torch.cos(PI * x[:, 0]) * torch.cos(PI * x[:, 1])

    def source(x):
        return (0.2 * PI**2 - 1) * mode(x) + (mode(x) + 2) ** 2

    return PDE(
        SpaceTime(unit_square(), 0.0, 1.0),
        equation=lambda x, u: u.dt - 0.1 * u.laplacian + u.value**2 - source(x),
        conditions=[Neumann(0.0), Initial(lambda x: mode(x) + 2)],
        solution=lambda x: mode(x) + 2,
    )


@exhibit("heat in a square", 1200, 300)
def heat_in_a_square():
    """u_t = Laplace(u) / 10, u = exp(-pi^2 t / 5) sin(pi x) sin(pi y)."""

    def solution(x):
        return torch.exp(-(PI**2) * x[:, 2] / 5) * torch.sin(PI * x[:, 0]) * torch.sin(PI * x[:, 1])

    return PDE(
        SpaceTime(unit_square(), 0.0, 1.0),
        equation=lambda x, u: u.dt - 0.1 * u.laplacian,
        conditions=[Dirichlet(0.0), Initial(solution)],
        solution=solution,
    )


@exhibit("Robin on all sides", 600, 120)
def robin():
    """-Laplace(u) + u = f, 2 u + du/dn given: u = exp(x) cos(y)."""

    def solution(x):
        return torch.exp(x[:, 0]) * torch.cos(x[:, 1])

    def slope(x):
        along_x, along_y = solution(x), -torch.exp(x[:, 0]) * torch.sin(x[:, 1])
        flux = torch.where(x[:, 1] == 0, -along_y, torch.where(x[:, 1] == 1, along_y, 0 * along_y))
        return torch.where(x[:, 0] == 0, -along_x, torch.where(x[:, 0] == 1, along_x, flux))

    return PDE(
        unit_square(),
        equation=lambda x, u: -u.laplacian + u.value - solution(x),
        conditions=[Robin(2.0, 1.0, lambda x: 2 * solution(x) + slope(x))],
        solution=solution,
    )


@exhibit("insulated on three sides", 600, 120)
def insulated():
    """-Laplace(u) = pi^2 / 4 cos(pi x) ..., u = 1 + cos(pi x) cos(pi y / 2), a value at y = 1 alone."""

    def mode(x):
        return torch.cos(PI * x[:, 0]) * torch.cos(PI * x[:, 1] / 2)

    return PDE(
        unit_square(),
        equation=lambda x, u: -u.laplacian - 1.25 * PI**2 * mode(x),
        conditions=[
            Neumann(0.0, where=lambda x: (x[:, 0] == 0) | (x[:, 0] == 1) | (x[:, 1] == 0)),
            Dirichlet(1.0, where=face(1, 1.0)),
        ],
        solution=lambda x: 1 + mode(x),
    )


@exhibit("variable and mixed coefficients", 900, 150)
def mixed_derivative():
    """(2 + x) u_xx + u_xy + (1 + y^2) u_yy - u = f, u = sin(x + 2 y)."""

    def phase(x):
        return x[:, 0] + 2 * x[:, 1]

    def source(x):
        return -torch.sin(phase(x)) * (2 + x[:, 0] + 2 + 4 * (1 + x[:, 1] ** 2) + 1)

    return PDE(
        unit_square(),
        equation=lambda x, u: (
            (2 + x[:, 0]) * u.d(0, 0) + u.d(0, 1) + (1 + x[:, 1] ** 2) * u.d(1, 1) - u.value - source(x)
        ),
        conditions=[Dirichlet(lambda x: torch.sin(phase(x)))],
        solution=lambda x: torch.sin(phase(x)),
    )


@exhibit("cube", 1500, 600)
def cube():
    """-Laplace(u) = 3 pi^2 u in three dimensions, u = product of sin(pi x_i)."""

    def solution(x):
        return torch.sin(PI * x).prod(dim=1)

    return PDE(
        Box([0.0] * 3, [1.0] * 3),
        equation=lambda x, u: -u.laplacian - 3 * PI**2 * solution(x),
        conditions=[Dirichlet(0.0)],
        solution=solution,
    )


@exhibit("cube, twenty times as stiff along one axis", 1500, 600)
def anisotropic_cube():
    """u_xx + u_yy + 20 u_zz = f, u = exp(x) sin(2 y) (1 + z^2)."""

    def source(x):
        plane = torch.exp(x[:, 0]) * torch.sin(2 * x[:, 1])
        return plane * (-3 * (1 + x[:, 2] ** 2) + 40)

    def solution(x):
        return torch.exp(x[:, 0]) * torch.sin(2 * x[:, 1]) * (1 + x[:, 2] ** 2)

    return PDE(
        Box([0.0] * 3, [1.0] * 3),
        equation=lambda x, u: u.d(0, 0) + u.d(1, 1) + 20 * u.d(2, 2) - source(x),
        conditions=[Dirichlet(solution)],
        solution=solution,
    )


@exhibit("ring in polar coordinates", 600, 150)
def ring():
    """u_rr + u_r / r + u_aa / r^2 = 0 for 1 < r < 2, periodic in a: u = (r - 1 / r) sin(a) + log r."""

    def solution(x):
        return (x[:, 0] - 1 / x[:, 0]) * torch.sin(x[:, 1]) + torch.log(x[:, 0])

    return PDE(
        Box([1.0, 0.0], [2.0, 2 * PI]),
        equation=lambda x, u: x[:, 0] ** 2 * u.d(0, 0) + x[:, 0] * u.d(0) + u.d(1, 1),
        conditions=[Periodic(1), Dirichlet(solution)],
        solution=solution,
    )


@exhibit("disk from plain arrays")
def disk():
    """-Laplace(u) = 4 in the unit disk, u = 1 - r^2 + x, from arrays with a region, without a domain."""
    pde = PDE(
        equation=lambda x, u: -u.laplacian - 4,
        conditions=[Dirichlet(lambda x: x[:, 0])],
        solution=lambda x: 1 - (x**2).sum(dim=1) + x[:, 0],
    )

    def inside(n, rng):
        r, angle = np.sqrt(rng.random(n)), 2 * np.pi * rng.random(n)
        return np.column_stack([r * np.cos(angle), r * np.sin(angle)])

    def rows(seed):
        rng = np.random.default_rng(seed)
        angle = 2 * np.pi * rng.random(80)
        rim = np.column_stack([np.cos(angle), np.sin(angle)])
        return {"X": np.concatenate([inside(400, rng), rim]), "region": np.repeat(["interior", "boundary"], [400, 80])}

    return Posed(pde, rows=rows, points=lambda: inside(10_000, np.random.default_rng(1)))


@exhibit("minimal surface", 600, 120)
def minimal_surface():
    """(1 + u_y^2) u_xx - 2 u_x u_y u_xy + (1 + u_x^2) u_yy = 0: Scherk's, log(cos(x) / cos(y)) on [-1, 1]^2."""

    def solution(x):
        return torch.log(torch.cos(x[:, 0]) / torch.cos(x[:, 1]))

    def equation(x, u):
        p, q = u.d(0), u.d(1)
        return (1 + q**2) * u.d(0, 0) - 2 * p * q * u.d(0, 1) + (1 + p**2) * u.d(1, 1)

    return PDE(Box([-1.0, -1.0], [1.0, 1.0]), equation=equation, conditions=[Dirichlet(solution)], solution=solution)


@exhibit("conductivity that grows with u", 100, 2)
def nonlinear_conductivity():
    """((1 + u) u')' = 0, u(0) = 0, u(1) = 1: u = sqrt(1 + 3 x) - 1."""
    return PDE(
        Interval(0.0, 1.0),
        equation=lambda x, u: (1 + u.value) * u.d(0, 0) + u.d(0) ** 2,
        conditions=[Dirichlet(lambda x: x[:, 0])],
        solution=lambda x: torch.sqrt(1 + 3 * x[:, 0]) - 1,
    )


@exhibit("front of Burgers, nu = 0.1", 900, 120, nu=0.1)
@exhibit("front of Burgers, nu = 0.01", 1500, 300, nu=0.01)
def burgers(nu):
    """u_t + u u_x = nu u_xx on [-1, 1], t to 1: u = c - a tanh(a (x - c t) / (2 nu)), a = 0.8, c = 0.5."""

    def solution(x):
        return 0.5 - 0.8 * torch.tanh(0.8 * (x[:, 0] - 0.5 * x[:, 1]) / (2 * nu))

    return PDE(
        time_to(1.0, -1.0, 1.0),
        equation=lambda x, u: u.dt + u.value * u.d(0) - nu * u.d(0, 0),
        conditions=[Dirichlet(solution), Initial(solution)],
        solution=solution,
    )


@exhibit("front of Fisher, kappa = 1e-3", 1500, 300, kappa=1e-3)
def fisher(kappa):
    """u_t = kappa u_xx + u (1 - u), u = (1 + exp(s))^-2, s = (x - c t) / sqrt(6 kappa), c = 5 sqrt(kappa / 6)."""

    def solution(x):
        s = (x[:, 0] - 5 * math.sqrt(kappa / 6) * x[:, 1]) / math.sqrt(6 * kappa)
        return torch.sigmoid(-s) ** 2

    return PDE(
        time_to(2.0, -1.0, 1.0),
        equation=lambda x, u: u.dt - kappa * u.d(0, 0) - u.value * (1 - u.value),
        conditions=[Dirichlet(solution), Initial(solution)],
        solution=solution,
    )


@exhibit("little diffusion, 1e-4", 900, 120)
def little_diffusion():
    """u_t = 1e-4 u_xx, u = exp(-1e-4 pi^2 t) sin(pi x), t to 1."""
    return PDE(
        time_to(1.0),
        equation=lambda x, u: u.dt - 1e-4 * u.d(0, 0),
        conditions=[Dirichlet(0.0), Initial(lambda x: torch.sin(PI * x[:, 0]))],
        solution=lambda x: torch.exp(-1e-4 * PI**2 * x[:, 1]) * torch.sin(PI * x[:, 0]),
    )


@exhibit("drift and diffusion of a density", 900, 120)
def density():
    """p_t = (x p)_x + p_xx / 2 on [-6, 6], t to 1 (Ornstein and Uhlenbeck): Gaussians that settle from 1 at 0.3."""

    def solution(x):
        decay = torch.exp(-x[:, 1])
        variance = 0.5 + (0.09 - 0.5) * decay**2
        return torch.exp(-((x[:, 0] - decay) ** 2) / (2 * variance)) / torch.sqrt(2 * PI * variance)

    return PDE(
        time_to(1.0, -6.0, 6.0),
        equation=lambda x, u: u.dt - u.value - x[:, 0] * u.d(0) - 0.5 * u.d(0, 0),
        conditions=[Dirichlet(0.0), Initial(solution)],
        solution=solution,
    )


@exhibit("telegraph", 900, 150)
def telegraph():
    """u_tt + 2 u_t = u_xx, u = exp(-t) sin(pi x) cos(w t), w^2 = pi^2 - 1."""
    w = math.sqrt(PI**2 - 1)

    def solution(x):
        return torch.exp(-x[:, 1]) * torch.sin(PI * x[:, 0]) * torch.cos(w * x[:, 1])

    return PDE(
        time_to(2.0),
        equation=lambda x, u: u.d(1, 1) + 2 * u.dt - u.d(0, 0),
        conditions=[Dirichlet(0.0), Initial(solution), InitialVelocity(lambda x: -torch.sin(PI * x[:, 0]))],
        solution=solution,
    )


@exhibit("distance from a point", 600, 120)
def eikonal():
    """|grad u|^2 = 1 with the distance from (-1, -1) on all sides."""

    def solution(x):
        return torch.sqrt(((x + 1) ** 2).sum(dim=1))

    return PDE(
        unit_square(),
        equation=lambda x, u: u.d(0) ** 2 + u.d(1) ** 2 - 1,
        conditions=[Dirichlet(solution)],
        solution=solution,
    )


@exhibit("screened, Laplace(u) = 400 u", 600, 120)
def screened():
    """U = cosh(20 x) / cosh(20) on [-1, 1]^2, insulated at y = +-1."""

    def solution(x):
        return torch.cosh(20 * x[:, 0]) / math.cosh(20)

    return PDE(
        Box([-1.0, -1.0], [1.0, 1.0]),
        equation=lambda x, u: u.laplacian - 400 * u.value,
        conditions=[Dirichlet(1.0, where=face(0, -1.0, 1.0)), Neumann(0.0, where=face(1, -1.0, 1.0))],
        solution=solution,
    )
