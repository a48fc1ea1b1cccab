"""Every operation that computes brings all it means: each part, or the reason why it cannot have it."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from inspect import unwrap
from pathlib import Path
from typing import ClassVar

import pytest
from xdsl.ir import Operation

from kl.backends import numerics
from kl.backends.meanings import load_meaning, meaning_of
from kl.dialects.collective import COLLECTIVE
from kl.dialects.nn import NN
from kl.dialects.operation import ComputeOp, Fusion, Without, missing_parts
from kl.dialects.spelling import Spelling

ROOT = Path(__file__).parents[2]
STRUCTURE = {"nn.weight", "nn.state", "nn.get_global", "nn.call", "nn.observe"}
"""What declares, fetches, calls and is read; it computes nothing."""

OPERATIONS = [op for dialect in (NN, COLLECTIVE) for op in dialect.operations if op.name not in STRUCTURE]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_an_operation_brings_each_part_or_the_reason_why_not(operation: type[Operation]):
    assert missing_parts(operation) == []


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_what_an_operation_names_as_its_meaning_exists(operation: type[ComputeOp]):
    meaning = unwrap(load_meaning(operation.NUMPY))
    assert meaning.__name__ == operation.name.partition(".")[2]
    if operation.name in numerics.OPERATIONS:
        assert unwrap(meaning_of(operation.name)) is meaning, "the engine finds it by the operation's name"


def test_no_operation_is_left_out_of_its_dialect():
    files = (path.stem for path in (ROOT / "dialects").glob("*.py") if path.stem != "__init__")
    found = {
        member
        for module in map(import_module, (f"kl.dialects.{stem}" for stem in files))
        for member in vars(module).values()
        if isinstance(member, type) and issubclass(member, ComputeOp) and "name" in vars(member)
    }
    assert {op.name for op in found} == {op.name for op in OPERATIONS}


def test_operations_load_no_numpy():
    code = "import sys, kl.dialects.nn, kl.dialects.collective; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_reasons_are_sentences():
    parts = [part for op in OPERATIONS for part in (op.SPELLING, op.FUSION)]
    reasons = {part.because for part in parts if isinstance(part, Without)}
    assert reasons
    assert all(len(reason.split()) > 4 for reason in reasons)


class HalfOp(ComputeOp):
    """An operation that forgets its tile rule, its shard rule and its fusion role."""

    name = "half.half"

    NUMPY: ClassVar = "half.numbers:half"
    SPELLING: ClassVar = Spelling("half", ("x",))

    def flops(self) -> int:
        return 0

    def verify_shapes(self) -> None:
        pass


class WholeOp(HalfOp):
    """The same with all of it."""

    name = "half.whole"

    FUSION: ClassVar = Fusion("elementwise")

    @classmethod
    def spelled(cls, arguments):
        return cls(operands=[arguments.floats("x")])

    def tile_rule(self) -> Without:
        return Without("this is a test")

    def shard(self, view) -> Without:
        return Without("this is a test")


def test_a_forgotten_part_is_found():
    assert missing_parts(HalfOp) == ["FUSION", "tile_rule", "shard", "spelled"]
    assert missing_parts(WholeOp) == []


def test_what_derives_from_nothing_of_ours_brings_nothing():
    assert missing_parts(Operation) == ["ComputeOp"]


@pytest.mark.parametrize("reference", ["kl.nowhere:half", "kl.backends.numerics:half"])
def test_a_meaning_that_is_not_there_is_an_error(reference: str):
    with pytest.raises(ValueError, match=f"its meaning in numbers is no function {reference}"):
        load_meaning(reference)


def test_an_operation_that_nobody_brings_is_an_error():
    with pytest.raises(ValueError, match=r"half\.half is no operation of an installed package"):
        meaning_of("half.half")


def test_an_operation_without_numbers_is_an_error_that_says_so():
    with pytest.raises(ValueError, match=r"arith\.addf cannot be computed: its class has no NUMPY"):
        meaning_of("arith.addf")


def test_a_role_that_no_rule_knows_is_an_error():
    with pytest.raises(ValueError, match=r"fusion role 'normalization'; known: .*norm"):
        Fusion("normalization")  # pyright: ignore[reportArgumentType] what a package may write
