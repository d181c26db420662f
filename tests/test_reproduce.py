import csv
import json
import math
import pathlib
import shutil
from dataclasses import replace

import numpy as np
import pytest

from pinnlearn import PINNRegressor, cli, problems
from pinnlearn.experiments import presets, report, runs
from pinnlearn.experiments.presets import COLUMNS, METHODS, PAPER, RATES, SETTINGS, TABLES, WIDTHS, Run, make_runs
from pinnlearn.experiments.runs import FIGURES, Point, Record, Result, execute, run_all
from pinnlearn.metrics import exact_solution, new_points, relative_l2_error

SMALL = Run("main", "poisson_1d", "NGD", 0.1, 20, 0, 3)


@pytest.fixture
def small(monkeypatch):
    """Every run at a few points, units and steps."""
    for name, setting in SETTINGS.items():
        monkeypatch.setitem(SETTINGS, name, replace(setting, n_interior=20, n_boundary=6, width=8))
    for name, method in METHODS.items():
        monkeypatch.setitem(METHODS, name, replace(method, quick_steps=2))
    monkeypatch.setitem(presets.OUR_NETWORK, "width", 8)


def result(run=SMALL, error=1e-3, outcome="max_iter"):
    return Result(run, 3, 0.5, error, 1.25, outcome)


# What is run.


@pytest.mark.parametrize(("table", "n_cells"), [("main", 25), ("learning-rate", 28), ("width", 5)])
@pytest.mark.parametrize("quick", [False, True])
def test_every_cell_is_run_for_every_seed(table, n_cells, quick):
    made = make_runs(table, [0, 3], quick)
    assert len(set(made)) == len(made) == 2 * n_cells
    assert {run.seed for run in made[:n_cells]} == {0}  # one seed after the other


def test_steps_are_enough_for_each_learning_rate():
    steps = {run.learning_rate: run.max_steps for run in make_runs("learning-rate", [0]) if run.optimizer == "NGD"}
    assert steps == {eta: max(200, round(10 / eta)) for eta in RATES}


def test_plain_ngd_is_the_paper_s():
    run = next(run for run in make_runs("main", [0]) if run.optimizer == "NGD")
    pde, X = run.sample()
    model = run.estimator(pde, X)
    assert (model.trainable, model.init, model.optimizer.learning_rate) == ("hidden", "gaussian", 0.1)
    assert model.optimizer.max_iter <= 200
    assert isinstance(model.optimizer.damping, float)


def test_initial_rows_are_pooled_with_the_boundary():
    run = next(run for run in make_runs("main", [0]) if (run.problem, run.optimizer) == ("heat_1d", "NGD"))
    pde, X = run.sample()
    model = run.estimator(pde, X).set_params(max_iter=1).fit(X)
    losses, rows = ({group: one[key] for group, one in model.groups_.items()} for key in ("loss", "rows"))
    residual = model.predict(X) - exact_solution(pde, X)
    pooled = residual[pde.domain.region(X) != "interior"]
    assert len(pooled) == rows["boundary"] + rows["initial"] == 120
    assert losses["boundary"] + losses["initial"] == pytest.approx(np.mean(pooled**2) / 2, rel=1e-9)


# One run.


def test_a_run_is_a_fit_of_its_estimator():
    outcome, points = execute(SMALL)
    pde, X = SMALL.sample()
    model = SMALL.estimator(pde, X).fit(X)
    X_new = new_points(pde.domain)
    error = relative_l2_error(exact_solution(pde, X_new), model.predict(X_new))
    assert (outcome.run, outcome.steps, outcome.outcome) == (SMALL, 3, "max_iter")
    # One thread and two round differently.
    assert outcome.error == pytest.approx(error, rel=1e-6)
    assert outcome.loss == pytest.approx(model.loss_, rel=1e-6)
    assert [point.step for point in points] == [1, 2, 3, 3]
    assert points[-1].error == outcome.error


def test_a_run_that_diverges_says_so():
    outcome, _ = execute(replace(SMALL, optimizer="SGD", learning_rate=1e200))
    assert outcome.outcome == "diverged"
    assert math.isfinite(outcome.error)


# What is written down.


