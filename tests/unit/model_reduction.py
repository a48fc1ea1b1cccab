"""The smallest model that still shows what a random one has shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from layer_models import START, Call, Kind, Model, Value


def reduced(model: Model, shows: Callable[[Model], bool], attempts: int = 200) -> Model:
    """Take away from a model what is not needed, as long as it `shows` what it did; so often at most."""
    left = attempts
    while True:
        for smaller in smaller_models(model):
            if left == 0:
                return model
            left -= 1
            if shows(smaller):
                model = smaller
                break
        else:
            return model


def smaller_models(model: Model) -> Iterator[Model]:
    """Models that have a little less, those that lose most first."""
    half = len(model.calls) // 2
    for first, count in ((half, len(model.calls) - half), (0, half)):
        if 1 < count < len(model.calls):
            yield _without_calls(model, range(first, first + count))
    for number in reversed(range(len(model.calls))):
        if len(model.calls) > 1:
            yield _without_calls(model, range(number, number + 1))
    plain = replace(model, dtype="bf16", batch=1, kv_heads=1, tokens=False, spare_pcus=None, sockets=1)
    for name in ("sockets", "spare_pcus", "tokens", "batch", "dtype", "kv_heads"):
        if getattr(model, name) != getattr(plain, name):
            yield replace(model, **{name: getattr(plain, name)})
    if len(model.returns) > 1:
        yield replace(model, returns=model.returns[:1])
    for number, call in enumerate(model.calls):
        if call.observed is not None:
            yield _with_call(model, number, replace(call, observed=None))
        if call.index > 0:
            yield _with_call(model, number, replace(call, index=call.index - 1))
        for at, value in enumerate(call.takes):
            if value != START:
                takes = (*call.takes[:at], START, *call.takes[at + 1 :])
                yield _with_call(model, number, replace(call, takes=takes))
    yield from _simpler_kinds(model)


def _with_call(model: Model, number: int, call: Call) -> Model:
    return replace(model, calls=(*model.calls[:number], call, *model.calls[number + 1 :]))


def _simpler_kinds(model: Model) -> Iterator[Model]:
    called = {call.kind for call in model.calls}
    for kind in model.kinds:
        if kind.name not in called:
            continue
        for simpler in _simpler(kind):
            kinds = tuple(simpler if one is kind else one for one in model.kinds)
            yield replace(model, kinds=kinds)
    for kind in model.kinds:
        for other in model.kinds:
            if kind.name in called and other.name in called and other.arguments <= kind.arguments == 1:
                calls = [replace(c, kind=other.name) if c.kind == kind.name else c for c in model.calls]
                if kind is not other and not kind.has_cache and kind.results == other.results:
                    yield replace(model, calls=tuple(calls))


def _simpler(kind: Kind) -> Iterator[Kind]:
    if kind.cache_owner:
        yield replace(kind, cache_owner="")
    if kind.apart:
        yield replace(kind, apart=False)
    for option in sorted(kind.options - {"one"}):
        yield replace(kind, options=kind.options - {option})
    for what in sorted(kind.outside):
        if not kind.cache_owner:
            yield replace(kind, outside=kind.outside - {what})
    if kind.body in ("gated", "experts", "norm", "attention", "plain") and not kind.cache_owner:
        yield replace(kind, body="product", options=frozenset(), outside=frozenset())


def _without_calls(model: Model, gone: range) -> Model:
    """The model without some calls; who read their results reads what they took."""
    numbers: dict[int, int] = {}
    instead: dict[Value, Value] = {START: START}
    calls: list[Call] = []
    for number, call in enumerate(model.calls):
        takes = tuple(instead[value] for value in call.takes)
        results = model.kind(call.kind).results
        if number in gone:
            instead |= {(number, result): takes[min(result, len(takes) - 1)] for result in range(results)}
            continue
        numbers[number] = len(calls)
        instead |= {(number, result): (len(calls), result) for result in range(results)}
        calls.append(replace(call, takes=takes, observed=call.observed and instead[call.observed]))
    returns = tuple(dict.fromkeys(instead[value] for value in model.returns))
    return replace(model, calls=tuple(calls), returns=returns)
