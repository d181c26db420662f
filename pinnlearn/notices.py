"""Warnings that point at the line of the user's code that they are about, not at a file of a package in between."""

from __future__ import annotations

import sys
import sysconfig
import warnings
from pathlib import Path
from types import FrameType

import joblib
import sklearn

# What stands between the user's call and ours: pipelines, searches and callbacks call `fit` from here.
BETWEEN = tuple(f"{Path(package).parent}/" for package in (__file__, sklearn.__file__, joblib.__file__))
STANDARD_LIBRARY = f"{sysconfig.get_path('stdlib')}/"


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the innermost line that is neither of this package, nor of scikit-learn, joblib or Python's library."""
    frame = _users(sys._getframe(1))
    registry = frame.f_globals.setdefault("__warningregistry__", {})
    module = frame.f_globals.get("__name__", "<unknown>")
    warnings.warn_explicit(message, category, frame.f_code.co_filename, frame.f_lineno, module, registry)


def _users(innermost: FrameType) -> FrameType:
    """The frame of the user's line; in a worker of joblib, where there is none, the innermost one."""
    frame: FrameType | None = innermost
    while frame is not None and _is_between(frame.f_code.co_filename):
        frame = frame.f_back
    return frame or innermost


def _is_between(file: str) -> bool:
    is_library = file.startswith(STANDARD_LIBRARY) and "site-packages" not in file
    return file.startswith(BETWEEN) or is_library or file.startswith("<frozen")
