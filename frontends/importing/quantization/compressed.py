"""Checkpoints of compressed-tensors: groups of modules, each with the form of its weights."""

from __future__ import annotations

from typing import Any

from ...source_errors import SourceError
from .facts import ACTIVATIONS, Facts
from .methods import activations
from .scheme import LINEAR, REGEX, Patterns, Rule, Scheme
from .storage import Storage

FORMATS = ("float-quantized", "int-quantized", "naive-quantized", "pack-quantized")
"""How codes lie on disk; the last packs those of whole numbers."""


def compressed_tensors(facts: Facts) -> Scheme:
    """The groups of a config, in their order."""
    config = facts.config
    format_ = config.text("format")
    facts.harmless("quant_method", "quantization_status", "global_compression_ratio", "version")
    facts.fixed("transform_config", {})
    _check_dense(facts)
    rules, notes = [], dict[str, None]()
    groups = config.part("config_groups")
    for name in groups.values:
        rule, note = _rule(facts.inner(groups.part(name)), format_)
        rules.append(rule)
        notes |= dict.fromkeys(note)
    if not rules:
        raise SourceError(f"{config.path}config_groups is absent", "it says how weights are stored")
    wide = facts.patterns("ignore") or Patterns(())
    check_classes(facts, "ignore", wide)
    return Scheme(
        "compressed-tensors",
        tuple(rules),
        wide,
        skipped=ACTIVATIONS,
        notes=tuple(notes),
        cache=cache_of(facts, "kv_cache_scheme"),
    )


def check_classes(facts: Facts, name: str, patterns: Patterns) -> None:
    """Raises: SourceError for names of classes, of which `Linear` alone says which modules are meant."""
    for text in patterns.texts:
        if text[:1].isupper() and (text != LINEAR or name == "ignore"):
            facts.refuse(name, text, f"{LINEAR}, names of modules, and {REGEX}…")


def _check_dense(facts: Facts) -> None:
    """Raises: SourceError for zeros that are left out on disk."""
    sparsity = facts.config.part("sparsity_config")
    facts.inner(sparsity).fixed("format", "dense")
    sparsity.read.update(f"{sparsity.path}{name}" for name in sparsity.values)


def _rule(facts: Facts, of_all: str | None) -> tuple[Rule, list[str]]:
    """The modules of a group, and what is not modelled of it."""
    config = facts.config
    format_ = config.text("format") or of_all
    facts.fixed("output_activations")
    inputs = config.get("input_activations")
    if isinstance(inputs, dict):
        facts.config.read.update(_paths(inputs, f"{config.path}input_activations"))
    targets = facts.patterns("targets") or Patterns((LINEAR,))
    check_classes(facts, "targets", targets)
    storage = _storage(facts.inner(config.part("weights")), format_)
    notes = [activations(f"{inputs.get('num_bits')} bits")] if isinstance(inputs, dict) else []
    return Rule(storage, targets), notes


def _paths(values: dict[str, Any], path: str) -> list[str]:
    return [path, *(f"{path}.{name}" for name in values)]


def _storage(facts: Facts, format_: str | None) -> Storage:
    """How the weights of a group are stored."""
    config = facts.config
    bits, kind = config.whole("num_bits", default=8), config.text("type", default="int")
    facts.fixed("dynamic", False)
    facts.fixed("actorder", "weight", "static", False)
    facts.harmless("observer", "observer_kwargs", "scale_dtype", "zp_dtype", "is_mx")
    symmetric = config.flag("symmetric", default=True)
    if format_ is not None and format_ not in FORMATS:
        facts.refuse("format", format_, ", ".join(FORMATS))
    block = _block(facts)
    scale_type = facts.scale_type(".weight_scale", "bf16")
    known = {("float", 8): "f8e4m3", ("int", 8): "i8", ("int", 4): "i4"}
    if (kind, bits) not in known:
        facts.refuse("num_bits", f"{bits} of type {kind}", ", ".join(f"{n} of {one}" for one, n in known))
    packed = format_ == "pack-quantized"
    if (bits == 4 and not packed) or (packed and kind != "int"):
        facts.refuse(
            "format", f"{format_} of {bits} bits of type {kind}", "pack-quantized for whole numbers alone"
        )
    if not symmetric and not packed:
        facts.refuse("symmetric", False, "true")
    return Storage(
        known[kind or "", bits or 0],
        block,
        scale_type,
        zeros=not symmetric,
        layout="packed" if packed else None,
    )


def _block(facts: Facts) -> tuple[int | None, int | None]:
    """How many inputs and outputs share a scale."""
    strategy = facts.config.text("strategy", default="tensor")
    group = facts.group("group_size", default=-1)
    sizes = facts.sizes("block_structure")
    match strategy:
        case "tensor":
            return None, None
        case "channel":
            return None, 1
        case "group" if group is not None:
            return group, 1
        case "block" if sizes is not None:
            return sizes[1], sizes[0]
        case _:
            facts.refuse(
                "strategy", strategy, "tensor, channel, group with a group_size, block with a block_structure"
            )


def cache_of(facts: Facts, name: str) -> str | None:
    """The stored type of caches.

    Raises: SourceError for one that is not read.
    """
    part = facts.config.part(name)
    if not part.values:
        return None
    bits, kind = part.whole("num_bits"), part.text("type")
    if (bits, kind) != (8, "float"):
        facts.refuse(name, f"{bits} bits of type {kind}", "8 bits of type float")
    part.read.update(f"{part.path}{key}" for key in part.values)
    return "f8e4m3"
