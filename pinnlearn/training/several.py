"""Whether nonlinear equations have another solution than the one that was found: deflated Newton steps.

What is added to u is a polynomial p. At p = 0 the equations hold already, and Newton's method would come back to it; so
residuals are multiplied with m = 1 + l^2 / |p|^2, which keeps steps away from there (Farrell, Birkisson, Funke 2015).
They start along the changes of u that the linearised equations see least, at the sizes l at which the whole equations
see less of them than the linearised ones do: where there is another solution, residuals must fall again.

A p is taken for another solution only if it is larger than what its own residual may hide, see
`pinnlearn.training.determination`: what is but nearly a solution is none.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, cast

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from torch import Tensor

from pinnlearn.arrays import as_array, as_tensor
from pinnlearn.hyperparameters import Hyperparameters
from pinnlearn.jets import VALUE
from pinnlearn.least_squares import LeastSquares, Linearization, Unknowns
from pinnlearn.networks.polynomials import PlusPolynomial, Polynomials
from pinnlearn.training.determination import ROUND_OFF, Determiner, of_norm_one, svd


class OtherSolution(NamedTuple):
    """Another solution of the equations, as a polynomial.

    Attributes
    ----------
    difference : tuple of n_outputs floats
        By how much it differs from u, relative to u.
    doubt : float
        The error that its own residual may hide, as a part of that difference.
    bounds : pair of ndarray of shape (n_dims,)
        The box of the polynomial.
    degree : int
    coefficients : ndarray of shape (n_outputs, n_polynomials)
    """

    difference: tuple[float, ...]
    doubt: float
    bounds: tuple[NDArray, NDArray]
    degree: int
    coefficients: NDArray

    def predict(self, X: ArrayLike) -> NDArray:
        """Evaluate it, (n_samples,) or (n_samples, n_outputs), at points (n_samples, n_dims); up to its fit by one."""
        coefficients = torch.as_tensor(self.coefficients)
        polynomial = Polynomials(self.bounds, self.degree, coefficients)
        return as_array(polynomial.evaluate(as_tensor(X, coefficients.device, coefficients.dtype)))


@dataclass(frozen=True, eq=False)
class Changes:
    """Equations at u + p, for polynomials p, as vectors of norm |p| relative to u.

    Attributes
    ----------
    at_u : Linearization
        At p = 0.
    at_points : Tensor of shape (n, n_polynomials)
        The polynomials at points of the domain, over sqrt(n).
    basis : Tensor of shape (n_polynomials, n_kept)
        Combinations that are orthonormal there.
    u : Tensor of shape (n, n_outputs)
        At these points, over sqrt(n).
    sizes : Tensor of shape (n_outputs,)
        Of u.
    """

    at_u: Linearization
    at_points: Tensor
    basis: Tensor
    u: Tensor
    sizes: Tensor

    @classmethod
    def of(cls, problem: LeastSquares, zero: Polynomials, points: Tensor, sizes: Tensor, visible: float) -> Changes:
        """Those of the network that a problem starts from, by polynomials like `zero`."""
        network, n = problem.unknowns.network, math.sqrt(len(points))
        plus = replace(problem, unknowns=Unknowns(PlusPolynomial(network, zero), zero.linear))
        at_points, u = zero.at(points).matrix(VALUE) / n, network.evaluate(points).reshape(len(points), -1) / n
        return cls(plus.linearize(plus.start), at_points, of_norm_one(at_points, visible), u, sizes)

    def coefficients(self, p: Tensor) -> Tensor:
        """Of the polynomial, (n_outputs, n_polynomials)."""
        return self.sizes[:, None] * (p.reshape(len(self.sizes), -1) @ self.basis.T)

    def values(self, p: Tensor) -> Tensor:
        """The polynomial at the points, (n, n_outputs), over sqrt(n)."""
        return self.at_points @ self.coefficients(p).T

    def nearest(self, values: Tensor) -> Tensor:
        """The p whose values at the points, over sqrt(n), are nearest to these."""
        return ((values / self.sizes).T @ self.at_points @ self.basis).reshape(-1)

    def at(self, p: Tensor) -> Linearization:
        """The equations at u + p."""
        return self.at_u.along_linear(self.coefficients(p).reshape(-1))

    def jacobian(self, linear: Linearization) -> Tensor:
        """Their derivative in p, (n_residuals, n_outputs * n_kept)."""
        J = linear.jacobian().unflatten(1, (len(self.sizes), -1)) * self.sizes[:, None]
        return (J @ self.basis).flatten(1)

    @property
    def opposite(self) -> list[Tensor]:
        """The direction of -u, of norm 1, unless u is zero."""
        p, n = -self.nearest(self.u), norm(self.nearest(self.u))
        return [p / n] if 0 < n < math.inf else []

    @property
    def are_linear(self) -> bool:
        """Whether the equations are the same to first order at u and elsewhere."""
        ones = torch.ones(len(self.sizes) * self.basis.shape[1]).to(self.basis)
        there = self.at(ones).parts
        return all(here.has_coefficients_of(part) for here, part in zip(self.at_u.parts, there, strict=True))


@dataclass(frozen=True, eq=False)
class Candidate:
    """A p at which steps ended, its residual, and the least residual of a change of u + p of size 1."""

    changes: Changes
    p: Tensor
    residual: float
    sensitivity: float

    @property
    def size(self) -> float:
        """|p|."""
        return float(self.p.norm())

    @property
    def doubt(self) -> float:
        """The error of u + p that its residual may hide, as a part of ``|p|``."""
        least = self.sensitivity * self.size
        return self.residual / least if least > 0 and math.isfinite(self.residual) else math.inf

    @property
    def network(self) -> PlusPolynomial:
        """The other solution, u + p."""
        plus = cast(PlusPolynomial, self.changes.at_u.unknowns.network)
        return plus.with_blocks({"coefficients": self.changes.coefficients(self.p)})

    @property
    def solution(self) -> OtherSolution:
        """The same as a polynomial alone, for the user."""
        changes, polynomial = self.changes, self.network.polynomial
        whole = changes.coefficients(changes.nearest(changes.u + changes.values(self.p)))
        sizes = self.p.reshape(len(changes.sizes), -1).norm(dim=1)
        return OtherSolution(tuple(sizes.tolist()), self.doubt, polynomial.bounds, polynomial.degree, as_array(whole))


class Deflation(Hyperparameters):
    """Search for another solution.

    Parameters
    ----------
    n_polynomials : int
        The largest number of those that are searched with, outputs counted; what looks promising is refined with as
        many as a `Determiner` has.
    directions : int
        Changes of u to start along, both ways; -u is one more.
    sizes : sequence of float
        Sizes of starts, relative to u.
    starts : int
        The most starts.
    steps : int
        Of each.
    halvings, growth : int, float
        A step after which the residual would be larger by more than this factor is halved, so many times at most.
    shortest : float
        Steps end with one that is smaller than this part of p.
    longest : float
        Deflation makes a step at most so many times as long.
    promising : float
        The largest doubt with which a p is refined.
    likely : float
        The largest doubt about another solution.
    different : float
        The smallest ``|p|``.

    References
    ----------
    Farrell, Birkisson and Funke (2015), "Deflation techniques for finding distinct solutions of nonlinear partial
    differential equations", SIAM Journal on Scientific Computing 37.
    """

    def __init__(
        self,
        n_polynomials: int = 60,
        directions: int = 3,
        sizes: Sequence[float] = (0.25, 0.5, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512),
        starts: int = 4,
        steps: int = 20,
        halvings: int = 5,
        growth: float = 10.0,
        shortest: float = 1e-6,
        longest: float = 10.0,
        promising: float = 0.5,
        likely: float = 0.05,
        different: float = 0.02,
    ):
        self.n_polynomials = n_polynomials
        self.directions = directions
        self.sizes = sizes
        self.starts = starts
        self.steps = steps
        self.halvings = halvings
        self.growth = growth
        self.shortest = shortest
        self.longest = longest
        self.promising = promising
        self.likely = likely
        self.different = different

    def search(
        self,
        problem: LeastSquares,
        bounds: tuple[NDArray, NDArray],
        sizes: Tensor,
        points: Tensor,
        determiner: Determiner,
    ) -> Candidate | None:
        """Look for another solution.

        Parameters
        ----------
        problem, bounds, sizes, points
            As `Determiner.determine` takes them.
        determiner : Determiner
            Whose polynomials what is found is refined with.

        Returns
        -------
        Candidate or None
            The likeliest one; always None for linear equations.
        """
        n_dims, n_outputs = len(bounds[0]), len(sizes)
        fine = Polynomials.zero(bounds, determiner.degree_for(n_dims, n_outputs), n_outputs, problem.start)
        searcher = clone(determiner).set_params(n_polynomials=self.n_polynomials)
        coarse = Polynomials.zero(bounds, searcher.degree_for(n_dims, n_outputs), n_outputs, problem.start)
        rows = np.unique(np.concatenate([block.equation.rows for block in problem.blocks]))
        few = problem.subset(rows[:: max(1, len(fine.degrees) // len(coarse.degrees))])
        changes = Changes.of(few, coarse, points, sizes, determiner.visible)
        if changes.are_linear:
            return None
        found = self._promising(changes)
        if not found:
            return None
        refined = Changes.of(problem, fine, points, sizes, determiner.visible)
        candidates = [self._stepped(refined, refined.nearest(each.changes.values(each.p)), 0.0) for each in found]
        likely = [c for c in candidates if c.doubt < self.likely and c.size > self.different]
        return min(likely, key=lambda each: each.doubt, default=None)

    def _promising(self, changes: Changes) -> list[Candidate]:
        """What starts come to, each once, the likeliest first."""
        found = [self._stepped(changes, start, float(start.norm())) for start in self._starts(changes)]
        found = [each for each in found if each.doubt < self.promising and each.size > self.different]
        distinct: list[Candidate] = []
        for each in sorted(found, key=lambda each: each.doubt):
            if all(float((each.p - other.p).norm()) > self.different * other.size for other in distinct):
                distinct.append(each)
        return distinct

    def _starts(self, changes: Changes) -> list[Tensor]:
        """Changes of u which the whole equations see less than the linearised ones do, the least seen first."""
        J = changes.jacobian(changes.at_u)
        _, _, Vh = torch.linalg.svd(torch.linalg.qr(J)[1], full_matrices=False)
        least = [sign * v for v in Vh.flip(0)[: self.directions] for sign in (1, -1)]
        found = [pair for v in [*least, *changes.opposite] for pair in self._dips(changes, v, norm(J @ v))]
        return [start for _, start in sorted(found, key=lambda pair: pair[0])[: self.starts]]

    def _dips(self, changes: Changes, v: Tensor, linear: float) -> list[tuple[float, Tensor]]:
        """Multiples of v of which the equations see less than of others around, and by which part of what is linear."""
        if linear == 0:
            return []
        seen = [norm(changes.at(size * v).residual) / (size * linear) for size in self.sizes]
        around = [math.inf, *seen, math.inf]
        return [
            (part, size * v)
            for part, size, before, after in zip(seen, self.sizes, around, around[2:], strict=False)
            if part < 1 and part <= min(before, after)
        ]

    def _stepped(self, changes: Changes, p: Tensor, length: float) -> Candidate:
        """Newton steps from p, deflated by a length; not where it is 0."""
        linear = changes.at(p)
        for _ in range(self.steps):
            J = changes.jacobian(linear)
            if not math.isfinite(norm(J)):
                return Candidate(changes, p, math.inf, 0.0)
            along, S, Vh = svd(J, linear.residual)
            newton = -Vh.T @ torch.where(ROUND_OFF * S[0] < S, along / S, 0.0)
            step, linear = self._halved(changes, p, newton * self._stretch(p, newton, length), linear)
            p = p + step
            if float(step.norm()) < self.shortest * float(p.norm()):
                break
        J = changes.jacobian(linear)
        sensitivity = float(svd(J, linear.residual)[1][-1]) if math.isfinite(norm(J)) else 0.0
        return Candidate(changes, p, norm(linear.residual), sensitivity)

    def _stretch(self, p: Tensor, newton: Tensor, length: float) -> float:
        """What a step is multiplied with so that it solves for m r = 0 to first order, m = 1 + length^2 / |p|^2."""
        square = float(p @ p)
        if square == 0 or length == 0:
            return 1.0
        part = 1 + 2 * length**2 * float(p @ newton) / (square * (square + length**2))
        return 1 / math.copysign(max(abs(part), 1 / self.longest), part)

    def _halved(self, changes: Changes, p: Tensor, step: Tensor, linear: Linearization) -> tuple[Tensor, Linearization]:
        """The step, as much of it as does not make residuals grow beyond all bounds, and the equations after it."""
        most = self.growth * norm(linear.residual)
        for _ in range(self.halvings + 1):
            after = changes.at(p + step)
            if norm(after.residual) <= most:
                return step, after
            step = step / 2
        return torch.zeros_like(p), linear


def norm(r: Tensor) -> float:
    """The norm of a tensor; infinite where a number in it is not finite."""
    size = float(r.norm())
    return size if math.isfinite(size) else math.inf
