"""Decode steps as C for this machine's processors, compiled by its `cc`."""
