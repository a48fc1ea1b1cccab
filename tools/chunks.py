"""The pieces of an input that `--split-input-file` reads one by one."""

from __future__ import annotations

import re
from collections.abc import Iterator

from xdsl.context import Context
from xdsl.dialect_interfaces.op_asm import OpAsmDialectInterface

_STRING_OR_MARK = re.compile(rb'"(?:[^"\\\n]|\\.)*"|(?P<mark>// -----)')


def split(data: bytes) -> Iterator[tuple[bytes, int]]:
    """The pieces between `// -----`, where it stands in no string, with the lines above each."""
    start = lines = 0
    marks = [m for m in _STRING_OR_MARK.finditer(data) if m["mark"]]
    for end, following in [*((m.start(), m.end()) for m in marks), (len(data), len(data))]:
        yield data[start:end], lines
        lines += data.count(b"\n", start, end)
        start = following


def forget_resources(ctx: Context) -> None:
    """Let a text name its resources as if it were the first one that the context reads."""
    for dialect in ctx.loaded_dialects:
        if (interface := dialect.get_interface(OpAsmDialectInterface)) is not None:
            interface._blob_storage.clear()  # pyright: ignore[reportPrivateUsage]  # nothing public forgets
