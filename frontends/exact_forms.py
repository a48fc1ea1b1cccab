"""What an operation's own form would leave out when it is printed."""

from __future__ import annotations

from collections.abc import Mapping
from io import StringIO

from xdsl.dialects.builtin import AnyFloat, ArrayAttr, DictionaryAttr, FunctionType, StringAttr
from xdsl.ir import Attribute, Operation, Region
from xdsl.irdl import IRDLOperation
from xdsl.printer import Printer
from xdsl.traits import SingleBlockImplicitTerminator

Signature = tuple[FunctionType, tuple[DictionaryAttr, ...], tuple[DictionaryAttr, ...]]
VISIBILITIES = ("public", "nested", "private")

_printed: dict[tuple[type[Operation], tuple[str, ...]], bool] = {}


def leaves_out(op: Operation) -> bool:
    """Whether the form of an operation's own leaves out an attribute, or says it so that none reads it."""
    if op.attributes and not _prints_attributes(op):
        return True
    return _get(op, "function_type") is not None and not _says_signature(op)


def signature(op: Operation) -> Signature | None:
    """What a declared function prints as its type where arguments or results have attributes."""
    if op.name != "func.func" or op.regions[0].blocks:
        return None
    arguments, results = (_attributes(op, name) for name in ("arg_attrs", "res_attrs"))
    type = op.properties["function_type"]
    if (arguments is None and results is None) or not isinstance(type, FunctionType):
        return None
    none = DictionaryAttr({})
    return type, arguments or (none,) * len(type.inputs), results or (none,) * len(type.outputs)


def is_implied(op: Operation | None) -> bool:
    """Whether the parser adds this terminator where a text has none."""
    if op is None or op.operands or op.attributes or op.properties or op.regions or op.successors:
        return op is None
    parent = op.parent_op()
    if parent is not None and parent.name == "scf.execute_region":  # xDSL prints it without, and adds none
        return False
    traits = parent.get_traits_of_type(SingleBlockImplicitTerminator) if parent is not None else []
    return all(isinstance(op, trait.op_type) for trait in traits)


def _says_signature(op: Operation) -> bool:
    """Whether a function's own form says what it has beside its type.

    Attributes of arguments or results that are all empty say no more than none; MLIR leaves them out, too.
    """
    visibility = _get(op, "sym_visibility")
    if isinstance(visibility, StringAttr) and visibility.data not in VISIBILITIES:
        return False
    type = _get(op, "function_type")
    if not isinstance(type, FunctionType):
        return not ({"arg_attrs", "res_attrs"} & op.properties.keys()) or bool(op.regions[0].blocks)
    sizes = {"arg_attrs": len(type.inputs), "res_attrs": len(type.outputs)}
    for name, size in sizes.items():
        if name in op.properties:
            given = _attributes(op, name)
            if given is None or len(given) != size:
                return False
    if not op.regions[0].blocks:
        return signature(op) is not None or not (sizes.keys() & op.properties.keys())
    lone_function = len(type.outputs) == 1 and isinstance(type.outputs.data[0], FunctionType)
    return not lone_function or "res_attrs" in op.properties


def _get(op: Operation, name: str) -> Attribute | None:
    """A property, or an attribute where the dialect has none."""
    return op.properties.get(name) or op.attributes.get(name)


def _attributes(op: Operation, name: str) -> tuple[DictionaryAttr, ...] | None:
    match op.properties.get(name):
        case ArrayAttr(data=given):
            return tuple(one for one in given if isinstance(one, DictionaryAttr))
        case _:
            return None


class _Listener(Printer):
    """Prints one operation to nowhere, and remembers which of its attributes a dictionary has held."""

    def __init__(self, attributes: Mapping[str, Attribute]):
        super().__init__(StringIO())
        self._attributes = attributes
        self.names: set[str] = set()

    def print_attr_dict(self, attr_dict: Mapping[str, Attribute]) -> None:
        self.names.update(name for name, value in attr_dict.items() if value is self._attributes.get(name))
        super().print_attr_dict(attr_dict)

    def print_attribute(self, attribute: Attribute) -> None:
        """What an attribute is does not matter."""

    def print_float(self, value: float, type: AnyFloat) -> None:
        """Nor does a number."""

    def print_region(self, region: Region, *args: bool, **options: bool) -> None:
        """Regions are other operations' affair."""


def _prints_attributes(op: Operation) -> bool:
    """Whether an operation's own form prints the attributes that its definition does not know."""
    key = op.__class__, tuple(op.attributes)
    if key not in _printed:
        _printed[key] = _unknown(op) <= _listened(op) if op.__class__.print is not Operation.print else True
    return _printed[key]


def _unknown(op: Operation) -> set[str]:
    known = op.get_irdl_definition().attributes if isinstance(op, IRDLOperation) else op.attributes
    return op.attributes.keys() - known.keys()


def _listened(op: Operation) -> set[str]:
    listener = _Listener(op.attributes)
    op.print(listener)
    return listener.names
