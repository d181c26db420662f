"""The answer does not depend on units: the same problem in others ends with the same error, up to a factor of ten."""

import warnings
from functools import cache

import numpy as np
import pytest
import torch

from pinnlearn import PINNRegressor
from pinnlearn.conditions import Dirichlet, Initial, Neumann
from pinnlearn.domains import Box, Interval, SpaceTime, Time
from pinnlearn.pdes import PDE

PI = torch.pi
EPOCH = 1.7e9
# Errors below this are rounding, which units change at random.
DIGITS = 1e-10


def poisson(length=1.0, size=1.0, offset=0.0):
    """-Laplace(u) = f on a square."""

    def u(x):
        return size * torch.sin(PI * x[:, 0] / length) * torch.exp(x[:, 1] / length) + offset

    pde = PDE(
        Box([0.0, 0.0], [length, length]),
        equation=lambda x, v: v.laplacian + (PI**2 - 1) / length**2 * (u(x) - offset),
        conditions=[Dirichlet(u)],
        solution=u,
    )
    return pde, 300, 80


def reaction(length=1.0, size=1.0, offset=0.0):
    """-u'' + (u - offset)^3 / (L U)^2 = f, a slope at one end."""

    def u(x):
        return size * torch.sin(3 * x[:, 0] / length) + offset

    def f(x):
        w = u(x) - offset
        return 9 / length**2 * w + w**3 / (length * size) ** 2

    pde = PDE(
        Interval(0.0, length),
        equation=lambda x, v: -v.d(0, 0) + (v.value - offset) ** 3 / (length * size) ** 2 - f(x),
        conditions=[
            Dirichlet(u, where=lambda x: x[:, 0] == 0),
            Neumann(lambda x: 3 * size / length * torch.cos(3 * x[:, 0] / length), where=lambda x: x[:, 0] > 0),
        ],
        solution=u,
    )
    return pde, 60, 2


def heat(length=1.0, size=1.0, offset=0.0, duration=1.0, start=0.0):
    """u_t = kappa u_xx, kappa = 0.1 in units of length^2 / duration."""
    kappa = 0.1 * length**2 / duration

    def u(x):
        decay = torch.exp(-0.1 * PI**2 * (x[:, 1] - start) / duration)
        return size * decay * torch.sin(PI * x[:, 0] / length) + offset

    pde = PDE(
        SpaceTime(Interval(0.0, length), start, start + duration),
        equation=lambda x, v: v.dt - kappa * v.laplacian,
        conditions=[Dirichlet(offset), Initial(u)],
        solution=u,
    )
    return pde, 300, 90


def growth(size=1.0, offset=0.0, duration=10.0, start=0.0):
    """Logistic, u' = 10 w (1 - w / U) / T with w = u - offset."""

    def u(x):
        return size / (1 + 9 * torch.exp(-10 * (x[:, 0] - start) / duration)) + offset

    pde = PDE(
        Time(start, start + duration),
        equation=lambda x, v: v.dt - 10 / duration * (v.value - offset) * (1 - (v.value - offset) / size),
        conditions=[Initial(size / 10 + offset)],
        solution=u,
    )
    return pde, 100, 1


def swing(size=1.0, offset=0.0, duration=10.0, start=0.0):
    """u'' = -(10 / T)^2 (u - offset) between two ends in time, as an interval."""
    rate = 10 / duration

    def u(x):
        s = rate * (x[:, 0] - start)
        return size * (torch.cos(s) + 0.5 * torch.sin(s)) + offset

    pde = PDE(
        Interval(start, start + duration),
        equation=lambda x, v: v.d(0, 0) + rate**2 * (v.value - offset),
        conditions=[Dirichlet(u)],
        solution=u,
    )
    return pde, 80, 2


def spring(stiffness=1.0, size=1.0):
    """Stress and displacement of a bar, s = E u', s' = -f: two outputs of sizes E and 1."""

    def u(x):
        return torch.stack([size * torch.sin(2 * x[:, 0]), stiffness * size * 2 * torch.cos(2 * x[:, 0])], dim=1)

    def equation(x, v):
        return torch.stack(
            [v[1].value - stiffness * v[0].d(0), v[1].d(0) + 4 * stiffness * size * torch.sin(2 * x[:, 0])], dim=1
        )

    ends = [
        Dirichlet(lambda x: u(x), where=lambda x: x[:, 0] == 0),
    ]
    return PDE(Interval(0.0, 1.0), equation=equation, conditions=ends, n_outputs=2, solution=u), 60, 2