def test_results_are_read_as_they_were_written(tmp_path):
    outcome, points = execute(SMALL)
    Record(tmp_path, "main").add(outcome, points)
    record = Record(tmp_path, "main")
    assert record.results == {SMALL: outcome}
    assert [(p.run, p.step) for p in record.points] == [(p.run, p.step) for p in points]
    np.testing.assert_allclose([p.error for p in record.points], [p.error for p in points], rtol=1e-3)


def test_a_csv_row_has_the_columns_that_a_reader_needs(tmp_path):
    record = Record(tmp_path, "main")
    record.add(result(), [])
    (row,) = csv.DictReader(record.path.read_text().splitlines())
    needed = {"table", "problem", "optimizer", "learning_rate", "width", "seed", "steps", "loss", "error", "seconds"}
    assert set(row) == needed | {"max_steps", "outcome", "version"}


@pytest.mark.parametrize("cut", [1, 20, 60])
def test_what_was_cut_off_while_it_was_written_is_dropped(tmp_path, cut):
    record = Record(tmp_path, "main")
    other = replace(SMALL, seed=1)
    record.add(result(), [Point(SMALL, 1, 0.1, 0.5)])
    record.add(result(other), [Point(other, 1, 0.1, 0.5)])
    record.path.write_text(record.path.read_text()[:-cut])
    again = Record(tmp_path, "main")
    assert list(again.results) == [SMALL]
    assert [point.run for point in again.points] == [SMALL]  # the curve of a run that did not end goes too
    again.add(result(other), [Point(other, 1, 0.1, 0.5)])
    assert list(Record(tmp_path, "main").results) == [SMALL, other]


def test_results_of_another_version_do_not_count(tmp_path):
    record = Record(tmp_path, "main")
    record.add(replace(result(), version="0.0.1"), [])
    assert not Record(tmp_path, "main").is_finished(SMALL)


def test_what_is_finished_is_not_run_again(tmp_path, monkeypatch):
    wanted = [replace(SMALL, seed=seed) for seed in range(3)]
    record = Record(tmp_path, "main")
    record.add(result(wanted[1]), [])
    made = []
    monkeypatch.setattr(runs, "execute", lambda run: made.append(run) or (result(run), []))
    assert list(run_all(wanted, record, n_jobs=1)) == made == [wanted[0], wanted[2]]
    assert list(run_all(wanted, Record(tmp_path, "main"), n_jobs=1)) == []


# What it comes to.


def errors(table, **by_column):
    """A result for each seed of a cell in the first row of a table."""
    cells = {run.optimizer: run for run in reversed(make_runs(table, [0]))}
    return [
        result(replace(cells[column], seed=seed), *figures)
        for column, all_figures in by_column.items()
        for seed, figures in enumerate(all_figures)
    ]


def cells(text, row):
    (line,) = [line for line in text.splitlines() if line.startswith(f"| {row} | ours |")]
    return [cell.strip() for cell in line.split("|")[3:-1]]


def test_a_cell_has_the_median_the_range_and_the_paper_s_figure():
    text = report.to_markdown("main", errors("main", NGD=[(1e-5,), (3e-5,), (2e-5,)]))
    assert cells(text, "poisson_1d") == ["not run"] * 3 + ["2.0e-05 (1.0e-05 to 3.0e-05)", "not run"]
    assert "| paper | 1.28e-01 | 6.46e-02 | 2.63e-04 | 1.67e-05 |" in text
    assert "over seeds 0, 1, 2." in text


def test_a_cell_that_diverges_is_printed_as_diverged():
    all_of_them = errors("learning-rate", SGD=[(1.0, "diverged"), (2.0, "diverged")])
    one_of_them = errors("learning-rate", Adam=[(0.1,), (0.3, "diverged"), (0.2,)])
    text = report.to_markdown("learning-rate", all_of_them + one_of_them)
    diverged, some, *_ = cells(text, 1.0)
    assert diverged == "diverged: 1.5e+00 (1.0e+00 to 2.0e+00)"
    assert some == "diverged 1 of 3: 2.0e-01 (1.0e-01 to 3.0e-01)"


def test_cells_that_are_not_over_parameterized_are_marked():
    made = make_runs("width", [0])
    text = report.to_markdown("width", [result(run) for run in made])
    marked = [report.NARROW in cells(text, width)[0] for width in WIDTHS]
    assert marked == [width * 3 < 1020 for width in WIDTHS] == [True, True, True, False, False]


