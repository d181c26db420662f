"""The command `pinnlearn`: solve the benchmark problems, rerun the paper's experiments, measure its theory."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from numpy.typing import NDArray
from tqdm import tqdm

from pinnlearn import __version__, bench
from pinnlearn.activations import ACTIVATIONS
from pinnlearn.displays import plot_solution
from pinnlearn.estimators import PINNRegressor
from pinnlearn.history import Progress
from pinnlearn.metrics import exact_solution, new_points, relative_l2_error
from pinnlearn.optimizers import OPTIMIZERS, get_optimizer
from pinnlearn.optimizers.base import check_positive
from pinnlearn.problems import PROBLEMS
from pinnlearn.reproduce import TABLES, Record, draw, make_runs, run_all, to_markdown
from pinnlearn.theory.page import make_page
from pinnlearn.validation import DEVICES, resolve_device

COLUMNS = ("problem", "rows", "parameters", "steps", "loss", "relative L2 error", "seconds")
LINE = "{:<14} {:>6} {:>11} {:>6} {:>9} {:>18} {:>8}"
DPI = 130
NO_FIGURES = 'No figures: matplotlib is missing. Install it by: pip install "pinnlearn[plot]"'
# Of each cell of an experiment.
SEEDS = 5


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {_one_line(message)}\n")

    def reject(self, unknown: Sequence[str]) -> NoReturn:
        """Exit with a line that lists the options there are."""
        known = [max(action.option_strings, key=len) for action in self._actions if action.option_strings]
        self.error(f"unknown option {' '.join(unknown)}; known options: {', '.join(known)}")


def _one_line(message: object) -> str:
    return " ".join(str(message).split())


def _width(text: str) -> int | str:
    if text != "auto" and not (text.isdecimal() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"must be 'auto' or an integer >= 1, got {text!r}")
    return text if text == "auto" else int(text)


def _count(text: str) -> int:
    if not (text.isdecimal() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"must be an integer >= 1, got {text!r}")
    return int(text)


def _make_parser() -> argparse.ArgumentParser:
    description = "Solve PDEs with two-layer networks and natural gradient descent."
    parser = _Parser(prog="pinnlearn", description=description, allow_abbrev=False)
    parser.add_argument("--version", action="version", version=__version__)
    parser.set_defaults(parser=parser)
    commands = parser.add_subparsers(dest="command", metavar="{solve,reproduce,theory,bench}")
    _add_solve(commands)
    _add_reproduce(commands)
    _add_theory(commands)
    _add_bench(commands)
    return parser


def _add_solve(commands) -> None:
    explained = "solve benchmark problems, print a table, write figures"
    solve = commands.add_parser("solve", help=explained, description=explained, allow_abbrev=False)
    solve.add_argument("problems", nargs="*", metavar="PROBLEM", help=f"of {', '.join(PROBLEMS)}; by default all")
    solve.add_argument("--optimizer", default="ngd", choices=sorted(OPTIMIZERS))
    solve.add_argument("--width", default="auto", type=_width, help="number of hidden units, or auto")
    solve.add_argument("--learning-rate", type=float, help="step length eta; by default the method chooses")
    solve.add_argument("--max-iter", type=int, help="largest number of steps")
    solve.add_argument("--seed", type=int, default=0, help="of points and initial weights")
    solve.add_argument("--device", default="cpu", help=f"of {', '.join(DEVICES)}")
    solve.add_argument("--out", type=Path, default=Path("results"), help="folder of the figures (results/)")
    solve.set_defaults(parser=solve, check=_check, run=_solve_all)


def _add_reproduce(commands) -> None:
    explained = "rerun one of the paper's experiments, write results, a table and a figure"
    described = f"{explained}; what is interrupted goes on where it stopped when it is called again"
    reproduce = commands.add_parser("reproduce", help=explained, description=described, allow_abbrev=False)
    reproduce.add_argument("table", choices=TABLES, help="five problems, seven learning rates or five widths")
    reproduce.add_argument("--seeds", type=int, help=f"number of seeds ({SEEDS}; 1 with --quick)")
    reproduce.add_argument("--jobs", type=int, default=2, help="runs at a time, each on one thread (2)")
    reproduce.add_argument("--quick", action="store_true", help="the same cells at a fraction of the steps: minutes")
    reproduce.add_argument("--out", type=Path, default=Path("results"), help="folder of what is written (results/)")
    reproduce.set_defaults(parser=reproduce, check=_check_reproduce, run=_reproduce)


def _add_theory(commands) -> None:
    explained = "measure the theory of one problem: spectrum, step lengths, rates, stability, scaling"
    described = f"{explained}; prints a page, and writes it with its figures"
    theory = commands.add_parser("theory", help=explained, description=described, allow_abbrev=False)
    theory.add_argument("problem", metavar="PROBLEM", help=f"one of {', '.join(PROBLEMS)}")
    theory.add_argument("--activation", default="tanh", choices=sorted(ACTIVATIONS))
    theory.add_argument("--width", type=_count, default=10_000, help="hidden units of the spectrum (10000)")
    theory.add_argument("--points", type=_count, help="interior points; by default those of the problem")
    theory.add_argument("--seed", type=int, default=0, help="of points and initial weights")
    theory.add_argument("--out", type=Path, default=Path("results"), help="folder of what is written (results/)")
    theory.set_defaults(parser=theory, check=_check_theory, run=_measure_theory)


def _add_bench(commands) -> None:
    explained = "compare all optimizers on nine problems for the same seconds, print and write a table"
    described = f"{explained}; what is interrupted goes on where it stopped when it is called again"
    command = commands.add_parser("bench", help=explained, description=described, allow_abbrev=False)
    command.add_argument("what", choices=["optimizers"])
    command.add_argument("--seeds", type=_count, default=3, help="number of seeds (3)")
    command.add_argument("--seconds", type=float, default=3.0, help="of each trial (3)")
    command.add_argument("--jobs", type=_count, default=2, help="trials at a time, each on one thread (2)")
    command.add_argument("--out", type=Path, default=Path("results"), help="folder of what is written (results/)")
    command.set_defaults(parser=command, check=_check_bench, run=_bench)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    argv : sequence of str, optional
        None takes the command line.

    Returns
    -------
    int
        0, or 1 if a problem failed, 130 if it was interrupted; unknown names and bad values exit with 2.
    """
    arguments = _parse(argv)
    if arguments.command is None:
        arguments.parser.print_help()
        return 0
    try:
        arguments.check(arguments)
    except (ValueError, RuntimeError, OSError) as error:  # torch calls a malformed device a RuntimeError
        arguments.parser.error(str(error))
    return arguments.run(arguments)


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    arguments, rest = _make_parser().parse_known_args(argv)
    unknown = [word for word in rest if word.startswith("-")]
    if unknown or (arguments.command is None and rest):
        arguments.parser.reject(unknown or rest)
    if arguments.command == "solve":  # argparse leaves over the problems that come after an option
        arguments.problems += rest
    elif rest:
        arguments.parser.error(f"unexpected {' '.join(rest)}; this command takes one name")
    return arguments


