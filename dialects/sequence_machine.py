"""A machine that runs one kernel after another as data: a GPU, or several of them on one switch.

The defaults are those of one H100 SXM5. H100 = NVIDIA's data sheet of the H100 (peaks without sparsity). What
nobody published says `Assumed:`, or `Derived:` of published numbers, and why. No xDSL here.
"""

from __future__ import annotations

from dataclasses import dataclass

from .parameters import MachineParameters, parameter


@dataclass(frozen=True)
class SequenceMachine(MachineParameters):
    """Some alike processors, `sockets`, on one switch; each has a memory and runs kernel after kernel."""

    sockets: int = parameter(1, "sockets", "Assumed: one GPU; machines of several say how many")
    memory_bytes: int = parameter(80_000_000_000, "bytes", "H100: 80 GB of HBM3")
    memory_bandwidth: int = parameter(3_350_000_000_000, "bytes/s", "H100: 3.35 TB/s")
    memory_permille: int = parameter(
        900,
        "share/1000",
        "Assumed: share of the bandwidth that a kernel reaches while it streams weights; copies reach 0.90 "
        "to 0.93 on GPUs with HBM3",
    )
    cache_permille: int = parameter(
        540,
        "share/1000",
        "Assumed: the same of reads of a KV cache, 0.6 of that of weights: short runs, few rows at a time",
    )
    bf16_flops: int = parameter(989_000_000_000_000, "FLOP/s", "H100: dense BF16 and FP16 tensor cores")
    f32_flops: int = parameter(
        67_000_000_000_000,
        "FLOP/s",
        "H100: FP32 outside of tensor cores, at which products of 32-bit numbers and elementwise work run; "
        "TF32 would round what is multiplied",
    )
    fp8_flops: int = parameter(1_979_000_000_000_000, "FLOP/s", "H100: dense FP8 tensor cores", least=0)
    fp4_flops: int = parameter(0, "FLOP/s", "H100 has no FP4 tensor cores", least=0)
    product_permille: int = parameter(
        700, "share/1000", "Assumed: share of the peak that large products reach, as of cuBLAS on GPUs"
    )
    product_rows: int = parameter(
        64,
        "rows",
        "Assumed: a product of fewer rows takes as long as one of so many; warp groups multiply 64 at once",
    )
    launch_ns: int = parameter(
        1_300, "ns", "Assumed: from a kernel to the next one in a CUDA graph, as measured on H100"
    )
    stream_launch_ns: int = parameter(
        2_100, "ns", "Assumed: from a kernel to the next one on a stream, as measured on H100"
    )
    barrier_ns: int = parameter(
        1_300,
        "ns",
        "Fitted: with 0.90 of the bandwidth between barriers, Llama-3.2-1B reaches the 78 % of it that are "
        "published of a persistent kernel on one H100 (Hazy Research, Look Ma, No Bubbles, 2025)",
    )
    persistent_permille: int = parameter(
        900, "share/1000", "Assumed: `memory_permille` of a persistent kernel; what it waits for is barriers"
    )
    quantise_permille: int = parameter(
        750,
        "1/1000",
        "Assumed: a kernel that quantises the rows of a product takes 0.5 to 1 of a launch",
        least=0,
    )
    link_bandwidth: int = parameter(
        450_000_000_000, "bytes/s", "H100: NVLink, 900 GB/s in both directions together, half of it in each"
    )
    link_permille: int = parameter(
        800, "share/1000", "Assumed: share of the link's bandwidth that a collective reaches, as NCCL does"
    )
    hop_ns: int = parameter(
        1_000, "ns", "Assumed: from the memory of a socket to that of another one over the switch"
    )
    collective_ns: int = parameter(
        6_000,
        "ns",
        "Assumed: start and end of a collective besides its hops, so that the smallest all-reduce takes 8 us",
    )
    persistent_collective_ns: int = parameter(
        2_000, "ns", "Assumed: the same within a persistent kernel: two barriers of all sockets, no launch"
    )
    switch_reduces: int = parameter(
        1, "0 or 1", "H100: NVLink switches of the third generation add up (NVLink SHARP)", least=0
    )
    serving_ns: int = parameter(
        0, "ns", "What a serving stack does between steps: 0 unless it is asked for; no part of a machine"
    )

    def peak(self, element_type: str) -> int:
        """FLOP/s of products by the type that is multiplied, `bf16`, `f32`, `fp8` or `fp4`; 0 for none."""
        return getattr(self, f"{element_type}_flops")


H100 = SequenceMachine()
"""The default machine of this class: one H100 SXM5."""
