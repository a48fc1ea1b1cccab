"""The options of `kl-opt` that show what passes do; what they do is imported once it is asked for."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from xdsl.passes import ModulePass

from ..command_line import option
from ..observer import Observer, Observers
from ..universe import AvailablePasses


@dataclass(frozen=True)
class SeeingOptions:
    """What is shown of passes, all of it on stderr."""

    print_between_passes: bool
    time_passes: bool
    print_ir_before: tuple[str, ...] = option(
        "Print the IR before each run of this pass, on stderr; may be repeated.", default=(), metavar="PASS"
    )
    print_ir_after: tuple[str, ...] = option(
        "Print the IR after each run of this pass, on stderr; may be repeated.", default=(), metavar="PASS"
    )
    print_ir_after_all: bool = option("Print the IR after every pass, on stderr.", default=False)
    print_ir_after_change: bool = option(
        "Print the IR only after passes that have changed it, on stderr: all passes unless others are named.",
        default=False,
    )
    print_ir_diff: bool = option(
        "Print what each pass has changed as a unified diff, on stderr.", default=False
    )
    statistics: bool = option(
        "Print the operations before and after each pass, and which it has added and removed, on stderr.",
        default=False,
    )
    remarks: str | None = option(
        "Print what passes remark on single operations, on stderr; with =REGEX, what passes remark whose"
        " name matches.",
        metavar="REGEX",
    )

    @property
    def names(self) -> Iterator[tuple[str, str]]:
        """The passes that are named, each with the flag that names it."""
        yield from (("--print-ir-before", name) for name in self.print_ir_before)
        yield from (("--print-ir-after", name) for name in self.print_ir_after)

    @property
    def prints(self) -> bool:
        """Whether IR is printed."""
        after_all = self.print_ir_after_all or self.print_between_passes
        return any((after_all, self.print_ir_after_change, self.print_ir_diff, *self.names))

    def observer(self, available: AvailablePasses, passes: Sequence[ModulePass]) -> Observer:
        """What shows all this of a pipeline, but for remarks, whose teller is made for each module.

        Raises: InputError for a pass that is none or does not run, and for a malformed expression.
        """
        return Observers(tuple(self._observers(available, passes)))

    def _observers(self, available: AvailablePasses, passes: Sequence[ModulePass]) -> Iterator[Observer]:
        if self.remarks or any(self.names):
            from .asked import asked

            yield asked(tuple(self.names), self.remarks, available, passes)
        if self.prints:
            from .ir_prints import IrPrints, Selection

            after_all = self.print_ir_after_all or self.print_between_passes
            before, after = frozenset(self.print_ir_before), frozenset(self.print_ir_after)
            changed = self.print_ir_after_change
            yield IrPrints(Selection(before, after, after_all, changed, diff=self.print_ir_diff))
        if self.statistics:
            from .statistics import Statistics

            yield Statistics()
        if self.time_passes:
            from .pass_times import PassTimes

            yield PassTimes()


def with_bare_remarks(arguments: Sequence[str] | None) -> list[str]:
    """A command line on which `--remarks` alone takes nothing, so that a file may stand behind it."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    ours = given[: given.index("--")] if "--" in given else given
    return ["--remarks=" if one == "--remarks" else one for one in ours] + given[len(ours) :]


def add_listings(parser: argparse.ArgumentParser) -> None:
    """Add the options that tell what there is, and end the tool."""
    parser.add_argument("--list-passes", action=_Listing, nargs=0, help="List all passes, and end.")
    parser.add_argument("--help-pass", action=_Listing, metavar="NAME", help="Describe a pass, and end.")
    parser.add_argument("--list-dialects", action=_Listing, nargs=0, help="List all dialects, and end.")


class _Listing(argparse.Action):
    """Prints a listing on stdout and ends the tool, whatever else the command line says."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        """Raises: InputError for an unknown pass, SystemExit."""
        from . import listing

        match self.dest:
            case "list_passes":
                lines = listing.passes()
            case "list_dialects":
                lines = listing.dialects()
            case _:
                lines = listing.help_of(str(values))
        for line in lines:
            print(line)
        parser.exit()
