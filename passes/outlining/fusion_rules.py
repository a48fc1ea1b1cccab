"""Which groups of operations become one kernel, by the roles of these.

At granularity `op` the fusions are those of GPU inference libraries. Each rule is a pattern on `kernel.group`
that joins it with another group. A rule runs to its end before the next one begins, so their order is part of
their meaning: siblings first, so that a projection that reads a norm is seen whole before its norm is asked
whether it has a single reader. Rules match the roles that operations declare (`dialects/vocabulary.py`), not
operations. A view of weights (`slices`) stands in the group of its reader and says nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterable

from xdsl.ir import Operation, SSAValue
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from ...dialects.kernel import GroupOp
from ...dialects.vocabulary import FusionRole
from .grouping import captured, definition, group_of, has_role, holds, join_groups, members, readers

_ELEMENTWISE: tuple[FusionRole, ...] = ("elementwise", "residual", "bias", "conversion")


def consists_of(group: GroupOp, *roles: FusionRole) -> bool:
    """Whether a group holds operations of these roles and no others, but for views of weights."""
    return all(has_role(op, "slices", *roles) for op in members(group))


def join_first(group: GroupOp, partners: Iterable[Operation], rewriter: PatternRewriter) -> None:
    """Join a group with the first group among its partners' that allows it."""
    groups = dict.fromkeys(filter(None, map(group_of, partners)))
    for partner in groups:
        if partner is not group and join_groups(group, partner, rewriter):
            return


def uses_of(values: Iterable[SSAValue], role: FusionRole) -> list[Operation]:
    """The operations of a role that use one of the values."""
    found = (use.operation for value in values for use in value.uses)
    return [op for op in found if has_role(op, role)]


class JoinRouting(RewritePattern):
    """What chooses experts and weighs them is one kernel, with the product that it alone reads."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: GroupOp, rewriter: PatternRewriter, /):
        if not holds(members(op), "routing"):
            return
        made = filter(None, map(definition, captured(op)))
        join_first(op, (source for source in made if _routes(source, op)), rewriter)


def _routes(source: Operation, router: GroupOp) -> bool:
    """Whether what a router reads belongs to it: it alone reads that, or it is made of what routers make."""
    group = group_of(source)
    if group is None or holds(members(group), "routing"):
        return group is not None
    is_own = all(group_of(reader) is router for reader in readers(group))
    if consists_of(group, *_ELEMENTWISE):
        return is_own or holds(filter(None, map(definition, captured(group))), "routing")
    return is_own and consists_of(group, "projection")


class JoinBiasOfExperts(RewritePattern):
    """The product of gates and of experts' biases goes into the kernel of the product that it is added to."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: GroupOp, rewriter: PatternRewriter, /):
        weighed = (p.operands[0] for p in members(op) if has_role(p, "projection"))
        gates = [gate for gate in map(definition, weighed) if gate is not None and has_role(gate, "routing")]
        sums = list(readers(op))
        if not gates or len(sums) != 1 or not has_role(sums[0], "residual"):
            return
        added = map(_below_exchange, filter(None, map(definition, sums[0].operands)))
        products = (p for p in added if p is not None and has_role(p, "projection"))
        join_first(op, (p for p in products if group_of(p) is not op), rewriter)


def _below_exchange(op: Operation) -> Operation | None:
    """What makes the summands of a sum over sockets; another operation itself."""
    return definition(op.operands[0]) if has_role(op, "socket_sum") else op


class JoinSiblingMatmuls(RewritePattern):
    """Products that share their left-hand side read it once: Q, K and V; gate and up."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: GroupOp, rewriter: PatternRewriter, /):
        if not consists_of(op, "projection"):
            return
        products = [product for product in members(op) if has_role(product, "projection")]
        shared = dict.fromkeys(product.operands[0] for product in products)
        siblings = [s for s in uses_of(shared, "projection") if s.operands[0] in shared]
        join_first(op, (s for s in siblings if _is_of_products(s)), rewriter)


def _is_of_products(op: Operation) -> bool:
    """Whether the group of an operation has products alone."""
    group = group_of(op)
    return group is not None and consists_of(group, "projection")


class JoinBiasIntoProducer(RewritePattern):
    """A bias goes into the kernel of the product that it is added to, or of the sum over sockets."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: GroupOp, rewriter: PatternRewriter, /):
        if consists_of(op, "bias"):
            _join_added(op, rewriter)


def _join_added(group: GroupOp, rewriter: PatternRewriter) -> None:
    """Join sums with what they alone read: a product, its sum over sockets, or its bias."""
    added = [value for value in captured(group) if value.has_one_use()]
    products = filter(None, (definition(value) for value in reversed(added)))
    join_first(group, (p for p in products if has_role(p, "projection", "socket_sum", "bias")), rewriter)


