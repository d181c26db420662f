"""A fit, the one way down and back: rows, equations, a least-squares problem, stages of training, fitted attributes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial, reduce
from numbers import Integral, Real
from typing import Any, cast

import joblib
import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import column_or_1d
from torch import Tensor

from pinnlearn.activations import get_activation
from pinnlearn.arrays import as_array, as_tensor, available_bytes, resolve_device
from pinnlearn.conditions import BaseCondition
from pinnlearn.hyperparameters import check_choice, check_positive
from pinnlearn.least_squares import Coefficients, LeastSquares, Linearization, Unknowns, Weight
from pinnlearn.networks import (
    BLOCKS,
    INITS,
    DeepNetwork,
    FourierFeatures,
    Inputs,
    Network,
    Scaled,
    TwoLayerNetwork,
    half_width,
    trainable_blocks,
)
from pinnlearn.networks.attributes import NAMES, AnyNetwork, attributes_of, hidden_widths, network_of, times
from pinnlearn.notices import warn
from pinnlearn.optimizers import Optimizer
from pinnlearn.pdes import PDE
from pinnlearn.posing.ansatz import Ansatz, evaluate_form
from pinnlearn.posing.checks import Finding, check_equations, few_equations, free_constants
from pinnlearn.posing.coefficients import check_are_read, check_has_data, check_unknowns, coefficients, has_unknowns
from pinnlearn.posing.equations import bounding_box, check_pinned, suspicious_rows
from pinnlearn.posing.exact import ansatz_of, check_ansatz
from pinnlearn.posing.ground import Between, Ground
from pinnlearn.posing.guess import Guess, values_of
from pinnlearn.posing.pose import pose
from pinnlearn.posing.prescribed import nearest_to_prescribed, relative_sizes, wants_start
from pinnlearn.posing.rows import Rows, check_pde
from pinnlearn.posing.weights import balanced_weights, check_loss_weights
from pinnlearn.progress import displays, say
from pinnlearn.reports import check_fits, describe_residuals, fit_bytes, in_bytes
from pinnlearn.sampling import as_generator
from pinnlearn.sklearn_callbacks import ScikitLearnCallbacks
from pinnlearn.training.choices import ScaleChoice
from pinnlearn.training.course import Course, check_callbacks
from pinnlearn.training.estimates import attributes_of as estimates_of
from pinnlearn.training.estimates import how_sure, open_combinations
from pinnlearn.training.methods import DEEP, DEEP_OUTPUT, INVERSE, JOINED, MAPPED, Method
from pinnlearn.training.placement import Placement, substitute
from pinnlearn.training.stages import Solution, Stage, Steps, Task
from pinnlearn.training.train import train
from pinnlearn.training.verification import Verification, several_solutions

# width="auto": output solves take as many units as rows determine well; iterations on all weights cost more.
SOLVED_WIDTH, ITERATED_WIDTH, LEAST_WIDTH, UNITS_PER_ROW = 1000, 200, 20, 0.8
# Arrays that several layers hold, for each that one hidden layer does.
DEEP_JETS = 6
# Equations are checked, and loss weights chosen, with a network of so many units, of this scale.
CHECK_UNITS, CHECK_SCALE = 20, 2.0
# And at a guess with so many, which can follow it.
GUESS_UNITS = 100


@dataclass(frozen=True, eq=False)
class Posed:
    """A problem that is checked and weighted, with what was suspicious about it; its network is a small random one."""

    pde: PDE
    rows: Rows
    placement: Placement
    problem: LeastSquares
    findings: list[Finding]
    guess: Guess | None = None
    sizes: tuple[float, ...] | None = None
    ansatz: Ansatz | None = None

    def evaluate(self, network: Network, x: Tensor) -> Tensor:
        """The values of u, (n,) or (n, n_outputs)."""
        return evaluate_form(self.ansatz, network, x)


def fit(model: Any, X: NDArray, y: ArrayLike | None, region: ArrayLike | None) -> None:
    """Fit a model: set its fitted attributes.

    Parameters
    ----------
    model : PINNRegressor
        Its parameters; with `warm_start` also its weights.
    X : ndarray of shape (n_samples, n_dims)
        Checked, in its own precision.
    y, region
        As in `PINNRegressor.fit`.
    """
    is_warm = _goes_on(model)
    method = _check_parameters(model, is_warm)
    with Course(_listeners(model, X, y)) as course:
        posed = _pose(model, X, y, region, course)
        # Who watches the fit may score it.
        model.pde_, model.loss_weights_ = posed.pde, posed.problem.weights
        course.evaluate = posed.evaluate
        method.seed(posed.placement.seed)
        _warn_of(posed.findings)
        is_placed = is_warm or _is_deep(model) or isinstance(method.stages[0], Steps)
        task = _task(model, posed, _choose_widths(model, len(X), is_placed))
        trained = _check_network(model, task, posed.sizes) if is_warm else None
        course.identify(partial(_identity, model, posed, trained))
        n_bytes = _announce(model, task, method.stages)
        task, start = _begin(model, task, trained, is_placed)
        n_bytes_added = _estimated_bytes(task, method.stages, task.problem.n_interior)
        if n_bytes_added < available_bytes(posed.placement.device):
            task = replace(task, draw=_draw(posed))
        course.max_iter = method.most_steps(task)
        best, verification = train(task, method.stages, course, start)
        _warn_of(several := several_solutions(verification))
        task, estimated = _estimated(model, task, best, posed.findings)
        used = method.used if isinstance(model.optimizer, list | tuple) else method.used[0]
        fitted = {
            "optimizer_": used,
            "findings_": [*posed.findings, *several],
            "verification_": verification,
            "error_estimate_": _error_estimate(verification),
            "n_bytes_": n_bytes if course.added_rows is None else n_bytes_added,
            **_course_attributes(course, task),
            **_solution_attributes(posed, task, _whole(task, best), best.coefficients),
            "windows_": list(best.windows),
            **estimated,
            "seconds_": course.seconds,
        }
        for name in NAMES:
            model.__dict__.pop(name, None)
        model.__dict__.update(fitted)


def _warn_of(findings: Sequence[Finding]) -> None:
    for finding in findings:
        warn(finding.message)


def _estimated(model: Any, task: Task, best: Solution, findings: list[Finding]) -> tuple[Task, dict[str, Any]]:
    """The attributes of unknown coefficients, what is open of them told; and the task as it was weighed at the end."""
    known = how_sure(best, task.known_noise)
    for finding in open_combinations(best.coefficients, known):
        findings.append(finding)
        warn(finding.message, ConvergenceWarning)
    if best.noise is not None:
        task = replace(task, problem=task.problem.weighted(best.problem.weights))
        model.loss_weights_ = best.problem.weights
    return task, estimates_of(best.problem, known)


def warn_of_interruption(model: Any) -> None:
    """Warn where Ctrl-C stopped the fit of a model."""
    if model.stop_reason_.startswith("interrupted"):
        warn(
            f"Ctrl-C stopped the fit after {model.n_iter_} steps; the model has the best weights so far, and "
            "warm_start=True goes on from them. Two in a row raise KeyboardInterrupt.",
            ConvergenceWarning,
        )


def _listeners(model: Any, X: NDArray, y: ArrayLike | None) -> list[Any]:
    """Who is told of every step."""
    listeners = [*check_callbacks(model.callbacks), *displays(model.verbose)]
    if hasattr(model, "_init_callback_context"):  # scikit-learn 1.9 and later
        listeners.append(
            ScikitLearnCallbacks(model, {"X": X, "y": y}, lambda now: attributes_of(cast(AnyNetwork, now.network)))
        )
    return listeners


def _goes_on(model: Any) -> bool:
    """Whether training goes on from the last fit; one that marched in windows marches anew."""
    return model.warm_start and hasattr(model, "loss_") and not getattr(model, "windows_", [])


def _check_parameters(model: Any, is_warm: bool) -> Method:
    check_choice("trainable", model.trainable, BLOCKS)
    check_choice("init", model.init, INITS)
    check_positive("tol", model.tol, or_zero=True)
    if model.noise != "auto":
        check_positive("noise", model.noise, or_none=True)
    get_activation(model.activation)
    if model.inputs is not None and not isinstance(model.inputs, FourierFeatures):
        raise ValueError(f"inputs must be a pinnlearn.networks.inputs.FourierFeatures or None, got {model.inputs!r}.")
    is_free = not is_warm and model.trainable != "hidden" and model.init == "domain"
    method = Method.of(model.optimizer, model.learning_rate, model.max_iter, _default(model) if is_free else ())
    others = [repr(stage) for stage in method.stages if not stage.serves_unknowns]
    if others and has_unknowns(model.pde):
        raise ValueError(
            f"{', '.join(others)} does not estimate unknown coefficients, and the PDE has some; use the default, "
            "Identify(), SolveOutput() or an optimizer."
        )
    if _is_deep(model) and (others := [repr(stage) for stage in method.stages if not stage.serves_depth]):
        raise ValueError(
            f"{', '.join(others)} trains networks of one hidden layer, but width={model.width!r}; leave it out, or "
            "give one integer."
        )
    if _is_mapped(model) and (others := [repr(stage) for stage in method.stages if not stage.serves_maps]):
        raise ValueError(f"{', '.join(others)} trains networks that read coordinates as they are; leave it out.")
    return method


def _default(model: Any) -> tuple[Stage, ...]:
    """The stages of NGD with nothing chosen about its steps."""
    if not _is_deep(model):
        is_measured = model.noise is not None and isinstance(model.pde, PDE)
        if has_unknowns(model.pde) or is_measured:
            return INVERSE
        return MAPPED if _is_mapped(model) else JOINED
    return DEEP_OUTPUT if model.trainable == "output" else DEEP


def _pose(model: Any, X: NDArray, y: ArrayLike | None, region: ArrayLike | None, course: Course) -> Posed:
    """The problem at the rows, for a small random network; its equations are evaluated as rarely as can be."""
    if model.pde is None and y is None:
        raise ValueError(
            f"This {type(model).__name__} estimator requires y to be passed, but the target y is None. With pde=None "
            "it is a plain regressor; pass pde=... to solve an equation."
        )
    pde = check_pde(model.pde, X.shape[1], y)
    check_unknowns(pde, X.shape[1])
    if y is not None and pde.n_outputs == 1:
        y = column_or_1d(np.asarray(y), warn=True)
    rows = Rows.of(pde, X, y, region)
    check_ansatz(pde, rows.X)
    ansatz = ansatz_of(pde)
    placement = _place(model, pde, rows, course)
    probe = placement.network(CHECK_UNITS, CHECK_SCALE, zero=False)
    like, found = as_tensor(0.0, placement.device, placement.dtype), model.unknowns_ if _goes_on(model) else None
    start = coefficients(pde, placement.bounds, like, found)
    problem, sizes = pose(pde, rows, Unknowns(probe, trainable_blocks(probe, model.trainable), start)), None
    is_forward = ansatz is None and not has_unknowns(pde) and model.noise is None
    if is_forward and pde.n_outputs > 1 and placement.dtype == torch.float64 and model.trainable != "hidden":
        sizes = course.sizes = relative_sizes(problem, half_width(placement.bounds))
        problem = pose(pde, rows, problem.unknowns, sizes=sizes)
    check_pinned(pde, problem.equations, rows.is_routed)
    check_has_data(pde, problem.equations)
    at_probe = problem.linearize(problem.start)
    check_are_read(at_probe)
    guess = _guess(model, pde, at_probe, problem, placement, sizes)
    begins_at_zero = model.init == "domain" and model.trainable != "hidden"
    at_start = problem.linearize_at_zero() if begins_at_zero else at_probe
    if guess is not None:
        begun = problem.with_network(guess.carried_by(placement.network(GUESS_UNITS, CHECK_SCALE, zero=True)))
        at_start = begun.linearize(begun.start)
    check_equations(at_start, at_probe, problem)
    findings = [*suspicious_rows(pde, rows), *free_constants(at_probe), *few_equations(problem)]
    at_guess = None if guess is None else at_start
    weighted = problem.weighted(_choose_loss_weights(model, problem, placement, at_guess))
    return Posed(pde, rows, placement, weighted, findings, guess, sizes, ansatz)


def _guess(
    model: Any,
    pde: PDE,
    probe: Linearization,
    problem: LeastSquares,
    placement: Placement,
    sizes: Sequence[float] | None,
) -> Guess | None:
    """Where training starts, if not at u = 0: where the user says, or, if 0 is a bad start, near what is prescribed."""
    given, starts_free = model.initial_guess, model.init == "domain" and model.trainable != "hidden"
    is_forward = ansatz_of(pde) is None and not has_unknowns(pde)
    if given is None and not (starts_free and is_forward and wants_start(problem, probe)):
        return None
    if ansatz_of(pde) is not None:
        raise ValueError(
            "initial_guess is of u, and where conditions hold exactly (hard=True, transform=) the network is not u; "
            "leave one of them out."
        )
    if has_unknowns(pde):
        raise ValueError("initial_guess is not used where coefficients are unknown: the measurements in y say more.")
    if model.trainable == "hidden":
        raise ValueError(
            "initial_guess is carried by the output weights, which trainable='hidden' leaves at +-1; train 'all'."
        )
    X = np.unique(np.concatenate([as_array(block.x) for block in problem.blocks]), axis=0)
    if pde.domain is not None:
        more = pde.domain.sample("interior", len(X), np.random.default_rng(placement.seed), "uniform")
        X = np.concatenate([X, more])
    values = nearest_to_prescribed(problem, X) if given is None else values_of(given, X, pde.n_outputs) / (sizes or 1.0)
    device, dtype = placement.device, placement.dtype
    return Guess(as_tensor(X, device, dtype), as_tensor(values, device, dtype))


def _place(model: Any, pde: PDE, rows: Rows, course: Course) -> Placement:
    """Where hidden units are drawn, and from which seed."""
    drawn = int(as_generator(model.random_state).integers(2**62))
    seed = course.record.seed(drawn, fixed=isinstance(model.random_state, Integral))
    device, dtype = resolve_device(model.device, model.dtype)
    box, activation = bounding_box(pde, rows.X), get_activation(model.activation)
    return Placement(box, pde.n_outputs, activation, seed, device, dtype, inputs=_inputs(model, pde, box, seed))


def _inputs(model: Any, pde: PDE, box: tuple[NDArray, NDArray], seed: int) -> Inputs | None:
    """What networks read in place of the coordinates; None for these."""
    hard = [condition.on(pde.domain) for condition in pde.conditions if condition.hard]  # which checks the axes
    periodic = {axis for condition in hard for axis in condition.own_axes}
    if model.inputs is not None and periodic:
        raise ValueError(
            f"inputs={model.inputs!r} stand in place of the coordinates, and so do those of Periodic(hard=True); leave "
            "one of them out."
        )
    if model.inputs is not None:
        return model.inputs.drawn(box, np.random.default_rng([seed, 1]))  # a stream of their own
    return Scaled.of(box, tuple(sorted(periodic))) if periodic else None


def _choose_loss_weights(
    model: Any, problem: LeastSquares, placement: Placement, start: Linearization | None
) -> Mapping[str, Weight]:
    if isinstance(model.loss_weights, str) and model.loss_weights == "auto":
        return balanced_weights(problem, half_width(placement.bounds), start)
    return check_loss_weights(model.loss_weights, problem)


def _is_mapped(model: Any) -> bool:
    """Whether networks read a map of the coordinates."""
    given = getattr(model.pde, "conditions", ())
    # What is no list of conditions is refused later, with what to do.
    conditions = [each for each in given if isinstance(each, BaseCondition)] if isinstance(given, list | tuple) else []
    return model.inputs is not None or any(each.hard and each.own_axes for each in conditions)


def _is_deep(model: Any) -> bool:
    """Whether several hidden layers are asked for."""
    return isinstance(model.width, list | tuple) and len(model.width) > 1


def _choose_widths(model: Any, n_rows: int, is_placed: bool) -> tuple[int, ...]:
    """The number of units of each hidden layer."""
    if isinstance(model.width, str) and model.width == "auto":
        if _goes_on(model):
            return hidden_widths(vars(model))
        return (ITERATED_WIDTH if is_placed else min(SOLVED_WIDTH, max(LEAST_WIDTH, int(UNITS_PER_ROW * n_rows))),)
    widths = model.width if isinstance(model.width, list | tuple) else (model.width,)
    if not widths or not all(isinstance(width, Integral) and int(width) >= 1 for width in widths):
        raise ValueError(
            "width must be 'auto', an integer >= 1, or a tuple of them, one for each hidden layer; "
            f"got {model.width!r}."
        )
    return tuple(map(int, widths))


def _check_network(model: Any, task: Task, sizes: Sequence[float] | None) -> AnyNetwork:
    """The network of the last fit, to go on from; in units in which outputs have these sizes."""
    like, now = task.problem.start, task.widths
    network = network_of(vars(model), get_activation(model.activation), like)
    widths = hidden_widths(vars(model))
    last = *widths, network.n_dims
    if last != (*now, task.placement.n_dims):
        raise ValueError(
            f"warm_start=True needs the width and columns of the last fit, {last}, but now they are "
            f"{(*now, task.placement.n_dims)}; set width={widths if widths[1:] else widths[0]}, or warm_start=False."
        )
    return times(network, None if sizes is None else [1 / size for size in sizes])


def _identity(model: Any, posed: Posed, trained: Network | None) -> dict[str, Any]:
    """What tells this fit from others: functions, which have no other mark, by their values at the rows."""
    placement, rows = posed.placement, posed.rows
    network = replace(placement, seed=0).network(CHECK_UNITS, CHECK_SCALE, zero=False)
    probe = posed.problem.training(trainable_blocks(network, "all")).with_network(network)
    alike = {"callbacks": None, "initial_guess": None, "verbose": 0, "device": "cpu", "random_state": None}
    regions = rows.regions if rows.is_routed else None
    guess = [] if posed.guess is None else [as_array(posed.guess.values)]
    weights = None if trained is None else [as_array(block) for block in trained.blocks().values()]
    return {
        "settings": repr(type(model)(**model.get_params(deep=False) | alike)),
        "seed": placement.seed,
        "data": joblib.hash((rows.X, rows.values, regions, weights, *guess)),
        "equations": probe.residual(probe.start),
    }


def _task(model: Any, posed: Posed, widths: tuple[int, ...]) -> Task:
    problem, may_widen = posed.problem, isinstance(model.width, str)
    if len(widths) > 1:
        place = posed.placement
        is_placed, is_zero = model.init == "domain", model.trainable != "hidden"
        network = place.deep(widths, zero=is_zero) if is_placed else place.deep_gaussian(widths)
        problem = problem.with_network(network).training(trainable_blocks(network, model.trainable))
    noise = float(model.noise) if isinstance(model.noise, Real) else model.noise
    reference, ground, guess = posed.problem.loss_of_zero, _ground(posed), posed.guess
    if guess is not None:
        begun = posed.problem.with_network(
            guess.carried_by(posed.placement.network(GUESS_UNITS, CHECK_SCALE, zero=True))
        )
        reference = max(reference if np.isfinite(reference) else 0.0, float(begun.loss(begun.start)))
    task = Task(
        problem,
        posed.placement,
        widths,
        model.tol,
        reference,
        ground=ground,
        may_widen=may_widen,
        guess=guess,
        noise=noise,
    )
    return task if ground is not None else replace(task, between=_between(posed))


def _ground(posed: Posed) -> Ground | None:
    """Where further points come from, unless X is all there is."""
    if posed.pde.domain is None or posed.rows.is_routed:
        return None
    return Ground(posed.pde, posed.placement.bounds, posed.problem.weights, posed.sizes)


def _between(posed: Posed) -> Between | None:
    """Where a solution is verified if X is all there is."""
    n = posed.problem.n_interior
    if n < 2:
        return None
    problem = posed.problem
    return Between(posed.pde, posed.placement.bounds, problem.weights, problem.interior_points, posed.sizes)


def _announce(model: Any, task: Task, stages: Sequence[Stage]) -> int:
    """Refuse what takes more memory than there is, and say what the fit is going to take."""
    n_bytes, n_residuals = _estimated_bytes(task, stages), task.problem.n_residuals
    check_fits(n_bytes, available_bytes(task.placement.device), n_residuals, task.width)
    if displays(model.verbose):
        say(f"{n_residuals} residuals, {task.width} units: about {in_bytes(n_bytes)}")
    return n_bytes


def _estimated_bytes(task: Task, stages: Sequence[Stage], n_added: int = 0) -> int:
    problem = task.problem
    if not task.is_deep:
        problem = problem.with_network(task.placement.network(task.width, CHECK_SCALE, zero=True))
    n = problem.n_residuals * (problem.n_rows + n_added) // problem.n_rows
    # Several layers keep derivatives of z and of the activation for each that is read.
    units = DEEP_JETS * task.width if task.is_deep else task.width
    estimate = partial(fit_bytes, n, units, itemsize=problem.start.element_size())
    optimizers = [stage.optimizer for stage in stages if isinstance(stage, Steps)]
    sizes = [estimate(problem.unknowns.size, holds=what) for what in _held(problem, optimizers, n)]
    if len(optimizers) < len(stages):
        sizes.append(estimate(_most_solved(task, problem, stages), holds=("jacobian",)))
    return max(sizes)


def _most_solved(task: Task, problem: LeastSquares, stages: Sequence[Stage]) -> int:
    """The largest number of parameters that stages other than an optimizer's solve for at once."""
    n_output = problem.training(problem.unknowns.network.linear).unknowns.size
    if task.is_deep:
        return n_output
    per_unit = sum(block.numel() for block in problem.unknowns.network.blocks().values()) // task.width
    n_trained = reduce(lambda n, stage: stage.most_trained(n), stages, 0) if task.trains_all else 0
    return max(n_output, min(task.width, n_trained) * per_unit)


