"""Learned coordinates: the steps, the wide layer, and what the default method makes of them."""

import pickle
from dataclasses import replace

import cloudpickle
import numpy as np
import pytest
import torch
from sklearn.exceptions import ConvergenceWarning

from pinnlearn import PINNRegressor, problems, relative_l2_error
from pinnlearn.conditions import Dirichlet, Initial, Periodic
from pinnlearn.domains import Interval, SpaceTime
from pinnlearn.jets import Symbol
from pinnlearn.optimizers import GaussNewton, Geodesic, Longest
from pinnlearn.optimizers.base import State
from pinnlearn.pdes import PDE
from pinnlearn.training import Round, Solution, SolveOutput, Stage, TrainCoordinates
from pinnlearn.training.coordinates import widened
from pinnlearn.training.newton import Newton

SMALL = TrainCoordinates([Round((10, 10), 60, 600, 1, (150, 300))], rows_per_unit=5.0)


class Curve:
    """r(w) = (w_0, w_1 + k w_0^2) - target: a valley that bends with the curvature k."""

    linear = None

    def __init__(self, curvature, target=(1.0, 0.5)):
        self.k, self.target = curvature, torch.tensor(target, dtype=torch.float64)

    def residual(self, w):
        return torch.stack([w[0], w[1] + self.k * w[0] ** 2]) - self.target

    def loss(self, w):
        return self.residual(w).square().sum() / 2

    def linearize(self, w):
        J = torch.tensor([[1.0, 0.0], [2 * self.k * float(w[0]), 1.0]], dtype=torch.float64)
        r = self.residual(w)

        class Linear:
            residual, gradient = r, J.T @ r
            loss = r @ r / 2
            jacobian, matvec = staticmethod(lambda: J.clone()), staticmethod(lambda v: J @ v)

        return Linear()


def test_the_correction_is_the_second_derivative_of_the_residuals():
    problem, w = Curve(0.3), torch.tensor([0.2, -0.1], dtype=torch.float64)
    linear = problem.linearize(w)
    J = linear.jacobian()

    def solve(r):
        return torch.linalg.solve(J, r)

    step = -solve(linear.residual)
    bent = Geodesic(bound=10.0).bent(problem, w, step, linear.residual, J @ step, solve)
    second = torch.stack([torch.zeros_like(step[0]), 2 * problem.k * step[0] ** 2])
    torch.testing.assert_close(bent, step - solve(second) / 2, rtol=1e-12, atol=1e-12)
    # Without damping the second-order step ends where a problem of second order is zero.
    assert float(problem.loss(w + bent)) < 1e-25 < float(problem.loss(w + step))


def test_a_correction_as_long_as_the_step_is_left_out():
    problem, w = Curve(50.0), torch.tensor([0.2, -0.1], dtype=torch.float64)
    linear = problem.linearize(w)
    step = torch.tensor([0.5, 0.5], dtype=torch.float64)
    bent = Geodesic().bent(problem, w, step, linear.residual, linear.matvec(step), lambda r: r)
    torch.testing.assert_close(bent, step)


def test_the_longest_step_takes_the_least_damping_that_is_predicted_well_enough():
    losses = {1.0: 0.9, 0.5: 0.7, 0.25: 0.5, 0.125: 0.6}
    tried = []

    def attempt(damping):
        tried.append(damping)
        return State(torch.zeros(1), losses.get(damping, 2.0)), 1.0

    rule = Longest(gain=0.05, factor=2.0)
    ahead, damping = rule.choose(attempt, State(torch.zeros(1), 1.0, 1.0), 1.0, 100.0)
    assert (ahead.loss, damping, tried) == (0.5, 0.25, [1.0, 0.5, 0.25, 0.125])
    tried.clear()
    ahead, damping = rule.choose(attempt, State(torch.zeros(1), 1.0, 2.0**-5), 1.0, 100.0)
    assert (ahead.loss, damping, tried) == (0.6, 0.125, [2.0**-5, 2.0**-4, 0.125])
    assert (
        rule.choose(lambda damping: (State(torch.zeros(1), 2.0), 1.0), State(torch.zeros(1), 1.0, 1.0), 1.0, 9.0)
        is None
    )


def test_long_steps_with_a_correction_need_fewer_of_them():
    pde = problems.burgers_front()
    X = pde.sample(400, 120, random_state=0)
    few = {"max_iter": 40, "tol": 0.0}
    plain, long = (
        PINNRegressor(pde, width=(10, 10), optimizer=optimizer, random_state=0, **few).fit(X).loss_
        for optimizer in (GaussNewton(), GaussNewton(damping=Longest(), acceleration=Geodesic()))
    )
    assert long < plain / 3


def network(periodic=()):
    from pinnlearn.activations import get_activation
    from pinnlearn.training.placement import Placement

    place = Placement((np.zeros(2), np.ones(2)), 2, get_activation("tanh"), 0, torch.device("cpu"), torch.float64)
    return place.deep((6, 5), zero=False, periodic=periodic)


@pytest.mark.parametrize("periodic", [(), (0,)])
def test_a_wide_layer_on_top_changes_no_function(periodic):
    small, rng = network(periodic), np.random.default_rng(0)
    x = torch.as_tensor(rng.random((9, 2)))
    wide = widened(small, 30, 0.3, torch.as_tensor(rng.random((30, 2))), rng)
    assert wide.hidden_widths == (6, 5, 30)
    for axes in ((), (0,), (0, 1), (1, 1, 0)):
        torch.testing.assert_close(wide.evaluate(x, Symbol((axes,))), small.evaluate(x, Symbol((axes,))))


