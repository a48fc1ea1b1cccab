"""Every pass keeps the numbers: a module gives the same bits before and after it, on several steps."""

from functools import partial

import pytest

from kl.passes import load_pass
from kl.tools.driver import parse_passes, run_passes
from kl.tools.universe import make_context

STEPS = 6

GRANULARITIES = ("op", "block", "layer")

TO_PLACES = (
    "convert-kernel-to-dataflow,tile-stages,allocate-units,prefetch-weights,schedule-stages,place-units"
)
"""The passes that end in a module which the interpreter still runs; behind them the engine does."""


def passes_of(pipeline: str):
    """The passes of a pipeline, ours whether or not they are listed as public."""
    names = [entry.partition("{")[0] for entry in pipeline.split(",")]
    return parse_passes({name: partial(load_pass, name) for name in names}, pipeline)


@pytest.mark.parametrize("granularity", GRANULARITIES)
@pytest.mark.parametrize("looped", [False, True], ids=["unlooped", "looped"])
def test_each_pass_keeps_the_numbers(
    granularity: str, looped: bool, small_llama, run_steps, assert_same_bits
):
    to_kernels = f"outline-kernels{{granularity={granularity}}},merge-identical-kernels"
    pipeline = ",".join([to_kernels, *(["loop-kernels"] if looped else []), TO_PLACES])
    module = small_llama()
    wanted = run_steps(module, STEPS)
    for module_pass in passes_of(pipeline):
        run_passes(make_context(), module, [module_pass])
        assert_same_bits(run_steps(module, STEPS), wanted)


def test_the_whole_way_keeps_the_numbers_in_f32(small_llama, run_steps, assert_same_bits):
    module = small_llama(dtype="f32")
    wanted = run_steps(module, STEPS)
    passes = passes_of(f"outline-kernels,merge-identical-kernels,loop-kernels,{TO_PLACES}")
    run_passes(make_context(), module, passes)
    assert_same_bits(run_steps(module, STEPS), wanted)


def test_a_changed_number_is_seen(small_llama, run_steps, assert_same_bits):
    # The comparison above proves something only if a small change shows.
    module = small_llama()
    changed = small_llama(rope_factor=9.0)
    with pytest.raises(AssertionError, match=r"output 1 of step \d differs"):
        assert_same_bits(run_steps(changed, STEPS), run_steps(module, STEPS))
