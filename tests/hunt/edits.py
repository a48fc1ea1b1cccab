"""Edits of the facts of a saved program: one at a time, or some that belong together."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from random import Random
from typing import Any

from places import Path, Place, places, put, value_at

from kl.backends.meanings import KNOWN
from kl.backends.tensors import ELEMENT_BYTES
from kl.dialects.vocabulary import ALGORITHMS, EXCHANGES, REGION_KINDS, TIERS

CHANNELS = (
    *("InputPort.channel", "OutputPort.channel", "Load.channels[]", "Store.channel", "Store.done[]"),
    *("Gate.channel", "Index.ids", "Gather.ids", "Gather.channels[]", "Carry.init", "Carry.next"),
    *("Carry.final", "Carry.current[]", "Carry.made[]", "Collective.source", "Collective.channels[]"),
    "Counter.channels[]",
)
PARAMETERS = (
    *("AddressPattern.parameter", "AddressPattern.position_parameter", "Gate.position_parameter"),
    *("Counter.position_parameter", "Gather.parameter"),
)
VALUES = ("Instruction.operands[]", "OutputPort.value", "Stage.next_states[]")
ADDRESSES = ("LoadArguments.addresses[]", "Region.address")
REGIONS = ("Region.name", "Observe.region", "Program.inputs[]", "Program.outputs[]")
KERNELS = ("Kernel.name", "LoadProgram.kernel", "LoadArguments.kernel", "Execute.kernel")
LOOPS = (
    *("Loop.name", "Loop.inside", "Stage.rate", "Load.rate", "Store.rate", "Gather.rate", "Carry.rate"),
    *("Collective.rate", "Counter.rate"),
)
FAMILIES = (CHANNELS, PARAMETERS, VALUES, ADDRESSES, REGIONS, KERNELS, LOOPS)
"""Fields that refer to the same kind of things."""
WORDS: Mapping[str, Sequence[str]] = {
    "Instruction.operation": KNOWN,
    "Region.kind": REGION_KINDS,
    "Region.tier": TIERS,
    "Collective.operation": EXCHANGES,
    "Collective.algorithm": ALGORITHMS,
}
"""What else can stand in a field."""

RARE = ("Machine.", ".name", ".location", ".label")
"""Fields of what a machine has, which are many, and of what things are called: they have few mutants."""


@dataclass(frozen=True)
class Document:
    """A saved program and its places."""

    program: Any

    @cached_property
    def places(self) -> tuple[Place, ...]:
        """All of them."""
        return places(self.program)

    @cached_property
    def by_field(self) -> Mapping[str, Sequence[Place]]:
        """They are here by their fields."""
        found: dict[str, list[Place]] = {}
        for place in self.places:
            found.setdefault(place.field, []).append(place)
        return found

    @cached_property
    def by_path(self) -> Mapping[Path, str]:
        """The fields by where they are."""
        return {place.path: place.field for place in self.places}

    def field(self, path: Path) -> str:
        """The field of what is at a place, or around it where it is none by itself, as a unit's kind."""
        while path and path not in self.by_path:
            path = path[:-1]
        return self.by_path.get(path, "Program")

    def copy(self) -> Any:
        """A program to change."""
        return json.loads(json.dumps(self.program))

    def family(self, place: Place) -> list[Place]:
        """The places that refer to the same kind of things, in the same kernel if it is in one."""
        fields = next((family for family in FAMILIES if place.field in family), (place.field,))
        found = [one for field in fields for one in self.by_field.get(field, ())]
        return [one for one in found if one.scope == place.scope] if place.field not in KERNELS else found


@dataclass(frozen=True)
class Mutant:
    """A changed document."""

    program: Any
    edit: str
    """How it was changed."""
    fields: tuple[str, ...]
    """Of which fields the facts are that were changed."""

    def differences(self, before: Any) -> list[str]:
        """What was changed of a document, each with both values."""
        found: list[str] = []
        for path in differences(before, self.program):
            old, new = (json.dumps(value_at(one, path))[:200] for one in (before, self.program))
            found.append(f"{'.'.join(map(str, path))}: {old} -> {new}")
        return found


