"""What groups of operations are by the roles of these: which ones become one kernel, and what it is called.

At granularity `op` the fusions are those of GPU inference libraries. Each rule is a pattern on `kernel.group`
that joins it with another group. A rule runs to its end before the next one begins, so their order is part of
their meaning: siblings first, so that a projection that reads a norm is seen whole before its norm is asked
whether it has a single reader. Rules match the roles that operations declare (`dialects/vocabulary.py`), not
operations. Names say what a kernel does: `decoder.qkv`, `decoder.attention`, `head`.
"""

from __future__ import annotations

from collections.abc import Iterable

from xdsl.dialects.func import ReturnOp
from xdsl.ir import Operation, SSAValue
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from ...dialects.kernel import GroupOp
from ...dialects.operation import Fusion, fusion_of
from ...dialects.vocabulary import FUSION_ROLES, FusionRole
from .grouping import captured, definition, group_of, has_role, join_groups, members, readers, working

_ELEMENTWISE: tuple[FusionRole, ...] = ("elementwise", "residual", "bias", "conversion")


def consists_of(group: GroupOp, *roles: FusionRole) -> bool:
    """Whether a group holds operations of these roles and no others, but for views of weights."""
    return all(has_role(op, *roles) for op in working(group))


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


class JoinSiblingMatmuls(RewritePattern):
    """Products that share their left-hand side read it once: Q, K and V; gate and up."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: GroupOp, rewriter: PatternRewriter, /):
        if not consists_of(op, "projection"):
            return
        shared = dict.fromkeys(product.operands[0] for product in working(op))
        siblings = uses_of(shared, "projection")
        join_first(op, (s for s in siblings if s.operands[0] in shared), rewriter)


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
        sources = dict.fromkeys(norm.operands[0].owner for norm in working(op))
        kernels = [owner for owner in sources if isinstance(owner, GroupOp)]
        made = (r for owner in kernels if holds(members(owner), "projection") for r in owner.res)
        join_first(op, uses_of(made, "norm"), rewriter)


class JoinSiblingRopes(RewritePattern):
    """Position embeddings of values that one kernel makes: queries and keys."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: GroupOp, rewriter: PatternRewriter, /):
        if not consists_of(op, "rotation"):
            return
        sources = dict.fromkeys(rotation.operands[0].owner for rotation in working(op))
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


def role(group: GroupOp) -> str:
    """One or two words for what a group does, from its main operations and its neighbours."""
    ops = list(members(group))
    if attention := _first(ops, "attention"):
        return _word(attention)
    if product := _first(ops, "projection"):
        return "mlp" if holds(ops, "elementwise") else _product_role(group, ops, product)
    naming = filter(None, (_first(ops, role) for role in FUSION_ROLES))
    main = next((op for op in naming if _word(op)), None)
    if main is None:
        return _short_name(ops[0])
    return f"add_{_word(main)}" if has_role(main, "norm") and holds(ops, "residual") else _word(main)


def holds(ops: Iterable[Operation], *roles: FusionRole) -> bool:
    """Whether one of the operations has one of these roles."""
    return any(has_role(op, *roles) for op in ops)


def _first(ops: Iterable[Operation], role: FusionRole) -> Operation | None:
    return next((op for op in ops if has_role(op, role)), None)


def _short_name(op: Operation) -> str:
    return op.name.split(".")[-1]


def _word(op: Operation) -> str:
    """What a kernel is called after an operation; nothing where it gives no name."""
    fusion = fusion_of(op)
    return fusion.word if isinstance(fusion, Fusion) and fusion.word is not None else _short_name(op)


def _product_role(group: GroupOp, ops: list[Operation], product: Operation) -> str:
    """A matrix product is called after the place it has in a transformer."""
    products = [op for op in ops if has_role(op, "projection")]
    sources = [op for op in (definition(product.operands[0]) for product in products) if op is not None]
    after = list(readers(group))
    kernels = filter(None, map(group_of, after))
    if holds(after, "append", "attention") or any(holds(members(k), "rotation") for k in kernels):
        return "qkv"
    if holds(sources, "attention"):
        return "output"
    if holds(sources, "elementwise"):
        return "down"
    if holds(after, "elementwise"):
        return "gate_up" if len(products) > 1 else "up"
    ends = holds(after, "selection", "socket_gather") or any(isinstance(op, ReturnOp) for op in after)
    return "head" if ends else _word(product)
