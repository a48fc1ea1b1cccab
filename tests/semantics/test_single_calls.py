"""One call of a step: the bits of the reference in the time that data takes, for all kinds of loops."""

from __future__ import annotations

from typing import Any

import pytest

from kl.backends.runs import RunOptions
from kl.backends.sn40l.execution import start_run
from kl.backends.sn40l.launch import time_step
from kl.backends.targets import Choice
from kl.dialects.machine import SN40L
from kl.dialects.rdu_machine import set_machine
from kl.frontends import load_model
from kl.passes import load_pass
from kl.tools.lowering import lower
from kl.tools.reference import Reference
from kl.tools.universe import find_target, make_context

LAYER = """layer {name}[{count}](x[2, 32], position: i32) {{
  weight norm[32]
  weight wq[32, 32]
  weight wk[32, 16]
  weight wv[32, 16]
  cache keys[2, 1, 16, 16]
  cache values[2, 1, 16, 16]
  h = rms_norm(x, norm, 1e-5)
  append(keys, h @ wk, position)
  append(values, h @ wv, position)
  return x + {activation}(attention(h @ wq, keys, values, position))
}}
"""
ORDERS = {
    "one kind": "aaaa",
    "two kinds": "ababab",
    "loops of loops": "aabaab",
    "loops of loops and a rest": "aaabaaabaa",
    "two rows": "aaabbbbb",
    "single layers beside a loop": "baaab",
    "no loop": "ab",
}


def model(order: str) -> str:
    """A decoder whose layers are of these kinds, in this order."""
    layers = "".join(
        LAYER.format(name=kind, count=order.count(kind), activation=activation)
        for kind, activation in (("a", "silu"), ("b", "gelu"))
        if kind in order
    )
    calls = "\n".join(f"  x = {kind}[{order[:at].count(kind)}](x, position)" for at, kind in enumerate(order))
    return f"""model orders
dtype bf16
weight embedding[64, 32]
weight head[32, 64]
{layers}
step(token[2]: i32, position: i32) {{
  x = embedding[token]
{calls}
  return argmax(x @ head)
}}
"""


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    ("choice", "calls"),
    [
        (Choice(single_call=True), 1),
        (Choice(steps_per_call=3), 1),
        (Choice(single_call=True, resident=True), 1),
    ],
    ids=["single", "stepped", "resident"],
)
@pytest.mark.parametrize("sockets", [1, 2])
def test_one_call_gives_the_bits_of_the_reference(
    order: str, choice: Choice, calls: int, sockets: int
) -> None:
    module = load_model(model(ORDERS[order]), "orders.kl", {})
    set_machine(module, SN40L.with_values({"sockets": sockets}))
    given = module.clone()
    load_pass("shard-tensors")().apply(make_context(), given)
    lower(make_context(), module, "rdu", choice)
    program: Any = find_target(None).compile(module, "orders")
    run = start_run(program, RunOptions(2 * program.steps))
    reference = Reference(given, run)
    for step in run.steps(2, lambda done, of: None):
        assert reference.differences(step, program.steps) == []
        scalars = run.position_inputs(step.position)
        report = time_step(program, scalars)
        assert report.kernel_calls == calls
        assert (report.cycles, report) == (step.cycles, time_step(program, scalars, jump=False))
