import numpy as np
import pytest
import torch

from pinnlearn.jets import Jet, Symbol, TimeAxisUnknownError, Zero
from tests.problems import wave
from tests.references import FunctionTerms

POINTS = torch.tensor([[0.3, 0.7], [-0.2, 0.5], [0.9, -0.4]], dtype=torch.float64)
X0, X1 = POINTS.T


def jet(*functions, **options):
    return Jet(FunctionTerms(POINTS, *functions), **options)


def close(result, reference):
    np.testing.assert_allclose(result.detach(), reference, rtol=1e-13, atol=1e-14)


class Recorder(FunctionTerms):
    def __init__(self, *args):
        super().__init__(*args)
        self.read = []

    def term(self, term):
        self.read.append(term)
        return super().term(term)


@pytest.mark.parametrize(
    "monomials", [((),), ((0,),), ((0, 1, 1),), ((0, 0), (1, 1), (2, 2)), ((0, 0, 0, 2), (1, 1, 2, 2))]
)
def test_symbol_and_its_gradient_equal_autograd(monomials):
    w = torch.tensor([[0.5, -2.0, 3.0], [1.5, 0.0, -1.0]], dtype=torch.float64, requires_grad=True)
    by_hand = sum(
        torch.stack([w[:, axis] for axis in axes]).prod(dim=0) if axes else w[:, 0] ** 0 for axes in monomials
    )
    (gradient,) = torch.autograd.grad(by_hand.sum(), w)
    symbol = Symbol(monomials)
    close(symbol(w), by_hand.detach())
    close(symbol.gradient(w.detach()), gradient)
    assert symbol.order == len(monomials[0])


def test_derivatives_are_those_of_the_function():
    u = jet(wave)
    sine, cosine = torch.sin(2 * X0) * torch.exp(X1), torch.cos(2 * X0) * torch.exp(X1)
    close(u.value, sine)
    close(u.d(0), 2 * cosine)
    close(u.d(0, 1, 0), -4 * sine)
    close(u.laplacian, -3 * sine)
    close(u.grad, torch.stack([2 * cosine, sine], dim=1))


def test_mixed_derivatives_are_one_term_in_any_order():
    source = Recorder(POINTS, wave)
    close(Jet(source).d(0, 1), Jet(source).d(1, 0).detach())
    assert source.read[0] == source.read[1]


def test_nothing_is_computed_until_it_is_read():
    source = Recorder(POINTS, wave)
    u = Jet(source, has_time=True, normal_vectors=POINTS)
    assert u[0] is not u
    assert source.read == []
    u.laplacian  # noqa: B018
    assert [term.symbol for term in source.read] == [Symbol(((0, 0),))]


def test_time_counts_neither_in_laplacian_nor_in_gradient():
    u = jet(wave, has_time=True)
    close(u.laplacian, -4 * torch.sin(2 * X0) * torch.exp(X1))
    close(u.dt, torch.sin(2 * X0) * torch.exp(X1))
    assert u.grad.shape == (3, 1)


def test_normal_derivative_is_the_gradient_along_the_normal():
    normals = torch.tensor([[1.0, 0.0], [0.0, -1.0], [0.6, 0.8]], dtype=torch.float64)
    u = jet(wave, lambda x: x[:, 0] * x[:, 1], normal_vectors=normals)
    gradient = torch.stack([2 * torch.cos(2 * X0), torch.sin(2 * X0)], dim=1) * torch.exp(X1)[:, None]
    close(u[0].dn, (normals * gradient).sum(dim=1))
    close(u.dn[:, 1], normals[:, 0] * X1 + normals[:, 1] * X0)


def test_shapes_with_several_outputs():
    u = jet(wave, lambda x: x[:, 0] ** 2)
    assert u.value.shape == u.laplacian.shape == (3, 2)
    assert u.grad.shape == (3, 2, 2)
    assert u[1].grad.shape == (3, 2)
    close(u.value[:, 1], X0**2)
    close(u[1].d(0), 2 * X0)


def test_outputs_can_be_unpacked():
    u = jet(wave, lambda x: x[:, 0] ** 2)
    first, second = u
    close(second.value - first.value, X0**2 - torch.sin(2 * X0) * torch.exp(X1))


def test_at_is_the_same_function_at_other_points():
    other = POINTS.flip(0)
    u = jet(wave, lambda x: x[:, 0] ** 2, normal_vectors=POINTS)
    close(u.at(other).value[:, 1], X0.flip(0) ** 2)
    close(u[1].at(other).d(0), 2 * X0.flip(0))
    close(u.at(other)[1].d(0), 2 * X0.flip(0))


@pytest.mark.parametrize("n_outputs", [1, 2])
def test_zero_is_zero_with_all_its_derivatives(n_outputs):
    u = Jet(Zero(POINTS, n_outputs), has_time=True, normal_vectors=POINTS)
    shape = (3,) if n_outputs == 1 else (3, n_outputs)
    for values in (u.value, u.laplacian, u.dt, u.dn, u.at(POINTS + 1).d(0, 1)):
        np.testing.assert_array_equal(values, np.zeros(shape))


@pytest.mark.parametrize("axis", [2, -1])
def test_axis_out_of_range_says_how_many_coordinates_there_are(axis):
    with pytest.raises(ValueError, match=rf"axis {axis}, but points have 2 coordinate"):
        jet(wave).d(axis)


@pytest.mark.parametrize("output", [1, -1])
def test_output_out_of_range_names_n_outputs(output):
    with pytest.raises(ValueError, match=rf"u\[{output}\].*1 output.*n_outputs"):
        jet(wave)[output]


def test_dt_without_time_says_what_to_use():
    with pytest.raises(ValueError, match="no time axis; use SpaceTime"):
        jet(wave, has_time=False).dt  # noqa: B018
    with pytest.raises(TimeAxisUnknownError):
        jet(wave).dt  # noqa: B018


def test_dn_without_normals_says_where_there_are_any():
    with pytest.raises(ValueError, match=r"no outward normal; normals exist on the boundary"):
        jet(wave).dn  # noqa: B018


def test_a_misspelled_derivative_is_told_the_names_that_there_are():
    with pytest.raises(AttributeError, match=r"u has no 'dx', but value, d\(axis, \.\.\.\).* du/dx_0 is u\.d\(0\)"):
        jet(wave).dx  # noqa: B018


@pytest.mark.parametrize("compute", [lambda u: u + 1, torch.sinh, lambda u: torch.stack([u, u]), lambda u: 2 * u])
def test_computing_with_u_itself_says_what_to_write(compute):
    with pytest.raises(ValueError, match=r"with u itself; write u\.value"):
        compute(jet(wave))
