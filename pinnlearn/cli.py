"""The command `pinnlearn`: solve the benchmark problems, print a table, draw figures."""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import numpy as np
from tqdm import tqdm

from pinnlearn import __version__
from pinnlearn.estimators import DEVICES, PINNRegressor, resolve_device
from pinnlearn.metrics import exact_solution, relative_l2_error
from pinnlearn.optimizers import OPTIMIZERS, Progress, get_optimizer
from pinnlearn.problems import PROBLEMS

COLUMNS = ("problem", "rows", "parameters", "steps", "loss", "relative L2 error", "seconds")
LINE = "{:<14} {:>6} {:>11} {:>6} {:>9} {:>18} {:>8}"
N_TEST, TEST_SEED = 10_000, 1_000_003


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line that lists what there is."""

    def error(self, message: str) -> NoReturn:
        options = [max(action.option_strings, key=len) for action in self._actions if action.option_strings]
        self.exit(2, f"{self.prog}: {message}; options: {' '.join(options)}\n")


def _problem(name: str) -> str:
    if name not in PROBLEMS:
        raise argparse.ArgumentTypeError(f"unknown problem {name!r}; problems: {' '.join(PROBLEMS)}")
    return name


def _width(text: str) -> int | str:
    if text != "auto" and not (text.isdecimal() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"must be 'auto' or an integer >= 1, got {text!r}")
    return text if text == "auto" else int(text)


def _make_parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="pinnlearn", description="Solve PDEs with two-layer networks and natural gradient descent.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", parser_class=_Parser, metavar="{solve}")
    solve = commands.add_parser("solve", help="solve benchmark problems, print a table, write figures")
    solve.add_argument("problems", nargs="*", type=_problem, metavar="PROBLEM", help=f"of {', '.join(PROBLEMS)}; all")
    solve.add_argument("--optimizer", default="ngd", choices=sorted(OPTIMIZERS))
    solve.add_argument("--width", default="auto", type=_width, help="number of hidden units, or auto")
    solve.add_argument("--learning-rate", type=float, help="step length eta; by default the method chooses")
    solve.add_argument("--max-iter", type=int, help="largest number of steps")
    solve.add_argument("--seed", type=int, default=0, help="of points and initial weights")
    solve.add_argument("--device", default="cpu", help=f"of {', '.join(DEVICES)}")
    solve.add_argument("--out", type=Path, default=Path("results"), help="folder of the figures (results/)")
    solve.set_defaults(error=solve.error)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    argv : sequence of str, optional
        None takes the command line.

    Returns
    -------
    int
        0, or 1 if a problem failed; unknown names and bad values exit with 2.
    """
    parser = _make_parser()
    arguments, unknown = parser.parse_known_args(argv)
    if unknown:  # argparse would list the options of the main parser, not of the command
        getattr(arguments, "error", parser.error)(f"unrecognized arguments: {' '.join(unknown)}")
    if arguments.command is None:
        parser.print_help()
        return 0
    _check(arguments)
    return _solve_all(arguments)


def _check(arguments: argparse.Namespace) -> None:
    """Exit with one line where a value is bad, before anything is solved."""
    try:
        given = {"learning_rate": arguments.learning_rate, "max_iter": arguments.max_iter}
        optimizer = get_optimizer(arguments.optimizer)
        optimizer.set_params(**{name: value for name, value in given.items() if value is not None}).check()
        resolve_device(arguments.device, "float64")
        if arguments.seed < 0:
            raise ValueError(f"seed must not be negative, got {arguments.seed}.")
    except ValueError as error:
        arguments.error(str(error))


def _solve_all(arguments: argparse.Namespace) -> int:
    can_plot = importlib.util.find_spec("matplotlib") is not None
    failed = 0
    print(LINE.format(*COLUMNS), flush=True)
    for name in arguments.problems or PROBLEMS:
        try:
            model = _solve(name, arguments)
            if can_plot:
                _draw(model, arguments.out / f"{name}.png")
        except Exception as error:  # one problem's failure leaves the others
            print(LINE.format(name, *["failed"] + [""] * (len(COLUMNS) - 2)).rstrip(), flush=True)
            print(f"{name}: {type(error).__name__}: {error}".replace("\n", " "), file=sys.stderr)
            failed += 1
    if not can_plot:
        print('No figures: matplotlib is missing. Install it by: pip install "pinnlearn[plot]"', file=sys.stderr)
    return 1 if failed else 0


def _solve(name: str, arguments: argparse.Namespace) -> PINNRegressor:
    """Fit one problem and print its line."""
    pde, X = PROBLEMS[name].sample(arguments.seed)
    with tqdm(desc=name, unit=" steps", leave=False) as bar:

        def show(progress: Progress) -> None:
            bar.set_postfix_str(f"{progress.stage}, loss {progress.loss:.1e}", refresh=False)
            bar.update()

        model = PINNRegressor(
            pde=pde,
            optimizer=arguments.optimizer,
            width=arguments.width,
            learning_rate=arguments.learning_rate,
            max_iter=arguments.max_iter,
            device=arguments.device,
            random_state=arguments.seed,
            callbacks=[show],
        )
        start = time.perf_counter()
        model.fit(X)
        seconds = time.perf_counter() - start
    X_test = pde.domain.sample_interior(N_TEST, np.random.default_rng(TEST_SEED), "uniform")
    error = relative_l2_error(exact_solution(pde, X_test), model.predict(X_test))
    parameters = model.hidden_weights_.size + model.hidden_bias_.size + model.output_weights_.size
    figures = (f"{model.loss_:.1e}", f"{error:.1e}", f"{seconds:.1f}")
    print(LINE.format(name, len(X), parameters, model.n_iter_, *figures), flush=True)
    return model


def _draw(model: PINNRegressor, path: Path) -> None:
    from pinnlearn.displays import plot_solution

    path.parent.mkdir(parents=True, exist_ok=True)
    plot_solution(model).savefig(path, dpi=110)
