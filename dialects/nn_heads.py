"""The `nn` operation that multiplies heads, each by a matrix of its own: absorbed projections of latents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from xdsl.dialects.builtin import TensorType, UnitAttr
from xdsl.ir import SSAValue
from xdsl.irdl import (
    ParsePropInAttrDict,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import Pure

from .operation import ComputeOp, Fusion, TileRule
from .rule_calls import call_of
from .rules.products import head_columns
from .sharding import Heads, Placement, Sharded, ShardView, Split, resized, shifted, uneven, zeros_in
from .spelling import TRANSPOSED, Arguments, Spelling, shown
from .tensors import FLOAT_TENSOR, element_type_of, shape_of


@irdl_op_definition
class HeadMatmulOp(ComputeOp):
    """A matrix product for each head: `[B, H * K]` and `[H * K, N]` give `[B, H * N]`.

    `%y = nn.head_matmul %x, %w : (tensor<1x12xf32>, tensor<12x5xf32>) -> tensor<1x15xf32>` has 3 heads. The
    matrices stand one below the other; with `transposed` they are `[H * N, K]`. Sums are wide and rounded
    once. How many heads there are is what the shapes say, so that a tile or a socket has some of them.
    """

    name = "nn.head_matmul"

    NUMPY: ClassVar = ".backends.numerics:head_matmul"
    SPELLING: ClassVar = Spelling("head_matmul", ("x", "w", "heads"), transposable=("w",))
    FUSION: ClassVar = Fusion("projection")

    x = operand_def(FLOAT_TENSOR)
    w = operand_def(FLOAT_TENSOR)
    transposed = opt_prop_def(UnitAttr)
    """Each matrix has a row for each column of the result."""
    result = result_def(FLOAT_TENSOR)

    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$x `,` $w attr-dict `:` functional-type(operands, results)"

    def __init__(self, x: SSAValue, w: SSAValue, heads: int, *, transposed: bool = False):
        rows, columns = shape_of(w)
        result = TensorType(element_type_of(x), [shape_of(x)[0], rows if transposed else heads * columns])
        properties = {"transposed": UnitAttr() if transposed else None}
        super().__init__(operands=[x, w], result_types=[result], properties=properties)

    @property
    def head_columns(self) -> tuple[int, int]:
        """Columns of a head of x and of the result."""
        return head_columns(call_of(self))

    @classmethod
    def spelled(cls, arguments: Arguments) -> HeadMatmulOp:
        """The result has the element type of x."""
        x, w = arguments.floats("x", rank=2), arguments.floats("w", rank=2)
        heads, transposed = arguments.whole("heads"), TRANSPOSED in arguments
        (_, columns), (rows, inner) = shape_of(x), shape_of(w)
        if columns % heads or rows % heads:
            extent = f"x is {shown(x.type)}, w {shown(w.type)}"
            raise arguments.wrong("heads", f"{extent}: no {heads} heads", "heads divide the rows of w")
        if columns != (heads * inner if transposed else rows):
            message = f"x is {shown(x.type)}, w {'transposed ' * transposed}{shown(w.type)}"
            wanted = "[heads * out, in]" if transposed else "[heads * in, out]"
            raise arguments.wrong("w", message, f"x is [batch, heads * in], w {wanted}")
        return cls(x, w, heads, transposed=transposed)

    def tile_rule(self) -> TileRule:
        """Some heads at a time."""
        inner, outer = self.head_columns
        return TileRule((1, 0), 1, units=(inner, inner if self.transposed is None else outer, outer))

    def shard(self, view: ShardView) -> Sharded:
        """Every socket has the matrices of its heads."""
        view.require_free(1, "the right-hand side of head_matmul")
        (inner, outer), columns = self.head_columns, shape_of(self.x)[1]
        lies = view.operands[0]
        if not isinstance(lies, Split):
            lies = self._default(view.sockets)
        result = resized(lies, columns, inner, outer)
        if result is None:
            raise uneven(columns // inner, view.sockets, "heads")
        rows = lies if self.transposed is None else result
        return Sharded((lies, shifted(rows, -1)), zeros_in(result))

    def wants(self, result: Placement | None, sockets: int) -> Sequence[Placement | None]:
        inner, outer = self.head_columns
        if not isinstance(result, Split):
            return self._default(sockets), None
        return resized(result, shape_of(self.result)[1], outer, inner), None

    def _default(self, sockets: int) -> Placement:
        """Heads over all sockets, those of zeros behind the others."""
        inner, _ = self.head_columns
        return Heads(shape_of(self.x)[1] // inner, 1, sockets).query_placement(inner)


HEAD_OPERATIONS = (HeadMatmulOp,)
"""Those of `nn` in this file."""
