"""Corners, jumps and kinks: singular solutions, data and coefficients that jump, conditions that contradict."""

import math

import numpy as np
import torch
from scipy.optimize import brentq

from pinnlearn.conditions import Condition, Dirichlet, Initial, Periodic, Robin
from pinnlearn.domains import Box, Domain, Interval, SpaceTime
from pinnlearn.pdes import PDE
from pinnlearn.problems import burgers_shock
from zoo_problems.posed import PI, Posed, exhibit, face, stacked, uniform, unit_square
from zoo_problems.smooth import time_to

N_TERMS = 400


def odd(n_terms: int = N_TERMS):
    """The odd numbers, a column."""
    return torch.arange(1, 2 * n_terms, 2, dtype=torch.float64)[:, None]


class LShape(Domain):
    """[-1, 1]^2 without its quarter x > 0, y < 0, as a user writes a domain."""

    @property
    def bounds(self):
        """The corners of the square."""
        return np.full(2, -1.0), np.full(2, 1.0)

    def contains(self, X):
        """Inside, or on the boundary."""
        X = np.asarray(X)
        inside = (np.abs(X) <= 1 + 1e-9).all(axis=1)
        return inside & ~((X[:, 0] > 1e-9) & (X[:, 1] < -1e-9))

    def on_boundary(self, X):
        """On one of six sides."""
        X = np.asarray(X)
        outer = (np.abs(np.abs(X) - 1) <= 1e-9).any(axis=1)
        inner = (np.abs(X[:, 0]) <= 1e-9) & (X[:, 1] <= 0) | (np.abs(X[:, 1]) <= 1e-9) & (X[:, 0] >= 0)
        return self.contains(X) & (outer | inner)

    def normal(self, X):
        """Of the outer sides along the larger coordinate; right and down on the inner ones."""
        X = np.asarray(X, dtype=float)
        outer = np.where(np.abs(X) >= np.abs(X).max(axis=1, keepdims=True), np.sign(X), 0.0)
        outer[(outer != 0).all(axis=1), 1] = 0.0
        inner = np.where((np.abs(X[:, :1]) <= 1e-9), [1.0, 0.0], [0.0, -1.0])
        return np.where(np.abs(X).max(axis=1, keepdims=True) >= 1 - 1e-9, outer, inner)

    def sample_interior(self, n, rng):
        """Uniform."""
        X = rng.uniform(-1, 1, (3 * n + 20, 2))
        return X[(X[:, 0] < 0) | (X[:, 1] > 0)][:n]

    def sample_boundary(self, n, rng):
        """Uniform along the six sides."""
        corners = np.array([[0, 0], [1, 0], [1, 1], [-1, 1], [-1, -1], [0, -1], [0, 0]], dtype=float)
        along = np.sort(rng.random(n)) * 8
        ends = np.concatenate([[0], np.cumsum(np.abs(np.diff(corners, axis=0)).sum(axis=1))])
        return np.column_stack([np.interp(along, ends, corners[:, axis]) for axis in range(2)])


def around_the_corner(x, power: float):
    """r^power sin(power a), a the angle from the positive x axis, up to 3 pi / 2."""
    angle = torch.atan2(x[:, 1], x[:, 0])
    angle = torch.where(angle < -1e-9, angle + 2 * PI, angle)
    return (x**2).sum(dim=1) ** (power / 2) * torch.sin(power * angle)


@exhibit("L-shape, a domain of one's own", 900, 200)
def l_shape():
    """Laplace(u) = 0, u = r^(2/3) sin(2 a / 3) on the boundary."""
    return PDE(
        LShape(),
        equation=lambda x, u: u.laplacian,
        conditions=[Dirichlet(lambda x: around_the_corner(x, 2 / 3))],
        solution=lambda x: around_the_corner(x, 2 / 3),
    )


@exhibit("L-shape from plain arrays")
def l_shape_from_arrays():
    """The same from rows with a region."""
    posed, domain = Posed(l_shape()), LShape()
    pde = PDE(equation=posed.pde.equation, conditions=posed.pde.conditions, solution=posed.pde.solution)

    def rows(seed):
        rng = np.random.default_rng(seed)
        X = np.concatenate([domain.sample_interior(900, rng), domain.sample_boundary(200, rng)])
        return {"X": X, "region": np.repeat(["interior", "boundary"], [900, 200])}

    return Posed(pde, rows=rows, points=posed.compared_points)


