"""Machine: planned networks get address walks, and the schedule becomes launch commands.

dataflow.kernel ──► walks of its streams ──┐
kernel.schedule ──► regions and commands ──┴─► the program as IR
"""