def test_newton_stops_where_the_linear_model_said_it_would():
    pde = problems.poisson_2d()
    model = PINNRegressor(pde, optimizer=[SolveOutput(optimizer=Newton())], width=100, random_state=0)
    model.fit(pde.sample(300, 80, random_state=0))
    assert model.n_iter_ == 1  # linear: one step, and no other to see that it was enough


@pytest.fixture(scope="module")
def fitted():
    pde = problems.burgers_front(0.02)
    X = pde.sample(1000, 300, random_state=0)
    return PINNRegressor(pde, optimizer=[SMALL], random_state=0).fit(X)


def test_the_stage_alone_solves_a_front(fitted):
    x = np.random.default_rng(1).uniform([-1, 0], [1, 1], (1000, 2))
    error = relative_l2_error(fitted.pde_.solution(torch.as_tensor(x)), fitted.predict(x))
    assert error < 1e-4
    assert error / 20 < fitted.error_estimate_ < 20 * error
    assert fitted.verification_.holds
    assert not hasattr(fitted, "hidden_weights_")
    assert [coef.shape[1] for coef in fitted.coefs_[:-1]] == [10, 10, 300]


def test_what_it_learned_is_pickled_and_derived(fitted):
    x = np.array([[0.3, 0.4], [0.6, 0.2]])
    again = pickle.loads(cloudpickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict(x), fitted.predict(x))
    h = np.array([1e-5, 0.0])
    difference = (fitted.predict(x + h) - fitted.predict(x - h)) / (2 * h[0])
    np.testing.assert_allclose(fitted.derivative(x, 0), difference, rtol=1e-5, atol=1e-8)


def test_periodic_conditions_hold_exactly():
    def solution(x):
        return torch.sin(2 * torch.pi * (x[:, 0] - x[:, 1]))

    pde = PDE(
        SpaceTime(Interval(0.0, 1.0), 0.0, 1.0),
        equation=lambda x, u: u.dt + u.d(0),
        conditions=[Periodic(0), Initial(solution)],
        solution=solution,
    )
    stage = TrainCoordinates([Round((10, 10), 60, 600, 1, (150,))], rows_per_unit=5.0)
    model = PINNRegressor(pde, optimizer=[stage], random_state=0).fit(pde.sample(300, 100, random_state=0))
    t = np.linspace(0, 1, 7)
    left, right = (np.stack([np.full(7, end), t], axis=1) for end in (0.0, 1.0))
    np.testing.assert_allclose(model.predict(left), model.predict(right), atol=1e-11)


def test_in_many_dimensions_directions_are_left_to_hidden_training():
    pde = problems.poisson_10d()
    with pytest.warns(ConvergenceWarning, match="between them"):
        model = PINNRegressor(pde, optimizer=[SolveOutput(max_iter=1), SMALL], random_state=0).fit(
            pde.sample(30, 20, random_state=0)
        )
    assert "coordinates" not in dict(model.stages_)


def test_it_hands_on_what_is_solved_and_what_has_a_width():
    pde = problems.poisson_2d()
    X = pde.sample(300, 80, random_state=0)
    model = PINNRegressor(pde, optimizer=[SolveOutput(), TrainCoordinates()], random_state=0).fit(X)
    assert hasattr(model, "hidden_weights_")
    hard = problems.burgers_shock()
    X = hard.sample(200, 60, random_state=0)
    with pytest.warns(UserWarning, match="not solved"):
        model = PINNRegressor(hard, optimizer=[SolveOutput(), TrainCoordinates()], width=50, random_state=0).fit(X)
    assert len(model.hidden_bias_) == 50


def test_an_equation_that_a_random_start_cannot_enter_is_started_from_zero():
    # sqrt(0.1 + u) is NaN where the start is below -0.1; u = x (1 - x) is never there.
    def equation(x, u):
        return u.d(0, 0) + 2 + torch.sqrt(0.1 + u.value) - torch.sqrt(0.1 + x[:, 0] * (1 - x[:, 0]))

    pde = PDE(Interval(0.0, 1.0), equation=equation, conditions=[Dirichlet(0.0)])
    model = PINNRegressor(pde, optimizer=[SMALL], random_state=0).fit(pde.sample(60, 2, random_state=0))
    x = np.linspace(0, 1, 50)[:, None]
    np.testing.assert_allclose(model.predict(x), x[:, 0] * (1 - x[:, 0]), atol=1e-6)


class Aside(Stage):
    """Puts five times what came aside."""

    most_steps = 1

    def run(self, task, solution, course):
        network = solution.network
        worse = network.with_blocks({name: 5 * network.blocks()[name] for name in network.linear})
        return replace(solution, aside=Solution(task.problem_at(worse), task.loss(worse)))


def test_what_was_put_aside_is_taken_only_if_it_is_better():
    pde = problems.poisson_2d()
    X = pde.sample(200, 60, random_state=0)
    with pytest.warns(ConvergenceWarning, match="not solved"):
        alone = PINNRegressor(pde, width=16, optimizer=[SolveOutput()], random_state=0).fit(X)
    with pytest.warns(ConvergenceWarning, match="not solved"):
        model = PINNRegressor(pde, width=16, optimizer=[SolveOutput(), Aside()], random_state=0).fit(X)
    np.testing.assert_array_equal(model.predict(X), alone.predict(X))
