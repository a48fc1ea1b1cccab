"""The untimed meaning of dataflow kernels: ports, periods, states, streams, order, and networks that hang."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from kl.backends.interpreter import InterpretationError, Interpreter

ROW = np.arange(1, 9, dtype=np.float32).reshape(1, 8)


def scheduled(kernel: str, signature: str, arguments: str = "%x") -> str:
    """A module that calls `kernel` once with the step's inputs."""
    names = [name.strip() for name in arguments.split(",")]
    types = signature[1 : signature.index(")")].split(", ")
    inputs = ", ".join(f"{name}: {type_}" for name, type_ in zip(names, types, strict=True))
    result = signature.split("-> ")[1]
    return f"""
        {kernel}
        kernel.schedule @step({inputs}) -> {result} {{
          %result = kernel.call @k({arguments}) : {signature}
          kernel.return %result : {result}
        }}"""


SQUARE = scheduled(
    """dataflow.kernel @k(%x: tensor<1x8xf32>) -> tensor<1x8xf32> {
      %a = dataflow.channel 1 : !dataflow.channel<tensor<1x2xf32>>
      %b = dataflow.channel 1 : !dataflow.channel<tensor<1x8xf32>>
      %c = dataflow.channel 1 : !dataflow.channel<tensor<1x4xf32>>
      dataflow.store %c result 0 : !dataflow.channel<tensor<1x4xf32>>
      dataflow.stage "mul" firings 2
          ins(%a, %b : !dataflow.channel<tensor<1x2xf32>>, !dataflow.channel<tensor<1x8xf32>>) periods [1, 2]
          outs(%c : !dataflow.channel<tensor<1x4xf32>>) periods [1] {
      ^bb0(%d: tensor<1x4xf32>, %e: tensor<1x4xf32>):
        %f = nn.mul %d, %e : (tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<1x4xf32>
        dataflow.yield %f : tensor<1x4xf32>
      }
      dataflow.load %x to %a : tensor<1x8xf32> -> !dataflow.channel<tensor<1x2xf32>>
      dataflow.load %x to %b : tensor<1x8xf32> -> !dataflow.channel<tensor<1x8xf32>>
    }""",
    "(tensor<1x8xf32>) -> tensor<1x8xf32>",
)


def test_ports_gather_small_tiles_and_slice_large_ones(parse):
    # Firing 0 sees tiles 0 and 1 of %a and the first half of %b's one tile; firing 1 the rest.
    (output,) = Interpreter(parse(SQUARE), {}).step([ROW]).outputs
    assert_array_equal(output, ROW**2)


ROW_SUMS = """
    nn.state @s : memref<3x1x1xf32>
    dataflow.kernel @k(%x: tensor<3x1x4xf32>, %s: memref<3x1x1xf32>)
        attributes {loops = #dataflow.loops<iteration 3>} {
      %a = dataflow.channel 1 : !dataflow.channel<tensor<1x1xf32>>
      %b = dataflow.channel 1 : !dataflow.channel<tensor<1x1xf32>>
      dataflow.load %x to %a {start = 2, stride = -1}
          : tensor<3x1x4xf32> -> !dataflow.channel<tensor<1x1xf32>>
      dataflow.stage "sum" firings 4
          ins(%a : !dataflow.channel<tensor<1x1xf32>>) periods [1]
          outs(%b : !dataflow.channel<tensor<1x1xf32>>) periods [4] {
      ^bb0(%c: tensor<1x1xf32>, %sum: tensor<1x1xf32>):
        %d = nn.add %c, %sum : (tensor<1x1xf32>, tensor<1x1xf32>) -> tensor<1x1xf32>
        dataflow.yield %d, %d : tensor<1x1xf32>, tensor<1x1xf32>
      }
      dataflow.store %b into %s : memref<3x1x1xf32> {start = 0, stride = 1}
          : !dataflow.channel<tensor<1x1xf32>>
    }
    kernel.schedule @step(%x: tensor<3x1x4xf32>) {
      %s = nn.get_global @s : memref<3x1x1xf32>
      kernel.call @k(%x, %s) : (tensor<3x1x4xf32>, memref<3x1x1xf32>) -> ()
      kernel.return
    }"""


