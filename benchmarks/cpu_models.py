"""Models for the measurements on this computer: shapes of published ones, in the text of `llama3_2_1b.kl`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kl.backends.cpu.program import Program
from kl.backends.cpu.target import CPU_TARGET
from kl.backends.targets import Choice
from kl.frontends import load_model
from kl.tools.lowering import lower
from kl.tools.universe import make_context

TEXT = Path(__file__).parent.parent / "examples" / "llama3_2_1b.kl"
"""A Llama whose head is its embedding."""
VARIANTS: Mapping[str, Choice] = {
    "unfused": Choice("op", loop=False),
    "fused": Choice("layer", loop=False),
    "looped": Choice("layer"),
    "stepped": Choice("layer", steps_per_call=8),
}
"""What is compared, by the names of `kl compare`."""


@dataclass(frozen=True)
class Shape:
    """The numbers of a Llama."""

    layers: int
    hidden: int
    heads: int
    kv_heads: int
    ffn: int
    vocab: int
    theta: float = 500_000.0
    rope_factor: float = 32.0
    """1 for frequencies that are not stretched."""

    @property
    def weights(self) -> int:
        """How many there are, without norms and the copy that the head is of the embedding."""
        attention = 2 * self.hidden**2 + 2 * self.hidden * self.kv_heads * (self.hidden // self.heads)
        return self.layers * (attention + 3 * self.hidden * self.ffn) + self.vocab * self.hidden


SHAPES: Mapping[str, Shape] = {
    "micro": Shape(30, 64, 4, 2, 128, 256),
    "135M": Shape(30, 576, 9, 3, 1536, 49_152, 10_000.0, 1.0),
    "1B": Shape(16, 2048, 32, 8, 8192, 128_256),
}
"""One that is all boundaries, SmolLM-135M and Llama-3.2-1B."""


def program(name: str, variant: str, context: int, machine: Mapping[str, int]) -> Program:
    """A model of a shape, compiled for this computer with such parameters of the machine."""
    shape = SHAPES[name]
    parameters: dict[str, Any] = {**vars(shape), "context": context}
    module = load_model(TEXT.read_text(encoding="utf-8"), TEXT.name, parameters)
    CPU_TARGET.set_machine(module, CPU_TARGET.machine(module).with_values({**machine}))
    lower(make_context(), module, "kernel", VARIANTS[variant], target=CPU_TARGET)
    return CPU_TARGET.compile(module, name)
