"""How a network is trained: stages, one after another, each of which hands on a solution.

The default method, `pinnlearn.training.JOINED`, is a list of stages. Where conditions are all at one end of one
coordinate, it marches, see `pinnlearn.training.windows`. Where the equations are linear, the best output weights for
given hidden units are one least-squares solve: one NGD step with eta = 1 on the output weights (random features,
extreme learning machines). Where that does not hold between the rows, rows and units are graded towards layers, see
`pinnlearn.training.grading`, and what runs in time is marched in slabs, see `pinnlearn.training.slabs` (nonlinear
equations at the end). Where it leaves too much, some hidden units are trained, all their weights from a zero
output, and the solve is made again with all units: the trained ones follow what is sharp, the placed ones add the
digits of what is smooth. The placed ones then point anywhere or where trained ones do, whichever predicts left-out
equations better: directions are what training finds first and what chance does not find in many dimensions.
"""

from __future__ import annotations

import inspect
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar, cast

from numpy.typing import NDArray

from pinnlearn.hyperparameters import Hyperparameters
from pinnlearn.least_squares import Coefficients, LeastSquares
from pinnlearn.networks import BLOCKS, Network, TwoLayerNetwork, Window
from pinnlearn.optimizers import NGD, Optimizer
from pinnlearn.posing.ground import Between, Ground
from pinnlearn.posing.guess import Guess
from pinnlearn.training.choices import ROUND_OFF, DampingChoice, ScaleChoice
from pinnlearn.training.course import Course
from pinnlearn.training.determination import Determination
from pinnlearn.training.placement import Likeness, Placement, beside, substitute
from pinnlearn.training.refinement import refine
from pinnlearn.training.verification import Verification, Verifier

# Draws so many points of the domain, (n, n_dims).
Draw = Callable[[int], NDArray]


