"""Whether an input has experts that sockets can share out, and what is said of that where it has none."""

from __future__ import annotations

from xdsl.dialects.builtin import ModuleOp

from ..dialects.module_machine import sockets_of
from ..dialects.nn import DistinctOp, WeightOp
from .options import MappingOptions
from .values import HELP_MARK, InputError


def shares_out_experts(module: ModuleOp) -> bool:
    """Whether it is still open which socket has which experts."""
    split = any(isinstance(op, WeightOp) and op.shard_parts is not None for op in module.ops)
    return has_experts(module) and sockets_of(module) > 1 and not split


def has_experts(module: ModuleOp) -> bool:
    """Whether experts are chosen."""
    return any(isinstance(op, DistinctOp) for op in module.walk())


def check_experts(mapping: MappingOptions, module: ModuleOp, path: str) -> None:
    """Raises: InputError for whole experts on each socket where none are chosen."""
    if mapping.expert_sharding == "sockets" and not has_experts(module):
        raise InputError(
            f"{path} chooses no experts{HELP_MARK}--expert-sharding sockets is for mixtures of experts"
        )
