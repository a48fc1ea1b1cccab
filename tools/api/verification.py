"""What holds of a program, as a value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import TYPE_CHECKING, Any

from ..commands import verify as verify_command
from ..diagnostics import Diagnostic
from .html import table_html

if TYPE_CHECKING:  # so that who compiles and times waits for no numpy
    from ..proofs import Proof


@dataclass(frozen=True, repr=False)
class VerifyResult:
    """What holds of a program before it runs."""

    input: str
    """What was verified: a path, or `<text>`."""
    checks: Sequence[Proof]
    """In the order in which they were made."""
    document: Mapping[str, Any]
    """What `kl verify --json` prints."""
    remarks: tuple[Diagnostic, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether no check fails."""
        return all(one.failure is None for one in self.checks)

    def __repr__(self) -> str:
        text = StringIO()
        verify_command.print_proofs(self.input, self.checks, text)
        return text.getvalue().rstrip()

    def _repr_html_(self) -> str:
        return table_html(verify_command.proofs_table(self.checks))
