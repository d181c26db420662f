"""Running experiments in parallel, each result written down at once, so that what was cut off goes on."""

from __future__ import annotations

import csv
import io
import os
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import joblib
from sklearn.exceptions import ConvergenceWarning

from pinnlearn._version import __version__
from pinnlearn.callbacks import ErrorMonitor
from pinnlearn.experiments.presets import Run
from pinnlearn.metrics import exact_solution, new_points, relative_l2_error
from pinnlearn.threads import one_thread

PER_DECADE = 10
# Of the fields of a run.
PARSERS = {"float": float, "int": int, "str": str}


@dataclass(frozen=True)
class Result:
    """The figures of a run: a row of results.

    Attributes
    ----------
    run : Run
    steps : int
        That were made; an epoch of SGD or Adam is a step.
    loss, error : float
        Of the best weights that were visited; the relative L2 error at points that were not trained on.
    seconds : float
        Of the fit, on one thread, without what it took to watch it.
    outcome : str
        Why it stopped; "diverged" where a step was not finite, or the last loss is above the first.
    version : str
        Of pinnlearn.
    """

    run: Run
    steps: int
    loss: float
    error: float
    seconds: float
    outcome: str
    version: str = __version__

    def row(self) -> dict[str, object]:
        """Its columns."""
        return asdict(self.run) | {name: getattr(self, name) for name in FIGURES}


@dataclass(frozen=True)
class Point:
    """The error in the course of a run: a row of curves."""

    run: Run
    step: int
    seconds: float
    error: float

    def row(self) -> dict[str, object]:
        """Its columns."""
        return asdict(self.run) | {"step": self.step, "seconds": round(self.seconds, 4), "error": f"{self.error:.4g}"}


FIGURES = [field.name for field in fields(Result) if field.name != "run"]


def execute(run: Run) -> tuple[Result, list[Point]]:
    """Make one run."""
    pde, X = run.sample()
    X_new = new_points(pde.domain)
    u = exact_solution(pde, X_new)
    monitor = ErrorMonitor(X_new, u, PER_DECADE)
    model = run.estimator(pde, X)
    model.set_params(callbacks=[monitor, *(model.callbacks or ())])
    with one_thread(), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a run that diverges is a result
        model.fit(X)
    error, seconds = relative_l2_error(u, model.predict(X_new)), model.seconds_ - monitor.spent_
    stop = model.stop_reason_.partition(":")[0]
    diverged = stop == "non_finite" or not model.loss_curve_[-1] <= model.loss_curve_[0]
    result = Result(run, model.n_iter_, model.loss_, error, seconds, "diverged" if diverged else stop)
    watched = zip(monitor.steps_, monitor.seconds_, monitor.errors_, strict=True)
    return result, [*(Point(run, *figures) for figures in watched), Point(run, model.n_iter_, seconds, error)]


class Record:
    """The results of a table in two CSV files of a folder, NAME.csv and NAME-curves.csv; rows are appended.

    A run counts as finished when it is in the first file, with this version of pinnlearn. What an interruption left
    half-written is dropped.

    Parameters
    ----------
    folder : Path
    name : str
    kind : type
        The class of the runs, a dataclass with the methods of `Run`.
    """

    def __init__(self, folder: Path, name: str, kind: type = Run):
        self.path, self.curves_path = folder / f"{name}.csv", folder / f"{name}-curves.csv"
        folder.mkdir(parents=True, exist_ok=True)
        n_fields = len(fields(kind))
        results = [_as_result(row, kind) for row in _read(self.path, n_fields + len(FIGURES))]
        self.results: dict[Any, Result] = {result.run: result for result in results}
        points = [_as_point(row, kind) for row in _read(self.curves_path, n_fields + 3)]
        self.points = [point for point in points if point.run in self.results]
        _write(self.path, [result.row() for result in self.results.values()])
        _write(self.curves_path, [point.row() for point in self.points])

    def is_finished(self, run: Run) -> bool:
        """Whether the run need not be made."""
        return run in self.results and self.results[run].version == __version__

    def add(self, result: Result, points: Sequence[Point]) -> None:
        """Write down a run; the row of results comes last."""
        self.points = [point for point in self.points if point.run != result.run] + list(points)
        self.results[result.run] = result
        _append(self.curves_path, [point.row() for point in points])
        _append(self.path, [result.row()])


def run_all(runs: Sequence[Run], record: Record, n_jobs: int) -> Iterator[Run]:
    """Make the runs that are not finished, write each down when it ends, and yield it."""
    left = [run for run in runs if not record.is_finished(run)]
    parallel = joblib.Parallel(n_jobs=n_jobs, return_as="generator_unordered")
    for result, points in parallel(joblib.delayed(execute)(run) for run in left):
        record.add(result, points)
        yield result.run


def _read(path: Path, n_columns: int) -> list[dict[str, str]]:
    """The whole rows of a CSV file; none where there is no file."""
    if not path.exists():
        return []
    text = path.read_text()
    whole = text[: text.rfind("\n") + 1]  # a last line without its end was cut off
    return [row for row in csv.DictReader(io.StringIO(whole)) if len(row) == n_columns and None not in row.values()]


def _write(path: Path, rows: Sequence[dict[str, object]]) -> None:
    """Replace a file by these rows, at once; no rows make no file."""
    if not rows and not path.exists():
        return
    temporary = path.with_suffix(".tmp")
    temporary.write_text("")
    _append(temporary, rows)
    os.replace(temporary, path)


def _append(path: Path, rows: Sequence[dict[str, object]]) -> None:
    """Append rows by a single write; a file that is empty gets its header."""
    if not rows:
        return
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    if not path.exists() or not path.stat().st_size:
        writer.writeheader()
    writer.writerows(rows)
    with path.open("a") as file:
        file.write(text.getvalue())


def _as_run(row: dict[str, str], kind: type) -> Run:
    return kind(**{field.name: PARSERS[str(field.type)](row[field.name]) for field in fields(kind)})


def _as_result(row: dict[str, str], kind: type) -> Result:
    loss, error, seconds = (float(row[name]) for name in ("loss", "error", "seconds"))
    return Result(_as_run(row, kind), int(row["steps"]), loss, error, seconds, row["outcome"], row["version"])


def _as_point(row: dict[str, str], kind: type) -> Point:
    return Point(_as_run(row, kind), int(row["step"]), float(row["seconds"]), float(row["error"]))
