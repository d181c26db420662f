import importlib.util
import subprocess
import sys

import pytest

from pinnlearn import __version__, cli
from pinnlearn.problems import PROBLEMS, Problem


def table(text):
    """The lines of the printed table as lists, the header left out."""
    return [line.split() for line in text.splitlines()[1:]]


def test_solve_prints_a_line_and_writes_a_figure_for_each_problem(capsys, tmp_path):
    assert cli.main(["solve", "--out", str(tmp_path)]) == 0
    lines = table(capsys.readouterr().out)
    assert [line[0] for line in lines] == list(PROBLEMS)
    bounds = {"helmholtz_2d": 1e-2, "poisson_10d": 1e-2}
    assert all(float(line[5]) < bounds.get(line[0], 1e-4) for line in lines)
    assert [int(line[1]) for line in lines] == [102, 1020, 1020, 1100, 1200]
    assert sorted(path.stem for path in tmp_path.glob("*.png") if path.stat().st_size > 10_000) == sorted(PROBLEMS)


def test_options_reach_the_estimator(capsys, tmp_path):
    options = ["--optimizer", "gd", "--width", "7", "--learning-rate", "1e-3", "--max-iter", "3", "--seed", "4"]
    assert cli.main(["solve", "poisson_1d", *options, "--out", str(tmp_path)]) == 0
    (line,) = table(capsys.readouterr().out)
    assert line[:4] == ["poisson_1d", "102", "21", "3"]


@pytest.mark.parametrize(
    ("arguments", "listed"),
    [
        (["solve", "poisson_3d"], ["poisson_3d", *PROBLEMS]),
        (["solve", "--colour"], ["--colour", "--optimizer", "--learning-rate", "--out"]),
        (["solve", "--optimizer", "newton"], ["newton", "gd", "ngd"]),
        (["solve", "--device", "tpu"], ["tpu", "cpu", "cuda"]),
        (["solve", "--width", "0"], ["--width", "'0'"]),
        (["solve", "--learning-rate", "-1"], ["learning_rate", "-1.0"]),
        (["solve", "--max-iter", "0"], ["max_iter", "0"]),
        (["solve", "--seed", "-1"], ["seed", "-1"]),
        (["resolve"], ["resolve", "solve"]),
    ],
)
def test_what_is_unknown_or_bad_exits_with_2_and_one_line(arguments, listed, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(arguments)
    assert stop.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert all(word in captured.err for word in listed)


def test_a_problem_that_fails_leaves_the_others(capsys, tmp_path, monkeypatch):
    def broken():
        raise RuntimeError("no such\nequation")

    monkeypatch.setitem(PROBLEMS, "broken", Problem(broken, 10, 10))
    assert cli.main(["solve", "broken", "poisson_1d", "--out", str(tmp_path)]) == 1
    captured = capsys.readouterr()
    assert [line[:2] for line in table(captured.out)] == [["broken", "failed"], ["poisson_1d", "102"]]
    assert "broken: RuntimeError: no such equation\n" in captured.err


def test_without_matplotlib_the_table_still_prints(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert cli.main(["solve", "poisson_1d", "--out", str(tmp_path)]) == 0
    captured = capsys.readouterr()
    assert len(table(captured.out)) == 1
    assert captured.err.splitlines()[-1].endswith('pip install "pinnlearn[plot]"')
    assert not list(tmp_path.iterdir())


def test_help_and_version(capsys):
    assert cli.main([]) == 0
    assert "solve" in capsys.readouterr().out
    result = subprocess.run(
        [sys.executable, "-m", "pinnlearn", "--version"], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == __version__
