"""Tables of what becomes of programs that were changed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

Counts = Counter[tuple[str, str]]
"""How many inputs have a verdict, by it and by the fields that were changed."""


def table(counts: Counts) -> Iterator[str]:
    """The counts by verdict, and by field of what neither a check nor timing refuses."""
    by_verdict: Counter[str] = Counter()
    for (verdict, _), count in counts.items():
        by_verdict[verdict] += count
    yield f"{by_verdict.total()} mutants"
    for verdict, count in sorted(by_verdict.items(), key=lambda one: (one[0].partition(":")[0], -one[1])):
        yield f"{count:8}  {verdict}"
    for verdict in sorted(by_verdict):
        if not verdict.startswith(("static", "timing", "weights", "same", "slower")):
            yield f"{verdict}: {by_verdict[verdict]}"
            fields = [(count, field) for (one, field), count in counts.items() if one == verdict]
            yield from (f"{count:8}  {field}" for count, field in sorted(fields, reverse=True))


def add(path: Path, verdicts: Mapping[str, Counts], *, anew: bool) -> dict[str, Counts]:
    """Add counts by kind to those of a file, or begin it anew; gives all."""
    known = {} if anew or not path.is_file() else json.loads(path.read_text())
    found = {kind: Counter({(a, b): n for a, b, n in entries}) for kind, entries in known.items()}
    for kind, counts in verdicts.items():
        found[kind] = found.get(kind, Counter()) + counts
    rows = {kind: [[a, b, n] for (a, b), n in counts.items()] for kind, counts in found.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(rows))
    return found
