"""How the theory's quantities scale with points, width and dimension: small tables, a column for each quantity."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from pinnlearn.arrays import as_array
from pinnlearn.least_squares import LeastSquares
from pinnlearn.linalg import damped_solve
from pinnlearn.networks import TwoLayerNetwork
from pinnlearn.optimizers import NGD
from pinnlearn.pdes import PDE
from pinnlearn.sampling import as_generator
from pinnlearn.theory.limiting import limiting_gram, limiting_gram_by_quadrature
from pinnlearn.theory.posing import Posed, pose
from pinnlearn.theory.rates import PARTED, ROUND_OFF, loss_curve
from pinnlearn.theory.spectra import Spectrum, gram_spectrum, spectrum_at_start

Table = dict[str, NDArray]
WIDTHS = tuple(2**k for k in range(4, 18))


def spectra_of_points(
    pde: PDE | None,
    point_sets: Sequence[ArrayLike],
    *,
    activation: str = "tanh",
    width: int = 10_000,
    normalised: bool = True,
    random_state: int = 0,
) -> Table:
    """Evaluate lambda_max, trace and lambda_0 against the number of points, the neurons staying the same.

    Parameters
    ----------
    pde : PDE or None
        None is plain regression on the same points: what the derivatives cost.
    point_sets : sequence of array-like of shape (n, n_dims)
    activation : str
    width : int
    normalised : bool
        With the loss divided by the numbers of rows, lambda_max stays; without, it grows.
    random_state : int

    Returns
    -------
    dict of ndarray of shape (number of sets,)
        "n", "lambda_max", "trace", "lambda_0" (NaN where round-off hides it), "floor", "effective_rank".
    """
    spectra = [
        gram_spectrum(pde, X, activation=activation, width=width, normalised=normalised, random_state=random_state)
        for X in point_sets
    ]
    return {"n": np.array([len(s.eigenvalues) for s in spectra])} | _columns(spectra)


def spectra_of_widths(
    pde: PDE | None, X: ArrayLike, widths: Sequence[int], *, activation: str = "tanh", random_state=None
) -> Table:
    """Evaluate rank and condition of J J^T, (n, n), and of J^T J, (p, p), against the width, across p = n.

    Both have the squares of J's min(n, p) singular values, and zeros: J J^T is singular below p = n, J^T J above.

    Returns
    -------
    dict of ndarray of shape (number of widths,)
        "width", "n", "p", "rank" (the numerical one, of both), "condition_JJT" and "condition_JTJ": lambda_max over the
        smallest eigenvalue, infinite where the matrix is singular because of its shape, a lower bound where round-off
        hides the smallest.
    """
    posed = pose(pde, X, activation=activation)
    rng = as_generator(random_state)
    spectra = [spectrum_at_start(posed, width, rng) for width in widths]
    n, p = posed.n_residuals, np.array([width * (posed.n_dims + 1) for width in widths])
    own = np.array([_condition(s, min(n, size)) for s, size in zip(spectra, p, strict=True)])
    return {
        "width": np.array(widths),
        "n": np.full(len(p), n),
        "p": p,
        "rank": np.array([s.rank for s in spectra]),
        "condition_JJT": np.where(p < n, math.inf, own),
        "condition_JTJ": np.where(p > n, math.inf, own),
    }


def gram_distances(
    pde: PDE | None,
    X: ArrayLike,
    widths: Sequence[int],
    *,
    activation: str = "tanh",
    n_draws: int = 5,
    random_state=None,
    reference: NDArray | None = None,
) -> Table:
    """Evaluate how far the Gram matrix of a random network of finite width is from its limit.

    Parameters
    ----------
    reference : ndarray of shape (n_residuals, n_residuals), optional
        H_infinity; not given, it is by quadrature on a line and by 100 times the largest width of neurons elsewhere.

    Returns
    -------
    dict of ndarray of shape (number of widths,)
        "width" and "distance", the root mean square over draws of ||H_m - H_infinity||_F / ||H_infinity||_F.
    """
    rng = as_generator(random_state)
    if reference is None:
        reference = _limit(pde, X, activation, 100 * max(widths), rng)

    def distance(width: int) -> float:
        draws = [
            limiting_gram(pde, X, activation=activation, n_neurons=width, random_state=rng) for _ in range(n_draws)
        ]
        return math.sqrt(sum(_square(H - reference) for H in draws) / n_draws / _square(reference))

    return {"width": np.array(widths), "distance": np.array([distance(width) for width in widths])}


def drifts(
    pde: PDE | None,
    X: ArrayLike,
    widths: Sequence[int],
    *,
    activation: str = "tanh",
    eta: float = 0.5,
    n_steps: int = 20,
    random_state=None,
    y: ArrayLike | None = None,
) -> Table:
    """Train by undamped NGD, and evaluate how far the Gram matrix and each neuron went, against the width.

    Parameters
    ----------
    pde, X, activation, random_state, y
        As in `limiting_gram`; with pde=None the values y are what is learned, and needed.
    widths : sequence of int
    eta : float
    n_steps : int

    Returns
    -------
    dict of ndarray of shape (number of widths,)
        "width", "gram" (||H - H(0)||_2 / ||H(0)||_2), "neuron" (the largest ||w_r - w_r(0)||), "total"
        (||w - w(0)||), "loss" (the last over the first); infinite where a step was not finite.
    """
    posed = _pose_to_train(pde, X, activation, y)
    rng = as_generator(random_state)
    rows = [_drift(posed.draw(width, rng), eta, n_steps) for width in widths]
    names = ("gram", "neuron", "total", "loss")
    return {"width": np.array(widths)} | {name: np.array([row[i] for row in rows]) for i, name in enumerate(names)}


def contraction_deviations(
    pde: PDE | None,
    X: ArrayLike,
    widths: Sequence[int | tuple[int, ...]],
    *,
    eta: float,
    activation: str = "tanh",
    n_steps: int = 30,
    n_draws: int = 3,
    random_state=None,
    y: ArrayLike | None = None,
) -> Table:
    """Train by undamped NGD, and compare the contraction of the squared residual with (1 - eta)^2, against the width.

    Steps count until the loss is 1e-24 of the first one, where round-off begins.

    Parameters
    ----------
    pde, X, activation, random_state, y
        As in `drifts`.
    widths : sequence of int or tuple of int
        A tuple has those of several hidden layers, inputs first; all but the last layer's weights are trained.
    eta : float
        Between 0 and 1.
    n_steps, n_draws : int

    Returns
    -------
    dict of ndarray of shape (number of widths,)
        "width" (of several hidden layers, the widths of all together) and "deviation", the median over draws of the
        largest ``|contraction / (1 - eta)^2 - 1|`` of a step;
        infinite where a loss is not finite.
    """
    if not 0 < eta < 1:
        raise ValueError(f"eta must be between 0 and 1, got {eta!r}; at eta = 1 see quadratic_constants.")
    posed = _pose_to_train(pde, X, activation, y)
    rng = as_generator(random_state)
    deviations = [
        np.median([_deviation(posed.draw(width, rng), eta, n_steps) for _ in range(n_draws)]) for width in widths
    ]
    return {"width": np.array([int(np.sum(width)) for width in widths]), "deviation": np.array(deviations)}


def deep_spectra(
    pde: PDE | None,
    X: ArrayLike,
    widths: Sequence[int | tuple[int, ...]],
    *,
    activation: str = "tanh",
    n_draws: int = 3,
    random_state=None,
) -> Table:
    """Evaluate the spectrum of the Gram matrix of the trained weights at the start, for one hidden layer and several.

    Parameters
    ----------
    pde, X, activation, random_state
        As in `limiting_gram`.
    widths : sequence of int or tuple of int
        As in `contraction_deviations`.
    n_draws : int

    Returns
    -------
    dict of ndarray of shape (number of widths,)
        "width" of all hidden layers together; medians over draws of "lambda_max", of "trace", of "condition" (infinite
        where round-off hides the smallest eigenvalue), and of "spread": the relative distance ||H - mean|| / ||mean||
        of a draw from the mean over draws, which is small where H hardly depends on chance.
    """
    posed, rng = pose(pde, X, activation=activation), as_generator(random_state)
    rows = []
    for width in widths:
        problems = [posed.draw(width, rng) for _ in range(n_draws)]
        jacobians = [as_array(problem.linearize(problem.start).jacobian()) for problem in problems]
        spectra, grams = [Spectrum.of_jacobian(J) for J in jacobians], np.stack([J @ J.T for J in jacobians])
        mean = grams.mean(axis=0)
        spread = [np.linalg.norm(H - mean) / np.linalg.norm(mean) for H in grams]
        figures = [[s.lambda_max, s.trace, s.condition_number] for s in spectra]
        rows.append([*np.median(np.nan_to_num(figures, nan=math.inf), axis=0), np.median(spread)])
    names = ("lambda_max", "trace", "condition", "spread")
    table = {name: np.array([row[i] for row in rows]) for i, name in enumerate(names)}
    return {"width": np.array([int(np.sum(width)) for width in widths])} | table


def quadratic_constants(
    pde: PDE | None,
    X: ArrayLike,
    widths: Sequence[int],
    *,
    activation: str = "tanh",
    n_steps: int = 6,
    n_draws: int = 5,
    random_state=None,
    y: ArrayLike | None = None,
) -> Table:
    """Make NGD steps with eta = 1, and evaluate ||r(t + 1)|| / ||r(t)||^2, against the width.

    Corollary 4.9 bounds it by a constant times (m lambda_0^3)^(-1/2). Behind the bound is a sum over neurons of what
    each leaves over of the step, to second order in it; its terms have the random signs a_r, so that the sum falls like
    m^(-1), and without the signs like m^(-1/2).

    Returns
    -------
    dict of ndarray of shape (number of widths,)
        "width"; "first" and "largest", the medians over draws of the first such ratio and of the largest before
        round-off; "unsigned", the median of the first with all terms of the sum over neurons taken as positive.
    """
    posed = _pose_to_train(pde, X, activation, y)
    rng = as_generator(random_state)
    problems = [[posed.draw(width, rng) for _ in range(n_draws)] for width in widths]
    ratios = [[_quadratic_ratios(problem, n_steps) for problem in draws] for draws in problems]
    return {
        "width": np.array(widths),
        "first": np.array([np.median([draw[0] for draw in draws]) for draws in ratios]),
        "largest": np.array([np.median([draw.max() for draw in draws]) for draws in ratios]),
        "unsigned": np.array([np.median([_unsigned_ratio(problem) for problem in draws]) for draws in problems]),
    }


def smallest_width(
    pde: PDE | None,
    X: ArrayLike,
    *,
    eta: float,
    widths: Sequence[int] = WIDTHS,
    tolerance: float = PARTED - 1,
    activation: str = "tanh",
    n_draws: int = 3,
    random_state=None,
    y: ArrayLike | None = None,
) -> int | None:
    """Find the smallest of the widths at which the measured contraction is (1 - eta)^2 within a tolerance.

    Returns
    -------
    int or None
        None if it is at none of them.
    """
    for width in sorted(widths):
        table = contraction_deviations(
            pde, X, [width], eta=eta, activation=activation, n_draws=n_draws, random_state=random_state, y=y
        )
        if table["deviation"][0] <= tolerance:
            return width
    return None


def slope(x: ArrayLike, y: ArrayLike) -> float:
    """Fit the power of x that y goes with: least squares of log y against log x.

    Values that are not positive and finite are left out; NaN where fewer than two remain.
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    kept = np.isfinite(y) & (y > 0)
    return float(np.polyfit(np.log(x[kept]), np.log(y[kept]), 1)[0]) if kept.sum() > 1 else math.nan


