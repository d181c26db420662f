"""Units: sizes far from 1, offsets, and times since 1970."""

import io
import math

import numpy as np
import torch
from scipy.integrate import solve_bvp

from pinnlearn.conditions import Condition, Dirichlet, Initial, InitialVelocity, Neumann
from pinnlearn.domains import Box, Interval, SpaceTime
from pinnlearn.pdes import PDE
from zoo_problems.posed import PI, Posed, exhibit, face, initial_value_problem

EPOCH = 1.7e9
DAY = 86_400.0


@exhibit("lengths of 1e-6", 900, 120, length=1e-6, size=1.0)
@exhibit("lengths of 1e6", 900, 120, length=1e6, size=1.0)
@exhibit("u of 1e-8", 900, 120, length=1.0, size=1e-8)
@exhibit("u of 1e8", 900, 120, length=1.0, size=1e8)
@exhibit("lengths of 1e-3, u of 1e5", 900, 120, length=1e-3, size=1e5)
def scaled(length, size):
    """-Laplace(u) + u^3 / (L U)^2 = f, u = U sin(pi x / L) exp(y / L)."""

    def solution(x):
        return size * torch.sin(PI * x[:, 0] / length) * torch.exp(x[:, 1] / length)

    def source(x):
        u = solution(x)
        return (PI**2 - 1) / length**2 * u + u**3 / (length * size) ** 2

    return PDE(
        Box([0.0, 0.0], [length, length]),
        equation=lambda x, u: -u.laplacian + u.value**3 / (length * size) ** 2 - source(x),
        conditions=[Dirichlet(solution)],
        solution=solution,
    )


@exhibit("kelvin, 5 degrees about 300", 900, 120, swing=5.0)
@exhibit("kelvin, a hundredth of a degree about 300", 900, 120, swing=0.01)
def kelvin(swing):
    """u_t = 1e-6 u_xx in 0.1 m, an hour: 300 + swing exp(-a t) sin(pi x / 0.1)."""
    length, kappa = 0.1, 1e-6

    def solution(x):
        return 300 + swing * torch.exp(-kappa * (PI / length) ** 2 * x[:, 1]) * torch.sin(PI * x[:, 0] / length)

    return PDE(
        SpaceTime(Interval(0.0, length), 0.0, 3600.0),
        equation=lambda x, u: u.dt - kappa * u.d(0, 0),
        conditions=[Dirichlet(300.0), Initial(solution)],
        solution=solution,
    )


@exhibit("a fin that radiates", 100, 2)
def radiating_fin():
    """K d u'' = 2 sigma (u^4 - 300^4), 800 K at one end, insulated at the other, 0.1 m."""
    conductance, sigma = 50.0 * 2e-3, 5.67e-8
    rate = 2 * sigma / conductance

    def reference(X):
        grid = np.linspace(0, 0.1, 500)
        found = solve_bvp(
            lambda x, y: np.stack([y[1], rate * (y[0] ** 4 - 300.0**4)]),
            lambda a, b: np.array([a[0] - 800, b[1]]),
            grid,
            np.stack([800 - 1000 * grid, np.full_like(grid, -1000.0)]),
            tol=1e-10,
            max_nodes=100_000,
        )
        return found.sol(X[:, 0])[0]

    pde = PDE(
        Interval(0.0, 0.1),
        equation=lambda x, u: conductance * u.d(0, 0) - 2 * sigma * (u.value**4 - 300.0**4),
        conditions=[Dirichlet(800.0, where=face(0, 0.0)), Neumann(0.0, where=face(0, 0.1))],
    )
    return Posed(pde, reference=reference)


@exhibit("steel beam in newtons and metres", 100, 20)
def beam():
    """E I u'''' = q, 5 m, clamped at 0 and free at 5: q x^2 (6 L^2 - 4 L x + x^2) / (24 E I)."""
    stiffness, load, length = 2.1e11 * 8.36e-6, 1e4, 5.0

    def solution(x):
        s = x[:, 0]
        return load * s**2 * (6 * length**2 - 4 * length * s + s**2) / (24 * stiffness)

    clamped, free = face(0, 0.0), face(0, length)
    return PDE(
        Interval(0.0, length),
        equation=lambda x, u: stiffness * u.d(0, 0, 0, 0) - load,
        conditions=[
            Dirichlet(0.0, where=clamped),
            Neumann(0.0, where=clamped),
            Condition(lambda x, u: stiffness * u.d(0, 0), where=free),
            Condition(lambda x, u: stiffness * u.d(0, 0, 0), where=free),
        ],
        solution=solution,
    )


