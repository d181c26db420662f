"""Systems: several outputs, and conditions on some of them."""

import math

import numpy as np
import torch
from scipy.fft import dct, idct
from scipy.integrate import solve_ivp

from pinnlearn.conditions import Condition, Dirichlet, Initial, Neumann
from pinnlearn.domains import Box, Interval, SpaceTime
from pinnlearn.pdes import PDE
from zoo_problems.posed import INCOMPLETE, PI, Posed, exhibit, face, stacked, unit_square
from zoo_problems.smooth import time_to


def stress(lambda_: float, mu: float, u_x, u_y, v_x, v_y):
    """Of plane strain, xx, xy and yy, (n, 3)."""
    return stacked((lambda_ + 2 * mu) * u_x + lambda_ * v_y, mu * (u_y + v_x), lambda_ * u_x + (lambda_ + 2 * mu) * v_y)


def phases(x):
    """X + 2 y and 2 x - y."""
    return x[:, 0] + 2 * x[:, 1], 2 * x[:, 0] - x[:, 1]


@exhibit("plane strain without units", 1000, 200, lambda_=1.5, mu=1.0, amplitude=1.0)
@exhibit("plane strain of steel, pascals and metres", 1000, 200, lambda_=1.15e11, mu=7.7e10, amplitude=1e-5)
def plane_strain(lambda_, mu, amplitude):
    """Case 9: displacements given at x = 0, tractions on the other sides, a body force in between."""

    def solution(x):
        p, q = phases(x)
        return amplitude * stacked(torch.sin(p), torch.cos(q))

    def force(x):
        s, c = torch.sin(phases(x)[0]), torch.cos(phases(x)[1])
        along_x = (lambda_ + 2 * mu) * s - 2 * lambda_ * c + mu * (4 * s - 2 * c)
        along_y = mu * (2 * s + 4 * c) + 2 * lambda_ * s + (lambda_ + 2 * mu) * c
        return amplitude * stacked(along_x, along_y)

    def tractions(components, where):
        def residual(x, u):
            c, s = torch.cos(phases(x)[0]), torch.sin(phases(x)[1])
            given = amplitude * stress(lambda_, mu, c, 2 * c, -2 * s, s)
            return (stress(lambda_, mu, u[0].d(0), u[0].d(1), u[1].d(0), u[1].d(1)) - given)[:, components]

        return Condition(residual, where=where)

    def equation(x, u):
        along_x = (lambda_ + 2 * mu) * u[0].d(0, 0) + (lambda_ + mu) * u[1].d(0, 1) + mu * u[0].d(1, 1)
        along_y = (lambda_ + 2 * mu) * u[1].d(1, 1) + (lambda_ + mu) * u[0].d(0, 1) + mu * u[1].d(0, 0)
        return stacked(along_x, along_y) + force(x)

    sides = [tractions([0, 1], face(0, 1.0)), tractions([1, 2], lambda x: (x[:, 0] > 0) & (x[:, 0] < 1))]
    return PDE(
        unit_square(),
        equation=equation,
        conditions=[Dirichlet(solution, where=face(0, 0.0)), *sides],
        n_outputs=2,
        solution=solution,
    )


def vortices(x):
    """u, v and p, (n, 3): sin(pi x) cos(pi y), -cos(pi x) sin(pi y), cos(pi x) cos(pi y)."""
    (s, t), (c, d) = torch.sin(PI * x[:, :2]).T, torch.cos(PI * x[:, :2]).T
    return stacked(s * d, -c * t, c * d)


@exhibit("Stokes, velocities and pressure on the sides", 900, 200, pressed=True)
@exhibit("Stokes without a level of pressure", 900, 200, INCOMPLETE, pressed=False)
def stokes(pressed):
    """-Laplace(u) + grad p = f, div u = 0; without a value of p it is known up to a constant."""

    def equation(x, u):
        s, c = torch.sin(PI * x), torch.cos(PI * x)
        force_x = (2 * PI**2 - PI) * s[:, 0] * c[:, 1]
        force_y = (-2 * PI**2 - PI) * c[:, 0] * s[:, 1]
        return stacked(
            -u[0].laplacian + u[2].d(0) - force_x, -u[1].laplacian + u[2].d(1) - force_y, u[0].d(0) + u[1].d(1)
        )

    def velocities(x, u):
        return stacked(u[0].value, u[1].value) - vortices(x)[:, :2]

    return PDE(
        unit_square(),
        equation=equation,
        conditions=[Dirichlet(vortices) if pressed else Condition(velocities)],
        n_outputs=3,
        solution=vortices if pressed else None,
    )


