"""Do two checkouts print the same? For changes that must not change a number, a message or an exit code.

Run from the repository root: `.venv/bin/python benchmarks/same_output.py OLD NEW`. Each of the two is a
checkout with its own `.venv`, or the path of a `kl` (with a `kl-opt` beside it). Both get the same commands
on the same files, those of the checkout this script is in, and the lines in which stdout, stderr or the
exit code differ are printed; the exit code is 1 if any do. It takes about seven minutes on two cores.
Groups of cases (`--only REGEX` selects by name, `--list` shows the names):

- `time`: every example on 1, 8 and 16 sockets, in every variant (but `ONLY_ON`), each stage and layer of
  it. A model that the sockets cannot hold is no exception: both must say so in the same words.
- `compare`: one small, one middle and one large example; the others would repeat what `time` says of each
  variant.
- `run`: the tiny models in numbers, against the reference.
- `saved`: programs that OLD has saved, whole and damaged, in both.
- `options`: wrong usage, wrong machines, wrong parameters.
- `models`, `mlir`: the texts of `tests/bad_models` and `tests/bad_mlir`.
- `opt`: the RUN lines of the FileCheck files up to the kernel level. Left out are the levels below: tests
  say what is right there, and `time` and `run` what comes out of them.
"""

from __future__ import annotations

import argparse
import difflib
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = sorted(path.stem for path in (ROOT / "examples").glob("*.kl"))
SOCKETS = (1, 8, 16)
DETAILS = "--json --per-layer --per-stage"
VARIANTS = {
    "unfused": "--fusion op --no-loop",
    "block": "--fusion block",
    "fused": "--no-loop",
    "looped": "",
    "stepped": "--steps-per-call 8",
    "resident": "--resident",
    "spill": "--spill",
}
ONLY_ON = {"block": ("llama3_8b",), "spill": ("llama3_8b", "llama3_70b", "llama3_405b")}
"""Half-layers are another cut of the same stages, and what fits does not spill: these models show the two."""
COMPARED = ("llama3_tiny", "llama3_8b", "llama3_405b")
RUN_IN_NUMBERS = {
    "llama3_tiny": ("", "--sockets 4", "--no-loop", "--fusion op", "--steps-per-call 3", "--resident"),
    "mini": ("", "--sockets 2", "--fusion op --no-loop"),
}
TINY = "examples/llama3_tiny.kl"
WRONG_OPTIONS = (
    "",
    "nothing",
    "time",
    "time examples/missing.kl",
    "time examples",
    "time README.md",
    f"time {TINY} --sockets 0",
    f"time {TINY} --sockets many",
    f"time {TINY} --sockets 8192",
    f"time {TINY} --fusion everything",
    f"time {TINY} --steps-per-call 0",
    f"time {TINY} --position 100000",
    f"time {TINY} --position -1",
    f"time {TINY} --param layers",
    f"time {TINY} --param layers=none",
    f"time {TINY} --param layers=-1",
    f"time {TINY} --param depth=3",
    f"time {TINY} --set hbm_bandwidth",
    f"time {TINY} --set hbm_bandwidth=fast",
    f"time {TINY} --set hbm_bandwidth=0",
    f"time {TINY} --set bandwidth_of_hbm=3",
    f"time {TINY} --set pcus=1",
    f"time {TINY} --set pmus=1",
    f"time {TINY} --set hbm_bytes=1000",
    f"time {TINY} --machine missing.toml",
    f"time {TINY} --machine README.md",
    f"time {TINY} --orchestration nobody",
    f"time {TINY} --pipeline nothing",
    f"time {TINY} --pipeline outline-kernels",
    f"time {TINY} --pipeline outline-kernels{{granularity=big}}",
    f"time {TINY} --pipeline outline-kernels{{size=big}}",
    f"time {TINY} --pipeline outline-kernels --fusion op",
    f"time {TINY} --trace-iterations 0",
    f"time {TINY} --trace missing/trace.json",
    "time examples/mini.kl --steps-per-call 4",
    f"compare {TINY} --steps-per-call 1",
    f"compare {TINY} --set hbm_bytes=1000",
    f"compile {TINY} --to nowhere",
    f"compile {TINY} --to nn --memory",
    f"compile {TINY} --to rdu --memory",
    f"compile {TINY} -o missing/out.mlir",
    "compile examples/llama3_405b.kl --to rdu",
    f"run {TINY} --steps 0",
    f"run {TINY} --steps 100000",
    f"run {TINY} --weights missing.safetensors",
    f"run {TINY} --weights README.md",
    f"run {TINY} --seed zero",
    f"tune {TINY} --budget 0",
    f"tune {TINY} --budget 1 --objectives beauty",
    "report missing.db",
    "explore missing.json",
    "explore examples/explore/branin.json --function missing.py:branin --budget 1",
)
OPT_FILES = (
    *("dialects/nn", "dialects/collective", "dialects/kernel", "frontends"),
    *("passes/shard-tensors", "passes/outline-kernels", "passes/merge-identical", "passes/loop-"),
)
RUN_LINE = re.compile(r"^\s*//\s*RUN:\s*(?:not\s+)?((?:kl|kl-opt) [^|\n]*)", re.MULTILINE)
TIMEOUT_SECONDS = 600


