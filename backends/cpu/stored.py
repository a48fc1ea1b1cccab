"""C of weights of fewer bits: codes by a table of what they stand for, times the scales of their blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

from ...dialects.stored_formats import FORMATS, packed_axis
from .body import Body, Buffer
from .elements import number

Attributes = Mapping[str, Any]


def dequantize(
    body: Body, name: str, operands: Sequence[Buffer], attributes: Attributes, result: Buffer
) -> None:
    """`nn.dequantize`: each thread makes some of the rows."""
    codes, scales, *extra = operands
    format_ = next(one for one in FORMATS if f"format_{one}" in attributes)
    shape = result.spec.shape
    pieces = attributes.get("pieces", (0,) * len(shape))
    block = tuple(int(one) for one in attributes["block"])
    table = _code_table(body, format_)
    body.reads(*operands)
    with body.shared(result.rows, 1), body.loop("m", "from", "to"):
        _declare_places(body, shape)
        with body.loop("j", 0, result.columns):
            places = [*(f"i{axis}" for axis in range(len(shape) - 1)), "j"]
            body.line(f"double number = {table}[{_code(codes, format_, places, shape)}];")
            for one in extra:
                if one.spec.dtype == "i8":
                    body.line(f"number = number - {one.at(_block(places, shape, block, pieces, one))};")
            body.line(f"number = number * {scales.at(_block(places, shape, block, pieces, scales))};")
            for one in extra:
                if one.spec.dtype != "i8":
                    matrix = (*(1,) * (len(shape) - 2), *shape[-2:])
                    body.line(f"number = number * {one.at(_block(places, shape, matrix, pieces, one))};")
            body.line(result.set(f"m * {result.columns} + j", "number"))
    body.made(result)


def _declare_places(body: Body, shape: Sequence[int]) -> None:
    """The index along each axis but the last, of row `m`."""
    for axis in range(len(shape) - 1):
        below = prod(shape[axis + 1 : -1])
        text = "m" if below == 1 else f"m / {below}"
        body.line(f"long i{axis} = {text}{f' % {shape[axis]}' if axis else ''};")


def _code_table(body: Body, format_: str) -> str:
    """The name of the table of a format, which is declared once a program."""
    from ..numerics_stored import code_values

    name = f"kl_codes_{format_}"
    if name not in body.program.tables:
        values = [*map(number, code_values(format_).tolist())]
        body.program.tables[name] = f"static const double {name}[{len(values)}] = {{{', '.join(values)}}};"
    return name


def _code(codes: Buffer, format_: str, places: Sequence[str], shape: Sequence[int]) -> str:
    """The code of an element, without sign; several of a byte are neighbours along the packed axis."""
    per_byte, bits = FORMATS[format_].codes_per_byte, FORMATS[format_].bits
    axis = packed_axis(len(shape))
    stored = [
        f"{place} / {per_byte}" if n == axis and per_byte > 1 else place for n, place in enumerate(places)
    ]
    byte = f"(uint8_t){codes.name}[{_flat(stored, codes.spec.shape)}]"
    if per_byte == 1:
        return byte
    return f"{byte} >> {bits} * ({places[axis]} % {per_byte}) & {(1 << bits) - 1}"


def _block(
    places: Sequence[str], shape: Sequence[int], block: Sequence[int], pieces: Sequence[int], scales: Buffer
) -> str:
    """Where the scale of an element stands."""
    which = []
    for place, extent, size, piece in zip(places, shape, block, pieces, strict=True):
        own = min(int(piece) or extent, extent)
        blocks = -(-own // size)
        if own == extent:
            which.append("0" if size >= extent else place if size == 1 else f"{place} / {size}")
        else:
            which.append(f"({place} / {own} * {blocks} + {place} % {own} / {size})")
    return _flat(which, scales.spec.shape)


def _flat(places: Sequence[str], shape: Sequence[int]) -> str:
    """The index of an element by those along the axes."""
    terms = [
        place if (stride := prod(shape[axis + 1 :])) == 1 else f"({place}) * {stride}"
        for axis, place in enumerate(places)
        if place != "0"
    ]
    return " + ".join(terms) or "0"
