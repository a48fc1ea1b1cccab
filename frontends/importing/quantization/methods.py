"""The methods whose configs say by a few keys how all matrices are stored: fp8, GPTQ, AWQ, mxfp4."""

from __future__ import annotations

from ...source_errors import SourceError
from .facts import ACTIVATIONS, Facts
from .scheme import Patterns, Rule, Scheme
from .storage import Storage

HEAD = Patterns(("lm_head", "output", "embed_out"))
"""The head, which the packages leave wide where no list says otherwise."""
TRAINING = (
    *(
        "dataset",
        "tokenizer",
        "model_seqlen",
        "batch_size",
        "damp_percent",
        "damp_auto_increment",
        "true_sequential",
    ),
    *(
        "static_groups",
        "cache_block_outputs",
        "max_input_length",
        "pad_token_id",
        "module_name_preceding_first_block",
    ),
    *(
        "block_name_to_quantize",
        "model_name_or_path",
        "model_file_base_name",
        "meta",
        "act_group_aware",
        "mse",
    ),
    *("n_samples", "quantizer", "provider", "hyb_act", "is_marlin_format"),
)
"""Keys of how codes were found."""
KERNELS = (
    *(
        "backend",
        "use_exllama",
        "disable_exllama",
        "exllama_config",
        "use_cuda_fp16",
        "do_fuse",
        "fuse_max_seq_len",
    ),
    *("modules_to_fuse", "dequantize", "pack_dtype", "producer"),
)
"""Keys of how it is run."""


def activations(bits: str) -> str:
    """The note on activations that a checkpoint is made to round."""
    return f"activations are not rounded to {bits}, which the checkpoint is made for"


def fp8(facts: Facts) -> Scheme:
    """Codes of f8e4m3 with a scale for each block, as DeepSeek publishes, or for each matrix."""
    facts.fixed("fmt", "e4m3", "float8_e4m3fn")
    facts.fixed("expert_dtype", "fp8")
    facts.fixed("scale_fmt", "float", "ue8m0")
    facts.fixed("modules_to_convert", [])
    facts.fixed("activation_scheme", "dynamic", "static")
    facts.harmless("dequantize", "quant_method", *CHECKED)
    sizes = _fp8_sizes(facts)
    scales = _fp8_scales(facts, blocks=sizes is not None)
    block = (None, None) if sizes is None else (sizes[1], sizes[0])
    storage = Storage("f8e4m3", block, facts.scale_type(f".{scales}", "f32"), scales=scales)
    wide = facts.patterns("modules_to_not_convert", "ignored_layers", "ignore")
    return Scheme(
        "fp8",
        (Rule(storage),),
        HEAD if wide is None else wide,
        skipped=ACTIVATIONS,
        notes=(activations("f8e4m3"),),
    )


CHECKED = ("is_checkpoint_fp8_serialized",)
"""Keys of fp8 that only say that there is a checkpoint."""


def _fp8_sizes(facts: Facts) -> tuple[int, int] | None:
    """How many outputs and inputs share a scale; None for all of a matrix.

    Raises: SourceError where neither the config nor the checkpoint's scales say it: transformers takes blocks
        of 128 then, vLLM whole matrices.
    """
    key = f"{facts.config.path}weight_block_size"
    if "weight_block_size" in facts.config.values:
        return facts.sizes("weight_block_size")
    facts.harmless("weight_block_size")
    ranks = {len(facts.shape_of(f".{one}")) for one in FP8_SCALES if facts.has(f".{one}")}
    if not ranks:
        raise SourceError(f"{key} is absent", "it is [128, 128], or null for one scale of each matrix")
    return (128, 128) if max(ranks) == 2 else None


FP8_SCALES = ("weight_scale_inv", "weight_scale")
"""What scales are called: those of blocks as the first, those of matrices as either."""


def _fp8_scales(facts: Facts, *, blocks: bool) -> str:
    """The name of scales that is in the checkpoint, or that is usual."""
    both = FP8_SCALES
    return next((one for one in both if facts.has(f".{one}")), both[0] if blocks else both[1])


def fbgemm_fp8(facts: Facts) -> Scheme:
    """Codes of f8e4m3 with a scale for each output."""
    facts.harmless("quant_method", "activation_scale_ub")
    storage = Storage("f8e4m3", (None, 1), facts.scale_type(".weight_scale", "f32"))
    wide = facts.patterns("modules_to_not_convert")
    notes = (activations("f8e4m3"),)
    return Scheme(
        "fbgemm_fp8", (Rule(storage),), HEAD if wide is None else wide, skipped=ACTIVATIONS, notes=notes
    )


def gptq(facts: Facts) -> Scheme:
    """Codes of 4 or 8 bits in groups of inputs, as AutoGPTQ and GPTQModel write them."""
    bits = facts.config.whole("bits", "w_bit", default=4)
    if bits not in (4, 8):
        facts.refuse("bits", bits, "4 and 8")
    version = facts.config.text("checkpoint_format", "format", default="gptq")
    if version not in ("gptq", "gptq_v2"):
        facts.refuse("checkpoint_format", version, "gptq and gptq_v2")
    group = facts.group("group_size", default=128)
    _check_order(facts, group)
    facts.fixed("dynamic", {})
    facts.fixed("modules_in_block_to_quantize")
    facts.harmless("quant_method", *TRAINING, *KERNELS)
    symmetric = facts.config.flag("sym", default=True)
    storage = Storage(
        "i4" if bits == 4 else "i8",
        (group, 1),
        facts.scale_type(".scales", "f16"),
        zeros=not symmetric,
        layout=version,
    )
    head = facts.config.flag("lm_head", default=False)
    return Scheme("gptq", (Rule(storage),), Patterns(()) if head else HEAD)


def _check_order(facts: Facts, group: int | None) -> None:
    """Raises: SourceError for inputs in another order than their groups."""
    if facts.config.flag("desc_act", default=False) and group is not None:
        path = f"{facts.config.path}desc_act"
        raise SourceError(
            f"{path} is true: inputs lie in other groups than their neighbours, which no scales say",
            f"quantize with desc_act = false; --ignore {path} goes on, and refuses weights that lie so",
        )


def awq(facts: Facts) -> Scheme:
    """Codes of 4 bits with zero points, as AutoAWQ writes them."""
    bits = facts.config.whole("bits", "w_bit", default=4)
    if bits != 4:
        facts.refuse("bits", bits, "4")
    version = facts.config.text("version", "format", default="gemm")
    if version is not None and version.lower() != "gemm":
        facts.refuse("version", version, "gemm")
    facts.fixed("zero_point", True)
    facts.fixed("backend", "autoawq", "auto")
    facts.harmless("quant_method", "sym", "desc_act", *TRAINING, *KERNELS)
    group = facts.group("group_size", "q_group_size", default=128)
    storage = Storage("i4", (group, 1), facts.scale_type(".scales", "f16"), zeros=True, layout="awq")
    wide = facts.patterns("modules_to_not_convert")
    return Scheme("awq", (Rule(storage),), Patterns((*HEAD.texts, *(wide.texts if wide else ()))))


def mxfp4(facts: Facts) -> Scheme:
    """Stacks of experts of f4e2m1 in groups of 32 inputs, as gpt-oss is published."""
    facts.harmless("quant_method", "dequantize")
    wide = facts.patterns("modules_to_not_convert")
    storage = Storage("f4e2m1", (32, 1), "f8e8m0", layout="mxfp4")
    return Scheme("mxfp4", (Rule(storage),), wide or Patterns(()), stacks=True)
