"""Published claims about kernel looping and the SN40L, with ours.

Sources: KL = Kernel Looping, arXiv 2410.23668, SN40 = SambaNova SN40L, arXiv 2405.07518, DAC25 = DAC 2025
talk SSSN027, STeP = arXiv 2511.07776.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from accuracy_points import Point, Role
from models import program, timed

from kl.dialects.machine import SN40L, Machine

MODELS = (
    "llama3_2_1b",
    "llama3_2_3b",
    "llama2_7b",
    "mistral_7b",
    "llama3_8b",
    "llama3_70b",
    "llama3_405b",
)
PAIRS = tuple(
    (model, sockets) for model in MODELS for sockets in (8, 16) if (model, sockets) != (MODELS[-1], 8)
)
"""Models and sockets: 405B is too much for 8."""
HUGE = ("llama3_70b", "llama3_405b")
BEST = ("llama3_2_1b", 16)
"""Of all pairs, looping gains most there."""
H100_BANDWIDTH = 3.35e12
"""Bytes/s of one H100 SXM; source: its data sheet."""
H100_SHARE = 0.21
"""Of it that a DGX H100 reaches; source: KL measures it, with TensorRT-LLM."""
EXECUTE = (8_000, 9_000)
"""ns; the fits with one model held out lie within."""
LAUNCH, LINKS, STREAMS, HOST = "launch", "links", "HBM efficiency", "host command"
MOVES: Mapping[str, Mapping[str, tuple[int, int]]] = {
    LAUNCH: {"program_load_ns": (1_000, 4_000), "argument_load_ns": (750, 3_000), "execute_ns": EXECUTE},
    LINKS: {"p2p_latency_ns": (250, 1_000), "p2p_bandwidth": (100_000_000_000, 400_000_000_000)},
    STREAMS: {"hbm_efficiency_permille": (900, 940)},
    HOST: {"host_command_ns": (20_000, 34_000)},
}
"""What is assumed or fitted, and how far it moves, one at a time: half and double of what is assumed, a
fitted delay as far as its fits, a share by 2 points, the host's command by a quarter."""

Claim = Callable[[Machine], float]


def spread(claim: Claim, leans: tuple[str, ...]) -> tuple[float, float] | None:
    """The least and the most of a claim where the constants that it leans on move."""
    if not leans:
        return None
    changes = [{name: value} for one in leans for name, ends in MOVES[one].items() for value in ends]
    values = [claim(SN40L), *(claim(SN40L.with_values(change)) for change in changes)]
    return min(values), max(values)


def point(
    name: str,
    claim: Claim,
    published: tuple[float, ...],
    unit: str,
    source: str,
    role: Role,
    leans: tuple[str, ...] = (),
    note: str = "",
) -> Point:
    """A claim with its sensitivity."""
    ends = spread(claim, leans)
    return Point(name, claim(SN40L), published, unit, source, role, ", ".join(leans) or "-", ends, note)


def speedup(model: str, sockets: int, machine: Machine = SN40L) -> float:
    """Fused to looped, hardware-orchestrated."""
    fused, looped = (timed(model, sockets, one, machine=machine).cycles for one in ("fused", "looped"))
    return fused / looped


def share(model: str, sockets: int, machine: Machine = SN40L) -> float:
    """Looped, share of the full HBM bandwidth."""
    return timed(model, sockets, "looped", machine=machine).roofline_share


def attainable_note(model: str, sockets: int) -> str:
    """The same with another denominator: the bandwidth that streams attain."""
    reached = SN40L.hbm_efficiency_permille / 1000
    attained = timed(model, sockets, "looped").attainable_share
    return f"{attained:.3f} of what streams attain, which is {reached:.3f} of 1.8 TB/s"


def padding(model: str, sockets: int) -> float:
    """Share of the looped program's traffic that is zeros, of heads that do not divide; sockets' average."""
    built = program(model, "looped", 4096, SN40L.with_values({"sockets": sockets}))
    padded = [region for region in built.regions if region.shard_runs]
    zeros = sum(one.size_bytes * sum(one.shard_runs[1::2]) / sum(one.shard_runs) for one in padded)
    return zeros / timed(model, sockets, "looped").traffic.hbm_read


