"""This computer measured as a machine: probes do what they say, and the file is a machine as any other."""

from __future__ import annotations

import ctypes
import shutil
import tomllib
from pathlib import Path

import numpy as np
import pytest

from kl.backends.cpu import calibration, timing
from kl.backends.cpu.calibration import Probes, measured_rates
from kl.backends.cpu.calibration_machine import ASSUMED
from kl.dialects.sequence_machine import H100
from kl.tools.kl import main

Capture = pytest.CaptureFixture[str]
pytestmark = pytest.mark.skipif(
    not any(map(shutil.which, ("cc", "gcc", "clang"))), reason="there is no C compiler"
)
SMALL = {"layers": 2, "hidden": 64, "heads": 4, "kv_heads": 2, "ffn": 128, "vocab": 256}


@pytest.fixture(autouse=True)
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is measured for long."""
    for name in ("SECONDS", "WARM_SECONDS"):
        monkeypatch.setattr(timing, name, 0.0)
    for name, value in (("READ_BYTES", 1 << 16), ("CALLS", 3), ("BARRIERS", 3), ("PRODUCT_SECONDS", 0.0)):
        monkeypatch.setattr(calibration, name, value)
    monkeypatch.setattr("kl.tools.calibration.here.SMOLLM", SMALL)


@pytest.mark.parametrize("threads", [1, 3])
def test_all_of_a_buffer_is_read_so_often(threads: int):
    probes = Probes(threads)
    words, sums = np.arange(8192, dtype=np.uint64), np.zeros(8 * threads, np.uint64)
    counts = (ctypes.c_long(8192), ctypes.c_long(2))
    addresses = [words.ctypes.data, *map(ctypes.addressof, counts), sums.ctypes.data]
    assert probes._seconds("kl_probe_read", addresses) > 0
    assert int(sums.sum()) == 2 * sum(range(8192))


def test_every_rate_is_measured():
    rates = measured_rates(2)
    assert rates.threads == 2
    assert all(value > 0 for value in vars(rates).values())


def test_the_file_is_a_machine(capsys: Capture, tmp_path: Path):
    file = tmp_path / "here.toml"
    assert main(["calibrate", "cpu", "-o", str(file)]) == 0
    shown = capsys.readouterr().out
    assert "SmolLM-135M" in shown
    assert f"kl time MODEL --machine {file}" in shown
    machine = tomllib.loads(file.read_text())
    sources, names = machine["sources"], dict(H100.items())
    assert machine["class"] == "sequence"
    assert {*sources} == {*names} == {*machine} - {"class", "sources"}
    measured = {
        name for name, source in sources.items() if source.startswith("Measured: by kl calibrate cpu on")
    }
    assert {"memory_bandwidth", "launch_ns", "barrier_ns", "bf16_flops"} <= measured
    assert all(sources[name].startswith("Assumed: ") for name in names.keys() - measured)
    assert {*ASSUMED} <= names.keys() - measured
    assert main(["machines", str(file)]) == 0
    assert main(["time", "llama3_tiny", "--machine", str(file)]) == 0


def test_options_that_say_nothing_are_refused(capsys: Capture, tmp_path: Path):
    assert main(["calibrate", "cpu", "--machine", "h100"]) == 1
    assert "leave out --machine" in capsys.readouterr().err
    assert main(["calibrate", str(tmp_path / "table.csv")]) == 1
    assert "--machine h100" in capsys.readouterr().err
