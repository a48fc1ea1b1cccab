"""The example in the docstring of each pass is real: `Before` becomes `After`."""

from __future__ import annotations

import re
import sys
from itertools import takewhile
from textwrap import dedent

import pytest

from kl.frontends.located_parser import LocatedParser
from kl.passes import PASSES, load_pass
from kl.tools.driver import check_module
from kl.tools.universe import make_context

EXAMPLE = re.compile(r"^Before:\n(.*?)^After:\n(.*)", re.DOTALL | re.MULTILINE)


def code(text: str) -> str:
    """The code at the start of a text: a fenced block, or else an indented one."""
    text = text.lstrip("\n")
    if text.startswith("```mlir\n"):
        return text.removeprefix("```mlir\n").partition("```")[0]
    return "\n".join(takewhile(lambda line: not line or line.startswith("    "), text.split("\n")))


def examples(name: str) -> list[tuple[str, str]]:
    """The pairs of texts in the docstrings of a pass and of its file."""
    pass_class = load_pass(name)
    texts = [pass_class.__doc__, sys.modules[pass_class.__module__].__doc__]
    matches = [EXAMPLE.search(dedent(f"    {text}")) for text in texts if text]
    return [(code(match[1]), code(match[2])) for match in matches if match]


@pytest.mark.parametrize("name", PASSES)
def test_the_example_runs(name: str):
    assert examples(name), "a pass shows Before and After"
    for before, after in examples(name):
        ctx = make_context()
        module = LocatedParser(ctx, before, "before").parse_module()
        expected = LocatedParser(ctx, after, "after").parse_module()
        check_module(module)
        check_module(expected)
        load_pass(name)().apply(ctx, module)
        check_module(module)
        assert module.is_structurally_equivalent(expected), f"the pass makes\n{module!s}"
