import json

import pytest

from pinnlearn import cli
from pinnlearn.experiments import bench
from pinnlearn.experiments.bench import ALL_PROBLEMS, METHODS, Trial, make_trials, to_markdown
from pinnlearn.experiments.runs import Point, Record, Result, execute
from pinnlearn.optimizers import OPTIMIZERS


def test_every_method_is_tried_on_every_problem_for_every_seed():
    trials = make_trials([0, 3], 1.0)
    assert len(set(trials)) == len(trials) == 2 * len(METHODS) * len(ALL_PROBLEMS)
    assert {trial.seed for trial in trials[: len(trials) // 2]} == {0}
    assert len(ALL_PROBLEMS) == 9


def test_every_optimizer_of_second_order_is_a_method():
    tried = {type(optimizer) for make in METHODS.values() for optimizer in make()}
    assert tried >= {kind for name, kind in OPTIMIZERS.items() if name not in ("gd", "sgd")}
    for make in METHODS.values():
        for optimizer in make():
            optimizer.check()


@pytest.mark.parametrize("optimizer", ["default", "adam, lbfgs, nncg"])
def test_a_trial_ends_when_its_seconds_are_over(optimizer):
    trial = Trial("heat_1d", optimizer, 0, 0.0)
    result, points = execute(trial)
    # The default solves for the output weights first; a callback ends what runs.
    assert (result.outcome, result.steps) == ("callback", 1)
    assert [point.step for point in points] == [1, 1]


def test_trials_are_read_back(tmp_path):
    trial = Trial("heat_1d", "ngd, lambda = 1e-6", 0, 0.5)
    Record(tmp_path, "optimizers", Trial).add(Result(trial, 3, 0.5, 1e-3, 1.25, "tol"), [Point(trial, 3, 1.25, 1e-3)])
    record = Record(tmp_path, "optimizers", Trial)
    assert record.is_finished(trial)
    assert record.results[trial].error == 1e-3
    assert record.points == [Point(trial, 3, 1.25, 1e-3)]


def made_up(optimizer, errors, problem="heat_1d"):
    """Results of a trial a seed, each with points after 5, 50 and 500 steps, the errors falling by 10."""
    results, points = [], []
    for seed, error in enumerate(errors):
        trial = Trial(problem, optimizer, seed, 10.0)
        results.append(Result(trial, 500, 0.5, error / 100, 9.0, "callback"))
        points += [Point(trial, 5 * 10**k, 0.09 * 10**k, error / 10**k) for k in range(3)]
    return results, points


def test_cells_are_medians_of_what_was_reached_by_then():
    ours, theirs = made_up("engd", [1.0, 0.1, 0.5]), made_up("adam", [2.0, 2.0, 2.0])
    text = to_markdown(ours[0] + theirs[0], ours[1] + theirs[1], 10.0)
    column = 1 + list(ALL_PROBLEMS).index("heat_1d")
    cells = [line.split(" | ")[column] for line in text.splitlines() if line.startswith("| engd")]
    assert cells == ["**5.0e-01**", "**5.0e-02**", "**5.0e-02**", "**5.0e-03**", "500"]
    cells = [line.split(" | ")[column] for line in text.splitlines() if line.startswith("| adam |")]
    assert cells == ["2.0e+00", "2.0e-01", "2.0e-01", "2.0e-02", "500"]
    assert "seeds 0, 1, 2; one thread and 10 s a trial" in text


def test_where_a_trial_had_not_got_as_far_there_is_no_median():
    results, points = made_up("engd", [1.0, 0.5])
    points = [point for point in points if point.run.seed == 0 or point.step > 10]
    column = 1 + list(ALL_PROBLEMS).index("heat_1d")
    lines = [line for line in to_markdown(results, points, 10.0).splitlines() if line.startswith("| engd")]
    assert [line.split(" | ")[column] for line in lines[:2]] == ["-", "**5.0e-02**"]


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(bench, "METHODS", {name: METHODS[name] for name in ("default", "engd")})
    monkeypatch.setattr(bench, "ALL_PROBLEMS", {"poisson_1d": ALL_PROBLEMS["poisson_1d"]})


@pytest.mark.usefixtures("small")
def test_the_command_prints_and_writes_the_table_and_goes_on(capsys, tmp_path, monkeypatch):
    command = ["bench", "optimizers", "--seeds", "1", "--seconds", "0.1", "--jobs", "1", "--out", str(tmp_path)]
    assert cli.main(command) == 0
    printed = capsys.readouterr().out
    assert printed == (tmp_path / "optimizers.md").read_text()
    assert "| default | " in printed
    monkeypatch.setattr("pinnlearn.experiments.runs.execute", None)  # nothing is left to run
    assert cli.main([*command, "--json"]) == 0
    results = json.loads(capsys.readouterr().out)["results"]
    assert [result["problem"] for result in results] == ["poisson_1d"] * 2
    assert all({"loss", "error", "seconds"} < set(result) for result in results)


@pytest.mark.parametrize(
    ("options", "message"), [(["--seconds", "0"], "--seconds must be a positive number"), (["--seeds", "0"], "seeds")]
)
def test_bad_options_are_told(options, message, capsys, tmp_path):
    with pytest.raises(SystemExit) as stopped:
        cli.main(["bench", "optimizers", *options, "--out", str(tmp_path)])
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err
