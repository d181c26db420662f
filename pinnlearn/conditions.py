"""Conditions: the equations that hold on the boundary and at the start."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from numbers import Integral, Real
from types import MappingProxyType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pinnlearn.domains import REGIONS, Domain
from pinnlearn.hyperparameters import Hyperparameters
from pinnlearn.jets import Jet

Value = float | Sequence[float] | Callable[[Tensor], Tensor]
# Of x, (n, n_dims) -> (n,) of bool, a tensor or an array.
Where = Callable[[Tensor], Tensor | NDArray]


def evaluate(value: Value, x: Tensor, like: Tensor, name: str) -> Tensor:
    """Evaluate a number, a number for each output, or a function of x to a tensor that fits `like`.

    Raises
    ------
    ValueError
        If the function does not give one value a row.
    TypeError
        If it is neither a number nor a function.
    """
    if isinstance(value, Real):
        return torch.full_like(like, float(value))
    if isinstance(value, Tensor):  # an unknown coefficient, (n,)
        return value if like.ndim == 1 else value[:, None].expand(like.shape)
    if isinstance(value, list | tuple) and len(value) == (like.shape[1] if like.ndim == 2 else 1):
        return like.new_tensor(value).expand(like.shape)
    if not callable(value):
        raise TypeError(f"{name} must be a number or a function of x, got {value!r}.")
    result = torch.as_tensor(value(x), dtype=like.dtype, device=like.device)
    if result.ndim == 0:
        return result.expand(like.shape)
    if result.shape != like.shape:
        raise ValueError(
            f"{name} must give one value a row, shape {tuple(like.shape)}, but gave {tuple(result.shape)} for x of "
            f"shape {tuple(x.shape)}; write x[:, 0] for the first coordinate."
        )
    return result


# The value and the slope are periodic whatever the equation.
LEAST_CONTINUOUS = 2
# Of derivatives along axes, where no equation tells.
NO_ORDERS: Mapping[int, int] = MappingProxyType({})


class BaseCondition(Hyperparameters):
    """What all conditions have: an equation, and where it holds.

    Attributes
    ----------
    residual : callable
        residual(x, u) -> (n,) or (n, q), zero where the condition is met.
    region : {"boundary", "initial"}
    where : callable or None
        A predicate of x: the part of the region where the condition holds.
    name : str or None
        What the condition is called in messages; None for its repr.
    own_axes : tuple of int
        Axes whose two faces are the condition's own: those of the boundary without `where` leave them alone.
    hard : bool
        Whether it holds exactly, by the form of u, and asks for no rows.
    is_pointwise : bool
        Whether a row's residual is known to depend on that row alone; `fit` checks the others.
    """

    region = "boundary"
    where: Where | None = None
    name: str | None = None
    own_axes: tuple[int, ...] = ()
    hard = False
    is_pointwise: bool = False
    residual: Callable[[Tensor, Jet], Tensor]

    @property
    def label(self) -> str:
        """What the condition is called in messages."""
        return self.name or repr(self)

    def on(self, domain: Domain | None, orders: Mapping[int, int] = NO_ORDERS) -> BaseCondition:
        """The condition as it holds on a domain, of the same label; `orders` are the equation's along its own axes."""
        return self

    def selects(self, x: Tensor) -> NDArray:
        """Whether `where` selects each row, points of the condition's region; (n,) of bool.

        Raises
        ------
        ValueError
            If `where` gives something else, or reads a coordinate that does not exist.
        """
        if self.where is None or not len(x):
            return np.ones(len(x), dtype=bool)
        try:
            chosen = np.asarray(self.where(x))
        except IndexError as error:
            raise ValueError(f"where of {self.label} reads a coordinate that does not exist ({error}).") from error
        if chosen.shape != (len(x),) or chosen.dtype != bool:
            raise ValueError(
                f"where of {self.label} must give one bool a row, ({len(x)},), got shape {chosen.shape} of "
                f"{chosen.dtype}; write a comparison such as x[:, 0] == 0."
            )
        return chosen

    def _less(self, term: Tensor, value: Value, x: Tensor, what: str) -> Tensor:
        return term - self._evaluate(value, x, term, what)

    def _evaluate(self, value: Value, x: Tensor, like: Tensor, what: str) -> Tensor:
        return evaluate(value, x, like, f"the {what} of {self.name or type(self).__name__}")


