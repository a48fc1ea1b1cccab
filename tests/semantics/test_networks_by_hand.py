"""Loops and stages that no model gives, written by hand: bits and times are checked as in `test_networks`."""

from __future__ import annotations

import pytest

ROW, MATRIX, STACK = "tensor<1x16xbf16>", "tensor<16x16xbf16>", "tensor<4x16x16xbf16>"
PRODUCT = f"({ROW}, {MATRIX}) -> {ROW}"
SUM = f"({ROW}, {ROW}) -> {ROW}"

LOOPS = {
    "carried values change places": f"""
        %a, %b = kernel.loop 4 carried(%x, %y : {ROW}, {ROW}) -> {ROW}, {ROW} stacks(%w : {STACK}) {{
        ^bb0(%h: {ROW}, %g: {ROW}, %wi: {MATRIX}):
          %z = nn.matmul %h, %wi : {PRODUCT}
          kernel.yield %g, %z : {ROW}, {ROW}
        }}""",
    "a ring of carried values": f"""
        %a, %b = kernel.loop 3 carried(%x, %y : {ROW}, {ROW}) -> {ROW}, {ROW} {{
        ^bb0(%h: {ROW}, %g: {ROW}):
          kernel.yield %g, %h : {ROW}, {ROW}
        }}""",
    "nobody reads a carried value": f"""
        %a, %b = kernel.loop 4 carried(%x, %y : {ROW}, {ROW}) -> {ROW}, {ROW} stacks(%w : {STACK}) {{
        ^bb0(%h: {ROW}, %g: {ROW}, %wi: {MATRIX}):
          %z = nn.matmul %h, %wi : {PRODUCT}
          kernel.yield %z, %h : {ROW}, {ROW}
        }}""",
    "what stays the same is yielded": f"""
        %a, %b = kernel.loop 4 carried(%x, %y : {ROW}, {ROW}) -> {ROW}, {ROW} stacks(%w : {STACK}) {{
        ^bb0(%h: {ROW}, %g: {ROW}, %wi: {MATRIX}):
          %z = nn.matmul %h, %wi : {PRODUCT}
          %q = nn.add %z, %g : {SUM}
          kernel.yield %q, %x : {ROW}, {ROW}
        }}""",
    "one value is yielded twice": f"""
        %a, %b = kernel.loop 4 carried(%x, %y : {ROW}, {ROW}) -> {ROW}, {ROW} stacks(%w : {STACK}) {{
        ^bb0(%h: {ROW}, %g: {ROW}, %wi: {MATRIX}):
          %z = nn.matmul %h, %wi : {PRODUCT}
          %q = nn.add %z, %g : {SUM}
          kernel.yield %q, %q : {ROW}, {ROW}
        }}""",
    "a stack is walked two ways": f"""
        %a, %b = kernel.loop 2 carried(%x, %y : {ROW}, {ROW}) -> {ROW}, {ROW}
            stacks(%w, %w : {STACK}, {STACK})
            attributes {{starts = array<i64: 3, 0>, strides = array<i64: -2, 1>}} {{
        ^bb0(%h: {ROW}, %g: {ROW}, %wi: {MATRIX}, %vi: {MATRIX}):
          %z = nn.matmul %h, %wi : {PRODUCT}
          %q = nn.matmul %g, %vi : {PRODUCT}
          kernel.yield %q, %z : {ROW}, {ROW}
        }}""",
    "one iteration": f"""
        %a, %b = kernel.loop 1 carried(%x, %y : {ROW}, {ROW}) -> {ROW}, {ROW} stacks(%w : {STACK}) {{
        ^bb0(%h: {ROW}, %g: {ROW}, %wi: {MATRIX}):
          %z = nn.matmul %h, %wi : {PRODUCT}
          %q = nn.add %z, %g : {SUM}
          kernel.yield %q, %z : {ROW}, {ROW}
        }}""",
}


@pytest.mark.parametrize("name", LOOPS)
def test_loops_by_hand(name: str, parse, check_down_to_the_machine) -> None:
    module = parse(f"""
        nn.weight @w : {STACK}
        kernel.func @k(%x: {ROW}, %y: {ROW}, %w: {STACK}) -> ({ROW}, {ROW}) {{
          {LOOPS[name]}
          kernel.return %b, %a : {ROW}, {ROW}
        }}
        kernel.schedule @step(%x: {ROW}, %y: {ROW}) -> ({ROW}, {ROW}) {{
          %w = nn.get_global @w : {STACK}
          %a, %b = kernel.call @k(%x, %y, %w) : ({ROW}, {ROW}, {STACK}) -> ({ROW}, {ROW})
          kernel.return %a, %b : {ROW}, {ROW}
        }}""")
    check_down_to_the_machine(module, "")


def test_a_fused_stage_by_hand(parse, check_down_to_the_machine) -> None:
    # Tiles go through all its operations, and the sum of another stage, which no rule cuts, gathers them.
    channel = f"!dataflow.channel<{ROW}>"
    module = parse(f"""
        nn.weight @w : {MATRIX}
        dataflow.kernel @k(%x: {ROW}, %w: {MATRIX}) -> {ROW} {{
          %a = dataflow.channel 1 : {channel}
          %b = dataflow.channel 1 : !dataflow.channel<{MATRIX}>
          %c = dataflow.channel 1 : {channel}
          %d = dataflow.channel 1 : {channel}
          dataflow.load %x to %a : {ROW} -> {channel}
          dataflow.load %w to %b : {MATRIX} -> !dataflow.channel<{MATRIX}>
          dataflow.stage "fused" firings 1
              ins(%a, %b : {channel}, !dataflow.channel<{MATRIX}>) periods [1, 1]
              outs(%c : {channel}) periods [1] {{
          ^bb0(%0: {ROW}, %1: {MATRIX}):
            %2 = nn.matmul %0, %1 : {PRODUCT}
            %3 = nn.gelu %2 : ({ROW}) -> {ROW}
            dataflow.yield %3 : {ROW}
          }}
          dataflow.stage "sum" firings 1 ins(%c : {channel}) periods [1] outs(%d : {channel}) periods [1] {{
          ^bb0(%0: {ROW}, %1: {ROW}):
            %2 = nn.add %0, %1 : {SUM}
            dataflow.yield %2, %2 : {ROW}, {ROW}
          }}
          dataflow.store %d result 0 : {channel}
        }}
        kernel.schedule @step(%x: {ROW}) -> {ROW} {{
          %w = nn.get_global @w : {MATRIX}
          %y = kernel.call @k(%x, %w) : ({ROW}, {MATRIX}) -> {ROW}
          kernel.return %y : {ROW}
        }}""")
    check_down_to_the_machine(module, "")
    stages = [op for op in module.walk() if op.name == "dataflow.stage"]
    assert [op.properties["firings"].value.data for op in stages] == [8, 1]