def two_fields(ratio=1.0, vanishes=False):
    """Two coupled outputs on a square, one `ratio` times the other, and nonlinear in both.

    The first may vanish on the boundary: its size is told by the equations alone.
    """

    def u(x):
        waves, b = torch.sin(x[:, 0] + 2 * x[:, 1]), torch.exp(x[:, 0] - x[:, 1])
        a = torch.sin(PI * x).prod(dim=1) if vanishes else waves
        return torch.stack([a, ratio * b], dim=1)

    def equation(x, v):
        a, b = u(x).unbind(dim=1)
        first = v[0].laplacian + (2 * PI**2 if vanishes else 5) * a + (v[0].value * v[1].value - a * b) / ratio
        second = v[1].laplacian - 2 * b + ratio * (v[0].value ** 2 - a**2)
        return torch.stack([first, second], dim=1)

    pde = PDE(Box([0.0, 0.0], [1.0, 1.0]), equation=equation, conditions=[Dirichlet(u)], n_outputs=2, solution=u)
    return pde, 150, 60


POSED = {f.__name__: f for f in (poisson, reaction, heat, growth, swing, spring, two_fields)}
LENGTHS = [{"length": 1e-6}, {"length": 1e6}]
SIZES = [{"size": 1e-8}, {"size": 1e8}]
KELVIN = [{"offset": 300.0}]
SINCE_1970 = [{"duration": 3600.0, "start": EPOCH}, {"duration": 1e8, "start": EPOCH}]
# Large units go the way of small ones, and run where slow tests do.
SLOW = [LENGTHS[1], SIZES[1], {"ratio": 1e-6}]
OTHER_UNITS = {
    "poisson": LENGTHS + SIZES + KELVIN,
    "reaction": LENGTHS + SIZES + KELVIN,
    "heat": LENGTHS + SIZES + KELVIN + SINCE_1970,
    "growth": SIZES + KELVIN + SINCE_1970,
    "swing": SIZES + KELVIN + SINCE_1970,
    "spring": [{"stiffness": 2.1e11, "size": 1e-5}, {"stiffness": 1e-6}],
    "two_fields": [{"ratio": 1e6}, {"ratio": 1e-6}, {"ratio": 1e6, "vanishes": True}],
}  # fmt: skip
CASES = [
    pytest.param(name, tuple(units.items()), marks=[pytest.mark.slow] if units in SLOW else [])
    for name, several in OTHER_UNITS.items()
    for units in several
]


@cache
def error_of(name, units):
    """The largest error of an output, relative to how much it varies, and what was warned of."""
    pde, n_interior, n_boundary = POSED[name](**dict(units))
    X = pde.sample(n_interior, n_boundary, random_state=0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = PINNRegressor(pde, random_state=0).fit(X)
    X_new = pde.domain.sample_interior(1000, np.random.default_rng(1), "uniform")
    true = pde.solution(torch.tensor(X_new)).numpy().reshape(1000, -1)
    off = model.predict(X_new).reshape(true.shape) - true
    return float((np.linalg.norm(off, axis=0) / np.linalg.norm(true - true.mean(axis=0), axis=0)).max()), caught


def rounding_of(units):
    """The part of what varies that double precision cannot tell: of u beside its offset, of times since 1970."""
    lost_in_u = abs(units.get("offset", 0.0)) / units.get("size", 1.0)
    lost_in_time = abs(units.get("start", 0.0)) / units.get("duration", 1.0)
    return np.finfo(float).eps * max(lost_in_u, 30 * lost_in_time)


@pytest.mark.parametrize(("name", "units"), CASES)
def test_the_error_is_the_same_in_other_units(name, units):
    in_other_units = dict(units)
    same = tuple((key, value) for key, value in units if key == "vanishes")
    (error, caught), (before, _) = error_of(name, units), error_of(name, same)
    assert before < 1e-6
    assert error < 10 * max(before, DIGITS, 10 * rounding_of(in_other_units))
    assert not caught


def test_callbacks_and_warm_starts_see_outputs_in_their_units():
    # A millionth beside 1: training sees outputs of one size.
    pde, n_interior, n_boundary = two_fields(1e-6)
    X, seen = pde.sample(n_interior, n_boundary, random_state=0), []
    model = PINNRegressor(
        pde, random_state=0, warm_start=True, callbacks=[lambda progress: seen.append(progress.predict(X))]
    ).fit(X)
    before, n_iter = model.predict(X), model.n_iter_
    assert np.abs(seen[-1] - before).max() < 1e-12
    assert np.abs(seen[-1][:, 1] - before[:, 1]).max() < 1e-18
    assert np.allclose(model.residual(X), 0, atol=1e-6)
    model.set_params(max_iter=1).fit(X)
    assert model.n_iter_ <= n_iter
    np.testing.assert_allclose(model.predict(X), before, rtol=1e-6, atol=1e-12)