@dataclass(frozen=True, eq=False)
class Task:
    """What there is to solve, and what to solve it with: the same for all stages of a training.

    Parameters
    ----------
    problem : LeastSquares
        The equations at the rows that were given; it trains what the estimator trains.
    placement : Placement
        Draws hidden units.
    widths : tuple of int
        The number of units of each hidden layer that the result has.
    tol : float
        The relative residual, sqrt(loss / reference), to be content with.
    reference : float
        A loss to compare with: that of u = 0, or, for an optimizer that begins elsewhere, that of its start.
    draw : callable, optional
        draw(n) gives n points of the domain, (n, n_dims), for rows to join; None where there is no domain, or no room.
    ground : Ground, optional
        Where further points come from and what holds there; None where there is no domain, or regions were given.
    verifier : Verifier
    may_widen : bool
        Whether the result may have more units.
    guess : Guess, optional
        What u is where training starts; None for 0.
    between : Between, optional
        Where a solution is verified if there is no ground; None where the PDE has next to no rows.
    noise : float or "auto", optional
        The standard deviation of measurements; "auto" where there is some, and nobody knows how much.
    """

    problem: LeastSquares
    placement: Placement
    widths: tuple[int, ...]
    tol: float
    reference: float
    draw: Draw | None = None
    ground: Ground | None = None
    verifier: Verifier = field(default_factory=Verifier)
    may_widen: bool = False
    guess: Guess | None = None
    between: Between | None = None
    noise: float | str | None = None

    @property
    def known_noise(self) -> float | None:
        """The standard deviation of measurements, where it is known."""
        return self.noise if isinstance(self.noise, float) else None

    @property
    def width(self) -> int:
        """The number of hidden units."""
        return sum(self.widths)

    @property
    def is_deep(self) -> bool:
        """Whether the result has several hidden layers."""
        return len(self.widths) > 1

    @property
    def target(self) -> float:
        """The loss to be content with."""
        return self.tol**2 * self.reference

    def bound(self, relative: float) -> float:
        """The loss whose relative residual this is."""
        return relative**2 * self.reference

    @property
    def trains_all(self) -> bool:
        """Whether hidden units may be trained; what is left of data alone may be noise, which they would learn."""
        return not self.problem.unknowns.are_linear and not self.is_data

    @property
    def is_data(self) -> bool:
        """Whether there are no equations but known values."""
        return all(equation.group == "data" for equation in self.problem.equations)

    @property
    def has_values(self) -> bool:
        """Whether values of u are known in y."""
        return any(equation.values is not None for equation in self.problem.equations)

    @property
    def has_known_values(self) -> bool:
        """Whether there are values beside equations to be verified."""
        is_verified = self.ground is not None or self.between is not None
        return is_verified and self.has_values

    @cached_property
    def judge(self) -> LeastSquares | None:
        """The problem at points of the domain that are not trained on; None where there are no such points."""
        if self.draw is None or self.problem.n_interior < 1:
            return None
        return self.problem.moved(self.draw(self.problem.n_interior))

    def problem_at(self, network: Network, coefficients: Coefficients | None = None) -> LeastSquares:
        """The problem at a network of any kind, to be evaluated: what it would train is what u is linear in."""
        return _evaluated(self.problem, network, coefficients)

    def begun(self, network: Any) -> Any:
        """A network that is zero, with output weights that fit the guess, if there is one."""
        return network if self.guess is None else self.guess.carried_by(network)

    def loss(self, network: Network) -> float:
        """The loss of a network at the rows that were given."""
        problem = self.problem_at(network)
        return float(problem.loss(problem.start))

    def unseen(self, network: Network, coefficients: Coefficients | None = None) -> float:
        """Its loss at points that are no rows; 0 where there are none to judge by."""
        if self.judge is None:
            return 0.0
        judge = _evaluated(self.judge, network, coefficients)
        return float(judge.loss(judge.start))

    def verify(self, solution: Solution) -> Verification | None:
        """How well a solution holds at points that are no rows; None where there are none to judge by."""
        places = self.ground or self.between
        if places is None:
            return None
        verification = self.verifier.verify(self.problem_at(solution.network, solution.coefficients), places)
        # Polynomials over the whole domain know nothing of windows.
        return verification._replace(determination=solution.determination) if solution.windows else verification

    def searched(self, solution: Solution, verification: Verification) -> Verification:
        """A verification, with another solution if there is one; an initial value problem in windows has none."""
        if self.ground is None or solution.windows:
            return verification
        return self.verifier.search(self.problem_at(solution.network), self.ground, verification)

    def refined(self, problem: LeastSquares, course: Course) -> LeastSquares:
        """A problem with as many rows of the PDE again, where the residual of its network is large."""
        n_rows = self.problem.n_interior
        refined = refine(problem, cast(Draw, self.draw), n_rows, self.placement.seed)
        course.added_rows = refined.interior_points[n_rows:]
        return refined


@dataclass(frozen=True, eq=False)
class Solution:
    """What a stage hands on: a network, the problem that it was solved for, and how well it does.

    Attributes
    ----------
    problem : LeastSquares
        At its start, the network; with the rows that joined.
    loss : float
    left_out_loss : float or None
        What is predicted for equations that are left out; None if nothing tells.
    is_placed : bool
        Whether there are hidden units; before the first stage there are none yet.
    is_trained : bool
        Whether hidden units were trained by the stages here.
    is_done : bool
        Whether no other stage is wanted.
    windows : tuple of Window
        Those along the last axis that the network is made of; none where it is one for the whole domain.
    determination : Determination, optional
        The error that windows hand on from one to the next.
    aside : Solution, optional
        One to come back to where what other stages find does not hold.
    noise : dict of str to float or None
        The standard deviation of measurements by their equations, where what is left of them is noise.
    """

    problem: LeastSquares
    loss: float
    left_out_loss: float | None = None
    is_placed: bool = True
    is_trained: bool = False
    is_done: bool = False
    windows: tuple[Window, ...] = ()
    determination: Determination | None = None
    aside: Solution | None = None
    noise: dict[str, float] | None = None

    @property
    def network(self) -> Any:
        """The network."""
        return self.problem.unknowns.network

    @property
    def coefficients(self) -> Coefficients:
        """The unknown coefficients."""
        return self.problem.coefficients

    def worst(self, task: Task) -> float:
        """What solutions are compared by: the largest of its losses at rows, left-out rows and other points."""
        return max(self.loss, self.left_out_loss or 0.0, task.unseen(self.network, self.coefficients))


