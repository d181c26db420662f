"""What the runs of a table come to: Markdown with the paper's figure beside ours, and figures."""

from __future__ import annotations

import math
import statistics
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from pinnlearn.displays import make_panels
from pinnlearn.experiments.presets import COLUMNS, PAPER, RATES_PROBLEM, SETTINGS, WIDTHS_PROBLEM, Run
from pinnlearn.experiments.runs import Point, Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Errors to reach; a method's cost to each is its first step below it.
LEVELS = (1e-1, 1e-2, 1e-3, 1e-4)
NARROW = "†"
SINGULAR = (
    "fewer hidden weights than rows: J J^T is singular but for the damping; NGD solves J^T J where that is cheaper."
)
CAPTIONS = {
    "main": "Relative L2 error on the five problems.",
    "learning-rate": f"Relative L2 error against the learning rate, {RATES_PROBLEM}.",
    "width": f"Relative L2 error against the width m, {WIDTHS_PROBLEM}, NGD with eta = 0.1.",
}
COLORS = {"SGD": "C7", "Adam": "C0", "L-BFGS": "C2", "NGD": "C3", "NGD, all weights": "C1"}
# For readers in grey.
MARKERS = {"SGD": "s", "Adam": "v", "L-BFGS": "D", "NGD": "o", "NGD, all weights": "^"}


def to_markdown(table: str, results: Collection[Result], points: Sequence[Point] = ()) -> str:
    """The table with the paper's figures, each cell the median over seeds with the range; and what equal errors cost.

    Parameters
    ----------
    table : {"main", "learning-rate", "width"}
    results : collection of Result
    points : sequence of Point
        The curves of the main table.
    """
    columns = COLUMNS[table]
    header = "eta" if table == "learning-rate" else "m" if table == "width" else "problem"
    lines = [_line(header, "", *columns), _line(*["---"] * (len(columns) + 2))]
    for row, paper in PAPER[table].items():
        cells = {column: [r for r in results if _is_in(r.run, table, row, column)] for column in columns}
        lines.append(_line(row, "ours", *(_cell(cells[column]) for column in columns)))
        lines.append(_line("", "paper", *(_published(paper.get(column)) for column in columns)))
    text = f"{CAPTIONS[table]} {_legend(results)}\n\n" + "\n".join(lines) + "\n"
    return text + ("\n" + _costs(results, points) if table == "main" else "")


def _is_in(run: Run, table: str, row: Any, column: str) -> bool:
    value = {"main": run.problem, "learning-rate": run.learning_rate, "width": run.width}[table]
    return run.table == table and run.optimizer == column and value == row


def _legend(results: Iterable[Result]) -> str:
    results = list(results)
    seeds = sorted({result.run.seed for result in results})
    narrow = any(not result.run.is_over_parameterized for result in results)
    return (
        f"Median (smallest to largest) over seeds {', '.join(map(str, seeds)) or 'none'}. A run has diverged if a step "
        "was not finite, or its last loss is above its first; its error is that of the best weights that it visited."
        + (f" {NARROW}: {SINGULAR}" if narrow else "")
    )


