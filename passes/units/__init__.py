"""Units: how many PMUs and PCUs each channel and stage of a kernel gets, and which weights stay in SRAM.

tiled network ──► traffic ──► solvers ──┬──► allocate_units     shares of the chip
                  bytes and             └──► retain_weights     SRAM that no kernel needs
                  FLOPs                        ├─ residency: which ones, by a model of a step
                                               └─ resident_weights: where they lie, who reads them
kernel.func ────► traffic: a trial of the passes to come, on a copy: does it fit at all?
"""
