"""C of the operations on rows: norms, softmax, sums, routers, and what copies columns or rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

from .body import Body, Buffer
from .elements import number

Attributes = Mapping[str, Any]


def norm(body: Body, name: str, operands: Sequence[Buffer], attributes: Attributes, result: Buffer) -> None:
    """`nn.rms_norm` and `nn.layer_norm`: each thread sums whole rows, and makes its columns."""
    x, *parameters = operands
    body.reads(x)
    body.reads_own(result.columns, parameters)
    group = int(attributes.get("group", x.columns))
    groups, eps = x.columns // group, number(attributes["eps"])
    combine = ("*", "+")
    with body.shared(x.columns):
        body.scratch("row", x.columns, groups)
        with body.loop("m", 0, x.rows):
            body.widened(x, "row", rows="m", count=x.columns)
            if name == "nn.layer_norm":
                body.line(f"kl_centre(row, row_1, {groups}, {group}, {eps});")
            else:
                body.line(f"kl_root_mean_squares(row, row_1, {groups}, {group}, {eps});")
            total = f"row[j] / row_1[{'0' if groups == 1 else f'j / {group}'}]"
            for sign, one in zip(combine, parameters, strict=False):
                total += f" {sign} {one.at('j' if one.spec.elements == x.columns else f'j % {group}')}"
            body.line("for (long j = from; j < to; j++)")
            body.line("  " + result.set(f"m * {x.columns} + j", total))
    body.made(result, result.columns)


def square_sum(
    body: Body, name: str, operands: Sequence[Buffer], attributes: Attributes, result: Buffer
) -> None:
    """`nn.square_sum` and `nn.sum` of each row, by the first thread."""
    (x,) = operands
    function = "kl_sum_of_squares" if name == "nn.square_sum" else "kl_ordered_sum"
    body.reads(x)
    with body.alone():
        body.scratch("row", x.columns)
        with body.loop("m", 0, x.rows):
            body.widened(x, "row", rows="m", count=x.columns)
            body.line(result.set("m", f"{function}(row, {x.columns})"))
    body.made(result)


def rms_scale(
    body: Body, name: str, operands: Sequence[Buffer], attributes: Attributes, result: Buffer
) -> None:
    """`nn.rms_scale`: elements over the root of a mean square that is given."""
    x, squares, *parameters = operands
    body.reads(squares)
    body.reads_own(result.columns, [x, *parameters])
    with body.shared(x.columns), body.loop("m", 0, x.rows):
        mean = f"{squares.at('m')} / {number(attributes['count'])}"
        body.line(f"double root = sqrt({mean} + {number(attributes['eps'])});")
        total = f"{x.at(f'm * {x.columns} + j')} / root"
        for sign, one in zip(("*", "+"), parameters, strict=False):
            total += f" {sign} {one.at('j')}"
        body.line("for (long j = from; j < to; j++)")
        body.line("  " + result.set(f"m * {x.columns} + j", total))
    body.made(result, result.columns)


def softmax(
    body: Body, name: str, operands: Sequence[Buffer], attributes: Attributes, result: Buffer
) -> None:
    """`nn.softmax`: the rows are shared out."""
    (x,) = operands
    body.reads(x)
    with body.shared(x.rows, 1):
        body.scratch("row", x.columns)
        with body.loop("m", "from", "to"):
            body.widened(x, "row", rows="m", count=x.columns)
            body.line(f"kl_softmax(row, {x.columns});")
            with body.loop("j", 0, x.columns):
                body.line(result.set(f"m * {x.columns} + j", "row[j]"))
    body.made(result)


def argmax(body: Body, name: str, operands: Sequence[Buffer], attributes: Attributes, result: Buffer) -> None:
    """`nn.argmax`, by the first thread."""
    (x,) = operands
    body.reads(x)
    with body.alone():
        body.scratch("row", x.columns)
        with body.loop("m", 0, x.rows):
            body.widened(x, "row", rows="m", count=x.columns)
            body.line(result.set("m", f"kl_argmax(row, {x.columns})"))
    body.made(result)


def sample(body: Body, name: str, operands: Sequence[Buffer], attributes: Attributes, result: Buffer) -> None:
    """`nn.sample`, by the first thread."""
    x, position = operands
    kept = min(int(attributes.get("top_k", x.columns)), x.columns)
    top_p, temperature = number(attributes.get("top_p", 1.0)), number(attributes["temperature"])
    body.reads(x, position)
    with body.alone():
        body.scratch("row", x.columns, kept, 2 * kept)
        with body.loop("m", 0, x.rows):
            body.widened(x, "row", rows="m", count=x.columns)
            body.line(f"double u = kl_uniform({int(attributes['seed'])}u, {position.name}[0], m);")
            drawn = f"row, {x.columns}, u, {temperature}, {kept}, {top_p}, row_1, (kl_candidate *)row_2"
            body.line(result.set("m", f"kl_sample({drawn})"))
    body.made(result)


def top_k(body: Body, name: str, operands: Sequence[Buffer], attributes: Attributes, result: Buffer) -> None:
    """`nn.top_k`, by the first thread: of the best groups alone where there are groups."""
    (x,), wanted, columns = operands, result.columns, operands[0].columns
    body.reads(x)
    with body.alone():
        groups = int(attributes.get("groups", 0))
        body.scratch("row", columns, max(groups, 1))
        body.line(f"long columns[{max(columns, 1)}];")
        body.line(f"unsigned char is_left[{columns}];")
        with body.loop("m", 0, x.rows):
            body.widened(x, "row", rows="m", count=columns)
            body.line(f"memset(is_left, 0, {columns});")
            if groups:
                _leave_groups(body, x, columns, groups, attributes)
            body.line(f"kl_falling(row, {columns}, {wanted}, columns, is_left);")
            with body.loop("j", 0, wanted):
                body.line(result.set(f"m * {wanted} + j", "columns[j]"))
    body.made(result)


def _leave_groups(body: Body, x: Buffer, columns: int, groups: int, attributes: Attributes) -> None:
    """Mark the columns of all but the best groups, by the sum of the largest members of each."""
    members, kept, best = columns // groups, int(attributes["kept"]), int(attributes["best"])
    body.line(f"unsigned char group_left[{groups}];")
    body.line(f"memset(group_left, 0, {groups});")
    with body.loop("g", 0, groups):
        body.line(f"unsigned char taken[{members}];")
        body.line(f"memset(taken, 0, {members});")
        body.line(f"kl_falling(row + g * {members}, {members}, {best}, columns, taken);")
        body.line(f"double score = row[g * {members} + columns[0]];")
        body.line(f"for (long n = 1; n < {best}; n++) score += row[g * {members} + columns[n]];")
        body.line(f"row_1[g] = kl_of_{x.spec.dtype}(kl_to_{x.spec.dtype}(score));")
    body.line(f"kl_falling(row_1, {groups}, {kept}, columns, group_left);")
    body.line(f"for (long j = 0; j < {columns}; j++) is_left[j] = group_left[j / {members}] != 2;")


def take(body: Body, name: str, operands: Sequence[Buffer], attributes: Attributes, result: Buffer) -> None:
    """`nn.take`, by the first thread."""
    x, ids = operands
    code = body.program.message(f"nn.take: column {{}} is outside 0 to {x.columns - 1}")
    body.reads(x, ids)
    with body.alone(), body.loop("m", 0, x.rows), body.loop("j", 0, result.columns):
        index = f"kl_index({ids.name}[m * {result.columns} + j], {x.columns}, 0, {code})"
        body.line(result.set(f"m * {result.columns} + j", x.at(f"m * {x.columns} + {index}")))
    body.made(result)


def spread(body: Body, name: str, operands: Sequence[Buffer], attributes: Attributes, result: Buffer) -> None:
    """`nn.spread`, by the first thread: the weights of a row that name an expert, added up."""
    weights, ids, experts = operands
    body.reads(weights, ids, experts)
    with body.alone(), body.loop("m", 0, weights.rows), body.loop("j", 0, result.columns):
        body.line("double sum = 0.0;")
        with body.loop("k", 0, weights.columns):
            at = f"m * {weights.columns} + k"
            named = f"{experts.name}[j] >= 0 && {ids.name}[{at}] == {experts.name}[j]"
            body.line(f"double weight = {named} ? {weights.at(at)} : 0.0;")
            body.line("sum = k ? sum + weight : weight;")
        body.line(result.set(f"m * {result.columns} + j", "sum"))
    body.made(result)


def scale(body: Body, name: str, operands: Sequence[Buffer], attributes: Attributes, result: Buffer) -> None:
    """`nn.scale`: columns times the gate of their place."""
    x, gates = operands
    own = x.columns // gates.columns
    body.reads(gates)
    body.reads_own(result.columns, [x])
    with body.shared(x.columns), body.loop("m", 0, x.rows), body.loop("j", "from", "to"):
        body.line(f"double gate = {gates.at(f'm * {gates.columns} + j / {own}')};")
        at = f"m * {x.columns} + j"
        body.line(result.set(at, f"gate == 0.0 ? 0.0 : {x.at(at)} * gate"))
    body.made(result, result.columns)


def distinct(
    body: Body, name: str, operands: Sequence[Buffer], attributes: Attributes, result: Buffer
) -> None:
    """`nn.distinct`, by the first thread: ids, each once and ascending, then -1."""
    (ids,), experts = operands, int(attributes["experts"])
    code = body.program.message(f"nn.distinct: expert {{}} is outside 0 to {experts - 1}")
    body.reads(ids)
    with body.alone():
        body.line(f"unsigned char named[{experts}];")
        body.line(f"memset(named, 0, {experts});")
        with body.loop("i", 0, ids.spec.elements):
            body.line(f"long id = kl_index({ids.name}[i], {experts}, 1, {code});")
            body.line("if (id >= 0) named[id] = 1;")
        body.line("long place = 0;")
        body.line(f"for (long id = 0; id < {experts}; id++)")
        body.line(
            f"  if (named[id] && place < {result.spec.elements}) {result.name}[place++] = ({result.type})id;"
        )
        body.line(f"while (place < {result.spec.elements}) {result.name}[place++] = -1;")
    body.made(result)


def embedding(
    body: Body, name: str, operands: Sequence[Buffer], attributes: Attributes, result: Buffer
) -> None:
    """`nn.embedding`: each thread copies its columns of the rows that ids name."""
    ids, table = operands
    code = body.program.message(f"nn.embedding: row {{}} is outside 0 to {table.spec.shape[0] - 1}")
    body.reads(ids, table)
    with body.shared(result.columns), body.loop("m", 0, ids.spec.elements):
        body.line(f"long row = kl_index({ids.name}[m], {table.spec.shape[0]}, 0, {code});")
        body.line("for (long j = from; j < to; j++)")
        body.line("  " + result.set(f"m * {result.columns} + j", table.at(f"row * {table.columns} + j")))
    body.made(result, result.columns)


def slice_columns(
    body: Body, name: str, operands: Sequence[Buffer], attributes: Attributes, result: Buffer
) -> None:
    """`nn.slice`: some columns, or some of each head."""
    (x,), start = operands, int(attributes["start"])
    head = int(attributes.get("head_columns", x.columns))
    heads = x.columns // head
    own = result.columns // heads
    body.reads(x)
    with body.shared(result.columns), body.loop("m", 0, x.rows):
        body.line("for (long j = from; j < to; j++)")
        at = f"m * {x.columns} + j / {own} * {head} + {start} + j % {own}"
        body.line(f"  {result.name}[m * {result.columns} + j] = {x.name}[{at}];")
    body.made(result, result.columns)


def concat(body: Body, name: str, operands: Sequence[Buffer], attributes: Attributes, result: Buffer) -> None:
    """`nn.concat`: columns one behind the other, or those of each head."""
    widths = [int(one) for one in attributes.get("head_columns", [x.columns for x in operands])]
    body.reads(*operands)
    heads, width, start = operands[0].columns // widths[0], sum(widths), 0
    for x, own in zip(operands, widths, strict=True):
        with body.shared(x.columns), body.loop("m", 0, x.rows):
            body.line("for (long j = from; j < to; j++)")
            at = f"m * {heads * width} + j / {own} * {width} + {start} + j % {own}"
            body.line(f"  {result.name}[{at}] = {x.name}[m * {x.columns} + j];")
        start += own
    body.made(result)


def gather_slices(
    body: Body, name: str, operands: Sequence[Buffer], attributes: Attributes, result: Buffer
) -> None:
    """`nn.gather_slices`: the slices that ids name, side by side along an axis; outer extents are shared."""
    stack, ids = operands
    shape, along = stack.spec.shape[1:], int(attributes["along"])
    along = min(along, len(shape) - 1)
    outer, inner = prod(shape[:along]), prod(shape[along:])
    count, experts = ids.spec.elements, stack.spec.shape[0]
    code = body.program.message(f"nn.gather_slices: expert {{}} is outside 0 to {experts - 1}")
    body.reads(stack, ids)
    unit = 1 if outer > 1 else UNIT_OF_INNER
    with body.shared(outer if outer > 1 else inner, unit), body.loop("k", 0, count):
        body.line(f"long id = kl_index({ids.name}[k], {experts}, 1, {code});")
        first, last = ("from", "to") if outer > 1 else (0, outer)
        with body.loop("o", first, last):
            part = ("0", str(inner)) if outer > 1 else ("from", "to - from")
            target = f"{result.name} + (o * {count} + k) * {inner} + {part[0]}"
            size = f"({part[1]}) * sizeof({result.type})"
            body.line(f"if (id < 0) memset({target}, 0, {size});")
            source = f"{stack.name} + (id * {outer} + o) * {inner} + {part[0]}"
            body.line(f"else memcpy({target}, {source}, {size});")
    body.made(result)


UNIT_OF_INNER = 64
"""Elements that a thread copies at least."""
