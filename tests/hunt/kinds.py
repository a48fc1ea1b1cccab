"""The kinds of what comes from outside: valid inputs of each, how they are changed, and what reads them."""

from __future__ import annotations

import json
import shlex
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from judged import JUDGED, Hunted
from mutants import Mutants
from mutations import JSON_MUTATIONS, NUMBERS, TEXT_MUTATIONS, Mutation, mutated, splice
from reading import cost, scenario, space, tool
from watching import Ending, watched

ROOT = Path(__file__).parents[2]
SEEDS = ROOT / "tests/hunt/seeds"
MINI = str(ROOT / "examples/mini.kl")
LEVELS = ("nn", "kernel", "dataflow", "rdu")


@dataclass(frozen=True)
class Kind:
    """A kind of input."""

    name: str
    seeds: Callable[[], Sequence[bytes]]
    mutations: Sequence[Mutation]
    read: Callable[[Path], int]
    """Reads the file of an input; gives an exit code, or raises as tools do."""
    file: str
    """What the file is called."""
    is_named: bool = True
    """Whether messages name the file."""

    def input(self, seed: int) -> bytes:
        """The input of a seed."""
        return mutated(Random(f"{self.name} {seed}"), kept_seeds(self.name), self.mutations)

    def answer(self, seed: int) -> tuple[bytes, Ending]:
        """The input of a seed, and how the tool ends that reads it here."""
        path = Path(self.file)
        data = self.input(seed)
        path.write_bytes(data)
        return data, watched(lambda: self.read(path), self.file if self.is_named else "")


@cache
def kept_seeds(name: str) -> tuple[bytes, ...]:
    """The valid inputs of a kind, which may take a while to make."""
    kind = KINDS[name]
    return tuple(kind.seeds()) if isinstance(kind, Kind) else ()


def _files(*patterns: str) -> list[bytes]:
    found = [path for pattern in patterns for path in sorted(ROOT.glob(pattern))]
    return [path.read_bytes() for path in found]


def _models() -> list[bytes]:
    whole = _files("examples/mi[nx]*.kl", "examples/llama3_tiny.kl", "tests/imports/*.kl")
    return [*whole * 6, *_files("tests/bad_models/*.kl")]


def _compiled(*levels: str) -> list[bytes]:
    """What the smallest models are at some levels."""
    found: list[bytes] = []
    with TemporaryDirectory() as folder:
        for model, level in (
            (model, level) for model in (MINI, str(ROOT / "examples/mixture.kl")) for level in levels
        ):
            path = Path(folder, f"x.{'json' if level == 'program' else 'mlir'}")
            changes = ["--param", "layers=2"] if model == MINI else []
            assert tool(["compile", model, "--to", level, "-o", str(path), *changes]) == 0
            found.append(path.read_bytes())
    return found


def _modules() -> list[bytes]:
    wrong = _files("tests/bad_mlir/*.mlir", "tests/filecheck/dialects/rdu/*.mlir")
    return [*wrong, *_compiled(*LEVELS) * 6]


def _machines() -> list[bytes]:
    from kl.dialects.machine import SN40L

    lines = [f"{name} = {value}" for name, value in SN40L.items()]
    return ["\n".join(lines).encode(), *(f"{line}\n".encode() for line in lines)]


