"""`merge-identical-kernels`: kernels with the same body become one, so that layers call one kernel."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, SymbolRefAttr
from xdsl.passes import ModulePass
from xdsl.rewriter import Rewriter

from ...dialects.kernel import CallOp, FuncOp, ScheduleOp, is_same_kernel


@dataclass(frozen=True)
class MergeIdenticalKernelsPass(ModulePass):
    """Keep the first of the kernels that are equal but for their names and locations; call it for all.

    Before:

    ```mlir
    kernel.func @norm(%x: tensor<1x8xbf16>, %w: tensor<8xbf16>) -> tensor<1x8xbf16> {
      %y = nn.rms_norm %x, %w eps 1.0e-05 : (tensor<1x8xbf16>, tensor<8xbf16>) -> tensor<1x8xbf16>
      kernel.return %y : tensor<1x8xbf16>
    }
    kernel.func @norm_1(%a: tensor<1x8xbf16>, %b: tensor<8xbf16>) -> tensor<1x8xbf16> {
      %c = nn.rms_norm %a, %b eps 1.0e-05 : (tensor<1x8xbf16>, tensor<8xbf16>) -> tensor<1x8xbf16>
      kernel.return %c : tensor<1x8xbf16>
    }
    kernel.schedule @step(%x: tensor<1x8xbf16>, %w: tensor<8xbf16>) -> tensor<1x8xbf16> {
      %y = kernel.call @norm(%x, %w) : (tensor<1x8xbf16>, tensor<8xbf16>) -> tensor<1x8xbf16>
      %z = kernel.call @norm_1(%y, %w) : (tensor<1x8xbf16>, tensor<8xbf16>) -> tensor<1x8xbf16>
      kernel.return %z : tensor<1x8xbf16>
    }
    ```

    After:

    ```mlir
    kernel.func @norm(%x: tensor<1x8xbf16>, %w: tensor<8xbf16>) -> tensor<1x8xbf16> {
      %y = nn.rms_norm %x, %w eps 1.0e-05 : (tensor<1x8xbf16>, tensor<8xbf16>) -> tensor<1x8xbf16>
      kernel.return %y : tensor<1x8xbf16>
    }
    kernel.schedule @step(%x: tensor<1x8xbf16>, %w: tensor<8xbf16>) -> tensor<1x8xbf16> {
      %y = kernel.call @norm(%x, %w) : (tensor<1x8xbf16>, tensor<8xbf16>) -> tensor<1x8xbf16>
      %z = kernel.call @norm(%y, %w) : (tensor<1x8xbf16>, tensor<8xbf16>) -> tensor<1x8xbf16>
      kernel.return %z : tensor<1x8xbf16>
    }
    ```
    """

    name = "merge-identical-kernels"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        equals = _first_equals(op)
        callees = {kernel.sym_name.data: SymbolRefAttr(first.sym_name) for kernel, first in equals.items()}
        for schedule in (s for s in op.ops if isinstance(s, ScheduleOp)):
            for call in (c for c in schedule.body.block.ops if isinstance(c, CallOp)):
                call.callee = callees.get(call.callee.string_value(), call.callee)
        for kernel in equals:
            Rewriter.erase_op(kernel)


def _first_equals(module: ModuleOp) -> dict[FuncOp, FuncOp]:
    """For each kernel that equals an earlier one: the first such kernel."""
    equals: dict[FuncOp, FuncOp] = {}
    distinct: dict[Hashable, list[FuncOp]] = {}
    for kernel in (f for f in module.ops if isinstance(f, FuncOp)):
        alike = distinct.setdefault(_fingerprint(kernel), [])
        first = next((k for k in alike if is_same_kernel(k, kernel)), None)
        if first is None:
            alike.append(kernel)
        else:
            equals[kernel] = first
    return equals


def _fingerprint(kernel: FuncOp) -> Hashable:
    """Differs for most kernels that differ, so that few need a full comparison."""
    ops = ((op.name, frozenset(op.properties.items())) for op in kernel.body.walk())
    return kernel.function_type, tuple(ops)
