"""A module that is split over sockets is held to its rules: what our pipeline splits is consistent, and one
wrong fact of a weight or state is found."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser
from xdsl.utils.exceptions import DiagnosticException, VerifyException

from kl.backends.targets import Choice
from kl.dialects.vocabulary import ExpertSharding
from kl.frontends import load_model
from kl.passes.sharding.consistency import check_split
from kl.passes.sharding.shard_tensors import ShardTensorsPass
from kl.tools.lowering import lower
from kl.tools.universe import make_context

EXAMPLES = Path(__file__).parents[2] / "examples"
FACT = re.compile(r"shard_(axis|parts) = (\d+)|shard_runs = array<i64: ([\d, ]+)>")
CONTEXT = make_context()


@cache
def split_text(name: str, sockets: int, experts: ExpertSharding, level: str = "nn") -> str:
    """An example that is split, as text."""
    module = load_model((EXAMPLES / f"{name}.kl").read_text(), name)
    ShardTensorsPass(sockets, experts).apply(CONTEXT, module)
    if level == "kernel":
        lower(CONTEXT, module, "kernel", Choice(loop=False))
    return str(module)


def parsed(text: str) -> ModuleOp:
    module = Parser(CONTEXT, text, "split.mlir").parse_module()
    module.verify()
    return module


def wrong_facts(text: str) -> Iterator[tuple[str, str]]:
    """The text with one fact changed, and the line that has it."""
    for match in FACT.finditer(text):
        if match[1]:
            value = int(match[2])
            others = [match[0].replace(match[2], str(one)) for one in {value + 1, 2 * value, 0} - {value}]
        else:
            runs = [*map(int, match[3].split(","))]
            moved = [runs[0] - 1, runs[1] + 1, *runs[2:]]
            others = [match[0].replace(match[3], ", ".join(map(str, one))) for one in (moved, runs[::-1])]
        for other in {*others} - {match[0]}:
            changed = text[: match.start()] + other + text[match.end() :]
            yield changed, changed[: match.end()].splitlines()[-1]


@pytest.mark.parametrize("sockets", [2, 4, 8, 16])
@pytest.mark.parametrize(
    ("name", "experts"),
    [
        *((path.stem, "ffn") for path in sorted(EXAMPLES.glob("*.kl"))),
        ("mixture", "sockets"),
    ],
)
def test_what_the_pass_splits_is_consistent(name: str, experts: ExpertSharding, sockets: int):
    if (experts, sockets) == ("sockets", 16):
        pytest.skip("16 sockets do not divide its experts")
    check_split(parsed(split_text(name, sockets, experts)))


@pytest.mark.parametrize(
    ("name", "sockets", "experts", "level"),
    [
        ("mini", 4, "ffn", "nn"),
        ("llama3_tiny", 2, "ffn", "nn"),
        ("llama3_tiny", 8, "ffn", "kernel"),
        ("mixture", 4, "ffn", "nn"),
        ("mixture", 4, "sockets", "nn"),
    ],
)
def test_a_wrong_fact_is_found(name: str, sockets: int, experts: ExpertSharding, level: str):
    text = split_text(name, sockets, experts, level)
    check_split(parsed(text))
    passed = [line for changed, line in wrong_facts(text) if is_consistent(changed)]
    assert passed == []


def is_consistent(text: str) -> bool:
    try:
        check_split(parsed(text))
    except (DiagnosticException, VerifyException):
        return False
    return True


SPLIT = """
builtin.module attributes {{rdu.machine = #rdu.machine<{{sockets = 4 : i64}}>}} {{
  nn.weight @up : tensor<8x8xf32> {{shard_axis = {up} : i64, shard_parts = 4 : i64}}
  nn.weight @down : tensor<8x8xf32> {{shard_axis = {down} : i64, shard_parts = 4 : i64}}
  func.func @step(%x: tensor<1x8xf32>) -> tensor<1x8xf32> {{
    %up = nn.get_global @up : tensor<8x8xf32>
    %down = nn.get_global @down : tensor<8x8xf32>
    %h = nn.matmul %x, %up : (tensor<1x8xf32>, tensor<8x8xf32>) -> tensor<1x8xf32>
    %a = nn.silu %h : (tensor<1x8xf32>) -> tensor<1x8xf32>
    %p = nn.matmul %a, %down : (tensor<1x8xf32>, tensor<8x8xf32>) -> tensor<1x8xf32>
    {rest}
  }}
}}
"""
SUM = "%s = collective.all_reduce %p : (tensor<1x8xf32>) -> tensor<1x8xf32>\n"
BOTH = "(tensor<1x8xf32>, tensor<1x8xf32>) -> tensor<1x8xf32>"


@pytest.mark.parametrize(
    ("up", "down", "rest", "message"),
    [
        (1, 0, SUM + "func.return %s : tensor<1x8xf32>", ""),
        (1, 0, f"%q = nn.add %p, %p : {BOTH}\n{SUM.replace('%p', '%q')}func.return %s : tensor<1x8xf32>", ""),
        (0, 0, SUM + "func.return %s : tensor<1x8xf32>", "nn.matmul needs operand 1, @up, in 4 parts along "
         "axis 1, and it lies in 4 parts along axis 0"),
        (1, 1, SUM + "func.return %s : tensor<1x8xf32>", "nn.matmul needs operand 1, @down, in 4 parts "
         "along axis 0, and it lies in 4 parts along axis 1"),
        (1, 0, "func.return %p : tensor<1x8xf32>", "the step returns operand 0, which lies in summands that "
         "are still to be added up"),
        (1, 0, "func.return %a : tensor<1x8xf32>", "the step returns operand 0, which lies in 4 parts along "
         "axis 1"),
        (1, 0, "%s = nn.silu %p : (tensor<1x8xf32>) -> tensor<1x8xf32>\nfunc.return %s : tensor<1x8xf32>",
         "nn.silu reads operand 0 in summands that are still to be added up"),
        (1, 0, f"{SUM}%t = nn.add %s, %p : {BOTH}\nfunc.return %t : tensor<1x8xf32>",
         "nn.add reads operand 1 in summands that are still to be added up"),
        (1, 0, SUM.replace("%p", "%a") + "func.return %s : tensor<1x8xf32>",
         "collective.all_reduce adds up summands, and x lies in 4 parts along axis 1"),
        (1, 0, SUM.replace("%p", "%x") + "func.return %s : tensor<1x8xf32>",
         "collective.all_reduce adds up summands, and x is whole on every socket"),
        (1, 0, "%s = collective.all_gather %a axis 0 : (tensor<1x8xf32>) -> tensor<4x8xf32>\n"
         "func.return %a : tensor<1x8xf32>",
         "collective.all_gather puts 4 parts together along axis 0, and x lies in 4 parts along axis 1"),
    ],
)  # fmt: skip
def test_what_contradicts_is_named(up: int, down: int, rest: str, message: str):
    module = parsed(SPLIT.format(up=up, down=down, rest=rest))
    if not message:
        check_split(module)
        return
    with pytest.raises(DiagnosticException, match=re.escape(message)):
        check_split(module)


LOOP = """
builtin.module attributes {{rdu.machine = #rdu.machine<{{sockets = 2 : i64}}>}} {{
  nn.weight @up : tensor<8x4xf32> {{shard_axis = 1 : i64, shard_parts = 2 : i64}}
  nn.weight @down : tensor<4x8xf32> {{shard_axis = 0 : i64, shard_parts = 2 : i64}}
  kernel.func @loop(%x: tensor<1x8xf32>, %up: tensor<8x4xf32>, %down: tensor<4x8xf32>) -> tensor<1x8xf32> {{
    %h = nn.matmul %x, %up : (tensor<1x8xf32>, tensor<8x4xf32>) -> tensor<1x4xf32>
    %p = nn.matmul %h, %down : (tensor<1x4xf32>, tensor<4x8xf32>) -> tensor<1x8xf32>
    %y = kernel.loop {count} carried(%p : tensor<1x8xf32>) -> tensor<1x8xf32> {{
    ^bb0(%q: tensor<1x8xf32>):
      %s = collective.all_reduce %q : (tensor<1x8xf32>) -> tensor<1x8xf32>
      kernel.yield %s : tensor<1x8xf32>
    }}
    kernel.return %y : tensor<1x8xf32>
  }}
  kernel.schedule @step(%x: tensor<1x8xf32>) -> tensor<1x8xf32> {{
    %up = nn.get_global @up : tensor<8x4xf32>
    %down = nn.get_global @down : tensor<4x8xf32>
    %y = kernel.call @loop(%x, %up, %down) : {types}
    kernel.return %y : tensor<1x8xf32>
  }}
}}
"""
TYPES = "(tensor<1x8xf32>, tensor<8x4xf32>, tensor<4x8xf32>) -> tensor<1x8xf32>"


def test_what_a_loop_carries_may_lie_otherwise_after_an_iteration():
    check_split(parsed(LOOP.format(count=1, types=TYPES)))
    with pytest.raises(DiagnosticException, match="adds up summands, and x is whole on every socket"):
        check_split(parsed(LOOP.format(count=2, types=TYPES)))


def test_experts_of_a_socket_are_weighed_by_ids_as_it_counts_them():
    """With the ids of all, a weight would go to whatever expert has the same number on the socket."""
    text = split_text("mixture", 2, "sockets")
    changed = re.sub(r"(nn\.spread %\w+, )%gates,", r"\1%ids,", text)
    assert changed != text
    with pytest.raises(DiagnosticException, match="weighs the experts of each socket by ids of all"):
        check_split(parsed(changed))
