import numpy as np
import pytest

from pinnlearn.training.refinement import refine
from tests.problems import small_problem

N = 600


def add_rows(equation):
    """Rows that are added to a problem on the unit square, (N, 2)."""
    problem = small_problem([("equation", equation, [0, 1])], n=2)
    rng = np.random.default_rng(3)
    refined = refine(problem, lambda n: rng.random((n, 2)), N, seed=0)
    return refined.interior_points[2:]


def test_more_rows_are_added_where_the_residual_is_large():
    # |r| is 1 on a tenth of the square and 0 elsewhere: likelihoods are 11 there and 1 elsewhere. Of 600 rows out of
    # 300 likely points and 2700 others without replacement most of the likely ones are taken.
    rows = add_rows(lambda x, u: (x[:, 0] < 0.1).double() + 0 * u.value)
    assert len(rows) == N
    assert 0.7 * N / 2 < (rows[:, 0] < 0.1).sum() < 1.2 * N / 2
    assert len(np.unique(rows, axis=0)) == N


@pytest.mark.parametrize("size", [0.0, 1.0])
def test_rows_fill_the_domain_where_the_residual_is_the_same_everywhere(size):
    rows = add_rows(lambda x, u: size + 0 * u.value)
    share = (rows[:, 0] < 0.5).mean()
    assert share == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(N))
