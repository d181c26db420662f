"""Optimizers, by name and as objects."""

from pinnlearn.optimizers.base import Optimizer, Progress, minimize
from pinnlearn.optimizers.gd import GD
from pinnlearn.optimizers.ngd import NGD

OPTIMIZERS = {"gd": GD, "ngd": NGD}


def get_optimizer(optimizer: str | Optimizer) -> Optimizer:
    """Look up an optimizer by its name; an object is given back as it is.

    Raises
    ------
    ValueError
        If the name is unknown; the message lists the known ones.
    """
    if isinstance(optimizer, Optimizer):
        return optimizer
    if not isinstance(optimizer, str) or optimizer not in OPTIMIZERS:
        raise ValueError(f"optimizer={optimizer!r} is unknown; choose one of {sorted(OPTIMIZERS)}, or pass an object.")
    return OPTIMIZERS[optimizer]()


__all__ = ["GD", "NGD", "OPTIMIZERS", "Optimizer", "Progress", "get_optimizer", "minimize"]
