"""The command line of `kl-opt`."""

from __future__ import annotations

from dataclasses import dataclass

from ..command_line import Positive, option
from ..options import PublishedOptions, rewrites_option
from ..output import STDOUT, check_kept
from .failing_options import FailingOptions
from .seeing import SeeingOptions


@dataclass(frozen=True)
class KlOptCommand:
    """What a command line of `kl-opt` says, as far as this file reads it."""

    input_file: str | None
    output_file: str | None
    frontend: str | None
    target: str
    passes: str
    split_input_file: bool
    verify_diagnostics: bool
    parsing_diagnostics: bool
    disable_verify: bool
    no_implicit_module: bool
    seeing: SeeingOptions
    failing: FailingOptions
    published: PublishedOptions
    param: tuple[str, ...] = option(
        "Override a parameter of a model file; may be repeated.", default=(), metavar="NAME=VALUE"
    )
    max_rewrites: Positive | None = rewrites_option()
    no_verify_dominance: bool = option("Accept uses before definitions in SSA regions.", default=False)

    @property
    def written_file(self) -> str | None:
        """The output file; None for stdout.

        Raises: InputError where it would take the place of a model. IR is changed in place if that is wanted.
        """
        given, output = self.input_file, self.output_file
        if output in (None, STDOUT):
            return None
        check_kept("-o", output, {"the model": None if str(given).endswith(".mlir") else given})
        return output