def test_states_are_zero_in_each_iteration_and_outputs_come_last_in_their_period(parse):
    interpreter = Interpreter(parse(ROW_SUMS), {})
    x = np.arange(12, dtype=np.float32).reshape(3, 1, 4)
    interpreter.step([x])
    assert_array_equal(interpreter.states["s"].ravel(), x.sum(axis=(1, 2))[::-1])


CARRY = scheduled(
    """dataflow.kernel @k(%x: tensor<1x4xf32>) -> tensor<1x4xf32>
        attributes {loops = #dataflow.loops<iteration 3>} {
      %init = dataflow.channel 1 : !dataflow.channel<tensor<1x2xf32>>
      %next = dataflow.channel 1 : !dataflow.channel<tensor<1x2xf32>>
      %final = dataflow.channel 1 : !dataflow.channel<tensor<1x2xf32>>
      %a = dataflow.channel 1 : !dataflow.channel<tensor<1x2xf32>>
      %b = dataflow.channel 1 : !dataflow.channel<tensor<1x2xf32>>
      dataflow.load %x to %init {rate = "call"} : tensor<1x4xf32> -> !dataflow.channel<tensor<1x2xf32>>
      dataflow.carry 2 init %init next %next final %final current %a, %b
          : !dataflow.channel<tensor<1x2xf32>>, !dataflow.channel<tensor<1x2xf32>>,
            !dataflow.channel<tensor<1x2xf32>>, !dataflow.channel<tensor<1x2xf32>>
            final !dataflow.channel<tensor<1x2xf32>>
      dataflow.stage "double" firings 2
          ins(%a, %b : !dataflow.channel<tensor<1x2xf32>>, !dataflow.channel<tensor<1x2xf32>>) periods [1, 1]
          outs(%next : !dataflow.channel<tensor<1x2xf32>>) periods [1] {
      ^bb0(%c: tensor<1x2xf32>, %d: tensor<1x2xf32>):
        %e = nn.add %c, %d : (tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<1x2xf32>
        dataflow.yield %e : tensor<1x2xf32>
      }
      dataflow.store %final result 0 {rate = "call"} : !dataflow.channel<tensor<1x2xf32>>
    }""",
    "(tensor<1x4xf32>) -> tensor<1x4xf32>",
)


def test_a_carried_value_goes_round_once_an_iteration(parse):
    (output,) = Interpreter(parse(CARRY), {}).step([ROW[:, :4]]).outputs
    assert_array_equal(output, 8 * ROW[:, :4])


APPEND_THEN_READ = """
    nn.state @s : memref<1x1x4x2xf32>
    dataflow.kernel @k(%x: tensor<1x2xf32>, %p: tensor<i32>, %s: memref<1x1x4x2xf32>) -> tensor<1x1x4x2xf32> {
      %a = dataflow.channel 1 : !dataflow.channel<tensor<1x2xf32>>
      %b = dataflow.channel 1 : !dataflow.channel<tensor<1x1x2x2xf32>>
      %t = dataflow.channel 1 : !dataflow.channel<!dataflow.token>
      dataflow.store %a into %s : memref<1x1x4x2xf32> at %p : tensor<i32>
          done (%t : !dataflow.channel<!dataflow.token>) : !dataflow.channel<tensor<1x2xf32>>
      dataflow.load %s to %b after %t : !dataflow.channel<!dataflow.token> position %p : tensor<i32>
          : memref<1x1x4x2xf32> -> !dataflow.channel<tensor<1x1x2x2xf32>>
      dataflow.load %x to %a : tensor<1x2xf32> -> !dataflow.channel<tensor<1x2xf32>>
      dataflow.store %b result 0 : !dataflow.channel<tensor<1x1x2x2xf32>>
    }
    kernel.schedule @step(%x: tensor<1x2xf32>, %p: tensor<i32>) -> tensor<1x1x4x2xf32> {
      %s = nn.get_global @s : memref<1x1x4x2xf32>
      %y = kernel.call @k(%x, %p, %s)
          : (tensor<1x2xf32>, tensor<i32>, memref<1x1x4x2xf32>) -> tensor<1x1x4x2xf32>
      kernel.return %y : tensor<1x1x4x2xf32>
    }"""


