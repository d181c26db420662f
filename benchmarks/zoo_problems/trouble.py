"""Problems that have no one right answer, as they come: several solutions, ill-posed, or with something forgotten."""

import math
from itertools import pairwise

import numpy as np
import torch
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

from pinnlearn.conditions import Condition, Dirichlet, Initial, Neumann, Periodic
from pinnlearn.domains import Interval, SpaceTime, Time
from pinnlearn.pdes import PDE
from zoo_problems.posed import ILL_POSED, INCOMPLETE, PI, SEVERAL, TIGHT, Posed, exhibit, face, stacked, unit_square
from zoo_problems.smooth import time_to

# -- several solutions


@exhibit("Bratu, lambda = 1", 100, 2, SEVERAL, strength=1.0)
@exhibit("Bratu, lambda = 3", 100, 2, SEVERAL, strength=3.0)
def bratu(strength):
    """-u'' = lambda exp(u), u(0) = u(1) = 0: two solutions, -2 log(cosh(a (x - 1/2)) / cosh(a / 2))."""
    # 2 a^2 = lambda cosh(a / 2)^2 has two roots; where the two sides are nearest a tanh(a / 2) = 2.
    turn, gap = 2.3993572805154, lambda a: 2 * a**2 - strength * math.cosh(a / 2) ** 2
    roots = [brentq(gap, 1e-3, turn, xtol=1e-14), brentq(gap, turn, 30.0, xtol=1e-14)]

    def solution(a):
        return lambda x: -2 * torch.log(torch.cosh(a * (x[:, 0] - 0.5)) / math.cosh(a / 2))

    pde = PDE(
        Interval(0.0, 1.0),
        equation=lambda x, u: u.d(0, 0) + strength * torch.exp(u.value),
        conditions=[Dirichlet(0.0)],
    )
    return Posed(pde, solutions=[solution(root) for root in roots])


@exhibit("pendulum between two angles", 100, 2, SEVERAL)
def pendulum_between_two_angles():
    """Theta'' = -100 sin(theta), theta(0) = 0.5, theta(1) = -0.5: every solution that shooting finds."""

    def thrown(slope, places):
        rates = lambda x, y: (y[1], -100 * np.sin(y[0]))  # noqa: E731
        return solve_ivp(rates, (0, 1), (0.5, slope), "DOP853", places, rtol=TIGHT, atol=TIGHT).y[0]

    def reference(X):
        slopes = np.linspace(-40, 40, 801)
        off = [thrown(slope, [1.0])[0] + 0.5 for slope in slopes]
        between = [pair for pair, ends in zip(pairwise(slopes), pairwise(off), strict=True) if ends[0] * ends[1] < 0]
        order = np.argsort(X[:, 0])
        back = np.argsort(order)
        right = [brentq(lambda slope: thrown(slope, [1.0])[0] + 0.5, *pair, xtol=1e-13) for pair in between]
        return [thrown(slope, X[order, 0])[back] for slope in right]

    pde = PDE(
        Interval(0.0, 1.0),
        equation=lambda x, u: u.d(0, 0) + 100 * torch.sin(u.value),
        conditions=[Dirichlet(lambda x: 0.5 - x[:, 0])],
    )
    return Posed(pde, reference=reference)


@exhibit("eigenfunction", 60, 2, SEVERAL)
def eigenfunction():
    """U'' + pi^2 u = sin(2 pi x), u(0) = u(1) = 0: any multiple of sin(pi x) may be added."""
    return PDE(
        Interval(0.0, 1.0),
        equation=lambda x, u: u.d(0, 0) + PI**2 * u.value - torch.sin(2 * PI * x[:, 0]),
        conditions=[Dirichlet(0.0)],
    )


@exhibit("eigenfunction of a square", 600, 120, SEVERAL)
def eigenfunction_of_a_square():
    """-Laplace(u) = 5 pi^2 u + 1 on the square: sin(pi x) sin(2 pi y) and its mirror image may be added."""
    return PDE(
        unit_square(),
        equation=lambda x, u: u.laplacian + 5 * PI**2 * u.value + 1,
        conditions=[Dirichlet(0.0)],
    )


