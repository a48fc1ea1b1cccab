"""`observe-logits`: the host reads the logits of each decode step."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from ...dialects.nn import ObserveOp
from ..diagnostics import fail
from .ends import choice_of

LABEL = "logits"
"""The name under which the host reads them."""


@dataclass(frozen=True)
class ObserveLogitsPass(ModulePass):
    """Let the host read, as `logits`, what the tokens of a step are made of; the tokens stay what they are.

    It is for models, before they have kernels. As the host reads a value in every step, calls of several
    steps cannot be made.

    Before:

    ```mlir
    func.func @step(%logits: tensor<1x8xbf16>) -> tensor<1xi32> {
      %next = nn.argmax %logits : (tensor<1x8xbf16>) -> tensor<1xi32>
      func.return %next : tensor<1xi32>
    }
    ```

    After:

    ```mlir
    func.func @step(%logits: tensor<1x8xbf16>) -> tensor<1xi32> {
      nn.observe %logits as "logits" : tensor<1x8xbf16>
      %next = nn.argmax %logits : (tensor<1x8xbf16>) -> tensor<1xi32>
      func.return %next : tensor<1xi32>
    }
    ```

    Raises: PassFailedException where a step returns no tokens of logits, and where another value is read
        under that name.
    """

    name = "observe-logits"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        choice = choice_of(op)
        for other in op.walk():
            if isinstance(other, ObserveOp) and other.label.data == LABEL:
                fail(other, f"the host reads a value as '{LABEL}' already", "give that another name")
        observe = ObserveOp(choice.operands[0], LABEL)
        observe.location = choice.location
        block = choice.parent_block()
        assert block is not None, "it stands in the step"
        block.insert_op_before(observe, choice)
