"""The facts of a step, read off the kernel level: what each call moves, computes and exchanges.

What a kernel does falls into phases. An operation that needs all of what another one makes, as a product
needs its rows, is a phase behind it; what works element by element, and a norm, which every block computes
for itself, runs in the phase of what it reads. So a kernel of a GPU library is a phase, and the body of a
looped kernel as many as a persistent kernel has barriers in a layer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from xdsl.dialects.builtin import MemRefType, ModuleOp
from xdsl.ir import Block, BlockArgument, Operation, SSAValue

from ...dialects import kernel, nn
from ...dialects.module_machine import sockets_of
from ...dialects.operation import ComputeOp, Fusion, SocketExchangeOp, fusion_of
from ...dialects.tensors import shape_of, size_bytes_of
from ...dialects.vocabulary import EXCHANGES, FusionRole
from ..targets import TargetError
from .operations import cache_read, is_free, product_of, quantised_operands, read_bytes
from .work import Exchange, Kernel, Phase, StepWork

WAITS: tuple[FusionRole, ...] = (
    "projection",
    "attention",
    "selection",
    "routing",
    "socket_sum",
    "socket_gather",
    "lookup",
)
"""The roles of operations that wait for all of what they read."""


@dataclass(frozen=True)
class Reads:
    """What is known of the arguments of kernels, from the calls."""

    weights: frozenset[SSAValue]
    """Arguments that are weights, or stacks of them."""
    named: Mapping[int, float]
    """By their number, the share of slices that ids name where rows choose at random."""


def step_work(module: ModuleOp, name: str) -> StepWork:
    """All calls of a step of a module at the kernel level.

    Raises: TargetError for what such a machine does not do, and for a module with no step or several.
    """
    schedules = [op for op in module.ops if isinstance(op, kernel.ScheduleOp)]
    if len(schedules) != 1:
        raise TargetError(f"{name} has {len(schedules)} steps, a program is one")
    calls = [op for op in schedules[0].body.block.ops if isinstance(op, kernel.CallOp)]
    functions = {op.sym_name.data: op for op in module.ops if isinstance(op, kernel.FuncOp)}
    numbers: dict[str, int] = {}
    first: dict[str, kernel.CallOp] = {}
    for call in calls:
        callee = call.callee.root_reference.data
        numbers.setdefault(callee, len(numbers))
        first.setdefault(callee, call)
    named = _named_shares(module)
    kernels = [_kernel(functions[callee], first[callee], named) for callee in numbers]
    states = [op for op in module.ops if isinstance(op, nn.StateOp)]
    weights = [op for op in module.ops if isinstance(op, nn.WeightOp)]
    reads = [read.positions for one in kernels for phase, _ in one.phases for read in phase.cache_reads]
    return StepWork(
        name,
        sockets_of(module),
        tuple(kernels),
        tuple(numbers[call.callee.root_reference.data] for call in calls),
        max(reads, default=0),
        _tokens(schedules[0]),
        sum(size_bytes_of(op.type) for op in (*weights, *states)),
    )


def _tokens(schedule: kernel.ScheduleOp) -> int:
    """The rows of the batch: the extent of the first input that has one."""
    shapes = (shape_of(argument) for argument in schedule.args)
    return next((shape[0] for shape in shapes if shape), 1)


def _named_shares(module: ModuleOp) -> dict[int, float]:
    shares: dict[int, float] = {}
    for op in module.walk():
        if isinstance(op, nn.DistinctOp):
            (slots,) = shape_of(op.result)
            shares[slots] = max(shares.get(slots, 0.0), op.expected / slots)
    return shares


def _is_weight(value: SSAValue) -> bool:
    """Whether a call is given a weight, a state, or a stack of them."""
    owner = value.owner
    if isinstance(owner, kernel.StackOp):
        return all(map(_is_weight, owner.parts))
    return isinstance(owner, nn.GetGlobalOp)


def _kernel(func: kernel.FuncOp, call: kernel.CallOp, named: Mapping[int, float]) -> Kernel:
    pairs = zip(func.args, call.arguments, strict=True)
    weights = frozenset(argument for argument, value in pairs if _is_weight(value))
    builder = _Builder(Reads(weights, named))
    builder.add(func.body.block, 1, func.sym_name.data)
    return Kernel(func.sym_name.data, tuple(builder.phases) or ((Phase(func.sym_name.data), 1),))


def role_of(op: Operation) -> str:
    """What an operation is to the rules of fusion; nothing for one without a role."""
    fusion = fusion_of(op)
    return fusion.role if isinstance(fusion, Fusion) else ""


@dataclass
class _Builder:
    """Cuts the operations of a kernel into phases, loop by loop."""

    reads: Reads
    phases: list[tuple[Phase, int]] = field(default_factory=list[tuple[Phase, int]])

    def add(self, block: Block, times: int, name: str) -> None:
        """Add the phases of a block that runs so often; what stands around a loop is apart from it."""
        row: list[ComputeOp] = []
        for op in block.ops:
            if isinstance(op, kernel.LoopOp):
                self._add_row(row, times, name)
                row = []
                self.add(op.body.block, times * op.count.value.data, name)
            elif isinstance(op, kernel.StepsOp):
                raise TargetError(
                    f"@{name} makes {op.count.value.data} steps in one call; a sequence of kernels makes one",
                    way_out="leave out --steps-per-call",
                )
            elif isinstance(op, ComputeOp):
                row.append(op)
        self._add_row(row, times, name)

    def _add_row(self, row: list[ComputeOp], times: int, name: str) -> None:
        levels = _levels(row)
        for level in sorted(set(levels.values())):
            ops = [op for op in row if levels[op] == level]
            self.phases.append((_phase(ops, self.reads, f"{name}.{level}"), times))


def _levels(row: Iterable[ComputeOp]) -> dict[ComputeOp, int]:
    """In which phase each operation runs; the first one also has what waits for nothing."""
    made: dict[SSAValue, int] = {}
    levels: dict[ComputeOp, int] = {}
    for op in row:
        before = max((made.get(value, 0) for value in op.operands), default=0)
        level = before + (role_of(op) in WAITS)
        levels[op] = level
        written = [value for value in op.operands if isinstance(value.type, MemRefType)]
        for value in (*op.results, *(written if role_of(op) == "append" else ())):
            made[value] = max(level, made.get(value, 0))
    _settle_views(levels)
    return {op: max(level, 1) for op, level in levels.items()}


def _settle_views(levels: dict[ComputeOp, int]) -> None:
    """A view of weights runs with its reader."""
    for op in reversed(list(levels)):
        if role_of(op) == "slices":
            readers = (use.operation for result in op.results for use in result.uses)
            found = (levels[one] for one in readers if isinstance(one, ComputeOp) and one in levels)
            levels[op] = min(found, default=levels[op])


def _root(value: SSAValue) -> SSAValue:
    """The argument of a kernel that the argument of a loop's body is a slice of; else the value."""
    while isinstance(value, BlockArgument) and isinstance(loop := value.block.parent_op(), kernel.LoopOp):
        carried = len(loop.carried)
        if value.index < carried:
            return value
        value = loop.stacks[value.index - carried]
    return value


