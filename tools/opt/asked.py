"""What options ask of passes by name: a pass that does not run is an error, not an empty answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from ..lowering import KlDefaultPass, phases
from ..observer import Observer
from ..pass_text import find_pass
from ..universe import AvailablePasses, find_target
from ..values import HELP_MARK, InputError


@dataclass(frozen=True)
class Ask:
    """An option that is about some passes: as it was written, and whether a pass is one of them."""

    text: str
    wants: Callable[[str], object]

    def check(self, names: Collection[str]) -> None:
        """Raises: InputError if none of the passes that run is one that it wants."""
        if not any(map(self.wants, names)):
            listed = ", ".join(dict.fromkeys(names))
            way_out = f"these can run: {listed}" if names else "give passes with -p"
            raise InputError(f"{self.text}: no such pass runs{HELP_MARK}{way_out}")


class Asked(Observer):
    """Notes which passes run: those of a default pipeline are known only then."""

    def __init__(self, asks: Sequence[Ask]):
        self.asks = asks
        self.ran = list[str]()
        self.begun = 0
        self.ended = 0

    def begin(self, module: ModuleOp) -> None:
        self.begun += 1

    def before(self, module_pass: ModulePass, module: ModuleOp) -> None:
        self.ran.append(module_pass.name)

    def end(self, module: ModuleOp) -> None:
        self.ended += 1

    def check(self) -> None:
        if 0 < self.begun == self.ended:
            check_all(self.asks, self.ran)


def asked(
    named: Iterable[tuple[str, str]],
    remarks: str | None,
    available: AvailablePasses,
    passes: Sequence[ModulePass],
) -> Observer:
    """Holds that passes run which options name, and some whose names match `remarks`.

    Raises: InputError for one that is none, for one that does not run, and for a malformed expression.
    """
    asks: list[Ask] = []
    for flag, name in named:
        try:
            find_pass(available, name)
        except InputError as error:
            raise InputError(f"{flag}: {error}") from None
        asks.append(Ask(f"{flag} {name}", name.__eq__))
    if remarks:
        asks.append(Ask(f"--remarks={remarks}", expression("--remarks", remarks).search))
    check_all(asks, [name for one in passes for name in _may_run(one)])
    return Asked(asks)


def _may_run(one: ModulePass) -> Iterable[str]:
    """The names of the passes that a pass of a pipeline can stand for."""
    return phases(find_target(one.target)) if isinstance(one, KlDefaultPass) else (one.name,)


def check_all(asks: Iterable[Ask], names: Collection[str]) -> None:
    """Raises: InputError if no pass runs that one of the options wants."""
    for ask in asks:
        ask.check(names)


def expression(option: str, text: str) -> re.Pattern[str]:
    """A regular expression as an option says it.

    Raises: InputError, with the place in it, for a malformed one.
    """
    try:
        return re.compile(text)
    except re.error as error:
        where = f"\n  {text}\n  {' ' * (error.pos or 0)}^ {error.msg}"
        raise InputError(f"{option}: malformed regular expression{where}") from None
