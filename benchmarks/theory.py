"""Tables of docs/theory.md that are of several problems; in Markdown, to standard output.

Run as `python benchmarks/theory.py TABLE`, TABLE one of "bounds" (lambda_0, lambda_max and the step lengths of the five
problems, at their usual points and at few), "widths" (the smallest width at which NGD contracts as predicted) and
"deep" (spectra and contraction of one, two and three hidden layers).
"""

import math
import sys

import numpy as np

from pinnlearn.domains import Box
from pinnlearn.pdes import PDE, Poisson
from pinnlearn.problems import PROBLEMS
from pinnlearn.theory import Spectrum, gram_spectrum, smallest_width, step_sizes
from pinnlearn.theory.scaling import WIDTHS, contraction_deviations, deep_spectra

# The paper's, for its 1D Poisson problem.
PAPER_MIN, PAPER_MAX = 3.47e-11, 1.73e4
FEW = 8
ETAS = (0.1, 0.5, 0.9)
DEEP_WIDTHS = (32, 128, 512)


def line(*cells) -> None:
    """Print a row now, not when a buffer is full."""
    print("|", " | ".join(map(str, cells)), "|", flush=True)


def header(*names: str) -> None:
    """Print the head of a table."""
    line(*names)
    line(*["---"] * len(names))


def bounds() -> None:
    """Hidden weights at the paper's initialisation, width 10,000, one seed; constants in O(...) taken as 1."""
    header("problem", "rows", "lambda_max", "lambda_0: earlier work", "1 / lambda_max: the paper", "1 / trace", "rank")
    for name, problem in PROBLEMS.items():
        pde = problem.make()
        n_boundary = 2 if pde.domain.n_dims == 1 else FEW
        sets = (problem.sample(0)[1], pde.sample(FEW, n_boundary, random_state=0))
        for X in sets:
            bounds_of(name, gram_spectrum(pde, X, random_state=0))
    line("poisson_1d, the paper's", "", f"{PAPER_MAX:.3g}", f"{PAPER_MIN:.3g}", f"{1 / PAPER_MAX:.3g}", "", "")


def bounds_of(name: str, spectrum: Spectrum) -> None:
    """Print the row of one spectrum; what round-off hides is below its floor."""
    steps = step_sizes(spectrum)
    smallest = f"below {spectrum.floor:.0e}" if math.isnan(steps.lambda_0) else f"{steps.lambda_0:.2g}"
    figures = (f"{x:.3g}" for x in (spectrum.lambda_max, steps.inverse_norm, steps.inverse_trace))
    largest, *inverses = figures
    line(name, len(spectrum.eigenvalues), largest, smallest, *inverses, spectrum.rank)


def widths() -> None:
    """Contraction of the squared residual within 5 % of (1 - eta)^2 in 30 steps; powers of 2, medians of 3 draws."""
    header("equation", "d", "rows", *(f"eta = {eta}" for eta in ETAS))
    for d, n_interior, n_boundary in ((1, 2, 2), (1, 4, 2), (1, 8, 2), (2, 4, 4), (2, 8, 4), (3, 4, 4), (3, 8, 4)):
        pde = Poisson(Box([0.0] * d, [1.0] * d), source=1.0)
        X = pde.sample(n_interior, n_boundary, random_state=0)
        line("Poisson", d, len(X), *smallest_widths(pde, X))
        line("regression", d, len(X), *smallest_widths(None, X, np.sin(np.pi * X).prod(axis=1)))


def smallest_widths(pde: PDE | None, X, y=None) -> list:
    """One for each eta."""
    found = [smallest_width(pde, X, eta=eta, y=y, random_state=0) for eta in ETAS]
    return [f"> {WIDTHS[-1]}" if m is None else f"<= {m}" if m == WIDTHS[0] else m for m in found]


def deep() -> None:
    """Spectra at the start, and the largest deviation from (1 - eta)^2 in 30 steps; medians of 3 draws."""
    header("equation", "hidden layers", "lambda_max", "condition", "spread", *(f"eta = {eta}" for eta in ETAS))
    pde = Poisson(Box([0.0], [1.0]), source=1.0)
    X = pde.sample(4, 2, random_state=0)
    for name, solved, y in (("Poisson", pde, None), ("regression", None, np.sin(np.pi * X).prod(axis=1))):
        for depth in (1, 2, 3):
            for m in DEEP_WIDTHS:
                layers = (m,) * depth if depth > 1 else m
                spectrum = deep_spectra(solved, X, [layers], random_state=0)
                figures = (f"{spectrum[key][0]:.2g}" for key in ("lambda_max", "condition", "spread"))
                line(name, " x ".join([str(m)] * depth), *figures, *deviations(solved, X, layers, y))


def deviations(pde: PDE | None, X, layers, y) -> list[str]:
    """One for each eta."""
    tables = [contraction_deviations(pde, X, [layers], eta=eta, y=y, random_state=0) for eta in ETAS]
    return [f"{table['deviation'][0]:.1g}" for table in tables]


if __name__ == "__main__":
    {"bounds": bounds, "widths": widths, "deep": deep}[sys.argv[1]]()
