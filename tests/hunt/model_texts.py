"""Random small models over the whole language, as texts; a seed always gives the same one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

FUNCTIONS = ("silu", "gelu", "gelu_erf", "sigmoid", "tanh", "relu", "softplus")
STORED = (
    "f8e4m3 scale[{half}, 4]",
    "f8e4m3 scale[{rows}, 1]: bf16",
    "i8 scale[{half}, 1]: f16 zeros",
    "i4 scale[{half}, 1]",
    "i4 scale[{half}, 2]: f16 zeros",
    "f4e2m1 scale[{half}, 1]: f8e8m0",
    "f4e2m1 scale[{half}, 1]: f8e4m3",
)
"""How a matrix of so many rows may be stored."""


@dataclass(frozen=True)
class Sizes:
    """Extents that all layers share."""

    dtype: str
    batch: int
    hidden: int
    context: int


@dataclass
class Body:
    """A layer as it is written."""

    random: Random
    sizes: Sizes
    declared: list[str] = field(default_factory=list[str])
    lines: list[str] = field(default_factory=list[str])

    def chance(self, share: float) -> bool:
        """Whether something that is so in a share of all cases is."""
        return self.random.random() < share

    def weight(self, *shape: int, stored: bool = True) -> str:
        """Declare a weight, which may be stored in fewer bits or have a type of its own; its name."""
        name = f"w{len(self.declared)}"
        kind = f": {self.random.choice(('f32', 'bf16', 'f16'))}" if self.chance(0.1) else ""
        if stored and len(shape) == 2 and not shape[0] % 4 and self.chance(0.12):
            kind = ": " + self.random.choice(STORED).format(rows=shape[0], half=shape[0] // 2)
        self.declared.append(f"weight {name}[{', '.join(map(str, shape))}]{kind}")
        return name

    def vector(self, extent: int) -> str:
        """A weight of the model's type, for sums and products of elements."""
        name = f"w{len(self.declared)}"
        self.declared.append(f"weight {name}[{extent}]")
        return name

    def say(self, text: str) -> str:
        """Name a value."""
        name = f"v{len(self.lines)}"
        self.lines.append(f"{name} = {text}")
        return name

    def norm(self, x: str, extent: int) -> str:
        """A norm of whole rows or of groups, or none."""
        if self.chance(0.3):
            return x
        kind = self.random.choice(("rms_norm", "rms_norm", "layer_norm"))
        gain = f"{self.weight(extent, stored=False)}, " if self.chance(0.7) else ""
        groups = ", groups = 2" if not gain and self.chance(0.15) else ""
        return self.say(f"{kind}({x}, {gain}eps = 1e-5{groups})")


def attention(body: Body) -> None:
    """Attention with any of its options."""
    random, sizes = body.random, body.sizes
    kv, group, head = random.choice((1, 1, 2, 3)), random.choice((1, 2, 3)), random.choice((2, 4))
    heads, hidden = kv * group, sizes.hidden
    is_ring = body.chance(0.25)
    slots = random.randint(2, sizes.context) if is_ring else sizes.context
    kind = ": f8e4m3" if body.chance(0.1) else ""
    for name in ("keys", "values"):
        body.declared.append(f"cache {name}[{sizes.batch}, {kv}, {slots}, {head}]{kind}{' ring' * is_ring}")
    h = body.norm("x", hidden)
    q = body.say(f"{h} @ {body.weight(hidden, heads * head)}")
    k = body.say(f"{h} @ {body.weight(hidden, kv * head)}")
    v = body.say(f"{h} @ {body.weight(hidden, kv * head)}") if body.chance(0.8) else k
    if body.chance(0.2):
        q = body.say(f"rms_norm({q}, {body.weight(head, stored=False)}, 1e-6, groups = {heads})")
    if body.chance(0.1):
        q = body.say(f"{q} + {body.vector(heads * head)}")
    if body.chance(0.6):
        rope = random.choice(("rope", "rope", "interleaved_rope"))
        more = f", head_dim = {head}" + (", scale = 1.25" if body.chance(0.2) else "")
        q, k = (body.say(f"{rope}({one}, position, frequencies{more})") for one in (q, k))
    body.lines += [f"append(keys, {k}, position)", f"append(values, {v}, position)"]
    options = [f"window = {random.randint(1, slots)}"] * body.chance(0.3) + ["softcap = 2.5"] * body.chance(
        0.15
    )
    options += ["scale = 0.3"] * body.chance(0.2)
    options += [f"sinks = {body.weight(heads, stored=False)}"] * body.chance(0.15)
    options += [f"slopes = {body.weight(heads, stored=False)}"] * body.chance(0.15)
    a = body.say(", ".join([f"attention({q}, keys, values, position", *options]) + ")")
    body.lines.append(f"x = x + {a} @ {body.weight(heads * head, hidden)}")


