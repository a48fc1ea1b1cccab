"""What an operation brings along, so that the compiler asks it and names none: the base of all that compute.

| part | who asks | says |
|---|---|---|
| `rule`, or `verify_shapes`, `flops` | the verifier, rooflines, unit allocation | which types fit, its work |
| `NUMPY` | interpreter, engine | the function that computes it, as `package.module:function`; loaded on use |
| `SPELLING`, `spelled` | the model language | what it is called, and what it demands of its arguments |
| `tile_rule` | `tile-stages` | along which axes it may be cut |
| `shard`, `wants` | `shard-tensors` | how its result lies on the sockets, given how its operands do |
| `FUSION` | `outline-kernels` | its part in fusions, and its word in the names of kernels |

A part that cannot be is a `Without` that says why; `missing_parts` finds those that are neither. So an
operation of another package needs no edit of ours: it derives from `ComputeOp`, and its dialect is found
through the entry point `xdsl.universe`.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import lcm
from typing import ClassVar

from xdsl.dialects.builtin import MemRefType, TensorType
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.irdl import IRDLOperation, operand_def, result_def, traits_def
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from .rule_calls import call_of, tensor_of, verify_by
from .rules import RULES, Rule
from .rules.rule import WIDE_TYPES
from .sharding import Layout, Placement, Sharded, ShardView
from .spelling import Arguments, Spelling
from .tensors import FLOAT_TENSOR
from .vocabulary import FUSION_ROLES, FusionRole


@dataclass(frozen=True)
class Without:
    """A part that an operation cannot have, and why: what follows "because"."""

    because: str


@dataclass(frozen=True)
class Fusion:
    """What an operation is to the rules of fusion."""

    role: FusionRole
    word: str | None = None
    """What a kernel around it is called: the operation's own name if None, nothing if empty."""

    def __post_init__(self) -> None:
        """Raises: ValueError for a role that no rule knows: the operation would silently stay unfused."""
        if self.role not in FUSION_ROLES:
            raise ValueError(f"fusion role '{self.role}'; known: {', '.join(FUSION_ROLES)}")


@dataclass(frozen=True)
class TileRule:
    """The tiled axis of each operand and of the result; None stands for the whole tensor.

    Every tile's extent is a multiple of `multiple`. Where the result is whole although operands are cut,
    the operation accumulates over the tiles. The last tile may hang over the end of what is cut: what is
    computed of that is left out, but what an operation accumulates may count on zeros at most.
    """

    operands: tuple[int | None, ...]
    result: int | None
    multiple: int = 1
    units: tuple[int, ...] = ()
    """Elements along the axis of each operand and of the result that belong together, as those of a head; of
    each as many such units are cut. Empty: single elements."""
    elementwise: bool = False
    """It works on whole operands just as well, in a stage that is cut elsewhere."""
    adds_zeros: bool = False
    """Zeros at the end of all operands that are cut leave what it accumulates as it is, to the bit."""
    ratios: tuple[tuple[int, int], ...] = ()
    """Of each operand, so many indices for so many of the tiled axis: (1, 128) of scales of blocks. Tiles
    hold whole blocks, but the last one may end within one; absent: all are (1, 1)."""

    @property
    def block(self) -> int:
        """Whole blocks of all operands have a multiple of so many indices."""
        return lcm(*(indices for _, indices in self.ratios))

    @property
    def accumulates(self) -> bool:
        """Whether the operation adds up its tiles, in order."""
        return self.result is None and any(axis is not None for axis in self.operands)


@dataclass(frozen=True)
class Instead:
    """Operations that stand in the place of one that is split over sockets; the last one has its result.

    Each is new, in no block yet, and has a shard rule of its own: a part whose result is `PARTIAL` is added
    up before the next one reads it.
    """

    parts: tuple[ComputeOp, ...]