def _line(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def _cell(results: Sequence[Result]) -> str:
    """The median and the range; where most of the runs diverged, that."""
    if not results:
        return "not run"
    errors = [result.error for result in results]
    text = f"{statistics.median(errors):.1e}"
    if len(errors) > 1:
        text += f" ({min(errors):.1e} to {max(errors):.1e})"
    n_diverged = sum(result.outcome == "diverged" for result in results)
    if n_diverged:
        text = f"diverged{'' if n_diverged == len(results) else f' {n_diverged} of {len(results)}'}: {text}"
    return text if all(result.run.is_over_parameterized for result in results) else f"{text} {NARROW}"


def _published(error: float | None) -> str:
    return "" if error is None else "diverged" if math.isnan(error) else f"{error:.2e}"


def _costs(results: Collection[Result], points: Sequence[Point]) -> str:
    """Steps and seconds of each optimizer to equal error, medians over seeds."""
    columns = COLUMNS["main"]
    lines = [_line("problem", "error", *columns), _line(*["---"] * (len(columns) + 2))]
    for problem in SETTINGS:
        for level in LEVELS:
            runs = {c: [r.run for r in results if (r.run.problem, r.run.optimizer) == (problem, c)] for c in columns}
            cells = [_cost(runs[column], points, level) for column in columns]
            if set(cells) != {"-"}:
                lines.append(_line(problem, f"{level:.0e}", *cells))
    caption = "Steps and seconds to a relative L2 error, medians over seeds (-: most of them never reach it)."
    return caption + "\n\n" + "\n".join(lines) + "\n"


def _cost(runs: Sequence[Run], points: Sequence[Point], level: float) -> str:
    reached = [next((p for p in points if p.run == run and p.error <= level), None) for run in runs]
    steps, seconds = ([getattr(p, name) if p else math.inf for p in reached] for name in ("step", "seconds"))
    if not runs or math.isinf(statistics.median_low(steps)):
        return "-"
    return f"{statistics.median_low(steps)}, {statistics.median_low(seconds):.2g} s"


def draw(table: str, results: Collection[Result], points: Sequence[Point] = ()) -> Figure:
    """Draw a table: error against steps and seconds for the main one, against eta or m for the others.

    Raises
    ------
    ImportError
        Without matplotlib: install `pinnlearn[plot]`.
    """
    return _draw_curves(results, points) if table == "main" else _draw_sweep(table, results)


def _draw_curves(results: Collection[Result], points: Sequence[Point]) -> Figure:
    figure, axes = make_panels(2, len(SETTINGS))
    for row, quantity in enumerate(("step", "seconds")):
        for column, problem in enumerate(SETTINGS):
            ax = axes[row * len(SETTINGS) + column]
            for result in results:
                if result.run.problem == problem:
                    _draw_curve(ax, result.run, [p for p in points if p.run == result.run], quantity)
            ax.set(xscale="log", yscale="log", xlabel={"step": "steps", "seconds": "seconds"}[quantity])
            ax.set_title(problem if row == 0 else "")
    for ax in axes[:: len(SETTINGS)]:
        ax.set_ylabel("relative L2 error")
    _draw_legend(figure, axes)
    return figure


def _draw_curve(ax: Axes, run: Run, points: Sequence[Point], quantity: str) -> None:
    name = run.optimizer
    ax.plot(
        [getattr(point, quantity) for point in points],
        [point.error for point in points],
        color=COLORS[name],
        marker=MARKERS[name],
        markevery=(0.1, 0.25),
        markersize=4,
        linewidth=0.9,
        label=name,
    )


def _draw_sweep(table: str, results: Collection[Result]) -> Figure:
    figure, (ax,) = make_panels(1, 1)
    for column in COLUMNS[table]:
        rows = {row: [r.error for r in results if _is_in(r.run, table, row, column)] for row in PAPER[table]}
        ours = {row: statistics.median(errors) for row, errors in rows.items() if errors}
        paper = {row: figures[column] for row, figures in PAPER[table].items() if column in figures}
        style: dict[str, Any] = {"color": COLORS[column], "marker": MARKERS[column], "markersize": 5}
        ax.plot(list(ours), list(ours.values()), label=column, **style)
        if paper:
            ax.plot(list(paper), list(paper.values()), "--", label=f"{column}, paper", fillstyle="none", **style)
    xlabel = {"learning-rate": "learning rate", "width": "width"}[table]
    ax.set(xscale="log", yscale="log", xlabel=xlabel, ylabel="relative L2 error")
    _draw_legend(figure, [ax])
    return figure


def _draw_legend(figure: Figure, axes: Sequence[Axes]) -> None:
    """One legend for all panels, above them; one entry for each label."""
    labelled = {label: line for ax in axes for line, label in zip(*ax.get_legend_handles_labels(), strict=True)}
    n_columns = len(labelled) if len(axes) > 1 else 2
    figure.legend(labelled.values(), labelled, loc="outside upper center", ncols=n_columns, frameon=False)
