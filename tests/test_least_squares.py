from dataclasses import replace

import numpy as np
import pytest
import torch

from pinnlearn.activations import ACTIVATIONS
from pinnlearn.jets import Symbol
from pinnlearn.networks import BLOCKS, domain_weights, gaussian_weights
from pinnlearn.posing.checks import check_equations
from pinnlearn.posing.weights import balanced_weights, natural_size
from pinnlearn.problems import PROBLEMS
from tests.problems import small_problem
from tests.references import CASES, LOSS_WEIGHTS, example, problem_of, reference, relative_error, two_layers

# Both sides are sums of some hundred terms in float64, in different orders.
EXACT = 1e-12

each_case = pytest.mark.parametrize("name", CASES)
each_block = pytest.mark.parametrize("trainable", BLOCKS)


def linearized(name, trainable="all"):
    problem = example(name).problem(trainable)
    return problem.linearize(problem.start)


@each_case
@each_block
def test_residual_and_jacobian_equal_nested_autograd(name, trainable):
    residual, J = reference(name, trainable)
    linear = linearized(name, trainable)
    assert relative_error(linear.residual, residual) < EXACT
    assert relative_error(linear.jacobian(), J) < EXACT


# The order of the cases' equations, where it is above 2: relu3 has three derivatives, and the Jacobian takes one.
ORDERS = {"third_order": 3, "fourth_order": 4, "biharmonic": 4}


@each_case
@pytest.mark.parametrize("activation", [name for name in ACTIVATIONS if name != "tanh"])
def test_every_activation_equals_nested_autograd_up_to_the_order_that_it_serves(name, activation):
    for trainable, served in (("all", 2), ("output", 3)):
        problem = example(name).problem(trainable, activation=activation)
        if activation == "relu3" and ORDERS.get(name, 2) > served:
            with pytest.raises(
                ValueError, match=r"order \d, but activation='relu3' serves .* up to order 2.*'output'.*3"
            ):
                problem.linearize(problem.start)
            continue
        residual, J = reference(name, trainable, activation)
        linear = problem.linearize(problem.start)
        assert relative_error(linear.residual, residual) < EXACT
        assert relative_error(linear.jacobian(), J) < EXACT


@each_case
@each_block
def test_gram_equals_dense_jacobian_product(name, trainable):
    _, J = reference(name, trainable)
    assert relative_error(linearized(name, trainable).gram(), J @ J.T) < EXACT


@pytest.mark.parametrize("name", [name for name in CASES if name != "periodic"])  # which reads u at two points
@pytest.mark.parametrize("trainable", ["hidden", "all"])
def test_the_structure_of_the_gram_matrix_equals_the_dense_product(name, trainable):
    _, J = reference(name, trainable)
    linear, problem = linearized(name, trainable), example(name).problem(trainable)
    gram = problem.unknowns.network.gram(list(linear._pieces()), problem.unknowns.trained, len(linear.residual))
    assert relative_error(gram, J @ J.T) < EXACT


@pytest.mark.parametrize("trainable", ["hidden", "all"])
def test_in_many_dimensions_the_gram_matrix_needs_no_jacobian(trainable, monkeypatch):
    pde, X = PROBLEMS["poisson_10d"].sample(0)
    X = X[::20]
    weights = gaussian_weights(30, 10, 1, np.random.default_rng(0))
    problem = problem_of(pde, X, two_layers(weights, trainable))
    linear = problem.linearize(problem.start)
    J = linear.jacobian()
    assert linear.gram_size == 30 * (2 if trainable == "hidden" else 3)
    monkeypatch.setattr(type(linear), "jacobian", None)
    assert relative_error(linear.gram(), J @ J.T) < EXACT


@each_case
@each_block
def test_products_equal_those_of_the_dense_jacobian(name, trainable):
    residual, J = reference(name, trainable)
    linear = linearized(name, trainable)
    rng = np.random.default_rng(3)
    v, w = (torch.tensor(rng.standard_normal(size)) for size in J.shape)
    assert relative_error(linear.matvec(w), J @ w) < EXACT
    assert relative_error(linear.rmatvec(v), J.T @ v) < EXACT
    assert relative_error(linear.gradient, J.T @ residual) < EXACT
    assert float(linear.loss) == pytest.approx(float(residual @ residual) / 2, rel=EXACT)


@each_case
def test_residual_away_from_the_start_is_that_of_the_linearization(name):
    problem = example(name).problem()
    parameters = problem.start + 0.1
    residual = problem.residual(parameters)
    assert torch.equal(residual, problem.linearize(parameters).residual)
    assert relative_error(residual, example(name).residual(parameters, "all").detach()) < EXACT
    assert float(problem.loss(parameters)) == pytest.approx(float(residual @ residual) / 2, rel=EXACT)


