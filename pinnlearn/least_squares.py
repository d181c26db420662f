"""From parameters to residual, Jacobian and Gram matrix, for rows grouped by region.

The loss is L(w) = 1/2 sum_g weight_g mean over the group's residuals of r^2. The weights are folded into the rows,
so that an optimizer sees L = 1/2 ||r||^2.

Notation (code: paper)
    parameters: w (hidden) and a (output)   residual: r = (s, h)    jacobian: J = dr/dw
    gram: H = J J^T                         width: m                coefficient c_t: d(residual) / d(term_t)

An equation is pointwise in the terms it reads, so one backward pass to those vectors gives the c_t, and
J = sum_t c_t * J_t with the closed-form J_t of the network: exact for linear and nonlinear equations alike.
"""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from pinnlearn.activations import Activation
from pinnlearn.gram import Piece, structured_gram, structured_size
from pinnlearn.jets import VALUE, EquationError, Jet, Symbol, Term, Zero
from pinnlearn.linalg import gram_of_rows
from pinnlearn.networks import NetworkAtPoints, Reading, TwoLayerNetwork, Weights

GROUPS = ("interior", "boundary", "initial", "data")


def as_tensor(array: ArrayLike, device: torch.device, dtype: torch.dtype | None) -> Tensor:
    """The one place where numpy becomes torch; None keeps the dtype of the array."""
    return torch.tensor(np.asarray(array), device=device, dtype=dtype)


def build_network(
    weights: Weights, activation: Activation, trainable: str, device: torch.device, dtype: torch.dtype
) -> TwoLayerNetwork:
    """Put arrays of weights on a device, as a network."""
    W, b, a = (as_tensor(block, device, dtype) for block in weights)
    return TwoLayerNetwork(activation, W, b, a, trainable)


def as_array(tensor: Tensor) -> NDArray:
    """The way back: an array of its own."""
    return tensor.detach().cpu().numpy().copy()


def evaluate(network: TwoLayerNetwork, X: ArrayLike, symbol: Symbol = VALUE) -> NDArray:
    """A derivative of u, or u itself, at points given as an array; (n,) or (n, n_outputs)."""
    return as_array(network.evaluate(as_tensor(X, network.hidden_bias.device, network.hidden_bias.dtype), symbol))


@dataclass(frozen=True)
class Equation:
    """An equation and the rows of X where it holds.

    Parameters
    ----------
    name : str
        What to call it in messages.
    group : {"interior", "boundary", "initial", "data"}
        The group of the loss that its residuals count in.
    residual : callable
        residual(x, u) -> (n,) or (n, q).
    rows : ndarray of shape (n,) of int
    normals : ndarray of shape (n, n_dims), optional
        Outward unit normals at the rows, on the boundary.
    values : ndarray of shape (n,), optional
        Known values of u; residual(x, u) then has to give u, and the equation is u = values.
    """

    name: str
    group: str
    residual: Callable[[Tensor, Jet], Tensor]
    rows: NDArray
    normals: NDArray | None = None
    values: NDArray | None = None


@dataclass(frozen=True)
class _Decay:
    """The factor exp(-rate s), s the time as a fraction of a time span."""

    rate: float
    begin: Tensor
    end: Tensor

    def __call__(self, times: Tensor) -> Tensor:
        return torch.exp(-self.rate * (times - self.begin) / (self.end - self.begin))


