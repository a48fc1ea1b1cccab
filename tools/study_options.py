"""Options of the commands that run studies. Nothing here imports more than the standard library."""

from __future__ import annotations

import argparse

from .commands.options import not_negative, positive

METHODS = ("default", "pareto-wall", "random")


def add_study_options(parser: argparse.ArgumentParser, *, budget: int | None, storage: str) -> None:
    """How a study is kept and run; `budget` is the default, None where the input says it. `storage` says in
    words where it is kept by default.
    """
    usual = "what the input says" if budget is None else budget
    parser.add_argument(
        "--storage",
        metavar="FILE|URL",
        help=f"where the study is kept: an SQLite file, FILE.journal, a database URL, grpc://host:port"
        f" (default: {storage})",
    )
    parser.add_argument(
        "--budget",
        type=positive,
        default=budget,
        metavar="N",
        help=f"end after N evaluations in all, also those of earlier runs (default: {usual})",
    )
    parser.add_argument(
        "--jobs", type=positive, default=1, metavar="N", help="evaluate N points at a time (default: 1)"
    )
    parser.add_argument(
        "--timeout",
        type=seconds,
        metavar="SECONDS",
        help="stop an evaluation that takes longer; it counts as timed out",
    )
    parser.add_argument(
        "--seed", type=not_negative, default=0, metavar="N", help="seed of all choices (default: 0)"
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="refuse to begin a new study; without it, a study that is there goes on as well",
    )
    parser.add_argument("--json", action="store_true", help="print a JSON document on stdout")


def add_method(parser: argparse.ArgumentParser) -> None:
    """How points are chosen."""
    parser.add_argument(
        "--method",
        choices=METHODS,
        default=METHODS[0],
        help="how points are chosen (default: default); docs/explore.md describes them",
    )


def seconds(text: str) -> float:
    """A time above zero, for argparse."""
    try:
        number = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is no number of seconds") from None
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is no time above 0")
    return number
