"""From a pattern of layers to kinds and loops: which layers a kind has, and how a step walks through them.

`local local global local local global local` are 5 `local` layers at `layer + floor(layer / 2.0)`, 2 `global`
ones at `3 * layer + 2`, and two rounds of (2 local, 1 global) with one local layer behind them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby


@dataclass(frozen=True)
class Kind:
    """A kind of layers."""

    name: str
    numbers: tuple[int, ...]
    """Of its layers in the model."""

    @property
    def count(self) -> int:
        """How many layers it has."""
        return len(self.numbers)

    @property
    def at(self) -> str:
        """Which layers these are, as an expression over `layer` or a list; empty where they are all."""
        return _place(self.numbers)


def kinds(pattern: Sequence[str]) -> list[Kind]:
    """The kinds of a pattern, in the order in which they appear."""
    return [
        Kind(name, tuple(n for n, one in enumerate(pattern) if one == name))
        for name in dict.fromkeys(pattern)
    ]


def _place(numbers: Sequence[int]) -> str:
    """An expression for a sequence of numbers, or the list of them."""
    for text, numbered in _formulas(numbers):
        if [numbered(k) for k in range(len(numbers))] == [*numbers]:
            return text
    return f"[{', '.join(map(str, numbers))}]"


def _formulas(numbers: Sequence[int]):
    """Expressions that a sequence may follow, each with its function."""
    first = numbers[0]
    step = numbers[1] - first if len(numbers) > 1 else 1
    yield _text(step, first), lambda k: first + step * k
    run = next((n for n, one in enumerate(numbers) if one != first + n), len(numbers))
    if run < len(numbers):
        gap = numbers[run] - numbers[run - 1] - 1
        jump = f"floor(layer / {run}.0)" if gap == 1 else f"{gap} * floor(layer / {run}.0)"
        yield f"{_text(1, first) or 'layer'} + {jump}", lambda k: first + k + gap * (k // run)


def _text(step: int, first: int) -> str:
    """`step * layer + first`, empty where that is the number of the layer."""
    layer = "layer" if step == 1 else f"{step} * layer"
    whole = f"{layer} + {first}" if first else layer
    return "" if whole == "layer" else whole


def period(pattern: Sequence[str]) -> int:
    """The length of the shortest beginning that the pattern repeats; its own if it repeats none."""
    length = len(pattern)
    return next(
        (p for p in range(1, length // 2 + 1) if all(pattern[n] == pattern[n % p] for n in range(length))),
        length,
    )


def loops(pattern: Sequence[str], layers: str = "") -> list[str]:
    """The statements that call all layers in order; `layers` names the number of those of a single kind."""
    length, each = len(pattern), period(pattern)
    rounds = length // each
    if rounds == 1:
        return [*_runs(pattern, Counter())]
    if each == 1:
        return [f"for i in 0..{layers or length} {{ x = {pattern[0]}[i](x, position) }}"]
    inner = [f"  {line}" for line in _round(pattern[:each])]
    return [
        f"for i in 0..{rounds} {{",
        *inner,
        "}",
        *_runs(pattern[rounds * each :], Counter(pattern[: rounds * each])),
    ]


def _round(pattern: Sequence[str]) -> Iterator[str]:
    """The statements of one round, `i`."""
    counts, done = Counter(pattern), Counter[str]()
    for name, run in groupby(pattern):
        length = len([*run])
        start = f"{counts[name]} * i" if counts[name] > 1 else "i"
        number = f"{start} + {done[name]}" if done[name] else start
        if length == 1:
            yield f"x = {name}[{number}](x, position)"
        else:
            yield f"for j in 0..{length} {{ x = {name}[{number} + j](x, position) }}"
        done[name] += length


def _runs(pattern: Sequence[str], done: Counter[str]) -> Iterator[str]:
    """The statements for layers that repeat nothing, behind others."""
    for name, run in groupby(pattern):
        first, length = done[name], len([*run])
        if length == 1:
            yield f"x = {name}[{first}](x, position)"
        else:
            yield f"for i in {first}..{first + length} {{ x = {name}[i](x, position) }}"
        done[name] += length
