"""Conditions that hold exactly, by the form of u: u = g(x) + B(x) v, v being the network, whatever its weights.

Equations are posed for v. A derivative of u that they read is one of g, and by Leibniz' rule

    D^alpha (b v) = sum over beta <= alpha of (alpha choose beta) D^(alpha - beta) b D^beta v,

so that it is affine in what is read of v, and its Jacobian is exact. Derivatives of g and b are autograd's, of
functions of x without weights, once for a set of points.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import product

import torch
from torch import Tensor

from pinnlearn.jets import VALUE, Jet, Symbol, Term, TermSource
from pinnlearn.networks import AtPoints, Network

# transform(x, v) -> u, both (n,) or (n, n_outputs); affine in v.
Transform = Callable[[Tensor, Tensor], Tensor]
Residual = Callable[[Tensor, Jet], Tensor]
Axes = tuple[int, ...]
# Differences by which slopes are checked, over the size of coordinates, and what they agree to.
STEP, SLOPES_AGREE = 1e-6, 1e-4
NOT_OF_TORCH = (
    "u = g(x) + b(x) v is differentiated by torch: write the transform, or the values of hard conditions, in functions "
    "of torch of x as it comes, without detach(), numpy() or torch.tensor(...)."
)


@dataclass(frozen=True, eq=False)
class Ansatz:
    """The form of u.

    Parameters
    ----------
    transform : callable
        transform(x, v) -> u, affine in v and pointwise.
    n_outputs : int
    """

    transform: Transform
    n_outputs: int

    def at(self, x: Tensor) -> AnsatzAtPoints:
        """The form at points, (n, n_dims)."""
        return AnsatzAtPoints(self, x)

    def applied(self, residual: Residual) -> Residual:
        """The residual of an equation for u as one for v."""
        known: list[AnsatzAtPoints] = []

        def of_network(x: Tensor, v: Jet) -> Tensor:
            return residual(x, replace(v, source=_Transformed(v.source, self, x, known)))

        return of_network

    def evaluate(self, network: Network, x: Tensor, symbol: Symbol = VALUE) -> Tensor:
        """A derivative of u at points, (n,) or (n, n_outputs)."""
        source = _Transformed(_OfNetwork(network.at(x)), self, x, [])
        columns = [source.term(Term(symbol, k, 0)) for k in range(self.n_outputs)]
        return columns[0] if len(columns) == 1 else torch.stack(columns, dim=1)

    def of_values(self, x: Tensor, v: Tensor) -> Tensor:
        """The values of u for values of v, (n, n_outputs) both.

        Raises
        ------
        ValueError
            If the transform gives another shape.
        """
        try:
            u = self.transform(x, v[:, 0] if self.n_outputs == 1 else v)
        except RuntimeError as error:
            if "numpy()" not in str(error):
                raise
            raise ValueError(f"{NOT_OF_TORCH} ({error})") from error
        wanted = (len(x),) if self.n_outputs == 1 else (len(x), self.n_outputs)
        if not isinstance(u, Tensor) or u.shape != wanted:
            came = f"shape {tuple(u.shape)}" if isinstance(u, Tensor) else repr(u)
            raise ValueError(
                f"transform(x, v) must give u, a tensor of the shape of v, {wanted}, but gave {came}; write x[:, 0] "
                "for the first coordinate."
            )
        return u.reshape(len(x), -1)

    def check(self, x: Tensor) -> None:
        """Check the form at points.

        Raises
        ------
        ValueError
            If u is not finite, not affine in v, not pointwise or does not depend on v.
        """
        at, n = self.at(x), len(x)
        # Any numbers that differ from row to row and from output to output.
        v = torch.cos(torch.arange(1.0, n * self.n_outputs + 1, device=x.device)).to(x).reshape(n, -1)
        B = torch.stack([torch.stack([at.b(k, j) for j in range(self.n_outputs)]) for k in range(self.n_outputs)])
        g = torch.stack([at.g(VALUE, k) for k in range(self.n_outputs)], dim=1)
        if not bool(torch.isfinite(B).all() and torch.isfinite(g).all()):
            raise ValueError("transform(x, v) is NaN or infinite at some rows of X for v = 0, or its slope in v is.")
        if not bool(B.any()):
            raise ValueError(
                "u does not depend on the network at any row of X, so that there is nothing to solve for; add interior "
                "rows, and write a transform as g(x) + b(x) * v, b being zero only where u is given."
            )
        self._check_differentiated(at)
        for factor in (1.0, -30.0):
            affine = g + torch.einsum("kjn,nj->nk", B, factor * v)
            u = self.of_values(x, factor * v).detach()
            size = float((g.abs() + torch.einsum("kjn,nj->nk", B.abs(), (factor * v).abs())).max())
            if not torch.allclose(u, affine, rtol=0, atol=size * torch.finfo(x.dtype).eps ** 0.5):
                raise ValueError(
                    "transform(x, v) must be affine in v, g(x) + b(x) * v, and row i of u may depend on row i of x and "
                    "v alone; for v times 30 it is off by "
                    f"{float((u - affine).abs().max()):.2g}. Write what is nonlinear into the equation."
                )

    def _check_differentiated(self, at: AnsatzAtPoints) -> None:
        """Check autograd's slopes of g by differences, at most rows: there may be kinks at a few."""
        x, none = at.x, torch.zeros_like(at.x[:, :1]).expand(-1, self.n_outputs)
        for axis in range(x.shape[1]):
            step = torch.zeros_like(x)
            step[:, axis] = STEP * (1 + x[:, axis].abs().max())
            ahead, behind = (self.of_values(x + sign * step, none).detach() for sign in (1, -1))
            slopes = (ahead - behind) / (2 * step[:, axis, None])
            ours = torch.stack([at.g(Symbol(((axis,),)), k) for k in range(self.n_outputs)], dim=1)
            rounding = SLOPES_AGREE * ((ours.abs() + slopes.abs()) + ahead.abs().max())
            if (slopes - ours).abs().gt(rounding).any(dim=1).float().mean() > 0.5:
                raise ValueError(f"{NOT_OF_TORCH} Its slope along axis {axis} is not the one that torch gives.")


