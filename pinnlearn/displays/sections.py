"""Sections of a domain, a line or a plane through it, and how functions are drawn there: as curves and as images."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import Delaunay

from pinnlearn.displays.figures import check_model
from pinnlearn.posing.equations import bounding_box

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Points of a curve, and cells along each axis of an image.
CURVE_POINTS, CELLS = 401, 128
# Where u is zero; matplotlib takes numbers near the smallest of float64 for zero.
SMALLEST_ERROR = 1e-250


@dataclass(frozen=True)
class Section:
    """A line or a plane, parallel to the axes.

    Attributes
    ----------
    X : ndarray of shape (k, n_dims)
        Its points; those of a plane are the midpoints of cells, the first of its axes running fastest.
    axes : tuple of int
        One or two coordinates, along which it runs.
    bounds : tuple of two ndarray of shape (n_dims,)
        Lower and upper corner of what it cuts through.
    inside : ndarray of bool of shape (k,)
        Which points lie in the domain.
    names : list of str
        Of all coordinates.
    """

    X: NDArray
    axes: tuple[int, ...]
    bounds: tuple[NDArray, NDArray]
    inside: NDArray
    names: list[str]

    @classmethod
    def through(
        cls,
        model,
        X: ArrayLike | None = None,
        axes: int | Sequence[int] | None = None,
        at: Mapping[int, float] | None = None,
    ) -> Section:
        """The section of a fitted model's domain; without a domain, of the bounding box of X.

        Parameters
        ----------
        model : PINNRegressor
        X : array-like of shape (n_samples, n_dims), optional
            Needed if there is no domain. In the plane, what is outside their convex hull then counts as outside.
        axes : int or two ints, optional
            None takes the first two coordinates, or the only one.
        at : dict of int to float, optional
            The other coordinates; by default at the middle.

        Raises
        ------
        ValueError
            If there is neither a domain nor X, or there are no such coordinates.
        """
        check_model(model)
        domain = model.pde_.domain
        if domain is None and X is None:
            raise ValueError("This model has no domain, so that nothing tells where to draw it; pass X=, its points.")
        bounds = bounding_box(model.pde_, np.asarray(X))
        n_dims = len(bounds[0])
        along, fixed = _check_axes(axes, n_dims), _check_at(at, n_dims)
        points = _points(bounds, along, fixed)
        default = coordinate_names(n_dims, bool(domain is not None and domain.has_time))
        names = [str(name) for name in getattr(model, "feature_names_in_", default)]
        inside = domain.contains(points) if domain is not None else _in_hull(np.asarray(X), points)
        if not inside.any():
            extent = ", ".join(f"{low:.7g} to {high:.7g}" for low, high in zip(*bounds, strict=True))
            raise ValueError(f"No point of the section at {dict(at or {})} lies inside; coordinates run from {extent}.")
        return cls(points, along, bounds, inside, names)

    @property
    def is_line(self) -> bool:
        """Whether it runs along one coordinate."""
        return len(self.axes) == 1

    @property
    def x(self) -> NDArray:
        """The first of its coordinates, (k,)."""
        return self.X[:, self.axes[0]]

    def evaluate(self, function: Callable[[NDArray], NDArray]) -> NDArray:
        """The values of a function of points, NaN outside, (k,) or (k, n)."""
        with unnamed():
            values = np.array(function(self.X), dtype=float)
        values[~self.inside] = np.nan
        return values

    def label(self, ax: Axes, title: str) -> None:
        """Name the axes: the title of a curve is that of its ordinate."""
        labels = [self.names[axis] for axis in self.axes]
        rest = [f"{self.names[a]} = {self.X[0, a]:.3g}" for a in range(len(self.names)) if a not in self.axes]
        # In many dimensions the list would be longer than the figure is wide.
        where = f"at {', '.join(rest)}" if len(rest) <= 2 else "slice"
        if self.is_line:
            ax.set(xlabel=labels[0], ylabel=title, title=where if rest else "")
        else:
            ax.set(xlabel=labels[0], ylabel=labels[1], title=f"{title}, {where}" if rest else title)


@contextmanager
def unnamed() -> Iterator[None]:
    """Let a model that was fitted to named columns be drawn at points that have none."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "X does not have valid feature names", UserWarning)
        yield


