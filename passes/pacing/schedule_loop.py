"""Write how often a kernel's outer loop can start an iteration, how long one takes, and the depths for that.

Before:

```mlir
dataflow.kernel @silu(%x: tensor<4x1x8xbf16>) -> tensor<1x8xbf16> {
  %a = dataflow.channel 1 {pmus = 0} : !dataflow.channel<tensor<1x8xbf16>>
  %b = dataflow.channel 4 {pmus = 0} : !dataflow.channel<tensor<1x8xbf16>>
  dataflow.load %x to %a {start = 2, stride = 1} : tensor<4x1x8xbf16> -> !dataflow.channel<tensor<1x8xbf16>>
  dataflow.stage "silu" firings 1 ins(%a : !dataflow.channel<tensor<1x8xbf16>>) periods [1] outs(%b : !dataflow.channel<tensor<1x8xbf16>>) periods [1] attributes {pcus = 8, ii = 10, latency = 50} {
  ^bb0(%c: tensor<1x8xbf16>):
    %d = nn.silu %c : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
    dataflow.yield %d : tensor<1x8xbf16>
  }
  dataflow.store %b result 0 : !dataflow.channel<tensor<1x8xbf16>>
}
```

After:

```mlir
dataflow.kernel @silu(%x: tensor<4x1x8xbf16>) -> tensor<1x8xbf16> attributes {ii = 10, latency = 372} {
  %a = dataflow.channel 1 {pmus = 0} : !dataflow.channel<tensor<1x8xbf16>>
  %b = dataflow.channel 1 {pmus = 0} : !dataflow.channel<tensor<1x8xbf16>>
  dataflow.load %x to %a {start = 2, stride = 1} : tensor<4x1x8xbf16> -> !dataflow.channel<tensor<1x8xbf16>>
  dataflow.stage "silu" firings 1 ins(%a : !dataflow.channel<tensor<1x8xbf16>>) periods [1] outs(%b : !dataflow.channel<tensor<1x8xbf16>>) periods [1] attributes {pcus = 8, ii = 10, latency = 50} {
  ^bb0(%c: tensor<1x8xbf16>):
    %d = nn.silu %c : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
    dataflow.yield %d : tensor<1x8xbf16>
  }
  dataflow.store %b result 0 : !dataflow.channel<tensor<1x8xbf16>>
}
```

`ii` is the initiation interval of the loop: the larger of what its busiest resource (memory, links, a stage)
needs for an iteration and of the time that the carried value takes to go around. `latency` is the time from
the start of an iteration to the end of its last unit. A kernel of several decode steps also gets
`step_latency`, that of the units that run once a step. All in cycles; they assume that the streams have
loaded ahead. Routing takes its bandwidths from them.

Channels get the fewest tiles with which the loop is as fast as with all that their PMUs hold, at the pace of
the memory as well as when all streams have loaded ahead (`depths.py`). That is fewer than an
iteration's where producer and reader work side by side, and an iteration's where the reader needs all at
once. Streams keep what they have.
"""  # noqa: E501

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from ...dialects import dataflow
from ...dialects.alike import whole
from ...dialects.dataflow_pace import has_units, pace_trouble
from ...dialects.machine import Machine
from ...dialects.rdu_machine import machine_of
from ...dialects.vocabulary import Rate
from ..diagnostics import fail
from .depths import plan_depths
from .loop_problem import depth_problem, is_scheduled, loop_problem
from .modulo import solve


def _set_depths(network: dataflow.KernelOp, rate: Rate, least_interval: int, machine: Machine) -> None:
    """Give every channel of a loop the fewest tiles that sustain its interval, if any do."""
    problem = depth_problem(network, machine, rate)
    if problem is None:
        return
    repeats = network.loops.passes(rate) > 1
    plan = plan_depths(problem.actors, problem.queues, least_interval if repeats else None)
    if plan is not None:
        for channel, depth in zip(problem.channels, plan.depths, strict=False):
            channel.depth = whole(depth)


@dataclass(frozen=True)
class ScheduleLoopPass(ModulePass):
    """Write `ii`, `latency` and the depths of channels on every kernel; needs the stages' schedule.

    What is written of stages may be slower than their units can be; what is faster is refused.
    In a kernel of several loops their names stand before those of the attributes; `step_latency` is that of
    what runs once in a decode step.
    """

    name: ClassVar[str] = "schedule-loop"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        machine = machine_of(op)
        for network in op.ops:
            if not isinstance(network, dataflow.KernelOp):
                continue
            if not is_scheduled(network):
                fail(
                    network,
                    f"@{network.sym_name.data} has stages without schedule; run schedule-stages first",
                )
            _check_paces(network, machine)
            for rate in reversed(network.loops.rates):
                _schedule(network, rate, machine)


def _check_paces(network: dataflow.KernelOp, machine: Machine) -> None:
    """Raises: PassFailedException about a stage that is faster than its units can be, if it has some."""
    for stage in network.units():
        if isinstance(stage, dataflow.StageOp) and has_units(stage):
            trouble = pace_trouble(stage, machine)
            if trouble is not None:
                fail(stage, trouble)


def _schedule(network: dataflow.KernelOp, rate: Rate, machine: Machine) -> None:
    """Write the interval and the latency of what runs at a rate; iterations with loops inside have none."""
    schedule, repeats = solve(*loop_problem(network, machine, rate)), rate in network.loops.leaves
    if repeats:
        network.attributes[network.schedule_name("ii", rate)] = whole(schedule.interval)
    if repeats or any(isinstance(unit, dataflow.StageOp) and unit.runs == rate for unit in network.units()):
        # What has loops inside begins anew only after them: its streams take their time, too.
        latency = schedule.length if repeats else max(schedule.length, schedule.resource_bound)
        network.attributes[network.schedule_name("latency", rate)] = whole(latency)
    if repeats:
        _set_depths(network, rate, schedule.resource_bound, machine)