@dataclass(frozen=True)
class _Block:
    """An equation at its points, as tensors."""

    equation: Equation
    x: Tensor
    normals: Tensor | None
    values: Tensor | None
    has_time: bool | None
    decay: _Decay | None = None

    @property
    def row_factors(self) -> Tensor:
        """What residuals are multiplied with, (n,)."""
        return torch.ones_like(self.x[:, 0]) if self.decay is None else self.decay(self.x[:, -1])

    def __call__(self, source) -> Tensor:
        """The residuals, (n, q), of the function that `source` stands for."""
        try:
            r = self.equation.residual(self.x, Jet(source, self.has_time, self.normals))
        except EquationError as error:
            raise ValueError(f"{self.equation.name}: {error}") from error
        except IndexError as error:
            n_dims = self.x.shape[1]
            raise ValueError(
                f"{self.equation.name} reads a coordinate that does not exist ({error}); points have {n_dims} "
                f"coordinate(s), x[:, 0] to x[:, {n_dims - 1}]."
            ) from error
        _check_shape(r, self)
        if self.values is not None:
            r = r - self.values
        return r.reshape(len(self.x), -1)

    def extended(self, points: ArrayLike, first: int) -> _Block:
        """The equation at further points, (k, n_dims), whose rows have numbers from `first` on."""
        x = as_tensor(points, self.x.device, self.x.dtype)
        rows = np.concatenate([self.equation.rows, np.arange(first, first + len(x))])
        return replace(self, equation=replace(self.equation, rows=rows), x=torch.cat([self.x, x]))

    def subset(self, keep: NDArray) -> _Block:
        index = torch.as_tensor(keep, device=self.x.device)
        equation = replace(self.equation, rows=self.equation.rows[keep])
        normals, values = (t if t is None else t[index] for t in (self.normals, self.values))
        return _Block(equation, self.x[index], normals, values, self.has_time, self.decay)


def _check_shape(r: Tensor, block: _Block) -> None:
    n = len(block.x)
    if not isinstance(r, Tensor):
        raise TypeError(f"{block.equation.name} must return a torch tensor, got {type(r).__name__}.")
    if r.ndim not in (1, 2) or len(r) != n or r.numel() == 0:
        raise ValueError(
            f"{block.equation.name} must return one residual a row, shape ({n},) or ({n}, q) for {n} rows, but "
            f"returned shape {tuple(r.shape)}."
        )


class _NetworkTerms:
    """The terms that an equation reads from a network, kept to differentiate by."""

    def __init__(self, at: NetworkAtPoints, differentiable: bool):
        self.n_dims, self.n_outputs = at.network.n_dims, at.network.n_outputs
        self.points: list[Tensor] = [at.x]
        self.at: list[NetworkAtPoints] = [at]
        self.terms: dict[Term, Tensor] = {}
        self._differentiable = differentiable

    def term(self, term: Term) -> Tensor:
        if term not in self.terms:
            self._check_smooth_enough(term.symbol.order)
            values = self.at[term.points].term(term.symbol, term.output)
            self.terms[term] = values.requires_grad_(self._differentiable)
        return self.terms[term]

    def add_points(self, x: Tensor) -> int:
        if not isinstance(x, Tensor) or x.shape != self.points[0].shape:
            came = f"shape {tuple(x.shape)}" if isinstance(x, Tensor) else repr(x)
            raise EquationError(
                f"u.at(...) needs one point a row, a tensor of shape {tuple(self.points[0].shape)}, got {came}."
            )
        known = [i for i, points in enumerate(self.points) if points is x]
        if known:
            return known[0]
        self.points.append(x)
        self.at.append(self.at[0].network.at(x))
        return len(self.points) - 1

    def _check_smooth_enough(self, order: int) -> None:
        network = self.at[0].network
        name, highest = network.activation.name, network.activation.highest_order
        # Hidden weights enter through the activation, so that their Jacobian has one order more.
        if order + ("hidden_weights" in network.layout) > highest:
            raise EquationError(
                f"the equation reads a derivative of order {order}, but activation={name!r} serves equations up to "
                f"order {highest - 1:.0f}, with trainable='output' up to order {highest:.0f}; use a smooth activation "
                "such as 'tanh'."
            )


