"""What passes have done in numbers: `--statistics`."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from xdsl.dialects.builtin import ModuleOp, UnregisteredOp
from xdsl.ir import Operation
from xdsl.passes import ModulePass

from ..observer import Observer
from .listing import counted
from .remarks import FreshRemarks


@dataclass
class PassStatistics:
    """What a pass has done, over all pieces of the input."""

    before: int = 0
    after: int = 0
    added: Counter[str] = field(default_factory=Counter[str])
    removed: Counter[str] = field(default_factory=Counter[str])
    remarks: int = 0


class Statistics(Observer):
    """Counts operations around each pass.

    One that takes another's place is added, and the other removed, be their names the same.
    """

    def __init__(self) -> None:
        self.passes: dict[tuple[int, str], PassStatistics] = {}
        self.number = 0
        self.operations: dict[Operation, str] = {}
        """Those before the pass, kept so that no other takes their place in memory."""
        self.remarks = FreshRemarks()

    def begin(self, module: ModuleOp) -> None:
        self.number = 0
        self.remarks.of(module)

    def before(self, module_pass: ModulePass, module: ModuleOp) -> None:
        self.number += 1
        self.operations = {op: _name(op) for op in module.walk()}

    def after(self, module_pass: ModulePass, module: ModuleOp) -> None:
        one = self.passes.setdefault((self.number, module_pass.name), PassStatistics())
        old, new = self.operations, {op: _name(op) for op in module.walk()}
        one.before += len(old)
        one.after += len(new)
        one.added.update(name for op, name in new.items() if op not in old)
        one.removed.update(name for op, name in old.items() if op not in new)
        one.remarks += len(self.remarks.of(module))
        self.operations = {}

    def finish(self) -> None:
        for (_, name), one in self.passes.items():
            for line in lines_of(name, one):
                print(line, file=sys.stderr)


def lines_of(name: str, one: PassStatistics) -> Iterator[str]:
    """The statistics of a pass as text."""
    remarks = f", {counted(one.remarks, 'remark')}" if one.remarks else ""
    yield f"{name}: {counted(one.before, 'operation')} before, {one.after} after{remarks}"
    for mark, names in (("+", one.added), ("-", one.removed)):
        if names:
            listed = sorted(names.items(), key=lambda item: (-item[1], item[0]))
            yield f"  {mark} {', '.join(f'{count} {name}' for name, count in listed)}"


def _name(op: Operation) -> str:
    return op.op_name.data if isinstance(op, UnregisteredOp) else op.name