@exhibit("value and flux on one side", 900, 200)
def value_and_flux_on_one_side():
    """Laplace(u) = 0 on [-1, 1] x [0, 1]; at y = 0 u = 0 for x < 0, u_y = 0 for x > 0: sqrt(r) cos(a / 2)."""

    def solution(x):
        r = torch.sqrt((x**2).sum(dim=1))
        return torch.sqrt(((r + x[:, 0]) / 2).clamp(min=0))

    def slit(x):
        return (x[:, 1] == 0) & (x[:, 0] > 0) & (x[:, 0] < 1)

    return PDE(
        Box([-1.0, 0.0], [1.0, 1.0]),
        equation=lambda x, u: u.laplacian,
        conditions=[
            Condition(lambda x, u: u.d(1), where=slit),
            Dirichlet(solution, where=lambda x: ~slit(x)),
        ],
        solution=solution,
    )


@exhibit("twisted bar", 900, 120)
def twisted_bar():
    """-Laplace(u) = 1, u = 0 on the square's sides: r^2 log r in the corners; by its Fourier series."""

    def solution(x):
        n, s, y = odd(), x[:, 0], x[:, 1]
        ends = torch.exp(-n * PI * y) + torch.exp(n * PI * (y - 1))
        return s * (1 - s) / 2 - (4 / (n * PI) ** 3 * torch.sin(n * PI * s) * ends / (1 + torch.exp(-n * PI))).sum(
            dim=0
        )

    return PDE(unit_square(), equation=lambda x, u: -u.laplacian - 1, conditions=[Dirichlet(0.0)], solution=solution)


@exhibit("hot lid", 900, 200)
def hot_lid():
    """Laplace(u) = 0, 1 at y = 1 and 0 on the other sides: in two corners both; compared away from them."""

    def solution(x):
        n, y = odd(), x[:, 1]
        height = (torch.exp(n * PI * (y - 1)) - torch.exp(-n * PI * (y + 1))) / (1 - torch.exp(-2 * n * PI))
        return (4 / (n * PI) * torch.sin(n * PI * x[:, 0]) * height).sum(dim=0)

    pde = PDE(
        unit_square(),
        equation=lambda x, u: u.laplacian,
        conditions=[
            Dirichlet(1.0, where=face(1, 1.0)),
            Dirichlet(0.0, where=lambda x: x[:, 1] < 1),
        ],
    )
    return Posed(pde, solutions=[solution], points=lambda: uniform([0.0, 0.0], [1.0, 0.9]))


@exhibit("copper rod", 1000, 200)
def copper_rod():
    """Case 5: rho c u_t = k u_xx, 1 m, an hour, 0 at the start and at one end, 100 at the other; after six minutes."""
    k, rho, c = 400.0, 8960.0, 385.0

    def solution(x):
        n = torch.arange(1, N_TERMS + 1, dtype=torch.float64)[:, None]
        waves = (-1) ** n / n * torch.sin(n * PI * x[:, 0]) * torch.exp(-k / (rho * c) * (n * PI) ** 2 * x[:, 1])
        return 100 * x[:, 0] + 200 / PI * waves.sum(dim=0)

    pde = PDE(
        time_to(3600.0),
        equation=lambda x, u: rho * c * u.dt - k * u.d(0, 0),
        conditions=[Dirichlet(0.0, where=face(0, 0.0)), Dirichlet(100.0, where=face(0, 1.0)), Initial(0.0)],
    )
    return Posed(pde, solutions=[solution], points=lambda: uniform([0.0, 360.0], [1.0, 3600.0]))


@exhibit("cooling by the air at one end", 1000, 200)
def cooling_by_air():
    """Case 6: u_t = u_xx, u_x(0) = 0, u_x(1) = -2 u, 1 at the start: modes cos(b x), b tan(b) = 2."""
    b = torch.tensor([_root(k) for k in range(60)], dtype=torch.float64)[:, None]
    size = 4 * torch.sin(b) / (2 * b + torch.sin(2 * b))

    def solution(x):
        return (size * torch.cos(b * x[:, 0]) * torch.exp(-(b**2) * x[:, 1])).sum(dim=0)

    pde = PDE(
        time_to(1.0),
        equation=lambda x, u: u.dt - u.d(0, 0),
        conditions=[
            Condition(lambda x, u: u.d(0), where=face(0, 0.0)),
            Robin(2.0, 1.0, 0.0, where=face(0, 1.0)),
            Initial(1.0),
        ],
    )
    return Posed(pde, solutions=[solution], points=lambda: uniform([0.0, 0.01], [1.0, 1.0]))


