"""SSA dominance, which xDSL's verifier leaves out: every value is defined before it is used.

What that means depends on the kind of a region, as MLIR's `RegionKindInterface` has it. In an *SSA region*
control flows from operation to operation and from block to block, and a definition comes before its uses on
every path. In a *graph region* all operations exist at once, and their order says nothing. xDSL's operations
do not state the kind. Here

- the regions of our dialects and of xDSL's are SSA regions, but for those of `GRAPH_OPERATIONS`, which MLIR
  and CIRCT define as graph regions;
- a block with e-classes is a graph whatever holds it: an e-class is a set of equal values, cycles are what
  it is for, and passes make e-classes in the bodies of functions;
- an unregistered operation, one of xDSL's test dialect and one of another package may mean anything, so its
  region may be a graph; MLIR says the same of unregistered ones;
- a region in which a block names another as its successor has control flow, so it is an SSA region.

In a block that nothing reaches, every value dominates. Two of xDSL's dialects are looser still, and their
own passes rely on it: a function of a CSL module sees the variables of the module's other functions, and a
block argument of a register type is that register wherever it stands, for a branch in assembly passes
nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from typing import NoReturn

from xdsl.dialects.builtin import UnregisteredOp
from xdsl.ir import Block, BlockArgument, Operation, Region, SSAValue
from xdsl.traits import IsolatedFromAbove
from xdsl.universe import XDSL_UNIVERSE
from xdsl.utils.exceptions import VerifyException

from ..dialects.alike import walk
from ..dialects.failing import raise_about
from .universe import DIALECTS

CSL_MODULES = ("csl.module", "csl_wrapper.module")
GRAPH_OPERATIONS = frozenset({"builtin.module", "gpu.module", "hw.module", "equivalence.graph", *CSL_MODULES})
"""Operations of known dialects whose regions are graphs: containers of symbols, hardware and e-graphs."""
KNOWN_DIALECTS = frozenset({*XDSL_UNIVERSE.all_dialects, *DIALECTS} - {"test"})
"""Dialects of which it is known that all other regions are SSA regions."""


def check_dominance(root: Operation) -> None:
    """Check every use below `root`, in time linear in the operations but for how deep uses are nested.

    Raises: VerifyException at the first operation that uses a value which does not dominate it.
    """
    dominance = _Dominance(root)
    for op in dominance.order:
        for number, value in enumerate(op.operands):
            if op is not root and not dominance.holds(value, op):
                _fail(op, number)


def is_graph_region(region: Region) -> bool:
    """Whether the order of the operations in a region says nothing."""
    parent = region.parent_op()
    if parent is None or any(
        block.last_op is not None and block.last_op.successors for block in region.blocks
    ):
        return False
    if isinstance(parent, UnregisteredOp) or parent.name in GRAPH_OPERATIONS:
        return True
    if _dialect(parent) not in KNOWN_DIALECTS:
        return True
    return any(_dialect(op) == "equivalence" for block in region.blocks for op in block.ops)


def _dialect(op: Operation) -> str:
    return op.name.partition(".")[0]


def _fail(op: Operation, number: int) -> NoReturn:
    hint = op.operands[number].name_hint
    name = f" (%{hint})" if hint else ""
    message = f"operand {number} of {op.name}{name} is used where its definition does not dominate"
    raise_about(op, VerifyException(message))


class _Dominance:
    """Which values dominate which operations; `order` numbers all operations below and with the root."""

    def __init__(self, root: Operation):
        self.root = root
        self.order = {op: number for number, op in enumerate(walk(root))}
        self._trees: dict[Region, _DominatorTree] = {}

    def holds(self, value: SSAValue, user: Operation) -> bool:
        """Whether a value dominates its user."""
        owner, block = value.owner, _block(user)
        home = owner if isinstance(owner, Block) else owner.parent
        if home is block:
            return self._comes_first(owner, user, block)
        if not self._is_reached(block):
            return True
        here = self._enclosing(user, home.parent) if home is not None else None
        if home is None or here is None:
            return home is not None and _is_shared(home, block)
        if here.parent is home:
            return self._comes_first(owner, here, home)
        region = _region(home)
        return (
            self._tree(region).dominates(home, _block(here)) or is_graph_region(region) or _is_register(value)
        )

    def _comes_first(self, owner: Operation | Block, user: Operation, block: Block) -> bool:
        if isinstance(owner, Block) or self.order[owner] < self.order[user]:
            return True
        return is_graph_region(_region(block)) or not self._is_reached(block)

    def _is_reached(self, block: Block) -> bool:
        region = _region(block)
        return block is region.first_block or block in self._tree(region).first

    def _tree(self, region: Region) -> _DominatorTree:
        if region not in self._trees:
            self._trees[region] = _DominatorTree(region)
        return self._trees[region]

    def _enclosing(self, user: Operation, region: Region | None) -> Operation | None:
        """The operation right in a region that holds `user`; None where `user` may not see the region."""
        here = user
        while here.parent_region() is not region:
            parent = here.parent_op()
            if parent is None or parent is self.root or _is_isolated(parent):
                return None
            here = parent
        return here


def _is_isolated(op: Operation) -> bool:
    return op.has_trait(IsolatedFromAbove, value_if_unregistered=False)


def _is_register(value: SSAValue) -> bool:
    from xdsl.backend.register_type import RegisterType  # rarely asked for

    return isinstance(value, BlockArgument) and isinstance(value.type, RegisterType)


def _is_shared(home: Block, user: Block) -> bool:
    """Whether both blocks are in functions of one CSL module."""
    modules = [next((op for op in _around(block) if op.name in CSL_MODULES), None) for block in (home, user)]
    return modules[0] is not None and modules[0] is modules[1]


def _around(block: Block) -> Iterator[Operation]:
    """The operations around a block, from the inside out."""
    op = block.parent_op()
    while op is not None:
        yield op
        op = op.parent_op()


class _DominatorTree:
    """The immediate dominators of the blocks of a region that are reached from its first.

    Cooper, Harvey and Kennedy, "A Simple, Fast Dominance Algorithm", 2001. `first` numbers the blocks from
    the root of the tree on, so that those below one are the `size` numbers that begin with its own.
    """

    def __init__(self, region: Region):
        entry = region.first_block
        assert entry is not None, "a block of the region was asked for"
        blocks = _reverse_postorder(entry)
        parents = _immediate_dominators(blocks)
        self.size = dict.fromkeys(blocks, 1)
        for block in reversed(blocks[1:]):
            self.size[parents[block]] += self.size[block]
        self.first, free = {entry: 0}, {entry: 1}
        for block in blocks[1:]:
            self.first[block] = free[parents[block]]
            free[parents[block]] += self.size[block]
            free[block] = self.first[block] + 1

    def dominates(self, above: Block, below: Block) -> bool:
        """Whether every path to `below` goes through `above`; a block that nothing reaches has no path."""
        if below not in self.first:
            return True
        return above in self.first and 0 <= self.first[below] - self.first[above] < self.size[above]


def _reverse_postorder(entry: Block) -> list[Block]:
    order: list[Block] = []
    seen, path = {entry}, [(entry, _successors(entry))]
    while path:
        block, ahead = path[-1]
        following = next((one for one in ahead if one not in seen), None)
        if following is None:
            order.append(block)
            path.pop()
        else:
            seen.add(following)
            path.append((following, _successors(following)))
    return order[::-1]


def _successors(block: Block) -> Iterator[Block]:
    return iter(block.last_op.successors if block.last_op is not None else ())


def _immediate_dominators(blocks: list[Block]) -> dict[Block, Block]:
    """By block, for blocks in reverse postorder; the first one is its own."""
    number = {block: place for place, block in enumerate(blocks)}
    before: dict[Block, list[Block]] = {block: [] for block in blocks}
    for block in blocks:
        for following in _successors(block):
            before[following].append(block)
    parents, changed = {blocks[0]: blocks[0]}, True

    def common(one: Block, other: Block) -> Block:
        while one is not other:
            if number[one] < number[other]:
                one, other = other, one
            one = parents[one]
        return one

    while changed:
        changed = False
        for block in blocks[1:]:
            parent = reduce(common, (one for one in before[block] if one in parents))
            changed |= parents.get(block) is not parent
            parents[block] = parent
    return parents


def _block(op: Operation) -> Block:
    assert op.parent is not None, "every operation below the root is in a block"
    return op.parent


def _region(block: Block) -> Region:
    assert block.parent is not None, "every block below the root is in a region"
    return block.parent
