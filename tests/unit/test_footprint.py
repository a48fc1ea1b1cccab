"""What a kernel needs at least is what planning needs: a machine with one unit less is too small."""

from __future__ import annotations

from dataclasses import replace

import pytest
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser
from xdsl.utils.exceptions import PassFailedException

from kl.dialects.kernel import FuncOp
from kl.dialects.machine import SN40L, Machine
from kl.dialects.rdu_machine import set_machine
from kl.passes import load_pass
from kl.passes.units.traffic import Footprint, footprint
from kl.tools.universe import make_context

PLANNING = ("convert-kernel-to-dataflow", "tile-stages", "allocate-units")

ONCE = """
    kernel.func @k(%x: tensor<1x512xf32>, %w: tensor<512x512xf32>) -> tensor<1x512xf32> {
      %a = nn.matmul %x, %w : (tensor<1x512xf32>, tensor<512x512xf32>) -> tensor<1x512xf32>
      %y = nn.add %a, %x : (tensor<1x512xf32>, tensor<1x512xf32>) -> tensor<1x512xf32>
      kernel.return %y : tensor<1x512xf32>
    }"""

LOOPED = """
    kernel.func @k(%x: tensor<1x512xf32>, %w: tensor<4x512x512xf32>) -> tensor<1x512xf32> {
      %r = kernel.loop 4 carried(%x : tensor<1x512xf32>) -> tensor<1x512xf32>
          stacks(%w : tensor<4x512x512xf32>) {
      ^bb0(%h: tensor<1x512xf32>, %wi: tensor<512x512xf32>):
        %a = nn.matmul %h, %wi : (tensor<1x512xf32>, tensor<512x512xf32>) -> tensor<1x512xf32>
        %y = nn.add %a, %h : (tensor<1x512xf32>, tensor<1x512xf32>) -> tensor<1x512xf32>
        kernel.yield %y : tensor<1x512xf32>
      }
      kernel.return %r : tensor<1x512xf32>
    }"""

SMALL = replace(SN40L, pmu_bytes=16384)


def parse(text: str) -> ModuleOp:
    return Parser(make_context(), text).parse_module()


def needs(text: str, machine: Machine) -> Footprint:
    (func,) = parse(text).ops
    assert isinstance(func, FuncOp)
    return footprint(func, machine)


def test_tiles_and_values_take_whole_pmus() -> None:
    # 8 tiles of w are of 512 x 64 x 4 = 128 KiB: 8 PMUs of 16 KiB. The others hold 2 KiB each, one PMU:
    # x for the product and x for the sum, the product's 8 tiles, the sum's.
    assert needs(ONCE, SMALL) == Footprint(pmus=8 + 4, pcus=2)


def test_a_loop_holds_the_tiles_of_two_iterations() -> None:
    # The weight's tile twice, 16 PMUs. The initial value is double-buffered in tiles of 256 bytes, which a
    # FIFO holds; the two current ones, the product, the next and the final value take a PMU each.
    assert needs(LOOPED, SMALL) == Footprint(pmus=16 + 5, pcus=2)


def plan(text: str, machine: Machine) -> None:
    module = parse(text)
    set_machine(module, machine)
    for name in PLANNING:
        load_pass(name)().apply(Context(), module)


@pytest.mark.parametrize("text", [ONCE, LOOPED], ids=["once", "looped"])
def test_planning_needs_exactly_as_much(text: str) -> None:
    needed = needs(text, SMALL)
    plan(text, replace(SMALL, pmus=needed.pmus, pcus=needed.pcus))
    with pytest.raises(PassFailedException, match=f"needs {needed.pmus} PMUs"):
        plan(text, replace(SMALL, pmus=needed.pmus - 1, pcus=needed.pcus))
    with pytest.raises(PassFailedException, match=f"has {needed.pcus} stages"):
        plan(text, replace(SMALL, pmus=needed.pmus, pcus=needed.pcus - 1))


def test_a_kernel_without_a_network_is_refused() -> None:
    integers = """
        kernel.func @k(%x: tensor<1x8xf32>) -> tensor<1xi32> {
          %y = nn.argmax %x : (tensor<1x8xf32>) -> tensor<1xi32>
          %r = kernel.loop 2 carried(%y : tensor<1xi32>) -> tensor<1xi32> {
          ^bb0(%h: tensor<1xi32>):
            kernel.yield %h : tensor<1xi32>
          }
          kernel.return %r : tensor<1xi32>
        }"""
    with pytest.raises(PassFailedException, match="it can carry floats alone"):
        needs(integers, SN40L)
