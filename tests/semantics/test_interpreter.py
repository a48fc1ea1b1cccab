"""The interpreter's own rules: calls with slices, loops, stacks, states, observation, and its errors."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from xdsl.dialects.builtin import MemRefType, f32

from kl.backends.interpreter import InterpretationError, Interpreter, tensor_spec, weight_specs
from kl.backends.numerics import OPERATIONS
from kl.backends.tensors import TensorSpec
from kl.backends.weights import WeightSpec
from kl.dialects.kernel import FuncOp
from kl.passes.looping.call_arguments import written_arguments

ROWS = np.arange(12, dtype=np.float32).reshape(4, 3)
ONE = np.ones((1, 3), np.float32)


def test_a_call_slices_the_operands_that_are_stacks(parse):
    module = parse("""
        nn.weight @w : tensor<4x3xf32>
        func.func private @scale(%x: tensor<1x3xf32>, %w: tensor<3xf32>) -> tensor<1x3xf32> {
          %y = nn.rms_norm %x, %w eps 0.0 : (tensor<1x3xf32>, tensor<3xf32>) -> tensor<1x3xf32>
          func.return %y : tensor<1x3xf32>
        }
        func.func @step(%x: tensor<1x3xf32>) -> tensor<1x3xf32> {
          %w = nn.get_global @w : tensor<4x3xf32>
          %y = nn.call @scale[2](%x, %w) : (tensor<1x3xf32>, tensor<4x3xf32>) -> tensor<1x3xf32>
          func.return %y : tensor<1x3xf32>
        }""")
    (output,) = Interpreter(module, {"w": ROWS}).step([ONE]).outputs
    assert_array_equal(output, ROWS[[2]])


LOOP = """
    nn.weight @w : tensor<4x1x3xf32>
    kernel.func @sum(%x: tensor<1x3xf32>, %w: tensor<4x1x3xf32>) -> tensor<1x3xf32> {
      %y = kernel.loop COUNT carried(%x : tensor<1x3xf32>) -> tensor<1x3xf32>
          stacks(%w : tensor<4x1x3xf32>) SLICES {
      ^bb0(%a: tensor<1x3xf32>, %b: tensor<1x3xf32>):
        %c = nn.mul %a, %x : (tensor<1x3xf32>, tensor<1x3xf32>) -> tensor<1x3xf32>
        %d = nn.add %c, %b : (tensor<1x3xf32>, tensor<1x3xf32>) -> tensor<1x3xf32>
        kernel.yield %d : tensor<1x3xf32>
      }
      kernel.return %y : tensor<1x3xf32>
    }
    kernel.schedule @step(%x: tensor<1x3xf32>) -> tensor<1x3xf32> {
      %w = nn.get_global @w : tensor<4x1x3xf32>
      %y = kernel.call @sum(%x, %w) : (tensor<1x3xf32>, tensor<4x1x3xf32>) -> tensor<1x3xf32>
      kernel.return %y : tensor<1x3xf32>
    }"""


@pytest.mark.parametrize(
    ("slices", "order"),
    [
        ("", [0, 1, 2, 3]),
        ("attributes {starts = array<i64: 1>, strides = array<i64: 2>}", [1, 3]),
        ("attributes {starts = array<i64: 3>, strides = array<i64: -1>}", [3, 2, 1]),
    ],
)
def test_a_loop_carries_values_and_walks_through_stacks(parse, slices: str, order: list[int]):
    module = parse(LOOP.replace("SLICES", slices).replace("COUNT", str(len(order))))
    (output,) = Interpreter(module, {"w": ROWS.reshape(4, 1, 3)}).step([2 * ONE]).outputs
    wanted = 2 * ONE
    for row in order:
        wanted = wanted * 2 + ROWS[row]
    assert_array_equal(output, wanted)


def test_a_stack_of_states_is_written_in_place(parse):
    module = parse("""
        nn.state @a : memref<1x1x4x3xf32>
        nn.state @b : memref<1x1x4x3xf32>
        kernel.func @append(%x: tensor<1x3xf32>, %p: tensor<i32>, %s: memref<2x1x1x4x3xf32>) {
          kernel.loop 2 stacks(%s : memref<2x1x1x4x3xf32>) {
          ^bb0(%c: memref<1x1x4x3xf32>):
            nn.cache_append %c[%p], %x : memref<1x1x4x3xf32>, tensor<i32>, tensor<1x3xf32>
            kernel.yield
          }
          kernel.return
        }
        kernel.schedule @step(%x: tensor<1x3xf32>, %p: tensor<i32>) {
          %a = nn.get_global @a : memref<1x1x4x3xf32>
          %b = nn.get_global @b : memref<1x1x4x3xf32>
          %s = kernel.stack %b, %a : (memref<1x1x4x3xf32>, memref<1x1x4x3xf32>) -> memref<2x1x1x4x3xf32>
          kernel.call @append(%x, %p, %s) : (tensor<1x3xf32>, tensor<i32>, memref<2x1x1x4x3xf32>) -> ()
          kernel.return
        }""")
    interpreter = Interpreter(module, {})
    interpreter.step([ONE, 1])
    interpreter.step([3 * ONE, 2])
    wanted = [[0, 0, 0], [1, 1, 1], [3, 3, 3], [0, 0, 0]]
    assert_array_equal(interpreter.states["a"][0, 0], wanted)
    assert_array_equal(interpreter.states["b"][0, 0], wanted)


NESTED = """
    nn.weight @w : tensor<9x1x3xf32>
    nn.weight @v : tensor<4x1x3xf32>
    kernel.func @sum(%x: tensor<1x3xf32>, %w: tensor<9x1x3xf32>, %v: tensor<4x1x3xf32>) -> tensor<1x3xf32> {
      %x2 = nn.add %x, %x : (tensor<1x3xf32>, tensor<1x3xf32>) -> tensor<1x3xf32>
      %y = kernel.loop 3 carried(%x2 : tensor<1x3xf32>) -> tensor<1x3xf32>
          stacks(%w, %v : tensor<9x1x3xf32>, tensor<4x1x3xf32>)
          attributes {starts = array<i64: 4, 0>, strides = array<i64: -2, 1>, windows = array<i64: 5, 0>} {
      ^bb0(%a: tensor<1x3xf32>, %five: tensor<5x1x3xf32>, %b: tensor<1x3xf32>):
        %c = kernel.loop 2 carried(%a : tensor<1x3xf32>) -> tensor<1x3xf32>
            stacks(%five : tensor<5x1x3xf32>)
            attributes {starts = array<i64: 3>, strides = array<i64: -3>, windows = array<i64: 2>} {
        ^bb1(%d: tensor<1x3xf32>, %two: tensor<2x1x3xf32>):
          %e = kernel.loop 2 carried(%d : tensor<1x3xf32>) -> tensor<1x3xf32>
              stacks(%two : tensor<2x1x3xf32>) {
          ^bb2(%f: tensor<1x3xf32>, %one: tensor<1x3xf32>):
            %f2 = nn.add %f, %f : (tensor<1x3xf32>, tensor<1x3xf32>) -> tensor<1x3xf32>
            %g = nn.add %f2, %one : (tensor<1x3xf32>, tensor<1x3xf32>) -> tensor<1x3xf32>
            kernel.yield %g : tensor<1x3xf32>
          }
          kernel.yield %e : tensor<1x3xf32>
        }
        %h = nn.add %c, %b : (tensor<1x3xf32>, tensor<1x3xf32>) -> tensor<1x3xf32>
        kernel.yield %h : tensor<1x3xf32>
      }
      %z = kernel.loop 4 carried(%y : tensor<1x3xf32>) -> tensor<1x3xf32>
          stacks(%v : tensor<4x1x3xf32>) {
      ^bb3(%i: tensor<1x3xf32>, %j: tensor<1x3xf32>):
        %k = nn.add %i, %j : (tensor<1x3xf32>, tensor<1x3xf32>) -> tensor<1x3xf32>
        kernel.yield %k : tensor<1x3xf32>
      }
      kernel.return %z : tensor<1x3xf32>
    }
    kernel.schedule @step(%x: tensor<1x3xf32>) -> tensor<1x3xf32> {
      %w = nn.get_global @w : tensor<9x1x3xf32>
      %v = nn.get_global @v : tensor<4x1x3xf32>
      %y = kernel.call @sum(%x, %w, %v)
          : (tensor<1x3xf32>, tensor<9x1x3xf32>, tensor<4x1x3xf32>) -> tensor<1x3xf32>
      kernel.return %y : tensor<1x3xf32>
    }"""


def test_loops_nest_stand_in_a_row_and_walk_windows_of_windows(parse):
    w, v = np.arange(27, dtype=np.float32).reshape(9, 1, 3), ROWS.reshape(4, 1, 3)
    (output,) = Interpreter(parse(NESTED), {"w": w, "v": v}).step([ONE]).outputs
    wanted = 2 * ONE
    for outer in range(3):
        for inner in range(2):
            for innermost in range(2):
                wanted = 2 * wanted + w[(4 - 2 * outer) + (3 - 3 * inner) + innermost]
        wanted = wanted + v[outer]
    assert_array_equal(output, wanted + v.sum(axis=0))


@pytest.mark.parametrize("gathered", [True, False])
def test_an_append_in_a_window_of_a_window_writes_the_state(parse, gathered: bool):
    names = "abcdefgh" if gathered else "s"
    stack = "memref<8x1x1x2x3xf32>"
    cache = stack.replace("8x", "", 1)
    type_ = cache if gathered else stack
    states = "\n".join(f"nn.state @{name} : {type_}" for name in names)
    fetched = "\n".join(f"%{name} = nn.get_global @{name} : {type_}" for name in names)
    if gathered:
        parts = ", ".join(f"%{name}" for name in names)
        fetched += f"\n%s = kernel.stack {parts} : ({', '.join([cache] * 8)}) -> {stack}"
    module = parse(f"""
        {states}
        kernel.func @append(%x: tensor<1x3xf32>, %p: tensor<i32>, %s: {stack}) {{
          kernel.loop 2 stacks(%s : {stack})
              attributes {{strides = array<i64: 4>, windows = array<i64: 4>}} {{
          ^bb0(%four: memref<4x1x1x2x3xf32>):
            %z = kernel.loop 2 carried(%x : tensor<1x3xf32>) -> tensor<1x3xf32>
                stacks(%four : memref<4x1x1x2x3xf32>)
                attributes {{starts = array<i64: 1>, strides = array<i64: 1>, windows = array<i64: 2>}} {{
            ^bb1(%y: tensor<1x3xf32>, %two: memref<2x1x1x2x3xf32>):
              kernel.loop 1 stacks(%two : memref<2x1x1x2x3xf32>) attributes {{starts = array<i64: 1>}} {{
              ^bb2(%one: {cache}):
                nn.cache_append %one[%p], %y : {cache}, tensor<i32>, tensor<1x3xf32>
                kernel.yield
              }}
              %y2 = nn.add %y, %y : (tensor<1x3xf32>, tensor<1x3xf32>) -> tensor<1x3xf32>
              kernel.yield %y2 : tensor<1x3xf32>
            }}
            kernel.yield
          }}
          kernel.return
        }}
        kernel.schedule @step(%x: tensor<1x3xf32>, %p: tensor<i32>) {{
          {fetched}
          kernel.call @append(%x, %p, %s) : (tensor<1x3xf32>, tensor<i32>, {stack}) -> ()
          kernel.return
        }}""")
    (func,) = [op for op in module.ops if isinstance(op, FuncOp)]
    assert written_arguments(func) == {2}
    interpreter = Interpreter(module, {})
    interpreter.step([ONE, 1])
    held = interpreter.states
    caches = [held[name] for name in names] if gathered else list(held["s"])
    written = [cache[0, 0, 1, 0] for cache in caches]
    assert written == [0, 0, 1, 2, 0, 0, 1, 2]
    assert sum(cache.sum() for cache in caches) == 3 * sum(written)


OBSERVED_LAYER = """
    func.func private @layer(%x: tensor<1x3xf32>) -> tensor<1x3xf32> {
      %y = nn.add %x, %x : (tensor<1x3xf32>, tensor<1x3xf32>) -> tensor<1x3xf32>
      nn.observe %y as "y" : tensor<1x3xf32>
      func.return %y : tensor<1x3xf32>
    }
    func.func @step(%x: tensor<1x3xf32>) -> tensor<1x3xf32> {
      %a = nn.call @layer(%x) : (tensor<1x3xf32>) -> tensor<1x3xf32>
      %b = nn.call @layer(%a) : (tensor<1x3xf32>) -> tensor<1x3xf32>
      func.return %b : tensor<1x3xf32>
    }"""


def test_all_values_observed_under_a_label_are_kept_in_order(parse):
    observed = Interpreter(parse(OBSERVED_LAYER), {}).step([ONE]).observed
    assert_array_equal(observed["y"], [2 * ONE, 4 * ONE])


def test_states_outlive_a_step_and_not_the_interpreter(small_llama, run_steps, assert_same_bits):
    first, again = (run_steps(small_llama(), 4) for _ in range(2))
    assert_same_bits(first, again)
    keys = dict(first)["decoder.keys"]
    assert keys[:, :, :, :4].all()
    assert not keys[:, :, :, 4:].any()


def test_types_and_weights_become_plain_data(parse):
    module = parse("""
        nn.weight @a : tensor<4x3xbf16> from "a.{layer}" {stacked}
        nn.weight @b : tensor<2x3xf32> from "b" {transposed}
        nn.state @s : memref<2xf32>""")
    assert weight_specs(module) == [
        WeightSpec("a", TensorSpec((4, 3), "bf16"), "a.{layer}", stacked=True),
        WeightSpec("b", TensorSpec((2, 3), "f32"), "b", transposed=True),
    ]
    assert tensor_spec(MemRefType(f32, [2])) == TensorSpec((2,), "f32")


def test_an_operation_of_another_package_can_be_given_a_meaning(parse):
    module = parse("""
        func.func @step(%x: tensor<1x3xf32>) -> tensor<1x3xf32> {
          %y = "math.absf"(%x) : (tensor<1x3xf32>) -> tensor<1x3xf32>
          func.return %y : tensor<1x3xf32>
        }""")
    operations = {**OPERATIONS, "math.absf": lambda operands, *_: np.abs(operands[0])}
    (output,) = Interpreter(module, {}, operations).step([-ONE]).outputs
    assert_array_equal(output, ONE)


# Errors.


def refused(message: str, module, weights=None, inputs=(ONE,)) -> None:
    """A step fails with a message that matches."""
    with pytest.raises(InterpretationError, match=message):
        Interpreter(module, weights or {}).step(inputs)


def test_inputs_that_do_not_fit_are_refused(parse):
    module = parse(OBSERVED_LAYER)
    refused("the step takes 1 inputs, got 2", module, inputs=(ONE, ONE))
    refused(
        r"input 0 of the step is float32 of shape \(4, 3\), not a tensor<1x3xf32>",
        module,
        inputs=(ROWS,),
    )
    refused("input 0 of the step is float64", module, inputs=(ONE.astype(np.float64),))


def test_weights_that_do_not_fit_are_refused(parse):
    module = parse(LOOP.replace("SLICES", "").replace("COUNT", "4"))
    refused("no value is given for weight @w", module)
    refused(r"weight @w is float32 of shape \(4, 3\), not a tensor<4x1x3xf32>", module, {"w": ROWS})


def test_an_operation_without_meaning_is_refused(parse):
    module = parse("""
        func.func @step(%x: tensor<1x3xf32>) -> tensor<1x3xf32> {
          %y = tensor.empty() : tensor<1x3xf32>
          func.return %y : tensor<1x3xf32>
        }""")
    refused("tensor.empty has no meaning in numbers", module)


def test_a_position_outside_the_context_is_refused(small_llama, run_steps):
    module = small_llama(context=4)
    with pytest.raises(InterpretationError, match=r"nn.cache_append: position 4 is outside 0 to 3"):
        run_steps(module, 5)


def test_a_token_outside_the_vocabulary_is_refused(small_llama, run_steps):
    with pytest.raises(InterpretationError, match=r"nn.embedding: row 1 is outside 0 to 0"):
        run_steps(small_llama(vocab=1), 1)


@pytest.mark.parametrize("steps", [0, 2])
def test_a_module_has_one_step(parse, steps: int):
    text = "func.func @stepN(%x: tensor<1x3xf32>) -> tensor<1x3xf32> { func.return %x : tensor<1x3xf32> }"
    module = parse("\n".join(text.replace("N", str(n)) for n in range(steps)) or "builtin.module {}")
    refused(f"the module has {steps} steps, not one kernel.schedule or one public", module)


def test_an_element_type_without_counterpart_is_refused(parse):
    refused("unknown element type 'f128'", parse("nn.weight @w : tensor<3xf128>"))
