import numpy as np
import pytest
import torch
from sklearn.base import clone

from pinnlearn.conditions import Condition, Dirichlet, Initial, evaluate
from pinnlearn.jets import Jet
from tests.references import FunctionTerms

X = torch.tensor([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]], dtype=torch.float64)


def jet(*functions):
    return Jet(FunctionTerms(X, *functions))


def first(x):
    return x[:, 0]


def second(x):
    return x[:, 1]


VALUES = {
    "float": (2.5, [2.5] * 3),
    "int": (2, [2.0] * 3),
    "numpy number": (np.float32(0.5), [0.5] * 3),
    "function": (first, [0.1, 0.3, 0.5]),
    "function giving a number": (lambda x: 4, [4.0] * 3),
    "function giving a 0-d tensor": (lambda x: torch.tensor(4.0), [4.0] * 3),
    "function in float32": (lambda x: torch.tensor([1.0, 2.0, 3.0]), [1.0, 2.0, 3.0]),
}


@pytest.mark.parametrize("name", VALUES)
def test_values_are_numbers_or_functions_of_x(name):
    value, expected = VALUES[name]
    result = evaluate(value, X, X[:, 0], "source")
    assert result.dtype == torch.float64
    np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize(
    "value", [lambda x: x[:, :1], lambda x: x[:2, 0], lambda x: x], ids=["column", "few", "matrix"]
)
def test_a_function_of_the_wrong_shape_is_an_error_with_both_shapes(value):
    with pytest.raises(ValueError, match=r"source must give one value a row, shape \(3,\), but gave \(.*x\[:, 0\]"):
        evaluate(value, X, X[:, 0], "source")


@pytest.mark.parametrize("value", ["zero", None, [1.0, 2.0, 3.0]])
def test_other_values_are_a_type_error_that_names_them(value):
    with pytest.raises(TypeError, match="source must be a number or a function of x, got"):
        evaluate(value, X, X[:, 0], "source")


@pytest.mark.parametrize("kind", [Dirichlet, Initial])
def test_residual_of_a_value_condition_is_u_less_the_value(kind):
    np.testing.assert_allclose(kind(0.5).residual(X, jet(first)).detach(), X[:, 0] - 0.5)
    np.testing.assert_allclose(kind(second).residual(X, jet(first)).detach(), X[:, 0] - X[:, 1])


def test_with_several_outputs_values_are_one_column_an_output():
    u = jet(first, second)
    np.testing.assert_allclose(Dirichlet(1.0).residual(X, u).detach(), X - 1.0)
    np.testing.assert_allclose(Dirichlet(lambda x: x.flip(1)).residual(X, u).detach(), X - X.flip(1))
    with pytest.raises(ValueError, match=r"Dirichlet.*\(3, 2\), but gave \(3,\)"):
        Dirichlet(first).residual(X, u)


def test_messages_name_the_condition():
    with pytest.raises(ValueError, match="the value of Initial"):
        Initial(lambda x: x).residual(X, jet(first))


def test_regions():
    assert Dirichlet(0.0).region == Condition(first).region == "boundary"
    assert Initial(0.0).region == "initial"
    assert Condition(first, region="initial").region == "initial"


def test_a_condition_is_its_residual():
    condition = Condition(lambda x, u: u.d(1) - x[:, 0])
    np.testing.assert_allclose(condition.residual(X, jet(second)).detach(), 1 - X[:, 0])


@pytest.mark.parametrize(
    "condition", [Dirichlet(1.5, where=first), Initial(first), Condition(first, "initial", second)]
)
def test_clones_are_equal_and_others_are_not(condition):
    copy = clone(condition)
    assert copy == condition
    assert copy.set_params(where=abs) != condition
    assert condition != Dirichlet(1.5)


def test_a_dirichlet_condition_is_no_initial_condition():
    assert Dirichlet(1.0) != Initial(1.0)
