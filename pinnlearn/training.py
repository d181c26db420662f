"""How a network is trained: one optimizer after another, or output solves and hidden training joined.

The joined method, `train_jointly`, is the package's default. Where the equations are linear, the best output
weights for given hidden units are one least-squares solve: one NGD step with eta = 1 on the output weights
(random features, extreme learning machines). Where that leaves too much, some hidden units are trained, all their
weights from a zero output, and the solve is made again with all units: the trained ones follow what is sharp, the
placed ones add the digits of what is smooth. The placed ones then point anywhere or where trained ones do, whichever
predicts left-out equations better: directions are what training finds first and what chance does not find in many
dimensions.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from sklearn.exceptions import ConvergenceWarning

from pinnlearn.least_squares import LeastSquares, evaluate
from pinnlearn.networks import TwoLayerNetwork
from pinnlearn.optimizers import NGD, Optimizer, Progress, minimize
from pinnlearn.optimizers.base import Result, State
from pinnlearn.placement import (
    GROWN_UNITS,
    ROUND_OFF,
    TRAINED_UNITS,
    Placement,
    choose_damping,
    choose_scale,
    substitute,
)
from pinnlearn.reports import in_bytes

# Steps after which the starts of hidden training are compared.
AUDITION = 15
# A relative residual above which hidden training is stuck, and is tried again from elsewhere.
STUCK = 1e-3
# Where there is time, the second try lets early times count first, as they do for the solution: residuals decay
# over the time span by exp(-10), then less. Otherwise a shock that comes late is where the rows want it.
DECAYS, DECAY_STEPS, DECAY_UNITS, DECAY_SCALE = (10.0, 5.0, 2.0, 0.0), 60, 120, 8.0
MOST_TRAINED_UNITS = max(TRAINED_UNITS, DECAY_UNITS) + GROWN_UNITS
# Steps of the joined method where no other number is given, and of hidden training before it counts as ended.
JOINED_STEPS, HIDDEN_STEPS = 600, 140
GROWN_STEPS = 30
# A relative residual above which the user is warned.
UNSOLVED = 1e-2
# Trained units are kept only if they predict left-out equations better by this factor: they have more ways to go wrong.
CLEARLY = 1.2
# A cap on Gauss-Newton steps of an output solve, which converges quadratically or not at all.
OUTPUT_STEPS = 15
# Each damped step starts from the last one, so that many of them would undo the damping.
DAMPED_STEPS = 3


@dataclass
class History:
    """The record of a training: losses, stages, and who listens.

    Parameters
    ----------
    callbacks : sequence of callables
        Each is called with a `Progress` after every step; one that returns True stops the training.
    verbose : int
        Print a line every 10 steps (1) or every step (2 and more).
    """

    callbacks: Sequence[Callable[[Progress], bool | None]] = ()
    verbose: int = 0
    loss_curve: list[float] = field(default_factory=list)
    stages: list[tuple[str, int]] = field(default_factory=list)
    stop: str = ""
    begun: float = field(default_factory=time.perf_counter)

    @property
    def n_iter(self) -> int:
        """The number of steps so far."""
        return max(0, len(self.loss_curve) - 1)

    def announce(self, problem: LeastSquares, n_bytes: int) -> None:
        """Say what the training is going to cost."""
        if self.verbose:
            width = problem.network(problem.start).width
            print(f"[PINNRegressor] {problem.n_residuals} residuals, {width} units: about {in_bytes(n_bytes)}")

    def left(self, optimizer: Optimizer) -> int:
        """The number of steps that may still be made."""
        return max(0, optimizer.max_iter - self.n_iter)

    def run(self, stage: str, optimizer: Optimizer, problem: LeastSquares, **options) -> Result:
        """Minimise, and append to the record."""
        first = self.n_iter
        self.stages.append((stage, first))

        def on_step(n_iter: int, state: State) -> bool:
            seconds = time.perf_counter() - self.begun
            predict = partial(evaluate, problem.network(state.parameters))
            return self._tell(Progress(first + n_iter, state.loss, stage, seconds, predict))

        result = minimize(optimizer, problem, problem.start, on_step=on_step, **options)
        self.loss_curve += result.loss_curve[1 if self.loss_curve else 0 :]
        self.stop = result.stop
        return result

    def _tell(self, progress: Progress) -> bool:
        if self.verbose > 1 or (self.verbose == 1 and progress.n_iter % 10 == 0):
            print(f"[PINNRegressor] {progress.stage}, step {progress.n_iter}: loss {progress.loss:.3e}")
        answers = [callback(progress) for callback in self.callbacks]  # every one is told, even if one says stop
        return any(answers)


def train(problem: LeastSquares, optimizers: Sequence[Optimizer], tol: float, history: History) -> TwoLayerNetwork:
    """Train by one optimizer after another; the trained network."""
    target = tol**2 * float(problem.loss(problem.start))
    for optimizer in optimizers:
        result = history.run(type(optimizer).__name__, optimizer, problem, target=target)
        problem = problem.with_network(problem.network(result.parameters))
        if result.stop in ("callback", "tol"):
            break
    return problem.network(problem.start)


def train_jointly(
    problem: LeastSquares, placement: Placement, optimizer: NGD, tol: float, history: History
) -> TwoLayerNetwork:
    """Solve for the output weights; where that is not enough, train hidden units too, and solve again.

    Parameters
    ----------
    problem : LeastSquares
        Its network has all blocks trainable, or the output weights alone, and output weights zero.
    placement : Placement
        Draws further units.
    optimizer : NGD
        With nothing chosen but max_iter.
    tol : float
        The relative residual, sqrt(loss / loss of u = 0), above which hidden units are trained; they also are where
        equations that are left out are not predicted to sqrt(tol).
    history : History

    Returns
    -------
    TwoLayerNetwork
        The one of the stages' networks that predicts left-out equations best.
    """
    target = tol**2 * float(problem.loss(problem.start))
    best = _best_of_stages(problem, placement, optimizer, tol, history)
    if history.stop != "callback":
        history.stop = "tol" if best.loss <= target else "stalled" if history.left(optimizer) else "max_iter"
        if not _is_data(problem):
            _warn_if_unsolved(best.loss, float(problem.loss(problem.start)))
    return best.network


def _warn_if_unsolved(loss: float, loss_of_zero: float) -> None:
    relative = math.sqrt(loss / loss_of_zero) if loss_of_zero > 0 else 0.0
    if relative > UNSOLVED:
        warnings.warn(
            f"The equations are not solved: their relative residual is still {relative:.1g}. Try a larger max_iter or "
            "width, more points, or another random_state; and check that the problem has a solution.",
            ConvergenceWarning,
            stacklevel=2,
        )


def _is_data(problem: LeastSquares) -> bool:
    return all(equation.group == "data" for equation in problem.equations)


def _best_of_stages(
    problem: LeastSquares, placement: Placement, optimizer: NGD, tol: float, history: History
) -> _Solved:
    network = problem.network(problem.start)
    loss = float(problem.loss(problem.start))
    solved = _solve_output(problem, network, optimizer, history)
    good = solved.loss <= tol**2 * loss and solved.left_out_loss <= tol * loss
    # What is left of data alone may be noise, which hidden units would learn.
    only_output = network.trainable == "output" or _is_data(problem)
    if good or only_output or history.stop == "callback" or history.left(optimizer) < 1:
        return solved
    trained, trained_loss = _train_hidden(problem, placement, optimizer, tol**2 * loss, history)
    if history.stop == "callback" or history.left(optimizer) < 1:
        return min(solved, _Solved(trained, trained_loss, trained_loss), key=lambda stage: stage.loss)
    placements = [placement, placement.along(trained)]
    chosen, scale = choose_scale(problem, placements, network.width, "output", trained)
    placed = chosen.network(network.width, scale, network.trainable, zero=True)
    enriched = _solve_output(problem, substitute(placed, trained), optimizer, history)
    # By the training loss alone a wide network that interpolates its rows would win.
    before, after = (max(stage.loss, stage.left_out_loss) for stage in (solved, enriched))
    return enriched if CLEARLY * after < before else solved


@dataclass(frozen=True)
class _Solved:
    """A network after an output solve, its loss, and the loss that was predicted for equations left out."""

    network: TwoLayerNetwork
    loss: float
    left_out_loss: float


def _train_hidden(
    problem: LeastSquares, placement: Placement, optimizer: NGD, target: float, history: History
) -> tuple[TwoLayerNetwork, float]:
    """Train all weights of small networks: each for a few steps, then the best one to the end.

    Where that one gets stuck the next best goes on; where there is time, larger ones that learn early times first.
    At the end as many again join, with slopes like those of the units that matter, and all learn some more.

    Returns
    -------
    network : TwoLayerNetwork
    loss : float
    """
    width = problem.network(problem.start).width
    stuck = STUCK**2 * float(problem.loss(problem.start))

    def run(network: TwoLayerNetwork, steps: int, decay: float = 0.0) -> tuple[float, TwoLayerNetwork]:
        small = problem.with_network(network)
        small = small.decaying(decay) if decay else small
        steps = max(1, min(steps, history.left(optimizer) - OUTPUT_STEPS))
        result = history.run("all weights", optimizer, small, target=target, max_iter=steps)
        return result.loss, small.network(result.parameters)

    def is_over() -> bool:
        return history.stop == "callback" or history.left(optimizer) <= OUTPUT_STEPS

    def march(network: TwoLayerNetwork) -> tuple[float, TwoLayerNetwork]:
        for decay in DECAYS:
            if not is_over():
                _, network = run(network, DECAY_STEPS, decay)
        return float(problem.with_network(network).loss(network.parameters)), network

    tried: list[tuple[float, TwoLayerNetwork]] = []
    for start in placement.starts(width):
        tried.append(run(start, AUDITION))
        if is_over():
            break
    tried.sort(key=lambda result: result[0])
    ended: list[tuple[float, TwoLayerNetwork]] = []
    for _, network in tried:
        if is_over() or (ended and problem.has_time):
            break
        ended.append(run(network, HIDDEN_STEPS))
        if ended[-1][0] <= stuck:
            break
    loss, network = min(tried + ended, key=lambda result: result[0])
    if loss > stuck and problem.has_time and not is_over():
        marched = march(placement.network(min(width, DECAY_UNITS), DECAY_SCALE, "all", zero=True))
        loss, network = min((loss, network), marched, key=lambda result: result[0])
    n_new = min(GROWN_UNITS, width - network.width)
    if loss > target and n_new > 0 and not is_over():
        grown = run(placement.grown(network, n_new), GROWN_STEPS)
        loss, network = min((loss, network), grown, key=lambda result: result[0])
    return network, loss


def _solve_output(problem: LeastSquares, network: TwoLayerNetwork, optimizer: NGD, history: History) -> _Solved:
    """Solve for the output weights, with as much damping as predicts best."""
    output = problem.with_network(replace(network, trainable="output"))
    damping, left_out = choose_damping(output)
    if math.isinf(damping):
        return _Solved(network, float(output.loss(output.start)), left_out)
    if damping > ROUND_OFF:
        optimizer = NGD(damping=damping, max_iter=optimizer.max_iter)
    steps = min(OUTPUT_STEPS if damping == ROUND_OFF else DAMPED_STEPS, history.left(optimizer))
    result = history.run("output weights", optimizer, output, max_iter=steps)
    solved = replace(output.network(result.parameters), trainable=network.trainable)
    return _Solved(solved, result.loss, left_out)
