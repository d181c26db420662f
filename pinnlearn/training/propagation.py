"""How errors of windows travel to the other end: what each leaves is carried on by the windows that follow.

In a window the change of its solution, to first order, that its residual r at fresh rows asks for is d = -J^+ r, and
what a change e of the state at its begin makes of it is J^+ E e, E being the columns of the residual of "what went
before". Read at the end they are the error delta that it leaves and the matrix Phi by which it carries others on:

    P <- Phi P Phi^T + diag(delta^2)

for the covariance P of the state. Phi multiplies errors by e^20 where solutions grow so, or part as chaotic ones do.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from pinnlearn.jets import VALUE, Symbol
from pinnlearn.least_squares import LeastSquares
from pinnlearn.networks import Network, Reading
from pinnlearn.training.determination import Determination

# A state is not known better than to so many times the rounding of its values.
ROUNDINGS = 10


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
        self._kept = [(k, j) for k, order in enumerate(orders) for j in range(max(order, 1))]
        self._is_state = torch.tensor([j < orders[k] for k, j in self._kept], device=like.device)
        self._values = [self._kept.index((k, 0)) for k in range(len(orders))]
        self._P = like.new_zeros(len(self._kept), len(self._kept))
        self._squares = like.new_zeros(3, len(orders))  # of lengths, errors and values, summed over windows

    def add(self, problem: LeastSquares, end: float, length: float, *, continues: bool) -> None:
        """Carry the errors on through a window.

        Parameters
        ----------
        problem : LeastSquares
            The window's, at rows that it has not seen and at its solution; its last block is what went before, or
            the conditions at the start.
        end, length : float
        continues : bool
            Whether a window went before.
        """
        linear = problem.linearize(problem.start)
        U, S, Vh = torch.linalg.svd(linear.jacobian(), full_matrices=False)
        kept = torch.finfo(S.dtype).eps * len(U) * S[0] < S
        inverse = torch.where(kept, 1 / S, 0.0)
        ends = _readings_at(problem.unknowns.network, end, self._kept, problem.unknowns.trained, problem.start)
        at_end = (ends @ Vh.T * inverse) @ U.T
        values = ends @ problem.start
        rounding = ROUNDINGS * torch.finfo(values.dtype).eps * values
        P = torch.diag((at_end @ linear.residual).square() + rounding.square())
        if continues:
            n_state = int(self._is_state.sum())
            Phi = at_end[:, -n_state:] * linear.factors[-1][0]
            P += Phi @ self._P[self._is_state][:, self._is_state] @ Phi.T
        self._P = P
        of_values = torch.stack([P.diagonal()[self._values], values[self._values].square()])
        self._squares += length * torch.cat([torch.ones_like(of_values[:1]), of_values])

    @property
    def determination(self) -> Determination:
        """What it says of u: the relative error of each output."""
        _, error, value = self._squares
        relative = torch.where(value > 0, error / value, torch.where(error > 0, math.inf, 0.0)).sqrt().tolist()
        return Determination(math.nan, True, tuple(relative), max(relative))


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
