"""Groups of options that several commands take, as frozen dataclasses.

Nothing here imports more than the standard library and the vocabulary, so that wrong usage answers at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

from ..backends import DEFAULT_TARGET
from ..dialects.vocabulary import Granularity, Orchestration
from .command_line import Natural, Positive, group, option, options
from .pipelines import Edit, insertion, removal
from .values import LEVELS_TEXT, Number, assignments, optimization, whole

if TYPE_CHECKING:
    from ..backends.targets import AnyTarget

AskedSharding = Literal["ffn", "sockets", "auto"]
"""A way to share out experts, or that of both which is faster."""
JSON_VERSION = 1
"""Version of all JSON forms; it grows when a form changes in a way that old readers misread."""


def spill_option() -> Any:
    """Where weights and caches lie."""
    return option(
        "let DDR hold the weights and caches that do not fit HBM, those that are read least first",
        default=False,
    )


def expert_sharding_option() -> Any:
    """What of the experts each socket has."""
    return option(
        "what of the experts each socket has: a part of each (ffn, the default), some whole ones (sockets),"
        " or of both what is faster (auto)"
    )


def pipeline_option() -> Any:
    """The passes, where they are not those of the default pipeline."""
    return option(
        "run these passes, in the notation of kl-opt -p, instead of the default pipeline", metavar="PASSES"
    )


def edit_options() -> Any:
    """Edits of the pipeline."""
    put = "run these passes {} each PASS of the pipeline; may be repeated"
    return options(
        after={"help": put.format("after"), "metavar": "PASS=PASSES", "type": partial(insertion, "after")},
        before={"help": put.format("before"), "metavar": "PASS=PASSES", "type": partial(insertion, "before")},
        without={"help": "leave this pass out; may be repeated", "metavar": "PASS", "type": removal},
    )


def rewrites_option() -> Any:
    """The bound on what patterns do."""
    return option("stop a pass after N rewrites by patterns (default: 100000, and 1000 for each operation)")


def json_option() -> Any:
    """The form of what is printed."""
    return option("print a JSON document on stdout", default=False)


def orchestration_option() -> Any:
    """Who launches kernels."""
    return option("who issues launch commands: the machine itself (default) or the host", default="hardware")


@dataclass(frozen=True)
class PublishedOptions:
    """What is left out of a published model, and what is said of it."""

    ignore: tuple[str, ...] = option(
        "go on without a key of config.json or a tensor of the checkpoint: a name or a pattern;"
        " may be repeated",
        default=(),
        metavar="KEY|TENSOR",
    )
    architecture: str | None = option(
        "the architecture of a checkpoint that has no config.json beside it", metavar="NAME"
    )


@dataclass(frozen=True)
class ModelOptions:
    """What is compiled."""

    input: str = option(
        "a model (.kl), a published one (a folder, its config.json or .safetensors file), IR at any level"
        " (.mlir, - for stdin), a saved program (.json), or an example by its name (`kl examples` lists"
        " them)",
        "input",
        reads="the model",
    )
    param: tuple[str, ...] = option(
        "override a parameter of the model; may be repeated", default=(), metavar="NAME=VALUE"
    )
    frontend: str | None = option(
        "the language of the input (default: told by how it begins)", "-f", "--frontend", metavar="NAME"
    )
    published: PublishedOptions = field(default_factory=PublishedOptions)

    @property
    def parameters(self) -> dict[str, Number]:
        """The parameters of the model that are changed.

        Raises: InputError for a malformed one.
        """
        return assignments("--param", self.param)


@dataclass(frozen=True)
class MachineOptions:
    """The machine to compile for."""

    target: str | None = option(
        f"the class of the machine (default: that of --machine, else {DEFAULT_TARGET})", metavar="NAME"
    )
    machine: str | bool | None = option(
        "the machine: a name that `kl machines` lists, or a TOML file of parameters",
        metavar="MACHINE",
        reads="the machine",
    )
    """A file or a name; True for a bare `--machine`, where that may be."""
    set: tuple[str, ...] = option(
        "change a machine parameter (docs/machine.md lists them); may be repeated",
        default=(),
        metavar="NAME=VALUE",
    )
    sockets: Positive | None = option("sockets of the machine")
    fast: bool = option("with --target cpu, add products up in f32, in any order", default=False)
    exact: bool = option("with --target cpu, add products up as the reference does (default)", default=False)

    @property
    def kind(self) -> str | None:
        """The target: what `--target` says, or the class of the machine; None where neither is said.

        Raises: InputError where these do not agree, and for a machine that cannot be read; OSError.
        """
        if not isinstance(self.machine, str):
            return self.target
        from .machine_files import kind_of

        return kind_of(self.machine, self.target)

    def changes(self, target: AnyTarget) -> dict[str, int]:
        """The parameters that are changed; a later kind of option wins over an earlier one.

        Raises: InputError for a file or a value that cannot be read, OSError.
        """
        from .machines import machine_values, precision_values

        changes: dict[str, object] = {}
        if isinstance(self.machine, str):
            changes |= machine_values(self.machine, target)
        changes |= assignments("--set", self.set)
        if self.sockets is not None:
            changes["sockets"] = self.sockets
        if self.fast or self.exact:
            changes |= precision_values(target, fast=self.fast, exact=self.exact)
        return {name: whole(name, value) for name, value in changes.items()}


OPTIMIZED = ("fusion", "loop", "single_call", "steps_per_call", "stop_token", "resident")
"""The options that a level of optimisation stands for, and that win over it."""


@dataclass(frozen=True)
class MappingOptions:
    """How the model becomes kernels, and kernels a program; None where nothing is said."""

    spill: bool = spill_option()
    expert_sharding: AskedSharding | None = expert_sharding_option()
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
    edits: tuple[Edit, ...] = edit_options()
    max_rewrites: Positive | None = rewrites_option()


@dataclass(frozen=True, kw_only=True)
class CompilerOptions:
    """What is compiled, for which machine and how, and the form of what is printed."""

    model: ModelOptions
    trust: bool = option(
        "take a saved program that was edited since it was compiled; every report says so", default=False
    )
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
    experts: str | None = option(
        "which experts the rows of a batch choose: at random (uniform or uniform:SEED, the default with seed"
        " 0), all others (worst), all the same (best), or as a JSON file says: a list with the number of"
        " distinct experts, or their ids, for each time that experts are chosen",
        metavar="HOW|FILE",
        reads="the experts",
    )


@dataclass(frozen=True, kw_only=True)
class ComparisonOptions:
    """What is compiled in all variants, for which machine, and under which conditions it is timed."""

    model: ModelOptions
    json: bool = json_option()
    machine: MachineOptions
    spill: bool = spill_option()
    expert_sharding: AskedSharding | None = expert_sharding_option()
    edits: tuple[Edit, ...] = edit_options()
    timing: TimingOptions
    steps_per_call: Positive | None = option(
        "decode steps of a call in the variant that loops over them (default: 8)"
    )
    machines: str | None = option(
        "compare unfused, fused and looped on these machines, each held against the last one: names that"
        " `kl machines` lists, or files",
        metavar="A,B,C",
        reads="a machine",
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
    edits: tuple[Edit, ...] = edit_options()
    machine: MachineOptions = group(
        machine={
            "nargs": "?",
            "const": True,
            "help": "the machine: a name that `kl machines` lists, or a TOML file of parameters;"
            " without MACHINE, tune the machine alone, not the mapping",
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
