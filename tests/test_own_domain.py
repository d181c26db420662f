"""A domain as a user writes it: six methods, no more."""

import pickle
from functools import cache

import numpy as np
import pytest
import torch
from sklearn.base import clone

from pinnlearn import PINNRegressor
from pinnlearn.conditions import Dirichlet, Neumann, Periodic
from pinnlearn.domains import Box, Domain, SpaceTime
from pinnlearn.metrics import exact_solution, new_points, relative_l2_error
from pinnlearn.pdes import PDE, Heat, Poisson


class Disk(Domain):
    def __init__(self, radius):
        self.radius = radius

    @property
    def bounds(self):
        return [-self.radius] * 2, [self.radius] * 2

    def contains(self, X):
        return np.linalg.norm(X, axis=1) <= self.radius * (1 + 1e-9)

    def on_boundary(self, X):
        return np.abs(np.linalg.norm(X, axis=1) - self.radius) <= self.radius * 1e-9

    def normal(self, X):
        return X / np.linalg.norm(X, axis=1, keepdims=True)

    def sample_interior(self, n, rng):
        return np.sqrt(rng.random((n, 1))) * self.sample_boundary(n, rng)

    def sample_boundary(self, n, rng):
        angle = 2 * np.pi * rng.random(n)
        return self.radius * np.column_stack([np.cos(angle), np.sin(angle)])


DISK = Disk(2.0)
DURING = SpaceTime(DISK, 0.0, 1.0)


def harmonic(x):
    return torch.exp(x[:, 0]) * torch.cos(x[:, 1])


def slope(x):  # x . grad u / |x|, u harmonic
    return (x[:, 0] * harmonic(x) - x[:, 1] * torch.exp(x[:, 0]) * torch.sin(x[:, 1])) / 2.0


def wave(x):  # u_t = Laplace(u) / 4
    return torch.exp(-x[:, 2] / 4) * torch.sin(x[:, 0])


def laplace(conditions):
    return PDE(DISK, equation=lambda x, u: u.laplacian, conditions=conditions, solution=harmonic)


UPPER = {"where": lambda x: x[:, 1] >= 0}
PROBLEMS = {
    "values": Poisson(DISK, boundary=harmonic, solution=harmonic),
    "slopes": laplace([Neumann(slope, **UPPER), Dirichlet(harmonic, where=lambda x: x[:, 1] < 0)]),
    "space-time": Heat(DURING, diffusivity=0.25, boundary=wave, initial=wave, solution=wave),
    "slopes in space-time": PDE(
        DURING,
        equation=lambda x, u: u.dt - u.laplacian / 4,
        conditions=[
            Neumann(lambda x: torch.exp(-x[:, 2] / 4) * torch.cos(x[:, 0]) * x[:, 0] / 2),
            *Heat(initial=wave, boundary=None).conditions,
        ],
        solution=wave,
    ),
}


@cache
def solved(name):
    X = PROBLEMS[name].sample(n_interior=300, n_boundary=120, random_state=0)
    return X, PINNRegressor(pde=PROBLEMS[name], random_state=0).fit(X)


@pytest.mark.parametrize("name", PROBLEMS)
def test_it_is_solved_and_scored(name):
    pde, (X, model) = PROBLEMS[name], solved(name)
    new = new_points(pde.domain)
    # The solutions are entire functions: 240 and more units find them to at least six digits, a wrong normal to none.
    assert relative_l2_error(exact_solution(pde, new), model.predict(new)) < 1e-6
    assert model.score(X) > 1 - 1e-5
    assert model.score(X[pde.domain.region(X) == "interior"]) > 1 - 1e-5  # points of the boundary are added


@pytest.mark.parametrize("name", ["values", "space-time"])
def test_it_is_drawn(name):
    pytest.importorskip("matplotlib")
    from pinnlearn.displays import PointsDisplay, SolutionDisplay, plot_solution

    X, model = solved(name)
    plot_solution(model)
    inside = SolutionDisplay.from_estimator(model).section.inside
    assert abs(inside.mean() - np.pi / 4) < 0.01
    points = PointsDisplay.from_pde(PROBLEMS[name], X).points
    counts = {"boundary": 120} if name == "values" else {"boundary": 80, "initial": 40}
    assert {group: len(rows) for group, rows in points.items()} == {"interior": 300} | counts


