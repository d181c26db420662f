import math
import re
from collections import Counter

import numpy as np
import pytest
import scipy.linalg
import scipy.optimize
import torch
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from torch.utils._python_dispatch import TorchDispatchMode

from pinnlearn.linalg import SOLVERS
from pinnlearn.networks import domain_weights, gaussian_weights
from pinnlearn.optimizers import (
    GD,
    LBFGS,
    NGD,
    OPTIMIZERS,
    SGD,
    Adam,
    Direct,
    GainRatio,
    Halving,
    Optimizer,
    get_optimizer,
    minimize,
)
from pinnlearn.optimizers.base import STOP_REASONS, State
from pinnlearn.optimizers.stochastic import deal
from pinnlearn.optimizers.trust import first_trusted
from pinnlearn.problems import PROBLEMS
from tests.problems import NONLINEAR, exponential_problem, fit_of_data, linear_problem, rosenbrock, vector
from tests.references import Dense, TorchProblem, normal_equations, problem_of, relative_error, two_layers

SHAPES = {"tall": (9, 4), "square": (6, 6), "wide": (4, 9)}
each_shape = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)


# One step of natural gradient descent.


def formula(problem, w, damping):
    """J^T (J J^T + lambda I)^-1 r, lambda = damping times the mean diagonal of J J^T."""
    linear = problem.linearize(w)
    return normal_equations(linear.J, linear.residual, damping)


@pytest.mark.parametrize("make", NONLINEAR)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("eta", [1e-3, 1.0])
def test_plain_step_is_the_formula(make, solver, eta):
    problem, start = make()
    result = minimize(NGD(learning_rate=eta, damping=1e-2, solver=solver, max_iter=1), problem, start)
    state = NGD(learning_rate=eta, damping=1e-2, solver=solver).step(problem, State(start, 1.0))
    # Condition number at most n / 1e-2 = 1e3.
    assert relative_error(start - state.parameters, eta * formula(problem, start, 1e-2)) < 1e-12
    assert result.loss_curve[1] == pytest.approx(float(problem.loss(state.parameters)), rel=1e-12)


@each_shape
@pytest.mark.parametrize("eta", [0.1, 1.0, 1.9])
def test_undamped_step_is_the_pseudo_inverse(shape, eta):
    problem, A, start = linear_problem(shape)
    result = minimize(NGD(learning_rate=eta, damping=0, max_iter=1), problem, start)
    expected = -eta * np.linalg.pinv(A.numpy()) @ problem.residual(start).numpy()
    assert relative_error(result.parameters, expected) < 1e-13


def test_undamped_step_needs_no_full_rank():
    problem, A, start = linear_problem((6, 6), [2.0, 1.0])
    result = minimize(NGD(learning_rate=1.0, damping=0, max_iter=1), problem, start)
    A, r = A.numpy(), problem.residual(start).numpy()
    assert relative_error(A @ result.parameters.numpy(), -A @ np.linalg.pinv(A, rcond=1e-12) @ r) < 1e-12


@pytest.mark.parametrize("damping", [1e-3, "auto"])
def test_the_units_of_the_residual_do_not_matter(damping):
    problem, start = exponential_problem()
    scaled = TorchProblem(lambda w: 1e4 * problem.residual(w), 3)
    steps = [minimize(NGD(damping=damping, max_iter=1), p, start).parameters for p in (problem, scaled)]
    assert relative_error(steps[1], steps[0]) < 1e-10


