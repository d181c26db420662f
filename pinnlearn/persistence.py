"""Models and checkpoints as files: arrays in the safetensors format, everything else as JSON in its header.

Nothing that a file holds is run when it is read: of classes and functions it has the names, and only those of this
package are looked up. A file is written beside its place and then moved there, so that it is whole or not there.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
from collections.abc import Callable
from functools import reduce
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from sklearn.base import clone
from torch import Tensor

from pinnlearn._version import __version__
from pinnlearn.arrays import as_tensor
from pinnlearn.hyperparameters import Described
from pinnlearn.notices import warn
from pinnlearn.pdes import PlainRegression

# Raised with each change of what files hold.
FORMAT = 1
KINDS = {"model": "pinnlearn.load", "checkpoint": "pinnlearn.callbacks.Checkpoint"}


class NotPlainError(TypeError):
    """Raised for what has no place in a file: functions and objects that are not of this package."""


class Versioned(Described):
    """An estimator whose pickles know the version that wrote them."""

    def __getstate__(self) -> dict[str, Any]:
        return super().__getstate__() | {"_pinnlearn_version": __version__}

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        version = state.pop("_pinnlearn_version", "an unknown version")
        if version != __version__:
            warn(
                f"This {type(self).__name__} was saved with pinnlearn {version}, and this is {__version__}: it may not "
                "work, or give other results. Fit it again, or load it with the version that saved it.",
            )
        if "pde_" in state and state["pde_"] is None:  # as older versions had it
            state["pde_"] = PlainRegression()
        super().__setstate__(state)


def save(model: Any, path: str | os.PathLike) -> None:
    """Write a fitted model to one safetensors file.

    The weights are its tensors, under their names, for any program to read; hyperparameters and the rest of the fit
    are JSON in its header. A PDE with functions of your own cannot be written: `predict` and `derivative` of the
    model that is loaded work without it, and `load(path, pde=...)` puts it back. `callbacks` and `initial_guess`
    are left out.

    Parameters
    ----------
    model : PINNRegressor
        Fitted or not.
    path : path-like
        By custom with the ending .safetensors. A file that is there is replaced at once, or not at all.

    Raises
    ------
    TypeError
        If another hyperparameter is not plain, such as an optimizer of your own class, or for `TimeWindows`; pickle
        takes these.

    See Also
    --------
    load : The way back.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import pinnlearn
    >>> pde = pinnlearn.problems.poisson_1d()
    >>> model = pinnlearn.PINNRegressor(pde=pde, random_state=0).fit(pde.sample(50, 2, random_state=0))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "poisson.safetensors"
    ...     pinnlearn.save(model, path)
    ...     pinnlearn.load(path).predict([[0.5]]).round(6)
    array([1.])
    """
    values = model.get_params(deep=False) | {"callbacks": None, "initial_guess": None}
    if "pde" not in values:
        raise TypeError(
            f"a file holds one PINNRegressor, but this is a {type(model).__name__}; save it with pickle, or "
            "each of its estimators_."
        )
    fitted = {name: value for name, value in vars(model).items() if name.endswith("_")}
    tensors: dict[str, Tensor] = {}
    content = {
        "class": _name(type(model)),
        "parameters": {name: _plain(value, name, tensors) for name, value in values.items()},
        "fitted": {name: _plain(value, name, tensors) for name, value in fitted.items()},
        "pde": repr(model.pde),
    }
    _write(path, "model", content, tensors)


def load(path: str | os.PathLike, pde: Any = None) -> Any:
    """Read a model that `save` wrote.

    Parameters
    ----------
    path : path-like
    pde : PDE, optional
        The PDE of the model, where it has functions of your own, which are in no file.

    Returns
    -------
    PINNRegressor

    Raises
    ------
    FileNotFoundError
        If there is no file.
    ValueError
        If the file is not a model, is damaged or is of a later version; if `pde` is not the model's.

    Warns
    -----
    UserWarning
        If the PDE is in no file and not given either.
    """
    content, tensors = _read(path, "model")
    if pde is not None and repr(pde) != content["pde"]:
        raise ValueError(f"{path} is a model of {content['pde']}, but pde={pde!r}; pass the PDE that it was fitted to.")
    if pde is None and "missing" in map(_tag, content["parameters"].values()):
        warn(
            f"{path} is a model of {content['pde']}, whose functions are in no file: the model predicts, but for fit, "
            "score and residual it needs its PDE. Pass pde=... to load.",
        )
    parameters, fitted = (
        {name: _value(value, tensors) for name, value in content[part].items()} for part in ("parameters", "fitted")
    )
    if "pde_" in fitted and fitted["pde_"] is None:
        fitted["pde_"] = PlainRegression()
    if pde is not None:
        parameters["pde"] = pde
        fitted |= {name: clone(pde) for name in fitted if name == "pde_"}
    model = _find(content["class"], type)(**parameters)
    model.__dict__.update(fitted)
    return model


def _plain(value: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    """One value of a model; a PDE that is not plain is left out."""
    try:
        return encode(value, tensors, name)
    except NotPlainError as error:
        if name in ("pde", "pde_"):
            return {"missing": True}
        raise NotPlainError(
            f"{name} holds {error}, which is neither a plain value nor of this package, so that no file can hold it. "
            f"Change it by set_params, or save with pickle."
        ) from error


def write_checkpoint(path: str | os.PathLike, content: dict[str, Any]) -> None:
    """Write what a fit has come to; the file before it stays until this one is whole."""
    tensors: dict[str, Tensor] = {}
    try:
        plain = encode(content, tensors)
    except NotPlainError as error:
        raise NotPlainError(
            f"a checkpoint holds numbers, text and tensors, but not {error}. An optimizer of your own turns its memory "
            "into such by pack and unpack, a callback its state by get_state and set_state."
        ) from error
    _write(path, "checkpoint", plain, tensors)


def read_checkpoint(path: str | os.PathLike) -> dict[str, Any]:
    """Read what `write_checkpoint` wrote."""
    content, tensors = _read(path, "checkpoint")
    return _value(content, tensors)


def _write(path: str | os.PathLike, kind: str, content: Any, tensors: dict[str, Tensor]) -> None:
    header = {"pinnlearn": kind, "format": str(FORMAT), "version": __version__, "content": json.dumps(content)}
    data = to_bytes(tensors, header | {"sha256": _digest(header, tensors)})
    beside = Path(f"{os.fspath(path)}.part")
    with beside.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def _read(path: str | os.PathLike, kind: str) -> tuple[Any, dict[str, Tensor]]:
    with Path(path).open("rb"):  # says by itself what is missing or may not be read
        pass
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            # Copied to where torch puts tensors: how numbers lie in memory changes the rounding of their products.
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(f"{path} is no safetensors file, or not a whole one ({error}).") from error
    _check_header(path, header, kind)
    if header.pop("sha256", None) != _digest(header, tensors):
        raise ValueError(f"{path} is damaged: its checksum is not that of its content. Take another copy.")
    return json.loads(header["content"]), tensors


def _check_header(path: str | os.PathLike, header: dict[str, str], kind: str) -> None:
    """Check that a file is of the package, of a kind, and of a format that is known."""
    its = header.get("pinnlearn", "")
    if its not in KINDS:
        raise ValueError(f"{path} was not written by pinnlearn: its header lacks what pinnlearn.save puts there.")
    if its != kind:
        raise ValueError(f"{path} is a {its}, not a {kind}: it is for {KINDS[its]}.")
    if header.get("format", "").isdecimal() and int(header["format"]) > FORMAT:
        raise ValueError(
            f"{path} was written by pinnlearn {header.get('version')} in format {header['format']}, but this is "
            f"{__version__}, which reads formats up to {FORMAT}; upgrade pinnlearn."
        )


def _digest(header: dict[str, str], tensors: dict[str, Tensor]) -> str:
    digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()


def encode(value: Any, tensors: dict[str, Tensor], name: str = "tensor") -> Any:
    """A value as JSON has it: what JSON lacks becomes a dict with one key, the kind, and arrays go to `tensors`.

    Raises
    ------
    NotPlainError
        With the repr of what is not plain.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic | torch.device):
        return value.item() if isinstance(value, np.generic) else str(value)
    if isinstance(value, list):
        return [encode(item, tensors, name) for item in value]
    kind, parts = _taken_apart(value)
    if isinstance(parts, Tensor):
        name = name if name not in tensors else f"{name}.{len(tensors)}"
        tensors[name] = parts.detach().cpu().clone().contiguous()
        return {kind: name}
    return {kind: encode(parts, tensors, name)}