def differences(before: Any, after: Any, path: Path = ()) -> Iterator[Path]:
    """The places where two documents differ, each as near to what differs as both have it."""
    if isinstance(before, dict) and isinstance(after, dict) and before.keys() == after.keys():
        for key in before:
            yield from differences(before[key], after[key], (*path, key))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from differences(one, other, (*path, number))
    elif before != after:
        yield path


def mutant(random: Random, document: Document) -> Mutant:
    """The document with one edit; it differs from what it was."""
    while True:
        changed = document.copy()
        edit = random.choice(EDITS)
        edit(random, document, changed)
        found = [*differences(document.program, changed)]
        if found and not _has_many_sockets(changed):
            return Mutant(changed, edit.__name__, tuple(sorted({document.field(path) for path in found})))


MOST_SOCKETS = 16
"""A run computes what each socket does: of more it takes its time by right."""


def _has_many_sockets(program: Any) -> bool:
    sockets = program["machine"]["sockets"] if isinstance(program["machine"], dict) else None
    return type(sockets) is int and sockets > MOST_SOCKETS


Edit = Callable[[Random, Document, Any], None]
"""Changes a copy of a document, if it finds something to change."""


def _place(random: Random, document: Document) -> Place:
    """A place of any field, each as likely as the others."""
    fields = [*document.by_field]
    rare = [field for field in fields if field.startswith(RARE) or field.endswith(RARE)]
    others = [field for field in fields if field not in rare]
    field = random.choice(rare if random.random() < 0.05 else others)
    return random.choice(document.by_field[field])


def one(random: Random, document: Document, changed: Any) -> None:
    """Another value in one place."""
    place = _place(random, document)
    put(changed, place.path, other_value(random, document, place))


def two(random: Random, document: Document, changed: Any) -> None:
    """Other values in two places of one object, or of one kernel."""
    first = _place(random, document)
    depth = random.choice((2, len(first.path) - 1))
    near = [p for p in document.places if p.path[:depth] == first.path[:depth] and p.path != first.path]
    if not near:
        return
    second = random.choice(near)
    ordered = sorted((first, second), key=lambda place: len(place.path), reverse=True)
    for place in ordered:
        put(changed, place.path, other_value(random, document, place))


def swap(random: Random, document: Document, changed: Any) -> None:
    """Two places of a field, or of fields that refer to the same kind of things, change their values."""
    first = _place(random, document)
    second = random.choice(document.family(first))
    short, long = sorted((first.path, second.path), key=len)
    if long[: len(short)] == short:
        return
    one, other = value_at(document.program, first.path), value_at(document.program, second.path)
    put(changed, first.path, other)
    put(changed, second.path, one)


def everywhere(random: Random, document: Document, changed: Any) -> None:
    """All places that refer to the same, or say the same, change their value together."""
    place = _place(random, document)
    old, new = value_at(document.program, place.path), other_value(random, document, place)
    if isinstance(old, list | dict) and not place.field.endswith("tensor"):
        return
    for one in document.family(place):
        if value_at(document.program, one.path) == old:
            put(changed, one.path, new)


def renumber(random: Random, document: Document, changed: Any) -> None:
    """All that refers to one thing refers to another, and the other way round: both ends of two channels."""
    place = _place(random, document)
    family = document.family(place)
    old, new = value_at(document.program, place.path), value_at(document.program, random.choice(family).path)
    if isinstance(old, list | dict) or old == new:
        return
    for one in family:
        here = value_at(document.program, one.path)
        if here in (old, new):
            put(changed, one.path, new if here == old else old)


SPECS = (".tensor", ".tile", ".argument", ".result", ".table", "states[]")