@pytest.mark.parametrize("position", range(4))
def test_a_gated_load_sees_what_was_stored_before_it(parse, position: int):
    interpreter = Interpreter(parse(APPEND_THEN_READ), {})
    (output,) = interpreter.step([ROW[:, :2], position]).outputs
    wanted = np.zeros((4, 2), np.float32)
    wanted[position] = ROW[0, :2]
    assert_array_equal(output[0, 0], wanted)


def test_a_position_outside_the_cache_is_refused(parse):
    with pytest.raises(InterpretationError, match=r"position 4 is outside 0 to 3"):
        Interpreter(parse(APPEND_THEN_READ), {}).step([ROW[:, :2], 4])


def test_rows_of_a_table_are_gathered_by_index(parse):
    kernel = """
        dataflow.kernel @k(%x: tensor<2xi32>, %t: tensor<4x3xf32>) -> tensor<2x3xf32> {
          %a = dataflow.channel 1 : !dataflow.channel<tensor<2xi32>>
          %b = dataflow.channel 1 : !dataflow.channel<tensor<2x3xf32>>
          dataflow.load %x to %a : tensor<2xi32> -> !dataflow.channel<tensor<2xi32>>
          dataflow.gather %t by %a to %b
              : tensor<4x3xf32>, !dataflow.channel<tensor<2xi32>> -> !dataflow.channel<tensor<2x3xf32>>
          dataflow.store %b result 0 : !dataflow.channel<tensor<2x3xf32>>
        }"""
    signature = "(tensor<2xi32>, tensor<4x3xf32>) -> tensor<2x3xf32>"
    module = parse(scheduled(kernel, signature, "%x, %t"))
    table = np.arange(12, dtype=np.float32).reshape(4, 3)
    (output,) = Interpreter(module, {}).step([[3, 1], table]).outputs
    assert_array_equal(output, table[[3, 1]])
    with pytest.raises(InterpretationError, match=r"dataflow.gather: row 4 is outside 0 to 3"):
        Interpreter(module, {}).step([[3, 4], table])


HANGING = """
    dataflow.kernel @k(%x: tensor<1x8xf32>) {
      %a = dataflow.channel 1 : !dataflow.channel<tensor<1x8xf32>>
      %b = dataflow.channel 1 : !dataflow.channel<tensor<1x8xf32>>
      dataflow.stage "there" firings 1 ins(%a : !dataflow.channel<tensor<1x8xf32>>) periods [1]
          outs(%b : !dataflow.channel<tensor<1x8xf32>>) periods [1] {
      ^bb0(%c: tensor<1x8xf32>):
        dataflow.yield %c : tensor<1x8xf32>
      }
      dataflow.stage "back" firings 1 ins(%b : !dataflow.channel<tensor<1x8xf32>>) periods [1]
          outs(%a : !dataflow.channel<tensor<1x8xf32>>) periods [1] {
      ^bb0(%c: tensor<1x8xf32>):
        dataflow.yield %c : tensor<1x8xf32>
      }
    }
    kernel.schedule @step(%x: tensor<1x8xf32>) {
      kernel.call @k(%x) : (tensor<1x8xf32>) -> ()
      kernel.return
    }"""


def test_a_network_that_hangs_is_reported(parse):
    with pytest.raises(InterpretationError, match=r"dataflow.stage waits for a tile that never comes"):
        Interpreter(parse(HANGING), {}).step([ROW])