@dataclass(frozen=True)
class Case:
    """A command line that both checkouts run."""

    name: str
    """Its group, a slash, and what distinguishes it there."""
    tool: str
    """`kl` or `kl-opt`."""
    arguments: tuple[str, ...]


def command(group: str, line: str, tool: str = "kl") -> Case:
    """The case of a command line, named after it."""
    return Case(f"{group}/{line}", tool, tuple(shlex.split(line)))


def timed() -> Iterator[Case]:
    """Every example, number of sockets and variant."""
    for model in EXAMPLES:
        for sockets in SOCKETS:
            for variant, options in VARIANTS.items():
                if model in ONLY_ON.get(variant, EXAMPLES):
                    line = f"time examples/{model}.kl --sockets {sockets} {options} {DETAILS}"
                    yield Case(f"time/{model} {sockets} {variant}", "kl", tuple(line.split()))


def compared() -> Iterator[Case]:
    """The table of variants, as JSON; for one model as people see it."""
    for model in COMPARED:
        for sockets in SOCKETS:
            yield command("compare", f"compare examples/{model}.kl --sockets {sockets} --json")
    yield command("compare", "compare examples/llama3_8b.kl")
    yield command("compare", "time examples/llama3_8b.kl --per-layer --per-stage")


def run_in_numbers() -> Iterator[Case]:
    """The models small enough for it, checked against the reference."""
    for model, variants in RUN_IN_NUMBERS.items():
        for options in variants:
            yield command("run", f"run examples/{model}.kl --steps 3 --check --json {options}".rstrip())


def bad_texts() -> Iterator[Case]:
    """Models and IR with one mistake each."""
    for path in sorted((ROOT / "tests/bad_models").glob("*.kl")):
        yield command("models", f"compile {path.relative_to(ROOT)} --to nn")
    for path in sorted((ROOT / "tests/bad_mlir").glob("*.mlir")):
        yield command("mlir", f"{path.relative_to(ROOT)}", "kl-opt")


def filecheck_commands() -> Iterator[Case]:
    """The first command of each RUN line that stays above the dataflow level."""
    folder = ROOT / "tests/filecheck"
    for path in sorted(folder.rglob("*.*")):
        inside = path.relative_to(folder).as_posix()
        if inside.startswith(OPT_FILES) and path.suffix in (".mlir", ".kl"):
            for line in RUN_LINE.findall(path.read_text(encoding="utf-8")):
                if not re.search("dataflow|rdu|%t", line):
                    line = line.replace("2>&1", "").replace("%s", str(path.relative_to(ROOT)))
                    tool, arguments = line.split(maxsplit=1)
                    yield command("opt", arguments.strip(), tool)


