import numpy as np
import pytest

from pinnlearn.domains import Box, Interval, SpaceTime, Time
from pinnlearn.sampling import METHODS

BOX = Box([0.0, -1.0], [3.0, 0.0])
SPACE_TIME = SpaceTime(BOX, 1.0, 3.0)
DOMAINS = [Interval(-2.0, 5.0), BOX, Box([0.0] * 4, [1.0, 2.0, 3.0, 4.0]), SPACE_TIME, SpaceTime(Interval(0, 1), 0, 1)]

each_domain = pytest.mark.parametrize("domain", DOMAINS, ids=repr)
each_method = pytest.mark.parametrize("method", METHODS)


def rng():
    return np.random.default_rng(0)


def regions(domain, *points, dtype=float):
    return domain.region(np.array(points, dtype=dtype)).tolist()


def test_regions_of_an_interval():
    assert regions(Interval(-2.0, 5.0), [-2.0], [0.0], [5.0]) == ["boundary", "interior", "boundary"]


def test_regions_of_a_box():
    points = [1.0, -0.5], [3.0, -0.5], [1.0, -1.0], [0.0, 0.0]
    assert regions(BOX, *points) == ["interior", "boundary", "boundary", "boundary"]


def test_at_the_start_initial_wins_and_the_end_is_interior():
    points = {
        (1.0, -0.5, 1.0): "initial",
        (0.0, -0.5, 1.0): "initial",  # also on the lateral boundary
        (0.0, -0.5, 2.0): "boundary",
        (0.0, -0.5, 3.0): "boundary",
        (1.0, -0.5, 3.0): "interior",
        (1.0, -0.5, 2.0): "interior",
    }
    assert regions(SPACE_TIME, *points) == list(points.values())


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-9), (np.float32, 1e-6)])
@pytest.mark.parametrize("extent", [1.0, 1e-3, 1e4])
def test_a_point_is_on_a_face_within_the_tolerance_times_the_extent(dtype, tolerance, extent):
    domain = Interval(0.0, extent)
    offsets = np.array([0.5, -0.5, 2.0, -2.0]) * tolerance * extent
    X = offsets[:, None].astype(dtype)
    assert domain.region(X).tolist() == ["boundary", "boundary", "interior", "interior"]
    assert domain.contains(X).tolist() == [True, True, True, False]
    assert SpaceTime(Interval(-1.0, 1.0), 0.0, extent).region(
        np.column_stack([np.zeros_like(X), X])
    ).tolist() == ["initial", "initial", "interior", "interior"]  # fmt: skip


def test_float32_copies_of_faces_are_on_the_faces():
    X = np.float32([[0.1, 0.5], [0.5, 0.3], [0.7, 0.9]])
    assert Box([0.1, 0.3], [0.7, 0.9]).region(X).tolist() == ["boundary"] * 3
    assert Box([0.1, 0.3], [0.7, 0.9]).region(X.astype(float)).tolist() == ["interior"] * 3


def test_points_outside_are_neither_contained_nor_on_the_boundary():
    X = np.array([[3.5, -0.5], [3.0, 0.5], [-1.0, -1.0]])
    assert not BOX.contains(X).any()
    assert not BOX.on_boundary(X).any()  # the second and third lie on the planes of faces
    times = np.array([[1.0, -0.5, 0.5], [1.0, -0.5, 3.5], [0.0, -0.5, 3.5], [3.5, -0.5, 1.0]])
    assert not SPACE_TIME.contains(times).any()
    assert regions(SPACE_TIME, *times) == ["interior"] * 4


def test_normals_point_outward_and_are_zero_off_the_boundary():
    X = np.array([[0.0, -0.5], [3.0, -0.5], [1.0, -1.0], [1.0, 0.0], [1.0, -0.5], [4.0, 0.0]])
    np.testing.assert_array_equal(BOX.normal(X), [[-1, 0], [1, 0], [0, -1], [0, 1], [0, 0], [0, 0]])


