"""The command `pinnlearn`: benchmark problems, the paper's experiments, its theory, all optimizers beside each other.

Results go to standard output, progress and messages to standard error. A command is a module with `add(commands)`.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from pinnlearn import __version__
from pinnlearn.cli import bench, reproduce, solve, theory
from pinnlearn.cli.output import FAILED, INTERRUPTED, OK
from pinnlearn.cli.parsing import Parser

COMMANDS = (solve, reproduce, theory, bench)
EPILOG = """\
Each command has a help page of its own: pinnlearn solve --help
Example: pinnlearn solve poisson_2d

exit status: 0 all went well; 1 something failed, the rest was done; 2 an unknown name or a bad value, nothing
was done; 130 stopped by Ctrl-C"""


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
        return OK
    try:
        arguments.check(arguments)
    except (ValueError, RuntimeError, OSError) as error:  # torch calls a malformed device a RuntimeError
        arguments.parser.error(str(error))
    try:
        return arguments.run(arguments)
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # nobody reads on: `pinnlearn solve | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED


def _make_parser() -> Parser:
    parser = Parser(
        prog="pinnlearn",
        description="Solve partial differential equations with two-layer networks and natural gradient descent.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=__version__)
    parser.set_defaults(parser=parser)
    names = [command.__name__.rpartition(".")[2] for command in COMMANDS]
    commands = parser.add_subparsers(dest="command", title="commands", metavar=f"{{{','.join(names)}}}")
    for command in COMMANDS:
        command.add(commands)
    return parser


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