@dataclass(frozen=True)
class LinearizedEquation:
    """One equation at one state of the network.

    Attributes
    ----------
    residual : Tensor of shape (n, q)
        Without weights.
    terms : dict of Term to Tensor of shape (n,)
        What the equation read.
    coefficients : list of q dicts of Term to Tensor of shape (n,)
        d(residual component) / d(term).
    """

    equation: Equation
    residual: Tensor
    terms: dict[Term, Tensor]
    coefficients: list[dict[Term, Tensor]]
    at: list[NetworkAtPoints]

    def readings(self, component: int, factor: Tensor) -> list[tuple[NetworkAtPoints, list[Reading]]]:
        """The readings of one component, times a factor, (n,), for each of the equation's point sets."""
        return [
            (at, [Reading(t.symbol, t.output, c * factor) for t, c in chosen])
            for points, at in enumerate(self.at)
            if (chosen := [(t, c) for t, c in self.coefficients[component].items() if t.points == points])
        ]


def _linearize(block: _Block, at: NetworkAtPoints, twice: bool = False) -> LinearizedEquation:
    """An equation to first order; `twice`: and all of it differentiable in the network's parameters."""
    source = _NetworkTerms(at, differentiable=True)
    with torch.enable_grad():
        residual = block(source)
        columns = [_differentiate(column, source.terms, twice) for column in residual.unbind(dim=1)]
    if twice:
        return LinearizedEquation(block.equation, residual, source.terms, columns, source.at)
    terms = {term: values.detach() for term, values in source.terms.items()}
    return LinearizedEquation(block.equation, residual.detach(), terms, columns, source.at)


def _differentiate(column: Tensor, terms: dict[Term, Tensor], twice: bool) -> dict[Term, Tensor]:
    """d(column_i) / d(term_i) for each term: one backward pass, since row i depends on row i alone."""
    if not column.requires_grad:
        return {}
    gradients = torch.autograd.grad(
        column.sum(), list(terms.values()), retain_graph=True, allow_unused=True, create_graph=twice
    )
    return {term: g for term, g in zip(terms, gradients, strict=True) if g is not None}


