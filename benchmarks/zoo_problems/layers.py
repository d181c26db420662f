"""Layers: solutions that change within a small part of the domain."""

import math

import numpy as np
import torch
from scipy.integrate import solve_bvp

from pinnlearn.conditions import Dirichlet
from pinnlearn.domains import Box, Interval
from pinnlearn.pdes import PDE
from zoo_problems.posed import PI, Posed, exhibit, face, initial_value_problem, unit_square, with_layers

ANGLE = PI / 6


def outflow_layer(x, eps: float, speed: float = 1.0):
    """-eps u'' + speed u' = speed, u(0) = u(1) = 0: u = x - (exp(speed (x - 1) / eps) - c) / (1 - c)."""
    least = math.exp(-speed / eps)
    return x - (torch.exp(speed * (x - 1) / eps) - least) / (1 - least)


@exhibit("layer at a face, eps = 1e-2", 100, 2, eps=1e-2)
@exhibit("layer at a face, eps = 1e-4", 100, 2, eps=1e-4)
@exhibit("layer at a face, eps = 1e-6", 100, 2, eps=1e-6)
def layer_at_a_face(eps):
    """-eps u'' + u' = 1, u(0) = u(1) = 0."""
    pde = PDE(
        Interval(0.0, 1.0),
        equation=lambda x, u: -eps * u.d(0, 0) + u.d(0) - 1,
        conditions=[Dirichlet(0.0)],
        solution=lambda x: outflow_layer(x[:, 0], eps),
    )
    return Posed(pde, points=lambda: with_layers(pde.domain, (0, 1.0)))


@exhibit("layer inside, eps = 1e-3", 200, 2, eps=1e-3)
@exhibit("layer inside, eps = 1e-4", 200, 2, eps=1e-4)
def layer_inside(eps):
    """The equation eps u'' + x u' = 0, u(+-1) = +-1: u = erf(x / sqrt(2 eps))."""
    pde = PDE(
        Interval(-1.0, 1.0),
        equation=lambda x, u: eps * u.d(0, 0) + x[:, 0] * u.d(0),
        conditions=[Dirichlet(lambda x: x[:, 0])],
        solution=lambda x: torch.erf(x[:, 0] / math.sqrt(2 * eps)) / math.erf(1 / math.sqrt(2 * eps)),
    )
    return Posed(pde, points=lambda: with_layers(pde.domain, (0, 0.0)))


@exhibit("narrow source, width 1e-3", 200, 2, width=1e-3)
@exhibit("narrow source, width 1e-2", 100, 2, width=1e-2)
def narrow_source(width, place=0.37):
    """-u'' = a Gaussian of area 1 at 0.37, u(0) = u(1) = 0."""

    def twice_integrated(x):
        s = (x - place) / width
        return width / 2 * (s * torch.erf(s) + torch.exp(-(s**2)) / math.sqrt(PI))

    def solution(x):
        left, right = twice_integrated(torch.tensor([0.0, 1.0], dtype=x.dtype))
        return left + (right - left) * x[:, 0] - twice_integrated(x[:, 0])

    pde = PDE(
        Interval(0.0, 1.0),
        equation=lambda x, u: u.d(0, 0) + torch.exp(-(((x[:, 0] - place) / width) ** 2)) / (width * math.sqrt(PI)),
        conditions=[Dirichlet(0.0)],
        solution=solution,
    )
    return Posed(pde, points=lambda: with_layers(pde.domain, (0, place)))


@exhibit("fast relaxation from its slow state", 100, 2, start=1.0)
@exhibit("fast relaxation from elsewhere", 100, 2, start=0.0)
def fast_relaxation(start, rate=1e6):
    """U' = -rate (u - cos t) - sin t, t to 10: u = cos t + (u(0) - 1) exp(-rate t)."""
    return initial_value_problem(
        lambda t, u: (-rate * (u - torch.cos(t)) - torch.sin(t),),
        [start],
        10.0,
        on_an_interval=True,
        solution=lambda x: torch.cos(x[:, 0]) + (start - 1) * torch.exp(-rate * x[:, 0]),
    )


