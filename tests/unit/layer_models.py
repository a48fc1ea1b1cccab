"""Models of a few small layers as data and as text.

A model is a plain list of layer calls, so that it can be made at random (`random_models`) and taken apart
(`model_reduction`). Its text is in the model language; what the language cannot say, one cache of the layers
of two kinds and weights that are one each, is changed in its IR (`layer_models_ir`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

HIDDEN, HEADS = 16, 2
VOCAB = 16
EXPERTS, CHOSEN = 5, 2

Value = tuple[int, int]
"""A value of a step: number of the call and of its result; the call is -1 for what the step begins with."""

START: Value = (-1, 0)


@dataclass(frozen=True)
class Kind:
    """A kind of layers."""

    name: str
    body: str
    """A key of `BODIES`."""
    options: frozenset[str] = frozenset()
    """What its body has besides: `norm`, `rope`, `out`, `one` (a cache for keys and values alike), `late` (it
    appends behind the attention), `again` (it appends and attends once more)."""
    outside: frozenset[str] = frozenset()
    """What is declared outside, and so the same for all its layers: `weights`, `caches`."""
    cache_owner: str = ""
    """The kind whose caches it has; its own if empty."""
    apart: bool = False
    """Whether its layers have weights of their own instead of slices of a stack, and such caches, where no
    other kind has them."""

    @property
    def arguments(self) -> int:
        """How many values a layer takes, besides the position."""
        return 2 if self.body in ("mix", "pair") else 1

    @property
    def results(self) -> int:
        """How many values a layer returns."""
        return 2 if self.body == "pair" else 1

    @property
    def has_cache(self) -> bool:
        """Whether a layer has caches."""
        return self.body in ("attention", "reader")


@dataclass(frozen=True)
class Call:
    """A call of a layer."""

    kind: str
    index: int
    takes: tuple[Value, ...]
    observed: Value | None = None
    """What the host reads behind it: its first result, or something from before it."""


@dataclass(frozen=True)
class Model:
    """A model of one step."""

    kinds: tuple[Kind, ...]
    calls: tuple[Call, ...]
    returns: tuple[Value, ...]
    dtype: str = "bf16"
    batch: int = 1
    kv_heads: int = 1
    tokens: bool = False
    """Whether the step takes tokens and returns them, and not activations."""
    spare_pcus: int | None = None
    """Compute units that the machine has besides those of the largest kernel; None for a whole machine."""
    sockets: int = 1
    shape: str = ""
    """How the order of its calls came about."""

    def kind(self, name: str) -> Kind:
        """The kind of a name."""
        return next(kind for kind in self.kinds if kind.name == name)

    def layers(self, name: str) -> int:
        """How many layers of a kind its calls need, and those of the kinds that share its caches."""
        owner = self.kind(name).cache_owner or name
        sharing = {kind.name for kind in self.kinds if (kind.cache_owner or kind.name) == owner}
        return 1 + max((call.index for call in self.calls if call.kind in sharing), default=0)


def model_text(model: Model) -> str:
    """The model in the model language, each call in a line of its own."""
    lines = ["model random", f"dtype {model.dtype}", f"param batch = {model.batch}", "param context = 16"]
    lines.append("constant frequencies[j in 0..4] = 100.0 ^ (-j / 4.0)")
    if model.tokens:
        lines += [f"weight embedding[{VOCAB}, {HIDDEN}]", f"weight head[{HIDDEN}, {VOCAB}]"]
    called = {call.kind for call in model.calls}
    kinds = [kind for kind in model.kinds if kind.name in called]
    outer = dict.fromkeys(line for kind in kinds for line in _declared(model, kind, inside=False))
    lines += [*outer]
    for kind in kinds:
        lines += _layer_lines(model, kind)
    return "\n".join([*lines, *_step_lines(model)]) + "\n"


def _layer_lines(model: Model, kind: Kind) -> Iterator[str]:
    arguments = ", ".join(f"{name}[batch, {HIDDEN}]" for name in "xy"[: kind.arguments])
    yield f"layer {kind.name}[{model.layers(kind.name)}]({arguments}, position: i32) {{"
    yield from (f"  {line}" for line in _declared(model, kind, inside=True))
    yield from (f"  {line}" for line in _body_lines(kind))
    yield "}"


def _declared(model: Model, kind: Kind, *, inside: bool) -> Iterator[str]:
    """The declarations of a kind's weights and caches that stand inside or outside of its body."""
    width = HIDDEN // HEADS * model.kv_heads
    if ("weights" not in kind.outside) == inside:
        for name, shape in _weights(kind, width):
            yield f"weight {kind.name}_{name}[{shape}]"
    if kind.has_cache and ("caches" not in kind.outside) == inside:
        for name in _caches(kind):
            yield f"cache {name}[batch, {model.kv_heads}, context, {HIDDEN // HEADS}]"


