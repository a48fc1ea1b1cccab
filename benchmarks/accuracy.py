"""How accurate `kl` is: every measured or published point beside ours, and `docs/accuracy.md` made of them.

Run from the repository root, or as `make accuracy`, which makes all of it anew:

    .venv/bin/python benchmarks/accuracy.py --compile --fit --markdown

Without options all is printed. `--compile` compiles the steps of the GPU points anew, `--fit` fits their
constants, and `--markdown` writes the tables into the page; `--rows` prints the points that have no bar, too.
Some minutes of it are claims about the SN40L, each timed again with the constants moved that it leans on.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import groupby
from pathlib import Path

import accuracy_claims as claims
import accuracy_gpu as gpu
import accuracy_judge as judge
import accuracy_sn40l as sn40l
from accuracy_points import COLUMNS, Point, table

from kl.backends.calibration import SUMMARY_COLUMNS, Summary
from kl.dialects.machine import SN40L

PAGE = Path(__file__).parents[1] / "docs/accuracy.md"
PEERS = {"aiconfigurator": "AIConfigurator 0.12.0", "genz": "GenZ 0.0.16"}
GENERATIONS = ("h100", "h200", "b200")


def claim_rows() -> dict[str, list[Point]]:
    """Published claims: inputs, points, ranges."""
    return {
        "inputs": list(claims.counts()),
        "points": list(claims.points()),
        "ranges": list(claims.ranges()),
    }


def glance(found: Mapping[str, list[Point]]) -> str:
    """The errors of all sets, point rows first."""
    fits = gpu.kept()
    fitted = str(len(gpu.constants()))
    points = [one for one in found["points"] if one.role == "held out"]
    held = [sn40l.held_out(model) for model in sn40l.MODELS]
    sets: list[tuple[str, str, Summary]] = [
        ("SN40L, requests of 3 models, each held out, **fused**", "1", Summary.of(o.error for o in held)),
        ("the same, looped", "1", Summary.of(o.looped_error or 0.0 for o in held)),
        ("GPUs, 31 points, a generation held out", fitted, _summary(held_out=True)),
        ("GPUs, 31 points, in sample", fitted, _summary(held_out=False)),
        ("GPUs, with one point of the new generation", fitted, _one_point(fits)),
        *((f"GPUs, 31 points, {name}", "-", _peer(key)) for key, name in PEERS.items()),
        ("GPUs, other rows at batch <= 8, no bar", fitted, Summary.of(e for _, e in others())),
        ("published claims of one number, held out", "3", Summary.of(one.error for one in points)),
    ]
    rows = [(name, count, *summary.cells) for name, count, summary in sets]
    inside = sum(one.is_inside for one in found["ranges"])
    text = table(("set", "constants fitted", *SUMMARY_COLUMNS), rows)
    return f"{text}\nOf {len(found['ranges'])} published ranges ours is inside {inside}.\n"


def _summary(*, held_out: bool) -> Summary:
    return Summary.of(gpu.kept().errors(held_out=held_out).values())


def _one_point(fits: gpu.Fits) -> Summary:
    """Each point by the mean size of its errors, over the points that may be known."""
    return Summary.of(error for errors in fits.one_point.values() for error in gpu.by_point(errors))


def _peer(name: str) -> Summary:
    return Summary.of(gpu.peer(name).values())


def requests(_: object = None) -> str:
    """The SN40L's requests, and both fits."""
    rows: list[tuple[str, ...]] = []
    for model in sn40l.MODELS:
        measured, (_c, _a, scatter) = sn40l.measured(model), sn40l.line(sn40l.requests()[model])
        for name, one in (
            ("delay fitted, efficiency 0.92", sn40l.held_out(model)),
            ("both fitted", sn40l.held_out(model, free=True)),
            ("as the machine is", sn40l.as_it_is(model)),
        ):
            looped = (
                ("-", "-") if one.looped is None else (f"{one.looped:.3f}", f"{one.looped_error or 0:+.1%}")
            )
            constants = f"{one.execute_ns / 1e3:.2f}", f"{one.permille / 1e3:.3f}"
            fused = f"{one.fused:.3f}", f"{one.error:+.2%}"
            rows.append((model, name, *constants, f"{measured:.3f}", f"{scatter:.1%}", *fused, *looped))
    columns = (
        "model", "constants of the other two", "delay us", "efficiency", "measured ms", "scatter", "fused ms",
        "error", "looped ms", "error",
    )  # fmt: skip
    delay, free = sn40l.fit(sn40l.MODELS, free=False), sn40l.fit(sn40l.MODELS, free=True)
    return (
        f"{table(columns, rows)}\nFitted to all three: a delay of {delay[0] / 1e3:.2f} us; with both free "
        f"{free[0] / 1e3:.2f} us and {free[1] / 1e3:.3f}. The machine has "
        f"{SN40L.execute_ns / 1e3:.2f} us and {SN40L.hbm_efficiency_permille / 1e3:.3f}.\n"
    )


