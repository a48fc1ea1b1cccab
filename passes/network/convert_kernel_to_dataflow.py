"""Kernels become networks: operations become stages, values channels, arguments streams.

Before:

```mlir
kernel.func @square(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  %y = nn.mul %x, %x : (tensor<1x8xbf16>, tensor<1x8xbf16>) -> tensor<1x8xbf16>
  kernel.return %y : tensor<1x8xbf16>
}
```

After:

```mlir
dataflow.kernel @square(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> attributes {iterations = 1} {
  %0 = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
  %1 = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
  %2 = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
  dataflow.load %x to %0, %1 : tensor<1x8xbf16> -> !dataflow.channel<tensor<1x8xbf16>>, !dataflow.channel<tensor<1x8xbf16>>
  dataflow.stage "mul.y" firings 1 ins(%0, %1 : !dataflow.channel<tensor<1x8xbf16>>, !dataflow.channel<tensor<1x8xbf16>>) periods [1, 1] outs(%2 : !dataflow.channel<tensor<1x8xbf16>>) periods [1] {
  ^bb0(%a: tensor<1x8xbf16>, %b: tensor<1x8xbf16>):
    %c = nn.mul %a, %b : (tensor<1x8xbf16>, tensor<1x8xbf16>) -> tensor<1x8xbf16>
    dataflow.yield %c : tensor<1x8xbf16>
  }
  dataflow.store %2 result 0 : !dataflow.channel<tensor<1x8xbf16>>
}
```

Everything is whole here, one firing an iteration; `tile-stages` cuts it. A `kernel.loop` gives the network
its iterations: slices of stacks become streams that stride through them, invariant arguments are loaded once
a call, and the carried value runs through a unit that hands it from iteration to iteration.
"""  # noqa: E501

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import (
    PatternRewriter,
    PatternRewriteWalker,
    RewritePattern,
    op_type_rewrite_pattern,
)

from ...dialects import kernel
from .builder import build_network


class ConvertKernel(RewritePattern):
    """Replace a `kernel.func` by the network that computes the same."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: kernel.FuncOp, rewriter: PatternRewriter) -> None:
        rewriter.replace(op, build_network(op))


@dataclass(frozen=True)
class ConvertKernelToDataflowPass(ModulePass):
    """Turn every `kernel.func` into a `dataflow.kernel`; the schedule stays as it is."""

    name: ClassVar[str] = "convert-kernel-to-dataflow"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        PatternRewriteWalker(ConvertKernel(), apply_recursively=False).rewrite_module(op)
