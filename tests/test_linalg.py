import math

import numpy as np
import pytest
import scipy.linalg
import torch

from pinnlearn.linalg import (
    SOLVERS,
    damped_solve,
    gram_is_cheaper,
    gram_of_rows,
    gram_solve,
    leave_one_out,
    small_solution,
)
from tests.references import normal_equations, relative_error, right_side, with_spectrum

EPS = np.finfo(float).eps
SHAPES = {"tall": (12, 5), "square": (7, 7), "wide": (5, 12)}
each_shape = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)


@each_shape
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("damping", [1e-4, 0.3, 20.0])
def test_damped_solve_equals_the_normal_equations(shape, solver, damping):
    J = with_spectrum(*shape, np.linspace(3.0, 1.0, min(shape)))
    r = right_side(shape[0])
    # The normal equations have condition number at most 9 / 1e-4.
    assert relative_error(damped_solve(J, r, damping, solver), normal_equations(J, r, damping)) < 1e-10


def test_the_smaller_side_is_cheaper_unless_its_products_are_dear():
    assert gram_is_cheaper(n=100, p=200, gram_size=200)
    assert not gram_is_cheaper(n=200, p=100, gram_size=100)
    assert gram_is_cheaper(n=200, p=190, gram_size=20)


@each_shape
@pytest.mark.parametrize("damping", [1e-4, 0.3, 20.0])
def test_gram_solve_equals_the_normal_equations(shape, damping):
    J, r = with_spectrum(*shape, np.linspace(3.0, 1.0, min(shape))), right_side(shape[0])
    assert relative_error(J.T @ gram_solve(J @ J.T, r, damping), normal_equations(J, r, damping)) < 1e-10


@each_shape
@pytest.mark.parametrize("solver", SOLVERS)
def test_damped_solve_of_rank_deficient_matrices_equals_the_normal_equations(shape, solver):
    J = with_spectrum(*shape, [3.0, 2.0, 1.0])
    r = right_side(shape[0])
    assert relative_error(damped_solve(J, r, 1e-4, solver), normal_equations(J, r, 1e-4)) < 1e-10


@each_shape
@pytest.mark.parametrize("solver", ["auto", "svd"])
def test_without_damping_it_is_the_pseudo_inverse(shape, solver):
    J, r = with_spectrum(*shape, np.linspace(3.0, 1.0, min(shape))), right_side(shape[0])
    expected = scipy.linalg.lstsq(J.numpy(), r.numpy())[0]
    assert relative_error(damped_solve(J, r, 0.0, solver), expected) < 1e-13


@each_shape
@pytest.mark.parametrize("solver", ["auto", "svd"])
def test_without_damping_rank_deficient_problems_are_solved_too(shape, solver):
    # Round-off leaves singular values near eps on either side of the cut-off, so J^+ r is not unique in floating
    # point; J d is, up to round-off.
    J, r = with_spectrum(*shape, [3.0, 2.0, 1.0]), right_side(shape[0])
    expected = J.numpy() @ (np.linalg.pinv(J.numpy(), rcond=1e-12) @ r.numpy())
    assert relative_error(J @ damped_solve(J, r, 0.0, solver), expected) < 1e-12


@pytest.mark.parametrize("solver", ["auto", "svd"])
def test_the_cut_off_is_eps_times_the_largest_singular_value(solver):
    # Diagonal, so that the singular values are exact: those above eps * 4 are inverted, those below count as zero.
    J = torch.diag(torch.tensor([4.0, 8 * EPS, 2 * EPS, 0.0], dtype=torch.float64))
    d = damped_solve(J, torch.full((4,), EPS, dtype=torch.float64), 0.0, solver)
    np.testing.assert_allclose(d, [EPS / 4, 1 / 8, 0.0, 0.0], rtol=1e-12)


@each_shape
def test_the_small_solution_is_that_of_columns_of_length_one(shape):
    A = with_spectrum(*shape, np.linspace(3.0, 1.0, min(shape)))
    lengths = A.norm(dim=0)
    factors = torch.logspace(0, 6, shape[1], dtype=A.dtype)
    b = right_side(shape[0])
    expected = scipy.linalg.lstsq(A / lengths, b)[0]
    assert relative_error(small_solution(A * factors / lengths, b) * factors, torch.as_tensor(expected)) < 1e-10


@each_shape
def test_the_small_solution_is_small_where_columns_depend_on_each_other(shape):
    A = with_spectrum(*shape, np.where(np.arange(min(shape)) < 3, 1.0, 0.0))
    A = A / A.norm(dim=0)
    b = A @ right_side(shape[1])
    found, smallest = small_solution(A, b), scipy.linalg.pinv(A, rtol=1e-12) @ b.numpy()
    assert float((A @ found - b).norm() / b.norm()) < 10 * EPS
    assert float(found.norm()) < 3 * np.linalg.norm(smallest)


@pytest.mark.parametrize(("solver", "damping"), [("svd", 0.0), *((solver, 1e-3) for solver in SOLVERS)])
def test_where_the_matrix_is_zero_so_is_the_solution(solver, damping):
    np.testing.assert_array_equal(damped_solve(torch.zeros(3, 2), torch.ones(3), damping, solver), [0.0, 0.0])


