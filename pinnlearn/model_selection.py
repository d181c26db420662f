"""Cross-validation that keeps the problem well posed, and the spread of results over seeds."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from numbers import Integral
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.exceptions import FitFailedWarning
from sklearn.metrics import check_scoring, get_scorer
from sklearn.model_selection import BaseCrossValidator, StratifiedKFold
from sklearn.utils.parallel import Parallel, delayed

from pinnlearn.notices import warn
from pinnlearn.pdes import PDE
from pinnlearn.posing.equations import assign_equations
from pinnlearn.posing.rows import Rows, check_known_values, check_points, check_region
from pinnlearn.threads import one_thread


class RegionKFold(BaseCrossValidator):
    """K folds that all see the interior, every condition and the known values, in the proportions of X.

    Rows are alike where the same equations hold: the PDE, one condition or another, a known value. Each kind is
    shared out over the folds. A kind of fewer than `2 * n_splits` rows, such as the two ends of an interval, is too
    small to do without: its rows are in the training set and the test set of every fold.

    Parameters
    ----------
    n_splits : int
        At least 2.
    pde : PDE, optional
        The problem whose equations the rows are told by. None tells by `region`, and by whether y is known.
    shuffle : bool
        Whether to shuffle each kind of rows before it is shared out.
    random_state : int, RandomState or None
        Seeds the shuffling.

    See Also
    --------
    sklearn.model_selection.StratifiedKFold : The same for classes.

    Examples
    --------
    >>> from sklearn.model_selection import cross_val_score
    >>> from pinnlearn import PINNRegressor, problems
    >>> pde = problems.poisson_1d()
    >>> X = pde.sample(n_interior=60, n_boundary=2, random_state=0)
    >>> scores = cross_val_score(PINNRegressor(pde=pde, random_state=0), X, cv=RegionKFold(3, pde=pde))
    >>> scores.round(6).tolist()
    [1.0, 1.0, 1.0]
    """

    # With metadata routing, `region` reaches `split` with no call by the user.
    __metadata_request__split = {"region": True}  # noqa: RUF012

    def __init__(self, n_splits: int = 5, *, pde: PDE | None = None, shuffle: bool = False, random_state=None):
        self.n_splits = n_splits
        self.pde = pde
        self.shuffle = shuffle
        self.random_state = random_state

    def get_n_splits(self, X=None, y=None, groups=None, region=None) -> int:
        """The number of folds."""
        return self.n_splits

    def split(
        self, X: ArrayLike, y: ArrayLike | None = None, groups=None, region: ArrayLike | None = None
    ) -> Iterator[tuple[NDArray, NDArray]]:
        """Yield the rows of the training set and of the test set of each fold.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_dims)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), optional
            Values of u, NaN where the row is governed by the PDE.
        groups
            Not used.
        region : array-like of shape (n_samples,), optional
            As in `PINNRegressor.fit`.

        Yields
        ------
        train, test : ndarray of int

        Raises
        ------
        ValueError
            If a fold would train on the PDE alone, without a condition or a known value; it says which.
        """
        points = check_points(X)
        kinds, pinned = self._kinds(points, y, region)
        is_large = np.bincount(kinds)[kinds] >= 2 * self.n_splits
        large, small = np.flatnonzero(is_large), np.flatnonzero(~is_large)
        if not len(large):
            raise ValueError(
                f"n_splits={self.n_splits} is too many for {len(points)} rows: a region is shared out from 2 * "
                "n_splits rows on, and none has as many."
            )
        stratified = StratifiedKFold(
            self.n_splits, shuffle=self.shuffle, random_state=self.random_state if self.shuffle else None
        )
        for fold, (train, test) in enumerate(stratified.split(large, kinds[large])):
            train, test = (np.sort(np.append(large[part], small)) for part in (train, test))
            if not pinned[train].any():
                raise ValueError(
                    f"fold {fold} of {self.n_splits} would train on {len(train)} rows without any boundary or initial "
                    "row under a condition, or known value, so nothing would pin the solution down; add such rows to X "
                    "(see pde.sample and pinnlearn.stack_points)."
                )
            yield train, test

    def _kinds(self, X: NDArray, y: ArrayLike | None, region: ArrayLike | None) -> tuple[NDArray, NDArray]:
        """A number for each row, the same where the same equations hold; and whether more than the PDE does."""
        if self.pde is None:
            known = np.zeros(len(X), dtype=bool) if y is None else ~np.isnan(check_known_values(y, len(X))).all(axis=1)
            if region is None and not known.any():
                raise ValueError(
                    "RegionKFold cannot tell boundary rows from others; give it the problem, RegionKFold(pde=...), or "
                    "known values y, or route region= to it."
                )
            regions = np.full(len(X), "interior") if region is None else check_region(region, len(X))
            labels, pinned = np.column_stack([regions, known]), known | (regions != "interior")
        else:
            equations = assign_equations(self.pde, Rows.of(self.pde, X, y, region))
            labels = np.stack([np.isin(np.arange(len(X)), equation.rows) for equation in equations], axis=1)
            pinned = labels[:, [equation.group != "interior" for equation in equations]].any(axis=1)
        return np.unique(labels, axis=0, return_inverse=True)[1].ravel(), pinned


def run_seeds(
    estimator: Any,
    X: ArrayLike,
    y: ArrayLike | None = None,
    *,
    seeds: int | Iterable[int] = 5,
    scoring: str | Callable | Sequence[str] | Mapping[str, str | Callable] | None = None,
    X_test: ArrayLike | None = None,
    y_test: ArrayLike | None = None,
    n_jobs: int | None = None,
    return_estimator: bool = False,
) -> dict[str, NDArray]:
    """Fit an estimator once for each seed and score each fit.

    Parameters
    ----------
    estimator : estimator
        Cloned for each fit, `random_state` set to the seed (in a pipeline, that of every step that has one).
    X : array-like of shape (n_samples, n_dims)
    y : array-like of shape (n_samples,) or (n_samples, n_outputs), optional
        As for `PINNRegressor.fit`.
    seeds : int or iterable of int
        How many, 0, 1, ..., or which.
    scoring : str, callable, list of str or dict of name to either, optional
        As in `sklearn.model_selection.cross_validate`. None is the estimator's own `score`.
    X_test, y_test : array-like, optional
        What is scored; by default X and y.
    n_jobs : int, optional
        Fits at a time. Each computes on one thread, so that the results are the same for any number and any backend.
    return_estimator : bool
        Whether to keep the fitted estimators.

    Returns
    -------
    dict of str to ndarray of shape (n_seeds,)
        "seed", "fit_time" in seconds, "n_iter", "loss", "test_score" (or "test_<name>" for each of several scorers)
        and, if asked for, "estimator". What an estimator does not have is NaN.

    Raises
    ------
    ValueError
        If every fit failed, or nothing of the estimator depends on a seed.

    Warns
    -----
    FitFailedWarning
        Where a fit failed: its figures are NaN, the others stay.

    See Also
    --------
    sklearn.model_selection.cross_validate : One fit for each fold.

    Examples
    --------
    >>> from pinnlearn import PINNRegressor, problems
    >>> pde = problems.poisson_1d()
    >>> X = pde.sample(n_interior=40, n_boundary=2, random_state=0)
    >>> results = run_seeds(PINNRegressor(pde=pde, optimizer="adam", max_iter=5), X, seeds=3)
    >>> sorted(results)
    ['fit_time', 'loss', 'n_iter', 'seed', 'test_score']
    >>> results["n_iter"]
    array([5, 5, 5])
    """
    chosen = _check_seeds(seeds)
    seeded = [_with_seed(estimator, seed) for seed in chosen]
    scorers = _check_scoring(estimator, scoring)
    scored = (X, y) if X_test is None else (X_test, y_test)
    rows = Parallel(n_jobs=n_jobs)(delayed(_fit_and_score)(each, X, y, scored, scorers) for each in seeded)
    failed = {seed: row["error"] for seed, row in zip(chosen, rows, strict=True) if "error" in row}
    if failed:
        _report_failures(failed, len(chosen))
    names = ["fit_time", "n_iter", "loss", *scorers]
    results = {name: np.array([row.get(name, np.nan) for row in rows]) for name in names}
    if return_estimator:
        results["estimator"] = np.array([row.get("estimator") for row in rows], dtype=object)
    return {"seed": np.array(chosen)} | results


def _check_seeds(seeds: int | Iterable[int]) -> list[int]:
    chosen = list(range(seeds)) if isinstance(seeds, Integral) else list(cast(Iterable[int], seeds))
    if not chosen or not all(isinstance(seed, Integral) and seed >= 0 for seed in chosen):
        raise ValueError(f"seeds must be a number of seeds >= 1, or a list of integers >= 0, got {seeds!r}.")
    return chosen


def _with_seed(estimator: Any, seed: int) -> Any:
    seeded = clone(estimator)
    names = [name for name in seeded.get_params() if name == "random_state" or name.endswith("__random_state")]
    if not names:
        raise ValueError(f"{estimator!r} has no random_state, so that all seeds would give one result.")
    return seeded.set_params(**dict.fromkeys(names, seed))


def _check_scoring(estimator: Any, scoring: Any) -> dict[str, Callable]:
    """The scorers by the names of their results."""
    if scoring is None or isinstance(scoring, str) or callable(scoring):
        return {"test_score": check_scoring(estimator, scoring)}
    named = scoring if isinstance(scoring, Mapping) else {name: name for name in scoring}
    return {f"test_{name}": get_scorer(scorer) for name, scorer in named.items()}


def _fit_and_score(estimator: Any, X, y, scored: tuple, scorers: Mapping[str, Callable]) -> dict[str, Any]:
    """The figures of one fit; those that it came to, and the error, if it failed."""
    row: dict[str, Any] = {}
    begin = time.perf_counter()
    try:
        with one_thread():
            estimator.fit(X, y)
            row["fit_time"] = time.perf_counter() - begin
            last = estimator[-1] if hasattr(estimator, "steps") else estimator
            row |= {"n_iter": getattr(last, "n_iter_", np.nan), "loss": getattr(last, "loss_", np.nan)}
            row |= {name: scorer(estimator, *scored) for name, scorer in scorers.items()}
            row["estimator"] = estimator
    except Exception:  # one seed's failure leaves the others
        return {"error": traceback.format_exc()}
    return row


def _report_failures(failed: Mapping[int, str], n_seeds: int) -> None:
    first = next(iter(failed.values()))
    if len(failed) == n_seeds:
        raise ValueError(f"All {n_seeds} fits failed. The first one:\n{first}")
    warn(
        f"{len(failed)} of {n_seeds} fits failed, and their figures are NaN: seed {', '.join(map(str, failed))}. "
        f"The first one:\n{first}",
        FitFailedWarning,
    )


__all__ = ["RegionKFold", "run_seeds"]
