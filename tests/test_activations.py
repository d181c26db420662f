import numpy as np
import pytest
import torch

from pinnlearn.activations import ACTIVATIONS, get_activation
from tests.references import ACTIVATIONS_BY_HAND, derivative, relative_error

ORDERS = [(name, order) for name in ACTIVATIONS for order in range(9) if order <= ACTIVATIONS[name].highest_order]


@pytest.mark.parametrize(("name", "order"), ORDERS)
def test_derivatives_equal_nested_autograd(name, order):
    z = torch.linspace(-4.0, 4.0, 100, dtype=torch.float64)
    x = z[:, None].clone().requires_grad_()
    reference = derivative(ACTIVATIONS_BY_HAND[name](x[:, 0]), x, *[0] * order).detach()
    # The polynomial of order 8 has coefficients of 4e5 for values of 1e3: three digits of 16 are lost.
    assert relative_error(get_activation(name)(z, [order])[order], reference) < 1e-12


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_orders_come_as_asked_in_the_shape_and_dtype_of_z(name):
    z = torch.full((2, 3), 0.3, dtype=torch.float32)
    result = get_activation(name)(z, (3, 0))
    assert set(result) == {0, 3}
    assert all(values.shape == (2, 3) and values.dtype == torch.float32 for values in result.values())
    assert (z == 0.3).all()


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("z", [-800.0, -50.0, 50.0, 800.0])
def test_far_from_zero_nothing_overflows(name, z):
    z = torch.tensor([z], dtype=torch.float64)
    values = get_activation(name)(z, range(4))
    assert all(torch.isfinite(value).all() for value in values.values())
    expected = z.clamp(min=0) if name == "softplus" and abs(float(z)) > 700 else ACTIVATIONS_BY_HAND[name](z)
    np.testing.assert_allclose(values[0], expected, rtol=1e-15)


def test_relu3_ends_at_its_third_derivative():
    relu3 = get_activation("relu3")
    z = torch.tensor([-1.0, 0.0, 2.0])
    assert [relu3(z, [k])[k].tolist() for k in range(4)] == [[0, 0, 8], [0, 0, 12], [0, 0, 12], [0, 0, 6]]
    with pytest.raises(ValueError, match=r"'relu3' has bounded derivatives up to order 3, not 4; use a smooth"):
        relu3(z, [4])


@pytest.mark.parametrize("name", ["relu", None, ["tanh"], torch.tanh])
def test_unknown_activation_names_the_known_ones(name):
    with pytest.raises(ValueError, match=r"is unknown; choose one of \['gaussian', 'logistic', .*'tanh'"):
        get_activation(name)