@exhibit("flow behind a grid", 1000, 200)
def kovasznay(reynolds=20.0):
    """Navier and Stokes, steady: Kovasznay's u = 1 - exp(k x) cos(2 pi y), with u, v and p on all sides."""
    k = reynolds / 2 - math.sqrt(reynolds**2 / 4 + 4 * PI**2)

    def solution(x):
        wake, y = torch.exp(k * x[:, 0]), 2 * PI * x[:, 1]
        return stacked(1 - wake * torch.cos(y), k / (2 * PI) * wake * torch.sin(y), (1 - wake**2) / 2)

    def equation(x, u):
        u, v, p = u
        carried = [u.value * w.d(0) + v.value * w.d(1) - w.laplacian / reynolds for w in (u, v)]
        return stacked(carried[0] + p.d(0), carried[1] + p.d(1), u.d(0) + v.d(1))

    return PDE(
        Box([-0.5, -0.5], [1.0, 1.5]),
        equation=equation,
        conditions=[Dirichlet(solution)],
        n_outputs=3,
        solution=solution,
    )


@exhibit("vortices that decay", 1200, 400)
def decaying_vortices(viscosity=0.05):
    """Navier and Stokes in time: Taylor and Green's, p = (cos(2 pi x) + cos(2 pi y)) / 4 exp(-4 pi^2 nu t)."""

    def solution(x):
        decay = torch.exp(-2 * PI**2 * viscosity * x[:, 2])
        p = (torch.cos(2 * PI * x[:, 0]) + torch.cos(2 * PI * x[:, 1])) / 4 * decay**2
        return torch.cat([decay[:, None] * vortices(x)[:, :2], p[:, None]], dim=1)

    def equation(x, u):
        u, v, p = u
        carried = [w.dt + u.value * w.d(0) + v.value * w.d(1) - viscosity * w.laplacian for w in (u, v)]
        return stacked(carried[0] + p.d(0), carried[1] + p.d(1), u.d(0) + v.d(1))

    def start(x, u):
        return stacked(u[0].value, u[1].value) - solution(x)[:, :2]

    return PDE(
        SpaceTime(unit_square(), 0.0, 1.0),
        equation=equation,
        conditions=[Dirichlet(solution), Condition(start, "initial")],
        n_outputs=3,
        solution=solution,
    )


@exhibit("electric and magnetic field", 900, 150)
def fields():
    """E_t = H_x, H_t = E_x between two conductors: E = sin(pi x) cos(pi t), H = cos(pi x) sin(pi t)."""

    def solution(x):
        s, t = PI * x[:, 0], PI * x[:, 1]
        return stacked(torch.sin(s) * torch.cos(t), torch.cos(s) * torch.sin(t))

    return PDE(
        time_to(2.0),
        equation=lambda x, u: stacked(u[0].dt - u[1].d(0), u[1].dt - u[0].d(0)),
        conditions=[Condition(lambda x, u: u[0].value), Initial(solution)],
        n_outputs=2,
        solution=solution,
    )


@exhibit("potential and its flux", 900, 150)
def potential_and_flux():
    """Q = -grad u, div q = f, three outputs, u on all sides: u = sin(2 x + y)."""

    def solution(x):
        phase = 2 * x[:, 0] + x[:, 1]
        return stacked(torch.sin(phase), -2 * torch.cos(phase), -torch.cos(phase))

    def equation(x, u):
        source = 5 * torch.sin(2 * x[:, 0] + x[:, 1])
        return stacked(u[1].value + u[0].d(0), u[2].value + u[0].d(1), u[1].d(0) + u[2].d(1) - source)

    return PDE(
        unit_square(),
        equation=equation,
        conditions=[Condition(lambda x, u: u[0].value - torch.sin(2 * x[:, 0] + x[:, 1]))],
        n_outputs=3,
        solution=solution,
    )


@exhibit("real and imaginary part", 600, 120)
def analytic():
    """Cauchy and Riemann: u_x = v_y, u_y = -v_x, u on two sides and v on the others: exp(x + i y)."""

    def solution(x):
        return torch.exp(x[:, :1]) * stacked(torch.cos(x[:, 1]), torch.sin(x[:, 1]))

    def side(x):
        return (x[:, 0] == 0) | (x[:, 0] == 1)

    return PDE(
        unit_square(),
        equation=lambda x, u: stacked(u[0].d(0) - u[1].d(1), u[0].d(1) + u[1].d(0)),
        conditions=[
            Condition(lambda x, u: u[1].value - solution(x)[:, 1], where=side),
            Condition(lambda x, u: u[0].value - solution(x)[:, 0], where=lambda x: ~side(x)),
        ],
        n_outputs=2,
        solution=solution,
    )