class LeastSquares:
    """The least-squares problem of a network and its equations, functional in the parameters: it has no state.

    Parameters
    ----------
    network : TwoLayerNetwork
        Its trainable blocks are the parameters; the others stay as they are.
    x : Tensor of shape (n_samples, n_dims)
    equations : sequence of Equation
    loss_weights : dict of group to float
        A group that is not named has weight 1.
    has_time : bool or None
        Whether the last coordinate is time.

    Attributes
    ----------
    layout : dict of str to slice
        Where each block of parameters stands in the parameter vector.
    linear : slice or None
        The parameters that the network is linear in (the output weights), if they are trained.
    """

    def __init__(
        self,
        network: TwoLayerNetwork,
        x: Tensor,
        equations: Sequence[Equation],
        loss_weights: Mapping[str, float] | None = None,
        has_time: bool | None = None,
    ):
        self._network = network
        self._blocks = [_as_block(equation, x, has_time) for equation in equations]
        self.loss_weights = dict.fromkeys(GROUPS, 1.0) | dict(loss_weights or {})

    @property
    def n_rows(self) -> int:
        """The number of rows, a row that has several equations counted for each."""
        return sum(len(block.x) for block in self._blocks)

    def n_rows_in(self, group: str) -> int:
        """The number of rows of X in a group, each counted once."""
        return len(set().union(*(e.rows.tolist() for e in self.equations if e.group == group)))

    @property
    def n_residuals(self) -> int:
        """The number of residuals, each component of each equation counted."""
        return sum(r.numel() for r in self.at_zero())

    @property
    def equations(self) -> list[Equation]:
        """The equations and their rows."""
        return [block.equation for block in self._blocks]

    @property
    def layout(self) -> dict[str, slice]:  # noqa: D102
        return self._network.layout

    @property
    def linear(self) -> slice | None:  # noqa: D102
        return self.layout.get("output_weights")

    @property
    def start(self) -> Tensor:
        """The parameters of the network as given, (n_parameters,)."""
        return self._network.parameters

    def network(self, parameters: Tensor) -> TwoLayerNetwork:
        """The network with these parameters."""
        return self._network.with_parameters(parameters)

    def loss(self, parameters: Tensor) -> Tensor:
        """L(w), a scalar tensor."""
        residual = self.residual(parameters)
        return residual @ residual / 2

    def residual(self, parameters: Tensor) -> Tensor:
        """The weighted residuals r(w), (n_residuals,), without what their derivatives need."""
        return torch.cat(self._residuals(parameters))

    def _residuals(self, parameters: Tensor) -> list[Tensor]:
        network = self.network(parameters)
        residuals = [block(_NetworkTerms(network.at(block.x), False)) for block in self._blocks]
        return [(r * f[:, None]).reshape(-1) for r, f in zip(residuals, self._factors(residuals), strict=True)]

    def group_losses(self, parameters: Tensor) -> dict[str, float]:
        """The part of L(w) that each group has, in the order of GROUPS."""
        groups, losses = [e.group for e in self.equations], [float(r @ r / 2) for r in self._residuals(parameters)]
        return {name: sum(loss for g, loss in zip(groups, losses, strict=True) if g == name)
                for name in GROUPS if name in groups}  # fmt: skip

    def linearize(self, parameters: Tensor) -> Linearization:
        """The problem at w to first order: residual, gradient, Jacobian, Gram matrix."""
        network = self.network(parameters)
        return self._linearize(network, [network.at(block.x) for block in self._blocks])

    def _linearize(self, network: TwoLayerNetwork, at: Sequence[NetworkAtPoints], twice: bool = False) -> Linearization:
        parts = [_linearize(block, points, twice) for block, points in zip(self._blocks, at, strict=True)]
        return Linearization(self, network, parts, self._factors([part.residual for part in parts]))

    def at_zero(self) -> list[Tensor]:
        """Each equation's unweighted residuals, (n, q), of the function that is zero."""
        return [block(Zero(block.x, self._network.n_outputs)) for block in self._blocks]

    def hessian(self, parameters: Tensor) -> Callable[[Tensor], Tensor]:
        """The product v -> H v with the Hessian of L at w: autograd's derivative of the closed-form gradient."""
        with torch.enable_grad():
            w = parameters.detach().clone().requires_grad_()
            network = self.network(w)
            gradient = self._linearize(network, [network.at(block.x) for block in self._blocks], twice=True).gradient
        return lambda v: torch.autograd.grad(gradient, w, v, retain_graph=True)[0]

    @property
    def strata(self) -> list[NDArray]:
        """The rows of X by the equation that governs them, a row with several by the first; each row once."""
        rows, first = np.unique(np.concatenate([e.rows for e in self.equations]), return_index=True)
        governing = np.repeat(np.arange(len(self.equations)), [len(e.rows) for e in self.equations])[first]
        return [rows[governing == equation] for equation in np.unique(governing)]

    def subset(self, rows: NDArray) -> LeastSquares:
        """The same problem on some of the rows of X, e.g. a mini-batch; groups are averaged over what is left."""
        chosen = LeastSquares(self._network, self._blocks[0].x, [], self.loss_weights)
        kept = [(block, np.isin(block.equation.rows, rows)) for block in self._blocks]
        chosen._blocks = [block.subset(np.flatnonzero(keep)) for block, keep in kept if keep.any()]
        return chosen

    @property
    def _governing(self) -> _Block:
        """The PDE itself at its rows."""
        return next(block for block in self._blocks if block.equation.group == "interior")

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
        other = self.with_weights(self.loss_weights)
        other._blocks = [block.extended(points, first) if block is governing else block for block in self._blocks]
        return other

    def moved(self, points: ArrayLike) -> LeastSquares:
        """The same problem with points, (k, n_dims), in place of the rows that the PDE itself governs."""
        governing = self._governing
        block = governing.extended(points, 0)
        there = block.subset(np.arange(len(governing.x), len(block.x)))
        other = self.with_weights(self.loss_weights)
        other._blocks = [there if block is governing else block for block in self._blocks]
        return other

    def interior_residual(self, points: ArrayLike) -> NDArray:
        """The size of the PDE's residual at points, (k,), for the network as given; without the group's weight."""
        block = self.moved(points)._governing
        residual = block(_NetworkTerms(self._network.at(block.x), False))
        return as_array(residual.norm(dim=1) * block.row_factors)

    def with_weights(self, loss_weights: Mapping[str, float]) -> LeastSquares:
        """The same problem with other loss weights."""
        other = LeastSquares(self._network, self._blocks[0].x, [], loss_weights)
        other._blocks = self._blocks
        return other

    @property
    def has_time(self) -> bool:
        """Whether the last coordinate is known to be time."""
        return any(block.has_time for block in self._blocks)

    def decaying(self, rate: float) -> LeastSquares:
        """The same problem with residuals times exp(-rate s), s the time as a fraction of that of all rows."""
        times = torch.cat([block.x[:, -1] for block in self._blocks])
        decay = _Decay(rate, times.min(), times.max())
        other = self.with_weights(self.loss_weights)
        other._blocks = [replace(block, decay=decay) for block in self._blocks]
        return other

    def with_network(self, network: TwoLayerNetwork) -> LeastSquares:
        """The same equations for another network."""
        other = LeastSquares(network, self._blocks[0].x, [], self.loss_weights)
        other._blocks = self._blocks
        return other

    def _factors(self, residuals: list[Tensor]) -> list[Tensor]:
        """sqrt(weight_g / n_g) for each row of each equation, n_g the number of residuals in its group."""
        counts: Counter[str] = Counter()
        for block, residual in zip(self._blocks, residuals, strict=True):
            counts[block.equation.group] += residual.numel()
        return [
            block.row_factors * math.sqrt(self.loss_weights[group := block.equation.group] / counts[group])
            for block in self._blocks
        ]


