"""Numbers in attributes, bit by bit: xDSL's parser takes the bits of a float in `dense` for an integer,
refuses them in `array` and in complex numbers, and loses those of a NaN.
"""

from __future__ import annotations

import math
import re
import struct
from dataclasses import dataclass
from typing import Any

from xdsl.dialects.builtin import (
    AnyDenseElement,
    AnyFloat,
    BytesAttr,
    ComplexType,
    DenseArrayBase,
    DenseIntOrFPElementsAttr,
    Float80Type,
    Float128Type,
    FloatAttr,
    IndexType,
    IntegerAttr,
    IntegerType,
    RankedStructure,
    Signedness,
)
from xdsl.ir import Attribute, TypeAttribute
from xdsl.parser import AttrParser
from xdsl.utils.lexer import Span
from xdsl.utils.mlir_lexer import MLIRToken, MLIRTokenKind

WIDE = {Float80Type: (64, True), Float128Type: (112, False)}
"""Of the floats that Python has no format for: bits of the mantissa, and whether its first one is written."""

MOST_BITS = 2**24 - 1
"""Of an integer, as in MLIR (`IntegerType::kMaxWidth`)."""
MOST_ELEMENTS = 2**24
"""Of a `dense`, which xDSL holds one by one, also where all are equal. Assumed: a gigabyte of memory, and
many times the constants of a model; larger values are weights."""

_STORED = re.compile(r'<\s*"0[xX]((?:[0-9a-fA-F]{2})*)"\s*>\s*:')


def is_bits(text: str) -> bool:
    """Whether a number is written by its bits."""
    return text.lstrip("-")[:2] in ("0x", "0X")


def to_bits(value: float, type: AnyFloat) -> int:
    """The bits of a float; those of f80 and f128 are made of the ones of f64."""
    if type.__class__ not in WIDE:
        return int.from_bytes(type.pack((value,)), "little")
    mantissa_bits, has_one = WIDE[type.__class__]
    fraction_bits = mantissa_bits - has_one
    bits = int.from_bytes(struct.pack("<d", value), "little")
    sign, exponent, fraction = bits >> 63, bits >> 52 & 0x7FF, bits & (1 << 52) - 1
    if not exponent and fraction:
        shift = 53 - fraction.bit_length()
        exponent, fraction = 1 - shift, fraction << shift & (1 << 52) - 1
    is_zero = not exponent and not fraction
    exponent = 0 if is_zero else 0x7FFF if exponent == 0x7FF else exponent - 1023 + 16383
    one = 1 << fraction_bits if has_one and not is_zero else 0
    return sign << 15 + mantissa_bits | exponent << mantissa_bits | one | fraction << fraction_bits - 52


def from_bits(bits: int, type: AnyFloat) -> float | None:
    """The float of some bits; None where f64, which holds f80 and f128, has none."""
    if type.__class__ not in WIDE:
        return next(type.iter_unpack(bits.to_bytes(type.compile_time_size, "little")))
    mantissa_bits, has_one = WIDE[type.__class__]
    fraction_bits = mantissa_bits - has_one
    exponent, mantissa = bits >> mantissa_bits & 0x7FFF, bits & (1 << mantissa_bits) - 1
    if exponent == 0x7FFF:
        fraction = mantissa & (1 << fraction_bits) - 1
        value = struct.unpack("<d", struct.pack("<Q", 0x7FF << 52 | fraction >> fraction_bits - 52))[0]
    else:
        value = _finite(exponent, mantissa, fraction_bits, has_one)
    value = math.copysign(value, -1.0 if bits >> 15 + mantissa_bits else 1.0)
    return value if to_bits(value, type) == bits else None


def _finite(exponent: int, mantissa: int, fraction_bits: int, has_one: bool) -> float:
    significand = mantissa if has_one or not exponent else mantissa | 1 << fraction_bits
    try:
        return math.ldexp(significand, max(exponent, 1) - 16383 - fraction_bits)
    except OverflowError:
        return math.inf


