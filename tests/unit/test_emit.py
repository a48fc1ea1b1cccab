"""From the rdu level to a program: numbers stay, names become indices, addresses become absolute."""

from __future__ import annotations

from textwrap import dedent

import pytest
from xdsl.dialects.builtin import ModuleOp
from xdsl.utils.exceptions import PassFailedException

from kl.backends.sn40l.check import check_program
from kl.backends.sn40l.emit import emit_program
from kl.backends.sn40l.kernel import Channel, Parameter
from kl.backends.sn40l.program import Execute, LoadArguments, LoadProgram, Observe, Program
from kl.backends.sn40l.units import (
    AddressPattern,
    Carry,
    Gate,
    Gather,
    InputPort,
    Instruction,
    Load,
    OutputPort,
    Stage,
    Store,
)
from kl.backends.tensors import TensorSpec
from kl.dialects.machine import SN40L
from kl.frontends.located_parser import LocatedParser
from kl.tools.universe import make_context

TEXT = dedent("""\
    builtin.module attributes {rdu.machine = #rdu.machine<{hop_latency_cycles = 3}>} {
    rdu.region @k "state" "ddr" 512 : memref<2x1x2x8x4xf32> {stacked}
    rdu.region @w "weight" "hbm" 0 : tensor<3x8x8xf32> from "w.{layer}" {transposed, stacked}
    rdu.region @x "input" "hbm" 768 : tensor<1x8xf32>
    rdu.region @p "input" "hbm" 1024 : tensor<i32>
    rdu.region @a "value" "hbm" 1280 : memref<1x8xf32>
    rdu.region @b "value" "hbm" 1536 : memref<1x8xf32>
    rdu.region @c "value" "hbm" 1280 : memref<1x8xf32>
    dataflow.kernel @mul(%x: tensor<1x8xf32>, %w: tensor<8x8xf32>) -> tensor<1x8xf32> {
      %0 = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 5} : !dataflow.channel<tensor<1x8xf32>>
      %wide = dataflow.channel 2 {pmus = 1, pmu_first = 0, hops = 9} : !dataflow.channel<tensor<8x4xf32>>
      %out = dataflow.channel 2 {pmus = 0, pmu_first = 1, hops = 1} : !dataflow.channel<tensor<1x4xf32>>
      dataflow.load %x to %0 {rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 0, start = 0, pass_stride = 0, strides = array<i64: 32, 4>}>} : tensor<1x8xf32> -> !dataflow.channel<tensor<1x8xf32>>
      dataflow.load %w to %wide {rdu.walk = #rdu.walk<{tiles = 2, tile_stride = 16, start = 0, pass_stride = 0, strides = array<i64: 32, 4>}>} : tensor<8x8xf32> -> !dataflow.channel<tensor<8x4xf32>>
      dataflow.stage "mul" firings 2 ins(%0, %wide : !dataflow.channel<tensor<1x8xf32>>, !dataflow.channel<tensor<8x4xf32>>) periods [2, 1] outs(%out : !dataflow.channel<tensor<1x4xf32>>) periods [1] attributes {ii = 4, latency = 60, pcus = 3, pcu_first = 7} {
      ^bb0(%d: tensor<1x8xf32>, %e: tensor<8x4xf32>):
        %f = nn.matmul %d, %e : (tensor<1x8xf32>, tensor<8x4xf32>) -> tensor<1x4xf32>
        %g = nn.silu %f : (tensor<1x4xf32>) -> tensor<1x4xf32>
        dataflow.yield %g : tensor<1x4xf32>
      }
      dataflow.store %out result 0 {rdu.walk = #rdu.walk<{tiles = 2, tile_stride = 16, start = 0, pass_stride = 0, strides = array<i64: 32, 4>}>} : !dataflow.channel<tensor<1x4xf32>>
    }
    dataflow.kernel @attend(%x: tensor<1x8xf32>, %k: memref<2x1x2x8x4xf32>, %p: tensor<i32>) -> tensor<1x8xf32> attributes {loops = #dataflow.loops<iteration 2>} {
      %i = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 0} : !dataflow.channel<tensor<1x8xf32>>
      %n = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 0} : !dataflow.channel<tensor<1x8xf32>>
      %e = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 0} : !dataflow.channel<tensor<1x8xf32>>
      %s = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 0} : !dataflow.channel<tensor<1x8xf32>>
      %q = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 0} : !dataflow.channel<tensor<1x8xf32>>
      %v = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 0} : !dataflow.channel<tensor<1x2x4x4xf32>>
      %t = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 0} : !dataflow.channel<!dataflow.token>
      dataflow.load %x to %i {rate = "call", rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 0, start = 0, pass_stride = 0, strides = array<i64: 32, 4>}>} : tensor<1x8xf32> -> !dataflow.channel<tensor<1x8xf32>>
      dataflow.carry 1 init %i next %n final %e current %s, %q : !dataflow.channel<tensor<1x8xf32>>, !dataflow.channel<tensor<1x8xf32>>, !dataflow.channel<tensor<1x8xf32>>, !dataflow.channel<tensor<1x8xf32>> final !dataflow.channel<tensor<1x8xf32>>
      dataflow.store %s into %k : memref<2x1x2x8x4xf32> at %p : tensor<i32> done (%t : !dataflow.channel<!dataflow.token>) {start = 1, stride = -1, rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 256, start = 256, pass_stride = -256, strides = array<i64: 256, 128, 4>, position_stride = 16}>} : !dataflow.channel<tensor<1x8xf32>>
      dataflow.load %k to %v after %t : !dataflow.channel<!dataflow.token> position %p : tensor<i32> {start = 1, stride = -1, rdu.walk = #rdu.walk<{tiles = 2, tile_stride = 64, start = 256, pass_stride = -256, strides = array<i64: 256, 128, 16, 4>, positions_per_tile = 4}>} : memref<2x1x2x8x4xf32> -> !dataflow.channel<tensor<1x2x4x4xf32>>
      dataflow.stage "values" firings 2 ins(%q, %v : !dataflow.channel<tensor<1x8xf32>>, !dataflow.channel<tensor<1x2x4x4xf32>>) periods [2, 1] outs(%n : !dataflow.channel<tensor<1x8xf32>>) periods [2] attributes {ii = 2, latency = 52, pcus = 1, pcu_first = 0} {
      ^bb0(%d: tensor<1x8xf32>, %e2: tensor<1x2x4x4xf32>, %sum: tensor<1x8xf64>):
        %f = nn.attention_scores %d, %e2 scale 0.5 : (tensor<1x8xf32>, tensor<1x2x4x4xf32>) -> tensor<1x2x4xf32>
        %g = nn.attention_values %f, %e2, %sum : (tensor<1x2x4xf32>, tensor<1x2x4x4xf32>, tensor<1x8xf64>) -> tensor<1x8xf64>
        %h = nn.cast %g : (tensor<1x8xf64>) -> tensor<1x8xf32>
        dataflow.yield %h, %g : tensor<1x8xf32>, tensor<1x8xf64>
      }
      dataflow.store %e result 0 {rate = "call", rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 0, start = 0, pass_stride = 0, strides = array<i64: 32, 4>}>} : !dataflow.channel<tensor<1x8xf32>>
    }
    rdu.schedule @step inputs [@x, @p] outputs [@c] {
      rdu.load_program @mul
      rdu.load_arguments @mul [@x, @w, @a] offsets [0, 256, 0]
      rdu.execute @mul {first}
      rdu.load_arguments @mul [@a, @w, @b] offsets [0, 512, 0]
      rdu.execute @mul {second}
      rdu.observe @a as "hidden"
      rdu.load_program @attend
      rdu.load_arguments @attend [@b, @k, @p, @c] offsets [0, 0, 0, 0]
      rdu.execute @attend
    }
    }
    """)  # noqa: E501

