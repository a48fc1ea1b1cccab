"""What an architecture is to `kl import`: data, of which the parts make weights and statements.

Names of tensors are those on disk, without the prefix in `Recipe.body` and without `.weight`; `{layer}` is
the number of the layer. Fields take values, or keys of the config (`keys.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from .experts import Experts
from .keys import choice, flag, number, whole

ACTIVATIONS = {
    "silu": "silu({})",
    "swish": "silu({})",
    "gelu": "gelu_erf({})",
    "gelu_python": "gelu_erf({})",
    "gelu_new": "gelu({})",
    "gelu_fast": "gelu({})",
    "gelu_pytorch_tanh": "gelu({})",
    "relu": "relu({})",
    "sigmoid": "sigmoid({})",
    "tanh": "tanh({})",
}
"""What configs call activations, as expressions of the language."""

EPS = ("rms_norm_eps", "layer_norm_eps", "layer_norm_epsilon", "norm_epsilon")
FULL, SLIDING, CHUNKED = "full_attention", "sliding_attention", "chunked_attention"
"""What `layer_types` calls layers."""


@dataclass(frozen=True)
class Sizes:
    """The numbers that shapes are made of."""

    layers: int = whole("num_hidden_layers", "n_layer", "n_layers", required=True)
    hidden: int = whole("hidden_size", "n_embd", "d_model", "n_embed", required=True)
    heads: int = whole("num_attention_heads", "n_head", "n_heads", required=True)
    kv_heads: int | None = whole("num_key_value_heads", "num_kv_heads", "n_head_kv")
    """As many as heads if None."""
    head_dim: int | None = whole("head_dim")
    """The hidden size over the heads if None."""
    ffn: int | None = whole("intermediate_size", "n_inner", "ffn_dim", "ffn_hidden_size")
    ffn_times: int | None = None
    """The feed-forward's size over the hidden size, where `ffn` is None."""
    vocab: int = whole("vocab_size", required=True)
    positions: int | None = whole("max_position_embeddings", "n_positions", "max_seq_len", "n_ctx")
    """The longest context that the model is made for."""


@dataclass(frozen=True)
class Norm:
    """A normalization of rows."""

    kind: Literal["rms", "layer"] = "rms"
    eps: float = number(*EPS, required=True, least=0)
    gain: bool = True
    bias: bool = False
    plus_one: bool = False
    """Whether the factor is one more than the weight, in f32."""


@dataclass(frozen=True)
class HeadNorm:
    """A normalization of queries and keys, before rope or behind it."""

    query: str = "self_attn.q_norm"
    key: str = "self_attn.k_norm"
    over: Literal["head", "each head", "row"] = "head"
    """One gain for all heads, one for each head, or one norm over the row of all heads."""
    bias: bool = False
    gain: bool = True
    behind_rope: bool = False
    """Whether it comes after rope; layers without rope have none then."""


@dataclass(frozen=True)
class Attention:
    """Queries, keys and values, and what becomes of them."""

    query: str = "self_attn.q_proj"
    key: str = "self_attn.k_proj"
    value: str = "self_attn.v_proj"
    out: str = "self_attn.o_proj"
    fused: str | None = None
    """One tensor with the rows of all three."""
    layout: Literal["stacked", "by head", "by group"] = "stacked"
    """How the rows of a fused tensor lie: all queries, then keys, then values; or so by head or by group."""
    bias: bool = False
    out_bias: bool = False
    transposed: bool = True
    """Whether matrices lie as [out, in], as PyTorch's linear layers do."""
    norm: HeadNorm | None = None
    clip: float | None = None
    """Queries, keys and values are clamped to this, behind their norms."""
    scale: float | None = None
    """The factor on the scores; head_dim^-1/2 if None."""
    scale_of: float | None = None
    """The factor is this number to the power of -1/2."""
    softcap: float | None = None
    slopes: Literal["alibi", "alibi scaled", "alibi of mpt"] | None = None
    """A bias of the scores by distance: none, BLOOM's, Falcon's or MPT's."""
    sinks: str | None = None
    """A tensor of a number a head, whose exponential joins the sum of the softmax."""


@dataclass(frozen=True)
class Latent:
    """Multi-head latent attention (DeepSeek-V2, arXiv 2405.04434), in the place of `Attention`.

    A head of queries and keys has a part that rope turns and one that it does not. The cache holds a latent
    and a key for rope a token; keys and values of a head are products of the latent.
    """

    query: str = "self_attn.q_proj"
    """Where queries have no rank."""
    query_down: str = "self_attn.q_a_proj"
    query_norm: str = "self_attn.q_a_layernorm"
    query_up: str = "self_attn.q_b_proj"
    down: str = "self_attn.kv_a_proj_with_mqa"
    """The rows of the latent, then those of the key for rope."""
    norm: str = "self_attn.kv_a_layernorm"
    up: str = "self_attn.kv_b_proj"
    """The rows of each head: of its keys without rope, then of its values."""
    out: str = "self_attn.o_proj"
    query_rank: int | None = whole("q_lora_rank")
    """Of what queries are made of; a single product makes them if None."""
    kv_rank: int = whole("kv_lora_rank", required=True)
    nope_dim: int = whole("qk_nope_head_dim", required=True)
    rope_dim: int = whole("qk_rope_head_dim", required=True)
    value_dim: int = whole("v_head_dim", required=True)
    head_dim: int | None = whole("qk_head_dim")
    """What the config says of a whole head, which has to be the sum of both parts."""
    eps: float = 1e-6
    """Of the norms of ranks: transformers' code gives them no other."""
    bias: bool = False
    """Whether the products with the hidden state but that of `query` have one, and `out`."""