def _held(problem: LeastSquares, optimizers: Sequence[Optimizer], n: int) -> list[frozenset[str]]:
    """What the steps of optimizers hold in memory."""
    if not optimizers:
        return []
    few = problem.subset(np.concatenate([rows[:1] for rows in problem.strata]))
    gram_size = few.linearize(few.start).gram_size
    return [optimizer.holds(n, problem.start, gram_size) for optimizer in optimizers]


def _begin(model: Any, task: Task, trained: AnyNetwork | None, is_placed: bool) -> tuple[Task, Solution]:
    """Where training begins: at the last fit's weights, at drawn ones, or with no hidden unit yet."""
    if not is_placed:
        return task, Solution(task.problem, task.reference, is_placed=False)
    network = _start(model, task) if trained is None else trained
    start = Solution(task.problem.with_network(network), task.loss(network))
    return (task if trained else replace(task, reference=start.loss)), start


def _start(model: Any, task: Task) -> TwoLayerNetwork | DeepNetwork:
    if task.is_deep:
        return task.begun(cast(DeepNetwork, task.problem.unknowns.network))
    if model.init == "gaussian":
        return task.begun(task.placement.gaussian(task.width))
    chosen, scale = ScaleChoice().choose(task.problem, [task.placement], task.width, guess=task.guess)
    return task.begun(chosen.network(task.width, scale, zero=model.trainable != "hidden"))


