"""What `kl` adds to xDSL: its dialects, passes and targets, found by every xDSL tool through the
entry point `xdsl.universe`.

Everything is imported on first use, so that a tool which needs none of it starts as quickly as
before.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

from xdsl.context import Context
from xdsl.ir import Dialect, Operation
from xdsl.universe import XDSL_UNIVERSE, Universe
from xdsl.utils.target import Target

from ..passes import PASSES, load_pass
from .pipeline import AvailablePasses


def _nn() -> Dialect:
    from ..dialects.nn import NN

    return NN


def _collective() -> Dialect:
    from ..dialects.collective import COLLECTIVE

    return COLLECTIVE


def _kernel() -> Dialect:
    from ..dialects.kernel import KERNEL

    return KERNEL


def _dataflow() -> Dialect:
    from ..dialects.dataflow import DATAFLOW

    return DATAFLOW


def _rdu() -> Dialect:
    from ..dialects.rdu import RDU

    return RDU


DIALECTS: dict[str, Callable[[], Dialect]] = {
    "nn": _nn,
    "collective": _collective,
    "kernel": _kernel,
    "dataflow": _dataflow,
    "rdu": _rdu,
}


def _program_target() -> type[Target]:
    from .program_target import ProgramTarget

    return ProgramTarget


KL_UNIVERSE = Universe(
    all_dialects=DIALECTS,
    all_passes={name: partial(load_pass, name) for name in PASSES},
    all_targets={"kl-program": _program_target},
)


@cache
def available_passes() -> AvailablePasses:
    """The passes of xDSL, of `kl` and of every other installed package."""
    return Universe.get_multiverse().all_passes


def make_context() -> Context:
    """A context that knows the dialects of xDSL, of `kl` and of every other installed package."""
    ctx = Context()
    for name, dialect in Universe.get_multiverse().all_dialects.items():
        ctx.register_dialect(name, dialect)
    return ctx


@cache
def other_operations() -> tuple[type[Operation], ...]:
    """The operations of every other installed package, for the model language."""
    ours = DIALECTS.keys() | XDSL_UNIVERSE.all_dialects.keys()
    dialects = Universe.get_multiverse().all_dialects.items()
    return tuple(op for name, load in dialects if name not in ours for op in load().operations)
