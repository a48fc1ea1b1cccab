"""Memory: where every weight, state, input and value has its address, and what is spilled.

module ──► plan_memory ──► layout ──► addresses, or what is short and what would hold it
                           a solver
"""