def latent(body: Body) -> None:
    """Latent attention over one cache."""
    random, sizes = body.random, body.sizes
    heads, rank, nope, value = random.choice((1, 2, 4)), random.choice((4, 6)), 4, random.choice((2, 3))
    body.declared.append(f"cache latents[{sizes.batch}, 1, {sizes.context}, {rank + 2}]")
    q = body.weight(sizes.hidden, heads * (nope + 2), stored=False)
    c = body.weight(sizes.hidden, rank + 2, stored=False)
    w_k, w_v = (body.weight(heads * rows, rank, stored=False) for rows in (nope, value))
    body.lines += [
        f"q, q_rope = split(x @ {q}, {nope}, 2, heads = {heads})",
        f"c, k_rope = split(x @ {c}, {rank}, 2)",
        "append(latents, concat(c, rope(k_rope, position, frequencies, head_dim = 2)), position)",
        "q_rope = rope(q_rope, position, frequencies, head_dim = 2)",
        f"q = concat(head_matmul(q, {w_k}, heads = {heads}), q_rope, heads = {heads})",
        f"a = attention(q, latents, latents, position, value_dim = {rank})",
        f"o = head_matmul(a, transposed({w_v}), heads = {heads})",
        f"x = x + o @ {body.weight(heads * value, sizes.hidden)}",
    ]


def feed_forward(body: Body) -> None:
    """A product, a function, a product; gated or not, with biases or not."""
    hidden, inner = body.sizes.hidden, body.random.choice((4, 8, 10, 12))
    h, function = body.norm("x", hidden), body.random.choice(FUNCTIONS)
    up = body.say(f"{h} @ {body.weight(hidden, inner)}")
    if body.chance(0.2):
        up = body.say(f"{up} + {body.vector(inner)}")
    if body.chance(0.15):
        up = body.say(f"clamp({up}, -0.5, 1.5)")
    gate = f" * ({h} @ {body.weight(hidden, inner)})" if body.chance(0.5) else ""
    down = f"{function}({up}){gate}" if not gate else f"({function}({up}){gate})"
    body.lines.append(f"x = x + {down} @ {body.weight(inner, hidden)}")


def experts(body: Body) -> None:
    """A router and chosen experts."""
    random, sizes, dtype = body.random, body.sizes, body.sizes.dtype
    number, inner = random.choice((2, 4, 6)), random.choice((4, 6))
    chosen = random.randint(1, min(3, number))
    router = body.weight(sizes.hidden, number, stored=False)
    scores = f"x @ {router}" if body.chance(0.3) else f"softmax(f32(x @ {router}))"
    p = body.say(scores)
    body.lines.append(f"ids = top_k({p}, {chosen})")
    w = body.say(f"take({p}, ids)")
    w = body.say(f"{w} / (sum({w}) + 0.5)") if body.chance(0.5) else w
    body.lines.append(f"read = distinct(ids, {number})")
    gates = body.say(f"spread({dtype}({w}), ids, read)")
    up = body.say(f"x @ columns_of({body.weight(number, sizes.hidden, inner, stored=False)}, read)")
    if body.chance(0.25):
        body.declared.append(f"weight biases[{number}, {inner}]")
        up = body.say(f"{up} + columns_of(biases, read)")
    down = body.weight(number, inner, sizes.hidden, stored=False)
    act = random.choice(FUNCTIONS)
    body.lines.append(f"x = x + scale({act}({up}), {gates}) @ rows_of({down}, read)")


