import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import KFold

from pinnlearn import problems
from pinnlearn.conditions import Condition, Dirichlet, Initial
from pinnlearn.domains import Box, Interval, SpaceTime, Time
from pinnlearn.jets import Jet, Zero
from pinnlearn.pdes import PDE, Heat, Helmholtz, Poisson
from pinnlearn.problems import PROBLEMS
from pinnlearn.sampling import METHODS
from tests.problems import wave
from tests.references import FunctionTerms

X = torch.tensor([[0.1, 0.2], [0.3, -0.4], [0.5, 0.6]], dtype=torch.float64)
SPACE_TIME = SpaceTime(Interval(0.0, 2.0), 1.0, 3.0)
NAMES = {kind.__name__: kind for kind in (PDE, Heat, Helmholtz, Poisson, Box, Interval, SpaceTime, Dirichlet, Initial)}


def second(x):
    return x[:, 1]


def reaction(x, u):
    return u.value**2


# The equations.


@pytest.mark.parametrize(
    ("pde", "has_time", "expected"),
    [
        (Poisson(source=second), None, 3 * wave(X) - X[:, 1]),
        (Helmholtz(wavenumber=5.0, source=2.0), None, (-3 + 25) * wave(X) - 2),
        (Heat(diffusivity=0.5, source=second), True, (1 + 0.5 * 4) * wave(X) - X[:, 1]),
        (PDE(equation=lambda x, u: u.d(0, 0) + 4 * u.value + x[:, 1]), None, X[:, 1]),
    ],
    ids=["Poisson", "Helmholtz", "Heat", "PDE"],
)
def test_residual_by_hand(pde, has_time, expected):
    # Laplace(u) = (-4 + 1) u, u_xx = -4 u and, with the last coordinate as time, u_t = u.
    residual = pde.residual(X, Jet(FunctionTerms(X, wave), has_time))
    np.testing.assert_allclose(residual.detach(), expected, atol=1e-13)


def test_source_of_the_wrong_shape_is_an_error():
    with pytest.raises(ValueError, match="source must give one value a row"):
        Poisson(source=lambda x: x).residual(X, Jet(FunctionTerms(X, wave)))


def test_a_pde_needs_an_equation():
    with pytest.raises(ValueError, match=r"PDE has no equation; pass equation=.*residual\(self, x, u\)"):
        PDE(Interval(0, 1)).residual(X, Jet(FunctionTerms(X, wave)))


@pytest.mark.parametrize("kind", [Poisson, Helmholtz, Heat])
def test_built_in_conditions_follow_their_values(kind):
    expected = [Dirichlet(2.5), Initial(0.0)] if kind is Heat else [Dirichlet(2.5)]
    assert kind(boundary=2.5).conditions == expected
    assert kind(boundary=None).conditions == expected[1:]
    if kind is Heat:
        assert Heat(initial=None).conditions == [Dirichlet(0.0)]


def test_whether_there_is_time_comes_from_domain_conditions_or_equation():
    assert PDE(SPACE_TIME).has_time is True
    assert PDE(Interval(0, 1)).has_time is False
    assert PDE(conditions=[Initial(0.0)]).has_time is True
    assert PDE(conditions=[Dirichlet(0.0)]).has_time is None
    assert Heat().has_time is True
    assert Poisson().has_time is None


# Subclasses by users.


class Cubic(PDE):
    def residual(self, x, u):
        return -u.laplacian + u.value**3


class Burgers(PDE):
    def __init__(self, domain=None, *, viscosity=0.1):
        self.domain = domain
        self.viscosity = viscosity

    conditions = (Dirichlet(0.0),)

    def residual(self, x, u):
        return u.dt + u.value * u.d(0) - self.viscosity * u.laplacian


def test_a_subclass_with_a_residual_is_a_pde():
    cubic = Cubic(Box([0, 0], [1, 1]), conditions=[Dirichlet(1.0)])
    residual = cubic.residual(X, Jet(FunctionTerms(X, wave)))
    np.testing.assert_allclose(residual.detach(), 3 * wave(X) + wave(X) ** 3)
    assert cubic.sample(5, 3).shape == (8, 2)
    assert clone(cubic) == cubic