@pytest.mark.parametrize("domain", [DISK, DURING])
def test_it_is_a_value(domain):
    assert clone(domain) == domain == pickle.loads(pickle.dumps(domain))
    assert eval(repr(domain)) == domain
    assert clone(domain) != clone(Poisson(domain)).set_params(domain=Disk(3.0)).domain


@pytest.mark.parametrize("domain", [DISK, DURING])
def test_it_samples_in_its_own_way_and_says_so(domain):
    pde = Poisson(domain)
    assert pde.sample(7, 6, random_state=0).shape == (13, domain.n_dims)
    with pytest.raises(ValueError, match=r"Disk\(radius=2\.0\).* take no method.*'lhs' out"):
        pde.sample(7, 6, method="lhs")


class Halton(Disk):
    def sample_interior(self, n, rng, method="halton"):
        return np.column_stack([Box([0], [1]).sample_interior(n, rng, method), np.zeros(n)])

    def sample_boundary(self, n, rng, method="halton"):
        return super().sample_boundary(n, rng)


def test_it_may_take_a_method():
    X = Poisson(Halton(2.0)).sample(3, 0, method="grid", random_state=0)
    assert sorted(X[:, 0]) == pytest.approx([1 / 6, 1 / 2, 5 / 6])


class Lacking(Domain):
    def __init__(self):
        pass

    bounds = DISK.bounds


def test_what_it_lacks_is_named():
    with pytest.raises(TypeError, match=r"abstract methods.*normal"):
        Lacking()


class Wide(Disk):
    def sample_boundary(self, n, rng):
        return 1.01 * super().sample_boundary(n, rng)


class Flat(Disk):
    def sample_interior(self, n, rng):
        return rng.random(n)


class Long(Disk):
    def normal(self, X):
        return X


@pytest.mark.parametrize(
    ("domain", "message"),
    [
        (Wide(2.0), r"30 of 30 points .* Wide\(radius=2\.0\) gave are not on its boundary"),
        (Flat(2.0), r"sample_interior of Flat\(radius=2\.0\) must give points \(50, 2\), but gave \(50,\)"),
    ],
)
def test_wrong_samples_are_an_error(domain, message):
    with pytest.raises(ValueError, match=message):
        Poisson(domain).sample(50, 30)


def test_normals_that_are_not_of_length_one_are_an_error():
    pde = PDE(Long(2.0), equation=lambda x, u: u.laplacian, conditions=[Neumann(slope)])
    with pytest.raises(ValueError, match=r"normal of Long\(radius=2\.0\) must give vectors of length 1"):
        PINNRegressor(pde=pde).fit(pde.sample(50, 30, random_state=0))


def test_it_has_no_opposite_faces():
    pde = PDE(DURING, equation=lambda x, u: u.dt, conditions=[Periodic(0)])
    with pytest.raises(ValueError, match=r"Periodic\(axis=0\): .*Disk.* no two opposite faces along axis 0"):
        PINNRegressor(pde=pde).fit(pde.sample(50, 30, random_state=0))


class Stranger:
    bounds = DISK.bounds
    n_dims = 2
    has_time = False

    def contains(self, X):
        return DISK.contains(X)


@pytest.mark.parametrize("domain", [Stranger(), SpaceTime(Stranger(), 0, 1), Disk, (0, 1)])
def test_what_is_no_domain_is_told_to_inherit(domain):
    for act in (lambda pde: pde.sample(5, 5), lambda pde: PINNRegressor(pde=pde).fit(np.zeros((3, 2)))):
        with pytest.raises(ValueError, match=r"the domain of \w+ must be an object .* inherit from pinnlearn\.domains"):
            act(Poisson(domain))
