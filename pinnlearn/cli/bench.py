"""`pinnlearn bench`: all optimizers beside each other."""

from __future__ import annotations

import argparse

from pinnlearn import __version__
from pinnlearn.cli.output import INTERRUPTED, OK, print_json
from pinnlearn.cli.parsing import add_command, count
from pinnlearn.cli.reproduce import finish
from pinnlearn.experiments import Record
from pinnlearn.experiments.bench import Trial, make_trials, to_markdown
from pinnlearn.hyperparameters import check_positive


def add(commands) -> None:
    """Add the command."""
    command = add_command(
        commands,
        "bench",
        "compare all optimizers on nine problems for the same seconds, print and write a table",
        "What is interrupted goes on where it stopped when it is called again.",
        "pinnlearn bench optimizers --seeds 1 --seconds 1",
        "a JSON document of all trials",
        check,
        run,
    )
    command.add_argument("what", metavar="optimizers", choices=["optimizers"], help="what is compared")
    command.add_argument("--seeds", type=count, default=3, help="number of seeds (3)")
    command.add_argument("--seconds", type=float, default=3.0, help="of each trial (3)")
    command.add_argument("--jobs", type=count, default=2, help="trials at a time, each on one thread (2)")


def check(arguments: argparse.Namespace) -> None:
    """Raise an error where a value is bad."""
    check_positive("--seconds", arguments.seconds)
    arguments.out.mkdir(parents=True, exist_ok=True)


def run(arguments: argparse.Namespace) -> int:
    """Make the trials that are left, then print and write the table; the exit status."""
    trials, record = make_trials(range(arguments.seeds), arguments.seconds), Record(arguments.out, "optimizers", Trial)
    if not finish(trials, record, arguments.jobs):
        return INTERRUPTED
    results = [record.results[trial] for trial in trials]
    text = to_markdown(results, record.points, arguments.seconds)
    (arguments.out / "optimizers.md").write_text(text)
    if arguments.json:
        print_json({"version": __version__, "results": [result.row() for result in results]})
    else:
        print(text, end="", flush=True)
    return OK
