"""The Python interface, `import kl`: what the commands do, as functions whose results are values."""

from .calls import compare, compile, show, time
from .compilation import Compilation
from .errors import Error
from .results import Comparison, Page, RunResult, TimeResult, Variant

__all__ = [
    "Comparison",
    "Compilation",
    "Error",
    "Page",
    "RunResult",
    "TimeResult",
    "Variant",
    "compare",
    "compile",
    "show",
    "time",
]
