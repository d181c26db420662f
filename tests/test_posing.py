import re

import numpy as np
import pytest
import torch

from pinnlearn.conditions import Condition, Dirichlet, Initial, InitialVelocity, Neumann, Periodic
from pinnlearn.domains import Box, Interval, SpaceTime
from pinnlearn.jets import Jet
from pinnlearn.pdes import PDE, Heat, PlainRegression, Poisson
from pinnlearn.posing.equations import assign_equations, suspicious_rows, time_axis, unmet_conditions
from pinnlearn.posing.rows import Rows
from tests.references import FunctionTerms

NAN = np.nan
SQUARE = Box([0.0, 0.0], [1.0, 1.0])
INSIDE, LEFT, RIGHT, BOTTOM = [0.5, 0.5], [0.0, 0.5], [1.0, 0.5], [0.5, 0.0]


def equations_at(pde, X, y=None, region=None):
    X = np.asarray(X, dtype=float)
    return assign_equations(pde, Rows.of(pde, X, y, region))


def column(*values):
    return np.array(values, dtype=float)[:, None]


def holds(pde, X, y=None, region=None):
    """What holds at each row: a list of (group, "pde" | "known" | the condition's class)."""
    rows = [[] for _ in X]
    for equation in equations_at(pde, np.array(X, dtype=float), y, region):
        for row in equation.rows:
            rows[row].append((equation.group, _kind(pde, equation)))
    return rows


def _kind(pde, equation):
    if equation.values is not None:
        return "known"
    owner = getattr(equation.residual, "__self__", None)
    return "pde" if owner is pde else type(owner).__name__ if owner is not None else "Condition"


# Which equation holds where.


def test_unknown_rows_are_governed_by_the_equations_of_their_region():
    pde = Heat(SpaceTime(Interval(0.0, 1.0), 0.0, 1.0))
    X = [[0.5, 0.5], [0.0, 0.5], [0.5, 0.0], [0.0, 0.0], [0.5, 1.0]]
    initial = [("initial", "Initial")]
    expected = [[("interior", "pde")], [("boundary", "Dirichlet")], initial, initial, [("interior", "pde")]]
    assert holds(pde, X) == expected
    assert holds(pde, X, column(*[NAN] * 5)) == expected


def test_known_rows_are_values_in_the_group_where_they_lie():
    pde = Heat(SpaceTime(Interval(0.0, 1.0), 0.0, 1.0))
    X = [[0.5, 0.5], [0.0, 0.5], [0.5, 0.0], [0.25, 0.5]]
    groups = ["data", "boundary", "initial"]
    assert holds(pde, X, column(1.0, 2.0, 3.0, NAN)) == [*([(g, "known")] for g in groups), [("interior", "pde")]]


def test_known_values_stay_with_their_rows():
    X, y = np.array([INSIDE, LEFT, RIGHT, BOTTOM]), column(1.0, NAN, 3.0, 4.0)
    known = [e for e in equations_at(Poisson(SQUARE), X, y) if e.values is not None]
    assert {int(row): value for e in known for row, value in zip(e.rows, e.values, strict=True)} == {
        0: 1.0,
        2: 3.0,
        3: 4.0,
    }


def test_known_rows_may_lie_outside_the_domain():
    assert holds(Poisson(SQUARE), [[7.0, 7.0], INSIDE], column(1.0, NAN)) == [
        [("data", "known")],
        [("interior", "pde")],
    ]


def test_boundary_rows_under_no_condition_get_the_pde():
    outflow = [[("interior", "pde")]] * 2
    assert holds(Poisson(SQUARE, boundary=None), [INSIDE, LEFT]) == outflow
    assert holds(Heat(SpaceTime(Interval(0, 1), 0, 1), initial=None), [[0.5, 0.5], [0.5, 0.0]]) == outflow


def test_where_leaves_the_other_rows_to_the_pde():
    pde = PDE(SQUARE, equation=lambda x, u: u.value, conditions=[Dirichlet(0.0, where=lambda x: x[:, 0] == 0)])
    assert holds(pde, [INSIDE, LEFT, RIGHT]) == [
        [("interior", "pde")],
        [("boundary", "Dirichlet")],
        [("interior", "pde")],
    ]


