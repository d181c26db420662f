"""`pinnlearn reproduce`: one of the paper's tables, run again."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from tqdm import tqdm

from pinnlearn import __version__
from pinnlearn.cli.output import DPI, INTERRUPTED, NO_FIGURES, OK, print_json, report
from pinnlearn.cli.parsing import add_command
from pinnlearn.experiments import TABLES, Record, draw, make_runs, run_all, to_markdown

# Of each cell of an experiment.
SEEDS = 5


def add(commands) -> None:
    """Add the command."""
    reproduce = add_command(
        commands,
        "reproduce",
        "rerun one of the paper's experiments, write results, a table and a figure",
        "What is finished is written down at once; what is interrupted goes on where it stopped when it is called "
        "again.",
        "pinnlearn reproduce width --quick",
        "a JSON document of all runs",
        check,
        run,
    )
    explained = f"of {', '.join(TABLES)}: five problems, seven learning rates or five widths"
    reproduce.add_argument("table", metavar="TABLE", choices=TABLES, help=explained)
    reproduce.add_argument("--seeds", type=int, help=f"number of seeds ({SEEDS}; 1 with --quick)")
    reproduce.add_argument("--jobs", type=int, default=2, help="runs at a time, each on one thread (2)")
    reproduce.add_argument("--quick", action="store_true", help="the same cells at a fraction of the steps: minutes")


def check(arguments: argparse.Namespace) -> None:
    """Raise an error where a value is bad."""
    if arguments.seeds is None:
        arguments.seeds = 1 if arguments.quick else SEEDS
    if arguments.seeds < 1:
        raise ValueError(f"--seeds must be at least 1, got {arguments.seeds}.")
    if arguments.jobs < 1:
        raise ValueError(f"--jobs must be at least 1, got {arguments.jobs}.")
    arguments.out.mkdir(parents=True, exist_ok=True)


def run(arguments: argparse.Namespace) -> int:
    """Make the runs that are left, then print and write the table and the figure; the exit status."""
    name = f"{arguments.table}-quick" if arguments.quick else arguments.table
    runs, record = make_runs(arguments.table, range(arguments.seeds), arguments.quick), Record(arguments.out, name)
    if not finish(runs, record, arguments.jobs):
        return INTERRUPTED
    results = [record.results[each] for each in runs]
    text = to_markdown(arguments.table, results, record.points)
    (arguments.out / f"{name}.md").write_text(text)
    if arguments.json:
        print_json({"table": name, "version": __version__, "results": [result.row() for result in results]})
    else:
        print(text, end="", flush=True)
    try:
        draw(arguments.table, results, record.points).savefig(arguments.out / f"{name}.png", dpi=DPI)
    except ImportError:
        print(NO_FIGURES, file=sys.stderr)
    except OSError as error:
        return report(f"{name}, figure", error)
    return OK


def finish(runs: Sequence, record: Record, n_jobs: int) -> bool:
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
