"""Which groups of operations become one kernel at granularity `op`: the fusions of GPU inference libraries.

Each rule is a pattern on `kernel.group` that joins it with another group. A rule runs to its end before the
next one begins, so their order is part of their meaning: siblings first, so that a projection that reads a
norm is seen whole before its norm is asked whether it has a single reader.
"""

from __future__ import annotations

from collections.abc import Iterable

from xdsl.ir import Operation, SSAValue
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from ...dialects.collective import AllGatherOp, AllReduceOp
from ...dialects.kernel import GroupOp
from ...dialects.nn import (
    AddOp,
    AttentionOp,
    BinaryOp,
    CacheAppendOp,
    CastOp,
    MatmulOp,
    RMSNormOp,
    RopeOp,
    UnaryOp,
)
from .grouping import captured, definition, group_of, join_groups, members, readers


def consists_of(group: GroupOp, *kinds: type[Operation]) -> bool:
    """Whether a group holds operations of these kinds and no others."""
    return all(isinstance(op, kinds) for op in members(group))


def join_first(group: GroupOp, partners: Iterable[Operation], rewriter: PatternRewriter) -> None:
    """Join a group with the first group among its partners' that allows it."""
    groups = dict.fromkeys(filter(None, map(group_of, partners)))
    for partner in groups:
        if partner is not group and join_groups(group, partner, rewriter):
            return


def uses_of(values: Iterable[SSAValue], kind: type[Operation]) -> list[Operation]:
    """The operations of a kind that use one of the values."""
    found = (use.operation for value in values for use in value.uses)
    return [op for op in found if isinstance(op, kind)]


class JoinSiblingMatmuls(RewritePattern):
    """Products that share their left-hand side read it once: Q, K and V; gate and up."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: GroupOp, rewriter: PatternRewriter, /):
        if not consists_of(op, MatmulOp):
            return
        shared = dict.fromkeys(matmul.lhs for matmul in members(op) if isinstance(matmul, MatmulOp))
        siblings = uses_of(shared, MatmulOp)
        join_first(op, (s for s in siblings if s.operands[0] in shared), rewriter)


class JoinSiblingRopes(RewritePattern):
    """Position embeddings of values that one kernel makes: queries and keys."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: GroupOp, rewriter: PatternRewriter, /):
        if not consists_of(op, RopeOp):
            return
        sources = dict.fromkeys(rope.x.owner for rope in members(op) if isinstance(rope, RopeOp))
        made = (result for owner in sources if isinstance(owner, GroupOp) for result in owner.res)
        join_first(op, uses_of(made, RopeOp), rewriter)


class JoinSiblingAppends(RewritePattern):
    """Appends to the different caches that one attention reads: keys and values."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: GroupOp, rewriter: PatternRewriter, /):
        if not consists_of(op, CacheAppendOp):
            return
        caches = _appended(op)
        read = (cache for attention in uses_of(caches, AttentionOp) for cache in attention.operands[1:3])
        others = (group_of(append) for append in uses_of(read, CacheAppendOp))
        apart = [
            group for group in others if group is not None and not caches.keys() & _appended(group).keys()
        ]
        join_first(op, (append for group in apart for append in members(group)), rewriter)


def _appended(group: GroupOp) -> dict[SSAValue, None]:
    """The caches that a group appends to, in order."""
    return dict.fromkeys(append.cache for append in members(group) if isinstance(append, CacheAppendOp))


class JoinElementwiseChain(RewritePattern):
    """An elementwise operation goes into the elementwise kernel that alone reads it: silu and product."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: GroupOp, rewriter: PatternRewriter, /):
        if not consists_of(op, UnaryOp, BinaryOp):
            return
        partners = set(map(group_of, readers(op)))
        if len(partners) != 1 or (partner := partners.pop()) is None:
            return
        if consists_of(partner, UnaryOp, BinaryOp):
            join_groups(op, partner, rewriter)


class JoinAddIntoNorm(RewritePattern):
    """A residual add goes into the kernel of the norm that reads it."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: GroupOp, rewriter: PatternRewriter, /):
        if consists_of(op, UnaryOp, BinaryOp) and any(isinstance(a, AddOp) for a in members(op)):
            join_first(op, (r for r in readers(op) if isinstance(r, RMSNormOp)), rewriter)


class JoinAddIntoMatmul(RewritePattern):
    """A residual add that no norm has taken goes into the product that it adds, or into its all-reduce."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: GroupOp, rewriter: PatternRewriter, /):
        if not consists_of(op, AddOp):
            return
        added = [value for value in captured(op) if value.has_one_use()]
        products = (definition(value) for value in reversed(added))
        join_first(op, (p for p in products if isinstance(p, MatmulOp | AllReduceOp)), rewriter)


class JoinNormIntoMatmul(RewritePattern):
    """A norm that a single product reads goes into its kernel: the last norm and the head."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: GroupOp, rewriter: PatternRewriter, /):
        norms = [norm for norm in members(op) if isinstance(norm, RMSNormOp)]
        reading = list(readers(op))
        if norms and len(reading) == 1 and isinstance(reading[0], MatmulOp):
            join_first(op, reading, rewriter)


class JoinCastIntoProducer(RewritePattern):
    """A conversion goes into the kernel that makes its operand."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: GroupOp, rewriter: PatternRewriter, /):
        if consists_of(op, CastOp):
            join_first(op, filter(None, map(definition, captured(op))), rewriter)


class JoinCollectiveIntoProducer(RewritePattern):
    """What sockets exchange goes into the kernel that makes it: on this machine it streams out of there."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: GroupOp, rewriter: PatternRewriter, /):
        if consists_of(op, AllReduceOp, AllGatherOp):
            join_first(op, filter(None, map(definition, captured(op))), rewriter)


_SIBLINGS = (JoinSiblingMatmuls(), JoinSiblingRopes(), JoinSiblingAppends())
_CHAINS = (
    JoinElementwiseChain(),
    JoinAddIntoNorm(),
    JoinAddIntoMatmul(),
    JoinNormIntoMatmul(),
    JoinCastIntoProducer(),
)

OP_RULES: tuple[RewritePattern, ...] = (*_SIBLINGS, *_CHAINS)
"""The rules in the order in which they run; what sockets exchange is a kernel of its own, as on GPUs."""

STEP_RULES: tuple[RewritePattern, ...] = (*_SIBLINGS, JoinCollectiveIntoProducer(), *_CHAINS)
"""The rules for what stands in the step itself where layers become kernels of many operations."""