def test_all_conditions_of_a_region_hold_at_its_rows():
    conditions = [Dirichlet(0.0), Condition(lambda x, u: u.dn, where=lambda x: x[:, 1] < 0.1)]
    pde = PDE(SQUARE, equation=lambda x, u: u.value, conditions=conditions)
    one = [("boundary", "Dirichlet")]
    assert holds(pde, [LEFT, BOTTOM]) == [one, [*one, ("boundary", "Condition")]]


def test_conditions_come_with_the_normals_of_their_rows():
    X = np.array([INSIDE, RIGHT, BOTTOM])
    (condition,) = (e for e in equations_at(Poisson(SQUARE), X, None) if e.group == "boundary")
    np.testing.assert_array_equal(condition.rows, [1, 2])
    np.testing.assert_array_equal(condition.normals, [[1, 0], [0, -1]])


def test_rows_called_boundary_off_the_boundary_come_without_normals():
    # A normal of zero would make u.dn zero whatever u is; no normal at all is an error where u.dn is read.
    X = np.array([RIGHT, INSIDE])
    (condition,) = equations_at(Poisson(SQUARE), X, None, ["boundary", "boundary"])
    assert condition.normals is None


def test_without_a_domain_known_rows_are_data_and_others_interior():
    assert holds(Poisson(), [LEFT, INSIDE], column(1.0, NAN)) == [[("data", "known")], [("interior", "pde")]]


@pytest.mark.parametrize("domain", [None, SQUARE])
def test_region_overrides_the_domain(domain):
    pde = Poisson(domain)
    X, regions = [INSIDE, LEFT, RIGHT, BOTTOM], ["boundary", "interior", "interior", "boundary"]
    expected = [[("boundary", "Dirichlet")], [("interior", "pde")], [("data", "known")], [("boundary", "known")]]
    assert holds(pde, X, column(NAN, NAN, 1.0, 2.0), regions) == expected
    assert holds(pde, X, column(NAN, NAN, 1.0, 2.0), np.array(regions, dtype=object)) == expected


def test_region_may_hold_for_points_outside_the_domain():
    assert holds(Poisson(SQUARE), [[7.0, 7.0]], region=["interior"]) == [[("interior", "pde")]]


