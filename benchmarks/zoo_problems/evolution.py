"""Periodic equations of evolution without a solution in closed form; by Fourier series and exponential integrators."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from pinnlearn.conditions import Initial, Periodic
from pinnlearn.domains import Interval, SpaceTime
from pinnlearn.pdes import PDE
from zoo_problems.posed import PI, Posed, exhibit

N_SLICES, N_PLACES = 20, 200


def periodic(
    lower: float,
    upper: float,
    t_end: float,
    equation: Callable,
    start: Callable,
    symbol: Callable,
    rest: Callable,
    **by,
) -> Posed:
    """A periodic problem, u_t = symbol(d/dx) u + rest; rest takes u and a function that differentiates, numpy."""
    times = np.linspace(0.0, t_end, N_SLICES + 1)[1:]

    def points():
        places = np.random.default_rng(1).uniform(lower, upper, N_SLICES * N_PLACES)
        return np.column_stack([places, np.repeat(times, N_PLACES)])

    def reference(X):
        found = marched(lower, upper, times, start, symbol, rest, **by)
        return np.concatenate([at(X[X[:, 1] == t, 0]) for t, at in zip(times, found, strict=True)])

    domain = SpaceTime(Interval(lower, upper), 0.0, t_end)
    pde = PDE(domain, equation=equation, conditions=[Periodic(0), Initial(start)])
    return Posed(pde, reference=reference, points=points)


def marched(
    lower, upper, times, start, symbol, rest, n_modes: int = 512, n_steps: int = 200
) -> list[Callable[[NDArray], NDArray]]:
    """The solution as a function of x at each time, equally far apart, n_steps steps from one to the next.

    ETDRK4 of Cox and Matthews, its coefficients by the contour integrals of Kassam and Trefethen (2005, SIAM J. Sci.
    Comput. 26, section 2).
    """
    length = upper - lower
    x = lower + length * np.arange(n_modes) / n_modes
    ik = 2j * np.pi * np.fft.fftfreq(n_modes, 1 / n_modes) / length
    kept = np.abs(np.fft.fftfreq(n_modes)) < 1 / 3  # of products, two thirds are without aliases
    h = times[0] / n_steps
    z = h * symbol(ik)
    circle = z[:, None] + np.exp(2j * np.pi * (np.arange(64) + 0.5) / 64)
    e, half = np.exp(z), np.exp(z / 2)
    q = h * ((np.exp(circle / 2) - 1) / circle).mean(axis=1)
    a = h * ((-4 - circle + np.exp(circle) * (4 - 3 * circle + circle**2)) / circle**3).mean(axis=1)
    b = h * ((2 + circle + np.exp(circle) * (circle - 2)) / circle**3).mean(axis=1)
    c = h * ((-4 - 3 * circle - circle**2 + np.exp(circle) * (4 - circle)) / circle**3).mean(axis=1)

    def forced(v):
        return kept * np.fft.fft(rest(np.fft.ifft(v).real, lambda w: np.fft.ifft(ik * np.fft.fft(w)).real))

    def stepped(v):
        n_v = forced(v)
        first = half * v + q * n_v
        n_first = forced(first)
        second = half * v + q * n_first
        n_second = forced(second)
        third = half * first + q * (2 * n_second - n_v)
        return e * v + a * n_v + 2 * b * (n_first + n_second) + c * forced(third)

    v, slices = np.fft.fft(start(torch.tensor(x[:, None])).numpy()), []
    for _ in times:
        for _ in range(n_steps):
            v = stepped(v)
        slices.append(lambda s, v=v: (np.exp(np.outer(s - lower, ik)) @ v).real / n_modes)
    return slices


@exhibit("interfaces of Allen and Cahn, 1e-2", 1000, 200, kappa=1e-2)
@exhibit("interfaces of Allen and Cahn, 1e-4", 2000, 300, kappa=1e-4)
def allen_cahn(kappa):
    """u_t = kappa u_xx + 5 u - 5 u^3, periodic on [-1, 1], from x^2 cos(pi x): with 1e-4 as it is often posed."""
    return periodic(
        -1.0,
        1.0,
        1.0,
        equation=lambda x, u: u.dt - kappa * u.d(0, 0) - 5 * u.value + 5 * u.value**3,
        start=lambda x: x[:, 0] ** 2 * torch.cos(PI * x[:, 0]),
        symbol=lambda ik: kappa * ik**2 + 5,
        rest=lambda u, d: -5 * u**3,
        n_modes=2048,
    )


@exhibit("flames of Kuramoto and Sivashinsky, t to 10", 1200, 200)
def kuramoto_sivashinsky():
    """u_t + u u_x + u_xx + u_xxxx = 0, periodic on [0, 22], from cos(2 pi x / 22) (1 + sin(2 pi x / 22))."""
    w = 2 * PI / 22

    return periodic(
        0.0,
        22.0,
        10.0,
        equation=lambda x, u: u.dt + u.value * u.d(0) + u.d(0, 0) + u.d(0, 0, 0, 0),
        start=lambda x: torch.cos(w * x[:, 0]) * (1 + torch.sin(w * x[:, 0])),
        symbol=lambda ik: -(ik**2) - ik**4,
        rest=lambda u, d: -d(u**2) / 2,
        n_modes=128,
    )


@exhibit("waves of Burgers, nu = 0.05", 1000, 200)
def burgers_waves():
    """u_t + u u_x = u_xx / 20, periodic on [0, 2 pi], from sin(x) + 1 / 2, t to 2: a front forms and moves."""
    return periodic(
        0.0,
        2 * PI,
        2.0,
        equation=lambda x, u: u.dt + u.value * u.d(0) - 0.05 * u.d(0, 0),
        start=lambda x: torch.sin(x[:, 0]) + 0.5,
        symbol=lambda ik: 0.05 * ik**2,
        rest=lambda u, d: -d(u**2) / 2,
    )


@exhibit("solitons out of a cosine", 2000, 300)
def zabusky_kruskal():
    """u_t + u u_x + 0.022^2 u_xxx = 0, periodic on [0, 2], from cos(pi x) (Zabusky and Kruskal), t to 1."""
    return periodic(
        0.0,
        2.0,
        1.0,
        equation=lambda x, u: u.dt + u.value * u.d(0) + 0.022**2 * u.d(0, 0, 0),
        start=lambda x: torch.cos(PI * x[:, 0]),
        symbol=lambda ik: -(0.022**2) * ik**3,
        rest=lambda u, d: -d(u**2) / 2,
    )
