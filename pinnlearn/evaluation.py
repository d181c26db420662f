"""A fitted model at other rows: its network, its equations there, and the rows that a score adds."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import nn

from pinnlearn.activations import get_activation
from pinnlearn.arrays import as_array, as_tensor, available_device
from pinnlearn.domains import Domain
from pinnlearn.jets import VALUE, Symbol
from pinnlearn.least_squares import LeastSquares, Linearization, Unknowns
from pinnlearn.metrics import relative_residual
from pinnlearn.networks import attributes, half_width, trainable_blocks
from pinnlearn.networks.torch_module import TransformedModule, as_module
from pinnlearn.pdes import PDE
from pinnlearn.posing.ansatz import Ansatz, evaluate_form
from pinnlearn.posing.coefficients import coefficients
from pinnlearn.posing.equations import bounding_box
from pinnlearn.posing.exact import ansatz_of
from pinnlearn.posing.pose import pose
from pinnlearn.posing.rows import Rows, check_known_values
from pinnlearn.training.estimates import profile
from pinnlearn.training.uncertainty import in_parameters

# Boundary and initial points that a score adds where X has none, points of the domain between rows, and their seed.
SCORE_POINTS, BETWEEN_POINTS, SCORE_SEED = 200, 1000, 0


def network_of(model: Any) -> attributes.AnyNetwork:
    """The trained network; on the CPU, with a warning, where the model's device is not there."""
    device, dtype = available_device(model.device, model.dtype)
    return attributes.network_of(vars(model), get_activation(model.activation), as_tensor(0.0, device, dtype))


def values_of(model: Any, X: NDArray, symbol: Symbol = VALUE) -> NDArray:
    """A derivative of u, or u itself, at points; (n,) or (n, n_outputs)."""
    network = network_of(model)
    like = next(iter(network.blocks().values()))
    x = as_tensor(X, like.device, like.dtype)
    return as_array(evaluate_form(ansatz_of_model(model), network, x, symbol))


def module_of(model: Any) -> nn.Module:
    """The values of u as a module of torch."""
    module, ansatz = as_module(network_of(model)), ansatz_of_model(model)
    return module if ansatz is None else TransformedModule(module, ansatz.transform)


def ansatz_of_model(model: Any) -> Ansatz | None:
    """The form of u that the network of a fitted model stands in; None for none."""
    ansatz = ansatz_of(model.pde_)
    if ansatz is None and getattr(model, "has_form_", False):  # files of older versions have none
        raise ValueError(
            "u is made of the network by the PDE's transform, or by its hard conditions, and this model was loaded "
            "without its PDE; pass it to pinnlearn.load(path, pde=...)."
        )
    return ansatz


def with_errors(model: Any, u: NDArray, X: NDArray, whole: bool) -> tuple[NDArray, NDArray]:
    """Values of u at points with their standard errors, or the whole covariance.

    Raises
    ------
    ValueError
        If the fit knows none.
    """
    if getattr(model, "covariance_root_", None) is None:
        raise ValueError(
            "standard errors of u come from the noise of known values in y: fit with noise= or with unknown "
            "coefficients of the PDE; this model has neither."
        )
    network = network_of(model)
    like = next(iter(network.blocks().values()))
    trained = trainable_blocks(network, model.covariance_of_)
    root = as_tensor(model.covariance_root_, like.device, like.dtype)
    of_u = in_parameters(network, as_tensor(X, like.device, like.dtype), trained)
    halves = [as_array(J @ root[: J.shape[1]]) for J in of_u]
    errors = [half @ half.T if whole else np.linalg.norm(half, axis=1) for half in halves]
    return u, errors[0] if u.ndim == 1 else np.stack(errors, axis=-1)


def deviances(model: Any, X: NDArray, y: ArrayLike | None, name: str, values: NDArray) -> NDArray:
    """How much the loss is above its least with an unknown number at each of some values, in units of the noise.

    Returns
    -------
    ndarray of shape (n_values,)
        2 (loss - least loss) / variance of a weighted residual, all else solved for.
    """
    problem = problem_at(model, Rows.of(model.pde_, X, y))
    problem = problem.training(trainable_blocks(network_of(model), model.covariance_of_))
    return profile(problem, name, values, model.noise_)


