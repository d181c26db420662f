"""The default method as a list of stages, and lists of one's own."""

import numpy as np
import pytest
import torch
from sklearn.base import clone

from pinnlearn import NGD, Adam, PINNRegressor, problems, relative_l2_error
from pinnlearn.domains import Interval
from pinnlearn.pdes import PDE
from pinnlearn.training import JOINED, Enrich, Grow, March, Solution, SolveOutput, Stage, Steps, TrainHidden
from tests.problems import small

CUBIC = problems.cubic_poisson()
X = CUBIC.sample(80, 40, random_state=0)
X_NEW = CUBIC.domain.sample_interior(300, np.random.default_rng(5))
U_NEW = CUBIC.solution(torch.tensor(X_NEW)).numpy()


def fit(**parameters):
    return PINNRegressor(CUBIC, **{"random_state": 0, "width": 40} | parameters).fit(X)


@pytest.fixture(scope="module")
def named():
    return fit(optimizer="ngd")


@pytest.mark.parametrize("method", [NGD(), list(JOINED)])
def test_the_name_the_object_and_the_list_are_one_method(method, named):
    other = fit(optimizer=method)
    assert named.stages_ == other.stages_
    np.testing.assert_array_equal(named.predict(X_NEW), other.predict(X_NEW))


def test_a_number_of_steps_of_the_users_object_stays():
    model = fit(optimizer=NGD(max_iter=4), tol=0)
    assert model.optimizer_.max_iter == 4
    assert model.n_iter_ <= 4


def test_stages_print_with_what_was_changed_and_can_be_cloned():
    stages = [
        SolveOutput(scale=3.0),
        TrainHidden(units=8, scales=(2.0,)),
        March(decays=(1.0,)),
        Grow(units=3),
        Enrich(),
    ]
    assert repr(stages[1]) == "TrainHidden(units=8, scales=(2.0,))"
    assert [clone(stage) for stage in stages] == stages
    assert [stage.most_steps for stage in stages] == [15, 155, 50, 30, 15]


@pytest.mark.filterwarnings("ignore:The equations are not solved")
def test_a_list_mixes_stages_and_optimizers():
    solved = fit(optimizer=[SolveOutput(max_iter=1)], tol=0)
    model = fit(optimizer=[SolveOutput(max_iter=1), NGD(learning_rate=1.0, max_iter=8)], tol=0)
    assert [stage for stage, _ in model.stages_] == ["output weights", "NGD"]
    assert model.loss_ < solved.loss_
    assert relative_l2_error(U_NEW, model.predict(X_NEW)) < relative_l2_error(U_NEW, solved.predict(X_NEW))


def test_an_output_solve_after_an_optimizer_keeps_its_hidden_units():
    trained = fit(optimizer=[Adam(max_iter=20, random_state=0)])
    solved = fit(optimizer=[Adam(max_iter=20, random_state=0), SolveOutput()])
    np.testing.assert_array_equal(solved.hidden_weights_, trained.hidden_weights_)
    assert solved.loss_ < 1e-3 * trained.loss_


class Shrunk(Stage):
    """A stage of one's own: half the output weights."""

    most_steps = 0

    def run(self, task, solution, course):
        network = solution.network
        blocks = {"output_weights": network.blocks()["output_weights"] / 2}
        problem = solution.problem.with_network(network.with_blocks(blocks))
        return Solution(problem, float(problem.loss(problem.start)), left_out_loss=0.0)


def test_the_better_solution_is_kept():
    tol = {"tol": 1e-30}  # the first stage does not end it
    alone = fit(optimizer=[SolveOutput()], **tol)
    with_worse = fit(optimizer=[SolveOutput(), Shrunk()], **tol)
    np.testing.assert_array_equal(alone.predict(X_NEW), with_worse.predict(X_NEW))


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match=r"SolveOutput\(\) has parameters of its own"):
        fit(optimizer=SolveOutput(), max_iter=3)
    with pytest.raises(ValueError, match=r"optimizer=3 is unknown"):
        fit(optimizer=[SolveOutput(), 3])


def test_steps_are_those_of_their_optimizer():
    assert Steps(NGD()).most_steps == 200
    assert Steps(NGD(max_iter=7)).most_steps == 7


def test_the_equation_is_called_to_solve_and_not_to_count():
    calls = []

    def equation(x, u):
        calls.append(len(x))
        return -u.laplacian + u.value**3 - 1.0

    def stop(progress):
        stop.calls = len(calls)
        return True

    pde = PDE(CUBIC.domain, equation=equation, conditions=CUBIC.conditions)
    PINNRegressor(pde, random_state=0, callbacks=[stop]).fit(pde.sample(200, 80, random_state=0))
    assert stop.calls <= 25


@pytest.mark.filterwarnings("ignore:The equations are not solved")
def test_narrow_networks_come_back_at_the_width_asked_for():
    model = fit(optimizer=[TrainHidden(units=5, scales=(2.0,), audition=2, steps=2)], width=12)
    assert model.hidden_weights_.shape == (12, 2)


def test_a_line_has_its_own_weights_for_each_component_of_an_equation():
    # Residuals of 1e6 and of 1 beside each other: with one weight for both the second equation would not count.
    pde = PDE(
        Interval(0, 1),
        equation=lambda x, u: torch.stack([1e6 * (u[0].d(0) - u[1].value), u[1].d(0) + u[0].value], dim=1),
        conditions=[],
        n_outputs=2,
    )
    points = np.linspace(0, 1, 40)[:, None]
    y = np.full((40, 2), np.nan)
    y[0] = 0.0, 1.0
    model = small(pde, learning_rate=None, max_iter=None, width=20).fit(points, y)
    first, second = model.loss_weights_["the equation of PDE"]
    assert second / first == pytest.approx(1e12, rel=1)
    np.testing.assert_allclose(model.predict(points)[:, 0], np.sin(points[:, 0]), atol=1e-8)