def _as_block(equation: Equation, x: Tensor, has_time: bool | None) -> _Block:
    rows = torch.as_tensor(equation.rows, device=x.device)
    arrays = (equation.normals, equation.values)
    normals, values = (a if a is None else as_tensor(a, x.device, x.dtype) for a in arrays)
    return _Block(equation, x[rows], normals, values, has_time)


class Linearization:
    """A least-squares problem at one point, to first order.

    Attributes
    ----------
    residual : Tensor of shape (n_residuals,)
        Weighted; equation by equation, a row's residuals adjacent.
    parts : list of LinearizedEquation
    """

    def __init__(
        self, problem: LeastSquares, network: TwoLayerNetwork, parts: list[LinearizedEquation], factors: list[Tensor]
    ):
        self.parts = parts
        self._problem = problem
        self._factors = factors
        self._network = network
        self.residual = torch.cat([(p.residual * f[:, None]).reshape(-1) for p, f in zip(parts, factors, strict=True)])

    @property
    def loss(self) -> Tensor:
        """L = 1/2 ||r||^2, a scalar tensor."""
        return self.residual @ self.residual / 2

    @property
    def groups(self) -> NDArray:
        """The group of each residual, (n_residuals,) of str."""
        return np.concatenate([np.repeat(part.equation.group, part.residual.numel()) for part in self.parts])

    @property
    def gradient(self) -> Tensor:
        """J^T r, (n_parameters,), without forming J."""
        return self.rmatvec(self.residual)

    def jacobian(self, blocks: Sequence[str] | None = None) -> Tensor:
        """J, (n_residuals, n_parameters), or the columns of some blocks; a new tensor at each call."""
        network = self._network
        names = tuple(network.layout) if blocks is None else tuple(blocks)
        sizes = [network.layout[name].stop - network.layout[name].start for name in names]
        J = torch.zeros(len(self.residual), sum(sizes), dtype=self.residual.dtype, device=self.residual.device)
        for where, at, readings in self._pieces():
            at.add_jacobian(readings, dict(zip(names, J[where].split(sizes, dim=1), strict=True)))
        return J

    def jacobian_blocks(self, n_rows: int) -> Iterator[Tensor]:
        """J in blocks of rows, (at most n_rows, n_parameters), each row once: equation by equation and component."""
        names = tuple(self._network.layout)
        sizes = [where.stop - where.start for where in self._network.layout.values()]
        for _, group in groupby(self._pieces(), key=lambda piece: piece.where.start):
            pieces = list(group)  # of the same rows, one for each point set
            n = len(pieces[0].at.x)
            for first in range(0, n, n_rows):
                J = self.residual.new_zeros(min(n_rows, n - first), sum(sizes))
                out = dict(zip(names, J.split(sizes, dim=1), strict=True))
                for piece in pieces:
                    part = piece.at_rows(slice(first, first + n_rows))
                    part.at.add_jacobian(part.readings, out)
                yield J

    @property
    def gram_size(self) -> int:
        """The k for which J J^T costs as much as the product of an (n, k) with a (k, n) matrix."""
        return int(min(structured_size(self._network, list(self._pieces())), len(self._network.parameters)))

    def gram(self) -> Tensor:
        """J J^T, (n_residuals, n_residuals); by its structure, without J, where that costs less."""
        if self.gram_size < len(self._network.parameters):
            return structured_gram(self._network, list(self._pieces()), len(self.residual))
        return gram_of_rows(self.jacobian())

    def matvec(self, v: Tensor) -> Tensor:
        """J v, (n_residuals,), without forming J."""
        result = torch.zeros_like(self.residual)
        tangent = self._network.tangent(v)
        for where, at, readings in self._pieces():
            result[where] += at.jvp(readings, tangent)
        return result

    def rmatvec(self, v: Tensor) -> Tensor:
        """J^T v, (n_parameters,), without forming J."""
        total = torch.zeros_like(self._network.parameters)
        for _, at, readings in self._pieces(v):
            total += at.vjp(readings, tuple(self._network.layout))
        return total

    def linear_jacobian(self) -> Tensor:
        """The columns of J that belong to the output weights."""
        return self.jacobian(["output_weights"])

    def along_linear(self, step: Tensor) -> Linearization:
        """The problem to first order after a step in the output weights; hidden units are not evaluated again."""
        parameters = self._network.parameters
        parameters[self._network.layout["output_weights"]] += step
        network = self._network.with_parameters(parameters)
        return self._problem._linearize(network, [part.at[0].in_network(network) for part in self.parts])

    def row_order(self) -> NDArray:
        """The permutation that sorts the residuals by row of X, a row's residuals adjacent."""
        rows = [np.repeat(part.equation.rows, part.residual.shape[1]) for part in self.parts]
        return np.argsort(np.concatenate(rows), kind="stable")

    def _pieces(self, v: Tensor | None = None) -> Iterator[Piece]:
        """The components of the equations, one for each of their point sets; weighted, and times `v`, if given."""
        start = 0
        for part, factor in zip(self.parts, self._factors, strict=True):
            n, q = part.residual.shape
            for component in range(q):
                where = slice(start + component, start + n * q, q)
                for at, readings in part.readings(component, factor if v is None else factor * v[where]):
                    yield Piece(where, at, readings)
            start += n * q


