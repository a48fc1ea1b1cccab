"""The recipes of the architectures that `kl import` knows; other packages bring more (`docs/import.md`).

Names of tensors are those of published checkpoints; defaults of keys are those of the configuration classes
of transformers 5.24 (`configuration_*.py`), where a config may leave a key out.
"""

from __future__ import annotations

from .deepseek import DEEPSEEK_V2, DEEPSEEK_V3
from .experts import GPT_OSS, LLAMA4, MIXTRAL, OLMOE, QWEN2_MOE, QWEN3_MOE
from .gemma import GEMMA, GEMMA2, GEMMA3
from .gpt import GPT2, GPT_BIGCODE, GPT_NEOX, GPTJ, OPT
from .llama import GRANITE, INTERNLM2, LLAMA, MISTRAL, OLMO2, QWEN2, QWEN3, SMOLLM3
from .others import BLOOM, COHERE, FALCON, MPT, PHI, PHI3, STABLELM, STARCODER2

RECIPES = (
    *(LLAMA, MISTRAL, QWEN2, QWEN3, GEMMA, GEMMA2, GEMMA3, PHI, PHI3, GPT2, GPT_BIGCODE, GPTJ, GPT_NEOX, OPT),
    *(FALCON, BLOOM, MPT, STABLELM, STARCODER2, COHERE, OLMO2, SMOLLM3, GRANITE, INTERNLM2),
    *(MIXTRAL, QWEN2_MOE, QWEN3_MOE, OLMOE, GPT_OSS, LLAMA4, DEEPSEEK_V2, DEEPSEEK_V3),
)
"""All of them, each by the name that `model_type` has."""
