"""`kl`: compile a model, run it in numbers, time it, compare its variants; explore any design space."""

from __future__ import annotations

import gc
import sys
from collections.abc import Collection, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from .. import __version__
from .interrupts import keep_interrupts
from .results import through_cache

if TYPE_CHECKING:
    from argparse import ArgumentParser

EPILOG = """\
exit codes: 0 all is well; 1 the input is wrong, cannot run, or a check has failed;
2 wrong usage; 69 a part that another package brings has failed; 70 a bug in kl;
130 interrupted. KL_DEBUG=1 shows tracebacks. time, compare and compile print what they
printed before, if nothing has changed; KL_CACHE=0 runs them, KL_CACHE=DIR says where
results are kept."""

COMMANDS = {
    "compile": "print the IR at a level, or save the program",
    "import": "write the text of a published model",
    "run": "run decode steps in numbers",
    "verify": "say what holds of a program before it runs, and whether it computes what a model does",
    "time": "time one step and say where the time goes",
    "compare": "time the model unfused, fused, looped, in one call, over steps, and with resident weights",
    "show": "draw what the variants take and why: a page, pictures, or text",
    "tune": "search the mappings of a model, or machines for it, for the best",
    "explore": "run a scenario of HyperMapper",
    "report": "say what a study has found, and why points are infeasible",
    "calibrate": "fit constants of a machine to measured steps, and write the machine",
    "machines": "list the machines that are known by name, or all numbers of one with their sources",
    "examples": "list the models and scenarios that come with kl, or print one",
    "new": "write a package of your own: an operation, two passes, a machine and their tests",
    "completion": "print the script by which a shell completes the command lines of kl and kl-opt",
}
"""The subcommands and what they do; each has a file with its options, which runs it."""


def _command(name: str) -> Any:
    """The file of a subcommand; heavy imports stand in the functions there."""
    return import_module(f".commands.{'import_' if name == 'import' else name}", __package__)


def make_parser(asked: Collection[str] = tuple(COMMANDS)) -> ArgumentParser:
    """The command line of `kl`, with the options of those subcommands alone that are asked for."""
    import argparse

    from .command_line import Parser, Subcommand, add_options

    parser = Parser(
        prog="kl",
        description="A kernel-looping compiler for dataflow machines.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"kl {__version__}")
    commands = parser.add_subparsers(
        dest="command", required=True, metavar="COMMAND", parser_class=Subcommand
    )
    for name, help in COMMANDS.items():
        command = commands.add_parser(name, help=help, description=f"{help.capitalize()}.")
        if name in asked:
            add_options(command, _command(name).Command)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run `kl` and return its exit code, see `EPILOG`.

    Without arguments it is a process of its own, whose command line and result are those of the process.
    """
    if argv is not None:
        return _run(argv)
    keep_interrupts()
    try:
        return through_cache(sys.argv[1:], lambda: _run(None))
    except KeyboardInterrupt:  # before the command is there, which handles it itself
        return 130
    finally:
        gc.freeze()  # the process ends: Python need not look through all there is once more


def _run(argv: Sequence[str] | None) -> int:
    # IR is many small objects that all live on; collecting early finds nothing.
    gc.set_threshold(200_000)
    from .completion import complete, is_asked
    from .streams import finishing, prepare

    prepare()
    with finishing("kl"):
        # What no command line names needs no options; a shell that completes it may need any.
        parser = make_parser(COMMANDS if is_asked() else sys.argv[1:] if argv is None else argv)
        complete(parser)
        arguments = parser.parse_args(argv)
    # Imported behind the parser, so that --help and wrong usage answer at once.
    from .command_line import filled
    from .diagnostics import guarded
    from .output import check_files

    command = _command(arguments.command)

    def run() -> int:
        check_files(said := filled(command.Command, arguments))
        return command.run(said)

    return guarded("kl", run, {})


if __name__ == "__main__":
    sys.exit(main())
