"""Where a fit starts: a guess of u, which the output weights of any network can be fitted to."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import NotFittedError
from torch import Tensor

from pinnlearn.arrays import as_array, as_tensor
from pinnlearn.least_squares import Equation, LeastSquares, Unknowns
from pinnlearn.linalg import damped_solve
from pinnlearn.networks import Network

# A start needs the digits that derivatives are told by, not the last ones.
DAMPING = 1e-20


@dataclass(frozen=True, eq=False)
class Guess:
    """The values of a guess at points.

    Parameters
    ----------
    x : Tensor of shape (n, n_dims)
    values : Tensor of shape (n, n_outputs)
    """

    x: Tensor
    values: Tensor

    def carried_by(self, network: Network) -> Network:
        """The network whose output weights fit the guess best."""
        rows, values = np.arange(len(self.x)), as_array(self.values)
        equations = [
            Equation(f"the guess of u[{k}]", "data", _output(k), rows, values=values[:, k])
            for k in range(values.shape[1])
        ]
        problem = LeastSquares.of(Unknowns(network, network.linear), self.x, equations)
        linear = problem.linearize(problem.start)
        return problem.network(problem.start - damped_solve(linear.jacobian(), linear.residual, DAMPING))


def _output(k: int):
    return lambda x, u: u[k].value


def values_of(guess: Any, X: NDArray, n_outputs: int) -> NDArray:
    """The values of a guess as a user gives it at points X, (n, n_outputs).

    Parameters
    ----------
    guess : float, sequence of n_outputs floats, callable, or object with `predict`
        A function takes x as a tensor, (n, n_dims), as those of a PDE do.
    X : ndarray of shape (n, n_dims)
    n_outputs : int

    Raises
    ------
    ValueError
        For anything else, a model that is not fitted, values of another shape, and such as are not finite.
    """
    if isinstance(guess, Real) or (isinstance(guess, list | tuple) and all(isinstance(v, Real) for v in guess)):
        of_outputs = np.atleast_1d(np.asarray(guess, dtype=float))
        found = np.broadcast_to(of_outputs, (len(X), n_outputs)) if len(of_outputs) in (1, n_outputs) else of_outputs
    elif hasattr(guess, "predict"):
        found = _predicted(guess, X)
    elif callable(guess):
        came = guess(as_tensor(X))
        found = as_array(came) if isinstance(came, Tensor) else np.asarray(came, dtype=float)
    else:
        raise ValueError(
            f"initial_guess must be a number, one for each output, a function of x or a fitted model, got {guess!r}."
        )
    if found.size != len(X) * n_outputs or len(found) != len(X):
        raise ValueError(
            f"initial_guess must give u at every point, shape ({len(X)},) or ({len(X)}, {n_outputs}) for {len(X)} "
            f"points and {n_outputs} output(s), got {found.shape}."
        )
    found = found.reshape(len(X), n_outputs)
    bad = int((~np.isfinite(found)).any(axis=1).sum())
    if bad:
        raise ValueError(f"initial_guess gives NaN or infinity at {bad} of {len(X)} points; it must be finite at all.")
    return found


def _predicted(model: Any, X: NDArray) -> NDArray:
    try:
        return np.asarray(model.predict(X), dtype=float)
    except NotFittedError as error:
        raise ValueError(
            f"initial_guess={model!r} is not fitted. Searches and clone() forget the fits of models that are "
            "parameters: give sklearn.frozen.FrozenEstimator(model), or model.predict."
        ) from error
