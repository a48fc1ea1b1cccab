"""The error of a pass for which the machine is too small, with its numbers."""

from __future__ import annotations

from xdsl.utils.exceptions import PassFailedException


class NoRoom(PassFailedException):
    """More is needed of a resource than there is; tuners learn from how much."""

    def __init__(self, message: str, resource: str, needed: float, available: float):
        super().__init__(message)
        self.resource = resource
        """`pcus`, `pmus`, `links`, `hbm` or `ddr`"""
        self.excess = needed - available
        """in units, bytes a cycle, or bytes"""