@exhibit("Monge and Ampere", 600, 120, SEVERAL)
def monge_ampere():
    """u_xx u_yy - u_xy^2 = f, u = exp((x^2 + y^2) / 2), or a concave one."""

    def solution(x):
        return torch.exp((x**2).sum(dim=1) / 2)

    def source(x):
        s = (x**2).sum(dim=1)
        return (1 + s) * torch.exp(s)

    return PDE(
        unit_square(),
        equation=lambda x, u: u.d(0, 0) * u.d(1, 1) - u.d(0, 1) ** 2 - source(x),
        conditions=[Dirichlet(solution)],
        solution=solution,
    )


# -- ill-posed


@exhibit("backward heat", 900, 120, ILL_POSED)
def backward_heat():
    """u_t = -u_xx from a hat, t to 0.1."""
    return PDE(
        time_to(0.1),
        equation=lambda x, u: u.dt + u.d(0, 0),
        conditions=[Dirichlet(0.0), Initial(lambda x: 0.5 - (x[:, 0] - 0.5).abs())],
    )


@exhibit("backward heat from something smooth", 900, 120, ILL_POSED)
def smooth_backward_heat():
    """u_t = -u_xx, t to 1, from x (1 - x)."""
    return PDE(
        time_to(1.0),
        equation=lambda x, u: u.dt + u.d(0, 0),
        conditions=[Dirichlet(0.0), Initial(lambda x: x[:, 0] * (1 - x[:, 0]))],
    )


@exhibit("Cauchy data for Laplace", 600, 120, ILL_POSED)
def cauchy_data():
    """Laplace(u) = 0 with value and slope at y = 0 alone."""
    return PDE(
        unit_square(),
        equation=lambda x, u: u.laplacian,
        conditions=[
            Dirichlet(lambda x: torch.sin(PI * x[:, 0]), where=face(1, 0.0)),
            Neumann(0.0, where=face(1, 0.0)),
        ],
    )


@exhibit("Cauchy data for Laplace, and the sides", 600, 120, ILL_POSED)
def cauchy_data_and_sides():
    """Laplace(u) = 0 with value and slope at y = 0, zero at x = 0 and 1, to y = 1: exp(k pi) for the k-th mode."""
    return PDE(
        unit_square(),
        equation=lambda x, u: u.laplacian,
        conditions=[
            Dirichlet(lambda x: (x[:, 0] * (1 - x[:, 0])) ** 2, where=face(1, 0.0)),
            Neumann(0.0, where=face(1, 0.0)),
            Dirichlet(0.0, where=lambda x: (x[:, 1] > 0) & ((x[:, 0] == 0) | (x[:, 0] == 1))),
        ],
    )


@exhibit("two values on one face", 400, 120, ILL_POSED)
def two_values():
    """-Laplace(u) = 1 with u = 0 on all sides, and u = 1 at x = 1 as well."""
    return PDE(
        unit_square(),
        equation=lambda x, u: -u.laplacian - 1,
        conditions=[Dirichlet(0.0), Dirichlet(1.0, where=face(0, 1.0))],
    )


@exhibit("fluxes that do not balance", 400, 120, ILL_POSED)
def unbalanced():
    """-Laplace(u) = 1 in an insulated square."""
    return PDE(unit_square(), equation=lambda x, u: -u.laplacian - 1, conditions=[Neumann(0.0)])


@exhibit("past a shock without viscosity", 900, 120, ILL_POSED)
def inviscid():
    """u_t + u u_x = 0, periodic, from sin(2 pi x), t to 0.5: no smooth solution after t = 0.16."""
    return PDE(
        time_to(0.5),
        equation=lambda x, u: u.dt + u.value * u.d(0),
        conditions=[Periodic(0), Initial(lambda x: torch.sin(2 * PI * x[:, 0]))],
    )


