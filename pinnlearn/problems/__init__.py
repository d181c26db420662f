"""Named benchmark problems: those with an exact solution, and in `pinnlearn.problems.hard` the field's hard ones."""

from pinnlearn.problems import hard as hard
from pinnlearn.problems.exact import NONLINEAR_PROBLEMS as NONLINEAR_PROBLEMS
from pinnlearn.problems.exact import PROBLEMS as PROBLEMS
from pinnlearn.problems.exact import Problem as Problem

# Files that `pinnlearn.save` wrote when this was one module name its functions here.
from pinnlearn.problems.exact import _cooling as _cooling
from pinnlearn.problems.exact import _pairs as _pairs
from pinnlearn.problems.exact import _sine as _sine
from pinnlearn.problems.exact import _sine_sine as _sine_sine
from pinnlearn.problems.exact import _sine_sine_source as _sine_sine_source
from pinnlearn.problems.exact import _sine_source as _sine_source
from pinnlearn.problems.exact import _waves as _waves
from pinnlearn.problems.exact import _waves_source as _waves_source
from pinnlearn.problems.exact import (
    allen_cahn_wave,
    burgers_front,
    burgers_shock,
    cubic_poisson,
    fisher_wave,
    heat_1d,
    helmholtz_2d,
    poisson_1d,
    poisson_2d,
    poisson_10d,
)

__all__ = [
    "allen_cahn_wave",
    "burgers_front",
    "burgers_shock",
    "cubic_poisson",
    "fisher_wave",
    "heat_1d",
    "helmholtz_2d",
    "poisson_1d",
    "poisson_2d",
    "poisson_10d",
]