ROW = TensorSpec((1, 8), "f32")
DDR = SN40L.hbm_bytes


def parse(text: str) -> ModuleOp:
    module = LocatedParser(make_context(), text, "test.mlir").parse_module()
    module.verify()
    return module


def place(fragment: str) -> str:
    """Where a line with this text begins."""
    (line,) = (number for number, line in enumerate(TEXT.splitlines(), 1) if fragment in line)
    return f"test.mlir:{line}:3"


@pytest.fixture(scope="module")
def program() -> Program:
    return emit_program(parse(TEXT), "small")


def test_the_program_is_sound_and_keeps_the_machine(program: Program) -> None:
    check_program(program)
    assert (program.name, program.machine) == ("small", SN40L.with_values({"hop_latency_cycles": 3}))
    assert (program.inputs, program.outputs) == (("x", "p"), ("c",))
    assert program.tokens_per_step == 1


def test_ddr_addresses_follow_those_of_hbm(program: Program) -> None:
    state, weight = program.regions[:2]
    assert (state.kind, state.tier, state.address, state.size_bytes) == ("state", "ddr", DDR + 512, 512)
    assert (state.tensor, state.stacked, state.live) == (TensorSpec((2, 1, 2, 8, 4), "f32"), True, None)
    assert (weight.kind, weight.address, weight.checkpoint) == ("weight", 0, "w.{layer}")
    assert (weight.transposed, weight.stacked) == (True, True)


