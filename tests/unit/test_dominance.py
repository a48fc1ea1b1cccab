"""Dominance with region kinds: a table of what is right and wrong, and random modules against two judges."""

from __future__ import annotations

import random
import re
import shutil
import subprocess
from collections.abc import Iterator
from io import StringIO
from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from xdsl.dialects.builtin import ModuleOp, UnregisteredOp, i32
from xdsl.dialects.func import FuncOp
from xdsl.dialects.scf import ExecuteRegionOp
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.printer import Printer
from xdsl.traits import IsolatedFromAbove
from xdsl.utils.exceptions import VerifyException

from kl.frontends.located_parser import LocatedParser
from kl.tools.dominance import check_dominance, is_graph_region
from kl.tools.universe import make_context

LATER = '"t.use"(%later) : (i32) -> ()\n%later = "t.def"() : () -> i32\n'
ACCEPTED = {
    "module": LATER,
    "module, own result": '%x = "t.op"(%x) : (i32) -> i32',
    "module, own result in a region": '%x = "t.op"() ({ "t.use"(%x) : (i32) -> () }) : () -> i32',
    "module in a function": f"func.func @f() {{ builtin.module {{ {LATER} }} func.return }}",
    "unregistered": f'func.func @f() {{ "t.graph"() ({{ {LATER} }}) : () -> () func.return }}',
    "test dialect": f'func.func @f() {{ "test.op"() ({{ {LATER} }}) : () -> () func.return }}',
    "gpu module": f'"gpu.module"() ({{ {LATER} }}) {{sym_name = "m"}} : () -> ()',
    "hardware": "hw.module @m(in %i : i1, out o : i1) {\n%a = comb.add %b, %i : i1\n"
    "%b = comb.add %a, %i : i1\nhw.output %a : i1 }",
    "e-graph": "%g = equivalence.graph -> i32 {\n%c = equivalence.class %a : i32\n"
    '%a = "t.op"(%c) : (i32) -> i32\nequivalence.yield %c : i32 }',
    "e-classes in a function": "func.func @f(%x : i32) -> i32 {\n%c = equivalence.class %x, %a : i32\n"
    '%a = "t.op"(%c) : (i32) -> i32\nfunc.return %c : i32 }',
    "SSA region in a graph sees what follows it": "scf.execute_region {\n"
    '"t.use"(%later) : (i32) -> ()\nscf.yield }\n%later = "t.def"() : () -> i32',
    "unregistered operation is not isolated": '%x = "t.def"() : () -> i32\n'
    '"t.op"() ({ "t.use"(%x) : (i32) -> () }) : () -> ()',
    "unreachable block": f'func.func @f() {{ func.return\n^b:\n{LATER} "t.end"() : () -> () }}',
    "unreachable block, nested": "func.func @f() { func.return\n^b:\n"
    '"t.op"() ({ "t.use"(%later) : (i32) -> () }) : () -> ()\n%later = "t.def"() : () -> i32\n'
    '"t.end"() : () -> () }',
    "unreachable predecessor": 'func.func @f() {\n%x = "t.def"() : () -> i32\n"t.br"()[^b] : () -> ()\n'
    '^u:\n"t.br"()[^b] : () -> ()\n^b:\n"t.use"(%x) : (i32) -> ()\nfunc.return }',
    "a loop of unreachable blocks": f'func.func @f() {{ func.return\n^b:\n{LATER} "t.br"()[^c] : () -> ()\n'
    '^c:\n"t.br"()[^b] : () -> () }',
}
REFUSED = {
    "function": f"func.func @f() {{ {LATER} func.return }}",
    "structured control flow": f"func.func @f() {{ scf.execute_region {{ {LATER} scf.yield }} func.return }}",
    "SSA region in a graph": f"scf.execute_region {{ {LATER} scf.yield }}",
    "graph in an SSA region sees not what follows it": 'func.func @f() {\n"t.graph"() ({ "t.use"(%later) : '
    '(i32) -> () }) : () -> ()\n%later = "t.def"() : () -> i32\nfunc.return }',
    "own result in a region": 'func.func @f() {\n%x = "t.op"() ({ "t.use"(%x) : (i32) -> () }) : () -> i32\n'
    "func.return }",
    "isolation": '%x = "t.def"() : () -> i32\nfunc.func @f() { "t.use"(%x) : (i32) -> ()\nfunc.return }',
    "one of two ways": 'func.func @f() {\n"t.br"()[^b, ^c] : () -> ()\n^b:\n%x = "t.def"() : () -> i32\n'
    '"t.br"()[^c] : () -> ()\n^c:\n"t.use"(%x) : (i32) -> ()\nfunc.return }',
    "blocks of an unregistered operation": f'"t.op"() ({{ {LATER} "t.br"()[^b] : () -> ()\n'
    '^b:\n"t.end"() : () -> () }) : () -> ()',
    "our kernels": "kernel.func @f(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {\n"
    "%y = nn.silu %z : (tensor<1x8xbf16>) -> tensor<1x8xbf16>\n"
    "%z = nn.silu %x : (tensor<1x8xbf16>) -> tensor<1x8xbf16>\nkernel.return %y : tensor<1x8xbf16> }",
}


