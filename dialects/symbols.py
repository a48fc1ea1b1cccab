"""Symbols by name. xDSL's look-up asks every operation of a module for its traits, for each call anew."""

from __future__ import annotations

from collections.abc import Iterable
from weakref import WeakValueDictionary

from xdsl.dialects.builtin import ModuleOp, StringAttr, SymbolRefAttr
from xdsl.ir import Operation
from xdsl.traits import SymbolOpInterface, SymbolTable

_FOUND: WeakValueDictionary[str, Operation] = WeakValueDictionary()
"""What a name stood for the last time, in whatever module: thousands of calls name the same few kernels."""


def find_symbol(op: Operation, name: SymbolRefAttr) -> Operation | None:
    """What a flat name stands for where an operation stands: a symbol of the symbol table around it."""
    table: Operation | None = op
    while table is not None and not table.has_trait(SymbolTable):
        table = table.parent_op()
    if table is None:
        return None
    wanted, block = name.root_reference.data, table.regions[0].block
    found = _FOUND.get(wanted)
    if found is None or found.parent is not block or not _is_symbol(found, wanted):
        found = next((one for one in block.ops if _is_symbol(one, wanted)), None)
        if found is not None:
            _FOUND[wanted] = found
    return found


def _is_symbol(op: Operation, wanted: str) -> bool:
    name = op.properties.get("sym_name") or op.attributes.get("sym_name")
    return isinstance(name, StringAttr) and name.data == wanted and op.has_trait(SymbolOpInterface)


def symbol_name(op: Operation) -> str | None:
    """A symbol's name. xDSL's `get_name_if_symbol` gives text or an attribute, depending on the version."""
    interface = op.get_trait(SymbolOpInterface)
    name = None if interface is None else interface.get_sym_attr_name(op)
    return None if name is None else name.data


class UniqueNames:
    """Hands out names that no symbol of a module has."""

    def __init__(self, module: ModuleOp, without: Iterable[Operation] = ()):
        """The symbols `without` give their names free."""
        kept = set(module.ops) - set(without)
        self._taken = {name for op in kept if (name := symbol_name(op)) is not None}
        self._last: dict[str, int] = {}
        """The last number behind each name that was wanted; names are never given back."""

    def take(self, wanted: str) -> str:
        """The name itself, or with the first free number behind it."""
        name, number = wanted, self._last.get(wanted, 0)
        while name in self._taken:
            number += 1
            name = f"{wanted}_{number}"
        self._taken.add(name)
        self._last[wanted] = number
        return name
