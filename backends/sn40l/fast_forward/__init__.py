"""Fast-forward: time a loop without replaying it, to the same cycle, bit for bit.

A kernel's loop soon comes to a **steady state**: each turn (an iteration, or a whole decode step) does what
the turns before did, some cycles later. At the begin of each turn a **snapshot** says all that decides what
happens next, relative to the cycle and the turn: tokens and free slots, firings, events to come, requests
that wait, transfers under way. Two equal snapshots bound a **period**, here of two turns:

    turn     0        1        2        3        4        5                 41       42       43     end
             |--------|--------|--------|--------|--------|- - - - - - - - - |--------|--------|------|
             |  fill           |  period         |                           |  replayed: end effects |
    snapshot s0       s1       s2       s3       s4 = s2                     s4 moved on
                               |<----- p cycles ->|                          |
                                                  |======= 18 periods ======>|
                                                    fast-forward: now += 18 p, every count += 18 x its
                                                    growth in a period, every event to come 18 p later

Why that equals the full replay: the engine is deterministic, and what it does next depends on the state that
a snapshot compares and on nothing else. So from s4 the run does what it did from s2, as long as no unit meets
something that is not the same in each turn: its last firing, the end of a tile that is held for the whole
call, a burst of tokens that ends, a position that comes to another tile of a cache. `period.py` finds how
many periods pass before the first of these; the last turn is always replayed. Integers add up exactly, so
nothing is rounded. Memory checks hold for what is passed over, as streams that share bytes move on together
(`accesses.OrderCheck`); with data nothing is passed over at all.

An **observer** watches a run (layers, stages, a trace). It sees each cycle that is replayed, and is told what
the counts that it kept have grown by where a run is moved on.

`loop.py` has the loops and says where a turn begins, `snapshot.py` what is compared, `period.py` what makes a
period and how often it can be repeated, `steady.py` searches and moves on, `observers.py` watches.
"""

from __future__ import annotations

from .observers import LayerObserver, StageObserver, TraceObserver
from .steady import run_in_iterations

__all__ = ["LayerObserver", "StageObserver", "TraceObserver", "run_in_iterations"]