def parsed(text: str) -> ModuleOp:
    """A module of which operations of unknown dialects may be part."""
    ctx = make_context()
    ctx.allow_unregistered = True
    return LocatedParser(ctx, text, "x.mlir").parse_module()


@pytest.mark.parametrize("kind", ACCEPTED)
def test_accepted(kind: str):
    check_dominance(parsed(ACCEPTED[kind]))


@pytest.mark.parametrize("kind", REFUSED)
def test_refused(kind: str):
    with pytest.raises(VerifyException, match="is used where its definition does not dominate"):
        check_dominance(parsed(REFUSED[kind]))


def any_op(name: str, results: int = 0, regions: tuple[Region, ...] = (), successors: tuple[Block, ...] = ()):
    """An unregistered operation."""
    made = UnregisteredOp.with_name(name)
    return made.create(result_types=[i32] * results, regions=list(regions), successors=list(successors))


def random_region(rng: random.Random, blocks: int, depth: int) -> Region:
    """Blocks with branches to any but the first, and operations with regions of all kinds."""
    made = [Block(arg_types=[i32] * rng.randrange(2) if number else []) for number in range(blocks)]
    for block in made:
        block.add_ops(random_op(rng, depth) for _ in range(rng.randrange(3)))
        targets = tuple(rng.choice(made[1:]) for _ in range(rng.randrange(3))) if blocks > 1 else ()
        block.add_op(any_op("t.end", successors=targets))
    return Region(made)


def random_op(rng: random.Random, depth: int) -> Operation:
    """An operation without operands yet."""
    kind = rng.randrange(7) if depth else 0
    if kind == 1:
        name = f"f{rng.random()}".replace(".", "")
        return ModuleOp([FuncOp(name, ((), ()), random_region(rng, rng.randint(1, 4), depth - 1), "private")])
    if kind == 2:
        return ExecuteRegionOp.create(regions=[random_region(rng, rng.randint(1, 4), depth - 1)])
    if kind == 3:
        return ModuleOp([random_op(rng, depth - 1) for _ in range(2)])
    if kind == 4:
        return any_op("t.graph", 1, (random_region(rng, rng.randint(1, 2), depth - 1),))
    return any_op("t.op", rng.randrange(2))


def random_module(seed: int) -> ModuleOp:
    """A module in which a few operations use values, most of them of a region around."""
    rng = random.Random(seed)
    module = ModuleOp([random_op(rng, 3) for _ in range(4)])
    operations = [op for op in module.walk() if isinstance(op, UnregisteredOp)]
    blocks = [block for op in module.walk() for region in op.regions for block in region.blocks]
    values: list[SSAValue] = [value for op in operations for value in op.results]
    values += [argument for block in blocks for argument in block.args]
    for number, value in enumerate(values):
        value.name_hint = f"v{number}"
    for user in rng.sample(operations, min(len(operations), 3)):
        seen = [value for value in values if rng.randrange(40) == 0 or home_around(value, user) is not None]
        if seen:
            user.operands = [rng.choice(seen)]
    return module


