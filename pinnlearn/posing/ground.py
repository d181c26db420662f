"""Further points of a problem, which are no rows, and what holds at them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch import Tensor

from pinnlearn.domains import Domain
from pinnlearn.least_squares import LeastSquares, Unknowns, Weight
from pinnlearn.networks import Network
from pinnlearn.pdes import PDE
from pinnlearn.posing.ansatz import evaluate_form
from pinnlearn.posing.exact import ansatz_of
from pinnlearn.posing.pose import pose
from pinnlearn.posing.rows import Rows


@dataclass(frozen=True, eq=False)
class Ground:
    """Where a PDE holds, and what it says there.

    Parameters
    ----------
    pde : PDE
        With a domain.
    bounds : pair of ndarray of shape (n_dims,)
        The domain's bounding box.
    weights : dict of equation or group to float, or to one float for each component
    sizes : tuple of n_outputs floats, optional
        The outputs of networks times these are u; None for ones.
    """

    pde: PDE
    bounds: tuple[NDArray, NDArray]
    weights: Mapping[str, Weight]
    sizes: tuple[float, ...] | None = None

    # Whether conditions have further points.
    has_conditions: ClassVar[bool] = True

    @property
    def domain(self) -> Domain:
        """The domain."""
        return self.pde.domain  # type: ignore[return-value]

    @property
    def periodic_axes(self) -> tuple[int, ...]:
        """The axes along which the network is periodic; where u has a form of the user's, nothing tells."""
        if self.pde.transform is not None:
            return ()
        return tuple(sorted({axis for condition in self.pde.conditions for axis in condition.own_axes}))

    def pose(self, X: NDArray, unknowns: Unknowns, *, held: bool = False) -> LeastSquares:
        """The problem at points, (n, n_dims), by the regions that the domain tells; `held` as `pose` takes it."""
        return pose(self.pde, Rows.of(self.pde, X), unknowns, self.weights, self.sizes, held=held)

    def evaluate(self, network: Network, x: Tensor) -> Tensor:
        """The values of u at points, (n,) or (n, n_outputs)."""
        return evaluate_form(ansatz_of(self.pde), network, x)

    def inside(self, n: int, rng: np.random.Generator) -> NDArray:
        """Uniform points, (n, n_dims)."""
        return self.domain.sample("interior", n, rng, "uniform")

    def near_boundary(self, n: int, rng: np.random.Generator) -> NDArray:
        """Points near the boundary, at distances that halve; (at most n, n_dims)."""
        return self.domain.sample_near_boundary(n, rng)

    def on_boundary(self, n: int, rng: np.random.Generator) -> NDArray:
        """Uniform points of the boundary, and as many of the initial slice, if there is one."""
        has = {"boundary": self.domain.has_boundary, "initial": self.domain.has_time}
        parts = [part for part in has if has[part]]
        return np.concatenate([self.domain.sample(part, n, rng, "uniform") for part in parts])

    def contains(self, X: NDArray) -> NDArray:
        """Whether each point lies in the domain, (n,) of bool."""
        return self.domain.contains(X)

    def kept(self, X: NDArray) -> NDArray:
        """Those of some points that lie in the domain."""
        return X[self.contains(X)]

    def kept_outside(self, X: NDArray) -> NDArray:
        """Those of some points that lie on the boundary, or at the start."""
        inside = self.kept(X)
        return inside[self.domain.region(inside) != "interior"]


@dataclass(frozen=True, eq=False)
class Between:
    """Where a PDE holds as far as its rows tell, without a domain or with regions that were given: between neighbours.

    Conditions have no further points: nothing tells what lies between two rows of a boundary.

    Parameters
    ----------
    pde : PDE
    bounds : pair of ndarray of shape (n_dims,)
        The box of all rows.
    weights : dict of equation or group to float, or to one float for each component
    rows : ndarray of shape (n, n_dims)
        The rows of the PDE, at least two.
    sizes : tuple of n_outputs floats, optional
        The outputs of networks times these are u; None for ones.
    """

    pde: PDE
    bounds: tuple[NDArray, NDArray]
    weights: Mapping[str, Weight]
    rows: NDArray
    sizes: tuple[float, ...] | None = None

    has_conditions: ClassVar[bool] = False

    def pose(self, X: NDArray, unknowns: Unknowns, *, held: bool = False) -> LeastSquares:
        """The PDE at points, (n, n_dims); `held` as `pose` takes it."""
        rows = Rows.of(self.pde, X, region=np.full(len(X), "interior"))
        return pose(self.pde, rows, unknowns, self.weights, self.sizes, held=held)

    def evaluate(self, network: Network, x: Tensor) -> Tensor:
        """The values of u at points, (n,) or (n, n_outputs)."""
        return evaluate_form(ansatz_of(self.pde), network, x)

    def inside(self, n: int, rng: np.random.Generator) -> NDArray:
        """Points between a row and one of its neighbours, two for each axis, (n, n_dims); in one dimension in gaps."""
        if self.rows.shape[1] == 1:
            ends = np.sort(self.rows, axis=0)
            first = rng.integers(len(ends) - 1, size=n)
            begin, end = ends[first], ends[first + 1]
        else:
            begin = self.rows[rng.integers(len(self.rows), size=n)]
            n_near = min(2 * self.rows.shape[1], len(self.rows) - 1)
            _, near = self._tree.query(self._scaled(begin), k=1 + n_near)
            end = self.rows[near[np.arange(n), rng.integers(1, 1 + n_near, size=n)]]
        return begin + rng.random((n, 1)) * (end - begin)

    def near_boundary(self, n: int, rng: np.random.Generator) -> NDArray:
        """None: it is not known."""
        return np.empty((0, self.rows.shape[1]))

    on_boundary = near_boundary

    def kept(self, X: NDArray) -> NDArray:
        """Those of some points that are as near to a row as rows are to each other."""
        apart, _ = self._tree.query(self._scaled(self.rows), k=2)
        distance, _ = self._tree.query(self._scaled(X))
        return X[distance <= np.median(apart[:, 1])]

    def _scaled(self, X: NDArray) -> NDArray:
        extent = self.bounds[1] - self.bounds[0]
        return X / np.where(extent > 0, extent, 1.0)

    @property
    def _tree(self) -> cKDTree:
        return cKDTree(self._scaled(self.rows))
