"""The `nn` norms: of whole rows, or of equal groups of a row's elements."""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from xdsl.dialects.builtin import FloatAttr, IntegerAttr, f64, i64
from xdsl.ir import SSAValue
from xdsl.irdl import (
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    result_def,
    traits_def,
    var_operand_def,
)
from xdsl.traits import Pure

from .nn_norm_parts import RMSScaleOp, SquareSumOp
from .operation import ComputeOp, Fusion, Instead, TileRule, Without
from .rules import RULES, Rule
from .rules.norms import norm, parameter_shapes
from .sharding import REPLICATED, CannotSplit, Placement, Sharded, ShardView, Split, shifted
from .spelling import Arguments, Spelling, extents, shown
from .tensors import FLOAT_TENSOR, shape_of


class NormOp(ComputeOp, ABC):
    """A norm over the last dimension, or over each group of so many of its elements; the base of both."""

    FLOPS: ClassVar[int]
    """Floating-point operations of one element, of an operation that is not in `RULES`."""
    PARAMETERS: ClassVar[tuple[str, ...]]
    """What the operands behind x are, as many as there are."""

    x = operand_def(FLOAT_TENSOR)
    parameters = var_operand_def(FLOAT_TENSOR)
    """For a row of N elements in groups of D: `[D]`, the same for all groups, or `[N]` or `[N / D, D]`."""
    eps = prop_def(FloatAttr.constr(f64))
    group = opt_prop_def(IntegerAttr.constr(i64))
    """Elements that are normed together; absent: the whole row."""
    result = result_def(FLOAT_TENSOR)

    FUSION: ClassVar = Fusion("norm", "norm")

    traits = traits_def(Pure())
    assembly_format = (
        "$x (`,` $parameters^)? `eps` $eps (`group` $group^)? attr-dict"
        " `:` functional-type(operands, results)"
    )

    def __init__(self, x: SSAValue, parameters: Sequence[SSAValue], eps: float, group: int | None = None):
        super().__init__(
            operands=[x, parameters],
            result_types=[x.type],
            properties={
                "eps": FloatAttr(eps, f64),
                "group": IntegerAttr(group, i64) if group is not None else None,
            },
        )

    @classmethod
    def rule(cls) -> Rule:
        return RULES.get(cls.name) or norm(cls.FLOPS, cls.PARAMETERS)

    @property
    def extent(self) -> int:
        """Elements of a group."""
        return self.group.value.data if self.group is not None else shape_of(self.x)[-1]

    @property
    def _last(self) -> int:
        return len(shape_of(self.x)) - 1

    @classmethod
    def spelled(cls, arguments: Arguments) -> ComputeOp:
        """Of a tensor of floats; parameters are floats of any type."""
        x, eps = arguments.floats("x"), arguments.eps()
        if not shape_of(x):
            raise arguments.wrong("x", "x is a scalar, a row of elements is needed")
        group = _spelled_group(arguments, x)
        given = [name for name in cls.PARAMETERS if name in arguments]
        if given != [*cls.PARAMETERS[: len(given)]]:
            raise arguments.refused(
                f"{given[0]} without {cls.PARAMETERS[0]}", f"give {cls.PARAMETERS[0]} also"
            )
        return cls(x, [_spelled_parameter(arguments, name, x, group) for name in given], eps, group)

    def tile_rule(self) -> TileRule | Without:
        """Whole groups along the last axis."""
        if self.group is None:
            return Without("its mean is over whole rows")
        if any(len(shape_of(value)) > 1 for value in self.parameters):
            return Without("its parameters have an axis of groups, x has none")
        shared = [shape_of(value) == (self.extent,) for value in self.parameters]
        axes = (self._last, *(None if one_for_all else 0 for one_for_all in shared))
        return TileRule(axes, self._last, multiple=self.extent)

    def shard(self, view: ShardView) -> Sharded | Instead:
        """Whole groups lie anywhere; what belongs to a group lies with it.

        Raises: CannotSplit where heads of zeros would become numbers that are none.
        """
        x = view.operands[0]
        if not isinstance(x, Split) or not self._keeps_groups(x):
            return view.whole()
        needed = self._parameter_placements(x)
        if not _follow(view, needed):
            return view.whole()
        if x.runs and self.eps.value.data == 0:
            message = f"{self.name} with eps 0 of what is padded with zeros gives no numbers"
            raise CannotSplit(
                message, "give an eps above 0, or take a number of sockets that divides the heads"
            )
        return Sharded((x, *needed), self._result_placement(x))

    def _result_placement(self, x: Split) -> Split:
        return replace(x, zeros=False)

    def _keeps_groups(self, x: Split) -> bool:
        parts = (x.extent(shape_of(self.x)[-1]), *x.runs)
        return x.axis == self._last and not any(part % self.extent for part in parts)

    def _parameter_placements(self, x: Split) -> list[Placement]:
        """How parameters lie beside an x that is split by whole groups."""
        return [self._beside(shape_of(value), x) for value in self.parameters]

    def _beside(self, shape: Sequence[int], x: Split) -> Placement:
        if len(shape) > 1:
            return Split(0, x.parts, tuple(run // self.extent for run in x.runs))
        shared = shape[0] == self.extent and self.extent < shape_of(self.x)[-1]
        return REPLICATED if shared else shifted(x, -self._last)

    def wants(self, result: Placement | None, sockets: int) -> Sequence[Placement | None]:
        """x lies as the result does."""
        if not isinstance(result, Split):
            return [result, *(None for _ in self.parameters)]
        return [result, *self._parameter_placements(result)]


def _follow(view: ShardView, needed: Sequence[Placement]) -> bool:
    """Whether all parameters lie as they are needed, or are weights, which follow."""
    given = enumerate(zip(view.operands[1:], needed, strict=True), 1)
    return all(number in view.free or lies == wanted for number, (lies, wanted) in given)


def _spelled_group(arguments: Arguments, x: SSAValue) -> int | None:
    """The elements of a group of a call."""
    if "groups" not in arguments:
        return None
    groups, row = arguments.whole("groups"), shape_of(x)[-1]
    if row % groups:
        message = f"groups is {groups}, x is {shown(x.type)}"
        raise arguments.wrong("groups", message, f"it has to divide the last extent of x, {row}")
    return row // groups


def _spelled_parameter(arguments: Arguments, name: str, x: SSAValue, group: int | None) -> SSAValue:
    """A gain or bias of a call."""
    if group is None:
        return arguments.gain(name, x)
    value = arguments.floats(name)
    fits = parameter_shapes(shape_of(x)[-1], group)
    if shape_of(value) not in fits:
        message = f"{name} is {extents(value)}, x is {shown(x.type)} in groups of {group}"
        shapes = " or ".join(str([*shape]) for shape in fits)
        raise arguments.wrong(name, message, f"the {name} is {shapes}")
    return value


@irdl_op_definition
class RMSNormOp(NormOp):
    """Root-mean-square norm: `x / sqrt(mean(x^2) + eps) * gain`.

    `%y = nn.rms_norm %x, %gain eps 1.0e-05 : (tensor<1x64xbf16>, tensor<64xbf16>) -> tensor<1x64xbf16>`; with
    `group 16` behind eps, it norms each of four heads by itself.
    """

    name = "nn.rms_norm"

    NUMPY: ClassVar = ".backends.norms:rms_norm"
    SPELLING: ClassVar = Spelling("rms_norm", ("x", "gain", "eps"), optional=("gain", "groups"))
    PARAMETERS: ClassVar = ("gain",)

    def _result_placement(self, x: Split) -> Split:
        """Zeros stay zeros."""
        return x

    def shard(self, view: ShardView) -> Sharded | Instead:
        """A whole row that has to stay in parts is squared and added up in parts, and scaled where it lies.

        Raises: CannotSplit where elements would be added up that do not belong to it.
        """
        x, row = view.operands[0], shape_of(self.x)[-1]
        flat = self.extent == row and all(len(shape_of(gain)) == 1 for gain in self.parameters)
        if not isinstance(x, Split) or x.axis != self._last or not flat:
            return super().shard(view)
        if not _follow(view, self._parameter_placements(x)) or (view.wanted != x and not x.runs):
            return view.whole()
        if x.runs and not x.zeros:
            message = f"{self.name} adds up elements that are padded, and not with zeros any more"
            raise CannotSplit(message, "take a number of sockets that divides the elements")
        sums = SquareSumOp(self.x)
        count = row * (view.sockets // x.parts)
        return Instead((sums, RMSScaleOp(self.x, sums.result, self.parameters, self.eps, count)))


@irdl_op_definition
class LayerNormOp(NormOp):
    """Layer norm: `(x - mean(x)) / sqrt(variance(x) + eps) * gain + bias`.

    `%y = nn.layer_norm %x, %gain, %bias eps 1.0e-05 : (tensor<1x64xbf16>, tensor<64xbf16>, …) -> …`
    """

    name = "nn.layer_norm"

    NUMPY: ClassVar = ".backends.norms:layer_norm"
    SPELLING: ClassVar = Spelling("layer_norm", ("x", "gain", "eps"), optional=("gain", "bias", "groups"))
    PARAMETERS: ClassVar = ("gain", "bias")


NORM_OPERATIONS = (RMSNormOp, LayerNormOp)
"""Those of `nn` in this file."""
