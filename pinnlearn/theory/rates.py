"""Step lengths that theorems allow, rates that they promise, and the rates that a fit had.

Constants in O(...) are taken as 1 throughout: the numbers are scales, not guarantees.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from pinnlearn.linalg import gram_of_rows
from pinnlearn.optimizers import GD, NGD, Optimizer
from pinnlearn.theory.spectra import Spectrum

# Measured contractions of plain NGD count as those of the linearised network within this factor.
PARTED = 1.05
# For eta = 1, where the linearised network would be solved at once: a fall by less than this is no convergence.
HARDLY = 0.5
# Contractions are compared down to this part of the first loss. Residuals are rounded at about 1e-15 of the first one,
# which is 2.5 % of what a step with eta = 0.9 leaves of 4e-13: its square.
ROUND_OFF = 1e-24


@dataclass(frozen=True)
class StepSizes:
    """Scales of the step length of gradient descent, constants taken as 1.

    Attributes
    ----------
    lambda_0 : float
        Earlier work: eta = O(lambda_0). NaN where round-off hides it; it then is below `floor`.
    inverse_norm : float
        The paper: eta = O(1 / ||H||).
    inverse_trace : float
        1 / trace(H), which is below 1 / ||H|| and needs no eigenvalue.
    floor : float
    """

    lambda_0: float
    inverse_norm: float
    inverse_trace: float
    floor: float


def step_sizes(spectrum: Spectrum) -> StepSizes:
    """Read the step lengths off a spectrum.

    Examples
    --------
    >>> step_sizes(Spectrum.of_jacobian(np.diag([2.0, 1.0]))).inverse_norm
    0.25
    """
    if not spectrum.lambda_max > 0:
        raise ValueError("the Gram matrix is zero: no equation feels the trained weights, and no step does anything.")
    return StepSizes(spectrum.lambda_0, 1 / spectrum.lambda_max, 1 / spectrum.trace, spectrum.floor)


def gd_bound(eta: float, lambda_0: float, n_steps: int) -> NDArray:
    """L(k) / L(0) <= (1 - eta lambda_0 / 2)^k of Theorem 3.7, for k = 0, ..., n_steps; (n_steps + 1,)."""
    return (1 - eta * lambda_0 / 2) ** np.arange(n_steps + 1)


def ngd_bound(eta: float, n_steps: int) -> NDArray:
    """L(k) / L(0) <= (1 - eta)^k of Theorem 4.7, for k = 0, ..., n_steps; (n_steps + 1,).

    To first order in the step the residual contracts by 1 - eta, and the loss by (1 - eta)^2: inside the bound.
    """
    return (1 - eta) ** np.arange(n_steps + 1)


def ngd_damped(spectrum: Spectrum, components: NDArray, eta: float, damping: float, n_steps: int) -> NDArray:
    """L(k) of the linearised network under damped NGD.

    A component of the residual along an eigenvector contracts by 1 - eta lambda_i / (lambda_i + lambda) a step.

    Parameters
    ----------
    spectrum : Spectrum
    components : ndarray of shape (n,)
        Of the first residual, along the eigenvectors.
    eta : float
    damping : float
        lambda, relative to the mean eigenvalue.
    n_steps : int

    Returns
    -------
    ndarray of shape (n_steps + 1,)
    """
    lambdas = spectrum.eigenvalues
    total = lambdas + damping * lambdas.mean()
    factors = 1 - eta * np.divide(lambdas, total, out=np.zeros_like(total), where=total > 0)
    return 0.5 * ((factors ** np.arange(n_steps + 1)[:, None] * components) ** 2).sum(axis=1)


@dataclass(frozen=True)
class Rates:
    """How a fit converged, step by step.

    Attributes
    ----------
    loss : ndarray of shape (n_steps + 1,)
    contraction : ndarray of shape (n_steps,)
        L(t + 1) / L(t).
    order : ndarray of shape (n_steps - 1,)
        log(L(t + 2) / L(t + 1)) / log(L(t + 1) / L(t)): 1 if linear, 2 if quadratic. NaN where a loss did not fall.
    eta : float or None
        The step length; None if it was chosen step by step.
    predicted : float
        The contraction of the linearised network, (1 - eta)^2 for plain NGD; NaN where none is predicted.
    bound : float
        Theorem 4.7: 1 - eta. NaN likewise.
    parted : int or None
        The first step whose contraction is 5 % off the prediction.
    because : str
        Why, as far as the losses tell: "round-off", "damping" or "width", with a sentence.
    """

    loss: NDArray
    contraction: NDArray
    order: NDArray
    eta: float | None
    predicted: float
    bound: float
    parted: int | None
    because: str

    def __str__(self) -> str:
        measured = float(np.median(self.contraction)) if len(self.contraction) else math.nan
        where = "nowhere" if self.parted is None else f"step {self.parted}"
        return (
            f"{len(self.contraction)} steps, loss {self.loss[0]:.1e} -> {self.loss[-1]:.1e}, contraction of the loss a "
            f"step {measured:.3g} (median), predicted {self.predicted:.3g}, bound {self.bound:.3g}; parts at {where}"
            f"{': ' + self.because if self.because else ''}"
        )


def convergence_rates(model) -> Rates:
    """Evaluate the contraction a step and the order of convergence of a fitted model, beside the theorems.

    Parameters
    ----------
    model : PINNRegressor
        Fitted by one optimizer. For NGD with a given `learning_rate` and a fixed `damping` there is a prediction.

    Returns
    -------
    Rates

    Raises
    ------
    ValueError
        For a model that is not fitted, or that made no step.

    Examples
    --------
    >>> from pinnlearn import NGD, PINNRegressor, problems
    >>> pde = problems.poisson_1d()
    >>> ngd = NGD(learning_rate=0.5, damping=1e-12, max_iter=5)
    >>> model = PINNRegressor(pde, optimizer=ngd, init="gaussian", trainable="hidden", width=2000, random_state=0)
    >>> rates = convergence_rates(model.fit(pde.sample(5, 2, random_state=0)))
    >>> rates.predicted
    0.25
    """
    check_is_fitted(model)
    if len(model.loss_curve_) < 2:
        raise ValueError("the fit made no step, so that there is no rate; set tol=0, or a larger max_iter.")
    optimizer = model.optimizer_
    if isinstance(optimizer, Sequence):
        if len(optimizer) > 1:
            raise ValueError(f"the fit ran {len(optimizer)} optimizers, each with its own rate; fit with one of them.")
        (optimizer,) = optimizer
    plain = isinstance(optimizer, NGD) and optimizer.rule is None and optimizer.learning_rate is not None
    return rates_of(model.loss_curve_, optimizer if plain else None)


def rates_of(losses: Sequence[float], plain: NGD | None) -> Rates:
    """The rates of a sequence of losses; `plain` is the NGD of a constant step length that made them."""
    loss = np.asarray(losses, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        contraction = loss[1:] / loss[:-1]
        logs = np.log(np.where((contraction > 0) & (contraction < 1), contraction, np.nan))
        order = logs[1:] / logs[:-1]
    if plain is None:
        why = "no prediction: it takes NGD with a given learning_rate and a fixed damping"
        return Rates(loss, contraction, order, None, math.nan, math.nan, None, why)
    eta = float(plain.learning_rate or 1.0)
    predicted = (1 - eta) ** 2
    off = contraction > HARDLY if eta == 1 else np.abs(np.log(contraction / predicted)) > math.log(PARTED)
    parted = int(np.argmax(off)) + 1 if off.any() else None
    because = "" if parted is None else _why(loss, off, plain, contraction[parted - 1] > predicted)
    return Rates(loss, contraction, order, eta, predicted, 1 - eta, parted, because)


def _why(loss: NDArray, off: NDArray, optimizer: NGD, slower: bool) -> str:
    """What a departure from the linearised network is due to, as far as losses and damping tell.

    What curvature does to a step falls with the residual: it shows at the first steps, and the rate comes back. Damping
    and round-off set in later, with what is left, and stay.
    """
    parted = int(np.argmax(off)) + 1
    if loss[parted] < ROUND_OFF * loss[0]:
        return "round-off: the residual is as small as float64 lets it be"
    later = off[parted:]
    stays = not len(later) or bool(later.mean() > 0.5)
    if stays and slower and float(optimizer.damping) > 0:
        either = " (or width: see whether less of it changes the first step)" if parted == 1 else ""
        return (
            f"damping: components with eigenvalues below {optimizer.damping:g} of the mean contract more slowly{either}"
        )
    if stays and parted > 1:
        return "round-off: what is left lies along eigenvalues near the cut-off of the solve, or below"
    return "width: J changes along the step; a wider network is nearer to its linearisation"


class LinearisedProblem:
    """The problem of the linearised network, r(w) = r_0 + J (w - w_0), as optimizers see it.

    Parameters
    ----------
    J : Tensor of shape (n, p)
    residual : Tensor of shape (n,)
        At w_0 = 0.
    """

    linear: slice | None = None
    strata: Sequence[NDArray] = ()

    def __init__(self, J: Tensor, residual: Tensor):
        self.J, self.residual_0 = J, residual
        self.layout = {"hidden_weights": slice(0, J.shape[1])}
        self.start = J.new_zeros(J.shape[1])

    def residual(self, parameters: Tensor) -> Tensor:
        """r(w), (n,)."""
        return self.residual_0 + self.J @ parameters

    def loss(self, parameters: Tensor) -> Tensor:
        """L(w), a scalar tensor."""
        return self.linearize(parameters).loss

    def linearize(self, parameters: Tensor) -> _Constant:
        """The same J everywhere."""
        return _Constant(self.J, self.residual(parameters))

    def subset(self, rows: NDArray) -> LinearisedProblem:
        """The problem on some of its rows."""
        index = torch.as_tensor(rows)
        return LinearisedProblem(self.J[index], self.residual_0[index])


@dataclass(frozen=True)
class _Constant:
    J: Tensor
    residual: Tensor

    @property
    def loss(self) -> Tensor:
        return self.residual.square().sum() / 2

    @property
    def gram_size(self) -> int:
        return self.J.shape[1]

    def jacobian(self) -> Tensor:
        return self.J.clone()

    def gram(self) -> Tensor:
        return gram_of_rows(self.J)

    @property
    def gradient(self) -> Tensor:
        return self.J.T @ self.residual

    def matvec(self, v: Tensor) -> Tensor:
        return self.J @ v

    def rmatvec(self, v: Tensor) -> Tensor:
        return self.J.T @ v


def loss_curve(optimizer: Optimizer, problem, n_steps: int) -> NDArray:
    """The losses of so many steps, (n_steps + 1,); infinite from where they are no longer finite."""
    state = optimizer.begin(problem, problem.start)
    losses = [state.loss]
    for _ in range(n_steps):
        state = optimizer.step(problem, state)
        if not math.isfinite(state.loss):
            break
        losses.append(state.loss)
    return np.array(losses + [math.inf] * (n_steps + 1 - len(losses)))


def gd_stability(problem, factors: Sequence[float], n_steps: int) -> dict[str, dict[float, NDArray]]:
    """Losses of gradient descent at multiples of 1 / lambda_max, of the network and of its linearisation.

    Parameters
    ----------
    problem : LeastSquares
        At its start; `pose(pde, X).draw(width, rng)` gives one.
    factors : sequence of float
        eta = factor / lambda_max, lambda_max that of J J^T at the start.
    n_steps : int

    Returns
    -------
    dict of {"linearised", "network"} to dict of factor to ndarray of shape (n_steps + 1,)
        The linearised network converges below 2 and diverges above. At finite width the loss then rises first, and
        may come back where the curvature is less.
    """
    linear = problem.linearize(problem.start)
    J = linear.jacobian()
    largest = Spectrum.of_jacobian(J.numpy()).lambda_max
    problems = {"linearised": LinearisedProblem(J, linear.residual), "network": problem}
    return {
        name: {factor: loss_curve(GD(factor / largest), one, n_steps) for factor in factors}
        for name, one in problems.items()
    }
