"""What tests share that interrupt processes."""

from __future__ import annotations

import signal


def heed_interrupts() -> None:
    """Let a process be interrupted even where the tests run in the background, which would ignore it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
