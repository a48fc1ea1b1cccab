"""Which weights stay in SRAM, and over how many PMUs each is spread: a model of a step, and a pure solver.

**Model.** A kernel takes as long as HBM brings what streams, or as its chain of units takes if that is
longer. A unit of the chain waits for those before it, then reads its channels at the ports of their PMUs,
whether they hold a weight or tiles that streams bring, or writes them, if that takes longer; the rest of its
time is fixed (`residency_chain.py`). What the PMUs of a stream have no room for comes no sooner than HBM
brings it while its unit reads. While the units of one section take longer than HBM, it loads ahead for the
others, as much as there is room for; in what runs once a call there is nothing left to load. So a weight that
stays saves HBM's time and takes PMUs from all others, and spread over more PMUs it is read sooner.

**Spread.** As in `solvers.py` the sum of all bytes / PMUs is least where PMUs are proportional to the square
root of bytes; here in real numbers, as the solver asks for it hundreds of times. What does not lie on the
longest way through the chain, or is hidden behind HBM, then counts a bit less, some rounds long.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, inf, log

from .residency_chain import Rhythm, chain
from .residency_kernels import Kernel, Read, Section
from .solvers import spread

ROUNDS, SEARCH_ROUNDS, LESS = 32, 4, 0.8
"""How often shares are tried, at the end and of each set, and what a read counts from round to round that
nothing waits for."""
SAFE = 1.03
"""HBM hides a chain of units that is so many times shorter. Assumed: fitted, with `MET`, on 3B, 8B and a 27B
over 8 and 16 sockets; values around them change these steps by at most 0.15 %."""
MET = 1 / 8
"""Of its largest tile what HBM still has before it when it is asked for another one. Assumed: like `SAFE`."""
EQUAL = 1.002
"""Times of which one is at most so many times the other may count as equal: the model knows no better."""

_Pmus = tuple[tuple[int, int], ...]
_Cycles = tuple[tuple[float, float], dict[int, float]]


@dataclass(frozen=True)
class Weight:
    """A candidate."""

    name: str
    pmus: int
    """Fewest that hold it."""
    most: int
    """With so many, and a PCU beside each, a firing of its reader takes a cycle: more make none shorter."""


@dataclass(frozen=True)
class Rates:
    """What the model knows of a socket."""

    places: int
    """Units of a PMU and a PCU each."""
    most: int
    """PMUs that weights may take at most."""
    port: int
    """Bytes a cycle of a PMU."""
    hbm: float
    """Bytes a cycle of HBM."""
    latency: int
    """Cycles from when HBM is asked until a tile is there."""
    pmu_bytes: int


@dataclass(frozen=True)
class Problem:
    """What could stay, and all kernels of a step."""

    weights: tuple[Weight, ...]
    kernels: tuple[Kernel, ...]
    rates: Rates


@dataclass(frozen=True)
class Residency:
    """The weights that stay."""

    pmus: dict[int, int]
    """PMUs of each, by the number of the candidate."""
    cycles: float
    """What the model says a step takes."""
    hbm_bytes: int

    @property
    def rank(self) -> tuple[float, int, int]:
        """Less is better: time, then HBM's bytes, then PMUs."""
        time = ceil(log(max(1.0, self.cycles), EQUAL)) if self.cycles < inf else inf
        return time, self.hbm_bytes, sum(self.pmus.values())


def model(problem: Problem, kept: Set[int], rounds: int = SEARCH_ROUNDS) -> Residency | None:
    """What a step takes if these weights stay; None where units are missing."""
    rates, cycles = problem.rates, 0.0
    most = min(rates.most, rates.places - max((one.needed(kept) for one in problem.kernels), default=0))
    if sum(problem.weights[n].pmus for n in kept) > most:
        return None
    pmus = _resident_pmus(problem, sorted(kept), most, rounds)
    left = rates.places - sum(pmus.values())
    for kernel in problem.kernels:
        cycles += balance(kernel, rates, left, pmus, {}, rounds).cycles
    return Residency(pmus, cycles, hbm_bytes(problem, kept))


def hbm_bytes(problem: Problem, kept: Collection[int]) -> int:
    """Bytes that HBM moves in a step if these weights stay."""
    reads = [
        read.streamed_bytes * section.passes
        for kernel in problem.kernels
        for section in kernel.sections
        for read in section.reads
        if read.weight not in kept
    ]
    return sum(reads) + sum(kernel.other_bytes for kernel in problem.kernels)


def _resident_pmus(problem: Problem, kept: Sequence[int], most: int, rounds: int) -> dict[int, int]:
    """PMUs of the weights that stay, at most so many: what the kernel gives them that reads most itself."""
    if not kept:
        return {}
    works = dict.fromkeys(kept, 0.0)
    for kernel in problem.kernels:
        for read, work in kernel.counted:
            if read.weight in works:
                works[read.weight] += work
    own = {
        id(one): [(read, w) for read, w in one.counted if read.weight not in works] for one in problem.kernels
    }
    main = max(problem.kernels, key=lambda one: sum(work for _, work in own[id(one)]))
    least = {n: problem.weights[n].pmus for n in kept}
    fewest, counts = [read.pmus for read, _ in own[id(main)]], [work for _, work in own[id(main)]]
    plain = spread([*least.values(), *fewest], [*works.values(), *counts], problem.rates.places)
    shares = dict(zip(kept, plain, strict=False))
    there = {read.weight for read in main.reads}
    elsewhere = {n: int(share) for n, share in shares.items() if n not in there}
    floors = {n: few for n, few in least.items() if n in there}
    left = problem.rates.places - sum(elsewhere.values())
    found = balance(main, problem.rates, left, elsewhere, floors, rounds)
    shares |= {
        r.weight: share for r, share in zip(main.reads, found.shares, strict=True) if r.weight in floors
    }
    if sum(shares.values()) > most:
        shares = dict(zip(kept, spread([*least.values()], [*works.values()], most), strict=True))
    return {n: max(least[n], min(int(shares[n]), problem.weights[n].most)) for n in kept}


