"""Rotary position embedding, whatever its frequencies come from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from xdsl.dialects.builtin import (
    DenseArrayBase,
    FloatAttr,
    IntegerAttr,
    IntegerType,
    TensorType,
    UnitAttr,
    f64,
    i64,
)
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

from .operation import ComputeOp, Fusion, TileRule
from .sharding import REPLICATED, Placement, Sharded, ShardView, Split, uneven
from .spelling import Arguments, Spelling, shown
from .tensors import FLOAT_TENSOR, shape_of

_INTERLEAVED = "interleaved_rope"


@irdl_op_definition
class RopeOp(ComputeOp):
    """Rotary position embedding of `[B, heads * head_dim]` at one position.

    Of each head the first `2 * n` elements rotate in `n` pairs, pair j by `position * frequencies[j]`:
    elements j and n + j, or 2j and 2j + 1 where they are interleaved. The rest stays.

    `nn.rope %x, %position {head_dim = 4, frequencies = array<f64: 1.0, 0.01>} : (…) -> tensor<1x8xbf16>`
    """

    name = "nn.rope"

    NUMPY: ClassVar = ".backends.numerics:rope"
    SPELLING: ClassVar = Spelling(
        "rope",
        ("x", "position", "frequencies"),
        ("head_dim", "scale", "long", "long_from"),
        (_INTERLEAVED,),
        constants=("frequencies", "long"),
    )
    FUSION: ClassVar = Fusion("rotation")

    x = operand_def(FLOAT_TENSOR)
    position = operand_def(TensorType[IntegerType])
    """Scalar: index of the token in its sequence."""
    head_dim = prop_def(IntegerAttr.constr(i64))
    frequencies = prop_def(DenseArrayBase.constr(f64))
    """Radians per position of each pair."""
    scale = opt_prop_def(FloatAttr.constr(f64))
    """Factor on cosines and sines; absent: 1."""
    long_frequencies = opt_prop_def(DenseArrayBase.constr(f64))
    """The frequencies of tokens that make a sequence longer than `long_from`."""
    long_from = opt_prop_def(IntegerAttr.constr(i64))
    """Positions from this one on have the long frequencies."""
    interleaved = opt_prop_def(UnitAttr)
    """Pairs are neighbours, not halves."""
    result = result_def(FLOAT_TENSOR)

    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$x `,` $position attr-dict `:` functional-type(operands, results)"

    def __init__(
        self,
        x: SSAValue,
        position: SSAValue,
        head_dim: int,
        frequencies: Sequence[float],
        *,
        scale: float | None = None,
        long: tuple[Sequence[float], int] | None = None,
        interleaved: bool = False,
    ):
        """`long` are the long frequencies and where they begin."""
        properties: dict[str, Attribute] = {
            "head_dim": IntegerAttr(head_dim, i64),
            "frequencies": DenseArrayBase.from_list(f64, frequencies),
        }
        if scale is not None:
            properties["scale"] = FloatAttr(scale, f64)
        if long is not None:
            properties["long_frequencies"] = DenseArrayBase.from_list(f64, long[0])
            properties["long_from"] = IntegerAttr(long[1], i64)
        if interleaved:
            properties["interleaved"] = UnitAttr()
        super().__init__(operands=[x, position], result_types=[x.type], properties=properties)

    @classmethod
    def spelled(cls, arguments: Arguments) -> RopeOp:
        x, position = arguments.floats("x", rank=2), arguments.indices("position", rank=0)
        frequencies = arguments.constant("frequencies")
        rotated = 2 * len(frequencies)
        head_dim = arguments.whole("head_dim") if "head_dim" in arguments else rotated
        if rotated > head_dim:
            message = f"head_dim is {head_dim}, {len(frequencies)} frequencies rotate {rotated} elements"
            raise arguments.wrong("head_dim", message)
        if shape_of(x)[1] % head_dim:
            message = f"x is {shown(x.type)}, its rows are no multiple of head_dim {head_dim}"
            raise arguments.wrong("x", message, "rope takes [batch, heads * head_dim]")
        scale = arguments.number("scale") if "scale" in arguments else None
        interleaved = arguments.name == _INTERLEAVED
        long = _long(arguments, len(frequencies))
        return cls(x, position, head_dim, frequencies, scale=scale, long=long, interleaved=interleaved)

    def tile_rule(self) -> TileRule:
        """Whole heads at a time."""
        return TileRule((1, None), 1, self.head_dim.value.data)

    def shard(self, view: ShardView) -> Sharded:
        """Whole heads rotate anywhere."""
        placement = view.operands[0]
        if isinstance(placement, Split):
            extent, head = shape_of(self.x)[1], self.head_dim.value.data
            if any(run % head for run in (placement.extent(extent), *placement.runs)):
                raise uneven(extent // head, placement.parts, "heads")
        return Sharded((placement, REPLICATED), placement)

    def wants(self, result: Placement | None, sockets: int) -> Sequence[Placement | None]:
        return result, None


def _long(arguments: Arguments, count: int) -> tuple[Sequence[float], int] | None:
    """The long frequencies and where they begin: both arguments or none of them."""
    if "long" not in arguments and "long_from" not in arguments:
        return None
    if "long" not in arguments or "long_from" not in arguments:
        missing = "long" if "long" not in arguments else "long_from"
        help = "long are the frequencies from position long_from on"
        raise arguments.refused(f"{arguments.name} lacks {missing}", help)
    long = arguments.constant("long")
    if len(long) != count:
        message = f"long has {len(long)} numbers, frequencies have {count}"
        raise arguments.wrong("long", message, "both are radians per position of the same pairs")
    return long, arguments.whole("long_from")