def damped_exactly(J_factors, coefficients, damping, n):
    """The damped solution in the singular basis, for r with these coefficients in the left one."""
    s, right = J_factors
    shift = damping * np.square(s).sum() / n
    return (s / (s * s + shift) * coefficients) @ right


@each_shape
@pytest.mark.parametrize("damping", [1e-14, 1e-10])
def test_qr_keeps_the_digits_that_cholesky_loses(shape, damping):
    n, p = shape
    s = np.geomspace(1.0, 1e-7, min(shape))
    left, right = (scipy.fft.dct(np.eye(size), norm="ortho")[:, : len(s)] for size in (n, p))
    right = scipy.fft.dct(np.eye(p), norm="ortho")[: len(s)]
    J = with_spectrum(n, p, s)
    r = torch.tensor(left @ s)  # consistent, with a solution of size 1
    expected = damped_exactly((s, right), s, damping, n)
    condition = 1 / math.sqrt(max(s[-1] ** 2, damping * np.square(s).mean()))
    # Backward stable on [J; sqrt(lambda) I]: eps times its condition number, times a modest factor of the size.
    assert relative_error(damped_solve(J, r, damping, "qr"), expected) < 50 * EPS * condition
    assert relative_error(damped_solve(J, r, damping, "svd"), expected) < 50 * EPS * condition
    assert relative_error(damped_solve(J, r, damping, "auto"), expected) < 50 * EPS * condition
    assert relative_error(damped_solve(J, r, damping, "cholesky"), expected) < 50 * EPS * condition**2
    assert relative_error(damped_solve(J, r, damping, "cholesky"), expected) > 50 * EPS * condition


@each_shape
@pytest.mark.parametrize("solver", SOLVERS)
def test_damping_is_relative_to_the_mean_diagonal(shape, solver):
    J, r = with_spectrum(*shape, [3.0, 2.0, 1.0]), right_side(shape[0])
    assert (
        relative_error(damped_solve(2.0**40 * J, r, 1e-3, solver), damped_solve(J, r, 1e-3, solver) / 2.0**40) < 1e-12
    )


@each_shape
def test_float32_is_as_good_as_its_precision(shape):
    J, r = with_spectrum(*shape, np.linspace(3.0, 1.0, min(shape))), right_side(shape[0])
    for damping in (0.0, 1e-3):
        d = damped_solve(J.float(), r.float(), damping)
        assert d.dtype == torch.float32
        # Condition number 3, so some tens of eps = 1e-7.
        assert relative_error(d, damped_solve(J, r, damping)) < 1e-5


def test_arguments_are_left_alone():
    J, r = with_spectrum(5, 4, [3.0, 2.0, 1.0]), right_side(5)
    kept = J.clone(), r.clone()
    for solver in SOLVERS:
        damped_solve(J, r, 0.1, solver)
    leave_one_out(J, r, 0.1)
    assert torch.equal(J, kept[0])
    assert torch.equal(r, kept[1])


def test_unknown_solver_names_the_known_ones():
    with pytest.raises(ValueError, match=r"'lu'.*auto.*cholesky.*qr.*svd"):
        damped_solve(torch.eye(2), torch.ones(2), 0.1, "lu")


@pytest.mark.parametrize("solver", ["cholesky", "qr"])
def test_solvers_that_need_damping_say_so(solver):
    with pytest.raises(ValueError, match=f"'{solver}' needs damping > 0.*svd"):
        damped_solve(torch.eye(2), torch.ones(2), 0.0, solver)


def test_cholesky_raises_where_the_damping_is_too_small():
    J = with_spectrum(6, 6, [1.0, 1e-12])
    with pytest.raises(torch.linalg.LinAlgError):
        damped_solve(J, right_side(6), 1e-300, "cholesky")


@pytest.mark.parametrize(
    ("shape", "damping"),
    [((12, 5), 1e-12), *((shape, damping) for shape in SHAPES.values() for damping in (1e-2, 10.0))],
)
def test_leave_one_out_equals_fits_without_each_row(shape, damping):
    A, y = with_spectrum(*shape, np.linspace(3.0, 1.0, min(shape))), right_side(shape[0])
    shift = damping * float(A.square().sum()) / len(A)
    expected = []
    for i in range(len(A)):
        others = np.delete(np.arange(len(A)), i)
        rest = A[others]
        fit = torch.linalg.solve(rest.T @ rest + shift * torch.eye(A.shape[1], dtype=A.dtype), rest.T @ y[others])
        expected.append(float(y[i] - A[i] @ fit))
    # The reference's normal equations have condition number 9 / 1e-2 at most, or 9 for tall A.
    assert relative_error(leave_one_out(A, y, damping), expected) < 1e-10


def test_leave_one_out_is_finite_where_a_row_alone_decides():
    A = torch.eye(3, dtype=torch.float64)
    residuals = leave_one_out(A, torch.ones(3, dtype=torch.float64), 1e-30)
    assert torch.isfinite(residuals).all()


@pytest.mark.parametrize("n", [1, 5, 6, 50])
@pytest.mark.parametrize("k", [0, 3, 80])
def test_a_symmetric_product_is_the_whole_product(n, k):
    A = with_spectrum(max(n, 81), max(k, 81), np.linspace(3.0, 1.0, 81))[:n, :k]
    np.testing.assert_allclose(gram_of_rows(A), A @ A.T, rtol=1e-13, atol=1e-14)
