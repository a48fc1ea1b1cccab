"""Numbers of a model, from the file and from outside."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from xdsl.dialects.builtin import ModuleOp
from xdsl.utils.exceptions import ParseError

from kl.dialects.nn import RMSNormOp, WeightOp
from kl.frontends import load_model

TEXT = """model m
param batch = 1
param hidden = 8
param heads = 2
param head_dim = hidden / heads
param eps = 1e-5
weight w[hidden, head_dim]
weight norm[hidden]
step(x[batch, hidden]) {
  return rms_norm(x, norm, eps)
}
"""


OUT_OF_RANGE = "this number is out of range; whole numbers have 64 bits, floats are finite"


def shape_of_w(module: ModuleOp) -> tuple[int, ...]:
    (weight,) = (op for op in module.ops if isinstance(op, WeightOp) and op.sym_name.data == "w")
    return weight.type.get_shape()


def eps_of(module: ModuleOp) -> float:
    (norm,) = (op for op in module.walk() if isinstance(op, RMSNormOp))
    return norm.eps.value.data


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("12", 12),
        ("2 + 3 * 4", 14),
        ("(2 + 3) * 4", 20),
        ("7 - 2 - 1", 4),
        ("64 / 4 / 2", 8),
        ("- -3", 3),
        ("007", 7),
        ("hidden * heads + 1", 17),
        ("9223372036854775807 - 9223372036854775806", 1),
        ("2 ^ 3 ^ 2", 512),
        ("(-2) ^ 2", 4),
        ("5 - -1 ^ 2", 6),
        ("(-1) ^ (10 ^ 18)", 1),
        ("1 + 0 ^ (10 ^ 18)", 1),
        ("min(7, 3, 5) + max(7, 3)", 10),
        ("floor(2.9) - ceil(-2.9)", 4),
        ("mod(-1, 8)", 7),
        ("floor(sqrt(hidden * heads))", 4),
        ("floor(10.0 ^ 2 + exp(0) + log(1))", 101),
    ],
)
def test_whole_numbers(expression: str, value: int):
    text = TEXT.replace("w[hidden, head_dim]", f"w[{expression}]")
    assert shape_of_w(load_model(text, "m.kl")) == (value,)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1.0 / 4", 0.25),
        ("2 * 1.5", 3.0),
        ("1 + 1", 2.0),
        ("2.5e-1", 0.25),
        ("2.0 ^ -2", 0.25),
        ("0.0 ^ 0", 1.0),
        ("min(1, 2.0)", 1.0),
        ("mod(5.5, 2)", 1.5),
    ],
)
def test_floats(expression: str, value: float):
    assert eps_of(load_model(TEXT.replace("1e-5", expression), "m.kl")) == value


def test_numbers_from_outside_reach_what_is_made_of_them():
    module = load_model(TEXT, "m.kl", {"hidden": 32, "eps": 0.5})
    assert shape_of_w(module) == (32, 16)
    assert eps_of(module) == 0.5


def test_a_number_from_outside_takes_the_place_of_an_expression():
    text = TEXT.replace("param heads = 2", "param heads = 3")
    assert shape_of_w(load_model(text, "m.kl", {"head_dim": 5})) == (8, 5)


@pytest.mark.parametrize(
    ("parameters", "place", "message"),
    [
        (
            {"hiden": 8},
            (1, 1),
            "unknown parameter 'hiden'; did you mean 'hidden'?\n"
            "help: parameters of this model: batch, hidden, heads, head_dim, eps",
        ),
        (
            {"heads": 3},
            (5, 18),
            "'hidden / heads' is 8 / 3, which leaves a rest of 2\n"
            "help: change one of them, or write 8.0 for a fraction",
        ),
        ({"heads": 0}, (5, 18), "'hidden / heads' divides by zero"),
        ({"head_dim": 0}, (7, 18), "'head_dim' is 0, at least 1 is needed here"),
        ({"hidden": -8}, (7, 10), "'hidden' is -8, at least 1 is needed here"),
        ({"batch": 1.5}, (9, 8), "'batch' is 1.5, a whole number is needed here"),
        ({"hidden": 2**70}, (3, 1), OUT_OF_RANGE),
        ({"eps": float("inf")}, (6, 1), OUT_OF_RANGE),
    ],
)
def test_wrong_numbers_from_outside(parameters: dict[str, int | float], place: tuple[int, int], message: str):
    with pytest.raises(ParseError) as raised:
        load_model(TEXT, "m.kl", parameters)
    assert raised.value.span.get_location()[1:] == place
    assert raised.value.msg == message


def test_a_model_without_parameters_has_none_to_set():
    text = "model m\nstep(x[1, 8]) { return x }\n"
    load_model(text, "m.kl").verify()
    with pytest.raises(ParseError) as raised:
        load_model(text, "m.kl", {"batch": 2})
    assert raised.value.msg == "unknown parameter 'batch'\nhelp: parameters of this model: none"


NUMBERS = st.floats(1e-300, 1e300)


@settings(deadline=None)
@given(NUMBERS, st.floats(-1.0, 1.0), st.floats(-700, 700))
def test_powers_are_within_an_ulp_of_the_machines(base: float, exponent: float, x: float):
    for text, value in ((f"{base!r} ^ ({exponent!r})", base**exponent), (f"exp({x!r})", math.exp(x))):
        ours = eps_of(load_model(TEXT.replace("1e-5", text), "m.kl"))
        assert abs(ours - value) <= math.ulp(value)
    ours = eps_of(load_model(TEXT.replace("param eps = 1e-5", f"param eps = 1000 + log({base!r})"), "m.kl"))
    assert abs(ours - (1000 + math.log(base))) <= math.ulp(1000)


def test_parameters_from_outside_reach_constants():
    text = TEXT.replace("param eps = 1e-5", "param theta = 2\nconstant c[j in 0..heads] = theta ^ (j + 1.0)")
    text = text.replace("norm, eps", "norm, c[1]")
    assert eps_of(load_model(text, "m.kl")) == 4.0
    assert eps_of(load_model(text, "m.kl", {"theta": 3})) == 9.0
    with pytest.raises(ParseError, match="unknown parameter 'c'"):
        load_model(text, "m.kl", {"c": 3})
