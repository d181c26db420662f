"""Small problems that several test files share: least squares without a PDE, equations at few rows, quick models."""

import numpy as np
import pytest
import torch

from pinnlearn import PINNRegressor
from pinnlearn.arrays import as_tensor
from pinnlearn.least_squares import Equation, LeastSquares
from pinnlearn.networks import gaussian_weights
from tests.references import TorchProblem, right_side, two_layers, with_spectrum


def seeds(n):
    """The numbers below n to parametrize with: the first at each run, the others where slow tests run."""
    return [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, n))]


def wave(x):
    """A solution that no axis is like another in: u_00 = -4 u, u_1 = u."""
    return torch.sin(2 * x[:, 0]) * torch.exp(x[:, 1])


def vector(*values):
    return torch.tensor(values, dtype=torch.float64)


def linear_problem(shape=(9, 4), singular_values=None, linear=True):
    """r(w) = A w - b, with the pseudo-inverse solution -A^+ b of its first step from w = 0."""
    s = np.linspace(2.0, 1.0, min(shape)) if singular_values is None else singular_values
    A, b = with_spectrum(*shape, s), right_side(shape[0])
    return TorchProblem(lambda w: A @ w - b, shape[1], linear), A, torch.zeros(shape[1], dtype=torch.float64)


def exponential_problem(shape=(5, 3)):
    """Nonlinear with residual zero at w = 1: r(w) = exp(A w) - exp(A 1)."""
    A = with_spectrum(*shape, [1.0, 0.8, 0.6])
    target = torch.exp(A.sum(dim=1))
    return TorchProblem(lambda w: torch.exp(A @ w) - target, shape[1]), torch.zeros(shape[1], dtype=torch.float64)


def rosenbrock():
    return TorchProblem(lambda w: torch.stack([10 * (w[1] - w[0] ** 2), 1 - w[0]]), 2), vector(-1.2, 1.0)


def fit_of_data():
    """Nonlinear with a residual that stays: y = c exp(-k t), and data that are no exponential."""
    t = torch.linspace(0, 2, 9, dtype=torch.float64)
    y = 1 / (1 + t)
    return TorchProblem(lambda w: w[0] * torch.exp(-w[1] * t) - y, 2), vector(0.5, 0.1)


NONLINEAR = (rosenbrock, exponential_problem, fit_of_data)


def small(pde, **parameters):
    """A model that is quickly fitted, and poor."""
    return PINNRegressor(pde, **{"width": 12, "max_iter": 3, "learning_rate": 0.5, "random_state": 0} | parameters)


def small_network(n_outputs=1):
    weights = gaussian_weights(6, 2, n_outputs, np.random.default_rng(0))
    return two_layers(weights)


def small_problem(laws, n, n_outputs=1, groups=None, has_time=None):
    groups = groups or ["interior"] * len(laws)
    equations = [
        Equation(name, group, residual, np.array(rows))
        for (name, residual, rows), group in zip(laws, groups, strict=True)
    ]
    X = np.random.default_rng(1).random((n, 2))
    return LeastSquares.of(small_network(n_outputs), as_tensor(X), equations, None, has_time)