@exhibit("slope one, and zero at both ends", 100, 2, ILL_POSED)
def ridge():
    """(u')^2 = 1, u(0) = u(1) = 0: has no solution with a slope everywhere."""
    return PDE(Interval(0.0, 1.0), equation=lambda x, u: u.d(0) ** 2 - 1, conditions=[Dirichlet(0.0)])


@exhibit("beyond Bratu's fold, lambda = 4", 100, 2, ILL_POSED)
def beyond_the_fold():
    """-u'' = 4 exp(u), u(0) = u(1) = 0: has no solution."""
    return PDE(
        Interval(0.0, 1.0), equation=lambda x, u: u.d(0, 0) + 4 * torch.exp(u.value), conditions=[Dirichlet(0.0)]
    )


@exhibit("a wave between two times", 600, 160, ILL_POSED)
def wave_between_times():
    """u_xx = u_yy on the square with values on all four sides: sin(k pi x) sin(k pi y) may be added, and more."""
    return PDE(
        unit_square(),
        equation=lambda x, u: u.d(0, 0) - u.d(1, 1),
        conditions=[Dirichlet(lambda x: torch.sin(PI * x[:, 0]) * (1 - x[:, 1]))],
    )


# -- something is forgotten


@exhibit("a value on one face only", 600, 120, INCOMPLETE)
def one_face():
    """-Laplace(u) = 1 with u = 0 at x = 0 alone."""
    return PDE(unit_square(), equation=lambda x, u: -u.laplacian - 1, conditions=[Dirichlet(0.0, where=face(0, 0.0))])


@exhibit("three faces of four", 600, 120, INCOMPLETE)
def three_faces():
    """-Laplace(u) = f, u = 0 on all sides but y = 1."""
    return PDE(
        unit_square(),
        equation=lambda x, u: -u.laplacian - torch.exp(x[:, 0]),
        conditions=[Dirichlet(0.0, where=lambda x: x[:, 1] < 1)],
    )


@exhibit("heat without a start", 600, 120, INCOMPLETE)
def heat_without_start():
    """u_t = u_xx, zero at both ends."""
    return PDE(time_to(1.0), equation=lambda x, u: u.dt - u.d(0, 0), conditions=[Dirichlet(0.0)])


@exhibit("heat with a source, without a start", 600, 120, INCOMPLETE)
def heat_with_source_without_start():
    """u_t = u_xx / 10 + 1, zero at both ends."""
    return PDE(time_to(1.0), equation=lambda x, u: u.dt - 0.1 * u.d(0, 0) - 1, conditions=[Dirichlet(0.0)])


@exhibit("wave without a velocity", 900, 120, INCOMPLETE)
def wave_without_velocity():
    """u_tt = u_xx from sin(pi x)."""
    return PDE(
        time_to(1.0),
        equation=lambda x, u: u.d(1, 1) - u.d(0, 0),
        conditions=[Dirichlet(0.0), Initial(lambda x: torch.sin(PI * x[:, 0]))],
    )


@exhibit("oscillator without a velocity", 100, 2, INCOMPLETE)
def oscillator_without_velocity():
    """U'' + u = 0, u(0) = 1."""
    return PDE(Time(0.0, 10.0), equation=lambda x, u: u.d(0, 0) + u.value, conditions=[Initial(1.0)])


@exhibit("one end of two", 60, 2, INCOMPLETE)
def one_end():
    """-u'' = 1, u(0) = 0."""
    return PDE(
        Interval(0.0, 1.0), equation=lambda x, u: -u.d(0, 0) - 1, conditions=[Dirichlet(0.0, where=face(0, 0.0))]
    )


@exhibit("beam without slopes", 100, 2, INCOMPLETE)
def beam_without_slopes():
    """U'''' = 1 with values alone."""
    return PDE(Interval(0.0, 1.0), equation=lambda x, u: u.d(0, 0, 0, 0) - 1, conditions=[Dirichlet(0.0)])


@exhibit("insulated all round", 400, 120, INCOMPLETE)
def insulated_all_round():
    """-Laplace(u) = 2 pi^2 cos(pi x) cos(pi y) in an insulated square: up to a constant."""
    return PDE(
        unit_square(),
        equation=lambda x, u: -u.laplacian - 2 * PI**2 * torch.cos(PI * x[:, 0]) * torch.cos(PI * x[:, 1]),
        conditions=[Neumann(0.0)],
    )


