"""The benchmark of this computer: what its models are, and that its tables say what was measured."""

from __future__ import annotations

import importlib
import shutil
import sys
from collections.abc import Iterator
from math import prod
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from kl.backends.cpu import calibration, timing
from kl.backends.measured import Measured
from kl.backends.specs import weight_specs
from kl.frontends import load_model

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
needs_compiler = pytest.mark.skipif(
    not any(map(shutil.which, ("cc", "gcc", "clang"))), reason="there is no C compiler"
)


@pytest.fixture(scope="module")
def benchmark() -> Iterator[ModuleType]:
    sys.path.insert(0, str(BENCHMARKS))
    try:
        yield importlib.import_module("cpu_tokens")
    finally:
        sys.path.remove(str(BENCHMARKS))


@pytest.mark.parametrize(("name", "millions"), [("micro", 1.1), ("135M", 134.5), ("1B", 1235.7)])
def test_shapes_have_the_weights_of_their_models(benchmark: ModuleType, name: str, millions: float):
    models = sys.modules["cpu_models"]
    shape = models.SHAPES[name]
    module = load_model(models.TEXT.read_text(), models.TEXT.name, {**vars(shape), "context": 8})
    matrices = [one.tensor.shape for one in weight_specs(module) if one.values is None]
    assert shape.weights == sum(prod(one) for one in matrices if len(one) - (one[0] == shape.layers) > 1)
    assert round(shape.weights / 1e6, 1) == millions


def test_a_boundary_costs_what_is_saved_over_the_calls(benchmark: ModuleType):
    class Loaded:
        def __init__(self, calls: int):
            self.kernel_calls = calls

    times = {"unfused": 30.0, "fused": 20.0, "looped": 10.0, "stepped": 8.0, "torch bf16": 40.0}
    found = {name: Measured((time * 1e-6,) * 9) for name, time in times.items()}
    steps = {name: 8 if name == "stepped" else 1 for name in times}
    ours: Any = {"unfused": Loaded(24), "fused": Loaded(14), "looped": Loaded(4), "stepped": Loaded(1)}
    rows = {row[1]: row[2:] for row in benchmark._ratios("any", found, steps, ours)}
    assert rows["looped over unfused"] == ["3.000", "3.000 to 3.000", "20", "1.00", "1.00 to 1.00"]
    assert rows["stepped over looped"][:4] == ["10.000", "10.000 to 10.000", "3.875", "2.32"]
    assert rows["looped over torch bf16"] == ["4.000", "4.000 to 4.000", "", "", ""]


@needs_compiler
def test_all_tables_are_printed(
    benchmark: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    for name in ("SECONDS", "WARM_SECONDS"):
        monkeypatch.setattr(timing, name, 0.0)
    monkeypatch.setattr(calibration, "READ_BYTES", 1 << 16)
    monkeypatch.setattr(benchmark, "ROUNDS", 1)
    monkeypatch.setattr(benchmark, "_memory", lambda name, arguments: [name, *"12345"])
    monkeypatch.setattr(benchmark, "torch_step", lambda shape, position, threads: lambda: None)
    monkeypatch.setattr(sys, "argv", ["cpu_tokens.py", "--models", "micro", "--threads", "1", "--markdown"])
    benchmark.main()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("threads: 1, exact, position 127; a loop that only reads")
    rows = [line.split(" | ")[1] for line in lines if line.startswith("| micro")]
    assert rows[:5] == ["unfused", "fused", "looped", "stepped", "torch bf16"]
    assert rows[5:-1] == [
        "fused over unfused",
        "looped over fused",
        "looped over unfused",
        "stepped over looped",
        "looped over torch bf16",
    ]
    assert {line.count("|") for line in lines if "micro" in line} == {7, 8, 9}
