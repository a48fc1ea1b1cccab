"""The layer patterns of published models: the kernel calls left of their layers, and what that saves.

Run from the repository root: `.venv/bin/python benchmarks/patterns.py [--sockets 8] [--only NAME]`. A model
here has the widths and the order of layers of a published one; its kinds of layers are those of Llama with
another activation each, as the language has no windows or experts. Each is compiled `fused`, `looped` and
`single` and timed at a context of 4096; with small widths in the same order it is run beside the reference,
which must give the same bits. `calls` are those of the layers' kernels alone, `wanted` the fewest: one for
each loop over all of them, with loops inside where a kind repeats within the pattern.

Widths: the models' `config.json` on Hugging Face; of DeepSeek V3, which has no grouped attention, 8 heads for
keys and values stand for its compressed cache. Gemma 4 26B-A4B: 30 layers, 5 local and 1 global each time;
widths Assumed: those of Gemma 2 2B, as only the order of its layers is known here.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from rich.console import Console
from rich.table import Table
from xdsl.dialects.builtin import ModuleOp
from xdsl.utils.exceptions import DiagnosticException

from kl.backends.runs import RunOptions
from kl.backends.sn40l.emit import emit_program
from kl.backends.sn40l.execution import start_run
from kl.backends.sn40l.launch import time_step
from kl.backends.sn40l.program import Execute, Program
from kl.backends.sn40l.report import Report
from kl.dialects.machine import SN40L
from kl.dialects.rdu_machine import set_machine
from kl.frontends import load_model
from kl.tools.lowering import lower
from kl.tools.reference import Reference
from kl.tools.universe import make_context
from kl.tools.variants import VARIANTS

CONTEXT = 4096
ACTIVATIONS = ("silu", "gelu")
"""Of the kinds of layers, so that they are different kernels."""


@dataclass(frozen=True)
class Widths:
    """Of a layer, and of the head."""

    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    ffn: int
    vocab: int


SMALL = Widths(32, 2, 1, 16, 64, 96)


@dataclass(frozen=True)
class Pattern:
    """A model: which kind each layer is of."""

    name: str
    kinds: tuple[int, ...]
    wanted: int
    """Calls of the layers' kernels when they are looped."""
    widths: Widths


def rounds(pattern: Sequence[int], count: int, tail: Sequence[int] = ()) -> tuple[int, ...]:
    """A pattern so many times, and the layers behind it."""
    return (*pattern, *()) * count + tuple(tail)


LOCAL_GLOBAL = (0, 0, 0, 0, 0, 1)

PATTERNS = (
    Pattern("Llama 3.1 8B", rounds((0,), 32), 1, Widths(4096, 32, 8, 128, 14336, 128256)),
    Pattern("Gemma 2 2B", rounds((0, 1), 13), 1, Widths(2304, 8, 4, 256, 9216, 256000)),
    Pattern("Gemma 2 9B", rounds((0, 1), 21), 1, Widths(3584, 16, 8, 256, 14336, 256000)),
    Pattern("Gemma 2 27B", rounds((0, 1), 23), 1, Widths(4608, 32, 16, 128, 36864, 256000)),
    Pattern("Gemma 3 1B", rounds(LOCAL_GLOBAL, 4, (0, 0)), 1, Widths(1152, 4, 1, 256, 6912, 262144)),
    Pattern("Gemma 4 26B-A4B", rounds(LOCAL_GLOBAL, 5), 1, Widths(2304, 8, 4, 256, 9216, 262144)),
    Pattern("SmolLM3 3B", rounds((0, 0, 0, 1), 9), 1, Widths(2048, 16, 4, 128, 11008, 128256)),
    Pattern("gpt-oss 20b", rounds((0, 1), 12), 1, Widths(2880, 64, 8, 64, 2880, 201088)),
    Pattern("Llama 4 Scout", rounds((0, 0, 0, 1), 12), 1, Widths(5120, 40, 8, 128, 16384, 202048)),
    Pattern("DeepSeek V3", (0,) * 3 + (1,) * 58, 2, Widths(7168, 64, 8, 112, 18432, 129280)),
)


