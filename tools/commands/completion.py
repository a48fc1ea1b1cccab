"""`kl completion`: the script by which a shell completes the command lines of `kl` and `kl-opt`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..command_line import option


@dataclass(frozen=True)
class Command:
    """What a command line of `kl completion` says."""

    shell: Literal["bash", "zsh", "fish"] = option("the shell", "shell")


def run(command: Command) -> int:
    """Print the script."""
    from ..completion import script

    print(script(command.shell))
    return 0
