"""How much damping a step takes, by its gain ratio: the true fall of the loss over that of the linear model."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence

import torch

from pinnlearn.hyperparameters import Hyperparameters, check_count, check_positive
from pinnlearn.optimizers.base import State

# attempt(damping): the state after a step, and the fall of the loss that the linear model predicts.
Attempt = Callable[[float], tuple[State, float]]


def gain_ratio(fall: float, predicted: float) -> float:
    """The fall of the loss over that of the linear model; -inf where that does not fall."""
    return fall / predicted if predicted > 0 else -math.inf


def first_trusted(
    attempt: Attempt, loss: float, dampings: Iterable[float], accepted: float
) -> tuple[State, float, float] | None:
    """The first step that gains enough, its damping and its gain; None where no damping leads to one.

    Parameters
    ----------
    attempt : callable
        attempt(damping) gives the state after a step and the fall of the loss that the linear model predicts. A
        factorisation may fail.
    loss : float
        That before the step.
    dampings : iterable of float
        In the order in which they are tried.
    accepted : float
        The gain that a step must exceed.
    """
    for damping in dampings:
        try:
            ahead, predicted = attempt(damping)
        except torch.linalg.LinAlgError:
            continue
        gain = gain_ratio(loss - ahead.loss, predicted)
        if gain > accepted:
            return ahead, damping, gain
    return None


def hardly_falls(losses: Sequence[float], patience: tuple[int, float]) -> bool:
    """Whether the last loss is above a part of that so many losses before; `patience` is (number, part)."""
    number, part = patience
    return len(losses) > number and losses[-1] > part * losses[-1 - number]


def check_patience(name: str, patience: tuple[int, float]) -> None:
    """Raise a ValueError unless it is a number (of steps, or of products) and a part."""
    if not (isinstance(patience, tuple) and len(patience) == 2):
        raise ValueError(f"{name} must be a pair (number, part), got {patience!r}.")
    check_count(f"{name}[0]", patience[0])
    check_positive(f"{name}[1]", patience[1], or_zero=True)


class GainRatio(Hyperparameters):
    """The adaptive damping of `NGD`, with the columns of J scaled to length 1.

    Parameters
    ----------
    first : float
        lambda in the first step, relative to the mean diagonal of J J^T. Where the problem is linear in all parameters,
        and solved directly, it is next to none.
    accepted : float
        A step is taken if its gain is above this; otherwise it is tried again with more damping.
    raised_by : float
        How much more; at least the machine epsilon is tried then.
    factors : tuple of pairs (gain, factor)
        What lambda is multiplied with after a step whose gain is above that of the pair; the first that fits counts.
    otherwise : float
        The factor where none fits.
    shortest_column : float
        A column of J shorter than this, relative to the longest, is not stretched to length 1: a unit that the
        equations hardly feel would be moved far by the next step, and become a step between two rows.
    least_refit_damping : float
        The linear parameters are solved for again with the damping of the step, but at least with this: next to none
        would let them grow so large that no other parameter can move.
    patience : tuple (steps, part)
        Without a given learning rate, training has stalled when the loss has not fallen to this part in so many steps.
    linear_patience : tuple (steps, part)
        The same where all parameters are linear: a step either solves the problem or converges quadratically.

    See Also
    --------
    Nielsen : That of `GaussNewton`.

    References
    ----------
    Marquardt (1963), "An algorithm for least-squares estimation of nonlinear parameters", SIAM J. 11.

    Examples
    --------
    >>> from pinnlearn import NGD
    >>> NGD(damping=GainRatio(first=1e-2, patience=(50, 0.9)))
    NGD(damping=GainRatio(first=0.01, patience=(50, 0.9)))
    """

    def __init__(
        self,
        first: float = 1e-3,
        accepted: float = 1e-3,
        raised_by: float = 8.0,
        factors: tuple[tuple[float, float], ...] = ((0.9, 0.1), (0.5, 0.6), (0.25, 1.0)),
        otherwise: float = 3.0,
        shortest_column: float = 1e-2,
        least_refit_damping: float = 1e-8,
        patience: tuple[int, float] = (20, 0.9),
        linear_patience: tuple[int, float] = (2, 0.1),
    ):
        self.first = first
        self.accepted = accepted
        self.raised_by = raised_by
        self.factors = factors
        self.otherwise = otherwise
        self.shortest_column = shortest_column
        self.least_refit_damping = least_refit_damping
        self.patience = patience
        self.linear_patience = linear_patience

    def check(self) -> None:
        """Check the hyperparameters."""
        for name in ("first", "otherwise", "least_refit_damping"):
            check_positive(name, getattr(self, name))
        for name in ("accepted", "shortest_column"):
            check_positive(name, getattr(self, name), or_zero=True)
        check_raise("raised_by", self.raised_by)
        for _, factor in self.factors:
            check_positive("factors", factor)
        for name in ("patience", "linear_patience"):
            check_patience(name, getattr(self, name))

    def tried(self, damping: float, eps: float) -> Iterator[float]:
        """A damping, and what is tried if it fails; eps is the machine epsilon."""
        while damping < 1 / eps:
            yield damping
            damping = max(self.raised_by * damping, eps)

    def after(self, damping: float, gain: float, eps: float) -> float:
        """The next damping: less where the linear model predicted well."""
        factor = next((factor for above, factor in self.factors if gain > above), self.otherwise)
        return max(factor * damping, eps**2)


class Nielsen(Hyperparameters):
    """The adaptive damping of `GaussNewton`.

    Parameters
    ----------
    first : float
        tau: the first lambda is tau times the largest entry on the diagonal of J^T J.
    accepted : float
        A step is taken if its gain is above this; otherwise it is tried again with more damping.
    raised_by : float
        How much more; twice that after the next failure, and so on.
    lowered_by : float
        What lambda is divided by after a step, at most: lambda <- lambda max(1 / lowered_by, 1 - (2 gain - 1)^3).

    See Also
    --------
    GainRatio : That of `NGD`.
    Longest : Longer steps.

    References
    ----------
    Nielsen (1999), "Damping parameter in Marquardt's method", IMM-REP-1999-05, Technical University of Denmark.

    Examples
    --------
    >>> from pinnlearn.optimizers import GaussNewton
    >>> GaussNewton(damping=Nielsen(lowered_by=10))
    GaussNewton(damping=Nielsen(lowered_by=10))
    """

    def __init__(self, first: float = 1e-3, accepted: float = 0.0, raised_by: float = 2.0, lowered_by: float = 3.0):
        self.first = first
        self.accepted = accepted
        self.raised_by = raised_by
        self.lowered_by = lowered_by

    def check(self) -> None:
        """Check the hyperparameters."""
        check_positive("first", self.first)
        check_positive("accepted", self.accepted, or_zero=True)
        check_raise("raised_by", self.raised_by)
        check_positive("lowered_by", self.lowered_by)

    def choose(self, attempt: Attempt, before: State, largest: float, most: float) -> tuple[State, float] | None:
        """A step, and the next damping; None where no damping below `most` leads to one.

        Parameters
        ----------
        attempt : callable
            As in `first_trusted`.
        before : State
            Its memory is the damping to begin with, if there is one.
        largest : float
            The largest entry on the diagonal of J^T J.
        most : float
        """
        damping = self.first * largest if before.memory is None else before.memory
        found = first_trusted(attempt, before.loss, self._tried(damping, most), self.accepted)
        if found is None:
            return None
        ahead, damping, gain = found
        return ahead, damping * max(1 / self.lowered_by, 1 - (2 * gain - 1) ** 3)

    def _tried(self, damping: float, most: float) -> Iterator[float]:
        raised_by = self.raised_by
        while damping < most:
            yield damping
            damping, raised_by = damping * raised_by, 2 * raised_by


class Longest(Hyperparameters):
    """The least damping, and so the longest step, that the linear model still predicts well enough.

    In each step lambda is divided by `factor` as long as the gain stays above `gain` and the loss falls further, or
    else multiplied by it until it does. Several factorisations a step, which then goes farther.

    Parameters
    ----------
    first : float
        tau: the first lambda is tau times the largest entry on the diagonal of J^T J.
    gain : float
        What the gain of a step must exceed.
    factor : float
    least : float
        The least lambda, relative to that entry: below it, double precision has no digits left in J^T J.

    See Also
    --------
    Nielsen : One factorisation a step, mostly.

    Examples
    --------
    >>> from pinnlearn.optimizers import Geodesic, GaussNewton
    >>> GaussNewton(damping=Longest(gain=0.1), acceleration=Geodesic())
    GaussNewton(damping=Longest(gain=0.1), acceleration=Geodesic())
    """

    def __init__(self, first: float = 1e-3, gain: float = 0.075, factor: float = 3.0, least: float = 1e-15):
        self.first = first
        self.gain = gain
        self.factor = factor
        self.least = least

    def check(self) -> None:
        """Check the hyperparameters."""
        for name in ("first", "least"):
            check_positive(name, getattr(self, name))
        check_positive("gain", self.gain, or_zero=True)
        check_raise("factor", self.factor)

    def choose(self, attempt: Attempt, before: State, largest: float, most: float) -> tuple[State, float] | None:
        """A step, and the damping to begin with at the next, as for `Nielsen`."""
        damping = self.first * largest if before.memory is None else before.memory
        least, loss = self.least * largest, before.loss
        found = self._trusted(attempt, loss, damping)
        if found is not None:
            return self._longer(attempt, loss, found, damping, least)
        while found is None and damping < most:
            damping *= self.factor
            found = self._trusted(attempt, loss, damping)
        return None if found is None else (found, damping)

    def _longer(self, attempt: Attempt, loss: float, found: State, damping: float, least: float) -> tuple[State, float]:
        """The step with the least damping that does, from one that does."""
        while damping / self.factor > least:
            longer = self._trusted(attempt, loss, damping / self.factor)
            if longer is None or longer.loss >= found.loss:
                break
            found, damping = longer, damping / self.factor
        return found, damping

    def _trusted(self, attempt: Attempt, loss: float, damping: float) -> State | None:
        found = first_trusted(attempt, loss, (damping,), self.gain)
        return None if found is None else found[0]


def check_raise(name: str, raised_by: float) -> None:
    """Raise a ValueError unless damping grows by it."""
    check_positive(name, raised_by)
    if not raised_by > 1:
        raise ValueError(f"{name} must be above 1, got {raised_by!r}.")
