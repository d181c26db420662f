"""A PDE at points with the paper's normalisation, ready for networks of any width."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from numbers import Integral

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array
from torch import Tensor

from pinnlearn.activations import Activation, get_activation
from pinnlearn.collocation import assign_equations, pooled_weights, time_axis
from pinnlearn.least_squares import Equation, LeastSquares, as_tensor, build_network
from pinnlearn.linalg import gram_of_rows
from pinnlearn.networks import Weights, gaussian_weights
from pinnlearn.pdes import PDE
from pinnlearn.validation import check_known_values, check_pde

CPU, DTYPE = torch.device("cpu"), torch.float64
# Numbers in the largest matrix of a chunk of neurons: 32 MiB.
CHUNK_NUMBERS = 2**22
# Of a network that equations are looked at with.
PROBE_UNITS = 5


@dataclass(frozen=True)
class Posed:
    """Equations at points, for networks whose hidden weights are trained.

    Attributes
    ----------
    pde : PDE or None
    X : ndarray of shape (n_samples, n_dims)
    activation : Activation
    template : LeastSquares
        The equations and loss weights, with some network.
    """

    pde: PDE | None
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
        return 1 if self.pde is None else self.pde.n_outputs

    @cached_property
    def n_residuals(self) -> int:
        """The size of the Gram matrix."""
        return self.template.n_residuals

    def at(self, weights: Weights) -> LeastSquares:
        """The least-squares problem that starts from these weights."""
        return self.template.with_network(build_network(weights, self.activation, "hidden", CPU, DTYPE))

    def draw(self, width: int, rng: np.random.Generator) -> LeastSquares:
        """The problem that starts from the paper's initialisation, w ~ N(0, I) and a = +-1."""
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
    X = _check_points(X)
    pde = check_pde(pde, X.shape[1])
    if pde is not None and pde.domain is not None:
        X = pde.domain.snap(X)
    values = np.zeros((len(X), 1)) if pde is None and y is None else check_known_values(y, len(X))
    equations = assign_equations(pde, X, values, region)
    _warn_of_missing_groups(pde, equations)
    x = as_tensor(X, CPU, DTYPE)
    chosen = get_activation(activation)
    n_outputs = 1 if pde is None else pde.n_outputs
    network = build_network(
        gaussian_weights(PROBE_UNITS, X.shape[1], n_outputs, np.random.default_rng(0)), chosen, "hidden", CPU, DTYPE
    )
    problem = LeastSquares(network, x, equations, pooled_weights(equations), time_axis(pde, x))
    return Posed(pde, X, chosen, problem if normalised else _summed(problem))


def _check_points(X: ArrayLike) -> NDArray:
    points: NDArray = check_array(X, dtype=np.float64, ensure_min_samples=0)
    if len(points) < 2:
        raise ValueError(
            f"X has {len(points)} row(s), but a spectrum needs at least 2; sample some, as by pde.sample(50, 20)."
        )
    return points


def _warn_of_missing_groups(pde: PDE | None, equations: Sequence[Equation]) -> None:
    missing = {c.region for c in pde.conditions} - {e.group for e in equations} if pde is not None else set()
    if missing:
        warnings.warn(
            f"the PDE has conditions in the region(s) {sorted(missing)}, but X has no row there: the Gram matrix is "
            "that of the other equations alone. Add rows, as pde.sample does.",
            UserWarning,
            stacklevel=4,
        )


def _summed(problem: LeastSquares) -> LeastSquares:
    """The same problem with a sum over rows in place of each mean."""
    counts = Counter(problem.linearize(problem.start).groups.tolist())
    return problem.with_weights({group: float(count) for group, count in counts.items()})


def check_count(name: str, value: object, least: int) -> int:
    """A whole number that is at least so large."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise ValueError(f"{name} must be an integer >= {least}, got {value!r}.")
    return int(value)


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
