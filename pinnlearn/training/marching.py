"""What marches in time share: how far they go at a time, and how u goes on from what went before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnlearn.jets import Jet
from pinnlearn.least_squares import LeastSquares

# A window that leaves less than this part of itself takes that along.
ALL_BUT = 1.1


@dataclass
class Pace:
    """How far a march goes at a time: less far after a window that is not accepted, farther after those that are.

    Parameters
    ----------
    start, end : float
        Where it begins and where it ends; it runs backward where `end` is the smaller one.
    length : float
        Of the next window.
    growth : float
        A longer window is so many times as long, a shorter one so many times as short.
    was_shortened : bool
        Whether the last window was not accepted.
    """

    start: float
    end: float
    length: float
    growth: float = 2.0
    was_shortened: bool = False

    def reach(self, t: float) -> float:
        """Where a window from t ends: at the end of all, if it nearly comes there."""
        direction = 1.0 if self.end > self.start else -1.0
        return self.end if abs(self.end - t) <= ALL_BUT * self.length else t + direction * self.length

    def shorten(self, tried: float) -> None:
        """After a window of this length that is not accepted."""
        self.length, self.was_shortened = tried / self.growth, True

    def go_on(self, tried: float, *, grows: bool) -> None:
        """After a window of this length that is."""
        self.length, self.was_shortened = tried * (self.growth if grows else 1.0), False


# Outputs, and the axes of a derivative of each.
Kept = Sequence[tuple[int, tuple[int, ...]]]


def orders_in_time(problem: LeastSquares) -> tuple[int, ...]:
    """The highest derivative in time of each output that the PDE reads; zeros where other times are referred to."""
    time, orders = problem.unknowns.network.n_dims - 1, [0] * problem.unknowns.network.n_outputs
    for block, at_zero in zip(problem.blocks, problem.at_zero, strict=True):
        if not all(torch.equal(x[:, time], block.x[:, time]) for x in at_zero.points):
            return (0,) * len(orders)
        for term in at_zero.terms if block.equation.group == "interior" else ():
            highest = max(axes.count(time) for axes in term.symbol.monomials)
            orders[term.output] = max(orders[term.output], highest)
    return tuple(orders)


def kept_below(orders: Sequence[int], time: int) -> Kept:
    """What goes on at a joint: each output and its derivatives along the axis of time below the order."""
    return [(k, (time,) * j) for k, order in enumerate(orders) for j in range(order)]


def jump(u: Jet, kept: Kept, before: Tensor) -> Tensor:
    """By how much u and its derivatives differ from what went before, (n, len(kept)); zero where u goes on."""
    return torch.stack([u[k].along(axes) for k, axes in kept], dim=1) - before


def continuing(kept: Kept, before: Callable[[Tensor], Tensor]) -> Callable[[Tensor, Jet], Tensor]:
    """The equations by which u goes on from a function of points that gives (n, len(kept))."""
    return lambda x, u: jump(u, kept, before(x))