def evaluate_form(ansatz: Ansatz | None, network: Network, x: Tensor, symbol: Symbol = VALUE) -> Tensor:
    """A derivative of u at points, (n,) or (n, n_outputs); without a form u is the network."""
    return network.evaluate(x, symbol) if ansatz is None else ansatz.evaluate(network, x, symbol)


class AnsatzAtPoints:
    """g and B at points, with their derivatives; each is computed once."""

    def __init__(self, ansatz: Ansatz, x: Tensor):
        self.x = x
        q = ansatz.n_outputs
        with torch.enable_grad():
            self._x = x.detach().clone().requires_grad_()
            v = torch.zeros(len(x), q, dtype=x.dtype, device=x.device, requires_grad=True)
            u = ansatz.of_values(self._x, v)
            self._g: list[dict[Axes, Tensor | None]] = [{(): u[:, k]} for k in range(q)]
            slopes = [_gradient(u[:, k], v) for k in range(q)]
        self._b: list[list[dict[Axes, Tensor | None]]] = [
            [{(): None if slope is None else slope[:, j]} for j in range(q)] for slope in slopes
        ]
        self._products: dict[tuple[Symbol, int, int], list[tuple[Symbol, Tensor]]] = {}
        self._inhomogeneous: dict[tuple[Symbol, int], Tensor] = {}

    def g(self, symbol: Symbol, output: int) -> Tensor:
        """A derivative of g, (n,)."""
        if (symbol, output) not in self._inhomogeneous:
            parts = [self._derivative(self._g[output], axes) for axes in symbol.monomials]
            known = [part.detach() for part in parts if part is not None]
            self._inhomogeneous[symbol, output] = sum(known, start=torch.zeros_like(self.x[:, 0]))
        return self._inhomogeneous[symbol, output]

    def b(self, output: int, of: int) -> Tensor:
        """What output `of` of the network is times in an output of u, (n,)."""
        known = self._b[output][of][()]
        return torch.zeros_like(self.x[:, 0]) if known is None else known.detach()

    def products(self, symbol: Symbol, output: int, of: int) -> list[tuple[Symbol, Tensor]]:
        """Leibniz' rule: which derivatives of an output of the network are read, and what each is times, (n,)."""
        key = symbol, output, of
        if key not in self._products:
            read = {symbol: self.b(output, of)} | self._lower(symbol, self._b[output][of])
            # What is zero at all points is not read, but that an output reads itself, which tells that it is there.
            itself = symbol if of == output else None
            self._products[key] = [pair for pair in read.items() if pair[0] == itself or bool(pair[1].any())]
        return self._products[key]

    def _lower(self, symbol: Symbol, b: dict[Axes, Tensor | None]) -> dict[Symbol, Tensor]:
        """The parts in which b is differentiated."""
        factors: dict[Symbol, Tensor] = defaultdict(lambda: torch.zeros_like(self.x[:, 0]))
        for axes in symbol.monomials:
            for chosen in product((True, False), repeat=len(axes)):
                of_b = tuple(axis for axis, is_chosen in zip(axes, chosen, strict=True) if is_chosen)
                of_v = tuple(axis for axis, is_chosen in zip(axes, chosen, strict=True) if not is_chosen)
                slope = self._derivative(b, of_b) if of_b else None
                if slope is not None:
                    factors[Symbol((of_v,))] = factors[Symbol((of_v,))] + slope.detach()
        return factors

    def _derivative(self, known: dict[Axes, Tensor | None], axes: Axes) -> Tensor | None:
        """A derivative of a function of x; None if it is zero everywhere."""
        if axes not in known:
            *before, last = axes
            lower = self._derivative(known, tuple(before))
            with torch.enable_grad():
                gradient = None if lower is None else _gradient(lower, self._x)
            known[axes] = None if gradient is None else gradient[:, last]
        return known[axes]


