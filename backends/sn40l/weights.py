"""The numbers of a program's weights: from a checkpoint, or seeded random ones."""

from __future__ import annotations

from ..runs import RunOptions
from ..weights import Weights, WeightSpec, load_weights, random_weights
from .errors import ProgramError
from .program import Program, Region


def read_weights(program: Program, options: RunOptions) -> Weights:
    """The program's weights, with the parts of all sockets: from a checkpoint, or seeded random numbers.

    Raises: ProgramError for a weight that contradicts itself, CheckpointError where the checkpoint does not
        fit, OSError.
    """
    specs = [_weight_spec(region) for region in program.regions if region.kind == "weight"]
    if options.weights is None:
        return Weights(random_weights(specs, options.seed))
    return load_weights(options.weights, specs, options.ignore)


def _weight_spec(region: Region) -> WeightSpec:
    r = region
    own = (r.checkpoint, r.transposed, r.stacked, r.rows, r.columns, r.layers, r.values)
    try:
        return WeightSpec(r.name, r.whole, *own)
    except ValueError as error:
        raise ProgramError(str(error)) from None
