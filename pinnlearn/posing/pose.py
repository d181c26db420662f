"""The one way from a PDE and rows to a least-squares problem: for fits, scores, residuals, theory and figures alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from torch import Tensor

from pinnlearn.arrays import as_tensor
from pinnlearn.jets import Jet, Scaled
from pinnlearn.least_squares import LeastSquares, Unknowns, Weight
from pinnlearn.pdes import PDE
from pinnlearn.posing.equations import assign_equations, time_axis
from pinnlearn.posing.rows import Rows


def pose(
    pde: PDE,
    rows: Rows,
    unknowns: Unknowns,
    weights: Mapping[str, Weight] | None = None,
    sizes: Sequence[float] | None = None,
    *,
    held: bool = False,
) -> LeastSquares:
    """Pose a PDE at rows, for unknowns.

    Parameters
    ----------
    pde : PDE
    rows : Rows
    unknowns : Unknowns
        Their device and precision are those of the problem.
    weights : dict of equation or group to float, or to one float for each component
        What is not named has weight 1.
    sizes : sequence of n_outputs floats, optional
        The outputs of the network times these are u; None for ones.
    held : bool
        With the equations that every network that is trained has by itself, for other functions than those.

    Returns
    -------
    LeastSquares
    """
    like = unknowns.vector
    x = as_tensor(rows.X, like.device, like.dtype)
    equations = [equation for equation in assign_equations(pde, rows) if held or not equation.is_held]
    if sizes is not None:
        equations = [replace(each, residual=partial(_of_scaled, each.residual, tuple(sizes))) for each in equations]
    return LeastSquares.of(unknowns, x, equations, weights, time_axis(pde, x))


def _of_scaled(residual: Callable[[Tensor, Jet], Tensor], sizes: tuple[float, ...], x: Tensor, u: Jet) -> Tensor:
    return residual(x, replace(u, source=Scaled(u.source, sizes)))
