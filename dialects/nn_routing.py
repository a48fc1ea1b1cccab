"""The `nn` operations of a router: the best columns of a row, and what stands there.

A router scores E experts for each row; `nn.top_k` names the K best ones, and `nn.take` reads their scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from xdsl.dialects.builtin import IntegerAttr, IntegerType, TensorType, i32, i64
from xdsl.ir import SSAValue
from xdsl.irdl import (
    ParsePropInAttrDict,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import Pure

from .nn_rows import wanted_row
from .operation import ComputeOp, Fusion, Without
from .rules.rows import GROUPING, grouping_fault
from .sharding import Placement, Sharded, ShardView
from .spelling import Arguments, Spelling, shown
from .tensors import FLOAT_TENSOR, element_type_of, expect, shape_of


def _way_out(x: SSAValue, count: int, groups: int, kept: int) -> str:
    """What to say in place of a choice that has a fault: more groups, where those that are kept are short."""
    columns = shape_of(x)[1]
    is_short = columns % groups == 0 and kept <= groups and kept * (columns // groups) < count <= columns
    if is_short:
        return f"keep more groups: kept = {-(-count // (columns // groups))}"
    return f"x is {shown(x.type)}, with one column for each expert"


@irdl_op_definition
class TopKOp(ComputeOp):
    """The columns of the `count` largest elements of each row, the largest first: `[B, E]` gives `[B, K]`.

    `%ids = nn.top_k %x of 2 : (tensor<4x8xf32>) -> tensor<4x2xi32>`. Of equals the lowest column comes
    first; zeros of both signs are equal, and a NaN is above all numbers, as in `nn.argmax`. With
    `{groups = 4, kept = 2, best = 1}` columns lie in 4 equal groups, and only those of the 2 best groups are
    named: the score of a group is the sum of its `best` largest elements, largest first, rounded to the
    element type.
    """

    name = "nn.top_k"

    NUMPY: ClassVar = ".backends.numerics_routing:top_k"
    SPELLING: ClassVar = Spelling("top_k", ("x", "count"), optional=GROUPING)
    FUSION: ClassVar = Fusion("routing")

    x = operand_def(FLOAT_TENSOR)
    count = prop_def(IntegerAttr.constr(i64))
    """How many columns each row names."""
    groups = opt_prop_def(IntegerAttr.constr(i64))
    """Groups of columns, of equal extent."""
    kept = opt_prop_def(IntegerAttr.constr(i64))
    """Groups whose columns count."""
    best = opt_prop_def(IntegerAttr.constr(i64))
    """Elements of a group that its score is the sum of."""
    result = result_def(TensorType[IntegerType])

    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$x `of` $count attr-dict `:` functional-type(operands, results)"

    def __init__(self, x: SSAValue, count: int, grouping: tuple[int, int, int] | None = None):
        """`grouping` are the numbers of groups, of those that are kept, and of the best elements of each."""
        properties = {"count": IntegerAttr(count, i64)}
        properties |= {
            name: IntegerAttr(number, i64) for name, number in zip(GROUPING, grouping or (), strict=False)
        }
        result = TensorType(i32, [shape_of(x)[0], count])
        super().__init__(operands=[x], result_types=[result], properties=properties)

    @property
    def grouping(self) -> tuple[int, int, int]:
        """The numbers of groups, of those that are kept, and of the best elements of each; 1 by default."""
        groups, kept, best = (
            1 if given is None else given.value.data for given in (self.groups, self.kept, self.best)
        )
        return groups, kept, best

    @classmethod
    def spelled(cls, arguments: Arguments) -> TopKOp:
        """Of a matrix; a group's score is its best element if `best` is not given."""
        x, count = arguments.floats("x", rank=2), arguments.whole("count")
        grouped = [name for name in GROUPING if name in arguments]
        if grouped and not {"groups", "kept"} <= set(grouped):
            raise arguments.refused(
                f"{grouped[0]} alone", "give groups, and how many of them are kept: groups = 8, kept = 4"
            )
        groups, kept, best = (arguments.whole(name) if name in arguments else 1 for name in GROUPING)
        if fault := grouping_fault(shape_of(x)[1], count, groups, kept, best):
            raise arguments.refused(fault, _way_out(x, count, groups, kept))
        return cls(x, count, (groups, kept, best) if grouped else None)

    def tile_rule(self) -> Without:
        return Without("it compares whole rows")

    def shard(self, view: ShardView) -> Sharded:
        return view.whole()

    def wants(self, result: Placement | None, sockets: int) -> Sequence[Placement | None]:
        return (wanted_row(self.x),)


@irdl_op_definition
class TakeOp(ComputeOp):
    """The columns of each row that ids name: `[B, N]` and ids `[B, K]` give `[B, K]`.

    `%w = nn.take %x, %ids : (tensor<4x8xf32>, tensor<4x2xi32>) -> tensor<4x2xf32>`
    """

    name = "nn.take"

    NUMPY: ClassVar = ".backends.numerics_routing:take"
    SPELLING: ClassVar = Spelling("take", ("x", "ids"))
    FUSION: ClassVar = Fusion("routing")

    x = operand_def(FLOAT_TENSOR)
    ids = operand_def(TensorType[IntegerType])
    result = result_def(FLOAT_TENSOR)

    traits = traits_def(Pure())
    assembly_format = "$x `,` $ids attr-dict `:` functional-type(operands, results)"

    def __init__(self, x: SSAValue, ids: SSAValue):
        result = TensorType(element_type_of(x), shape_of(ids))
        super().__init__(operands=[x, ids], result_types=[result])

    @classmethod
    def _fault(cls, x: SSAValue, ids: SSAValue) -> str:
        """What does not fit together; nothing if empty."""
        if shape_of(x)[0] != shape_of(ids)[0]:
            return f"ids are those of {shape_of(ids)[0]} rows, x has {shape_of(x)[0]}"
        chosen = ids.owner
        if isinstance(chosen, TopKOp) and shape_of(chosen.x)[1] != shape_of(x)[1]:
            return f"ids name some of {shape_of(chosen.x)[1]} columns, x has {shape_of(x)[1]}"
        return ""

    def verify_shapes(self) -> None:
        super().verify_shapes()
        fault = self._fault(self.x, self.ids)
        expect(not fault, fault)

    @classmethod
    def spelled(cls, arguments: Arguments) -> TakeOp:
        x, ids = arguments.floats("x", rank=2), arguments.indices("ids", rank=2)
        if fault := cls._fault(x, ids):
            raise arguments.wrong("ids", fault, "take the columns that top_k names, of what it has compared")
        return cls(x, ids)

    def tile_rule(self) -> Without:
        return Without("it chooses from whole rows")

    def shard(self, view: ShardView) -> Sharded:
        return view.whole()

    def wants(self, result: Placement | None, sockets: int) -> Sequence[Placement | None]:
        return wanted_row(self.x), None


ROUTING_OPERATIONS = (TopKOp, TakeOp)
"""Those of `nn` in this file."""
