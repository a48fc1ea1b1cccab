"""Keep weights in the SRAM that no kernel needs, from step to step.

Before:

```mlir
nn.weight @w : tensor<8x8192xbf16>
dataflow.kernel @silu(%w: tensor<8x8192xbf16>) -> tensor<8x8192xbf16> {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<1x8192xbf16>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<1x8192xbf16>>
  dataflow.load %w to %a : tensor<8x8192xbf16> -> !dataflow.channel<tensor<1x8192xbf16>>
  dataflow.stage "silu" firings 8 ins(%a : !dataflow.channel<tensor<1x8192xbf16>>) periods [1] outs(%b : !dataflow.channel<tensor<1x8192xbf16>>) periods [1] {
  ^bb0(%c: tensor<1x8192xbf16>):
    %d = nn.silu %c : (tensor<1x8192xbf16>) -> tensor<1x8192xbf16>
    dataflow.yield %d : tensor<1x8192xbf16>
  }
  dataflow.store %b result 0 : !dataflow.channel<tensor<1x8192xbf16>>
}
kernel.schedule @step() -> tensor<8x8192xbf16> {
  %w = nn.get_global @w : tensor<8x8192xbf16>
  %y = kernel.call @silu(%w) : (tensor<8x8192xbf16>) -> tensor<8x8192xbf16>
  kernel.return %y : tensor<8x8192xbf16>
}
```

After:

```mlir
nn.weight @w : tensor<8x8192xbf16> {tier = "sram", address = 411041792, pmus = 256}
dataflow.kernel @silu(%w: tensor<8x8192xbf16>) -> tensor<8x8192xbf16> {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<1x8192xbf16>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<1x8192xbf16>>
  dataflow.load %w to %a {resident = array<i64: 784, 256>} : tensor<8x8192xbf16> -> !dataflow.channel<tensor<1x8192xbf16>>
  dataflow.stage "silu" firings 8 ins(%a : !dataflow.channel<tensor<1x8192xbf16>>) periods [1] outs(%b : !dataflow.channel<tensor<1x8192xbf16>>) periods [1] {
  ^bb0(%c: tensor<1x8192xbf16>):
    %d = nn.silu %c : (tensor<1x8192xbf16>) -> tensor<1x8192xbf16>
    dataflow.yield %d : tensor<1x8192xbf16>
  }
  dataflow.store %b result 0 : !dataflow.channel<tensor<1x8192xbf16>>
}
kernel.schedule @step() -> tensor<8x8192xbf16> {
  %w = nn.get_global @w : tensor<8x8192xbf16>
  %y = kernel.call @silu(%w) : (tensor<8x8192xbf16>) -> tensor<8x8192xbf16>
  kernel.return %y : tensor<8x8192xbf16>
}
```

It stands behind the tiles, which say how many PMUs each kernel needs, and before `allocate-units`, which
shares out what is left. The weights lie in whole PMUs at the top end, the same in all kernels; `address` is
the first byte of the first of them. They are read in place: `resident` says the PMUs, which are those of the
load's channel. Which weights stay, and how many PMUs each has, says a model of a step (`residency.py`), among
those of which a step reads all, always from the same kernels, by a single stage in each; so not tables, nor
stacks of experts, which are read by index, nor parts of a `kernel.stack`.
"""  # noqa: E501

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import ClassVar

from xdsl.context import Context
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, StringAttr, i64
from xdsl.passes import ModulePass

from ...dialects import kernel, nn
from ...dialects.machine import Machine
from ...dialects.rdu_machine import machine_of
from ...dialects.tensors import size_bytes_of
from ..diagnostics import fail
from ..knobs import Knob
from .residency_problem import residency_problem
from .residency_search import choose_residents
from .resident_weights import is_resident, loads_in_place, mark
from .traffic import traffic_bytes


def _traffic(module: ModuleOp) -> Counter[str]:
    """Bytes that a step moves of each weight and state."""
    schedules = [op for op in module.ops if isinstance(op, kernel.ScheduleOp)]
    return sum((traffic_bytes(module, schedule) for schedule in schedules), Counter[str]())


def retain(module: ModuleOp, machine: Machine, percent: int, most: int | None = None) -> None:
    """Write the tier and the place of the weights that stay into a module, and mark their loads."""
    for op in [op for op in module.ops if is_resident(op)]:
        del op.attributes["tier"], op.attributes["address"], op.attributes["pmus"]
    loads, moved = loads_in_place(module), _traffic(module)
    weights = {op.sym_name.data: op for op in module.ops if isinstance(op, nn.WeightOp)}
    whole = {
        name: ops
        for name, ops in loads.items()
        if name in weights and moved[name] >= size_bytes_of(weights[name].type)
    }
    problem = residency_problem(module, machine, whole, percent, most)
    first, places = problem.rates.places, dict[str, tuple[int, int]]()
    for number, pmus in choose_residents(problem).pmus.items():
        op = weights[problem.weights[number].name]
        first -= pmus
        op.attributes["tier"] = StringAttr("sram")
        op.attributes["address"] = IntegerAttr(first * machine.pmu_bytes, i64)
        op.attributes["pmus"] = IntegerAttr(pmus, i64)
        places[op.sym_name.data] = first, pmus
    mark(module, places, loads)


@dataclass(frozen=True)
class RetainWeightsPass(ModulePass):
    """Keep the weights in SRAM that make a step shortest; the others stream."""

    name: ClassVar[str] = "retain-weights"
    optional: ClassVar[Knob] = Knob((False, True))

    percent: int = field(default=100, metadata={"knob": Knob(low=5, high=100, prior="exponential", unit="%")})
    """Of the PMUs that no kernel needs, those that weights get at most; how many they get says the model."""
    pmus: int | None = None
    """PMUs that weights get at most."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        if not 0 < self.percent <= 100:
            fail(op, f"percent is {self.percent}; it must be between 1 and 100")
        if self.pmus is not None and self.pmus < 0:
            fail(op, f"pmus is {self.pmus}; it must be 0 or more")
        for function in op.ops:
            if isinstance(function, kernel.FuncOp):
                fail(
                    function,
                    f"@{function.sym_name.data} has no channels yet; run convert-kernel-to-dataflow first",
                )
        retain(op, machine_of(op), self.percent, self.pmus)