def _taken_apart(value: Any) -> tuple[str, Any]:
    """The kind of a value, and what it is made of."""
    if isinstance(value, Tensor):  # products of matrices stored by columns are rounded otherwise than by rows
        by_columns = value.ndim == 2 and value.stride(0) < value.stride(1)
        return ("columns", value.T) if by_columns else ("tensor", value)
    if isinstance(value, np.ndarray):
        is_numeric = value.dtype.kind in "fiub"
        return ("array", as_tensor(value)) if is_numeric else ("strings", value.tolist())
    if isinstance(value, tuple) and hasattr(value, "_fields") and _is_ours(type(value)):
        return "named", [_name(type(value)), list(value)]
    if isinstance(value, tuple):
        return "tuple", list(value)
    if isinstance(value, dict):
        return "dict", [list(item) for item in value.items()]
    if isinstance(value, FunctionType) and _is_ours(value):
        return "function", _name(value)
    if isinstance(value, Described) and _is_ours(type(value)):
        return "object", [_name(type(value)), value.get_params(deep=False)]
    raise NotPlainError(repr(value))


def _value(plain: Any, tensors: dict[str, Tensor]) -> Any:
    """The way back from `encode`."""
    if isinstance(plain, list):
        return [_value(item, tensors) for item in plain]
    if not isinstance(plain, dict):
        return plain
    ((kind, parts),) = plain.items()
    return _PUT_TOGETHER[kind](tensors[parts] if kind in ("tensor", "columns", "array") else _value(parts, tensors))


