"""The least-squares problem of a network and its equations: residuals, exact Jacobians, Gram matrices."""

from pinnlearn.least_squares.equation import GROUPS, Equation, EquationAtRows, LinearizedEquation
from pinnlearn.least_squares.linearization import Linearization
from pinnlearn.least_squares.problem import Block, LeastSquares, Weight
from pinnlearn.least_squares.unknowns import Unknowns

__all__ = [
    "GROUPS",
    "Block",
    "Equation",
    "EquationAtRows",
    "LeastSquares",
    "Linearization",
    "LinearizedEquation",
    "Unknowns",
    "Weight",
]
