import numpy as np
import pytest
import torch

from pinnlearn.activations import get_activation, tanh
from tests.references import derivative, relative_error


@pytest.mark.parametrize("order", range(9))
def test_tanh_derivatives_equal_nested_autograd(order):
    z = torch.linspace(-4.0, 4.0, 101, dtype=torch.float64)
    x = z[:, None].clone().requires_grad_()
    reference = derivative(torch.tanh(x[:, 0]), x, *[0] * order).detach()
    # The polynomial of order 8 has coefficients of 4e5 for values of 1e3: three digits of 16 are lost.
    assert relative_error(tanh(z, [order])[order], reference) < 1e-12


def test_orders_come_as_asked_in_the_shape_and_dtype_of_z():
    z = torch.zeros(2, 3, dtype=torch.float32)
    result = tanh(z, (3, 0))
    assert set(result) == {0, 3}
    assert all(values.shape == (2, 3) and values.dtype == torch.float32 for values in result.values())
    np.testing.assert_array_equal(result[3], -2.0)  # tanh z = z - z^3 / 3 + ...


def test_evaluation_leaves_its_argument_alone():
    z = torch.tensor([0.5])
    results = tanh(z, [0, 1, 2])
    assert float(z) == 0.5
    assert results[0].data_ptr() != results[1].data_ptr()


def test_unknown_activation_names_the_known_ones():
    assert get_activation("tanh") is tanh
    with pytest.raises(ValueError, match=r"'relu'.*\['tanh'"):
        get_activation("relu")
