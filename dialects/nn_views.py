"""The `nn` operations that only choose and join elements: slices, and tensors side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from xdsl.dialects.builtin import AnyFloat, IntegerAttr, TensorType, i64
from xdsl.ir import SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, prop_def, result_def, traits_def, var_operand_def
from xdsl.traits import Pure

from .operation import ComputeOp, Fusion, Without
from .sharding import Sharded, ShardView
from .spelling import Arguments, Spelling, shown
from .tensors import element_type_of, expect, shape_of

_EXTENT, _PART = "extent", "part"


@irdl_op_definition
class SliceOp(ComputeOp):
    """Columns of a tensor, the elements `start` to `start + N` of its last dimension: `[…, M] -> […, N]`.

    `%k = nn.slice %x from 64 : (tensor<1x96xbf16>) -> tensor<1x32xbf16>`
    """

    name = "nn.slice"

    NUMPY: ClassVar = ".backends.numerics:slice"
    SPELLING: ClassVar = Spelling("split", ("x",), many=_EXTENT)
    FUSION: ClassVar = Fusion("conversion", "")

    x = operand_def(TensorType[AnyFloat])
    start = prop_def(IntegerAttr.constr(i64))
    result = result_def(TensorType[AnyFloat])

    traits = traits_def(Pure())
    assembly_format = "$x `from` $start attr-dict `:` functional-type(operands, results)"

    def __init__(self, x: SSAValue, start: int, extent: int):
        result = TensorType(element_type_of(x), [*shape_of(x)[:-1], extent])
        super().__init__(operands=[x], result_types=[result], properties={"start": IntegerAttr(start, i64)})

    def verify_shapes(self) -> None:
        x, result, start = shape_of(self.x), shape_of(self.result), self.start.value.data
        fits = bool(x) and len(result) == len(x) and result[:-1] == x[:-1]
        same = element_type_of(self.x) == element_type_of(self.result)
        expect(fits and same, f"{self.result.type} is no slice of {self.x.type}")
        columns, end = sum(x[-1:]), start + sum(result[-1:])
        expect(start >= 0 and end <= columns, f"columns {start} to {end} of a tensor with {columns}")

    def flops(self) -> int:
        return 0

    @classmethod
    def spelled_all(cls, arguments: Arguments) -> Sequence[SliceOp]:
        """The parts of a row, one behind the other; together they are the row."""
        x = arguments.floats("x")
        widths = [arguments.whole(name) for name in arguments.several(_EXTENT)]
        columns = shape_of(x)[-1] if shape_of(x) else 0
        if not widths or sum(widths) != columns:
            message = f"the parts have {sum(widths)} columns, x is {shown(x.type)}"
            raise arguments.refused(message, "give the columns of each part: q, k = split(x, 64, 32)")
        starts = (sum(widths[:number]) for number in range(len(widths)))
        return [cls(x, start, width) for start, width in zip(starts, widths, strict=True)]

    def tile_rule(self) -> Without:
        return Without("it chooses from whole rows")

    def shard(self, view: ShardView) -> Sharded:
        return view.whole()


@irdl_op_definition
class ConcatOp(ComputeOp):
    """Tensors side by side along the last dimension: `[…, M], […, N] -> […, M + N]`."""

    name = "nn.concat"

    NUMPY: ClassVar = ".backends.numerics:concat"
    SPELLING: ClassVar = Spelling("concat", (), many=_PART)
    FUSION: ClassVar = Fusion("conversion", "")

    parts = var_operand_def(TensorType[AnyFloat])
    result = result_def(TensorType[AnyFloat])

    traits = traits_def(Pure())
    assembly_format = "$parts attr-dict `:` functional-type(operands, results)"

    def __init__(self, parts: Sequence[SSAValue]):
        columns = sum(shape_of(part)[-1] for part in parts)
        result = TensorType(element_type_of(parts[0]), [*shape_of(parts[0])[:-1], columns])
        super().__init__(operands=[parts], result_types=[result])

    def verify_shapes(self) -> None:
        expect(len(self.parts) > 0, "it joins one tensor or more")
        shapes, result = [shape_of(part) for part in self.parts], shape_of(self.result)
        expect(len(result) > 0, "scalars do not stand side by side")
        alike = all(len(shape) == len(result) and shape[:-1] == result[:-1] for shape in shapes)
        kinds = {element_type_of(value) for value in (*self.parts, self.result)}
        fits = alike and len(kinds) == 1 and sum(shape[-1] for shape in shapes) == result[-1]
        expect(fits, f"{', '.join(str(part.type) for part in self.parts)} do not make {self.result.type}")

    def flops(self) -> int:
        return 0

    @classmethod
    def spelled(cls, arguments: Arguments) -> ConcatOp:
        names = arguments.several(_PART)
        parts = [arguments.floats(name) for name in names]
        if not parts:
            raise arguments.refused("concat joins nothing", "give it tensors: concat(a, b)")
        for name, part in zip(names, parts, strict=True):
            shape, first = shape_of(part), shape_of(parts[0])
            same = element_type_of(part) == element_type_of(parts[0])
            if not shape or shape[:-1] != first[:-1] or not same:
                message = f"a part is {shown(part.type)}, the first {shown(parts[0].type)}"
                raise arguments.wrong(name, message, "parts differ in their columns alone")
        return cls(parts)

    def tile_rule(self) -> Without:
        return Without("it joins whole rows")

    def shard(self, view: ShardView) -> Sharded:
        return view.whole()


VIEW_OPERATIONS = (SliceOp, ConcatOp)
"""Those of `nn` in this file."""
