"""The Python interface, `import kl`: what the commands do, as functions whose results are values."""

from .calls import compare, compile, time
from .compilation import Compilation
from .errors import Error
from .results import Comparison, RunResult, TimeResult, Variant

__all__ = [
    "Comparison",
    "Compilation",
    "Error",
    "RunResult",
    "TimeResult",
    "Variant",
    "compare",
    "compile",
    "time",
]
