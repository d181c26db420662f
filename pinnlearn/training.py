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
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import TypeAlias, cast

from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from pinnlearn.history import History
from pinnlearn.least_squares import LeastSquares
from pinnlearn.networks import TwoLayerNetwork
from pinnlearn.optimizers import NGD, Optimizer
from pinnlearn.placement import (
    GROWN_SCALE,
    GROWN_UNITS,
    ROUND_OFF,
    TRAINED_UNITS,
    Placement,
    beside,
    choose_damping,
    choose_scale,
    substitute,
)
from pinnlearn.refinement import refine

# Draws so many points of the domain, (n, n_dims).
Candidates = Callable[[int], NDArray]
# A loss, and the network that has it.
_Trained: TypeAlias = tuple[float, TwoLayerNetwork]

# Steps after which the starts of hidden training are compared.
AUDITION = 15
# A relative residual above which hidden training is stuck, and is tried again from elsewhere.
STUCK = 1e-3
# Where there is time, the second try lets early times count first, as they do for the solution: residuals decay
# over the time span by exp(-10), then less. Otherwise a shock that comes late is where the rows want it.
DECAYS, DECAY_STEPS, DECAY_UNITS, DECAY_SCALE, DECAY_GROWN_UNITS = (10.0, 5.0, 2.0, 0.0, 0.0, 0.0), 50, 80, 8.0, 30
MOST_TRAINED_UNITS = max(TRAINED_UNITS, DECAY_UNITS + DECAY_GROWN_UNITS * (len(DECAYS) - 1)) + GROWN_UNITS
# Steps of the joined method where no other number is given, and of hidden training before it counts as ended.
JOINED_STEPS, HIDDEN_STEPS = 800, 140
GROWN_STEPS = 30
# A relative residual above which the user is warned.
UNSOLVED = 1e-2
# Trained units are kept only if they predict left-out equations better by this factor: they have more ways to go wrong.
CLEARLY = 1.2
# A cap on Gauss-Newton steps of an output solve, which converges quadratically or not at all.
OUTPUT_STEPS = 15
# Each damped step starts from the last one, so that many of them would undo the damping.
DAMPED_STEPS = 3


def train(problem: LeastSquares, optimizers: Sequence[Optimizer], target: float, history: History) -> TwoLayerNetwork:
    """Train by one optimizer after another, down to a loss; the trained network."""
    for optimizer in optimizers:
        result = history.run(type(optimizer).__name__, optimizer, problem, target=target)
        problem = problem.with_network(problem.network(result.parameters))
        if result.stop in ("callback", "tol"):
            break
    return problem.network(problem.start)


