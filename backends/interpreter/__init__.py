"""The reference interpreter: what a module means in numbers, at the nn, kernel and dataflow levels.

Whatever the level, a step gives the same bits: each operation's meaning is that of `numerics.py`. Time,
buffers and addresses are the engine's business, not this package's.
"""

from .errors import InterpretationError
from .specs import attributes_of, tensor_spec, weight_specs
from .step import Interpreter, StepResult

__all__ = [
    "InterpretationError",
    "Interpreter",
    "StepResult",
    "attributes_of",
    "tensor_spec",
    "weight_specs",
]