def has_other_bytes(type: Attribute) -> bool:
    """Whether MLIR stores these numbers in other bytes than xDSL."""
    scalar = type.element_type if isinstance(type, ComplexType) else type
    if not isinstance(scalar, IntegerType):
        return False
    width = scalar.width.data
    return width == 1 or scalar.compile_time_size != (width + 7) // 8


def of_other_bytes(data: bytes, type: IntegerType, count: int) -> list[int] | None:
    """The integers that MLIR has stored; None where there are not so many, and for no more than eight bits,
    which are xDSL's."""
    width = type.width.data
    size = (width + 7) // 8
    if width == 1 and count > 8 and len(data) == (count + 7) // 8:
        return [data[at // 8] >> at % 8 & 1 for at in range(count)]
    if width == 1 or len(data) != count * size:
        return None
    values = (
        int.from_bytes(data[at : at + size], "little") % (1 << width) for at in range(0, len(data), size)
    )
    signed = type.signedness.data is not Signedness.UNSIGNED
    return [one - (1 << width) if signed and one >> width - 1 else one for one in values]


@dataclass
class _Element(AttrParser._TensorLiteralElement):  # pyright: ignore[reportPrivateUsage]  # what the parser makes
    """A number of a `dense`, or the two of a complex one; leaves with the parser the bits that it states."""

    parts: tuple[_Element, ...] = ()

    def to_type(self, parser: AttrParser, type: AnyFloat | IntegerType | IndexType | ComplexType) -> Any:
        assert isinstance(parser, NumberParser)
        assert parser.data is not None, "it is in a dense"
        if isinstance(type, ComplexType) and self.parts:
            return tuple(part.to_type(parser, type.element_type) for part in self.parts)
        if not (isinstance(type, AnyFloat) and is_bits(self.span.text)):
            value = super().to_type(parser, type)
            parser.data.append((value, type))
            return value
        assert isinstance(self.value, int)
        parser.has_bits = True
        parser.data.append(parser.checked_bits(self.value, type, self.span))
        return 0.0


class NumberParser(AttrParser):
    """The part of the parser that reads numbers."""

    _COMPLEX_BITS = re.compile(r"\(\s*(?:-?0x|[^,()]*,\s*-?0x)")

    data: list[bytes | tuple[Any, Any]] | None = None
    """The numbers of the `dense` that is parsed: the bytes, or value and type."""
    has_bits: bool = False
    """Whether one of them is given by its bits."""

    def checked_bits(self, bits: int, type: AnyFloat, span: Span) -> bytes:
        """The bytes of a float that is given by its bits.

        Raises: ParseError for more bits than the type has.
        """
        if bits < 0:
            self.raise_error("the bits of a float have no sign of their own", span)
        if bits.bit_length() > type.bitwidth:
            self.raise_error("Hexadecimal float constant out of range for type", span)
        return bits.to_bytes(type.compile_time_size, "little")

    def _parse_tensor_literal_element(self) -> _Element:
        is_pair = self._current_token.kind is MLIRTokenKind.L_PAREN
        if is_pair and self._COMPLEX_BITS.match(self.lexer.input.content, self.pos):
            return self._parse_complex_bits()
        one = super()._parse_tensor_literal_element()
        return _Element(one.is_negative, one.value, one.span)

    def _parse_complex_bits(self) -> _Element:
        start = self.pos
        parts = self.parse_comma_separated_list(self.Delimiter.PAREN, self._parse_tensor_literal_element)
        if len(parts) != 2:
            self.raise_error("Expected complex literal", start)
        return _Element(False, 0, parts[0].span, tuple(parts))

    def _parse_optional_integer_or_float_type(self) -> TypeAttribute | None:
        """As xDSL does. Raises: ParseError for an integer of more bits than MLIR has."""
        token = self._current_token
        type = super()._parse_optional_integer_or_float_type()
        if isinstance(type, IntegerType) and type.width.data > MOST_BITS:
            self.raise_error(f"an integer has at most {MOST_BITS} bits", token.span)
        return type

    def _parse_dense_literal_type(self) -> RankedStructure[IntegerType | IndexType | AnyFloat | ComplexType]:
        """As xDSL does. Raises: ParseError for more elements than it can hold."""
        start = self._current_token.span
        type = super()._parse_dense_literal_type()
        if (count := math.prod(type.get_shape())) > MOST_ELEMENTS:
            self.raise_error(f"a dense has at most {MOST_ELEMENTS} elements, this one has {count}", start)
        return type

    def parse_dense_int_or_fp_elements_attr(
        self, type: RankedStructure[AnyDenseElement] | None
    ) -> DenseIntOrFPElementsAttr:
        """As xDSL does, with the bits that the text states."""
        if type is None and (stored := self._parse_other_bytes()) is not None:
            return stored
        outer, self.data, self.has_bits = (self.data, self.has_bits), [], False
        attribute = super().parse_dense_int_or_fp_elements_attr(type)
        if self.has_bits:
            data = b"".join(one if isinstance(one, bytes) else one[1].pack((one[0],)) for one in self.data)
            times = len(attribute.data.data) // len(data)
            attribute = DenseIntOrFPElementsAttr(attribute.type, BytesAttr(data * times))
        self.data, self.has_bits = outer
        return attribute

    def _parse_other_bytes(self) -> DenseIntOrFPElementsAttr | None:
        """A `dense` that MLIR has written as bytes other than xDSL's, if present."""
        start = self.pos
        if (found := _STORED.match(self.lexer.input.content, start)) is None:
            return None
        self._resume_from(found.end())
        type = self._parse_dense_literal_type()
        scalar, count = type.get_element_type(), math.prod(type.get_shape())
        values = None
        if isinstance(scalar, IntegerType) and has_other_bytes(scalar):
            values = of_other_bytes(bytes.fromhex(found[1]), scalar, count)
        if values is None:
            self._resume_from(start)
            return None
        return DenseIntOrFPElementsAttr.from_list(type, values)  # pyright: ignore

    def _parse_builtin_densearray_attr(self) -> DenseArrayBase | None:
        start = self.pos
        self.parse_characters("<", " in dense array")
        type = self.parse_attribute()
        if not isinstance(type, AnyFloat) or self.parse_optional_punctuation(":") is None:
            self._resume_from(start)
            return super()._parse_builtin_densearray_attr()
        parts = self.parse_comma_separated_list(self.Delimiter.NONE, lambda: self._parse_float_bytes(type))
        self.parse_characters(">", " in dense array")
        return DenseArrayBase(type, BytesAttr(b"".join(parts)))

    def _parse_float_bytes(self, type: AnyFloat) -> bytes:
        token = self._current_token
        if token.kind is not MLIRTokenKind.INTEGER_LIT or not is_bits(token.text):
            return type.pack((self.parse_float(),))
        self._consume_token()
        return self.checked_bits(int(token.text, 16), type, token.span)

    def parse_optional_builtin_int_or_float_attr(self) -> IntegerAttr | FloatAttr | None:
        """As xDSL does, and f80 and f128 by their bits."""
        token = self._current_token
        if token.kind is MLIRTokenKind.INTEGER_LIT and len(token.text) > 18 and is_bits(token.text):
            self._consume_token()
            type = self.parse_type() if self.parse_optional_punctuation(":") else None
            if isinstance(type, Float80Type | Float128Type):
                return FloatAttr(self._checked_float(token, type), type)
            self._resume_from(token.span.start)
        return super().parse_optional_builtin_int_or_float_attr()

    def _checked_float(self, token: MLIRToken, type: Float80Type | Float128Type) -> float:
        bits = int(token.text, 16)
        if bits.bit_length() > type.bitwidth or (value := from_bits(bits, type)) is None:
            self.raise_error(f"no f64, which holds what is {type.name} here, has these bits", token.span)
        return value
