"""Points of a what-if: command lines of `kl time`, each with one thing changed."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..options import CompilerOptions, ModelOptions, TimingOptions


@dataclass(frozen=True)
class Point:
    """A command line of `kl time`, and what of it is not as given."""

    compiler: CompilerOptions
    timing: TimingOptions
    change: str = ""
    """The options that were put in place of others."""

    def with_machine(self, name: str, value: int) -> Point:
        """Another value of a machine parameter."""
        machine = self.compiler.machine
        if name == "sockets":  # `--sockets` wins over `--set`
            machine, change = replace(machine, sockets=value), f"--sockets {value}"
        else:
            machine = replace(machine, set=_assigned(machine.set, name, value))
            change = f"--set {name}={value}"
        return replace(self, compiler=replace(self.compiler, machine=machine), change=change)

    def with_parameter(self, name: str, value: int) -> Point:
        """Another value of a model's parameter."""
        model = self.compiler.model
        model = replace(model, param=_assigned(model.param, name, value))
        change = f"--param {name}={value}"
        return replace(self, compiler=replace(self.compiler, model=model), change=change)

    def of_model(self, name: str) -> Point:
        """Another model, on the same machine and as it is; it may have no experts to share out."""
        mapping = replace(self.compiler.mapping, expert_sharding=None)
        return replace(self, compiler=replace(self.compiler, model=ModelOptions(name), mapping=mapping))


def _assigned(pairs: tuple[str, ...], name: str, value: int) -> tuple[str, ...]:
    """The pairs of an option that may not name anything twice, with another value of one name."""
    others = (pair for pair in pairs if pair.partition("=")[0].strip() != name)
    return (*others, f"{name}={value}")
