"""Pipelines as text: options given once, values in the types that passes ask for, messages in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import pytest
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.utils.arg_spec import ArgSpec, parse_pipeline

from kl.tools.pass_text import find_pass, in_words, make, parse_specs
from kl.tools.values import InputError


@dataclass(frozen=True)
class ManyPass(ModulePass):
    """A pass with an option of each type."""

    name = "many"
    i: int = 1
    f: float = 1.0
    b: bool = False
    s: str = "x"
    word: Literal["op", "layer"] = "op"
    maybe: int | None = None
    many: tuple[int, ...] = ()
    mixed: tuple[int, ...] | tuple[float, ...] = ()

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        raise AssertionError("it is only made")


@dataclass(frozen=True)
class NeedsPass(ModulePass):
    """A pass with an option that must be given."""

    name = "needs"
    must_be: int

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        raise AssertionError("it is only made")


def made(options: str) -> ManyPass:
    """The pass with these options."""
    (spec,) = parse_specs(f"many{{{options}}}")
    return make("pass", ManyPass, spec)


@pytest.mark.parametrize(
    ("options", "name", "value"),
    [
        ("i=-3", "i", -3),
        ("i=1e3", "i", 1000),
        ("f=1", "f", 1.0),
        ("f=1e3", "f", 1000.0),
        ("f=-1e-3", "f", -0.001),
        ("f=.5", "f", 0.5),
        ("f=2.", "f", 2.0),
        ("f=+1.5E+2", "f", 150.0),
        ("b", "b", True),
        ("b=false", "b", False),
        ("s=1e3", "s", "1e3"),
        ("s=2d-slice", "s", "2d-slice"),
        ('s="a, b} \\"c\\""', "s", 'a, b} "c"'),
        ("word=layer", "word", "layer"),
        ("maybe", "maybe", None),
        ("maybe=4", "maybe", 4),
        ("many=1,-2", "many", (1, -2)),
        ("many=1", "many", (1,)),
        ("mixed=1,2", "mixed", (1, 2)),
        ("mixed=1,.5", "mixed", (1.0, 0.5)),
        (" i=2  f=3 ", "f", 3.0),
    ],
)
def test_values(options: str, name: str, value: Any):
    found = getattr(made(options), name)
    assert (type(found), found) == (type(value), value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("i=true", "option 'i' takes a whole number, got true"),
        ("i=1.5", "option 'i' takes a whole number, got 1.5"),
        ("i=1,2", "option 'i' takes a whole number, got 1,2"),
        ("i=x", "option 'i' takes a whole number, got x"),
        ("i", "option 'i' takes a whole number, got nothing"),
        ("f=true", "option 'f' takes a number, got true"),
        ("f=1e999", "option 'f' takes a number, got 1e999"),
        ("b=1", "option 'b' takes true or false, got 1"),
        ("s=5", "option 's' takes a text, got 5"),
        ("word=block", "option 'word' takes one of op, layer, got block"),
        ("maybe=true", "option 'maybe' takes a whole number, got true"),
        ("many=1,x", "option 'many' takes a list of values, each a whole number, got 1,x"),
        ("i=1 i=1", "option 'i' of many is given twice"),
        ("no=1", "pass many has no option 'no'"),
        ("i=1;", "malformed pass pipeline"),
        ("i=", "expected a value"),
    ],
)
def test_wrong_values_are_said_in_words(options: str, message: str):
    with pytest.raises(InputError) as caught:
        made(options)
    assert message in str(caught.value)
    for python in ("typing", "Literal", "None", "tuple", "(int", "bool", "class", "NoneType"):
        assert python not in str(caught.value)


def test_options_are_named_alike_with_dashes():
    with pytest.raises(InputError, match="'must_be' of needs is given twice"):
        parse_specs("needs{must-be=1 must_be=2}")


def test_an_option_that_is_missing():
    with pytest.raises(InputError, match="pass needs needs its option 'must-be'"):
        make("pass", NeedsPass, ArgSpec("needs", {}))


def test_an_unknown_pass():
    with pytest.raises(InputError, match="unknown pass 'manny'\nhelp: did you mean many"):
        find_pass({"many": lambda: ManyPass}, "manny")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "a,b,",
        "a{b=1 c=x,y d},e{}",
        "mlir-opt[cse,canonicalize{x=1}],a",
        'a{b="x\\ny" c=true,false,-1}',
        "convert-a-to-b{c_d=2d-slice}",
    ],
)
def test_it_reads_what_xdsl_reads(text: str):
    assert parse_specs(text) == tuple(parse_pipeline(text))


@pytest.mark.parametrize(
    ("hint", "words"),
    [
        (int | float | None, "a number"),
        (Literal["a", "b"] | None, "one of a, b"),
        (tuple[int, ...] | None, "a list of values, each a whole number"),
        (int | str, "a whole number or a text"),
        (dict[str, int], "a value of its own kind"),
    ],
)
def test_types_in_words(hint: Any, words: str):
    assert in_words(hint) == words