class Condition(BaseCondition):
    """Any condition, residual(x, u) = 0, in a region.

    Parameters
    ----------
    residual : callable
        residual(x, u) -> (n,) or (n, q), with x a tensor (n, n_dims) and u a `pinnlearn.jets.Jet`.
    region : {"boundary", "initial"}
    where : callable, optional
        A predicate of x, (n, n_dims) -> (n,) of bool: the part of the region where the condition holds.
    name : str, optional
        What the condition is called in messages.

    Raises
    ------
    ValueError
        For another region.

    Examples
    --------
    >>> insulated = Condition(lambda x, u: u.dn, where=lambda x: x[:, 0] == 0)
    """

    def __init__(
        self,
        residual: Callable[[Tensor, Jet], Tensor],
        region: str = "boundary",
        where: Where | None = None,
        *,
        name: str | None = None,
    ):
        if region not in REGIONS[1:]:
            raise ValueError(
                f"region={region!r} has no conditions; choose one of {list(REGIONS[1:])}, and a part of it by where=."
            )
        self.residual = residual
        self.region = region
        self.where = where
        self.name = name


class Dirichlet(BaseCondition):
    """u = value on the boundary.

    Parameters
    ----------
    value : float, sequence of float or callable
        A number, for several outputs also one for each, or a function of x giving (n,), with several outputs
        (n, n_outputs).
    where : callable, optional
        A predicate of x: the part of the boundary where the condition holds.
    hard : bool
        Whether it holds exactly, by the form of u = g + b v, v being the network: then on whole faces of a box, and its
        value must be written in functions of torch, which are differentiated.
    name : str, optional
        What the condition is called in messages.

    Examples
    --------
    >>> Dirichlet(1.5)
    Dirichlet(value=1.5)
    >>> Dirichlet(0.0, hard=True).hard
    True
    """

    def __init__(self, value: Value, where: Where | None = None, *, hard: bool = False, name: str | None = None):
        self.value = value
        self.where = where
        self.hard = hard
        self.name = name

    def residual(self, x: Tensor, u: Jet) -> Tensor:
        """Evaluate u - value, (n,)."""
        return self._less(u.value, self.value, x, "value")


class Neumann(BaseCondition):
    """du/dn = flux on the boundary, n being the outward normal.

    Parameters
    ----------
    flux : float or callable
        A number, or a function of x giving (n,); with several outputs (n, n_outputs).
    where : callable, optional
        A predicate of x: the part of the boundary where the condition holds.
    name : str, optional
        What the condition is called in messages.

    Notes
    -----
    A corner has the normal of the first of its faces, in the order of the axes, that `where` holds on.

    Examples
    --------
    >>> insulated = Neumann(0.0, where=lambda x: x[:, 0] == 0)
    """

    def __init__(self, flux: Value, where: Where | None = None, *, name: str | None = None):
        self.flux = flux
        self.where = where
        self.name = name

    def residual(self, x: Tensor, u: Jet) -> Tensor:
        """Evaluate du/dn - flux, (n,)."""
        return self._less(u.dn, self.flux, x, "flux")


class Robin(BaseCondition):
    """a u + b du/dn = value on the boundary, n being the outward normal.

    Parameters
    ----------
    a, b, value : float or callable
        Numbers, or functions of x giving (n,); with several outputs (n, n_outputs).
    where : callable, optional
        A predicate of x: the part of the boundary where the condition holds.
    name : str, optional
        What the condition is called in messages.

    Examples
    --------
    >>> Robin(2.0, 1.0, 0.0)  # heat lost to surroundings at 0, du/dn = -2 u
    Robin(a=2.0, b=1.0, value=0.0)
    """

    def __init__(self, a: Value, b: Value, value: Value, where: Where | None = None, *, name: str | None = None):
        self.a = a
        self.b = b
        self.value = value
        self.where = where
        self.name = name

    def residual(self, x: Tensor, u: Jet) -> Tensor:
        """Evaluate a u + b du/dn - value, (n,)."""
        u_x, slope = u.value, u.dn
        a, b = self._evaluate(self.a, x, u_x, "a"), self._evaluate(self.b, x, u_x, "b")
        return self._less(a * u_x + b * slope, self.value, x, "value")


