"""`kl`: compile a model, run it in numbers, time it, compare its variants; explore any design space."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from .. import __version__
from .results import through_cache

if TYPE_CHECKING:
    from argparse import ArgumentParser

EPILOG = """\
exit codes: 0 all is well; 1 the input is wrong, cannot run, or a check has failed;
2 wrong usage; 69 a part that another package brings has failed; 70 a bug in kl;
130 interrupted. KL_DEBUG=1 shows tracebacks. KL_CACHE=0 runs what is else printed again
from the cache of results, KL_CACHE=DIR keeps them in a folder."""

COMMANDS = (
    "compile",
    "import",
    "run",
    "time",
    "compare",
    "tune",
    "explore",
    "report",
    "examples",
    "new",
    "completion",
)
"""The subcommands, each with a file that says what it does and its options, and runs it."""


def _command(name: str) -> Any:
    """The file of a subcommand; heavy imports stand in the functions there."""
    return import_module(f".commands.{'import_' if name == 'import' else name}", __package__)


def make_parser() -> ArgumentParser:
    """The command line of `kl`."""
    import argparse

    from .command_line import add_options

    parser = argparse.ArgumentParser(
        prog="kl",
        description="A kernel-looping compiler for dataflow machines.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"kl {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in COMMANDS:
        command = _command(name)
        description = f"{command.HELP.capitalize()}."
        add_options(commands.add_parser(name, help=command.HELP, description=description), command.Command)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run `kl` and return its exit code, see `EPILOG`.

    Without arguments it is a process of its own, whose command line and result are those of the process.
    """
    return _run(argv) if argv is not None else through_cache(sys.argv[1:], lambda: _run(None))


def _run(argv: Sequence[str] | None) -> int:
    from .command_line import filled
    from .completion import complete
    from .streams import finishing, prepare

    prepare()
    with finishing("kl"):
        parser = make_parser()
        complete(parser)
        arguments = parser.parse_args(argv)
    # Imported behind the parser, so that --help and wrong usage answer at once.
    from .diagnostics import guarded

    # IR is many small objects that all live on; collecting early finds nothing.
    gc.set_threshold(100_000)
    command = _command(arguments.command)
    return guarded("kl", lambda: command.run(filled(command.Command, arguments)), {})


if __name__ == "__main__":
    sys.exit(main())
