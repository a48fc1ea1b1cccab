"""The `nn` operations that weigh what chosen experts make.

`nn.spread` brings what rows give to the experts that they name into the order of the experts that are read
(`nn.distinct`); `nn.scale` weighs with that what those experts have made of all rows.
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from xdsl.dialects.builtin import IntegerType, TensorType
from xdsl.ir import SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, result_def, traits_def
from xdsl.traits import Pure

from .nn_experts import DistinctOp
from .operation import ComputeOp, Fusion, Instead, Without
from .own_experts import OwnExpertsOp
from .rules.rows import places_fit
from .sharding import REPLICATED, CannotSplit, Sharded, ShardView, Split
from .spelling import Arguments, Spelling, extents
from .tensors import FLOAT_TENSOR, element_type_of, expect, shape_of


@irdl_op_definition
class SpreadOp(ComputeOp):
    """What each row gives to each place: weights `[B, K]` of ids `[B, K]` for experts `[S]` give `[B, S]`.

    `%g = nn.spread %w, %ids, %e : (tensor<4x2xf32>, tensor<4x2xi32>, tensor<8xi32>) -> tensor<4x8xf32>`. It
    is 0 where the row does not name the expert, and at places of -1; an id that a row names several times
    gives the sum, from the left, rounded once.
    """

    name = "nn.spread"

    NUMPY: ClassVar = ".backends.numerics_routing:spread"
    SPELLING: ClassVar = Spelling("spread", ("weights", "ids", "experts"))
    FUSION: ClassVar = Fusion("routing", "router")

    weights = operand_def(FLOAT_TENSOR)
    ids = operand_def(TensorType[IntegerType])
    experts = operand_def(TensorType[IntegerType])
    result = result_def(FLOAT_TENSOR)

    traits = traits_def(Pure())
    assembly_format = "$weights `,` $ids `,` $experts attr-dict `:` functional-type(operands, results)"

    def __init__(self, weights: SSAValue, ids: SSAValue, experts: SSAValue):
        result = TensorType(element_type_of(weights), [shape_of(weights)[0], shape_of(experts)[0]])
        super().__init__(operands=[weights, ids, experts], result_types=[result])

    def verify_shapes(self) -> None:
        super().verify_shapes()
        expect(not _of_others(self.ids, self.experts), _OF_OTHERS)

    @classmethod
    def spelled(cls, arguments: Arguments) -> SpreadOp:
        weights, ids = arguments.floats("weights", rank=2), arguments.indices("ids", rank=2)
        experts = arguments.indices("experts", rank=1)
        if shape_of(weights) != shape_of(ids):
            message = f"weights are {extents(weights)}, ids {extents(ids)}"
            raise arguments.wrong("ids", message, "give a weight for each id: take(p, ids)")
        if _of_others(ids, experts):
            raise arguments.wrong("experts", _OF_OTHERS, "give the experts that distinct makes of these ids")
        return cls(weights, ids, experts)

    def tile_rule(self) -> Without:
        return Without("it compares all ids")

    def shard(self, view: ShardView) -> Sharded | Instead:
        """Each socket has the gates of its own experts, of which it knows the ids as it counts them."""
        _, ids, experts = view.operands
        if not isinstance(experts, Split):
            return view.whole()
        if isinstance(ids, Split):  # those of own experts, which this one's rule has asked for
            return Sharded((REPLICATED, ids, experts), replace(experts, axis=1))
        if not isinstance(self.experts.owner, DistinctOp):
            message = f"{self.name} weighs the experts of each socket by ids of all"
            raise CannotSplit(message, f"give it the ids of {OwnExpertsOp.name}")
        own = OwnExpertsOp(self.ids, self.experts.owner.experts.value.data // view.sockets)
        return Instead((own, SpreadOp(self.weights, own.result, self.experts)))


_OF_OTHERS = "the experts are those of other ids"


def _of_others(ids: SSAValue, experts: SSAValue) -> bool:
    """Whether experts are known to be those of other ids, so that weights would be lost."""
    return isinstance(experts.owner, DistinctOp) and _whole(experts.owner.ids) is not _whole(ids)


def _whole(ids: SSAValue) -> SSAValue:
    """The ids that a socket knows as it counts its own experts."""
    return ids.owner.ids if isinstance(ids.owner, OwnExpertsOp) else ids


@irdl_op_definition
class ScaleOp(ComputeOp):
    """Columns times the gate of their place: `[B, S * n]` and gates `[B, S]`, rounded once to x's type.

    `%y = nn.scale %x, %gates : (tensor<4x24xbf16>, tensor<4x8xf32>) -> tensor<4x24xbf16>`. A gate of zero, of
    either sign, gives zeros whatever x is, infinities and NaNs as well: that row has not chosen the expert.
    """

    name = "nn.scale"

    NUMPY: ClassVar = ".backends.numerics_routing:scale"
    SPELLING: ClassVar = Spelling("scale", ("x", "gates"))
    FUSION: ClassVar = Fusion("elementwise", "activation")

    x = operand_def(FLOAT_TENSOR)
    gates = operand_def(FLOAT_TENSOR)
    result = result_def(FLOAT_TENSOR)

    traits = traits_def(Pure())
    assembly_format = "$x `,` $gates attr-dict `:` functional-type(operands, results)"

    def __init__(self, x: SSAValue, gates: SSAValue):
        super().__init__(operands=[x, gates], result_types=[x.type])

    @classmethod
    def spelled(cls, arguments: Arguments) -> ScaleOp:
        x, gates = arguments.floats("x", rank=2), arguments.floats("gates", rank=2)
        if not places_fit(shape_of(x), shape_of(gates)):
            message = f"x is {extents(x)}, gates are {extents(gates)}"
            raise arguments.wrong("gates", message, "x has equally many columns for each column of the gates")
        return cls(x, gates)

    def tile_rule(self) -> Without:
        return Without("it weighs whole rows")

    def shard(self, view: ShardView) -> Sharded:
        """As x lies: each socket has its part of all places, or all of its places and their gates."""
        x, places = view.operands[0], shape_of(self.gates)[1]
        if not isinstance(x, Split) or x.axis != 1 or x.runs:
            return view.whole()
        if x.places:
            return Sharded((x, x), x)
        return Sharded((x, REPLICATED), x) if x.blocks == places else view.whole()


GATE_OPERATIONS = (SpreadOp, ScaleOp)
"""Those of `nn` in this file."""
