"""Command lines as frozen dataclasses: groups of options that several commands take, and how they are read.

Each command declares a dataclass of its own whose fields are groups and single options; `filled` fills it.
Nothing here imports more than the standard library and the vocabulary, so that wrong usage answers at once.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, TypeVar, get_type_hints

from ..backends import DEFAULT_TARGET
from ..dialects.vocabulary import GRANULARITIES, ORCHESTRATIONS, Granularity, Orchestration
from ..explore import METHODS, Method
from .values import Number, assignments, not_negative, positive, read_toml, seconds, whole

JSON_VERSION = 1
"""Version of all JSON forms; it grows when a form changes in a way that old readers misread."""

T = TypeVar("T")


def filled(kind: type[T], arguments: argparse.Namespace) -> T:
    """A dataclass of options as a command line says them: a field is the option of its name, or a group."""
    hints, values = get_type_hints(kind), dict[str, Any]()
    assert is_dataclass(kind), "options are declared as dataclasses"
    for field in fields(kind):
        hint = hints[field.name]
        if is_dataclass(hint):
            assert isinstance(hint, type), "hints name classes, not instances"
            values[field.name] = filled(hint, arguments)
        else:
            value = getattr(arguments, field.name)
            values[field.name] = tuple(value) if isinstance(value, list) else value
    return kind(**values)


@dataclass(frozen=True)
class ModelOptions:
    """What is compiled."""

    input: str
    param: tuple[str, ...]

    @staticmethod
    def add(parser: argparse.ArgumentParser) -> None:
        """Add the options to a command line."""
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

    @property
    def parameters(self) -> dict[str, Number]:
        """The parameters of the model that are changed.

        Raises: InputError for a malformed one.
        """
        return assignments("--param", self.param)


@dataclass(frozen=True)
class MachineOptions:
    """The machine to compile for."""

    target: str | None
    machine: str | bool | None
    """A file; True for a bare `--machine`, where that may be."""
    set: tuple[str, ...]
    sockets: int | None

    @staticmethod
    def add(parser: argparse.ArgumentParser, *, may_be_bare: bool = False) -> None:
        """Add the options to a command line; where `--machine` may be bare, that tunes the machine alone."""
        parser.add_argument(
            "--target", metavar="NAME", help=f"the kind of machine (default: {DEFAULT_TARGET})"
        )
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

    def changes(self) -> dict[str, int]:
        """The parameters that are changed; a later kind of option wins over an earlier one.

        Raises: InputError for a file or a value that cannot be read, OSError.
        """
        changes: dict[str, object] = {}
        if isinstance(self.machine, str):
            changes |= read_toml(self.machine)
        changes |= assignments("--set", self.set)
        if self.sockets is not None:
            changes["sockets"] = self.sockets
        return {name: whole(name, value) for name, value in changes.items()}


@dataclass(frozen=True)
class MappingOptions:
    """How the model becomes kernels, and kernels a program; None where nothing is said."""

    spill: bool = False
    fusion: Granularity | None = None
    loop: bool | None = None
    steps_per_call: int | None = None
    resident: bool | None = None
    pipeline: str | None = None

    @staticmethod
    def add(parser: argparse.ArgumentParser) -> None:
        """Add the options to a command line."""
        add_spill(parser)
        parser.add_argument(
            "--fusion",
            choices=GRANULARITIES,
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
        add_pipeline(parser)


@dataclass(frozen=True)
class TuningOptions:
    """What a search turns, and what it makes small."""

    objectives: str | None
    worst: tuple[str, ...]
    knobs: str | None
    fix: tuple[str, ...]
    pipeline: str | None
    explore: tuple[str, ...]
    cost: tuple[str, ...]
    spill: bool
    orchestration: Orchestration
    position: int | None


@dataclass(frozen=True)
class StudyOptions:
    """How a study is kept and run."""

    storage: str | None
    budget: int | None
    jobs: int
    timeout: float | None
    seed: int
    resume: bool
    json: bool
    method: Method

    @staticmethod
    def add(parser: argparse.ArgumentParser, *, budget: int | None, storage: str) -> None:
        """Add the options to a command line; `budget` is the default, None where the input says it.

        `storage` says in words where the study is kept by default.
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
        add_json(parser)
        parser.add_argument(
            "--method",
            choices=METHODS,
            default=METHODS[0],
            help="how points are chosen (default: default); docs/explore.md describes them",
        )


def add_json(parser: argparse.ArgumentParser) -> None:
    """The form of what is printed."""
    parser.add_argument("--json", action="store_true", help="print a JSON document on stdout")


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


def add_spill(parser: argparse.ArgumentParser) -> None:
    """Where weights and caches lie."""
    parser.add_argument(
        "--spill",
        action="store_true",
        help="let DDR hold the weights and caches that do not fit HBM, those that are read least first",
    )


def add_orchestration(parser: argparse.ArgumentParser) -> None:
    """Who launches kernels."""
    parser.add_argument(
        "--orchestration",
        choices=ORCHESTRATIONS,
        default=ORCHESTRATIONS[0],
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
