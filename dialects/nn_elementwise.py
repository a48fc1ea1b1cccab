"""The `nn` operations on elements: sum, product, activations, conversion, and the choice of the largest."""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence
from math import prod
from typing import ClassVar

from xdsl.dialects.builtin import AnyFloat, IntegerType, TensorType
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, result_def, traits_def
from xdsl.traits import Pure

from .operation import ComputeOp, Fusion, TileRule, Without
from .sharding import Placement, Sharded, ShardView, shifted
from .spelling import FLOAT_TYPES, LEFT, RIGHT, Arguments, Spelling
from .tensors import expect, shape_of


class ElementwiseOp(ComputeOp, ABC):
    """An operation on elements, each by itself; the base of all such.

    Operands have the shape of the result or, as parameters of columns, the last extents of it.
    """

    result = result_def(TensorType[AnyFloat])

    traits = traits_def(Pure())

    @property
    def _missing(self) -> list[int]:
        """Leading axes that each operand has less than the result."""
        return [len(shape_of(self.result)) - len(shape_of(operand)) for operand in self.operands]

    def flops(self) -> int:
        return prod(shape_of(self.result))

    def tile_rule(self) -> TileRule | Without:
        """Along the last axis, as its producers are."""
        last = len(shape_of(self.result)) - 1
        if last < 0:
            return Without("a scalar has no axis")
        axes = (last - axes for axes in self._missing)
        return TileRule(tuple(axis if axis >= 0 else None for axis in axes), last, elementwise=True)

    def shard(self, view: ShardView) -> Sharded | Without:
        """Along any axis, all operands equally."""
        return view.alike(self._missing)

    def wants(self, result: Placement | None, sockets: int) -> Sequence[Placement | None]:
        """What it is made of lies as it does."""
        return [shifted(result, -axes) if result is not None else None for axes in self._missing]


class BinaryOp(ElementwiseOp, ABC):
    """An elementwise operation on two tensors of one type."""

    lhs = operand_def(TensorType[AnyFloat])
    rhs = operand_def(TensorType[AnyFloat])

    assembly_format = "$lhs `,` $rhs attr-dict `:` functional-type(operands, results)"

    def __init__(self, lhs: SSAValue, rhs: SSAValue, result_type: Attribute | None = None):
        super().__init__(operands=[lhs, rhs], result_types=[result_type or lhs.type])

    def verify_shapes(self) -> None:
        lhs, rhs, result = shape_of(self.lhs), shape_of(self.rhs), shape_of(self.result)
        expect(lhs == rhs == result, f"shapes differ: {lhs}, {rhs} -> {result}")

    @classmethod
    def spelled(cls, arguments: Arguments) -> BinaryOp:
        """Between two tensors of one type."""
        return cls(*arguments.alike())


@irdl_op_definition
class AddOp(BinaryOp):
    """Elementwise sum, rounded once."""

    name = "nn.add"

    NUMPY: ClassVar = ".backends.numerics:add"
    SPELLING: ClassVar = Spelling("+", (LEFT, RIGHT))
    FUSION: ClassVar = Fusion("residual")


@irdl_op_definition
class MulOp(BinaryOp):
    """Elementwise product, rounded once."""

    name = "nn.mul"

    NUMPY: ClassVar = ".backends.numerics:mul"
    SPELLING: ClassVar = Spelling("*", (LEFT, RIGHT))
    FUSION: ClassVar = Fusion("elementwise", "activation")


class UnaryOp(ElementwiseOp, ABC):
    """An elementwise operation on one tensor; the result may have another element type."""

    x = operand_def(TensorType[AnyFloat])

    assembly_format = "$x attr-dict `:` functional-type(operands, results)"

    def __init__(self, x: SSAValue, result_type: Attribute | None = None):
        super().__init__(operands=[x], result_types=[result_type or x.type])

    def verify_shapes(self) -> None:
        x, result = shape_of(self.x), shape_of(self.result)
        expect(x == result, f"shapes differ: {x} -> {result}")

    @classmethod
    def spelled(cls, arguments: Arguments) -> UnaryOp:
        """Of a tensor of floats."""
        return cls(arguments.floats("x"))


@irdl_op_definition
class SiluOp(UnaryOp):
    """Sigmoid-weighted linear unit: `x / (1 + exp(-x))`."""

    name = "nn.silu"

    NUMPY: ClassVar = ".backends.numerics:silu"
    SPELLING: ClassVar = Spelling("silu", ("x",))
    FUSION: ClassVar = Fusion("elementwise", "activation")

    def flops(self) -> int:
        return 4 * prod(shape_of(self.result))


@irdl_op_definition
class GeluOp(UnaryOp):
    """Gaussian error linear unit in its tanh form."""

    name = "nn.gelu"

    NUMPY: ClassVar = ".backends.numerics:gelu"
    SPELLING: ClassVar = Spelling("gelu", ("x",))
    FUSION: ClassVar = Fusion("elementwise", "activation")

    def flops(self) -> int:
        return 8 * prod(shape_of(self.result))


@irdl_op_definition
class ArgmaxOp(ComputeOp):
    """Index of the largest element of the last dimension, the first of equals: `[B, V] -> [B]`."""

    name = "nn.argmax"

    NUMPY: ClassVar = ".backends.numerics:argmax"
    SPELLING: ClassVar = Spelling("argmax", ("x",))
    FUSION: ClassVar = Fusion("selection")

    x = operand_def(TensorType[AnyFloat])
    result = result_def(TensorType[IntegerType])

    traits = traits_def(Pure())
    assembly_format = "$x attr-dict `:` functional-type(operands, results)"

    def __init__(self, x: SSAValue, result_type: Attribute | None = None):
        if result_type is None:
            result_type = TensorType(IntegerType(32), shape_of(x)[:-1])
        super().__init__(operands=[x], result_types=[result_type])

    def verify_shapes(self) -> None:
        x, result = shape_of(self.x), shape_of(self.result)
        expect(len(x) == 2, f"argmax takes [batch, vocabulary], got {x}")
        expect(result == x[:-1], f"result is {result}, should be {x[:-1]}")

    def flops(self) -> int:
        return prod(shape_of(self.x))

    @classmethod
    def spelled(cls, arguments: Arguments) -> ArgmaxOp:
        return cls(arguments.floats("x", rank=2))

    def tile_rule(self) -> Without:
        return Without("it compares whole rows")

    def shard(self, view: ShardView) -> Sharded:
        return view.whole()


@irdl_op_definition
class CastOp(UnaryOp):
    """Conversion between float types, rounding to nearest even."""

    name = "nn.cast"

    NUMPY: ClassVar = ".backends.numerics:cast"
    SPELLING: ClassVar = Spelling("bf16", ("x",), others=("f16", "f32", "f64"))
    FUSION: ClassVar = Fusion("conversion", "")

    @classmethod
    def spelled(cls, arguments: Arguments) -> CastOp:
        x = arguments.floats("x")
        return cls(x, TensorType(FLOAT_TYPES[arguments.name], shape_of(x)))


ELEMENT_OPERATIONS = (AddOp, MulOp, SiluOp, GeluOp, ArgmaxOp, CastOp)
"""Those of `nn` in this file."""
