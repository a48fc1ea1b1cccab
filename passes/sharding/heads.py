"""How `shard-tensors` deals out heads to the sockets, with heads of zeros where they do not divide."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count

from xdsl.ir import Block, SSAValue

from ...dialects import nn
from .layout import Placement, split


@dataclass(frozen=True)
class Heads:
    """Query heads and KV heads over sockets.

    KV heads are padded to the next number that divides the sockets or that they divide; where sockets exceed
    it, neighbours share a KV head. The query heads of a KV head go to the sockets that have it, as many to
    each, so that they are padded, too.
    """

    queries: int
    kv: int
    sockets: int

    @property
    def padded_kv(self) -> int:
        """KV heads with those of zeros."""
        fits = (n for n in count(self.kv) if n % self.sockets == 0 or self.sockets % n == 0)
        return next(fits)

    @property
    def padded_group(self) -> int:
        """Query heads of one KV head with those of zeros."""
        sharing = max(1, self.sockets // self.padded_kv)
        return -(-self._group // sharing) * sharing

    @property
    def padded_queries(self) -> int:
        """Query heads with those of zeros."""
        return self.padded_kv * self.padded_group

    @property
    def _group(self) -> int:
        return self.queries // self.kv

    def kv_placement(self, head: int) -> Placement:
        """How an axis 1 of KV heads lies, each of `head` elements."""
        parts = min(self.padded_kv, self.sockets)
        zeros = self.padded_kv - self.kv
        return split(1, parts, (self.kv * head, zeros * head) if zeros else ())

    def query_placement(self, head: int) -> Placement:
        """How an axis 1 of query heads lies, each of `head` elements; zeros end each group and the whole."""
        if self.padded_queries == self.queries:
            return split(1, self.sockets)
        group, zeros = self._group * head, (self.padded_group - self._group) * head
        behind = (self.padded_kv - self.kv) * self.padded_group * head
        groups = (group, zeros) * self.kv if zeros else (self.kv * group, 0)
        return split(1, self.sockets, (*groups[:-1], groups[-1] + behind))


def heads_of_attention(op: nn.AttentionOp, sockets: int) -> Heads:
    """The heads of an attention."""
    return Heads(op.heads, nn.shape_of(op.keys)[1], sockets)


def heads_of_cache(cache: SSAValue, sockets: int) -> Heads:
    """The heads of a KV cache; nothing is said of queries."""
    heads = nn.shape_of(cache)[1]
    return Heads(heads, heads, sockets)


def wanted_by_heads(block: Block, sockets: int) -> dict[SSAValue, Placement]:
    """How queries and what goes to a KV cache have to lie, and what they are made of: found backwards.

    A value that is both lies as the cache has it.
    """
    wanted: dict[SSAValue, Placement] = {}
    for op in reversed(list(block.ops)):
        match op:
            case nn.AttentionOp():
                heads = heads_of_attention(op, sockets)
                wanted.setdefault(op.query, heads.query_placement(nn.shape_of(op.keys)[3]))
            case nn.CacheAppendOp():
                heads = heads_of_cache(op.cache, sockets)
                wanted[op.x] = heads.kv_placement(nn.shape_of(op.cache)[3])
            case nn.RopeOp() | nn.UnaryOp() if op.result in wanted:
                wanted.setdefault(op.x, wanted[op.result])
            case nn.BinaryOp() if op.result in wanted:
                for operand in op.operands:
                    wanted.setdefault(operand, wanted[op.result])
            case _:
                pass
    return wanted