class Stage(Hyperparameters):
    """A part of a training. A subclass stores its parameters and writes `most_steps` and `run`.

    Attributes
    ----------
    continues : bool
        Whether it goes on from the best solution so far and ends no worse; otherwise from the last one.
    serves_depth : bool
        Whether it trains networks of several hidden layers as well.
    serves_maps : bool
        Whether it trains networks over a map of the inputs as well.
    serves_unknowns : bool
        Whether it estimates unknown coefficients as well.
    """

    continues: ClassVar[bool] = False
    serves_depth: ClassVar[bool] = False
    serves_maps: ClassVar[bool] = False
    serves_unknowns: ClassVar[bool] = False

    @property
    @abstractmethod
    def most_steps(self) -> int:
        """The largest number of steps that it makes."""

    def most_trained(self, before: int) -> int:
        """The largest number of hidden units that are trained, given that number before it."""
        return before

    def applies(self, task: Task) -> bool:
        """Whether the task is one for this stage, as far as the task tells; where not, its steps do not count."""
        return True

    @abstractmethod
    def run(self, task: Task, solution: Solution, course: Course) -> Solution:
        """Train; what does not call for this stage is handed on as it is."""


class Steps(Stage):
    """The simplest stage: an optimizer on all that is trained.

    Parameters
    ----------
    optimizer : Optimizer
    """

    continues = True
    serves_depth = True
    serves_maps = True
    serves_unknowns = True

    def __init__(self, optimizer: Optimizer):
        self.optimizer = optimizer

    @property
    def most_steps(self) -> int:
        """Those of the optimizer."""
        return self.optimizer.most_steps

    @property
    def is_cut(self) -> bool:
        """Whether somebody chose the number of steps."""
        default = inspect.signature(type(self.optimizer)).parameters.get("max_iter")
        return default is None or self.optimizer.max_iter != default.default

    def run(self, task: Task, solution: Solution, course: Course) -> Solution:
        """Train down to the target."""
        problem = task.problem.taking(solution.problem.unknowns)
        result = course.run(type(self.optimizer).__name__, self.optimizer, problem, target=task.target)
        trained = problem.at(result.parameters)
        return replace(solution, problem=trained, loss=result.loss, is_done=result.stop == "tol")


