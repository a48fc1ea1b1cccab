"""`kl`: a kernel-looping compiler for the SN40L dataflow machine, built on xDSL.

The folders at the repository root are the subpackages of `kl`; `docs/architecture.md` follows a model through
them in the order data flows. What is in `PUBLIC` is the Python interface (`docs/python.md`). It is imported
on first use, so that neither commands nor those who want one folder alone wait for it.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .tools.api import Comparison as Comparison
    from .tools.api import Compilation as Compilation
    from .tools.api import Error as Error
    from .tools.api import Memory as Memory
    from .tools.api import Page as Page
    from .tools.api import RunResult as RunResult
    from .tools.api import TimeResult as TimeResult
    from .tools.api import Variant as Variant
    from .tools.api import VerifyResult as VerifyResult
    from .tools.api import compare as compare
    from .tools.api import compile as compile
    from .tools.api import show as show
    from .tools.api import time as time
    from .tools.api import verify as verify

__version__ = "0.1.0"
PUBLIC = (
    "Comparison",
    "Compilation",
    "Error",
    "Memory",
    "Page",
    "RunResult",
    "TimeResult",
    "Variant",
    "VerifyResult",
    "compare",
    "compile",
    "show",
    "time",
    "verify",
)
"""The names of the Python interface."""


def __getattr__(name: str) -> Any:
    """A name of the interface; it is there from then on."""
    if name not in PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .tools import api

    globals().update({one: getattr(api, one) for one in PUBLIC})
    return globals()[name]


def __dir__() -> list[str]:
    """What completion offers."""
    return sorted({*globals(), *PUBLIC})
