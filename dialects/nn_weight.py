"""The weights of a module: constant tensors, from a checkpoint or given with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from xdsl.dialects.builtin import (
    DenseArrayBase,
    DenseIntOrFPElementsAttr,
    IntegerAttr,
    IntegerType,
    StringAttr,
    SymbolNameConstraint,
    TensorType,
    UnitAttr,
    f64,
    i64,
)
from xdsl.ir import Attribute, ParametrizedAttribute
from xdsl.irdl import (
    IRDLOperation,
    ParsePropInAttrDict,
    irdl_attr_definition,
    irdl_op_definition,
    opt_prop_def,
    prop_def,
    traits_def,
)
from xdsl.traits import SymbolOpInterface
from xdsl.utils.exceptions import VerifyException

from .stored_formats import StoredPart
from .tensors import expect
from .weight_parts import (
    COLUMNS,
    EXPERT,
    ROWS,
    Part,
    extent_on_disk,
    layers_trouble,
    names_experts,
    part_trouble,
)


@irdl_attr_definition
class StoredAttr(ParametrizedAttribute):
    """Which part of a weight of fewer bits a weight is: `#nn.stored<"scales", "i8", …>`.

    Behind part and format stand the shape of the numbers of one layer, the block of numbers that share a
    scale, and the layout of the checkpoint's tensors, empty where each part is a tensor of its own.
    """

    name = "nn.stored"

    part: StringAttr
    format: StringAttr
    shape: DenseArrayBase[IntegerType]
    block: DenseArrayBase[IntegerType]
    layout: StringAttr

    @classmethod
    def of(cls, stored: StoredPart) -> StoredAttr:
        """The attribute of a part."""
        shape, block = (DenseArrayBase.from_list(i64, one) for one in (stored.shape, stored.block))
        words = StringAttr(stored.part), StringAttr(stored.format), StringAttr(stored.layout)
        return cls(words[0], words[1], shape, block, words[2])

    def stored(self) -> StoredPart:
        """The part as plain data.

        Raises: ValueError where it is none.
        """
        shape, block = tuple(self.shape.get_values()), tuple(self.block.get_values())
        return StoredPart(self.part.data, self.format.data, shape, block, self.layout.data)

    def verify(self) -> None:
        try:
            self.stored()
        except ValueError as error:
            raise VerifyException(str(error)) from None


@irdl_op_definition
class WeightOp(IRDLOperation):
    """A constant tensor that the step reads, with its name in a checkpoint, or its value, or neither.

    `nn.weight @decoder.wq : tensor<32x4096x4096xbf16> from "model.layers.{layer}.self_attn.q_proj.weight"`
    `nn.weight @slopes : tensor<2xf64> {value = dense<[0.5, 0.25]> : tensor<2xf64>}`
    """

    name = "nn.weight"

    sym_name = prop_def(SymbolNameConstraint())
    type = prop_def(TensorType[Attribute])
    checkpoint = opt_prop_def(StringAttr)
    """Name in a checkpoint; `{layer}` is the leading index, or what `layers` gives for it, and `{expert}` the
    index behind it, 0, 1, 2, …: each tensor is then one expert's."""
    transposed = opt_prop_def(UnitAttr)
    """The checkpoint holds the last two dimensions swapped."""
    stacked = opt_prop_def(UnitAttr)
    """The leading dimension counts layers."""
    rows = opt_prop_def(DenseArrayBase.constr(i64))
    """The part of the checkpoint's tensor, before transposing: the first row, the one behind the last, and of
    how many rows each, 0 for once in the tensor."""
    columns = opt_prop_def(DenseArrayBase.constr(i64))
    """The same of its columns."""
    layers = opt_prop_def(DenseArrayBase.constr(i64))
    """What `{layer}` stands for in each layer; absent: 0, 1, 2, …."""
    value = opt_prop_def(DenseIntOrFPElementsAttr)
    """Of the whole tensor, in f64 and not yet rounded to its type: it is neither read nor random."""
    stored = opt_prop_def(StoredAttr)
    """It is a part of a weight of fewer bits."""
    shard_axis = opt_prop_def(IntegerAttr.constr(i64))
    """The axis along which the whole tensor is split over the sockets; absent: each has all of it."""
    shard_parts = opt_prop_def(IntegerAttr.constr(i64))
    """Into how many parts; with fewer parts than sockets, neighbours share a part."""
    shard_runs = opt_prop_def(DenseArrayBase.constr(i64))
    """Elements of the whole axis and zeros behind them, in turn, as the parts have them; absent: no zeros."""
    shard_repeats = opt_prop_def(IntegerAttr.constr(i64))
    """So often each element of the axis stands in the parts, as the scale of a block does that parts end
    within. What is more than `shard_runs` have is left out."""

    traits = traits_def(SymbolOpInterface())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$sym_name `:` $type (`from` $checkpoint^)? attr-dict"

    def __init__(
        self,
        sym_name: str,
        type: TensorType[Attribute],
        checkpoint: str | None = None,
        *,
        transposed: bool = False,
        stacked: bool = False,
        rows: Part | None = None,
        columns: Part | None = None,
        layers: Sequence[int] | None = None,
        value: DenseIntOrFPElementsAttr | None = None,
        stored: StoredPart | None = None,
    ):
        super().__init__(
            properties={
                "sym_name": StringAttr(sym_name),
                "type": type,
                "checkpoint": StringAttr(checkpoint) if checkpoint is not None else None,
                "transposed": UnitAttr() if transposed else None,
                "stacked": UnitAttr() if stacked else None,
                "rows": DenseArrayBase.from_list(i64, rows) if rows is not None else None,
                "columns": DenseArrayBase.from_list(i64, columns) if columns is not None else None,
                "layers": DenseArrayBase.from_list(i64, layers) if layers is not None else None,
                "value": value,
                "stored": StoredAttr.of(stored) if stored is not None else None,
            }
        )

    @property
    def whole_shape(self) -> tuple[int, ...]:
        """The shape of the whole tensor, of which each socket may have a part."""
        shape = [*self.type.get_shape()]
        if self.shard_axis is not None and self.shard_parts is not None:
            axis, runs = self.shard_axis.value.data, self.shard_runs
            padded = shape[axis] * self.shard_parts.value.data
            repeated = sum(runs.get_values()[::2]) if runs is not None else padded
            shape[axis] = -(-repeated // self.repeats)
        return tuple(shape)

    @property
    def repeats(self) -> int:
        """How often each element stands in the parts."""
        return 1 if self.shard_repeats is None else self.shard_repeats.value.data

    @property
    def tensor_shape(self) -> tuple[int, ...]:
        """The shape of what it has of each of its tensors: without layers, and without experts where each has
        a tensor of its own.
        """
        leading = (self.stacked is not None) + names_experts(self.checkpoint and self.checkpoint.data)
        return self.whole_shape[leading:]

    def verify_(self) -> None:
        expect(self.type.has_static_shape(), lambda: f"a weight needs a static shape, got {self.type}")
        self._verify_shards()
        if self.checkpoint is not None and names_experts(self.checkpoint.data):
            leading = 2 if self.stacked is not None else 1
            rank, of = len(self.whole_shape), "layers and experts" if leading == 2 else "experts"
            expect(rank > leading, f"'{EXPERT}' in the name of a weight of {rank} dimensions, with its {of}")
        _verify_part(self, ROWS, self.rows)
        _verify_part(self, COLUMNS, self.columns)
        if self.layers is not None:
            expect(self.stacked is not None, "give `layers` with `stacked`")
            trouble = layers_trouble(self.layers.get_values(), self.whole_shape[0])
            expect(not trouble, f"layers: {trouble}")
        if self.value is not None:
            expect(self.checkpoint is None, "a weight with a value comes from no checkpoint")
            expect(self.stacked is None, "a weight with a value has no layers")
            wanted = TensorType(f64, self.whole_shape)
            expect(self.value.type == wanted, f"the value is a {self.value.type}, the weight takes {wanted}")

    def _verify_shards(self) -> None:
        together = (self.shard_axis is None) == (self.shard_parts is None)
        expect(together, "give `shard_axis` and `shard_parts` together")
        if self.shard_axis is None or self.shard_parts is None:
            expect(self.shard_runs is None, "give `shard_runs` with `shard_axis` and `shard_parts`")
            expect(self.shard_repeats is None, "give `shard_repeats` with `shard_axis` and `shard_parts`")
            return
        axis, parts, rank = self.shard_axis.value.data, self.shard_parts.value.data, self.type.get_num_dims()
        expect(0 <= axis < rank, f"shard_axis is {axis}; the weight has {rank} dimensions")
        expect(parts > 0, f"shard_parts is {parts}; it must be positive")
        expect(self.repeats > 0, f"shard_repeats is {self.repeats}; it must be positive")
        if self.shard_runs is not None:
            _verify_runs(self.shard_runs.get_values(), parts * self.type.get_shape()[axis])


def _verify_part(op: WeightOp, which: str, given: DenseArrayBase[Any] | None) -> None:
    if given is None:
        return
    expect(op.checkpoint is not None, f"give `{which}` with the name in a checkpoint")
    numbers = given.get_values()
    expect(len(numbers) == 3, f"{which} are {[*numbers]}; they are first, last and each")
    shape = op.tensor_shape
    extent = extent_on_disk(shape, which, transposed=op.transposed is not None)
    expect(extent is not None, f"a weight of {len(shape)} dimensions has no {which}")
    first, last, each = numbers
    trouble = part_trouble(which, (first, last, each), extent or 0)
    expect(not trouble, trouble)


def _verify_runs(runs: Sequence[int], padded: int) -> None:
    """That elements and zeros in turn make up all parts."""
    expect(min(runs, default=-1) >= 0, f"shard_runs are {[*runs]}; they are one or more numbers from 0")
    expect(sum(runs) == padded, f"shard_runs make {sum(runs)} elements, the parts {padded}")
