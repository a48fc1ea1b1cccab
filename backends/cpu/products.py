"""C of the operations that multiply: matrix products, rotations, attention and what goes into its caches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .body import Body, Buffer, UnsupportedError
from .elements import number

Attributes = Mapping[str, Any]
MULTIPLIED = ("bf16", "f16", "f32")
"""Types of what products read, as `c/products.h` has them."""
PANEL = 256
"""Columns of a product that a thread adds up at a time, where a matrix has a row for each."""
WIDE_PANEL = 4096
"""The same where columns lie side by side, and a panel is read in runs of its width."""


def matmul(body: Body, name: str, operands: Sequence[Buffer], attributes: Attributes, result: Buffer) -> None:
    """`nn.matmul`: each thread makes its columns, for all rows at once."""
    x, w = operands
    check_multiplied(w)
    rows, terms, columns = x.rows, x.columns, result.columns
    by_rows = w.transposed != ("transposed" in attributes)
    panel = min(PANEL if by_rows else WIDE_PANEL, columns)
    body.reads(x, w)
    with body.shared(columns):
        body.scratch("row", rows * terms, rows * panel, kind="kl_sum")
        body.widened(x, "row", "kl_sum")
        with body.block(f"for (long j = from; j < to; j += {panel})"):
            body.line(f"long own = to - j < {panel} ? to - j : {panel};")
            body.line(f"memset(row_1, 0, {rows} * own * sizeof(kl_sum));")
            product(
                body, w, ("row_1", "own"), ("row", terms), rows,
                f"{w.name} + j * {terms}" if by_rows else f"{w.name} + j",
                terms if by_rows else columns, "own", terms, by_rows=by_rows,
            )  # fmt: skip
            with body.loop("m", 0, rows), body.loop("n", 0, "own"):
                body.line(result.set(f"m * {columns} + j + n", "row_1[m * own + n]"))
    body.made(result, columns)


def product(
    body: Body,
    w: Buffer,
    total: tuple[str, object],
    x: tuple[str, object],
    count: int,
    matrix: str,
    stride: object,
    columns: object,
    terms: object,
    *,
    by_rows: bool,
) -> None:
    """A call of `kl_rows_…` or `kl_columns_…`; totals and rows of x come with the distance of their rows."""
    function = f"kl_{'rows' if by_rows else 'columns'}_{w.spec.dtype}"
    body.line(
        f"{function}({total[0]}, {total[1]}, {x[0]}, {x[1]}, {count}, "
        f"{matrix}, {stride}, {columns}, {terms});"
    )


def check_multiplied(w: Buffer) -> None:
    """Raises: UnsupportedError for a type that products do not read."""
    if w.spec.dtype not in MULTIPLIED:
        raise UnsupportedError(
            f"products by {w.spec.dtype} have no C form; known are {', '.join(MULTIPLIED)}"
        )


def head_matmul(
    body: Body, name: str, operands: Sequence[Buffer], attributes: Attributes, result: Buffer
) -> None:
    """`nn.head_matmul`: the heads are shared out."""
    x, w = operands
    check_multiplied(w)
    (height, width), is_transposed = w.spec.shape, "transposed" in attributes
    heads = x.columns // width if is_transposed else result.columns // width
    terms, columns = x.columns // heads, result.columns // heads
    by_rows = w.transposed != is_transposed
    if is_transposed:  # [H * N, K]
        matrix, stride = (f"at * {columns}", height) if w.transposed else (f"at * {columns * terms}", terms)
    else:  # [H * K, N]
        matrix, stride = (f"at * {terms}", height) if w.transposed else (f"at * {terms * columns}", columns)
    rows = x.rows
    body.reads(x, w)
    with body.shared(heads, 1):
        body.scratch("row", rows * terms, rows * columns, kind="kl_sum")
        with body.loop("at", "from", "to"):
            with body.loop("m", 0, rows), body.loop("k", 0, terms):
                body.line(f"row[m * {terms} + k] = (kl_sum){x.at(f'm * {x.columns} + at * {terms} + k')};")
            body.line(f"memset(row_1, 0, {rows * columns} * sizeof(kl_sum));")
            product(
                body, w, ("row_1", columns), ("row", terms), rows,
                f"{w.name} + {matrix}", stride, columns, terms, by_rows=by_rows,
            )  # fmt: skip
            with body.loop("m", 0, rows), body.loop("n", 0, columns):
                body.line(
                    result.set(f"m * {result.columns} + at * {columns} + n", f"row_1[m * {columns} + n]")
                )
    body.made(result)


def rope(
    body: Body, operands: Sequence[Buffer], attributes: Attributes, result: Buffer, table: str, pairs: int
) -> None:
    """`nn.rope`: heads are shared out; the table has a row of cosines, then one of sines."""
    x, size = operands[0], int(attributes["head_dim"])
    interleaved = "interleaved" in attributes
    first, second = ("2 * i", "2 * i + 1") if interleaved else ("i", f"i + {pairs}")
    body.reads(x)
    with body.shared(x.spec.elements // size, 1), body.loop("at", "from", "to"):
        with body.loop("i", 0, pairs):
            one, other = (f"at * {size} + {place}" for place in (first, second))
            body.line(f"double cosine = {table}[i], sine = {table}[{pairs} + i];")
            body.line(f"double one = {x.at(one)}, other = {x.at(other)};")
            body.line(result.set(one, "one * cosine - other * sine"))
            body.line(result.set(other, "other * cosine + one * sine"))
        if 2 * pairs < size:
            body.line(f"for (long i = at * {size} + {2 * pairs}; i < (at + 1) * {size}; i++)")
            body.line(f"  {result.name}[i] = {x.name}[i];")
    body.made(result)


def append(body: Body, operands: Sequence[Buffer], *, ring: bool) -> None:
    """`nn.cache_append`: rows that are done stay out of the cache."""
    cache, x, position = operands
    batch, groups, slots, size = cache.spec.shape
    code = body.program.message(
        f"nn.cache_append: position {{}} is outside 0 {'on' if ring else f'to {slots - 1}'}"
    )
    body.reads(x, position)
    body.writes_memory()
    with body.shared(batch * groups, 1):
        body.line(f"long slot = kl_slot({position.name}[0], {slots}, {int(ring)}, {code});")
        with body.loop("g", "from", "to"):
            if body.done is not None:
                body.line(f"if ({body.done}[g / {groups}]) continue;")
            size_bytes = f"{size} * sizeof({cache.type})"
            body.line(
                f"memcpy({cache.name} + (g * {slots} + slot) * {size}, {x.name} + g * {size}, {size_bytes});"
            )


def attention(
    body: Body, name: str, operands: Sequence[Buffer], attributes: Attributes, result: Buffer
) -> None:
    """`nn.attention`: the heads of all rows are shared out."""
    query, keys, values, position, *by_head = operands
    batch, groups, slots, size = keys.spec.shape
    heads, width = query.columns // size, values.spec.shape[-1]
    own = result.columns // heads
    ring, code = int("ring" in attributes), _position_message(body, attributes, slots)
    body.reads(query, position, *by_head)
    body.reads_memory()
    with body.shared(batch * heads, 1):
        wide = [slots * one.spec.shape[-1] for one in (keys, values) if one.spec.dtype not in MULTIPLIED]
        body.scratch("row", size, slots, own, slots, *([max(wide)] if wide else []), kind="kl_sum")
        body.line("double *weights = (double *)row_3;")
        body.line(f"long last = {position.name}[0];")
        body.line(f"long slot = kl_slot(last, {slots}, {ring}, {code});")
        body.line(f"long count = last >= {slots} ? {slots} : slot + 1;")
        window = int(attributes["window"]) if "window" in attributes else "last + 1"
        body.line(f"kl_mask mask = {{last, count, {window}, {ring}}};")
        with body.loop("unit", "from", "to"):
            body.line(
                f"long at = unit % {heads}, group = unit / {heads} * {groups} + at / {heads // groups};"
            )
            body.line(_head(attributes, by_head))
            with body.loop("i", 0, size):
                body.line(f"row[i] = (kl_sum){query.at(f'unit * {size} + i')};")
            body.line("memset(row_1, 0, count * sizeof(kl_sum));")
            _over_slots(
                body, keys, ("row_1", "count"), ("row", size), slots * size, size, "count", size, by_rows=True
            )
            body.line("kl_attention_weights(row_1, weights, &mask, &head);")
            body.line(f"memset(row_2, 0, {own} * sizeof(kl_sum));")
            _over_slots(
                body,
                values,
                ("row_2", own),
                ("row_1", "count"),
                slots * width,
                width,
                own,
                "count",
                by_rows=False,
            )
            with body.loop("i", 0, own):
                body.line(result.set(f"unit * {own} + i", "row_2[i]"))
    body.made(result)


def _over_slots(
    body: Body,
    cache: Buffer,
    total: tuple[str, object],
    x: tuple[str, object],
    part: int,
    stride: int,
    columns: object,
    terms: object,
    *,
    by_rows: bool,
) -> None:
    """A product with the cache of a group; one of a type that products do not read is made f32 first."""
    matrix, read = f"{cache.name} + group * {part}", cache
    if cache.spec.dtype not in MULTIPLIED:
        from ..tensors import TensorSpec

        read = Buffer("(kl_f32 *)row_4", TensorSpec(cache.spec.shape, "f32"))
        with body.loop("i", 0, f"count * {stride}"):
            body.line(f"((kl_f32 *)row_4)[i] = (kl_f32){cache.at(f'group * {part} + i')};")
        matrix = "(kl_f32 *)row_4"
    product(body, read, total, x, 1, matrix, stride, columns, terms, by_rows=by_rows)


def _position_message(body: Body, attributes: Attributes, slots: int) -> int:
    last = "on" if "ring" in attributes else f"to {slots - 1}"
    return body.program.message(f"nn.attention: position {{}} is outside 0 {last}")


def _head(attributes: Attributes, by_head: Sequence[Buffer]) -> str:
    """What is done to the scores of head `at`."""
    extra = list(by_head)
    sink = extra.pop(0).at("at") if "sinks" in attributes else ""
    slope = extra.pop(0).at("at") if "slopes" in attributes else ""
    cap = attributes.get("softcap")
    numbers = [number(attributes["scale"]), number(cap or 0.0), slope or "0.0", sink or "0.0"]
    flags = [str(int(one)) for one in (cap is not None, bool(slope), bool(sink))]
    return f"kl_head head = {{{', '.join([*numbers, *flags])}}};"
