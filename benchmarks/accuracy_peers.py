"""What other estimators say of the measured GPU points of low batch: `benchmarks/data/peers_*.csv`.

They are no dependency of the project; run it in an environment of their own, from the repository root:

    python3 -m venv /tmp/peers && /tmp/peers/bin/pip install aiconfigurator==0.12.0 genz-llm==0.0.16
    PATH=/tmp/peers/bin:$PATH /tmp/peers/bin/python benchmarks/accuracy_peers.py aiconfigurator
    PATH=/tmp/peers/bin:$PATH /tmp/peers/bin/python benchmarks/accuracy_peers.py genz

AIConfigurator is asked by its command line for the row's machine, stack, lengths and types, with its newest
database. GenZ is asked for a decode step at the mean position and at full efficiency, its default, on
machines by their data sheets. In a row of fp4, which it does not know, it counts 4-bit integers.
"""

from __future__ import annotations

import csv
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path

DATA = Path(__file__).parent / "data"
NAMES = {"llama3_8b": "meta-llama/Meta-Llama-3.1-8B", "llama3_70b": "meta-llama/Meta-Llama-3.1-70B"}
GEMM = {"bf16": "bfloat16", "fp8": "fp8", "nvfp4": "nvfp4"}
SHEETS = {
    "h100": {"Flops": 989, "Memory_size": 80, "Memory_BW": 3350, "ICN": 450},
    "h200": {"Flops": 989, "Memory_size": 141, "Memory_BW": 4800, "ICN": 450},
    "b200": {"Flops": 2250, "Memory_size": 180, "Memory_BW": 8000, "ICN": 900},
}
"""TFLOP/s dense in bf16, GB, GB/s, GB/s of links one way; source: data sheets of H100 SXM, H200 SXM and
DGX B200."""


def aiconfigurator(row: Mapping[str, str]) -> float:
    """Milliseconds a token, by `aiconfigurator cli estimate`."""
    cache = "bfloat16" if row["type"] == "bf16" else "fp8"
    asked = {
        "model-path": NAMES[row["model"]],
        "system": f"{row['machine']}_sxm",
        "backend": row["backend"],
        "isl": row["input"],
        "osl": row["output"],
        "batch-size": row["batch"],
        "tp-size": row["tp"],
        "estimate-mode": "agg",
        "gemm-quant-mode": GEMM[row["type"]],
        "kvcache-quant-mode": cache,
    }
    arguments = [word for name, value in asked.items() for word in (f"--{name}", value)]
    done = subprocess.run(
        ["aiconfigurator", "cli", "estimate", "--no-color", *arguments], capture_output=True, text=True
    )
    found = re.search(r"TPOT:\s+([\d.,]+) ms", done.stdout)
    if found is None:
        raise SystemExit(f"{row['id']}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return float(found[1].replace(",", ""))


def genz(row: Mapping[str, str]) -> float:
    """Milliseconds a token, by `decode_moddeling`."""
    from GenZ import decode_moddeling  # type: ignore[import-not-found]

    found = decode_moddeling(
        model=NAMES[row["model"]].replace("Meta-Llama", "Llama"),
        batch_size=int(row["batch"]),
        Bb=1,
        input_tokens=int(row["input"]),
        output_tokens=int(row["output"]) // 2,
        system_name={**SHEETS[row["machine"]], "real_values": True},
        bits={"bf16": "bf16", "fp8": "fp8", "nvfp4": "int4"}[row["type"]],
        tensor_parallel=int(row["tp"]),
        parallelism_heirarchy=f"TP{{{row['tp']}}}_EP{{1}}_PP{{1}}",
        model_profilling=False,
    )
    return found["Latency"]


PEERS: Mapping[str, tuple[Callable[[Mapping[str, str]], float], str]] = {
    "aiconfigurator": (aiconfigurator, "aiconfigurator"),
    "genz": (genz, "genz-llm"),
}


def main() -> None:
    """Write the table of one of them."""
    name = sys.argv[1]
    ask, package = PEERS[name]
    with (DATA / "gpu_decode.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["set"] == "low batch"]
    with (DATA / f"peers_{name}.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("id", "milliseconds", "version"))
        for row in rows:
            writer.writerow((row["id"], f"{ask(row):.4f}", version(package)))
            file.flush()


if __name__ == "__main__":
    main()