@exhibit("reaction and diffusion, eps = 1e-2", 100, 2, eps=1e-2)
@exhibit("reaction and diffusion, eps = 1e-4", 100, 2, eps=1e-4)
def reaction_and_diffusion(eps):
    """-eps^2 u'' + u = 1, u(0) = u(1) = 0: layers at both ends."""
    pde = PDE(
        Interval(0.0, 1.0),
        equation=lambda x, u: -(eps**2) * u.d(0, 0) + u.value - 1,
        conditions=[Dirichlet(0.0)],
        solution=lambda x: two_layers(x[:, 0], eps),
    )
    return Posed(pde, points=lambda: with_layers(pde.domain, (0, 0.0), (0, 1.0)))


def two_layers(x, eps: float):
    """1 - cosh((x - 1/2) / eps) / cosh(1 / (2 eps)), without overflow."""
    ends = torch.exp(-x / eps) + torch.exp((x - 1) / eps)
    return 1 - ends / (1 + math.exp(-1 / eps))


@exhibit("layers at four sides, eps = 1e-1", 900, 120, eps=1e-1)
@exhibit("layers at four sides, eps = 1e-2", 1500, 400, eps=1e-2)
def layers_at_four_sides(eps):
    """-eps^2 Laplace(u) + u = f: u = X(x) X(y), X of `two_layers`."""

    def source(x):
        X, Y = two_layers(x[:, 0], eps), two_layers(x[:, 1], eps)
        return (1 - X) * Y + X * (1 - Y) + X * Y

    pde = PDE(
        unit_square(),
        equation=lambda x, u: -(eps**2) * u.laplacian + u.value - source(x),
        conditions=[Dirichlet(0.0)],
        solution=lambda x: two_layers(x[:, 0], eps) * two_layers(x[:, 1], eps),
    )
    return Posed(pde, points=lambda: with_layers(pde.domain, (0, 0.0), (0, 1.0), (1, 0.0), (1, 1.0)))


@exhibit("convection, eps = 1e-2", 1500, 400, eps=1e-2)
@exhibit("convection, eps = 1e-3", 1500, 400, eps=1e-3)
@exhibit("convection, eps = 1e-5", 1500, 400, eps=1e-5)
def convection(eps):
    """-eps Laplace(u) + u_x = f on the square: u = X(x) sin(pi y), a layer at x = 1."""

    def source(x):
        return torch.sin(PI * x[:, 1]) * (1 + eps * PI**2 * outflow_layer(x[:, 0], eps))

    pde = PDE(
        unit_square(),
        equation=lambda x, u: -eps * u.laplacian + u.d(0) - source(x),
        conditions=[Dirichlet(0.0)],
        solution=lambda x: outflow_layer(x[:, 0], eps) * torch.sin(PI * x[:, 1]),
    )
    return Posed(pde, points=lambda: with_layers(pde.domain, (0, 1.0)))


@exhibit("convection at an angle, eps = 1e-1", 900, 120, eps=1e-1)
@exhibit("convection at an angle, eps = 1e-3", 1500, 400, eps=1e-3)
@exhibit("convection at an angle, eps = 1e-5", 1500, 400, eps=1e-5)
def convection_at_an_angle(eps):
    """-eps Laplace(u) + b . grad u = f, b at 30 degrees: u = X(x) Y(y), layers at x = 1 and at y = 1."""
    b = math.cos(ANGLE), math.sin(ANGLE)

    def factors(x):
        return tuple(outflow_layer(x[:, axis], eps, b[axis]) for axis in range(2))

    def source(x):
        X, Y = factors(x)
        return b[0] * Y + b[1] * X

    def solution(x):
        X, Y = factors(x)
        return X * Y

    pde = PDE(
        unit_square(),
        equation=lambda x, u: -eps * u.laplacian + b[0] * u.d(0) + b[1] * u.d(1) - source(x),
        conditions=[Dirichlet(0.0)],
        solution=solution,
    )
    return Posed(pde, points=lambda: with_layers(pde.domain, (0, 1.0), (1, 1.0)))