class SolveOutput(Stage):
    """Solve for the output weights, of placed hidden units where there are none yet.

    Parameters
    ----------
    scale : float or ScaleChoice, optional
        The largest slope of a placed unit per half-width of the domain; None is `ScaleChoice()`.
    damping : float or DampingChoice, optional
        Relative to the mean diagonal of J J^T; None is `DampingChoice()`.
    optimizer : NGD, optional
        What solves where next to no damping is wanted; None is `NGD()`.
    max_iter : int
        A cap on steps, which converge quadratically or not at all.
    damped_steps : int
        The same with damping: each step starts from the last one, so that many of them would undo it.
    """

    serves_depth = True
    serves_maps = True
    serves_unknowns = True

    def __init__(
        self,
        scale: float | ScaleChoice | None = None,
        damping: float | DampingChoice | None = None,
        optimizer: NGD | None = None,
        max_iter: int = 15,
        damped_steps: int = 3,
    ):
        self.scale = scale
        self.damping = damping
        self.optimizer = optimizer
        self.max_iter = max_iter
        self.damped_steps = damped_steps

    @property
    def most_steps(self) -> int:
        """max_iter."""
        return self.max_iter

    def run(self, task: Task, solution: Solution, course: Course) -> Solution:
        """Place units if there are none, and solve, if any steps are left."""
        if solution.is_placed and course.left < 1:
            return solution
        network = solution.network if solution.is_placed else self._place(task, course)
        return self.solve(task, replace(solution, is_placed=True), network, course)

    def _place(self, task: Task, course: Course) -> TwoLayerNetwork:
        placement, scale = task.placement, self.scale
        if not isinstance(scale, int | float):
            with course.heeding():
                choice = scale or ScaleChoice()
                placement, scale = choice.choose(task.problem, [placement], task.width, guess=task.guess)
        return task.begun(placement.network(task.width, scale, zero=True))

    def solve(self, task: Task, solution: Solution, network: TwoLayerNetwork, course: Course) -> Solution:
        """Solve for the output weights of a network, at the rows of a solution."""
        problem = solution.problem.with_network(network)
        output = problem.training(network.linear)
        damping, left_out = self._choose_damping(output, course)
        if damping == float("inf"):
            return replace(solution, problem=problem, loss=float(output.loss(output.start)), left_out_loss=left_out)
        is_damped = damping > ROUND_OFF
        optimizer = NGD(damping=damping) if is_damped else self.optimizer or NGD()
        steps = min(self.damped_steps if is_damped else self.max_iter, course.left)
        result = course.run("output weights", optimizer, output, max_iter=steps)
        solved = problem.taking(output.at(result.parameters).unknowns)
        is_done = result.loss <= task.target and left_out <= task.tol * task.reference
        return replace(solution, problem=solved, loss=result.loss, left_out_loss=left_out, is_done=is_done)

    def _choose_damping(self, output: LeastSquares, course: Course) -> tuple[float, float]:
        choice = self.damping
        if isinstance(choice, int | float):
            choice = DampingChoice((choice,), as_good=float("inf"))
        with course.heeding():
            return (choice or DampingChoice()).choose(output)


class _Hidden(Stage):
    """What stages that train all weights of small networks share."""

    optimizer: NGD | None
    stuck: float
    reserve: int

    def is_over(self, course: Course) -> bool:
        """Whether no more than the steps kept for the last output solve are left, or someone asked to stop."""
        return course.is_stopped or course.left <= self.reserve

    def train(
        self, task: Task, network: TwoLayerNetwork, steps: int, course: Course, problem: LeastSquares | None = None
    ) -> Solution:
        """Train all weights of a network for some steps, on a problem other than the task's if one is given."""
        problem = (problem or task.problem).training(BLOCKS["all"]).with_network(network)
        steps = max(1, min(steps, course.left - self.reserve))
        optimizer = self.optimizer or NGD()
        result = course.run("all weights", optimizer, problem, target=task.target, max_iter=steps)
        trained = task.problem.with_network(problem.network(result.parameters))
        return Solution(trained, result.loss, is_trained=True)