def _check(arguments: argparse.Namespace) -> None:
    """Raise an error where a value is bad, before anything is solved."""
    _check_problems(arguments.problems)
    given = {"learning_rate": arguments.learning_rate, "max_iter": arguments.max_iter}
    optimizer = get_optimizer(arguments.optimizer)
    optimizer.set_params(**{name: value for name, value in given.items() if value is not None}).check()
    resolve_device(arguments.device, "float64")
    _check_seed(arguments.seed)
    arguments.out.mkdir(parents=True, exist_ok=True)


def _check_problems(names: Sequence[str]) -> None:
    unknown = [name for name in names if name not in PROBLEMS]
    if unknown:
        raise ValueError(f"unknown problem {', '.join(unknown)}; known problems: {', '.join(PROBLEMS)}")


def _check_seed(seed: int) -> None:
    if seed < 0:
        raise ValueError(f"seed must be an integer >= 0, got {seed}.")


def _solve_all(arguments: argparse.Namespace) -> int:
    """Solve, print and draw one problem after another; the exit status."""
    status, can_draw = 0, True
    _print_line(*COLUMNS)
    for name in arguments.problems or PROBLEMS:
        try:
            model, X = _solve(name, arguments)
        except Exception as error:  # one problem's failure leaves the others
            _print_line(name, "failed")
            status = _report(name, error)
            continue
        try:
            plot_solution(model, X).savefig(arguments.out / f"{name}.png", dpi=DPI)
        except ImportError:
            can_draw = False
        except Exception as error:  # the line in the table stands without its figure
            status = _report(f"{name}, figure", error)
    if not can_draw:
        print(NO_FIGURES, file=sys.stderr)
    return status


def _check_reproduce(arguments: argparse.Namespace) -> None:
    if arguments.seeds is None:
        arguments.seeds = 1 if arguments.quick else SEEDS
    if arguments.seeds < 1:
        raise ValueError(f"--seeds must be at least 1, got {arguments.seeds}.")
    if arguments.jobs < 1:
        raise ValueError(f"--jobs must be at least 1, got {arguments.jobs}.")
    arguments.out.mkdir(parents=True, exist_ok=True)


