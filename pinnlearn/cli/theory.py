"""`pinnlearn theory`: a page of the theory's numbers for one problem."""

from __future__ import annotations

import argparse
import sys

from pinnlearn.activations import ACTIVATIONS
from pinnlearn.cli.output import NO_FIGURES, OK, print_json, report
from pinnlearn.cli.parsing import add_command, check_problems, check_seed, count
from pinnlearn.experiments.theory_page import make_page
from pinnlearn.problems import PROBLEMS


def add(commands) -> None:
    """Add the command."""
    theory = add_command(
        commands,
        "theory",
        "measure the theory of one problem: spectrum, step lengths, rates, stability, scaling",
        "It shows why gradient descent is slow on the problem and natural gradient descent is not. Prints a page, and "
        "writes it with its figures; 12 seconds to a minute.",
        "pinnlearn theory poisson_1d --activation softplus",
        "a JSON document of the page's numbers",
        check,
        run,
    )
    theory.add_argument("problem", metavar="PROBLEM", help=f"one of {', '.join(PROBLEMS)}")
    theory.add_argument("--activation", default="tanh", choices=sorted(ACTIVATIONS), help="of the hidden units (tanh)")
    theory.add_argument("--width", type=count, default=10_000, help="hidden units of the spectrum (10000)")
    theory.add_argument("--points", type=count, help="interior points; by default those of the problem")
    theory.add_argument("--seed", type=int, default=0, help="of points and initial weights (0)")


def check(arguments: argparse.Namespace) -> None:
    """Raise an error where a value is bad."""
    check_problems([arguments.problem])
    check_seed(arguments.seed)
    arguments.out.mkdir(parents=True, exist_ok=True)


def run(arguments: argparse.Namespace) -> int:
    """Print the page, then write it with its figures; the exit status."""
    try:
        page = make_page(arguments.problem, arguments.activation, arguments.width, arguments.points, arguments.seed)
    except (ValueError, RuntimeError, MemoryError) as error:
        return report(arguments.problem, error)
    if arguments.json:
        names = ("problem", "activation", "width", "seed")
        print_json({name: getattr(arguments, name) for name in names} | page.numbers)
    else:
        print(page.text, flush=True)
    try:
        page.write(arguments.out)
    except ImportError:
        print(NO_FIGURES, file=sys.stderr)
    except OSError as error:
        return report(f"{arguments.problem}, page", error)
    return OK
