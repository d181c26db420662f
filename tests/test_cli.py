import argparse
import json
import os
import signal
import subprocess
import sys
import warnings
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from pinnlearn import PINNRegressor, __version__, cli
from pinnlearn.cli import solve
from pinnlearn.cli.output import print_json
from pinnlearn.cli.parsing import width_or_auto
from pinnlearn.experiments import theory_page as page
from pinnlearn.problems import PROBLEMS, Problem

pytest.importorskip("matplotlib")


def table(text):
    """The lines of the printed table as lists, the header left out."""
    return [line.split() for line in text.splitlines()[1:]]


def replace_fit(monkeypatch, name, fit):
    """Let `fit(model)` run in place of PINNRegressor.fit, but only for the problem of that name."""
    original, kind = PINNRegressor.fit, type(PROBLEMS[name].make())

    def patched(self, X, y=None, region=None):
        if type(self.pde) is kind:
            fit(self)
        return original(self, X, y, region)

    monkeypatch.setattr(PINNRegressor, "fit", patched)


@pytest.fixture(autouse=True)
def _small_problems(monkeypatch):
    """The problems at fewer points, which takes a tenth of the time."""
    for name, problem in PROBLEMS.items():
        n_interior = {"poisson_1d": 30, "helmholtz_2d": 450}.get(name, 300)
        monkeypatch.setitem(PROBLEMS, name, replace(problem, n_interior=n_interior))


@pytest.fixture
def _broken(monkeypatch):
    """A problem that cannot be made."""

    def broken():
        raise RuntimeError("no such\nequation")

    monkeypatch.setitem(PROBLEMS, "broken", Problem(broken, 10, 10))


@pytest.fixture
def _without_matplotlib(monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)  # the import system's way to say: not there


def test_solve_prints_a_line_and_writes_a_figure_for_each_problem(capsys, tmp_path):
    # Three steps end the output solve, so that hidden units are not trained at the few points of this test.
    assert cli.main(["solve", "--max-iter", "3", "--out", str(tmp_path / "a" / "b")]) == 0
    lines = table(capsys.readouterr().out)
    assert [line[0] for line in lines] == list(PROBLEMS)
    assert [int(line[1]) for line in lines] == [32, 420, 420, 650, 500]
    # A hundred times the larger error of seeds 0 and 1: 1e-11, 5e-10, 8e-10, 1e-4, 4e-5.
    bounds = [1e-9, 5e-8, 8e-8, 1e-2, 4e-3]
    assert all(float(line[5]) < bound for line, bound in zip(lines, bounds, strict=True))
    figures = [path.name for path in (tmp_path / "a" / "b").iterdir() if path.stat().st_size > 10_000]
    assert sorted(figures) == sorted(f"{name}.png" for name in PROBLEMS)


def test_options_reach_the_estimator(capsys, tmp_path, monkeypatch):
    seen = []
    replace_fit(monkeypatch, "poisson_1d", seen.append)
    options = ["--optimizer", "gd", "--width", "7", "--learning-rate", "1e-3", "--max-iter", "3", "--seed", "4"]
    assert cli.main(["solve", *options, "--out", str(tmp_path), "poisson_1d"]) == 0
    (line,) = table(capsys.readouterr().out)
    assert line[:4] == ["poisson_1d", "32", "21", "3"]  # 7 units of a weight, a bias and an output weight
    given = {"optimizer": "gd", "width": 7, "learning_rate": 1e-3, "max_iter": 3, "random_state": 4, "device": "cpu"}
    assert given.items() <= seen[0].get_params(deep=False).items()


