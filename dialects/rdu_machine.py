"""The machine of a module, as an attribute: `#rdu.machine`."""

from __future__ import annotations

from xdsl.dialects.builtin import (
    DictionaryAttr,
    IntegerAttr,
    ModuleOp,
    i64,
)
from xdsl.ir import Operation, ParametrizedAttribute
from xdsl.irdl import (
    irdl_attr_definition,
)
from xdsl.utils.exceptions import VerifyException

from .machine import SN40L, Machine
from .nn import expect

MACHINE_ATTRIBUTE = "rdu.machine"


@irdl_attr_definition
class MachineAttr(ParametrizedAttribute):
    """The machine of a module: what differs from the default SN40L, `#rdu.machine<{pmus = 64 : i64}>`."""

    name = "rdu.machine"

    changes: DictionaryAttr

    def machine(self) -> Machine:
        """The machine with all its parameters.

        Raises: VerifyException for an unknown parameter or a value that is no positive integer.
        """
        values: dict[str, int] = {}
        for name, value in self.changes.data.items():
            expect(isinstance(value, IntegerAttr), f"machine parameter {name} is {value}, not an integer")
            assert isinstance(value, IntegerAttr)
            values[name] = value.value.data
        try:
            return SN40L.with_values(values)
        except ValueError as error:
            raise VerifyException(str(error)) from error

    def verify(self) -> None:
        self.machine()

    @staticmethod
    def of(machine: Machine) -> MachineAttr:
        """The attribute that stands for a machine."""
        defaults = dict(SN40L.items())
        changed = {
            name: IntegerAttr(value, i64) for name, value in machine.items() if value != defaults[name]
        }
        return MachineAttr(DictionaryAttr(changed))


def machine_of(op: Operation) -> Machine:
    """The machine of the module around an operation; the default SN40L where the module names none."""
    module = op
    while (parent := module.parent_op()) is not None:
        module = parent
    attribute = module.attributes.get(MACHINE_ATTRIBUTE)
    return attribute.machine() if isinstance(attribute, MachineAttr) else SN40L


def set_machine(module: ModuleOp, machine: Machine) -> None:
    """Make `machine` the machine of the module."""
    module.attributes[MACHINE_ATTRIBUTE] = MachineAttr.of(machine)
