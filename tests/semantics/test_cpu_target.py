"""The target `cpu`: C gives the reference's bits, whatever is one kernel, however many threads share it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest
from layer_models import model_text
from random_models import random_model

from kl.backends.cpu.target import CPU_TARGET
from kl.backends.targets import Choice
from kl.frontends import load_model
from kl.tools.against import ModelReference, check_against
from kl.tools.kl import main
from kl.tools.lowering import lower
from kl.tools.universe import make_context

ROOT = Path(__file__).parents[2]
VARIANTS: Mapping[str, Choice] = {
    "unfused": Choice("op", loop=False),
    "fused": Choice("layer", loop=False),
    "looped": Choice("layer"),
    "stepped": Choice("layer", steps_per_call=3),
}
MODELS: Sequence[Path] = sorted(
    [
        *(ROOT / "tests/imports").glob("*.kl"),
        *(ROOT / "examples" / f"{name}.kl" for name in ("llama3_tiny", "mini", "mixture")),
    ]
)
SMALL: Mapping[str, Mapping[str, int]] = {
    "phi3_awq": {
        "layers": 2,
        "hidden": 256,
        "heads": 4,
        "kv_heads": 4,
        "ffn": 512,
        "vocab": 300,
        "context": 64,
    },
    "qwen3_fp8": {
        "layers": 2,
        "hidden": 256,
        "heads": 4,
        "kv_heads": 2,
        "ffn": 512,
        "vocab": 300,
        "context": 64,
    },
}
"""What of models that are as large as published is smaller here."""
STEPS = 6

pytestmark = pytest.mark.skipif(
    not any(map(shutil.which, ("cc", "gcc", "clang"))), reason="there is no C compiler"
)


@cache
def reference(path: Path) -> ModelReference:
    return ModelReference(load_model(path.read_text(), path.name, SMALL.get(path.stem, {})))


def compiled(text: str, choice: Choice, threads: int, parameters: Mapping[str, int] | None = None) -> Any:
    module = load_model(text, "m.kl", parameters or {})
    CPU_TARGET.set_machine(module, CPU_TARGET.machine(module).with_values({"threads": threads}))
    lower(make_context(), module, "kernel", choice, target=CPU_TARGET)
    return CPU_TARGET.compile(module, "m")


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
@pytest.mark.parametrize("variant", VARIANTS)
def test_programs_give_the_bits_of_the_reference(path: Path, variant: str):
    for threads in (1, 2):
        program = compiled(path.read_text(), VARIANTS[variant], threads, SMALL.get(path.stem))
        assert not check_against(program, reference(path), STEPS, target=CPU_TARGET)


STORED = ("--cache-type f8e4m3", "--quantize i4", "--quantize f8e4m3", "--quantize mxfp4", "--quantize nvfp4")


@pytest.mark.parametrize("options", STORED)
def test_weights_and_caches_of_few_bits_give_the_bits_of_the_reference(options: str, tmp_path: Path):
    source, path = ROOT / "tests/imports/llama.json", tmp_path / "model.kl"
    assert main(["import", str(source), *options.split(), "-o", str(path)]) == 0
    program = compiled(path.read_text(), VARIANTS["looped"], threads=2)
    assert not check_against(program, reference(path), STEPS, target=CPU_TARGET)


@pytest.mark.parametrize("seed", range(6))
def test_random_models_give_the_bits_of_the_reference(seed: int):
    """Layers in any order, with any of what layers do, looped in any way."""
    text = model_text(random_model(Random(seed)))
    program = compiled(text, VARIANTS["looped"], threads=1 + seed % 2)
    assert not check_against(program, ModelReference(load_model(text, "m", {})), STEPS, target=CPU_TARGET)