def check_has_equation(model: Any, what: str) -> None:
    """Raise a ValueError where a fitted model has no PDE."""
    if not model.pde_.has_equation:
        raise ValueError(
            f"{what} needs a PDE, but this model was fitted with pde=None, or loaded without its own; pass it to "
            "pinnlearn.load(path, pde=...)."
        )


def problem_at(model: Any, rows: Rows) -> LeastSquares:
    """The trained network and the equations at rows, with the loss's weights."""
    network = network_of(model)
    like = next(iter(network.blocks().values()))
    values = getattr(model, "unknowns_", None)  # files of older versions have none
    found = coefficients(model.pde_, bounding_box(model.pde_, rows.X), like, values)
    unknowns = Unknowns(network, trainable_blocks(network, model.trainable), found)
    return pose(model.pde_, rows, unknowns, model.loss_weights_)


def linearization_at(model: Any, X: NDArray, y: ArrayLike | None, region: ArrayLike | None) -> Linearization:
    """The trained network's equations at rows to first order."""
    problem = problem_at(model, Rows.of(model.pde_, X, y, region))
    return problem.linearize(problem.start)


def pde_residual(model: Any, X: NDArray) -> NDArray:
    """The residual of the PDE itself at every row, whatever its region; without weights, (n,) or (n, q)."""
    problem = problem_at(model, Rows.of(model.pde_, X, None, np.full(len(X), "interior")))
    (part,) = problem.linearize(problem.start).parts
    return as_array(part.residual.squeeze(1) if part.residual.shape[1] == 1 else part.residual)


def relative_residual_at(model: Any, X: NDArray, y: ArrayLike | None, region: ArrayLike | None) -> float:
    """The mean relative residual of all equations at rows, or between them, where it is larger.

    A fit that follows its rows may jump between them. Points of the domain, with a fixed seed, tell; where there is
    none, or regions or values were given, X is all there is. See `pinnlearn.metrics.relative_residual`.
    """
    at_rows = _relative_residual(model, _completed(model, X, y, region))
    if model.pde_.domain is None or y is not None or region is not None:
        return at_rows
    return max(at_rows, _relative_residual(model, Rows.of(model.pde_, _between(model.pde_))))


def _relative_residual(model: Any, rows: Rows) -> float:
    problem = problem_at(model, rows)
    predicted = as_tensor(values_of(model, rows.X), problem.start.device, problem.start.dtype)
    return relative_residual(problem, predicted, half_width(bounding_box(model.pde_, rows.X)))


def _between(pde: PDE) -> NDArray:
    """Points of the domain, and of its boundary and start where something holds there."""
    rng, domain = np.random.default_rng(SCORE_SEED), cast(Domain, pde.domain)
    inside = domain.sample("interior", BETWEEN_POINTS, rng, "uniform")
    return np.concatenate([inside, *_with_conditions(pde, {c.region for c in pde.imposed_conditions}, rng)])


def _with_conditions(pde: PDE, regions: set[str], rng: np.random.Generator) -> list[NDArray]:
    """Points of some of the regions, in a fixed order."""
    domain = cast(Domain, pde.domain)
    samplers = {"boundary": domain.sample_boundary, "initial": domain.sample_initial}
    return [samplers[name](SCORE_POINTS, rng) for name in sorted(regions)]


def _completed(model: Any, X: NDArray, y: ArrayLike | None, region: ArrayLike | None) -> Rows:
    """The rows, with points of the regions for which the PDE has conditions but X has no rows."""
    pde, values = model.pde_, check_known_values(y, len(X), model.pde_.n_outputs)
    needed = {condition.region for condition in pde.imposed_conditions}
    if region is not None or (pde.domain is None and (y is not None or not needed)):
        return Rows.of(pde, X, values, region)
    if pde.domain is None:
        raise ValueError(
            f"the PDE has conditions on {sorted(needed)}, but neither a domain to sample there nor a region= that says "
            "which rows of X lie there; pass one of them, or known values y. (In a search, "
            "sklearn.set_config(enable_metadata_routing=True) sends region= to score as well.)"
        )
    given = Rows.of(pde, X, values)
    missing = needed - set(given.regions)
    extra = _with_conditions(pde, missing, np.random.default_rng(SCORE_SEED))
    if values is not None:
        unknown = np.full((SCORE_POINTS * len(extra), values.shape[1]), np.nan)
        values = np.concatenate([values, unknown])
    return Rows.of(pde, np.concatenate([given.X, *extra]), values)
