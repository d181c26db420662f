"""Ordinary differential equations: stiff, long, growing, chaotic, singular."""

import math

import numpy as np
import torch
from scipy.integrate import solve_ivp
from scipy.optimize import brentq
from scipy.special import j0

from pinnlearn.conditions import Condition, Dirichlet, Initial, InitialVelocity, Neumann
from pinnlearn.domains import Interval, Time
from pinnlearn.pdes import PDE
from zoo_problems.posed import ILL_POSED, SEVERAL, TIGHT, Posed, exhibit, face, initial_value_problem

PEOPLE = 7_900_010.0


@exhibit("flame, 100 rows", 100, 2, start=0.01, t_end=200.0)
@exhibit("flame, 300 rows", 300, 2, start=0.01, t_end=200.0, on_an_interval=True)
@exhibit("flame, 1000 rows", 1000, 2, start=0.01, t_end=200.0)
@exhibit("flame, 1e-4, t to 20,000", 300, 2, start=1e-4, t_end=20_000.0)
def flame(start, t_end, on_an_interval=False):
    """Case 1: u' = u^2 - u^3 from 0.01: stays near it, jumps to 1 near t = 100."""
    return initial_value_problem(
        lambda t, u: (u**2 - u**3,), [start], t_end, method="Radau", on_an_interval=on_an_interval
    )


@exhibit("epidemic in heads", 300, 2, n=PEOPLE)
@exhibit("epidemic in fractions", 300, 2, n=1.0)
def epidemic(n, infects=0.5, recovers=0.33):
    """Case 2: S' = -b S I / N, I' = b S I / N - g I, R' = g I from 10 ill heads at day 1, to day 150."""
    ill = 10.0 * n / PEOPLE
    return initial_value_problem(
        lambda t, s, i, r: (-infects * s * i / n, infects * s * i / n - recovers * i, recovers * i),
        [n - ill, ill, 0.0],
        150.0,
        t_start=1.0,
    )


@exhibit("Lorenz, rho = 15, 300 rows", 300, 2, rho=15.0, start=(-8.0, 7.0, 27.0), t_end=3.0)
@exhibit("Lorenz, rho = 15, 1000 rows", 1000, 2, rho=15.0, start=(-8.0, 7.0, 27.0), t_end=3.0, on_an_interval=True)
@exhibit("Lorenz, rho = 15, t to 20", 300, 2, rho=15.0, start=(1.0, 1.0, 1.0), t_end=20.0)
@exhibit("Lorenz, rho = 28, t to 5", 300, 2, rho=28.0, start=(1.0, 1.0, 1.0), t_end=5.0)
@exhibit("Lorenz, rho = 28, t to 12", 1000, 2, rho=28.0, start=(1.0, 1.0, 1.0), t_end=12.0)
def lorenz(rho, start, t_end, on_an_interval=False):
    """Case 3 and the table's: x' = 10 (y - x), y' = x (rho - z) - y, z' = x y - 8/3 z; chaotic for rho = 28."""
    return initial_value_problem(
        lambda t, x, y, z: (10 * (y - x), x * (rho - z) - y, x * y - 8 / 3 * z),
        start,
        t_end,
        on_an_interval=on_an_interval,
    )


@exhibit("logistic to 1000, 50 rows", 50, 2, start=1.0, capacity=1000.0, t_end=20.0)
@exhibit("logistic to 1000, 350 rows", 350, 2, start=1.0, capacity=1000.0, t_end=20.0, on_an_interval=True)
@exhibit("logistic from 1e-3", 100, 2, start=1e-3, capacity=1.0, t_end=15.0)
@exhibit("logistic, 10 rows", 10, 2, start=1e-3, capacity=1.0, t_end=15.0)
def logistic(start, capacity, t_end, on_an_interval=False):
    """Case 4 and the table's: u' = u (1 - u / capacity)."""
    return initial_value_problem(
        lambda t, u: (u * (1 - u / capacity),),
        [start],
        t_end,
        on_an_interval=on_an_interval,
        solution=lambda x: capacity / (1 + (capacity / start - 1) * torch.exp(-x[:, 0])),
    )


@exhibit("growth, exp(5 t), t to 2", 100, 2, t_end=2.0)
@exhibit("growth, exp(5 t), t to 10", 100, 2, t_end=10.0)
@exhibit("growth, exp(5 t), t to 4", 100, 2, t_end=4.0, on_an_interval=True)
def growth(t_end, on_an_interval=False):
    """U' = 5 u, u(0) = 1."""
    return initial_value_problem(
        lambda t, u: (5 * u,),
        [1.0],
        t_end,
        on_an_interval=on_an_interval,
        solution=lambda x: torch.exp(5 * x[:, 0]),
    )


@exhibit("van der Pol, mu = 5, t to 50", 300, 2, mu=5.0, t_end=50.0)
@exhibit("van der Pol, mu = 1000, t to 2000", 300, 2, mu=1000.0, t_end=2000.0)
def van_der_pol(mu, t_end):
    """U' = v, v' = mu (1 - u^2) v - u from (2, 0)."""
    return initial_value_problem(
        lambda t, u, v: (v, mu * (1 - u**2) * v - u), [2.0, 0.0], t_end, method="Radau" if mu > 100 else "DOP853"
    )


