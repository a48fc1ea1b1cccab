"""The measured GPU points of `benchmarks/data/gpu_decode.csv`, out of a wheel that the project does not need.

    pip download --no-deps aiconfigurator-core==0.12.0
    .venv/bin/python benchmarks/accuracy_extract.py aiconfigurator_core-0.12.0-*.whl

Source: `silicon_sample.csv` of aiconfigurator-core 0.12.0 (Apache-2.0).

Taken are all dense models at batches of at most 8, served from one pool (`agg`). `set` is `low batch` for the
31 rows whose error has a bar (Llama-3.1-8B in bf16, 1024 tokens in and 512 out; Llama-3.1-70B in fp8 and fp4
at batch 4, 1024 in and 8192 out), else `others`.
"""

from __future__ import annotations

import csv
import io
import sys
import zipfile
from pathlib import Path

WHEEL_FILE = "aiconfigurator_core/systems/silicon_sample.csv"
TABLE = Path(__file__).parent / "data/gpu_decode.csv"
DENSE = {
    "meta-llama/Llama-3.1-8B-Instruct": "llama3_8b",
    "meta-llama/Llama-3.1-70B": "llama3_70b",
    "Qwen/Qwen3-32B": "qwen3_32b",
}
TYPES = {"": "bf16", "fp8": "fp8", "fp4": "nvfp4"}
FIELDS = (
    "id", "set", "group", "machine", "backend", "model", "type", "batch", "input", "output", "tp",
    "milliseconds",
)  # fmt: skip
MOST_BATCH = 8


def is_low_batch(row: dict[str, str]) -> bool:
    """Whether it is one of the 31 rows with a bar."""
    lengths = (row["isl"], row["osl"], row["batch_size"])
    small = row["model_path"].endswith("8B-Instruct") and lengths == ("1024", "512", "8")
    return small or (row["model_path"].endswith("70B") and lengths == ("1024", "8192", "4"))


def points(text: str) -> list[dict[str, str]]:
    """The rows of our table, in the order of the wheel's."""
    rows = csv.DictReader(io.StringIO(text))
    return [
        {
            "id": row["id"],
            "set": "low batch" if is_low_batch(row) else "others",
            "group": row["system"].split("_")[0],
            "machine": row["system"].removesuffix("_sxm"),
            "backend": row["backend"],
            "model": DENSE[row["model_path"]],
            "type": TYPES[row["precision"]],
            "batch": row["batch_size"],
            "input": row["isl"],
            "output": row["osl"],
            "tp": row["tp_size"],
            "milliseconds": f"{float(row['silicon_tpot_ms']):.4f}",
        }
        for row in rows
        if row["model_path"] in DENSE and row["mode"] == "agg" and 0 < int(row["batch_size"]) <= MOST_BATCH
    ]


def main() -> None:
    """Write the table."""
    with zipfile.ZipFile(sys.argv[1]) as wheel:
        found = points(wheel.read(WHEEL_FILE).decode())
    with TABLE.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(found)
    print(f"{len(found)} rows, {sum(row['set'] == 'low batch' for row in found)} of low batch")


if __name__ == "__main__":
    main()
