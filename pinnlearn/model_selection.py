"""Cross-validation that keeps the problem well posed: folds stratified by the equations that hold at each row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.model_selection import BaseCrossValidator, StratifiedKFold
from sklearn.utils import check_array

from pinnlearn.collocation import assign_equations, check_region, snapped
from pinnlearn.pdes import PDE
from pinnlearn.validation import check_known_values


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
        X = cast(NDArray, check_array(X, dtype=[np.float64, np.float32]))
        kinds, pinned = self._kinds(X, check_known_values(y, len(X)), region)
        is_large = np.bincount(kinds)[kinds] >= 2 * self.n_splits
        large, small = np.flatnonzero(is_large), np.flatnonzero(~is_large)
        if not len(large):
            raise ValueError(
                f"n_splits={self.n_splits} is too many for {len(X)} rows: a region is shared out from 2 * n_splits "
                "rows on, and none has as many."
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

    def _kinds(self, X: NDArray, y: NDArray | None, region: ArrayLike | None) -> tuple[NDArray, NDArray]:
        """A number for each row, the same where the same equations hold; and whether more than the PDE does."""
        if self.pde is None:
            known = np.zeros(len(X), dtype=bool) if y is None else ~np.isnan(y).all(axis=1)
            if region is None and not known.any():
                raise ValueError(
                    "RegionKFold cannot tell boundary rows from others; give it the problem, RegionKFold(pde=...), or "
                    "known values y, or route region= to it."
                )
            regions = np.full(len(X), "interior") if region is None else check_region(region, len(X))
            labels, pinned = np.column_stack([regions, known]), known | (regions != "interior")
        else:
            equations = assign_equations(self.pde, snapped(self.pde, X), y, region)
            labels = np.stack([np.isin(np.arange(len(X)), equation.rows) for equation in equations], axis=1)
            pinned = labels[:, [equation.group != "interior" for equation in equations]].any(axis=1)
        return np.unique(labels, axis=0, return_inverse=True)[1].ravel(), pinned