def test_values_live_from_the_load_of_their_address_to_their_last_use(program: Program) -> None:
    # @a is made by commands 1 and 2, read by 3 and 4 and by the host in 5; the step returns @c at its end.
    lives = {region.name: region.live for region in program.regions}
    assert {name: lives[name] for name in ("x", "a", "b", "c")} == {
        "x": None,
        "a": (1, 5),
        "b": (3, 8),
        "c": (7, 9),
    }


def test_commands_have_absolute_addresses(program: Program) -> None:
    assert program.commands == (
        LoadProgram("mul"),
        LoadArguments("mul", (768, 256, 1280)),
        Execute("mul", place("{first}")),
        LoadArguments("mul", (1280, 512, 1536)),
        Execute("mul", place("{second}")),
        Observe("hidden", "a"),
        LoadProgram("attend"),
        LoadArguments("attend", (1536, DDR + 512, 1024, 1280)),
        Execute("attend", place("rdu.execute @attend")),
    )


def test_channels_have_names_places_and_the_latency_of_their_hops(program: Program) -> None:
    kernel = program.kernels[0]
    assert (kernel.name, kernel.iterations) == ("mul", 1)
    assert kernel.parameters[1] == Parameter("w", TensorSpec((8, 8), "f32"))
    assert kernel.channels == (
        Channel("channel.0", ROW, 1, 15, (0, 0)),
        Channel("wide.1", TensorSpec((8, 4), "f32"), 2, 27, (0, 1)),
        Channel("out.2", TensorSpec((1, 4), "f32"), 2, 3, (1, 0)),
    )


def test_a_stage_numbers_its_values(program: Program) -> None:
    stage = program.kernels[0].units[2]
    half = TensorSpec((1, 4), "f32")
    assert stage == Stage(
        "mul.w",
        2,
        (InputPort(0, ROW, 2), InputPort(1, TensorSpec((8, 4), "f32"))),
        (OutputPort(2, 3, 1),),
        (),
        (),
        (Instruction("nn.matmul", (0, 1), half), Instruction("nn.silu", (2,), half)),
        4,
        60,
        2 * 8 * 4 + 4 * 4,
        (7, 3),
        wide_flops=2 * 8 * 4,
        location=place('dataflow.stage "mul"'),
    )


def test_streams_walk_by_bytes(program: Program) -> None:
    assert program.kernels[0].units[1] == Load(
        "load w",
        (1,),
        AddressPattern(1, TensorSpec((8, 4), "f32"), (32, 4), 2, 16),
        location=place("dataflow.load %w"),
    )
    once, _, append, read, *_, last = program.kernels[1].units
    assert isinstance(once, Load)
    assert isinstance(last, Store)
    assert (once.rate, last.rate) == ("call", "call")
    # A tile [1, 8] goes to a position as 2 heads of 4.
    assert append == Store(
        "store k",
        3,
        AddressPattern(1, TensorSpec((1, 2, 4), "f32"), (256, 128, 4), 1, 256, 256, -256, 2, 16),
        done=(6,),
        location=place("dataflow.store %s"),
    )
    assert isinstance(read, Load)
    assert read.gate == Gate(channel=6, position_parameter=2, positions_per_tile=4)
    assert read.pattern == AddressPattern(
        1, TensorSpec((1, 2, 4, 4), "f32"), (256, 128, 16, 4), 2, 64, 256, -256
    )


def test_carries_and_states_are_taken_over(program: Program) -> None:
    kernel = program.kernels[1]
    assert kernel.units[1] == Carry("carry s", 1, 0, 1, 2, (3, 4), location=place("dataflow.carry"))
    stage = kernel.units[4]
    assert isinstance(stage, Stage)
    # Values 0 and 1 are the inputs, 2 is the state; 4 is its next one, 5 goes out.
    assert (stage.states, stage.next_states) == ((TensorSpec((1, 8), "f64"),), (4,))
    assert stage.outputs == (OutputPort(1, 5, 2),)
    assert stage.body[0] == Instruction(
        "nn.attention_scores", (0, 1), TensorSpec((1, 2, 4), "f32"), {"scale": 0.5}
    )


