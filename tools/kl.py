"""`kl`: compile a model, run it in numbers, time it, compare its variants; explore any design space."""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Sequence

from .. import __version__
from .command_line import add_options, filled
from .commands import compare, compile, completion, examples, explore, import_, new, report, run, time, tune
from .completion import complete
from .streams import finishing, prepare

EPILOG = """\
exit codes: 0 all is well; 1 the input is wrong, cannot run, or a check has failed;
2 wrong usage; 69 a part that another package brings has failed; 70 a bug in kl;
130 interrupted. KL_DEBUG=1 shows tracebacks."""

COMMANDS = {
    "compile": compile,
    "import": import_,
    "run": run,
    "time": time,
    "compare": compare,
    "tune": tune,
    "explore": explore,
    "report": report,
    "examples": examples,
    "new": new,
    "completion": completion,
}
"""The file of each subcommand: what it does, its options, and what runs it, with the heavy imports inside."""


def make_parser() -> argparse.ArgumentParser:
    """The command line of `kl`."""
    parser = argparse.ArgumentParser(
        prog="kl",
        description="A kernel-looping compiler for dataflow machines.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"kl {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        description = f"{command.HELP.capitalize()}."
        add_options(commands.add_parser(name, help=command.HELP, description=description), command.Command)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run `kl` and return its exit code, see `EPILOG`."""
    prepare()
    with finishing("kl"):
        parser = make_parser()
        complete(parser)
        arguments = parser.parse_args(argv)
    # Imported behind the parser, so that --help and wrong usage answer at once.
    from .diagnostics import guarded

    # IR is many small objects that all live on; collecting early finds nothing.
    gc.set_threshold(100_000)
    command = COMMANDS[arguments.command]
    return guarded("kl", lambda: command.run(filled(command.Command, arguments)), {})


if __name__ == "__main__":
    sys.exit(main())
