"""Lowering: from any level down to that which a target takes, by the target's own passes.

Each phase ends at a level that one can stop at, print, edit by hand and go on from.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation
from xdsl.utils.exceptions import PassFailedException

from ..backends.targets import AnyTarget, Choice
from ..dialects.operation import ComputeOp
from ..dialects.vocabulary import IR_LEVELS, IrLevel
from .pipeline import ShowPass, check_module, parse_passes, run_passes
from .universe import available_passes, find_target

VARIANTS = {
    "unfused": Choice("op", loop=False),
    "fused": Choice("layer", loop=False),
    "looped": Choice("layer", loop=True),
    "stepped": Choice("layer", loop=True, steps_per_call=8),
    "resident": Choice("layer", loop=True, resident=True),
}
"""What one would try by hand: one kernel per operator as on a GPU, one per layer, one for all layers, one for
several whole steps, and one for all layers with weights in the SRAM that is left."""


@dataclass(frozen=True)
class Level:
    """A level of the IR: operations of its dialects are legal there, but for some, and all that compute.

    Those of other packages are legal where ours are: whatever their dialect, `nn` computes at all levels.
    """

    name: IrLevel
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


def level_of(module: ModuleOp) -> IrLevel:
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


def levels_between(start: IrLevel, end: IrLevel) -> Sequence[IrLevel]:
    """The levels to reach one after the other, without `start`, up to and including `end`."""
    return IR_LEVELS[IR_LEVELS.index(start) + 1 : IR_LEVELS.index(end) + 1]


def lower(
    ctx: Context,
    module: ModuleOp,
    level: IrLevel,
    choice: Choice,
    show: ShowPass | None = None,
    target: AnyTarget | None = None,
) -> None:
    """Lower a module in place, from whatever level it is at; after each level everything is checked.

    Raises: DiagnosticException where a pass fails, or where a check after a level does.
    """
    target = find_target(None) if target is None else target
    check_level(module, level_of(module))
    for reached in levels_between(level_of(module), level):
        passes = parse_passes(available_passes(), target.pipeline(reached, choice))
        # Checking after every pass as well would double the time; `kl-opt` does it.
        run_passes(ctx, module, passes, verify=False, show=show)
        check_module(module)
        check_level(module, reached)


def check_level(module: ModuleOp, name: IrLevel) -> None:
    """Raises: PassFailedException at the first operation that is not legal at a level."""
    level = LEVELS[IR_LEVELS.index(name)]
    for op in _illegal(module, level):
        message = f"{op.name} is left at the {name} level, which has no such operation"
        op.emit_error(message, PassFailedException(message))


def _illegal(module: ModuleOp, level: Level) -> Iterator[Operation]:
    return (op for op in module.walk() if not level.allows(op))
