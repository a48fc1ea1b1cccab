"""Small random models: layers in odd orders, backward, with strides, called twice, with shared caches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from random import Random

from layer_models import START, Call, Kind, Model, Value

NAMES = "abcd"


def random_model(random: Random) -> Model:
    """A model of one to three kinds of layers and up to about a dozen calls."""
    shape = random.choice([*ORDERS, "pattern"])
    kinds = _random_kinds(random)
    phases = ORDERS[shape](random, [kind.name for kind in kinds])
    rules = {kind.name: random.choice(INDICES) for kind in kinds}
    calls = tuple(_random_calls(random, kinds, phases, rules))
    model = Model(
        tuple(kinds),
        calls,
        ((len(calls) - 1, 0),),
        dtype="f32" if random.random() < 0.15 else "bf16",
        batch=2 if random.random() < 0.15 else 1,
        kv_heads=random.choice([1, 2]),
        tokens=random.random() < 0.25,
        spare_pcus=random.choice([0, 4, 10, 20]) if random.random() < 0.25 else None,
        sockets=2 if random.random() < 0.02 else 1,
        shape=shape,
    )
    if random.random() < 0.08:
        model = replace(model, returns=(*model.returns, (random.randrange(len(calls)), 0)))
    return _with_observes(random, model)


def _random_kinds(random: Random) -> list[Kind]:
    bodies = ["attention"] * 3 + [
        "gated",
        "experts",
        "plain",
        "plain",
        "product",
        "product",
        "norm",
        "mix",
        "pair",
    ]
    kinds = [
        _random_kind(random, name, random.choice(bodies)) for name in NAMES[: random.choice([1, 2, 2, 2, 3])]
    ]
    owners = [kind for kind in kinds if kind.has_cache]
    if owners and random.random() < 0.35:  # another kind with the same caches
        owner, body = owners[0], random.choice(["attention", "reader"])
        other = _random_kind(random, NAMES[len(kinds)], body)
        outside = (other.outside - {"caches"}) | (owner.outside & {"caches"})
        options = (other.options - {"one"}) | (owner.options & {"one"})
        kinds.append(replace(other, options=options, outside=outside, cache_owner=owner.name, apart=False))
    return kinds


def _random_kind(random: Random, name: str, body: str) -> Kind:
    has_cache = body in ("attention", "reader")
    known = ("norm", "rope", "out", "one") if has_cache else () if body == "norm" else ("norm",)
    options = frozenset(option for option in known if random.random() < 0.2)
    if body == "attention" and random.random() < 0.15:
        options |= {random.choice(["late", "again"])}
    chance = {"weights": 0.1, "caches": 0.2 if has_cache else 0.0}
    outside = frozenset(what for what in chance if random.random() < chance[what])
    return Kind(name, body, options, outside, apart=not outside and random.random() < 0.1)


def _row(random: Random, names: Sequence[str]) -> list[str]:
    """Rows of a dozen and more are long enough for loops to reach a steady state, which is jumped over."""
    return [random.choice(names)] * (random.randint(2, 8) if random.random() < 0.5 else random.randint(9, 16))


def _pattern(random: Random, names: Sequence[str]) -> list[str]:
    """A few of one kind and a few of another, several times, and mostly the beginning of it once more."""
    first, second = random.choice(names), random.choice(names)
    round_ = [first] * random.randint(1, 3) + [second] * random.randint(1, 2)
    return round_ * random.randint(2, max(2, 8 // len(round_))) + _tail(random, round_)


def _tail(random: Random, round_: Sequence[str]) -> list[str]:
    """Mostly the beginning of a round, but not all."""
    return (
        [*round_[: random.randint(1, len(round_) - 1)]] if len(round_) > 1 and random.random() < 0.8 else []
    )


def _nested(random: Random, names: Sequence[str]) -> list[str]:
    """((A^a B)^n C)^m, where B is left out now and then."""
    first, second, third = (random.choice(names) for _ in range(3))
    inner = ([first] * random.randint(1, 2) + [second] * random.randint(0, 1)) * random.randint(2, 3)
    round_ = [*inner, third]
    return (
        round_ * (2 if len(inner) > 2 else random.randint(2, 3))
        + _tail(random, round_)[: max(0, 14 - 2 * len(round_))]
    )


def _word(random: Random, names: Sequence[str]) -> list[str]:
    word = [random.choice(names) for _ in range(random.randint(2, 5))]
    return word * random.randint(1, 8 // len(word)) + _tail(random, word)


ORDERS: dict[str, Callable[[Random, Sequence[str]], list[str]]] = {
    "row": _row,
    "pattern": _pattern,
    "nested": _nested,
    "word": _word,
}
"""How the kinds of a step's calls follow one another."""

Index = Callable[[int, int, Random], int]
"""The layer that call n of the N calls of a kind takes."""

INDICES: tuple[Index, ...] = (
    lambda n, count, random: n,
    lambda n, count, random: n,
    lambda n, count, random: count - 1 - n,
    lambda n, count, random: 2 * n,
    lambda n, count, random: 2 * (count - 1 - n),
    lambda n, count, random: n // 2,
    lambda n, count, random: n // 2 + n % 2 * ((count + 1) // 2),
    lambda n, count, random: n ^ 1,
    lambda n, count, random: n // 2 * (2 - n % 2),
    lambda n, count, random: 0,
    lambda n, count, random: random.randrange(max(2, count // 2)),
)
"""One after another, backward, every second one, each twice, halves by turns, even and odd swapped, two
strides that meet, always the same one, any."""


def _random_calls(
    random: Random, kinds: Sequence[Kind], phases: Sequence[str], rules: dict[str, Index]
) -> Iterator[Call]:
    """The calls take what came last, and besides what an earlier one made or the step began with."""
    by_name = {kind.name: kind for kind in kinds}
    second, fork = random.choice(["start", "before"]), random.choice(NAMES) if random.random() < 0.2 else ""
    numbers = dict.fromkeys(by_name, 0)
    made: list[Value] = [START]
    last: tuple[Value, ...] = (START,)
    for number, name in enumerate(phases):
        kind, count = by_name[name], phases.count(name)
        index = rules[name](numbers[name], count, random)
        if random.random() < 0.02:
            index = random.randrange(count)
        first = last[0] if name == fork and numbers[name] % 2 else made[-1]
        if random.random() < 0.02:
            first = random.choice(made)
        other = START if second == "start" or number < 2 else (number - 2, 0)
        last = (first, other)[: kind.arguments]
        yield Call(name, index, last)
        numbers[name] += 1
        made.append((number, 0))


def _with_observes(random: Random, model: Model) -> Model:
    """Now and then the host reads something, once or behind every so many calls."""
    if random.random() > 0.2:
        return model
    every, first = random.randint(1, 5), random.randrange(len(model.calls))
    seen = range(first, len(model.calls), every) if random.random() < 0.5 else [first]
    calls = [
        replace(call, observed=(number, 0)) if number in seen else call
        for number, call in enumerate(model.calls)
    ]
    if random.random() < 0.3:  # the host reads late what has been made before
        calls = [replace(call, observed=call.observed and call.takes[0]) for call in calls]
    return replace(model, calls=tuple(calls))
