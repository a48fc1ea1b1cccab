"""Where the values of a schedule lie: whole, or as a stack of slices, which stay where a checkpoint is."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ..tensors import Array
from .layouts import Layout


@dataclass(frozen=True)
class Value:
    """The memory of a value: one array, or one for each slice along the first axis."""

    slices: tuple[Array, ...]
    is_stack: bool = False

    @property
    def whole(self) -> Array:
        """All of it as one array: a copy of a stack."""
        return np.stack(self.slices) if self.is_stack else self.slices[0]

    def slice(self, index: int) -> Value:
        """One slice along the first axis."""
        return Value((self.slices[index] if self.is_stack else self.slices[0][index, ...],))

    def parts(self) -> Sequence[Array]:
        """All slices along the first axis."""
        return self.slices if self.is_stack else [*self.slices[0]]


@dataclass
class Memory:
    """What arguments of C functions point to; what does not lie as a function wants it is copied once."""

    _copies: dict[tuple[int, tuple[int, ...], tuple[int, ...], bool], Array] = field(default_factory=dict)
    _kept: list[object] = field(default_factory=list)

    def address(self, value: Value, layout: Layout) -> int:
        """The address of a value in a layout: of its elements, or of the addresses of its slices."""
        if layout.stacked:
            addresses = [self._address(one, transposed=layout.transposed) for one in value.parts()]
            array = (ctypes.c_void_p * len(addresses))(*addresses)
            self._kept.append(array)
            return ctypes.addressof(array)
        if value.is_stack and len(value.slices) == 1:
            return self._address(value.slices[0], transposed=layout.transposed)
        assert not (value.is_stack and value.slices[0].flags.writeable), "what is written is not copied"
        return self._address(value.whole, transposed=layout.transposed, is_copy=value.is_stack)

    def _address(self, array: Array, *, transposed: bool, is_copy: bool = False) -> int:
        lies = array.swapaxes(-1, -2) if transposed else array
        if lies.flags.c_contiguous and lies.ctypes.data % lies.itemsize == 0:
            if is_copy:
                self._kept.append(array)
            return lies.ctypes.data
        key = (lies.ctypes.data, lies.shape, lies.strides, transposed)
        if key not in self._copies:
            self._kept.append(array)  # its address stands for it as long as there is the copy
            self._copies[key] = np.array(lies, order="C")
        return self._copies[key].ctypes.data