class TrainHidden(_Hidden):
    """Train all weights of small networks: several for a few steps, the best one to the end.

    Parameters
    ----------
    units : int
        Beyond some tens, more trained units cost time and bring few digits: the output solve brings those.
    scales : sequence of float
        Those of the starts, slopes per half-width of the domain.
    audition : int
        Steps after which the starts are compared.
    steps : int
        Of the best start; where it ends stuck, and time is no coordinate, of the next best.
    stuck : float
        A relative residual above which training is stuck.
    reserve : int
        Steps that are kept for the output solve that follows.
    optimizer : NGD, optional
        None is `NGD()`.
    """

    def __init__(
        self,
        units: int = 64,
        scales: Sequence[float] = (2.0, 4.0, 8.0),
        audition: int = 15,
        steps: int = 140,
        stuck: float = 1e-3,
        reserve: int = 15,
        optimizer: NGD | None = None,
    ):
        self.units = units
        self.scales = scales
        self.audition = audition
        self.steps = steps
        self.stuck = stuck
        self.reserve = reserve
        self.optimizer = optimizer

    @property
    def most_steps(self) -> int:
        """All starts, to the end."""
        return len(self.scales) * (self.audition + self.steps)

    def most_trained(self, before: int) -> int:
        """Those of a start."""
        return max(before, self.units)

    def run(self, task: Task, solution: Solution, course: Course) -> Solution:
        """Train, unless hidden units are not to be trained."""
        if not task.trains_all or course.left < 1:
            return solution
        tried: list[Solution] = []
        for i, scale in enumerate(self.scales):
            start = task.placement.reseeded(1 + i).network(min(task.width, self.units), scale, zero=True)
            tried.append(self.train(task, task.begun(start), self.audition, course))
            if self.is_over(course):
                break
        tried.sort(key=_loss)
        return min(tried + self._finish(task, tried, course), key=_loss)

    def _finish(self, task: Task, tried: list[Solution], course: Course) -> list[Solution]:
        """One start after the other to its end, until one is not stuck."""
        ended: list[Solution] = []
        for start in tried:
            if self.is_over(course) or (ended and task.problem.has_time):
                break
            ended.append(self.train(task, start.network, self.steps, course))
            if ended[-1].loss <= task.bound(self.stuck):
                break
        return ended


class March(_Hidden):
    """Where training is stuck and there is time, train again with early times first, as they count for the solution.

    Residuals decay over the time span by exp(-decay), then less; otherwise a shock that comes late is where the rows
    want it. At each decay units join around those there are, and rows are drawn anew.

    Parameters
    ----------
    decays : sequence of float
    steps : int
        For each decay.
    units, grown_units : int
        At the first decay, and those that join at each of the others.
    scale, grown_scale : float
        Slopes per half-width of the domain.
    stuck, reserve, optimizer
        As in `TrainHidden`.
    likeness : Likeness, optional
        What units around trained ones are; None is `Likeness()`.
    """

    def __init__(
        self,
        decays: Sequence[float] = (10.0, 5.0, 2.0, 0.0, 0.0, 0.0),
        steps: int = 50,
        units: int = 80,
        grown_units: int = 30,
        scale: float = 8.0,
        grown_scale: float = 2.0,
        stuck: float = 1e-3,
        reserve: int = 15,
        optimizer: NGD | None = None,
        likeness: Likeness | None = None,
    ):
        self.decays = decays
        self.steps = steps
        self.units = units
        self.grown_units = grown_units
        self.scale = scale
        self.grown_scale = grown_scale
        self.stuck = stuck
        self.reserve = reserve
        self.optimizer = optimizer
        self.likeness = likeness

    @property
    def most_steps(self) -> int:
        """All decays."""
        return len(self.decays) * self.steps

    def most_trained(self, before: int) -> int:
        """Those at the end."""
        return max(before, self.units + self.grown_units * (len(self.decays) - 1))

    def run(self, task: Task, solution: Solution, course: Course) -> Solution:
        """Train, and hand on the solution with the smaller loss."""
        is_wanted = solution.is_trained and task.problem.has_time and solution.loss > task.bound(self.stuck)
        if not is_wanted or self.is_over(course):
            return solution
        network = task.begun(task.placement.network(min(task.width, self.units), self.scale, zero=True))
        for i, decay in enumerate(self.decays):
            if self.is_over(course):
                break
            problem = task.problem.decaying(decay)
            if i and task.judge is not None:
                problem = task.refined(problem.with_network(network), course)
            if i:
                network = self._grown(task, network)
            network = self.train(task, network, self.steps, course, problem).network
        marched = replace(solution, problem=task.problem.with_network(network), loss=task.loss(network))
        return min(solution, marched, key=_loss)

    def _grown(self, task: Task, network: TwoLayerNetwork) -> TwoLayerNetwork:
        around = task.placement.around(network, self.likeness or Likeness())
        return beside(
            around.network(min(self.grown_units, task.width - network.width), self.grown_scale, zero=True), network
        )


