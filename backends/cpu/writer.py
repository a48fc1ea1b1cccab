"""`kl-opt … -t c`: the C of a module at the kernel level."""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO, ClassVar

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.utils.target import Target

from ...dialects.failing import raise_about
from ...dialects.kernel import FuncOp
from ...dialects.vocabulary import HELP_MARK
from .body import UnsupportedError
from .build import c_text
from .emit import emit_source

_WAY_OUT = "outline-kernels makes them of the nn level; at the levels below there are none any more"


@dataclass(frozen=True)
class CWriter(Target):
    """Writes kernels as C functions."""

    name: ClassVar[str] = "c"

    def emit(self, ctx: Context, module: ModuleOp, output: IO[str]) -> None:
        """Raises: DiagnosticException for a module without kernels, and for what has no C form."""
        if not any(isinstance(op, FuncOp) for op in module.ops):
            raise_about(
                module,
                UnsupportedError(f"C is made of kernels, and there is no kernel.func{HELP_MARK}{_WAY_OUT}"),
            )
        output.write(c_text(emit_source(module)))
