"""`kl`: compile a model, run it in numbers, time it, compare its variants."""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Sequence
from importlib import import_module

from .. import __version__
from .commands import options

EPILOG = """\
exit codes: 0 all is well; 1 the input is wrong, cannot run, or a check has failed;
2 wrong usage; 70 a bug in kl; 130 interrupted. KL_DEBUG=1 shows tracebacks."""


def make_parser() -> argparse.ArgumentParser:
    """The command line of `kl`."""
    parser = argparse.ArgumentParser(
        prog="kl",
        description="A kernel-looping compiler for the SN40L dataflow machine.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"kl {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (help, add_arguments) in COMMANDS.items():
        command = commands.add_parser(name, help=help, description=f"{help.capitalize()}.")
        options.add_input(command)
        options.add_machine(command)
        options.add_memory(command)
        add_arguments(command)
    return parser


def _add_compile(parser: argparse.ArgumentParser) -> None:
    options.add_kernel_choice(parser)
    parser.add_argument(
        "--to",
        choices=("nn", "kernel", "dataflow", "rdu", "program"),
        default="rdu",
        help="the level to stop at (default: rdu); a program is JSON",
    )
    parser.add_argument(
        "--memory", action="store_true", help="print the map of the memory, not the IR or the program"
    )
    parser.add_argument("-o", "--output", metavar="FILE", help="write there instead of to stdout")


def _add_run(parser: argparse.ArgumentParser) -> None:
    options.add_kernel_choice(parser)
    options.add_orchestration(parser)
    parser.add_argument(
        "--weights", metavar="PATH", help="a .safetensors file or a folder of them (default: random)"
    )
    parser.add_argument(
        "--seed",
        type=options.not_negative,
        default=0,
        metavar="N",
        help="seed of the random weights and of the first token (default: 0)",
    )
    parser.add_argument(
        "--steps",
        type=options.positive,
        default=1,
        metavar="N",
        help="decode steps, from position 0 on (default: 1)",
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="compare outputs and states with the reference; exit with 1 where they differ",
    )


def _add_time(parser: argparse.ArgumentParser) -> None:
    options.add_kernel_choice(parser)
    options.add_orchestration(parser)
    options.add_position(parser)
    _add_details(parser)


def _add_details(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--per-layer",
        action="store_true",
        help="show each iteration of loops, and each call of other kernels",
    )
    parser.add_argument(
        "--per-stage", action="store_true", help="show how busy each stage is and what it waits for"
    )
    parser.add_argument("--trace", metavar="FILE", help="write a trace for Perfetto or Chrome")
    parser.add_argument(
        "--trace-iterations",
        type=options.positive,
        metavar="N",
        help="iterations that the trace begins with, besides the last one (default: 4)",
    )


def _add_compare(parser: argparse.ArgumentParser) -> None:
    options.add_orchestration(parser)
    options.add_position(parser)
    parser.set_defaults(fusion=None, loop=None, resident=None)  # the variants say that


COMMANDS = {
    "compile": ("print the IR at a level, or save the program", _add_compile),
    "run": ("run decode steps in numbers", _add_run),
    "time": ("time one step and say where the time goes", _add_time),
    "compare": ("time the model unfused, fused, looped and with resident weights", _add_compare),
}
"""What each subcommand does, and its own options; the rest is in `commands/`."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run `kl` and return its exit code, see `EPILOG`."""
    arguments = make_parser().parse_args(argv)
    # Imported behind the parser, so that --help and wrong usage answer at once.
    from .diagnostics import guarded

    # IR is many small objects that all live on; collecting early finds nothing.
    gc.set_threshold(100_000)

    def body() -> int:
        return import_module(f".commands.{arguments.command}", __package__).run(arguments)

    return guarded("kl", body, {})


if __name__ == "__main__":
    sys.exit(main())
