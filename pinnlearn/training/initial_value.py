"""Initial value problems: what the equations along one coordinate ask for at its start, and how large their terms are.

An equation that reads derivatives of u_k up to the order m_k has the state u_k, ..., u_k^(m_k - 1): what the conditions
have to determine at the start, and what continues from one window to the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pinnlearn.jets import Symbol, Term
from pinnlearn.least_squares import Block, Equation, EquationAtRows, LeastSquares, LinearizedEquation
from pinnlearn.networks import Network
from pinnlearn.training.marching import continuing, kept_below

# Singular values of the conditions below this part of the largest do not count: a state that they leave open.
DETERMINED = 1e-10


def derivative(order: int) -> Symbol:
    """The symbol of a derivative along the one coordinate."""
    return Symbol(((0,) * order,))


@dataclass(frozen=True, eq=False)
class InitialValueProblem:
    """Equations along an interval whose conditions are all at one of its ends.

    Attributes
    ----------
    governing : Block
        The equations, one component for each output or more.
    conditions : tuple of Block
        At `start`.
    start, end : float
        The end with the conditions, and the other one.
    orders : tuple of int
        The highest derivative of each output that the equations read.
    state : list of Tensor
        For each output u, u', ... below its order at the start, but at least u, which is 0 where nothing tells.
    """

    governing: Block
    conditions: tuple[Block, ...]
    start: float
    end: float
    orders: tuple[int, ...]
    state: list[Tensor]

    @classmethod
    def of(cls, problem: LeastSquares, bounds: Sequence) -> InitialValueProblem | None:
        """That of a problem on an interval, or None where it is none: conditions elsewhere, or not enough of them."""
        governing = [block for block in problem.blocks if block.equation.group == "interior"]
        conditions = tuple(block for block in problem.blocks if block.equation.group != "interior")
        n_outputs = problem.unknowns.network.n_outputs
        if problem.unknowns.network.n_dims != 1 or len(governing) != 1 or not conditions:
            return None
        places = torch.cat([block.x[:, 0] for block in conditions]).unique().tolist()
        ends = [float(bound[0]) for bound in bounds]
        if len(places) != 1 or places[0] not in ends or len(governing[0].weights) < n_outputs:
            return None
        orders = _orders(problem, governing[0], n_outputs)
        state = None if orders is None else _state(conditions, orders)
        if orders is None or state is None:
            return None
        return cls(governing[0], conditions, places[0], ends[1 - ends.index(places[0])], orders, state)

    def continuing(self, t: float, state: list[Tensor]) -> Block:
        """The equations by which u and its derivatives below the order go on from a state at t."""
        kept = kept_below(self.orders, 0)
        values = torch.stack([state[k][len(axes)] for k, axes in kept])
        at_rows = self.governing.at_rows
        first, going_on = at_rows.x.new_tensor([[t]]), continuing(kept, lambda x: values)
        equation = Equation("what went before", "initial", going_on, self.governing.equation.rows[:1])
        return Block.of(EquationAtRows(equation, first, None, None, at_rows.has_time, at_rows.n_outputs))

    def state_of(self, network: Network, t: float) -> list[Tensor]:
        """That of a network at t."""
        at = network.at(self.governing.x.new_tensor([[t]]))
        return [
            torch.cat([at.term(derivative(j), k) for j in range(max(order, 1))]) for k, order in enumerate(self.orders)
        ]

    def leading(self, part: LinearizedEquation, component: int) -> dict[Term, Tensor]:
        """The coefficients of the highest derivatives in a component, or of all terms where it has none of these."""
        # What only another component reads comes with zeros.
        coefficients = {t: c for t, c in part.coefficients[component].items() if bool(c.any())}
        highest = {t: c for t, c in coefficients.items() if t.symbol.order == self.orders[t.output] > 0}
        return highest or coefficients or part.coefficients[component]


def _orders(problem: LeastSquares, governing: Block, n_outputs: int) -> tuple[int, ...] | None:
    """The highest derivative of each output that the equations read; None where they read other points."""
    unknowns = problem.unknowns
    few = governing.subset(np.arange(len(governing.x))[:2])
    part = few.at_rows.linearize(unknowns.network.at(few.x), unknowns.highest_order)
    if len(part.points) > 1 or not all(part.coefficients):
        return None
    return tuple(max((t.symbol.order for t in part.terms if t.output == k), default=0) for k in range(n_outputs))


def _state(conditions: Sequence[Block], orders: Sequence[int]) -> list[Tensor] | None:
    """The state at the start by the conditions, to first order from zero; None where they do not determine it."""
    like = conditions[0].x
    columns = {(k, j): i for i, (k, j) in enumerate((k, j) for k, m in enumerate(orders) for j in range(m))}
    rows, rights = [], []
    for block in conditions:
        part = block.at_rows.at_zero()
        if len(part.points) > 1:
            return None
        for residual, coefficients in zip(part.residual.unbind(dim=1), part.coefficients, strict=True):
            row = like.new_zeros(len(columns))
            for term, c in coefficients.items():
                if (term.output, term.symbol.order) in columns:
                    row[columns[term.output, term.symbol.order]] = c[0]
            rows.append(row)
            rights.append(-residual[0])
    A, b = torch.stack(rows), torch.stack(rights)
    lengths = torch.where(A.norm(dim=1) > 0, A.norm(dim=1), 1.0)
    A, b = A / lengths[:, None], b / lengths
    is_finite = bool(torch.isfinite(A).all()) and bool(torch.isfinite(b).all())
    if not is_finite or int(torch.linalg.matrix_rank(A, rtol=DETERMINED)) < len(columns):
        return None
    solved = torch.linalg.pinv(A) @ b
    return [
        torch.stack([solved[columns[k, j]] for j in range(m)]) if m else like.new_zeros(1) for k, m in enumerate(orders)
    ]
