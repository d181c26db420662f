"""Figures of a solved problem, and of the theory's quantities. matplotlib is imported where it is needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from pinnlearn.metrics import exact_solution, new_points, relative_l2_error

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from pinnlearn.theory import Spectrum

# Points of a curve, cells along each axis of an image, and points of a parity plot.
CURVE_POINTS, CELLS, PARITY_POINTS = 401, 128, 2000
# Where u is zero; matplotlib takes numbers near the smallest of float64 for zero.
SMALLEST_ERROR = 1e-250
# The exact solution is a broad band under the prediction: the two mostly coincide.
CURVES: dict[str, dict] = {"exact": {"color": "0.75", "linewidth": 5}, "prediction": {"color": "C0"}}
# For readers in grey; curves of more points than that have none.
MARKERS, MARKED_POINTS = "osv^Dx", 20
# Of a logarithmic axis; with more, its own ticks are clearer.
TICKED_POINTS = 5
# Inches of a panel.
PANEL = (3.7, 3.2)


def plot_solution(model, X: ArrayLike | None = None) -> Figure:
    """Draw a fitted model beside the exact solution of its PDE; without one, beside the PDE's residual.

    In one dimension curves; in two, space or space-time, images; in more, images of the slice through the middle of
    the domain along the first two axes, and a parity plot. The error is on a logarithmic scale.

    Parameters
    ----------
    model : PINNRegressor
        Fitted, with one output, to a PDE that has a domain.
    X : array-like of shape (n_samples, n_dims), optional
        Training points, marked in one dimension by ticks.

    Returns
    -------
    matplotlib.figure.Figure
        Save it by `figure.savefig(path)`. Its title tells the error at `pinnlearn.metrics.new_points` of the domain.

    Raises
    ------
    ImportError
        Without matplotlib: install `pinnlearn[plot]`.
    ValueError
        If the PDE has no domain, or several outputs.

    Examples
    --------
    >>> from pinnlearn import PINNRegressor, problems
    >>> pde = problems.poisson_1d()
    >>> model = PINNRegressor(pde=pde, random_state=0).fit(pde.sample(30, 2, random_state=0))
    >>> [axes.get_ylabel() for axes in plot_solution(model).axes]
    ['u', '|prediction - exact|']
    """
    check_is_fitted(model)
    pde = model.pde_
    if pde is None or pde.domain is None or pde.n_outputs != 1:
        got = "pde=None" if pde is None else f"domain={pde.domain!r} and n_outputs={pde.n_outputs}"
        raise ValueError(
            f"plot_solution draws a PDE with a domain and one output, got {got}; plot predict(X) yourself."
        )
    figure = _draw_curves(model, X) if pde.domain.n_dims == 1 else _draw_images(model)
    figure.suptitle(_title(model))
    return figure


def _fields(model, X: NDArray) -> dict[str, NDArray]:
    """What is drawn at points, each (n,), under its title; the error comes last."""
    predicted = model.predict(X)
    if model.pde_.solution is None:
        return {"prediction": predicted, "|PDE residual|": _residual_size(model, X)}
    exact = exact_solution(model.pde_, X)
    return {"exact": exact, "prediction": predicted, "|prediction - exact|": np.abs(predicted - exact)}


def _residual_size(model, X: NDArray) -> NDArray:
    """The norm over the PDE's equations of their residuals, (n,)."""
    return np.linalg.norm(model.residual(X).reshape(len(X), -1), axis=1)


def _title(model) -> str:
    X, name = new_points(model.pde_.domain), type(model.pde_).__name__
    if model.pde_.solution is None:
        return f"{name}: RMS of the PDE residual {np.sqrt(np.mean(_residual_size(model, X) ** 2)):.1e}"
    return f"{name}: relative L2 error {relative_l2_error(exact_solution(model.pde_, X), model.predict(X)):.1e}"


def make_panels(rows: int, columns: int) -> tuple[Figure, list[Axes]]:
    """A figure of so many panels, row by row."""
    # Not pyplot: it would keep every figure alive, and ask for a display.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(PANEL[0] * columns, PANEL[1] * rows), layout="constrained")
    return figure, list(figure.subplots(rows, columns, squeeze=False).ravel())


def _draw_curves(model, X: ArrayLike | None) -> Figure:
    figure, (left, right) = make_panels(1, 2)
    lower, upper = model.pde_.domain.bounds
    points = np.linspace(lower, upper, CURVE_POINTS)
    *curves, (error_label, error) = _fields(model, points).items()
    for label, values in curves:
        left.plot(points[:, 0], values, label=label, **CURVES[label])
    right.semilogy(points[:, 0], np.maximum(error, _rounding(curves[-1][1])), color="C3", linewidth=0.8)
    if X is not None:
        _draw_ticks(left, model.pde_.domain, X)
    left.set(xlabel="x", ylabel="u")
    right.set(xlabel="x", ylabel=error_label)
    # Above the axes, where no curve can run through it.
    left.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3, frameon=False, handlelength=1.2, columnspacing=1)
    return figure