@exhibit("layer along the stream, eps = 1e-2", 900, 200, eps=1e-2)
@exhibit("layer along the stream, eps = 1e-4", 1500, 400, eps=1e-4)
def layer_along_the_stream(eps):
    """-eps Laplace(u) + b . grad u = f, b at 30 degrees: u = tanh(s / sqrt(eps)), s the distance from a streamline."""
    b, width = (math.cos(ANGLE), math.sin(ANGLE)), math.sqrt(eps)

    def solution(x):
        return torch.tanh(((x[:, 1] - 0.2) * b[0] - x[:, 0] * b[1]) / width)

    def source(x):
        u = solution(x)
        return eps * 2 * u * (1 - u**2) / width**2

    return PDE(
        unit_square(),
        equation=lambda x, u: -eps * u.laplacian + b[0] * u.d(0) + b[1] * u.d(1) - source(x),
        conditions=[Dirichlet(solution)],
        solution=solution,
    )


@exhibit("round front, width 1e-2", 1500, 300, width=1e-2)
@exhibit("round front, width 1e-1", 900, 120, width=1e-1)
def round_front(width):
    """-Laplace(u) = f, u = tanh((r - 1/2) / width), r the distance from a point outside: a front on an arc."""

    def radius(x):
        return torch.sqrt((x[:, 0] + 0.05) ** 2 + (x[:, 1] + 0.05) ** 2)

    def solution(x):
        return torch.tanh((radius(x) - 0.7) / width)

    def source(x):
        u = solution(x)
        return (1 - u**2) * (2 * u / width**2 - 1 / (width * radius(x)))

    return PDE(
        unit_square(),
        equation=lambda x, u: -u.laplacian - source(x),
        conditions=[Dirichlet(solution)],
        solution=solution,
    )


@exhibit("nonlinear layer, eps = 1e-2", 100, 2)
def nonlinear_layer(eps=1e-2):
    """The equation eps u'' + 2 u' + exp(u) = 0, u(0) = u(1) = 0 (Bender & Orszag, 9.7): a layer at 0."""

    def reference(X):
        grid = np.concatenate([np.linspace(0, 0.1, 4000)[:-1], np.linspace(0.1, 1, 2000)])
        start = np.log(2 / (grid + 1)) - math.log(2) * np.exp(-2 * grid / eps)
        found = solve_bvp(
            lambda x, y: np.stack([y[1], -(2 * y[1] + np.exp(y[0])) / eps]),
            lambda a, b: np.array([a[0], b[0]]),
            grid,
            np.stack([start, np.gradient(start, grid)]),
            tol=1e-10,
            max_nodes=100_000,
        )
        return found.sol(X[:, 0])[0]

    pde = PDE(
        Interval(0.0, 1.0),
        equation=lambda x, u: eps * u.d(0, 0) + 2 * u.d(0) + torch.exp(u.value),
        conditions=[Dirichlet(0.0)],
    )
    return Posed(pde, reference=reference, points=lambda: with_layers(pde.domain, (0, 0.0)))


@exhibit("quenched by a thin skin", 300, 100)
def thin_skin():
    """u_xx + 1e-4 u_yy = 0 on [0, 1] x [0, 1]: sin(pi x) exp(-100 pi y), a layer by the coefficients alone."""

    def solution(x):
        return torch.sin(PI * x[:, 0]) * torch.exp(-100 * PI * x[:, 1])

    pde = PDE(
        Box([0.0, 0.0], [1.0, 1.0]),
        equation=lambda x, u: u.d(0, 0) + 1e-4 * u.d(1, 1),
        conditions=[
            Dirichlet(lambda x: torch.sin(PI * x[:, 0]), where=face(1, 0.0)),
            Dirichlet(0.0, where=lambda x: x[:, 1] > 0),
        ],
        solution=solution,
    )
    return Posed(pde, points=lambda: with_layers(pde.domain, (1, 0.0)))