def gpu_rows(_: object = None) -> str:
    """The 31 points."""
    fits = gpu.kept()
    unseen, seen = fits.errors(held_out=True), fits.errors(held_out=False)
    kept = [row for row in gpu.rows() if row.set == gpu.LOW_BATCH]
    rows = [
        (
            row.label,
            f"{row.milliseconds:.2f}",
            f"{row.milliseconds * (1 + unseen[row.id]):.2f}",
            f"{unseen[row.id]:+.1%}",
            f"{seen[row.id]:+.1%}",
            *(f"{gpu.peer(name)[row.id]:+.1%}" for name in PEERS),
        )
        for row in sorted(kept, key=lambda row: GENERATIONS.index(row.group))
    ]
    return table(("point", "measured ms", "ours, held out", "error", "in sample", *PEERS.values()), rows)


def constants(_: object = None) -> str:
    """What is fitted, for each generation that is held out, with priors and sources."""
    fits = gpu.kept()
    rows = [
        (
            one.name,
            f"{one.prior:.4g}, factor {one.factor:g}",
            *(f"{fits.held_out[group][one.name]:.4g}" for group in GENERATIONS),
            f"{fits.in_sample[one.name]:.4g}",
            one.source,
        )
        for one in gpu.constants()
    ]
    columns = ("constant", "prior", *(f"without {g.upper()}" for g in GENERATIONS), "fitted to all", "source")
    groups = {
        group: Summary.of(fits.error(one) for one in gpu.low_batch() if one.group == group)
        for group in GENERATIONS
    }
    errors = [
        (group.upper(), *summary.cells, f"{Summary.of(fits.one_point[group]).mean:.1%}")
        for group, summary in groups.items()
    ]
    known = ("generation", *SUMMARY_COLUMNS, "mean with one point of it")
    return f"{table(columns, rows)}\n{table(known, errors)}"


def others() -> Iterator[tuple[gpu.Row, float]]:
    """The points without a bar, by constants that their generation has no part in; GB200 as fitted to all."""
    for row in gpu.rows():
        if row.set != gpu.LOW_BATCH:
            yield row, gpu.kept().error(gpu.observed(row))


def other_groups(_: object = None) -> str:
    """Their errors by model, machine, stack and type."""

    def key(pair: tuple[gpu.Row, float]) -> tuple[str, ...]:
        row = pair[0]
        lengths = f"{row.input}/{row.output}"
        return row.model, row.type, row.machine, row.backend, str(row.batch), lengths

    found = sorted(others(), key=key)
    rows = [(*name, *Summary.of(e for _, e in its).cells) for name, its in groupby(found, key)]
    return table(("model", "type", "machine", "stack", "batch", "in/out", *SUMMARY_COLUMNS), rows)


def verdicts(_: object = None) -> str:
    """The judge of the claim against the DGX H100."""
    return table(judge.COLUMNS, (one.cells for one in judge.verdicts()))


def claim_table(found: Mapping[str, list[Point]]) -> str:
    """All claims, points first, and their notes."""
    ordered = [*found["points"], *found["inputs"], *found["ranges"]]
    notes = "".join(f"- {one.claim}: {one.note}\n" for one in ordered if one.note)
    return f"{table(COLUMNS, (one.cells for one in ordered))}\n{notes}"


SECTIONS: Mapping[str, Callable[[Mapping[str, list[Point]]], str]] = {
    "errors": glance,
    "requests": requests,
    "points": gpu_rows,
    "constants": constants,
    "others": other_groups,
    "judge": verdicts,
    "claims": claim_table,
}
"""What of the page is made: what stands between `<!-- NAME -->` and `<!-- end of NAME -->`."""


def in_page(page: str, made: Mapping[str, str]) -> str:
    """The page with its tables made anew."""
    for name, text in made.items():
        marks = re.compile(rf"(<!-- {name} -->\n).*(<!-- end of {name} -->)", re.DOTALL)
        page, count = marks.subn(lambda found, text=text: f"{found[1]}{text}{found[2]}", page)
        assert count == 1, f"{PAGE.name} has the marks of {name} {count} times"
    return page


def main() -> None:
    """Make what is asked for, and print it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--compile", action="store_true", help="compile the steps of the GPU points anew")
    parser.add_argument("--fit", action="store_true", help="fit the constants of the GPU points anew")
    parser.add_argument("--rows", action="store_true", help="print the points without a bar one by one, too")
    parser.add_argument("--json", action="store_true", help="print the errors of the GPU points as JSON")
    parser.add_argument("--markdown", action="store_true", help=f"write the tables into {PAGE.name}")
    arguments = parser.parse_args()
    if arguments.compile:
        gpu.compile_steps()
    if arguments.fit:
        gpu.keep(gpu.fit())
    if arguments.json:
        print(json.dumps({str(held): gpu.kept().errors(held_out=held) for held in (True, False)}, indent=1))
        return
    found = claim_rows()
    made = {name: make(found) for name, make in SECTIONS.items()}
    if arguments.markdown:
        PAGE.write_text(in_page(PAGE.read_text(encoding="utf-8"), made), encoding="utf-8")
    print("\n".join(f"== {name}\n{text}" for name, text in made.items()))
    if arguments.rows:
        rows = ((row.label, f"{row.milliseconds:.2f}", f"{error:+.1%}") for row, error in others())
        print(table(("point without a bar", "measured ms", "error"), rows))


if __name__ == "__main__":
    main()
