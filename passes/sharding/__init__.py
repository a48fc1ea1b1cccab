"""Sharding: which part of every weight, cache and value each socket gets.

The pass asks a plan how the whole model lies on the sockets; the plan walks through the layer bodies by
rules, each of which says how a result lies when its operands do so.

    shard_tensors ──► plan ──► rules ──► heads ──► layout
    (rewrites)        (model)  (a body)  (padding)  (how a value lies)
"""
