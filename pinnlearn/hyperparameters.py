"""What PDEs, conditions, domains, optimizers and stages share: values, told by their constructor's parameters."""

from __future__ import annotations

import inspect
import math
import sys
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from functools import reduce
from numbers import Integral, Real
from types import FunctionType, MappingProxyType
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator


class Described(BaseEstimator):
    """An estimator whose repr can be evaluated, and whose pickling fails, if it does, with a reason and a remedy."""

    def __repr__(self) -> str:
        # Unlike scikit-learn's it never shortens, so that it can be evaluated.
        values = self.get_params(deep=False)
        parameters = inspect.signature(type(self).__init__).parameters
        changed = [name for name in parameters if name in values and not _equal(values[name], parameters[name].default)]
        return f"{type(self).__name__}({', '.join(f'{name}={_repr(values[name])}' for name in changed)})"

    def __getstate__(self) -> dict[str, Any]:
        return _guarded_state(self)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update({name: value for name, value in state.items() if name != GUARD})


class Hyperparameters(Described):
    """An object that is equal to another of its class with equal parameters (functions by identity)."""

    def __eq__(self, other) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        mine, theirs = self.get_params(deep=False), other.get_params(deep=False)
        return all(_equal(mine[name], theirs[name]) for name in mine)

    def __hash__(self) -> int:
        return hash((type(self), *sorted(self.get_params(deep=False))))


class _Refused(type):
    """A class that plain pickle refuses, with the class's own text as the reason.

    Python's pickle stores functions by name, and its message for a lambda tells neither whose it is nor what to do.
    It cannot be told from cloudpickle, which takes a lambda, while an object is reduced; but it stores classes as it
    stores functions, and prints those that it cannot find.
    """

    def __repr__(cls) -> str:
        return str(cls.__doc__)


GUARD = "_pickle_guard"


def _guarded_state(owner: BaseEstimator) -> dict[str, Any]:
    """A copy of an object's state whose pickling fails with a helpful message where a function has no name."""
    for name, value in owner.get_params(deep=False).items():
        for function in value if isinstance(value, list | tuple) else [value]:
            if isinstance(function, FunctionType) and not _is_importable(function):
                reason = (
                    f"{name}={_repr(function)} of {type(owner).__name__}: pickle stores functions by name, and this "
                    "one has none that can be imported. Write it with def at the top of a module, or save with "
                    "cloudpickle.dump (pickle.load reads that)"
                )
                guard = _Refused(f"{name} of {type(owner).__name__}", (), {"__doc__": reason, "__module__": __name__})
                return {GUARD: guard} | owner.__dict__
    return dict(owner.__dict__)


def _is_importable(function: FunctionType) -> bool:
    try:
        path = function.__qualname__.split(".")
        return reduce(getattr, path, sys.modules[function.__module__]) is function  # type: ignore[arg-type]
    except (AttributeError, KeyError):
        return False


def _repr(value) -> str:
    """Like repr, but a function that can be imported is its name, as it is written in code."""
    if isinstance(value, FunctionType):
        return value.__qualname__ if _is_importable(value) else f"<{value.__qualname__.split('.')[-1].strip('<>')}>"
    if isinstance(value, list):
        return f"[{', '.join(map(_repr, value))}]"
    return repr(value)


def _equal(a, b) -> bool:
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return isinstance(a, np.ndarray) and isinstance(b, np.ndarray) and np.array_equal(a, b)
    if isinstance(a, list | tuple) and type(a) is type(b):
        return len(a) == len(b) and all(_equal(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_equal(a[key], b[key]) for key in a)
    return a is b or bool(a == b)


def check_choice(name: str, value: Any, known: Collection[str]) -> None:
    """Raise a ValueError unless `value` is one of the known names."""
    if value not in known:
        raise ValueError(f"{name}={value!r} is unknown; choose one of {sorted(known)}.{suggestion(value, known)}")


def suggestion(value: Any, known: Collection[str], synonyms: Mapping[str, str] = MappingProxyType({})) -> str:
    """What a user may have meant by a value that is no known name: a sentence to end a message with, or nothing.

    Parameters
    ----------
    value : object
        A name, or a function or class, which has one.
    known : collection of str
    synonyms : mapping of str to str
        Names that others give to what is known here, in lower case.
    """
    plain = str(getattr(value, "__name__", value)).lower().replace("-", "").replace(" ", "_")
    near = get_close_matches(plain, known, n=1)
    meant = synonyms.get(plain) or (near[0] if near else None)
    return f" Did you mean {meant!r}?" if meant else ""


def check_positive(name: str, value, *, or_none: bool = False, or_zero: bool = False) -> None:
    """Raise a ValueError unless `value` is a positive finite number (or None, or zero, if that is allowed)."""
    if value is None and or_none:
        return
    try:
        valid = 0 < float(value) < math.inf or (or_zero and value == 0)
    except (TypeError, ValueError):
        valid = False
    if not valid:
        also = ", or None to let the method choose" if or_none else " or zero" if or_zero else ""
        raise ValueError(f"{name} must be a positive number{also}; got {value!r}.")


def check_momentum(momentum: float) -> None:
    """Raise a ValueError unless `momentum` is at least 0 and below 1."""
    if not (isinstance(momentum, Real) and 0 <= momentum < 1):
        raise ValueError(f"momentum must be at least 0 and below 1, got {momentum!r}.")


def check_count(name: str, value: Any, least: int = 1) -> int:
    """The value, or a ValueError unless it is an integer that is at least so large."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise ValueError(f"{name} must be an integer >= {least}, got {value!r}.")
    return int(value)