def saved(kl: Path, folder: Path) -> Iterator[Case]:
    """A program that this `kl` saves into the folder, and damaged copies of it, to be timed and run."""
    whole = folder / "saved.json"
    output = run(kl, Case("", "kl", ("compile", TINY, "--to", "program", "-o", str(whole))))
    if not whole.exists():
        sys.exit(f"same_output.py: error: the old kl saves no program:\n{output}")
    text = whole.read_text(encoding="utf-8")
    document = json.loads(text)
    damaged = {
        f"without {key}": json.dumps({k: document[k] for k in document if k != key}) for key in document
    }
    damaged |= {f"no {key}": json.dumps(document | {key: None}) for key in document}
    damaged |= {"of version 99": json.dumps(document | {"version": 99})}
    damaged |= {"no object": "[]", "empty": "", "cut off": text[: len(text) // 2]}
    for what, damage in damaged.items():
        path = folder / f"{what.replace(' ', '-')}.json"
        path.write_text(damage, encoding="utf-8")
        yield Case(f"saved/{what}", "kl", ("time", str(path)))
    yield Case("saved/time", "kl", ("time", str(whole), "--json"))
    yield Case("saved/run", "kl", ("run", str(whole), "--steps", "2", "--json"))


def all_cases(old: Path, folder: Path) -> list[Case]:
    """Every case; files that a case reads are written into the folder."""
    usage = [command("options", line) for line in WRONG_OPTIONS]
    cases = [*timed(), *compared(), *run_in_numbers(), *saved(old, folder), *usage]
    return list(dict.fromkeys([*cases, *bad_texts(), *filecheck_commands()]))


def find_kl(path: Path) -> Path:
    """The `kl` that a command-line argument means."""
    kl = path.absolute() / ".venv/bin/kl" if path.is_dir() else path.absolute()
    if not kl.is_file():
        sys.exit(
            f"same_output.py: error: {kl} does not exist; give a checkout after `make demo` there, or a kl"
        )
    return kl


def run(kl: Path, case: Case) -> str:
    """What the case prints, and its exit code, in one text."""
    tool = str(kl.with_name(case.tool))
    environment = {name: value for name, value in os.environ.items() if name != "KL_DEBUG"}
    environment |= {"NO_COLOR": "1", "COLUMNS": "120", "KL_CACHE": "0"}
    try:
        done = subprocess.run(
            [tool, *case.arguments],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return f"no end after {TIMEOUT_SECONDS} s\n"
    return f"{done.stdout}\n[stderr]\n{done.stderr}\n[exit code] {done.returncode}\n"


def difference(old: str, new: str, lines: int) -> str:
    """A unified diff of two outputs without its header, cut after so many lines."""
    diff = list(difflib.unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=1))[2:]
    more = [f"… {len(diff) - lines} more lines"] if len(diff) > lines else []
    return "\n".join(f"    {line}" for line in [*diff[:lines], *more])


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Compare the outputs of two checkouts.")
    parser.add_argument("old", type=Path, help="a checkout with .venv, or a kl")
    parser.add_argument("new", type=Path, help="a checkout with .venv, or a kl")
    parser.add_argument("--only", type=re.compile, default=re.compile(""), metavar="REGEX")
    parser.add_argument("-j", "--jobs", type=int, default=2, help="cases at a time (default: 2)")
    parser.add_argument("--lines", type=int, default=20, help="lines shown of a difference (default: 20)")
    parser.add_argument("--list", action="store_true", help="print the names of the cases, run none")
    return parser.parse_args()


def main() -> int:
    """Run the cases in both; 1 if any differ."""
    options = parse_arguments()
    old, new = find_kl(options.old), find_kl(options.new)
    counts: Counter[tuple[str, bool]] = Counter()
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(options.jobs) as pool:
        cases = [case for case in all_cases(old, Path(folder)) if options.only.search(case.name)]
        if options.list:
            print(*(case.name for case in cases), sep="\n")
            return 0
        pairs = pool.map(lambda case: (run(old, case), run(new, case)), cases)
        for case, outputs in zip(cases, pairs, strict=True):
            counts[case.name.split("/")[0], outputs[0] == outputs[1]] += 1
            if outputs[0] != outputs[1]:
                print(f"{case.name}\n{difference(*outputs, options.lines)}", flush=True)
    for group in dict.fromkeys(group for group, _ in counts):
        print(f"{group:8} {counts[group, True]:4} equal {counts[group, False]:4} different")
    different = sum(count for (_, equal), count in counts.items() if not equal)
    print(f"{'all':8} {counts.total() - different:4} equal {different:4} different")
    return int(different > 0)


if __name__ == "__main__":
    sys.exit(main())
