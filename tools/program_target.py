"""The target `kl-program`: a module at the rdu level as a saved program, `kl-opt … -t
kl-program`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO, ClassVar

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.utils.target import Target

from ..backends.sn40l.emit import emit_program
from ..backends.sn40l.serialize import dump_program


@dataclass(frozen=True)
class ProgramTarget(Target):
    """Writes the JSON document that `kl run` and `kl time` read."""

    name: ClassVar[str] = "kl-program"

    program: str = "program"
    """name of the program in reports"""

    def emit(self, ctx: Context, module: ModuleOp, output: IO[str]) -> None:
        """Raises: PassFailedException for a module that is not at the rdu level."""
        output.write(dump_program(emit_program(module, self.program)))