def _reproduce(arguments: argparse.Namespace) -> int:
    """Make the runs that are left, then print and write the table and the figure; the exit status."""
    name = f"{arguments.table}-quick" if arguments.quick else arguments.table
    runs, record = make_runs(arguments.table, range(arguments.seeds), arguments.quick), Record(arguments.out, name)
    if not _finish(runs, record, arguments.jobs):
        return 130
    results = [record.results[run] for run in runs]
    text = to_markdown(arguments.table, results, record.points)
    (arguments.out / f"{name}.md").write_text(text)
    print(text, end="")
    try:
        draw(arguments.table, results, record.points).savefig(arguments.out / f"{name}.png", dpi=DPI)
    except ImportError:
        print(NO_FIGURES, file=sys.stderr)
    return 0


def _finish(runs: Sequence, record: Record, n_jobs: int) -> bool:
    """Make the runs that are left, with a bar; False if they were interrupted."""
    n_finished = sum(map(record.is_finished, runs))
    try:
        with tqdm(total=len(runs), initial=n_finished, desc=record.path.stem, unit=" runs", smoothing=0) as bar:
            for run in run_all(runs, record, n_jobs):
                bar.set_postfix_str(f"{run.problem}, {run.optimizer}", refresh=False)
                bar.update()
    except KeyboardInterrupt:
        print(f"Interrupted; what is finished is in {record.path}, and the same command goes on.", file=sys.stderr)
        return False
    return True


def _check_bench(arguments: argparse.Namespace) -> None:
    check_positive("--seconds", arguments.seconds)
    arguments.out.mkdir(parents=True, exist_ok=True)


def _bench(arguments: argparse.Namespace) -> int:
    """Make the trials that are left, then print and write the table; the exit status."""
    trials = bench.make_trials(range(arguments.seeds), arguments.seconds)
    record = Record(arguments.out, "optimizers", bench.Trial)
    if not _finish(trials, record, arguments.jobs):
        return 130
    text = bench.to_markdown([record.results[trial] for trial in trials], record.points, arguments.seconds)
    (arguments.out / "optimizers.md").write_text(text)
    print(text, end="")
    return 0


def _check_theory(arguments: argparse.Namespace) -> None:
    _check_problems([arguments.problem])
    _check_seed(arguments.seed)
    arguments.out.mkdir(parents=True, exist_ok=True)


def _measure_theory(arguments: argparse.Namespace) -> int:
    """Print the page, then write it with its figures; the exit status."""
    try:
        page = make_page(arguments.problem, arguments.activation, arguments.width, arguments.points, arguments.seed)
    except (ValueError, RuntimeError) as error:
        return _report(arguments.problem, error)
    print(page.text, flush=True)
    try:
        page.write(arguments.out)
    except ImportError:
        print(NO_FIGURES, file=sys.stderr)
    except OSError as error:
        return _report(f"{arguments.problem}, page", error)
    return 0


def _solve(name: str, arguments: argparse.Namespace) -> tuple[PINNRegressor, NDArray]:
    """Fit one problem and print its line; the model and its training points."""
    pde, X = PROBLEMS[name].sample(arguments.seed)
    model = PINNRegressor(
        pde=pde,
        optimizer=arguments.optimizer,
        width=arguments.width,
        learning_rate=arguments.learning_rate,
        max_iter=arguments.max_iter,
        device=arguments.device,
        random_state=arguments.seed,
    )
    seconds = _fit(model, X, name)
    X_new = new_points(pde.domain)
    error = relative_l2_error(exact_solution(pde, X_new), model.predict(X_new))
    parameters = model.hidden_weights_.size + model.hidden_bias_.size + model.output_weights_.size
    figures = (f"{model.loss_:.1e}", f"{error:.1e}", f"{seconds:.1f}")
    _print_line(name, len(X), parameters, model.n_iter_, *figures)
    return model, X


def _fit(model: PINNRegressor, X: NDArray, name: str) -> float:
    """Fit with a bar over steps on standard error; the seconds that it took."""
    with tqdm(desc=name, unit=" steps", leave=False) as bar:

        def show(progress: Progress) -> None:
            bar.set_postfix_str(f"{progress.stage}, loss {progress.loss:.1e}", refresh=False)
            bar.update()

        start = time.perf_counter()
        model.set_params(callbacks=[show]).fit(X)
        return time.perf_counter() - start


def _print_line(*cells: object) -> None:
    """Print a line of the table now, not when a buffer is full; missing cells are empty."""
    padded = [*cells, *[""] * (len(COLUMNS) - len(cells))]
    print(LINE.format(*padded).rstrip(), flush=True)


def _report(what: str, error: Exception) -> int:
    """Print an error as one line; the exit status that it calls for."""
    print(f"{what}: {type(error).__name__}: {_one_line(error)}", file=sys.stderr)
    return 1
