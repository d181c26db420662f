"""What is computed of a value once a process."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, wraps
from typing import TypeVar

from numpy.typing import NDArray

from pinnlearn.hyperparameters import Hyperparameters

Value = TypeVar("Value", bound=Hyperparameters)
Result = TypeVar("Result", NDArray, list[NDArray])


def once(function: Callable[[Value], Result]) -> Callable[[Value], Result]:
    """The function, computed once for equal parameters, those that the value has when it is called."""

    # Not by the value itself: set_params may change it while it is a key.
    @cache
    def of_parameters(kind: Callable[..., Value], parameters: tuple) -> Result:
        return function(kind(**dict(parameters)))

    @wraps(function)
    def of_value(value: Value) -> Result:
        return of_parameters(type(value), tuple(value.get_params(deep=False).items()))  # type: ignore[arg-type]

    return of_value
