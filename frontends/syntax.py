"""The syntax tree of a model file: what stands in the text, before any name is looked up.

Every node carries the `span` of the text it came from; nodes are equal where they say the same, wherever they
stand.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from xdsl.utils.lexer import Span


@dataclass(frozen=True)
class Node:
    """Anything written in a model file."""

    span: Span = field(compare=False, repr=False)


# Expressions.


@dataclass(frozen=True)
class Name(Node):
    """A name, where it is declared and where it is used."""

    text: str


@dataclass(frozen=True)
class Number(Node):
    """A literal, as written: `4096`, `1e-5`."""

    text: str


@dataclass(frozen=True)
class Negate(Node):
    """`-operand`."""

    operand: Expression


@dataclass(frozen=True)
class Binary(Node):
    """`lhs operator rhs`, the operator one of `+ - * / ^ @`."""

    operator: str
    lhs: Expression
    rhs: Expression


@dataclass(frozen=True)
class Lookup(Node):
    """Rows of a table, or an element of a constant: `table[index]`."""

    table: Name
    index: Expression


@dataclass(frozen=True)
class Transposed(Node):
    """`transposed(operand)`, the right side of a matrix product."""

    operand: Expression


@dataclass(frozen=True)
class Argument(Node):
    """An argument of a call, with its keyword if it has one: `x` or `scale = 0.5`."""

    keyword: Name | None
    value: Expression


@dataclass(frozen=True)
class Call(Node):
    """An operator and its arguments: `rope(q, position, frequencies)`."""

    operator: Name
    arguments: tuple[Argument, ...]


@dataclass(frozen=True)
class LayerCall(Node):
    """One layer of a kind: `decoder[3](x, position)`."""

    layer: Name
    index: Expression
    arguments: tuple[Argument, ...]


Expression = Name | Number | Negate | Binary | Lookup | Transposed | Call | LayerCall


# Declarations.


@dataclass(frozen=True)
class Text(Node):
    """A text in quotes, without them."""

    text: str


@dataclass(frozen=True)
class Declaration(Node):
    """A name with its shape and element type: `x[batch, hidden]: f32`; no extents mean a scalar."""

    name: Name
    extents: tuple[Expression, ...]
    element_type: Name | None


@dataclass(frozen=True)
class Parameter(Node):
    """A number of the model that can be set from outside: `param context = 4096`."""

    name: Name
    value: Expression


@dataclass(frozen=True)
class Numbers(Node):
    """A list of numbers: `[0, 1, 2, 4]`."""

    numbers: tuple[Expression, ...]


@dataclass(frozen=True)
class Listed(Node):
    """A constant that names its numbers: `constant slopes[2] = [0.5, 0.25]`."""

    name: Name
    extent: Expression
    element_type: Name | None
    value: Numbers


@dataclass(frozen=True)
class Formula(Node):
    """A constant that works its numbers out: `constant slopes[j in 0..heads] = 2.0 ^ -(j + 1)`."""

    name: Name
    variable: Name
    start: Expression
    stop: Expression
    element_type: Name | None
    value: Expression


Constant = Listed | Formula


@dataclass(frozen=True)
class ElementType(Node):
    """The element type of whatever names none: `dtype bf16`."""

    name: Name


@dataclass(frozen=True)
class Part(Node):
    """`first..last each period`: of every `period` rows or columns those from first to last."""

    first: Expression
    last: Expression
    each: Expression | None


@dataclass(frozen=True)
class Source(Node):
    """Where a checkpoint keeps a weight: `from transposed "layers.{layer}.qkv_proj.weight" rows 0..n`."""

    tensor: Text
    transposed: bool
    rows: Part | None
    columns: Part | None
    layout: Name | None = None
    """How several tensors of this prefix hold it: `from gptq "…"`."""
    beside: tuple[Beside, ...] = ()


@dataclass(frozen=True)
class Beside(Node):
    """Another tensor of the same weight: `scales "layers.{layer}.qkv_proj.weight_scale_inv"`."""

    word: Name
    tensor: Text


@dataclass(frozen=True)
class Stored(Node):
    """Of how many numbers each scale is, and its type: `scale[128, 128]: f16 zeros`."""

    word: Name
    block: tuple[Expression, ...]
    element_type: Name | None
    zeros: Name | None


@dataclass(frozen=True)
class Weight(Node):
    """A constant tensor: `weight wq[hidden, hidden] from "…"`, or `weight wq[…]: i8 scale[…] from "…"`."""

    declaration: Declaration
    stored: Stored | None
    source: Source | None


@dataclass(frozen=True)
class Cache(Node):
    """Memory that outlives a step: `cache keys[batch, kv_heads, context, head_dim]`, or with `ring`."""

    declaration: Declaration
    ring: bool


# Statements.


@dataclass(frozen=True)
class Assign(Node):
    """`x = …`, or `x, y = …` for a layer that returns several values."""

    targets: tuple[Name, ...]
    value: Expression


@dataclass(frozen=True)
class Discard(Node):
    """An expression that stands alone: `append(keys, k, position)`."""

    value: Expression


@dataclass(frozen=True)
class Loop(Node):
    """`for i in start..stop { … }`: the body for start, start + 1, … stop - 1."""

    variable: Name
    start: Expression
    stop: Expression
    body: tuple[Statement, ...]


@dataclass(frozen=True)
class Observe(Node):
    """`observe x as "label"`: the host reads x."""

    value: Expression
    label: Text


@dataclass(frozen=True)
class Return(Node):
    """`return x, y`: the end of a body and its results."""

    values: tuple[Expression, ...]


Statement = Assign | Discard | Loop | Observe | Return


# The whole file.


@dataclass(frozen=True)
class Layer(Node):
    """A kind of layer and how many of it there are: `layer decoder[32](x[batch, hidden]) { … }`."""

    name: Name
    count: Expression
    parameters: tuple[Declaration, ...]
    places: Numbers | Expression | None
    """The numbers of its layers in a checkpoint: `at 2 * layer + 1`; None is 0, 1, 2, …."""
    body: tuple[Weight | Cache | Statement, ...]


@dataclass(frozen=True)
class Step(Node):
    """What happens for one token: `step(token[batch]: i32, position: i32) { … }`. Its name is `step`."""

    name: Name
    parameters: tuple[Declaration, ...]
    body: tuple[Statement, ...]


Item = Parameter | Listed | Formula | ElementType | Weight | Cache | Layer | Step


@dataclass(frozen=True)
class Model(Node):
    """A model file; its span is the first statement, `model name`."""

    name: Name
    items: tuple[Item, ...]
