"""The `nn` operations that choose experts: which ones a batch wants, and their slices of stacks of weights.

A step wants at most `batch * K` of E experts. `nn.distinct` names them, each once, in ascending order, with
-1 where there are fewer; `nn.gather_slices` puts their slices side by side, so that a product with what it
gives is that of all chosen experts at once. Memory is read for the experts that are named, and for no others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import ClassVar

from xdsl.dialects.builtin import IntegerAttr, IntegerType, TensorType, i32, i64
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import (
    ParsePropInAttrDict,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import Pure

from .nn_routing import TopKOp
from .operation import ComputeOp, Fusion, Instead, Without
from .own_experts import OwnExpertsOp
from .rules.experts import slice_shape
from .rules.shapes import gathered_shape
from .sharding import REPLICATED, CannotSplit, Placement, Replicated, Sharded, ShardView, Split
from .spelling import Arguments, Spelling, shown
from .tensors import NUMBER_TENSOR, element_type_of, expect, shape_of


@irdl_op_definition
class DistinctOp(ComputeOp):
    """Which of `experts` experts ids `[B, K]` name, each once: `[S]`, ascending, then -1; S = min(E, B * K).

    `%e = nn.distinct %ids of 8 : (tensor<4x2xi32>) -> tensor<8xi32>`. An id of -1 names none. With `parts`,
    they are the experts of one of so many sockets, as it counts them.
    """

    name = "nn.distinct"

    NUMPY: ClassVar = ".backends.numerics_experts:distinct"
    SPELLING: ClassVar = Spelling("distinct", ("ids", "experts"))
    FUSION: ClassVar = Fusion("routing", "router")

    ids = operand_def(TensorType[IntegerType])
    experts = prop_def(IntegerAttr.constr(i64))
    parts = opt_prop_def(IntegerAttr.constr(i64))
    """So many sockets have as many experts each."""
    result = result_def(TensorType[IntegerType])

    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$ids `of` $experts attr-dict `:` functional-type(operands, results)"

    def __init__(self, ids: SSAValue, experts: int, *, parts: int | None = None, places: int | None = None):
        count = min(experts, prod(shape_of(ids))) if places is None else places
        properties = {
            "experts": IntegerAttr(experts, i64),
            "parts": IntegerAttr(parts, i64) if parts is not None else None,
        }
        super().__init__(operands=[ids], result_types=[TensorType(i32, [count])], properties=properties)

    @property
    def _places(self) -> int:
        """Of the experts that ids can name."""
        return min(self.experts.value.data, prod(shape_of(self.ids)))

    @property
    def _all_experts(self) -> int:
        """Those of all sockets."""
        parts = 1 if self.parts is None else self.parts.value.data
        return self.experts.value.data * parts

    @property
    def expected(self) -> float:
        """The mean number of places that are taken, where each row chooses among all experts at random."""
        rows, chosen = shape_of(self.ids)
        return self.experts.value.data * (1 - (1 - chosen / self._all_experts) ** rows)

    def verify_shapes(self) -> None:
        super().verify_shapes()
        fault = _fault_of_scores(self.ids, self.experts.value.data)
        expect(not fault, fault)

    @classmethod
    def spelled(cls, arguments: Arguments) -> DistinctOp:
        ids, experts = arguments.indices("ids", rank=2), arguments.whole("experts")
        if experts < shape_of(ids)[1]:
            message = f"{shape_of(ids)[1]} of {experts} experts"
            raise arguments.wrong("experts", message, "give the number of all experts")
        if fault := _fault_of_scores(ids, experts):
            raise arguments.wrong("experts", fault, "give as many experts as there are scores in a row")
        return cls(ids, experts)

    def tile_rule(self) -> Without:
        return Without("it compares all ids")

    def shard(self, view: ShardView) -> Sharded | Instead:
        """With whole experts on each socket, it is asked which of its own are named, as it counts them.

        Raises: CannotSplit where sockets do not divide experts.
        """
        ids, (places,) = view.operands[0], shape_of(self.result)
        if isinstance(ids, Split):  # those of own experts, which this one's rule has asked for
            return Sharded((ids,), Split(0, ids.parts, blocks=places, places=self._places))
        if view.experts == "ffn":
            return view.whole()
        experts = self.experts.value.data
        if experts % view.sockets:
            message = f"{experts} experts do not divide among {view.sockets} sockets"
            way_out = "or split each expert: --expert-sharding ffn, or shard-tensors{experts=ffn}"
            raise CannotSplit(message, f"take a number of sockets that does, {way_out}")
        own = OwnExpertsOp(self.ids, experts // view.sockets)
        distinct = DistinctOp(own.result, experts // view.sockets, parts=view.sockets, places=places)
        return Instead((own, distinct))


def _fault_of_scores(ids: SSAValue, experts: int) -> str:
    """What is wrong with ids that are known to be those of another number of columns; nothing if empty."""
    if not isinstance(ids.owner, TopKOp):
        return ""
    columns = shape_of(ids.owner.x)[1]
    return "" if columns == experts else f"ids name some of {columns} columns, there are {experts} experts"


@irdl_op_definition
class GatherSlicesOp(ComputeOp):
    """The slices of a stack that ids name, put together along one of their axes: the weights of experts.

    `%w = nn.gather_slices %stack, %ids along 1 : (tensor<8x4x6xbf16>, tensor<2xi32>) -> tensor<4x12xbf16>`.
    Slices with a single axis, biases, may be rows each: `tensor<8x6xbf16>` gives `tensor<2x6xbf16>` along 0.
    For an id of -1 there are zeros, and nothing is read. It is an indexed read of memory, not a computation.
    """

    name = "nn.gather_slices"

    NUMPY: ClassVar = ".backends.numerics_experts:gather_slices"
    SPELLING: ClassVar = Spelling("columns_of", ("stack", "ids"), others=("rows_of",))
    FUSION: ClassVar = Fusion("slices", "")
    WEIGHTS: ClassVar = (0,)

    stack = operand_def(NUMBER_TENSOR)
    ids = operand_def(TensorType[IntegerType])
    along = prop_def(IntegerAttr.constr(i64))
    """The axis of a slice along which they are put together."""
    result = result_def(NUMBER_TENSOR)

    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$stack `,` $ids `along` $along attr-dict `:` functional-type(operands, results)"

    def __init__(self, stack: SSAValue, ids: SSAValue, along: int, *, as_rows: bool = False):
        """`as_rows` says that a slice, which has a single axis, is a row of the result."""
        shape = gathered_shape(((1,) if as_rows else ()) + shape_of(stack)[1:], along, shape_of(ids)[0])
        result = TensorType(element_type_of(stack), shape)
        super().__init__(
            operands=[stack, ids], result_types=[result], properties={"along": IntegerAttr(along, i64)}
        )

    @property
    def axis(self) -> int:
        """The axis of a slice, and of the result, along which slices are put together."""
        return self.along.value.data

    @property
    def slice_shape(self) -> tuple[int, ...]:
        """The shape of a slice, with as many axes as the result: a bias that is a row is `[1, N]`."""
        return slice_shape(shape_of(self.stack), shape_of(self.result), self.axis)

    @property
    def _new_axes(self) -> int:
        """Axes that a slice gets in front of its own: one where it is a row of the result."""
        return len(self.slice_shape) - len(shape_of(self.stack)) + 1

    def verify_shapes(self) -> None:
        super().verify_shapes()
        fault = _fault_of_counts(self.stack, self.ids)
        expect(not fault, fault)

    @classmethod
    def spelled(cls, arguments: Arguments) -> GatherSlicesOp:
        """`columns_of` puts slices side by side, `rows_of` one below the other; so biases are rows."""
        stack = arguments.floats("stack")
        experts = shape_of(stack)[0] if shape_of(stack) else "experts"
        ids = arguments.indices("ids", 1, f"take each expert once: distinct(ids, {experts})")
        rank = len(shape_of(stack))
        if rank < 2:
            message = f"the stack is {shown(stack.type)}; it has one slice for each expert"
            raise arguments.wrong("stack", message, "declare it as [experts, in, out]")
        if fault := _fault_of_counts(stack, ids):
            raise arguments.wrong("stack", fault, "give distinct the number of experts in the stack")
        if arguments.name == "columns_of":
            return cls(stack, ids, rank - 2)
        return cls(stack, ids, 0, as_rows=rank == 2)

    def tile_rule(self) -> Without:
        """It is an indexed read of memory."""
        return Without("it is no stage: its slices are read from memory by their index")

    def shard(self, view: ShardView) -> Sharded:
        """Of a stack that is no weight; see `of_weights` for one that is."""
        return view.whole()

    def preferred(self, view: ShardView) -> Placement | None:
        """Each socket has its part of each slice, or, where ids are split, the slices of its own ids.

        Slices that are rows are few and short, so that every socket has them all.
        """
        if isinstance(ids := view.operands[1], Split):
            return replace(ids, axis=self.axis)
        if self._new_axes:
            return REPLICATED
        extent, slices = shape_of(self.stack)[self.axis + 1], shape_of(self.ids)[0]
        what = f"{'rows' if self.axis == 0 else 'columns'} of each expert"
        view.require_even(extent, view.sockets, what, self._whole_experts(view.sockets))
        return Split(self.axis, view.sockets, blocks=slices)

    def _whole_experts(self, sockets: int) -> str:
        """The way out of experts that do not split; empty where sockets do not divide their number either."""
        if shape_of(self.stack)[0] % sockets or not isinstance(self.ids.owner, DistinctOp):
            return ""
        return "give each whole experts: --expert-sharding sockets, or shard-tensors{experts=sockets}"

    def of_weights(self, result: Placement) -> Sequence[Placement]:
        """Blocks that are split are split slices; whole blocks here and there are a split stack."""
        if isinstance(result, Replicated):
            return REPLICATED, REPLICATED
        slices, own = shape_of(self.ids)[0], result.axis + 1 - self._new_axes
        if result.places:
            return Split(0, result.parts), replace(result, axis=0)
        if result.axis != self.axis or (result.blocks == slices and own > 0):
            return replace(result, axis=own, blocks=1), REPLICATED
        message = f"{slices} slices do not lie {result}"
        raise CannotSplit(message, "take a number of sockets that divides what each expert has")

    def wholes(
        self, operands: Sequence[Placement]
    ) -> Sequence[tuple[Placement, Mapping[str, Attribute | None]]]:
        stack, ids = operands
        if isinstance(ids, Split):
            return [(replace(ids, axis=self.axis), {})]
        if isinstance(stack, Replicated):
            return [(stack, {})]
        axis = stack.axis - 1 + self._new_axes
        blocks = shape_of(self.ids)[0] if axis == self.axis else 1
        return [(replace(stack, axis=axis, blocks=blocks), {})]


def _fault_of_counts(stack: SSAValue, ids: SSAValue) -> str:
    """What is wrong with ids that are known to be those of another number of experts; nothing if empty."""
    if not isinstance(ids.owner, DistinctOp):
        return ""
    experts, slices = ids.owner.experts.value.data, shape_of(stack)[0]
    return "" if slices == experts else f"ids name some of {experts} experts, the stack has {slices}"


EXPERT_OPERATIONS = (DistinctOp, GatherSlicesOp)
"""Those of `nn` in this file."""
