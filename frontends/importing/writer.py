"""A model's text, as a person would write it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from math import prod
from textwrap import indent

from ..numbers import alike
from ..source_errors import SourceError
from .chunks import guard
from .kinds import Kind, kinds, loops
from .models import Model
from .parts.attention import attention
from .parts.ends import embedding, head
from .parts.experts import experts
from .parts.feed_forwards import feed_forward
from .parts.latent import latent
from .parts.residuals import body
from .patterns import LayerFacts
from .pieces import Number, Param, Piece, Weight, decimal, literal
from .quantization.weights import as_stored, stored_alike
from .recipe import Latent
from .ropes import Rotation, rotations

FIRST = ("batch", "context", "layers", "hidden", "heads", "kv_heads", "head_dim", "group", "ffn", "vocab")
"""The parameters that stand first, in this order."""
WIDTH = 110
"""Of the longest line, where one can be broken."""
WEIGHT_WIDTH = 130
"""Of the longest line of a weight, which can be broken in its shape alone."""


@dataclass(frozen=True)
class Layers:
    """A kind of layers and what stands in its body."""

    kind: Kind
    piece: Piece


@dataclass(frozen=True)
class ModelText:
    """The parts of a text, by which it is checked and counted."""

    model: Model
    params: tuple[Param, ...]
    constants: tuple[str, ...]
    before: Piece
    kinds: tuple[Layers, ...]
    behind: Piece
    loops: tuple[str, ...]

    @property
    def numbers(self) -> dict[str, Number]:
        """The values of the parameters."""
        return {param.name: param.value for param in self.params}

    def weights(self) -> list[tuple[Weight, int]]:
        """All weights, each with the number of layers that have one."""
        shared = [(weight, 1) for piece in (self.before, self.behind) for weight in piece.weights]
        return shared + [(weight, one.kind.count) for one in self.kinds for weight in one.piece.weights]

    @property
    def parameters(self) -> int:
        """The numbers that a checkpoint holds for it, those that nothing reads among them."""
        return sum(
            count * (prod(shape) + weight.unread * prod(shape[1:]))
            for weight, count in self.weights()
            for shape in [weight.disk_shape(self.numbers)]
        )

    @property
    def active(self) -> int:
        """How many of them one token needs: those of the experts that it takes, and all others."""
        numbers, rest = self.numbers, 0
        for weight, count in self.weights():
            if weight.of_experts:
                experts, *shape = weight.disk_shape(numbers)
                rest += count * prod(shape) * (experts - int(numbers["experts_per_token"]))
        return self.parameters - rest

    @property
    def counted(self) -> str:
        """Its parameters, in words."""
        said = f"{self.parameters:,} parameters"
        return said if self.active == self.parameters else f"{said}, {self.active:,} of them for each token"


def compose(model: Model) -> ModelText:
    """The parts of a model's text.

    Raises: SourceError for a rope that is not known, and for weights that cannot be stored as they are.
    """
    turned = rotations(model)
    names = _names(model.layers)
    bodies = {name: _body(model, layer, turned) for layer, name in names.items()}
    pattern = stored_alike(model, [names[one] for one in model.layers], bodies)
    made = tuple(
        Layers(kind, as_stored(bodies[names[model.layers[kind.numbers[0]]]], model, kind.numbers[0]))
        for kind in kinds(pattern)
    )
    before, behind = (as_stored(one, model) for one in (embedding(model), head(model)))
    pieces = [
        guard(model.recipe, model.layers),
        before,
        *(one.piece for one in turned.values()),
        *(one.piece for one in made),
        behind,
    ]
    params = [param for piece in pieces for param in piece.params]
    constants = [constant for piece in pieces for constant in piece.constants]
    return ModelText(
        model,
        _params(model, params, len(made) == 1),
        tuple(dict.fromkeys(constants)),
        before,
        made,
        behind,
        tuple(loops(pattern, "layers")),
    )


def _names(layers: Sequence[LayerFacts]) -> dict[LayerFacts, str]:
    """What each kind of layers is called: by what tells it from the others."""
    facts = [*dict.fromkeys(layers)]
    if len(facts) == 1:
        return {facts[0]: "decoder"}
    by_window = len({one.window for one in facts}) > 1
    by_rope = len({one.rotated for one in facts}) > 1
    by_experts = len({one.sparse for one in facts}) > 1
    words = {
        one: [("global" if one.window is None else "local")] * by_window
        + [("rotary" if one.rotated else "unrotated")] * by_rope
        + [("sparse" if one.sparse else "dense")] * by_experts
        for one in facts
    }
    return {one: "_".join(found) for one, found in words.items()}


def _body(model: Model, layer: LayerFacts, turned: Mapping[str, Rotation]) -> Piece:
    rotation = turned[layer.layer_type] if layer.rotated else None
    return body(model, [_mixer(model, layer, rotation), _feed_forward(model, layer)])


def _feed_forward(model: Model, layer: LayerFacts) -> tuple[Piece, str]:
    """What works on each position by itself."""
    facts = model.recipe
    if layer.sparse and facts.experts is not None:
        return experts(model, facts.experts)
    return feed_forward(model, facts.feed_forward)


def _mixer(model: Model, layer: LayerFacts, rotation: Rotation | None) -> tuple[Piece, str]:
    """What brings in other positions."""
    facts = model.recipe.attention
    if isinstance(facts, Latent):
        return latent(model, layer, rotation, facts)
    return attention(model, layer, rotation, facts)


def _params(model: Model, found: Iterable[Param], one_kind: bool) -> tuple[Param, ...]:
    """All parameters: sizes, then those of the parts in their order, each once."""
    head_dim, is_latent = literal("head_dim", model.head_dim), isinstance(model.recipe.attention, Latent)
    if model.head_dim * model.heads == model.hidden and not is_latent:
        head_dim = replace(head_dim, text="hidden / heads")
    longest = "" if model.positions in (None, model.context) else f"the model knows up to {model.positions}"
    sizes = [
        literal("batch", 1),
        literal("context", model.context, longest),
        *([literal("layers", len(model.layers))] if one_kind else []),
        literal("hidden", model.hidden),
        literal("heads", model.heads),
        *([] if is_latent else [literal("kv_heads", model.kv_heads)]),
        head_dim,
        *([] if all(one.sparse for one in model.layers) else [literal("ffn", model.ffn)]),
        literal("vocab", model.vocab),
        literal("eps", model.recipe.norm.eps),
    ]
    whole = {param.name: param for param in (*sizes, *found)}
    first = [whole.pop(name) for name in FIRST if name in whole]
    return (*first, *whole.values())


def change(text: ModelText, changes: Mapping[str, Number]) -> ModelText:
    """The text with other numbers in place of its parameters, whole ones in the place of whole ones.

    Raises: SourceError for a parameter that it does not have, and for a context beyond what it can.
    """
    known = {param.name for param in text.params}
    if unknown := next((name for name in changes if name not in known), None):
        raise SourceError(f"the model has no parameter {unknown}", f"it has {', '.join(known)}")
    params = (
        (one, alike(changes[one.name], one.value) if one.name in changes else None) for one in text.params
    )
    changed = (
        one if number is None else replace(one, text=decimal(number), value=number) for one, number in params
    )
    return replace(text, params=tuple(changed))


def write(text: ModelText, source: str, notes: Iterable[str] = ()) -> str:
    """The text; comments name its source and what was left out."""
    model = text.model
    heads = [
        f"// {source}, one decode step: {model.recipe.name}, {text.counted}",
        *(f"// {note}" for note in notes),
        f"model {model.name}",
        "",
        f"dtype {model.dtype}",
        "",
        *(param.line for param in text.params),
        "",
        *(folded(constant) for constant in text.constants),
        *([""] if text.constants else []),
        *(weight.line for piece in (text.before, text.behind) for weight in piece.weights),
    ]
    count = "layers" if len(text.kinds) == 1 else ""
    layers = [line for one in text.kinds for line in ("", *_layer(one, count))]
    step = [*text.before.lines, *text.loops, *text.behind.lines]
    return "\n".join(
        [*heads, *layers, "", "step(token[batch]: i32, position: i32) {", *_indented(step), "}", ""]
    )


def _layer(one: Layers, count: str) -> list[str]:
    at = f" at {one.kind.at}" if one.kind.at else ""
    declared = [*(weight.line for weight in one.piece.weights), *one.piece.caches]
    return [
        f"layer {one.kind.name}[{count or one.kind.count}](x[batch, hidden], position: i32){at} {{",
        *_indented(declared),
        "",
        *_indented([*one.piece.lines, "return x"]),
        "}",
    ]


def _indented(lines: Iterable[str]) -> list[str]:
    return [folded(indent(line, "  ")) for line in lines]


def folded(line: str) -> str:
    """A long line, broken where brackets are open: lines do not count there.

    Brackets of a stored weight are short, and the names behind them long: it stays in one line.
    """
    if " scale[" in line:
        return line
    lines: list[str] = []
    space = len(line) - len(line.lstrip()) + 2
    width = WEIGHT_WIDTH if line.lstrip().startswith("weight ") else WIDTH
    while len(line) > width and not line.startswith("//"):
        turns = [int(bool(lines)), *((one in "([") - (one in ")]") for one in line)]
        depths = [*accumulate(turns)]
        breaks = [n for n in range(space + 1, WIDTH) if line[n] == " " and depths[n] > 0]
        if not breaks:
            break
        lines.append(line[: breaks[-1]])
        line = f"{' ' * space}{line[breaks[-1] + 1 :]}"
    return "\n".join([*lines, line])


RESERVED = (
    *("model", "param", "constant", "dtype", "weight", "cache", "layer", "step", "from", "transposed"),
    *("rows", "columns", "each", "at", "ring", "for", "in", "observe", "as", "return"),
)
"""Words that are no names."""


def identifier(name: str) -> str:
    """A name of the language that is like a name of a file or a model."""
    found = re.sub(r"\W+", "_", name.lower(), flags=re.ASCII).strip("_") or "model"
    return f"model_{found}" if found[0].isdigit() or found in RESERVED else found