def share_note(model: str, sockets: int) -> str:
    """Both denominators, and what of the share the model has no use for."""
    zeros = padding(model, sockets)
    useful = share(model, sockets) * (1 - zeros)
    padded = f"; {zeros:.1%} of the bytes are zeros of padded heads, {useful:.3f} without" if zeros else ""
    return attainable_note(model, sockets) + padded


def orchestration_gain(model: str, sockets: int, variant: str, machine: Machine = SN40L) -> float:
    """Time with the host's launches to time with the machine's own."""
    software = timed(model, sockets, variant, orchestration="software", machine=machine)
    return software.cycles / timed(model, sockets, variant, machine=machine).cycles


def layer_kernel(model: str, sockets: int, machine: Machine = SN40L) -> tuple[float, float]:
    """Share of the HBM bandwidth that the fused layer kernel reaches while it runs, and with its launch."""
    report = timed(model, sockets, "fused", machine=machine)
    kernel = max(report.kernels, key=lambda one: one.calls)
    moved = machine.hbm_roof_cycles(kernel.traffic.hbm_read + kernel.traffic.hbm_written)
    return moved / (kernel.cycles - kernel.ledger.launch), moved / kernel.cycles


def kernel_note(which: int) -> str:
    """Such a share with both denominators."""
    reached = layer_kernel("llama2_7b", 8)[which]
    attained = reached * 1000 / SN40L.hbm_efficiency_permille
    return f"{reached:.3f} of 1.8 TB/s, {attained:.3f} of what streams attain"


def units_share(model: str, sockets: int) -> float:
    """Share of the PCUs that the fused layer kernel uses."""
    built = program(model, "fused", 4096, SN40L.with_values({"sockets": sockets}))
    layer = max(built.kernels, key=lambda kernel: len(kernel.units))
    return sum(unit.pcus[1] for unit in layer.units if hasattr(unit, "pcus")) / SN40L.pcus


def h100_tokens_per_second(model: str, share_of_bandwidth: float = H100_SHARE) -> float:
    """A DGX H100 at a share of its bandwidth, for the bytes that our program moves."""
    traffic = timed(model, 8, "looped").traffic
    return 8 * H100_BANDWIDTH * share_of_bandwidth / (8 * traffic.hbm_read)


def against_h100(model: str, sockets: int, machine: Machine = SN40L) -> float:
    """Looped on so many sockets to that DGX H100."""
    looped = timed(model, sockets, "looped", machine=machine)
    return looped.tokens_per_second / h100_tokens_per_second(model)


def best_against_h100(sockets: int) -> str:
    """The model where it is most."""
    models = [model for model, its in PAIRS if its == sockets and (model, 8) in PAIRS]
    return max(models, key=lambda model: against_h100(model, sockets))


def scaling(model: str, machine: Machine = SN40L) -> float:
    """Fused on 8 sockets to looped on 16."""
    fused = timed(model, 8, "fused", machine=machine).cycles
    return fused / timed(model, 16, "looped", machine=machine).cycles


def counts() -> Iterator[Point]:
    """What follows from the model's text."""
    for variant, calls in (("unfused", 323), ("fused", 35), ("looped", 4)):
        made = timed("llama3_8b", 1, variant).kernel_calls
        yield Point(f"kernel calls, Llama-3.1-8B, {variant}", made, (calls,), "calls", "KL review", "input")
    units = units_share("llama2_7b", 8)
    note = "`allocate-units{percent=90}` puts it in"
    yield Point(
        "units of the fused layer kernel, Llama-2-7B", units, (0.9,), "share", "SN40", "input", note=note
    )


