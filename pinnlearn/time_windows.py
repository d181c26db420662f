"""TimeWindows: what runs in time, solved in windows one after the other, each by an estimator of its own.

Over a long time one network has to follow too much at once, and what is chaotic is not found by a fit to all times. In
a short window u is simple. The PDE of a window is the whole one between two times; at its begin u and its derivatives
in time below the order of the equations are those that the estimator of the window before ended with.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, cast

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import MetaEstimatorMixin, RegressorMixin, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import r2_score
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor

from pinnlearn import evaluation
from pinnlearn.activations import get_activation
from pinnlearn.conditions import BaseCondition
from pinnlearn.domains import REGIONS, Domain
from pinnlearn.hyperparameters import check_count, check_positive
from pinnlearn.jets import Jet, Symbol
from pinnlearn.networks import Window
from pinnlearn.networks.attributes import attributes_of, network_of
from pinnlearn.notices import warn
from pinnlearn.pdes import PDE
from pinnlearn.persistence import Versioned
from pinnlearn.posing.coefficients import has_unknowns
from pinnlearn.posing.rows import Rows, check_known_values, check_pde
from pinnlearn.sampling import as_generator
from pinnlearn.training.marching import Kept, Pace, jump, kept_below, orders_in_time


class Handover(BaseCondition):
    """At the begin of a window, u and its derivatives in time are those that the window before ended with.

    Parameters
    ----------
    before : dict
        The network of the window before, by its fitted attributes.
    activation : str
    kept : sequence of (int, tuple of int)
        Outputs, and the axes of the derivatives of each that go on.
    """

    region = "initial"
    name = "what went before"
    # The check would take round-off of output weights of 1e9 for a mean over rows.
    is_pointwise = True

    def __init__(self, before: Mapping[str, Any], activation: str, kept: Kept):
        self.before = before
        self.activation = activation
        self.kept = kept

    def residual(self, x: Tensor, u: Jet) -> Tensor:
        """Evaluate the jumps, (n, len(kept))."""
        at = network_of(self.before, get_activation(self.activation), x).at(x)
        return jump(u, self.kept, torch.stack([at.term(Symbol((axes,)), k) for k, axes in self.kept], dim=1))


class PDEInWindow(PDE):
    """A PDE between two times.

    Parameters
    ----------
    pde : PDE
        On a domain in time.
    t_start, t_end : float
    before : Handover, optional
        What holds at the start in place of the PDE's own initial conditions; None leaves these.
    """

    def __init__(self, pde: PDE, t_start: float, t_end: float, before: Handover | None = None):
        self.pde = pde
        self.t_start = t_start
        self.t_end = t_end
        self.before = before

    @property
    def domain(self) -> Domain:  # type: ignore[override]
        """The PDE's between the two times."""
        return clone(self.pde.domain).set_params(t_start=self.t_start, t_end=self.t_end)

    @property
    def conditions(self) -> list:  # type: ignore[override]
        """The PDE's; at the start what went before, if there was anything."""
        if self.before is None:
            return list(self.pde.conditions)
        return [*(c for c in self.pde.conditions if c.region != "initial"), self.before]

    @property
    def n_outputs(self) -> int:  # type: ignore[override]
        """The PDE's."""
        return self.pde.n_outputs

    @property
    def solution(self):  # type: ignore[override]
        """The PDE's."""
        return self.pde.solution

    @property
    def transform(self):  # type: ignore[override]
        """The PDE's form of u."""
        return self.pde.transform

    @property
    def time_dependent(self) -> bool:  # type: ignore[override]
        """The PDE's."""
        return self.pde.time_dependent

    def residual(self, x: Tensor, u: Jet) -> Tensor:
        """Evaluate the PDE's equation."""
        return self.pde.residual(x, u)


