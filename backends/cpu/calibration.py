"""What this computer does at best, measured by probes in C: reads, calls, barriers, products."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import median
from time import perf_counter

import numpy as np

from ..targets import TargetError
from ..tensors import Array
from .build import library
from .source import Source

READ_BYTES = 1 << 30
"""Of the buffer that is read: more than caches that one process gets a part of hold for long."""
BARRIERS = 10_000
CALLS = 2_000
ROUNDS = 5
"""Of each probe; the median counts."""
SIDE = 256
"""Rows and columns of the matrix of a product: 128 kB of bf16, which stay in a core's own cache."""
PRODUCT_SECONDS = 0.02


@dataclass(frozen=True)
class Rates:
    """What was measured, with so many threads."""

    threads: int
    read_bandwidth: float
    """Bytes a second, of memory that is read from one end to the other."""
    call_seconds: float
    """From one call of a kernel from Python to the next, where the kernel does nothing."""
    barrier_seconds: float
    """Of a barrier of all threads."""
    bf16_flops: float
    """FLOP/s of products of a row with matrices of bf16 in cache, of all threads."""
    bf16_many_flops: float
    """The same of `MANY` rows."""
    f32_flops: float
    """The same of `MANY` rows with matrices of f32."""


MANY = 16
"""Rows of the product that counts as large."""


class Probes:
    """The compiled probes, with their threads."""

    def __init__(self, threads: int, *, fast: bool = False):
        """Raises: TargetError without a compiler, or where the system gives no threads."""
        self.threads = threads
        self._library = library(Source('#include "probes.h"\n', {}, ()), fast=fast)
        self._sum = np.float32 if fast else np.float64
        if error := self._library.kl_open(threads):
            raise TargetError(f"{threads} threads cannot be started: {os.strerror(error)}")

    def read_bandwidth(self, reads: int = 1) -> float:
        """Bytes a second of reading the buffer so often."""
        sums = np.zeros(8 * self.threads, np.uint64)
        words, passes = ctypes.c_long(len(self._buffer)), ctypes.c_long(reads)
        arguments = [self._buffer.ctypes.data, *map(ctypes.addressof, (words, passes)), sums.ctypes.data]
        return self._buffer.nbytes * reads / self._seconds("kl_probe_read", arguments)

    def call_seconds(self) -> float:
        """Seconds of a call that does nothing."""
        none = ctypes.c_long(0)
        pointers = (ctypes.c_void_p * 1)(ctypes.addressof(none))
        call = self._function("kl_probe_barriers")
        start = perf_counter()
        for _ in range(CALLS):
            call(pointers)
        return (perf_counter() - start) / CALLS

    def barrier_seconds(self) -> float:
        """Seconds of a barrier."""
        count = ctypes.c_long(BARRIERS)
        return self._seconds("kl_probe_barriers", [ctypes.addressof(count)]) / BARRIERS

    def product_flops(self, rows: int, *, is_bf16: bool) -> float:
        """FLOP/s of products of so many rows with a matrix in cache, of all threads together."""
        passes, spent = 1, 0.0
        while (spent := self._products(rows, passes, is_bf16=is_bf16)) < PRODUCT_SECONDS:
            passes *= 2
        return 2 * rows * SIDE**2 * passes * self.threads / spent

    def _products(self, rows: int, passes: int, *, is_bf16: bool) -> float:
        numbers = [ctypes.c_long(one) for one in (int(is_bf16), rows, SIDE, SIDE, passes)]
        kept = [
            (
                np.zeros((rows, SIDE), self._sum),
                np.zeros((rows, SIDE), self._sum),
                np.zeros((SIDE, SIDE), np.uint16 if is_bf16 else np.float32),
            )
            for _ in range(self.threads)
        ]
        own = [one.ctypes.data for arrays in kept for one in arrays]
        return self._seconds("kl_probe_products", [*map(ctypes.addressof, numbers), *own])

    @cached_property
    def _buffer(self) -> Array:
        """Of `READ_BYTES`, or an eighth of the memory where that is less."""
        return np.ones(min(READ_BYTES, memory_bytes() // 8) // 8, np.uint64)

    def _function(self, name: str) -> ctypes._NamedFuncPointer:  # pyright: ignore[reportPrivateUsage]
        function = getattr(self._library, name)
        function.argtypes, function.restype = [ctypes.c_void_p], None
        return function

    def _seconds(self, name: str, addresses: Sequence[int]) -> float:
        """Of one call."""
        function, arguments = self._function(name), (ctypes.c_void_p * len(addresses))(*addresses)
        start = perf_counter()
        function(arguments)
        return perf_counter() - start


def memory_bytes() -> int:
    """The memory that the system says there is."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def measured_rates(threads: int) -> Rates:
    """Measure all of it, each several times; the medians count.

    Raises: TargetError as `Probes` does.
    """
    probes = Probes(threads)
    probes.read_bandwidth()  # the system maps the buffer

    def of(probe: str, *arguments: int, **options: bool) -> float:
        return median(getattr(probes, probe)(*arguments, **options) for _ in range(ROUNDS))

    return Rates(
        threads,
        of("read_bandwidth"),
        of("call_seconds"),
        of("barrier_seconds"),
        of("product_flops", 1, is_bf16=True),
        of("product_flops", MANY, is_bf16=True),
        of("product_flops", MANY, is_bf16=False),
    )
