"""`pinnlearn solve`: the benchmark problems, a line of a table and a figure each."""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from dataclasses import asdict, dataclass
from typing import Any

from numpy.typing import NDArray
from tqdm import tqdm

from pinnlearn.arrays import DEVICES, resolve_device
from pinnlearn.cli.output import DPI, NO_FIGURES, OK, named, print_json, report
from pinnlearn.cli.parsing import add_command, check_problems, check_seed, width_or_auto
from pinnlearn.displays import plot_solution
from pinnlearn.estimators import PINNRegressor
from pinnlearn.metrics import exact_solution, new_points, relative_l2_error
from pinnlearn.optimizers import OPTIMIZERS, get_optimizer
from pinnlearn.problems import PROBLEMS
from pinnlearn.training.course import Progress

COLUMNS = ("problem", "rows", "parameters", "steps", "loss", "relative L2 error", "seconds")
LINE = "{:<14} {:>6} {:>11} {:>6} {:>9} {:>18} {:>8}"


@dataclass(frozen=True)
class Solved:
    """What became of a problem: a line of the table, or a JSON object."""

    problem: str
    rows: int
    parameters: int
    steps: int
    loss: float
    relative_l2_error: float
    seconds: float
    stop_reason: str

    def cells(self) -> tuple:
        """The line of the table."""
        figures = (f"{self.loss:.1e}", f"{self.relative_l2_error:.1e}", f"{self.seconds:.1f}")
        return self.problem, self.rows, self.parameters, self.steps, *figures


def add(commands) -> None:
    """Add the command."""
    solve = add_command(
        commands,
        "solve",
        "solve benchmark problems, print a table, write figures",
        "Each problem has a known solution, so that the table can tell the error. Without names all are solved, in a "
        "few seconds.",
        "pinnlearn solve poisson_2d heat_1d --seed 1",
        "a JSON object a line, one for each problem",
        check,
        run,
    )
    solve.add_argument("problems", nargs="*", metavar="PROBLEM", help=f"of {', '.join(PROBLEMS)}; by default all")
    solve.add_argument("--optimizer", default="ngd", choices=sorted(OPTIMIZERS), help="how to train (ngd)")
    solve.add_argument(
        "--width", default="auto", type=width_or_auto, help="hidden units, or 30,30 for two layers (auto)"
    )
    solve.add_argument("--learning-rate", type=float, help="step length eta; by default the method chooses")
    solve.add_argument("--max-iter", type=int, help="largest number of steps")
    solve.add_argument("--seed", type=int, default=0, help="of points and initial weights (0)")
    solve.add_argument("--device", default="cpu", help=f"of {', '.join(DEVICES)} (cpu)")


def check(arguments: argparse.Namespace) -> None:
    """Raise an error where a value is bad, before anything is solved."""
    check_problems(arguments.problems)
    given = {"learning_rate": arguments.learning_rate, "max_iter": arguments.max_iter}
    optimizer = get_optimizer(arguments.optimizer)
    optimizer.set_params(**{name: value for name, value in given.items() if value is not None}).check()
    resolve_device(arguments.device, "float64")
    check_seed(arguments.seed)
    arguments.out.mkdir(parents=True, exist_ok=True)


def run(arguments: argparse.Namespace) -> int:
    """Solve, print and draw one problem after another; the exit status."""
    status, can_draw = OK, True
    if not arguments.json:
        _print_line(*COLUMNS)
    for name in arguments.problems or PROBLEMS:
        try:
            model, X, solved = _solve(name, arguments)
        except Exception as error:  # one problem's failure leaves the others
            status = report(name, error)
            _print(arguments, (name, "failed"), {"problem": name, "error": named(error)})
            continue
        _print(arguments, solved.cells(), asdict(solved))
        try:
            plot_solution(model, X).savefig(arguments.out / f"{name}.png", dpi=DPI)
        except ImportError:
            can_draw = False
        except Exception as error:  # the line in the table stands without its figure
            status = report(f"{name}, figure", error)
    if not can_draw:
        print(NO_FIGURES, file=sys.stderr)
    return status


def _solve(name: str, arguments: argparse.Namespace) -> tuple[PINNRegressor, NDArray, Solved]:
    """Fit one problem; the model, its training points and what became of it."""
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
    solved = Solved(
        name, len(X), model.describe().n_parameters, model.n_iter_, model.loss_, error, seconds, model.stop_reason_
    )
    return model, X, solved


def _fit(model: PINNRegressor, X: NDArray, name: str) -> float:
    """Fit with a bar over steps on standard error; the seconds that it took."""
    with tqdm(desc=name, unit=" steps", leave=False) as bar:

        def show(progress: Progress) -> None:
            bar.set_postfix_str(f"{progress.stage}, loss {progress.loss:.1e}", refresh=False)
            bar.update()

        start = time.perf_counter()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Ctrl-C stopped the fit")
            model.set_params(callbacks=[show]).fit(X)
        if model.stop_reason_.startswith("interrupted"):  # the user wants the command to stop, not this fit alone
            raise KeyboardInterrupt
        return time.perf_counter() - start


def _print(arguments: argparse.Namespace, cells: tuple, document: dict[str, Any]) -> None:
    if arguments.json:
        print_json(document)
    else:
        _print_line(*cells)


def _print_line(*cells: object) -> None:
    """Print a line of the table now, not when a buffer is full; missing cells are empty."""
    padded = [*cells, *[""] * (len(COLUMNS) - len(cells))]
    print(LINE.format(*padded).rstrip(), flush=True)
