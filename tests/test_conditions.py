import numpy as np
import pytest
import torch
from sklearn.base import clone

from pinnlearn.conditions import (
    Condition,
    Dirichlet,
    Initial,
    InitialVelocity,
    Neumann,
    Periodic,
    Robin,
    evaluate,
)
from pinnlearn.domains import Box, Interval, SpaceTime
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


@pytest.mark.parametrize("region", ["inlet", "interior", None])
def test_a_region_without_conditions_is_refused_with_those_that_have_some(region):
    with pytest.raises(ValueError, match=r"region=.* \['boundary', 'initial'\].*where="):
        Condition(first, region=region)


NAMED = [
    Dirichlet(1.0, name="lid"),
    Neumann(0.0, name="lid"),
    Robin(1.0, 1.0, 0.0, name="lid"),
    Initial(0.0, name="lid"),
    InitialVelocity(0.0, name="lid"),
    Condition(first, name="lid"),
    Periodic(0, name="lid"),
]


@pytest.mark.parametrize("condition", NAMED)
def test_a_name_is_what_a_condition_is_called(condition):
    assert clone(condition) == condition != clone(condition).set_params(name="wall")
    assert condition.label == condition.on(Box([0, 0], [1, 1])).label == "lid"
    condition = clone(condition).set_params(name=None)
    assert condition.label == condition.on(Box([0, 0], [1, 1])).label == repr(condition)


def test_a_name_stands_in_messages_about_values():
    with pytest.raises(ValueError, match="the value of lid must give"):
        Dirichlet(lambda x: x, name="lid").residual(X, jet(first))


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


# Derivative conditions, on u = x y and v = x^2 with normals along either axis.

NORMALS = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]], dtype=torch.float64)


def product(x):
    return x[:, 0] * x[:, 1]


def square(x):
    return x[:, 0] ** 2


def on_boundary(*functions):
    return Jet(FunctionTerms(X, *functions), normal_vectors=NORMALS)


def test_neumann_is_the_outward_slope_less_the_flux():
    slopes = [0.2, -0.4, 0.5]
    u = on_boundary(product)
    np.testing.assert_allclose(Neumann(0.1).residual(X, u).detach(), np.array(slopes) - 0.1)
    np.testing.assert_allclose(Neumann(first).residual(X, u).detach(), slopes - X[:, 0].numpy())
    both = Neumann(0.0).residual(X, on_boundary(product, square)).detach()
    np.testing.assert_allclose(both, np.column_stack([slopes, [0.2, -0.6, 0.0]]))


def test_robin_weighs_value_and_outward_slope():
    value, slope = np.array([0.02, 0.12, 0.30]), np.array([0.2, -0.4, 0.5])
    u = on_boundary(product)
    np.testing.assert_allclose(Robin(2.0, 3.0, 0.5).residual(X, u).detach(), 2 * value + 3 * slope - 0.5)
    by_functions = Robin(first, second, product).residual(X, u).detach()
    x, t = X.numpy().T
    np.testing.assert_allclose(by_functions, x * value + t * slope - value)


def test_initial_velocity_is_the_slope_in_time():
    u = Jet(FunctionTerms(X, product), has_time=True)
    np.testing.assert_allclose(InitialVelocity(second).residual(X, u).detach(), X[:, 0] - X[:, 1])
    assert InitialVelocity(0.0).region == "initial"


@pytest.mark.parametrize("condition", [Neumann("zero"), Robin(1.0, 1.0, lambda x: x), InitialVelocity(lambda x: x)])
def test_messages_of_derivative_conditions_name_them(condition):
    u = Jet(FunctionTerms(X, product), has_time=True, normal_vectors=NORMALS)
    with pytest.raises((ValueError, TypeError), match=f"the (flux|value) of {type(condition).__name__}"):
        condition.residual(X, u)


def test_periodic_compares_values_and_slopes_at_the_two_faces():
    # u = x^2 y on [-1, 3] x [0, 1]: from x = -1 to x = 3 the value jumps by 8 y, the slope 2 x y by 8 y.
    condition = Periodic(0).on(Box([-1.0, 0.0], [3.0, 1.0]))
    x = torch.tensor([[-1.0, 0.25], [3.0, 0.5]], dtype=torch.float64)
    jumps = condition.residual(x, Jet(FunctionTerms(x, lambda x: x[:, 0] ** 2 * x[:, 1]))).detach()
    np.testing.assert_allclose(jumps, [[-2.0, -2.0], [4.0, 4.0]])
    assert condition.where(torch.tensor([[-1.0, 0.5], [0.0, 0.0], [3.0, 1.0]])).tolist() == [True, False, True]


def test_periodic_in_space_of_a_space_time_and_for_several_outputs():
    condition = Periodic(0).on(SpaceTime(Interval(0.0, 2.0), 0.0, 1.0))
    x = torch.tensor([[0.0, 0.5], [2.0, 1.0]], dtype=torch.float64)
    u = Jet(FunctionTerms(x, first, lambda x: torch.cos(torch.pi * x[:, 0])))
    jumps = condition.residual(x, u).detach()
    # Value of each output, then slope of each: only the value of the first one jumps.
    np.testing.assert_allclose(jumps, [[-2.0, 0, 0, 0], [2.0, 0, 0, 0]], atol=1e-14)


def test_periodic_pairs_points_exactly_far_from_the_origin():
    condition = Periodic(0).on(Box([10000.1, 0.0], [10001.3, 1.0]))
    x = torch.tensor([[10000.1, 0.25], [10001.3, 0.5]], dtype=torch.float64)
    jumps = condition.residual(x, Jet(FunctionTerms(x, first))).detach()
    np.testing.assert_array_equal(jumps[:, 0], x[:, 0] - x[:, 0].flip(0))


@pytest.mark.parametrize(("order", "n_jumps"), [(0, 2), (1, 2), (3, 3), (4, 4)])
def test_periodic_matches_as_many_derivatives_as_the_equation_has_orders(order, n_jumps):
    # Along y, from 0 to 2, the k-th derivative of x^2 exp(y) jumps by x^2 (exp(0) - exp(2)), whatever k.
    condition = Periodic(1).on(Box([-1.0, 0.0], [3.0, 2.0]), {1: order})
    x = torch.tensor([[2.0, 0.0]], dtype=torch.float64)
    jumps = condition.residual(x, Jet(FunctionTerms(x, lambda x: x[:, 0] ** 2 * torch.exp(x[:, 1])))).detach()
    np.testing.assert_allclose(jumps, np.full((1, n_jumps), 4 * (1 - np.exp(2.0))))


@pytest.mark.parametrize(
    ("domain", "axis", "message"),
    [(None, 0, "give the PDE a domain"), (Interval(0, 1), 1, "axis 1"), (SpaceTime(Interval(0, 1), 0, 1), 1, "axis 1")],
)
def test_periodic_needs_two_faces(domain, axis, message):
    with pytest.raises(ValueError, match=message):
        Periodic(axis).on(domain)


@pytest.mark.parametrize("condition", [Neumann(first, where=second), Robin(1.0, first, 0.0), Periodic(1)])
def test_new_conditions_are_values(condition):
    assert clone(condition) == condition
    assert eval(repr(Robin(1.0, 2.0, 0.0))) == Robin(1.0, 2.0, 0.0)
    assert repr(Neumann(first)) == "Neumann(flux=first)"
    assert repr(Neumann(lambda x: x)) == "Neumann(flux=<lambda>)"