@exhibit("Robertson, t to 10,000", 300, 2)
def robertson():
    """Three reactions, with rates from 0.04 to 3e7."""
    return initial_value_problem(
        lambda t, x, y, z: (-0.04 * x + 1e4 * y * z, 0.04 * x - 1e4 * y * z - 3e7 * y**2, 3e7 * y**2),
        [1.0, 0.0, 0.0],
        1e4,
        method="Radau",
    )


@exhibit("Brusselator, t to 30", 300, 2)
def brusselator():
    """X' = 1 + x^2 y - 4 x, y' = 3 x - x^2 y: a limit cycle."""
    return initial_value_problem(lambda t, x, y: (1 + x**2 * y - 4 * x, 3 * x - x**2 * y), [1.5, 3.0], 30.0)


@exhibit("predator and prey, t to 40", 300, 2)
def predator_and_prey():
    """X' = x (1 - y / 10), y' = y (x / 20 - 1) from (40, 9)."""
    return initial_value_problem(lambda t, x, y: (x * (1 - y / 10), y * (x / 20 - 1)), [40.0, 9.0], 40.0)


@exhibit("neuron, t to 200", 300, 2)
def neuron():
    """FitzHugh and Nagumo's: v' = v - v^3 / 3 - w + 0.5, w' = 0.08 (v + 0.7 - 0.8 w): spikes."""
    return initial_value_problem(
        lambda t, v, w: (v - v**3 / 3 - w + 0.5, 0.08 * (v + 0.7 - 0.8 * w)), [-1.0, 1.0], 200.0
    )


@exhibit("decay chain, rates 1e4, 1, 1e-4", 200, 2)
def decay_chain():
    """Three nuclides that decay into one another: a' = -1e4 a, b' = 1e4 a - b, c' = b - 1e-4 c, t to 100."""
    return initial_value_problem(
        lambda t, a, b, c: (-1e4 * a, 1e4 * a - b, b - 1e-4 * c), [1.0, 0.0, 0.0], 100.0, method="Radau"
    )


@exhibit("orbit, eccentricity 0.5", 400, 2)
def orbit():
    """Two bodies for three revolutions: x'' = -x / r^3, as four equations."""
    return initial_value_problem(
        lambda t, x, y, v, w: (v, w, -x / (x**2 + y**2) ** 1.5, -y / (x**2 + y**2) ** 1.5),
        [0.5, 0.0, 0.0, math.sqrt(3.0)],
        6 * math.pi,
    )


@exhibit("oscillator, u'' + u = 0, t to 100", 500, 2)
def oscillator():
    """Sixteen periods: u(0) = 1, u'(0) = 0, as one equation of second order."""
    return PDE(
        Time(0.0, 100.0),
        equation=lambda x, u: u.d(0, 0) + u.value,
        conditions=[Initial(1.0), InitialVelocity(0.0)],
        solution=lambda x: torch.cos(x[:, 0]),
    )


@exhibit("oscillator on an interval", 300, 2)
def damped_oscillator():
    """U'' + 0.2 u' + 25 u = 0, u(0) = 1, u'(0) = 0, t to 20, its conditions at one end of an interval."""
    slow, omega = 0.1, math.sqrt(25 - 0.01)

    def at_start(x):
        return x[:, 0] == 0

    return PDE(
        Interval(0.0, 20.0),
        equation=lambda x, u: u.d(0, 0) + 2 * slow * u.d(0) + 25 * u.value,
        conditions=[Dirichlet(1.0, where=at_start), Neumann(0.0, where=at_start)],
        solution=lambda x: (
            torch.exp(-slow * x[:, 0]) * (torch.cos(omega * x[:, 0]) + slow / omega * torch.sin(omega * x[:, 0]))
        ),
    )


@exhibit("pendulum, t to 30", 300, 2)
def pendulum():
    """Theta'' = -sin(theta) from 3 radians at rest: long stays near the top."""
    pde = PDE(
        Time(0.0, 30.0),
        equation=lambda x, u: u.d(0, 0) + torch.sin(u.value),
        conditions=[Initial(3.0), InitialVelocity(0.0)],
    )

    def reference(X):
        found = solve_ivp(
            lambda t, y: (y[1], -np.sin(y[0])), (0, 30), (3.0, 0.0), "DOP853", X[:, 0], rtol=TIGHT, atol=TIGHT
        )
        return found.y[0]

    return Posed(pde, reference=reference, points=lambda: np.linspace(0, 30, 301)[1:, None])


@exhibit("forced, u' = -u + sin(20 t)", 200, 2)
def forced():
    """u(0) = 0, t to 10."""
    w = 20.0
    return initial_value_problem(
        lambda t, u: (-u + torch.sin(w * t),),
        [0.0],
        10.0,
        solution=lambda x: (torch.sin(w * x[:, 0]) - w * torch.cos(w * x[:, 0]) + w * torch.exp(-x[:, 0])) / (1 + w**2),
    )


