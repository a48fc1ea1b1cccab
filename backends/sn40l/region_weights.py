"""Where the numbers of a weight come from, as its region says it, and whether that fits its tensor."""

from __future__ import annotations

from ...dialects.stored_formats import (
    CODES,
    TENSOR_SCALE,
    StoredPart,
    codes_shape,
    scales_shape,
    tensor_scale_shape,
)
from ...dialects.weight_parts import COLUMNS, LAYER, ROWS, extent_on_disk, layers_trouble, part_trouble
from ..parts import Part
from ..weight_specs import WeightSpec
from .errors import ProgramError, require
from .program import Region


def weight_spec(r: Region) -> WeightSpec:
    """The whole weight of which a socket has a part in a region.

    Raises: ProgramError for a weight that contradicts itself.
    """
    own = (r.checkpoint, r.transposed, r.stacked, r.rows, r.columns, r.layers, r.values, r.stored)
    try:
        return WeightSpec(r.name, r.whole, *own)
    except ValueError as error:
        raise ProgramError(str(error)) from None


def check_weight(region: Region) -> None:
    """That what is said of a checkpoint fits the tensor, as it has to of an `nn.weight`.

    Raises: ProgramError naming the region.
    """
    name, spec = f"region '{region.name}'", weight_spec(region)
    require(not spec.stacked or spec.tensor.shape != (), f"{name}: a stack of layers is a {spec.tensor}")
    rank = len(spec.tensor_shape)
    require(not spec.transposed or rank > 1, f"{name}: it reads a tensor of {rank} dimensions transposed")
    _check_name(name, spec)
    if spec.layers is not None:
        require(spec.stacked, f"{name}: numbers of {len(spec.layers)} layers, and it is no stack of layers")
        trouble = layers_trouble(spec.layers, spec.tensor.shape[0])
        require(not trouble, f"{name}: layers: {trouble}")
    for which, part in ((ROWS, spec.rows), (COLUMNS, spec.columns)):
        if part is not None:
            _check_part(name, spec, which, part)
    if spec.stored is not None:
        given, wanted = spec.layer_shape, _stored_shape(spec.stored)
        what = f"{spec.stored.part} of {[*spec.stored.shape]} in {spec.stored.format}"
        require(given == wanted, f"{name}: {[*given]} for {what}, which are {[*wanted]}")
    if region.shard_axis is None:
        given = region.shard_parts, region.shard_runs, region.shard_repeats
        require(given == (1, (), 1), f"{name}: parts {given} of an axis that is not named")


def _stored_shape(stored: StoredPart) -> tuple[int, ...]:
    """The shape of a part of the numbers of a layer."""
    if stored.part == CODES:
        return codes_shape(stored.shape, stored.format)
    if stored.part == TENSOR_SCALE:
        return tensor_scale_shape(stored.shape)
    return scales_shape(stored.shape, stored.block)


def _check_name(name: str, spec: WeightSpec) -> None:
    if spec.checkpoint is None:
        return
    require(spec.values is None, f"{name}: a constant, which comes from no checkpoint")
    has = LAYER in spec.checkpoint
    what = f"'{spec.checkpoint}' {'has' if has else 'lacks'} {LAYER}"
    require(
        has == spec.stacked, f"{name}: {what}, the weight is {'a' if spec.stacked else 'no'} stack of layers"
    )


def _check_part(name: str, spec: WeightSpec, which: str, part: Part) -> None:
    require(spec.checkpoint is not None, f"{name}: {which} {part} of no tensor of a checkpoint")
    extent = extent_on_disk(spec.tensor_shape, which, transposed=spec.transposed)
    if extent is None:
        raise ProgramError(f"{name}: a weight of {len(spec.tensor_shape)} dimensions has no {which}")
    trouble = part_trouble(which, (part.first, part.last, part.each or 0), extent)
    require(not trouble, f"{name}: {trouble}")
