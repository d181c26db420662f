"""Fourier spectral solutions of periodic evolution equations, to compare with.

u_t = L u + N(u) is a system of ordinary differential equations for the Fourier coefficients of u. It is stiff in L
alone, which is diagonal there: exponential time differencing takes it exactly [1]_. The coefficients are kept at
Chebyshev points of pieces of time, and interpolated in between.

References
----------
.. [1] Kassam & Trefethen (2005), Fourth-order time-stepping for stiff PDEs, SIAM J. Sci. Comput. 26.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.fft
import torch
from numpy.typing import NDArray
from torch import Tensor

from pinnlearn.hyperparameters import Hyperparameters
from pinnlearn.problems.caching import once

# Intervals between the Chebyshev points of a piece of time.
DEGREE = 16
# Points of the contour integrals that the weights of a step are computed by, free of cancellation [1]; the upper half
# comes first, and is enough where L is real.
CONTOUR = np.exp(1j * np.pi * (np.arange(32) + 0.5) / 16)
# The initial value is sampled so finely that kinks of its periodic continuation do not alias.
N_SAMPLES = 2**20
# The logarithm of what is left of coefficients that are not summed.
NEGLIGIBLE = 50.0
# Numbers that an evaluation holds at a time.
CHUNK = 2**18

Function = Callable[[NDArray], NDArray]


class Evolution(Hyperparameters):
    """The solution of u_t = L u + d^m/dx^m g(u), periodic in x, as a function of (x, t).

    It is computed where it is first called, once a process for equal parameters.

    Parameters
    ----------
    initial : callable
        u at t = 0, x -> u, arrays (n,).
    linear : callable
        The symbol of L: what it multiplies exp(i k x) with, k -> (n_modes,).
    nonlinear : callable
        g, pointwise, u -> g(u).
    order : int
        m, how often g(u) is differentiated.
    period : tuple of float
        The two ends of the period.
    breaks : tuple of float
        Where pieces of time begin and end, from 0 on; in each the coefficients are polynomials of degree 16.
    step : float
        The largest step in time.
    n_modes : int
        Fourier modes up to this one are solved for; products are formed on 4 n_modes points, free of aliasing up to
        the third power.
    n_tail : int
        Modes beyond, up to this one, that the initial value has because of a kink, follow L alone.
    complex_valued : bool
        Whether u is complex; then its real and imaginary part are two outputs.
    rotating : bool
        Whether the interpolation in time is one of exp(-i Im(L) t) u, for waves that rotate fast and are small.

    Notes
    -----
    A step is one of ETDRK4 and two of half its length, extrapolated: of order five.
    """

    def __init__(
        self,
        initial: Function,
        linear: Function,
        nonlinear: Function,
        *,
        order: int = 0,
        period: tuple[float, float] = (-1.0, 1.0),
        breaks: tuple[float, ...] = (0.0, 1.0),
        step: float = 1e-3,
        n_modes: int = 128,
        n_tail: int = 0,
        complex_valued: bool = False,
        rotating: bool = False,
    ):
        self.initial = initial
        self.linear = linear
        self.nonlinear = nonlinear
        self.order = order
        self.period = period
        self.breaks = breaks
        self.step = step
        self.n_modes = n_modes
        self.n_tail = n_tail
        self.complex_valued = complex_valued
        self.rotating = rotating

    def __call__(self, x: Tensor) -> Tensor:
        """Evaluate u at points (x, t), (n, 2) -> (n,), or (n, 2) of its real and imaginary part."""
        u = self.evaluate(x.detach().cpu().double().numpy())
        parts = np.stack([u.real, u.imag], axis=1) if self.complex_valued else u.real
        return torch.as_tensor(parts, device=x.device)

    def evaluate(self, points: NDArray, order: int = 0) -> NDArray:
        """Evaluate the derivative of an order in x at points (x, t), (n, 2) -> (n,) of complex."""
        u, pieces = np.empty(len(points), dtype=complex), self._piece(points[:, 1])
        for piece in np.unique(pieces):
            rows = np.flatnonzero(pieces == piece)
            size = 2 * (self.n_modes + self.n_tail) + 1
            for some in np.array_split(rows, 1 + len(rows) * size // CHUNK):
                u[some] = self._sum(points[some], piece, order)
        return u

    def coefficients(self, t: float) -> NDArray:
        """The Fourier coefficients of the modes `modes(n_modes)` at a time."""
        (piece,) = self._piece(np.array([t]))
        return self._interpolated(np.array([t]), piece)[0] * np.exp((t - self.breaks[piece]) * self.rotation())

    def modes(self, n_modes: int) -> NDArray:
        """Modes from 0 to one, for real u, or from minus to plus it."""
        return np.arange(-n_modes if self.complex_valued else 0, n_modes + 1)

    def wavenumbers(self, modes: NDArray) -> NDArray:
        """The k of exp(i k x) for modes."""
        lower, upper = self.period
        return 2 * np.pi / (upper - lower) * modes

    def _piece(self, t: NDArray) -> NDArray:
        return np.clip(np.searchsorted(self.breaks, t, side="right") - 1, 0, len(self.breaks) - 2)

    def _sum(self, points: NDArray, piece: int, order: int) -> NDArray:
        """Sum the Fourier series at points of one piece of time, (n,)."""
        x, t = points[:, 0] - self.period[0], points[:, 1]
        solved, beyond = self.modes(self.n_modes), self._tail(piece)
        rates = np.concatenate([self.rotation(), self.linear(self.wavenumbers(beyond))])
        since = np.where(np.arange(len(rates)) < len(solved), self.breaks[piece], 0.0)
        k = self.wavenumbers(np.concatenate([solved, beyond]))
        tail = np.broadcast_to(initial_coefficients(self)[beyond], (len(x), len(beyond)))
        waves = np.exp(1j * np.multiply.outer(x, k) + (t[:, None] - since) * rates)
        u = np.hstack([self._interpolated(t, piece), tail]) * (1j * k) ** order
        sums = np.einsum("nk,nk->n", u, waves)
        # The modes of real u come with their conjugates.
        return sums if self.complex_valued else 2 * sums.real - u[:, 0]

    def _tail(self, piece: int) -> NDArray:
        """The modes beyond those solved for that have not yet died out."""
        modes = self.modes(self.n_tail)
        decay = self.linear(self.wavenumbers(modes)).real * self.breaks[piece]
        return modes[(np.abs(modes) > self.n_modes) & (decay > -NEGLIGIBLE)]

    def _interpolated(self, t: NDArray, piece: int) -> NDArray:
        """The coefficients at times of a piece, less their rotation, (n, modes)."""
        return _interpolation(t, _nodes(*self.breaks[piece : piece + 2])) @ trajectory(self)[piece]

    def rotation(self) -> NDArray:
        """The part of L that the interpolation in time leaves to an exponential."""
        L = self.linear(self.wavenumbers(self.modes(self.n_modes)))
        return 1j * np.imag(L) * self.rotating


# The Chebyshev points of [0, 1], both ends among them.
UNIT_NODES = (1 - np.cos(np.pi * np.arange(DEGREE + 1) / DEGREE)) / 2


def _nodes(start: float, end: float) -> NDArray:
    return start + (end - start) * UNIT_NODES


def _interpolation(t: NDArray, nodes: NDArray) -> NDArray:
    """What values at Chebyshev points are multiplied by, in barycentric form; (n, DEGREE + 1)."""
    distances = t[:, None] - nodes
    hits = distances == 0
    weights = (-1.0) ** np.arange(DEGREE + 1) * np.where(np.isin(np.arange(DEGREE + 1), (0, DEGREE)), 0.5, 1.0)
    fractions = weights / np.where(hits, 1.0, distances)
    return np.where(hits.any(axis=1, keepdims=True), hits, fractions / fractions.sum(axis=1, keepdims=True))


@once
def initial_coefficients(evolution: Evolution) -> NDArray:
    """The Fourier coefficients of the initial value, (N_SAMPLES,), mode m at the index m."""
    lower, upper = evolution.period
    x = lower + (upper - lower) * np.arange(N_SAMPLES) / N_SAMPLES
    return scipy.fft.fft(evolution.initial(x)) / N_SAMPLES


@once
def trajectory(evolution: Evolution) -> list[NDArray]:
    """The coefficients at the Chebyshev points of each piece of time, (DEGREE + 1, modes), less their rotation."""
    right_side, rotation = RightSide.of(evolution), evolution.rotation()
    u = initial_coefficients(evolution)[evolution.modes(evolution.n_modes)]
    steps: dict[float, Step] = {}
    pieces = []
    for start, end in zip(evolution.breaks, evolution.breaks[1:], strict=False):
        values = [u]
        for length in (end - start) * np.diff(UNIT_NODES):
            n_steps = int(np.ceil(length / evolution.step))
            values.append(_advance(values[-1], right_side, length / n_steps, n_steps, steps))
        u = values[-1]
        pieces.append(np.array(values) * np.exp(-np.multiply.outer(_nodes(start, end) - start, rotation)))
    return pieces


def _advance(u: NDArray, right_side: RightSide, h: float, n_steps: int, steps: dict[float, Step]) -> NDArray:
    """Take n steps of a length, and 2 n of half of it, and extrapolate from order four."""
    coarse = fine = u
    for _ in range(n_steps):
        coarse = _step(h, right_side, steps)(coarse, right_side)
    for _ in range(2 * n_steps):
        fine = _step(h / 2, right_side, steps)(fine, right_side)
    return fine + (fine - coarse) / 15


def _step(h: float, right_side: RightSide, steps: dict[float, Step]) -> Step:
    key = float(f"{h:.13g}")  # pieces of one length differ by rounding
    if key not in steps:
        steps[key] = Step.of(right_side.linear, key)
    return steps[key]


@dataclass(frozen=True)
class RightSide:
    """The right-hand side L u + N(u) for coefficients, (modes,) each."""

    linear: NDArray
    factor: NDArray
    g: Function
    n_modes: int
    complex_valued: bool

    @classmethod
    def of(cls, evolution: Evolution) -> RightSide:
        """That of an evolution."""
        k = evolution.wavenumbers(evolution.modes(evolution.n_modes))
        factor = (1j * k) ** evolution.order
        return cls(evolution.linear(k), factor, evolution.nonlinear, evolution.n_modes, evolution.complex_valued)

    def nonlinear(self, u: NDArray) -> NDArray:
        """The coefficients of N(u), free of aliasing."""
        n, K = 4 * self.n_modes, self.n_modes
        if not self.complex_valued:
            values = scipy.fft.irfft(np.concatenate([u, np.zeros(K)]), n, norm="forward")
            return self.factor * scipy.fft.rfft(self.g(values), norm="forward")[: K + 1]
        values = scipy.fft.ifft(np.concatenate([u[K:], np.zeros(2 * K - 1), u[:K]]), norm="forward")
        products = scipy.fft.fft(self.g(values), norm="forward")
        return self.factor * np.concatenate([products[-K:], products[: K + 1]])


@dataclass(frozen=True)
class Step:
    """A step of ETDRK4 [1]_, eqs. (20) to (23), for one length; each array (modes,)."""

    whole: NDArray
    half: NDArray
    q: NDArray
    f1: NDArray
    f2: NDArray
    f3: NDArray

    @classmethod
    def of(cls, L: NDArray, h: float) -> Step:
        """The weights, means over circles around h L."""
        z = h * L[:, None] + (CONTOUR if np.iscomplexobj(L) else CONTOUR[: len(CONTOUR) // 2])
        e = np.exp(z)
        weights = (
            np.expm1(z / 2) / z,
            (-4 - z + e * (4 - 3 * z + z**2)) / z**3,
            2 * (2 + z + e * (z - 2)) / z**3,
            (-4 - 3 * z - z**2 + e * (4 - z)) / z**3,
        )
        means = [h * weight.mean(axis=1) for weight in weights]
        return cls(np.exp(h * L), np.exp(h * L / 2), *(mean if np.iscomplexobj(L) else mean.real for mean in means))

    def __call__(self, u: NDArray, right_side: RightSide) -> NDArray:
        """The coefficients one step later."""
        N = right_side.nonlinear
        N_u = N(u)
        a = self.half * u + self.q * N_u
        N_a = N(a)
        N_b = N(self.half * u + self.q * N_a)
        c = self.half * a + self.q * (2 * N_b - N_u)
        return self.whole * u + self.f1 * N_u + self.f2 * (N_a + N_b) + self.f3 * N(c)


__all__ = ["Evolution"]
