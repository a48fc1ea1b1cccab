"""The rules of shapes: one for each of our operations, for the IR and for programs alike, as plain data."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

import kl
from kl.backends.meanings import KNOWN
from kl.dialects.collective import COLLECTIVE
from kl.dialects.nn import NN
from kl.dialects.operation import ComputeOp
from kl.dialects.rule_calls import call_of
from kl.dialects.rules import RULES, Call, RuleError, Tensor

ROOT = Path(__file__).parents[2]
Attributes = Mapping[str, int | float | tuple[float, ...]]


def spec(text: str) -> Tensor:
    """`2x8xf32` as a type."""
    *shape, dtype = text.split("x")
    return Tensor(tuple(map(int, shape)), dtype)


def call(name: str, operands: str, result: str, attributes: Attributes | None = None) -> Call:
    """An instruction; `operands` are types with blanks between them."""
    made = spec(result) if result else None
    return Call(name, [spec(one) for one in operands.split()], attributes or {}, made)


def test_each_operation_that_computes_has_a_rule() -> None:
    operations = {
        op.name for dialect in (NN, COLLECTIVE) for op in dialect.operations if issubclass(op, ComputeOp)
    }
    assert {*RULES} == operations
    assert {*KNOWN} <= {*RULES}


def test_rules_and_checks_load_neither_xdsl_nor_numpy() -> None:
    code = (
        "import sys, kl.dialects.rules, kl.backends.sn40l.check, kl.backends.sn40l.serialize; "
        "sys.exit(any(name in sys.modules for name in ('xdsl', 'numpy')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


MODELS = [("mixture", {"sockets": 2}), ("imports/deepseek_v3.kl", {}), ("imports/phi3_awq.kl", {})]


@pytest.mark.parametrize(("model", "options"), MODELS, ids=[model for model, _ in MODELS])
def test_operations_of_models_are_what_their_rules_take(model: str, options: dict[str, int]) -> None:
    made = kl.compile(str(ROOT / "tests" / model) if "/" in model else model, **options)
    seen = 0
    for module in (made.given.module, made.lowered.module):
        for op in (op for op in module.walk() if isinstance(op, ComputeOp)):
            rule, asked = RULES[op.name], call_of(op)
            rule.check(asked)
            assert (rule.flops(asked), rule.wide_flops(asked)) == (op.flops(), op.wide_flops())
            seen += 1
    assert seen > 30
    stages = {unit.name: unit for kernel in made.program.kernels for unit in kernel.units}
    assert any(getattr(unit, "flops", 0) > 0 for unit in stages.values())


WORK = [
    (call("nn.matmul", "2x8xbf16 8x6xbf16", "2x6xbf16"), 2 * 2 * 8 * 6, 0),
    (call("nn.matmul", "2x8xf32 6x8xbf16", "2x6xf32", {"transposed": 1}), 2 * 2 * 8 * 6, 2 * 2 * 8 * 6),
    (call("nn.head_matmul", "1x12xf16 12x5xf16", "1x15xf16"), 2 * 12 * 5, 0),
    (call("nn.head_matmul", "1x12xf64 15x4xf16", "1x15xf64", {"transposed": 1}), 2 * 12 * 5, 2 * 12 * 5),
    (call("nn.silu", "2x8xf32", "2x8xf32"), 4 * 16, 0),
    (call("nn.cast", "2x8xf32", "2x8xbf16"), 16, 0),
    (call("nn.mul", "2x8xf32 8xf32", "2x8xf32"), 16, 0),
    (call("nn.clamp", "8xf32", "8xf32", {"low": -1.0, "high": 1}), 2 * 8, 0),
    (call("nn.rms_norm", "1x8xf32 8xf32", "1x8xf32", {"eps": 0.0}), 4 * 8, 0),
    (call("nn.layer_norm", "1x8xf32", "1x8xf32", {"eps": 1e-5, "group": 4}), 7 * 8, 0),
    (call("nn.rope", "1x8xf32 i32", "1x8xf32", {"head_dim": 4, "frequencies": (1.0,)}), 6 * 4, 0),
    (call("nn.attention_scores", "1x8xbf16 1x1x3x4xbf16", "1x2x3xf32", {"scale": 1.0}), 2 * 2 * 3 * 4, 0),
    (call("nn.attention_softmax", "1x2x3xf32 i32 2xf32", "1x2x3xf32", {"sinks": 1}), 2 * (3 * 5 + 2), 0),
    (call("nn.attention_values", "1x2x3xf32 1x1x3x4xbf16 1x8xf64", "1x8xf64"), 2 * 2 * 3 * 4, 0),
    (call("nn.top_k", "2x8xf32", "2x3xi32", {"count": 3}), 2 * 3 * 8, 0),
    (call("nn.softmax", "2x8xf32", "2x8xf32"), 5 * 16, 0),
    (call("nn.spread", "2x3xf32 2x3xi32 6xi32", "2x6xf32"), 2 * 6 * 3, 0),
    (call("nn.slice", "2x8xf32", "2x3xf32", {"start": 5}), 0, 0),
    (call("nn.dequantize", "4x6xi8 4x1xf32", "4x6xf32", {"format_i8": 1, "block": (1, 6)}), 4 * 6, 0),
]
"""Instructions, their FLOPs, and those of wide products, counted by hand."""


@pytest.mark.parametrize(("asked", "flops", "wide"), WORK, ids=[one.name for one, _, _ in WORK])
def test_work_is_counted(asked: Call, flops: int, wide: int) -> None:
    rule = RULES[asked.name]
    rule.check(asked)
    assert (rule.flops(asked), rule.wide_flops(asked)) == (flops, wide)


ROPE = {"head_dim": 4, "frequencies": (1.0, 0.1)}
BAD = [
    (call("nn.matmul", "2x8xf32 6x8xf32", "2x8xf32"), "inner extents differ: (2, 8) x (6, 8)"),
    (call("nn.matmul", "2x8xf32 8x6xf32", "2x7xf32"), "result is (2, 7), should be (2, 6)"),
    (call("nn.matmul", "2x8xf32", "2x7xf32"), "1 operands; it takes 2"),
    (call("nn.matmul", "2x8xi32 8x6xf32", "2x6xf32"), "operand 0 is a tensor<2x8xi32>; it takes floats"),
    (call("nn.matmul", "2x8xf32 8x6xf32", "2x6xi32"), "the result is a tensor<2x6xi32>; it takes floats"),
    (call("nn.silu", "2x8xf32", "2x8xbf16"), "element types differ: tensor<2x8xf32> -> tensor<2x8xbf16>"),
    (call("nn.silu", "2x8xf32", "2x8xf32", {"number": 1}), "unknown attribute 'number'; it has none"),
    (call("nn.add_scalar", "2x8xf32", "2x8xf32"), "attribute 'number' is missing"),
    (call("nn.add_scalar", "8xf32", "8xf32", {"number": (1.0,)}), "'number' is (1.0,); it takes a number"),
    (call("nn.div_scalar", "8xf32", "8xf32", {"number": 0.0}), "a division by zero"),
    (call("nn.clamp", "8xf32", "8xf32", {"low": 2.0, "high": 1.0}), "low is 2.0, high is 1.0"),
    (call("nn.sum", "2x8xf32", "1x8xf32"), "result is (1, 8), should be (2, 1)"),
    (call("nn.softmax", "8xf32", "8xf32"), "nn.softmax takes [batch, columns], got (8,)"),
    (call("nn.argmax", "1x300xf32", "1xi8"), "columns 0 to 299 in a tensor<1xi8>, which holds 127 at most"),
    (call("nn.top_k", "2x8xf32", "2x3xi32", {"count": 9}), "the 9 best of 8"),
    (call("nn.top_k", "2x8xf32", "2x3xi32", {"count": 3, "groups": 3}), "given together"),
    (call("nn.rms_norm", "1x8xf32", "1x8xf32", {"eps": -1e-5}), "eps is -1e-05; it must not be negative"),
    (call("nn.rms_norm", "1x8xf32", "1x8xf32", {"eps": 0.1, "group": 3}), "groups of 3 in rows of 8"),
    (call("nn.rms_norm", "1x8xf32 4xf32", "1x8xf32", {"eps": 0.1}), "norm gain is (4,); it should be (8,)"),
    (call("nn.rope", "1x8xf32 i32", "1x8xf32", {**ROPE, "head_dim": 3}), "head_dim is 3; 2 frequencies"),
    (call("nn.rope", "1x6xf32 i32", "1x6xf32", ROPE), "extent 6 is no multiple of head_dim 4"),
    (call("nn.rope", "1x8xf32 i32", "1x8xf32", {**ROPE, "long_from": 3}), "long_from` together"),
    (call("nn.rope", "1x8xf32 i32", "1x8xf32", {**ROPE, "head_dim": 4.0}), "it takes a whole number"),
    (call("nn.slice", "2x8xf32", "2x4xf32", {"start": 5}), "columns 5 to 9 of a tensor with 8"),
    (call("nn.slice", "2x8xf32", "2x4xf32", {"start": 0, "head_columns": 3}), "rows of 8 have no heads of 3"),
    (call("nn.concat", "2x8xf32 2x4xf32", "2x12xf32", {"head_columns": (4,)}), "head_columns of 1 parts"),
    (
        call("nn.attention_softmax", "1x2x3xf32 i32", "1x2x3xf32", {"window": 0}),
        "window is 0; the least is 1",
    ),
    (
        call("nn.attention_softmax", "1x2x3xf32 i32", "1x2x3xf32", {"window": 4, "ring": 1}),
        "window is 4, the ring holds the last 3 positions",
    ),
    (call("nn.attention_softmax", "1x2x3xf32 i32", "1x2x3xf32", {"ring": 2}), "it takes 1, or is left out"),
    (
        call("nn.attention_values", "1x2x3xf32 1x1x3x4xf32 1x8xf64", "1x8xf64", {"value_dim": 5}),
        "value_dim is 5; heads of the values have 4 columns",
    ),
    (
        call("nn.attention_scores", "1x8xbf16 1x1x3x4xbf16", "1x2x3xbf16", {"scale": 1.0}),
        "result is a tensor<1x2x3xbf16>, its elements should be f32",
    ),
    (call("nn.distinct", "4x2xi32", "8xi32", {"experts": 1}), "2 of 1 experts"),
    (call("nn.gather_slices", "8x4x6xf32 2xi32", "4x12xf32", {"along": 2}), "along axis 2 of slices (4, 6)"),
    (call("nn.dequantize", "4x6xi8 4x1xf32", "4x6xf32", {"block": (1, 6)}), "formats given: none"),
    (
        call("nn.dequantize", "4x6xi8 4x1xf32", "4x6xf32", {"format_i8": 1, "block": (1, 3)}),
        "scales are (4, 1); blocks [1, 3] make (4, 2)",
    ),
    (call("collective.all_gather", "1x8xf32", "1x12xf32", {"axis": 1}), "extent 12 is no multiple of 8"),
    (call("collective.all_gather", "1x8xf32", "1x16xf32", {"axis": 2}), "axis 2 of a tensor of rank 2"),
    (call("collective.own_experts", "2x2xi32", "2x2xi32", {"experts": 0}), "each socket has 0 experts"),
]
"""Instructions that cannot be, and what is said of them."""


@pytest.mark.parametrize(("asked", "message"), BAD, ids=[message[:50] for _, message in BAD])
def test_what_does_not_fit_is_refused_with_both_numbers(asked: Call, message: str) -> None:
    with pytest.raises(RuleError) as caught:
        RULES[asked.name].check(asked)
    assert message in str(caught.value)
