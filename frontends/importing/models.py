"""A recipe with a config's numbers in it: what the parts make the text of."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from ..source_errors import SourceError
from .chunks import chunk_limit
from .configs import OFF, Config, shown
from .keys import resolved
from .patterns import LayerFacts, layer_facts
from .quantization.facts import KEY, OLD_KEY
from .quantization.scheme import Scheme
from .recipe import Latent, Recipe, Sizes

DTYPES = {"bfloat16": "bf16", "float16": "f16", "float32": "f32", "float64": "f64"}
"""Our name of each type that configs name."""
OUTER = ("text_config", "llm_config")
"""Where a model of several parts has that of its language model."""
MOST_CONTEXT = 4096
"""The context that a text is written for, if the model's own is not less."""


@dataclass(frozen=True)
class Model:
    """All that is known of a model."""

    name: str
    recipe: Recipe
    """Without keys."""
    config: Config
    dtype: str
    context: int
    layers: tuple[LayerFacts, ...]
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    ffn: int
    vocab: int
    positions: int | None
    width: int
    """Of the embedding's rows."""
    body: str
    """What names on disk begin with."""
    head_tensor: str
    scheme: Scheme | None = None
    """How its matrices are stored in few bits; None where they are wide."""
    cache_type: str | None = None
    """The type of its caches; None for `dtype`."""

    def tensor(self, name: str) -> str:
        """The name on disk of a tensor that belongs to no layer."""
        return f"{self.body}{name}"

    def in_layer(self, name: str) -> str:
        """The name on disk of a tensor of each layer."""
        return f"{self.body}{self.recipe.layer}{name}"

    @property
    def more_layers(self) -> range:
        """The numbers of layers on disk that predict further tokens."""
        return range(len(self.layers), len(self.layers) + (self.recipe.more_layers or 0))

    @property
    def is_projected(self) -> bool:
        """Whether the embedding's rows are not as wide as the hidden state."""
        return self.width != self.hidden


def language_part(values: Mapping[str, object]) -> tuple[Mapping[str, object], list[str]]:
    """The config of the language model, and the keys outside of it that are left out.

    What stands outside holds for the text, too, where the text's own part says nothing: its type, whether
    the head is tied, how weights are stored.
    """
    for name in OUTER:
        inner = values.get(name)
        if isinstance(inner, Mapping):
            shared = ("torch_dtype", "dtype", "tie_word_embeddings", KEY, OLD_KEY)
            more = {key: values[key] for key in shared if key in values and key not in inner}
            return {**inner, **more}, [key for key in values if key not in (name, *shared)]
    return values, []


def make_model(
    name: str, recipe: Recipe, values: Mapping[str, object], tensors: Iterable[str] | None, dtype: str | None
) -> Model:
    """The model of a config, by a recipe; `tensors` are the names of a checkpoint, `dtype` is its type.

    Raises: SourceError for what contradicts itself or is not known.
    """
    config = Config(values, recipe.defaults)
    _check_fixed(config, recipe)
    recipe = resolved(recipe, config)
    sizes = recipe.sizes
    kv_heads = sizes.heads if sizes.kv_heads is None else sizes.kv_heads
    ffn = sizes.ffn if sizes.ffn is not None else (sizes.ffn_times or 0) * sizes.hidden
    _check_sizes(sizes, kv_heads, ffn)
    names = None if tensors is None else {*tensors}
    layers = layer_facts(config, recipe, sizes.layers)
    body = body_of(recipe, names)
    return Model(
        name=name,
        recipe=recipe,
        config=config,
        dtype=_dtype(config, dtype),
        context=min(MOST_CONTEXT, sizes.positions or MOST_CONTEXT, chunk_limit(recipe, layers)[0]),
        layers=layers,
        hidden=sizes.hidden,
        heads=sizes.heads,
        kv_heads=kv_heads,
        head_dim=_latent_head(recipe.attention, sizes, kv_heads)
        if isinstance(recipe.attention, Latent)
        else _head_dim(sizes.head_dim, sizes.hidden, sizes.heads),
        ffn=ffn,
        vocab=sizes.vocab,
        positions=sizes.positions,
        width=recipe.embedding.width or sizes.hidden,
        body=body,
        head_tensor=_head(recipe, body, names),
    )


def _check_sizes(sizes: Sizes, kv_heads: int, ffn: int) -> None:
    """Raises: SourceError for sizes that are none, and for heads that share no KV heads."""
    if sizes.ffn is None and not sizes.ffn_times:
        raise SourceError("the config does not say intermediate_size", "add it to the config")
    named = {
        "layers": sizes.layers,
        "hidden size": sizes.hidden,
        "heads": sizes.heads,
        "KV heads": kv_heads,
        "vocabulary": sizes.vocab,
        "feed-forward": ffn,
    }
    for what, size in named.items():
        _positive(what, size)
    if sizes.positions is not None:
        _positive("context", sizes.positions)
    if sizes.heads % kv_heads:
        raise SourceError(
            f"{sizes.heads} heads cannot share {kv_heads} KV heads", "heads are a multiple of KV heads"
        )


