"""What is drawn of a model's variants, collected while they are compiled and timed once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...backends.floorplans import Floorplan
from ...backends.intervals import Span
from ...backends.targets import MemoryMap, TimeOptions, Timing
from ..comparison import Comparison, compared
from ..compilation import time_program
from ..floorplans import floorplan_of
from ..inputs import Input, ModuleInput
from ..observer import LOOKS_AWAY, Observer
from ..opt.listing import documentation, first_sentence
from ..opt.snapshots import INPUT, Snapshot, Snapshots
from ..options import ComparisonOptions
from ..pass_text import find_pass
from ..pictures.networks import Network
from ..universe import available_passes
from ..values import HELP_MARK, InputError
from ..variants import Timed, Watcher
from .folding import Line
from .layers import layers_of, two_layers
from .networks import networks_of
from .passes import PassText

TIMELINES = ("unfused", "fused", "looped")
"""The variants whose timelines are drawn."""
MAIN = TIMELINES[-1]
"""The variant of which all else is drawn."""
MAGNIFIED = TIMELINES[1:]
"""Those of which two layers are drawn stage by stage."""


@dataclass(frozen=True)
class Drawn:
    """A variant of which there are pictures."""

    name: str
    given: ModuleInput
    """Its module is lowered."""
    program: Any
    timing: Timing
    options: TimeOptions
    """With which it was timed."""

    @property
    def layers(self) -> tuple[Span, ...]:
        """Iterations of loops, and calls of kernels that are called again; none where no layers are known."""
        intervals = self.timing.intervals
        return () if intervals is None else layers_of(intervals, self.timing.document.get("layers", ()))


@dataclass(frozen=True)
class Shown:
    """All that a page shows."""

    comparison: Comparison
    drawn: tuple[Drawn, ...]
    """In the order of their names above, those that can be built."""
    texts: tuple[PassText, ...] = ()
    """What the passes of the main variant have left."""
    floorplan: Floorplan | None = None
    networks: tuple[Network, ...] = ()
    memory: MemoryMap | None = None
    window: tuple[int, int] | None = None
    """The part of the calls that was asked for."""

    @property
    def title(self) -> str:
        """The model and the sockets that it runs on."""
        timed = next((one for one in self.comparison.results if isinstance(one, Timed)), None)
        sockets = self.sockets
        where = "" if timed is None else f", {sockets} socket{'s' if sockets > 1 else ''}"
        return f"{self.comparison.given.name}{where}"

    @property
    def sockets(self) -> int:
        """Of the machine; 1 where the target does not say."""
        timed = (one for one in self.comparison.results if isinstance(one, Timed))
        return next((one.timing.document.get("sockets", 1) for one in timed), 1)

    @property
    def main(self) -> Drawn | None:
        """The variant that is shown in full, if it can be built."""
        return next((one for one in self.drawn if one.name == MAIN), None)


def _texts(taken: Sequence[Snapshot]) -> Iterator[PassText]:
    """What passes have left, line by line."""
    available, lines = available_passes(), tuple[Line, ...]()
    for one in taken:
        if one.text is not None and one.lines is not None:
            texts = one.text.removesuffix("\n").split("\n")
            lines = tuple(Line(text, place or "") for text, place in zip(texts, one.lines, strict=True))
        about = "" if one.name == INPUT else first_sentence(documentation(find_pass(available, one.name)))
        yield PassText(f"{one.name}{{{one.options}}}" if one.options else one.name, about, lines)


class _Keeping(Watcher):
    """Keeps what is drawn of the variants, as they are built."""

    def __init__(self) -> None:
        self.drawn = list[Drawn]()
        self.texts = Snapshots()
        self._options = TimeOptions()

    def passes(self, name: str) -> Observer:
        return self.texts if name == MAIN else LOOKS_AWAY

    def options(self, name: str, given: ModuleInput, usual: TimeOptions) -> TimeOptions:
        self._options = usual
        if name in TIMELINES and given.target.has_details:
            self._options = replace(usual, layers=True, stages=name == MAIN, intervals=True)
        return self._options

    def built(self, name: str, given: ModuleInput, program: Any, timing: Timing) -> None:
        if name in TIMELINES:
            self.drawn.append(Drawn(name, given, program, timing, self._options))


def collect(
    options: ComparisonOptions, window: tuple[int, int] | None = None, given: Input | None = None
) -> Shown:
    """Compile and time all variants, as `kl compare` does, and collect what is drawn of some.

    The window of the magnifier is two layers in the middle of each variant if it is None.

    Raises: InputError for a window that no call has, and as `compared` does; ParseError, VerifyException,
        OSError.
    """
    keeping = _Keeping()
    comparison = compared(options, keeping, given)
    if window is not None:
        _check_window(window, keeping.drawn)
    drawn = tuple(_magnified(one, window) for one in keeping.drawn)
    shown = Shown(comparison, drawn, tuple(_texts(keeping.texts.taken)), window=window)
    main = shown.main
    if main is None:
        return replace(shown, texts=())
    target = main.given.target
    return replace(
        shown,
        floorplan=None if target.floorplan is None else floorplan_of(main.given),
        networks=tuple(networks_of(main.given.module, main.timing.document.get("stages", ()))),
        memory=None if target.memory is None else target.memory(main.program),
    )


def _magnified(one: Drawn, window: tuple[int, int] | None) -> Drawn:
    """The variant timed once more, with its stages in the window, if it has anything there."""
    known = one.timing.intervals
    if one.name not in MAGNIFIED or known is None:
        return one
    wanted = window or two_layers(known, one.layers)
    if wanted is None or wanted[0] >= known.cycles:
        return one
    options = replace(one.options, window=(max(0, wanted[0]), min(wanted[1], known.cycles)))
    timing = time_program(one.given, one.program, options)
    return replace(one, timing=timing, options=options)


def _check_window(window: tuple[int, int], drawn: Sequence[Drawn]) -> None:
    """Raises: InputError for a part that no call has."""
    known = [one.timing.intervals for one in drawn if one.name in MAGNIFIED]
    longest = max((one.cycles for one in known if one is not None), default=None)
    if longest is not None and not (window[0] < longest and window[1] > 0):
        raise InputError(
            f"--window {window[0]}:{window[1]} is no part of a call: the longest has {longest} cycles"
            f"{HELP_MARK}give cycles from 0 to {longest}"
        )