@exhibit("periodic without a level", 100, 20, INCOMPLETE)
def periodic_without_level():
    """-u'' = cos(2 pi x), periodic."""
    return PDE(
        Interval(0.0, 1.0), equation=lambda x, u: -u.d(0, 0) - torch.cos(2 * PI * x[:, 0]), conditions=[Periodic(0)]
    )


@exhibit("advection without an inlet", 600, 120, INCOMPLETE)
def advection_without_inlet():
    """u_t + u_x = 0 from sin(2 pi x), with no value at x = 0."""
    return PDE(
        time_to(1.0),
        equation=lambda x, u: u.dt + u.d(0),
        conditions=[Initial(lambda x: torch.sin(2 * PI * x[:, 0]))],
    )


@exhibit("plate without a second condition", 600, 120, INCOMPLETE)
def plate_without_second():
    """Laplace^2 u = 1 with u = 0 on all sides."""
    return PDE(
        unit_square(),
        equation=lambda x, u: u.d(0, 0, 0, 0) + 2 * u.d(0, 0, 1, 1) + u.d(1, 1, 1, 1) - 1,
        conditions=[Dirichlet(0.0)],
    )


@exhibit("second output without conditions", 400, 120, INCOMPLETE)
def second_output():
    """-Laplace(u) = v, -Laplace(v) = 1 with u = 0 on all sides."""
    return PDE(
        unit_square(),
        equation=lambda x, u: stacked(-u[0].laplacian - u[1].value, -u[1].laplacian - 1),
        conditions=[Condition(lambda x, u: u[0].value)],
        n_outputs=2,
    )


@exhibit("annulus without its inner rim", kind=INCOMPLETE)
def annulus():
    """Laplace(u) = 0 for 1 < r < 2 from plain arrays, with rows and values on the outer rim alone."""
    pde = PDE(equation=lambda x, u: -u.laplacian, conditions=[Dirichlet(1.0)])

    def rows(seed):
        rng = np.random.default_rng(seed)
        r, angle = np.append(np.sqrt(rng.uniform(1, 4, 400)), np.full(80, 2.0)), 2 * np.pi * rng.random(480)
        X = np.column_stack([r * np.cos(angle), r * np.sin(angle)])
        return {"X": X, "region": np.repeat(["interior", "boundary"], [400, 80])}

    return Posed(pde, rows=rows)


@exhibit("call, its payoff a condition at the end", 1000, 200, INCOMPLETE)
def call_at_the_end(strike=100.0, rate=0.05, volatility=0.2):
    """Case 11: u_t + s^2 S^2 u_SS / 2 + r S u_S - r u = 0, the payoff a `Condition` at t = T, which holds at no row."""

    def equation(x, u):
        S = x[:, 0]
        return u.dt + volatility**2 * S**2 * u.d(0, 0) / 2 + rate * S * u.d(0) - rate * u.value

    return PDE(
        SpaceTime(Interval(0.0, 300.0), 0.0, 1.0),
        equation=equation,
        conditions=[
            Dirichlet(0.0, where=face(0, 0.0)),
            Dirichlet(lambda x: 300 - strike * torch.exp(-rate * (1 - x[:, 1])), where=face(0, 300.0)),
            Condition(lambda x, u: u.value - torch.relu(x[:, 0] - strike), where=face(1, 1.0)),
        ],
    )


@exhibit("a condition that holds nowhere", 100, 2, INCOMPLETE)
def holds_nowhere():
    """-u'' = 1 on [0, 0.1 + 0.2], its right end written as 0.3: nothing is asked for there."""
    return PDE(
        Interval(0.0, 0.1 + 0.2),
        equation=lambda x, u: -u.d(0, 0) - 1,
        conditions=[Dirichlet(0.0, where=face(0, 0.0)), Dirichlet(1.0, where=face(0, 0.3))],
    )