def machine_number(random: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    """One parameter with an extreme number."""
    lines = data.decode("utf-8", "replace").splitlines()
    place = random.randrange(len(lines)) if lines else 0
    name = lines[place].partition("=")[0] if lines else "pmus "
    power = str(random.choice((2, 10)) ** random.randrange(20))
    lines[place : place + 1] = [f"{name}= {random.choice((power, power, random.choice(NUMBERS)))}"]
    return "\n".join(lines).encode()


OPTIONS = (
    "time MINI --set pmus=4 --set pcus=4 --set clock_hz=1000000",
    "time MINI --param layers=2 --fusion op --no-loop --orchestration software",
    "time MINI --param layers=1e1 --sockets 8 --position 3",
    "compile MINI --to kernel -p outline-kernels --print-between-passes",
    "compare MINI --param layers=2 --json",
    "run MINI --param layers=2 --steps 2 --seed 3 --check",
    "time EXPERTS --experts uniform:3 --batch 2",
    "time EXPERTS --experts [[1,2],[3,4]]",
    "time MINI --window 10:2000 --trace - --steps 2 -O2",
    "show MINI --text --param layers=2",
    "import CONFIG --quantize i4 --param max_context=64 --ignore lm_head.*",
    "explore branin.json --budget 1 --jobs 1",
    "tune MINI --param layers=2 --budget 1 --cost area=2.5*pmus+pcus --explore pmus=4:64",
    "report study.db --name x --json",
    "examples mini",
)
"""Command lines, with stand-ins for files."""


LONGEST_WORD = 131_072
"""Bytes of an argument that Linux passes to a process."""


def _options(path: Path) -> int:
    text = path.read_bytes()[:LONGEST_WORD].decode("utf-8", "surrogateescape")
    try:
        words = shlex.split(text)
    except ValueError:
        words = text.split()
    if any(word.startswith(("-o", "--output", "--plots", "--storage", "new")) for word in words):
        return 0  # what writes is not let loose here
    if any(len(word.strip("-")) > 2 and word.isdecimal() for word in words) and "run" in words:
        return 0  # so many steps would be taken
    names = {
        "MINI": MINI,
        "EXPERTS": str(ROOT / "examples/mixture.kl"),
        "CONFIG": str(ROOT / "examples/qwen3_tiny.json"),
    }
    found = [names.get(word, word).replace("\0", "") for word in words]
    if found and found[0] in ("tune", "explore", "new", "completion"):
        found += ["--help"]
    return tool(found)


def _configs() -> list[bytes]:
    return _files("examples/qwen3_tiny.json", "tests/imports/*.json")


PARTS = {
    "one.safetensors": {
        "model.embed_tokens.weight": (32, 16),
        "model.norm.weight": (16,),
        "model.layers.0.input_layernorm.weight": (16,),
        "model.layers.0.post_attention_layernorm.weight": (16,),
        "model.layers.0.self_attn.q_proj.weight": (16, 16),
    },
    "two.safetensors": {
        "model.layers.0.self_attn.k_proj.weight": (8, 16),
        "model.layers.0.self_attn.v_proj.weight": (8, 16),
        "model.layers.0.self_attn.o_proj.weight": (16, 16),
        "model.layers.0.mlp.gate_proj.weight": (24, 16),
        "model.layers.0.mlp.up_proj.weight": (24, 16),
        "model.layers.0.mlp.down_proj.weight": (16, 24),
    },
}
"""The tensors of a small checkpoint, in the two files of its index."""


def _tensors(shapes: dict[str, tuple[int, ...]]) -> bytes:
    import numpy as np
    from checkpoint_files import contents

    return contents({name: np.zeros(shape, np.float32) for name, shape in shapes.items()})


def _checkpoints() -> list[bytes]:
    return [_tensors({**PARTS["one.safetensors"], **PARTS["two.safetensors"]}), _tensors({"x": (2, 3)})]


def checkpoint_header(random: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """A checkpoint with another header, of its right length or of a wrong one."""
    size = int.from_bytes(data[:8], "little")
    header, buffer = data[8 : 8 + min(size, len(data))], data[8 + min(size, len(data)) :]
    changed = mutated(random, [header], JSON_MUTATIONS)
    length = random.choice((len(changed),) * 8 + (0, 1, len(changed) + 1, 2**40, 2**63, 2**64 - 1))
    return length.to_bytes(8, "little") + changed + buffer


def _read_checkpoint(path: Path) -> int:
    given = ["heads=2", "kv_heads=1", "eps=1e-5", "theta=1e4", "context=64"]
    words = [word for one in given for word in ("--param", one)]
    return tool(["import", str(path), "--architecture", "llama", *words])


def _read_index(path: Path) -> int:
    for name, shapes in PARTS.items():
        path.with_name(name).write_bytes(_tensors(shapes))
    return _read_checkpoint(path)


def _indices() -> list[bytes]:
    names = dict.fromkeys(PARTS["one.safetensors"], "one.safetensors")
    names |= dict.fromkeys(PARTS["two.safetensors"], "two.safetensors")
    return [json.dumps({"metadata": {"total_size": 0}, "weight_map": names}).encode()]


def _scenarios() -> list[bytes]:
    return [data for data in _files("examples/explore/*.json") if len(data) < 20_000]


COSTS = (
    b"area = 2.5 * sram_bytes + hbm_bandwidth / 1e9",
    b"area = max(pmus, pcus) if pmus % 64 == 0 else abs(-pcus) // 3",
    b"area = log2(len((pmus, pcus))) + min([pmus, 3])[0]",
    b'area = "x" * 10000000000 * pmus',
    b"area = (1, 2) * pmus * pmus * pmus",
    b"area = pmus * 10 * pmus not in (pmus, 'a')",
)


def cost_size(random: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    """An expression many times as long, or as large."""
    name, _, text = data.partition(b"=")
    match random.randrange(3):
        case 0:
            text = random.choice((b"+", b"*", b" and ", b"<")).join(
                [b"(" + text + b")"] * random.choice((3, 99, 2000))
            )
        case 1:
            text = random.choice((b"not ", b"-", b"abs(", b"`")) * random.choice((3, 400, 5000)) + text
        case _:
            text += random.choice((b"*10**9", b"*9999999999", b"<<99999", b"[0]*99999999", b"*'x'", b".real"))
    return name + b"=" + text


def _spaces() -> list[bytes]:
    from kl.explore.parameters import Categorical, Condition, Integer, Ordinal, Permutation, Real
    from kl.explore.space import Space
    from kl.explore.store import save_space

    whole = Space(
        (
            Integer("n", 0, 9),
            Real("x", 0.0, 1.0),
            Ordinal("o", (1, 2, 8)),
            Categorical("c", ("a", "b"), when=Condition("o", (1, 2))),
            Permutation("p", 3),
        ),
        ("n % 2 == 0", "x * n < 5", "c == 'a'"),
    )
    return [save_space(whole).encode(), save_space(Space((Integer("n", 0, 9),))).encode()]


def _database() -> list[bytes]:
    with TemporaryDirectory() as folder:
        path = Path(folder, "s.db")
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript((SEEDS / "study.sql").read_text())
        return [path.read_bytes()]


def database_text(random: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    """A database with some of its texts changed in place, so that it stays one."""
    found = bytearray(data)
    places = [at for at in range(len(data)) if data[at] in b'{}[]":0123456789.']
    for _ in range(random.choice((1, 3, 20)) if places else 0):
        found[random.choice(places)] = random.choice(b'{}[]":0129.-eNx')
    return bytes(found)


KINDS: Mapping[str, Hunted] = {
    kind.name: kind
    for kind in (
        Mutants(),
        *JUDGED,
        Kind("model", _models, TEXT_MUTATIONS, lambda path: tool(["time", str(path)]), "m.kl"),
        Kind("module", _modules, TEXT_MUTATIONS, lambda path: tool(["time", str(path)]), "m.mlir"),
        Kind(
            "program",
            lambda: _compiled("program"),
            JSON_MUTATIONS,
            lambda path: tool(["time", str(path)]),
            "p.json",
        ),
        Kind(
            "machine",
            _machines,
            (*TEXT_MUTATIONS, *(machine_number,) * 10),
            lambda path: tool(["time", MINI, "--param", "layers=2", "--machine", str(path)]),
            "m.toml",
            is_named=False,
        ),
        Kind(
            "options",
            lambda: [line.encode() for line in OPTIONS],
            TEXT_MUTATIONS,
            _options,
            "options.txt",
            is_named=False,
        ),
        Kind("config", _configs, JSON_MUTATIONS, lambda path: tool(["import", str(path)]), "config.json"),
        Kind(
            "checkpoint",
            _checkpoints,
            (*TEXT_MUTATIONS[:2], *(checkpoint_header,) * 6),
            _read_checkpoint,
            "w.safetensors",
        ),
        Kind("index", _indices, JSON_MUTATIONS, _read_index, "w.safetensors.index.json"),
        Kind("scenario", _scenarios, JSON_MUTATIONS, scenario, "s.json", is_named=False),
        Kind(
            "cost", lambda: COSTS, (*TEXT_MUTATIONS, cost_size, cost_size), cost, "cost.txt", is_named=False
        ),
        Kind("space", _spaces, JSON_MUTATIONS, space, "space.json", is_named=False),
        Kind(
            "journal",
            lambda: [(SEEDS / "study.journal").read_bytes()],
            (*TEXT_MUTATIONS, splice),
            lambda path: tool(["report", str(path), "--json"]),
            "s.journal",
        ),
        Kind(
            "database",
            _database,
            (*(database_text,) * 6, *TEXT_MUTATIONS[:2]),
            lambda path: tool(["report", str(path), "--json"]),
            "s.db",
        ),
    )
}
"""All kinds by their names."""