def train_jointly(
    problem: LeastSquares,
    placement: Placement,
    optimizer: NGD,
    tol: float,
    history: History,
    candidates: Candidates | None = None,
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
    candidates : callable, optional
        candidates(n) gives n points of the domain, (n, n_dims); where hidden training is stuck, rows are added there.

    Returns
    -------
    TwoLayerNetwork
        The one of the stages' networks that does best at its rows, in left-out equations and at other points.
    """
    loss_of_zero = float(problem.loss(problem.start))
    best = _best_of_stages(problem, placement, optimizer, tol, history, candidates)
    if history.stop != "callback":
        is_content = best.loss <= tol**2 * loss_of_zero
        history.stop = "tol" if is_content else "stalled" if history.left(optimizer) else "max_iter"
        if not _is_data(problem) and loss_of_zero > 0:
            _warn_if_unsolved(math.sqrt(best.loss / loss_of_zero), math.sqrt(best.unseen / loss_of_zero))
    return best.network


def _warn_if_unsolved(at_rows: float, elsewhere: float) -> None:
    """Warn of a relative residual that is large, at the rows or at points of the domain that are not among them."""
    if at_rows > UNSOLVED:
        message = (
            f"The equations are not solved: their relative residual is still {at_rows:.1g}. Try a larger max_iter or "
            "width, more points, or another random_state; and check that the problem has a solution."
        )
    elif elsewhere > UNSOLVED:
        message = (
            "The equations are solved at the rows of X, but not between them: their relative residual at other points "
            f"of the domain is {elsewhere:.1g}. Give more rows."
        )
    else:
        return
    warnings.warn(message, ConvergenceWarning, stacklevel=3)


def _is_data(problem: LeastSquares) -> bool:
    return all(equation.group == "data" for equation in problem.equations)


def _best_of_stages(
    problem: LeastSquares,
    placement: Placement,
    optimizer: NGD,
    tol: float,
    history: History,
    candidates: Candidates | None,
) -> _Solved:
    network = problem.network(problem.start)
    loss = float(problem.loss(problem.start))
    solved = _solve_output(problem, network, optimizer, history)
    good = solved.loss <= tol**2 * loss and solved.left_out_loss <= tol * loss
    # What is left of data alone may be noise, which hidden units would learn.
    only_output = network.trainable == "output" or _is_data(problem)
    if good or only_output or history.stop == "callback" or history.left(optimizer) < 1:
        return solved
    judge = None if candidates is None or problem.n_interior < 1 else problem.moved(candidates(problem.n_interior))
    hidden = _HiddenTraining(problem, placement, optimizer, history, candidates, judge, tol**2 * loss)
    trained = hidden.train()
    trained_loss = float(problem.with_network(trained).loss(trained.parameters))
    solved = replace(solved, unseen=_unseen(judge, solved.network))
    learned = _Solved(trained, trained_loss, trained_loss, _unseen(judge, trained))
    if history.stop == "callback" or history.left(optimizer) < 1:
        return min(solved, learned, key=lambda stage: stage.loss)
    placements = [placement, placement.along(trained), placement.around(trained)]
    chosen, scale = choose_scale(hidden.problem, placements, network.width, "output", trained)
    placed = substitute(chosen.network(network.width, scale, network.trainable, zero=True), trained)
    enriched = _solve_output(hidden.problem, placed, optimizer, history)
    enriched = replace(enriched, unseen=_unseen(judge, enriched.network))
    # By the loss at its rows alone a network that interpolates them would win, so trained units need a judge.
    stages = [solved, enriched] if judge is None else [solved, replace(learned, network=placed), enriched]
    return reduce(lambda best, stage: stage if CLEARLY * stage.worst < best.worst else best, stages)


def _unseen(judge: LeastSquares | None, network: TwoLayerNetwork) -> float:
    return 0.0 if judge is None else float(judge.with_network(network).loss(network.parameters))


@dataclass(frozen=True)
class _Solved:
    """A network, its loss, the loss that is predicted for equations left out, and that at points that are no rows."""

    network: TwoLayerNetwork
    loss: float
    left_out_loss: float
    unseen: float = 0.0

    @property
    def worst(self) -> float:
        """What stages are compared by."""
        return max(self.loss, self.left_out_loss, self.unseen)


@dataclass
class _HiddenTraining:
    """Training of all weights of small networks: several for a few steps, the best one to the end.

    Parameters
    ----------
    problem : LeastSquares
        Its network has the width that is allowed; after `train` it has the rows that joined.
    placement, optimizer, history, candidates
        As in `train_jointly`.
    judge : LeastSquares or None
        The problem at points of the domain that are not trained on; None where there are no such points, nor rows to
        add.
    target : float
        The loss to be content with.
    """

    problem: LeastSquares
    placement: Placement
    optimizer: NGD
    history: History
    candidates: Candidates | None
    judge: LeastSquares | None
    target: float

    def train(self) -> TwoLayerNetwork:
        """Train; where the best start gets stuck the next best goes on, or, where there is time, `_march`.

        At the end as many units again join, with slopes like those of the units that matter, and all learn some more;
        rows join, too, where training is stuck or holds at the rows alone.
        """
        stuck = STUCK**2 * float(self.problem.loss(self.problem.start))
        loss, network = self._best_start(stuck)
        if loss > stuck and self.problem.has_time and not self._is_over():
            loss, network = min((loss, network), self._march(), key=_loss)
        n_new = min(GROWN_UNITS, self._width - network.width)
        holds = _unseen(self.judge, network) <= stuck
        if (loss <= self.target and holds) or n_new < 1 or self._is_over():
            return network
        if (loss <= stuck and holds) or self.judge is None:
            grown = self.placement.grown(network, n_new)
        else:
            self.problem = self._refined(self.problem, network)
            grown = self._with_units_around(network, n_new)
        return self._run(grown, GROWN_STEPS)[1]

    @property
    def _width(self) -> int:
        return self.problem.network(self.problem.start).width

    def _is_over(self) -> bool:
        return self.history.stop == "callback" or self.history.left(self.optimizer) <= OUTPUT_STEPS

    def _run(self, network: TwoLayerNetwork, steps: int, problem: LeastSquares | None = None) -> _Trained:
        problem = (problem or self.problem).with_network(network)
        steps = max(1, min(steps, self.history.left(self.optimizer) - OUTPUT_STEPS))
        result = self.history.run("all weights", self.optimizer, problem, target=self.target, max_iter=steps)
        return result.loss, problem.network(result.parameters)

    def _best_start(self, stuck: float) -> _Trained:
        tried: list[_Trained] = []
        for start in self.placement.starts(self._width):
            tried.append(self._run(start, AUDITION))
            if self._is_over():
                break
        tried.sort(key=_loss)
        ended: list[_Trained] = []
        for _, network in tried:
            if self._is_over() or (ended and self.problem.has_time):
                break
            ended.append(self._run(network, HIDDEN_STEPS))
            if ended[-1][0] <= stuck:
                break
        return min(tried + ended, key=_loss)

    def _march(self) -> _Trained:
        """Train with early times first; at each decay units join around those there are, and rows are drawn anew."""
        network = self.placement.network(min(self._width, DECAY_UNITS), DECAY_SCALE, "all", zero=True)
        for i, decay in enumerate(DECAYS):
            if self._is_over():
                break
            problem = self.problem.decaying(decay)
            if i and self.judge is not None:
                problem = self._refined(problem, network)
            if i:
                network = self._with_units_around(network, min(DECAY_GROWN_UNITS, self._width - network.width))
            _, network = self._run(network, DECAY_STEPS, problem)
        return float(self.problem.with_network(network).loss(network.parameters)), network

    def _refined(self, problem: LeastSquares, network: TwoLayerNetwork) -> LeastSquares:
        """The problem with as many rows of the PDE again, where the residual of the network is large."""
        candidates, n_rows = cast(Candidates, self.candidates), self.problem.n_interior
        refined = refine(problem.with_network(network), candidates, n_rows, self.placement.seed)
        self.history.added_rows = refined.interior_points[n_rows:]
        return refined

    def _with_units_around(self, network: TwoLayerNetwork, n_units: int) -> TwoLayerNetwork:
        """The network with units that join around its own; the function stays."""
        return beside(self.placement.around(network).network(n_units, GROWN_SCALE, "all", zero=True), network)


def _loss(trained: _Trained) -> float:
    return trained[0]


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
