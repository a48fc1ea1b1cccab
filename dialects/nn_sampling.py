"""The `nn` operation that draws a token at random, as probable as the logits say."""

from __future__ import annotations

from typing import ClassVar

from xdsl.dialects.builtin import FloatAttr, IntegerAttr, IntegerType, TensorType, f64, i64
from xdsl.ir import Attribute, SSAValue
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

from .operation import ComputeOp, Fusion, Without
from .rules.sampling import sampling_fault
from .sharding import Sharded, ShardView
from .tensors import FLOAT_TENSOR, shape_of


@irdl_op_definition
class SampleOp(ComputeOp):
    """A column of each row of logits, drawn at random: `[B, V] -> [B]`.

    `%next = nn.sample %logits, %position {temperature = 0.8, top_k = 40, top_p = 0.9, seed = 7} :
    (tensor<1x8xbf16>, tensor<i32>) -> tensor<1xi32>`

    Columns are ordered from the largest logit on, of equals the lowest first, and weigh
    `exp((x - max) / temperature)`. The first `top_k` of them are kept, of these the fewest first ones whose
    weights add up to `top_p` of all that are kept. Weights are added up in that order; the column is the
    first one whose sum is above `u` times that of all kept ones. A row with a NaN gives its first NaN, as
    `nn.argmax` does.

    `u`, from 0 to 1, is `h >> 11` times `2^-53`, and `h` is `mix(mix(mix(seed) ^ position) ^ row)` with the
    `mix` of SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014). So
    it is a function of seed, position and row of the batch alone.
    """

    name = "nn.sample"

    NUMPY: ClassVar = ".backends.numerics_sampling:sample"
    SPELLING: ClassVar = Without("the pass sample-tokens puts it where a model has its argmax")
    FUSION: ClassVar = Fusion("selection")

    x = operand_def(FLOAT_TENSOR)
    position = operand_def(TensorType[IntegerType])
    """Scalar: index of the token in its sequence."""
    temperature = prop_def(FloatAttr.constr(f64))
    """Logits are divided by it."""
    top_k = opt_prop_def(IntegerAttr.constr(i64))
    """Only so many of the largest are kept; absent: all."""
    top_p = opt_prop_def(FloatAttr.constr(f64))
    """Only the fewest that have so much of the probability are kept; absent: all."""
    seed = prop_def(IntegerAttr.constr(i64))
    """What numbers are drawn by."""
    result = result_def(TensorType[IntegerType])

    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$x `,` $position attr-dict `:` functional-type(operands, results)"

    def __init__(
        self,
        x: SSAValue,
        position: SSAValue,
        temperature: float,
        *,
        top_k: int | None = None,
        top_p: float | None = None,
        seed: int = 0,
        result_type: Attribute | None = None,
    ):
        properties: dict[str, Attribute] = {"temperature": FloatAttr(temperature, f64)}
        if top_k is not None:
            properties["top_k"] = IntegerAttr(top_k, i64)
        if top_p is not None:
            properties["top_p"] = FloatAttr(top_p, f64)
        properties["seed"] = IntegerAttr(seed, i64)
        if result_type is None:
            result_type = TensorType(IntegerType(32), shape_of(x)[:-1])
        super().__init__(operands=[x, position], result_types=[result_type], properties=properties)

    @property
    def fault(self) -> str:
        """What is wrong with its attributes; nothing if empty."""
        top_k, top_p = self.top_k, self.top_p
        return sampling_fault(
            self.temperature.value.data,
            None if top_k is None else top_k.value.data,
            None if top_p is None else top_p.value.data,
            self.seed.value.data,
        )

    def tile_rule(self) -> Without:
        return Without("it compares whole rows")

    def shard(self, view: ShardView) -> Sharded:
        return view.whole()


SAMPLING_OPERATIONS = (SampleOp,)
"""Those of `nn` in this file."""