def coordinate_names(n_dims: int, has_time: bool) -> list[str]:
    """How coordinates are called: x, y, z, in more dimensions x_1, x_2, ...; the last one t if it is time."""
    n_space = n_dims - has_time
    space = list("xyz"[:n_space]) if n_space <= 3 else [f"$x_{{{i + 1}}}$" for i in range(n_space)]
    return space + ["t"] * has_time


def _check_axes(axes: int | Sequence[int] | None, n_dims: int) -> tuple[int, ...]:
    chosen = tuple(range(min(2, n_dims))) if axes is None else tuple(np.atleast_1d(axes).tolist())
    if not 1 <= len(chosen) == len(set(chosen)) <= 2 or not set(chosen) <= set(range(n_dims)):
        raise ValueError(f"axes must be one or two of the coordinates 0 to {n_dims - 1}, got {axes!r}.")
    return chosen


def _check_at(at: Mapping[int, float] | None, n_dims: int) -> Mapping[int, float]:
    if at is not None and not set(at) <= set(range(n_dims)):
        raise ValueError(f"at must give coordinates 0 to {n_dims - 1} their values, got {at!r}.")
    return at or {}


def _points(bounds: tuple[NDArray, NDArray], axes: tuple[int, ...], at: Mapping[int, float]) -> NDArray:
    lower, upper = bounds
    middle = (lower + upper) / 2
    for axis, value in at.items():
        middle[axis] = value
    fractions = np.linspace(0, 1, CURVE_POINTS) if len(axes) == 1 else (np.arange(CELLS) + 0.5) / CELLS
    grids = np.meshgrid(*(lower[axis] + (upper - lower)[axis] * fractions for axis in axes))
    X = np.tile(middle, (grids[0].size, 1))
    for axis, values in zip(axes, grids, strict=True):
        X[:, axis] = values.ravel()
    return X


def _in_hull(X: NDArray, points: NDArray) -> NDArray:
    if X.shape[1] != 2:
        return np.ones(len(points), dtype=bool)
    return Delaunay(X).find_simplex(points) >= 0


def rounding(values: NDArray) -> float:
    """A logarithm has no zero: errors below the rounding of u itself are drawn as that."""
    return max(np.finfo(float).eps * float(np.nanmax(np.abs(values))), SMALLEST_ERROR)


def draw(ax: Axes, section: Section, values: NDArray, title: str, **style: Any) -> None:
    """Draw a function, (k,), as a curve or an image."""
    if section.is_line:
        ax.plot(section.x, values, **style)
    else:
        _draw_image(ax, section, values, style)
    section.label(ax, title)


def draw_logarithmic(ax: Axes, section: Section, values: NDArray, title: str, floor: float, **style: Any) -> None:
    """Draw the size of an error, (k,), on a logarithmic scale that ends at a floor."""
    if section.is_line:
        ax.semilogy(section.x, np.maximum(values, floor), **{"color": "C3", "linewidth": 0.8} | style)
    else:
        _draw_image(ax, section, values, _error_style(values, floor) | style)
    section.label(ax, title)


def _draw_image(ax: Axes, section: Section, values: NDArray, style: dict) -> None:
    axes = list(section.axes)
    extent = np.column_stack([bound[axes] for bound in section.bounds]).ravel()
    picture = ax.imshow(
        values.reshape(CELLS, CELLS), **{"origin": "lower", "extent": tuple(extent), "aspect": "auto"} | style
    )
    ax.figure.colorbar(picture, ax=ax)


def _error_style(error: NDArray, floor: float) -> dict:
    """Logarithmic colours: a single corner that is far off would leave all else black."""
    from matplotlib.colors import LogNorm

    low = max(float(np.nanquantile(error, 0.01)), floor)
    return {"cmap": "magma", "norm": LogNorm(low, max(float(np.nanmax(error)), 10 * low), clip=True)}
