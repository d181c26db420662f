"""More units, spread evenly: waves, which are as rough everywhere, and what is not like that."""

import numpy as np
import pytest
import torch

from pinnlearn import PINNRegressor, relative_l2_error
from pinnlearn.conditions import Dirichlet
from pinnlearn.domains import Box
from pinnlearn.pdes import PDE, Helmholtz
from pinnlearn.training import SolveOutput, Spread


def waves(k):
    return lambda x: torch.sin(k * (0.6 * x[:, 0] + 0.8 * x[:, 1]))


def helmholtz(k):
    domain = Box([0.0, 0.0], [1.0, 1.0])
    return Helmholtz(domain, wavenumber=k, boundary=waves(k), solution=waves(k))


def front(width):
    def solution(x):
        return torch.tanh((x[:, 0] + 0.5 * x[:, 1] - 0.8) / width)

    def equation(x, u):
        s = solution(x)
        return u.laplacian + 2.5 * s * (1 - s**2) / width**2

    return PDE(Box([0.0, 0.0], [1.0, 1.0]), equation=equation, conditions=[Dirichlet(solution)], solution=solution)


def fitted(pde, stage, **parameters):
    X = pde.sample(600, 120, random_state=0)
    return PINNRegressor(pde, optimizer=[SolveOutput(), stage], random_state=0, **parameters).fit(X)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_waves_that_are_not_resolved_get_more_units():
    pde, X_test = helmholtz(45.0), np.random.default_rng(1).uniform(0, 1, (2000, 2))
    expected = waves(45.0)(torch.as_tensor(X_test)).numpy()
    model = fitted(pde, Spread(units=(600, 1200)))
    error = relative_l2_error(expected, model.predict(X_test))
    assert [name for name, _ in model.stages_][1:] == ["units spread evenly"] * 2
    assert model.coefs_[0].shape == (2, 1200)
    assert error < 1e-3
    assert error < 1e-2 * relative_l2_error(expected, fitted(pde, Spread(units=())).predict(X_test))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_front_is_not_given_more_of_them():
    stages = fitted(front(0.02), Spread(units=(300, 600, 1200))).stages_
    assert [name for name, _ in stages].count("units spread evenly") == 1


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("case", ["holds", "nonlinear", "width", "one dimension"])
def test_what_it_is_not_for_is_handed_on(case):
    pde, parameters, stage = helmholtz(30.0), {}, Spread(units=(300,))
    if case == "holds":
        pde = helmholtz(1.0)
    elif case == "nonlinear":
        pde = PDE(
            pde.domain,
            equation=lambda x, u: u.laplacian + 900 * u.value + u.value**3,
            conditions=[Dirichlet(waves(30.0))],
        )
    elif case == "width":
        parameters = {"width": 200}
    else:
        stage.dims = (3, 3)
    model = fitted(pde, stage, **parameters)
    assert [name for name, _ in model.stages_] == ["output weights"]