def _phase(ops: list[ComputeOp], reads: Reads, name: str) -> Phase:
    inside = set(ops)
    weights = values = 0.0
    seen = set[SSAValue]()
    for op, number, value in _outside(ops, inside):
        if isinstance(value.type, MemRefType):
            continue
        size = read_bytes(op, number, reads.named)
        if _root(value) in reads.weights:
            weights += size if (value not in seen) else 0
        else:
            values += size if (value not in seen) else 0
        seen.add(value)
    values += sum(size_bytes_of(value) for value in _handed_on(ops, inside))
    values += sum(size_bytes_of(op.operands[1]) for op in ops if role_of(op) == "append")
    products = {op: product for op in ops if (product := product_of(op)) is not None}
    caches = {op: read for op in ops if (read := cache_read(op, role_of(op))) is not None}
    others = (op for op in ops if op not in products and op not in caches and not is_free(op))
    return Phase(
        name,
        weights,
        values,
        sum(op.flops() for op in others),
        tuple(products.values()),
        tuple(caches.values()),
        tuple(_exchange(op) for op in ops if isinstance(op, SocketExchangeOp)),
        len({value for op in ops for value in quantised_operands(op)}),
    )


def _outside(ops: Iterable[ComputeOp], inside: set[ComputeOp]) -> Iterator[tuple[ComputeOp, int, SSAValue]]:
    """What operations read that none of them makes: the reader, the operand's number and the value."""
    for op in ops:
        for number, value in enumerate(op.operands):
            owner = value.owner
            made = isinstance(owner, ComputeOp) and (owner in inside or role_of(owner) == "slices")
            if not made:
                yield op, number, value


def _handed_on(ops: Iterable[ComputeOp], inside: set[ComputeOp]) -> Iterator[SSAValue]:
    """What somebody else reads of what operations make, but for views of weights."""
    for op in ops:
        for result in op.results if role_of(op) != "slices" else ():
            if any(use.operation not in inside for use in result.uses):
                yield result


def _exchange(op: SocketExchangeOp) -> Exchange:
    for kind in EXCHANGES:
        if op.name.endswith(f".{kind}"):
            return Exchange(kind, size_bytes_of(op.x))
    raise TargetError(f"no machine of this class knows how long {op.name} takes")
