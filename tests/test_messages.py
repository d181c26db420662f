"""The usual mistakes end in a message that says what to write instead."""

import math
import subprocess
import sys

import numpy as np
import pytest
import torch

import pinnlearn
from pinnlearn import PINNRegressor
from pinnlearn.callbacks import EarlyStopping
from pinnlearn.conditions import Dirichlet
from pinnlearn.domains import Interval
from pinnlearn.pdes import PDE, Poisson

X = np.linspace(0, 1, 12)[:, None]


def fit(equation, n_outputs=1, **parameters):
    pde = PDE(Interval(0, 1), equation=equation, conditions=[Dirichlet(0.0)], n_outputs=n_outputs)
    return PINNRegressor(pde, random_state=0, **parameters).fit(X)


@pytest.mark.parametrize(
    ("equation", "advice"),
    [
        (lambda x, u: u.d(0, 0) - np.sin(u.value), r"torch\.sin\(u\.value\), not np\.sin"),
        (lambda x, u: u.d(0, 0) - math.sin(x[:, 0]), r"math take one number; write torch\.sin"),
        (lambda x, u: torch.autograd.grad(u.value.sum(), x)[0][:, 0], r"without torch\.autograd: u\.d\(0\)"),
        (lambda x, u: u.d(), r"u\.d\(\) along no axis; write u\.value"),
        (lambda x, u: u.d("x"), r"u\.d\('x'\), but an axis is an integer.*write u\.d\(0\)"),
        (lambda x, u: u.d([0, 0]), r"u\.d\(\[0, 0\]\), but an axis is an integer.*u\.d\(0, 0\) for the second"),
        (lambda x, u: u.laplacian() - 1, r"u\.laplacian.* are read without parentheses"),
        (lambda u, x: u.d(0, 0) - x[:, 0], r"called with x, the points, and then u, in this order"),
        (lambda u: u.d(0, 0), r"called with x, the points, and then u: lambda x, u"),
        ("u_xx = 1", r"equation must be a function of x and u, such as .* got 'u_xx = 1'"),
    ],
)
def test_a_mistake_in_an_equation_says_what_to_write(equation, advice):
    with pytest.raises(ValueError, match=advice):
        fit(equation)


def test_an_error_of_the_equation_s_own_is_handed_on_as_it_is():
    def equation(x, u):
        raise RuntimeError("no such table")

    with pytest.raises(RuntimeError, match=r"^no such table$"):
        fit(equation)
    with pytest.raises(AttributeError, match=r"no attribute 'sinus'$"):
        fit(lambda x, u: u.value.sinus())


@pytest.mark.parametrize("kind", [list, tuple])
def test_several_equations_may_come_as_a_list(kind):
    def each(x, u):
        return u[0].d(0, 0) + 1.0, u[1].d(0, 0) - x[:, 0]

    listed = fit(lambda x, u: kind(each(x, u)), n_outputs=2)
    stacked = fit(lambda x, u: torch.stack(each(x, u), dim=1), n_outputs=2)
    np.testing.assert_array_equal(listed.predict(X), stacked.predict(X))


@pytest.mark.parametrize("residuals", [[], [1.0], [torch.zeros(3)]])
def test_a_list_of_anything_else_is_refused(residuals):
    with pytest.raises((TypeError, ValueError), match="must return"):
        fit(lambda x, u: residuals)


class WithoutSuper(PDE):
    def __init__(self, factor=1.0):
        self.factor = factor


def test_a_constructor_that_forgot_the_base_class_is_told_so():
    with pytest.raises(AttributeError, match=r"WithoutSuper has no domain.*super\(\).__init__\(domain"):
        WithoutSuper().sample(5, 2)
    with pytest.raises(AttributeError, match="object has no attribute 'sources'"):
        WithoutSuper().sources  # noqa: B018


@pytest.mark.parametrize(
    ("parameters", "advice"),
    [
        ({"verbose": "loud"}, r"verbose must be 0 for silence.* got 'loud'"),
        ({"random_state": "x"}, r"random_state must be an integer.* got 'x'"),
        ({"callbacks": [EarlyStopping(monitor="loss")]}, r"monitor must be a function.* or None for the loss"),
        ({"activation": "sigmoid"}, "Did you mean 'logistic'"),
        ({"activation": "silu"}, "Did you mean 'swish'"),
        ({"activation": "relu"}, "Did you mean 'relu3'"),
        ({"activation": torch.tanh}, "Did you mean 'tanh'"),
        ({"optimizer": "Adam"}, "Did you mean 'adam'"),
        ({"optimizer": "L-BFGS"}, "Did you mean 'lbfgs'"),
        ({"optimizer": torch.optim.Adam}, r"an object such as NGD\(\), not its class.*Did you mean 'adam'"),
        ({"device": "gpu"}, "GPU of NVIDIA or AMD is 'cuda'"),
        ({"init": "Domain"}, "Did you mean 'domain'"),
    ],
)
def test_a_parameter_that_is_none_gets_a_hint(parameters, advice):
    with pytest.raises(ValueError, match=advice):
        PINNRegressor(Poisson(Interval(0, 1), source=1.0), **{"random_state": 0, **parameters}).fit(X)


def test_names_are_found_where_people_type_them():
    for name in ("PDE", "Poisson", "Dirichlet", "Initial", "Interval", "Box", "SpaceTime"):
        assert getattr(pinnlearn, name).__name__ == name
        assert name in dir(pinnlearn)
    for name in ("callbacks", "conditions", "displays", "domains", "model_selection", "pdes", "theory", "training"):
        assert getattr(pinnlearn, name).__name__ == f"pinnlearn.{name}"
    with pytest.raises(AttributeError, match="'pinnlearn' has no attribute 'Possion'"):
        pinnlearn.Possion  # noqa: B018


def test_figures_and_theory_are_imported_only_when_they_are_read():
    code = (
        "import sys, pinnlearn; assert not {'pinnlearn.displays', 'pinnlearn.theory', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