@exhibit("heat exchanger, counterflow", 60, 2)
def heat_exchanger():
    """T' = -2 (T - S), S' = -(T - S), T(0) = 100, S(1) = 20."""
    gap = 80 / (2 - math.exp(-1))

    def solution(x):
        decay = torch.exp(-x[:, 0])
        hot = 100 - 2 * gap * (1 - decay)
        return stacked(hot, hot - gap * decay)

    return PDE(
        Interval(0.0, 1.0),
        equation=lambda x, u: stacked(u[0].d(0) + 2 * (u[0].value - u[1].value), u[1].d(0) + (u[0].value - u[1].value)),
        conditions=[
            Condition(lambda x, u: u[0].value - 100, where=face(0, 0.0)),
            Condition(lambda x, u: u[1].value - 20, where=face(0, 1.0)),
        ],
        n_outputs=2,
        solution=solution,
    )


@exhibit("two species that react", 900, 150)
def two_species(feed=0.04, kill=0.1, n_cells=128, t_end=5.0):
    """Gray and Scott's u_t = u_xx / 100 - u v^2 + F (1 - u), v_t = v_xx / 200 + u v^2 - k v, insulated; by cosines."""

    def start(x):
        bump = torch.exp(-10 * (1 + torch.cos(PI * x[:, 0])) ** 2)
        return stacked(1 - 0.5 * bump, bump)

    def rates(u, v):
        return -u * v**2 + feed * (1 - u), u * v**2 - kill * v

    def equation(x, u):
        u_rate, v_rate = rates(u[0].value, u[1].value)
        return stacked(u[0].dt - 0.01 * u[0].d(0, 0) - u_rate, u[1].dt - 0.005 * u[1].d(0, 0) - v_rate)

    def reference(X):
        centres = (np.arange(n_cells) + 0.5) / n_cells
        squares = (np.arange(n_cells) * np.pi) ** 2

        def right_side(t, y):
            fields = y.reshape(2, n_cells)
            spread = idct(-squares * dct(fields, axis=1), axis=1)
            return (np.stack(rates(*fields)) + np.array([[0.01], [0.005]]) * spread).ravel()

        y = start(torch.tensor(centres[:, None])).T.numpy().ravel()
        times = np.unique(X[:, 1])
        ends = solve_ivp(right_side, (0, t_end), y, "Radau", times, rtol=1e-9, atol=1e-11).y
        return at_points(ends.reshape(2, n_cells, -1), X, times)

    def at_points(values, X, times):
        coefficients = dct(values, axis=1) / n_cells
        coefficients[:, 0] /= 2
        waves = np.cos(np.arange(n_cells) * np.pi * X[:, :1])
        return np.einsum("nk,qkn->nq", waves, coefficients[:, :, np.searchsorted(times, X[:, 1])])

    pde = PDE(time_to(t_end), equation=equation, conditions=[Neumann(0.0), Initial(start)], n_outputs=2)
    return Posed(pde, reference=reference, points=lambda: _on_slices(t_end))


def _on_slices(t_end: float, n_times: int = 20, n_places: int = 100):
    rng = np.random.default_rng(1)
    times = np.repeat(np.linspace(0, t_end, n_times + 1)[1:], n_places)
    return np.column_stack([rng.random(len(times)), times])


@exhibit("two outputs, one a million times the other", 600, 120)
def unequal_outputs(ratio=1e6):
    """-Laplace(u) + v / ratio = f, -Laplace(v) + u v = g: u of 1, v of a million."""

    def solution(x):
        waves = torch.sin(PI * x).prod(dim=1)
        other = torch.exp(x[:, 0]) * torch.cos(x[:, 1])
        return stacked(waves, ratio * other)

    def equation(x, u):
        waves, other = solution(x).T
        return stacked(
            -u[0].laplacian + u[1].value / ratio - 2 * PI**2 * waves - other / ratio,
            -u[1].laplacian + u[1].value * u[0].value - other * waves,
        )

    return PDE(unit_square(), equation=equation, conditions=[Dirichlet(solution)], n_outputs=2, solution=solution)