def _require_static(op: Operation) -> None:
    for value in (*op.operands, *op.results):
        type_ = value.type
        if isinstance(type_, TensorType | MemRefType) and not type_.has_static_shape():
            raise VerifyException(f"{op.name} needs static shapes, got {type_}")


class ComputeOp(IRDLOperation, ABC):
    """An operation with a numpy meaning: all that the compiler must know of it stands with it."""

    NUMPY: ClassVar[str] = ""
    """`package.module:function`, below this package if it begins with a dot; operands, attributes and the
    spec of the result give the result, with bits that do not depend on tiles."""
    ACROSS_SOCKETS: ClassVar[bool] = False
    """The function takes the operands of all sockets at once, and gives the result of each."""
    KEEPS_SUMS: ClassVar[bool] = False
    """Of the sockets' summands of all of its operands it makes the summands of its result."""
    MULTIPLIES: ClassVar[tuple[int, ...]] = ()
    """Numbers of the operands that it multiplies with one another, where no rule says it: their types say at
    which peak."""
    WEIGHTS: ClassVar[tuple[int, ...]] = ()
    """Numbers of the operands that have to be weights, so that the operation is a view of them; see
    `of_weights`."""
    SPELLING: ClassVar[Spelling | Without] = Without("it declares no spelling")
    FUSION: ClassVar[Fusion | Without] = Without("it declares no fusion role")

    @classmethod
    def rule(cls) -> Rule | None:
        """Which types fit together, and its work; None of an operation with methods that say so."""
        return RULES.get(cls.name)

    @classmethod
    def multiplied(cls) -> tuple[int, ...]:
        """Numbers of the operands that it multiplies with one another."""
        rule = cls.rule()
        return cls.MULTIPLIES if rule is None else rule.multiplies

    def flops(self) -> int:
        """Floating-point operations: a multiply-add counts two, anything else one per element."""
        rule = self.rule()
        if rule is None:
            raise NotImplementedError(f"{self.name} has no rule and does not say its FLOPs")
        return rule.flops(call_of(self))

    def wide_flops(self) -> int:
        """Of these, those of products of numbers of 32 bits or more, which the machine makes at another peak.

        Elementwise work and sums count as of 16 bits: they are small beside products.
        """
        types = (tensor_of(self.operands[number].type).dtype for number in self.multiplied())
        return self.flops() if any(dtype in WIDE_TYPES for dtype in types) else 0

    def verify_(self) -> None:
        _require_static(self)
        self.verify_shapes()

    def verify_shapes(self) -> None:
        """Raises: VerifyException where the operand and result types do not fit together."""
        rule = self.rule()
        if rule is not None:
            verify_by(rule, self)

    @classmethod
    def spelled(cls, arguments: Arguments) -> Operation:
        """The operation of a call in the model language.

        Raises: ParseError if the arguments do not fit.
        """
        raise NotImplementedError(f"{cls.name} has a spelling and does not say what it stands for")

    @classmethod
    def spelled_all(cls, arguments: Arguments) -> Sequence[Operation]:
        """The operations of a call that gives several values, each of which is the result of one.

        Raises: ParseError if the arguments do not fit.
        """
        return (cls.spelled(arguments),)

    def tile_rule(self) -> TileRule | Without:
        """Along which axes it may be cut into tiles."""
        return Without("it declares no tile rule")

    def shard(self, view: ShardView) -> Sharded | Instead | Without:
        """How its operands are needed and its result lies on the sockets, or what is computed there instead.

        Raises: CannotSplit where that does not work out.
        """
        return Without("it declares no shard rule")

    def of_weights(self, result: Placement) -> Sequence[Placement] | Without:
        """How its operands lie where its result, which is made of weights as it is read, is to lie so.

        An operation that has this is a view of its `WEIGHTS`: it lies as its readers need it.

        Raises: CannotSplit where that does not work out.
        """
        return Without("it is no view of weights")

    def become_part(self, result: Placement) -> None:
        """What of a view of weights changes but types, where its result is to lie so; see `of_weights`."""

    def wholes(
        self, operands: Sequence[Placement]
    ) -> Sequence[tuple[Placement, Mapping[str, Attribute | None]]]:
        """Of a view of weights that is a part: how its result may lie where its operands do so, and what
        `become_part` may have changed, by the names of properties; the undoing of `of_weights`.
        """
        return [(one, {}) for one in dict.fromkeys(operands)]

    def read_along(self, axis: int) -> None:
        """The reader of its result is cut along an axis: note it where one could be cut along several."""

    def preferred(self, view: ShardView) -> Placement | None:
        """How the result of a view of weights had best be split where a product is free to choose.

        Raises: CannotSplit where it cannot be split at all.
        """
        return None

    def fusion(self) -> Fusion | Without:
        """What it is to the rules of fusion, where that depends on its operands; else as it declares."""
        return self.FUSION

    def wants(self, result: Placement | None, sockets: int) -> Sequence[Placement | None]:
        """How its operands ought to lie, given how its result ought to; None where it does not matter."""
        return [None] * len(self.operands)


