"""The page of all passes: what each does, its options and knobs, and the example in its docstring."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import fields
from importlib import import_module
from itertools import groupby

from xdsl.passes import ModulePass

from kl.passes import PASSES, load_pass
from kl.passes.knobs import Knob, option_knobs, presence_knob
from kl.tools.opt.listing import (
    EXAMPLE,
    default_of,
    documentation,
    field_notes,
    hints_of,
    text_of_module,
)
from kl.tools.pass_text import in_words

INTRODUCTION = """\
# The passes

Made by `make reference` from the docstrings of the passes; do not edit it by hand.

All passes of `kl` in the order of the levels, by subject: a folder of `passes/` decides one thing.
`kl-opt --help-pass NAME` says the same of one pass, and of those of other packages. A pass stands in a
pipeline as `NAME{option=value …}`. A *knob* is what `kl tune` may turn ([tuning.md](tuning.md)); `log` and
`pow2` are the scales of its numbers. Before and After are run by a test.
"""


def page() -> str:
    """The page, in Markdown."""
    lines = [INTRODUCTION]
    for subject, names in groupby(PASSES, PASSES.get):
        text = inspect.cleandoc(import_module(f"kl.passes.{subject}").__doc__ or "")
        lines += [f"## {text.partition(chr(10) * 2)[0]}", ""]
        for name in names:
            lines += _section(name, load_pass(name))
    return "\n".join(lines).rstrip() + "\n"


def _section(name: str, one: type[ModulePass]) -> Iterator[str]:
    text, of_file = documentation(one), text_of_module(one)
    yield from (f"### `{name}`", "", text, "")
    if EXAMPLE.search(of_file) is not None and of_file != text:
        yield from (of_file, "")
    yield from _options(one)


def _options(one: type[ModulePass]) -> Iterator[str]:
    """A table of what a pass can be told, and the knob of whether it runs."""
    hints, notes, knobs = hints_of(one), field_notes(one), option_knobs(one)
    options = [field for field in fields(one) if field.init and field.name != "name"]
    if options:
        yield from ("| option | takes | default | note | knob |", "|---|---|---|---|---|")
    for option in options:
        name = option.name.replace("_", "-")
        default = default_of(option).removeprefix("default: ")
        knob = knob_in_words(knobs[name][0]) if name in knobs else ""
        note = notes.get(option.name, "").replace("|", "\\|")
        yield f"| `{name}` | {in_words(hints[option.name])} | {default} | {note} | {knob} |"
    yield "" if options else "It has no options.\n"
    if (presence := presence_knob(one)) is not None:
        yield f"Whether it runs is a knob: {knob_in_words(presence)}.\n"


def knob_in_words(knob: Knob) -> str:
    """What a knob can be: `4 to 100, log, where …`."""
    values = ", ".join(_value(value) for value in knob.values)
    span = values or f"{_value(knob.low)} to {_value(knob.high)}"
    scale = "" if knob.scale == "linear" else f", {knob.scale}"
    prior = "" if knob.prior == "uniform" else f", prior {knob.prior}"
    default = "" if knob.default is None else f", absent: {_value(knob.default)}"
    where = "".join(f", where `{condition}`" for condition in knob.where)
    return f"{span}{scale}{prior}{default}{where}"


def _value(value: int | str | bool) -> str:
    if isinstance(value, str):
        return f"`{value}`"
    return str(value).lower()