def check_equations(problem: LeastSquares, probe: TwoLayerNetwork) -> None:
    """Check that every equation reads u, is finite at the start and is pointwise.

    Parameters
    ----------
    problem : LeastSquares
    probe : TwoLayerNetwork
        Any network that is not zero, to tell pointwise equations from others.

    Raises
    ------
    ValueError
        What is wrong, which equation it is and what to do instead.
    """
    for block, part in zip(problem._blocks, problem.linearize(problem.start).parts, strict=True):
        name = block.equation.name
        if not all(part.coefficients):
            raise ValueError(
                f"{name} reads nothing of u, or detaches it, so no u can satisfy it; use u.value, u.d(axis), "
                "u.laplacian and torch functions of them."
            )
        bad = int((~torch.isfinite(part.residual)).any(dim=1).sum())
        if bad:
            raise ValueError(
                f"{name} gives NaN or infinity at {bad} of {len(block.x)} rows at the start of training; check its "
                "functions of x there (divisions by zero, logarithms), and that it is defined for u = 0."
            )
        _check_pointwise(block, probe)


def warn_of_free_constants(problem: LeastSquares) -> None:
    """Warn where u + c solves the equations as well as u does, for a constant c."""
    parts = problem.linearize(problem.start).parts
    n_outputs = problem.network(problem.start).n_outputs
    for output in range(n_outputs):
        if all(_ignores_constant(coefficients, output) for part in parts for coefficients in part.coefficients):
            name = "u" if n_outputs == 1 else f"u[{output}]"
            warnings.warn(
                f"the equations tell {name} up to a constant only; give a known value in y, or a condition on {name} "
                "itself.",
                UserWarning,
                stacklevel=5,
            )


