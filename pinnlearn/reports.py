"""What a fit did, at a glance, and what it is going to cost."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray
from torch import Tensor

from pinnlearn.least_squares import LeastSquares
from pinnlearn.metrics import by_group, relative_residuals
from pinnlearn.networks import Window
from pinnlearn.networks.attributes import hidden_widths, n_parameters
from pinnlearn.pdes import PDE
from pinnlearn.posing.checks import Finding
from pinnlearn.training.verification import Verification

# Longer names of equations are cut in the table.
NAME_WIDTH = 40


@dataclass(frozen=True)
class Report:
    """What happened in a fit; prints as a table.

    Attributes
    ----------
    pde : PDE
    groups : dict of group to dict
        For each group of rows its "rows", "weight", "loss" and "relative_residual".
    equations : dict of str to dict
        The same for each equation by its name, with its "group"; "weight" has one for each component where they differ.
    findings : list of Finding
        What was suspicious about rows and equations.
    widths : tuple of int
        The number of units of each hidden layer.
    activation : str
    n_parameters : int
    n_bytes : int
        An estimate of the largest memory that the fit held at a time.
    n_iter : int
    seconds : float
    loss : float
    stop_reason : str
    n_added_rows : int
        Of the PDE, which joined during training.
    verification : Verification or None
        How well the equations hold where no row was.
    error_estimate : float
    unknowns, unknowns_std : dict of str to float
        The estimates of unknown coefficients, and their standard errors; a `Field` is a function.
    windows : list of Window
        Those that were marched in, see `pinnlearn.training.MarchWindows` and `MarchSlabs`.
    """

    pde: PDE
    groups: dict[str, dict[str, float]]
    equations: dict[str, dict[str, Any]]
    findings: list[Finding]
    widths: tuple[int, ...]
    activation: str
    n_parameters: int
    n_bytes: int
    n_iter: int
    seconds: float
    loss: float
    stop_reason: str
    n_added_rows: int = 0
    verification: Verification | None = None
    error_estimate: float = math.nan
    windows: list[Window] = field(default_factory=list)
    unknowns: dict[str, Any] = field(default_factory=dict)
    unknowns_std: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, model: Any) -> Report:
        """That of a fitted model."""
        names = ("pde", "groups", "n_bytes", "n_iter", "seconds", "loss", "stop_reason", "n_added_rows")
        return cls(
            **{name: getattr(model, f"{name}_") for name in names},
            equations=getattr(model, "equations_", {}),  # files of older versions have none
            findings=getattr(model, "findings_", []),
            verification=getattr(model, "verification_", None),
            error_estimate=getattr(model, "error_estimate_", math.nan),
            windows=getattr(model, "windows_", []),
            unknowns=getattr(model, "unknowns_", {}),
            unknowns_std=getattr(model, "unknowns_std_", {}),
            widths=hidden_widths(vars(model)),
            activation=model.activation,
            n_parameters=n_parameters(vars(model)),
        )

    def __str__(self) -> str:
        reason, _, explanation = self.stop_reason.partition(": ")
        return "\n".join(
            [
                repr(self.pde) if self.pde.has_equation else "plain regression",
                f"{'group':<{self._name_width}} {'rows':>5} {'weight':>8} {'loss':>8}  relative residual{self._title}",
                *(line for group in self.groups for line in self._lines(group)),
                *([f"{self.n_added_rows} more rows of the PDE in training"] if self.n_added_rows else []),
                *([_marched(self.windows)] if self.windows else []),
                f"{' + '.join(map(str, self.widths))} {self.activation} units, {self.n_parameters} parameters, "
                f"about {in_bytes(self.n_bytes)}",
                f"{self.n_iter} steps in {self.seconds:.1f} s, loss {self.loss:.1e}",
                f"stopped by {reason}: {explanation}",
                *(_estimated(name, value, self.unknowns_std.get(name)) for name, value in self.unknowns.items()),
                *([] if math.isnan(self.error_estimate) else [f"estimated error of u: {self.error_estimate:.1e}"]),
                *(f"note: {finding}" for finding in self.findings),
            ]
        )

    __repr__ = __str__

    @property
    def width(self) -> int:
        """The number of hidden units."""
        return sum(self.widths)

    @property
    def _title(self) -> str:
        return "  elsewhere" if self.verification is not None else ""

    def _elsewhere(self, names: Collection[str]) -> str:
        """The largest relative residual of some equations at points that are no rows."""
        checks = {} if self.verification is None else self.verification.equations
        ratios = [checks[name].elsewhere for name in names if name in checks]
        return f"{max(ratios):>11.1e}" if ratios else ""

    def _lines(self, group: str) -> list[str]:
        """A group, and each of its equations, if there are several."""
        equations = {name: of for name, of in self.equations.items() if of["group"] == group}
        lines = [_line(f"{group:<{self._name_width}}", self.groups[group]) + self._elsewhere(equations)]
        if len(equations) > 1:
            lines += [
                _line(f"{_short(name):<{self._name_width}}", of) + self._elsewhere([name])
                for name, of in equations.items()
            ]
        return lines

    @property
    def _name_width(self) -> int:
        several = [group for group in self.groups if sum(of["group"] == group for of in self.equations.values()) > 1]
        return max(8, *(len(_short(n)) for n, of in self.equations.items() if of["group"] in several), 0)


def _estimated(name: str, value: Any, std: float | None) -> str:
    """An estimate to two digits of its standard error."""
    if std is None:
        return f"{name}: a polynomial of degree {value.degree} in x{list(value.axes)}"
    if not 0 < std < math.inf:
        return f"{name} = {value:.10g}"
    digits = 1 - math.floor(math.log10(std))
    return (
        f"{name} = {round(value, digits):.{max(1, digits + math.floor(math.log10(abs(value) or 1)) + 1)}g} +- {std:.1e}"
    )


def _marched(windows: Sequence[Window]) -> str:
    lengths = [window.end - window.begin for window in windows]
    how = f"{len(windows)} windows of length {min(lengths):.2g} to {max(lengths):.2g}" if windows[1:] else "one window"
    return f"marched in {how}, relative residual at fresh rows {max(window.residual for window in windows):.1e}"


def _short(name: str) -> str:
    name = f"  {name}"
    return name if len(name) <= NAME_WIDTH else f"{name[: NAME_WIDTH - 3]}..."


def _line(name: str, of: Mapping[str, Any]) -> str:
    weight = of["weight"] if isinstance(of["weight"], float) else max(of["weight"])
    return f"{name} {of['rows']:>5} {weight:>8.3g} {of['loss']:>8.1e} {of['relative_residual']:>18.1e}"


def describe_residuals(
    trained: LeastSquares, predicted: Tensor, half_width: NDArray
) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    """How well equations are met by the network that a problem starts from, as `Report` has it.

    Returns
    -------
    groups, equations : dict of str to dict
    """
    ratios, losses = relative_residuals(trained, predicted, half_width), trained.equation_losses(trained.start)
    of_groups, group_losses = by_group(trained, ratios), trained.group_losses(trained.start)
    equations = {
        block.equation.name: {
            "group": block.equation.group,
            "rows": len(block.x),
            "weight": block.weights[0] if len(set(block.weights)) == 1 else block.weights,
            "loss": losses[block.equation.name],
            "relative_residual": ratios[block.equation.name],
        }
        for block in trained.blocks
    }
    groups = {
        group: {
            "rows": trained.n_rows_in(group),
            "weight": trained.mean_weight(group),
            "loss": group_losses[group],
            "relative_residual": of_groups[group],
        }
        for group in group_losses
    }
    return groups, equations


def in_bytes(n: float) -> str:
    """A number of bytes in the unit that reads best.

    Examples
    --------
    >>> in_bytes(123_456_789)
    '123 MB'
    """
    for unit in ("B", "kB", "MB", "GB"):
        if n < 1000:
            return f"{n:.0f} {unit}" if n >= 10 or unit == "B" else f"{n:.1f} {unit}"
        n /= 1000
    return f"{n:.1f} TB"


def fit_bytes(n_residuals: int, width: int, n_solved: int, itemsize: int, holds: Collection[str] = ()) -> int:
    """Estimate the largest memory that a fit holds at a time.

    Parameters
    ----------
    n_residuals, width : int
    n_solved : int
        The number of parameters that are trained, or solved for, at once.
    itemsize : int
        Bytes of a number.
    holds : collection of str
        What a step holds, see `Optimizer.holds`.

    Returns
    -------
    int
        Bytes of the activation with four derivatives, and of what is held: "jacobian", J and a QR factorisation of J
        stacked on the damping, which is copied twice (an undamped SVD takes a quarter more); "gram", four more arrays
        as large as the activation, and J J^T with its factor and a product; "products", six more such arrays;
        "hessian", three matrices of p x p; "graph", ten more such arrays.
    """
    n_activation, smaller = n_residuals * width, min(n_residuals, n_solved)
    numbers = {
        "jacobian": 4 * n_residuals * n_solved + 3 * smaller**2,
        "gram": 4 * n_activation + 4 * n_residuals**2,
        "products": 6 * n_activation,
        "hessian": 3 * n_solved**2,
        "graph": 10 * n_activation,
    }
    return itemsize * (5 * n_activation + sum(numbers[what] for what in holds))


def check_fits(n_bytes: int, available: int, n_residuals: int, width: int) -> None:
    """Refuse what would not fit into memory.

    Raises
    ------
    MemoryError
        With the bytes, and what to change.
    """
    if n_bytes > available:
        raise MemoryError(
            f"this fit would take about {in_bytes(n_bytes)}, for {n_residuals} residuals and {width} units, but only "
            f"{in_bytes(available)} are free. Lower width, or give fewer rows; or take a method that forms no "
            'Jacobian: optimizer=NGD(solver="cg"), "lbfgs" or "adam".'
        )
