"""An operation as a stage, with the views of weights that it reads.

What widens codes stands in the stage of its reader: memory and channels bring codes and scales, and wide
numbers never leave the PCUs that use them.
"""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.ir import Operation, SSAValue

from ...dialects import nn
from ...dialects.operation import ComputeOp, TileRule, note_reader
from .wires import NetworkBuilder, add_stage


def stands_in_readers(op: Operation) -> bool:
    """Whether an operation has no stage of its own, as it stands in those of all its readers."""
    if not isinstance(op, nn.DequantizeOp):
        return False
    readers = [use.operation for use in op.result.uses]
    return all(isinstance(r, ComputeOp) and isinstance(r.tile_rule(), TileRule) for r in readers)


def convert_compute(builder: NetworkBuilder, op: Operation) -> None:
    """One operation, one stage."""
    parts = {operand: part for operand in op.operands if (part := _inside(operand)) is not None}
    read: list[SSAValue] = []
    for operand in op.operands:
        read += parts[operand].operands if operand in parts else [operand]
    inputs = [builder.held(value, op) for value in read]

    def compute(arguments: Sequence[SSAValue]) -> tuple[list[Operation], SSAValue, list[SSAValue]]:
        given, made, operands = iter(arguments), list[Operation](), list[SSAValue]()
        for operand in op.operands:
            if (part := parts.get(operand)) is None:
                operands.append(next(given))
                continue
            made.append(_copy(part, [next(given) for _ in part.operands]))
            operands.append(made[-1].results[0])
        made.append(_copy(op, operands))
        return made, made[-1].results[0], []

    types = [value.type for value in read]
    builder.sources[op.results[0]] = add_stage(builder, op, _label(op), inputs, types, compute)


def _inside(value: SSAValue) -> Operation | None:
    """What makes an operand in the stage itself."""
    owner = value.owner
    return owner if isinstance(owner, Operation) and stands_in_readers(owner) else None


def _copy(op: Operation, operands: Sequence[SSAValue]) -> Operation:
    copy = op.clone()
    copy.operands = operands
    note_reader(copy, op)
    return copy


def _label(op: Operation) -> str:
    short = op.name.split(".")[-1]
    hint = op.results[0].name_hint if op.results else None
    return f"{short}.{hint}" if hint else short
