import numpy as np
import pytest
import torch

from pinnlearn.jets import Jet
from pinnlearn.problems import NONLINEAR_PROBLEMS, PROBLEMS, burgers_shock
from tests.references import FunctionTerms

EXACT = {name: problem.make for name, problem in (PROBLEMS | NONLINEAR_PROBLEMS).items()}


@pytest.mark.parametrize("name", EXACT)
def test_the_solution_solves_the_equations(name):
    pde = EXACT[name]()
    X = pde.sample(50, 30, random_state=0)
    region = pde.domain.region(X)
    x = torch.tensor(X)
    residual = pde.residual(x, Jet(FunctionTerms(x, pde.solution), pde.has_time))
    assert float(residual.detach().abs().max()) < 1e-10 * 17 * np.pi**2  # the largest term of all
    for condition in pde.conditions:
        rows = torch.tensor(X[region == condition.region])
        values = condition.residual(rows, Jet(FunctionTerms(rows, pde.solution), pde.has_time))
        assert float(values.detach().abs().max()) < 1e-14


def test_the_shock_solves_the_equations():
    # By central differences of second order: the error falls by four where the step is halved.
    pde = burgers_shock(0.05)
    X = np.random.default_rng(0).uniform([-0.9, 0.1], [0.9, 0.9], (200, 2))

    def residual(h):
        ahead, behind = (pde.solution(torch.tensor(X + s * np.array([h, 0.0]))).numpy() for s in (1, -1))
        later, earlier = (pde.solution(torch.tensor(X + s * np.array([0.0, h]))).numpy() for s in (1, -1))
        u = pde.solution(torch.tensor(X)).numpy()
        u_xx = (ahead - 2 * u + behind) / h**2
        return np.abs((later - earlier) / (2 * h) + u * (ahead - behind) / (2 * h) - 0.05 * u_xx).max()

    coarse, fine = residual(2e-3), residual(1e-3)
    assert fine < 3e-3
    assert coarse / fine == pytest.approx(4.0, rel=0.05)


def test_the_shock_starts_as_a_sine_and_stays_so_at_the_ends():
    x = np.linspace(-1.0, 1.0, 41)
    start = burgers_shock().solution(torch.tensor(np.column_stack([x, np.zeros_like(x)]))).numpy()
    np.testing.assert_allclose(start, -np.sin(np.pi * x), atol=1e-14)
    # The slope at x = 0 and the time of its maximum, from Basdevant et al. (1986), Computers & Fluids 14, table 2.
    slope = [
        float(np.diff(burgers_shock().solution(torch.tensor([[-1e-6, t], [1e-6, t]])).numpy())[0] / 2e-6)
        for t in (1.6037 / np.pi, 1.5 / np.pi, 1.7 / np.pi)
    ]
    assert slope[0] == pytest.approx(-152.00516, rel=1e-6)
    assert slope[0] < min(slope[1:])


@pytest.mark.parametrize("name", PROBLEMS)
def test_points_are_reproducible(name):
    first, second = PROBLEMS[name].sample(3)[1], PROBLEMS[name].sample(3)[1]
    np.testing.assert_array_equal(first, second)
    assert len(first) == PROBLEMS[name].n_interior + PROBLEMS[name].n_boundary