_PUT_TOGETHER: dict[str, Callable[[Any], Any]] = {
    "tensor": lambda tensor: tensor,
    "columns": lambda tensor: tensor.T,
    "array": lambda tensor: tensor.numpy().copy(),
    "strings": lambda items: np.array(items, dtype=object),
    "tuple": tuple,
    "dict": dict,
    "function": lambda name: _find(name, FunctionType),
    "named": lambda parts: _find(parts[0], type)(*parts[1]),
    "object": lambda parts: _find(parts[0], type)(**parts[1]),
    "missing": lambda _: None,
}


def _tag(plain: Any) -> str | None:
    return next(iter(plain)) if isinstance(plain, dict) else None


def _name(what: Any) -> str:
    return f"{what.__module__}:{what.__qualname__}"


def _is_ours(what: Any) -> bool:
    return what.__module__.split(".")[0] == "pinnlearn" and "<" not in what.__qualname__


def _find(name: str, kind: type) -> Any:
    """A class of hyperparameters or of named tuples, or a function, of this package."""
    module, _, path = name.partition(":")
    try:
        if module.split(".")[0] != "pinnlearn":
            raise ImportError(f"no module of pinnlearn is called {module}")
        found = reduce(getattr, path.split("."), importlib.import_module(module))
    except (ImportError, AttributeError) as error:
        raise ValueError(f"the file names {name}, which this pinnlearn, {__version__}, does not have.") from error
    fits = issubclass(found, Described | tuple) if isinstance(found, type) else True
    if not (isinstance(found, kind) and _is_ours(found) and fits):
        raise ValueError(f"the file names {name}, which has no place in a file.")
    return found


__all__ = ["load", "save"]