def test_a_subclass_may_have_parameters_of_its_own():
    burgers = Burgers(SPACE_TIME, viscosity=0.5)
    assert burgers.n_outputs == 1
    assert burgers.solution is None
    assert burgers.has_time is True
    assert clone(burgers).set_params(viscosity=0.2) == Burgers(SPACE_TIME, viscosity=0.2)


# Hyperparameter objects: PDEs, their conditions and domains.


OBJECTS = [
    Interval(0.0, 1.5),
    Box([0.0, -1.0], [1, 2]),
    SPACE_TIME,
    Dirichlet(2.0),
    Initial(1),
    Poisson(Interval(0, 1), source=2.0, boundary=None),
    Helmholtz(Box([0, 0], [1, 1]), wavenumber=3.5),
    Heat(SPACE_TIME, diffusivity=0.1, initial=3.0),
    PDE(Box([0] * 3, [1] * 3), conditions=[Dirichlet(0.0), Dirichlet(1.0)], n_outputs=2),
    Poisson(Box([0.0] * 100, [1.0] * 100)),
    PDE(SPACE_TIME, conditions=[Initial(float(k)) for k in range(40)]),
]

each_object = pytest.mark.parametrize("thing", OBJECTS, ids=lambda thing: type(thing).__name__)


@each_object
def test_repr_evaluates_to_an_equal_object(thing):
    assert eval(repr(thing), dict(NAMES)) == thing


@each_object
def test_clones_are_equal_and_hash_alike(thing):
    copy = clone(thing)
    assert copy is not thing
    assert copy == thing
    assert hash(copy) == hash(thing)


@each_object
def test_parameters_are_stored_untouched(thing):
    parameters = thing.get_params(deep=False)
    again = type(thing)(**parameters)
    for name, value in parameters.items():
        assert getattr(again, name) is value


def test_nested_parameters_can_be_set():
    pde = Heat(SpaceTime(Interval(0.0, 1.0), 0.0, 1.0))
    pde.set_params(diffusivity=2.0, domain__t_end=5.0, domain__space__b=3.0)
    assert pde == Heat(SpaceTime(Interval(0.0, 3.0), 0.0, 5.0), diffusivity=2.0)
    with pytest.raises(ValueError, match="wavenumber"):
        pde.set_params(wavenumber=1.0)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Interval(0, 1), Interval(0, 2)),
        (Interval(0, 1), Box([0], [1])),
        (Poisson(source=1.0), Poisson(source=2.0)),
        (Poisson(), Helmholtz()),
        (Poisson(Interval(0, 1)), Poisson()),
        (PDE(conditions=[Dirichlet(0.0)]), PDE(conditions=[Dirichlet(1.0)])),
        (PDE(conditions=[Dirichlet(0.0)]), PDE(conditions=[])),
        (Box(np.zeros(2), np.ones(2)), Box(np.zeros(2), 2 * np.ones(2))),
        (Poisson(), "Poisson()"),
    ],
    ids=repr,
)
def test_other_parameters_or_classes_are_not_equal(one, other):
    assert one != other


def test_functions_are_equal_by_identity_and_arrays_by_value():
    assert Poisson(source=wave) == Poisson(source=wave)
    assert Poisson(source=lambda x: x[:, 0]) != Poisson(source=lambda x: x[:, 0])
    assert Box(np.zeros(2), np.ones(2)) == Box(np.zeros(2), np.ones(2))
    pinned = [PDE(conditions=[(np.zeros(2), np.ones(3))]) for _ in range(2)]
    assert pinned[0] == pinned[1] != PDE(conditions=[(np.zeros(2), np.zeros(3))])


def test_functions_survive_cloning():
    pde = PDE(Interval(0, 1), equation=reaction, conditions=[Condition(reaction, where=second)], solution=wave)
    assert clone(pde) == pde


# Sampling.


def counts(pde, X):
    return {name: int(n) for name, n in zip(*np.unique(pde.domain.region(X), return_counts=True), strict=True)}