def benchmark(name, init):
    """A benchmark problem as random features, at a third of the paper's points and more equations than units."""
    pde = PROBLEMS[name].make()
    X = pde.sample(PROBLEMS[name].n_interior // 3, max(2, PROBLEMS[name].n_boundary // 3), random_state=0)
    rng, width = np.random.default_rng(0), len(X) // 4
    if init == "gaussian":
        weights = gaussian_weights(width, X.shape[1], 1, rng)
    else:
        weights = domain_weights(width, pde.domain.bounds, 1, 2.0, rng)
    return problem_of(pde, X, two_layers(weights, "output"))


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize("init", ["gaussian", "domain"])
def test_one_step_on_the_output_weights_solves_a_linear_pde(name, init):
    problem = benchmark(name, init)
    linear = problem.linearize(problem.start)
    J, r = linear.jacobian().numpy(), linear.residual.numpy()
    best = np.linalg.norm(J @ scipy.linalg.lstsq(J, -r)[0] + r)
    result = minimize(NGD(learning_rate=1.0, damping=0, max_iter=1), problem, problem.start)
    assert result.n_iter == 1
    assert float(torch.linalg.vector_norm(problem.residual(result.parameters))) <= 1.01 * best


# Rates.


@pytest.mark.parametrize("eta", [0.1, 0.5, 0.9, 1.5])
@pytest.mark.parametrize("damping", [0, "auto"])
def test_residual_of_a_linear_problem_contracts_by_one_minus_eta(eta, damping):
    problem, _, start = linear_problem((6, 6))  # all of r is in the range of J
    curve = minimize(NGD(learning_rate=eta, damping=damping, max_iter=10), problem, start).loss_curve
    norms = np.sqrt(np.array(curve) / curve[0])
    np.testing.assert_allclose(norms, np.abs(1 - eta) ** np.arange(11), rtol=1e-9, atol=1e-14)


def test_convergence_is_quadratic_where_the_residual_vanishes():
    problem, start = exponential_problem()
    curve = minimize(NGD(learning_rate=1.0, damping=0, max_iter=12), problem, start).loss_curve
    logs = np.log([loss for loss in curve if loss > 1e-28])  # above round-off
    # ||r_{k+1}|| = C ||r_k||^2: the slope of each step's log over the last one's; the last step is purest.
    assert len(logs) >= 4
    assert (logs[-1] - logs[-2]) / (logs[-2] - logs[-3]) == pytest.approx(2.0, abs=0.2)


# Adaptive damping.


@pytest.mark.parametrize("eta", [0.01, 0.3, 1.0])
def test_a_given_learning_rate_is_the_step_length_also_with_adaptive_damping(eta):
    problem, A, start = linear_problem((9, 4))
    result = minimize(NGD(learning_rate=eta, damping="auto", max_iter=1), problem, start)
    expected = -eta * np.linalg.pinv(A.numpy()) @ problem.residual(start).numpy()
    assert relative_error(result.parameters, expected) < 1e-12


@pytest.mark.parametrize("make", NONLINEAR)
def test_adaptive_steps_scale_with_the_learning_rate(make):
    problem, start = make()
    steps = [
        minimize(NGD(learning_rate=eta, damping="auto", max_iter=1), problem, start).parameters - start
        for eta in (0.01, 0.02)
    ]
    assert relative_error(steps[1], 2 * steps[0]) < 1e-12


@pytest.mark.parametrize("make", NONLINEAR)
def test_adaptive_damping_finds_the_minimum_that_scipy_finds(make):
    problem, start = make()
    result = minimize(NGD(), problem, start)
    reference = scipy.optimize.least_squares(
        lambda w: problem.residual(torch.tensor(w)).numpy(), start, xtol=1e-15, ftol=1e-15, gtol=1e-15
    )
    # Where the residual stays, losses equal to eps let the parameters differ by sqrt(eps).
    assert relative_error(result.parameters, reference.x) < 1e-7
    assert result.loss <= reference.cost + 1e-15


@pytest.mark.parametrize(
    "optimizer", [NGD(), NGD(learning_rate=0.5), NGD(damping=0), NGD(damping=1e-3), GD()], ids=repr
)
@pytest.mark.parametrize("make", NONLINEAR)
def test_methods_that_choose_their_step_never_raise_the_loss(optimizer, make):
    problem, start = make()
    curve = minimize(clone(optimizer).set_params(max_iter=60), problem, start).loss_curve
    assert (np.diff(curve) <= 0).all()
    assert curve[-1] < 0.9 * curve[0]


@pytest.mark.parametrize("make", NONLINEAR)
@pytest.mark.parametrize(
    ("first", "second"),
    [
        (NGD(), NGD(damping=GainRatio())),
        (NGD(solver="svd"), NGD(solver=Direct("svd"))),
        (NGD(damping=1e-3), NGD(damping=1e-3, line_search=Halving())),
        (NGD(learning_rate=0.3), NGD(learning_rate=0.3, damping=GainRatio(patience=(1, 0.0)))),
    ],
)
def test_names_are_short_for_objects(make, first, second):
    problem, start = make()
    curves = [minimize(optimizer, problem, start, max_iter=8).loss_curve for optimizer in (first, second)]
    assert curves[0] == curves[1]


def test_the_numbers_of_the_gain_ratio_can_be_changed():
    problem, start = rosenbrock()

    def first_step(**numbers):
        optimizer = NGD(damping=GainRatio(**numbers))
        return optimizer.step(problem, optimizer.begin(problem, start))

    assert first_step(patience=(1, 0.0)).stop == "stalled"  # no loss falls to 0 in a step
    assert first_step(first=1e9).loss > first_step(first=1e3).loss  # shorter steps
    usual, never_lowered = first_step(first=1e3), first_step(first=1e3, factors=())
    assert never_lowered.memory.damping == 3 * 1e3 > usual.memory.damping
    assert first_step(first=1e3, accepted=10.0).stop == "stalled"  # no fall is ten times the linear model's


def test_a_failed_step_is_tried_with_more_damping_until_one_gains_enough():
    tried = []

    def attempt(damping):
        tried.append(damping)
        if damping < 4:
            raise torch.linalg.LinAlgError
        # A fall of 1/2 where the model falls by 1; a model that rises is not to be trusted.
        return State(vector(0.0), 0.5), (1.0 if damping > 4 else -1.0)

    ahead, damping, gain = first_trusted(attempt, 1.0, [1, 2, 4, 8, 16], 0.1)
    assert (tried, damping, gain, ahead.loss) == ([1, 2, 4, 8], 8, 0.5, 0.5)
    assert first_trusted(attempt, 1.0, [1, 2, 4, 8, 16], 0.5) is None


def test_the_line_search_takes_the_best_of_halved_steps():
    problem, start = rosenbrock()
    step = -formula(problem, start, 1e-3)
    losses = [float(problem.loss(start + 0.5**k * step)) for k in range(20)]
    result = minimize(NGD(damping=1e-3, max_iter=1), problem, start)
    assert losses[0] > min(losses)  # the full step overshoots
    assert result.loss == pytest.approx(min(losses), rel=1e-9)


def test_without_a_line_search_the_step_is_full():
    problem, start = rosenbrock()
    result = minimize(NGD(damping=1e-3, line_search=False, max_iter=1), problem, start)
    assert result.loss_curve[1] == pytest.approx(float(problem.loss(start - formula(problem, start, 1e-3))), rel=1e-9)


@pytest.mark.parametrize("optimizer", [NGD(), NGD(damping=0), NGD(damping=1e-3), GD()], ids=repr)
@pytest.mark.parametrize("J", [[[1.0, 0.0], [0.0, 1.0]], [[0.0, 0.0], [0.0, 0.0]]], ids=["minimum", "J = 0"])
def test_at_a_minimum_it_stalls_and_stays(optimizer, J):
    J = torch.tensor(J, dtype=torch.float64)
    problem, start = TorchProblem(lambda w: torch.cat([J @ w, vector(3.0)]), 2), vector(0.0, 0.0)
    result = minimize(optimizer, problem, start)
    assert result.stop == "stalled"
    assert torch.equal(result.parameters, start)
    assert result.loss == 4.5


# Steps that are not finite.


def logarithm():
    """r(w) = log(w): from w = 10 a full step goes to w < 0."""
    return TorchProblem(torch.log, 1), vector(10.0)


def singular():
    """Rank one, where Cholesky fails for a tiny damping."""
    return TorchProblem(lambda w: w.sum() * torch.ones(3, dtype=w.dtype) - vector(1.0, 2.0, 4.0), 3), vector(
        0.0, 0.0, 0.0
    )


@pytest.mark.parametrize(
    ("make", "optimizer"),
    [
        (logarithm, NGD(learning_rate=1.0, damping=0)),
        (logarithm, NGD(damping=1e-8, line_search=False)),
        (logarithm, GD(learning_rate=1e3)),
        (singular, NGD(learning_rate=1.0, damping=1e-300, solver="cholesky")),
        (rosenbrock, GD(learning_rate=1e200)),
        (rosenbrock, SGD(learning_rate=1e200, batch_size=None)),
        (logarithm, Adam(learning_rate=1e3)),
        (logarithm, SGD(learning_rate=1e3, batch_size=None)),
    ],
)
def test_a_step_that_is_not_finite_is_not_taken(make, optimizer):
    problem, start = make()
    with pytest.warns(
        ConvergenceWarning, match=r"(NGD|GD|SGD|Adam), step \d+: .*lower learning_rate, or raise damping.*are kept"
    ):
        result = minimize(optimizer, problem, start)
    assert result.stop == "non_finite"
    assert result.loss == min(result.loss_curve) < math.inf
    assert float(problem.loss(result.parameters)) == result.loss


def test_parameters_that_are_not_finite_are_not_taken_even_where_the_loss_is():
    # The step overflows to infinity, where tanh is 1 and the loss 0.
    problem, start = TorchProblem(lambda w: 1e3 * (torch.tanh(w) - 1), 1), vector(0.0)
    with pytest.warns(ConvergenceWarning, match="not finite"):
        result = minimize(GD(learning_rate=1e304, max_iter=1), problem, start)
    assert torch.isfinite(result.parameters).all()


@pytest.mark.parametrize("optimizer", [NGD(), NGD(damping=1e-8)], ids=repr)
def test_adaptive_methods_step_around_what_is_not_finite(optimizer):
    problem, start = logarithm()
    assert float(minimize(optimizer, problem, start).parameters) == pytest.approx(1.0, abs=1e-7)


# Gradient descent.


def test_gradient_descent_by_hand():
    # L = 1/2 ((2 a - 2)^2 + (b + a)^2) at (2, 1): r = (2, 3), J = [[2, 0], [1, 1]], J^T r = (7, 3).
    problem = TorchProblem(lambda w: torch.stack([2 * w[0] - 2, w[1] + w[0]]), 2)
    result = minimize(GD(learning_rate=0.1, max_iter=1), problem, vector(2.0, 1.0))
    np.testing.assert_allclose(result.parameters, [1.3, 0.7])
    np.testing.assert_allclose(result.loss_curve, [6.5, (0.6**2 + 2.0**2) / 2])


@pytest.mark.parametrize("make", [lambda: linear_problem()[::2], exponential_problem, rosenbrock])
def test_gradient_descent_chooses_one_over_the_largest_eigenvalue(make):
    problem, start = make()
    linear = problem.linearize(start)
    largest = np.linalg.eigvalsh(linear.gram())[-1]
    result = minimize(GD(max_iter=1), problem, start)
    eta = torch.linalg.vector_norm(result.parameters - start) / torch.linalg.vector_norm(linear.gradient)
    # 30 products: the ratio of the first two eigenvalues is at most 0.72, and 0.72^60 = 3e-9.
    assert float(eta) == pytest.approx(1 / largest, rel=1e-6)


def test_gradient_descent_contracts_as_the_theory_says():
    # With eta = 1 / lambda_max the slowest part of r contracts by 1 - lambda_min / lambda_max = 3/4 a step.
    problem, _, start = linear_problem((4, 4), [2.0, 1.5, 1.2, 1.0])
    curve = minimize(GD(max_iter=80), problem, start).loss_curve
    assert math.sqrt(curve[80] / curve[70]) == pytest.approx(0.75**10, rel=1e-2)


def test_a_given_learning_rate_is_kept_though_the_loss_rises():
    problem, _, start = linear_problem((4, 4), [2.0, 1.5, 1.2, 1.0])
    curve = minimize(GD(learning_rate=0.6, max_iter=5), problem, start).loss_curve  # |1 - 0.6 * 4| = 1.4
    assert curve[-1] > curve[0]


# Epochs by torch.optim.


def by_hand():
    """L = 1/2 ((2 a - 2)^2 + (b + a)^2): its gradient is J^T r with J = [[2, 0], [1, 1]]."""
    return TorchProblem(lambda w: torch.stack([2 * w[0] - 2, w[1] + w[0]]), 2), vector(2.0, 1.0)


def test_sgd_by_hand():
    problem, start = by_hand()
    result = minimize(SGD(learning_rate=0.1, momentum=0.5, batch_size=None, max_iter=2), problem, start)
    # v = (7, 3), w = (1.3, 0.7); J^T r = (3.2, 2), v = (6.7, 3.5), w = (0.63, 0.35).
    np.testing.assert_allclose(result.parameters, [0.63, 0.35])
    np.testing.assert_allclose(result.loss_curve, [6.5, (0.6**2 + 2.0**2) / 2, (0.74**2 + 0.98**2) / 2])


def test_adam_by_hand():
    problem, start = by_hand()
    result = minimize(Adam(learning_rate=0.1, betas=(0.5, 0.8), max_iter=2), problem, start)
    # The first step is eta * sign(g); then m = (g_1 + 2 g_2) / 3 and v = (0.8 g_1^2 + g_2^2) / 1.8, bias taken off.
    g_1 = np.array([7.0, 3.0])
    first = np.array([1.9, 0.9])
    g_2 = np.array([2 * (2 * first[0] - 2) + first.sum(), first.sum()])
    second = first - 0.1 * ((g_1 + 2 * g_2) / 3) / np.sqrt((0.8 * g_1**2 + g_2**2) / 1.8)
    np.testing.assert_allclose(result.parameters, second, rtol=1e-7)  # torch adds 1e-8 to the root


def test_batches_take_every_row_once_and_from_each_stratum_its_part():
    strata = [np.arange(60), np.arange(100, 130), np.arange(200, 202)]
    batches = deal(strata, 10, np.random.default_rng(0))
    assert len(batches) == 10  # 92 rows
    for stratum, part in zip(strata, (6, 3, 2), strict=True):
        assert [np.isin(rows, stratum).sum() for rows in batches] == [part] * 10
    shared_out = np.concatenate([rows[rows < 200] for rows in batches])
    assert sorted(shared_out) == [*range(60), *range(100, 130)]


@pytest.mark.parametrize("name", ["poisson_1d", "heat_1d"])
def test_the_loss_is_the_mean_of_the_losses_of_batches(name):
    problem = benchmark(name, "gaussian")
    problem = problem.subset(np.concatenate([rows[: 5 * (len(rows) // 5) or None] for rows in problem.strata]))
    n_rows = sum(map(len, problem.strata))
    batches = deal(problem.strata, math.ceil(n_rows / 5), np.random.default_rng(0))
    losses = [float(problem.subset(rows).loss(problem.start)) for rows in batches]
    assert len(losses) == 5
    assert np.mean(losses) == pytest.approx(float(problem.loss(problem.start)), rel=1e-12)


@pytest.mark.parametrize("kind", [SGD, Adam])
def test_one_batch_of_all_rows_is_the_full_batch(kind):
    problem = benchmark("heat_1d", "gaussian")
    whole, one = (
        minimize(kind(learning_rate=1e-5, batch_size=size, max_iter=3), problem, problem.start).parameters
        for size in (None, 10**6)
    )
    assert relative_error(one - problem.start, whole - problem.start) < 1e-10


@pytest.mark.parametrize("kind", [SGD, Adam])
def test_epochs_are_seeded(kind):
    problem = benchmark("heat_1d", "gaussian")
    first, same, other = (
        minimize(kind(learning_rate=1e-5, batch_size=40, random_state=s, max_iter=2), problem, problem.start).parameters
        for s in (0, 0, 1)
    )
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


# L-BFGS.


@pytest.mark.parametrize("make", NONLINEAR)
def test_lbfgs_finds_the_minimum_that_scipy_finds_in_as_many_steps(make):
    problem, start = make()

    def loss_and_gradient(w):
        linear = problem.linearize(torch.tensor(w))
        return float(linear.loss), linear.gradient.numpy()

    reference = scipy.optimize.minimize(
        loss_and_gradient, start.numpy(), jac=True, method="L-BFGS-B", options={"ftol": 1e-30, "gtol": 1e-10}
    )
    result = minimize(LBFGS(max_iter=2 * reference.nit), problem, start)
    assert relative_error(result.parameters, reference.x) < 1e-6
    assert result.loss <= reference.fun + 1e-12


def test_lbfgs_evaluates_no_point_twice():
    problem, start = rosenbrock()
    seen = []
    counted = TorchProblem(lambda w: problem.residual(w), 2)
    counted.linearize = lambda w: seen.append(tuple(w.tolist())) or problem.linearize(w)
    minimize(LBFGS(max_iter=20), counted, start)
    assert len(seen) == len(set(seen))


@pytest.mark.parametrize("J", [[[1.0, 0.0], [0.0, 1.0]], [[0.0, 0.0], [0.0, 0.0]]], ids=["minimum", "J = 0"])
def test_lbfgs_stalls_at_a_minimum(J):
    J = torch.tensor(J, dtype=torch.float64)
    problem, start = TorchProblem(lambda w: torch.cat([J @ w, vector(3.0)]), 2), vector(0.0, 0.0)
    result = minimize(LBFGS(), problem, start)
    assert (result.stop, result.n_iter, result.loss) == ("stalled", 1, 4.5)


def test_lbfgs_ends_where_round_off_ends_it():
    problem, start = fit_of_data()
    result = minimize(LBFGS(max_iter=1000), problem, start)
    assert result.stop == "stalled"
    assert float(torch.linalg.vector_norm(problem.linearize(result.parameters).gradient)) < 1e-7


# The loop.


def test_loss_curve_starts_before_the_first_step_and_has_max_iter_more():
    problem, start = rosenbrock()
    result = minimize(GD(learning_rate=1e-4, max_iter=7), problem, start)
    assert result.loss_curve[0] == float(problem.loss(start))
    assert result.n_iter == len(result.loss_curve) - 1 == 7
    assert result.stop == "max_iter"
    assert minimize(GD(learning_rate=1e-4, max_iter=7), problem, start, max_iter=3).n_iter == 3


def test_it_stops_at_the_target():
    problem, start = rosenbrock()
    result = minimize(GD(learning_rate=1e-3, max_iter=1000), problem, start, target=2.5)
    assert result.stop == "tol"
    assert result.loss <= 2.5 < result.loss_curve[-2]


@pytest.mark.parametrize("optimizer", [GD(1e-4), SGD(1e-4, batch_size=None), Adam(), LBFGS(), NGD()], ids=repr)
def test_a_callback_sees_every_step_and_may_stop(optimizer):
    problem, start = rosenbrock()
    seen = []

    def on_step(n_iter, state):
        assert float(problem.loss(state.parameters)) == pytest.approx(state.loss, rel=1e-12)
        seen.append((n_iter, state.loss))
        return n_iter == 4

    result = minimize(optimizer, problem, start, on_step=on_step)
    assert result.stop == "callback"
    assert seen == list(enumerate(result.loss_curve))[1:]
    assert len(seen) == 4


def test_the_best_parameters_are_kept():
    problem, _, start = linear_problem((4, 4), [2.0, 1.5, 1.2, 1.0])
    result = minimize(GD(learning_rate=0.6, max_iter=20), problem, start)  # diverges, after some good steps
    assert result.loss == min(result.loss_curve) < result.loss_curve[-1]
    assert float(problem.loss(result.parameters)) == result.loss


def test_the_start_is_left_alone():
    problem, start = rosenbrock()
    kept = start.clone()
    full = (SGD(1e-4, batch_size=None, max_iter=3), Adam(max_iter=3))
    for optimizer in (NGD(), NGD(learning_rate=0.1, damping=0), GD(max_iter=3), LBFGS(max_iter=3), *full):
        minimize(optimizer, problem, start)
    assert torch.equal(start, kept)


def test_an_optimizer_of_ones_own_needs_one_step():
    class SignDescent(Optimizer):
        def __init__(self, learning_rate=0.01, max_iter=100):
            self.learning_rate = learning_rate
            self.max_iter = max_iter

        def step(self, problem, state):
            w = state.parameters - self.learning_rate * problem.linearize(state.parameters).gradient.sign()
            return State(w, float(problem.loss(w)))

    problem, start = exponential_problem()
    result = minimize(SignDescent(), problem, start)
    assert result.loss < 1e-2 * result.loss_curve[0]
    assert get_optimizer(own := SignDescent()) is own


# Hyperparameters.


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers_by_name_are_valid(name):
    optimizer = get_optimizer(name)
    optimizer.check()
    assert type(optimizer) is OPTIMIZERS[name]


@pytest.mark.parametrize("optimizer", ["Adam", None, NGD, 3])
def test_unknown_optimizers_are_told_the_known_ones(optimizer):
    with pytest.raises(ValueError, match=re.escape(f"unknown; choose one of {sorted(OPTIMIZERS)}")):
        get_optimizer(optimizer)


@pytest.mark.parametrize(
    "optimizer",
    [
        NGD(),
        NGD(0.1, 1e-10, "qr", False, 7),
        NGD(damping=GainRatio(0.1), solver=Direct("qr")),
        GD(),
        GD(0.1, 5),
        SGD(0.1, 0.5),
        Adam(0.1, (0.5, 0.9), 7),
        LBFGS(0.1, 7),
    ],
)
def test_optimizers_are_values(optimizer):
    copy = clone(optimizer)
    assert copy == optimizer == eval(repr(optimizer))
    assert copy.set_params(max_iter=123) != optimizer


BAD = [
    ({"learning_rate": 0}, "learning_rate must be a positive number, or None.*got 0"),
    ({"learning_rate": -0.1}, "learning_rate must be a positive number, or None.*got -0.1"),
    ({"learning_rate": "fast"}, "learning_rate must be a positive number, or None.*got 'fast'"),
    ({"learning_rate": math.inf}, "learning_rate must be a positive number, or None.*got inf"),
    ({"learning_rate": math.nan}, "learning_rate must be a positive number, or None.*got nan"),
    ({"max_iter": 0}, "max_iter must be .*1.*got 0"),
    ({"max_iter": -3}, "max_iter must be .*1.*got -3"),
    ({"max_iter": 2.5}, "max_iter must be .*1.*got 2.5"),
    ({"max_iter": "many"}, "max_iter must be .*1.*got 'many'"),
    ({"max_iter": 2.5}, r"max_iter must be .*1.*got 2\.5"),
]
GIVEN = (SGD, Adam, LBFGS)
BAD_NGD = [
    ({"damping": -1e-3}, "damping must be 'auto' or a number >= 0, got -0.001"),
    ({"damping": "adaptive"}, "damping must be 'auto' or a number >= 0, got 'adaptive'"),
    ({"damping": None}, "damping must be 'auto' or a number >= 0, got None"),
    ({"damping": math.nan}, "damping must be 'auto' or a number >= 0, got nan"),
    ({"damping": math.inf}, "damping must be 'auto' or a number >= 0, got inf"),
    ({"solver": "lu"}, r"solver='lu' is unknown; choose one of \['auto', 'cholesky', 'qr', 'svd', 'cg'\]"),
    ({"solver": "qr", "damping": 0}, "solver='qr' needs damping > 0; use solver='svd' or 'auto'"),
    ({"solver": "cholesky", "damping": 0.0}, "solver='cholesky' needs damping > 0; use solver='svd' or 'auto'"),
    ({"line_search": True, "damping": 0, "learning_rate": 0.5}, "learning_rate=0.5 fixes the step length.*line_search"),
    ({"line_search": True}, "line_search=True goes with a fixed damping"),
    ({"line_search": Halving(3)}, r"line_search=Halving\(n_lengths=3\) goes with a fixed damping"),
    ({"line_search": 3, "damping": 0}, r"line_search must be a step length, such as Halving\(\), got 3"),
    ({"solver": Direct("lu")}, r"method='lu' is unknown; choose one of \['auto', 'cholesky', 'qr', 'svd'\]"),
    ({"damping": GainRatio(raised_by=0.5)}, "raised_by must be above 1, got 0.5"),
    ({"damping": GainRatio(patience=20)}, r"patience must be a pair \(number, part\), got 20"),
    ({"damping": GainRatio(first=0)}, "first must be a positive number; got 0"),
]


@pytest.mark.parametrize(
    ("kind", "parameters", "message"),
    [
        *((kind, *bad) for kind in (GD, NGD) for bad in BAD),
        *((kind, given, message.replace(", or None.*got", "; got")) for kind in GIVEN for given, message in BAD),
        *((kind, {"learning_rate": None}, "learning_rate must be a positive number; got None") for kind in GIVEN),
        *((kind, {"batch_size": 0}, "batch_size must be .*1, or None for all rows, got 0") for kind in (SGD, Adam)),
        (SGD, {"momentum": 1}, "momentum must be at least 0 and below 1, got 1"),
        (Adam, {"betas": (0.9, 1.0)}, r"betas must be two numbers.*below 1, got \(0.9, 1.0\)"),
        (Adam, {"betas": 0.9}, "betas must be two numbers.*below 1, got 0.9"),
        (LBFGS, {"history_size": 0}, "history_size must be an integer >= 1, got 0"),
        *((NGD, *bad) for bad in BAD_NGD),
    ],
)
def test_bad_hyperparameters_say_what_came_and_what_is_allowed(kind, parameters, message):
    optimizer = kind(**parameters)  # the constructor never raises
    with pytest.raises(ValueError, match=message):
        optimizer.check()


@pytest.mark.parametrize(
    "parameters",
    [
        {"learning_rate": np.float32(0.1), "max_iter": np.int64(3)},
        {"damping": np.float64(0.1)},
        {"damping": np.float32(0.1)},
        {"damping": np.int64(0)},  # from a grid np.array([0, 1])
        {"damping": 0, "line_search": True},
    ],
    ids=repr,
)
def test_numpy_numbers_are_numbers(parameters):
    NGD(**parameters).check()


def test_every_stop_reason_says_something():
    assert {"tol", "unverified", "noise", "stalled", "max_iter", "non_finite", "callback"} == set(STOP_REASONS)
    assert "learning_rate" in STOP_REASONS["non_finite"]


def separable_problem():
    """y = c_1 exp(-k_1 t) + c_2 exp(-k_2 t) on data of that form; w = (k, c), c enters linearly."""

    t = torch.linspace(0, 3, 20, dtype=torch.float64)
    data = 2 * torch.exp(-t) - 3 * torch.exp(-2.5 * t)
    problem = TorchProblem(lambda w: torch.exp(-t[:, None] * w[:2]) @ w[2:] - data, 4)
    problem.layout, problem.linear = {"k": slice(0, 2), "c": slice(2, 4)}, slice(2, 4)
    return problem, vector(0.3, 3.0, 1.0, 1.0)


def test_linear_parameters_are_refitted_after_each_step():
    # scipy's solution for the linear parameters is what a step ends at, up to the damping that it started with.
    problem, start = separable_problem()
    optimizer = NGD(refit=True)
    state = optimizer.step(problem, optimizer.begin(problem, start))
    A = problem.linearize(state.parameters).J[:, 2:].numpy()
    _, squares, *_ = scipy.linalg.lstsq(
        A, problem.residual(torch.cat([state.parameters[:2], vector(0.0, 0.0)])).numpy()
    )
    assert state.loss == pytest.approx(squares / 2, rel=0.1)
    plain = NGD(refit=False).step(problem, optimizer.begin(problem, start))
    assert state.loss < plain.loss


@pytest.mark.parametrize("refit", [True, False])
def test_a_separable_problem_is_solved_with_and_without_refitting(refit):
    problem, start = separable_problem()
    result = minimize(NGD(refit=refit), problem, start, target=1e-24)
    np.testing.assert_allclose(np.sort(result.parameters[:2]), [1.0, 2.5], rtol=1e-8)


@pytest.mark.parametrize("parameters", [{"learning_rate": 0.5}, {"damping": 1e-6}], ids=repr)
def test_refitting_goes_with_adaptive_damping_alone(parameters):
    with pytest.raises(ValueError, match="refit=True goes with damping='auto' and no learning_rate"):
        NGD(refit=True, **parameters).check()


@pytest.mark.parametrize(("scale", "n_losses"), [(1.0, 3), (3.0, 5)])
def test_a_line_search_ends_where_the_loss_rises_again(scale, n_losses):
    # r(w) = w with J too small by `scale`, so that a full step ends at 1 - scale. It is best for 1; for 3 the losses
    # fall from the full step to a quarter, which leaves 1/4, and rise at an eighth. One loss is that of the start.
    problem, start = TorchProblem(lambda w: w, 1), vector(1.0)
    problem.linearize = lambda w: Dense(w.clone(), torch.tensor([[1 / scale]], dtype=torch.float64))
    counted = Counted(problem)
    optimizer = NGD(damping=1e-12, line_search=True)
    state = optimizer.step(counted, optimizer.begin(counted, start))
    assert counted.counts["linearize"] + counted.counts["loss"] == n_losses + 1  # and once to start from
    assert float(state.parameters) == pytest.approx(0.0 if scale == 1.0 else 0.25, abs=1e-9)


class Counted:
    """A problem that counts how often it is evaluated."""

    def __init__(self, problem):
        self.problem, self.counts = problem, Counter()

    def __getattr__(self, name):
        if name in ("loss", "linearize"):
            self.counts[name] += 1
        return getattr(self.problem, name)


def test_plain_ngd_evaluates_the_network_once_a_step():
    problem = Counted(benchmark("heat_1d", "gaussian"))
    minimize(NGD(learning_rate=0.1, damping=1e-3, max_iter=7), problem, problem.start)
    assert problem.counts == {"loss": 1, "linearize": 8}


class Waits(TorchDispatchMode):
    """Counts the operations that wait for the device: numbers that come back to Python."""

    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += "_local_scalar_dense" in str(func)
        return func(*args, **(kwargs or {}))


def test_a_plain_step_waits_for_three_numbers_alone():
    # Whether J is zero, whether the step is, and the loss: on a GPU each empties its queue.
    problem, optimizer = benchmark("heat_1d", "gaussian"), NGD(learning_rate=0.1, damping=1e-3)
    state = optimizer.step(problem, optimizer.begin(problem, problem.start))
    with Waits() as waits:
        optimizer.step(problem, state)
    assert waits.count <= 3
