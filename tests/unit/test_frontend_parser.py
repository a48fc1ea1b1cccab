"""The syntax tree of a text: what binds to what, and where a line ends."""

from __future__ import annotations

import pytest

from kl.frontends.parser import parse
from kl.frontends.syntax import (
    Assign,
    Binary,
    Call,
    Declaration,
    Expression,
    LayerCall,
    Lookup,
    Loop,
    Model,
    Name,
    Negate,
    Number,
    Parameter,
    Return,
    Step,
    Weight,
)


def expression_of(text: str) -> Expression:
    (item,) = parse(f"model m\nparam p = {text}\n", "m.kl").items
    assert isinstance(item, Parameter)
    return item.value


def shown(expression: Expression) -> str:
    """An expression with all its parentheses."""
    match expression:
        case Name(text=text) | Number(text=text):
            return text
        case Negate(operand=operand):
            return f"(-{shown(operand)})"
        case Binary(operator=operator, lhs=lhs, rhs=rhs):
            return f"({shown(lhs)} {operator} {shown(rhs)})"
        case Lookup(table=table, index=index):
            return f"{table.text}[{shown(index)}]"
        case Call(operator=operator, arguments=arguments):
            return f"{operator.text}({', '.join(shown(a.value) for a in arguments)})"
        case LayerCall(layer=layer, index=index, arguments=arguments):
            values = ", ".join(shown(a.value) for a in arguments)
            return f"{layer.text}[{shown(index)}]({values})"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a + b * c", "(a + (b * c))"),
        ("a * b + c", "((a * b) + c)"),
        ("a - b - c", "((a - b) - c)"),
        ("a / b * c", "((a / b) * c)"),
        ("x + h @ w", "(x + (h @ w))"),
        ("a @ b @ c", "((a @ b) @ c)"),
        ("silu(g) * u @ w", "((silu(g) * u) @ w)"),
        ("(a + b) * c", "((a + b) * c)"),
        ("-a * b", "((-a) * b)"),
        ("-a ^ b", "(-(a ^ b))"),
        ("a ^ b ^ c", "(a ^ (b ^ c))"),
        ("a ^ -b * c", "((a ^ (-b)) * c)"),
        ("a * b ^ c @ d", "((a * (b ^ c)) @ d)"),
        ("a - -1", "(a - (-1))"),
        ("table[ids] @ w", "(table[ids] @ w)"),
        ("decoder[2 * i + 1](x, y)", "decoder[((2 * i) + 1)](x, y)"),
        ("f()", "f()"),
        ("1e-5 + 2.5E+3", "(1e-5 + 2.5E+3)"),
    ],
)
def test_binding(text: str, expected: str):
    assert shown(expression_of(text)) == expected


def test_lines_do_not_count_inside_brackets():
    assert expression_of("f(a, // first\n\n  b,\n)") == expression_of("f(a, b)")
    assert expression_of("(a\n+ b)") == expression_of("a + b")


def test_blank_lines_comments_and_carriage_returns_do_not_count():
    text = "// a model\r\n\r\nmodel m // its name\r\n\r\n  // nothing\r\nparam p = 1"
    assert parse(text, "m.kl") == parse("model m\nparam p = 1\n", "m.kl")


def test_a_body_may_stand_on_one_line():
    lines = "model m\nstep(x) {\n  for i in 0..2 {\n    x = f(x)\n  }\n  return x\n}\n"
    line = "model m\nstep(x) { for i in 0..2 { x = f(x) }\n return x }"
    assert parse(line, "m.kl") == parse(lines, "m.kl")


def test_a_number_before_the_dots_of_a_range_is_whole():
    (step,) = parse("model m\nstep() { for i in 0..2 { return x } }", "m.kl").items
    assert isinstance(step, Step)
    (loop,) = step.body
    assert isinstance(loop, Loop)
    assert (loop.start, loop.stop) == (Number(loop.span, "0"), Number(loop.span, "2"))
    assert isinstance(loop.body[0], Return)


def test_keywords_and_parts_left_out():
    model = parse('model m\nweight w[a]: f32 from transposed "x.{layer}"\nweight s\n', "m.kl")
    full, bare = model.items
    assert isinstance(full, Weight)
    assert isinstance(bare, Weight)
    assert full.source is not None
    assert (full.source.tensor.text, full.source.transposed) == ("x.{layer}", True)
    assert full.declaration.element_type is not None
    assert bare.source is None
    assert bare.declaration == Declaration(bare.span, Name(bare.span, "s"), (), None)


def test_spans_are_what_was_written():
    text = "model m\nstep(x) {\n  y, z = f[0](x + 1) // two\n}\n"
    model = parse(text, "m.kl")
    (step,) = model.items
    assert isinstance(step, Step)
    (assign,) = step.body
    assert isinstance(assign, Assign)
    assert assign.span.text == "y, z = f[0](x + 1)"
    assert [name.span.text for name in assign.targets] == ["y", "z"]
    assert isinstance(assign.value, LayerCall)
    assert assign.value.arguments[0].span.text == "x + 1"
    assert assign.value.span.get_location() == ("m.kl", 3, 10)
    assert model.span.text == "model m"


def test_reserved_words_inside_names_are_free():
    model = parse("model models\nparam layers = 1\nparam stepsize = 2\n", "m.kl")
    assert isinstance(model, Model)
    assert [item.name.text for item in model.items if isinstance(item, Parameter)] == ["layers", "stepsize"]
