"""When the limiting Gram matrix is positive definite: Assumption 4.3 and Lemma 4.4 of the paper.

The paper's notes give the assumption in words: "bounded third derivative, Lipschitz derivatives, analytic
non-polynomial, and specific decay ratio conditions". The last we read so: on one side, sigma^(k)(alpha z) is negligible
beside sigma^(k)(beta z) for alpha > beta > 0 and k = 1, 2, 3, so that far out one row outweighs the others. The
assumption is sufficient, not necessary.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from numpy.typing import ArrayLike, NDArray

from pinnlearn.activations import get_activation
from pinnlearn.least_squares import Equation
from pinnlearn.pdes import PDE
from pinnlearn.theory.posing import pose

CLAUSES = ("bounded third derivative", "Lipschitz derivatives", "analytic, no polynomial", "decay ratio")
# What fails, and why; what is not named holds, as tests check by evaluating the derivatives.
FAILURES = {
    "relu3": {
        "Lipschitz derivatives": "the third derivative jumps at 0",
        "analytic, no polynomial": "it is not smooth at 0",
        "decay ratio": "a power has the same ratio (alpha / beta)^(3 - k) everywhere",
    },
    "sin": {"decay ratio": "its derivatives oscillate and do not decay, so that no ratio has a limit"},
}
COVERED = {"relu3": "relu3 is outside the assumption; a proof of its own covers it, in earlier work and in the paper"}


@dataclass(frozen=True)
class Definiteness:
    """What is known of the positive definiteness of a limiting Gram matrix.

    Attributes
    ----------
    activation : str
    clauses : dict of str to bool
        Of Assumption 4.3, whether the activation meets it.
    reasons : dict of str to str
        Of the clauses that fail, why.
    duplicates : list of (str, list of int)
        Equation and rows of X that are the same point under the same equation: they make the matrix singular.
    caveat : str
        What to know besides; "" if nothing.
    """

    activation: str
    clauses: dict[str, bool]
    reasons: dict[str, str]
    duplicates: list[tuple[str, list[int]]]
    caveat: str

    @property
    def is_guaranteed(self) -> bool:
        """Whether the theory says that the matrix is positive definite."""
        return not self.duplicates and (all(self.clauses.values()) or self.activation in COVERED)

    def __str__(self) -> str:
        lines = [
            f"{self.activation}, {clause}: {'met' if met else 'fails, ' + self.reasons[clause]}"
            for clause, met in self.clauses.items()
        ]
        lines += [f"rows {rows} are one point, under {name}: singular" for name, rows in self.duplicates]
        return "\n".join(lines + [self.caveat] * bool(self.caveat))


def positive_definite(
    pde: PDE | None,
    X: ArrayLike,
    *,
    activation: str = "tanh",
    y: ArrayLike | None = None,
    region: ArrayLike | None = None,
) -> Definiteness:
    """Say what the theory knows of the positive definiteness of H_infinity.

    With the bias inside w, rows are (x, 1), of which no two are parallel unless the points are the same.

    Parameters
    ----------
    pde : PDE or None
    X : array-like of shape (n_samples, n_dims)
    activation : str
    y, region
        As in `PINNRegressor.fit`.

    Returns
    -------
    Definiteness

    Raises
    ------
    ValueError
        For bad input.

    Examples
    --------
    >>> from pinnlearn import problems
    >>> print(positive_definite(problems.poisson_1d(), [[0.0], [0.5], [0.5], [1.0]], activation="sin"))
    sin, bounded third derivative: met
    sin, Lipschitz derivatives: met
    sin, analytic, no polynomial: met
    sin, decay ratio: fails, its derivatives oscillate and do not decay, so that no ratio has a limit
    rows [1, 2] are one point, under the equation of Poisson: singular
    the assumption is sufficient, not necessary: the matrix may be positive definite all the same
    """
    posed = pose(pde, X, activation=activation, y=y, region=region)
    name = get_activation(activation).name
    reasons = FAILURES.get(name, {})
    clauses = {clause: clause not in reasons for clause in CLAUSES}
    caveat = "the assumption is sufficient, not necessary: the matrix may be positive definite all the same"
    caveat = COVERED.get(name, caveat) if reasons else ""
    duplicates = [found for equation in posed.template.equations for found in _duplicates(equation, posed.X)]
    return Definiteness(name, clauses, reasons, duplicates, caveat)


def _duplicates(equation: Equation, X: NDArray) -> list[tuple[str, list[int]]]:
    rows_at: dict[bytes, list[int]] = defaultdict(list)
    for row in equation.rows:
        rows_at[(X[row] + 0.0).tobytes()].append(int(row))  # + 0.0 makes -0 and 0 one
    return [(equation.name, rows) for rows in rows_at.values() if len(rows) > 1]
