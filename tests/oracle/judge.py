"""Transformers as judge: builds a tiny random model, saves it, and runs it step by step with its cache."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch
from zlib import crc32

import internlm2
import numpy as np
import torch
import transformers
from cases import STEPS, Case
from numpy.typing import NDArray
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

Array = NDArray[Any]
TYPES = {"f32": torch.float32, "bf16": torch.bfloat16, "f64": torch.float64}
EAGER = {"attn_implementation": "eager", "experts_implementation": "eager"}
"""Attention and experts in operations that there are for f64, too."""
_NARROW = (torch.float32, torch.bfloat16, torch.float16)

torch.set_num_threads(1)
transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()


REWRITTEN = {"internlm2": ("llama", internlm2.rewrite)}
"""Families that transformers lacks: which one computes the same, and what makes its checkpoints theirs."""


def save_model(case: Case, dtype: str, folder: Path) -> Path:
    """Write a model with random parameters, none of them at what it is initialised to.

    The folder is for transformers; the model as it is published is in the folder that comes back.
    """
    architecture, rewrite = REWRITTEN.get(case.family, (case.family, Path))
    torch.manual_seed(crc32(case.name.encode()))
    config = transformers.AutoConfig.for_model(architecture, **case.config)
    model = transformers.AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        for parameter in {id(one): one for one in model.parameters()}.values():
            _randomise(parameter)
        for name, buffer in model.named_buffers():
            if name.endswith("correction_bias"):
                _randomise(buffer)
    size = "40KB" if case.sharded else "1GB"
    model.to(TYPES[dtype]).save_pretrained(folder, max_shard_size=size)
    return rewrite(folder)


def _randomise(parameter: torch.Tensor) -> None:
    """Matrices that keep numbers near 1; vectors (gains, biases) around what they are."""
    noise = torch.randn_like(parameter)
    if parameter.ndim < 2:
        parameter.add_(noise / 4)
    else:
        parameter.copy_(noise / parameter.shape[-1] ** 0.5)


def tokens_of(case: Case, batch: int) -> Array:
    """Random tokens `[STEPS, batch]`: greedy decoding of random models soon repeats itself."""
    rng = np.random.default_rng(crc32(case.name.encode()))
    return rng.integers(case.config["vocab_size"], size=(STEPS, batch)).astype(np.int32)


def logits(folder: Path, dtype: str, tokens: Array) -> Array:
    """The logits `[STEPS, batch, vocab]`, as f64, of a saved model that computes in a type."""
    saved = transformers.AutoModelForCausalLM.from_pretrained(
        folder, dtype="auto" if dtype == "f64" else TYPES[dtype], **EAGER
    )
    if dtype != "f64":
        return _run(saved, tokens)
    numbers = {name: one.double() for name, one in saved.state_dict().items()}
    with _wide(), _AllWide():
        model = transformers.AutoModelForCausalLM.from_config(saved.config, dtype=torch.float64, **EAGER)
        model.load_state_dict(numbers)
        return _run(model, tokens)


def _run(model: Any, tokens: Array) -> Array:
    with torch.no_grad():
        return np.stack([one.double().numpy() for one in _steps(model.eval(), tokens)])


def _steps(model: Any, tokens: Array) -> Iterator[torch.Tensor]:
    cache = None
    for row in tokens:
        ids = torch.from_numpy(row.astype(np.int64))[:, None]
        out = model(input_ids=ids, past_key_values=cache, use_cache=True)
        cache = out.past_key_values
        yield out.logits[:, -1]


@contextmanager
def _wide() -> Iterator[None]:
    """Make f64 what models call f32: they norm, rotate and take softmaxes in f32, whatever their type."""
    double, default = torch.Tensor.double, torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        with (
            patch.object(torch, "float32", torch.float64),
            patch.object(torch, "float", torch.float64),
            patch.object(torch.Tensor, "float", double),
        ):
            yield
    finally:
        torch.set_default_dtype(default)


class _AllWide(TorchDispatchMode):
    """Refuses what computes in less than f64."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for one in tree_leaves(result):
            assert not isinstance(one, torch.Tensor) or one.dtype not in _NARROW, f"{func} gives {one.dtype}"
        return result
