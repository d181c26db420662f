"""Spectra of Gram matrices, and what of them is round-off.

Eigenvalues of J J^T, once formed, are known to about n eps lambda_max. Squares of singular values of J are known to
n eps^2 lambda_max: that resolves ratios which the formed matrix cannot hold.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from pinnlearn.arrays import CPU, as_array, as_tensor
from pinnlearn.hyperparameters import check_count
from pinnlearn.pdes import PDE
from pinnlearn.sampling import as_generator
from pinnlearn.theory.limiting import check_linear, quadrature_weights, random_factor
from pinnlearn.theory.posing import DTYPE, Posed, pose

EPS = float(np.finfo(np.float64).eps)
WIDTH = 10_000


@dataclass(frozen=True)
class Spectrum:
    """The eigenvalues of a Gram matrix.

    Attributes
    ----------
    eigenvalues : ndarray of shape (n,)
        In falling order, as computed; those with `is_noise` tell nothing but that the true ones are below `floor`.
    floor : float
        What round-off alone produces is at most about this.

    Examples
    --------
    >>> print(Spectrum.of_jacobian(np.diag([2.0, 1.0, 1e-20])))
    n                 3 (1 below the round-off floor 6e-31)
    lambda_max        4
    lambda_min        1  (of those above the floor; lambda_0 < 6e-31)
    trace             5
    condition number  > 7e+30
    effective rank    1.6
    """

    eigenvalues: NDArray
    floor: float

    @classmethod
    def of_jacobian(cls, J: ArrayLike) -> Spectrum:
        """The spectrum of J J^T for J of shape (n, p), from the singular values of J."""
        J = np.asarray(J, dtype=float)
        singular = as_array(torch.linalg.svdvals(as_tensor(J, CPU, DTYPE)))
        squares = np.zeros(len(J))
        squares[: len(singular)] = singular**2
        # Measured with prescribed singular values: noise stays below (0.7 eps sigma_max)^2 for n up to 400. The margin
        # is for the rounding of J's own entries.
        return cls(squares, len(J) * EPS**2 * float(squares[0]))

    @classmethod
    def of_gram(cls, H: ArrayLike) -> Spectrum:
        """The spectrum of a symmetric matrix, (n, n), that was formed."""
        eigenvalues = np.linalg.eigvalsh(np.asarray(H, dtype=float))[::-1].copy()
        return cls(eigenvalues, len(eigenvalues) * EPS * float(eigenvalues[0]))

    @property
    def is_noise(self) -> NDArray:
        """Which eigenvalues are not above the floor, (n,) of bool."""
        return ~(self.eigenvalues > self.floor)

    @property
    def rank(self) -> int:
        """The number of eigenvalues above the floor."""
        return int((~self.is_noise).sum())

    @property
    def lambda_max(self) -> float:
        """The largest eigenvalue, ||H||_2."""
        return float(self.eigenvalues[0])

    @property
    def lambda_min(self) -> float:
        """The smallest eigenvalue above the floor; NaN for the zero matrix."""
        return float(self.eigenvalues[self.rank - 1]) if self.rank else math.nan

    @property
    def lambda_0(self) -> float:
        """The smallest eigenvalue of all, NaN where round-off hides it: then it is below the floor."""
        return self.lambda_min if self.rank == len(self.eigenvalues) else math.nan

    @property
    def trace(self) -> float:
        """The sum of the eigenvalues, ||J||_F^2."""
        return float(self.eigenvalues.sum())

    @property
    def condition_number(self) -> float:
        """lambda_max / lambda_min; where some are hidden, lambda_max / floor, which the true one exceeds."""
        smallest = self.floor if math.isnan(self.lambda_0) else self.lambda_0
        return self.lambda_max / smallest if smallest > 0 else math.inf

    @property
    def effective_rank(self) -> float:
        """The exponential of the entropy of eigenvalues over their sum: n if all are alike, 1 if one counts.

        Roy and Vetterli (2007), "The effective rank: a measure of effective dimensionality", EUSIPCO.
        """
        kept = self.eigenvalues[~self.is_noise]
        p = kept / kept.sum() if len(kept) else kept
        return float(np.exp(-(p * np.log(p)).sum()))

    def __str__(self) -> str:
        n, hidden = len(self.eigenvalues), math.isnan(self.lambda_0)
        n_noise = f" ({n - self.rank} below the round-off floor {self.floor:.0e})" if hidden else ""
        note = f"  (of those above the floor; lambda_0 < {self.floor:.0e})" if hidden else ""
        lines = {
            "n": f"{n}{n_noise}",
            "lambda_max": f"{self.lambda_max:.3g}",
            "lambda_min": f"{self.lambda_min:.3g}{note}",
            "trace": f"{self.trace:.3g}",
            "condition number": f"{'> ' if hidden else ''}{self.condition_number:.0e}",
            "effective rank": f"{self.effective_rank:.1f}",
        }
        return "\n".join(f"{name:<17} {text}" for name, text in lines.items())


def gram_spectrum(
    source,
    X: ArrayLike,
    y: ArrayLike | None = None,
    region: ArrayLike | None = None,
    *,
    activation: str | None = None,
    width: int | None = None,
    normalised: bool | None = None,
    random_state=None,
) -> Spectrum:
    """Evaluate the spectrum of the Gram matrix of a fitted model, or of a PDE at the paper's initialisation.

    Parameters
    ----------
    source : PINNRegressor, PDE or None
        A fitted model: its J in the weights that it trains, with its loss weights. A PDE, or None for plain
        regression: hidden weights alone, w ~ N(0, I), a = +-1.
    X, y, region
        As in `PINNRegressor.fit`.
    activation : str, optional
        "tanh" if not given; with a fitted model, its own.
    width : int, optional
        10,000 if not given. The spectrum of H_infinity is approached as it grows, slowly where eigenvalues are tiny:
        there rare neurons with large weights decide.
    normalised : bool, optional
        As in `pose`; True if not given.
    random_state : int, Generator, RandomState or None

    Returns
    -------
    Spectrum

    Raises
    ------
    ValueError
        For bad input.

    Examples
    --------
    >>> from pinnlearn import problems
    >>> pde = problems.poisson_1d()
    >>> spectrum = gram_spectrum(pde, pde.sample(100, 2, random_state=0), random_state=0)
    >>> spectrum.rank < 102  # the other eigenvalues are below round-off, even so
    True
    """
    if hasattr(source, "loss_"):
        given = {"activation": activation, "width": width, "normalised": normalised}
        if any(value is not None for value in given.values()):
            raise ValueError(
                f"a fitted model has its own {', '.join(given)}; leave them out, or pass its pde to look at other ones."
            )
        return Spectrum.of_jacobian(source.jacobian(X, y, region))
    if hasattr(source, "fit"):
        raise ValueError(f"{source!r} is not fitted; call fit first, or pass its pde.")
    posed = pose(
        source,
        X,
        activation="tanh" if activation is None else activation,
        y=y,
        region=region,
        normalised=normalised is None or normalised,
    )
    return spectrum_at_start(posed, check_count("width", WIDTH if width is None else width, 1), random_state)


def spectrum_at_start(posed: Posed, width: int, random_state) -> Spectrum:
    """The spectrum of J J^T of one random network."""
    rng = as_generator(random_state)
    if posed.is_linear:
        return Spectrum.of_jacobian(random_factor(posed, width, rng).T)
    problem = posed.draw(width, rng)
    return Spectrum.of_jacobian(as_array(problem.linearize(problem.start).jacobian()))


def spectrum_by_quadrature(
    pde: PDE | None,
    X: ArrayLike,
    *,
    activation: str = "tanh",
    n_nodes: int = 201,
    y: ArrayLike | None = None,
    region: ArrayLike | None = None,
) -> Spectrum:
    """Evaluate the spectrum of H_infinity for points on a line, from the singular values of the quadrature rule's J.

    Parameters
    ----------
    pde, X, activation, n_nodes, y, region
        As in `limiting_gram_by_quadrature`. For a smooth activation: the rule's small eigenvalues are those of
        H_infinity only where it converges exponentially.

    Returns
    -------
    Spectrum
    """
    posed = pose(pde, X, activation=activation, y=y, region=region)
    check_linear(posed)
    problem = posed.at(quadrature_weights(posed, n_nodes))
    return Spectrum.of_jacobian(as_array(problem.linearize(problem.start).jacobian()))
