"""Command lines as frozen dataclasses: groups of options that several commands take, and how they are read.

A field made by `option` is an option: its name is the flag and its type says the form, so that what is read
and what `--help` shows cannot differ. A field that is a dataclass itself is a group.
Nothing here imports more than the standard library and the vocabulary, so that wrong usage answers at once.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import Field, dataclass, field, fields, is_dataclass
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from ..backends import DEFAULT_TARGET
from ..dialects.vocabulary import Granularity, Orchestration
from .once import OnceBoolean, refuse_repeats
from .values import (
    LEVELS_TEXT,
    Number,
    assignments,
    not_negative,
    optimization,
    positive,
    read_toml,
    whole,
)

JSON_VERSION = 1
"""Version of all JSON forms; it grows when a form changes in a way that old readers misread."""

T = TypeVar("T")
Positive = Annotated[int, positive]
"""A number above zero; what reads it stands in the type."""
Natural = Annotated[int, not_negative]
"""A number not below zero."""


def option(help: str, *names: str, default: Any = None, **form: Any) -> Any:
    """A field that is an option; `names` are its flags if it is not `--` and the field's name.

    `form` goes to `add_argument`, unless the type says it: `bool` is a flag, `bool | None` has a `--no-`
    form, too, a tuple may be repeated, `Positive` and `Natural` are N, and a `Literal` has its choices.
    """
    return field(default=default, metadata={"names": names, "form": {"help": help, **form}})


def group(**changed: Mapping[str, Any]) -> Any:
    """A field that is a group of options, some of which have another help, form or default than usual."""
    return field(metadata={"changed": changed})


def add_options(
    parser: argparse.ArgumentParser, kind: type, changed: Mapping[str, Mapping[str, Any]] | None = None
) -> None:
    """Add the options of a dataclass to a command line, in the order of its fields."""
    refuse_repeats(parser)
    for one, hint, inner in _fields(kind):
        if inner is not None:
            add_options(parser, inner, one.metadata.get("changed"))
        elif "form" in one.metadata:
            names = one.metadata["names"] or (f"--{one.name.replace('_', '-')}",)
            form = {"default": one.default} | _form(hint) | one.metadata["form"]
            parser.add_argument(*names, **form | (changed or {}).get(one.name, {}))


def filled(kind: type[T], arguments: argparse.Namespace) -> T:
    """A dataclass of options as a command line says them: a field is the option of its name, or a group."""
    values: dict[str, Any] = {}
    for one, _, inner in _fields(kind):
        value = getattr(arguments, one.name) if inner is None else filled(inner, arguments)
        values[one.name] = tuple(value) if isinstance(value, list) else value
    return kind(**values)


def _fields(kind: type) -> Iterator[tuple[Field[Any], Any, type | None]]:
    """The fields of a dataclass with their types; the last is the type once more where it is a group."""
    assert is_dataclass(kind), "options are declared as dataclasses"
    hints = get_type_hints(kind, include_extras=True)
    for one in fields(kind):
        hint = hints[one.name]
        yield one, hint, hint if isinstance(hint, type) and is_dataclass(hint) else None


def _form(hint: Any) -> dict[str, Any]:
    """What the type of an option says of its form."""
    if hint is bool:
        return {"action": "store_true"}
    if hint == bool | None:
        return {"action": OnceBoolean}
    if get_origin(hint) is tuple:
        return {"action": "append", "default": []}
    for part in (hint, *get_args(hint)):
        if get_origin(part) is Annotated:
            return {"type": part.__metadata__[0], "metavar": "N"}
    choices = _choices(hint)
    return {"choices": choices} if choices else {}


def _choices(hint: Any) -> tuple[Any, ...]:
    """The words of a `Literal`, alone or in a union."""
    parts = get_args(hint)
    return (
        parts if get_origin(hint) is Literal else tuple(choice for one in parts for choice in _choices(one))
    )


def spill_option() -> Any:
    """Where weights and caches lie."""
    return option(
        "let DDR hold the weights and caches that do not fit HBM, those that are read least first",
        default=False,
    )


def pipeline_option() -> Any:
    """The passes, where they are not those of the default pipeline."""
    return option(
        "run these passes, in the notation of kl-opt -p, instead of the default pipeline", metavar="PASSES"
    )


def rewrites_option() -> Any:
    """The bound on what patterns do."""
    return option("stop a pass after N rewrites by patterns (default: 100000, and 1000 for each operation)")


def json_option() -> Any:
    """The form of what is printed."""
    return option("print a JSON document on stdout", default=False)


def orchestration_option() -> Any:
    """Who launches kernels."""
    return option(
        "who issues the launch commands: the machine itself (default) or the host", default="hardware"
    )


@dataclass(frozen=True)
class ModelOptions:
    """What is compiled."""

    input: str = option(
        "a model (.kl), IR at any level (.mlir, - for stdin) or a saved program (.json)", "input"
    )
    param: tuple[str, ...] = option(
        "override a parameter of the model; may be repeated", default=(), metavar="NAME=VALUE"
    )
    frontend: str | None = option(
        "the language of the input (default: told by how it begins)", "-f", "--frontend", metavar="NAME"
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

    target: str | None = option(f"the kind of machine (default: {DEFAULT_TARGET})", metavar="NAME")
    machine: str | bool | None = option("machine parameters as TOML", metavar="FILE")
    """A file; True for a bare `--machine`, where that may be."""
    set: tuple[str, ...] = option(
        "change a machine parameter (docs/machine.md lists them); may be repeated",
        default=(),
        metavar="NAME=VALUE",
    )
    sockets: Positive | None = option("sockets of the machine")

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


OPTIMIZED = ("fusion", "loop", "single_call", "steps_per_call", "stop_token", "resident")
"""The options that a level of optimisation stands for, and that win over it."""


@dataclass(frozen=True)
class MappingOptions:
    """How the model becomes kernels, and kernels a program; None where nothing is said."""

    spill: bool = spill_option()
    optimize: Annotated[int, optimization] | None = option(
        f"how much is done, {LEVELS_TEXT}; options like --fusion and --loop win over it (default: 2)",
        "-O",
        dest="optimize",
    )
    fusion: Granularity | None = option(
        "how much one kernel holds: about an operator, half a layer, a layer (default)"
    )
    loop: bool | None = option("turn runs of calls of the same kernels into one looped kernel (default: yes)")
    single_call: bool | None = option(
        "make one call of a step: embedding, head and argmax join the loops over layers (default: no)"
    )
    steps_per_call: Positive | None = option(
        "make N decode steps in one call: head, argmax and embedding join the loop (default: 1)"
    )
    stop_token: Natural | None = option(
        "end each row of the batch at this token, and a call of --steps-per-call with the last of them"
        " (default: all steps are made)",
        metavar="ID",
    )
    resident: bool | None = option(
        "keep weights in the SRAM that kernels leave over, from step to step (default: no)"
    )
    pipeline: str | None = pipeline_option()
    max_rewrites: Positive | None = rewrites_option()


@dataclass(frozen=True, kw_only=True)
class CompilerOptions:
    """What is compiled, for which machine and how, and the form of what is printed."""

    model: ModelOptions
    json: bool = json_option()
    machine: MachineOptions
    mapping: MappingOptions


@dataclass(frozen=True)
class TimingOptions:
    """Under which conditions a program is timed."""

    orchestration: Orchestration = orchestration_option()
    position: Natural | None = option(
        "position of the token in its sequence (default: the last in the context): where it is written,"
        " and what waits for that; the whole compiled context is read at any position"
    )


@dataclass(frozen=True, kw_only=True)
class TuningOptions:
    """What a search turns, and what it makes small."""

    objectives: str | None = option(
        "what to make small: latency, units, pcus, pmus, sram, hbm, and the names of costs"
        " (default: latency,units, or latency and all costs)",
        metavar="A,B",
    )
    worst: tuple[str, ...] = option(
        "the worst value of an objective that is of any use: search up to there; may be repeated",
        default=(),
        metavar="NAME=VALUE",
    )
    knobs: str | None = option("turn only these knobs (default: all of the pipeline)", metavar="A,B")
    fix: tuple[str, ...] = option(
        "set a knob instead of turning it; may be repeated", default=(), metavar="KNOB=VALUE"
    )
    pipeline: str | None = pipeline_option()
    machine: MachineOptions = group(
        machine={
            "nargs": "?",
            "const": True,
            "help": "machine parameters as TOML; without FILE, tune the machine alone, not the mapping",
        }
    )
    explore: tuple[str, ...] = option(
        "a machine parameter to explore: NAME=LOW..HIGH[:log|pow2] or NAME=A,B,C; may be repeated",
        default=(),
        metavar="NAME=VALUES",
    )
    cost: tuple[str, ...] = option(
        "an objective over machine parameters, 'area = 2.5 * pmus + pcus'; may be repeated",
        default=(),
        metavar="NAME=EXPRESSION",
    )
    spill: bool = spill_option()
    timing: TimingOptions