class JoinSiblingNorms(RewritePattern):
    """Norms of values that one kernel of products makes: of queries and of keys."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: GroupOp, rewriter: PatternRewriter, /):
        if not consists_of(op, "norm"):
            return
        sources = dict.fromkeys(norm.operands[0].owner for norm in members(op))
        kernels = [owner for owner in sources if isinstance(owner, GroupOp)]
        made = (r for owner in kernels if holds(members(owner), "projection") for r in owner.res)
        join_first(op, uses_of(made, "norm"), rewriter)


class JoinSiblingRopes(RewritePattern):
    """Position embeddings of values that one kernel makes: queries and keys."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: GroupOp, rewriter: PatternRewriter, /):
        if not consists_of(op, "rotation"):
            return
        sources = dict.fromkeys(rotation.operands[0].owner for rotation in members(op))
        made = (result for owner in sources if isinstance(owner, GroupOp) for result in owner.res)
        join_first(op, uses_of(made, "rotation"), rewriter)


class JoinSiblingAppends(RewritePattern):
    """Appends to the different caches that one attention reads: keys and values."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: GroupOp, rewriter: PatternRewriter, /):
        if not consists_of(op, "append"):
            return
        caches = _appended(op)
        read = (cache for attention in uses_of(caches, "attention") for cache in attention.operands[1:3])
        others = (group_of(append) for append in uses_of(read, "append"))
        apart = [
            group for group in others if group is not None and not caches.keys() & _appended(group).keys()
        ]
        join_first(op, (append for group in apart for append in members(group)), rewriter)


def _appended(group: GroupOp) -> dict[SSAValue, None]:
    """The caches that a group appends to, in order."""
    return dict.fromkeys(append.operands[0] for append in members(group) if has_role(append, "append"))


class JoinElementwiseChain(RewritePattern):
    """An elementwise operation goes into the elementwise kernel that alone reads it: silu and product."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: GroupOp, rewriter: PatternRewriter, /):
        if not consists_of(op, *_ELEMENTWISE):
            return
        partners = set(map(group_of, readers(op)))
        if len(partners) != 1 or (partner := partners.pop()) is None:
            return
        if consists_of(partner, *_ELEMENTWISE):
            join_groups(op, partner, rewriter)


class JoinAddIntoNorm(RewritePattern):
    """A residual add goes into the kernel of the norm that reads it."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: GroupOp, rewriter: PatternRewriter, /):
        if consists_of(op, *_ELEMENTWISE) and any(has_role(a, "residual") for a in members(op)):
            join_first(op, (r for r in readers(op) if has_role(r, "norm")), rewriter)


class JoinAddIntoMatmul(RewritePattern):
    """A residual add that no norm has taken goes into the product that it adds, or into its all-reduce."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: GroupOp, rewriter: PatternRewriter, /):
        if consists_of(op, "residual"):
            _join_added(op, rewriter)


class JoinGainIntoNorm(RewritePattern):
    """What makes the gain of a single norm goes into its kernel: a sum of a weight and one."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: GroupOp, rewriter: PatternRewriter, /):
        uses = [use for result in op.res for use in result.uses]
        if consists_of(op, *_ELEMENTWISE) and len(uses) == 1 and uses[0].index > 0:
            join_first(op, (use.operation for use in uses if has_role(use.operation, "norm")), rewriter)


class JoinNormIntoRope(RewritePattern):
    """Norms go into the kernel of the rotations that alone read them: those of queries and of keys."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: GroupOp, rewriter: PatternRewriter, /):
        reading = list(readers(op))
        rotated = all(has_role(reader, "rotation") for reader in reading)
        if rotated and holds(members(op), "norm") and len(set(map(group_of, reading))) == 1:
            join_first(op, reading, rewriter)


class JoinNormIntoMatmul(RewritePattern):
    """A norm that a single product reads goes into its kernel: the last norm and the head."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: GroupOp, rewriter: PatternRewriter, /):
        norms = [norm for norm in members(op) if has_role(norm, "norm")]
        reading = list(readers(op))
        if norms and len(reading) == 1 and has_role(reading[0], "projection"):
            join_first(op, reading, rewriter)


class JoinCastIntoProducer(RewritePattern):
    """A conversion goes into the kernel that makes its operand."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: GroupOp, rewriter: PatternRewriter, /):
        if consists_of(op, "conversion"):
            join_first(op, filter(None, map(definition, captured(op))), rewriter)


class JoinExchangeIntoProducer(RewritePattern):
    """What sockets exchange goes into the kernel that makes it: on this machine it streams out of there."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: GroupOp, rewriter: PatternRewriter, /):
        if consists_of(op, "socket_sum", "socket_gather", "bias"):
            join_first(op, filter(None, map(definition, captured(op))), rewriter)


_SIBLINGS = (
    JoinRouting(),
    JoinBiasOfExperts(),
    JoinSiblingMatmuls(),
    JoinBiasIntoProducer(),
    JoinSiblingNorms(),
    JoinSiblingRopes(),
    JoinSiblingAppends(),
)
_CHAINS = (
    JoinElementwiseChain(),
    JoinGainIntoNorm(),
    JoinNormIntoRope(),
    JoinAddIntoNorm(),
    JoinAddIntoMatmul(),
    JoinNormIntoMatmul(),
    JoinCastIntoProducer(),
)

OP_RULES: tuple[RewritePattern, ...] = (*_SIBLINGS, *_CHAINS)
"""The rules in the order in which they run; what sockets exchange is a kernel of its own, as on GPUs."""

STEP_RULES: tuple[RewritePattern, ...] = (*_SIBLINGS, JoinExchangeIntoProducer(), *_CHAINS)
"""The rules for what stands in the step itself where layers become kernels of many operations."""