def _draw_ticks(ax: Axes, domain, X: ArrayLike) -> None:
    x = np.asarray(X)[domain.contains(X)][:, 0]
    heights = np.full(len(x), 0.02)  # of the axes, whatever the range of u
    ax.plot(x, heights, "|", color="0.3", label="training points", transform=ax.get_xaxis_transform())


def _rounding(values: NDArray) -> float:
    """A logarithm has no zero: errors below the rounding of u itself are drawn as that."""
    return max(np.finfo(float).eps * float(np.nanmax(np.abs(values))), SMALLEST_ERROR)


def _draw_images(model) -> Figure:
    domain = model.pde_.domain
    X, extent = _slice(domain)
    fields = {title: np.where(domain.contains(X), values, np.nan) for title, values in _fields(model, X).items()}
    has_parity = domain.n_dims > 2 and model.pde_.solution is not None
    figure, axes = make_panels(2, 2) if has_parity else make_panels(1, len(fields))
    *values, error = fields.values()
    style = {"vmin": np.nanmin(values[0]), "vmax": np.nanmax(values[0])}  # one scale for exact and prediction
    styles = [style] * len(values) + [_error_style(error, _rounding(values[-1]))]
    for ax, (title, image), style in zip(axes, fields.items(), styles, strict=False):
        _draw_image(ax, image, extent, style)
        ax.set(title=title if domain.n_dims == 2 else f"{title}, slice", **_axis_labels(domain))
    if has_parity:
        _draw_parity(axes[-1], model)
    return figure


def _error_style(error: NDArray, rounding: float) -> dict:
    """Logarithmic colours: a single corner that is far off would leave all else black."""
    from matplotlib.colors import LogNorm

    low = max(float(np.nanquantile(error, 0.01)), rounding)
    return {"cmap": "magma", "norm": LogNorm(low, max(float(np.nanmax(error)), 10 * low), clip=True)}


def _draw_image(ax: Axes, values: NDArray, extent: NDArray, style: dict) -> None:
    image = values.reshape(CELLS, CELLS)
    picture = ax.imshow(image, origin="lower", extent=tuple(extent), aspect="auto", **style)
    ax.figure.colorbar(picture, ax=ax)


def _slice(domain) -> tuple[NDArray, NDArray]:
    """Cell midpoints along the first two axes, the other coordinates at the middle.

    Returns
    -------
    X : ndarray of shape (CELLS^2, n_dims)
        The first coordinate runs fastest.
    extent : ndarray of shape (4,)
        Left, right, bottom and top of the image.
    """
    lower, upper = domain.bounds
    midpoints = (np.arange(CELLS) + 0.5) / CELLS
    X = np.tile((lower + upper) / 2, (CELLS**2, 1))
    first, second = np.meshgrid(*(lower[axis] + (upper - lower)[axis] * midpoints for axis in (0, 1)))
    X[:, 0], X[:, 1] = first.ravel(), second.ravel()
    return X, np.column_stack([lower[:2], upper[:2]]).ravel()


def _axis_labels(domain) -> dict[str, str]:
    if domain.n_dims == 2:
        return {"xlabel": "x", "ylabel": "t" if domain.has_time else "y"}
    return {"xlabel": "$x_1$", "ylabel": "$x_2$"}


def _draw_parity(ax: Axes, model) -> None:
    X = new_points(model.pde_.domain)[:PARITY_POINTS]
    exact, predicted = exact_solution(model.pde_, X), model.predict(X)
    ax.axline((exact[0], exact[0]), slope=1, color="0.6", linewidth=1)
    ax.plot(exact, predicted, ".", markersize=3, alpha=0.5)
    ax.set(xlabel="exact", ylabel="prediction", title=f"at {PARITY_POINTS} random points")