@exhibit("sound in a steel bar", 900, 150)
def bar():
    """u_tt = c^2 u_xx, c = 5000 m/s, a millisecond, displacements of 1e-4 m."""
    speed = 5000.0

    def solution(x):
        return 1e-4 * torch.sin(PI * x[:, 0]) * torch.cos(PI * speed * x[:, 1])

    return PDE(
        SpaceTime(Interval(0.0, 1.0), 0.0, 1e-3),
        equation=lambda x, u: u.d(1, 1) - speed**2 * u.d(0, 0),
        conditions=[Dirichlet(0.0), Initial(solution), InitialVelocity(0.0)],
        solution=solution,
    )


@exhibit("satellite in metres and seconds", 400, 2)
def satellite(gm=3.986e14):
    """Two revolutions at 7000 km: positions of 1e7 m, speeds of 1e4 m/s."""
    return initial_value_problem(
        lambda t, x, y, v, w: (v, w, -gm * x / (x**2 + y**2) ** 1.5, -gm * y / (x**2 + y**2) ** 1.5),
        [7e6, 0.0, 0.0, 8000.0],
        15_000.0,
    )


@exhibit("nanomoles that meet", 100, 2)
def nanomoles():
    """U' = -1e9 u^2 from 1e-9, t to 10: 1e-9 / (1 + t)."""
    return initial_value_problem(lambda t, u: (-1e9 * u**2,), [1e-9], 10.0, solution=lambda x: 1e-9 / (1 + x[:, 0]))


@exhibit("microseconds of a circuit", 100, 2)
def circuit():
    """U' = (5 - u) / 1e-6 on an interval, t to 1e-5."""
    return initial_value_problem(
        lambda t, u: ((5 - u) / 1e-6,),
        [0.0],
        1e-5,
        on_an_interval=True,
        solution=lambda x: 5 * (1 - torch.exp(-x[:, 0] / 1e-6)),
    )


@exhibit("water under the ground, 100 m above the sea", 600, 120)
def groundwater():
    """T Laplace(h) + N = 0 in a kilometre, N = 1e-8 m/s, T = 1e-3 m^2/s: a hill of two metres on 100 m."""
    length = 1000.0

    def solution(x):
        return 100 + 1e-8 / 2e-3 * x[:, 0] * (length - x[:, 0])

    return PDE(
        Box([0.0, 0.0], [length, length]),
        equation=lambda x, u: 1e-3 * u.laplacian + 1e-8,
        conditions=[Dirichlet(100.0, where=face(0, 0.0, length)), Neumann(0.0, where=face(1, 0.0, length))],
        solution=solution,
    )


def ground(days: float, n_rows: tuple[int, int], digits: int | None) -> Posed:
    """u_t = kappa u_zz in half a metre, daily waves about 288 K, times in seconds since 1970."""
    kappa, w = 5e-7, 2 * PI / DAY
    depth = math.sqrt(2 * kappa / w)

    def solution(x):
        z = x[:, 0] / depth
        return 288 + 10 * torch.exp(-z) * torch.cos(w * (x[:, 1] - EPOCH) - z)

    pde = PDE(
        SpaceTime(Interval(0.0, 0.5), EPOCH, EPOCH + days * DAY),
        equation=lambda x, u: u.dt - kappa * u.d(0, 0),
        conditions=[Dirichlet(solution), Initial(solution)],
        solution=solution,
    )

    def rows(seed):
        X = pde.sample(*n_rows, random_state=seed)
        if digits is not None:
            file = io.StringIO()
            np.savetxt(file, X, fmt=f"%.{digits}g")
            X = np.loadtxt(io.StringIO(file.getvalue()))
        return {"X": X}

    return Posed(pde, rows=rows)


@exhibit("heat in the ground, seconds since 1970", digits=None)
@exhibit("heat in the ground, times of six digits", digits=6)
def heat_in_the_ground(digits):
    """Case 12: times near 1.7e9 s; six digits of them tell only hours apart."""
    return ground(2.0, (900, 120), digits)


@exhibit("growth since 1970", 200, 2)
def growth_since_1970():
    """U' = u (1 - u) / day from 0.01 at 1.7e9 s, for ten days."""
    return initial_value_problem(
        lambda t, u: (u * (1 - u) / DAY,),
        [0.01],
        EPOCH + 10 * DAY,
        t_start=EPOCH,
        solution=lambda x: 1 / (1 + 99 * torch.exp(-(x[:, 0] - EPOCH) / DAY)),
    )