def test_the_table_goes_to_stdout_and_the_progress_with_its_loss_to_stderr(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(solve, "tqdm", partial(solve.tqdm, mininterval=0))  # draw every step, however quick
    cli.main(["solve", "poisson_1d", "--out", str(tmp_path)])
    captured = capsys.readouterr()
    header, line = captured.out.splitlines()
    assert header.split() == " ".join(solve.COLUMNS).split()
    assert "\r" not in captured.out
    assert "poisson_1d: " in captured.err
    assert ", loss " in captured.err
    assert len(line) == len(header)


@pytest.mark.usefixtures("_broken")
def test_json_is_an_object_a_line_with_what_the_table_tells_and_more(capsys, tmp_path):
    assert cli.main(["solve", "broken", "poisson_1d", "--json", "--out", str(tmp_path)]) == 1
    failed, solved = map(json.loads, capsys.readouterr().out.splitlines())
    assert failed == {"problem": "broken", "error": "RuntimeError: no such equation"}
    assert (solved["problem"], solved["rows"]) == ("poisson_1d", 32)
    assert 0 < solved["relative_l2_error"] < 1e-9
    assert solved["stop_reason"].startswith("tol: ")
    assert {"parameters", "steps", "loss", "seconds"} < set(solved)


def test_what_is_not_finite_is_null_in_json(capsys):
    print_json({"a": float("nan"), "b": [np.float64("inf"), np.int64(2)], "c": {0.1: np.array([1.5, np.nan])}})
    assert json.loads(capsys.readouterr().out) == {"a": None, "b": [None, 2], "c": {"0.1": [1.5, None]}}


def in_training(model):
    model.callbacks.append(lambda progress: signal.raise_signal(signal.SIGINT) if progress.n_iter == 1 else None)


def elsewhere(model):
    raise KeyboardInterrupt


@pytest.mark.parametrize("interrupt", [in_training, elsewhere])
def test_ctrl_c_is_one_line_and_130(interrupt, capsys, tmp_path, monkeypatch):
    replace_fit(monkeypatch, "heat_1d", interrupt)
    assert cli.main(["solve", "poisson_1d", "heat_1d", "poisson_2d", "--out", str(tmp_path)]) == 130
    captured = capsys.readouterr()
    assert [line[0] for line in table(captured.out)] == ["poisson_1d"]
    assert captured.err.endswith("Interrupted.\n")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no broken pipes")
def test_a_reader_that_goes_away_is_no_traceback(tmp_path):
    command = [sys.executable, "-m", "pinnlearn", "solve", "poisson_1d", "--json", "--out", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.close()
        error = process.stderr.read()
    assert process.returncode == 1
    assert "Traceback" not in error
    assert "Error" not in error


@pytest.mark.parametrize("command", ["solve", "reproduce", "theory", "bench"])
def test_help_explains_each_option_and_gives_an_example_that_parses(command, capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main([command, "--help"])
    assert stopped.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    example = text.rpartition("Example: pinnlearn ")[2]
    assert cli._parse(example.split()).command == command
    parser = cli._parse(example.split()).parser
    assert [action.dest for action in parser._actions if not action.help] == []


def test_the_exit_statuses_are_told(capsys):
    assert cli.main([]) == 0
    told = capsys.readouterr().out.partition("exit status: ")[2]
    assert [part.split()[0] for part in told.split(";")] == ["0", "1", "2", "130"]


def test_problems_may_stand_on_both_sides_of_an_option(capsys, tmp_path):
    assert cli.main(["solve", "poisson_1d", "--out", str(tmp_path), "poisson_1d"]) == 0
    assert len(table(capsys.readouterr().out)) == 2


@pytest.mark.parametrize(
    ("arguments", "listed"),
    [
        (["solve", "poisson_3d"], ["poisson_3d", *PROBLEMS]),
        (["solve", "poisson_1d", "--seed", "1", "poisson_3d"], ["unknown problem poisson_3d", *PROBLEMS]),
        (["solve", "--colour"], ["--colour", "--optimizer", "--width", "--learning-rate", "--max-iter", "--seed"]),
        (["solve", "--colour", "red"], ["unknown option --colour", "--device", "--out"]),
        (["--colour"], ["unknown option --colour", "--help", "--version"]),
        (["resolve"], ["resolve", "solve"]),
        (["solve", "--optimizer", "newton"], ["newton", "gd", "ngd"]),
        (["solve", "--device", "tpu"], ["tpu", "cpu", "cuda"]),
        (["solve", "--device", "cpu:x"], ["cpu:x"]),
        (["solve", "--width", "0"], ["--width", "'0'"]),
        (["solve", "--width", "wide"], ["--width", "'wide'"]),
        (["solve", "--learning-rate", "-1"], ["learning_rate", "-1.0"]),
        (["solve", "--learning-rate", "nan"], ["learning_rate", "nan"]),
        (["solve", "--max-iter", "0"], ["max_iter", "0"]),
        (["solve", "--seed", "-1"], ["seed", "-1"]),
        (["solve", "--out", __file__], ["test_cli.py"]),
        (["theory"], ["PROBLEM"]),
        (["theory", "poisson_3d"], ["unknown problem poisson_3d", *PROBLEMS]),
        (["theory", "poisson_1d", "--activation", "cosine"], ["cosine", "tanh", "relu3"]),
        (["theory", "poisson_1d", "--width", "0"], ["--width", "'0'"]),
        (["theory", "poisson_1d", "--points", "few"], ["--points", "'few'"]),
        (["theory", "poisson_1d", "--seed", "-1"], ["seed", "-1"]),
        (["theory", "poisson_1d", "--colour"], ["unknown option --colour", "--activation", "--points", "--out"]),
        (["theory", "poisson_1d", "poisson_2d"], ["poisson_2d"]),
        (["theory", "poisson_1d", "--out", __file__], ["test_cli.py"]),
    ],
)
def test_what_is_unknown_or_bad_exits_with_2_and_one_line(arguments, listed, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        cli.main(arguments)
    assert stop.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert [word for word in listed if word not in captured.err] == []
    assert not list(tmp_path.iterdir())  # nothing is made before all is checked


@pytest.mark.usefixtures("_broken")
def test_a_problem_that_fails_leaves_the_others(capsys, tmp_path):
    assert cli.main(["solve", "broken", "poisson_1d", "--out", str(tmp_path)]) == 1
    captured = capsys.readouterr()
    assert [line[:2] for line in table(captured.out)] == [["broken", "failed"], ["poisson_1d", "32"]]
    assert "broken: RuntimeError: no such equation\n" in captured.err
    assert [path.name for path in tmp_path.iterdir()] == ["poisson_1d.png"]


def test_a_fit_that_fails_is_one_line_in_the_table_and_one_message(capsys, tmp_path, monkeypatch):
    def fail(model):
        raise ValueError("out of luck")

    replace_fit(monkeypatch, "heat_1d", fail)
    assert cli.main(["solve", "heat_1d", "poisson_1d", "--out", str(tmp_path)]) == 1
    captured = capsys.readouterr()
    assert [line[:2] for line in table(captured.out)] == [["heat_1d", "failed"], ["poisson_1d", "32"]]
    assert captured.err.count("out of luck") == 1


def test_a_figure_that_fails_leaves_the_line_of_its_problem(capsys, tmp_path):
    (tmp_path / "poisson_1d.png").mkdir()
    assert cli.main(["solve", "poisson_1d", "--out", str(tmp_path)]) == 1
    captured = capsys.readouterr()
    assert [line[:2] for line in table(captured.out)] == [["poisson_1d", "32"]]
    assert "poisson_1d, figure: IsADirectoryError: " in captured.err


def test_warnings_of_the_fit_reach_the_user(tmp_path, monkeypatch):
    replace_fit(monkeypatch, "poisson_1d", lambda model: warnings.warn("hard", ConvergenceWarning, stacklevel=2))
    with pytest.warns(ConvergenceWarning, match="hard"):
        assert cli.main(["solve", "poisson_1d", "--out", str(tmp_path)]) == 0


@pytest.mark.usefixtures("_without_matplotlib")
def test_without_matplotlib_the_table_still_prints(capsys, tmp_path):
    assert cli.main(["solve", "poisson_1d", "poisson_1d", "--out", str(tmp_path)]) == 0
    captured = capsys.readouterr()
    assert [line[:2] for line in table(captured.out)] == [["poisson_1d", "32"]] * 2
    assert captured.err.splitlines()[-1].endswith('pip install "pinnlearn[plot]"')
    assert captured.err.count("pip install") == 1
    assert not list(tmp_path.iterdir())


def test_without_a_command_help_is_printed(capsys):
    assert cli.main([]) == 0
    assert "solve" in capsys.readouterr().out


def test_python_m_pinnlearn_is_the_command():
    command = [sys.executable, "-m", "pinnlearn", "--version"]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == __version__


@pytest.fixture
def _narrow(monkeypatch):
    """The page's networks a tenth as wide and less."""
    monkeypatch.setattr(page, "WIDE", 2000)
    monkeypatch.setattr(page, "WIDTHS", (50, 200))


@pytest.mark.usefixtures("_narrow")
@pytest.mark.parametrize(
    "options",
    [["poisson_1d"], pytest.param(["heat_1d", "--activation", "relu3"], marks=pytest.mark.slow)],
    ids=["1d", "relu3"],
)
def test_theory_prints_a_page_and_writes_it_with_its_figures(capsys, tmp_path, options):
    command = ["theory", *options, "--width", "500", "--points", "12", "--out", str(tmp_path / "a")]
    assert cli.main(command) == 0
    text = capsys.readouterr().out
    name = options[0]
    for words in ("lambda_max", "effective rank", "1 / trace", "promised", "Stability", "Powers of the width"):
        assert words in text
    assert "nan" not in text
    assert ("by quadrature" in text) == (name == "poisson_1d")
    assert "12 interior" in text
    figures = ["rates", "scaling", "spectrum", "stability"]
    written = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert written == sorted([f"theory_{name}.md", *(f"theory_{name}_{figure}.png" for figure in figures)])
    page_text = (tmp_path / "a" / f"theory_{name}.md").read_text()
    assert page_text.startswith(text.rstrip())
    assert all(f"(theory_{name}_{figure}.png)" in page_text for figure in figures)
    if name != "poisson_1d":
        return
    assert cli.main([*command, "--json"]) == 0
    numbers = json.loads(capsys.readouterr().out)
    assert (numbers["problem"], numbers["width"], numbers["rows"]["interior"]) == (name, 500, 12)
    for spectrum in numbers["spectra"].values():
        assert f"lambda_max        {spectrum['lambda_max']:.3g}\n" in text
        assert len(spectrum["eigenvalues"]) == sum(numbers["rows"].values())
    assert f"1 / trace: {numbers['step_lengths']['1 / trace']:.3g}" in text
    assert all(f"{label}: {power:.2f}" in text for label, power in numbers["powers_of_the_width"].items() if power)
    assert {"losses", "stability"} < set(numbers)


@pytest.mark.usefixtures("_narrow", "_broken")
def test_a_page_that_fails_is_one_line(capsys, tmp_path):
    assert cli.main(["theory", "broken", "--out", str(tmp_path)]) == 1
    assert capsys.readouterr().err == "broken: RuntimeError: no such equation\n"
    (tmp_path / "theory_poisson_1d.md").mkdir()
    command = ["theory", "poisson_1d", "--width", "100", "--points", "6", "--out", str(tmp_path)]
    assert cli.main(command) == 1
    captured = capsys.readouterr()
    assert "lambda_max" in captured.out
    assert captured.err.startswith("poisson_1d, page: IsADirectoryError: ")


@pytest.mark.usefixtures("_narrow", "_without_matplotlib")
def test_without_matplotlib_the_page_is_written_without_figures(capsys, tmp_path):
    assert cli.main(["theory", "poisson_1d", "--width", "100", "--points", "6", "--out", str(tmp_path)]) == 0
    assert capsys.readouterr().err.endswith('pip install "pinnlearn[plot]"\n')
    assert [path.name for path in tmp_path.iterdir()] == ["theory_poisson_1d.md"]


def test_several_widths_are_those_of_several_hidden_layers():
    assert [width_or_auto(text) for text in ("auto", "7", "30,20")] == ["auto", 7, (30, 20)]
    for text in ("30,", "30,0", "30;20"):
        with pytest.raises(argparse.ArgumentTypeError, match="several as in 30,30"):
            width_or_auto(text)
