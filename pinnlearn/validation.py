"""What an estimator was given, checked and turned into what the rest works with; each error says what to do."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterable
from numbers import Integral
from typing import Any

import numpy as np
import psutil
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.utils import check_array, column_or_1d

from pinnlearn.conditions import BaseCondition
from pinnlearn.domains import check_domain
from pinnlearn.least_squares import GROUPS
from pinnlearn.optimizers import Optimizer, get_optimizer
from pinnlearn.optimizers.base import check_positive
from pinnlearn.pdes import PDE

DTYPES = {"float64": torch.float64, "float32": torch.float32}
DEVICES = ("auto", "cpu", "cuda", "mps")


class DeviceNotAvailableError(ValueError):
    """Raised for a device that this machine does not have."""


def resolve_device(device: str | torch.device, dtype: str) -> tuple[torch.device, torch.dtype]:
    """Turn the names of a device and a dtype into torch's.

    Raises
    ------
    ValueError
        If one is unknown, not on this machine, or the two do not go together.
    """
    if dtype not in DTYPES:
        raise ValueError(f"dtype={dtype!r} is unknown; choose one of {sorted(DTYPES)}.")
    name = str(device)
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    kind = name.split(":")[0]
    if kind not in DEVICES:
        raise ValueError(f"device={device!r} is unknown; choose one of {list(DEVICES)}, or 'cuda:1' and the like.")
    if kind == "mps" and dtype == "float64":
        raise ValueError("device='mps' has no float64; use dtype='float32', or device='cpu'.")
    try:
        chosen = torch.device(name)
    except RuntimeError as error:
        raise ValueError(
            f"device={device!r} is malformed; write {kind!r}, or '{kind}:1' for the second one."
        ) from error
    if not _is_available(chosen):
        raise DeviceNotAvailableError(
            f"device={device!r} is not available on this machine; use device='cpu' or 'auto'."
        )
    return chosen, DTYPES[dtype]


def _is_available(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_available() and (device.index or 0) < torch.cuda.device_count()
    return device.type != "mps" or torch.backends.mps.is_available()


def available_device(device: str, dtype: str) -> tuple[torch.device, torch.dtype]:
    """The device, or the CPU with a warning where this machine has none such."""
    try:
        return resolve_device(device, dtype)
    except DeviceNotAvailableError:
        warnings.warn(f"device={device!r} is not available on this machine; predicting on the CPU.", stacklevel=2)
        return torch.device("cpu"), DTYPES[dtype]


def check_choice(name: str, value: Any, known: Collection[str]) -> None:
    """Raise a ValueError unless `value` is one of the known names."""
    if value not in known:
        raise ValueError(f"{name}={value!r} is unknown; choose one of {sorted(known)}.")


def check_pde(pde: Any, n_dims: int) -> PDE | None:
    """A clone of the PDE, which fits points of this dimension; None for none."""
    if pde is None:
        return None
    if not isinstance(pde, PDE):
        raise ValueError(f"pde must be a pinnlearn.pdes.PDE (an object, not a class) or None, got {pde!r}.")
    if pde.domain is not None:
        check_domain(pde.domain, type(pde).__name__)
    if pde.domain is not None and n_dims != pde.domain.n_dims:
        raise ValueError(
            f"X has {n_dims} column(s), but {pde.domain!r} has {pde.domain.n_dims} coordinate(s)"
            f"{' (time is the last)' if pde.domain.has_time else ''}; give one column for each."
        )
    _check_conditions(pde.conditions)
    return clone(pde)


def _check_conditions(conditions: Any) -> None:
    advice = "write conditions=[Dirichlet(0.0), ...], a list of objects from pinnlearn.conditions."
    if not isinstance(conditions, list | tuple):
        raise ValueError(f"the conditions of a PDE must be a list, got {conditions!r}; {advice}")
    for condition in conditions:
        if not isinstance(condition, BaseCondition):
            raise ValueError(f"{condition!r} is no condition; {advice} For a function use Condition(residual).")
        where = getattr(condition, "where", None)
        if where is not None and not callable(where):
            raise ValueError(f"where of {condition!r} must be a function of x, got {where!r}.")


def check_callbacks(callbacks: Any) -> list[Any]:
    """The callbacks as a list."""
    if callbacks is None:
        return []
    if not isinstance(callbacks, list | tuple) or not all(map(callable, callbacks)):
        raise ValueError(
            f"callbacks must be a list of functions of a Progress, or of objects such as those of pinnlearn.callbacks; "
            f"got {callbacks!r}. (Callbacks of scikit-learn go to set_callbacks.)"
        )
    return list(callbacks)


def check_known_values(y: ArrayLike | None, n: int, n_outputs: int | None = None) -> NDArray | None:
    """Known values as (n, n_outputs), NaN where unknown."""
    if y is None:
        return None
    values = check_array(
        y, ensure_2d=False, allow_nd=False, ensure_all_finite="allow-nan", dtype=np.float64, input_name="y"
    )
    if n_outputs == 1:
        values = column_or_1d(values, warn=True)
    values = values.reshape(len(values), -1)
    if len(values) != n:
        raise ValueError(f"y has {len(values)} rows and X has {n}: inconsistent numbers of samples.")
    if n_outputs is not None and values.shape[1] != n_outputs:
        raise ValueError(f"y has {values.shape[1]} column(s), but the PDE has n_outputs={n_outputs}.")
    return values


def available_bytes(device: torch.device) -> int:
    """The memory that is free on a device now."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return psutil.virtual_memory().available


def check_width(width: Any) -> int:
    """The width as an int."""
    if not isinstance(width, Integral) or width < 1:
        raise ValueError(f"width must be 'auto' or an integer >= 1, got {width!r}.")
    return int(width)


def check_loss_weights(given: Any) -> dict[str, float]:
    """Weights by group; those that are not named are 1."""
    if given is None:
        return {}
    if not isinstance(given, dict) or not set(given) <= set(GROUPS):
        raise ValueError(f"loss_weights must be 'auto', None or a dict with keys of {list(GROUPS)}, got {given!r}.")
    for group, weight in given.items():
        check_positive(f"loss_weights[{group!r}]", weight)
    return given


def make_optimizers(optimizer: Any, learning_rate: float | None, max_iter: int | None) -> list[Optimizer]:
    """Clones of the optimizers that run one after the other, with what the estimator overrides."""
    several = isinstance(optimizer, list | tuple)
    if several and not optimizer:
        raise ValueError("optimizer is an empty list; name at least one.")
    overrides = {"learning_rate": learning_rate, "max_iter": max_iter}
    overrides = {name: value for name, value in overrides.items() if value is not None}
    if several and overrides:
        raise ValueError(
            f"{' and '.join(overrides)} on the estimator would override every optimizer of the list; set them on "
            "the optimizer objects, as in [NGD(max_iter=20), ...]."
        )
    optimizers = [clone(get_optimizer(o)) for o in (optimizer if several else [optimizer])]
    for each in optimizers:
        each.set_params(**overrides).check()
    return optimizers


def seed_optimizers(optimizers: Iterable[Optimizer], seed: int) -> None:
    """Give a seed to the optimizers that want one and have none."""
    for optimizer in optimizers:
        if optimizer.get_params().get("random_state", seed) is None:
            optimizer.set_params(random_state=seed)