def test_columns_of_some_blocks_are_those_of_the_jacobian():
    problem = example("system").problem()
    linear, columns = problem.linearize(problem.start), np.arange(len(problem.start))
    for blocks in (["output_weights"], ["hidden_bias", "hidden_weights"]):
        chosen = np.concatenate([columns[problem.layout[block]] for block in blocks])
        np.testing.assert_array_equal(linear.jacobian(blocks), linear.jacobian()[:, chosen])


def test_jacobian_is_a_new_tensor_at_each_call():
    linear = linearized("cubic")
    first, kept = linear.jacobian(), linear.jacobian().clone()
    first.mul_(0)
    assert torch.equal(linear.jacobian(), kept)


def test_output_weights_are_the_linear_block():
    assert example("system").problem("hidden").linear is None
    problem = example("heat").problem("all")
    a = problem.linear
    moved = problem.start.clone()
    moved[a] *= 3
    zero = problem.start.clone()
    zero[a] = 0
    # r(3 a) - r(0) = 3 (r(a) - r(0)), since the heat equation and its conditions are linear.
    r0, r1, r3 = (problem.residual(w) for w in (zero, problem.start, moved))
    assert relative_error(r3 - r0, 3 * (r1 - r0)) < EXACT


@each_case
@pytest.mark.parametrize("trainable", ["output", "all"])
def test_a_step_in_the_output_weights_alone_is_as_any_other(name, trainable):
    problem = example(name).problem(trainable)
    linear, parameters = problem.linearize(problem.start), problem.start.clone()
    np.testing.assert_array_equal(linear.linear_jacobian(), linear.jacobian()[:, problem.linear])
    step = torch.cos(parameters[problem.linear])
    parameters[problem.linear] += step
    moved, expected = linear.along_linear(step), problem.linearize(parameters)
    # The same operations on the same numbers.
    assert torch.equal(moved.residual, expected.residual)
    assert torch.equal(moved.jacobian(), expected.jacobian())


@each_case
def test_float32_keeps_its_digits(name):
    problem = example(name).problem(dtype=torch.float32)
    linear = problem.linearize(problem.start)
    assert linear.residual.dtype == linear.jacobian().dtype == torch.float32
    residual, J = reference(name, "all")
    # eps is 1e-7; two digits for the sums and the powers of the weights.
    assert relative_error(linear.residual, residual) < 1e-5
    assert relative_error(linear.jacobian(), J) < 1e-5


def test_groups_weigh_their_mean_square_whatever_their_number():
    ex = example("variable")  # two laws in the group boundary, 4 + 2 residuals
    problem = ex.problem().weighted({})
    unit, total = {}, 0.0
    for part in problem.linearize(problem.start).parts:
        unit.setdefault(part.equation.group, []).append(part.residual.reshape(-1))
    for group, parts in unit.items():
        total += LOSS_WEIGHTS[group] * float(torch.cat(parts).square().mean()) / 2
    assert float(ex.problem().loss(problem.start)) == pytest.approx(total, rel=EXACT)


@each_case
def test_subset_is_the_problem_of_those_rows(name):
    ex = example(name)
    kept = np.arange(1, len(ex.X), 2)
    some = ex.problem().subset(kept)
    laws = [replace(law, n=int(np.isin(rows, kept).sum())) for law, rows in zip(ex.case.laws, ex.rows, strict=True)]
    of_those = replace(
        ex,
        case=replace(ex.case, laws=tuple(laws)),
        X=ex.X[kept],
        normals=ex.normals[kept],
        known=ex.known[kept],
    )
    assert relative_error(some.residual(some.start), of_those.problem().residual(some.start)) < EXACT
    np.testing.assert_array_equal(np.concatenate([e.rows for e in some.equations]), kept)


def test_with_network_keeps_the_equations():
    ex = example("periodic")
    problem = ex.problem("hidden").with_network(ex.problem("output").unknowns.network).training(BLOCKS["output"])
    assert torch.equal(problem.linearize(problem.start).jacobian(), linearized("periodic", "output").jacobian())


def test_rows_that_join_are_like_rows_given_at_the_start():
    def equation(x, u):
        return -u.laplacian + u.value**3 - x[:, 0]

    whole = small_problem([("equation", equation, [0, 1, 4, 5, 6]), ("condition", lambda x, u: u.d(0), [2, 3])], n=7,
                          groups=["interior", "boundary"])  # fmt: skip
    X = np.random.default_rng(1).random((7, 2))
    refined = whole.subset(np.arange(4)).refined(X[4:])
    assert refined.n_interior == 5
    np.testing.assert_allclose(refined.residual(refined.start), whole.residual(whole.start), rtol=1e-12)
    alone = [abs(float(part)) for part in whole.linearize(whole.start).parts[0].residual[2:]]
    np.testing.assert_allclose(whole.interior_residual(X[4:]), alone, rtol=1e-12)