def points() -> Iterator[Point]:
    """Claims of one number."""
    one = timed("llama3_8b", 1, "looped")
    yield Point(
        "bytes a token, Llama-3.1-8B, context 4096",
        one.traffic.hbm_read / 2**30,
        (15.4,),
        "GiB",
        "KL table 1",
        "held out",
        note="ours reads one row of the embedding, not the table of 0.98 GiB",
    )
    yield Point("FLOPs a token, Llama-3.1-8B", one.flops / 1e9, (20,), "GFLOP", "KL table 1", "held out")
    yield point(
        "hardware orchestration, least gain (Llama-3.1-70B, 8 sockets)",
        lambda machine: orchestration_gain("llama3_70b", 8, "fused", machine),
        (1.4,),
        "x",
        "SN40",
        "calibration",
        (HOST,),
        "SN40 does not name the model of its least gain; ours is the largest that fits",
    )
    for variant in ("unfused", "fused"):
        yield point(
            f"hardware orchestration, largest gain ({variant} Llama-2-7B, 8 sockets)",
            lambda machine, variant=variant: orchestration_gain("llama2_7b", 8, variant, machine),
            (8.0,),
            "x",
            "SN40",
            "held out",
            (HOST, LAUNCH),
            "SN40 evaluates 7B models on 8 sockets and does not say how its largest gain was fused",
        )
    yield point(
        "looping, best speed-up (Llama-3.2-1B, 16 sockets)",
        lambda machine: speedup(*BEST, machine),
        (2.2,),
        "x",
        "KL",
        "held out",
        (LAUNCH, LINKS),
    )
    yield point(
        "looping and 16 sockets against fused on 8, best (Llama-3.2-1B)",
        lambda machine: scaling(BEST[0], machine),
        (2.5,),
        "x",
        "KL",
        "held out",
        (LAUNCH, LINKS),
    )
    yield point(
        "fused layer kernel while it runs, Llama-2-7B, 8 sockets",
        lambda machine: layer_kernel("llama2_7b", 8, machine)[0],
        (0.85,),
        "share",
        "SN40",
        "held out",
        (STREAMS,),
        kernel_note(0),
    )
    yield point(
        "the same with its launch",
        lambda machine: layer_kernel("llama2_7b", 8, machine)[1],
        (0.85,),
        "share",
        "SN40",
        "held out",
        (LAUNCH, STREAMS),
        f"{kernel_note(1)}; the measured requests ask for some 12 us a layer, which contradicts it",
    )
    for sockets, published in ((8, 2.0), (16, 3.7)):
        best = best_against_h100(sockets)
        yield point(
            f"looped against DGX H100 at 21 % of its bandwidth, best ({best}, {sockets} sockets)",
            lambda machine, pair=(best, sockets): against_h100(*pair, machine),
            (published,),
            "x",
            "KL, STeP",
            "held out",
            (STREAMS, LINKS),
            "up to; see the judge of that claim above",
        )
    for variant in ("looped", "fused"):
        yield point(
            f"Llama-3.1-8B, 16 sockets, context 8192, {variant}",
            lambda machine, variant=variant: (
                timed("llama3_8b", 16, variant, context=8192, machine=machine).tokens_per_second
            ),
            (1042,),
            "tokens/s",
            "SN40 table IV",
            "held out",
            (LAUNCH, LINKS),
            "a deployment with serving; whether it looped is unknown",
        )


def ranges() -> Iterator[Point]:
    """Claims of a range, such as "over 90 %"."""
    for model, sockets in PAIRS:
        least, source = (0.9, "KL") if model in HUGE else (0.75, "DAC25")
        yield point(
            f"looped share of 1.8 TB/s, {model}, {sockets} sockets",
            lambda machine, pair=(model, sockets): share(*pair, machine),
            (least, 1.0),
            "share",
            source,
            "range",
            (STREAMS,),
            share_note(model, sockets),
        )
    gains = {pair: timed(*pair, "unfused").cycles / timed(*pair, "fused").cycles for pair in PAIRS}
    best = max(gains, key=lambda pair: gains[pair])
    yield point(
        f"fused against unfused in decode, largest gain ({best[0]}, {best[1]} sockets)",
        lambda machine: (
            timed(*best, "unfused", machine=machine).cycles / timed(*best, "fused", machine=machine).cycles
        ),
        (1.0, 13.0),
        "x",
        "SN40",
        "range",
        (LAUNCH,),
    )
