"""The `nn` operations that only choose and join elements: slices, and tensors side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from xdsl.dialects.builtin import DenseArrayBase, IntegerAttr, TensorType, i64
from xdsl.ir import SSAValue
from xdsl.irdl import (
    ParsePropInAttrDict,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    result_def,
    traits_def,
    var_operand_def,
)
from xdsl.traits import Pure

from .operation import ComputeOp, Fusion, Without
from .rule_calls import call_of
from .rules.views import slice_columns
from .sharding import Placement, Sharded, ShardView, Split, resized
from .spelling import Arguments, Spelling, shown
from .tensors import FLOAT_TENSOR, element_type_of, shape_of

_EXTENT, _PART = "extent", "part"


@irdl_op_definition
class SliceOp(ComputeOp):
    """Columns of a tensor, the elements `start` to `start + N` of its last dimension: `[…, M] -> […, N]`.

    `%k = nn.slice %x from 64 : (tensor<1x96xbf16>) -> tensor<1x32xbf16>`. With `head_columns` M, they are
    those of each head: `[…, H * M] -> […, H * N]`.
    """

    name = "nn.slice"

    NUMPY: ClassVar = ".backends.numerics:slice"
    KEEPS_SUMS: ClassVar[bool] = True
    SPELLING: ClassVar = Spelling("split", ("x",), ("heads",), many=_EXTENT)
    FUSION: ClassVar = Fusion("conversion", "")

    x = operand_def(FLOAT_TENSOR)
    start = prop_def(IntegerAttr.constr(i64))
    head_columns = opt_prop_def(IntegerAttr.constr(i64))
    """Columns of a head of x, each of which is cut by itself; absent: rows are."""
    result = result_def(FLOAT_TENSOR)

    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$x `from` $start attr-dict `:` functional-type(operands, results)"

    def __init__(self, x: SSAValue, start: int, extent: int, heads: int | None = None):
        """`start` and `extent` are of each of so many heads, or of the row."""
        columns = shape_of(x)[-1]
        result = TensorType(element_type_of(x), [*shape_of(x)[:-1], extent * (heads or 1)])
        properties = {
            "start": IntegerAttr(start, i64),
            "head_columns": None if heads is None else IntegerAttr(columns // heads, i64),
        }
        super().__init__(operands=[x], result_types=[result], properties=properties)

    @property
    def _columns(self) -> tuple[int, int]:
        """Columns of what is cut by itself, and how many of them the result has."""
        return slice_columns(call_of(self))

    @classmethod
    def spelled_all(cls, arguments: Arguments) -> Sequence[SliceOp]:
        """The parts of a row, one behind the other; together they are the row, or each head of it."""
        x = arguments.floats("x")
        heads = arguments.whole("heads") if "heads" in arguments else None
        widths = [arguments.whole(name) for name in arguments.several(_EXTENT)]
        columns = shape_of(x)[-1] if shape_of(x) else 0
        if not widths or sum(widths) * (heads or 1) != columns:
            of = f" in {heads} heads" if heads is not None else ""
            message = f"the parts have {sum(widths)} columns{of}, x is {shown(x.type)}"
            raise arguments.refused(message, "give the columns of each part: q, k = split(x, 64, 32)")
        starts = (sum(widths[:number]) for number in range(len(widths)))
        return [cls(x, start, width, heads) for start, width in zip(starts, widths, strict=True)]

    def tile_rule(self) -> Without:
        return Without("it chooses from whole rows")

    def shard(self, view: ShardView) -> Sharded:
        """Every socket cuts its own heads; a row is needed whole."""
        (lies,), (columns, kept) = view.operands, self._columns
        if self.head_columns is None or not isinstance(lies, Split):
            return view.whole()
        result = resized(lies, shape_of(self.x)[-1], columns, kept)
        return view.whole() if result is None else Sharded((lies,), result)

    def wants(self, result: Placement | None, sockets: int) -> Sequence[Placement | None]:
        columns, kept = self._columns
        if self.head_columns is None or result is None:
            return (None,)
        return (resized(result, shape_of(self.result)[-1], kept, columns),)


@irdl_op_definition
class ConcatOp(ComputeOp):
    """Tensors side by side along the last dimension: `[…, M], […, N] -> […, M + N]`.

    With `head_columns`, those of a head of each part, it is so in each head: `[…, H * M], […, H * N]` give
    `[…, H * (M + N)]`.
    """

    name = "nn.concat"

    NUMPY: ClassVar = ".backends.numerics:concat"
    KEEPS_SUMS: ClassVar[bool] = True
    SPELLING: ClassVar = Spelling("concat", (), ("heads",), many=_PART)
    FUSION: ClassVar = Fusion("conversion", "")

    parts = var_operand_def(FLOAT_TENSOR)
    head_columns = opt_prop_def(DenseArrayBase.constr(i64))
    """Columns of a head of each part; absent: rows are joined whole."""
    result = result_def(FLOAT_TENSOR)

    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$parts attr-dict `:` functional-type(operands, results)"

    def __init__(self, parts: Sequence[SSAValue], heads: int | None = None):
        columns = [shape_of(part)[-1] for part in parts]
        result = TensorType(element_type_of(parts[0]), [*shape_of(parts[0])[:-1], sum(columns)])
        each = None if heads is None else DenseArrayBase.from_list(i64, [one // heads for one in columns])
        super().__init__(operands=[parts], result_types=[result], properties={"head_columns": each})

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
        heads = arguments.whole("heads") if "heads" in arguments else None
        for name, part in zip(names, parts, strict=True):
            if heads is not None and shape_of(part)[-1] % heads:
                message = f"a part is {shown(part.type)}, its rows have no {heads} heads"
                raise arguments.wrong(name, message, "a part has as many columns in each head")
        return cls(parts, heads)

    def tile_rule(self) -> Without:
        return Without("it joins whole rows")

    def shard(self, view: ShardView) -> Sharded:
        """Every socket joins its own heads; rows are needed whole."""
        if self.head_columns is None or not all(isinstance(lies, Split) for lies in view.operands):
            return view.whole()
        heads = [int(head) for head in self.head_columns.get_values()]
        made = {
            resized(lies, shape_of(part)[-1], head, sum(heads))
            for lies, part, head in zip(view.operands, self.parts, heads, strict=True)
        }
        result = made.pop() if len(made) == 1 else None
        return view.whole() if result is None else Sharded(view.operands, result)

    def wants(self, result: Placement | None, sockets: int) -> Sequence[Placement | None]:
        if self.head_columns is None or result is None:
            return [None] * len(self.parts)
        heads, extent = [int(head) for head in self.head_columns.get_values()], shape_of(self.result)[-1]
        return [resized(result, extent, sum(heads), head) for head in heads]


VIEW_OPERATIONS = (SliceOp, ConcatOp)
"""Those of `nn` in this file."""
