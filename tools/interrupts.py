"""Ctrl-C that Python would drop."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

AGAIN_SECONDS = 0.01
"""How much later an interruption comes again."""


def keep_interrupts(usual: Callable[[Any], object] = sys.__unraisablehook__) -> None:
    """Have Ctrl-C come again where it has hit what raises nothing: finalizers, and callbacks of references.

    Python prints a KeyboardInterrupt there and goes on as if nothing had been. All else is as usual.
    """

    def heed(found: Any) -> None:
        if not issubclass(found.exc_type, KeyboardInterrupt):
            usual(found)
            return
        from _thread import interrupt_main
        from threading import Timer

        Timer(AGAIN_SECONDS, interrupt_main).start()

    sys.unraisablehook = heed
