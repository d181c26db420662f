"""The least-squares problem of a network and its equations: residuals, exact Jacobians, Gram matrices."""

from pinnlearn.least_squares.coefficients import Coefficient, Coefficients, CoefficientTerms, Function, Number
from pinnlearn.least_squares.equation import GROUPS, Equation, EquationAtRows, LinearizedEquation
from pinnlearn.least_squares.linearization import Linearization
from pinnlearn.least_squares.problem import Block, LeastSquares, Weight
from pinnlearn.least_squares.unknowns import COEFFICIENTS, Unknowns

__all__ = [
    "COEFFICIENTS",
    "GROUPS",
    "Block",
    "Coefficient",
    "CoefficientTerms",
    "Coefficients",
    "Equation",
    "EquationAtRows",
    "Function",
    "LeastSquares",
    "Linearization",
    "LinearizedEquation",
    "Number",
    "Unknowns",
    "Weight",
]
