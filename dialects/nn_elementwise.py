"""What operations on elements have in common; and conversion, and the choice of the largest."""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence
from dataclasses import replace
from math import prod
from typing import ClassVar, Literal

from xdsl.dialects.builtin import IntegerType, TensorType
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, result_def, traits_def
from xdsl.traits import Pure

from .operation import ComputeOp, Fusion, TileRule, Without
from .rules import RULES, Rule
from .rules.elementwise import binary, unary
from .rules.shapes import is_column
from .sharding import REPLICATED, CannotSplit, Placement, Sharded, ShardView, Split, shifted
from .spelling import FLOAT_TYPES, Arguments, Spelling
from .tensors import FLOAT_TENSOR, shape_of


class ElementwiseOp(ComputeOp, ABC):
    """An operation on elements, each by itself; the base of all such.

    Operands have the shape of the result or, as parameters of columns, the last extents of it. One of a
    single column is repeated over all columns of the result.
    """

    FLOPS: ClassVar[int] = 1
    """Floating-point operations of one element, of an operation that is not in `RULES`."""
    OF_ZEROS: ClassVar[Literal["zeros", "numbers", "poles"]] = "numbers"
    """What it makes of the zeros that pad heads: zeros again, other numbers, or infinities and NaNs."""
    OF_NUMBERS: ClassVar[Literal["numbers", "poles"]] = "numbers"
    """What it makes of any numbers: numbers, or of some of them infinities and NaNs."""

    result = result_def(FLOAT_TENSOR)

    traits = traits_def(Pure())

    @property
    def _missing(self) -> list[int]:
        """Leading axes that each operand has less than the result."""
        return [len(shape_of(self.result)) - len(shape_of(operand)) for operand in self.operands]

    @property
    def _columns(self) -> frozenset[int]:
        """Numbers of the operands whose single column is repeated over those of the result."""
        return frozenset(
            number
            for number, operand in enumerate(self.operands)
            if is_column(shape_of(operand), shape_of(self.result))
        )

    def flops(self) -> int:
        return super().flops() if self.rule() is not None else self.FLOPS * prod(shape_of(self.result))

    def tile_rule(self) -> TileRule | Without:
        """Along the last axis, as its producers are; a single column is whole."""
        last = len(shape_of(self.result)) - 1
        if last < 0:
            return Without("a scalar has no axis")
        axes = [last - axes for axes in self._missing]
        cut = (axis >= 0 and number not in self._columns for number, axis in enumerate(axes))
        return TileRule(
            tuple(axis if is_cut else None for axis, is_cut in zip(axes, cut, strict=True)),
            last,
            elementwise=True,
        )

    def shard(self, view: ShardView) -> Sharded:
        """Along any axis, all operands equally.

        Raises: CannotSplit where padding would become infinities or NaNs, which zeros do not take out again.
        """
        sharded = view.alike(self._missing, self._columns, len(shape_of(self.result)))
        result = sharded.result
        if not isinstance(result, Split):
            return sharded
        if result.runs and "poles" in (self.OF_ZEROS, "" if result.zeros else self.OF_NUMBERS):
            message = f"{self.name} of what is padded with zeros may be infinite or no number"
            raise CannotSplit(message, "take a number of sockets that divides the elements")
        return replace(sharded, result=replace(result, zeros=result.zeros and self.OF_ZEROS == "zeros"))

    def wants(self, result: Placement | None, sockets: int) -> Sequence[Placement | None]:
        """What it is made of lies as it does, but for single columns, which all sockets have."""
        alike = (shifted(result, -axes) if result is not None else None for axes in self._missing)
        return [REPLICATED if number in self._columns else lies for number, lies in enumerate(alike)]


class UnaryOp(ElementwiseOp, ABC):
    """An elementwise operation on one tensor; of ours, `nn.cast` alone may change the element type."""

    x = operand_def(FLOAT_TENSOR)

    assembly_format = "$x attr-dict `:` functional-type(operands, results)"

    def __init__(self, x: SSAValue, result_type: Attribute | None = None):
        super().__init__(operands=[x], result_types=[result_type or x.type])

    @classmethod
    def rule(cls) -> Rule:
        return RULES.get(cls.name) or unary(cls.FLOPS, converts=True)

    @classmethod
    def spelled(cls, arguments: Arguments) -> UnaryOp:
        """Of a tensor of floats."""
        return cls(arguments.floats("x"))


class BinaryOp(ElementwiseOp, ABC):
    """An elementwise operation on two tensors of one element type.

    One may have fewer dimensions: it is repeated over the leading axes of the other one. Or it has a single
    column, `[B, 1]`: it is repeated over the columns of the other one, `[B, N]`.
    """

    lhs = operand_def(FLOAT_TENSOR)
    rhs = operand_def(FLOAT_TENSOR)

    assembly_format = "$lhs `,` $rhs attr-dict `:` functional-type(operands, results)"

    def __init__(self, lhs: SSAValue, rhs: SSAValue, result_type: Attribute | None = None):
        wider = max(lhs, rhs, key=lambda side: (len(shape_of(side)), prod(shape_of(side))))
        super().__init__(operands=[lhs, rhs], result_types=[result_type or wider.type])

    @classmethod
    def rule(cls) -> Rule:
        return RULES.get(cls.name) or binary(cls.FLOPS)

    @classmethod
    def spelled(cls, arguments: Arguments) -> ComputeOp:
        """Between two tensors of one element type."""
        return cls(*arguments.alike())


@irdl_op_definition
class ArgmaxOp(ComputeOp):
    """Index of the largest element of the last dimension, the first of equals: `[B, V] -> [B]`."""

    name = "nn.argmax"

    NUMPY: ClassVar = ".backends.numerics:argmax"
    SPELLING: ClassVar = Spelling("argmax", ("x",))
    FUSION: ClassVar = Fusion("selection")

    x = operand_def(FLOAT_TENSOR)
    result = result_def(TensorType[IntegerType])

    traits = traits_def(Pure())
    assembly_format = "$x attr-dict `:` functional-type(operands, results)"

    def __init__(self, x: SSAValue, result_type: Attribute | None = None):
        if result_type is None:
            result_type = TensorType(IntegerType(32), shape_of(x)[:-1])
        super().__init__(operands=[x], result_types=[result_type])

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

    NUMPY: ClassVar = ".backends.elements:cast"
    KEEPS_SUMS: ClassVar[bool] = True
    SPELLING: ClassVar = Spelling("bf16", ("x",), others=("f16", "f32", "f64"))
    FUSION: ClassVar = Fusion("conversion", "")
    OF_ZEROS: ClassVar = "zeros"

    @classmethod
    def spelled(cls, arguments: Arguments) -> CastOp:
        x = arguments.floats("x")
        return cls(x, TensorType(FLOAT_TYPES[arguments.name], shape_of(x)))


ELEMENT_OPERATIONS = (ArgmaxOp, CastOp)
"""Those of `nn` in this file."""
