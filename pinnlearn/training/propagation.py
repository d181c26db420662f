"""How errors of windows travel to the other end: what each leaves is carried on by the windows that follow.

To first order an error e obeys the linearised equations. From one end of a window to the other they carry the state by
the matrix Phi, the product of matrix exponentials over short steps; and a window leaves an error delta, that of the
change d = -J^+ r of its weights that its residual r at fresh rows asks for. With the covariance P of the state,

    P <- Phi (P + diag(rounding^2)) Phi^T + diag(delta^2)

Phi multiplies errors by e^20 where solutions grow so, or part as chaotic ones do. What is no part of the state, an
output that no derivative is read of, follows by the weights' own answer to a change of the state at the begin, J^+ E.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pinnlearn.jets import VALUE, Symbol
from pinnlearn.least_squares import LeastSquares, LinearizedEquation
from pinnlearn.networks import Network, Reading
from pinnlearn.training.determination import Determination

# A state is not known better than to so many times the rounding of its values.
ROUNDINGS = 3
# Over a window the exponentials are of so many steps.
STEPS = 200
# Growth by more than this is growth of rounding to all of u.
STEEPEST = 1e16


class Propagation:
    """The errors of outputs at the ends of windows.

    Parameters
    ----------
    orders : sequence of int
        The order of the equations in each output; their state is u and its derivatives below it.
    like : Tensor
        Of the precision and the device of all that follows.
    """

    def __init__(self, orders: Sequence[int], like: Tensor):
        self._orders = tuple(orders)
        self._kept = [(k, j) for k, order in enumerate(orders) for j in range(max(order, 1))]
        self._is_state = torch.tensor([j < orders[k] for k, j in self._kept], device=like.device)
        self._values = [self._kept.index((k, 0)) for k in range(len(orders))]
        self._P = like.new_zeros(len(self._kept), len(self._kept))
        self._squares = like.new_zeros(3, len(orders))  # of lengths, errors and values, summed over windows

    def add(self, problem: LeastSquares, part: LinearizedEquation, begin: float, end: float, state: Tensor) -> None:
        """Carry the errors on through a window.

        Parameters
        ----------
        problem : LeastSquares
            The window's, at rows that it has not seen and at its solution; its last block is what went before, or
            the conditions at the start.
        part : LinearizedEquation
            The equations at the window's solution, at `middles` of it.
        begin, end : float
        state : Tensor of shape (n_state,)
            At the begin.
        """
        linear = problem.linearize(problem.start)
        U, S, Vh = torch.linalg.svd(linear.jacobian(), full_matrices=False)
        kept = torch.finfo(S.dtype).eps * len(U) * S[0] < S
        inverse = torch.where(kept, 1 / S, 0.0)
        ends = _readings_at(problem.unknowns.network, end, self._kept, problem.unknowns.trained, problem.start)
        at_end = (ends @ Vh.T * inverse) @ U.T
        values = ends @ problem.start
        eps = ROUNDINGS * torch.finfo(values.dtype).eps
        at_begin = self._P[self._is_state][:, self._is_state] + torch.diag((eps * state).square())
        Phi = self._carrying(at_end[:, -len(state) :] * linear.factors[-1][0], part, end - begin)
        self._P = Phi @ at_begin @ Phi.T + torch.diag((at_end @ linear.residual).square() + (eps * values).square())
        of_values = torch.stack([self._P.diagonal()[self._values], values[self._values].square()])
        self._squares += abs(end - begin) * torch.cat([torch.ones_like(of_values[:1]), of_values])

    def _carrying(self, by_weights: Tensor, part: LinearizedEquation, time: float) -> Tensor:
        """Phi, (n_kept, n_state), by the equations; for what is no part of the state by the weights."""
        states = [pair for pair, is_state in zip(self._kept, self._is_state.tolist(), strict=True) if is_state]
        exact = transition(part, self._orders, states, time)
        Phi = by_weights.clone()
        Phi[self._is_state] = exact.nan_to_num(nan=STEEPEST).clamp(-STEEPEST, STEEPEST)
        return Phi

    @property
    def determination(self) -> Determination:
        """What it says of u: the relative error of each output."""
        _, error, value = self._squares
        relative = torch.where(value > 0, error / value, torch.where(error > 0, math.inf, 0.0)).sqrt().tolist()
        return Determination(math.nan, True, tuple(relative), max(relative))


def middles(begin: float, end: float) -> NDArray:
    """The middles of the steps of a window, (n,)."""
    return begin + (end - begin) * (np.arange(STEPS) + 0.5) / STEPS


def transition(
    part: LinearizedEquation, orders: Sequence[int], states: Sequence[tuple[int, int]], time: float
) -> Tensor:
    """How linearised equations carry states (output, derivative) through a window, (n_state, n_state)."""
    n, like = len(part.residual), part.residual
    highest, lower = like.new_zeros(n, like.shape[1], len(orders)), like.new_zeros(n, like.shape[1], len(states))
    for component, coefficients in enumerate(part.coefficients):
        for term, c in coefficients.items():
            if term.symbol.order == orders[term.output]:
                highest[:, component, term.output] += c
            else:
                lower[:, component, states.index((term.output, term.symbol.order))] += c
    if not bool(torch.isfinite(highest).all()) or not bool(torch.isfinite(lower).all()):
        return like.new_full((len(states), len(states)), math.inf)
    rates = -torch.linalg.pinv(highest) @ lower
    A = like.new_zeros(n, len(states), len(states))
    for row, (k, j) in enumerate(states):
        if j + 1 < orders[k]:
            A[:, row, states.index((k, j + 1))] = 1.0
        else:
            A[:, row] = rates[:, k]
    return reduce(lambda done, step: step @ done, torch.linalg.matrix_exp(A * (time / n)))


def _readings_at(
    network: Network, t: float, wanted: Sequence[tuple[int, int]], trained: Sequence[str], like: Tensor
) -> Tensor:
    """How derivatives of outputs at t are read off the weights that u is linear in, (n_wanted, n_weights)."""
    at, one = network.at(like.new_tensor([[t]])), like.new_ones(1)
    sizes = [network.blocks()[name].numel() for name in trained]
    rows = []
    for k, j in wanted:
        row = like.new_zeros(1, sum(sizes))
        symbol = Symbol(((0,) * j,)) if j else VALUE
        at.add_jacobian([Reading(symbol, k, one)], dict(zip(trained, row.split(sizes, dim=1), strict=True)))
        rows.append(row[0])
    return torch.stack(rows)
