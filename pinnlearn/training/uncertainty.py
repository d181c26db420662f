"""How sure an estimate is: the covariance of parameters and coefficients, from the linear model at the solution.

The rows of J are those of equations, which hold, and those of measurements, scaled by their noise. With s the noise in
units of the weighted residuals the covariance of all parameters is s^2 (J^T J)^-1 (Laplace approximation). With J =
[A, B], A for the output weights and B for the coefficients, the part for the coefficients is s^2 (P^T P)^-1, where
P = B - A A^+ B is what no change of u makes up for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from pinnlearn.arrays import as_array
from pinnlearn.jets import VALUE
from pinnlearn.least_squares import Block, LeastSquares, Linearization, Weight
from pinnlearn.networks import Network, Reading

# Singular values of A below so many machine epsilons of the largest are round-off.
CUT = 5.0
# Directions in which u varies by less than this part of its variance, all together, are left out.
NEGLIGIBLE = 1e-4
# Neighbours are off alike where the correlation of their residuals is so many times what chance makes it, of at least
# so many measurements.
ALIKE, FEWEST = 4.0, 20
TINY = 1e-300
# The noise of an output counts for at least this part of the largest.
LEAST_NOISE = 1e-3


@dataclass(frozen=True, eq=False)
class Uncertainty:
    """What is known of an estimate.

    Attributes
    ----------
    noise : dict of str to float
        The standard deviation of measurements, by the name of their equation.
    half : Tensor of shape (k, k)
        half half^T is the covariance of the parameters of coefficients.
    root : Tensor of shape (n_parameters, n_directions)
        root root^T is the covariance of the parameters that the problem trains, as far as u feels it.
    singular : Tensor of shape (k,)
        The singular values of P, its columns of the length that they have in B: how well measurements tell
        combinations of coefficients; those that they do not tell are next to zero.
    """

    noise: dict[str, float]
    half: Tensor
    root: Tensor
    singular: Tensor


def measuring(problem: LeastSquares) -> list[Block]:
    """The equations of a problem that are measurements."""
    return [block for block in problem.blocks if block.equation.values is not None]


def weighing(problem: LeastSquares, noise: dict[str, float], ratio: float) -> LeastSquares:
    """A problem whose measurements count by their noise, and so little that equations are off by a part of it alone.

    Parameters
    ----------
    problem : LeastSquares
    noise : dict of str to float
        The standard deviation of measurements by the name of their equation; where one is left out, it stays.
    ratio : float
        The factor of a residual of a mean measurement beside that of an equation.
    """
    blocks = [block for block in measuring(problem) if block.equation.name in noise]
    counts = {g: sum(b.n_residuals for b in problem.blocks if b.equation.group == g) for g in set(_groups(blocks))}
    n, least = sum(block.n_residuals for block in blocks), LEAST_NOISE * max(noise.values())
    noise = {name: max(sigma, least) for name, sigma in noise.items()}
    units = {name: (min(noise.values()) / sigma) ** 2 if sigma else 1.0 for name, sigma in noise.items()}
    weights = {
        block.equation.name: ratio**2 * counts[block.equation.group] / n * units[block.equation.name]
        for block in blocks
    }
    kept: dict[str, Weight] = {b.equation.name: b.weights for b in problem.blocks if b.equation.name not in weights}
    return problem.weighted({**kept, **weights})


def expected_loss(problem: LeastSquares, noise: float) -> float:
    """The loss of measurements that noise of this size has."""
    pairs = zip(problem.blocks, problem.factors, strict=True)
    return noise**2 * sum(float(f.square().sum()) for b, f in pairs if b.equation.values is not None) / 2


def _groups(blocks: list[Block]) -> list[str]:
    return [block.equation.group for block in blocks]


@dataclass(frozen=True, eq=False)
class Reduced:
    """J of a problem, parted: A = U S V^-1 for the network, and P, of the coefficients what A does not make up for.

    Attributes
    ----------
    U : Tensor of shape (n_residuals, rank)
    S : Tensor of shape (rank,)
    V : Tensor of shape (n_weights, rank)
        V S^-1 U^T is the pseudo-inverse of A, with columns of length 1.
    lengths : Tensor of shape (n_weights,)
        Those of the columns of A.
    P : Tensor of shape (n_residuals, k)
    """

    U: Tensor
    S: Tensor
    V: Tensor
    lengths: Tensor
    P: Tensor

    @property
    def leverage(self) -> Tensor:
        """How much of each residual the network takes, (n_residuals,)."""
        return self.U.square().sum(dim=1)

    def without(self, b: Tensor) -> Tensor:
        """What the network leaves of a right side, or of several."""
        return _without(self.U, b)


def _without(U: Tensor, b: Tensor) -> Tensor:
    b = b - U @ (U.T @ b)
    return b - U @ (U.T @ b)  # once more, for what rounding left


def reduced(problem: LeastSquares, linear: Linearization) -> Reduced:
    """The parts of J at the start of a problem."""
    A = linear.of_network(problem.unknowns.trained)
    lengths = torch.linalg.vector_norm(A, dim=0)
    lengths = torch.where(lengths > 0, lengths, 1.0)
    Q, R = torch.linalg.qr(A / lengths)
    U, S, Vh = torch.linalg.svd(R, full_matrices=False)
    kept = CUT * torch.finfo(S.dtype).eps * S[0] < S
    U = Q @ U[:, kept]
    return Reduced(U, S[kept], Vh[kept].T / lengths[:, None], lengths, _without(U, linear.in_unknowns))


def uncertainty(problem: LeastSquares, names: list[str], noise: float | None = None) -> Uncertainty:
    """How sure the estimate is that a problem starts from.

    Parameters
    ----------
    problem : LeastSquares
        Weighted as by `weighing`; what u is linear in is trained.
    names : list of str
        Of the measurements.
    noise : float, optional
        Their standard deviation; None estimates it from what is left, for each of them.
    """
    linear = problem.linearize(problem.start)
    space, B, k = reduced(problem, linear), linear.in_unknowns, problem.coefficients.size
    U, S, V, P = space.U, space.S, space.V, space.P
    sizes = torch.linalg.vector_norm(B, dim=0)
    sizes = torch.where(sizes > 0, sizes, 1.0)
    _, singular, combinations = torch.linalg.svd(P / sizes, full_matrices=False)
    half = (combinations.T / singular.clamp(min=torch.finfo(P.dtype).tiny)) / sizes[:, None]
    leverage = space.leverage + (P @ half).square().sum(dim=1)
    sigmas, scale = _noise(problem, names, linear.residual, leverage, noise)
    # Weights are as large as they are: what rows hardly see is no larger than that.
    size = (problem.unknowns.network_vector * space.lengths).square().mean().sqrt()
    own = V / (S.square() + (scale / size.clamp(min=TINY)).square()).sqrt()
    of_u = torch.cat([-(V / S) @ (U.T @ (B @ half)), own], dim=1)
    below = torch.cat([half, half.new_zeros(k, V.shape[1])], dim=1)
    root = scale * torch.cat([of_u, below])
    return Uncertainty(sigmas, scale * half, _felt(problem, root), singular)


def _noise(
    problem: LeastSquares, names: list[str], residual: Tensor, leverage: Tensor, noise: float | None
) -> tuple[dict[str, float], float]:
    """The standard deviation of each kind of measurement, and that of their weighted residuals.

    Kinds of one output, inside and at the start, share theirs.
    """
    start, factors = 0, {}
    sums: dict[str, tuple[float, float]] = {}
    for block, factor in zip(problem.blocks, problem.factors, strict=True):
        where = slice(start, start + block.n_residuals)
        start = where.stop
        if block.equation.name in names:
            kind = kind_of(block.equation.name)
            left, n = sums.get(kind, (0.0, 0.0))
            sums[kind] = left + float(residual[where].square().sum()), n + float((1 - leverage[where]).sum())
            factors[block.equation.name] = float(factor.mean())
    if noise is not None:
        return dict.fromkeys(factors, noise), noise * float(np.mean(list(factors.values())))
    total, n = sum(left for left, _ in sums.values()), sum(n for _, n in sums.values())
    scale = math.sqrt(total / max(n, 1.0))
    parts = {kind: math.sqrt(left / max(n, 1.0)) for kind, (left, n) in sums.items()}
    return {name: parts[kind_of(name)] / factor for name, factor in factors.items()}, scale


def kind_of(name: str) -> str:
    """The measurements that share their noise with others: those of one output, wherever they were made."""
    return name.split(" (")[0]


def looks_random(problem: LeastSquares) -> bool:
    """Whether what is left of measurements is like noise: residuals of nearest neighbours have nothing in common.

    Where a network or an equation misses something, neighbours are off alike. Of n independent residuals the
    correlation with that of the nearest neighbour is about n^(-1/2).
    """
    residuals = zip(problem.blocks, problem.linearize(problem.start).parts, strict=True)
    return all(
        _is_white(block.x, part.residual[:, 0])
        for block, part in residuals
        if block.equation.values is not None and len(block.x) >= FEWEST
    )


def is_noise(problem: LeastSquares) -> bool:
    """Whether what is left of measurements looks random, and there are enough of them to tell."""
    return any(len(block.x) >= FEWEST for block in measuring(problem)) and looks_random(problem)


def _is_white(x: Tensor, residual: Tensor) -> bool:
    points, r = as_array(x), as_array(residual)
    spread = points.std(axis=0)
    points = points / np.where(spread > 0, spread, 1.0)
    _, nearest = cKDTree(points).query(points, k=2)
    # The point itself is one of the two; where points coincide, either may come first.
    other = np.where(nearest[:, 0] == np.arange(len(r)), nearest[:, 1], nearest[:, 0])
    return float((r * r[other]).sum()) <= ALIKE / math.sqrt(len(r)) * float((r * r).sum())


def in_parameters(network: Network, x: Tensor, trained: Sequence[str]) -> list[Tensor]:
    """The derivative of each output at points in the trained weights, (n, n_parameters)."""
    at, columns = network.at(x), [network.blocks()[name].numel() for name in trained]
    derivatives = []
    for output in range(network.n_outputs):
        J = x.new_zeros(len(x), sum(columns))
        reading = Reading(VALUE, output, torch.ones_like(x[:, 0]))
        at.add_jacobian([reading], dict(zip(trained, J.split(columns, dim=1), strict=True)))
        derivatives.append(J)
    return derivatives


def _felt(problem: LeastSquares, root: Tensor) -> Tensor:
    """The directions that u feels at the rows of a problem, the most felt first."""
    x, unknowns = torch.cat([block.x for block in problem.blocks]), problem.unknowns
    k = problem.coefficients.size
    of_u = in_parameters(unknowns.network, x, unknowns.trained)
    felt = torch.stack([(J @ root[: len(root) - k]).square().mean(dim=0) for J in of_u]).sum(dim=0)
    order = felt.argsort(descending=True)
    left = felt[order].flip(0).cumsum(0).flip(0)
    return root[:, order[left > NEGLIGIBLE * felt.sum()]]