@dataclass(frozen=True)
class FeedForward:
    """What stands behind attention: gated if there is a gate."""

    gate: str | None = "mlp.gate_proj"
    up: str = "mlp.up_proj"
    down: str = "mlp.down_proj"
    fused: bool = False
    """Whether `up` holds the rows of the gate, then those of up."""
    activation: str = choice("hidden_act", of=ACTIVATIONS)
    bias: bool = False
    transposed: bool = True


@dataclass(frozen=True)
class Residual:
    """How attention and feed-forward are added to x: `pre` norms what goes in, `post` what comes out,
    `sandwich` both, `after` the sum; `parallel` gives both the same x, with one norm or two.
    """

    kind: Literal["pre", "post", "sandwich", "after", "parallel"] = "pre"
    norms: tuple[str, ...] = ("input_layernorm", "post_attention_layernorm")
    factor: float | None = None
    """A factor on what is added."""


@dataclass(frozen=True)
class Embedding:
    """From tokens to the hidden state."""

    table: str = "embed_tokens"
    factor: float | None = None
    root: bool = False
    """Whether rows are multiplied by the square root of the hidden size, rounded to the model's type."""
    positions: str | None = None
    """A table of positions that is added."""
    first_row: int = 0
    """The row of position 0 in that table; those above are not used."""
    norm: str | None = None
    width: int | None = None
    """Of the table, where it is not the hidden size: a projection follows."""
    projection: str = "project_in"


@dataclass(frozen=True)
class Head:
    """From the hidden state to logits."""

    tensors: tuple[str, ...] = ("lm_head",)
    """Its names on disk, of which a checkpoint has one."""
    tied: bool = flag("tie_word_embeddings", default=False)
    norm: str | None = "norm"
    bias: bool = False
    factor: float | None = None
    divisor: float | None = None
    softcap: float | None = None
    projection: str = "project_out"
    """Used where the table's width is not the hidden size."""


@dataclass(frozen=True)
class Rope:
    """How queries and keys are rotated."""

    theta: float = number("rope_theta", "rotary_emb_base", default=10000.0, above=0)
    local_theta: float | None = None
    """Of layers with a window, where it is another one, without scaling."""
    fraction: float | None = None
    """Of a head's dimensions that are rotated; all if None."""
    dims: int | None = None
    """The same as a number."""
    interleaved: bool = False
    original_context: int | None = None
    """That of training, where it stands beside the scaling; None if it stands in it."""
    renamed: Mapping[str, str] = field(default_factory=dict[str, str])
    """Older names of kinds of scaling."""


@dataclass(frozen=True)
class Window:
    """Which layers see but the last positions, unless `layer_types` says it."""

    size: int | None = whole("sliding_window")
    enabled: bool = True
    first: int = 0
    """The first layer with a window."""
    period: int | None = None
    """Every so many layers one has none."""
    unrotated: bool = False
    """Whether only layers without rope have one."""
    listed: bool = True
    """Whether the architecture reads `layer_types`."""


@dataclass(frozen=True)
class Unrotated:
    """Which layers have no rope."""

    listed: str = "no_rope_layers"
    """A list of a number a layer, 0 for those without."""
    period: int = whole("no_rope_layer_interval", default=4)
    """Without that list: every so many layers."""


@dataclass(frozen=True)
class Chunks:
    """Attention that changes with the position, for which a text has no words: it is refused where it begins.

    Layers with rope see the positions of their own chunk alone. In the others queries are multiplied by
    `1 + strength * log(1 + floor((position + 1) / floor))`.
    """

    size: int | None = whole("attention_chunk_size")
    tempered: bool = choice("attn_temperature_tuning", of={True: True, False: False, 4: True}, default=True)
    floor: int = whole("floor_scale", default=8192)
    strength: float = number("attn_scale", default=0.1)


@dataclass(frozen=True)
class Recipe:
    """An architecture."""

    name: str
    """What `model_type` says."""
    attention: Attention | Latent = field(default_factory=Attention)
    feed_forward: FeedForward = field(default_factory=FeedForward)
    """Of all layers, or of those without experts."""
    experts: Experts | None = None
    residual: Residual = field(default_factory=Residual)
    norm: Norm = field(default_factory=Norm)
    embedding: Embedding = field(default_factory=Embedding)
    head: Head = field(default_factory=Head)
    sizes: Sizes = field(default_factory=Sizes)
    rope: Rope | None = field(default_factory=Rope)
    window: Window | None = None
    unrotated: Unrotated | None = None
    chunks: Chunks | None = None
    more_layers: int | None = None
    """Layers of a checkpoint behind the model's own, which predict further tokens: they are left out."""
    body: tuple[str, ...] = ("model.",)
    """What names on disk begin with; the first is taken where no checkpoint says it."""
    layer: str = "layers.{layer}."
    """What names of a layer's tensors begin with, behind that."""
    defaults: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What keys mean that are not in the config."""
    fixed: Mapping[str, tuple[Any, ...]] = field(default_factory=dict[str, tuple[Any, ...]])
    """Keys that must have one of these values, or be absent: another one changes what is computed."""
    harmless: tuple[str, ...] = ()
    """Patterns of keys that change no number."""
    skipped: tuple[str, ...] = ()
    """Patterns of tensors that checkpoints hold and the model does not need: tables that can be computed."""
    model_types: tuple[str, ...] = ()
    """Further names of it in configs."""
