"""Arrays and where they live: numpy to torch and back, devices and dtypes by name, and the memory that is free."""

from __future__ import annotations

import numpy as np
import psutil
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from pinnlearn.notices import warn

CPU = torch.device("cpu")
DTYPES = {"float64": torch.float64, "float32": torch.float32}
DEVICES = ("auto", "cpu", "cuda", "mps")


def as_tensor(array: ArrayLike, device: torch.device = CPU, dtype: torch.dtype | None = None) -> Tensor:
    """The one place where numpy becomes torch; without a dtype it keeps that of the array."""
    return torch.tensor(np.asarray(array), device=device, dtype=dtype)


def as_array(tensor: Tensor) -> NDArray:
    """The way back: an array of its own."""
    return tensor.detach().cpu().numpy().copy()


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
        raise ValueError(
            f"device={device!r} is unknown; choose one of {list(DEVICES)}, or 'cuda:1' and the like."
            + (" A GPU of NVIDIA or AMD is 'cuda'." if kind.lower() in ("gpu", "rocm", "nvidia") else "")
        )
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
        warn(f"device={device!r} is not available on this machine; predicting on the CPU.")
        return torch.device("cpu"), DTYPES[dtype]


def affordable(n: int, n_numbers: int, like: torch.Tensor) -> int:
    """As many as n, or those for which there is memory, if each takes so many numbers like these."""
    return min(n, int(available_bytes(like.device) / (n_numbers * like.element_size())))


def available_bytes(device: torch.device) -> int:
    """The memory that is free on a device now."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return psutil.virtual_memory().available