def _positive(what: str, size: int) -> None:
    if size < 1:
        raise SourceError(f"the config has {size} for its {what}", "it is at least 1")


def _head_dim(said: int | None, hidden: int, heads: int) -> int:
    """Raises: SourceError where nothing says the size of a head."""
    if said is not None:
        _positive("head_dim", said)
        return said
    if hidden % heads:
        raise SourceError(
            f"the hidden size {hidden} is no multiple of {heads} heads", "add head_dim to the config"
        )
    return hidden // heads


def _latent_head(facts: Latent, sizes: Sizes, kv_heads: int) -> int:
    """The size of a head of queries in latent attention.

    Raises: SourceError for sizes that contradict one another, and for KV heads.
    """
    whole = facts.nope_dim + facts.rope_dim
    wanted = {
        "qk_head_dim": (facts.head_dim, whole, "qk_nope_head_dim + qk_rope_head_dim"),
        "head_dim": (sizes.head_dim, facts.rope_dim, "qk_rope_head_dim"),
        "num_key_value_heads": (kv_heads, sizes.heads, "num_attention_heads"),
    }
    for name, (said, size, what) in wanted.items():
        if said not in (None, size):
            raise SourceError(f"{name} is {said}, {what} is {size}", "with latent attention they are equal")
    return whole


def _check_fixed(config: Config, recipe: Recipe) -> None:
    """Raises: SourceError for a key that asks for what the recipe does not do."""
    for name, allowed in {**dict.fromkeys(OFF, (False,)), **recipe.fixed}.items():
        part, _, key = name.rpartition(".")
        value = (config.part(part) if part else config).get(key)
        if value is not None and value not in allowed:
            known = " or ".join(map(shown, allowed)) or "absent"
            raise SourceError(
                f"{name} is {shown(value)}, which the recipe of {recipe.name} does not know",
                f"it knows {known}; --ignore {name} goes on as if the key were not there",
            )


def _dtype(config: Config, of_checkpoint: str | None) -> str:
    """Raises: SourceError for a type that the language does not have."""
    said = config.get("torch_dtype", "dtype")
    if said is None or said == "auto":
        return of_checkpoint or "f32"
    name = str(said).removeprefix("torch.")
    if name not in DTYPES:
        raise SourceError(f"torch_dtype is {shown(said)}", f"known are {', '.join(DTYPES)}")
    return DTYPES[name]


PREFIXES = (("", ""), ("language_model.", "language_model."), ("model.language_model.", ""))
"""What models of several parts put before the names of the language model, and before the head's."""


def _bodies(recipe: Recipe) -> list[tuple[str, str]]:
    """What names on disk may begin with, and what the head's name then begins with."""
    found = [(f"{outer}{body}", head) for outer, head in PREFIXES[:2] for body in recipe.body]
    found += [(PREFIXES[2][0], PREFIXES[2][1]), ("", "")]
    return found


def body_of(recipe: Recipe, names: Collection[str] | None) -> str:
    """The prefix under which a checkpoint has the embedding; the recipe's own where it has none."""
    table = f"{recipe.embedding.table}.weight"
    found = (body for body, _ in _bodies(recipe) if names is not None and f"{body}{table}" in names)
    return next(found, recipe.body[0])


def _head(recipe: Recipe, body: str, names: Collection[str] | None) -> str:
    """The name of the head's tensor, without `.weight`."""
    outer = dict(_bodies(recipe)).get(body, "")
    whole = [f"{prefix}{tensor}" for prefix in (outer, "") for tensor in recipe.head.tensors]
    return next((one for one in whole if names is not None and f"{one}.weight" in names), whole[0])


def unknown_keys(model: Model) -> None:
    """Raises: SourceError that names the keys which nothing has read."""
    wrong = model.config.unread(model.recipe.harmless)
    if not wrong:
        return
    value = model.config.values.get(wrong[0])
    said = f" ({shown(value)})" if value is not None else ""
    others = f", nor {', '.join(wrong[1:])}" if len(wrong) > 1 else ""
    flags = " ".join(f"--ignore {key}" for key in wrong)
    raise SourceError(
        f"the recipe of {model.recipe.name} does not know the key {wrong[0]}{said}{others}",
        f"it may change the numbers; {flags} goes on without",
    )
