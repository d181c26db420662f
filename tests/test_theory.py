"""The theory against closed forms, prescribed spectra and fitted rates."""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import dblquad

from pinnlearn import GD, NGD, PINNRegressor, problems
from pinnlearn.activations import ACTIVATIONS, get_activation
from pinnlearn.domains import Box
from pinnlearn.networks import Weights
from pinnlearn.pdes import PDE, Poisson
from pinnlearn.theory import (
    LinearisedProblem,
    Spectrum,
    contraction_deviations,
    convergence_rates,
    deep_spectra,
    drifts,
    gd_bound,
    gd_stability,
    gram_distances,
    gram_spectrum,
    jacobian_stability,
    limiting_gram,
    limiting_gram_by_quadrature,
    loss_curve,
    ngd_bound,
    ngd_damped,
    pose,
    positive_definite,
    quadratic_constants,
    slope,
    smallest_width,
    spectra_of_points,
    spectra_of_widths,
    spectrum_by_quadrature,
    step_sizes,
)
from pinnlearn.theory import posing as posing_module
from pinnlearn.theory.assumption import CLAUSES
from pinnlearn.theory.limiting import random_factor
from pinnlearn.theory.rates import ROUND_OFF
from tests.references import with_spectrum

PDE_1D = problems.poisson_1d()
# Few rows, evenly spread, so that the Gram matrix is well conditioned.
FEW = np.array([[0.0], [1.0], [0.25], [0.5], [0.75]])
WIDTHS = (250, 1000, 4000, 16_000)


def points(n_interior, n_boundary=2, pde=PDE_1D):
    return pde.sample(n_interior, n_boundary, random_state=0)


def drawn(width, seed=0, X=FEW, pde=PDE_1D):
    return pose(pde, X).draw(width, np.random.default_rng(seed))


# The limiting Gram matrix.


@pytest.mark.parametrize("n_dims", [1, 3])
def test_plain_regression_with_sines_has_the_limit_of_its_closed_form(n_dims):
    """E[cos z cos z'] = (exp(-|x - x'|^2 / 2) + exp(-|x + x'|^2 / 2)) / 2 in the coordinates (x, 1)."""
    X = np.random.default_rng(1).uniform(-1, 1, size=(7, n_dims))
    Z = np.column_stack([X, np.ones(7)])
    differences, sums = (((Z[:, None] + sign * Z) ** 2).sum(axis=2) for sign in (-1, 1))
    expected = (Z @ Z.T) * (np.exp(-differences / 2) + np.exp(-sums / 2)) / 2 / 7
    if n_dims == 1:
        found = limiting_gram_by_quadrature(None, X, activation="sin")
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)
    H, std = limiting_gram(None, X, activation="sin", n_neurons=20_000, random_state=0, return_std=True)
    assert (np.abs(H - expected) < 5 * std).all()


def test_an_entry_of_the_pde_is_the_integral_of_products_of_gradients():
    """Adaptive quadrature of the derivatives of -w^2 sigma''(w x + b) in w and b, written out for tanh."""
    x, y = 0.2, 0.7
    X = np.array([[x], [y], [0.0], [1.0]])

    def gradient(w, b, at):
        t = math.tanh(w * at + b)
        s2 = -2 * t * (1 - t * t)
        s3 = (1 - t * t) * (6 * t * t - 2)
        return -2 * w * s2 - w * w * s3 * at, -w * w * s3

    def integrand(w, b):
        one, other = gradient(w, b, x), gradient(w, b, y)
        return (one[0] * other[0] + one[1] * other[1]) * math.exp(-(w * w + b * b) / 2) / (2 * math.pi)

    expected = dblquad(integrand, -9, 9, -9, 9, epsabs=1e-8, epsrel=1e-8)[0] / 2  # two interior rows
    assert limiting_gram_by_quadrature(PDE_1D, X)[0, 1] == pytest.approx(expected, rel=1e-7)