def test_inputs_are_gathered_and_sliced_along_an_axis() -> None:
    text = dedent("""\
        dataflow.kernel @k(%x: tensor<1x8xf32>) -> tensor<1x8xf32> {
          %a = dataflow.channel 2 {pmus = 0, pmu_first = 0, hops = 0} : !dataflow.channel<tensor<1x2xf32>>
          %b = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 0} : !dataflow.channel<tensor<1x8xf32>>
          %c = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 0} : !dataflow.channel<tensor<1x4xf32>>
          dataflow.load %x to %a {rdu.walk = #rdu.walk<{tiles = 4, tile_stride = 8, start = 0, pass_stride = 0, strides = array<i64: 32, 4>}>} : tensor<1x8xf32> -> !dataflow.channel<tensor<1x2xf32>>
          dataflow.load %x to %b {rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 0, start = 0, pass_stride = 0, strides = array<i64: 32, 4>}>} : tensor<1x8xf32> -> !dataflow.channel<tensor<1x8xf32>>
          dataflow.stage "mul" firings 2 ins(%a, %b : !dataflow.channel<tensor<1x2xf32>>, !dataflow.channel<tensor<1x8xf32>>) periods [1, 2] outs(%c : !dataflow.channel<tensor<1x4xf32>>) periods [1] attributes {ii = 1, latency = 51, pcus = 1, pcu_first = 0} {
          ^bb0(%d: tensor<1x4xf32>, %e: tensor<1x4xf32>):
            %f = nn.mul %d, %e : (tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<1x4xf32>
            dataflow.yield %f : tensor<1x4xf32>
          }
          dataflow.store %c result 0 {rdu.walk = #rdu.walk<{tiles = 2, tile_stride = 16, start = 0, pass_stride = 0, strides = array<i64: 32, 4>}>} : !dataflow.channel<tensor<1x4xf32>>
        }
        rdu.schedule @step inputs [] outputs [] {
        ^bb0:
        }
        """)  # noqa: E501
    (kernel,) = emit_program(parse(text), "ports").kernels
    stage = kernel.units[2]
    half = TensorSpec((1, 4), "f32")
    assert isinstance(stage, Stage)
    assert stage.inputs == (
        InputPort(0, half, period=1, gathered=2, axis=1),
        InputPort(1, half, period=2, slices=2, axis=1),
    )


def test_rows_are_gathered_by_index_and_a_step_makes_a_token_per_row() -> None:
    text = dedent("""\
        rdu.region @ids "input" "hbm" 0 : tensor<3xi32>
        rdu.region @table "weight" "hbm" 256 : tensor<9x4xf32>
        rdu.region @rows "value" "hbm" 512 : memref<3x4xf32>
        dataflow.kernel @k(%i: tensor<3xi32>, %t: tensor<9x4xf32>) -> tensor<3x4xf32> {
          %a = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 0} : !dataflow.channel<tensor<3xi32>>
          %b = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 0} : !dataflow.channel<tensor<3x4xf32>>
          dataflow.load %i to %a {rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 0, start = 0, pass_stride = 0, strides = array<i64: 4>}>} : tensor<3xi32> -> !dataflow.channel<tensor<3xi32>>
          dataflow.gather %t by %a to %b : tensor<9x4xf32>, !dataflow.channel<tensor<3xi32>> -> !dataflow.channel<tensor<3x4xf32>>
          dataflow.store %b result 0 {rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 0, start = 0, pass_stride = 0, strides = array<i64: 16, 4>}>} : !dataflow.channel<tensor<3x4xf32>>
        }
        rdu.schedule @step inputs [@ids] outputs [@rows] {
          rdu.load_program @k
          rdu.load_arguments @k [@ids, @table, @rows] offsets [0, 0, 0]
          rdu.execute @k
        }
        """)  # noqa: E501
    program = emit_program(parse(text), "rows")
    check_program(program)
    assert program.tokens_per_step == 3
    gather = program.kernels[0].units[1]
    assert isinstance(gather, Gather)
    assert (gather.name, gather.ids, gather.channels, gather.parameter) == ("gather t", 0, (1,), 1)
    assert gather.table == TensorSpec((9, 4), "f32")


@pytest.mark.parametrize("count", [0, 2])
def test_a_program_has_one_schedule(count: int) -> None:
    schedules = (f"rdu.schedule @s{n} inputs [] outputs [] {{\n^bb0:\n}}\n" for n in range(count))
    module = parse(f"builtin.module {{\n{''.join(schedules)}}}")
    with pytest.raises(PassFailedException, match=f"needs one rdu.schedule, the module has {count}"):
        emit_program(module, "none")