def _gradient(values: Tensor, by: Tensor) -> Tensor | None:
    """That of values, each a function of its row; None if they do not depend on it."""
    if not values.requires_grad:
        return None
    return torch.autograd.grad(values.sum(), by, create_graph=True, allow_unused=True)[0]


@dataclass(frozen=True, eq=False)
class _OfNetwork:
    """A network at points as the source of a jet."""

    at: AtPoints

    @property
    def n_dims(self) -> int:
        return self.at.network.n_dims

    @property
    def n_outputs(self) -> int:
        return self.at.network.n_outputs

    def term(self, term: Term) -> Tensor:
        return self.at.term(term.symbol, term.output)

    def add_points(self, x: Tensor) -> int:
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class _Transformed:
    """The source of u, made of that of v; `known` keeps the form at each set of points from one call to the next."""

    source: TermSource
    ansatz: Ansatz
    x: Tensor
    known: list[AnsatzAtPoints]
    points: dict[int, AnsatzAtPoints] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._keep(0, self.x)

    @property
    def n_dims(self) -> int:
        return self.source.n_dims

    @property
    def n_outputs(self) -> int:
        return self.source.n_outputs

    def term(self, term: Term) -> Tensor:
        at, (symbol, output, points) = self.points[term.points], term
        total = at.g(symbol, output)
        for of in range(self.n_outputs):
            for each, factor in at.products(symbol, output, of):
                total = total + factor * self.source.term(Term(each, of, points))
        return total

    def add_points(self, x: Tensor) -> int:
        number = self.source.add_points(x)
        self._keep(number, x)
        return number

    def _keep(self, number: int, x: Tensor) -> None:
        if number < len(self.known) and _same(self.known[number].x, x):
            self.points[number] = self.known[number]
            return
        self.points[number] = self.ansatz.at(x)
        self.known[number:] = [self.points[number]] if number <= len(self.known) else []


def _same(a: Tensor, b: Tensor) -> bool:
    return a is b or (a.shape == b.shape and a.dtype == b.dtype and a.device == b.device and torch.equal(a, b))
