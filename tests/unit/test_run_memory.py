"""What a run holds in memory: the weights once, mapped or made, and no more from step to step."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from checkpoint_files import save_aligned

from kl.backends.sn40l.serialize import load_program
from kl.backends.sn40l.signature import weight_specs
from kl.backends.weights import seeded_weights
from kl.tools.kl import main

SIZES = {"layers": 6, "hidden": 768, "heads": 12, "kv_heads": 4, "ffn": 3072, "vocab": 4096}
RUN = """
import json, re, sys
from pathlib import Path
from kl.backends.runs import RunOptions
from kl.backends.sn40l.execution import start_run
from kl.backends.sn40l.serialize import load_program
import kl.backends.numerics, kl.backends.sn40l.launch, ml_dtypes, numpy

def peak():
    return 1024 * int(re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1])

program, weights = load_program(Path(sys.argv[1])), sys.argv[2] or None
found = [peak()]
run = start_run(program, RunOptions(steps=3, weights=weights))
tokens = []
for step in run.steps(3, lambda *_: None):
    found.append(peak())
    tokens += [value.tolist() for value in step.outputs.values()]
print(json.dumps([found, tokens]))
"""
"""Prints the most that was resident before the weights and after each step, in bytes, and the tokens."""


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A program, and its random weights as a checkpoint."""
    folder = tmp_path_factory.mktemp("model")
    program, checkpoint = folder / "program.json", folder / "model.safetensors"
    sizes = [word for name, value in SIZES.items() for word in ("--param", f"{name}={value}")]
    assert main(["compile", "llama3_tiny", *sizes, "--to", "program", "-o", str(program)]) == 0
    specs = weight_specs(load_program(program))
    weights = seeded_weights(specs, 0)
    tensors = {
        name: one.swapaxes(-1, -2) if spec.transposed else one
        for spec in specs
        for name, one in zip(spec.layer_names, weights.slices[spec.name], strict=spec.values is None)
    }
    return program, save_aligned(checkpoint, tensors)


def ran(program: Path, checkpoint: Path | None) -> tuple[list[int], list[list[int]]]:
    """What is resident before the weights and after each step, and the tokens, in a process of its own."""
    given = [str(program), str(checkpoint or "")]
    found = subprocess.run([sys.executable, "-c", RUN, *given], capture_output=True, check=True)
    return tuple(json.loads(found.stdout))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is read where Linux says it")
def test_a_run_holds_its_weights_once(saved: tuple[Path, Path]) -> None:
    """At most 1.3 times the weights, of which a checkpoint's are pages of its file; flat over steps."""
    program, checkpoint = saved
    size, made = checkpoint.stat().st_size, []
    assert size > 100e6
    for weights in (None, checkpoint):
        (base, first, *others), tokens = ran(program, weights)
        assert others[-1] - base <= 1.3 * size
        grown = size * (0.02 if weights is None else 0.15)
        assert others[-1] - first <= grown, "each step, but for more rows of the embedding that are mapped"
        made.append(tokens)
    assert made[0] == made[1]
