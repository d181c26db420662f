import numpy as np
import pytest
import scipy.sparse.linalg
import torch

from pinnlearn.krylov import conjugate_gradients, nystrom, sketched_solver
from pinnlearn.linalg import damped_solve
from tests.references import relative_error, right_side, with_spectrum


def with_eigenvalues(values):
    """A symmetric matrix with these eigenvalues."""
    basis = with_spectrum(len(values), len(values), np.ones(len(values)))
    return basis.T @ torch.diag(torch.tensor(values, dtype=torch.float64)) @ basis


@pytest.mark.parametrize("tolerance", [1e-3, 1e-10])
def test_conjugate_gradients_solve_to_their_tolerance(tolerance):
    A, b = with_eigenvalues(np.geomspace(1.0, 1e-3, 30)), right_side(30)
    x = conjugate_gradients(lambda v: A @ v, b, tolerance=tolerance)
    assert torch.linalg.vector_norm(b - A @ x) <= 1.01 * tolerance * torch.linalg.vector_norm(b)


def test_conjugate_gradients_take_the_steps_that_scipy_takes():
    A, b = with_eigenvalues(np.geomspace(1.0, 1e-2, 20)), right_side(20)
    M = torch.diag(1 / A.diagonal())
    for n_steps in (1, 2, 7):
        reference, _ = scipy.sparse.linalg.cg(A.numpy(), b.numpy(), rtol=0, atol=0, maxiter=n_steps, M=M.numpy())
        x = conjugate_gradients(lambda v: A @ v, b, lambda v: M @ v, tolerance=0, most_products=n_steps)
        assert relative_error(x, reference) < 1e-12


def test_conjugate_gradients_end_where_the_curvature_is_not_positive_and_still_descend():
    A, b = with_eigenvalues([3.0, 2.0, 1.0, -1.0]), right_side(4)
    x = conjugate_gradients(lambda v: A @ v, b)
    assert b @ x > 0
    along = conjugate_gradients(lambda v: -A @ (A @ v), b)  # of none at all: along b, b^T b / |b^T A b| far
    assert relative_error(along, b * (b @ b) / (b @ A @ A @ b)) < 1e-12


def test_nothing_is_solved_for_a_right_side_of_zero():
    assert not conjugate_gradients(lambda v: v, torch.zeros(3)).any()


@pytest.mark.parametrize("rank", [4, 10, 99])
def test_nystrom_is_exact_where_the_rank_suffices(rank):
    A = with_eigenvalues([4.0, 3.0, 2.0, 1.0, *[0.0] * 16])
    approximation = nystrom(lambda V: A @ V, A[0], rank)
    # A shift of about eps ||A|| is put on and taken off again, in its square root.
    assert relative_error((approximation.vectors * approximation.values) @ approximation.vectors.T, A) < 1e-7
    np.testing.assert_allclose(approximation.values[:4], [4.0, 3.0, 2.0, 1.0], rtol=1e-7)


def test_nystrom_is_the_formula():
    A = with_eigenvalues(np.geomspace(1.0, 1e-4, 20))
    approximation = nystrom(lambda V: A @ V, A[0], 5)
    low_rank = (approximation.vectors * approximation.values) @ approximation.vectors.T
    seen = []
    nystrom(lambda V: seen.append(V) or A @ V, A[0], 5)
    Y = A @ seen[0]
    assert relative_error(low_rank, Y @ torch.linalg.solve(seen[0].T @ Y, Y.T)) < 1e-8


def test_nystrom_loses_negative_eigenvalues():
    A = with_eigenvalues([2.0, 1.0, 0.0, -1.0])
    values = nystrom(lambda V: A @ V, A[0], 4).values
    assert float(values.min()) >= 0
    assert torch.isfinite(values).all()


def test_the_preconditioned_system_is_well_conditioned():
    # Eigenvalues fall to 1e-8 and the shift is the tenth of them: CG alone would need hundreds of steps.
    A, b = with_eigenvalues(np.geomspace(1.0, 1e-8, 60)), right_side(60)
    shift = 1e-5
    sketch = nystrom(lambda V: A @ V, A[0], 50)
    precondition = torch.stack([sketch.precondition(e, shift) for e in torch.eye(60, dtype=A.dtype)])
    eigenvalues = torch.linalg.eigvals(precondition @ (A + shift * torch.eye(60, dtype=A.dtype))).real
    # Frangella et al., Theorem 5.1: at most 28 in the mean for a rank of twice the effective dimension.
    assert float(eigenvalues.max() / eigenvalues.min()) < 28
    x = conjugate_gradients(lambda v: A @ v + shift * v, b, lambda v: sketch.precondition(v, shift), 1e-10, 60)
    assert torch.linalg.vector_norm(A @ x + shift * x - b) < 1e-8 * torch.linalg.vector_norm(b)


@pytest.mark.parametrize("shape", [(12, 7), (7, 12)])
def test_a_sketch_of_full_rank_solves_as_well_as_no_sketch(shape):
    J, r = with_spectrum(*shape, np.linspace(3.0, 1.0, 7)), right_side(shape[0])
    # The shift of the sketch, eps ||J J^T||, over the damping of 1e-2.
    assert relative_error(sketched_solver(J, 1e-2, 12)(r), damped_solve(J, r, 1e-2)) < 1e-10


def test_the_sketch_of_zero_solves_to_zero():
    assert not sketched_solver(torch.zeros(3, 2), 1e-3, 2)(torch.ones(3)).any()
