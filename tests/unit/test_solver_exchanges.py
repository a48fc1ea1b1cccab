"""The solver of exchanges: its times against tiles played one by one, and the numbers of sockets it names."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from kl.dialects.machine import SN40L, Machine
from kl.dialects.vocabulary import ALGORITHMS, EXCHANGES
from kl.passes.tiling.exchanges import Exchange, Fewer, Load, Share, fewer_sockets

machines = st.builds(
    lambda sockets, bandwidth, latency: SN40L.with_values(
        {"sockets": sockets, "p2p_bandwidth": bandwidth, "p2p_latency_ns": latency}
    ),
    st.integers(1, 130),
    st.integers(10**9, 10**12),
    st.integers(0, 3000),
)
exchanges = st.builds(
    lambda kind, size, tiles, each: Exchange(kind, size, tiles, tiles * each),
    st.sampled_from(EXCHANGES),
    st.integers(1, 100_000),
    st.integers(1, 20),
    st.integers(0, 5000),
)


def played(exchange: Exchange, machine: Machine, algorithm: str) -> int:
    """When the last result is there: each tile is made, waits for the links, is sent, takes its latency."""
    busy, latency = machine.exchange_cycles(exchange.kind, algorithm, exchange.tile_bytes)
    free = 0
    for tile in range(1, exchange.tiles + 1):
        free = max(free, tile * exchange.made_cycles // exchange.tiles) + busy
    return free + latency


@given(exchanges, machines)
def test_an_exchange_takes_as_long_as_its_tiles_one_by_one(exchange: Exchange, machine: Machine) -> None:
    times = {name: played(exchange, machine, name) for name in ALGORITHMS}
    assert {name: exchange.cycles(machine, name) for name in ALGORITHMS} == times
    assert times[exchange.fastest(machine)] == min(times.values())


def load(memory: float, work: float = 0, parts: int = 8) -> Load:
    """A step with an exchange of 8 kB, whose memory and work are split in parts."""
    return Load([Share(memory, parts)], [Share(work, parts)], 100, [Exchange("all_reduce", 8192, 1)])


def test_fewer_sockets_are_faster_where_exchanges_cost_more_than_memory_saves() -> None:
    machine = SN40L.with_values({"sockets": 8})
    # On 1, 2, 4 and 8 sockets the exchange takes 1, 866, 997 and 1259 cycles, behind 100 of the stages.
    assert fewer_sockets([load(10)], [], machine) == Fewer(1, 101, 1359)
    assert fewer_sockets([load(200)], [], machine) == Fewer(2, 966, 1359)
    assert fewer_sockets([load(1400)], [], machine) is None
    assert fewer_sockets([load(1400), load(10)], [], machine) is None
    # 8 kB of each on a socket would be 64 kB on one.
    full = machine.with_values({"hbm_bytes": 40_000})
    assert fewer_sockets([load(10)], [Share(8192, 8)], full) == Fewer(2, 966, 1359)


def test_what_stays_in_sram_stays_on_fewer_sockets_as_far_as_there_is_room() -> None:
    # Of 1400 cycles of memory on 8 sockets, 2800 and 5600 on 4 and 2, all the SRAM of a socket holds 3000.
    plain, staying = load(1400), replace(load(0), residents=[Share(1400, 8)])
    sram_bytes = 3000 * SN40L.hbm_bandwidth * SN40L.hbm_efficiency_permille // (1000 * SN40L.clock_hz)
    machine = SN40L.with_values({"sockets": 8, "pmus": 1, "pcus": 1, "pmu_bytes": sram_bytes})
    assert fewer_sockets([plain], [], machine) is None
    assert fewer_sockets([staying], [], machine) == Fewer(4, 1097, 1359)
    much = machine.with_values({"pmu_bytes": 100 * sram_bytes})
    assert fewer_sockets([staying], [], much) == Fewer(1, 101, 1359)


def test_what_neighbours_share_is_no_more_on_fewer_sockets() -> None:
    assert [Share(10, 2).on(sockets) for sockets in (1, 2, 4)] == [20, 10, 10]
    # Of 8 parts half are padding: on 4 sockets there is none, and each has as much.
    assert [Share(10, 8, 0.5).on(sockets) for sockets in (2, 4, 8)] == [20, 10, 10]
