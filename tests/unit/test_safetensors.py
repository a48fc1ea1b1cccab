"""Headers of safetensors files: what is refused and why, and that the library's reader agrees."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors
from checkpoint_files import contents, framed, save
from numpy.testing import assert_array_equal

from kl.backends.safetensors import (
    BITS,
    MOST_HEADER_BYTES,
    CheckpointError,
    is_mapped,
    parse_header,
    read_header,
)

PAIR = '{"dtype":"F32","shape":[2],"data_offsets":[0,8]}'
BYTES = bytes(8)


def entry(dtype: Any = "F32", shape: Any = (2,), offsets: Any = (0, 8), **more: Any) -> dict[str, Any]:
    """What a header says of a tensor."""
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets} | more


def header(**tensors: Any) -> bytes:
    """A header of these tensors."""
    return json.dumps(tensors).encode()


def test_tensors_are_views_of_the_file(tmp_path: Path):
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    path = save(tmp_path / "m.safetensors", {"a": array, "n": np.zeros((0, 3), np.float32), "b": array + 1})
    tensors = read_header(path)
    assert [*tensors] == ["a", "n", "b"]
    assert is_mapped(tensors["b"].read())
    assert_array_equal(tensors["b"].read(), array + 1)
    assert tensors["n"].read().shape == (0, 3)


U64 = 2**64
WRONG = {
    "no brace": (b"[]", b"", r"header begins with b'\[\]', not {"),
    "a space first": (b" {}", b"", "begins with b' {}', not {"),
    "no text": (
        b'{"\xff":1}',
        b"",
        "header is malformed: 'utf-8' codec can't decode byte 0xff in position 2",
    ),
    "no JSON": (b"{]", b"", "header is malformed: Expecting property name"),
    "a number that is none": (b'{"t":NaN}', b"", "header is malformed: NaN is no number of JSON"),
    "half a pair": (f'{{"\\ud800":{PAIR}}}'.encode(), BYTES, "malformed: .*surrogates not allowed"),
    "nesting": (b'{"t":' + b"[" * 100_000, b"", "header is nested too deeply"),
    "a name twice": (f'{{"t":{PAIR},"t":{PAIR}}}'.encode(), BYTES, "malformed: 't' stands in it twice"),
    "metadata": (b'{"__metadata__":{"a":1}}', b"", r'maps names to texts, not {"a": 1}'),
    "metadata null": (b'{"__metadata__":null}', b"", "maps names to texts, not null"),
    "no object": (header(t=[1]), BYTES, r"tensor 't' of .* needs dtype, shape, data_offsets .* not \[1\]"),
    "a missing field": (header(t={"dtype": "F32"}), BYTES, "needs dtype, shape, data_offsets and no more"),
    "another field": (header(t=entry(scale=2)), BYTES, "and no more, not"),
    "another type": (
        header(t=entry("f32")),
        BYTES,
        "tensor 't' of .* of the unknown type \"f32\"; known: F4",
    ),
    "a type as object": (header(t=entry({"F32": None})), BYTES, "of the unknown type {"),
    "a text": (header(t=entry(offsets=["0", "8"])), BYTES, 'data_offsets are whole .* not \\["0", "8"\\]'),
    "a flag": (header(t=entry(shape=[True])), BYTES, r"shape are whole numbers .* not \[true\]"),
    "a fraction": (header(t=entry(offsets=[0, 8.0])), BYTES, r"data_offsets are whole numbers .* \[0, 8.0\]"),
    "below zero": (header(t=entry(offsets=[-8, 0])), BYTES, r"data_offsets are whole numbers .* \[-8, 0\]"),
    "zero below zero": (PAIR.replace("[0", "[-0").join(('{"t":', "}")).encode(), BYTES, "are whole numbers"),
    "above 64 bits": (header(t=entry(shape=[U64, 0])), b"", f"from 0 to {U64 - 1} in a list"),
    "three offsets": (
        header(t=entry(offsets=[0, 4, 8])),
        BYTES,
        "tensor 't' of .* has 3 data_offsets, not 2",
    ),
    "a long shape": (header(t=entry(shape=[2**61, 8, 0])), b"", r"takes more bits than"),
    "half a byte": (header(t=entry("F4", [3], [0, 2])), b"ab", r"F4 of shape \(3,\) takes 12 bits, no whole"),
    "another size": (
        header(t=entry(shape=[3])),
        BYTES,
        r"takes 8 bytes, 0 to 8; F32 of shape \(3,\) takes 12",
    ),
    "turned offsets": (header(t=entry(offsets=[8, 0])), BYTES, "takes -8 bytes, 8 to 0"),
    "a late start": (header(t=entry(offsets=[1, 9])), b"123456789", "'t' .* begins at byte 1 .* begins at 0"),
    "a hole": (
        header(a=entry("U8", [2], [0, 2]), b=entry("U8", [2], [3, 5])),
        b"12345",
        "'b' of .* begins at byte 3 of the buffer, 'a' before it ends at 2: bytes of no tensor are between",
    ),
    "an overlap": (
        header(a=entry("U8", [2], [0, 2]), b=entry("U8", [2], [1, 3])),
        b"123",
        "'b' of .* begins at byte 1 of the buffer, 'a' before it ends at 2: they overlap",
    ),
    "cut short": (header(t=entry()), BYTES[1:], "take 8 bytes, its buffer has 7: it is cut short"),
    "a rest": (header(t=entry()), BYTES + b"!", "take 8 bytes, its buffer has 9: the rest is of no tensor"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_header_is_refused(tmp_path: Path, name: str):
    text, data, message = WRONG[name]
    path = tmp_path / "m.safetensors"
    path.write_bytes(framed(text, data))
    with pytest.raises(CheckpointError, match=message) as caught:
        read_header(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it has 0 bytes, of which the first 8 say how long the header is"),
        (b"\x02\0\0\0{}", "it has 6 bytes, of which the first 8 say how long the header is"),
        (b"\x03\0\0\0\0\0\0\0{}", "its header takes 3 bytes behind the first 8, the file has 10"),
        (
            b"#!/bin/sh\nexit 0\n",
            f"would take {int.from_bytes(b'#!/bin/s', 'little')} bytes, at most 100000000",
        ),
        ((MOST_HEADER_BYTES + 1).to_bytes(8, "little"), "would take 100000001 bytes, at most 100000000"),
    ],
)
def test_a_wrong_length_is_refused(tmp_path: Path, content: bytes, message: str):
    path = tmp_path / "m.safetensors"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=f"{re.escape(str(path))} is no safetensors file.*{message}"):
        read_header(path)


# The library as oracle.

STRICTER = re.compile(
    "header begins with|stands in it twice|and no more|of the unknown type {|maps names to texts, not null"
)
"""Messages for what we refuse knowingly and the library takes; the module's docstring says why."""

