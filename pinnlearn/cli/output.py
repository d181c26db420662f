"""What the commands print: results on standard output, all else on standard error."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

DPI = 130
# Exit statuses; `argparse` uses 2 for bad options.
OK, FAILED, BAD_OPTION, INTERRUPTED = 0, 1, 2, 130
NO_FIGURES = 'No figures: matplotlib is missing. Install it by: pip install "pinnlearn[plot]"'


def one_line(message: object) -> str:
    """A message without line breaks."""
    return " ".join(str(message).split())


def named(error: Exception) -> str:
    """An error as one line."""
    return f"{type(error).__name__}: {one_line(error)}"


def report(what: str, error: Exception) -> int:
    """Tell of an error; the exit status that it calls for."""
    print(f"{what}: {named(error)}", file=sys.stderr)
    return FAILED


def print_json(document: Mapping[str, Any]) -> None:
    """Print a document on a line of its own, now; numbers that are not finite are null."""
    print(json.dumps(_plain(document), allow_nan=False), flush=True)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    return None if isinstance(value, float) and not math.isfinite(value) else value
