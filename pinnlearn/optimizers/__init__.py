"""Optimizers, by name and as objects."""

from collections.abc import Mapping
from typing import Any

from pinnlearn.hyperparameters import suggestion
from pinnlearn.optimizers.base import Optimizer, minimize
from pinnlearn.optimizers.directions import Direct, Direction, Sketched
from pinnlearn.optimizers.engd import ENGD
from pinnlearn.optimizers.gauss_newton import GaussNewton, Geodesic
from pinnlearn.optimizers.gd import GD
from pinnlearn.optimizers.lbfgs import LBFGS
from pinnlearn.optimizers.matrix_free import ConjugateGradients
from pinnlearn.optimizers.ngd import NGD
from pinnlearn.optimizers.nncg import NNCG
from pinnlearn.optimizers.searches import Armijo, Given, Grid, Halving, StepLength
from pinnlearn.optimizers.spring import SPRING
from pinnlearn.optimizers.ssbroyden import SSBroyden
from pinnlearn.optimizers.stochastic import SGD, Adam
from pinnlearn.optimizers.trust import GainRatio, Longest, Nielsen

OPTIMIZERS: dict[str, type[Optimizer]] = {
    "adam": Adam,
    "engd": ENGD,
    "gauss_newton": GaussNewton,
    "gd": GD,
    "lbfgs": LBFGS,
    "ngd": NGD,
    "nncg": NNCG,
    "sgd": SGD,
    "spring": SPRING,
    "ssbroyden": SSBroyden,
}


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
        raise ValueError(
            f"optimizer={optimizer!r} is unknown; choose one of {sorted(OPTIMIZERS)}, or pass an object such as NGD(), "
            "not its class." + suggestion(optimizer, OPTIMIZERS, {"l_bfgs": "lbfgs", "gaussnewton": "gauss_newton"})
        )
    return OPTIMIZERS[optimizer]()


def check_reaches(optimizer: Any, params: Mapping[str, Any]) -> None:
    """Raise a ValueError where parameters name one of an optimizer that is no object and has none."""
    nested = [name for name in params if name.startswith("optimizer__")]
    if nested and not isinstance(optimizer, Optimizer):
        raise ValueError(
            f"{nested[0]} needs an optimizer object, but optimizer={optimizer!r}; pass optimizer=NGD() to reach its "
            "parameters."
        )


__all__ = [
    "ENGD",
    "GD",
    "LBFGS",
    "NGD",
    "NNCG",
    "OPTIMIZERS",
    "SGD",
    "SPRING",
    "Adam",
    "Armijo",
    "ConjugateGradients",
    "Direct",
    "Direction",
    "GainRatio",
    "GaussNewton",
    "Geodesic",
    "Given",
    "Grid",
    "Halving",
    "Longest",
    "Nielsen",
    "Optimizer",
    "SSBroyden",
    "Sketched",
    "StepLength",
    "get_optimizer",
    "minimize",
]
