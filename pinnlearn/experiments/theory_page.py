"""One page of the theory's numbers and figures for a benchmark problem."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pinnlearn.displays import GramSpectrumDisplay, Panel, make_panels, plot_panels
from pinnlearn.optimizers import NGD
from pinnlearn.pdes import PDE
from pinnlearn.problems import PROBLEMS
from pinnlearn.theory.assumption import positive_definite
from pinnlearn.theory.posing import pose
from pinnlearn.theory.rates import gd_stability, loss_curve, ngd_bound, step_sizes
from pinnlearn.theory.scaling import (
    contraction_deviations,
    drifts,
    gram_distances,
    quadratic_constants,
    slope,
    spectra_of_points,
    spectra_of_widths,
)
from pinnlearn.theory.spectra import Spectrum, gram_spectrum, spectrum_by_quadrature
from pinnlearn.theory.stability import jacobian_stability

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Far into over-parameterization: few rows, wide networks.
FEW, WIDE = 4, 100_000
WIDTHS = (250, 1000, 4000, 16_000)
ETAS = (0.1, 0.5, 0.9)
RADII = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
FACTORS, GD_STEPS = (1.0, 2.2), 40
DPI = 130
SPECTRUM_NUMBERS = (
    *("eigenvalues", "floor", "rank", "lambda_max", "lambda_min", "lambda_0"),
    *("trace", "condition_number", "effective_rank"),
)


@dataclass
class Page:
    """Text in Markdown, figures by name, and the numbers in them by section.

    Parameters
    ----------
    name : str
        That of the problem.
    """

    name: str
    parts: list[str] = field(default_factory=list)
    figures: dict[str, Callable[[], Figure]] = field(default_factory=dict)
    numbers: dict[str, Any] = field(default_factory=dict)

    def add(self, title: str, text: str, figure: str | None = None, draw: Callable[[], Figure] | None = None) -> None:
        """Append a section, with a figure under it."""
        self.parts.append(f"## {title}\n\n{text}\n")
        if figure is not None and draw is not None:
            self.figures[figure] = draw

    @property
    def text(self) -> str:
        """The page without its figures."""
        return "\n".join([f"# The theory, measured on {self.name}\n", *self.parts])

    def write(self, folder: Path) -> Path:
        """Write figures, then the page that shows them; the path of the page.

        Raises
        ------
        ImportError
            Without matplotlib, once the page is written without figures.
        """
        path = folder / f"theory_{self.name}.md"
        path.write_text(self.text)
        for figure, draw in self.figures.items():
            draw().savefig(folder / f"theory_{self.name}_{figure}.png", dpi=DPI)
        images = [f"![{figure}](theory_{self.name}_{figure}.png)\n" for figure in self.figures]
        path.write_text("\n".join([self.text, *images]))
        return path


def make_page(
    problem: str, activation: str = "tanh", width: int = 10_000, n_points: int | None = None, seed: int = 0
) -> Page:
    """Measure everything on one problem.

    Parameters
    ----------
    problem : str
        A key of `pinnlearn.problems.PROBLEMS`.
    activation : str
    width : int
        Of the networks whose spectrum is told.
    n_points : int, optional
        Interior points; None takes those of the problem. Boundary points keep their share.
    seed : int

    Raises
    ------
    ValueError
        For bad values.
    """
    pde, (n_interior, n_boundary) = PROBLEMS[problem].make(), _counts(problem, n_points)
    X = pde.sample(n_interior, n_boundary, random_state=seed)
    few = pde.sample(FEW, _few_boundary(pde), random_state=seed)
    page = Page(problem)
    _add_points(page, pde, X, activation)
    _add_spectrum(page, pde, X, activation, width, seed)
    _add_rates(page, pde, few, activation, seed)
    _add_stability(page, pde, few, activation, seed)
    _add_scaling(page, pde, few, activation, seed)
    return page


def _counts(problem: str, n_points: int | None) -> tuple[int, int]:
    own = PROBLEMS[problem]
    if n_points is None:
        return own.n_interior, own.n_boundary
    share = own.n_boundary / own.n_interior
    # Two points are the whole boundary of an interval.
    return n_points, 2 if own.n_boundary == 2 else max(FEW, round(share * n_points))


def _few_boundary(pde: PDE) -> int:
    return 2 if pde.domain is not None and pde.domain.n_dims == 1 else FEW


def _lambda_0(spectrum: Spectrum) -> str:
    """The smallest eigenvalue; where round-off hides it, what it is below."""
    return f"{spectrum.lambda_0:.3g}" if not math.isnan(spectrum.lambda_0) else f"below {spectrum.floor:.0e}"


def _add_points(page: Page, pde: PDE, X: NDArray, activation: str) -> None:
    groups = pose(pde, X, activation=activation).template
    counts = {g: n for g in ("interior", "boundary", "initial") if (n := groups.n_rows_in(g))}
    rows = ", ".join(f"{n} {group}" for group, n in counts.items())
    known = positive_definite(pde, X, activation=activation)
    page.numbers["rows"] = counts
    page.add("Points and activation", f"{rows} rows.\n\n```\n{known}\n```")


def _add_spectrum(page: Page, pde: PDE, X: NDArray, activation: str, width: int, seed: int) -> None:
    spectra = {f"PDE, width {width}": gram_spectrum(pde, X, activation=activation, width=width, random_state=seed)}
    smooth = pose(pde, X, activation=activation).activation.highest_order == math.inf
    if X.shape[1] == 1 and smooth:
        spectra["PDE, limit by quadrature"] = spectrum_by_quadrature(pde, X, activation=activation)
    spectra["regression on the same points"] = gram_spectrum(
        None, X, activation=activation, width=width, random_state=seed
    )
    text = "\n".join(f"{label}:\n\n```\n{spectrum}\n```\n" for label, spectrum in spectra.items())
    page.add("Spectrum of the Gram matrix", text, "spectrum", lambda: _draw_spectra(spectra))
    first = next(iter(spectra.values()))
    steps = step_sizes(first)
    page.numbers["spectra"] = {
        label: {name: getattr(spectrum, name) for name in SPECTRUM_NUMBERS} for label, spectrum in spectra.items()
    }
    page.numbers["step_lengths"] = {"1 / norm": steps.inverse_norm, "1 / trace": steps.inverse_trace}
    page.add(
        "Step lengths, constants taken as 1",
        f"* earlier work, O(lambda_0): {_lambda_0(first)}\n* the paper, O(1 / norm): {steps.inverse_norm:.3g}\n"
        f"* 1 / trace: {steps.inverse_trace:.3g}\n\n{_promise(first)}",
    )


def _draw_spectra(spectra: Mapping[str, Spectrum]) -> Figure:
    figure, (ax,) = make_panels(1, 1)
    GramSpectrumDisplay(spectra=spectra).plot(ax)
    figure.set_size_inches(6, 4)
    return figure


def _promise(spectrum: Spectrum) -> str:
    """Steps to a tenth of the loss by the theorems."""
    log_10 = math.log(10)
    eta_lambda = spectrum.lambda_0 / spectrum.lambda_max / 2
    gd = (
        f"more than {2 * log_10 * spectrum.condition_number:.0e}"
        if math.isnan(eta_lambda)
        else f"{log_10 / -math.log1p(-eta_lambda):.2g}"
    )
    ngd = ", ".join(f"{log_10 / -math.log(1 - eta):.2g} at eta = {eta}" for eta in ETAS)
    return (
        f"Steps to a tenth of the loss that the theorems promise: GD at eta = 1 / norm {gd}, by "
        f"(1 - eta lambda_0 / 2)^k; NGD {ngd}, by (1 - eta)^k."
    )


def _add_rates(page: Page, pde: PDE, few: NDArray, activation: str, seed: int) -> None:
    posed = pose(pde, few, activation=activation)
    wide = posed.draw(WIDE, np.random.default_rng(seed))
    n_steps = 12
    curves = {f"NGD, eta = {eta}": _relative(loss_curve(NGD(eta, damping=0.0), wide, n_steps)) for eta in (*ETAS, 1.0)}
    bounds = {f"NGD, eta = {eta}": ngd_bound(eta, n_steps) for eta in ETAS}
    lines = [
        f"* eta = {eta}: the loss contracts by {(c := curves[f'NGD, eta = {eta}'])[1] / c[0]:.4f} in the first step, "
        f"linearised (1 - eta)^2 = {(1 - eta) ** 2:.4f}, bound 1 - eta = {1 - eta:.4f}"
        for eta in ETAS
    ]
    networks = {m: posed.draw(m, np.random.default_rng(seed)) for m in (1000, WIDE)}
    gd = {m: gd_stability(problem, FACTORS, GD_STEPS) for m, problem in networks.items()}
    descents = {f"linearised, {f:g} / norm": _relative(gd[WIDE]["linearised"][f]) for f in FACTORS}
    descents |= {f"width {m}, {f:g} / norm": _relative(gd[m]["network"][f]) for m in gd for f in FACTORS[1:]}
    lines += [
        f"* GD, {label}: loss {curve[-1]:.1e} of the first after {len(curve) - 1} steps, at most {curve.max():.1e}"
        for label, curve in descents.items()
    ]
    text = f"{posed.n_residuals} rows, width {WIDE}:\n\n" + "\n".join(lines)
    page.numbers["losses"] = {"NGD": curves, "GD": descents}

    axes = ("step", "loss / first loss")
    panels = [
        Panel("NGD; dotted: (1 - eta)^k", *axes, np.arange(n_steps + 1), curves, bounds=bounds, log_x=False),
        Panel("GD", *axes, np.arange(GD_STEPS + 1), descents, log_x=False),
    ]
    page.add("Rates, promised and measured", text, "rates", lambda: plot_panels(panels))


def _relative(losses: NDArray) -> NDArray:
    return losses / losses[0]


def _add_stability(page: Page, pde: PDE, few: NDArray, activation: str, seed: int) -> None:
    stability = jacobian_stability(pde, few, activation=activation, width=10_000, radii=RADII, random_state=seed)
    lines = [
        f"* R = {R:g}: {spread:.2g} with every neuron moved, {one:.2g} with one moved by the same total distance"
        for R, spread, one in zip(RADII, stability.spread, stability.concentrated, strict=True)
    ]
    text = (
        f"The norm of J(w) - J(w_0), width 10000; the theory bounds it by a constant times R^{stability.power:g}:\n\n"
    )
    at_radius = [
        jacobian_stability(pde, few, activation=activation, width=m, radii=[1.0], random_state=seed) for m in WIDTHS
    ]

    def curves(spread: ArrayLike, one: ArrayLike) -> dict[str, ArrayLike]:
        return {"every neuron by R": spread, "one neuron by m^(1/2) R": one}

    page.numbers["stability"] = {"radii": RADII} | curves(stability.spread, stability.concentrated)
    ylabel, guides = "norm of J(w) - J(w_0)", {f"R^{stability.power:g}": stability.power}
    panels = [
        Panel("width 10000", "radius R", ylabel, RADII, curves(stability.spread, stability.concentrated), guides),
        Panel("R = 1", "width m", ylabel, WIDTHS,
              curves([s.spread[0] for s in at_radius], [s.concentrated[0] for s in at_radius])),
    ]  # fmt: skip
    page.add("Stability of the Jacobian", text + "\n".join(lines), "stability", lambda: plot_panels(panels))


def _add_scaling(page: Page, pde: PDE, few: NDArray, activation: str, seed: int) -> None:
    """Widths against the linearised network, with the powers that fit, and spectra against points."""
    common: dict[str, Any] = {"activation": activation, "random_state": seed}
    distances, drift = gram_distances(pde, few, WIDTHS, **common), drifts(pde, few, WIDTHS, **common)
    deviation = {eta: contraction_deviations(pde, few, WIDTHS, eta=eta, n_steps=15, **common) for eta in ETAS}
    quadratic = quadratic_constants(pde, few, WIDTHS, **common)
    powers = {
        "distance of the Gram matrix from its limit": slope(WIDTHS, distances["distance"]),
        "drift of the Gram matrix": slope(WIDTHS, drift["gram"]),
        "drift of the neuron that moves most": slope(WIDTHS, drift["neuron"]),
        "|r(t + 1)| / |r(t)|^2 at eta = 1": slope(WIDTHS, quadratic["first"]),
        "the same, without the signs of neurons": slope(WIDTHS, quadratic["unsigned"]),
    } | {f"deviation of the rate at eta = {eta}": slope(WIDTHS, table["deviation"]) for eta, table in deviation.items()}
    page.numbers["powers_of_the_width"] = powers
    text = f"{len(few)} rows. Powers of the width, fitted over {WIDTHS[0]} to {WIDTHS[-1]}:\n\n" + "\n".join(
        f"* {name}: {'not defined, training diverges' if math.isnan(power) else f'{power:.2f}'}"
        for name, power in powers.items()
    )
    panels = [*_spectra_panels(pde, few, common), *_width_panels(distances, drift, deviation, quadratic)]
    page.add("Scaling", text, "scaling", lambda: plot_panels(panels))


def _spectra_panels(pde: PDE, few: NDArray, common: dict[str, Any]) -> list[Panel]:
    """Extreme eigenvalues against the number of points, and the condition number across p = n."""
    sets = [pde.sample(n, _few_boundary(pde), random_state=common["random_state"]) for n in (4, 8, 16, 32)]
    normalised, summed, plain = (
        spectra_of_points(equation, sets, normalised=mean, **common)
        for equation, mean in ((pde, True), (pde, False), (None, True))
    )
    crossing = spectra_of_widths(pde, few, _around(few), **common)
    return [
        Panel("lambda_max against points", "rows n", "lambda_max", normalised["n"],
              {"mean over rows": normalised["lambda_max"], "sum over rows": summed["lambda_max"],
               "regression, mean": plain["lambda_max"]}),
        Panel("lambda_0 against points", "rows n", "lambda_0", normalised["n"],
              {"PDE": normalised["lambda_0"], "regression": plain["lambda_0"], "round-off floor": normalised["floor"]}),
        Panel("condition across p = n", "parameters p", "condition number", crossing["p"],
              {"J J^T": crossing["condition_JJT"], "J^T J": crossing["condition_JTJ"]}),
    ]  # fmt: skip


def _width_panels(distances, drift, deviation, quadratic) -> list[Panel]:
    """How networks near their linearisation as the width grows."""
    return [
        Panel("Gram matrix, finite width to limit", "width m", "relative distance", WIDTHS,
              {"measured": distances["distance"]}, {"m^(-1/2)": -0.5}),
        Panel("drift in training", "width m", "", WIDTHS,
              {"Gram matrix, relative": drift["gram"], "neuron that moves most": drift["neuron"],
               "all neurons": drift["total"]}, {"m^(-1/2)": -0.5, "m^(-1)": -1.0}),
        Panel("off the linearised network", "width m", "contraction / (1 - eta)^2 - 1", WIDTHS,
              {f"eta = {eta}": table["deviation"] for eta, table in deviation.items()}
              | {"eta = 1: |r'| / |r|^2": quadratic["first"], "the same, no signs": quadratic["unsigned"]},
              {"m^(-1/2)": -0.5, "m^(-1)": -1.0}),
    ]  # fmt: skip


def _around(few: NDArray) -> list[int]:
    """Widths around p = n."""
    at = max(1, len(few) // (few.shape[1] + 1))
    return sorted({max(1, round(at * factor)) for factor in (0.25, 0.5, 1, 2, 4, 8, 16, 32)})
