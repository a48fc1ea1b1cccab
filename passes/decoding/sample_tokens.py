"""`sample-tokens`: the tokens of a step are drawn at random, as probable as its logits say."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from ...dialects.nn import SampleOp
from ..diagnostics import fail
from .ends import choice_of, position_of


@dataclass(frozen=True)
class SampleTokensPass(ModulePass):
    """Put `nn.sample` in the place of the argmax that a step ends with.

    Numbers are drawn by the seed, the position and the row of the batch alone: a step gives the same tokens
    on every machine, in every call. It is for models, before they have kernels.

    Before:

    ```mlir
    func.func @step(%logits: tensor<1x8xbf16>, %position: tensor<i32>) -> tensor<1xi32> {
      %next = nn.argmax %logits : (tensor<1x8xbf16>) -> tensor<1xi32>
      func.return %next : tensor<1xi32>
    }
    ```

    After:

    ```mlir
    func.func @step(%logits: tensor<1x8xbf16>, %position: tensor<i32>) -> tensor<1xi32> {
      %next = nn.sample %logits, %position {temperature = 1.0 : f64, seed = 0 : i64} : (tensor<1x8xbf16>, tensor<i32>) -> tensor<1xi32>
      func.return %next : tensor<1xi32>
    }
    ```

    Raises: PassFailedException where a step returns no tokens of logits, or has no position, and for
        options that `nn.sample` does not take.
    """  # noqa: E501

    name = "sample-tokens"

    temperature: float = 1.0
    """Logits are divided by it: above 0, and the lower, the more probable are the largest."""
    top_k: int | None = None
    """Only so many of the largest are drawn from; from all if absent."""
    top_p: float | None = None
    """Only the fewest that are so probable together are; from all if absent."""
    seed: int = 0
    """What numbers are drawn by."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        choice = choice_of(op)
        new = SampleOp(
            choice.operands[0],
            position_of(op),
            self.temperature,
            top_k=self.top_k,
            top_p=self.top_p,
            seed=self.seed,
            result_type=choice.result.type,
        )
        if fault := new.fault:
            fail(choice, fault)
        new.location = choice.location
        block, old = choice.parent_block(), choice.result
        assert block is not None, "it stands in the step"
        block.insert_op_before(new, choice)
        new.result.name_hint = old.name_hint
        old.replace_all_uses_with(new.result)
        choice.detach()
        choice.erase()