class Initial(Dirichlet):
    """u = value at t = t_start.

    Parameters
    ----------
    value : float, sequence of float or callable
        A number, for several outputs also one for each, or a function of x (time is its last column) giving (n,), with
        several outputs (n, n_outputs).
    where : callable, optional
        A predicate of x: the part of the initial slice where the condition holds.
    hard : bool
        Whether it holds exactly, by the form of u; see `Dirichlet`.
    name : str, optional
        What the condition is called in messages.
    """

    region = "initial"


class InitialVelocity(Initial):
    """du/dt = value at t = t_start, for equations of second order in time.

    Parameters
    ----------
    value : float, sequence of float or callable
        A number, for several outputs also one for each, or a function of x (time is its last column) giving (n,), with
        several outputs (n, n_outputs).
    where : callable, optional
        A predicate of x: the part of the initial slice where the condition holds.
    hard : bool
        Whether it holds exactly, by the form of u; see `Dirichlet`. It takes `Initial(value, hard=True)` as well.
    name : str, optional
        What the condition is called in messages.
    """

    def residual(self, x: Tensor, u: Jet) -> Tensor:
        """Evaluate du/dt - value, (n,)."""
        return self._less(u.dt, self.value, x, "value")


class Periodic(BaseCondition):
    """u continues from one end of an axis to the other, on a domain with two opposite faces there.

    So do its derivatives along the axis: as many of them, u counted, as the equation has orders along it, but at least
    u and du/dn. Conditions without `where` leave the rows on these faces alone.

    Parameters
    ----------
    axis : int
        The coordinate that is periodic, from 0.
    hard : bool
        Whether it holds exactly, with all derivatives: the network reads cosine and sine of the period in place of the
        coordinate.
    name : str, optional
        What the condition is called in messages.

    Examples
    --------
    >>> Periodic(0)
    Periodic(axis=0)
    """

    def __init__(self, axis: int, *, hard: bool = False, name: str | None = None):
        self.axis = axis
        self.hard = hard
        self.name = name

    @property
    def own_axes(self) -> tuple[int, ...]:  # type: ignore[override]
        """The periodic axis."""
        return (self.axis,)

    def on(self, domain: Domain | None, orders: Mapping[int, int] = NO_ORDERS) -> Condition:
        """The condition on the faces of a domain, for an equation of some order along the axis.

        Raises
        ------
        ValueError
            If the domain has no two opposite faces there.
        """
        if not isinstance(self.axis, Integral):
            raise ValueError(f"the axis of {self.label} must be an integer, counted from 0.")
        if domain is None:
            raise ValueError(f"{self.label} needs to know where its two faces are; give the PDE a domain.")
        if self.axis not in domain.axes_with_faces:
            raise ValueError(
                f"{self.label}: {domain!r} has no two opposite faces along axis {self.axis}; axes in space count "
                "from 0."
            )
        lower, upper = (float(corner[self.axis]) for corner in domain.bounds)
        n_continuous = max(LEAST_CONTINUOUS, orders.get(int(self.axis), 0))

        def residual(x: Tensor, u: Jet) -> Tensor:
            along, across = x[:, self.axis], x.clone()
            # In the precision of x: of two Python numbers torch.where makes float32.
            ends = x.new_tensor([lower, upper])
            across[:, self.axis] = torch.where(along < (lower + upper) / 2, ends[1], ends[0])
            other = u.at(across)
            along_axis = [(self.axis,) * order for order in range(n_continuous)]
            jumps = [u.along(axes) - other.along(axes) for axes in along_axis]
            return torch.stack(jumps, dim=1).flatten(start_dim=1)

        on_faces = Condition(residual, where=lambda x: domain.ends(x.numpy(), self.axis) != 0, name=self.label)
        on_faces.hard, on_faces.own_axes = self.hard, self.own_axes
        return on_faces


__all__ = ["Condition", "Dirichlet", "Initial", "InitialVelocity", "Neumann", "Periodic", "Robin"]
