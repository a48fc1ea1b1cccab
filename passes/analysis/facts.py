"""Facts of a module by name: what the bounds and predicates of knobs are expressions of."""

from __future__ import annotations

from xdsl.dialects.builtin import ModuleOp

from ...dialects import nn
from ...dialects.rdu import machine_of


def module_facts(module: ModuleOp) -> dict[str, int]:
    """The machine's parameters, and the sizes of what a step reads, of one layer and socket.

    `largest_weight_bytes` and `largest_cache_bytes` are those of the largest weight and state; 0 where there
    is none.
    """
    weights = [op for op in module.ops if isinstance(op, nn.WeightOp)]
    states = [op for op in module.ops if isinstance(op, nn.StateOp)]
    return {
        **dict(machine_of(module).items()),
        "largest_weight_bytes": max(map(_layer_bytes, weights), default=0),
        "largest_cache_bytes": max(map(_layer_bytes, states), default=0),
    }


def _layer_bytes(op: nn.WeightOp | nn.StateOp) -> int:
    """Of a weight or state that is stacked, the bytes of one layer."""
    layers = nn.shape_of(op.type)[0] if op.stacked is not None else 1
    return nn.size_bytes_of(op.type) // layers
