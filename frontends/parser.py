"""From the text of a model file to its syntax tree (`syntax.py`), by the grammar in `model.lark`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lark import Token, UnexpectedCharacters, UnexpectedToken, v_args
from lark.tree import Meta
from lark.visitors import Transformer_NonRecursive
from xdsl.utils.lexer import Input, Span

from . import syntax
from .diagnostics import unexpected_character, unexpected_token
from .grammar import load_parser


def parse(text: str, filename: str) -> syntax.Model:
    """The syntax tree of a model file.

    Raises: ParseError where the text does not follow the grammar.
    """
    source = Input(text, filename)
    try:
        tree = load_parser().parse(text)
    except UnexpectedToken as cause:
        raise unexpected_token(cause, source) from None
    except UnexpectedCharacters as cause:
        raise unexpected_character(cause, source) from None
    return _TreeBuilder(source).transform(tree)


_with_span = v_args(meta=True)


def _node(kind: Callable[..., syntax.Node]) -> Any:
    """A rule whose children are the fields of a node, in order; a part left out is None."""

    def build(builder: _TreeBuilder, meta: Meta, children: list[Any]) -> syntax.Node:
        return kind(builder.span(meta), *children)

    return _with_span(build)


def _list(builder: _TreeBuilder, children: list[Any]) -> tuple[Any, ...]:
    """A rule that is a list; an empty one has a child None."""
    return tuple(child for child in children if child is not None)


class _TreeBuilder(Transformer_NonRecursive[Token, syntax.Model]):
    """Makes a node of `syntax.py` from each rule of the grammar; the attributes bear the rules' names."""

    def __init__(self, source: Input):
        super().__init__()
        self._source = source

    def span(self, meta: Meta | Token) -> Span:
        """The text of a rule or token."""
        start, end = meta.start_pos, meta.end_pos
        assert start is not None, "every rule has tokens"
        assert end is not None, "every rule has tokens"
        return Span(start, end, self._source)

    def NAME(self, token: Token) -> syntax.Name:
        """A name, or a reserved word that stands as one: `step`, and the number `layer`."""
        return syntax.Name(self.span(token), str(token))

    STEP = NAME
    LAYER_NUMBER = NAME
    SCALE = NAME
    ZEROS = NAME

    def TEXT(self, token: Token) -> syntax.Text:
        """What stands between the quotes."""
        return syntax.Text(self.span(token), token[1:-1])

    @_with_span
    def model(self, meta: Meta, children: list[Any]) -> syntax.Model:
        """The whole file; its span is `model NAME` alone, the place of errors about the file."""
        name, *items = children
        return syntax.Model(Span(self.span(meta).start, name.span.end, self._source), name, tuple(items))

    parameter = _node(syntax.Parameter)
    listed = _node(syntax.Listed)
    formula = _node(syntax.Formula)
    element_type = _node(syntax.ElementType)
    weight = _node(syntax.Weight)
    stored = _node(syntax.Stored)
    beside = _node(syntax.Beside)
    cache = _node(lambda span, declaration, ring: syntax.Cache(span, declaration, ring is not None))
    part = _node(syntax.Part)
    layer = _node(syntax.Layer)
    step = _node(syntax.Step)
    declarations = _list
    extents = _list
    layer_body = _list
    body = _list

    @_with_span
    def declaration(self, meta: Meta, children: list[Any]) -> syntax.Declaration:
        """No extents are an empty tuple."""
        name, extents, element_type = children
        return syntax.Declaration(self.span(meta), name, extents or (), element_type)

    @_with_span
    def source(self, meta: Meta, children: list[Any]) -> syntax.Source:
        """The word `transposed` is a flag; other tensors stand between the first one and its parts."""
        layout, transposed, tensor, *beside, rows, columns = children
        flag = transposed is not None
        return syntax.Source(self.span(meta), tensor, flag, rows, columns, layout, tuple(beside))

    @_with_span
    def numbers(self, meta: Meta, children: list[Any]) -> syntax.Numbers:
        """All children are the numbers."""
        return syntax.Numbers(self.span(meta), tuple(children))

    assign = _node(syntax.Assign)
    targets = _list
    discard = _node(syntax.Discard)
    loop = _node(syntax.Loop)
    observe = _node(syntax.Observe)

    @_with_span
    def give(self, meta: Meta, children: list[Any]) -> syntax.Return:
        """All children are the values."""
        return syntax.Return(self.span(meta), tuple(children))

    number = _node(lambda span, token: syntax.Number(span, str(token)))
    negate = _node(syntax.Negate)
    binary = _node(lambda span, lhs, op, rhs: syntax.Binary(span, str(op), lhs, rhs))
    lookup = _node(syntax.Lookup)
    transposed = _node(lambda span, word, operand: syntax.Transposed(span, operand))
    call = _node(syntax.Call)
    layer_call = _node(syntax.LayerCall)
    keyword = _node(syntax.Argument)

    def arguments(self, children: list[Any]) -> tuple[syntax.Argument, ...]:
        """An argument without keyword is still a bare expression here."""
        given = (child for child in children if child is not None)
        return tuple(
            child if isinstance(child, syntax.Argument) else syntax.Argument(child.span, None, child)
            for child in given
        )
