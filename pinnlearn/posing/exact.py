"""The form of u by which conditions on faces of a box and at the start hold exactly.

With s the coordinate scaled to [0, 1] along an axis with hard faces, b is the product over these axes of 4 s (1 - s),
of s or 1 - s where one face is hard, and of s^2 where a velocity is given too. g is made by transfinite interpolation,
axis after axis: P f is linear between two faces and constant from a single one, and g <- g + P (f - g), f being the
values on the faces; it meets them all where they agree on edges.

References
----------
Gordon and Hall (1973), "Construction of curvilinear co-ordinate systems and applications to mesh generation", Int. J.
Numer. Methods Eng. 7: Boolean sums of projectors.
Lagaris, Likas and Fotiadis (1998), "Artificial neural networks for solving ordinary and partial differential
equations", IEEE Trans. Neural Netw. 9: u = g + b v.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import prod
from numbers import Real
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pinnlearn.arrays import CPU, as_array, as_tensor
from pinnlearn.conditions import BaseCondition, InitialVelocity, evaluate
from pinnlearn.domains import Domain
from pinnlearn.pdes import PDE
from pinnlearn.posing.ansatz import Ansatz

# Points of a face or an edge that conditions are looked at, always the same ones.
N_LOOKED, LOOK_SEED = 64, 0
# Values on an edge that differ by less than this part of the largest on its faces are rounded.
ROUNDED = 1e-6
# Evaluations of given values for one of g: more than those of a box in six dimensions are refused.
MOST_EVALUATIONS = 3**6


def ansatz_of(pde: PDE) -> Ansatz | None:
    """The form of u that a PDE asks for, by `transform` or by conditions with `hard`; None for none.

    Raises
    ------
    ValueError
        If there is no such form, or both are given.
    """
    # What is periodic is so by the network's inputs.
    hard = [condition for condition in pde.conditions if condition.hard and not condition.own_axes]
    if pde.transform is None:
        return Ansatz(ExactForm.of(pde, hard), pde.n_outputs) if hard else None
    if hard:
        raise ValueError(
            f"{hard[0].label} is hard, but the PDE has a transform as well, which u is made by; write the condition "
            "into the transform, and leave it out or give it without hard."
        )
    if not callable(pde.transform):
        raise ValueError(f"transform must be a function of x and v, got {pde.transform!r}.")
    return Ansatz(pde.transform, pde.n_outputs)


def check_ansatz(pde: PDE, X: NDArray) -> None:
    """Check the form of u at rows, and that given values agree where faces meet.

    Raises
    ------
    ValueError
        Where they do not; see also `ansatz_of` and `Ansatz.check`.
    """
    ansatz = ansatz_of(pde)
    if ansatz is None:
        return
    if isinstance(ansatz.transform, ExactForm):
        ansatz.transform.check_edges()
    ansatz.check(as_tensor(X, CPU, torch.float64))


@dataclass(frozen=True, eq=False)
class Face:
    """One face along an axis, on which u has given values.

    Parameters
    ----------
    axis : int
    at : float
        The coordinate.
    condition : Dirichlet or Initial
    n_outputs : int
    """

    axis: int
    at: float
    condition: Any
    n_outputs: int

    def project(self, x: Tensor) -> Tensor:
        """Points moved onto it."""
        return torch.cat([x[:, : self.axis], torch.full_like(x[:, :1], self.at), x[:, self.axis + 1 :]], dim=1)

    def values(self, x: Tensor) -> Tensor:
        """What is given at points on it, (n, n_outputs)."""
        like = x.new_zeros(len(x)) if self.n_outputs == 1 else x.new_zeros(len(x), self.n_outputs)
        return evaluate(self.condition.value, x, like, f"the value of {self.condition.label}").reshape(len(x), -1)


@dataclass(frozen=True, eq=False)
class Ends:
    """The hard faces along one axis.

    Parameters
    ----------
    axis : int
    bounds : pair of float
        Of the domain along it.
    lower, upper : Face or None
    velocity : Face or None
        At the start, the derivative along the axis.
    """

    axis: int
    bounds: tuple[float, float]
    lower: Face | None = None
    upper: Face | None = None
    velocity: Face | None = None

    @property
    def faces(self) -> list[Face]:
        """Those on which values are given."""
        return [face for face in (self.lower, self.upper) if face is not None]

    def fractions(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """How far points are from the lower and from the upper end, over the extent."""
        a, b = self.bounds
        return (x[:, self.axis] - a) / (b - a), (b - x[:, self.axis]) / (b - a)

    def vanishing(self, x: Tensor) -> Tensor:
        """What vanishes on the faces, (n,), at most 1."""
        s, rest = self.fractions(x)
        if self.lower is not None and self.upper is not None:
            return 4 * s * rest
        if self.upper is not None:
            return rest
        return s if self.velocity is None else s**2

    def interpolated(self, f: Callable[[Face, Tensor], Tensor], x: Tensor) -> Tensor:
        """Of a function that is known on faces: linear between two, constant from one."""
        s, rest = self.fractions(x)
        weights = [rest, s] if len(self.faces) == 2 else [torch.ones_like(s)]
        parts = [w[:, None] * f(face, face.project(x)) for w, face in zip(weights, self.faces, strict=True)]
        return sum(parts[1:], start=parts[0])

    def moving(self, g: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
        """What a velocity adds to a function that has the values at the start, (n, n_outputs)."""
        if self.velocity is None:
            return x.new_zeros(1, 1)
        at_start = self.velocity.project(x)
        rate = self.velocity.values(at_start) - derivative_along(g, at_start, self.axis)
        return (x[:, self.axis, None] - self.bounds[0]) * rate


def derivative_along(g: Callable[[Tensor], Tensor], x: Tensor, axis: int) -> Tensor:
    """The derivative of a function along an axis, (n, n_outputs), by autograd."""
    with torch.enable_grad():
        along = x[:, axis].detach().clone().requires_grad_()
        values = g(torch.cat([x[:, :axis], along[:, None], x[:, axis + 1 :]], dim=1))
        if not values.requires_grad:
            return torch.zeros_like(values)
        columns = [
            torch.autograd.grad(column.sum(), along, create_graph=True, allow_unused=True, materialize_grads=True)[0]
            for column in values.unbind(dim=1)
        ]
    return torch.stack(columns, dim=1)


@dataclass(frozen=True, eq=False)
class ExactForm:
    """u = g + b v for values that are given on faces.

    Parameters
    ----------
    domain : Domain
    axes : tuple of Ends
        Time, if it is among them, last.
    """

    domain: Domain
    axes: tuple[Ends, ...]

    @classmethod
    def of(cls, pde: PDE, hard: Sequence[BaseCondition]) -> ExactForm:
        """That of conditions, which must hold on whole faces.

        Raises
        ------
        ValueError
            If they do not, or the domain is unknown or has no faces.
        """
        if pde.domain is None:
            raise ValueError(
                f"{hard[0].label} needs to know where it holds; give the PDE a domain, or write u by transform=."
            )
        ends: dict[int, Ends] = {}
        periodic = {axis for condition in pde.conditions for axis in condition.own_axes}
        for condition in sorted(hard, key=lambda each: isinstance(each, InitialVelocity)):
            for place, face in _faces(condition, pde.domain, pde.n_outputs, periodic):
                a, b = (float(corner[face.axis]) for corner in pde.domain.bounds)
                known = ends.get(face.axis, Ends(face.axis, (a, b)))
                ends[face.axis] = _joined(known, place, face)
        form = cls(pde.domain, tuple(ends[axis] for axis in sorted(ends)))
        form._check_size()
        return form

    def __call__(self, x: Tensor, v: Tensor) -> Tensor:
        """The values of u for those of v."""
        b = reduce_product([ends.vanishing(x) for ends in self.axes])
        return (self._g(x, len(self.axes)) + b[:, None] * v.reshape(len(x), -1)).reshape(v.shape)

    def _g(self, x: Tensor, n: int) -> Tensor:
        """What has the given values on the faces along the first n axes, (n, n_outputs)."""
        constant = self._constant
        if constant is not None:
            return torch.full_like(x[:, :1], constant)
        if not n:
            return x.new_zeros(1, 1)
        ends, lower = self.axes[n - 1], lambda at: self._g(at, n - 1).expand(len(at), -1)
        g = lower(x) + ends.interpolated(lambda face, at: face.values(at) - lower(at), x)
        return g + ends.moving(lower, x)

    @property
    def _faces(self) -> list[Face]:
        return [face for ends in self.axes for face in ends.faces]

    @property
    def _constant(self) -> float | None:
        """The one number that all values are, if they are."""
        values = {face.condition.value for face in self._faces if isinstance(face.condition.value, Real)}
        is_number = all(isinstance(face.condition.value, Real) for face in self._faces)
        is_still = all(ends.velocity is None or ends.velocity.condition.value == 0 for ends in self.axes)
        return float(values.pop()) if is_number and is_still and len(values) == 1 else None

    def _check_size(self) -> None:
        n = prod(1 + len(ends.faces) for ends in self.axes)
        if self._constant is None and n > MOST_EVALUATIONS:
            raise ValueError(
                f"values on {len(self._faces)} faces would be interpolated from {n} edges and corners; give the same "
                "number on all of them, leave hard=True out, or write u by PDE(transform=lambda x, v: g(x) + b(x) * v)."
            )

    def check_edges(self) -> None:
        """Raise a ValueError where values that are given on two faces differ where these meet."""
        X = self.domain.sample("interior", N_LOOKED, np.random.default_rng(LOOK_SEED), "uniform")
        x = as_tensor(X, CPU, torch.float64)
        pairs = [(one, other, lambda face, at: face.values(at)) for one, other in combinations(self._faces, 2)]
        moving = [ends.velocity for ends in self.axes if ends.velocity is not None]
        pairs += [
            (face, velocity, lambda each, at: _rate(each, at, velocity))  # noqa: B023
            for velocity in moving
            for face in self._faces
        ]
        for one, other, of in pairs:
            if one.axis != other.axis:
                _check_agree(one, other, of, x)


def _rate(face: Face, x: Tensor, velocity: Face) -> Tensor:
    """The velocity that is given, or that of the values on another face."""
    return face.values(x) if face is velocity else derivative_along(face.values, x, velocity.axis)


def _check_agree(one: Face, other: Face, of: Callable[[Face, Tensor], Tensor], x: Tensor) -> None:
    edge = other.project(one.project(x))
    off = (of(one, edge) - of(other, edge)).detach().abs().amax(dim=1)
    # Where they meet both may be zero but for rounding.
    size = max(float(of(face, face.project(x)).detach().abs().max()) for face in (one, other))
    worst = int(off.argmax())
    if not float(off[worst]) <= ROUNDED * size:
        point = ", ".join(f"{each:.4g}" for each in edge[worst].tolist())
        raise ValueError(
            f"{one.condition.label} and {other.condition.label} cannot both hold exactly: where they meet, as at x = "
            f"({point}), they differ by {float(off[worst]):.2g}. Leave hard=True out for one of them."
        )


def reduce_product(factors: Sequence[Tensor]) -> Tensor:
    """Their product."""
    total = factors[0]
    for factor in factors[1:]:
        total = total * factor
    return total


def _joined(ends: Ends, place: str, face: Face) -> Ends:
    """The ends of an axis with a further face."""
    if getattr(ends, place) is not None:
        raise ValueError(
            f"{getattr(ends, place).condition.label} and {face.condition.label} are both hard on the same face, x[:, "
            f"{face.axis}] = {face.at:.7g}; leave one of them out, or restrict them by where= to faces of their own."
        )
    if place == "velocity" and ends.lower is None:
        raise ValueError(
            f"{face.condition.label} holds exactly only together with Initial(value, hard=True); add that, or leave "
            "hard=True out."
        )
    changed: dict[str, Any] = {place: face}
    return replace(ends, **changed)


def _faces(condition: Any, domain: Domain, n_outputs: int, periodic: set[int]) -> list[tuple[str, Face]]:
    """The faces that a hard condition holds on, each with its place."""
    if condition.region == "initial":
        return [_start(condition, domain, n_outputs)]
    faces = [
        (place, Face(axis, float(corner[axis]), condition, n_outputs))
        for axis in domain.axes_with_faces
        for place, corner in zip(("lower", "upper"), domain.bounds, strict=True)
        if condition.where is not None or axis not in periodic
    ]
    if not faces:
        raise ValueError(
            f"{condition.label} can hold exactly on faces of a box, but {domain!r} has none for it; write u by "
            "PDE(transform=lambda x, v: g(x) + b(x) * v) with b zero on the boundary, or leave hard=True out."
        )
    chosen = [(place, face) for place, face in faces if _is_whole(face, domain)]
    if not chosen:
        raise ValueError(f"where of {condition.label} selects no face of {domain!r}; see pde.domain.bounds.")
    return chosen


def _start(condition: Any, domain: Domain, n_outputs: int) -> tuple[str, Face]:
    """The start as a face."""
    if not domain.has_time:
        raise ValueError(f"{condition.label} holds at the start, but {domain!r} has no time; use SpaceTime or Time.")
    face = Face(domain.n_dims - 1, float(domain.bounds[0][-1]), condition, n_outputs)
    if not _is_whole(face, domain):
        raise ValueError(f"where of {condition.label} selects no point of the start.")
    return ("velocity" if isinstance(condition, InitialVelocity) else "lower"), face


def _is_whole(face: Face, domain: Domain) -> bool:
    """Whether `where` selects a face; a ValueError if it selects a part of it."""
    X = domain.sample("interior", N_LOOKED, np.random.default_rng(LOOK_SEED), "uniform")
    x = face.project(as_tensor(X, CPU, torch.float64))
    chosen = face.condition.selects(x)
    if chosen.any() and not chosen.all():
        inside = as_array(x[int(np.flatnonzero(chosen)[0])])
        raise ValueError(
            f"where of {face.condition.label} selects a part of the face x[:, {face.axis}] = {face.at:.7g} (as at x = "
            f"{inside}), but a hard condition holds on whole faces; change where, or leave hard=True out."
        )
    return bool(chosen.all())
