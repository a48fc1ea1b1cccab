"""Network: a kernel becomes stages joined by channels, with streams from and to memory.

kernel.func ──► convert_kernel_to_dataflow ──► dataflow.kernel
                  ├─ wires         where values are, a channel for each reader
                  └─ conversions   what is more than a stage: caches, attention, reads by index, exchanges
"""