def text(pattern: Pattern, context: int) -> str:
    """The model as text."""
    w = pattern.widths
    layers = "\n".join(
        layer(f"kind{kind}", pattern.kinds.count(kind), ACTIVATIONS[kind])
        for kind in sorted(set(pattern.kinds))
    )
    seen = [0] * len(ACTIVATIONS)
    steps: list[str] = []
    for kind in pattern.kinds:
        steps.append(f"  x = kind{kind}[{seen[kind]}](x, position)")
        seen[kind] += 1
    calls = "\n".join(steps)
    return f"""model patterns
dtype bf16
param context = {context}
param hidden = {w.hidden}
param heads = {w.heads}
param kv_heads = {w.kv_heads}
param head_dim = {w.head_dim}
param ffn = {w.ffn}
param vocab = {w.vocab}
constant frequencies[j in 0..head_dim / 2] = 10000.0 ^ (-2.0 * j / head_dim)
weight embedding[vocab, hidden]
weight final_norm[hidden]
weight head[hidden, vocab]
{layers}
step(token[1]: i32, position: i32) {{
  x = embedding[token]
{calls}
  return argmax(rms_norm(x, final_norm, 1e-5) @ head)
}}
"""


def layer(name: str, count: int, activation: str) -> str:
    """A kind of layer."""
    return f"""layer {name}[{count}](x[1, hidden], position: i32) {{
  weight norm[hidden]
  weight wq[hidden, heads * head_dim]
  weight wk[hidden, kv_heads * head_dim]
  weight wv[hidden, kv_heads * head_dim]
  weight wo[heads * head_dim, hidden]
  weight ffn_norm[hidden]
  weight w_gate[hidden, ffn]
  weight w_up[hidden, ffn]
  weight w_down[ffn, hidden]
  cache keys[1, kv_heads, context, head_dim]
  cache values[1, kv_heads, context, head_dim]
  h = rms_norm(x, norm, 1e-5)
  q = rope(h @ wq, position, frequencies)
  k = rope(h @ wk, position, frequencies)
  append(keys, k, position)
  append(values, h @ wv, position)
  x = x + attention(q, keys, values, position) @ wo
  h = rms_norm(x, ffn_norm, 1e-5)
  return x + ({activation}(h @ w_gate) * (h @ w_up)) @ w_down
}}
"""


def compiled(pattern: Pattern, variant: str, context: int, sockets: int) -> tuple[ModuleOp, Program]:
    """The module of a model, and its program."""
    module = load_model(text(pattern, context), "patterns.kl", {})
    set_machine(module, SN40L.with_values({"sockets": sockets}))
    given = module.clone()
    lower(make_context(), module, "rdu", VARIANTS[variant].choice)
    return given, emit_program(module, pattern.name)


def layer_calls(program: Program) -> int:
    """Calls of kernels that hold layers."""
    return sum(isinstance(one, Execute) and one.kernel.startswith("kind") for one in program.commands)


def same_bits(pattern: Pattern, variant: str) -> bool:
    """Whether two steps with small widths give the bits of the reference."""
    module, program = compiled(replace(pattern, widths=SMALL), variant, 16, 1)
    run = start_run(program, RunOptions(2))
    reference = Reference(module, run)
    return not any(reference.differences(step, 1) for step in run.steps(2, lambda done, of: None))


def timed(pattern: Pattern, variant: str, sockets: int) -> tuple[Program, Report]:
    """A step with a full context."""
    _, program = compiled(pattern, variant, CONTEXT, sockets)
    return program, time_step(program, {"position": CONTEXT - 1})


def rows(pattern: Pattern, sockets: int) -> Iterator[list[str]]:
    """What is shown of a model: a row a variant."""
    first: float | None = None
    for variant in ("fused", "looped", "single"):
        begin = time.perf_counter()
        try:
            program, report = timed(pattern, variant, sockets)
        except DiagnosticException as error:
            yield [pattern.name, variant, f"refused: {str(error).splitlines()[0][:60]}"]
            continue
        first = first or report.seconds
        loops = max((len(kernel.loops) for kernel in program.kernels), default=0)
        calls = layer_calls(program) if variant != "single" else report.kernel_calls
        wanted = {"fused": len(pattern.kinds), "looped": pattern.wanted, "single": 1}[variant]
        yield [
            pattern.name,
            variant,
            f"{calls}" + ("" if calls == wanted else f" (wanted {wanted})"),
            f"{loops}",
            f"{report.seconds * 1e6:.1f}",
            f"{first / report.seconds:.2f}x",
            "same" if same_bits(pattern, variant) else "DIFFERENT",
            f"{time.perf_counter() - begin:.1f}",
        ]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sockets", type=int, default=8)
    parser.add_argument("--only", default="", help="the models whose names have this in them")
    arguments = parser.parse_args()
    table = Table(title=f"{arguments.sockets} sockets, context {CONTEXT}")
    for column in ("model", "variant", "calls", "loops", "us/step", "gain", "bits", "s to compile"):
        table.add_column(column)
    for pattern in PATTERNS:
        if arguments.only in pattern.name:
            for row in rows(pattern, arguments.sockets):
                table.add_row(*row)
    Console(width=130).print(table)


if __name__ == "__main__":
    main()