@pytest.mark.parametrize("method", METHODS)
def test_sample_gives_as_many_points_a_region_as_asked(method):
    heat = Heat(SPACE_TIME)
    assert counts(heat, heat.sample(50, 20, 10, method=method)) == {"interior": 50, "boundary": 20, "initial": 10}
    poisson = Poisson(Box([0, 0], [1, 2]))
    assert counts(poisson, poisson.sample(50, 20, method=method)) == {"interior": 50, "boundary": 20}


@pytest.mark.parametrize(("n", "n_boundary", "n_initial"), [(30, 20, 10), (31, 21, 10), (2, 2, 0)])
def test_boundary_points_are_shared_two_to_one_with_the_initial_slice(n, n_boundary, n_initial):
    expected = {"interior": 5, "boundary": n_boundary, "initial": n_initial}
    pde = Heat(SPACE_TIME)
    assert counts(pde, pde.sample(5, n)) == {name: k for name, k in expected.items() if k}


@pytest.mark.parametrize("name", PROBLEMS)
def test_the_benchmark_problems_have_the_papers_numbers_of_points(name):
    problem = PROBLEMS[name]
    pde, X = problem.sample(0)
    found = counts(pde, X)
    assert found["interior"] == problem.n_interior
    assert len(X) == problem.n_interior + problem.n_boundary


def test_contiguous_folds_each_see_all_regions():
    pde = Heat(SPACE_TIME)
    X = pde.sample(200, 100, 100, random_state=0)
    for _, fold in KFold(5).split(X):
        # A fold of 80 without a region of a quarter of the rows: probability below 0.75^80 = 1e-10.
        assert set(counts(pde, X[fold])) == {"interior", "boundary", "initial"}


@pytest.mark.parametrize("method", METHODS)
def test_sample_is_reproducible_from_a_seed(method):
    pde = problems.poisson_2d()
    first, second, other = (pde.sample(20, 8, method=method, random_state=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)
    np.testing.assert_array_equal(
        pde.sample(20, 8, random_state=np.random.RandomState(0)),
        pde.sample(20, 8, random_state=np.random.RandomState(0)),
    )


def test_sample_without_a_domain_says_what_to_do():
    with pytest.raises(ValueError, match=r"Poisson has no domain to sample; pass one.*stack_points"):
        Poisson().sample(10, 2)


def test_sample_says_what_it_cannot_do():
    with pytest.raises(ValueError, match="method='random' is unknown"):
        Poisson(Interval(0, 1)).sample(10, 2, method="random")
    with pytest.raises(ValueError, match="no initial slice"):
        Poisson(Interval(0, 1)).sample(10, 2, 3)


def test_all_conditions_of_an_equation_in_time_alone_are_at_its_start():
    pde = PDE(Time(1.0, 2.0), equation=lambda x, u: u.dt - u.value, conditions=[Initial(1.0)])
    X = pde.sample(5, 2, random_state=0)
    assert X.shape == (7, 1)
    assert (X == 1.0).sum() == 2
    assert (pde.sample(5, 0, 1, random_state=0) == 1.0).sum() == 1


def test_initial_values_of_several_outputs_are_a_list():
    pde = PDE(Time(0.0, 1.0), equation=lambda x, u: u.dt - u.value, conditions=[Initial([1.0, 2.0])], n_outputs=2)
    x = torch.zeros(3, 1, dtype=torch.float64)
    residual = pde.conditions[0].residual(x, Jet(Zero(x, 2), has_time=True))
    assert residual.tolist() == [[-1.0, -2.0]] * 3
    with pytest.raises(TypeError, match="a number or a function"):
        Initial([1.0, 2.0, 3.0]).residual(x, Jet(Zero(x, 2), has_time=True))


@pytest.mark.parametrize("read", [lambda u: u.laplacian, lambda u: u.grad])
def test_time_alone_has_no_space_to_differentiate_in(read):
    x = torch.zeros(3, 1, dtype=torch.float64)
    with pytest.raises(ValueError, match=r"time is the only coordinate; use u\.dt"):
        read(Jet(Zero(x), has_time=True))
