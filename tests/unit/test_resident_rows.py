"""Weights that stay make no row of `kl compare` slower than the same without them."""

from __future__ import annotations

from functools import partial

from hypothesis import given
from timed_models import Case, cases, examples

from kl.backends.targets import TimeOptions
from kl.tools.compilation import Compiler
from kl.tools.options import CompilerOptions, MachineOptions, MappingOptions, ModelOptions
from kl.tools.variants import VARIANTS, Timed, Trial, attempt_all

ROWS = ("looped", "single", "resident", "single+resident")


def options(case: Case) -> CompilerOptions:
    """A case as a command line says it."""
    extents, machine = (
        tuple(f"{name}={value}" for name, value in values.items()) for values in (case.extents, case.machine)
    )
    model = ModelOptions("llama3_tiny", param=extents)
    return CompilerOptions(model=model, machine=MachineOptions(set=machine), mapping=MappingOptions())


def assert_none_is_slower(case: Case) -> None:
    compiler = Compiler.of(options(case))
    trial = Trial(compiler, compiler.read(), lambda _: TimeOptions(), quiet=True)
    variants = [(name, VARIANTS[name]) for name in ROWS]
    found = attempt_all(partial(trial.attempt, name, one.choice) for name, one in variants)
    rows = {one.name: one.step_seconds for one in found if isinstance(one, Timed)}
    assert rows.keys() == {*ROWS}
    for name, without in (("resident", "looped"), ("single+resident", "single")):
        times = rows[name] / rows[without]
        assert times <= 1, f"{name} takes {times:.4f} times the step of {without}"


@examples(3)
@given(cases(sockets=(1, 2)))
def test_no_row_is_slower_for_its_resident_weights(case: Case) -> None:
    assert_none_is_slower(case)


def test_nor_where_the_model_of_a_step_sees_no_links() -> None:
    """With links this narrow weights that stay make a step a bit longer."""
    assert_none_is_slower(Case({}, {"rdn_bytes_per_cycle": 8}))
