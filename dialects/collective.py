"""The `collective` dialect: how the sockets of a tensor-parallel model depend on each other.

**Invariants.** After `shard-tensors` every shape is that of one socket, all sockets run the same program on
their own shards, and they exchange values through these operations alone.
"""

from __future__ import annotations

from typing import ClassVar

from xdsl.dialects.builtin import IntegerAttr, TensorType, i64
from xdsl.ir import Dialect, SSAValue
from xdsl.irdl import irdl_op_definition, prop_def

from .nn_compute import ShardedEmbeddingOp as ShardedEmbeddingOp
from .nn_views import SliceOp
from .operation import ComputeOp, Fusion, SocketExchangeOp
from .own_experts import OwnExpertsOp as OwnExpertsOp
from .sharding import REPLICATED, CannotSplit, Layout, Partial, Replicated, Split
from .tensors import element_type_of, shape_of


@irdl_op_definition
class AllReduceOp(SocketExchangeOp):
    """The sum over all sockets, on each of them: summed in socket order, rounded once.

    `%s = collective.all_reduce %x : (tensor<1x4096xbf16>) -> tensor<1x4096xbf16>`
    """

    name = "collective.all_reduce"

    NUMPY: ClassVar = ".backends.collectives:all_reduce"
    FUSION: ClassVar = Fusion("socket_sum")

    assembly_format = "$x attr-dict `:` functional-type(operands, results)"

    def __init__(self, x: SSAValue):
        super().__init__(operands=[x], result_types=[x.type])

    def exchanged(self, lies: Layout) -> Layout:
        if isinstance(lies, Partial):
            return REPLICATED
        what = "is whole on every socket" if isinstance(lies, Replicated) else f"lies {lies}"
        raise CannotSplit(f"{self.name} adds up summands, and x {what}", "take it out, or gather the parts")


@irdl_op_definition
class AllGatherOp(SocketExchangeOp):
    """The sockets' parts of a tensor one behind the other along an axis, in socket order, on each of them.

    `%g = collective.all_gather %x axis 1 : (tensor<1x512xbf16>) -> tensor<1x4096xbf16>` puts 8 parts
    together. With fewer parts than sockets, neighbours hold the same part, and it counts once.
    """

    name = "collective.all_gather"

    axis = prop_def(IntegerAttr.constr(i64))

    NUMPY: ClassVar = ".backends.collectives:all_gather"
    FUSION: ClassVar = Fusion("socket_gather", "")

    assembly_format = "$x `axis` $axis attr-dict `:` functional-type(operands, results)"

    def __init__(self, x: SSAValue, axis: int, parts: int):
        shape = list(shape_of(x))
        shape[axis] *= parts
        super().__init__(
            operands=[x],
            result_types=[TensorType(element_type_of(x), shape)],
            properties={"axis": IntegerAttr(axis, i64)},
        )

    @property
    def parts(self) -> int:
        """Number of parts that are put together."""
        axis = self.axis.value.data
        return shape_of(self.result)[axis] // shape_of(self.x)[axis]

    def exchanged(self, lies: Layout) -> Layout:
        """Zeros behind the last element are there still; who cuts them off comes behind."""
        axis, parts = self.axis.value.data, self.parts
        fits = isinstance(lies, Split) and (lies.axis, lies.parts) == (axis, parts)
        if isinstance(lies, Split) and fits and lies.blocks == 1 and (not lies.runs or lies.ends_in_zeros):
            return REPLICATED
        raise CannotSplit(f"{self.name} puts {parts} parts together along axis {axis}, and x lies {lies}", "")


def made_whole(value: SSAValue, layout: Split | Partial) -> list[ComputeOp]:
    """What gives every socket the whole of a value that lies so; the last operation has it.

    Zeros behind the last element are cut off.
    """
    if isinstance(layout, Partial):
        return [AllReduceOp(value)]
    gathered = AllGatherOp(value, layout.axis, layout.parts)
    if not layout.runs:
        return [gathered]
    assert layout.ends_in_zeros, "other zeros cannot be gathered"
    assert layout.axis == len(shape_of(value)) - 1, "columns alone are padded behind the last one"
    return [gathered, SliceOp(gathered.result, 0, layout.runs[0])]


COLLECTIVE = Dialect("collective", [AllReduceOp, AllGatherOp, ShardedEmbeddingOp, OwnExpertsOp])
