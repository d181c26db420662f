"""What the commands' options have in common: errors of one line, checks, and a help page with an example."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from pinnlearn.cli.output import one_line
from pinnlearn.problems import PROBLEMS

# What a command checks before it begins, raising an error where a value is bad; and what it does, for an exit status.
Check = Callable[[argparse.Namespace], None]
Run = Callable[[argparse.Namespace], int]


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Exit with the message."""
        self.exit(2, f"{self.prog}: {one_line(message)}\n")

    def reject(self, unknown: Sequence[str]) -> NoReturn:
        """Exit with a line that lists the options there are."""
        known = [max(action.option_strings, key=len) for action in self._actions if action.option_strings]
        self.error(f"unknown option {' '.join(unknown)}; known options: {', '.join(known)}")


def add_command(
    commands, name: str, summary: str, details: str, example: str, json: str, check: Check, run: Run
) -> Parser:
    """Add a command with the options that all of them have.

    Parameters
    ----------
    commands
        What `Parser.add_subparsers` returned.
    name, summary : str
    details, example : str
        For its own help page: a paragraph, and a command line.
    json : str
        What `--json` prints.
    check, run : callable
    """
    command = commands.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}. {details}",
        epilog=f"Example: {example}",
        allow_abbrev=False,
    )
    command.add_argument("--json", action="store_true", help=f"in place of text, print {json}")
    command.add_argument("--out", type=Path, default=Path("results"), help="folder of what is written (results/)")
    command.set_defaults(parser=command, check=check, run=run)
    return command


def width_or_auto(text: str) -> int | tuple[int, ...] | str:
    """The value of an option that is a number of hidden units, or one for each of several hidden layers."""
    widths = text.split(",")
    if text != "auto" and not all(width.isdecimal() and int(width) > 0 for width in widths):
        raise argparse.ArgumentTypeError(f"must be 'auto' or an integer >= 1, or several as in 30,30, got {text!r}")
    return text if text == "auto" else int(text) if len(widths) == 1 else tuple(map(int, widths))


def count(text: str) -> int:
    """The value of an option that is a number of things."""
    if not (text.isdecimal() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"must be an integer >= 1, got {text!r}")
    return int(text)


def check_problems(names: Sequence[str]) -> None:
    """Raise a ValueError for problems that there are not."""
    unknown = [name for name in names if name not in PROBLEMS]
    if unknown:
        raise ValueError(f"unknown problem {', '.join(unknown)}; known problems: {', '.join(PROBLEMS)}")


def check_seed(seed: int) -> None:
    """Raise a ValueError for a seed that is none."""
    if seed < 0:
        raise ValueError(f"seed must be an integer >= 0, got {seed}.")