class TimeWindows(MetaEstimatorMixin, RegressorMixin, Versioned):
    """Solve a PDE in windows of time, one after the other, and predict as one.

    Each window is a fit of its own, by a clone of the estimator. It begins with what the window before ended with: all
    outputs, and for equations of second order in time their velocities, evaluated by that window's network.

    Parameters
    ----------
    estimator : PINNRegressor
        With a PDE on a domain in time, `SpaceTime` or `Time`. Of any width, optimizer and precision.
    n_windows : int or "auto"
        So many windows of equal length; "auto" lets residuals choose: a window that does not hold at points that are no
        rows is tried again, shorter, and after one that does at once the next is longer.
    tol : float, optional
        The largest relative residual at such points with which "auto" keeps a window; None keeps those of which
        `verification_` says that their equations hold.
    first : float
        The first window of "auto", as a part of all times.
    growth : float
        A longer window is so many times as long, a shorter one so many times as short.
    shortest : float
        As a part of all times; a window of this length is kept as it is, with a warning.

    Attributes
    ----------
    estimators_ : list of PINNRegressor
        One for each window, fitted.
    windows_ : list of Window
        Begin, end, hidden units and largest relative residual at points that are no rows (NaN where nothing tells).
    n_tries_ : int
        Windows that were fitted, those of "auto" that were not kept among them.
    n_iter_ : int
        The steps of all windows that were kept.
    loss_ : float
        The largest loss of a window.
    stop_reason_ : str
        "end" where the last time was reached, otherwise why the last window's fit stopped.
    pde_ : PDE
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Where X has column names.

    See Also
    --------
    pinnlearn.training.MarchWindows, pinnlearn.training.MarchSlabs : What `PINNRegressor` does by itself.

    Notes
    -----
    Rows of X belong to the window that their time lies in, a joint to the earlier one. Each window has at least as many
    rows of each region as a window of equal length (with "auto", of the first length) would have of X on average;
    missing ones are drawn from the domain. Rows at the start are moved to the begin of each window; where X has none,
    some are drawn.

    An error is handed on with u, and grows as the equations let it grow; nothing here estimates that.

    Examples
    --------
    >>> from pinnlearn import PINNRegressor
    >>> from pinnlearn.conditions import Initial
    >>> from pinnlearn.domains import Time
    >>> pde = PDE(Time(0.0, 2.0), equation=lambda x, u: u.dt + u.value, conditions=[Initial(1.0)])
    >>> model = TimeWindows(PINNRegressor(pde, random_state=0), n_windows=4).fit(pde.sample(80, 1, random_state=0))
    >>> model.predict([[2.0]]).round(6)  # exp(-2)
    array([0.135335])
    >>> [window.end for window in model.windows_]
    [0.5, 1.0, 1.5, 2.0]
    """

    __metadata_request__fit: ClassVar = {"region": False}

    def __init__(
        self,
        estimator,
        n_windows="auto",
        tol=None,
        *,
        first=0.125,
        growth=2.0,
        shortest=2.0**-8,
    ):
        self.estimator = estimator
        self.n_windows = n_windows
        self.tol = tol
        self.first = first
        self.growth = growth
        self.shortest = shortest

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = False
        tags.target_tags.multi_output = getattr(getattr(self.estimator, "pde", None), "n_outputs", 1) > 1
        return tags

    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> TimeWindows:
        """Solve the PDE, window after window.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_dims)
            Points of all times, as for `PINNRegressor.fit`.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), optional
            Known values, NaN where there is none.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If the PDE has no domain in time, or a parameter makes no sense; the estimator is then as it was before.

        Warns
        -----
        ConvergenceWarning
            Once, if windows do not hold, or the last time was not reached.
        """
        before = dict(self.__dict__)
        try:
            points = cast(NDArray, validate_data(self, X, dtype=[np.float64, np.float32]))
            self._check(points.shape[1])
            march = _March(self, points, y)
            march.run()
        except BaseException:
            self.__dict__.clear()
            self.__dict__.update(before)
            raise
        march.warn()
        return self

    def _check(self, n_dims: int) -> None:
        """Check the parameters, and take up the PDE."""
        pde = getattr(self.estimator, "pde", None)
        if not hasattr(self.estimator, "fit") or not isinstance(pde, PDE):
            raise ValueError(
                "TimeWindows takes an estimator with a PDE, such as TimeWindows(PINNRegressor(pde)), but got "
                f"{self.estimator!r}. A pipeline goes around TimeWindows, not into it."
            )
        if has_unknowns(pde):
            raise ValueError(
                "TimeWindows does not estimate unknown coefficients, of which each window would find others; fit the "
                "estimator itself."
            )
        domain = pde.domain
        if domain is None or not domain.has_time or not {"t_start", "t_end"} <= set(domain.get_params(deep=False)):
            raise ValueError(
                f"TimeWindows needs a PDE on a domain in time, but that of {type(pde).__name__} is {domain!r}; use "
                "SpaceTime(space, t_start, t_end), or Time(t_start, t_end)."
            )
        if not (isinstance(self.n_windows, str) and self.n_windows == "auto"):
            try:
                check_count("n_windows", self.n_windows)
            except ValueError as error:
                raise ValueError(f"{error} Or 'auto', which lets residuals choose the lengths.") from None
        check_positive("tol", self.tol, or_none=True)
        for name in ("first", "shortest"):
            check_positive(name, getattr(self, name))
            if getattr(self, name) > 1:
                raise ValueError(f"{name} is a part of all times, at most 1; got {getattr(self, name)!r}.")
        if not (isinstance(self.growth, int | float) and 1 < self.growth < math.inf):
            raise ValueError(f"growth must be a number above 1, got {self.growth!r}.")
        self.pde_ = check_pde(pde, n_dims)

    def predict(self, X: ArrayLike) -> NDArray:
        """Evaluate u at points, each by the window that its time lies in; a time outside all, by the nearest.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_dims)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
        """
        return self.derivative(X)

    def derivative(self, X: ArrayLike, *axes: int) -> NDArray:
        """Evaluate a partial derivative of u, see `PINNRegressor.derivative`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_dims)
        *axes : int
            The coordinates to differentiate by; none gives u itself.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
        """
        return self._by_window(X, lambda model, points: model.derivative(points, *axes))

    def residual(self, X: ArrayLike) -> NDArray:
        """Evaluate the residual of the PDE itself at every row, see `PINNRegressor.residual`."""
        return self._by_window(X, lambda model, points: model.residual(points))

    def score(self, X: ArrayLike, y: ArrayLike | None = None, sample_weight: ArrayLike | None = None) -> float:
        """Evaluate R^2 where every value is known, otherwise 1 minus the largest relative residual of a window.

        Parameters
        ----------
        X, y
            As in `fit`.
        sample_weight : array-like of shape (n_samples,), optional
            For R^2 alone.

        Returns
        -------
        float
            At most 1.

        Raises
        ------
        ValueError
            If `sample_weight` is given though some values are not known.
        """
        check_is_fitted(self)
        points = self._validated(X)
        known = check_known_values(y, len(points))
        if known is not None and not np.isnan(known).any():
            return r2_score(y, self.predict(points), sample_weight=sample_weight)
        if sample_weight is not None:
            raise ValueError("sample_weight weighs the errors of known values, but y is not known everywhere.")
        return 1.0 - self.relative_residual(points, known)

    def relative_residual(self, X: ArrayLike, y: ArrayLike | None = None) -> float:
        """Evaluate the largest relative residual of a window, see `pinnlearn.metrics.relative_residual`.

        A window without rows, and every window at its joint, is judged at points of its domain, with a fixed seed.
        """
        check_is_fitted(self)
        points = self._validated(X)
        values = check_known_values(y, len(points), self.pde_.n_outputs)
        found = []
        for model, window in zip(self.estimators_, self.windows_, strict=True):
            rows = np.flatnonzero(_between(points[:, -1], window.begin, window.end, self.pde_.domain))
            known = None if values is None or np.isnan(values[rows]).all() else values[rows]
            inside = points[rows] if len(rows) else model.pde_.domain.sample("interior", 1, np.random.default_rng(0))
            found.append(evaluation.relative_residual_at(model, inside, known, None))
        return max(found)

    def _validated(self, X: ArrayLike) -> NDArray:
        return cast(NDArray, validate_data(self, X, reset=False, dtype=[np.float64, np.float32]))

    def _by_window(self, X: ArrayLike, evaluated) -> NDArray:
        check_is_fitted(self)
        points = self._validated(X)
        joints = [window.begin for window in self.windows_[1:]]
        window = np.searchsorted(joints, points[:, -1], side="right")
        rows = [np.flatnonzero(window == i) for i in range(len(self.estimators_))]
        parts = [evaluated(self.estimators_[i], points[at]) for i, at in enumerate(rows) if len(at)]
        return np.concatenate(parts)[np.concatenate(rows).argsort()]


