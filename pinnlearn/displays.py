"""Figures of a solved problem: solution, prediction and error. matplotlib is imported where it is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from pinnlearn.metrics import exact_solution, relative_l2_error

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Points along each axis of a picture, and random points of a parity plot.
RESOLUTION, PARITY_POINTS = 101, 2000
# Differences below are drawn as this: a logarithm has no zero.
SMALLEST_ERROR = 1e-17


def plot_solution(model) -> Figure:
    """Draw a fitted model beside the exact solution of its PDE.

    In one dimension curves and the error on a logarithmic axis; in two, space or space-time, three images; in more,
    three images of the slice through the middle of the domain along the first two axes, and a parity plot.

    Parameters
    ----------
    model : PINNRegressor
        Fitted, with one output, to a PDE that has a domain and an exact solution.

    Returns
    -------
    matplotlib.figure.Figure
        Save it by `figure.savefig(path)`.

    Raises
    ------
    ImportError
        Without matplotlib: install `pinnlearn[plot]`.
    ValueError
        If the PDE lacks what is drawn.

    Examples
    --------
    >>> from pinnlearn import PINNRegressor, problems
    >>> pde = problems.poisson_1d()
    >>> model = PINNRegressor(pde=pde, random_state=0).fit(pde.sample(30, 2, random_state=0))
    >>> [axes.get_ylabel() for axes in plot_solution(model).axes]
    ['u', '|prediction - exact|']
    """
    from matplotlib.figure import Figure

    check_is_fitted(model)
    pde = model.pde_
    if pde is None or pde.domain is None or pde.n_outputs != 1:
        raise ValueError("plot_solution draws a PDE with a domain and one output; plot other models by predict(X).")
    n_dims = pde.domain.n_dims
    columns = 2 if n_dims == 1 else 3 if n_dims == 2 else 4
    figure = Figure(figsize=(4.2 * columns, 3.6), layout="constrained")
    axes = figure.subplots(1, columns)
    if n_dims == 1:
        _draw_curves(axes, model)
    else:
        _draw_images(axes[:3], model)
    if n_dims > 2:
        _draw_parity(axes[3], model)
    return figure


def _draw_curves(axes, model) -> None:
    lower, upper = model.pde_.domain.bounds
    X = np.linspace(lower, upper, 4 * RESOLUTION)
    exact, predicted = exact_solution(model.pde_, X), model.predict(X)
    axes[0].plot(X, exact, color="0.6", linewidth=5, label="exact")
    axes[0].plot(X, predicted, color="C0", label="prediction")
    axes[0].legend(frameon=False)
    axes[0].set(xlabel="x", ylabel="u", title="solution")
    axes[1].semilogy(X, np.maximum(np.abs(predicted - exact), SMALLEST_ERROR), color="C3", linewidth=0.8)
    axes[1].set(xlabel="x", ylabel="|prediction - exact|", title=_error_title(exact, predicted))


def _draw_images(axes, model) -> None:
    first, second, X = _slice(model.pde_.domain)
    exact, predicted = exact_solution(model.pde_, X), model.predict(X)
    low, high = float(exact.min()), float(exact.max())
    error = np.maximum(np.abs(predicted - exact), SMALLEST_ERROR)
    _image(axes[0], first, second, exact, "exact solution", vmin=low, vmax=high)
    _image(axes[1], first, second, predicted, "prediction", vmin=low, vmax=high)
    _image(axes[2], first, second, error, _error_title(exact, predicted), cmap="magma")
    names = _axis_names(model.pde_.domain)
    for ax in axes:
        ax.set(xlabel=names[0], ylabel=names[1])


def _image(ax: Axes, first: NDArray, second: NDArray, values: NDArray, title: str, **style) -> None:
    picture = ax.pcolormesh(
        first, second, values.reshape(len(second), len(first)), shading="gouraud", rasterized=True, **style
    )
    ax.figure.colorbar(picture, ax=ax)
    ax.set_title(title)


def _slice(domain) -> tuple[NDArray, NDArray, NDArray]:
    """The first two coordinates on a grid, (k,) each, and the points, (k^2, n_dims), the others at the middle."""
    lower, upper = domain.bounds
    first, second = (np.linspace(lower[axis], upper[axis], RESOLUTION) for axis in (0, 1))
    X = np.tile((lower + upper) / 2, (RESOLUTION**2, 1))
    X[:, 0], X[:, 1] = (values.ravel() for values in np.meshgrid(first, second))
    return first, second, X


def _axis_names(domain) -> tuple[str, str]:
    if domain.n_dims == 2:
        return ("x", "t") if domain.has_time else ("x", "y")
    return "$x_1$", "$x_2$"


def _draw_parity(ax: Axes, model) -> None:
    X = model.pde_.domain.sample_interior(PARITY_POINTS, np.random.default_rng(0), "uniform")
    exact, predicted = exact_solution(model.pde_, X), model.predict(X)
    ends = [exact.min(), exact.max()]
    ax.plot(ends, ends, color="0.6", linewidth=1)
    ax.plot(exact, predicted, ".", markersize=3, alpha=0.5)
    ax.set(
        xlabel="exact", ylabel="prediction", title=f"{PARITY_POINTS} random points\n{_error_title(exact, predicted)}"
    )


def _error_title(exact: NDArray, predicted: NDArray) -> str:
    return f"error (relative L2: {relative_l2_error(exact, predicted):.1e})"
