"""Pipelines as values: their texts, and edits as pure functions on them."""

from __future__ import annotations

from argparse import ArgumentTypeError

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from xdsl.utils.arg_spec import parse_pipeline

from kl.tools.pipelines import (
    Edit,
    edited,
    insertion,
    join_passes,
    name_of,
    pass_text,
    removal,
    split_passes,
    unmet,
)

names = st.sampled_from(["a", "b", "c", "d-e"])
values = st.one_of(
    st.integers(-9, 9),
    st.booleans(),
    st.sampled_from(["layer", "true", "7", "2d", "a b", "{", "}", ",", "[", 'say "x"', "back\\slash", ""]),
)
options = st.dictionaries(st.sampled_from(["x", "y-z"]), st.lists(values, max_size=3).map(tuple))
specs = st.lists(st.tuples(names, options), max_size=5)
inserted = st.lists(names, min_size=1, max_size=2).map(join_passes)
edits = st.lists(
    st.one_of(
        st.builds(Edit, st.sampled_from(["after", "before"]), names, inserted),
        st.builds(Edit, st.just("without"), names),
    ),
    max_size=4,
)
pipelines = st.lists(names, max_size=5)


@settings(deadline=None)
@given(specs)
def test_a_text_is_read_as_it_was_meant_and_split_where_passes_end(
    given: list[tuple[str, dict[str, tuple[object, ...]]]],
) -> None:
    texts = [pass_text(*one) for one in given]
    pipeline = join_passes(texts)
    assert [(spec.name, spec.parameters) for spec in parse_pipeline(pipeline)] == given
    assert list(split_passes(pipeline)) == texts
    assert [name_of(text) for text in texts] == [name for name, _ in given]


def test_what_is_no_pass_of_ours_is_split_as_well() -> None:
    assert split_passes("mlir-opt[cse,licm] ,a{x=1,2 y}") == ("mlir-opt[cse,licm]", "a{x=1,2 y}")
    assert split_passes("") == ()


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ([Edit("after", "a", "x"), Edit("after", "a", "y")], "a,x,y,b,a,x,y"),
        ([Edit("before", "a", "x"), Edit("before", "a", "y,z")], "x,y,z,a,b,x,y,z,a"),
        ([Edit("after", "b", "x{n=1,2}"), Edit("before", "x", "y")], "a,b,y,x{n=1,2},a"),
        ([Edit("before", "x", "y"), Edit("after", "b", "x")], "a,b,x,a"),
        ([Edit("without", "a"), Edit("after", "a", "x")], "x,b,x"),
        ([Edit("after", "a", "x"), Edit("without", "a")], "x,b,x"),
        ([Edit("after", "b", "a"), Edit("without", "a")], "b"),
        ([Edit("without", "b"), Edit("without", "b")], "a,a"),
        ([Edit("after", "b", "b")], "a,b,b,a"),
    ],
)
def test_edits_in_the_order_in_which_they_are_given(given: list[Edit], wanted: str) -> None:
    assert join_passes(edited(("a", "b", "a"), given)) == wanted


@settings(deadline=None)
@given(pipelines, pipelines, edits)
def test_pieces_are_edited_like_the_whole(first: list[str], second: list[str], made: list[Edit]) -> None:
    assert edited([*first, *second], made) == edited(first, made) + edited(second, made)


@settings(deadline=None)
@given(pipelines, edits)
def test_edits_that_are_not_met_change_nothing(passes: list[str], made: list[Edit]) -> None:
    made = list(dict.fromkeys(made))
    left = list(unmet(passes, made))
    assert edited(passes, [edit for edit in made if edit not in left]) == edited(passes, made)
    assert (edited(passes, made) == tuple(passes)) or left != made


def test_edits_as_command_lines_write_them() -> None:
    assert insertion("after", "a = b{x=1},c") == Edit("after", "a", "b{x=1},c")
    assert removal("a") == Edit("without", "a")
    assert [str(insertion("before", "a=b")), str(removal("a"))] == ["--before a", "--without a"]
    for text in ("a", "a=", "=b", "a{x=1}=b"):
        with pytest.raises(ArgumentTypeError, match="is no edit; write --after PASS=PASSES"):
            insertion("after", text)
    with pytest.raises(ArgumentTypeError, match="is not the name of a pass"):
        removal("a=b")
