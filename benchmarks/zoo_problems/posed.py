"""What an exhibit of the zoo is: a problem as its user writes it, its rows, and the values that it is judged by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.integrate import solve_ivp
from torch import Tensor

from pinnlearn.conditions import Dirichlet, Initial
from pinnlearn.domains import Box, Interval, Time
from pinnlearn.metrics import new_points
from pinnlearn.pdes import PDE

PI = torch.pi
KINDS = ("well-posed", "several", "ill-posed", "incomplete", "noise")
WELL_POSED, SEVERAL, ILL_POSED, INCOMPLETE, NOISE = KINDS
# An error that counts as right; ten times as much is no answer any more.
FAIR = 1e-3
N_TIMES = 200
TIGHT = 1e-12


@dataclass(frozen=True)
class Posed:
    """A PDE, the rows that it is solved at, and the solutions that a fit is compared with.

    Attributes
    ----------
    pde : PDE or None
    solutions : sequence of callable
        In closed form, torch (n, n_dims) -> (n,) or (n, n_outputs), each right; `pde.solution` where there are none.
    reference : callable or None
        A numerical one, numpy (n, n_dims) -> (n,) or (n, n_outputs), or a list of those of several right answers.
    rows : callable or None
        seed -> the arguments of fit, X and perhaps y and region; None for `pde.sample`.
    points : callable or None
        () -> the points that are compared, (n, n_dims); None for uniform ones.
    """

    pde: PDE | None
    solutions: Sequence[Callable[[Tensor], Tensor]] = ()
    reference: Callable[[NDArray], NDArray] | None = None
    rows: Callable[[int], dict] | None = None
    points: Callable[[], NDArray] | None = None

    def closed(self) -> tuple[Callable[[Tensor], Tensor], ...]:
        """The solutions in closed form."""
        own = getattr(self.pde, "solution", None)
        return tuple(self.solutions) or (() if own is None else (own,))

    def compared(self) -> tuple[NDArray, list[NDArray]]:
        """Points and the values there, (n, n_outputs), of every right answer."""
        functions = [partial(_evaluated, solution) for solution in self.closed()]
        if self.reference is None and not functions:
            return np.empty((0, 0)), []
        X = self.compared_points()
        answers = [function(X) for function in functions]
        if self.reference is not None:
            found = self.reference(X)
            answers += found if isinstance(found, list) else [found]
        return X, [np.asarray(values).reshape(len(X), -1) for values in answers]

    def compared_points(self) -> NDArray:
        """Points that no fit is trained on, (n, n_dims)."""
        return new_points(self.pde.domain) if self.points is None else self.points()


def _evaluated(solution: Callable[[Tensor], Tensor], X: NDArray) -> NDArray:
    return np.asarray(solution(torch.tensor(X)))


@dataclass(frozen=True)
class Exhibit:
    """A problem of the zoo by name, with its numbers of rows."""

    name: str
    family: str
    kind: str
    n_interior: int
    n_boundary: int
    fair: float
    make: Callable[..., PDE | Posed]
    parameters: dict = field(default_factory=dict)

    def posed(self) -> Posed:
        """The problem, always with its rows and solutions around it."""
        made = self.make(**self.parameters)
        return made if isinstance(made, Posed) else Posed(made)

    def rows(self, posed: Posed, seed: int) -> dict:
        """The arguments of fit."""
        if posed.rows is not None:
            return posed.rows(seed)
        return {"X": posed.pde.sample(self.n_interior, self.n_boundary, random_state=seed)}


EXHIBITS: dict[str, Exhibit] = {}


def exhibit(
    name: str, n_interior: int = 0, n_boundary: int = 0, kind: str = WELL_POSED, *, fair: float = FAIR, **parameters
):
    """Register a function that poses a problem, for these parameters of it; several times for several of them."""

    def register(make: Callable[..., PDE | Posed]) -> Callable[..., PDE | Posed]:
        if name in EXHIBITS or kind not in KINDS:
            raise ValueError(f"{name!r} is taken, or {kind!r} is no kind of {KINDS}.")
        family = make.__module__.rpartition(".")[2]
        EXHIBITS[name] = Exhibit(name, family, kind, n_interior, n_boundary, fair, make, parameters)
        return make

    return register


def unit_square() -> Box:
    """The square [0, 1]^2."""
    return Box([0.0, 0.0], [1.0, 1.0])


def face(axis: int, *values: float) -> Callable:
    """Where a coordinate has one of some values."""

    def where(x):
        chosen = x[:, axis] == values[0]
        for value in values[1:]:
            chosen = chosen | (x[:, axis] == value)
        return chosen

    return where


def stacked(*columns: Tensor) -> Tensor:
    """Columns side by side, (n, q)."""
    return torch.stack(columns, dim=1)


def uniform(lower: Sequence[float], upper: Sequence[float], n: int = 10_000) -> NDArray:
    """Uniform points of a part of the domain."""
    return np.random.default_rng(1).uniform(lower, upper, (n, len(lower)))


def with_layers(domain: Box | Interval, *layers: tuple[int, float], depth: int = 30) -> NDArray:
    """Uniform points, and as many at distances that halve, from each of some (axis, place); (n, n_dims)."""
    rng, (lower, upper) = np.random.default_rng(2), domain.bounds
    parts = [new_points(domain)]
    for axis, place in layers:
        X = uniform(lower, upper)
        side = np.where(X[:, axis] > place, upper[axis] - place, lower[axis] - place)
        X[:, axis] = place + side * 2.0 ** -rng.uniform(0, depth, len(X))
        parts.append(X)
    return np.concatenate(parts)


def integrated(right_side: Callable, start: Sequence[float], t_start: float, times: NDArray, method: str) -> NDArray:
    """The solution of u' = f(t, u), numpy, at increasing times, from one to the next; (n, q)."""
    y, values, atol = np.array(start, dtype=float), [], TIGHT * 1e-2 * np.abs(start).max()
    for span in pairwise([t_start, *times]):
        if span[1] > span[0]:
            y = solve_ivp(lambda t, u: right_side(t, *u), span, y, method=method, rtol=TIGHT, atol=atol).y[:, -1]
        values.append(y)
    return np.array(values)


def initial_value_problem(
    right_side: Callable,
    start: Sequence[float],
    t_end: float,
    t_start: float = 0.0,
    *,
    method: str = "DOP853",
    on_an_interval: bool = False,
    solution: Callable[[Tensor], Tensor] | None = None,
) -> Posed:
    """U' = f(t, u) with values at the start, on `Time` or as it is written on an `Interval`; scipy's answer.

    The right-hand side takes t and the outputs, numpy or torch, and gives a tuple.
    """
    q = len(start)

    def equation(x, u):
        sides = right_side(x[:, 0], *(u[k].value for k in range(q)))
        rates = [u[k].d(0) if on_an_interval else u[k].dt for k in range(q)]
        return stacked(*(rate - side for rate, side in zip(rates, sides, strict=True)))

    domain = Interval(t_start, t_end) if on_an_interval else Time(t_start, t_end)
    condition = Dirichlet(list(start), where=face(0, t_start)) if on_an_interval else Initial(list(start))
    pde = PDE(domain, equation=equation, conditions=[condition], n_outputs=q, solution=solution)
    if solution is not None:
        return Posed(pde)
    return Posed(
        pde,
        reference=lambda X: integrated(right_side, start, t_start, X[:, 0], method),
        points=lambda: np.linspace(t_start, t_end, N_TIMES + 1)[1:, None],
    )