NUMBERS = (0, 1, 2, 3, 4, 7, 8, 16, -1, 2.0, True, None, "8", 2**32, 2**62, 2**64 - 1, 2**64, [], [2])
TYPES = (*BITS, "f32", "I4", "C128", "", None, 3, {"F32": None}, ["F32"])


def taken_by_library(content: bytes) -> bool:
    """Whether the library reads a file."""
    try:
        safetensors.deserialize(content)
    except safetensors.SafetensorError:
        return False
    return True


def objection(content: bytes) -> str:
    """Why we refuse a file; empty if we take it."""
    length = int.from_bytes(content[:8], "little")
    try:
        parse_header(Path("m"), content[8 : 8 + length], len(content) - 8 - length)
    except CheckpointError as error:
        return str(error)
    return ""


def random_header(rng: random.Random) -> tuple[dict[str, Any], int]:
    """A right header, and the bytes of its buffer."""
    tensors, end = dict[str, Any](), 0
    for number in range(rng.randrange(4)):
        dtype = rng.choice([*BITS])
        shape = [rng.choice((0, 1, 2, 3, 4, 8)) for _ in range(rng.randrange(4))]
        size = BITS[dtype] * int(np.prod(shape, dtype=int))
        if size % 8 == 0:
            tensors[f"t{number}"] = entry(dtype, shape, [end, end + size // 8])
            end += size // 8
    if rng.random() < 0.3:
        tensors["__metadata__"] = {"format": rng.choice(("pt", "np", "ü"))}
    names = rng.sample([*tensors], len(tensors))
    return {name: tensors[name] for name in names}, end


def changed(rng: random.Random, found: dict[str, Any]) -> None:
    """Change an entry of a header."""
    if not found:
        return
    name = rng.choice([*found])
    one = found[name]
    kind = rng.randrange(6)
    if kind == 0 or name == "__metadata__":
        found[name] = rng.choice((None, [], {}, {"a": 1}, {"a": "b"}, "F32", 7, [["F32"], [2], [0, 8]]))
    elif kind == 1:
        one["dtype"] = rng.choice(TYPES)
    elif kind == 2 and one["shape"]:
        one["shape"][rng.randrange(len(one["shape"]))] = rng.choice(NUMBERS)
    elif kind == 3:
        one["data_offsets"][rng.randrange(2)] = rng.choice(NUMBERS)
    elif kind == 4:
        one["data_offsets"] = [offset + rng.choice((-1, 1, 4)) for offset in one["data_offsets"]]
    else:
        one.pop(rng.choice([*one]))


def broken(rng: random.Random, text: bytes) -> bytes:
    """Change a byte or a piece of a header's text."""
    at, end = sorted(rng.randrange(len(text) + 1) for _ in range(2))
    some = rng.choice(
        (b"", b" ", b"0", b"-", b"{", b"}", b"[", b"]", b",", b'"', b"\\", b"\xff", b"\xc3\xa9", b"e")
    )
    return rng.choice(
        (text[:at] + some + text[at + 1 :], text[:at] + some + text[at:], text[:end] + text[at:])
    )


def test_the_library_takes_and_refuses_the_same():
    rng, counts = random.Random(0), {(ours, theirs): 0 for ours in (0, 1) for theirs in (0, 1)}
    for _ in range(8000):
        found, end = random_header(rng)
        if rng.random() < 0.5:
            changed(rng, found)
        text = json.dumps(found, ensure_ascii=False).encode()
        text = broken(rng, text) if rng.random() < 0.4 else text
        text += b" " * rng.choice((0, 0, 3))
        content = framed(text, bytes(end + rng.choice((0, 0, 0, 0, 0, 1)) * rng.choice((1, -1)) * (end > 0)))
        ours, theirs = objection(content), taken_by_library(content)
        counts[not ours, theirs] += 1
        assert (not ours) == theirs or (theirs and STRICTER.search(ours)), (content, ours)
    assert min(counts[True, True], counts[False, False]) > 2000
    assert counts[True, False] == 0
    assert 0 < counts[False, True] < 500


def test_real_files_of_the_library_are_read(tmp_path: Path):
    import safetensors.numpy

    arrays = {
        "w": np.arange(6, dtype=np.float16).reshape(3, 2),
        "b": np.ones(1, np.float64),
        "s": np.array(2.0),
    }
    path = tmp_path / "m.safetensors"
    safetensors.numpy.save_file(arrays, path, {"format": "np"})
    tensors = read_header(path)
    assert {*tensors} == {*arrays}
    for name, array in arrays.items():
        assert_array_equal(tensors[name].read(), array)


def test_files_of_ours_are_read_by_the_library():
    assert taken_by_library(contents({"t": np.zeros((2, 3), np.float32)}))
