"""A design-space explorer for any black box: search spaces, models and the ask/tell optimizer.

It knows nothing of the compiler: `docs/explore.md` shows its use.
"""
