"""A PDE at points with the paper's normalisation, ready for networks of any width."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from pinnlearn.activations import Activation, get_activation
from pinnlearn.arrays import CPU
from pinnlearn.least_squares import Equation, LeastSquares, Unknowns
from pinnlearn.linalg import gram_of_rows
from pinnlearn.networks import (
    BLOCKS,
    Architecture,
    DeepNetwork,
    Scaled,
    TwoLayerNetwork,
    Weights,
    gaussian_layers,
    gaussian_weights,
    trainable_blocks,
)
from pinnlearn.notices import warn
from pinnlearn.pdes import PDE
from pinnlearn.posing.coefficients import coefficients
from pinnlearn.posing.equations import bounding_box, pooled_weights
from pinnlearn.posing.pose import pose as pose_rows
from pinnlearn.posing.rows import Rows, check_pde, check_points

DTYPE = torch.float64
# Numbers in the largest matrix of a chunk of neurons: 32 MiB.
CHUNK_NUMBERS = 2**22
# Of a network that equations are looked at with.
PROBE_UNITS = 5


@dataclass(frozen=True)
class Posed:
    """Equations at points, for networks whose hidden weights are trained.

    Attributes
    ----------
    pde : PDE
    X : ndarray of shape (n_samples, n_dims)
    activation : Activation
    template : LeastSquares
        The equations and loss weights, with some network.
    """

    pde: PDE
    X: NDArray
    activation: Activation
    template: LeastSquares

    @property
    def n_dims(self) -> int:
        """The number of coordinates of a point."""
        return self.X.shape[1]

    @property
    def n_outputs(self) -> int:
        """The number of components of u."""
        return self.pde.n_outputs

    @cached_property
    def n_residuals(self) -> int:
        """The size of the Gram matrix."""
        return self.template.n_residuals

    def at(self, weights: Weights) -> LeastSquares:
        """The least-squares problem that starts from these weights."""
        return self.template.with_network(TwoLayerNetwork.of(weights, self.activation, CPU, DTYPE))

    def draw(self, width: int | tuple[int, ...], rng: np.random.Generator) -> LeastSquares:
        """The problem that starts from the paper's initialisation, w ~ N(0, I) and a = +-1.

        Several widths are those of hidden layers, inputs first; from the second on w ~ N(0, I / fan_in).
        """
        if isinstance(width, tuple):
            layers = gaussian_layers((self.n_dims, *width, self.n_outputs), rng)
            architecture, like = Architecture(Scaled.identity(self.n_dims)), self.template.start
            network = DeepNetwork.of(architecture, layers, self.activation, like)
            return self.template.with_network(network).training(trainable_blocks(network, "hidden"))
        return self.at(gaussian_weights(width, self.n_dims, self.n_outputs, rng))

    @cached_property
    def is_linear(self) -> bool:
        """Whether the equations are linear in u, so that J is a sum over neurons that do not know of each other."""
        rng = np.random.default_rng(0)
        one, other = (self._coefficients(self.draw(PROBE_UNITS, rng)) for _ in range(2))
        return all(
            a.keys() == b.keys() and all(torch.equal(a[term], b[term]) for term in a)
            for a, b in zip(one, other, strict=True)
        )

    @staticmethod
    def _coefficients(problem: LeastSquares) -> list[dict]:
        return [c for part in problem.linearize(problem.start).parts for c in part.coefficients]


def pose(
    pde: PDE | None,
    X: ArrayLike,
    *,
    activation: str = "tanh",
    y: ArrayLike | None = None,
    region: ArrayLike | None = None,
    normalised: bool = True,
) -> Posed:
    """Pose a PDE at points, hidden weights trained, in the paper's loss.

    Parameters
    ----------
    pde : PDE or None
        None is plain regression at the same points.
    X : array-like of shape (n_samples, n_dims)
    activation : str
    y, region
        As in `PINNRegressor.fit`; with pde=None y does not enter J, and may be left out.
    normalised : bool
        Divide by the number of interior rows and, initial rows pooled with boundary rows, of the others; False leaves
        the sum over rows.

    Raises
    ------
    ValueError
        For fewer than two points, and for whatever `PINNRegressor.fit` refuses.

    Warns
    -----
    UserWarning
        If the PDE has conditions in a region where X has no row.
    """
    points = _check_enough(check_points(X))
    y = np.zeros(len(points)) if pde is None and y is None else y
    chosen, solved = get_activation(activation), check_pde(pde, points.shape[1], y)
    rows = Rows.of(solved, points, y, region)
    weights = gaussian_weights(PROBE_UNITS, points.shape[1], solved.n_outputs, np.random.default_rng(0))
    network = TwoLayerNetwork.of(weights, chosen, CPU, DTYPE)
    # Unknown coefficients are what they are guessed to be.
    start = coefficients(solved, bounding_box(solved, rows.X), next(iter(network.blocks().values())))
    problem = pose_rows(solved, rows, Unknowns(network, BLOCKS["hidden"], start.holding()))
    _warn_of_missing_groups(solved, problem.equations)
    problem = problem.weighted(pooled_weights(problem.equations)) if normalised else _summed(problem)
    return Posed(solved, rows.X, chosen, problem)


def _check_enough(points: NDArray) -> NDArray:
    if len(points) < 2:
        raise ValueError(
            f"X has {len(points)} row(s), but a spectrum needs at least 2; sample some, as by pde.sample(50, 20)."
        )
    return points


def _warn_of_missing_groups(pde: PDE, equations: Sequence[Equation]) -> None:
    missing = {c.region for c in pde.imposed_conditions} - {e.group for e in equations}
    if missing:
        warn(
            f"the PDE has conditions in the region(s) {sorted(missing)}, but X has no row there: the Gram matrix is "
            "that of the other equations alone. Add rows, as pde.sample does."
        )


def _summed(problem: LeastSquares) -> LeastSquares:
    """The same problem with a sum over rows in place of each mean."""
    counts: Counter[str] = Counter()
    for block in problem.blocks:
        counts[block.equation.group] += block.n_residuals
    return problem.weighted({group: float(count) for group, count in counts.items()})


def chunk_sizes(n_neurons: int, n_residuals: int, columns: int, at_least: int = 1) -> list[int]:
    """So many neurons at a time that no matrix is larger than CHUNK_NUMBERS; sizes differ by at most one."""
    largest = max(1, CHUNK_NUMBERS // (n_residuals * columns))
    n_chunks = min(n_neurons, max(at_least, -(-n_neurons // largest)))
    size, n_larger = divmod(n_neurons, n_chunks)
    return [size + 1] * n_larger + [size] * (n_chunks - n_larger)


def factor(pieces: Iterator[Tensor], n: int) -> Tensor:
    """The triangular R of the matrix whose rows are those of all pieces, piece by piece: R^T R is its Gram matrix.

    Singular values are those of the whole, to eps times the largest; no product is formed.

    References
    ----------
    Demmel, Grigori, Hoemmen, Langou (2012), "Communication-optimal parallel and sequential QR and LU
    factorizations", SIAM J. Sci. Comput. 34.
    """
    R = torch.zeros(0, n, dtype=DTYPE)
    for rows in pieces:
        R = torch.linalg.qr(torch.cat([R, rows]), mode="r").R
    return R


def spectral_norm(A: Tensor) -> float:
    """||A||_2 of a wide matrix, from the largest eigenvalue of A A^T, which round-off does not reach."""
    return float(torch.linalg.eigvalsh(gram_of_rows(A))[-1].clamp(min=0).sqrt())
