"""Noise in y, and too few rows."""

import numpy as np
import torch

from pinnlearn.conditions import Dirichlet, Initial
from pinnlearn.domains import Interval, Time
from pinnlearn.pdes import PDE
from zoo_problems.posed import NOISE, PI, Posed, exhibit, initial_value_problem, unit_square
from zoo_problems.smooth import time_to


def measured(pde: PDE, n_interior: int, n_boundary: int, n_measured: int, noise: float):
    """Rows of a problem and, at some places inside, its solution with noise of so much of its RMS."""

    def rows(seed):
        rng = np.random.default_rng(seed)
        X = pde.sample(n_interior, n_boundary, random_state=seed) if n_interior else np.empty((0, pde.domain.n_dims))
        places = pde.domain.sample_interior(n_measured, rng, "uniform")
        true = pde.solution(torch.tensor(places)).numpy()
        found = true + noise * np.sqrt(np.mean(true**2)) * rng.standard_normal(n_measured)
        y = np.concatenate([np.full(len(X), np.nan), found])
        order = rng.permutation(len(y))
        return {"X": np.concatenate([X, places])[order], "y": y[order]}

    return rows


@exhibit("heat from noisy measurements", kind=NOISE, fair=0.02)
def heat_from_measurements():
    """u_t = u_xx / 10, zero at both ends, no start, 100 measurements with 2 % noise."""
    pde = PDE(
        time_to(1.0),
        equation=lambda x, u: u.dt - 0.1 * u.d(0, 0),
        conditions=[Dirichlet(0.0)],
        solution=lambda x: torch.exp(-0.1 * PI**2 * x[:, 1]) * torch.sin(PI * x[:, 0]),
    )
    return Posed(pde, rows=measured(pde, 400, 80, 100, 0.02))


@exhibit("measurements beside a well-posed problem", kind=NOISE, fair=0.05)
def measurements_beside():
    """-Laplace(u) = f with all its conditions, and 50 measurements with 5 % noise."""

    def solution(x):
        return torch.sin(PI * x[:, 0]) * torch.sin(PI * x[:, 1])

    pde = PDE(
        unit_square(),
        equation=lambda x, u: -u.laplacian - 2 * PI**2 * solution(x),
        conditions=[Dirichlet(0.0)],
        solution=solution,
    )
    return Posed(pde, rows=measured(pde, 400, 120, 50, 0.05))


@exhibit("oscillator from noisy measurements", kind=NOISE, fair=0.05)
def oscillator_from_measurements():
    """U'' + u = 0 on [0, 10], nothing known but 60 values with 5 % noise."""
    pde = PDE(
        Interval(0.0, 10.0),
        equation=lambda x, u: u.d(0, 0) + u.value,
        solution=lambda x: torch.cos(x[:, 0]) + 0.5 * torch.sin(x[:, 0]),
    )
    return Posed(pde, rows=measured(pde, 200, 0, 60, 0.05))


@exhibit("decay from noisy measurements", kind=NOISE, fair=0.1)
def decay_from_measurements():
    """U' = -u on [0, 5], 40 values with 10 % noise, and a start that is not known."""
    pde = PDE(
        Time(0.0, 5.0),
        equation=lambda x, u: u.dt + u.value,
        solution=lambda x: 3 * torch.exp(-x[:, 0]),
    )
    return Posed(pde, rows=measured(pde, 100, 0, 40, 0.1))


@exhibit("plain regression with noise", kind=NOISE, fair=0.1)
def plain_regression():
    """No equation: 300 values of sin(3 x) exp(y) with 10 % noise."""

    def solution(x):
        return torch.sin(3 * x[:, 0]) * torch.exp(x[:, 1])

    def rows(seed):
        rng = np.random.default_rng(seed)
        X = rng.random((300, 2))
        true = solution(torch.tensor(X)).numpy()
        return {"X": X, "y": true + 0.1 * np.sqrt(np.mean(true**2)) * rng.standard_normal(300)}

    return Posed(None, solutions=[solution], rows=rows, points=lambda: np.random.default_rng(1).random((10_000, 2)))