def warn_of_few_equations(problem: LeastSquares) -> None:
    """Warn where a PDE has fewer equations than u has outputs."""
    n_outputs = problem.network(problem.start).n_outputs
    for equation, residual in zip(problem.equations, problem.at_zero(), strict=True):
        if equation.group == "interior" and residual.shape[1] < n_outputs:
            warnings.warn(
                f"{equation.name} gives {residual.shape[1]} equation(s) a row for the {n_outputs} outputs of u, which "
                "do not determine them; return one residual for each, such as torch.stack([...], dim=1).",
                UserWarning,
                stacklevel=5,
            )


def _ignores_constant(coefficients: dict[Term, Tensor], output: int) -> bool:
    values = [c for term, c in coefficients.items() if term.symbol.order == 0 and term.output == output]
    return not values or not bool(torch.stack(values).sum(dim=0).any())


def _check_pointwise(block: _Block, probe: TwoLayerNetwork) -> None:
    n = len(block.x)
    whole = block(_NetworkTerms(probe.at(block.x), False))
    for some in (np.arange(0, n, 2), np.arange(1, n, 2)):  # each row is missing from one of them
        part = block.subset(some)
        if len(some) and not _agree(whole[some], part(_NetworkTerms(probe.at(part.x), False))):
            raise ValueError(
                f"{block.equation.name} is not pointwise: it gives other residuals for the same rows when it is "
                f"evaluated on {len(some)} of its {n} rows. A row's residual may depend on that row of x and u alone: "
                "use no mean, sum or norm over rows, and combine shapes (n,) with (n,), not (n, 1)."
            )


def _agree(whole: Tensor, alone: Tensor) -> bool:
    tolerance = math.sqrt(torch.finfo(whole.dtype).eps)
    return whole.shape == alone.shape and torch.allclose(
        whole, alone, rtol=tolerance, atol=tolerance * float(whole.abs().nan_to_num().max()), equal_nan=True
    )


def balanced_weights(problem: LeastSquares, half_width: NDArray) -> dict[str, float]:
    """Weights that make the loss independent of the units of x and of the equations.

    A function of amplitude 1 that varies over the domain has a k-th derivative of about half_width^(-k), its
    natural size; weight_g = 1 / mean over the group's residuals of sum_t (c_t size_t)^2. So every group's residuals
    are in units of u, and a boundary value's weight is 1.

    Parameters
    ----------
    problem : LeastSquares
        Linearised at its start.
    half_width : ndarray of shape (n_dims,)
        Half the extent of the domain along each axis.

    Returns
    -------
    dict of group to float
        One entry for each group that has rows.
    """
    squares: dict[str, list[Tensor]] = {}
    for part in problem.linearize(problem.start).parts:
        for coefficients in part.coefficients:
            square = sum(
                (c**2 * natural_size(t.symbol, half_width) ** 2 for t, c in coefficients.items()),
                start=torch.zeros_like(part.residual[:, 0]),
            )
            squares.setdefault(part.equation.group, []).append(square)
    means = {group: float(torch.cat(parts).mean()) for group, parts in squares.items()}
    return {group: 1 / mean if 0 < mean < math.inf else 1.0 for group, mean in means.items()}


def natural_size(symbol: Symbol, half_width: NDArray) -> float:
    """The size of a derivative of a function of amplitude 1 that varies over a domain of this half-width."""
    return math.sqrt(sum(np.prod(1 / half_width[list(axes)]) ** 2 for axes in symbol.monomials))