def test_residuals_decay_over_the_time_span_also_in_rows_that_join():
    problem = small_problem([("equation", lambda x, u: u.value, np.arange(5))], n=5)
    times = np.random.default_rng(1).random((5, 2))[:, 1]
    X = np.array([[0.5, times.min()], [0.5, times.max()]])
    late = problem.decaying(3.0)
    factors = np.exp(-3.0 * (times - times.min()) / np.ptp(times))
    np.testing.assert_allclose(late.residual(late.start), problem.residual(problem.start).numpy() * factors, rtol=1e-12)
    np.testing.assert_allclose(
        late.interior_residual(X), problem.interior_residual(X) * np.exp([0.0, -3.0]), rtol=1e-12
    )


def test_row_order_sorts_by_row_with_a_rows_residuals_adjacent():
    def two(x, u):
        return torch.stack([u.value, u.d(0)], dim=1)

    problem = small_problem([("a", two, [3, 1]), ("b", lambda x, u: u.value, [2, 0])], n=4)
    linear = problem.linearize(problem.start)
    # Residuals stand as 3 3 1 1 | 2 0.
    np.testing.assert_array_equal(linear.row_order(), [5, 2, 3, 4, 0, 1])


def test_at_zero_is_the_residual_of_u_zero():
    problem = small_problem([("a", lambda x, u: -u.laplacian + u.value**3 - 2 * x[:, 0], [0, 1])], n=2)
    (block,) = problem.blocks
    np.testing.assert_array_equal(block.at_rows.at_zero().residual, -2 * block.x[:, :1])
    assert problem.loss_of_zero == pytest.approx(float((4 * block.x[:, 0] ** 2).mean()) / 2, rel=EXACT)


def test_balanced_weights_make_the_jacobian_independent_of_units():
    # -u'' on [0, L]: the natural size of u'' is (L / 2)^-2, so the weight is (L / 2)^4, and 1 for a value.
    equations = [("equation", lambda x, u: -u.d(0, 0), [0, 1, 2]), ("condition", lambda x, u: u.value, [3])]
    problem = small_problem(equations, n=4, groups=["interior", "boundary"])
    weights = balanced_weights(problem, np.array([5.0, 1.0]))
    assert weights == {"equation": pytest.approx((5.0**4,)), "condition": (1.0,)}
    assert natural_size(Symbol(((0, 0), (1, 1))), np.array([2.0, 1.0])) == pytest.approx(np.hypot(0.25, 1.0))


# Checks of what users write.


def check(residual, n=9, n_outputs=1):
    check_problem(small_problem([("the law of Ohm", residual, np.arange(n))], n, n_outputs))


def check_problem(problem):
    check_equations(problem.linearize_at_zero(), problem.linearize(problem.start), problem)


@pytest.mark.parametrize(
    "residual",
    [
        lambda x, u: u.value,
        lambda x, u: -u.laplacian + u.value**3,
        lambda x, u: torch.stack([u.value, u.d(0) * u.d(1)], dim=1),
        lambda x, u: u.value - u.at(x.flip(1)).value,
        lambda x, u: u.grad - x,
        lambda x, u: torch.where(x[:, 0] > 0.5, u.d(0), u.value - 1),
    ],
)
@pytest.mark.parametrize("n", [1, 2, 9])
def test_pointwise_equations_pass(residual, n):
    check(residual, n)


NOT_POINTWISE = {
    "mean": lambda x, u: u.value - u.value.mean(),
    "norm": lambda x, u: u.value / torch.linalg.vector_norm(u.value),
    "largest": lambda x, u: u.value / u.value.max(),
    "smallest": lambda x, u: u.value - u.value.min(),
    "first row": lambda x, u: u.value - u.value[0],
    "last row": lambda x, u: u.value - u.value[-1],
    "neighbour": lambda x, u: u.value - u.value.roll(1),
    "detached mean": lambda x, u: u.value - u.value.detach().mean(),
    "column of x": lambda x, u: u.value - x[:, :1],
    "column of u": lambda x, u: u.value[:, None] - u.d(0),
}


@pytest.mark.parametrize("name", NOT_POINTWISE)
@pytest.mark.parametrize("n", [2, 8, 9])
def test_equations_that_are_not_pointwise_are_told_so(name, n):
    with pytest.raises(ValueError, match=r"the law of Ohm is not pointwise.*use no mean, sum or norm"):
        check(NOT_POINTWISE[name], n)


