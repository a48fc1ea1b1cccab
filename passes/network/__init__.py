"""Network: a kernel becomes stages joined by channels, with streams from and to memory.

kernel.func ──► builder ──► dataflow.kernel
                  ├─ wires    where values are, a channel for each reader
                  └─ caches   appends, reads that wait for them, attention
"""