def home_around(value: SSAValue, user: Operation) -> Operation | None:
    """The operation right in the region of a value that is or holds its user."""
    home = value.owner.parent if isinstance(value.owner, Block) else value.owner.parent_region()
    return next((op for op in around(user) if op.parent_region() is home), None)


def reached(region: Region, without: Block | None = None) -> set[Block]:
    """The blocks to which a path leads from the first that avoids one block."""
    found: set[Block] = set()
    ahead = [region.blocks[0]]
    while ahead:
        block = ahead.pop()
        if block not in found and block is not without:
            found.add(block)
            ahead += block.last_op.successors if block.last_op else ()
    return found


def around(op: Operation) -> Iterator[Operation]:
    """An operation, and those around it, up to the first that is isolated."""
    here: Operation | None = op
    while here is not None:
        yield here
        here = here.parent_op()
        if here is not None and here.has_trait(IsolatedFromAbove, value_if_unregistered=False):
            return


def dominates(value: SSAValue, user: Operation) -> bool:
    """By the definition: every path from the first block to the user goes through the definition."""
    block, owner = user.parent, value.owner
    assert block is not None
    assert block.parent is not None
    if block not in reached(block.parent):
        return True
    home = owner if isinstance(owner, Block) else owner.parent
    assert home is not None
    assert home.parent is not None
    here = home_around(value, user)
    if here is None:
        return False
    if here.parent is home and not isinstance(owner, Block):
        ops = list(home.ops)
        in_order = ops.index(owner) < ops.index(here)
        return in_order or is_graph_region(home.parent) or home not in reached(home.parent)
    if is_graph_region(home.parent) or here.parent is home:
        return True
    return here.parent not in reached(home.parent, without=home)


def accepts(module: ModuleOp) -> bool:
    """Whether our check accepts a module."""
    try:
        check_dominance(module)
    except VerifyException:
        return False
    return True


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32))
def test_random_modules_by_the_definition(seed: int):
    module = random_module(seed)
    uses = [(value, op) for op in module.walk() for value in op.operands]
    assert accepts(module) == all(dominates(value, op) for value, op in uses)


def generic(module: ModuleOp) -> str:
    """A module's generic form."""
    out = StringIO()
    Printer(stream=out, print_generic_format=True).print_op(module)
    return out.getvalue() + "\n"


def has_looser_regions(module: ModuleOp) -> bool:
    """Whether MLIR is stricter: in unreachable blocks, and for several blocks without a branch."""
    regions = [region for op in module.walk() for region in op.regions if region.blocks]
    return any(
        len(reached(region)) < len(region.blocks) or (len(region.blocks) > 1 and is_graph_region(region))
        for region in regions
    )


@pytest.mark.skipif(shutil.which("mlir-opt-19") is None, reason="mlir-opt-19 is not installed")
def test_random_modules_by_mlir():
    modules = [module for module in map(random_module, range(1200)) if not has_looser_regions(module)]
    texts = [generic(module) for module in modules]
    command = ["mlir-opt-19", "--allow-unregistered-dialect", "--split-input-file", "-o", "/dev/null"]
    done = subprocess.run(
        command, input="// -----\n".join(texts), capture_output=True, text=True, check=False
    )
    complaints = re.findall(
        r"^within split at <stdin>:(\d+) offset .*? error: (.*)", done.stderr, re.MULTILINE
    )
    known = "does not dominate|defined outside the region|undeclared SSA value"
    assert all(re.search(known, text) for _, text in complaints), complaints
    markers = accumulate((text.count("\n") + 1 for text in texts), initial=0)
    wrong = {int(line) for line, _ in complaints}
    refused = [max(1, line) in wrong for line in list(markers)[: len(texts)]]
    assert refused.count(True) > 30
    assert refused.count(False) > 30
    assert refused == [not accepts(module) for module in modules]