def test_at_a_corner_the_normal_is_that_of_the_lowest_axis():
    np.testing.assert_array_equal(BOX.normal([[3.0, -1.0], [0.0, 0.0]]), [[1, 0], [-1, 0]])


def test_normals_in_space_time_have_no_time_component():
    X = np.array([[0.0, -0.5, 2.0], [1.0, 0.0, 1.0], [1.0, -0.5, 1.0], [1.0, -0.5, 3.0], [0.0, -0.5, 9.0]])
    np.testing.assert_array_equal(SPACE_TIME.normal(X), [[-1, 0, 0], [0, 1, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0]])


@each_domain
@each_method
def test_interior_samples_are_inside(domain, method):
    X = domain.sample_interior(37, rng(), method)
    assert X.shape == (37, domain.n_dims)
    assert (domain.region(X) == "interior").all()
    assert domain.contains(X).all()


@each_domain
@each_method
def test_boundary_samples_lie_exactly_on_a_face(domain, method):
    X = domain.sample_boundary(37, rng(), method)
    assert X.shape == (37, domain.n_dims)
    assert (domain.region(X) == "boundary").all()
    space = X[:, :-1] if domain.has_time else X
    lower, upper = (corner[: space.shape[1]] for corner in domain.bounds)
    assert ((space == lower) | (space == upper)).any(axis=1).all()


@each_domain
def test_each_boundary_sample_has_a_unit_normal(domain):
    normals = domain.normal(domain.sample_boundary(40, rng()))
    np.testing.assert_array_equal(np.linalg.norm(normals, axis=1), 1.0)


@pytest.mark.parametrize("n", [1, 2, 7])
@each_method
def test_boundary_samples_of_an_interval_alternate_between_its_ends(n, method):
    X = Interval(-2.0, 5.0).sample_boundary(n, rng(), method)
    np.testing.assert_array_equal(X[:, 0], np.array([-2.0, 5.0])[np.arange(n) % 2])


@pytest.mark.parametrize("n", [40, 41])
def test_boundary_samples_are_shared_out_by_area(n):
    X = BOX.sample_boundary(n, rng())
    counts = [(X[:, 0] == 0).sum(), (X[:, 0] == 3).sum(), (X[:, 1] == -1).sum(), (X[:, 1] == 0).sum()]
    shares = n * np.array([1, 1, 3, 3]) / 8  # each face's count is its share, rounded up or down
    assert sum(counts) == n
    assert (np.abs(counts - shares) < 1).all()


@each_method
def test_boundary_samples_fill_their_faces(method):
    X = BOX.sample_boundary(400, rng(), method)
    along = X[X[:, 1] == 0.0, 0]
    # 150 points in 10 cells: even uniform ones leave a cell empty with probability 10 * 0.9^150 = 1e-6.
    assert np.histogram(along, bins=10, range=(0, 3))[0].min() > 0


@pytest.mark.parametrize("domain", [SPACE_TIME, DOMAINS[-1]], ids=repr)
@each_method
def test_initial_samples_are_at_the_start_and_lateral_ones_after_it(domain, method):
    initial, lateral = domain.sample_initial(20, rng(), method), domain.sample_boundary(20, rng(), method)
    np.testing.assert_array_equal(initial[:, -1], domain.t_start)
    assert (domain.region(initial) == "initial").all()
    assert (lateral[:, -1] > domain.t_start).all()
    assert np.ptp(lateral[:, -1]) > 0.5 * (domain.t_end - domain.t_start)


@each_method
def test_times_on_the_lateral_boundary_do_not_go_with_the_face(method):
    X = SPACE_TIME.sample_boundary(400, rng(), method)
    for axis, end in ((0, 0.0), (0, 3.0), (1, -1.0), (1, 0.0)):
        times = X[X[:, axis] == end, 2]
        # At least 50 points in 4 cells: even uniform ones leave a cell empty with probability 4 * 0.75^50 = 2e-6.
        assert np.histogram(times, bins=4, range=(1, 3))[0].min() > 0


@each_domain
def test_no_points_are_an_empty_array(domain):
    for sample in (domain.sample_interior, domain.sample_boundary, domain.sample_initial):
        assert sample(0, rng()).shape == (0, domain.n_dims)


