"""`kl machines`: the machines that are known by name, and what each number of one is and comes from."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ..command_line import option
from ..options import JSON_VERSION, json_option

if TYPE_CHECKING:
    from ..described_machines import Described


@dataclass(frozen=True)
class Command:
    """What a command line of `kl machines` says."""

    name: str | None = option(
        "show this one, or that of a TOML file, with the source of each number",
        "name",
        nargs="?",
        metavar="NAME",
    )
    json: bool = json_option()


def run(command: Command) -> int:
    """Print the list, or all of one machine."""
    from ..described_machines import described
    from ..machine_files import machine_names
    from ..terminal import print_json

    names = machine_names() if command.name is None else [command.name]
    machines = [described(name) for name in names]
    if command.json:
        print_json({"version": JSON_VERSION, "machines": [_document(one) for one in machines]})
    elif command.name is None:
        _print_list(machines)
    else:
        _print_one(machines[0])
    return 0


def _document(machine: Described) -> dict[str, Any]:
    keys = ("name", "value", "unit", "source", "standing")
    parameters = [{key: asdict(one)[key] for key in keys} for one in machine.parameters]
    return {"name": machine.name, "class": machine.kind, "from": machine.origin, "parameters": parameters}


def _print_list(machines: list[Described]) -> None:
    from ..terminal import print_table

    columns = ("name", "class", "from", "sockets", "published", "derived", "assumed", "fitted")
    rows = [
        [one.name, one.kind, one.origin, str(one.value("sockets")), *map(str, one.standings(columns[4:]))]
        for one in machines
    ]
    print_table(columns, rows, (0, 1, 2))
    print("\nthe last columns count numbers by where they come from; `kl machines NAME` shows each")
    print("kl time MODEL --machine NAME; a machine of your own is a TOML file, docs/machine.md says how")


def _print_one(machine: Described) -> None:
    from ..terminal import print_table

    print(f"{machine.name}: a machine of the class {machine.kind}, from {machine.origin}\n")
    rows = [(one.name, f"{one.value:,}", one.unit, one.source) for one in machine.parameters]
    print_table(("parameter", "value", "unit", "source"), rows, (0, 2, 3))
