"""Malformed model files: the first line says the one error they give, the second the way out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from xdsl.utils.exceptions import ParseError

from kl.frontends import load_model

FILES = sorted((Path(__file__).parents[1] / "bad_models").glob("*.kl"))
EXPECTED = re.compile(r"// error: (\d+):(\d+): (.*)\n(?:// help: (.*)\n)?")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_position_message_and_way_out(path: Path):
    text = path.read_text(encoding="utf-8")
    expected = EXPECTED.match(text)
    assert expected, "the first line says which error is expected"
    line, column, message, help = expected.groups()
    with pytest.raises(ParseError) as raised:
        load_model(text, path.name)
    place = raised.value.span.get_location()
    assert (place.file, place.line, place.col) == (path.name, int(line), int(column))
    assert raised.value.msg == message + (f"\nhelp: {help}" if help else "")
