"""Machine: planned networks get address walks, and the schedule becomes launch commands.

                    launch                     convert_dataflow_to_rdu
dataflow.kernel ──► walks of its streams ──┐
kernel.schedule ──► regions and commands ──┴─► the program as IR
"""