def _columns(spectra: Sequence[Spectrum]) -> Table:
    names = ("lambda_max", "trace", "lambda_0", "floor", "effective_rank")
    return {name: np.array([getattr(s, name) for s in spectra]) for name in names}


def _condition(spectrum: Spectrum, size: int) -> float:
    """Of the eigenvalues that are not zero by the shape of J."""
    return Spectrum(spectrum.eigenvalues[:size], spectrum.floor).condition_number


def _square(H) -> float:
    return float(np.square(H).sum())


def _limit(pde: PDE | None, X: ArrayLike, activation: str, n_neurons: int, rng: np.random.Generator) -> NDArray:
    if np.asarray(X).shape[1] == 1:
        return limiting_gram_by_quadrature(pde, X, activation=activation, n_nodes=201)
    return limiting_gram(pde, X, activation=activation, n_neurons=n_neurons, random_state=rng)  # type: ignore[return-value]


def _pose_to_train(pde: PDE | None, X: ArrayLike, activation: str, y: ArrayLike | None) -> Posed:
    if pde is None and y is None:
        raise ValueError("plain regression (pde=None) trains towards values; pass y.")
    return pose(pde, X, activation=activation, y=y)


def _drift(problem: LeastSquares, eta: float, n_steps: int) -> tuple[float, float, float, float]:
    ngd = NGD(eta, damping=0.0)
    before, state = problem.linearize(problem.start).gram(), ngd.begin(problem, problem.start)
    first = state.loss
    for _ in range(n_steps):
        state = ngd.step(problem, state)
        if not (math.isfinite(state.loss) and bool(torch.isfinite(state.parameters).all())):
            return math.inf, math.inf, math.inf, math.inf
    change = problem.linearize(state.parameters).gram() - before
    moved = _neurons(problem, state.parameters) - _neurons(problem, problem.start)
    gram = torch.linalg.matrix_norm(change, 2) / torch.linalg.matrix_norm(before, 2)
    return float(gram), float(moved.norm(dim=1).max()), float(moved.norm()), state.loss / first