@dataclass(frozen=True)
class Balance:
    """How a kernel shares PMUs."""

    shares: tuple[float, ...]
    """PMUs of each read; 1 of a FIFO."""
    works: tuple[float, ...]
    """What each of them counts where these shares make the sum of works / shares least."""
    cycles: float
    units: float
    """What its chain of units takes, HBM aside."""


def balance(
    kernel: Kernel,
    rates: Rates,
    left: int,
    pmus: Mapping[int, int],
    floors: Mapping[int, int],
    rounds: int = ROUNDS,
) -> Balance:
    """The shares of what is left that make a kernel shortest.

    The weights in `pmus` stay, with so many PMUs beside those that are left; those in `floors` stay and have
    a share, so many PMUs at least.
    """
    own = ((n, pmus[n]) for n in kernel.weights if n in pmus)
    return _balance(kernel, rates, left, tuple(own), tuple(floors.items()), rounds)


@lru_cache(maxsize=1024)
def _balance(kernel: Kernel, rates: Rates, left: int, given: _Pmus, least_of: _Pmus, rounds: int) -> Balance:
    """The same; sets of weights that differ in those of other kernels ask for it again and again."""
    pmus, floors, known = dict(given), dict(least_of), dict[tuple[float, ...], _Cycles]()
    kept = pmus.keys() | floors.keys()
    shares = [float(pmus.get(_number(read), 1)) for read in kernel.reads]
    taking = [
        n for n, r in enumerate(kernel.reads) if _number(r) in floors or (r.pmus and r.weight not in kept)
    ]
    least = [floors.get(_number(kernel.reads[n]), kernel.reads[n].pmus) for n in taking]
    full = works = [work for _, work in kernel.counted]
    best: Balance | None = None
    for _ in range(rounds):
        for n, share in zip(taking, spread(least, [works[n] for n in taking], left), strict=True):
            shares[n] = share
        if (now := tuple(shares)) not in known:
            known[now] = _kernel_cycles(kernel, now, kept, rates)
        took, critical = known[now]
        if best is None or took < (best.cycles, best.units):
            best = Balance(now, tuple(works), *took)
        works = [max(w * LESS, min(w, full[n] * critical.get(n, 0.0))) for n, w in enumerate(works)]
    assert best is not None, "there are rounds"
    return best


def _number(read: Read) -> int:
    return -1 if read.weight is None else read.weight


def _kernel_cycles(kernel: Kernel, shares: Sequence[float], kept: Set[int], rates: Rates) -> _Cycles:
    """What a kernel takes, and its units alone; and what of each read it waits for, of 1."""
    others, first, parts = kernel.other_bytes / rates.hbm, 0, list[_Part]()
    tiles = (one.tile_bytes for one in kernel.reads if one.streamed_bytes and one.weight not in kept)
    behind = max(tiles, default=0) * MET / rates.hbm
    for section in kernel.sections:
        own = shares[first : first + len(section.reads)]
        parts.append(_part(section, first, own, kept, rates, behind, looped=kernel.is_looped))
        first += len(own)
    room, ahead, idle = sum(part.room for part in parts), others, 0.0
    waits, always = dict[int, float](), dict[int, float]()
    for part in parts:
        ahead += min(max(0.0, part.loads - part.took), part.rounds * part.room)
        spare = max(0.0, part.took - part.loads)
        useful = 0.0 if part.is_once else min(spare, part.rounds * (room - part.room))
        idle += useful
        waits |= part.way if part.took > part.loads - part.rounds * part.room else {}
        always |= part.way if spare > useful else {}
    whole = others + sum(max(part.took, part.loads) for part in parts) - min(ahead, idle)
    critical = waits if idle > ahead else always or waits
    return (whole, sum(part.took for part in parts)), critical


@dataclass(frozen=True)
class _Part:
    """What a section takes in all passes, in cycles."""

    took: float
    """By its units."""
    way: dict[int, float]
    """What of each read of the kernel is on their longest way, of 1."""
    loads: float
    """By what HBM brings for it."""
    room: float
    """What of that is there when it begins anew, if HBM was idle before."""
    rounds: int
    """How often it begins anew."""
    is_once: bool
    """Nothing comes behind that HBM could load ahead meanwhile."""


def _part(
    section: Section,
    first: int,
    shares: Sequence[float],
    kept: Set[int],
    rates: Rates,
    behind: float,
    *,
    looped: bool,
) -> _Part:
    """A section whose reads have numbers from `first` on and so many PMUs."""
    ready, comes, loads, room = [0] * len(shares), [0.0] * len(shares), 0.0, 0.0
    for number, (read, share) in enumerate(zip(section.reads, shares, strict=True)):
        if read.streamed_bytes and read.weight not in kept:
            own, has = read.streamed_bytes / rates.hbm, share * rates.pmu_bytes / rates.hbm
            loads, room, comes[number] = loads + own, room + has, own - has
            ready[number] = 0 if looped else rates.latency
    pace = [1 / (share * rates.port) for share in shares]
    longest, way = chain(section, Rhythm(pace, comes, ready, behind))
    took, on_the_way = section.passes * SAFE * longest, {first + n: share for n, share in way.items()}
    return _Part(took, on_the_way, section.passes * loads, room, section.rounds, section.is_once)
