import numpy as np
import pytest
import torch

from pinnlearn.jets import Jet
from pinnlearn.problems import PROBLEMS


class Exact:
    """The exact solution as a source of terms, by nested autograd."""

    def __init__(self, solution, x):
        self.solution, self.x, self.n_dims, self.n_outputs = solution, x.requires_grad_(), x.shape[1], 1

    def term(self, term):
        total = 0.0
        for axes in term.symbol.monomials:
            values = self.solution(self.x)
            for axis in axes:
                (gradient,) = torch.autograd.grad(values.sum(), self.x, create_graph=True, materialize_grads=True)
                values = gradient[:, axis]
            total = total + values
        return total


@pytest.mark.parametrize("name", PROBLEMS)
def test_the_solution_solves_the_equations(name):
    pde = PROBLEMS[name].make()
    X = pde.sample(50, 30, random_state=0)
    region = pde.domain.region(X)
    x = torch.tensor(X)
    residual = pde.residual(x, Jet(Exact(pde.solution, x), pde.has_time))
    assert float(residual.detach().abs().max()) < 1e-10 * 17 * np.pi**2  # the largest term of the five
    for condition in pde.conditions:
        rows = torch.tensor(X[region == condition.region])
        values = condition.residual(rows, Jet(Exact(pde.solution, rows), pde.has_time))
        assert float(values.detach().abs().max()) < 1e-14


@pytest.mark.parametrize("name", PROBLEMS)
def test_points_are_reproducible(name):
    first, second = PROBLEMS[name].sample(3)[1], PROBLEMS[name].sample(3)[1]
    np.testing.assert_array_equal(first, second)
    assert len(first) == PROBLEMS[name].n_interior + PROBLEMS[name].n_boundary
