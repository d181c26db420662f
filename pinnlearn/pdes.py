"""PDEs: an equation in the interior, conditions around it, and the points to solve it at."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from pinnlearn.conditions import Dirichlet, Initial, Value, evaluate
from pinnlearn.domains import SAMPLING, Domain, check_domain
from pinnlearn.hyperparameters import Hyperparameters
from pinnlearn.jets import Jet
from pinnlearn.sampling import as_generator


class Unknown(Hyperparameters):
    """A number in an equation or a condition that is estimated from measurements.

    Parameters
    ----------
    initial : float
        Where the search begins, between the bounds; its size is the scale of the first steps.
    lower, upper : float, optional
        What it is known to lie between.

    Examples
    --------
    >>> from pinnlearn.domains import Interval, SpaceTime
    >>> pde = Heat(SpaceTime(Interval(0, 1), 0.0, 1.0), diffusivity=Unknown(1.0, lower=0.0))
    """

    def __init__(self, initial: float, lower: float | None = None, upper: float | None = None):
        self.initial = initial
        self.lower = lower
        self.upper = upper


class Field(Hyperparameters):
    """A function in an equation that is estimated from measurements: a source f(x), a conductivity k(x).

    Equations get it as they get u: `f.value`, `k.d(0)`. It is a polynomial on the domain's box.

    Parameters
    ----------
    axes : sequence of int, optional
        The coordinates that it depends on; None is all of them.
    initial : float
        The constant where the search begins.
    degree : int
        Of the polynomial, the total one.
    smoothness : "auto" or float
        The weight, beside that of one measurement, of the mean square of its derivatives of this order, lengths in
        half-widths of the box, where measurements are noisy. "auto" is that of generalised cross-validation.
    order : int

    Examples
    --------
    -u'' = f with an unknown f:

    >>> from pinnlearn.domains import Interval
    >>> pde = PDE(Interval(0, 1), equation=lambda x, u, f: -u.d(0, 0) - f.value, unknowns={"f": Field()})
    """

    def __init__(
        self,
        axes: Sequence[int] | None = None,
        initial: float = 0.0,
        degree: int = 20,
        smoothness: float | str = "auto",
        order: int = 2,
    ):
        self.axes = axes
        self.initial = initial
        self.degree = degree
        self.smoothness = smoothness
        self.order = order


class PDE(Hyperparameters):
    """A partial differential equation, residual(x, u) = 0, with its domain and conditions.

    Give `equation`, or write a subclass with a method `residual(self, x, u)`.

    Parameters
    ----------
    domain : Domain, optional
        Without one, rows of X with a known y are data and the others are governed by the equation.
    equation : callable
        equation(x, u) -> (n,); for q equations (n, q), or a list of q residuals (n,); x is a torch tensor
        (n, n_dims), u a `pinnlearn.jets.Jet`. It must be pointwise: row i may depend on row i only.
    conditions : sequence of conditions
    n_outputs : int
        The number of components of u.
    transform : callable, optional
        transform(x, v) -> u, the form of u for conditions that hold exactly: v are the values of the network, (n,) or
        (n, n_outputs), and u, of the same shape, is affine in them, g(x) + b(x) * v. It is written in functions of
        torch, which are differentiated.
    solution : callable, optional
        The exact solution where it is known, x -> (n,); used by benchmarks and plots, never by `fit`.
    unknowns : dict of str to float, Unknown or Field, optional
        What is estimated from known values of u, with where to begin: the equation gets each by its name, as a keyword
        argument of shape (n,), and so do functions in conditions that name it.

    Examples
    --------
    >>> import torch
    >>> from pinnlearn.domains import Interval
    >>> from pinnlearn.conditions import Dirichlet
    >>> pde = PDE(Interval(0, 1), equation=lambda x, u: u.d(0, 0) - torch.exp(u.value), conditions=[Dirichlet(0.0)])
    >>> pde.sample(n_interior=6, n_boundary=2, random_state=0).shape
    (8, 1)
    """

    # Defaults for subclasses whose constructor takes other parameters.
    equation: Callable[[Tensor, Jet], Tensor] | None = None
    conditions: Sequence = ()
    n_outputs: int = 1
    transform: Callable[[Tensor, Tensor], Tensor] | None = None
    solution: Callable[[Tensor], Tensor] | None = None
    unknowns: Mapping[str, float | Unknown | Field] | None = None
    time_dependent = False
    # Whether rows without a known value have an equation.
    has_equation: ClassVar[bool] = True

    def __init__(
        self,
        domain: Domain | None = None,
        *,
        equation: Callable[[Tensor, Jet], Tensor] | None = None,
        conditions: Sequence = (),
        n_outputs: int = 1,
        transform: Callable[[Tensor, Tensor], Tensor] | None = None,
        solution: Callable[[Tensor], Tensor] | None = None,
        unknowns: Mapping[str, float | Unknown | Field] | None = None,
    ):
        self.domain = domain
        self.equation = equation
        self.conditions = conditions
        self.n_outputs = n_outputs
        self.transform = transform
        self.solution = solution
        self.unknowns = unknowns

    def __getattr__(self, name: str):
        if name == "domain":
            name = type(self).__name__
            raise AttributeError(
                f"{name} has no domain: its __init__ sets none. Call super().__init__(domain, conditions=...) there, "
                "or set self.domain (None for no domain)."
            )
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def residual(self, x: Tensor, u: Jet) -> Tensor:
        """Evaluate the equation, (n,), (n, q), or a list or tuple of q residuals (n,)."""
        if self.equation is None:
            raise ValueError(
                f"{type(self).__name__} has no equation; pass equation=..., a function of x and u, or write a "
                "subclass with a method residual(self, x, u)."
            )
        return self.equation(x, u)

    @property
    def imposed_conditions(self) -> list:
        """The conditions that rows impose: those that do not hold exactly."""
        return [condition for condition in self.conditions if not condition.hard]

    @property
    def has_time(self) -> bool | None:
        """Whether the last coordinate is time; None where nothing but the equation could tell."""
        if self.domain is not None:
            return self.domain.has_time
        starts = any(condition.region == "initial" for condition in self.conditions)
        return True if self.time_dependent or starts else None

    def sample(
        self, n_interior: int, n_boundary: int, n_initial: int | None = None, *, method=SAMPLING, random_state=None
    ) -> NDArray:
        """Sample points of all regions, shuffled.

        Parameters
        ----------
        n_interior, n_boundary : int
        n_initial : int, optional
            None shares `n_boundary` two to one between the boundary and the initial slice where there is one; a domain
            without a boundary, `Time`, has them all at its start, where one is enough.
        method : {"sobol", "uniform", "grid", "halton", "lhs"}
        random_state : int, RandomState or None

        Returns
        -------
        ndarray of shape (n_samples, n_dims)

        Raises
        ------
        ValueError
            If the PDE has no domain, or the domain's samplers do not know the method.
        """
        if self.domain is None:
            raise ValueError(
                f"{type(self).__name__} has no domain to sample; pass one, or give your own points to fit (see "
                "pinnlearn.stack_points)."
            )
        check_domain(self.domain, type(self).__name__)
        if method != SAMPLING and not self.domain.takes_method:
            raise ValueError(
                f"{self.domain!r} samples in one way only: its samplers take no method. Leave method={method!r} out."
            )
        if n_initial is None:
            n_initial = (n_boundary // 3 if self.domain.has_boundary else n_boundary) if self.domain.has_time else 0
            n_boundary -= n_initial
        rng = as_generator(random_state)
        parts = [
            self.domain.sample("interior", n_interior, rng, method),
            self.domain.sample("boundary", n_boundary, rng, method),
            self.domain.sample("initial", n_initial, rng, method),
        ]
        return rng.permutation(np.concatenate(parts))


def _conditions(*pairs) -> list:
    return [condition(value) for condition, value in pairs if value is not None]


class Poisson(PDE):
    """-Laplace(u) = source, with u = boundary on the boundary.

    Parameters
    ----------
    domain : Domain, optional
    source : float or callable
        A number, or a function of x, (n, n_dims) -> (n,).
    boundary : float, callable or None
        Values of u on the boundary; None for no condition.
    solution : callable, optional
        The exact solution, where known.

    Examples
    --------
    >>> from pinnlearn.domains import Interval
    >>> Poisson(Interval(0, 1), source=2.0)
    Poisson(domain=Interval(a=0, b=1), source=2.0)
    """

    def __init__(
        self,
        domain: Domain | None = None,
        *,
        source: Value = 0.0,
        boundary: Value | None = 0.0,
        solution: Callable[[Tensor], Tensor] | None = None,
    ):
        self.domain = domain
        self.source = source
        self.boundary = boundary
        self.solution = solution

    @property
    def conditions(self) -> list:  # type: ignore[override]
        """The Dirichlet condition."""
        return _conditions((Dirichlet, self.boundary))

    def residual(self, x: Tensor, u: Jet) -> Tensor:
        """Evaluate -Laplace(u) - source, (n,)."""
        return -u.laplacian - evaluate(self.source, x, x[:, 0], "source")


class Helmholtz(PDE):
    """Laplace(u) + wavenumber^2 u = source, with u = boundary on the boundary.

    Parameters
    ----------
    domain : Domain, optional
    wavenumber : float or Unknown
        In radians per unit of length.
    source : float or callable
        A number, or a function of x, (n, n_dims) -> (n,).
    boundary : float, callable or None
        Values of u on the boundary; None for no condition.
    solution : callable, optional
        The exact solution, where known.
    """

    def __init__(
        self,
        domain: Domain | None = None,
        *,
        wavenumber: float | Unknown = 1.0,
        source: Value = 0.0,
        boundary: Value | None = 0.0,
        solution: Callable[[Tensor], Tensor] | None = None,
    ):
        self.domain = domain
        self.wavenumber = wavenumber
        self.source = source
        self.boundary = boundary
        self.solution = solution

    @property
    def conditions(self) -> list:  # type: ignore[override]
        """The Dirichlet condition."""
        return _conditions((Dirichlet, self.boundary))

    def residual(self, x: Tensor, u: Jet) -> Tensor:
        """Evaluate Laplace(u) + wavenumber^2 u - source, (n,)."""
        return u.laplacian + self.wavenumber**2 * u.value - evaluate(self.source, x, x[:, 0], "source")


class Heat(PDE):
    """u_t - diffusivity Laplace(u) = source, u = boundary on the lateral boundary, u = initial at the start.

    Parameters
    ----------
    domain : SpaceTime, optional
    diffusivity : float or Unknown
        In units of length^2 / time.
    source : float or callable
        A number, or a function of x (time last), (n, n_dims) -> (n,).
    boundary, initial : float, callable or None
        Values of u; None for no condition.
    solution : callable, optional
        The exact solution, where known.
    """

    time_dependent = True

    def __init__(
        self,
        domain: Domain | None = None,
        *,
        diffusivity: float | Unknown = 1.0,
        source: Value = 0.0,
        boundary: Value | None = 0.0,
        initial: Value | None = 0.0,
        solution: Callable[[Tensor], Tensor] | None = None,
    ):
        self.domain = domain
        self.diffusivity = diffusivity
        self.source = source
        self.boundary = boundary
        self.initial = initial
        self.solution = solution

    @property
    def conditions(self) -> list:  # type: ignore[override]
        """The Dirichlet and the initial condition."""
        return _conditions((Dirichlet, self.boundary), (Initial, self.initial))

    def residual(self, x: Tensor, u: Jet) -> Tensor:
        """Evaluate u_t - diffusivity Laplace(u) - source, (n,)."""
        return u.dt - self.diffusivity * u.laplacian - evaluate(self.source, x, x[:, 0], "source")


class PlainRegression(PDE):
    """No equation, nothing but known values: what `pde=None` stands for.

    Parameters
    ----------
    n_outputs : int
        The number of components of u.
    """

    has_equation = False

    def __init__(self, n_outputs: int = 1):
        self.n_outputs = n_outputs
        self.domain = None


__all__ = ["PDE", "Field", "Heat", "Helmholtz", "Poisson", "Unknown"]