def _error_estimate(verification: Verification | None) -> float:
    """The largest of all outputs; NaN where nothing tells."""
    return max(() if verification is None else verification.error_estimates, default=float("nan"))


def _draw(posed: Posed) -> Callable[[int], NDArray] | None:
    """What draws further points, unless X is all there is."""
    domain = posed.pde.domain
    if domain is None or posed.rows.is_routed:
        return None
    rng = np.random.default_rng(posed.placement.seed)
    return lambda n: domain.sample("interior", n, rng, "uniform")


def _whole(task: Task, best: Solution) -> AnyNetwork:
    """The network of a solution at its full width; what joins it is zero. Windows have the width that they need."""
    if best.windows or isinstance(best.network, DeepNetwork) or (best.is_placed and best.network.width >= task.width):
        return best.network
    units = task.placement.network(task.width, CHECK_SCALE, zero=True)
    return substitute(units, best.network) if best.is_placed else units


def _course_attributes(course: Course, task: Task) -> dict[str, Any]:
    none = np.empty((0, task.placement.n_dims))
    added = none if course.added_rows is None else course.added_rows
    return {
        "loss_curve_": course.loss_curve or [task.reference],
        "times_": course.times,
        "stages_": course.stages,
        "n_iter_": course.n_iter,
        "stop_reason_": course.stop_reason,
        "added_rows_": added,
        "n_added_rows_": len(added),
    }


def _solution_attributes(posed: Posed, task: Task, network: AnyNetwork, coefficients: Coefficients) -> dict[str, Any]:
    """The weights, and how well they do at the rows of X."""
    trained = task.problem_at(network, coefficients)
    x = as_tensor(posed.rows.X, posed.placement.device, posed.placement.dtype)
    groups, equations = describe_residuals(trained, posed.evaluate(network, x), half_width(posed.placement.bounds))
    return {
        **attributes_of(times(network, posed.sizes)),
        "has_form_": posed.ansatz is not None,
        "groups_": groups,
        "equations_": equations,
        "loss_": sum(of["loss"] for of in groups.values()),
    }
