"""At what scale hidden units are placed, and with how much damping their outputs are solved for.

Both are chosen by how well the output weights predict equations that were left out: leave-one-out residuals cost one
factorisation, spend no row on validation and train nothing twice.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray

from pinnlearn.hyperparameters import Hyperparameters
from pinnlearn.least_squares import LeastSquares, Linearization
from pinnlearn.linalg import leave_one_out
from pinnlearn.networks import Network, TwoLayerNetwork
from pinnlearn.posing.guess import Guess
from pinnlearn.training.placement import Placement, beside

# Singular values that round-off alone produces do not count as fitted: relative to the mean diagonal of J J^T.
ROUND_OFF = 1e-27


Choice = tuple[Placement, float]


class ScaleChoice(Hyperparameters):
    """Choose the scale of hidden units: that which predicts left-out equations best.

    Parameters
    ----------
    scales : sequence of float
        Slopes per half-width of the domain: from nearly polynomial units to fronts of 1/30 of the domain.
    fallback : float
        The scale where the equations say nothing.
    stretches : sequence of float
        Along each axis slopes are then stretched by such factors, where that predicts clearly better.
    clearly : float
        By this factor.
    stretched_dims : int
        In so many dimensions at most: in more, directions matter more, which training finds.
    accurate : float
        And where the loss of left-out equations is not yet this part of the loss of u = 0.
    n_rows, n_units : int
        The most rows and units to try with.
    judging : int
        A smaller group of residuals is no judge: where two boundary values pin a solution down, neither predicts the
        other.
    below_values : float, optional
        Where known values are noisy: the smallest scale is taken at which the loss of left-out equations is below this
        part of that of left-out values, if there is one. By values alone many do as well, and a large one leaves units
        room between rows.
    near_best : float
        Such a scale predicts left-out values as well as the best one, up to this factor; if there is none, equations.
    """

    def __init__(
        self,
        scales: Sequence[float] = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 2.0, 3.0, 5.0, 8.0, 12.0, 20.0, 30.0),
        fallback: float = 2.0,
        stretches: Sequence[float] = (4.0, 2.0, 1.4),
        clearly: float = 1.2,
        stretched_dims: int = 4,
        accurate: float = 1e-20,
        n_rows: int = 1200,
        n_units: int = 400,
        judging: int = 20,
        below_values: float | None = None,
        near_best: float = 4.0,
    ):
        self.scales = scales
        self.fallback = fallback
        self.stretches = stretches
        self.clearly = clearly
        self.stretched_dims = stretched_dims
        self.accurate = accurate
        self.n_rows = n_rows
        self.n_units = n_units
        self.judging = judging
        self.below_values = below_values
        self.near_best = near_best

    def choose(
        self,
        problem: LeastSquares,
        placements: Sequence[Placement],
        width: int,
        trained: TwoLayerNetwork | None = None,
        guess: Guess | None = None,
        around: TwoLayerNetwork | None = None,
    ) -> tuple[Placement, float]:
        """Choose a scale, and of several placements one.

        Parameters
        ----------
        problem : LeastSquares
            Its equations and weights; large problems are thinned. What it trains is to fit the equations: weights that
            u is linear in, from zero, or, where none such are trained, the others to first order, from outputs +-1.
        placements : sequence of Placement
        width : int
            The number of units to come; fewer are tried, so that the rows are redundant.
        trained : TwoLayerNetwork, optional
            Units that the others are to be added to. None linearises the equations at the guess, or at u = 0.
        guess : Guess, optional
        around : TwoLayerNetwork, optional
            Another u to linearise them at, which the units are to take the place of.

        Returns
        -------
        placement : Placement
            For new output weights in few dimensions it is stretched along the axes.
        scale : float
        """
        probes = _Probes(_thinned(problem, self.n_rows), trained, around)
        if guess is not None and not probes.is_hidden:
            n_units = max(1, min(self.n_units, len(guess.x) // 2))
            probes.start_at(guess.carried_by(placements[0].network(n_units, self.fallback, zero=True)))
        units = self.probe_width(width, probes.problem.n_rows) // (3 if probes.is_hidden else 1)

        def linearized(placement: Placement, scale: float) -> Linearization:
            return probes.linearize(placement.network(max(1, units), scale, zero=not probes.is_hidden))

        def loss(placement: Placement, scale: float) -> float:
            return left_out_loss(linearized(placement, scale), ROUND_OFF, self.judging)

        choices = list(product(placements, self.scales))
        losses = [loss(*choice) for choice in choices]
        if not min(losses) < max(losses):
            return placements[0], self.fallback
        placement, scale = choices[int(np.argmin(losses))]
        if self.below_values is not None:
            placement, scale = self._choose_among_noise([(c, *left_out_by_kind(linearized(*c))) for c in choices])
        if probes.is_hidden or trained is not None:
            return placement, scale
        is_accurate = min(losses) < self.accurate * probes.problem.loss_of_zero
        if 1 < placement.n_dims <= self.stretched_dims and not is_accurate:
            stretch = self._choose_stretch(lambda s: loss(placement.stretched(s), scale), placement.n_dims)
            placement = placement.stretched(stretch)
        # m units resolve what is as small as m^(-1/d).
        return placement, scale * (width / units) ** (1 / placement.n_dims)

    def _choose_among_noise(self, left_out: list[tuple[Choice, float, float]]) -> Choice:
        """Of choices with what is left out of equations, and of known values: see `below_values`."""
        most = self.near_best * min(of_values for _, _, of_values in left_out)
        fit = [(choice, of_rest) for choice, of_rest, of_values in left_out if of_values <= most]
        enough = max((self.below_values or 0.0) * most, self.near_best * min(of_rest for _, of_rest in fit))
        return next(choice for choice, of_rest in fit if of_rest <= enough)

    def probe_width(self, width: int, n_rows: int) -> int:
        """The number of units to probe with: few enough for the rows to be redundant."""
        return max(1, min(width, n_rows // 3, self.n_units))

    def _choose_stretch(self, loss: Callable[[NDArray], float], n_dims: int) -> NDArray:
        """The factor of the slopes along each axis, by pattern search (Hooke and Jeeves 1961) from ones."""
        stretch = np.ones(n_dims)
        least = loss(stretch)
        for step in self.stretches:
            is_moving = True
            while is_moving:
                is_moving = False
                for axis, factor in product(range(n_dims), (step, 1 / step)):
                    tried = stretch.copy()
                    tried[axis] *= factor
                    if self.clearly * (loss_there := loss(tried)) < least:
                        stretch, least, is_moving = tried, loss_there, True
        return stretch


class _Probes:
    """A problem to first order for one network after another; the equations are evaluated as rarely as can be."""

    def __init__(self, problem: LeastSquares, trained: TwoLayerNetwork | None, around: TwoLayerNetwork | None = None):
        self.is_hidden = problem.unknowns.linear is None
        self.problem = problem if self.is_hidden else problem.training(problem.unknowns.linear_blocks)
        self.trained = trained
        self._start: Linearization | None = None
        self._affine = None if around is None else affine_at(self.problem.with_network(around))
        if trained is not None:
            self.start_at(trained)

    def start_at(self, network: Network) -> None:
        """Be of first order at the function that a network is."""
        problem = self.problem.with_network(network)
        self._start = problem.linearize(problem.start)

    def linearize(self, network: TwoLayerNetwork) -> Linearization:
        """For a network that is zero, or hidden units with outputs +-1; beside the trained one, if there is one."""
        if self._start is not None:
            return self._start.carried_to(network if self.trained is None else beside(network, self.trained))
        if self._affine is not None:
            return self._affine.carried_to(network)
        problem = self.problem.with_network(network)
        return problem.linearize(problem.start) if self.is_hidden else problem.linearize_at_zero()


def left_out_by_kind(linear: Linearization) -> tuple[float, float]:
    """The sums of squares of left-out equations, and of left-out known values."""
    squares = leave_one_out(linear.jacobian(), -linear.residual, ROUND_OFF).square()
    kinds = [np.repeat(p.equation.values is not None, p.residual.numel()) for p in linear.parts]
    of_values = torch.as_tensor(np.concatenate(kinds), device=squares.device)
    return float(squares[~of_values].sum()), float(squares[of_values].sum())


def affine_at(problem: LeastSquares) -> Linearization:
    """The linear model of a problem at its start, with the residual that it has for the function u = 0.

    Parameters
    ----------
    problem : LeastSquares
        It trains what u is linear in.
    """
    linear = problem.linearize(problem.start)
    along = linear.of_network(problem.unknowns.trained) @ problem.unknowns.network_vector
    return linear.less(along)


class DampingChoice(Hyperparameters):
    """Choose the damping of a solve for the output weights: the largest that predicts left-out equations best.

    Smooth problems with enough rows want next to none, noisy data and many dimensions more. Where several do as well,
    the equations leave something open (the gap between the boundary and the first row, for units with a kink there),
    and only damping keeps the weights from using it.

    Parameters
    ----------
    dampings : sequence of float
        In rising order, relative to the mean diagonal of J J^T; the first is round-off.
    patience : float
        None is tried that is over so many times the best one so far.
    as_good : float
        A fit whose left-out loss is within this factor predicts as well; the plainest one is taken.
    judging : int
        A smaller group of residuals is no judge.
    """

    def __init__(
        self,
        dampings: Sequence[float] = (1e-27, 1e-24, 1e-21, 1e-18, 1e-15, 1e-12, 1e-9, 1e-6, 1e-3, 1.0),
        patience: float = 1e5,
        as_good: float = 1.05,
        judging: int = 20,
    ):
        self.dampings = dampings
        self.patience = patience
        self.as_good = as_good
        self.judging = judging

    def choose(self, problem: LeastSquares) -> tuple[float, float]:
        """Choose for a problem at its start.

        Returns
        -------
        damping : float
            Infinite where no solve at all is best.
        left_out_loss : float
        """
        linear = problem.linearize(problem.start)
        J = linear.jacobian()
        tried = {math.inf: float(linear.loss)}
        for damping in self.dampings:
            tried[damping] = left_out_loss(linear, damping, self.judging, J)
            best = min(tried, key=lambda d: tried[d])
            if math.isfinite(best) and damping > self.patience * best:
                break
        if math.isinf(best):
            return best, tried[best]
        chosen = max(d for d in tried if math.isfinite(d) and tried[d] <= self.as_good * tried[best])
        return chosen, tried[chosen]


def left_out_loss(
    linear: Linearization, damping: float = ROUND_OFF, judging: int = 1, J: torch.Tensor | None = None
) -> float:
    """The loss in equations that were left out, one at a time, when the parameters were fitted.

    Parameters
    ----------
    linear : Linearization
    damping : float
        Relative to the mean diagonal of J J^T.
    judging : int
        Groups of fewer residuals do not count, unless none is larger.
    J : Tensor, optional
        The Jacobian, if it is known.

    Returns
    -------
    float
        Infinite where it is not defined.
    """
    residuals = leave_one_out(linear.jacobian() if J is None else J, -linear.residual, damping)
    names, counts = np.unique(linear.groups, return_counts=True)
    judges = names[counts >= min(judging, counts.max())]
    judged = torch.as_tensor(np.isin(linear.groups, judges), device=residuals.device)
    loss = float(residuals[judged].square().sum()) / 2
    return loss if math.isfinite(loss) else math.inf


def _thinned(problem: LeastSquares, n_rows: int) -> LeastSquares:
    rows = [equation.rows for equation in problem.equations]
    return problem.subset(np.unique(np.concatenate([r[:: math.ceil(len(r) / n_rows)] for r in rows])))
