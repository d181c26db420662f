import numpy as np
import pytest
from scipy.stats import qmc

from pinnlearn.sampling import METHODS, as_generator, stack_points, unit_points

each_method = pytest.mark.parametrize("method", METHODS)


def points(n, n_dims, method, seed=0):
    return unit_points(n, n_dims, np.random.default_rng(seed), method)


@each_method
@pytest.mark.parametrize("n", [0, 1, 2, 37, 64])
@pytest.mark.parametrize("n_dims", [0, 1, 3, 10])
def test_every_method_gives_n_points_in_the_unit_cube(method, n, n_dims):
    X = points(n, n_dims, method)
    assert X.shape == (n, n_dims)
    assert ((X >= 0) & (X < 1)).all()


@each_method
def test_every_method_works_in_many_dimensions(method):
    X = points(200, 100, method)
    assert X.shape == (200, 100)
    assert ((X >= 0) & (X < 1)).all()


@each_method
def test_points_are_distinct(method):
    for n in (10, 50, 100):
        assert len(np.unique(points(n, 2, method), axis=0)) == n


def discrepancy(n, n_dims, method):
    return qmc.discrepancy(points(n, n_dims, method), method="L2-star")


def uniform_discrepancy(n, n_dims):
    """The root mean square of the L2 star discrepancy of independent uniform points."""
    return np.sqrt((2.0**-n_dims - 3.0**-n_dims) / n)


@pytest.mark.parametrize("method", ["sobol", "halton", "lhs"])
@pytest.mark.parametrize(("n", "n_dims"), [(256, 2), (256, 3), (900, 2)])
def test_discrepancy_is_lower_than_that_of_uniform_points(method, n, n_dims):
    assert discrepancy(n, n_dims, method) < uniform_discrepancy(n, n_dims)


@pytest.mark.parametrize("method", ["sobol", "halton"])
def test_discrepancy_falls_faster_than_that_of_uniform_points(method):
    sizes = np.array([64, 256, 1024])
    rate = np.polyfit(np.log(sizes), np.log([discrepancy(n, 2, method) for n in sizes]), 1)[0]
    assert rate < -0.75  # n^-1 up to logarithms, against n^-1/2


def test_latin_hypercube_has_one_point_a_layer():
    X = points(20, 3, "lhs")
    np.testing.assert_array_equal(np.sort(np.floor(20 * X), axis=0), np.arange(20)[:, None] * np.ones(3))


def test_grid_is_the_tensor_grid_of_midpoints():
    X = points(27, 3, "grid")
    midpoints = (np.arange(3) + 0.5) / 3
    expected = np.stack(np.meshgrid(midpoints, midpoints, midpoints, indexing="ij"), axis=-1).reshape(-1, 3)
    np.testing.assert_allclose(X, expected, rtol=1e-15)


@each_method
def test_points_are_reproducible_from_a_seed(method):
    np.testing.assert_array_equal(points(33, 2, method, seed=5), points(33, 2, method, seed=5))


@pytest.mark.parametrize("method", sorted(set(METHODS) - {"grid"}))
def test_other_seeds_give_other_points(method):
    assert not np.array_equal(points(33, 2, method, seed=5), points(33, 2, method, seed=6))


def test_unknown_method_names_the_known_ones():
    with pytest.raises(ValueError, match=r"'random'.*grid.*halton.*lhs.*sobol.*uniform"):
        points(3, 2, "random")


@each_method
def test_a_negative_number_of_points_is_an_error(method):
    with pytest.raises(ValueError, match=r"-3|negative|positive"):
        points(-3, 2, method)


@pytest.mark.parametrize("random_state", [0, np.int64(3), np.random.RandomState(0), np.random.default_rng(0), None])
def test_as_generator_takes_what_scikit_learn_takes(random_state):
    assert isinstance(as_generator(random_state), np.random.Generator)


def test_as_generator_is_reproducible_and_goes_on():
    same = [as_generator(seed).random() for seed in (7, np.int64(7))]
    assert same[0] == same[1]
    states = [np.random.RandomState(7), np.random.RandomState(7)]
    assert as_generator(states[0]).random() == as_generator(states[1]).random()
    assert as_generator(states[0]).random() != as_generator(np.random.RandomState(7)).random()
    generator = np.random.default_rng(7)
    assert as_generator(generator) is generator
    with pytest.raises(ValueError, match="random_state must be an integer"):
        as_generator("seven")


INTERIOR, BOUNDARY = np.arange(60.0).reshape(30, 2), -np.arange(1.0, 21.0).reshape(10, 2)


def test_stack_points_keeps_rows_with_their_values():
    X, y = stack_points(INTERIOR, BOUNDARY, BOUNDARY[:, 0], random_state=0)
    assert X.shape == (40, 2)
    known = ~np.isnan(y)
    np.testing.assert_array_equal(y[known], X[known, 0])
    assert {*map(tuple, X[known])} == {*map(tuple, BOUNDARY)}
    assert {*map(tuple, X[~known])} == {*map(tuple, INTERIOR)}


def test_stack_points_interleaves():
    _, y = stack_points(INTERIOR, BOUNDARY, BOUNDARY[:, 0], random_state=0)
    known = ~np.isnan(y)
    # The folds of KFold(2): all 10 in one half has probability 2 binom(20, 10) / binom(40, 10) = 4e-4.
    assert known[:20].any()
    assert known[20:].any()


def test_stack_points_without_values_leaves_them_to_the_conditions():
    _, y = stack_points(INTERIOR, BOUNDARY)
    assert y.shape == (40,)
    assert np.isnan(y).all()


def test_stack_points_with_several_outputs():
    X, y = stack_points(INTERIOR, BOUNDARY, BOUNDARY, random_state=1)
    known = ~np.isnan(y).any(axis=1)
    assert y.shape == (40, 2)
    np.testing.assert_array_equal(y[known], X[known])


def test_stack_points_is_reproducible_from_a_seed():
    first, second = (stack_points(INTERIOR, BOUNDARY, random_state=3)[0] for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((INTERIOR, BOUNDARY[:, :1]), r"same number of columns.*\(30, 2\).*\(10, 1\)"),
        ((INTERIOR[:, 0], BOUNDARY), r"must be 2-D.*\(30,\)"),
        ((INTERIOR, BOUNDARY, [1.0, 2.0]), "2 values.*10 rows"),
        ((INTERIOR, BOUNDARY, 0.0), "10 rows; give one a row"),
    ],
    ids=["columns", "1-D", "length", "number"],
)
def test_stack_points_says_what_does_not_fit(arguments, message):
    with pytest.raises(ValueError, match=message):
        stack_points(*arguments)