def test_a_partly_known_vector_is_known_in_those_components_only():
    pde = PDE(SQUARE, equation=lambda x, u: u.value, conditions=[Dirichlet(0.0)], n_outputs=2)
    X = np.array([INSIDE, LEFT, RIGHT, BOTTOM])
    y = np.array([[1.0, NAN], [NAN, 2.0], [3.0, 4.0], [NAN, NAN]])
    known = [("data", "known")], [("boundary", "known")], [("boundary", "known")] * 2
    assert holds(pde, X, y) == [*known, [("boundary", "Dirichlet")]]
    u = Jet(FunctionTerms(torch.tensor(X), lambda x: 10 + x[:, 0], lambda x: 20 + x[:, 0]))
    for equation in equations_at(pde, X, y):
        if equation.values is not None:
            output = int(equation.residual(None, u)[0] // 10) - 1
            np.testing.assert_array_equal(equation.values, y[equation.rows, output])


def test_without_a_pde_all_rows_are_data():
    assert holds(PlainRegression(), [INSIDE, LEFT], column(1.0, 2.0)) == [[("data", "known")]] * 2


def test_equations_without_rows_are_left_out():
    (only,) = equations_at(Poisson(SQUARE), np.array([INSIDE]), None)
    assert only.group == "interior"


def test_the_equation_is_named_by_its_class_and_a_condition_by_its_parameters():
    names = {e.name for e in equations_at(Poisson(SQUARE, boundary=2.5), np.array([INSIDE, LEFT]), None)}
    assert names == {"the equation of Poisson", "Dirichlet(value=2.5)"}


# What is wrong with the rows.


def test_rows_outside_the_domain_are_counted_with_a_hint_at_scalers():
    X = np.array([INSIDE, [2.0, 0.5], [-1.0, 0.5], [9.0, 9.0]])
    with pytest.raises(ValueError, match=r"^2 of 3 rows.*outside Box\(.*units of the PDE.*scaler"):
        equations_at(Poisson(SQUARE), X, column(NAN, NAN, NAN, 1.0))


def test_unknown_region_names_are_listed_with_the_known_ones():
    with pytest.raises(ValueError, match=r"\['inner', 'outer'\].*interior.*boundary.*initial"):
        equations_at(Poisson(SQUARE), np.array([INSIDE] * 3), None, ["inner", "interior", "outer"])


@pytest.mark.parametrize("region", [["interior"], "interior", [["interior"], ["interior"]]], ids=repr)
def test_region_needs_one_entry_a_row(region):
    with pytest.raises(ValueError, match=r"one entry a row, shape \(2,\), got \("):
        equations_at(Poisson(SQUARE), np.array([INSIDE, LEFT]), None, region)


def test_without_a_pde_every_value_must_be_known():
    X = np.array([INSIDE, LEFT, RIGHT])
    with pytest.raises(ValueError, match=r"NaN in 2 of 3 rows.*pde="):
        equations_at(PlainRegression(), X, column(NAN, 1.0, NAN))
    with pytest.raises(ValueError, match=r"pde="):
        equations_at(PlainRegression(), X, None)


def poisson_where(where):
    return PDE(SQUARE, equation=lambda x, u: u.laplacian, conditions=[Dirichlet(0.0, where=where)])


def test_where_may_give_numpy_and_gets_points_in_double_precision():
    seen = []

    def where(x):
        seen.append(x.dtype)
        return x.numpy()[:, 0] == 0

    X = np.array([INSIDE, LEFT, RIGHT])
    assert holds(poisson_where(where), X)[1:] == [[("boundary", "Dirichlet")], [("interior", "pde")]]
    assert seen == [torch.float64]


def test_a_where_of_the_wrong_shape_says_so():
    with pytest.raises(ValueError, match=r"one bool a row, \(2,\), got shape \(2, 1\)"):
        equations_at(poisson_where(lambda x: x[:, :1] == 0), np.array([INSIDE, LEFT, RIGHT]), None)
    with pytest.raises(ValueError, match=r"of float64; write a comparison such as x\[:, 0\] == 0"):
        equations_at(poisson_where(lambda x: x[:, 0]), np.array([INSIDE, LEFT, RIGHT]), None)


def test_a_where_that_reads_a_missing_coordinate_says_so():
    with pytest.raises(ValueError, match="coordinate"):
        equations_at(poisson_where(lambda x: x[:, 7] == 0), np.array([INSIDE, LEFT]), None)


@pytest.mark.parametrize("condition", [Initial(0.0), Condition(lambda x, u: u.value, region="initial")])
def test_a_start_without_time_is_an_error(condition):
    pde = PDE(SQUARE, equation=lambda x, u: u.d(1) - u.d(0, 0), conditions=[condition])
    with pytest.raises(ValueError, match=rf"^{type(condition).__name__}\(.* holds at the start.*Box.* SpaceTime\("):
        equations_at(pde, np.array([INSIDE, BOTTOM]), None)
    assert holds(pde, [INSIDE, BOTTOM], region=["interior", "initial"])[1][0][0] == "initial"  # the user's own regions


def test_a_start_may_have_two_conditions():
    pde = PDE(
        SpaceTime(Interval(0.0, 1.0), 0.0, 1.0),
        equation=lambda x, u: u.d(1, 1) - u.laplacian,
        conditions=[Initial(0.0), InitialVelocity(1.0)],
    )
    assert holds(pde, [[0.5, 0.0]]) == [[("initial", "Initial"), ("initial", "InitialVelocity")]]


def test_periodic_faces_are_left_alone_by_conditions_without_where():
    everywhere, on_the_left = Dirichlet(0.0), Neumann(0.0, where=lambda x: x[:, 0] == 0)
    pde = PDE(SQUARE, equation=lambda x, u: u.laplacian, conditions=[Periodic(0), everywhere, on_the_left])
    periodic, neumann = ("boundary", "Condition"), ("boundary", "Neumann")
    rows = [INSIDE, LEFT, RIGHT, BOTTOM, [1.0, 0.0]]
    assert holds(pde, rows) == [
        [("interior", "pde")],
        [periodic, neumann],
        [periodic],
        [("boundary", "Dirichlet")],
        [periodic],
    ]


def test_two_periodic_axes_meet_in_the_corners():
    pde = PDE(SQUARE, equation=lambda x, u: u.laplacian, conditions=[Periodic(0), Periodic(1)])
    assert [len(row) for row in holds(pde, [[0.0, 0.0], LEFT, BOTTOM])] == [2, 1, 1]


def test_a_corner_has_the_normal_of_the_face_where_its_condition_holds():
    conditions = [Neumann(0.0, where=lambda x: x[:, 1] == 0), Dirichlet(0.0, where=lambda x: x[:, 1] > 0)]
    pde = PDE(SQUARE, equation=lambda x, u: u.laplacian, conditions=conditions)
    equations = equations_at(pde, np.array([[0.0, 0.0], BOTTOM, [1.0, 0.0], LEFT]), None)
    (neumann,) = (equation for equation in equations if equation.name.startswith("Neumann"))
    np.testing.assert_array_equal(neumann.normals, [[0, -1]] * 3)


# Conditions that no row has.

HEAT = Heat(SpaceTime(Interval(0.0, 1.0), 0.0, 1.0))
SIDE, START = [0.0, 0.5], [0.5, 0.0]


def unmet(pde, X, region=None):
    X = np.array(X, dtype=float)
    return unmet_conditions(pde, X, Rows.of(pde, X, np.zeros(len(X)), region).regions)


def test_a_condition_whose_region_has_no_row_is_unmet():
    (message,) = unmet(HEAT, [INSIDE, SIDE])
    assert message.startswith("Initial(value=0.0) is not imposed: no row of X is initial. Add rows")
    (message,) = unmet(HEAT, [INSIDE, START])
    assert message.startswith("Dirichlet(value=0.0) is not imposed: no row of X is boundary.")
    assert not unmet(HEAT, [INSIDE, SIDE, START])
    assert len(unmet(HEAT, [INSIDE])) == 2


def test_a_condition_whose_where_selects_no_row_is_unmet():
    (message,) = unmet(poisson_where(lambda x: x[:, 0] > 2), [INSIDE, LEFT, RIGHT])
    assert "is not imposed: its where selects none of 2 boundary rows. Add rows" in message
    assert not unmet(poisson_where(lambda x: x[:, 0] == 0), [INSIDE, LEFT])


def test_a_condition_that_periodic_ones_leave_no_row_is_unmet():
    pde = PDE(Interval(0, 1), equation=lambda x, u: u.d(0), conditions=[Periodic(0), Dirichlet(0.0, name="ends")])
    (message,) = unmet(pde, [[0.5], [0.0], [1.0]])
    assert message.startswith("ends is not imposed: other conditions have all 2 boundary rows for their own.")


def test_rows_of_the_users_own_regions_meet_conditions():
    assert not unmet(Poisson(), [LEFT], ["boundary"])
    assert len(unmet(Heat(), [INSIDE, START], ["interior", "initial"])) == 1
    assert not unmet(Poisson(), [LEFT])  # nothing tells what is boundary
    assert not unmet(Poisson(SQUARE, boundary=None), [INSIDE])


def test_a_named_condition_gives_its_equation_the_name():
    conditions = [Dirichlet(0.0, where=lambda x: x[:, 0] == 0, name="inlet"), Periodic(1, name="turns")]
    pde = PDE(SQUARE, equation=lambda x, u: u.laplacian, conditions=conditions)
    equations = equations_at(pde, [INSIDE, LEFT, BOTTOM])
    assert {e.name for e in equations} == {"the equation of PDE", "inlet", "turns"}


# Points that were rounded.


def test_rounded_points_are_moved_onto_the_boundary():
    pde = Poisson(Box([0.0, 0.0], [np.pi, 1.0]))
    X = np.array([[3.14159, 0.5], [3.141593, 0.5], [2.0, 0.5]])
    assert [row[0][0] for row in holds(pde, X)] == ["boundary", "boundary", "interior"]
    np.testing.assert_array_equal(Rows.of(pde, X).X[:, 0], [np.pi, np.pi, 2.0])
    np.testing.assert_array_equal(Rows.of(Poisson(), X).X, X)


def suspicious(pde, X, y=None):
    """What is found beside conditions that no row has."""
    found = suspicious_rows(pde, Rows.of(pde, np.asarray(X), y))
    return [finding for finding in found if finding.kind != "unmet condition"]


@pytest.mark.parametrize(("digits", "count"), [(4, 120), (5, 60)])
def test_near_misses_are_counted(digits, count):
    # The face at pi, rounded to 3.142 would be outside; pushed inside by the same amount instead.
    pde = Poisson(Box([0.0, 0.0], [np.pi, 1.0]))
    X = pde.sample(400, 0, random_state=0)
    X[:count, 0] = np.pi - 0.3 * 10.0**-digits
    (finding,) = suspicious(pde, X)
    assert re.match(rf"^{count} row\(s\) lie within 1e-0\d of .* count as interior.*six digits", finding.message)


def test_one_row_very_near_the_boundary_is_no_chance():
    pde = Poisson(Interval(0.0, 1.0))
    X = np.append(np.linspace(0.1, 0.9, 50), 1 - 3e-9)[:, None]
    (finding,) = suspicious(pde, X)
    assert finding.message.startswith("1 row")
    assert not suspicious(pde, X, np.where(X > 0.95, 1.0, NAN))  # a known value is no near miss


@pytest.mark.parametrize("method", ["sobol", "uniform", "grid", "lhs"])
@pytest.mark.parametrize("seed", range(5))
def test_sampled_points_are_no_near_misses(method, seed):
    for domain in (Interval(0, 1), Box([0] * 10, [1] * 10), SpaceTime(SQUARE, 0.0, 1.0)):
        pde = Poisson(domain)
        assert not suspicious(pde, pde.sample(3000, 300, method=method, random_state=seed))


def test_rounded_points_outside_get_another_advice_than_scaled_ones():
    pde = Poisson(Box([0.0, 0.0], [np.pi, 1.0]))
    with pytest.raises(ValueError, match=r"1 of 2 rows .* off by at most 0\.0001 of its extent: were they rounded"):
        equations_at(pde, np.array([[3.142, 0.5], [1.0, 0.5]]), None)
    with pytest.raises(ValueError, match=r"1 of 2 rows .* a scaler in front"):
        equations_at(pde, np.array([[-1.0, 0.5], [1.0, 0.5]]), None)


def test_a_face_without_rows_is_found():
    # 3.14 is inside of pi: the face there has lost its rows.
    pde = Poisson(Box([0.0, 0.0], [np.pi, 1.0]))
    X = pde.sample(50, 40, random_state=0)
    assert not suspicious(pde, X)
    (finding,) = suspicious(pde, np.minimum(X, [3.14, 1.0]))
    assert re.match(r"no row .* face x\[:, 0\] = 3\.141593 .* nearest row is 0\.0016 away", finding.message)


FACES = {
    "a part of the boundary": (poisson_where(lambda x: x[:, 0] == 0), 0),
    "no condition": (Poisson(SQUARE, boundary=None), 0),
    "no domain": (Poisson(), 0),
    "plain regression": (PlainRegression(), 0),
    "periodic": (PDE(SQUARE, equation=lambda x, u: u.laplacian, conditions=[Periodic(0), Periodic(1)]), 0),
    "periodic along x": (PDE(SQUARE, equation=lambda x, u: u.laplacian, conditions=[Periodic(0), Dirichlet(0.0)]), 2),
    "everywhere": (Poisson(SQUARE), 3),
}


@pytest.mark.parametrize("name", FACES)
def test_faces_that_need_rows_are_found_and_no_others(name):
    pde, count = FACES[name]
    y = None if pde.has_equation else [1.0, 2.0]
    assert [finding.kind for finding in suspicious(pde, np.array([INSIDE, LEFT]), y)] == ["bare face"] * count


def test_in_many_dimensions_a_sample_need_not_meet_every_face():
    assert not suspicious(Poisson(Box([0] * 4, [1] * 4)), np.array([[0.0, 0.5, 0.5, 0.5]]))


# Whether the last coordinate is time.

POINTS = torch.tensor([[0.5, 0.5], [0.0, 1.0], [0.3, 0.2]], dtype=torch.float64)


@pytest.mark.parametrize(
    ("pde", "expected"),
    [
        (PlainRegression(), None),
        (PDE(SpaceTime(Interval(0, 1), 0, 1), equation=lambda x, u: u.value), True),
        (PDE(SQUARE, equation=lambda x, u: u.dt), False),
        (PDE(equation=lambda x, u: u.laplacian), None),
        (PDE(equation=lambda x, u: u.laplacian - u.dt), True),
        (PDE(equation=lambda x, u: u[1].dt, n_outputs=2), True),
        (PDE(equation=lambda x, u: u.laplacian, conditions=[Initial(0.0)]), True),
        (Heat(), True),
        (Poisson(), None),
        (PDE(equation=lambda x, u: u.value * x[:, 9]), None),
        (PDE(), None),
    ],
)
def test_time_axis_is_asked_of_domain_conditions_and_equation(pde, expected):
    assert time_axis(pde, POINTS) is expected
