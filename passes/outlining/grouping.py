"""Groups of operations that become kernels: making, comparing and joining `kernel.group`s.

A block is divided into groups of its operations. Weights and states are fetched at its beginning, and what
the host or a layer does stays between the groups as a barrier that nothing moves across.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.pattern_rewriter import PatternRewriter
from xdsl.rewriter import InsertPoint, Rewriter
from xdsl.traits import IsTerminator, MemoryEffectKind, get_effects
from xdsl.transforms.dead_code_elimination import is_trivially_dead

from ...dialects.kernel import GroupOp, YieldOp
from ...dialects.kernel_accesses import Touch, ordered_pieces
from ...dialects.nn import CallOp, GetGlobalOp, ObserveOp
from ...dialects.operation import Fusion, fusion_of
from ...dialects.vocabulary import FusionRole
from ..diagnostics import add_remark

Division = Callable[[Sequence[Operation]], list[list[Operation]]]
"""Cuts a row of operations into the groups to begin with."""


def has_role(op: Operation, *roles: FusionRole) -> bool:
    """Whether an operation is one of these to the rules of fusion."""
    fusion = fusion_of(op)
    return isinstance(fusion, Fusion) and fusion.role in roles


def holds(ops: Iterable[Operation], *roles: FusionRole) -> bool:
    """Whether one of the operations has one of these roles."""
    return any(has_role(op, *roles) for op in ops)


def one_each(ops: Sequence[Operation]) -> list[list[Operation]]:
    """A group per operation, with the views of weights in front of it."""
    groups: list[list[Operation]] = [[]]
    for op in ops:
        groups[-1].append(op)
        if not has_role(op, "slices"):
            groups.append([])
    return groups if groups[-1] else groups[:-1]


def all_together(ops: Sequence[Operation]) -> list[list[Operation]]:
    """One group."""
    return [list(ops)]


def after_residual_adds(ops: Sequence[Operation]) -> list[list[Operation]]:
    """Groups that end with a residual add: the sum of a value and of something computed from it."""
    sources: dict[SSAValue, int] = {}  # the values that each value is computed from, as a set of bits
    groups: list[list[Operation]] = [[]]
    for op in ops:
        groups[-1].append(op)
        needed = 0
        for operand in op.operands:
            needed |= sources.setdefault(operand, 1 << len(sources))
        for result in op.results:
            sources[result] = needed | 1 << len(sources)
        if has_role(op, "residual") and needed in (sources[operand] for operand in op.operands):
            groups.append([])
    return groups if groups[-1] else groups[:-1]


def gather_globals(block: Block) -> None:
    """Fetch each weight and state once, at the beginning of the block, and none that nobody reads."""
    fetched: dict[str, GetGlobalOp] = {}
    for op in list(block.ops):
        if not isinstance(op, GetGlobalOp):
            continue
        first = fetched.setdefault(op.global_name.string_value(), op)
        if first is not op:
            op.result.replace_all_uses_with(first.result)
        if first is not op or op.result.first_use is None:
            Rewriter.erase_op(op)
    kept = [op for op in fetched.values() if op.parent is block]
    for op in kept:
        op.detach()
    if (first_op := block.first_op) is not None:
        block.insert_ops_before(kept, first_op)


def place_views(block: Block) -> None:
    """Views of weights stand right in front of their readers, one for each of them."""
    for view in reversed(list(block.ops)):
        if not has_role(view, "slices"):
            continue
        first, *others = dict.fromkeys(use.operation for result in view.results for use in result.uses)
        for reader in others:
            copy = view.clone()
            block.insert_op_before(copy, reader)
            for old, new in zip(view.results, copy.results, strict=True):
                new.name_hint = old.name_hint
                old.replace_uses_with_if(new, lambda use, reader=reader: use.operation is reader)
        view.detach()
        block.insert_op_before(view, first)


def erase_dead(block: Block) -> None:
    """Drop operations that have no effect and whose results nobody reads."""
    for op in reversed(list(block.ops)):
        if is_trivially_dead(op):
            Rewriter.erase_op(op)


def group_operations(block: Block, divide: Division) -> None:
    """Put every operation of the block into a group, but weights, states, layers and what the host does."""
    row: list[Operation] = []
    for op in list(block.ops):
        if op.has_trait(IsTerminator) or isinstance(op, CallOp | ObserveOp):
            _group_row(row, divide)
            row = []
        elif not isinstance(op, GetGlobalOp):
            row.append(op)


def _group_row(row: Sequence[Operation], divide: Division) -> None:
    for ops in divide(row) if row else ():
        for piece in ordered_pieces(ops):
            _explain(piece.cut)
            _make_group(piece.ops)


def _explain(cut: tuple[Touch, Touch] | None) -> None:
    """Say at the first operation of a piece why it does not follow those before."""
    if cut is not None:
        earlier, later = cut
        verb = "writes" if earlier.access.writes else "reads"
        cache = f"%{later.memory.name_hint}" if later.memory.name_hint else "a cache"
        what = f"{earlier.op.name} {verb} {cache} before, and nothing in a kernel would order the two"
        add_remark(later.op, f"a new kernel begins with this {later.op.name}: {what}")


def _make_group(ops: Sequence[Operation]) -> None:
    members = set(ops)
    values = [result for op in ops for result in op.results]
    read = [v for v in values if any(use.operation not in members for use in v.uses)]
    anchor = ops[-1].next_op
    assert anchor is not None, "a terminator follows the operations"
    group = GroupOp(Region(Block()), [value.type for value in read])
    group.location = ops[0].location
    Rewriter.insert_op(group, InsertPoint.before(anchor))
    for value, result in zip(read, group.res, strict=True):
        result.name_hint = value.name_hint
        value.replace_uses_with_if(result, lambda use: use.operation not in members)
    for op in ops:
        op.detach()
    group.body.block.add_ops([*ops, YieldOp(read)])


def members(group: GroupOp) -> Iterator[Operation]:
    """The operations of a group, without its end."""
    return (op for op in group.body.block.ops if not isinstance(op, YieldOp))


def group_of(op: Operation) -> GroupOp | None:
    """The group that an operation is in."""
    parent = op.parent_op()
    return parent if isinstance(parent, GroupOp) else None


def readers(group: GroupOp) -> Iterator[Operation]:
    """The operations outside a group that read its results, once per use."""
    return (use.operation for result in group.res for use in result.uses)


def definition(value: SSAValue) -> Operation | None:
    """The operation that computes a value, seen through the group it is in; None for an argument."""
    owner = value.owner
    if isinstance(owner, GroupOp):
        end = owner.body.block.last_op
        assert end is not None, "a group ends with kernel.yield"
        return definition(end.operands[owner.results.index(value)])
    return owner if isinstance(owner, Operation) else None


def captured(group: GroupOp) -> list[SSAValue]:
    """The values from outside that a group uses, in the order of their first use."""
    own = {result for op in members(group) for result in op.results}
    used = (operand for op in members(group) for operand in op.operands)
    return list(dict.fromkeys(value for value in used if value not in own))


def join_groups(one: GroupOp, other: GroupOp, rewriter: PatternRewriter) -> bool:
    """Make one group of two, where that changes no dependence and no order of effects; say whether it did.

    The later group moves up behind the earlier one, or else the earlier one down. Where what stands between
    allows neither, it would have to run both before and after the joint group.
    """
    first, second, between = _in_order(one, other)
    passed = [op for op in between if isinstance(op, GroupOp)]
    if len(passed) < len(between):
        return False
    if not _reads_any(second, passed) and not _conflicts(second, passed):
        _join(first, second, first, rewriter)
    elif not any(_reads_any(op, [first]) for op in passed) and not _conflicts(first, passed):
        _join(first, second, second, rewriter)
    else:
        return False
    return True


def _in_order(one: GroupOp, other: GroupOp) -> tuple[GroupOp, GroupOp, list[Operation]]:
    """Two groups of a block as they stand and what stands between; costs no more than their distance."""
    behind_one, behind_other = list[Operation](), list[Operation]()
    at_one, at_other = one.next_op, other.next_op
    while at_one is not other and at_other is not one:
        assert at_one is not None or at_other is not None, "both groups are in one block"
        if at_one is not None:
            behind_one.append(at_one)
            at_one = at_one.next_op
        if at_other is not None:
            behind_other.append(at_other)
            at_other = at_other.next_op
    return (one, other, behind_one) if at_one is other else (other, one, behind_other)


def _reads_any(group: GroupOp, sources: Sequence[GroupOp]) -> bool:
    """Whether a group uses a result of one of these."""
    return any(value.owner in sources for value in captured(group))


def _conflicts(group: GroupOp, others: Iterable[GroupOp]) -> bool:
    """Whether a group and one of the others touch memory and one of the two writes."""
    effects = _effects(group)
    if not effects:
        return False
    return any(_writes(effects | theirs) for theirs in map(_effects, others) if theirs)


def _effects(group: GroupOp) -> set[MemoryEffectKind]:
    """What a group does to memory; an operation that does not say is taken to write."""
    effects = get_effects(group)
    return {MemoryEffectKind.WRITE} if effects is None else {effect.kind for effect in effects}


def _writes(effects: set[MemoryEffectKind]) -> bool:
    return effects != {MemoryEffectKind.READ}


def _join(first: GroupOp, second: GroupOp, place: GroupOp, rewriter: PatternRewriter) -> None:
    """One group with the operations of both, in order, at the place of one of the two."""
    ends = {group: group.body.block.last_op for group in (first, second)}
    inner: dict[SSAValue, SSAValue] = {}
    for group, end in ends.items():
        assert isinstance(end, YieldOp), "a group ends with kernel.yield"
        inner |= dict(zip(group.res, end.arguments, strict=True))
    for result in first.res:
        result.replace_uses_with_if(inner[result], lambda use: second.is_ancestor(use.operation))
    read = [result for result in inner if result.first_use is not None]
    ops = [*members(first), *members(second)]
    for op in ops:
        op.detach()
    body = Region(Block([*ops, YieldOp([inner[result] for result in read])]))
    joint = GroupOp(body, [result.type for result in read])
    joint.location = first.location
    rewriter.insert(joint, InsertPoint.before(place))
    for result, new in zip(read, joint.res, strict=True):
        new.name_hint = result.name_hint
        rewriter.replace_all_uses_with(result, new)
    rewriter.erase(second)
    rewriter.erase(first)
