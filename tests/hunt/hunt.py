"""Hunts for inputs that end `kl` in anything but an answer or a message.

Run from the repository root: `.venv/bin/python tests/hunt/hunt.py --seconds 3600`, or `make hunt
SECONDS=3600`. All kinds of inputs take turns (`kinds.py`). A seed of a kind always gives one input. Where
a hunt was stopped it goes on, as `build/hunt/state.json` has the next seed of each kind; `--seed` begins
elsewhere. Findings are printed with their seeds, and the first inputs of each are kept in `build/hunt/`. Exit
code 1 means that there are any.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing import connection, get_context
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
for folder in ("tests/hunt", "tests/unit"):
    sys.path.insert(0, str(ROOT / folder))
os.environ["KL_CACHE"] = "0"

KEPT = ROOT / "build/hunt"
WALL_SECONDS = 120.0
"""Of a clock, until the process of an input is ended from outside."""
SHOWN_SEEDS = 8
ROUND = 10
"""Inputs of a kind before it is the turn of the next."""


@dataclass
class Tally:
    """What came of the inputs of a kind."""

    inputs: int = 0
    accepted: int = 0
    seconds: float = 0.0
    found: dict[str, list[int]] = field(default_factory=dict[str, list[int]])
    """The seeds of what is wrong, by what it is."""
    verdicts: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    """How many inputs have a verdict, by it and by what was changed."""


@dataclass(frozen=True)
class Answer:
    """What a process says of an input."""

    kind: str
    seed: int
    code: int | None
    wrong: str
    detail: str
    seconds: float
    data: bytes = b""
    """The input, where something is wrong."""
    verdict: str = ""
    """Who refuses it or what it is, where a kind is judged by more than how a tool ends."""
    fields: tuple[str, ...] = ()
    """What was changed, likewise."""


def answer(kind: str, seed: int) -> Answer:
    """Make an input and run it here."""
    from kinds import KINDS

    start = time.perf_counter()
    data, ending = KINDS[kind].answer(seed)
    return Answer(
        kind,
        seed,
        ending.code,
        ending.wrong,
        ending.detail,
        time.perf_counter() - start,
        data * bool(ending.wrong),
        ending.verdict,
        ending.fields,
    )


def work(pipe: Any) -> None:
    """Answer what comes through a pipe, each in a folder of its own, until it is closed."""
    from tempfile import TemporaryDirectory

    from kinds import kept_seeds
    from watching import warm

    warm()
    while (asked := pipe.recv()) is not None:
        kept_seeds(asked[0])
        with TemporaryDirectory() as folder:
            os.chdir(folder)
            pipe.send(answer(*asked))
            os.chdir("/")


class Worker:
    """A process that answers; a new one where it has ended."""

    def __init__(self) -> None:
        self._start()

    def _start(self) -> None:
        self.pipe, there = get_context("spawn").Pipe()
        self._process = get_context("spawn").Process(target=work, args=(there,), daemon=True)
        self._process.start()
        there.close()
        self.asked: tuple[str, int] | None = None
        self.since = 0.0

    def ask(self, kind: str, seed: int) -> None:
        """Hand out an input."""
        self.asked, self.since = (kind, seed), time.monotonic()
        self.pipe.send(self.asked)

    def receive(self) -> Answer:
        """What came of it; its end is an answer, too."""
        assert self.asked is not None
        try:
            found = self.pipe.recv()
        except (EOFError, OSError):  # it has ended, perhaps amid its answer
            self._process.join()
            found = Answer(*self.asked, None, f"the process ended in {self._process.exitcode}", "", 0.0)
            self._start()
        self.asked = None
        return found

    def end(self) -> Answer:
        """End it, as it does not answer."""
        assert self.asked is not None
        kind, seed = self.asked
        self._process.kill()
        self._process.join()
        self._start()
        return Answer(kind, seed, None, "no answer", "", WALL_SECONDS)

    def stop(self) -> None:
        """No more is asked."""
        self._process.kill()
        self._process.join()


def answers(asked: Iterator[tuple[str, int]], jobs: int) -> Iterator[Answer]:
    """What comes of inputs, in the order in which they end."""
    workers = [Worker() for _ in range(jobs)]
    try:
        while True:
            for worker in workers:
                if worker.asked is None and (one := next(asked, None)) is not None:
                    worker.ask(*one)
            busy = [worker for worker in workers if worker.asked is not None]
            if not busy:
                return
            ready = connection.wait([worker.pipe for worker in busy], 1.0)
            for worker in busy:
                if worker.pipe in ready:
                    yield worker.receive()
                elif time.monotonic() - worker.since > WALL_SECONDS:
                    yield worker.end()
    finally:
        for worker in workers:
            worker.stop()


def turns(
    kinds: Sequence[str], begin: dict[str, int], end: float, count: int | None
) -> Iterator[tuple[str, int]]:
    """Kinds and seeds, until the time is over or each kind has had its count; `begin` goes on."""
    done: Counter[str] = Counter()
    while any(count is None or done[kind] < count for kind in kinds):
        for kind in kinds:
            for _ in range(ROUND):
                if time.monotonic() > end or (count is not None and done[kind] >= count):
                    break
                yield kind, begin[kind]
                begin[kind] += 1
                done[kind] += 1
        if time.monotonic() > end:
            return


def keep(found: Answer) -> None:
    """Keep the input of a finding, and what it has shown."""
    from kinds import KINDS

    KEPT.mkdir(parents=True, exist_ok=True)
    path = KEPT / f"{found.kind}-{found.seed}-{KINDS[found.kind].file}"
    path.write_bytes(found.data or KINDS[found.kind].input(found.seed))
    path.with_name(f"{found.kind}-{found.seed}.txt").write_text(
        f"{found.wrong}\n{found.detail}\n", encoding="utf-8", errors="backslashreplace"
    )


def add(tally: Tally, found: Answer) -> None:
    """Count an answer; say it and keep its input where it is the first of its likeness."""
    tally.inputs += 1
    tally.accepted += found.code == 0
    tally.seconds += found.seconds
    if found.verdict:
        tally.verdicts[found.verdict, " + ".join(found.fields)] += 1
    if not found.wrong:
        return
    seeds = tally.found.setdefault(found.wrong, [])
    seeds.append(found.seed)
    if len(seeds) <= 2:
        keep(found)
        last = found.detail.strip().splitlines()[-1:] or [""]
        print(f"{found.kind} {found.seed}: {found.wrong}: {last[0][:200]!a}", flush=True)


def hunt(
    kinds: Sequence[str], begin: dict[str, int], seconds: float, jobs: int, count: int | None
) -> dict[str, Tally]:
    """Hunt for a while; `begin` has the next seeds afterwards."""
    tallies = {kind: Tally() for kind in kinds}
    for found in answers(turns(kinds, begin, time.monotonic() + seconds, count), jobs):
        add(tallies[found.kind], found)
    return tallies


def print_tallies(tallies: dict[str, Tally], begin: dict[str, int], seconds: float) -> None:
    """How many inputs of each kind there were, and the findings."""
    print(f"{'kind':12} {'inputs':>8} {'accepted':>8} {'findings':>8} {'per s':>7}  next seed")
    for kind, tally in tallies.items():
        number, rate = sum(map(len, tally.found.values())), tally.inputs / max(tally.seconds, 1e-9)
        print(f"{kind:12} {tally.inputs:8} {tally.accepted:8} {number:8} {rate:7.1f}  {begin[kind]}")
    inputs = sum(tally.inputs for tally in tallies.values())
    print(f"{inputs} inputs in {seconds:.0f} s, {inputs / max(seconds, 1e-9):.1f} per second")
    for kind, tally in tallies.items():
        for wrong, seeds in sorted(tally.found.items()):
            shown = ", ".join(map(str, seeds[:SHOWN_SEEDS])) + (", …" if len(seeds) > SHOWN_SEEDS else "")
            print(f"{kind}: {wrong}, {len(seeds)} inputs, seeds {shown}")


def main() -> int:
    """Hunt and print; 1 if there are findings."""
    from kinds import KINDS
    from verdicts import add as add_verdicts
    from verdicts import table

    parser = argparse.ArgumentParser(
        description="hunt for inputs that end kl in anything but an answer or a message"
    )
    parser.add_argument("--seconds", type=float, default=60.0, help="how long (default: 60)")
    parser.add_argument("--count", type=int, help="inputs of each kind at most")
    parser.add_argument(
        "--seed", type=int, help="the first of each kind (default: where the last hunt ended)"
    )
    parser.add_argument("--jobs", type=int, default=2, help="processes (default: 2)")
    parser.add_argument("--kinds", default=",".join(KINDS), help="some of them (default: all)")
    given = parser.parse_args()
    state = KEPT / "state.json"
    known = json.loads(state.read_text()) if state.is_file() else {}
    begin = {kind: known.get(kind, 0) if given.seed is None else given.seed for kind in KINDS}
    start = time.monotonic()
    tallies = hunt(given.kinds.split(","), begin, given.seconds, given.jobs, given.count)
    print_tallies(tallies, begin, time.monotonic() - start)
    verdicts = {kind: tally.verdicts for kind, tally in tallies.items() if tally.verdicts}
    for counts in add_verdicts(KEPT / "verdicts.json", verdicts, anew=given.seed is not None).values():
        print(*table(counts), sep="\n")
    KEPT.mkdir(parents=True, exist_ok=True)
    state.write_text(json.dumps(begin))
    return int(any(tally.found for tally in tallies.values()))


if __name__ == "__main__":
    raise SystemExit(main())
