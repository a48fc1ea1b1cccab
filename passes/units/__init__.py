"""Units: how many PMUs and PCUs each channel and stage of a kernel gets, and which weights stay in SRAM.

tiled network ──► traffic ──► allocation ──► allocate_units     shares of the chip
                  bytes and   a solver
                  FLOPs   └─► retention  ──► retain_weights     SRAM that no kernel needs
kernel.func ────► fit: a trial of the passes to come, on a copy  does it fit at all?
"""