@exhibit("noisy values on the boundary", kind=NOISE, fair=0.05)
def noisy_boundary():
    """Laplace(u) = 0, u = exp(x) sin(y), given on the boundary by 120 values with 5 % noise."""

    def solution(x):
        return torch.exp(x[:, 0]) * torch.sin(x[:, 1])

    pde = PDE(unit_square(), equation=lambda x, u: -u.laplacian, solution=solution)

    def rows(seed):
        rng = np.random.default_rng(seed)
        X = pde.sample(400, 120, random_state=seed)
        true = solution(torch.tensor(X)).numpy()
        noisy = true + 0.05 * np.sqrt(np.mean(true**2)) * rng.standard_normal(len(X))
        return {"X": X, "y": np.where(pde.domain.on_boundary(X), noisy, np.nan)}

    return Posed(pde, rows=rows)


@exhibit("few rows, three waves in a square", 40, 12)
@exhibit("few rows, three waves in a square, 120", 80, 40)
def waves_in_a_square():
    """-Laplace(u) = 18 pi^2 u, u = sin(3 pi x) sin(3 pi y)."""

    def solution(x):
        return torch.sin(3 * PI * x[:, 0]) * torch.sin(3 * PI * x[:, 1])

    return PDE(
        unit_square(),
        equation=lambda x, u: -u.laplacian - 18 * PI**2 * solution(x),
        conditions=[Dirichlet(0.0)],
        solution=solution,
    )


@exhibit("few rows without a domain")
def waves_without_a_domain():
    """The same from 60 + 24 plain rows with a region: no further ones can be drawn."""
    posed = Posed(waves_in_a_square())
    pde = PDE(equation=posed.pde.equation, conditions=posed.pde.conditions, solution=posed.pde.solution)

    def rows(seed):
        X = posed.pde.sample(60, 24, random_state=seed)
        return {"X": X, "region": posed.pde.domain.region(X)}

    return Posed(pde, rows=rows, points=posed.compared_points)


@exhibit("few rows, sin(40 x)", 12, 2)
def few_for_a_sine():
    """-u'' = 1600 sin(40 x)."""
    return PDE(
        Interval(0.0, 1.0),
        equation=lambda x, u: -u.d(0, 0) - 1600 * torch.sin(40 * x[:, 0]),
        conditions=[Dirichlet(lambda x: torch.sin(40 * x[:, 0]))],
        solution=lambda x: torch.sin(40 * x[:, 0]),
    )


@exhibit("few rows, heat", 30, 15)
def few_for_heat():
    """u_t = u_xx / 4, u = exp(-pi^2 t) sin(2 pi x)."""
    return PDE(
        time_to(1.0),
        equation=lambda x, u: u.dt - 0.25 * u.d(0, 0),
        conditions=[Dirichlet(0.0), Initial(lambda x: torch.sin(2 * PI * x[:, 0]))],
        solution=lambda x: torch.exp(-(PI**2) * x[:, 1]) * torch.sin(2 * PI * x[:, 0]),
    )


@exhibit("few rows, a peak", 200, 40)
def peak():
    """-Laplace(u) = f, u = exp(-((x - 0.6)^2 + (y - 0.3)^2) / 2 / 0.03^2): a dozen rows see it."""
    width = 0.03

    def squares(x):
        return ((x[:, 0] - 0.6) ** 2 + (x[:, 1] - 0.3) ** 2) / width**2

    def solution(x):
        return torch.exp(-squares(x) / 2)

    return PDE(
        unit_square(),
        equation=lambda x, u: -u.laplacian - (2 - squares(x)) / width**2 * solution(x),
        conditions=[Dirichlet(solution)],
        solution=solution,
    )


@exhibit("few rows, values that oscillate on a side", 300, 40)
def oscillating_side():
    """Laplace(u) = 0, u = cos(20 x) exp(-20 y)."""

    def solution(x):
        return torch.cos(20 * x[:, 0]) * torch.exp(-20 * x[:, 1])

    return PDE(
        unit_square(),
        equation=lambda x, u: -u.laplacian,
        conditions=[Dirichlet(solution)],
        solution=solution,
    )


@exhibit("few rows, decay in five rows", 5, 1)
def few_for_decay():
    """U' = -u + cos(6 t), t to 6."""

    def solution(x):
        t = x[:, 0]
        return (torch.cos(6 * t) + 6 * torch.sin(6 * t)) / 37 + (1 - 1 / 37) * torch.exp(-t)

    return initial_value_problem(lambda t, u: (-u + torch.cos(6 * t),), [1.0], 6.0, solution=solution)
