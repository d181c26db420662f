"""What PDEs, conditions, domains and optimizers share: they are values, told by their constructor's parameters."""

from __future__ import annotations

import inspect

import numpy as np
from sklearn.base import BaseEstimator


class Hyperparameters(BaseEstimator):
    """An object that is equal to another of its class with equal parameters (functions by identity)."""

    def __eq__(self, other) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        mine, theirs = self.get_params(deep=False), other.get_params(deep=False)
        return all(_equal(mine[name], theirs[name]) for name in mine)

    def __hash__(self) -> int:
        return hash((type(self), *sorted(self.get_params(deep=False))))

    def __repr__(self) -> str:
        # Unlike scikit-learn's it never shortens, so that it can be evaluated.
        values = self.get_params(deep=False)
        parameters = inspect.signature(type(self).__init__).parameters
        changed = [name for name in parameters if name in values and not _equal(values[name], parameters[name].default)]
        return f"{type(self).__name__}({', '.join(f'{name}={values[name]!r}' for name in changed)})"


def _equal(a, b) -> bool:
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return isinstance(a, np.ndarray) and isinstance(b, np.ndarray) and np.array_equal(a, b)
    if isinstance(a, list | tuple) and type(a) is type(b):
        return len(a) == len(b) and all(_equal(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_equal(a[key], b[key]) for key in a)
    return a is b or bool(a == b)
