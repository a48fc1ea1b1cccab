"""Looping: which runs of calls become one call of a kernel with a loop. What `kl` exists for.

A schedule is a list of calls. The search finds what repeats, the scan how far a repetition is legal, the
builder makes the looped kernel, and the machine is asked whether it fits. Only then calls are replaced.

    schedule ──► call_patterns ──► run_scan ──► looped_kernel ──► objections ──► loop_kernels
                 what repeats      is it legal  the loop          does it fit    calls replaced

`loop_steps` does the same one level up: `step_loop` says whether whole steps follow one another,
`stepped_kernel` builds the kernel of all of them.
"""