def plot_spectra(spectra: Mapping[str, Spectrum]) -> Figure:
    """Draw eigenvalues of Gram matrices over the largest one, in falling order; what is round-off is no data.

    Parameters
    ----------
    spectra : dict of str to `pinnlearn.theory.Spectrum`
        By their labels.

    Returns
    -------
    matplotlib.figure.Figure
        Eigenvalues above the round-off floor as marks, the floor as a dashed line; those below are not drawn, their
        number is told.

    Raises
    ------
    ImportError
        Without matplotlib: install `pinnlearn[plot]`.

    Examples
    --------
    >>> import numpy as np
    >>> from pinnlearn.theory import Spectrum
    >>> plot_spectra({"J": Spectrum.of_jacobian(np.diag([1.0, 0.1]))}).axes[0].get_yscale()
    'log'
    """
    figure, (ax,) = make_panels(1, 1)
    figure.set_figwidth(1.6 * PANEL[0])
    for number, (label, spectrum) in enumerate(spectra.items()):
        kept = spectrum.eigenvalues[~spectrum.is_noise] / spectrum.lambda_max
        n_noise = len(spectrum.eigenvalues) - len(kept)
        color, hidden = f"C{number}", f" ({n_noise} of {len(spectrum.eigenvalues)} in round-off)" if n_noise else ""
        style = {"color": color, "markersize": 4, "linewidth": 0.8}
        ax.semilogy(
            np.arange(1, 1 + len(kept)), kept, MARKERS[number % len(MARKERS)] + "-", label=label + hidden, **style
        )
        ax.axhline(spectrum.floor / spectrum.lambda_max, color=color, linestyle=":", linewidth=1)
    ax.set(xlabel="index", ylabel="eigenvalue / largest")
    ax.set_title("dotted: round-off floors", fontsize="medium")
    figure.legend(loc="outside upper center", ncols=1, frameon=False)
    return figure


@dataclass(frozen=True)
class Panel:
    """One panel of `plot_panels`.

    Parameters
    ----------
    title, xlabel, ylabel : str
    x : array-like of shape (k,)
    curves : dict of str to array-like of shape (k,)
        By their labels; values that are not positive and finite are left out.
    guides : dict of str to float
        Powers of x to compare with, each a dashed line through the first point of the first curve.
    bounds : dict of str to array-like of shape (k,)
        By the label of the curve that they bound: dotted, in its colour.
    log_x : bool
    """

    title: str
    xlabel: str
    ylabel: str
    x: ArrayLike
    curves: Mapping[str, ArrayLike]
    guides: Mapping[str, float] = field(default_factory=dict)
    bounds: Mapping[str, ArrayLike] = field(default_factory=dict)
    log_x: bool = True


def plot_panels(panels: Sequence[Panel], columns: int = 3) -> Figure:
    """Draw quantities against others, on logarithmic scales.

    Parameters
    ----------
    panels : sequence of Panel
    columns : int

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ImportError
        Without matplotlib: install `pinnlearn[plot]`.

    Examples
    --------
    >>> panel = Panel("distance", "width", "", [10, 100], {"tanh": [1.0, 0.3]}, {"m^(-1/2)": -0.5})
    >>> len(plot_panels([panel], columns=1).axes[0].lines)
    2
    """
    columns = min(columns, len(panels))
    figure, axes = make_panels(-(-len(panels) // columns), columns)
    for ax in axes[len(panels) :]:
        ax.remove()
    for ax, panel in zip(axes, panels, strict=False):
        _draw_panel(ax, panel)
    return figure


def _draw_panel(ax: Axes, panel: Panel) -> None:
    x = np.asarray(panel.x, dtype=float)
    for number, (label, values) in enumerate(panel.curves.items()):
        y = np.asarray(values, dtype=float)
        y = np.where(np.isfinite(y) & (y > 0), y, np.nan)
        mark = MARKERS[number % len(MARKERS)] if len(x) <= MARKED_POINTS else ""
        ax.plot(x, y, f"{mark}-", label=label, color=f"C{number}", markersize=4, linewidth=1)
        if label in panel.bounds:
            ax.plot(x, np.asarray(panel.bounds[label], dtype=float), ":", color=f"C{number}", linewidth=1)
        if number == 0:
            first = y
    for (label, power), dashes in zip(panel.guides.items(), ("--", ":", "-."), strict=False):
        start = int(np.argmax(np.isfinite(first)))
        ax.plot(x, first[start] * (x / x[start]) ** power, dashes, color="0.6", label=label, linewidth=1)
    ax.set(xscale="log" if panel.log_x else "linear", yscale="log", xlabel=panel.xlabel, ylabel=panel.ylabel)
    ax.set_title(panel.title, fontsize="medium")
    if not panel.log_x:
        ax.locator_params(axis="x", integer=True)
    elif len(x) <= TICKED_POINTS:
        ax.set_xticks(x, [f"{value:g}" for value in x])
        ax.set_xticks([], minor=True)
    # Below the axes, where no curve can run through it.
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.23), ncols=2, fontsize="small", frameon=False)


__all__ = ["Panel", "plot_panels", "plot_solution", "plot_spectra"]
