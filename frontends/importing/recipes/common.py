"""What several recipes share."""

from __future__ import annotations

from typing import Any

from ..keys import choice, flag
from ..recipe import ACTIVATIONS, Norm

LAYER_NORM = Norm("layer", bias=True)
TIED = flag("tie_word_embeddings", default=True)
"""Of architectures whose head is tied unless the config says otherwise."""
ATTENTION_BIAS = flag("attention_bias", default=False)
MLP_BIAS = flag("mlp_bias", default=False)
INV_FREQ = ("rotary_emb.inv_freq",)
"""A table that older checkpoints hold, of the frequencies that the config says anyway."""
MASKS = ("attn.bias", "attn.masked_bias")
"""Tables of the causal mask that older checkpoints hold."""
FUNCTION = choice("activation_function", of=ACTIVATIONS)


def sizes(
    vocab: int, hidden: int, ffn: int | None, layers: int, heads: int, positions: int, **more: Any
) -> dict[str, Any]:
    """The defaults of an architecture's sizes, by the keys that Llama's configs have, and of other keys."""
    found = {
        "vocab_size": vocab,
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "max_position_embeddings": positions,
    }
    return found | ({} if ffn is None else {"intermediate_size": ffn}) | more
