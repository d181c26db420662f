"""The theory of natural gradient descent for two-layer networks, made measurable.

Why gradient descent crawls and NGD does not, for any PDE, points and activation: the limiting Gram matrix and its
spectrum, step lengths, rates that theorems promise and that fits had, the stability of the Jacobian, and how all of
them scale. Setting and loss are the paper's: hidden weights trained, w ~ N(0, I), a = +-1, residuals divided by the
square root of their number, initial rows pooled with boundary rows.

"Fast Convergence of Natural Gradient Descent for Over-parameterized Physics-Informed Neural Networks" (ICLR 2026),
arXiv:2408.00573.
"""

from pinnlearn.theory.assumption import Definiteness, positive_definite
from pinnlearn.theory.limiting import limiting_gram, limiting_gram_by_quadrature
from pinnlearn.theory.posing import Posed, pose
from pinnlearn.theory.rates import (
    LinearisedProblem,
    Rates,
    StepSizes,
    convergence_rates,
    gd_bound,
    gd_stability,
    loss_curve,
    ngd_bound,
    ngd_damped,
    step_sizes,
)
from pinnlearn.theory.scaling import (
    contraction_deviations,
    deep_spectra,
    drifts,
    gram_distances,
    quadratic_constants,
    slope,
    smallest_width,
    spectra_of_points,
    spectra_of_widths,
)
from pinnlearn.theory.spectra import Spectrum, gram_spectrum, spectrum_by_quadrature
from pinnlearn.theory.stability import Stability, jacobian_stability

__all__ = [
    "Definiteness",
    "LinearisedProblem",
    "Posed",
    "Rates",
    "Spectrum",
    "Stability",
    "StepSizes",
    "contraction_deviations",
    "convergence_rates",
    "deep_spectra",
    "drifts",
    "gd_bound",
    "gd_stability",
    "gram_distances",
    "gram_spectrum",
    "jacobian_stability",
    "limiting_gram",
    "limiting_gram_by_quadrature",
    "loss_curve",
    "ngd_bound",
    "ngd_damped",
    "pose",
    "positive_definite",
    "quadratic_constants",
    "slope",
    "smallest_width",
    "spectra_of_points",
    "spectra_of_widths",
    "spectrum_by_quadrature",
    "step_sizes",
]