def _weights(kind: Kind, width: int) -> Iterator[tuple[str, str]]:
    """Name and shape of each weight of a kind, for caches of a width."""
    square = f"{HIDDEN}, {HIDDEN}"
    names = {
        "attention": ("wq", "wk", "wv"),
        "reader": ("wq",),
        "gated": ("wg", "wu", "wd"),
        "experts": ("wr", "eg", "ed"),
        "norm": (),
    }.get(kind.body, ("w",))
    shapes = {"wr": f"{HIDDEN}, {EXPERTS}", "eg": f"{EXPERTS}, {square}", "ed": f"{EXPERTS}, {square}"}
    shapes |= dict.fromkeys(("wk", "wv"), f"{HIDDEN}, {width}")
    for name in names:
        yield name, shapes.get(name, square)
    if "norm" in kind.options or kind.body == "norm":
        yield "n", f"{HIDDEN}"
    if "out" in kind.options:
        yield "wo", square


def _caches(kind: Kind) -> list[str]:
    """Names of the caches; kinds that share them declare them under one name where that is outside."""
    owner = kind.cache_owner if "caches" in kind.outside and kind.cache_owner else kind.name
    return [f"{owner}_k"] if "one" in kind.options else [f"{owner}_k", f"{owner}_v"]


def _body_lines(kind: Kind) -> Iterator[str]:
    a = f"{kind.name}_"
    normed = "norm" in kind.options and kind.body != "norm"
    yield f"h = rms_norm(x, {a}n, 1e-5)" if normed else "h = x"
    yield from BODIES[kind.body](kind, a)


def _attention(kind: Kind, a: str) -> Iterator[str]:
    keys, values = (_caches(kind) * 2)[:2]
    rope = "rope({}, position, frequencies)" if "rope" in kind.options else "{}"
    out = f" @ {a}wo" if "out" in kind.options else ""
    appends = [f"append({keys}, {rope.format(f'h @ {a}wk')}, position)"] if kind.body == "attention" else []
    if appends and values != keys:
        appends += [f"append({values}, h @ {a}wv, position)"]
    attended = f"y = x + attention({rope.format(f'h @ {a}wq')}, {keys}, {values}, position){out}"
    yield from [attended, *appends] if "late" in kind.options else [*appends, attended]
    if appends and "again" in kind.options:
        yield from ("h = y", *appends, f"y = y + attention(h @ {a}wq, {keys}, {values}, position)")
    yield "return y"


def _experts(kind: Kind, a: str) -> Iterator[str]:
    yield f"ids = top_k(h @ {a}wr, {CHOSEN})"
    yield f"e = distinct(ids, {EXPERTS})"
    yield f"g = spread(take(softmax(h @ {a}wr), ids), ids, e)"
    yield f"return x + scale(silu(h @ columns_of({a}eg, e)), g) @ rows_of({a}ed, e)"


def _returns(text: str) -> Callable[[Kind, str], Iterator[str]]:
    return lambda kind, a: iter([f"return {text.format(a=a)}"])


BODIES: dict[str, Callable[[Kind, str], Iterator[str]]] = {
    "attention": _attention,
    "reader": _attention,
    "gated": _returns("x + (silu(h @ {a}wg) * (h @ {a}wu)) @ {a}wd"),
    "experts": _experts,
    "plain": _returns("x + silu(h @ {a}w)"),
    "product": _returns("h @ {a}w"),
    "norm": _returns("rms_norm(x, {a}n, 1e-5)"),
    "mix": _returns("y + silu(h @ {a}w)"),
    "pair": _returns("y + h @ {a}w, x"),
}
"""What layers compute, given the prefix of their weights: `reader` attends and appends nothing."""


def _step_lines(model: Model) -> Iterator[str]:
    taken = "token[batch]: i32" if model.tokens else f"x[batch, {HIDDEN}]"
    yield f"step({taken}, position: i32) {{"
    if model.tokens:
        yield "  x = embedding[token]"
    for number, call in enumerate(model.calls):
        made = ", ".join(_name((number, result)) for result in range(model.kind(call.kind).results))
        given = ", ".join(_name(value) for value in call.takes)
        yield f"  {made} = {call.kind}[{call.index}]({given}, position)"
        if call.observed is not None:
            yield f'  observe {_name(call.observed)} as "behind {number}"'
    results = [_name(value) for value in dict.fromkeys(model.returns)]
    if model.tokens:
        results[0] = f"argmax({results[0]} @ head)"
    yield f"  return {', '.join(results)}"
    yield "}"


def _name(value: Value) -> str:
    call, result = value
    return "x" if call < 0 else f"v{call}" + "b" * result
