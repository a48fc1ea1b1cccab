"""The operations: each brings all that it means. Rules of shapes, tiles and sockets are those of its base."""

from __future__ import annotations

from math import prod
from typing import ClassVar

from xdsl.irdl import irdl_op_definition

from kl.dialects import nn_elementwise
from kl.dialects.operation import Fusion
from kl.dialects.spelling import Arguments, Spelling
from kl.dialects.tensors import shape_of


@irdl_op_definition
class SwigluOp(nn_elementwise.BinaryOp):
    """A gated activation, `silu(gate) * up`: what two operations compute, in one stage."""

    name = "mine.swiglu"

    NUMPY: ClassVar = "mine.numbers:swiglu"
    SPELLING: ClassVar = Spelling("mine_swiglu", ("gate", "up"))
    FUSION: ClassVar = Fusion("elementwise", "activation")

    @classmethod
    def spelled(cls, arguments: Arguments) -> SwigluOp:
        """Of two tensors of floats."""
        return cls(arguments.floats("gate"), arguments.floats("up"))

    def flops(self) -> int:
        """Four for each `silu`, one for the product."""
        return 5 * prod(shape_of(self.result))