def tensors(random: Random, document: Document, changed: Any) -> None:
    """One extent or the element type of a tensor, wherever a tensor is like it: shapes still fit."""
    named = [place for place in document.places if place.field.endswith(SPECS)]
    specs = [place for place in named if isinstance(value_at(document.program, place.path), dict)]
    place = random.choice(specs)
    old = value_at(document.program, place.path)
    new, shape = json.loads(json.dumps(old)), [*old["shape"]]
    if shape and random.random() < 0.7:
        axis = random.randrange(len(shape))
        shape[axis] = _number(random, shape[axis], shape)
        new["shape"] = shape
    else:
        new["dtype"] = random.choice([*ELEMENT_BYTES])
    everywhere_ = random.random() < 0.5
    for one in specs:
        if value_at(document.program, one.path) == old and (everywhere_ or one.scope == place.scope):
            put(changed, one.path, new)


def moved(random: Random, document: Document, changed: Any) -> None:
    """A region and all arguments that point to it, or into it."""
    place = random.choice(document.by_field["Region.address"])
    region = value_at(document.program, place.path[:-1])
    first, size = region["address"], region["size_bytes"]
    other = value_at(document.program, random.choice(document.by_field["Region.address"]).path)
    distance = random.choice((64, -64, size, 4096, 1 << 20, other - first))
    put(changed, place.path, first + distance)
    for one in document.by_field["LoadArguments.addresses[]"]:
        address = value_at(document.program, one.path)
        if first <= address < first + size:
            put(changed, one.path, address + distance)


EDITS: Sequence[Edit] = (*(one,) * 12, *(swap,) * 4, two, two, everywhere, renumber, renumber, tensors, moved)
"""All edits; most mutants have one fact changed."""


def other_value(random: Random, document: Document, place: Place) -> Any:
    """A value to put in a place."""
    old = value_at(document.program, place.path)
    known = [value_at(document.program, one.path) for one in document.family(place)]
    if random.random() < 0.3:
        return json.loads(json.dumps(random.choice(known)))
    match old:
        case bool():
            return not old
        case int():
            return _number(random, old, _numbers_beside(document, place))
        case float():
            return random.choice((old * 2, old / 2, -old, old + 1e-3, 0.0, 1e-5, random.choice(known)))
        case str():
            return _word(random, place, known)
        case list():
            return _list(random, old, [value for value in known if isinstance(value, list)])
        case dict():
            return random.choice((None, random.choice(known), random.choice(known)))
        case _:
            return random.choice((0, 1, [], True, random.choice(known), random.choice(known)))


def _numbers_beside(document: Document, place: Place) -> list[int]:
    holder = value_at(document.program, place.path[:-1])
    values = holder.values() if isinstance(holder, dict) else holder
    return [value for value in values if type(value) is int]


def _number(random: Random, old: int, beside: Sequence[int]) -> Any:
    beside = beside or (1,)
    return random.choice(
        (
            *(old + 1, old - 1, old + 1, old - 1, 0, 1, 2 * old, old // 2, -old, None),
            *(random.choice(beside), random.choice(beside), old + random.choice(beside)),
            *(old - random.choice(beside), old * random.choice((3, 4, 1024)), 2**40),
        )
    )


def _word(random: Random, place: Place, known: Sequence[Any]) -> Any:
    if place.field.endswith(".dtype"):
        return random.choice([*ELEMENT_BYTES])
    if place.field in WORDS:
        return random.choice(WORDS[place.field])
    return random.choice((*[random.choice(known) for _ in range(4)], f"{random.choice(known)}x", "", None))


def _list(random: Random, old: Sequence[Any], known: Sequence[Sequence[Any]]) -> list[Any]:
    found, place = [*old], random.randrange(len(old)) if old else 0
    match random.randrange(7):
        case 0 | 1 if len(old) > 1:
            other = random.randrange(len(old))
            found[place], found[other] = found[other], found[place]
        case 2 if old:
            del found[place]
        case 3 if old:
            found.insert(place, old[place])
        case 4:
            found.reverse()
        case 5 if any(known):
            entries = random.choice([one for one in known if one])
            found.insert(place, random.choice(entries))
        case _:
            found = [*random.choice(known)]
    return found
