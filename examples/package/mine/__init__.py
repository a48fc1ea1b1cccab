"""An operation, two passes and a machine for `kl`. Tools find what is listed here by the entry points."""

from xdsl.ir import Dialect
from xdsl.universe import Universe

from . import operations, passes

OPERATIONS = [
    operations.SwigluOp,
]
PASSES = [
    passes.FuseSwigluPass,
    passes.LimitPrefetchPass,
]

DIALECT = Dialect("mine", OPERATIONS)
UNIVERSE = Universe(
    all_dialects={"mine": lambda: DIALECT},
    all_passes={one.name: lambda one=one: one for one in PASSES},
)
