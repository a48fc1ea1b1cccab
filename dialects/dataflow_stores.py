"""The stores of networks: what streams from channels to memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from xdsl.dialects.builtin import IntegerAttr, IntegerType, MemRefType, TensorType, i64
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import (
    AttrSizedOperandSegments,
    ParsePropInAttrDict,
    irdl_op_definition,
    operand_def,
    opt_operand_def,
    opt_prop_def,
    traits_def,
    var_operand_def,
)
from xdsl.traits import HasParent

from .dataflow_kernel import KernelOp
from .dataflow_loops import Slices
from .dataflow_parts import StreamOp, stream_properties, stream_tiles
from .dataflow_units import fail_at
from .tensors import ChannelType, element_type_of, expect, expect_tokens, shape_of, tile_of
from .tiles import last_tile, tiled_axis


@irdl_op_definition
class StoreOp(StreamOp):
    """Stream tiles to memory: to result N of the kernel, or into a memref.

    `dataflow.store %c result 0 : …` or `dataflow.store %c into %cache at %position done (%t) : …`. With a
    position, tiles of `[B, G * D]` go to index `position` of a cache `[B, G, context, D]`. Slices, the
    counting of steps and rings are those of `dataflow.load`; the slices of a result are slices of the result.
    """

    name = "dataflow.store"
    RESOURCE: ClassVar[str | None] = "hbm"

    channel = operand_def(ChannelType)
    destination = opt_operand_def(MemRefType[Attribute])
    position = opt_operand_def(TensorType[IntegerType])
    done = var_operand_def(ChannelType)
    """Each gets a token when the data of an iteration is in memory."""
    result = opt_prop_def(IntegerAttr.constr(i64))

    traits = traits_def(HasParent(KernelOp))
    irdl_options = (AttrSizedOperandSegments(as_property=True), ParsePropInAttrDict())
    assembly_format = (
        "$channel (`result` $result^)? (`into` $destination^ `:` type($destination))? "
        "(`at` $position^ `:` type($position))? (`done` `(` $done^ `:` type($done) `)`)? "
        "attr-dict `:` type($channel)"
    )

    def __init__(
        self,
        channel: SSAValue,
        *,
        result: int | None = None,
        destination: SSAValue | None = None,
        position: SSAValue | None = None,
        done: Sequence[SSAValue] = (),
        slices: Slices | None = None,
        ring: bool = False,
    ):
        properties = stream_properties(slices, ring=ring)
        if result is not None:
            properties["result"] = IntegerAttr(result, i64)
        super().__init__(operands=[channel, destination, position, done], properties=properties)

    def inputs(self) -> Sequence[SSAValue]:
        return (self.channel,)

    def outputs(self) -> Sequence[SSAValue]:
        return self.done

    @property
    def memory_type(self) -> Attribute:
        """Type of the memref that one pass writes into: the destination, or one slice of it."""
        assert self.destination is not None, "asked only of stores into a memref"
        return self.part_of(self.destination.type)

    @property
    def stream_type(self) -> Attribute:
        """Type of what one pass writes; at a position of a cache `[B, G, context, D]`, `[B, G * D]`."""
        if self.position is not None:
            shape = shape_of(self.memory_type)
            expect(len(shape) == 4, f"`at` needs a cache [batch, heads, context, head_dim], got {shape}")
            return TensorType(element_type_of(self.memory_type), [shape[0], shape[1] * shape[3]])
        if self.destination is not None:
            return self.memory_type
        return self.part_of(self._result_type)

    @property
    def _result_type(self) -> Attribute:
        kernel = self.parent_op()
        number = self.result.value.data if self.result is not None else -1
        assert isinstance(kernel, KernelOp), "checked by the op's traits"
        outputs = kernel.function_type.outputs.data
        expect(0 <= number < len(outputs), f"result {number} of a kernel with {len(outputs)}")
        return outputs[number]

    @property
    def stack(self) -> Attribute | None:
        """Type of the memory that it writes slices of."""
        if self.destination is not None:
            return self.destination.type
        return self._result_type if isinstance(self.parent_op(), KernelOp) else None

    def produced_tiles(self, channel: SSAValue) -> int:
        return self.passes

    @property
    def work(self) -> int:
        return stream_tiles(self.stream_type, self.channel)

    def put_work(self, channel: SSAValue) -> Sequence[int]:
        return (self.work - 1,)

    @property
    def last_tile(self) -> tuple[int, ...]:
        """The shape of what the last tile of a pass has in memory, where that is less; else ().

        At a position of a cache tiles are `[B, heads, D]` there.
        """
        last = last_tile(shape_of(self.stream_type), shape_of(tile_of(self.channel)))
        if self.position is None or not last:
            return last
        head_dim = shape_of(self.memory_type)[3]
        return last[0], last[1] // head_dim, head_dim

    def verify_extents(self, known: Mapping[SSAValue, int]) -> None:
        whole, tile = shape_of(self.stream_type), shape_of(tile_of(self.channel))
        (axis, _), extent = tiled_axis(whole, tile), known.get(self.channel)
        if axis is not None and extent is not None and whole[axis] != extent:
            fail_at(self, f"its tiles of {tile[axis]} are cut from {extent} indices, it stores {whole[axis]}")

    @property
    def memory(self) -> SSAValue | None:
        return self.destination

    @property
    def memory_port(self) -> SSAValue:
        return self.channel

    @property
    def stored_result(self) -> int | None:
        return None if self.result is None else self.result.value.data

    def verify_(self) -> None:
        super().verify_()
        both = (self.result is None) != (self.destination is None)
        expect(both, "a store goes to a result or into a memref, one of them")
        expect(self.position is None or self.destination is not None, "`at` needs `into`")
        self.verify_position(self.position)
        expect_tokens(self.done, "`done`")
        self.verify_slices(self.stack, whole=self.result is not None)
        if self.parent_op() is not None:
            stream_tiles(self.stream_type, self.channel)
        if self.position is not None:
            columns, head_dim = shape_of(tile_of(self.channel))[1], shape_of(self.memory_type)[3]
            expect(columns % head_dim == 0, f"tiles of {columns} columns cut heads of {head_dim}")
