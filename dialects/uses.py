"""What becomes of a weight or state: the operations behind the calls, loops and stacks that hand it on."""

from __future__ import annotations

from collections.abc import Iterator

from xdsl.ir import Operation, SSAValue, Use

from .symbols import find_symbol
from .tensors import SlicedCallOp

_HANDING_ON = ("kernel.stack", "nn.gather_slices")
"""Operations whose results are what they are given, laid out in another way."""


def uses_behind(value: SSAValue) -> Iterator[Use]:
    """The uses of a weight or state, in the layers and kernels that are called with it as well.

    What does nothing but hand it on is none of them.
    """
    waiting, seen = [value], set[object]()
    while waiting:
        value = waiting.pop()
        if value in seen:
            continue
        seen.add(value)
        for use in value.uses:
            op = use.operation
            if isinstance(op, SlicedCallOp):
                parameter = op.callee, use.index
                callee = find_symbol(op, op.callee) if parameter not in seen else None
                waiting += [] if callee is None else _arguments(callee, use.index)
                seen.add(parameter)
            elif op.regions:
                waiting += _arguments(op, use.index)
            elif op.name in _HANDING_ON:
                waiting += op.results
            else:
                yield use


def _arguments(op: Operation, number: int) -> list[SSAValue]:
    """What an operand or parameter is in the bodies of an operation; a call may give too many."""
    blocks = (region.block for region in op.regions)
    return [block.args[number] for block in blocks if number < len(block.args)]
