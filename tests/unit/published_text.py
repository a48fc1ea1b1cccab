"""A tiny published model with a tokenizer: byte pairs of a few sentences, a token before each text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SENTENCES = [
    "the quick brown fox jumps over the lazy dog",
    "the dog was quick, the fox was brown",
    "a lazy fox is over the dog — naïve, isn't it? 你好",
]
BOS, EOS = "<s>", "</s>"
VOCABULARY = 280
"""All bytes, the two special tokens, and pairs of the sentences."""
CONFIG: dict[str, Any] = {
    "model_type": "llama",
    "vocab_size": VOCABULARY,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "torch_dtype": "float32",
}


def write_tokenizer(folder: Path) -> Any:
    """Train one, and write it as published models have it; it puts `BOS` (0) before a text."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[BOS, EOS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(single=f"{BOS} $A", special_tokens=[(BOS, 0)])
    tokenizer.save(str(folder / "tokenizer.json"))
    return tokenizer


def write_config(folder: Path, **changed: Any) -> None:
    """The config of a model of random weights."""
    (folder / "config.json").write_text(json.dumps(CONFIG | changed))
