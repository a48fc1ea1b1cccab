"""`kl-default` among the passes of `kl-opt`; what it needs is imported where it stands there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

KL_DEFAULT = "kl-default"


def one_by_one(module: ModuleOp, passes: Sequence[ModulePass]) -> Iterable[ModulePass]:
    """The passes; in the place of `kl-default` those that lead on from where the module is by then."""
    if not any(one.name == KL_DEFAULT for one in passes):
        return passes
    from ..lowering import expanded

    return expanded(module, passes)
