"""The default pipeline: which passes run, in which order and why, from any level down to the
machine.

Each phase ends at a level that one can stop at, print, edit by hand and go on from.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation
from xdsl.utils.exceptions import PassFailedException

from ..dialects.operation import ComputeOp
from ..passes import PASSES, load_pass
from .pipeline import ShowPass, check_module, parse_passes, run_passes

FUSIONS = ("op", "block", "layer")
"""How much of the model one kernel holds; see `outline-kernels`."""


@dataclass(frozen=True)
class Choice:
    """What a user chooses about kernels and memory."""

    fusion: str = "layer"
    loop: bool = True
    spill: bool = False
    """Whether DDR holds what does not fit HBM."""
    resident: bool = False
    """Whether weights stay in the SRAM that kernels leave over."""
    steps_per_call: int = 1
    """Decode steps that one call makes; more than one loops over them."""


@dataclass(frozen=True)
class Level:
    """A level of the IR: operations of its dialects are legal there, but for some, and all that compute.

    Those of other packages are legal where ours are: whatever their dialect, `nn` computes at all levels.
    """

    name: str
    dialects: frozenset[str]
    illegal: frozenset[str] = frozenset()

    def allows(self, op: Operation) -> bool:
        """Whether an operation may be left at this level."""
        known = isinstance(op, ComputeOp) or op.name.partition(".")[0] in self.dialects
        return known and op.name not in self.illegal


LEVELS = (
    Level("nn", frozenset({"builtin", "func", "nn", "collective"})),
    Level("kernel", frozenset({"builtin", "kernel", "nn", "collective"}), frozenset({"nn.call"})),
    Level(
        "dataflow",
        frozenset({"builtin", "dataflow", "kernel", "nn", "collective"}),
        frozenset({"nn.call", "kernel.func"}),
    ),
    # Networks stay as they are, now planned; bodies of their stages stay nn operations.
    Level(
        "rdu",
        frozenset({"builtin", "rdu", "dataflow", "nn", "collective"}),
        frozenset({"nn.call", "nn.weight", "nn.state", "nn.get_global"}),
    ),
)
"""All levels, from the model to the machine."""

LEVEL_NAMES = tuple(level.name for level in LEVELS)


def pipeline(level: str, choice: Choice) -> str:
    """The passes that lead to a level from the one before it, in the notation of `kl-opt -p`."""
    match level:
        case "kernel":
            passes = [
                # Before there are kernels, while a layer's body stands once; one socket needs nothing.
                "shard-tensors",
                # It decides what one launch does; all that follows works on kernels.
                f"outline-kernels{{granularity={choice.fusion}}}",
                # A run of calls can only be seen once equal layers call one and the same kernel.
                "merge-identical-kernels",
            ]
            # While calls are still a plain list and kernels still whole operations.
            if choice.loop:
                passes.append("loop-kernels")
            # Last: the loop over layers is its body, all of a step fits one kernel only as such.
            if choice.steps_per_call > 1:
                passes.append(f"loop-steps{{steps={choice.steps_per_call}}}")
            return ",".join(passes)
        case "dataflow":
            return ",".join(
                (
                    "convert-kernel-to-dataflow",
                    # Tiles first: how much work and SRAM a stage needs depends on them.
                    "tile-stages",
                    # Once tiles are known: an all-reduce may start with the first of them.
                    "overlap-collectives",
                    # Before the units are shared out: what it takes, no kernel gets.
                    *([_retention(choice)] if choice.resident else []),
                    "allocate-units",
                    # Intervals and latencies follow from the units that a stage has got.
                    "schedule-stages",
                    # Last: it fills the SRAM that all others have left.
                    "prefetch-weights",
                )
            )
        case "rdu":
            # Hops depend on places, the loop's interval on hops, rates on links on that interval, argument
            # addresses on the memory plan; the conversion writes all of it down.
            plan = "plan-memory{spill=true}" if choice.spill else "plan-memory"
            return f"place-units,schedule-loop,route-channels,{plan},convert-dataflow-to-rdu"
        case _:
            raise AssertionError(f"nothing leads to level {level}")


def _retention(choice: Choice) -> str:
    """A kernel of whole steps streams more weights over the rows that are left: it leaves more of them.

    Tried on the example models, 1 to 16 sockets, as the default of the pass is for kernels of layers.
    """
    return "retain-weights{percent=50}" if choice.steps_per_call > 1 else "retain-weights"


def level_of(module: ModuleOp) -> str:
    """The level at which compilation of a module goes on: that of its least lowered part."""
    names = {op.name for op in module.ops}
    if "func.func" in names:
        return "nn"
    if "kernel.func" in names:
        return "kernel"
    if any(name.startswith("rdu.") for name in names):
        return "rdu"
    if "dataflow.kernel" in names:
        return "dataflow"
    return "kernel" if "kernel.schedule" in names else "nn"


def levels_between(start: str, end: str) -> Sequence[str]:
    """The levels to reach one after the other, without `start`, up to and including `end`."""
    return LEVEL_NAMES[LEVEL_NAMES.index(start) + 1 : LEVEL_NAMES.index(end) + 1]


def lower(ctx: Context, module: ModuleOp, target: str, choice: Choice, show: ShowPass | None = None) -> None:
    """Lower a module in place, from whatever level it is at; after each level everything is
    checked.

    Raises: DiagnosticException where a pass fails, or where a check after a level does.
    """
    available = {name: partial(load_pass, name) for name in PASSES}
    check_level(module, level_of(module))
    for level in levels_between(level_of(module), target):
        passes = parse_passes(available, pipeline(level, choice))
        # Checking after every pass as well would double the time; `kl-opt` does it.
        run_passes(ctx, module, passes, verify=False, show=show)
        check_module(module)
        check_level(module, level)


def check_level(module: ModuleOp, name: str) -> None:
    """Raises: PassFailedException at the first operation that is not legal at a level."""
    level = LEVELS[LEVEL_NAMES.index(name)]
    for op in _illegal(module, level):
        message = f"{op.name} is left at the {name} level, which has no such operation"
        op.emit_error(message, PassFailedException(message))


def _illegal(module: ModuleOp, level: Level) -> Iterator[Operation]:
    return (op for op in module.walk() if not level.allows(op))
