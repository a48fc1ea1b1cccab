"""What is verified of a module: of operations that are alike few, and what is wrong with any is found."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from xdsl.context import Context
from xdsl.dialects import builtin
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, StringAttr, SymbolRefAttr, i32, i64
from xdsl.dialects.func import FuncOp
from xdsl.ir import Attribute, Block, Operation, Region
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import VerifyException

from kl.backends.targets import Choice
from kl.dialects import kernel, rdu
from kl.dialects.alike import representatives
from kl.dialects.vocabulary import IrLevel
from kl.frontends import load_model
from kl.tools.diagnostics import PassError, failing_operation
from kl.tools.driver import check_module
from kl.tools.lowering import default_passes, lower, run_pipeline
from kl.tools.pipelines import Edit
from kl.tools.universe import available_passes, find_target, make_context

TINY = Path(__file__).parents[2] / "examples/llama3_tiny.kl"
UNFUSED = Choice(fusion="op", loop=False)


@cache
def unfused(level: IrLevel) -> ModuleOp:
    """The tiny model with a call for each operation of each layer."""
    module = load_model(TINY.read_text(encoding="utf-8"), TINY.name, {})
    lower(make_context(), module, level, UNFUSED)
    return module


def swap(op: Operation) -> None:
    """Give the operands in the other order."""
    op.operands = op.operands[::-1]


def nest(op: Operation) -> None:
    """Give each memory a name in a name."""
    assert isinstance(op, rdu.LoadArgumentsOp)
    names = [SymbolRefAttr(one.root_reference, ["x"]) for one in op.regions_]
    op.properties["memory_regions"] = builtin.ArrayAttr(names)


def share(op: Operation) -> None:
    """Give one memory as all that the operation takes."""
    memories = [value for value in op.operands if isinstance(value.type, builtin.MemRefType)]
    op.operands = [memories[0] if value in memories else value for value in op.operands]


def put(name: str, value: Attribute) -> Callable[[Operation], None]:
    """Gives an operation a property."""
    return lambda op: op.properties.update({name: value})


SPOILT: list[tuple[IrLevel, type[Operation], Callable[[Operation], None]]] = [
    ("kernel", kernel.CallOp, swap),
    ("kernel", kernel.CallOp, share),
    ("kernel", kernel.CallOp, lambda op: op.properties.pop("index", None)),
    ("kernel", kernel.CallOp, lambda op: setattr(op, "operands", op.operands[1:])),
    *(("kernel", kernel.CallOp, put("index", IntegerAttr(number, i64))) for number in (-1, 0, 2, 99)),
    ("kernel", kernel.CallOp, put("index", IntegerAttr(0, i32))),
    ("kernel", kernel.CallOp, put("index", StringAttr("x"))),
    ("kernel", kernel.CallOp, put("callee", SymbolRefAttr("decoder.norm"))),
    *(("rdu", rdu.RegionOp, put("address", IntegerAttr(number, i64))) for number in (-1, 4096, 1 << 50)),
    ("rdu", rdu.RegionOp, put("address", IntegerAttr(0, i32))),
    *(("rdu", rdu.RegionOp, put(name, StringAttr("x"))) for name in ("kind", "tier", "sym_name", "other")),
    ("rdu", rdu.RegionOp, put("sym_name", SymbolRefAttr("x"))),
    ("rdu", rdu.RegionOp, put("type", builtin.TensorType(i32, [0]))),
    *(("rdu", one, put("other", StringAttr("x"))) for one in (rdu.ExecuteOp, rdu.LoadArgumentsOp)),
    *(("rdu", one, put("kernel", SymbolRefAttr("x"))) for one in (rdu.ExecuteOp, rdu.LoadProgramOp)),
    ("rdu", rdu.LoadProgramOp, put("kernel", StringAttr("x"))),
    ("rdu", rdu.LoadArgumentsOp, nest),
    ("rdu", rdu.LoadArgumentsOp, put("memory_regions", builtin.ArrayAttr([StringAttr("x")]))),
    ("rdu", rdu.LoadArgumentsOp, put("memory_regions", StringAttr("x"))),
    *(
        ("rdu", rdu.LoadArgumentsOp, put("offsets", builtin.DenseArrayBase.from_list(type_, numbers)))
        for type_, numbers in ((i64, [0]), (i32, [0, 0]), (i64, [1 << 40] * 2), (i32, [0, 0, 0]))
    ),
]


def verify_each(op: Operation) -> None:
    """Verify all operations one by one, those inside first."""
    for inner in (inner for region in op.regions for block in region.blocks for inner in block.ops):
        verify_each(inner)
    op.verify(verify_nested_ops=False)


@pytest.mark.parametrize("place", [0, 3, 4, 5, 7, 14, 17, 22, 26, -2, -1])
@pytest.mark.parametrize("number", range(len(SPOILT)))
def test_what_is_alike_is_verified_as_if_each_were(number: int, place: int) -> None:
    level, kind, spoil = SPOILT[number]
    module = unfused(level).clone()
    check_module(module)
    ops = [op for op in module.walk() if isinstance(op, kind)]
    spoil(ops[place % len(ops)])
    try:
        verify_each(module)
    except VerifyException:
        with pytest.raises(VerifyException):
            check_module(module)
    else:
        check_module(module)


@pytest.mark.parametrize("place", range(4))
def test_a_memory_that_is_given_twice_is_found_in_any_call(place: int) -> None:
    module = load_model(TINY.read_text(encoding="utf-8"), TINY.name, {})
    lower(make_context(), module, "dataflow", Choice(loop=False))
    layers = [op for op in module.walk() if isinstance(op, kernel.CallOp) and op.index is not None]
    assert len(layers) == 4
    share(layers[place])
    with pytest.raises(VerifyException):
        check_module(module)


def test_few_of_thousands_are_verified() -> None:
    schedule = next(op for op in unfused("kernel").ops if isinstance(op, kernel.ScheduleOp))
    for block in (schedule.body.block, unfused("rdu").body.block):
        assert len(list(representatives(block.ops))) < len(block.ops)


def test_a_block_without_a_terminator_is_found() -> None:
    module = ModuleOp([FuncOp("f", ((), ()), Region(Block()))])
    with pytest.raises(VerifyException, match="empty block") as raised:
        check_module(module)
    assert isinstance(failing_operation(raised.value), FuncOp)


@pytest.mark.parametrize("place", ["tile-stages", "prefetch-weights"])
def test_calls_that_a_pass_of_another_package_breaks_are_found(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Spoil(ModulePass):
        name = "spoil"

        def apply(self, ctx: Context, op: ModuleOp) -> None:
            call = next(one for one in op.walk() if isinstance(one, kernel.CallOp))
            call.properties["callee"] = SymbolRefAttr("nothing")

    passes = available_passes()
    assert isinstance(passes, dict)
    monkeypatch.setitem(passes, Spoil.name, lambda: Spoil)
    target, module = find_target(None), unfused("nn").clone()
    pipeline = default_passes(target, "nn", "rdu", UNFUSED, [Edit("after", place, "spoil")])
    with pytest.raises(PassError, match="found after the pass"):
        run_pipeline(make_context(), module, pipeline, target, "rdu", verify=False)
