"""Optimizers, by name and as objects."""

from pinnlearn.optimizers.base import Optimizer, minimize
from pinnlearn.optimizers.gd import GD
from pinnlearn.optimizers.lbfgs import LBFGS
from pinnlearn.optimizers.ngd import NGD
from pinnlearn.optimizers.stochastic import SGD, Adam

OPTIMIZERS: dict[str, type[Optimizer]] = {"adam": Adam, "gd": GD, "lbfgs": LBFGS, "ngd": NGD, "sgd": SGD}


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


__all__ = ["GD", "LBFGS", "NGD", "OPTIMIZERS", "SGD", "Adam", "Optimizer", "get_optimizer", "minimize"]
