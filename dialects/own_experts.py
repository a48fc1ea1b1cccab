"""The experts of a socket, where each has some whole ones: ids as it counts them."""

from __future__ import annotations

from typing import ClassVar

from xdsl.dialects.builtin import IntegerAttr, IntegerType, TensorType, i64
from xdsl.ir import SSAValue
from xdsl.irdl import (
    ParsePropInAttrDict,
    irdl_op_definition,
    operand_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import Pure

from .operation import SPLIT_ALREADY, ComputeOp, Fusion, Without
from .sharding import REPLICATED, Sharded, ShardView, Split
from .tensors import shape_of


@irdl_op_definition
class OwnExpertsOp(ComputeOp):
    """Ids of experts as each socket counts the `experts` that it has, from 0 on; -1 for those of others.

    `%own = collective.own_experts %ids of 4 : (tensor<2x2xi32>) -> tensor<2x2xi32>`: on socket 1 the ids 3,
    4 and 6 are -1, 0 and 2. Nothing is exchanged.
    """

    name = "collective.own_experts"

    NUMPY: ClassVar = ".backends.collectives:own_experts"
    ACROSS_SOCKETS: ClassVar[bool] = True
    SPELLING: ClassVar = SPLIT_ALREADY
    FUSION: ClassVar = Fusion("routing", "router")

    ids = operand_def(TensorType[IntegerType])
    experts = prop_def(IntegerAttr.constr(i64))
    """Experts of each socket."""
    result = result_def(TensorType[IntegerType])

    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$ids `of` $experts attr-dict `:` functional-type(operands, results)"

    def __init__(self, ids: SSAValue, experts: int):
        properties = {"experts": IntegerAttr(experts, i64)}
        super().__init__(operands=[ids], result_types=[ids.type], properties=properties)

    def tile_rule(self) -> Without:
        return Without("it is made for all ids at once, as they are compared")

    def shard(self, view: ShardView) -> Sharded:
        """Each socket has what no other one has, in places of its own."""
        chosen = shape_of(self.ids)[1]
        return Sharded((REPLICATED,), Split(1, view.sockets, blocks=chosen, places=chosen))
