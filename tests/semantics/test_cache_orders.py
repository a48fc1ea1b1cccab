"""Layers that touch caches in any order: all variants give the reference's bits, or a remark says why not."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kl.tools.kl import main as kl

LAYER = """
layer l[3](x[2, 16], y[2, 16], position: i32) {{
  weight w[16, 16]
  weight u[16, 16]
  cache k[2, 2, 8, 8]
  cache v[2, 2, 8, 8]
  {body}
}}
step(x[2, 16], y[2, 16], position: i32) {{
  {step}
  return x, y
}}"""

EACH = "for i in 0..3 { x, y = l[i](x, y, position) }"
BODIES = {
    "attends before it appends": """
        t = attention(x, k, v, position)
        append(k, y @ w, position)
        append(v, x @ u, position)
        return x + t, y""",
    "appends what it has read": """
        t = attention(x, k, v, position)
        append(k, t @ w, position)
        append(v, t @ u, position)
        return x + t, y""",
    "appends twice": """
        append(k, x @ w, position)
        append(v, x @ u, position)
        append(k, y @ w, position)
        return x + attention(x, k, v, position), y""",
    "appends and attends, twice": """
        append(k, x @ w, position)
        append(v, x @ u, position)
        s = x + attention(x, k, v, position)
        append(k, s @ w, position)
        append(v, s @ u, position)
        return s + attention(s, k, v, position), y""",
    "attends on both sides": """
        s = x + attention(y, k, v, position)
        append(k, s @ w, position)
        append(v, s @ u, position)
        return s + attention(s, k, v, position) @ w, y""",
    "appends beside what attends": """
        append(k, x @ w, position)
        append(v, x @ u, position)
        return silu(x @ w), y + attention(y @ u, k, v, position)""",
}

MODELS = {name: LAYER.format(body=body, step=EACH) for name, body in BODIES.items()} | {
    "one layer over and over": LAYER.format(
        body=BODIES["appends and attends, twice"],
        step="for i in 0..3 { x, y = l[1](x, y, position) }",
    ),
    "slices that coincide in one iteration": LAYER.format(
        body=BODIES["attends on both sides"],
        step="for i in 0..2 { x, y = l[2 * i](x, y, position) x, y = l[i](x, y, position) }".replace(
            ") x,", ")\n x,"
        ),
    ),
    "two positions": """
layer l[2](x[1, 8], p: i32, q: i32) {
  cache c[1, 2, 8, 4]
  append(c, x, p)
  return x + attention(x, c, c, q)
}
step(x[1, 8], p: i32, q: i32) {
  for i in 0..2 { x = l[i](x, p, q) }
  return x
}""",
}

VARIANTS = {
    "unfused": ["--fusion", "op", "--no-loop"],
    "unfused, looped": ["--fusion", "op"],
    "block": ["--fusion", "block"],
    "fused": ["--no-loop"],
    "looped": [],
    "stepped": ["--steps-per-call", "2"],
    "resident": ["--resident"],
}


def run(name: str, folder: Path, *options: str) -> int:
    """The exit code of a checked run of a model."""
    path = folder / "model.kl"
    path.write_text(f"model m\n{MODELS[name]}")
    return kl(["run", str(path), "--steps", "4", "--check", *options])


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("name", MODELS)
def test_every_variant_gives_the_bits_of_the_reference(name: str, variant: str, tmp_path: Path):
    assert run(name, tmp_path, *VARIANTS[variant]) == 0


@pytest.mark.parametrize(
    ("name", "remark"),
    [
        ("appends twice", "a new kernel begins with this nn.cache_append: nn.cache_append writes %k"),
        ("two positions", "a new kernel begins with this nn.attention: nn.cache_append writes %c"),
        ("appends twice", "slice 0 of @l.k, which the iteration writes before"),
        ("attends before it appends", "steps are not looped: dataflow.store into %l.k in step 0"),
        ("appends beside what attends", "steps are not looped: dataflow.load from %l.k in step 0"),
    ],
)
def test_a_remark_says_what_is_left_out(
    name: str, remark: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert run(name, tmp_path, "--steps-per-call", "2") == 0
    assert remark in capsys.readouterr().err


@pytest.mark.parametrize("name", ["attends before it appends", "appends what it has read"])
def test_layers_that_attend_before_they_append_are_one_loop(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    path = tmp_path / "model.kl"
    path.write_text(f"model m\n{MODELS[name]}")
    assert kl(["compile", str(path), "--to", "kernel"]) == 0
    assert capsys.readouterr().out.count("kernel.call ") == 1


@st.composite
def some_model(draw: st.DrawFn) -> str:
    """A model whose layers append and attend in any order, called on any slices."""
    values, lines = ["x", "y"], list[str]()
    for number in range(draw(st.integers(1, 5))):
        value = f"h{number}"
        source, other = draw(st.sampled_from(values)), draw(st.sampled_from(values))
        caches = [draw(st.sampled_from(["k", "v"])) for _ in range(2)]
        if draw(st.booleans()):
            lines.append(f"append({caches[0]}, {source} @ w, position)")
        else:
            lines.append(f"{value} = {other} + attention({source}, {caches[0]}, {caches[1]}, position)")
            values.append(value)
    # Every argument and cache is used.
    lines += ["append(v, y @ u, position)", "z = x + attention(x @ w, k, v, position)"]
    results = draw(st.permutations([values[-1], "z"]))
    body = "\n  ".join([*lines, f"return {', '.join(results)}"])
    slices = ["i", "2 - i", "1", "0"]
    calls = [
        f"x, y = l[{draw(st.sampled_from(slices))}](x, y, position)" for _ in range(draw(st.integers(1, 2)))
    ]
    step = "for i in 0..3 {\n    " + "\n    ".join(calls) + "\n  }"
    return LAYER.format(body=body, step=step)


@settings(max_examples=12, deadline=None)
@given(some_model(), st.sampled_from(sorted(VARIANTS)))
def test_random_layers_give_the_bits_of_the_reference(
    tmp_path_factory: pytest.TempPathFactory, model: str, variant: str
):
    path = tmp_path_factory.mktemp("random") / "model.kl"
    path.write_text(f"model m\n{model}")
    assert kl(["run", str(path), "--steps", "4", "--check", *VARIANTS[variant]]) == 0
