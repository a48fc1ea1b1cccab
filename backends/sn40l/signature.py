"""What a program says of itself: the tensors of a step, and where its weights come from."""

from __future__ import annotations

from ..signatures import Signature
from ..weight_specs import WeightSpec
from .check import check_structure
from .positions import input_regions
from .program import Program
from .region_weights import weight_spec


def signature_of(program: Program) -> Signature:
    """The tensors of a call of a program.

    Raises: ProgramError for names that refer to nothing, and a weight that contradicts itself.
    """
    check_structure(program)
    regions = {region.name: region for region in program.regions}
    return Signature(
        program.machine.sockets,
        {region.name: region.tensor for region in input_regions(program)},
        [regions[name].tensor for name in program.outputs],
        {region.name: region.tensor for region in program.regions if region.kind == "state"},
        {one.name: one for one in weight_specs(program)},
        smallest_table(program),
    )


def weight_specs(program: Program) -> list[WeightSpec]:
    """The weights that a program reads: whole ones, however they lie on the sockets.

    Raises: ProgramError for one that contradicts itself.
    """
    return [weight_spec(region) for region in program.regions if region.kind == "weight"]


def smallest_table(program: Program) -> int:
    """Rows of the smallest table that rows are read of by their number; 1 if there is none."""
    units = (unit for kernel in program.kernels for unit in kernel.units)
    rows = (unit.rows(program.machine.sockets) for unit in units)
    return min((count for count in rows if count is not None), default=1)