SPLIT_ALREADY = Without("it stands in models that are split over sockets already")


class SocketExchangeOp(ComputeOp, ABC):
    """What sockets exchange of one tensor; the base of all exchanges, which `shard-tensors` inserts."""

    x = operand_def(FLOAT_TENSOR)
    result = result_def(FLOAT_TENSOR)

    traits = traits_def(Pure())

    ACROSS_SOCKETS: ClassVar[bool] = True
    SPELLING: ClassVar = SPLIT_ALREADY

    def tile_rule(self) -> Without:
        """The exchange is cut by `overlap-collectives`."""
        return Without("it is no stage: it has a unit of its own")

    def shard(self, view: ShardView) -> Without:
        """The sockets have been dealt with."""
        return SPLIT_ALREADY

    def exchanged(self, lies: Layout) -> Layout | None:
        """How the result lies where x does so; None where that is not known.

        Raises: CannotSplit where nothing that is meant comes out.
        """
        return None


def fusion_of(op: Operation) -> Fusion | Without:
    """What any operation is to the rules of fusion."""
    return op.fusion() if isinstance(op, ComputeOp) else ComputeOp.FUSION


def unit_of(value: SSAValue) -> int:
    """Elements of a value along the axis of its tiles that belong together, by what makes or takes it."""
    uses = [(value.owner, -1), *((use.operation, use.index) for use in value.uses)]
    for op, index in uses:
        rule = op.tile_rule() if isinstance(op, ComputeOp) else None
        if isinstance(rule, TileRule) and rule.units:
            return rule.units[index]
    return 1


def note_reader(copy: Operation, op: Operation) -> None:
    """Tell the copy of an operation along which axis the first reader of the original is cut."""
    for use in (use for result in op.results for use in result.uses):
        reader = use.operation
        rule = reader.tile_rule() if isinstance(reader, ComputeOp) else None
        axis = rule.operands[use.index] if isinstance(rule, TileRule) else None
        if axis is not None and isinstance(copy, ComputeOp):
            copy.read_along(axis)
            return


def missing_parts(operation: type[Operation]) -> list[str]:
    """The parts that an operation neither has nor excludes with a reason, by name."""
    if not issubclass(operation, ComputeOp):
        return ["ComputeOp"]
    declared = {name for base in operation.mro() if base not in ComputeOp.mro() for name in vars(base)}
    wanted = ["NUMPY", "SPELLING", "FUSION", "flops", "verify_shapes", "tile_rule", "shard"]
    if operation.rule() is not None:
        wanted = [part for part in wanted if part not in ("flops", "verify_shapes")]
    if isinstance(operation.SPELLING, Spelling) and "spelled_all" not in declared:
        wanted.append("spelled")
    return [part for part in wanted if part not in declared]