class Grow(_Hidden):
    """At the end of hidden training new units join, and all learn some more.

    They have slopes like those of the units that matter; where training is stuck or holds at the rows alone they are
    around those, and rows join too.

    Parameters
    ----------
    units : int
        Those that join.
    scale : float
        New units are up to so many times as steep as those they are like.
    steps : int
    stuck, reserve, optimizer
        As in `TrainHidden`.
    likeness : Likeness, optional
        None is `Likeness()`.
    """

    def __init__(
        self,
        units: int = 64,
        scale: float = 2.0,
        steps: int = 30,
        stuck: float = 1e-3,
        reserve: int = 15,
        optimizer: NGD | None = None,
        likeness: Likeness | None = None,
    ):
        self.units = units
        self.scale = scale
        self.steps = steps
        self.stuck = stuck
        self.reserve = reserve
        self.optimizer = optimizer
        self.likeness = likeness

    @property
    def most_steps(self) -> int:
        """Steps."""
        return self.steps

    def most_trained(self, before: int) -> int:
        """Those that join as well."""
        return before + self.units

    def run(self, task: Task, solution: Solution, course: Course) -> Solution:
        """Train with more units, unless all is well."""
        network, stuck = solution.network, task.bound(self.stuck)
        if not solution.is_trained:
            return solution
        n_new = min(self.units, task.width - network.width)
        holds = task.unseen(network) <= stuck
        if (solution.loss <= task.target and holds) or n_new < 1 or self.is_over(course):
            return solution
        likeness, problem = self.likeness or Likeness(), task.problem
        if (solution.loss <= stuck and holds) or task.judge is None:
            placement = task.placement.like(network, likeness)
        else:
            problem = task.refined(problem.with_network(network), course)
            placement = task.placement.around(network, likeness)
        grown = beside(placement.network(n_new, self.scale, zero=True), network)
        trained = self.train(task, grown, self.steps, course, problem).network
        return replace(solution, problem=problem.with_network(trained), loss=task.loss(trained))


class Enrich(SolveOutput):
    """Add placed units to the trained ones, up to the full width, and solve for the output weights of all.

    They point anywhere, or where trained ones do, or are around those, whichever predicts left-out equations best.

    Parameters
    ----------
    scale, damping, optimizer, max_iter, damped_steps
        As in `SolveOutput`.
    likeness : Likeness, optional
        None is `Likeness()`.
    """

    serves_depth = False
    serves_maps = False
    serves_unknowns = False

    def __init__(
        self,
        scale: ScaleChoice | None = None,
        damping: float | DampingChoice | None = None,
        optimizer: NGD | None = None,
        max_iter: int = 15,
        damped_steps: int = 3,
        likeness: Likeness | None = None,
    ):
        super().__init__(scale, damping, optimizer, max_iter, damped_steps)
        self.likeness = likeness

    def run(self, task: Task, solution: Solution, course: Course) -> Solution:
        """Enrich what hidden training has found."""
        if not solution.is_trained or course.left < 1:
            return solution
        trained, placement = solution.network, task.placement
        placements = [placement, placement.along(trained), placement.around(trained, self.likeness or Likeness())]
        with course.heeding():
            choice = cast(ScaleChoice, self.scale) or ScaleChoice()
            chosen, scale = choice.choose(solution.problem, placements, task.width, trained)
        network = substitute(chosen.network(task.width, scale, zero=True), trained)
        return self.solve(task, solution, network, course)


def _evaluated(problem: LeastSquares, network: Network, coefficients: Coefficients | None) -> LeastSquares:
    """A problem at a network, to be evaluated; coefficients, if they are not those given, stay."""
    at_network = problem.with_network(network).training(network.linear)
    return at_network if coefficients is None else at_network.with_coefficients(coefficients)


def _loss(solution: Solution) -> float:
    return solution.loss
