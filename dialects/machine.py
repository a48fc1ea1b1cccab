"""The machine as data: every parameter of an SN40L system with its unit and its source.

Sources are public documents: SN40 = "SambaNova SN40L" (MICRO 2024, arXiv 2405.07518); STeP = "Streaming
Tensor Programs" (arXiv 2511.07776); Plasticine (ISCA 2017). A value that nobody published says `Derived:`
of published ones, `Fitted:` to published measurements, or `Assumed:`, and why. No xDSL here: passes and
backends share this class, the IR carries it as `#rdu.machine`.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cache

from .parameters import BOUNDS as BOUNDS
from .parameters import MachineParameters, parameter

MOST_PMU_BYTES = 2**40
"""Most bytes of a PMU, so that addresses in the SRAM of all of them fit into 64 bits."""
MOST_SWITCHES = 1_024
"""Most rows and columns of the grid of a socket. Assumed: twenty times those of an SN40L; a lane of the
network is as long, and ways around a busy link are looked for link by link."""


@dataclass(frozen=True)
class Machine(MachineParameters):
    """One SN40L system. All sockets are alike; unit counts and capacities are per socket."""

    sockets: int = parameter(1, "sockets", "SN40: systems of 8 and 16 sockets; 1 is the smallest system")
    clock_hz: int = parameter(
        1_600_000_000,
        "Hz",
        "Assumed: SN40 says below 2 GHz; 1.6 GHz at 384 FLOP/cycle/PCU gives the published 638 TFLOP/s",
    )
    pcus: int = parameter(1040, "units", "SN40: pattern compute units per socket")
    pmus: int = parameter(1040, "units", "SN40: pattern memory units per socket")
    dies: int = parameter(2, "dies", "SN40: two dies per socket")
    grid_columns: int = parameter(
        26,
        "columns",
        "Assumed: 1040 units as 2 dies of 20 rows x 26 columns; the real floor plan is not published",
    )
    pcu_flops_per_cycle: int = parameter(
        384, "FLOP/cycle", "Derived: 638 TFLOP/s BF16 (SN40) / 1040 PCUs / 1.6 GHz"
    )
    pcu_wide_flops_per_cycle: int = parameter(
        192,
        "FLOP/cycle",
        "Assumed: products of 32-bit numbers at half of the BF16 peak, as a 32-bit lane holds two BF16 "
        "numbers; SN40 gives the BF16 peak alone",
    )
    pcu_fifo_bytes: int = parameter(
        512, "bytes", "Assumed: a channel that small needs no PMU, it lives in the reader's input FIFO"
    )
    pmu_bytes: int = parameter(512 * 1024, "bytes", "SN40: 520 MiB of SRAM per socket / 1040 PMUs")
    pmu_port_bytes_per_cycle: int = parameter(
        64, "bytes/cycle", "STeP: PMU read port, and the same for writes"
    )
    rdn_bytes_per_cycle: int = parameter(
        64,
        "bytes/cycle",
        "Assumed: width of a link of the on-chip vector network, per direction; one vector of 512 bits, "
        "as in Plasticine",
    )
    hbm_bytes: int = parameter(64 * 1024**3, "bytes", "SN40 table II: HBM per socket")
    hbm_bandwidth: int = parameter(1_800_000_000_000, "bytes/s", "SN40 table II: HBM bandwidth per socket")
    hbm_efficiency_permille: int = parameter(
        920,
        "1/1000",
        "Fitted: share of the HBM bandwidth that streams reach, to measured decode on 8 sockets",
    )
    hbm_latency_cycles: int = parameter(
        320, "cycles", "Assumed: 200 ns from request to first byte, as usual for HBM behind a network on chip"
    )
    ddr_bytes: int = parameter(1536 * 1024**3, "bytes", "SN40 table II: DDR per socket, up to 1.5 TiB")
    ddr_bandwidth: int = parameter(
        200_000_000_000, "bytes/s", "SN40 table II: DDR bandwidth per socket, over 200 GB/s"
    )
    p2p_bandwidth: int = parameter(
        200_000_000_000,
        "bytes/s",
        "Assumed: what a socket sends to all its peers together; SN40 names the links, not their speed",
    )
    p2p_latency_ns: int = parameter(
        500, "ns", "Assumed: from a tile of one socket to a tile of another; not published"
    )
    agcu_request_bytes: int = parameter(
        64, "bytes", "Assumed: smallest burst an AGCU moves; shorter requests cost as much"
    )
    hop_latency_cycles: int = parameter(
        2, "cycles", "Assumed: per hop of the on-chip network; not published, one switch and one wire stage"
    )
    stage_latency_cycles: int = parameter(
        48,
        "cycles",
        "Assumed: depth of a PCU pipeline with its PMU read and write; Plasticine has 6 stages per PCU",
    )
    program_load_ns: int = parameter(
        2_000, "ns", "Assumed: some 4 MB of configuration, 2 KB for each PCU and PMU, at HBM bandwidth"
    )
    argument_load_ns: int = parameter(
        1_500, "ns", "Assumed: the argument words of a call; SN40 names the command, not its time"
    )
    execute_ns: int = parameter(
        8_500,
        "ns",
        "Fitted: start of a kernel and synchronisation at its end, to measured decode on 8 sockets",
    )
    host_command_ns: int = parameter(
        27_000,
        "ns",
        "Fitted: extra time of a command that the host issues, to the published least gain of 1.4x",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, count in (("columns", self.dies * self.grid_columns), ("rows", self.grid_rows)):
            if count > MOST_SWITCHES:
                units = max(self.pcus, self.pmus)
                what = f"{units} units on {self.dies} dies with {self.grid_columns} columns each"
                raise ValueError(f"{what} are a grid of {count} {name}; the most is {MOST_SWITCHES}")

    @classmethod
    def bound_of(cls, name: str) -> tuple[int, str]:
        """The most of a parameter, and why."""
        if name == "pmu_bytes":
            return MOST_PMU_BYTES, "a tebibyte, so that addresses fit into 64 bits"
        return super().bound_of(name)

    def with_values(self, values: dict[str, int]) -> Machine:
        """This machine with some parameters changed; equal machines are one object.

        Raises: ValueError for an unknown name (lists the known ones) or a value that is no positive integer.
        """
        changed = self.changed(values)
        return self if changed is None else _made(tuple(changed.items()))

    @property
    def sram_bytes(self) -> int:
        """SRAM of one socket: all its PMUs."""
        return self.pmus * self.pmu_bytes

    @property
    def grid_rows(self) -> int:
        """Rows of each die."""
        return -(-max(self.pcus, self.pmus) // (self.dies * self.grid_columns))

    def coordinates(self, unit: int) -> tuple[int, int, int]:
        """Die, row and column of a PCU and of the PMU of the same number.

        Numbers follow a snake, column by column, down the first, up the next, from die to die; so units of
        following numbers are neighbours, and those of a long range lie in all rows.
        """
        per_die, rows = -(-max(self.pcus, self.pmus) // self.dies), self.grid_rows
        die, place = divmod(unit, per_die)
        column, step = divmod(place, rows)
        down = (die * self.grid_columns + column) % 2 == 0
        return die, step if down else rows - 1 - step, column

    def cycles(self, nanoseconds: int) -> int:
        """Cycles that cover a time, rounded up."""
        return -(-nanoseconds * self.clock_hz // 1_000_000_000)

    def p2p_cycles(self, size_bytes: int) -> int:
        """Cycles for which a socket's links are busy with sending this many bytes, rounded up."""
        return -(-size_bytes * self.clock_hz // self.p2p_bandwidth)

    def exchange_bytes(self, kind: str, algorithm: str, tile_bytes: int) -> int:
        """Bytes that a socket sends at most for the exchange of a tile; how is said at `exchange_cycles`."""
        others = self.sockets - 1
        match kind, algorithm:
            case "all_reduce", "ring":
                return 2 * others * -(-tile_bytes // self.sockets)
            case "all_reduce", "tree":
                return min(self.sockets, 4) * -(-tile_bytes // 2) if others else 0
            case _:
                return others * tile_bytes

    def exchange_cycles(self, kind: str, algorithm: str, tile_bytes: int) -> tuple[int, int]:
        """Cycles for which a tile's exchange keeps a socket's links busy, and cycles of latency behind that.

        With S sockets, `one_shot` sends the tile to the S - 1 others at once. A `ring` passes parts of
        tile / S around: an `all_reduce` takes 2 (S - 1) steps (reduce, then spread); an `all_gather` passes
        whole tiles, S - 1 steps. One socket alone passes the tile on in a cycle.

        A `tree` reduces each half of the tile up a binary tree and spreads it down again, 2 log2 S steps,
        rounded up; bytes are passed on as they come. The two trees are those of NCCL (Sanders, Speck, Traeff:
        "Two-tree algorithms for full bandwidth broadcast, reduction and scan", 2009): in each a root has one
        child, others up to two, and who has children in one is a leaf in the other. Such a socket sends its
        half up, two down, and as a leaf the other half up: 4 halves. Of 2 or 3 sockets none has two children
        and is a leaf besides: 2 or 3 halves. A `tree` gathers by doubling (Bruck et al., 1997): in log2 S
        steps, rounded up, each socket passes on all that it has, or what is missing in the last one.
        """
        others, latency = self.sockets - 1, self.cycles(self.p2p_latency_ns)
        if others == 0:
            return 1, 0
        steps = {"one_shot": 1, "ring": others, "tree": others.bit_length()}[algorithm]
        if kind == "all_reduce" and algorithm != "one_shot":
            steps *= 2
        return self.p2p_cycles(self.exchange_bytes(kind, algorithm, tile_bytes)), steps * latency

    def hbm_cycles(self, size_bytes: int) -> int:
        """Cycles for which a request of this size occupies the HBM, rounded up; never below the roofline."""
        moved = -(-size_bytes // self.agcu_request_bytes) * self.agcu_request_bytes
        return -(-moved * self.clock_hz * 1000 // (self.hbm_bandwidth * self.hbm_efficiency_permille))

    def hbm_roof_cycles(self, size_bytes: int) -> int:
        """Fewest cycles in which a socket can move this many bytes: full HBM bandwidth, rounded down."""
        return size_bytes * self.clock_hz // self.hbm_bandwidth

    def compute_roof_cycles(self, flops: int, wide_flops: int = 0) -> Fraction:
        """Fewest cycles in which a socket can do this many FLOPs: all PCUs at their peak, not rounded."""
        return Fraction(self._scaled(flops, wide_flops), self.pcus * self._scaled_peak)

    def compute_cycles(self, flops: int, wide_flops: int, pcus: int) -> int:
        """Cycles that so many PCUs take for FLOPs, some of which are of wide products; rounded up."""
        return -(-self._scaled(flops, wide_flops) // (pcus * self._scaled_peak))

    def pcu_cycles(self, flops: int, wide_flops: int) -> float:
        """Cycles that one PCU takes for FLOPs, some of which are of wide products."""
        return (flops - wide_flops) / self.pcu_flops_per_cycle + wide_flops / self.pcu_wide_flops_per_cycle

    def _scaled(self, flops: int, wide_flops: int) -> int:
        return (flops - wide_flops) * self.pcu_wide_flops_per_cycle + wide_flops * self.pcu_flops_per_cycle

    @property
    def _scaled_peak(self) -> int:
        return self.pcu_flops_per_cycle * self.pcu_wide_flops_per_cycle


@cache
def _made(parameters: tuple[tuple[str, int], ...]) -> Machine:
    """The machine of these parameters, made once: each operation asks for it."""
    return Machine(**dict(parameters))


SN40L = Machine()
"""The default machine: one SN40L socket."""
