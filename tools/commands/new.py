"""`kl new`: write a package with an operation, two passes, a machine and their tests."""

from __future__ import annotations

from dataclasses import dataclass

from ..command_line import option


@dataclass(frozen=True)
class Command:
    """What a command line of `kl new` says."""

    name: str = option("its name: that of its module, dialect and machine", "name", metavar="NAME")
    folder: str | None = option(
        "a new folder for it (default: NAME in the current one)", "folder", nargs="?", metavar="FOLDER"
    )


def run(command: Command) -> int:
    """Write the package and say how it goes on."""
    from pathlib import Path
    from shlex import quote

    from ..examples import package_folder
    from ..new_package import write_package

    folder = Path(command.folder or command.name)
    for path in write_package(command.name, folder):
        print(path)
    print(f"\nnext: cd {quote(str(folder))} && pip install -e '.[test]' && pytest")
    print(f"{package_folder('docs') / 'extending.md'} goes through it")
    return 0
