"""Pieces of a text: parameters, constants, weights, caches and statements, which the parts make."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass

from .quantization.storage import Storage

Number = int | float


@dataclass(frozen=True)
class Param:
    """A parameter of the text."""

    name: str
    text: str
    """Its literal, or the expression that it is made by."""
    value: Number
    note: str = ""
    """A comment behind it."""

    @property
    def line(self) -> str:
        """The declaration."""
        return f"param {self.name} = {self.text}{f'  // {self.note}' if self.note else ''}"


def literal(name: str, value: Number, note: str = "") -> Param:
    """A parameter that is a number."""
    return Param(name, decimal(value), value, note)


def decimal(value: Number) -> str:
    """A number as the language writes it: whole numbers have neither point nor exponent."""
    text = repr(value)
    if isinstance(value, int) or "e" not in text:
        return text
    digits, _, exponent = text.partition("e")
    return f"{digits}e{int(exponent)}"


@dataclass(frozen=True)
class Weight:
    """A weight, and which part of which tensor of a checkpoint it is."""

    name: str
    shape: tuple[str, ...]
    tensor: str
    """Its name on disk, with `{layer}`, and with `{expert}` where each expert has a tensor."""
    transposed: bool = False
    rows: str = ""
    """The part of the tensor's rows, such as `0..head_dim each 3 * head_dim`; empty for all."""
    columns: str = ""
    unread: int = 0
    """Rows of the tensor that no weight reads."""
    linear: bool = False
    """Whether it is the matrix of a linear layer, or a stack of them, that may be stored in few bits."""
    outputs_first: bool = False
    """Whether it is declared as it lies on disk, with the outputs of the linear layer as its rows."""
    storage: Storage | None = None
    """How it is stored in few bits; None for wide weights."""
    dtype: str = ""
    """Its element type; empty for the text's."""
    of_experts: bool = False
    """Whether its first extent counts experts, of which a token reads some."""

    @property
    def line(self) -> str:
        """The declaration."""
        declared = f"weight {self.name}[{', '.join(self.shape)}]"
        if self.storage is not None:
            declared += self.storage.declared(self.shape, outputs_first=self.outputs_first)
            if not self.storage.is_named:
                return declared
        elif self.dtype:
            declared += f": {self.dtype}"
        return f"{declared} from {self._source}"

    @property
    def _source(self) -> str:
        """Where a checkpoint has it; a layout gives the matrix as declared, whose outputs are columns."""
        storage, parts = self.storage, self.parts
        if storage is not None and storage.layout is not None:
            parts = (("columns", self.rows or self.columns),)
            found = f'{storage.layout} "{self.module}"'
        else:
            scales = "" if storage is None else f' scales "{storage.scales_of(self.module)}"'
            found = f'{"transposed " if self.transposed else ""}"{self.tensor}"{scales}'
        return found + "".join(f" {axis} {part}" for axis, part in parts if part)

    @property
    def module(self) -> str:
        """The name of the module that has the tensor."""
        return self.tensor.removesuffix(".weight")

    @property
    def parts(self) -> tuple[tuple[str, str], ...]:
        """Its part along each axis."""
        return ("rows", self.rows), ("columns", self.columns)

    def extents(self, numbers: Mapping[str, Number]) -> tuple[int, ...]:
        """The shape as declared."""
        return tuple(int(evaluated(extent, numbers)) for extent in self.shape)

    def disk_shape(self, numbers: Mapping[str, Number]) -> tuple[int, ...]:
        """The shape of its part as it lies on disk; experts count first, also where each has a tensor."""
        shape = self.extents(numbers)
        return (*shape[:-2], shape[-1], shape[-2]) if self.transposed else shape


@dataclass(frozen=True)
class Piece:
    """What a part adds to the text; pieces are added in its order."""

    params: tuple[Param, ...] = ()
    constants: tuple[str, ...] = ()
    """Whole declarations."""
    weights: tuple[Weight, ...] = ()
    caches: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    """Statements."""

    def __add__(self, other: Piece) -> Piece:
        return Piece(
            self.params + other.params,
            self.constants + other.constants,
            self.weights + other.weights,
            self.caches + other.caches,
            self.lines + other.lines,
        )


def said(*lines: str) -> Piece:
    """Statements alone."""
    return Piece(lines=lines)


def evaluated(expression: str, numbers: Mapping[str, Number]) -> Number:
    """The value of an extent: `+ - * /` over parameters."""
    return _value(ast.parse(expression, mode="eval").body, numbers)


def _value(node: ast.expr, numbers: Mapping[str, Number]) -> Number:
    match node:
        case ast.Constant(value=int() | float() as number):
            return number
        case ast.Name(id=name):
            return numbers[name]
        case ast.BinOp(left=left, op=op, right=right):
            one, two = _value(left, numbers), _value(right, numbers)
            match op:
                case ast.Add():
                    return one + two
                case ast.Sub():
                    return one - two
                case ast.Mult():
                    return one * two
                case _:
                    return one // two
        case _:
            raise ValueError(f"{ast.unparse(node)} is no extent")
