"""Sharding: which part of every weight, cache and value each socket gets.

The pass asks a plan how the whole model lies on the sockets; the plan walks through the layer bodies and asks
each operation how its result lies when its operands do so (`dialects/sharding.py` has the words).

    shard_tensors ──► plan ────────────► the operations' own `shard` and `wants`
    (rewrites)        (model, bodies)
    consistency ────► wholes ──────────►
    (checks a split)  (an operation of parts as that of the whole)
"""