def test_trapezoidal_and_gauss_hermite_quadrature_agree():
    X = points(10)
    nodes, omega = np.polynomial.hermite_e.hermegauss(120)
    W, b = (axis.ravel() for axis in np.meshgrid(nodes, nodes))
    omega = np.outer(omega, omega).ravel() / omega.sum() ** 2
    problem = pose(PDE_1D, X).at(Weights(W[:, None], b, np.sqrt(len(omega) * omega)[:, None]))
    linear = problem.linearize(problem.start)
    hermite = linear.gram().numpy()[np.ix_(linear.row_order(), linear.row_order())]
    trapezoid = limiting_gram_by_quadrature(PDE_1D, X)
    # Gauss and Hermite's rule is the coarser one: with 80 nodes it is 1e-5 off, with 120 it is 8e-8.
    np.testing.assert_allclose(hermite, trapezoid, rtol=0, atol=1e-6 * trapezoid.max())
    finer = limiting_gram_by_quadrature(PDE_1D, X, n_nodes=201)
    np.testing.assert_allclose(trapezoid, finer, rtol=0, atol=1e-11 * trapezoid.max())


def test_random_neurons_agree_with_quadrature_within_their_standard_errors():
    X = points(10)
    exact = limiting_gram_by_quadrature(PDE_1D, X)
    squares = []
    # The entries of one estimate go together, so that their mean square scatters; ten estimates do not.
    for seed in range(10):
        H, std = limiting_gram(PDE_1D, X, n_neurons=20_000, random_state=seed, return_std=True)
        z = (H - exact) / std
        assert np.abs(z).max() < 5
        squares.append((z**2).mean())
    assert 0.5 < np.mean(squares) < 2


def test_random_neurons_approach_the_limit_like_the_root_of_their_number():
    table = gram_distances(PDE_1D, points(10), [500, 2000, 8000, 32_000], n_draws=20, random_state=0)
    # Each point is known to some 20 %, over a factor of 64 in width: 0.2 * sqrt(2) / ln 64 = 0.07.
    assert slope(table["width"], table["distance"]) == pytest.approx(-0.5, abs=0.1)


def test_in_the_plane_the_reference_is_a_wider_network():
    pde = problems.poisson_2d()
    table = gram_distances(pde, points(6, 4, pde), [200, 3200], n_draws=10, random_state=0)
    assert slope(table["width"], table["distance"]) == pytest.approx(-0.5, abs=0.2)


def test_the_loss_is_the_paper_s():
    """Interior rows by their number, boundary and initial rows together by theirs; rows in the order of X."""
    pde = problems.heat_1d()
    X = points(8, 6, pde)
    region = pde.domain.region(X)
    model = PINNRegressor(pde, width=300, init="gaussian", trainable="hidden", optimizer="gd", max_iter=1,
                          learning_rate=1e-30, loss_weights=None, random_state=0).fit(X)  # fmt: skip
    count = {name: (region == name).sum() for name in ("interior", "boundary", "initial")}
    pooled = count["boundary"] + count["initial"]
    factors = np.sqrt([1.0 if name == "interior" else count[name] / pooled for name in region])
    mine = limiting_gram(pde, X, n_neurons=20_000, random_state=0)
    theirs = np.mean([_gram(model, X, seed) for seed in range(60)], axis=0) * np.outer(factors, factors)
    assert np.linalg.norm(mine - theirs) < 0.1 * np.linalg.norm(mine)


def _gram(model, X, seed):
    """The Gram matrix of a model with other random weights."""
    rng = np.random.default_rng(seed)
    model.hidden_weights_ = rng.standard_normal(model.hidden_weights_.shape)
    model.hidden_bias_ = rng.standard_normal(model.hidden_bias_.shape)
    return model.gram(X)