@exhibit("square root, u' = 1 / (2 sqrt x)", 100, 2)
def square_root():
    """u(0) = 0: u = sqrt x, whose slope at 0 is not finite."""
    return PDE(
        Interval(0.0, 1.0),
        equation=lambda x, u: u.d(0) - 0.5 / torch.sqrt(x[:, 0]),
        conditions=[Dirichlet(0.0, where=face(0, 0.0))],
        solution=lambda x: torch.sqrt(x[:, 0]),
    )


@exhibit("Euler's equation, rows in geometric progression")
def euler():
    """Case 10: x^2 u'' + x u' - u = 0 on [0.1, 10], u = x + 1 / x, 302 rows."""
    pde = PDE(
        Interval(0.1, 10.0),
        equation=lambda x, u: x[:, 0] ** 2 * u.d(0, 0) + x[:, 0] * u.d(0) - u.value,
        conditions=[Dirichlet(lambda x: x[:, 0] + 1 / x[:, 0])],
        solution=lambda x: x[:, 0] + 1 / x[:, 0],
    )

    def rows(seed):
        X = np.geomspace(0.1, 10.0, 302)
        X[[0, -1]] = 0.1, 10.0
        return {"X": X[:, None]}

    return Posed(pde, rows=rows)


@exhibit("near a pole, u' = u^2, t to 0.99", 100, 2, t_end=0.99)
def riccati(t_end):
    """u(0) = 1: u = 1 / (1 - t)."""
    return initial_value_problem(lambda t, u: (u**2,), [1.0], t_end, solution=lambda x: 1 / (1 - x[:, 0]))


@exhibit("past a pole, u' = u^2, t to 2", 100, 2, ILL_POSED)
def past_a_pole():
    """u(0) = 1: there is no solution beyond t = 1."""
    return PDE(Time(0.0, 2.0), equation=lambda x, u: u.dt - u.value**2, conditions=[Initial(1.0)])


@exhibit("many ways from zero, u' = sqrt u", 100, 2, SEVERAL)
def many_ways_from_zero():
    """u(0) = 0: zero, and (t - c)^2 / 4 after any time c."""
    return PDE(Time(0.0, 4.0), equation=lambda x, u: u.dt - torch.sqrt(u.value.abs()), conditions=[Initial(0.0)])


@exhibit("star, u'' + 2 u' / x + u^5 = 0", 200, 2)
def star():
    """Lane and Emden's equation: u(0) = 1, u'(0) = 0, u = (1 + x^2 / 3)^(-1/2), x to 10."""

    def at_centre(x):
        return x[:, 0] == 0

    return PDE(
        Interval(0.0, 10.0),
        equation=lambda x, u: u.d(0, 0) + 2 / x[:, 0] * u.d(0) + u.value**5,
        conditions=[Dirichlet(1.0, where=at_centre), Neumann(0.0, where=at_centre)],
        solution=lambda x: (1 + x[:, 0] ** 2 / 3) ** -0.5,
    )


@exhibit("Bessel's equation", 200, 2)
def bessel():
    """x^2 u'' + x u' + x^2 u = 0, u(0) = 1, u(20) given: J_0."""
    pde = PDE(
        Interval(0.0, 20.0),
        equation=lambda x, u: x[:, 0] * u.d(0, 0) + u.d(0) + x[:, 0] * u.value,
        conditions=[Dirichlet(lambda x: torch.where(x[:, 0] == 0, 1.0, float(j0(20.0))))],
    )
    return Posed(pde, reference=lambda X: j0(X[:, 0]))


@exhibit("flow along a plate", 100, 10)
def blasius():
    """F''' + f f'' / 2 = 0, f(0) = f'(0) = 0, f'(10) = 1: Blasius, f''(0) = 0.3320573; by shooting."""
    pde = PDE(
        Interval(0.0, 10.0),
        equation=lambda x, u: u.d(0, 0, 0) + u.value * u.d(0, 0) / 2,
        conditions=[
            Dirichlet(0.0, where=face(0, 0.0)),
            Condition(lambda x, u: u.d(0), where=face(0, 0.0)),
            Condition(lambda x, u: u.d(0) - 1, where=face(0, 10.0)),
        ],
    )

    def integrated(bend, times):
        rates = lambda t, y: (y[1], y[2], -y[0] * y[2] / 2)  # noqa: E731
        return solve_ivp(rates, (0, 10), (0.0, 0.0, bend), "DOP853", times, rtol=TIGHT, atol=TIGHT).y

    def reference(X):
        bend = brentq(lambda bend: integrated(bend, [10.0])[1, -1] - 1, 0.3, 0.4, xtol=1e-14)
        return integrated(bend, X[:, 0])[0]

    return Posed(pde, reference=reference, points=lambda: np.linspace(0, 10, 201)[1:, None])