def _between(times: NDArray, begin: float, end: float, domain: Any) -> NDArray:
    """Which times belong to a window: a joint to the earlier one, the start to the first, what is outside to none."""
    is_first, is_last = begin == domain.t_start, end == domain.t_end
    return ((times > begin) | is_first) & ((times <= end) | is_last)


class _Tried(NamedTuple):
    """A window that was fitted, and what its fit warned of."""

    begin: float
    end: float
    model: Any
    residual: float
    warnings: list[warnings.WarningMessage]


class _March:
    """A fit."""

    def __init__(self, owner: TimeWindows, X: NDArray, y: ArrayLike | None):
        self.owner, self.pde = owner, owner.pde_
        self.X = Rows.of(self.pde, X, y).X
        self.values = check_known_values(y, len(X), self.pde.n_outputs)
        domain: Any = self.pde.domain
        self.regions = domain.region(self.X)
        self.rng = as_generator(getattr(owner.estimator, "random_state", None))
        self.start, self.end = float(domain.t_start), float(domain.t_end)
        self.kept: list[_Tried] = []
        self.continues: Kept | None = None
        self.n_tries = 0

    @property
    def share(self) -> float:
        """The first window, as a part of all times."""
        return self.owner.first if self.is_free else 1.0 / self.owner.n_windows

    @property
    def is_free(self) -> bool:
        """Whether residuals choose lengths."""
        return isinstance(self.owner.n_windows, str)

    def run(self) -> None:
        """March to the end, or until a fit is stopped; set the fitted attributes."""
        whole = self.end - self.start
        pace = Pace(self.start, self.end, self.share * whole, self.owner.growth)
        t, shortest = self.start, self.owner.shortest * whole
        while t < self.end:
            tried = self._fitted(t, self._reach(pace, t))
            length = tried.end - tried.begin
            if self.is_free and not self._is_accepted(tried) and length / pace.growth >= shortest:
                pace.shorten(length)
                continue
            self.kept.append(tried)
            if _is_stopped(tried.model):
                break
            pace.go_on(length, grows=not pace.was_shortened and self._is_accepted(tried))
            t = tried.end
        self._set_attributes()

    def _reach(self, pace: Pace, t: float) -> float:
        if self.is_free:
            return pace.reach(t)
        return float(np.linspace(self.start, self.end, self.owner.n_windows + 1)[len(self.kept) + 1])

    def _is_accepted(self, tried: _Tried) -> bool:
        if self.owner.tol is not None:
            return tried.residual <= self.owner.tol
        verification = tried.model.verification_
        return _is_stopped(tried.model) or (verification is not None and verification.equations_hold)

    def _fitted(self, begin: float, end: float) -> _Tried:
        """Fit a window."""
        pde = PDEInWindow(self.pde, begin, end, self._handover())
        X, y = self._rows(pde)
        model = clone(self.owner.estimator).set_params(pde=pde)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model.fit(X, y)
        self.n_tries += 1
        verification = model.verification_
        return _Tried(begin, end, model, math.nan if verification is None else verification.elsewhere, list(caught))

    def _handover(self) -> Handover | None:
        """From the last window."""
        if not self.kept:
            return None
        model = self.kept[-1].model
        network = evaluation.network_of(model)
        if self.continues is None:
            inside = model.pde_.domain.sample("interior", 2, np.random.default_rng(0))
            posed = evaluation.problem_at(model, Rows.of(model.pde_, inside))
            self.continues = kept_below(orders_in_time(posed), posed.unknowns.network.n_dims - 1)
            if not self.continues:
                raise ValueError(
                    "TimeWindows needs an equation that reads u.dt and refers to one time alone: nothing of u would go "
                    "on from one window to the next here."
                )
        before = attributes_of(network) | {"windows_": list(getattr(model, "windows_", []))}
        return Handover(before, model.activation, tuple(self.continues))

    def _rows(self, pde: PDEInWindow) -> tuple[NDArray, NDArray | None]:
        """The rows of X in a window, and those drawn where there are fewer than its share."""
        domain = pde.domain
        inside = np.flatnonzero(_between(self.X[:, -1], pde.t_start, pde.t_end, self.pde.domain))
        parts = [self.X[inside]]
        for region in REGIONS:
            of_all = int((self.regions == region).sum())
            # At the begin of a window something has to hold, also where X has no row at the start.
            at_begin = of_all or math.ceil(math.sqrt(len(self.X)))
            wanted = at_begin if region == "initial" else math.ceil(self.share * of_all)
            missing = wanted - int((self.regions[inside] == region).sum())
            if missing > 0:
                parts.append(self._drawn(domain, region, missing))
        if self.values is None:
            return np.concatenate(parts), None
        unknown = np.full((sum(map(len, parts[1:])), self.values.shape[1]), np.nan)
        y = np.concatenate([self.values[inside], unknown])
        return np.concatenate(parts), y[:, 0] if self.pde.n_outputs == 1 else y

    def _drawn(self, domain: Domain, region: str, n: int) -> NDArray:
        """Points of a window; those at its begin are the rows of X at the start, moved there."""
        at_start = self.X[self.regions == "initial"]
        if region == "initial" and len(at_start) >= n:
            moved = at_start[:n].copy()
            moved[:, -1] = domain.bounds[0][-1]
            return moved
        return domain.sample(region, n, self.rng)

    def _set_attributes(self) -> None:
        owner, last = self.owner, self.kept[-1]
        owner.estimators_ = [tried.model for tried in self.kept]
        owner.windows_ = [
            Window(tried.begin, tried.end, sum(_widths(tried.model)), tried.residual) for tried in self.kept
        ]
        owner.n_tries_ = self.n_tries
        owner.n_iter_ = sum(tried.model.n_iter_ for tried in self.kept)
        owner.loss_ = max(tried.model.loss_ for tried in self.kept)
        owner.stop_reason_ = last.model.stop_reason_ if last.end < self.end else "end"

    def warn(self) -> None:
        """Say once what the fits of the windows that were kept warned of."""
        last = self.kept[-1]
        if last.end < self.end:
            warn(
                f"The windows end at t = {last.end:.6g} of {self.end:.6g}: the fit of the last one was stopped "
                f"({last.model.stop_reason_}). Later times are extrapolated.",
                ConvergenceWarning,
            )
        for category, text in self._messages():
            warn(text, category)

    def _messages(self) -> Iterator[tuple[type[Warning], str]]:
        """The first warning of each category, and in how many windows there were any."""
        of_category: dict[type[Warning], list[tuple[_Tried, str]]] = {}
        for tried in self.kept:
            for each in tried.warnings:
                of_category.setdefault(each.category, []).append((tried, str(each.message)))
        for category, pairs in of_category.items():
            tried, text = pairs[0]
            n = len({id(of) for of, _ in pairs})
            also = f" and in {n - 1} more of {len(self.kept)} windows" if n > 1 else ""
            yield category, f"In the window from t = {tried.begin:.6g} to {tried.end:.6g}{also}: {text}"


def _widths(model: Any) -> Sequence[int]:
    return evaluation.attributes.hidden_widths(vars(model))


def _is_stopped(model: Any) -> bool:
    return model.stop_reason_.startswith(("callback", "interrupted"))


__all__ = ["TimeWindows"]