def _root(k: int, h: float = 2.0) -> float:
    """B tan(b) = h in (k pi, k pi + pi / 2)."""
    return brentq(lambda b: b * math.sin(b) - h * math.cos(b), k * math.pi, k * math.pi + math.pi / 2, xtol=1e-15)


@exhibit("cold block in hot water", 1200, 300)
def cold_block():
    """u_t = Laplace(u) / 10 on the square, 1 on all sides, 0 at the start: 1 - S(x) S(y); after a tenth of the time."""

    def series(s, t):
        n = odd(60)
        return (4 / (n * PI) * torch.sin(n * PI * s) * torch.exp(-0.1 * (n * PI) ** 2 * t)).sum(dim=0)

    pde = PDE(
        SpaceTime(unit_square(), 0.0, 1.0),
        equation=lambda x, u: u.dt - 0.1 * u.laplacian,
        conditions=[Dirichlet(1.0), Initial(0.0)],
    )
    return Posed(
        pde,
        solutions=[lambda x: 1 - series(x[:, 0], x[:, 2]) * series(x[:, 1], x[:, 2])],
        points=lambda: uniform([0.0, 0.0, 0.1], [1.0, 1.0, 1.0]),
    )


@exhibit("a step that diffuses", 1000, 200)
def step_that_diffuses():
    """u_t = u_xx / 10 on [-1, 1], +-1 at the ends, the sign of x at the start; after a twentieth of the time."""

    def solution(x):
        n = torch.arange(1, N_TERMS + 1, dtype=torch.float64)[:, None]
        waves = 2 / (n * PI) * torch.sin(n * PI * x[:, 0]) * torch.exp(-0.1 * (n * PI) ** 2 * x[:, 1])
        return x[:, 0] + waves.sum(dim=0)

    pde = PDE(
        time_to(1.0, -1.0, 1.0),
        equation=lambda x, u: u.dt - 0.1 * u.d(0, 0),
        conditions=[Dirichlet(lambda x: x[:, 0]), Initial(lambda x: torch.sign(x[:, 0]))],
    )
    return Posed(pde, solutions=[solution], points=lambda: uniform([-1.0, 0.05], [1.0, 1.0]))


@exhibit("a step that moves", 1000, 200)
def step_that_moves():
    """u_t + u_x = 0 with a step at x = 0.2 at the start."""

    def solution(x):
        return torch.where(x[:, 0] - x[:, 1] / 2 < 0.2, 1.0, 0.0) + 0 * x[:, 0]

    return PDE(
        time_to(1.0),
        equation=lambda x, u: u.dt + 0.5 * u.d(0),
        conditions=[Dirichlet(1.0, where=face(0, 0.0)), Initial(solution)],
        solution=solution,
    )


@exhibit("a plucked string", 1000, 200)
def plucked_string():
    """u_tt = u_xx from a kink, at rest: d'Alembert."""

    def pluck(s):
        s = torch.remainder(s, 2.0)
        folded = torch.where(s > 1, 2 - s, s)
        return torch.where(s > 1, -1.0, 1.0) * (0.5 - (folded - 0.5).abs())

    def solution(x):
        return (pluck(x[:, 0] + x[:, 1]) + pluck(x[:, 0] - x[:, 1])) / 2

    return PDE(
        time_to(1.0),
        equation=lambda x, u: u.d(1, 1) - u.d(0, 0),
        conditions=[Dirichlet(0.0), Initial(lambda x: pluck(x[:, 0])), Condition(lambda x, u: u.dt, "initial")],
        solution=solution,
    )


@exhibit("source that jumps", 100, 2)
def source_that_jumps():
    """-u'' = 1 for x > 1/2 and 0 before, u(0) = u(1) = 0."""
    return PDE(
        Interval(0.0, 1.0),
        equation=lambda x, u: -u.d(0, 0) - (x[:, 0] > 0.5).double(),
        conditions=[Dirichlet(0.0)],
        solution=lambda x: x[:, 0] / 8 - torch.relu(x[:, 0] - 0.5) ** 2 / 2,
    )