def elements(body: Body) -> None:
    """Some operations on elements and columns."""
    random, hidden = body.random, body.sizes.hidden
    for _ in range(random.randint(1, 3)):
        match random.randrange(6):
            case 0:
                text = f"x * {body.vector(hidden)} - x / 2"
            case 1:
                text = f"1.5 - {random.choice(FUNCTIONS)}(x)"
            case 2:
                text = "sqrt(exp(x * 0.25)) - 1.0"
            case 3:
                text = f"x + (x @ {body.weight(hidden, 2)}) @ {body.weight(2, hidden)}"
            case 4:
                one = random.randint(1, hidden - 1)
                body.lines.append(f"a{len(body.lines)}, b{len(body.lines)} = split(x, {one}, {hidden - one})")
                number = len(body.lines) - 1
                text = f"concat(b{number}, a{number}) + x"
            case _:
                text = "x / (sum(x * x) + 1.0)"
        body.lines.append(f"x = {text}")


BLOCKS: Sequence[Callable[[Body], None]] = (
    *(attention, attention, latent, feed_forward, feed_forward, experts, elements, elements),
)


def model_text(random: Random) -> str:
    """A model of one or two kinds of layers in some order."""
    sizes = Sizes(
        random.choice(("bf16", "bf16", "bf16", "f32", "f16")),
        random.choice((1, 2, 2, 3)),
        random.choice((6, 8, 8, 12, 16)),
        random.randint(2, 7),
    )
    kinds = ("near", "far")[: random.choice((1, 1, 2))]
    counts = {kind: random.choice((1, 2, 3, 4, 6)) for kind in kinds}
    vocab, tied = random.choice((7, 10, 16)), random.random() < 0.3
    is_token = random.random() < 0.7
    lines = ["model random", "", f"dtype {sizes.dtype}", "", "constant frequencies[1] = [0.3]"]
    lines += [f"weight table[{vocab}, {sizes.hidden}]"] + [f"weight head[{sizes.hidden}, {vocab}]"] * (
        not tied
    )
    for kind in kinds:
        lines += ["", *_layer(random, sizes, kind, counts[kind])]
    given = f"token[{sizes.batch}]: i32" if is_token else f"x[{sizes.batch}, {sizes.hidden}]"
    logits = "x @ transposed(table)" if tied else "x @ head"
    last = ["return argmax(logits)", "return argmax(logits), logits"][random.random() < 0.4]
    if not is_token:
        last = random.choice(("return x", "return argmax(logits), x"))
    body = ["x = table[token]"] * is_token + _calls(random, counts)
    body += ['observe x as "hidden"'] * (random.random() < 0.15)
    body += ["x = rms_norm(x, eps = 1e-5)"] * (random.random() < 0.5)
    body += [f"logits = {logits}"] * ("logits" in last)
    return "\n".join(
        [*lines, "", f"step({given}, position: i32) {{", *(f"  {one}" for one in [*body, last]), "}", ""]
    )


def _layer(random: Random, sizes: Sizes, kind: str, count: int) -> list[str]:
    body = Body(random, sizes)
    with_memory = [block for block in BLOCKS if block in (attention, latent)]
    blocks = [random.choice(BLOCKS) for _ in range(random.choice((1, 1, 2)))]
    if len([block for block in blocks if block in with_memory]) > 1 or blocks.count(experts) > 1:
        blocks = blocks[:1]
    for block in blocks:
        block(body)
    inner = [f"  {one}" for one in [*body.declared, *body.lines, "return x"]]
    return [f"layer {kind}[{count}](x[{sizes.batch}, {sizes.hidden}], position: i32) {{", *inner, "}"]


def _calls(random: Random, counts: dict[str, int]) -> list[str]:
    """All layers in a row, in turn, backward, or some of them twice."""
    first, number = next(iter(counts.items()))
    if len(counts) == 2 and len(set(counts.values())) == 1 and random.random() < 0.7:
        return [
            f"for i in 0..{number} {{",
            *(f"  x = {kind}[i](x, position)" for kind in counts),
            "}",
        ]
    index = random.choice(("i", "i", f"{number - 1} - i"))
    calls = [f"for i in 0..{number} {{ x = {first}[{index}](x, position) }}"]
    if number > 1 and random.random() < 0.1:
        calls.append(f"x = {first}[{number - 1}](x, position)")
    return calls + [
        f"for j in 0..{count} {{ x = {kind}[j](x, position) }}" for kind, count in [*counts.items()][1:]
    ]
