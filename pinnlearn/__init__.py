"""Solve partial differential equations with two-layer networks and natural gradient descent, as in scikit-learn."""

from importlib import import_module

from pinnlearn import problems
from pinnlearn._version import __version__
from pinnlearn.estimators import PINNRegressor
from pinnlearn.metrics import relative_l2_error
from pinnlearn.optimizers import ENGD, GD, LBFGS, NGD, NNCG, SGD, SPRING, Adam, GaussNewton, SSBroyden
from pinnlearn.persistence import load, save
from pinnlearn.sampling import stack_points
from pinnlearn.time_windows import TimeWindows

__all__ = [
    "ENGD",
    "GD",
    "LBFGS",
    "NGD",
    "NNCG",
    "SGD",
    "SPRING",
    "Adam",
    "GaussNewton",
    "PINNRegressor",
    "SSBroyden",
    "TimeWindows",
    "__version__",
    "load",
    "problems",
    "relative_l2_error",
    "save",
    "stack_points",
]

# Folders and their public names that are imported when they are first read, so that `import pinnlearn` stays quick.
_LATER = ("callbacks", "conditions", "displays", "domains", "metrics", "model_selection", "pdes", "theory", "training")
_BY_NAME = ("pdes", "conditions", "domains")


def __getattr__(name: str):
    if name in _LATER:
        return import_module(f"pinnlearn.{name}")
    for folder in map(import_module, (f"pinnlearn.{each}" for each in _BY_NAME)):
        if name in folder.__all__:
            return getattr(folder, name)
    raise AttributeError(f"module 'pinnlearn' has no attribute {name!r}")


def __dir__() -> list[str]:
    names = (name for each in _BY_NAME for name in import_module(f"pinnlearn.{each}").__all__)
    return sorted({*globals(), *_LATER, *names})
