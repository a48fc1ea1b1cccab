"""`kl examples`: the models and scenarios that come with `kl`, and where its documentation is."""

from __future__ import annotations

from dataclasses import dataclass

from ..command_line import option
from ..options import JSON_VERSION, json_option


@dataclass(frozen=True)
class Command:
    """What a command line of `kl examples` says."""

    name: str | None = option("print this one, to be changed", "name", nargs="?", metavar="NAME")
    json: bool = json_option()


def run(command: Command) -> int:
    """Print the list, or one example."""
    from ..examples import examples, find_example, package_folder
    from ..terminal import print_json, print_table

    name = command.name
    chosen = examples() if name is None else [find_example(name)]
    if command.json:
        keys = ("kind", "name", "about", "path")
        listed = [{key: str(getattr(one, key)) for key in keys} for one in chosen]
        folder = str(package_folder("docs"))
        print_json({"version": JSON_VERSION, "examples": listed, "documentation": folder})
    elif name is not None:
        print(chosen[0].path.read_text(encoding="utf-8"), end="")
    else:
        print_table(("name", "kind", "is"), [(one.name, one.kind, one.about) for one in chosen], (0, 1, 2))
        print("\nkl time MODEL; kl explore SCENARIO --function kl.examples.explore.functions:FUNCTION")
        print(f"documentation: {package_folder('docs')}")
    return 0