@each_domain
def test_bounds_are_a_pair_of_new_arrays(domain):
    lower, upper = domain.bounds
    assert lower.shape == upper.shape == (domain.n_dims,)
    lower += 100.0
    assert (domain.bounds[0] < upper).all()


def test_a_domain_without_time_has_no_initial_slice():
    with pytest.raises(ValueError, match=r"no initial slice.*SpaceTime"):
        BOX.sample_initial(3, rng())


@pytest.mark.parametrize(
    "domain",
    [
        Interval(1.0, 0.0),
        Interval(0.0, 0.0),
        Interval(0.0, float("nan")),
        Interval(0.0, float("inf")),
        Box([0, 0], [1]),
        Box([0, 0], [1, 0]),
        Box(0, 1),
        Box([], []),
        Box([[0, 0]], [[1, 1]]),
    ],
    ids=repr,
)
def test_invalid_boxes_say_which_and_what_is_needed(domain):
    with pytest.raises(ValueError, match=r"(Interval|Box)\(.*lower < upper on every axis"):
        domain.bounds  # noqa: B018


@pytest.mark.parametrize("times", [(1.0, 0.0), (0.0, 0.0), (0.0, float("inf")), (float("nan"), 1.0)])
def test_invalid_times_say_what_is_needed(times):
    with pytest.raises(ValueError, match="t_start < t_end, got"):
        SpaceTime(Interval(0, 1), *times).region([[0.5, 0.5]])


@each_domain
@pytest.mark.parametrize("method", ["contains", "on_boundary", "region", "normal"])
def test_points_of_the_wrong_shape_say_what_is_needed(domain, method):
    for X in (np.zeros(domain.n_dims), np.zeros((2, domain.n_dims + 1))):
        with pytest.raises(ValueError, match=rf"(?s)shape \(n, {domain.n_dims}\).*got"):
            getattr(domain, method)(X)


# Real data: rounded coordinates, corners, opposite faces.

RECTANGLE = Box([1 / 3, -np.pi], [np.e, 0.0])


def printed(value, form):
    return float(format(value, form))


@pytest.mark.parametrize("form", [".6g", ".6f", ".8g", ".7f", ".12e"])
def test_points_printed_with_six_digits_lie_on_the_boundary(form):
    X = RECTANGLE.sample_boundary(40, rng())
    rounded = np.vectorize(lambda value: printed(value, form))(X)
    assert np.abs(rounded - X).max() > 0
    assert RECTANGLE.contains(rounded).all()
    assert (RECTANGLE.region(rounded) == "boundary").all()
    np.testing.assert_array_equal(RECTANGLE.normal(rounded), RECTANGLE.normal(X))
    domain = SpaceTime(RECTANGLE, 1 / 7, np.pi)
    at_start = np.column_stack([rounded, np.full(40, printed(1 / 7, form))])
    at_end = np.column_stack([rounded, np.full(40, printed(np.pi, form))])
    assert (domain.region(at_start) == "initial").all()
    assert (domain.region(at_end) == "boundary").all()


def test_points_that_merely_lie_close_are_interior():
    offsets = np.array([1e-8, 1e-7, 1e-6, 1e-5])
    X = np.column_stack([1 / 3 + offsets, np.full(4, -1.0)])
    assert (RECTANGLE.region(X) == "interior").all()
    # 0.333 is 1/3 to three digits only; printed from 4e-7, the number 0 is not a face of a domain that small.
    assert RECTANGLE.region([[0.3334, -1.0]]) == "interior"
    assert Interval(0.0, 4e-7).region([[2e-7], [0.0], [4e-7]]).tolist() == ["interior", "boundary", "boundary"]


