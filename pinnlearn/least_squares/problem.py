"""From parameters to residuals, for equations at their rows.

The loss is L(w) = 1/2 sum_g 1/n_g sum over the group's n_g residuals of weight r^2, with a weight for each component of
each equation. Weights are folded into the residuals, so that an optimizer sees L = 1/2 ||r||^2.

Notation (code: paper)
    parameters: w (hidden) and a (output)   residual: r = (s, h)    jacobian: J = dr/dw
    gram: H = J J^T                         width: m                coefficient c_t: d(residual) / d(term_t)
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from pinnlearn.arrays import as_array
from pinnlearn.least_squares.coefficients import NO_COEFFICIENTS, Coefficients
from pinnlearn.least_squares.equation import GROUPS, Equation, EquationAtRows, LinearizedEquation
from pinnlearn.least_squares.linearization import Linearization
from pinnlearn.least_squares.unknowns import Unknowns
from pinnlearn.networks import AtPoints, Network

# One for all components of an equation, or one for each.
Weight = float | Sequence[float]


@dataclass(frozen=True, eq=False)
class Decay:
    """The factor exp(-rate s) of points, s their time as a fraction of a time span."""

    rate: float
    begin: Tensor
    end: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        """The factors, (n,), of points (n, n_dims)."""
        return torch.exp(-self.rate * (x[:, -1] - self.begin) / (self.end - self.begin))


@dataclass(frozen=True, eq=False)
class Block:
    """An equation at its rows, with a weight for each of its components and what else its residuals are times.

    Parameters
    ----------
    at_rows : EquationAtRows
    weights : tuple of q floats
    factor : callable, optional
        factor(x) -> (n,), what the residuals at points x are multiplied with.
    """

    at_rows: EquationAtRows
    weights: tuple[float, ...]
    factor: Callable[[Tensor], Tensor] | None = None

    @classmethod
    def of(cls, at_rows: EquationAtRows, coefficients: Coefficients = NO_COEFFICIENTS) -> Block:
        """With weights of one, as many as the equation has components."""
        return cls(at_rows, (1.0,) * at_rows.at_zero(coefficients).residual.shape[1])

    @property
    def equation(self) -> Equation:
        """What it is of."""
        return self.at_rows.equation

    @property
    def x(self) -> Tensor:
        """Its points, (n, n_dims)."""
        return self.at_rows.x

    @property
    def n_residuals(self) -> int:
        """Rows times components."""
        return len(self.x) * len(self.weights)

    @property
    def row_factors(self) -> Tensor:
        """What residuals are multiplied with beside weights, (n,)."""
        return torch.ones_like(self.x[:, 0]) if self.factor is None else self.factor(self.x)

    def scaled(self, n_in_group: int) -> Tensor:
        """What residuals are multiplied with, (n, q)."""
        roots = [math.sqrt(weight / n_in_group) for weight in self.weights]
        return self.row_factors[:, None] * self.x.new_tensor(roots)

    def weighted(self, weights: Mapping[str, Weight]) -> Block:
        """With the weight of its name, or else of its group, or else one."""
        chosen = weights.get(self.equation.name, weights.get(self.equation.group, 1.0))
        q = len(self.weights)
        spread = tuple(map(float, np.broadcast_to(chosen, q)))
        return replace(self, weights=spread)

    def subset(self, keep: NDArray) -> Block:
        """At some of its rows."""
        return replace(self, at_rows=self.at_rows.subset(keep))

    def extended(self, points: ArrayLike, first: int) -> Block:
        """At further points, (k, n_dims), whose rows have numbers from `first` on."""
        return replace(self, at_rows=self.at_rows.extended(points, first))


@dataclass(frozen=True, eq=False)
class LeastSquares:
    """The least-squares problem of unknowns and equations, functional in the parameters; changed by `replace` alone.

    Parameters
    ----------
    unknowns : Unknowns
    blocks : tuple of Block
    """

    unknowns: Unknowns
    blocks: tuple[Block, ...]

    @classmethod
    def of(
        cls,
        unknowns: Unknowns,
        x: Tensor,
        equations: Sequence[Equation],
        weights: Mapping[str, Weight] | None = None,
        has_time: bool | None = None,
    ) -> LeastSquares:
        """The problem of equations at rows of x, (n_samples, n_dims).

        Parameters
        ----------
        unknowns : Unknowns
        x : Tensor of shape (n_samples, n_dims)
        equations : sequence of Equation
        weights : dict of equation or group to float, or to one float for each component
            What is not named has weight 1.
        has_time : bool or None
            Whether the last coordinate is time.
        """
        n_outputs, coefficients = unknowns.network.n_outputs, unknowns.coefficients
        at_rows = (EquationAtRows.of(equation, x, has_time, n_outputs) for equation in equations)
        return cls(unknowns, tuple(Block.of(each, coefficients) for each in at_rows)).weighted(weights or {})

    @property
    def coefficients(self) -> Coefficients:
        """The unknown coefficients as given."""
        return self.unknowns.coefficients

    @property
    def at_zero(self) -> list[LinearizedEquation]:
        """The equations to first order at u = 0, each evaluated once."""
        return [block.at_rows.at_zero(self.coefficients) for block in self.blocks]

    @property
    def equations(self) -> list[Equation]:
        """The equations and their rows."""
        return [block.equation for block in self.blocks]

    @property
    def n_rows(self) -> int:
        """The number of rows, a row that has several equations counted for each."""
        return sum(len(block.x) for block in self.blocks)

    def n_rows_in(self, group: str) -> int:
        """The number of rows of X in a group, each counted once."""
        return len(set().union(*(e.rows.tolist() for e in self.equations if e.group == group)))

    @property
    def n_residuals(self) -> int:
        """The number of residuals, each component of each equation counted."""
        return sum(block.n_residuals for block in self.blocks)

    @property
    def weights(self) -> dict[str, Weight]:
        """The weights as `weighted` takes them: by group, by equation where those of a group differ."""
        weights: dict[str, Weight] = {}
        for group in GROUPS:
            blocks = [block for block in self.blocks if block.equation.group == group]
            if len({weight for block in blocks for weight in block.weights}) == 1:
                weights[group] = blocks[0].weights[0]
            else:
                weights |= {b.equation.name: b.weights[0] if len(set(b.weights)) == 1 else b.weights for b in blocks}
        return weights

    def mean_weight(self, group: str) -> float:
        """The mean over the residuals of a group."""
        blocks = [block for block in self.blocks if block.equation.group == group]
        same = {weight for block in blocks for weight in block.weights}
        if len(same) == 1:
            return same.pop()
        return sum(len(b.x) * sum(b.weights) for b in blocks) / sum(b.n_residuals for b in blocks)

    @property
    def looks_linear(self) -> bool:
        """Whether all equations are to first order at u, the start, what they are at u = 0; always true at u = 0."""
        parts = self.linearize(self.start).parts
        return all(zero.has_coefficients_of(part) for zero, part in zip(self.at_zero, parts, strict=True))

    @property
    def layout(self) -> dict[str, slice]:
        """Where each block of parameters stands in the parameter vector."""
        return self.unknowns.layout

    @property
    def linear(self) -> slice | None:
        """The parameters that u is linear in, if any are trained."""
        return self.unknowns.linear

    @property
    def start(self) -> Tensor:
        """The parameters of the network as given, (n_parameters,)."""
        return self.unknowns.vector

    @property
    def has_time(self) -> bool:
        """Whether the last coordinate is known to be time."""
        return any(block.at_rows.has_time for block in self.blocks)

    def at(self, parameters: Tensor) -> LeastSquares:
        """The same problem, to start from these parameters."""
        return replace(self, unknowns=self.unknowns.at(parameters))

    def network(self, parameters: Tensor) -> Network:
        """The network with these parameters."""
        return self.unknowns.at(parameters).network

    def loss(self, parameters: Tensor) -> Tensor:
        """L(w), a scalar tensor."""
        residual = self.residual(parameters)
        return residual @ residual / 2

    @property
    def loss_of_zero(self) -> float:
        """The loss of the function that is zero."""
        parts = [part.residual for part in self.at_zero]
        residual = torch.cat([(r * f).reshape(-1) for r, f in zip(parts, self.factors, strict=True)])
        return float(residual @ residual / 2)

    def residual(self, parameters: Tensor) -> Tensor:
        """The weighted residuals r(w), (n_residuals,), without what their derivatives need."""
        return torch.cat(self._residuals(parameters))

    def _residuals(self, parameters: Tensor) -> list[Tensor]:
        unknowns = self.unknowns.at(parameters)
        residuals = [block.at_rows.residual_of(unknowns) for block in self.blocks]
        return [(r * f).reshape(-1) for r, f in zip(residuals, self.factors, strict=True)]

    def equation_losses(self, parameters: Tensor) -> dict[str, float]:
        """The part of L(w) that each equation has, by name."""
        residuals = zip(self.equations, self._residuals(parameters), strict=True)
        return {equation.name: float(r @ r / 2) for equation, r in residuals}

    def group_losses(self, parameters: Tensor) -> dict[str, float]:
        """The part of L(w) that each group has, in the order of GROUPS."""
        losses = self.equation_losses(parameters)
        names = {group: [e.name for e in self.equations if e.group == group] for group in GROUPS}
        return {group: sum(losses[name] for name in names[group]) for group in GROUPS if names[group]}

    def linearize(self, parameters: Tensor) -> Linearization:
        """The problem at w to first order: residual, gradient, Jacobian, Gram matrix."""
        unknowns = self.unknowns.at(parameters)
        return self._linearize(unknowns, self._at(unknowns))

    def linearized_as(self, linear: Linearization) -> Linearization:
        """The same to first order as the same equations with other weights; no equation is evaluated again."""
        return replace(linear, factors=self.factors, relinearize=self._linearize)

    def linearize_at_zero(self) -> Linearization:
        """The same at u = 0, for a network that is zero; the equations are evaluated once, whatever the network."""
        parts = [part.carried_to(self.unknowns.network) for part in self.at_zero]
        return Linearization(self.unknowns, parts, self.factors, self._linearize)

    def _at(self, unknowns: Unknowns) -> list[AtPoints]:
        return [unknowns.network.at(block.x) for block in self.blocks]

    def _linearize(self, unknowns: Unknowns, at: Sequence[AtPoints], twice: bool = False) -> Linearization:
        parts = [
            block.at_rows.linearize(points, unknowns.highest_order, unknowns.coefficients, twice)
            for block, points in zip(self.blocks, at, strict=True)
        ]
        return Linearization(unknowns, parts, self.factors, self._linearize)

    def hessian(self, parameters: Tensor) -> Callable[[Tensor], Tensor]:
        """The product v -> H v with the Hessian of L at w: autograd's derivative of the closed-form gradient."""
        with torch.enable_grad():
            w = parameters.detach().clone().requires_grad_()
            unknowns = self.unknowns.at(w)
            gradient = self._linearize(unknowns, self._at(unknowns), twice=True).gradient
        return lambda v: torch.autograd.grad(gradient, w, v, retain_graph=True)[0]

    @property
    def strata(self) -> list[NDArray]:
        """The rows of X by the equation that governs them, a row with several by the first; each row once."""
        rows, first = np.unique(np.concatenate([e.rows for e in self.equations]), return_index=True)
        governing = np.repeat(np.arange(len(self.equations)), [len(e.rows) for e in self.equations])[first]
        return [rows[governing == equation] for equation in np.unique(governing)]

    def subset(self, rows: NDArray) -> LeastSquares:
        """The same problem on some of the rows of X, e.g. a mini-batch; groups are averaged over what is left."""
        kept = [(block, np.isin(block.equation.rows, rows)) for block in self.blocks]
        return replace(self, blocks=tuple(b.subset(np.flatnonzero(keep)) for b, keep in kept if keep.any()))

    def weighted(self, weights: Mapping[str, Weight]) -> LeastSquares:
        """The same problem with other loss weights, by equation or by group."""
        return replace(self, blocks=tuple(block.weighted(weights) for block in self.blocks))

    def with_network(self, network: Network) -> LeastSquares:
        """The same equations for another network, the same blocks of it trained."""
        return replace(self, unknowns=replace(self.unknowns, network=network))

    def with_coefficients(self, coefficients: Coefficients) -> LeastSquares:
        """The same equations with other coefficients."""
        return replace(self, unknowns=replace(self.unknowns, coefficients=coefficients))

    def taking(self, unknowns: Unknowns) -> LeastSquares:
        """The same equations for the network and the coefficients of other unknowns, the same blocks trained."""
        return self.with_network(unknowns.network).with_coefficients(unknowns.coefficients)

    def training(self, blocks: Sequence[str]) -> LeastSquares:
        """The same problem with other blocks trained."""
        return replace(self, unknowns=replace(self.unknowns, trained=tuple(blocks)))

    @property
    def _governing(self) -> Block:
        """The PDE itself at its rows."""
        return next(block for block in self.blocks if block.equation.group == "interior")

    def _replacing(self, block: Block, by: Block) -> LeastSquares:
        return replace(self, blocks=tuple(by if each is block else each for each in self.blocks))

    @property
    def n_interior(self) -> int:
        """The number of rows that the PDE itself governs."""
        return self.n_rows_in("interior")

    @property
    def interior_points(self) -> NDArray:
        """The points of those rows, (n_interior, n_dims)."""
        return as_array(self._governing.x)

    def refined(self, points: ArrayLike) -> LeastSquares:
        """The same problem with further rows, (k, n_dims), that the PDE governs; it must have such rows."""
        governing, first = self._governing, 1 + max(int(equation.rows.max()) for equation in self.equations)
        return self._replacing(governing, governing.extended(points, first))

    def moved(self, points: ArrayLike) -> LeastSquares:
        """The same problem with points, (k, n_dims), in place of the rows that the PDE itself governs."""
        governing = self._governing
        block = governing.extended(points, 0)
        return self._replacing(governing, block.subset(np.arange(len(governing.x), len(block.x))))

    def interior_residual(self, points: ArrayLike) -> NDArray:
        """The size of the PDE's weighted residual at points, (k,), for the network as given; up to a factor."""
        block = self.moved(points)._governing
        return as_array((block.at_rows.residual_of(self.unknowns) * block.scaled(1)).norm(dim=1))

    def decaying(self, rate: float) -> LeastSquares:
        """The same problem with residuals times exp(-rate s), s the time as a fraction of that of all rows."""
        times = torch.cat([block.x[:, -1] for block in self.blocks])
        decay = Decay(rate, times.min(), times.max())
        return replace(self, blocks=tuple(replace(block, factor=decay) for block in self.blocks))

    @property
    def factors(self) -> list[Tensor]:
        """sqrt(weight / n_g) for each residual of each equation, n_g the number of residuals in its group."""
        counts: Counter[str] = Counter()
        for block in self.blocks:
            counts[block.equation.group] += block.n_residuals
        return [block.scaled(counts[block.equation.group]) for block in self.blocks]