@pytest.mark.parametrize("points", [lambda x: x[:1], lambda x: torch.zeros(1, 2, dtype=x.dtype)])
def test_other_points_must_be_paired_with_the_rows(points):
    # One point for all rows broadcasts in the residual, and makes the Jacobian wrong.
    with pytest.raises(ValueError, match=r"the law of Ohm: u\.at\(\.\.\.\) needs one point a row"):
        check(lambda x, u: u.value - u.at(points(x)).value)


@pytest.mark.parametrize(
    ("residual", "message"),
    [
        (lambda x, u: u.value.sum(), r"the law of Ohm .*shape \(9,\) or \(9, q\).*shape \(\)"),
        (lambda x, u: u.value[:3], r"the law of Ohm .*shape \(9,\) or \(9, q\).*shape \(3,\)"),
        (lambda x, u: u.value[:, None, None], r"the law of Ohm .*shape \(9,\) or \(9, q\).*shape \(9, 1, 1\)"),
        (lambda x, u: u.value * x[:, 5], "the law of Ohm .*coordinate.*points have 2 coordinate"),
        (lambda x, u: u.d(5), "the law of Ohm.*axis 5.*2 coordinate"),
        (lambda x, u: u.dn, "the law of Ohm.*no outward normal"),
        (lambda x, u: u[1].value, r"the law of Ohm.*u\[1\].*n_outputs"),
        (lambda x, u: u.value / 0, "the law of Ohm gives NaN or infinity at 9 of 9 rows"),
        (lambda x, u: u.value + torch.log(x[:, 0] - 2), "the law of Ohm gives NaN.*logarithms"),
        (lambda x, u: x[:, 0], r"the law of Ohm reads nothing of u.*u\.value"),
        (lambda x, u: torch.as_tensor(np.sin(u.value.detach().numpy())), "the law of Ohm"),
    ],
    ids=["scalar", "few", "cube", "x5", "d5", "dn", "u1", "infinite", "nan", "no u", "detached u"],
)  # fmt: skip
def test_bad_equations_are_named_with_what_to_do(residual, message):
    with pytest.raises(ValueError, match=message):
        check(residual)


@pytest.mark.parametrize("result", [None, 0.0, np.zeros(9)])
def test_equations_must_return_tensors(result):
    with pytest.raises(TypeError, match="the law of Ohm must return a torch tensor"):
        check(lambda x, u: result)


def test_the_bad_equation_is_named_among_several():
    laws = [("good", lambda x, u: u.value, [0, 1]), ("bad", lambda x, u: u.value - u.value.mean(), [2, 3, 4])]
    with pytest.raises(ValueError, match=r"^bad is not pointwise"):
        check_problem(small_problem(laws, 5))


@pytest.mark.parametrize("name", PROBLEMS)
def test_the_benchmark_problems_pass(name):
    pde, X = PROBLEMS[name].sample(0)
    X = X[:50]
    weights = domain_weights(5, pde.domain.bounds, 1, 1.0, np.random.default_rng(0))
    check_problem(problem_of(pde, X, two_layers(weights)))


# Second derivatives, and J in blocks of rows.


@pytest.mark.parametrize("trainable", ["all", "hidden", "output"])
@pytest.mark.parametrize("name", CASES)
def test_hessian_products_equal_nested_autograd(name, trainable):
    problem = example(name).problem(trainable)
    product = problem.hessian(problem.start)
    identity = torch.eye(len(problem.start), dtype=torch.float64)
    expected = torch.autograd.functional.hessian(
        lambda w: example(name).residual(w, trainable).square().sum() / 2, problem.start
    )
    # Eight digits more than finite differences would have.
    assert relative_error(torch.stack([product(v) for v in identity]), expected) < 1e-13


@pytest.mark.parametrize("activation", ["logistic", "softplus", "swish", "sin", "gaussian"])
def test_hessian_products_of_every_activation(activation):
    problem = example("system").problem(activation=activation)
    product = problem.hessian(problem.start)
    identity = torch.eye(len(problem.start), dtype=torch.float64)
    expected = torch.autograd.functional.hessian(
        lambda w: example("system").residual(w, "all", activation).square().sum() / 2, problem.start
    )
    assert relative_error(torch.stack([product(v) for v in identity]), expected) < 1e-13


@pytest.mark.parametrize("n_rows", [1, 3, 100])
@pytest.mark.parametrize("name", ["system", "periodic", "variable"])
def test_blocks_of_rows_are_the_rows_of_the_jacobian(name, n_rows):
    problem = example(name).problem()
    linear = problem.linearize(problem.start)
    blocks = list(linear.jacobian_blocks(n_rows))
    assert max(map(len, blocks)) <= n_rows
    rows, expected = torch.cat(blocks), linear.jacobian()
    order, expected_order = (np.lexsort(J.numpy().round(9).T) for J in (rows, expected))
    np.testing.assert_allclose(rows[order], expected[expected_order], rtol=1e-12, atol=1e-13)
