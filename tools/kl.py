"""`kl`: compile a model, run it in numbers, time it, compare its variants; explore any design space."""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Sequence
from importlib import import_module

from .. import __version__
from .commands import options
from .study_options import add_method, add_study_options

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
        add_arguments(commands.add_parser(name, help=help, description=f"{help.capitalize()}."))
    return parser


def _add_model(parser: argparse.ArgumentParser) -> None:
    """What all commands take that compile a model."""
    options.add_input(parser)
    options.add_json(parser)
    options.add_machine(parser)
    options.add_memory(parser)


def _add_compile(parser: argparse.ArgumentParser) -> None:
    _add_model(parser)
    options.add_kernel_choice(parser)
    options.add_pipeline(parser)
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
    _add_model(parser)
    options.add_kernel_choice(parser)
    options.add_pipeline(parser)
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
    _add_model(parser)
    options.add_kernel_choice(parser)
    options.add_pipeline(parser)
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
    _add_model(parser)
    options.add_orchestration(parser)
    options.add_position(parser)
    options.add_steps_per_call(
        parser, "decode steps of a call in the variant that loops over them (default: 8)"
    )
    parser.set_defaults(fusion=None, loop=None, resident=None, pipeline=None)  # the variants say that


def _add_tune(parser: argparse.ArgumentParser) -> None:
    options.add_input(parser)
    parser.add_argument(
        "--objectives",
        metavar="A,B",
        help="what to make small: latency, units, pcus, pmus, sram, hbm, and the names of costs"
        " (default: latency,units, or latency and all costs)",
    )
    parser.add_argument(
        "--worst",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="the worst value of an objective that is of any use: search up to there; may be repeated",
    )
    _add_knobs(parser)
    _add_machines(parser)
    options.add_memory(parser)
    options.add_orchestration(parser)
    options.add_position(parser)
    add_study_options(parser, budget=150, storage="MODEL.tune.db in the current folder")
    add_method(parser)
    parser.add_argument("-o", "--output", metavar="FILE", help="write the pipelines of the front there, too")


def _add_knobs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--knobs", metavar="A,B", help="turn only these knobs (default: all of the pipeline)")
    parser.add_argument(
        "--fix",
        action="append",
        default=[],
        metavar="KNOB=VALUE",
        help="set a knob instead of turning it; may be repeated",
    )
    options.add_pipeline(parser)


def _add_machines(parser: argparse.ArgumentParser) -> None:
    """Like other commands; without a file, `--machine` says that the machine is what is tuned."""
    options.add_machine(parser, may_be_bare=True)
    parser.add_argument(
        "--explore",
        action="append",
        default=[],
        metavar="NAME=VALUES",
        help="a machine parameter to explore: NAME=LOW..HIGH[:log|pow2] or NAME=A,B,C; may be repeated",
    )
    parser.add_argument(
        "--cost",
        action="append",
        default=[],
        metavar="NAME=EXPRESSION",
        help="an objective over machine parameters, 'area = 2.5 * pmus + pcus'; may be repeated",
    )


def _add_explore(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("input", metavar="SCENARIO", help="a scenario in HyperMapper's JSON")
    parser.add_argument(
        "--function",
        metavar="MODULE:NAME",
        help="the Python function to minimise, of a module or of a file (FILE.py:NAME)",
    )
    add_study_options(parser, budget=None, storage="nowhere, the scenario's table has all evaluations")
    add_method(parser)


def _add_report(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "study", metavar="STUDY", help="where the study is kept: a file or URL, as --storage names it"
    )
    parser.add_argument("--name", help="the study's name, where several are kept there")
    parser.add_argument("-o", "--output", metavar="FILE", help="write one HTML page that needs no other file")
    parser.add_argument("--plots", metavar="DIR", help="write each plot to a file of its own")
    parser.add_argument(
        "--format", choices=("svg", "png"), default="svg", help="the format of these files (default: svg)"
    )
    options.add_json(parser)


COMMANDS = {
    "compile": ("print the IR at a level, or save the program", _add_compile),
    "run": ("run decode steps in numbers", _add_run),
    "time": ("time one step and say where the time goes", _add_time),
    "compare": ("time the model unfused, fused, looped, over steps, and with resident weights", _add_compare),
    "tune": ("search the mappings of a model, or machines for it, for the best", _add_tune),
    "explore": ("run a scenario of HyperMapper", _add_explore),
    "report": ("say what a study has found, and why points are infeasible", _add_report),
}
"""What each subcommand does, and its options; the rest is in `commands/`."""


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
