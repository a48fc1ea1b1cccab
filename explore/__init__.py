"""A design-space explorer for any black box: search spaces, models and the ask/tell optimizer.

It knows nothing of the compiler: `docs/explore.md` shows its use.
"""

from __future__ import annotations

from typing import Literal, get_args

Method = Literal["default", "pareto-wall", "random", "local-search", "evolution"]
METHODS: tuple[Method, ...] = get_args(Method)
"""How the optimizer chooses points."""