def _neurons(problem: LeastSquares, parameters: torch.Tensor) -> torch.Tensor:
    network = cast(TwoLayerNetwork, problem.network(parameters))
    return torch.cat([network.hidden_weights, network.hidden_bias[:, None]], dim=1)


def _deviation(problem: LeastSquares, eta: float, n_steps: int) -> float:
    losses = loss_curve(NGD(eta, damping=0.0), problem, n_steps)
    if not np.isfinite(losses).all():
        return math.inf
    counted = losses[1:] > ROUND_OFF * losses[0]
    contraction = losses[1:][counted] / losses[:-1][counted]
    return float(np.abs(contraction / (1 - eta) ** 2 - 1).max())


def _quadratic_ratios(problem: LeastSquares, n_steps: int) -> NDArray:
    norms = np.sqrt(2 * loss_curve(NGD(1.0, damping=0.0), problem, n_steps))
    # A residual that round-off made tells nothing of the step before it.
    counted = np.isfinite(norms[1:]) & (norms[1:] > math.sqrt(ROUND_OFF) * norms[0])
    counted = np.logical_and.accumulate(counted)
    return norms[1:][counted] / norms[:-1][counted] ** 2 if counted.any() else np.array([math.inf])


def _unsigned_ratio(problem: LeastSquares) -> float:
    """What a full step leaves over to second order, (J(w + d) - J(w)) d / 2 neuron by neuron, in absolute values."""
    linear = problem.linearize(problem.start)
    J, width = linear.jacobian(), cast(TwoLayerNetwork, problem.unknowns.network).width
    d = -damped_solve(J, linear.residual)
    parts = ((problem.linearize(problem.start + d).jacobian() - J) * d / 2).unflatten(1, (-1, width)).sum(dim=1)
    return float(parts.abs().sum(dim=1).norm() / linear.residual.square().sum())