@exhibit("two materials, temperature and flux", 200, 2)
def two_materials():
    """K u' = q, q' = -1, k = 1 for x < 1/2 and 10 beyond, u(0) = u(1) = 0."""
    # q = c - x; the integrals of q / k over both halves cancel.
    c = (1 / 8 + 3 / 80) / (1 / 2 + 1 / 20)

    def solution(x):
        s = x[:, 0]
        left, right = s.clamp(max=0.5), s.clamp(min=0.5)
        u = c * left - left**2 / 2 + (c * right - right**2 / 2 - c / 2 + 1 / 8) / 10
        return stacked(u, c - s)

    def equation(x, u):
        k = torch.where(x[:, 0] < 0.5, 1.0, 10.0)
        return stacked(k * u[0].d(0) - u[1].value, u[1].d(0) + 1)

    return PDE(
        Interval(0.0, 1.0),
        equation=equation,
        conditions=[Condition(lambda x, u: u[0].value)],
        n_outputs=2,
        solution=solution,
    )


@exhibit("absolute value on the boundary", 900, 120)
def absolute_value():
    """Laplace(u) = 0 on [-1, 1] x [0, 1], |x| at y = 0: 2 / pi (x (pi / 2 - a) - y log r)."""

    def solution(x):
        s, y = x[:, 0], x[:, 1]
        r2 = (s**2 + y**2).clamp(min=1e-300)
        return 2 / PI * (s * (PI / 2 - torch.atan2(y, s)) - y * torch.log(r2) / 2)

    return PDE(
        Box([-1.0, 0.0], [1.0, 1.0]),
        equation=lambda x, u: u.laplacian,
        conditions=[Dirichlet(solution)],
        solution=solution,
    )


@exhibit("call, by the time to maturity", 1000, 200)
def call(strike=100.0, rate=0.05, volatility=0.2):
    """u_t = s^2 S^2 u_SS / 2 + r S u_S - r u from its payoff, S to 300: Black and Scholes."""

    def normal(s):
        return (1 + torch.erf(s / math.sqrt(2))) / 2

    def solution(x):
        S, t = x[:, 0], x[:, 1]
        spread = volatility * torch.sqrt(t)
        d = (torch.log(S / strike) + (rate + volatility**2 / 2) * t) / spread
        return S * normal(d) - strike * torch.exp(-rate * t) * normal(d - spread)

    def equation(x, u):
        S = x[:, 0]
        return u.dt - volatility**2 * S**2 * u.d(0, 0) / 2 - rate * S * u.d(0) + rate * u.value

    pde = PDE(
        SpaceTime(Interval(0.0, 300.0), 0.0, 1.0),
        equation=equation,
        conditions=[
            Dirichlet(0.0, where=face(0, 0.0)),
            Dirichlet(lambda x: 300 - strike * torch.exp(-rate * x[:, 1]), where=face(0, 300.0)),
            Initial(lambda x: torch.relu(x[:, 0] - strike)),
        ],
    )
    return Posed(pde, solutions=[solution], points=lambda: uniform([0.1, 0.01], [300.0, 1.0]))


@exhibit("gas in a porous rock", 1000, 200)
def porous_rock():
    """u_t = (u u_x)_x, Barenblatt's: a parabola that spreads, its edge a kink; t from 1 to 2."""

    def solution(x):
        t = x[:, 1]
        return torch.relu(t ** (-1 / 3) - x[:, 0] ** 2 / (6 * t))

    return PDE(
        SpaceTime(Interval(-4.0, 4.0), 1.0, 2.0),
        equation=lambda x, u: u.dt - u.value * u.d(0, 0) - u.d(0) ** 2,
        conditions=[Dirichlet(0.0), Initial(solution)],
        solution=solution,
    )


@exhibit("shock of Burgers, nu = 0.01 / pi", 2000, 300)
def shock():
    """u_t + u u_x = nu u_xx from -sin(pi x): Cole and Hopf's integral."""
    problem = burgers_shock()
    pde = PDE(problem.domain, equation=problem.equation, conditions=problem.conditions)
    return Posed(pde, reference=lambda X: problem.solution(torch.tensor(X)).numpy())


@exhibit("periodic saw", 600, 120)
def periodic_saw():
    """u_t = u_xx / 100, periodic, from a triangle wave; after a tenth of the time."""

    def solution(x):
        n = odd(200)
        waves = 4 / (n * PI) ** 2 * torch.cos(2 * PI * n * x[:, 0]) * torch.exp(-0.01 * (2 * PI * n) ** 2 * x[:, 1])
        return 0.5 + waves.sum(dim=0)

    pde = PDE(
        time_to(1.0),
        equation=lambda x, u: u.dt - 0.01 * u.d(0, 0),
        conditions=[Periodic(0), Initial(lambda x: (1 - 2 * x[:, 0]).abs())],
    )
    return Posed(pde, solutions=[solution], points=lambda: uniform([0.0, 0.1], [1.0, 1.0]))
