"""Options that several subcommands share. Nothing here imports more than the standard library."""

from __future__ import annotations

import argparse

JSON_VERSION = 1
"""Version of all JSON forms; it grows when a form changes in a way that old readers misread."""


def positive(text: str) -> int:
    """An integer above zero, for argparse."""
    return _at_least(1, text, "positive")


def not_negative(text: str) -> int:
    """An integer not below zero, for argparse."""
    return _at_least(0, text, "zero or positive")


def _at_least(least: int, text: str, wanted: str) -> int:
    try:
        number = int(text, 0)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is no integer") from None
    if number < least:
        raise argparse.ArgumentTypeError(f"{number} is not {wanted}")
    return number


def add_input(parser: argparse.ArgumentParser) -> None:
    """The input and the parameters of a model."""
    parser.add_argument(
        "input", help="a model (.kl), IR at any level (.mlir, - for stdin) or a saved program (.json)"
    )
    parser.add_argument(
        "--param",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="override a parameter of the model; may be repeated",
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """The form of what is printed."""
    parser.add_argument("--json", action="store_true", help="print a JSON document on stdout")


def add_kernel_choice(parser: argparse.ArgumentParser) -> None:
    """How the model becomes kernels."""
    parser.add_argument(
        "--fusion",
        choices=("op", "block", "layer"),
        help="how much one kernel holds: about an operator, half a layer, a layer (default)",
    )
    parser.add_argument(
        "--loop",
        action=argparse.BooleanOptionalAction,
        help="turn runs of calls of the same kernels into one looped kernel (default: yes)",
    )
    add_steps_per_call(
        parser, "make N decode steps in one call: head, argmax and embedding join the loop (default: 1)"
    )
    parser.add_argument(
        "--resident",
        action=argparse.BooleanOptionalAction,
        help="keep weights in the SRAM that kernels leave over, from step to step (default: no)",
    )


def add_steps_per_call(parser: argparse.ArgumentParser, help: str) -> None:
    """How many decode steps one call makes."""
    parser.add_argument("--steps-per-call", type=positive, metavar="N", help=help)


def add_pipeline(parser: argparse.ArgumentParser) -> None:
    """The passes, where they are not those of the default pipeline."""
    parser.add_argument(
        "--pipeline",
        metavar="PASSES",
        help="run these passes, in the notation of kl-opt -p, instead of the default pipeline",
    )


def add_memory(parser: argparse.ArgumentParser) -> None:
    """Where weights and caches lie."""
    parser.add_argument(
        "--spill",
        action="store_true",
        help="let DDR hold the weights and caches that do not fit HBM, those that are read least first",
    )


def add_machine(parser: argparse.ArgumentParser, *, may_be_bare: bool = False) -> None:
    """The machine to compile for; where `--machine` may be bare, that tunes the machine alone."""
    if may_be_bare:
        parser.add_argument(
            "--machine",
            nargs="?",
            const=True,
            metavar="FILE",
            help="machine parameters as TOML; without FILE, tune the machine alone, not the mapping",
        )
    else:
        parser.add_argument("--machine", metavar="FILE", help="machine parameters as TOML")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="change a machine parameter (docs/machine.md lists them); may be repeated",
    )
    parser.add_argument("--sockets", type=positive, metavar="N", help="sockets of the machine")


def add_orchestration(parser: argparse.ArgumentParser) -> None:
    """Who launches kernels."""
    parser.add_argument(
        "--orchestration",
        choices=("hardware", "software"),
        default="hardware",
        help="who issues the launch commands: the machine itself (default) or the host",
    )


def add_position(parser: argparse.ArgumentParser) -> None:
    """The position of the token to time."""
    parser.add_argument(
        "--position",
        type=not_negative,
        metavar="N",
        help="position of the token in its sequence (default: the last in the context)",
    )
