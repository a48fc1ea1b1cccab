"""Looping: which runs of calls become one call of a kernel with a loop. What `kl` exists for.

A schedule is a list of calls. The search finds what repeats, the scan how far a repetition is legal and where
it may end within a round. What repeats within the round becomes loops inside the loop; the builder makes the
looped kernel, and the machine is asked whether it fits. Only then calls are replaced.

    calls ──► call_patterns ──► run_scan ────► call_runs ──► run_loops ──► looped_kernel ──► loop_kernels
              what repeats      is it legal,   which to      loops of      the kernel,       calls replaced
                                run_tails:     take          loops, tail   does it fit
                                where it ends  └─ legal_runs └─ nests, level_arguments: what repeats inside
                                └─ call_arguments: what calls are given, and do to memory

`join_calls` makes one call of all that are left of a step, `loop_steps` one of whole steps that follow one
another; `joined_calls` says for both what is in the way. What rounds may do to memory is in `run_memory`, and
`bodies` puts the bodies of kernels into blocks. That the loop is a pipeline, whose next iteration loads under
this one, is made further on: `network` carries values from iteration to iteration, `pacing` says when
iterations begin and how deep channels are.
"""