def test_snapping_moves_rounded_points_onto_the_boundary_and_no_others():
    domain = SpaceTime(RECTANGLE, 1 / 7, np.pi)
    X = np.array([[0.333333, -1.0, 0.2], [1.0, -3.14159, 0.142857], [1.0, -1.0, 3.141593], [1.0, -1.0, 1.0]])
    expected = [[1 / 3, -1.0, 0.2], [1.0, -np.pi, 1 / 7], [1.0, -1.0, np.pi], [1.0, -1.0, 1.0]]
    np.testing.assert_array_equal(domain.snap(X), expected)
    in_float32 = domain.snap(X.astype(np.float32))
    assert in_float32.dtype == np.float64
    assert (in_float32[0, 0], in_float32[1, 1], in_float32[2, 2]) == (1 / 3, -np.pi, np.pi)


def test_distance_is_relative_to_the_extent():
    X = np.array([[0.3, -0.5, 2.0], [1.5, -0.4, 1.02], [1.5, -0.5, 3.0]])
    np.testing.assert_allclose(SPACE_TIME.distance(X), [0.1, 0.01, 0.5])


def test_at_a_corner_the_normal_is_that_of_a_face_where_the_condition_holds():
    corners = np.array([[3.0, -1.0], [0.0, 0.0], [3.0, 0.0], [3.0, -0.5]])
    on_top = BOX.normal_where(corners, lambda X: X[:, 1] == 0)
    np.testing.assert_array_equal(on_top, [[1, 0], [0, 1], [0, 1], [1, 0]])
    on_right = BOX.normal_where(corners, lambda X: X[:, 0] == 3)
    np.testing.assert_array_equal(on_right, [[1, 0], [-1, 0], [1, 0], [1, 0]])
    times = np.column_stack([corners, np.full(4, 2.0)])
    late_on_top = SPACE_TIME.normal_where(times, lambda X: (X[:, 1] == 0) & (X[:, 2] > 1.5))
    np.testing.assert_array_equal(late_on_top[:, :2], on_top)


def test_ends_of_an_axis():
    X = np.array([[0.0, -0.5], [3.0, -1.0], [1.0, 0.0], [1.0, -0.5]])
    assert BOX.ends(X, 0).tolist() == [-1, 1, 0, 0]
    assert BOX.ends(X, 1).tolist() == [0, -1, 1, 0]
    assert SPACE_TIME.ends(np.column_stack([X, np.full(4, 2.0)]), 0).tolist() == [-1, 1, 0, 0]


@pytest.mark.parametrize(("domain", "axis"), [(BOX, 2), (BOX, -1), (SPACE_TIME, 2)])
def test_an_axis_without_opposite_faces_says_so(domain, axis):
    with pytest.raises(ValueError, match=rf"no two opposite faces along axis {axis}"):
        domain.ends(np.zeros((1, domain.n_dims)), axis)


def test_times_are_initial_at_the_start_and_interior_elsewhere():
    domain = Time(-1.0, 3.0)
    assert regions(domain, [-1.0], [0.0], [3.0]) == ["initial", "interior", "interior"]
    assert regions(domain, [-1.0 + 1e-10], [-1.0 + 1e-6]) == ["initial", "interior"]
    assert domain.contains([[-1.0], [3.0], [3.1]]).tolist() == [True, True, False]
    assert not domain.on_boundary([[-1.0], [3.0]]).any()
    np.testing.assert_array_equal(domain.snap([[-1.0 + 1e-10], [0.5]]), [[-1.0], [0.5]])
    assert domain.distance([[-1.0], [3.0]]).tolist() == [0.0, 1.0]
    assert domain.has_time
    assert domain.n_dims == 1


def test_time_has_no_boundary_but_a_start():
    domain = Time(2.0, 3.0)
    assert domain.sample_boundary(0, rng()).shape == (0, 1)
    assert domain.sample_initial(3, rng()).tolist() == [[2.0]] * 3
    times = domain.sample_interior(40, rng())
    assert ((times > 2) & (times < 3)).all()
    with pytest.raises(ValueError, match=r"Time\(t_start=2.0, t_end=3.0\) has no boundary.*n_initial"):
        domain.sample_boundary(1, rng())
    with pytest.raises(ValueError, match=r"Time\(.*lower < upper"):
        Time(3.0, 2.0).region([[2.5]])