@pytest.mark.parametrize("n_chunks", [1, 10])
def test_a_factor_in_chunks_is_that_of_the_mean_over_all_their_neurons(n_chunks, monkeypatch):
    posed, rng = pose(PDE_1D, points(10)), np.random.default_rng(0)
    # 12 rows, two hidden weights a neuron. Other chunks draw other neurons, so that each has a mean of its own.
    monkeypatch.setattr(posing_module, "CHUNK_NUMBERS", 12 * 2 * 500 // n_chunks)
    R = random_factor(posed, 500, np.random.default_rng(0))
    parts = [posed.draw(500 // n_chunks, rng) for _ in range(n_chunks)]
    gram = sum(part.linearize(part.start).gram() for part in parts) / n_chunks
    torch.testing.assert_close(R.T @ R, gram, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("n_neurons", [1, 99, 1000, 10**7])
def test_memory_does_not_grow_with_the_number_of_neurons(n_neurons):
    sizes = posing_module.chunk_sizes(n_neurons, 1000, 3)
    assert sum(sizes) == n_neurons
    assert max(sizes) * 1000 * 3 <= posing_module.CHUNK_NUMBERS


def test_a_nonlinear_equation_has_no_limit():
    pde = problems.burgers_front()
    X = points(6, 6, pde)
    with pytest.raises(ValueError, match="linear in u"):
        limiting_gram(pde, X)
    assert gram_spectrum(pde, X, width=200, random_state=0).lambda_max > 0  # at finite width it is what it is


# Spectra.


def test_prescribed_eigenvalues_are_found_down_to_1e_minus_30():
    s = np.array([1.0, 1e-3, 1e-6, 1e-9, 1e-12, 1e-15])
    spectrum = Spectrum.of_jacobian(with_spectrum(6, 40, s).numpy())
    assert spectrum.rank == 6
    np.testing.assert_allclose(spectrum.eigenvalues[:5], s[:5] ** 2, rtol=1e-3)
    # The rounding of J's entries alone is 2e-16, a fifth of the last singular value; it counts twice in the square.
    assert spectrum.lambda_min == pytest.approx(1e-30, rel=0.6)
    np.testing.assert_allclose(spectrum.condition_number, 1e30, rtol=0.6)


@pytest.mark.parametrize(("n", "p"), [(6, 40), (100, 150), (150, 100)])
def test_what_round_off_made_is_marked_as_noise(n, p):
    s = np.concatenate([np.logspace(0, -6, 5), np.zeros(min(n, p) - 5)])
    spectrum = Spectrum.of_jacobian(with_spectrum(n, p, s).numpy())
    assert spectrum.rank == 5
    assert len(spectrum.eigenvalues) == n
    assert spectrum.is_noise[5:].all()
    assert spectrum.lambda_min == pytest.approx(1e-12, rel=1e-6)
    assert math.isnan(spectrum.lambda_0)
    assert math.isnan(step_sizes(spectrum).lambda_0)
    assert f"{n - 5} below the round-off floor" in str(spectrum)
    assert str(spectrum).count("nan") == 0


def test_a_formed_gram_matrix_has_the_higher_floor():
    s = np.array([1.0, 1e-3, 1e-6, 1e-9, 1e-12, 1e-15])
    J = with_spectrum(6, 40, s).numpy()
    spectrum = Spectrum.of_gram(J @ J.T)
    assert spectrum.rank == 3  # 1e-18 is below 6 eps
    np.testing.assert_allclose(spectrum.eigenvalues[:2], [1, 1e-6], rtol=1e-8)


def test_figures_of_a_spectrum():
    spectrum = Spectrum.of_jacobian(with_spectrum(3, 5, [3.0, 1.0, 1.0]).numpy())
    assert spectrum.trace == pytest.approx(11)
    steps = step_sizes(spectrum)
    assert (steps.inverse_norm, steps.inverse_trace) == pytest.approx((1 / 9, 1 / 11))
    assert steps.lambda_0 == pytest.approx(1)
    shares = np.array([9, 1, 1]) / 11
    assert spectrum.effective_rank == pytest.approx(math.exp(-(shares * np.log(shares)).sum()))
    assert Spectrum.of_jacobian(np.eye(4)).effective_rank == pytest.approx(4)


def test_the_spectrum_of_a_fitted_model_is_that_of_its_gram_matrix():
    X = points(8)
    model = PINNRegressor(PDE_1D, width=10, optimizer="ngd", learning_rate=0.5, max_iter=2, random_state=0).fit(X)
    J, spectrum = model.jacobian(X), gram_spectrum(model, X)
    np.testing.assert_allclose(J @ J.T, model.gram(X), rtol=1e-10, atol=1e-10 * spectrum.lambda_max)
    assert spectrum.trace == pytest.approx(np.trace(model.gram(X)))
    with pytest.raises(ValueError, match="has its own activation, width"):
        gram_spectrum(model, X, width=5)
    with pytest.raises(ValueError, match="not fitted"):
        gram_spectrum(PINNRegressor(PDE_1D), X)


def test_small_eigenvalues_of_the_limit_do_not_depend_on_the_quadrature():
    """Finer nodes give the same eigenvalues where these are 1e-22 of the largest: they are no round-off."""
    X = points(100)
    coarse, fine = (spectrum_by_quadrature(PDE_1D, X, n_nodes=n).eigenvalues for n in (151, 201))
    np.testing.assert_allclose(coarse[:40], fine[:40], rtol=1e-4)
    assert coarse[39] < 1e-20 * coarse[0]


def test_lambda_max_stays_if_the_loss_is_a_mean_and_grows_with_the_rows_if_it_is_a_sum():
    sets = [points(n) for n in (10, 20, 40, 80)]
    mean, total = (spectra_of_points(PDE_1D, sets, normalised=normalised) for normalised in (True, False))
    assert abs(slope(mean["n"], mean["lambda_max"])) < 0.05
    assert slope(total["n"], total["lambda_max"]) == pytest.approx(1, abs=0.1)
    assert (mean["lambda_max"] <= mean["trace"]).all()
    few = spectra_of_points(PDE_1D, [points(n) for n in (4, 8, 16)])
    assert (np.diff(np.log10(few["lambda_0"])) < -1).all()
    plain = spectra_of_points(None, sets)
    assert (plain["effective_rank"] < mean["effective_rank"]).all()


def test_ranks_across_p_equals_n():
    table = spectra_of_widths(PDE_1D, FEW, [1, 2, 3, 10, 100], random_state=0)
    np.testing.assert_array_equal(table["rank"], np.minimum(table["p"], 5))
    np.testing.assert_array_equal(np.isinf(table["condition_JJT"]), table["p"] < 5)
    np.testing.assert_array_equal(np.isinf(table["condition_JTJ"]), table["p"] > 5)
    assert table["condition_JJT"][-1] < table["condition_JJT"][2]


# Stability of the Jacobian.


@pytest.mark.parametrize("activation", sorted(set(ACTIVATIONS) - {"relu3"}))
@pytest.mark.parametrize("pde", [PDE_1D, None], ids=["PDE", "regression"])
def test_a_smooth_jacobian_changes_in_proportion_to_the_radius(pde, activation):
    stability = jacobian_stability(pde, FEW, activation=activation, radii=np.logspace(-4, -1, 7), random_state=0)
    assert stability.power == 1
    # To first order it is proportional; at R = 0.1 the second order is some percent.
    assert stability.ratio.max() < 1.1 * stability.ratio.min()


def test_the_jacobian_of_relu3_changes_like_the_root_of_the_radius():
    """In the mean square over draws, at a width at which kinks of many neurons pass a point even for the least R."""
    radii = np.logspace(-4, -1, 4)
    draws = [
        jacobian_stability(PDE_1D, FEW, activation="relu3", width=100_000, radii=radii, random_state=seed)
        for seed in range(10)
    ]
    assert draws[0].power == 0.5
    ratio = np.sqrt(np.mean([draw.ratio**2 for draw in draws], axis=0))
    assert ratio.max() < 2 * ratio.min()
    assert slope(radii, ratio * radii**0.5) == pytest.approx(0.5, abs=0.1)


def test_one_neuron_that_moves_all_the_way_changes_more_and_the_more_the_wider_the_network():
    both = [jacobian_stability(PDE_1D, FEW, width=m, radii=[1.0], random_state=0) for m in (100, 1000, 10_000)]
    spread, one = (np.array([getattr(s, name)[0] for s in both]) for name in ("spread", "concentrated"))
    assert (one > spread).all()
    assert abs(slope([100, 1000, 10_000], spread)) < 0.1
    assert slope([100, 1000, 10_000], one) > 0.3


# Rates.


@pytest.mark.parametrize(("eta", "n_steps"), [pytest.param(0.1, 270, marks=pytest.mark.slow), (0.5, 45), (0.9, 13)])
def test_far_into_over_parameterization_the_squared_residual_contracts_by_the_square_of_1_minus_eta(eta, n_steps):
    losses = loss_curve(NGD(eta, damping=0.0), drawn(100_000), n_steps)
    counted = losses[1:] > ROUND_OFF * losses[0]
    assert not counted[-1]  # until round-off
    contraction = (losses[1:] / losses[:-1])[counted]
    np.testing.assert_allclose(contraction, (1 - eta) ** 2, rtol=0.05)
    assert (losses[1:][counted] <= ngd_bound(eta, n_steps)[1:][counted] * losses[0]).all()


@pytest.mark.parametrize("eta", [0.1, 0.5, 0.9])
def test_the_deviation_from_that_rate_falls_as_the_width_grows(eta):
    table = contraction_deviations(PDE_1D, FEW, WIDTHS, eta=eta, n_steps=15, n_draws=5, random_state=0)
    # The bound of the theory is m^(-1/2); signs of a_r that cancel make it about m^(-1).
    assert -1.5 < slope(WIDTHS, table["deviation"]) < -0.5


@pytest.mark.parametrize("depth", [2, 3])
def test_the_rate_holds_for_several_hidden_layers_the_better_the_wider_they_are(depth):
    widths = [(m,) * depth for m in (16, 128)]
    table = contraction_deviations(PDE_1D, FEW, widths, eta=0.5, n_steps=10, random_state=0)
    # The bound of the theory for one hidden layer, m^(-1/2).
    assert table["deviation"][1] < table["deviation"][0] / math.sqrt(8)


def test_spectra_of_several_hidden_layers_are_those_of_their_jacobian():
    table = deep_spectra(PDE_1D, FEW, [20, (20, 20)], n_draws=1, random_state=0)
    problem = pose(PDE_1D, FEW).draw(20, np.random.default_rng(0))
    H = problem.linearize(problem.start).gram()
    np.testing.assert_allclose(table["trace"][0], float(H.trace()), rtol=1e-10)
    assert table["width"].tolist() == [20, 40]
    assert (table["lambda_max"] <= table["trace"]).all()
    assert (table["spread"] == 0).all()


def test_full_steps_converge_quadratically_with_a_constant_that_falls_with_the_width():
    norms = np.sqrt(2 * loss_curve(NGD(1.0, damping=0.0), drawn(10_000), 6))
    before = norms[1:] > math.sqrt(ROUND_OFF) * norms[0]
    assert before[:3].all()
    # Far below 1, the bound that a residual of order 1 needs to shrink at all.
    assert (norms[1:] / norms[:-1] ** 2)[before].max() < 0.1
    table = quadratic_constants(PDE_1D, FEW, (*WIDTHS, 64_000), n_draws=10, random_state=0)
    # What the theory bounds by m^(-1/2) falls so; the signs of a_r cancel in the residual itself, to m^(-1).
    assert slope(table["width"][1:], table["unsigned"][1:]) == pytest.approx(-0.5, abs=0.1)
    for ratio in ("first", "largest"):
        assert -1.3 < slope(table["width"], table[ratio]) < -0.5
    assert (table["first"] < table["unsigned"]).all()


def test_gradient_descent_is_stable_below_two_over_the_norm_and_not_above():
    wide = gd_stability(drawn(100_000), [1.0, 1.9, 2.2], 60)
    for factor in (1.0, 1.9):
        curve = wide["linearised"][factor]
        assert (np.diff(curve) < 0).all()
    diverging = wide["linearised"][2.2]
    # Along the first eigenvector the residual grows by |1 - 2.2| a step, the loss by its square.
    assert diverging[-1] / diverging[-2] == pytest.approx(1.2**2, rel=1e-6)
    assert wide["network"][1.0][-1] < 1e-3 * wide["network"][1.0][0]
    catapult = wide["network"][2.2]
    assert catapult.max() > 1.2 * catapult[0]  # rises first
    assert catapult[-1] < 0.1 * catapult[0]  # and comes back where the curvature is less


def test_the_bound_on_gradient_descent_holds_for_the_linearised_network():
    problem = drawn(10_000)
    linear = problem.linearize(problem.start)
    spectrum = Spectrum.of_jacobian(linear.jacobian().numpy())
    eta = 1 / spectrum.lambda_max
    losses = loss_curve(GD(eta), LinearisedProblem(linear.jacobian(), linear.residual), 100)
    assert (losses <= gd_bound(eta, spectrum.lambda_0, 100) * losses[0] * (1 + 1e-12)).all()


def test_damping_slows_the_components_of_small_eigenvalues_as_predicted():
    problem = drawn(1000)
    linear = problem.linearize(problem.start)
    J = linear.jacobian()
    U, _, _ = torch.linalg.svd(J, full_matrices=False)
    expected = ngd_damped(Spectrum.of_jacobian(J.numpy()), (U.T @ linear.residual).numpy(), 0.5, 0.1, 20)
    found = loss_curve(NGD(0.5, damping=0.1), LinearisedProblem(J, linear.residual), 20)
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def fitted(eta, damping, width, X=FEW, max_iter=30, **parameters):
    ngd = NGD(eta, damping=damping, max_iter=max_iter)
    parameters = {"trainable": "hidden", "init": "gaussian", "tol": 0, "random_state": 0} | parameters
    return PINNRegressor(PDE_1D, optimizer=ngd, width=width, **parameters).fit(X)


@pytest.mark.filterwarnings("ignore:The equations are (not )?solved")  # a dozen rows
def test_the_rates_of_a_fit_are_measured_and_why_they_part():
    good = convergence_rates(fitted(0.5, 0.0, 20_000, max_iter=20))
    assert good.predicted == 0.25
    assert good.bound == 0.5
    assert good.parted is None
    np.testing.assert_allclose(good.contraction, 0.25, rtol=0.05)
    np.testing.assert_allclose(good.order, 1, atol=0.05)
    assert "parts at nowhere" in str(good)
    exhausted = convergence_rates(fitted(0.9, 0.0, 50_000, max_iter=20))
    assert exhausted.parted > 10
    assert exhausted.because.startswith("round-off")
    late = convergence_rates(fitted(0.5, 0.0, 20_000, X=points(20), max_iter=20))
    assert late.parted > 1
    assert late.because.startswith("width")  # the rate comes back
    damped = convergence_rates(fitted(0.5, 1e-2, 20_000))
    assert damped.because.startswith("damping")
    narrow = convergence_rates(fitted(0.9, 0.0, 100, max_iter=5))
    assert narrow.parted == 1
    assert narrow.because.startswith("width")


@pytest.mark.filterwarnings("ignore:The equations are (not )?solved")  # a dozen rows
def test_the_order_of_full_steps_is_two():
    rates = convergence_rates(fitted(1.0, 0.0, 10_000, max_iter=3))
    assert rates.predicted == 0
    assert rates.order[1] == pytest.approx(2, abs=0.5)


def test_a_fit_without_a_plain_step_has_rates_but_no_prediction():
    X = points(20)
    rates = convergence_rates(PINNRegressor(PDE_1D, optimizer="adam", max_iter=5, random_state=0).fit(X))
    assert len(rates.contraction) == 5
    assert math.isnan(rates.predicted)
    assert "no prediction" in rates.because
    two = PINNRegressor(PDE_1D, optimizer=[GD(max_iter=2), GD(max_iter=2)], random_state=0).fit(X)
    with pytest.raises(ValueError, match="2 optimizers"):
        convergence_rates(two)


# Assumption 4.3.


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_the_clauses_are_what_the_derivatives_do(activation):
    """Evaluated, not looked up: bounds, jumps, and ratios far out."""
    clauses = positive_definite(None, FEW, activation=activation).clauses
    assert tuple(clauses) == CLAUSES
    sigma = get_activation(activation)
    z = torch.linspace(-60, 60, 120_001, dtype=torch.float64)
    third = sigma(z, [3])[3]
    assert clauses["bounded third derivative"] == bool(third.abs().max() < 10)
    # A step of 1e-3 changes a Lipschitz derivative by at most its constant times that; a jump by as much as it is.
    assert clauses["Lipschitz derivatives"] == bool(third.diff().abs().max() < 0.1)
    far = torch.tensor([-12.0, -8.0], dtype=torch.float64), torch.tensor([12.0, 8.0], dtype=torch.float64)

    def decays(side):
        values = [sigma(side, [k])[k] for k in (1, 2, 3)]
        return all(bool(v[1] != 0) and abs(float(v[0] / v[1])) < 0.1 for v in values)

    assert clauses["decay ratio"] == any(decays(side) for side in far)


def test_which_activations_the_theory_covers():
    covered = {name for name in ACTIVATIONS if positive_definite(PDE_1D, FEW, activation=name).is_guaranteed}
    assert covered == set(ACTIVATIONS) - {"sin"}
    relu3 = positive_definite(PDE_1D, FEW, activation="relu3")
    assert not all(relu3.clauses.values())
    assert "proof of its own" in str(relu3)
    # Sufficient, not necessary.
    assert gram_spectrum(PDE_1D, FEW, activation="sin", random_state=0).lambda_0 > 1e-3


def test_the_same_point_twice_in_one_region_is_named_and_makes_the_matrix_singular():
    X = np.array([[0.0], [0.3], [1.0], [0.3], [0.6], [0.0]])
    found = positive_definite(PDE_1D, X)
    assert [rows for _, rows in found.duplicates] == [[1, 3], [0, 5]]
    assert not found.is_guaranteed
    assert "rows [1, 3] are one point, under the equation of Poisson: singular" in str(found)
    assert gram_spectrum(PDE_1D, X, random_state=0).rank == 4
    # A measured value at a point of the PDE is another equation.
    y = np.array([np.nan, np.nan, np.nan, 1.0, np.nan, np.nan])
    assert [rows for _, rows in positive_definite(PDE_1D, X, y=y).duplicates] == [[0, 5]]
    assert positive_definite(PDE_1D, X[[0, 1, 2]]).is_guaranteed


# Scaling.


def test_drifts_fall_with_the_width():
    table = drifts(PDE_1D, FEW, WIDTHS, random_state=0)
    assert slope(WIDTHS, table["gram"]) < -0.4
    assert slope(WIDTHS, table["neuron"]) < -0.1
    assert abs(slope(WIDTHS, table["total"])) < 0.1  # the distance to a solution does not depend on the width
    assert (table["loss"] < 1e-8).all()


def test_longer_steps_need_more_width():
    widths = [smallest_width(PDE_1D, FEW, eta=eta, random_state=0) for eta in (0.1, 0.5)]
    assert widths[0] < widths[1]
    y = np.sin(np.pi * FEW[:, 0])
    assert isinstance(smallest_width(None, FEW, eta=0.1, y=y, random_state=0), int)
    assert smallest_width(PDE_1D, FEW, eta=0.9, widths=[16], random_state=0) is None


# Bad input.


@pytest.mark.parametrize("measure", [limiting_gram, gram_spectrum, jacobian_stability, positive_definite])
def test_bad_input_is_refused(measure):
    for X in (np.empty((0, 1)), [[0.5]]):
        with pytest.raises(ValueError, match=rf"X has {len(X)} row\(s\), but a spectrum needs at least 2"):
            measure(PDE_1D, X)
    with pytest.raises(ValueError, match="NaN"):
        measure(PDE_1D, [[0.5], [np.nan]])
    with pytest.raises(ValueError, match="2 column"):
        measure(PDE_1D, np.zeros((3, 2)))
    with pytest.raises(ValueError, match="lie outside"):
        measure(PDE_1D, [[0.5], [3.0]])
    with pytest.raises(ValueError, match=r"activation='cosine' is unknown"):
        measure(PDE_1D, FEW, activation="cosine")
    with pytest.raises(ValueError, match="pde must be"):
        measure("poisson", FEW)
    with pytest.warns(UserWarning, match=r"\['boundary'\], but X has no row"):
        measure(PDE_1D, FEW[2:])


def test_an_activation_without_enough_derivatives_is_refused():
    pde = PDE(Box([0.0], [1.0]), equation=lambda x, u: u.d(0, 0, 0))
    with pytest.raises(ValueError, match="serves equations up to order 2"):
        limiting_gram(pde, FEW[2:], activation="relu3")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: limiting_gram(PDE_1D, FEW, n_neurons=1), "n_neurons must be an integer >= 2, got 1"),
        (lambda: gram_spectrum(PDE_1D, FEW, width=0), "width must be an integer >= 1, got 0"),
        (lambda: jacobian_stability(PDE_1D, FEW, radii=[0.1, -1]), r"radii must be positive numbers, got \[0.1, -1"),
        (lambda: jacobian_stability(PDE_1D, FEW, radii=[]), r"radii must be positive numbers, got \[\]"),
        (lambda: limiting_gram_by_quadrature(Poisson(Box([0, 0], [1, 1])), np.eye(2)), "on a line, got X with 2"),
        (lambda: contraction_deviations(PDE_1D, FEW, [10], eta=1.0), "eta must be between 0 and 1, got 1.0"),
        (lambda: drifts(None, FEW, [10]), "pass y"),
    ],
)
def test_bad_values_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
