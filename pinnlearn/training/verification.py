"""Whether a solution holds where no row was: the residuals of every equation at points that are not trained on.

A network interpolates its rows, and may jump between them. So the PDE is evaluated at points that are spread over the
domain, at ones that come near its boundary in geometric steps, as layers do, and at ones where the network itself is
steep; each condition at further points of its part of the boundary.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pinnlearn.arrays import as_array, as_tensor
from pinnlearn.hyperparameters import Hyperparameters
from pinnlearn.least_squares import Block, LeastSquares, Linearization
from pinnlearn.networks import Network, half_width
from pinnlearn.posing.findings import Finding
from pinnlearn.posing.ground import Between, Ground
from pinnlearn.posing.measures import Measure, measured, naturally_weighted, output_sizes
from pinnlearn.training.determination import Determination, Determiner
from pinnlearn.training.noise import noise_of
from pinnlearn.training.several import Deflation, OtherSolution

# Sets of points: uniform ones, and those that come near to what may be steep.
INSIDE, NEAR, STEEP = "between the rows", "near the boundary", "where u is steep"
AT_ROWS = "at the rows"


class Check(NamedTuple):
    """How well one equation holds.

    Attributes
    ----------
    group : str
        The group of its rows.
    at_rows : float
        Its relative residual at the rows of X, see `pinnlearn.metrics.relative_residuals`.
    elsewhere : float
        That at a set of points that are no rows: the one where it is largest for what is accepted there.
    accepted : float
        What is accepted there.
    place : str
        Which set that is.
    point : tuple of n_dims floats
        Where the residual is largest among them.
    """

    group: str
    at_rows: float
    elsewhere: float
    accepted: float
    place: str
    point: tuple[float, ...]


class Verification(NamedTuple):
    """How well a solution holds where no row was.

    Attributes
    ----------
    equations : dict of str to Check
        By the equations' names.
    determination : Determination or None
        Whether the equations determine u; None where that was not asked (float32, measurements inside).
    likely : float
        The largest error that `determination` may bound by, if u is to count as found.
    noise : float
        What is left of known values, relative to them, where that is noise; equations are accepted up to it.
    is_up_to_noise : bool
        Whether there is noise, and no equation has a larger residual.
    other : OtherSolution or None
        Another solution of nonlinear equations, where one was found: they hold for it as they do for u.
    """

    equations: dict[str, Check]
    determination: Determination | None = None
    likely: float = math.inf
    noise: float = 0.0
    is_up_to_noise: bool = False
    other: OtherSolution | None = None

    @property
    def elsewhere(self) -> float:
        """The largest relative residual at points that are no rows."""
        return max((c.elsewhere for c in self.equations.values()), default=0.0)

    @property
    def excess(self) -> float:
        """The largest of these in units of what is accepted there; infinite where one is not finite."""
        parts = [check.elsewhere / check.accepted for check in self.equations.values()]
        return max(parts, default=0.0) if all(map(math.isfinite, parts)) else math.inf

    @property
    def equations_hold(self) -> bool:
        """Whether all equations hold wherever they were looked at."""
        return all(check.elsewhere <= check.accepted for check in self.equations.values())

    @property
    def holds(self) -> bool:
        """Whether u is what the equations ask for, as far as was looked."""
        return self.equations_hold and (self.determination is None or self._is_found)

    @property
    def _is_found(self) -> bool:
        found = cast(Determination, self.determination)
        return found.is_determined and not found.bound > self.likely

    @property
    def error_estimates(self) -> tuple[float, ...]:
        """The estimated relative error of each output; empty where nothing tells.

        For a u that holds it is the size of its Newton correction; otherwise at least the bound and the largest
        relative residual, up to 1, and 1 where u is left open.
        """
        if self.determination is None:
            return ()
        corrections, is_determined = self.determination.corrections, self.determination.is_determined
        suspected = max(self.determination.bound, self.elsewhere) if is_determined else 1.0
        return corrections if self.holds else tuple(max(c, min(1.0, suspected)) for c in corrections)

    @property
    def at_rows(self) -> float:
        """The largest relative residual at the rows of X."""
        return max((check.at_rows for check in self.equations.values()), default=0.0)

    def complaint(self) -> str | None:
        """What does not hold, where, and what to do; None if all does."""
        if self.holds:
            return None
        if self.equations_hold:
            return self._doubt()
        name, check = max(self.equations.items(), key=lambda item: item[1].elsewhere / item[1].accepted)
        point = ", ".join(f"{x:.4g}" for x in check.point)
        there = f"{check.elsewhere:.1g} {check.place}, largest at x = ({point})"
        if check.at_rows > check.accepted:
            return f"{unsolved(self.at_rows)} It is largest for {name}: {there}."
        return (
            f"The equations are solved at the rows of X, but not between them: {name} has a relative residual of "
            f"{check.at_rows:.1g} at the rows, but {there}. u is wrong there, or has a feature that is narrower than "
            "the rows are apart: give more rows, there above all."
        )

    def _doubt(self) -> str:
        found = cast(Determination, self.determination)
        if not found.is_determined:
            return (
                "The equations are solved, but hardly determine u: they see a change of its own size as a residual of "
                f"{found.sensitivity:.1g}. Is a condition missing, or given where the equation does not take it? "
                "Otherwise the problem is ill-posed or has several solutions, of which this is one."
            )
        return (
            f"The equations are solved up to small residuals, but those may hide an error of {found.bound:.1g} of u: "
            "the problem is sensitive to them. Train further, or give more rows; see error_estimate_."
        )


def several_solutions(verification: Verification | None) -> list[Finding]:
    """Whether the equations hold for another solution as well: u is right, but may not be the one that was meant."""
    if verification is None or verification.other is None:
        return []
    message = (
        "the equations have another solution, which differs from the one that was found by "
        f"{max(verification.other.difference):.2g} of its size. If that one is meant, start there: "
        "initial_guess=model.verification_.other."
    )
    return [Finding("several solutions", message)]


def unsolved(relative: float) -> str:
    """What to say of a relative residual at the rows that is too large."""
    return (
        f"The equations are not solved: their relative residual is still {relative:.1g}. Try a larger max_iter or "
        "width, more points, or another random_state; and check that the problem has a solution."
    )


class Sample(NamedTuple):
    """Equations at points that are no rows.

    Attributes
    ----------
    problem : LeastSquares
        At these points.
    places : ndarray of shape (n,) of str
        The set that each point is from.
    inside : Tensor of shape (n_points, n_dims)
        The uniform ones, which are the first.
    sizes : Tensor of shape (n_outputs,)
        Of u there.
    """

    problem: LeastSquares
    places: NDArray
    inside: Tensor
    sizes: Tensor


class Verifier(Hyperparameters):
    """What points a solution is verified at, and what is accepted.

    Parameters
    ----------
    n_points : int
        Uniform points of the domain.
    n_near, n_steep : int
        Points near the boundary, at distances that halve, and where the network is steep.
    n_conditions : int
        Points of the boundary, and of the initial slice: more than `determiner` has polynomials, which they are to tell
        apart.
    accepted : float
        The largest relative residual with which an equation is said to hold.
    accepted_near : float
        That near the boundary and where u is steep: a jump leaves one of size 1, and these are few and small places.
    likely : float
        The largest error that the residuals may hide.
    determiner : Determiner, optional
        None is `Determiner()`.
    deflation : Deflation, optional
        How another solution is looked for; None is `Deflation()`.
    n_telling : int
        Rows of each equation that tell whether it is linear; then there is none.
    seed : int
        Of all these points.
    """

    def __init__(
        self,
        n_points: int = 1000,
        n_near: int = 200,
        n_steep: int = 200,
        n_conditions: int = 500,
        accepted: float = 1e-2,
        accepted_near: float = 0.1,
        likely: float = 0.1,
        determiner: Determiner | None = None,
        deflation: Deflation | None = None,
        n_telling: int = 50,
        seed: int = 1_000_003,
    ):
        self.n_points = n_points
        self.n_near = n_near
        self.n_steep = n_steep
        self.n_conditions = n_conditions
        self.accepted = accepted
        self.accepted_near = accepted_near
        self.likely = likely
        self.determiner = determiner
        self.deflation = deflation
        self.n_telling = n_telling
        self.seed = seed

    def verify(self, problem: LeastSquares, ground: Ground | Between) -> Verification:
        """Verify the network that a problem starts from.

        Parameters
        ----------
        problem : LeastSquares
            At the rows.
        ground : Ground or Between

        Returns
        -------
        Verification
            Of the equations that hold at some row.
        """
        sample = self._sample(problem, ground)
        noise = self._noise(problem, sample, ground)
        checks = self._checks(problem, sample, ground, noise)
        has_values = any(block.equation.values is not None for block in problem.blocks)
        determination = None
        if ground.has_conditions and problem.start.dtype == torch.float64 and not has_values:
            linear, _, bounds, sizes, inside = self._asked_of_polynomials(sample, ground)
            determination = self._determiner.determine(linear, bounds, sizes, inside)
        # Near the boundary and where u is steep as much more as is accepted there.
        is_up_to_noise = noise > 0 and all(
            c.elsewhere <= noise * c.accepted / max(noise, self.accepted) for c in checks.values()
        )
        return Verification(checks, determination, self.likely, noise, is_up_to_noise)

    def _noise(self, problem: LeastSquares, sample: Sample, ground: Ground | Between) -> float:
        known = [block for block in problem.blocks if block.equation.values is not None]
        return noise_of(replace(problem, blocks=tuple(known)), sample.sizes, half_width(ground.bounds))

    def search(self, problem: LeastSquares, ground: Ground | Between, verification: Verification) -> Verification:
        """Look for another solution than the one that a problem starts from, if that holds and is determined.

        Returns
        -------
        Verification
            With `other`, where the equations hold for another one as they do for this.
        """
        if verification.determination is None or not verification.holds:
            return verification
        few = problem.subset(np.concatenate([e.rows[: self.n_telling] for e in problem.equations]))
        if few.looks_linear and bool(few.unknowns.network.evaluate(few.blocks[0].x).any()):
            return verification
        _, weighted, bounds, sizes, inside = self._asked_of_polynomials(self._sample(problem, ground), ground)
        found = (self.deflation or Deflation()).search(weighted, bounds, sizes, inside, self._determiner)
        if found is None:
            return verification
        there = problem.with_network(found.network).training(found.network.linear)
        checks = self._checks(there, self._sample(there, ground), ground)
        holds = Verification(checks).equations_hold
        return verification._replace(other=found.solution) if holds else verification

    @property
    def _determiner(self) -> Determiner:
        return self.determiner or Determiner()

    def _sample(self, problem: LeastSquares, ground: Ground | Between) -> Sample:
        """Points that are no rows, and the equations at them."""
        points = self._points(problem.unknowns.network, ground, problem.start)
        posed = ground.pose(np.concatenate(list(points.values())), problem.unknowns, held=True)
        inside = as_tensor(points[INSIDE], problem.start.device, problem.start.dtype)
        places = np.repeat(list(points), [len(X) for X in points.values()])
        sizes = output_sizes(ground.evaluate(problem.unknowns.network, inside))
        return Sample(_asked(posed, problem), places, inside, sizes)

    def _checks(
        self, problem: LeastSquares, sample: Sample, ground: Ground | Between, noise: float = 0.0
    ) -> dict[str, Check]:
        """How well each equation holds at them, and at the rows."""
        more = max(1.0, noise / self.accepted)
        half = half_width(ground.bounds)
        at_rows = {measure.name: measure.ratio() for measure in measured(problem, sample.sizes, half)}
        asked = replace(sample.problem, blocks=tuple(b for b in sample.problem.blocks if not b.equation.is_held))
        fresh = {
            measure.name: self._check(block, measure, sample.places, at_rows[measure.name], more)
            for block, measure in zip(asked.blocks, measured(asked, sample.sizes, half), strict=True)
        }
        if ground.has_conditions:
            return fresh
        # What has no further points is known by its rows.
        rows = np.full(1 + max(int(e.rows.max()) for e in problem.equations), AT_ROWS)
        return fresh | {
            measure.name: self._check(block, measure, rows, at_rows[measure.name], more)
            for block, measure in zip(problem.blocks, measured(problem, sample.sizes, half), strict=True)
            if measure.name not in fresh and block.equation.values is None
        }

    def _points(self, network: Network, ground: Ground | Between, like: Tensor) -> dict[str, NDArray]:
        rng = np.random.default_rng(self.seed)
        inside = ground.inside(self.n_points, rng)
        steep = as_array(network.steepest(as_tensor(inside[: self.n_steep], like.device, like.dtype)))
        return {
            INSIDE: inside,
            NEAR: ground.near_boundary(self.n_near, rng),
            STEEP: ground.kept(steep),
            "on the boundary": ground.on_boundary(self.n_conditions, rng),
        }

    def _check(self, block: Block, measure: Measure, places: NDArray, at_rows: float, more: float) -> Check:
        """An equation at the set of points where its residual is largest for what is accepted there.

        Where u is smooth its terms may all vanish towards the boundary: uniform points tell their size as well.
        """
        there = places[block.equation.rows]
        sets = {place: np.flatnonzero(there == place) for place in dict.fromkeys(there.tolist())}
        ratios = {place: measure.ratio(rows, sets.get(INSIDE)) for place, rows in sets.items()}
        accepted = {place: more * (self.accepted_near if place in (NEAR, STEEP) else self.accepted) for place in sets}
        place = max(ratios, key=lambda name: ratios[name] / accepted[name])
        largest = sets[place][int(measure.residual[sets[place]].norm(dim=1).argmax())]
        return Check(measure.group, at_rows, ratios[place], accepted[place], place, tuple(block.x[largest].tolist()))

    def _asked_of_polynomials(
        self, sample: Sample, ground: Ground | Between
    ) -> tuple[Linearization, LeastSquares, tuple[NDArray, NDArray], Tensor, Tensor]:
        """The equations at uniform points and under the conditions, the box, sizes of outputs and these points."""
        # Polynomials are periodic only where an equation, that networks here hold by themselves, asks for it.
        sizes = torch.where(sample.sizes > 0, sample.sizes, 1.0)
        n_inside = min(self._determiner.n_points(len(ground.bounds[0]), len(sizes)), len(sample.inside))
        rows = np.flatnonzero(~np.isin(sample.places, (INSIDE, NEAR, STEEP)))
        few = sample.problem.subset(np.concatenate([np.arange(n_inside), rows]))
        linear = few.linearize(few.start)
        weighted = naturally_weighted(few, sizes, half_width(ground.bounds), linear)
        return weighted.linearized_as(linear), weighted, ground.bounds, sizes, sample.inside[:n_inside]


def _asked(fresh: LeastSquares, problem: LeastSquares) -> LeastSquares:
    """The equations that hold at some row of X; where values are known instead, further points have none."""
    names = {e.name for e in problem.equations}
    known = {e.group for e in problem.equations if e.values is not None}
    asked = [b for b in fresh.blocks if b.equation.name in names or b.equation.is_held]
    blocks = [b for b in asked if b.equation.group not in known]
    return replace(fresh, blocks=tuple(blocks))