def test_costs_are_the_first_step_at_the_error():
    made = [replace(run, seed=seed) for seed in range(3) for run in make_runs("main", [0]) if run.optimizer == "Adam"]
    first = [run for run in made if run.problem == "poisson_1d"]
    points = [Point(run, 10 * (k + 1), 1.5 * (k + 1), 0.05) for k, run in enumerate(first)]
    points += [Point(run, 100, 9.0, 0.004) for run in first[:1]]
    text = report.to_markdown("main", [result(run) for run in made], points)
    assert "| poisson_1d | 1e-01 | - | 20, 3 s | - | - | - |" in text  # the median of three seeds
    assert "1e-02" not in text  # most seeds never reach it


@pytest.mark.parametrize("table", COLUMNS)
def test_the_paper_has_a_figure_for_every_cell(table):
    for row in PAPER[table].values():
        assert set(row) == set(COLUMNS[table]) - {"NGD, all weights"}


# The command.


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("table", COLUMNS)
def test_the_command_covers_every_cell_and_goes_on(table, capsys, tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    if table == "width":
        monkeypatch.setitem(PAPER, "width", {4: {"NGD": 1e-3}, 8: {"NGD": 1e-3}})
    command = ["reproduce", table, "--quick", "--jobs", "1", "--out", str(tmp_path)]
    assert cli.main(command) == 0
    printed = capsys.readouterr()
    assert "not run" not in printed.out
    assert "2/2" in printed.err or f"{len(make_runs(table, [0]))}/" in printed.err
    assert (tmp_path / f"{table}-quick.png").stat().st_size > 5000
    assert (tmp_path / f"{table}-quick.md").read_text() == printed.out
    before = (tmp_path / f"{table}-quick.csv").read_text()
    monkeypatch.setattr(PINNRegressor, "fit", lambda *_: 1 / 0)  # there is nothing left to fit
    capsys.readouterr()
    assert cli.main([*command, "--json"]) == 0
    assert (tmp_path / f"{table}-quick.csv").read_text() == before
    document = json.loads(capsys.readouterr().out)
    assert document["table"] == f"{table}-quick"
    cells = {(r["problem"], r["optimizer"], r["learning_rate"], r["width"]) for r in document["results"]}
    assert len(cells) == len(make_runs(table, [0], quick=True))
    assert all(set(FIGURES) <= set(result) for result in document["results"])


def test_an_interruption_tells_how_to_go_on(capsys, tmp_path, monkeypatch):
    def interrupt(run):
        raise KeyboardInterrupt

    monkeypatch.setattr(runs, "execute", interrupt)
    assert cli.main(["reproduce", "width", "--quick", "--jobs", "1", "--out", str(tmp_path)]) == 130
    assert "the same command goes on" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["main", "--seeds", "0"], "--seeds must be at least 1, got 0"),
        (["main", "--jobs", "0"], "--jobs must be at least 1, got 0"),
        (["tables"], "invalid choice: 'tables'"),
    ],
)
def test_bad_options_are_one_line(options, message, capsys, tmp_path):
    with pytest.raises(SystemExit) as stopped:
        cli.main(["reproduce", *options, "--out", str(tmp_path)])
    assert stopped.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("pinnlearn reproduce: ")
    assert message in line


def test_new_points_are_nobodys_training_points():
    pde = problems.poisson_2d()
    points = new_points(pde.domain)
    X = pde.sample(900, 120, random_state=0)
    assert not set(map(tuple, points)) & set(map(tuple, X))


@pytest.mark.parametrize("table", TABLES)
def test_the_documented_tables_come_from_the_committed_results(table, tmp_path):
    docs = pathlib.Path(__file__).parents[1] / "docs"
    for path in (docs / "results").glob(f"{table}*.csv"):
        shutil.copy(path, tmp_path)
    record = Record(tmp_path, table)
    assert set(record.results) == set(make_runs(table, range(3)))
    text = report.to_markdown(table, list(record.results.values()), record.points)
    assert text.strip() in (docs / "reproduction.md").read_text(encoding="utf-8")
