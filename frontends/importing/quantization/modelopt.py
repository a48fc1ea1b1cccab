"""Checkpoints of NVIDIA's Model Optimizer: one algorithm for all matrices that are not left out."""

from __future__ import annotations

from .compressed import cache_of
from .facts import ACTIVATIONS, Facts
from .methods import HEAD, activations
from .scheme import Rule, Scheme
from .storage import Storage

ALGORITHMS = {
    "FP8": Storage("f8e4m3", (None, None)),
    "FP8_PER_CHANNEL_PER_TOKEN": Storage("f8e4m3", (None, 1)),
    "NVFP4": Storage("f4e2m1", (16, 1), "f8e4m3", layout="nvfp4"),
}
"""What each stores; weights of other algorithms are not read."""


def modelopt(facts: Facts) -> Scheme:
    """The algorithm, in the form of hf_quant_config.json or of config.json."""
    config = facts.config
    algorithm = config.text("quant_algo")
    storage = ALGORITHMS.get(algorithm or "")
    if storage is None:
        facts.refuse("quant_algo", algorithm, ", ".join(ALGORITHMS))
    if algorithm == "NVFP4":
        facts.fixed("group_size", 16)
    facts.harmless("quant_method", "producer", "config_groups")
    facts.fixed("has_zero_point", False)
    facts.fixed("pre_quant_scale", False)
    wide = facts.patterns("exclude_modules", "ignore")
    notes = (activations("4 bits" if algorithm == "NVFP4" else "f8e4m3"),)
    cache = _cache(facts) or cache_of(facts, "kv_cache_scheme")
    return Scheme(
        "modelopt",
        (Rule(storage),),
        HEAD if wide is None else wide,
        skipped=ACTIVATIONS,
        notes=notes,
        cache=cache,
    )


def _cache(facts: Facts) -> str | None:
    """Raises: SourceError for caches that are not read."""
    said = facts.config.text("kv_cache_quant_algo")
    if said not in (None, "FP8"):
        facts.refuse("kv_cache_quant_algo", said, "FP8")
    return None if said is None else "f8e4m3"
