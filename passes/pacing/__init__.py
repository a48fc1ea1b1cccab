"""Pacing: when each stage fires, how often the loop begins an iteration, and how deep that makes channels.

stages ──► schedule_stages     II and latency of each stage
streams ─► prefetch_weights    as many tiles ahead as their PMUs hold
loop ────► loop_problem ─┬► modulo  ┐
                         └► depths  ┴─► schedule_loop
"""
