"""What a rule says of an operation: which types fit together, and how much work it is; plain data alone.

Dialects ask it of operations of the IR, programs of their instructions: both as a `Call`. Element types go by
the names that the IR prints (`bf16`, `i32`, …), attributes by those of the operation's properties.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

Attributes = Mapping[str, int | float | tuple[float, ...]]
"""Numbers, lists of numbers, and flags, which are 1 where they stand; a word is the flag `name_word`."""


class RuleError(ValueError):
    """Operands, attributes and result that do not fit together."""


def expect(condition: bool, message: str | Callable[[], str]) -> None:
    """Raises: RuleError with `message` unless `condition` holds; a function makes one that costs."""
    if not condition:
        raise RuleError(message if isinstance(message, str) else message())


class Spec(Protocol):
    """Shape and element type of a value, whatever else its class has; it prints as the IR does."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Its extents; none of a scalar."""
        ...

    @property
    def dtype(self) -> str:
        """The name of its element type."""
        ...


@dataclass(frozen=True)
class Tensor:
    """A `Spec` of any element type."""

    shape: tuple[int, ...]
    dtype: str
    in_memory: bool = False
    """It is a `memref`."""

    def __str__(self) -> str:
        kind = "memref" if self.in_memory else "tensor"
        return f"{kind}<{'x'.join([*map(str, self.shape), self.dtype])}>"


WIDE_TYPES = ("f32", "f64", "f80", "f128")
"""Floats of 32 bits or more, whose products the machine makes at another peak."""


def is_float(dtype: str) -> bool:
    """Whether elements are floats: `bf16`, `f32`, `f8E4M3FN`, …."""
    return dtype.startswith(("f", "bf", "tf"))


def is_integer(dtype: str) -> bool:
    """Whether elements are whole numbers: `i1`, `i32`, `si8`, …."""
    return dtype.lstrip("su")[:1] == "i" and dtype != "index"


def largest(dtype: str) -> int:
    """The largest whole number that an integer type holds, with a sign."""
    return (1 << int(dtype.lstrip("sui")) - 1) - 1


@dataclass(frozen=True)
class Call:
    """An operation on values of known types."""

    name: str
    operands: Sequence[Spec]
    attributes: Attributes
    result: Spec | None
    """It is None of an operation that has none."""

    @property
    def made(self) -> Spec:
        """The result of an operation that has one."""
        assert self.result is not None, "only nn.cache_append has no result, and does not ask"
        return self.result

    def shapes(self) -> list[tuple[int, ...]]:
        """Those of the operands."""
        return [operand.shape for operand in self.operands]

    def number(self, name: str, default: int = 0) -> int:
        """A whole number among the attributes."""
        value = self.attributes.get(name, default)
        assert isinstance(value, int), "the operation's definition or `Rule.check` says so"
        return value

    def numbers(self, name: str) -> tuple[Any, ...]:
        """A list of numbers among the attributes; an empty one if it is not given."""
        value = self.attributes.get(name, ())
        assert isinstance(value, tuple), "the operation's definition or `Rule.check` says so"
        return value


def expect_shape(call: Call, wanted: tuple[int, ...]) -> None:
    """Raises: RuleError unless the result has this shape."""
    given = call.made.shape
    expect(given == wanted, lambda: f"result is {given}, should be {wanted}")


def expect_element_type(call: Call, wanted: str) -> None:
    """Raises: RuleError unless the result has elements of this type."""
    made = call.made
    expect(made.dtype == wanted, lambda: f"result is a {made}, its elements should be {wanted}")


def expect_same_elements(call: Call, number: int = 0) -> None:
    """Raises: RuleError unless the result has the element type of an operand."""
    given, made = call.operands[number], call.made
    expect(given.dtype == made.dtype, lambda: f"element types differ: {given} -> {made}")


def expect_kept(call: Call, name: str | None = None) -> None:
    """Raises: RuleError unless the result has the type of the first operand, which `name` keeps."""
    given, made = call.operands[0], call.made
    same = (given.shape, given.dtype) == (made.shape, made.dtype)
    expect(same, lambda: f"{name or call.name} keeps the type, {given}")


def expect_index_type(call: Call, count: int, what: str) -> None:
    """Raises: RuleError unless the result's type holds the numbers of so many."""
    made = call.made
    held = largest(made.dtype)
    expect(count - 1 <= held, lambda: f"{what} 0 to {count - 1} in a {made}, which holds {held} at most")


def no_flops(call: Call) -> int:
    """Of an operation that moves elements."""
    return 0


Kind = Literal["integer", "number", "integers", "numbers", "flag"]
"""What an attribute is."""


@dataclass(frozen=True)
class Rule:
    """The rule of an operation.

    `takes` has a letter for each operand: `f` floats, `i` integers, `n` either; a `?` behind the last one
    says that it may be missing, a `*` that it may stand any number of times. `gives` is one for the result.
    """

    takes: str
    gives: str
    types: Callable[[Call], None]
    """It raises a RuleError unless what the definition of the operation allows fits together; all that
    operands and attributes decide of the result is checked."""
    flops: Callable[[Call], int] = no_flops
    """Floating-point operations: a multiply-add counts two, anything else one per element."""
    multiplies: tuple[int, ...] = ()
    """Numbers of the operands that it multiplies with one another: their types say at which peak."""
    needs: Mapping[str, Kind] = field(default_factory=dict[str, Kind])
    """Attributes that are there."""
    may: Mapping[str, Kind] = field(default_factory=dict[str, Kind])
    """Attributes that may be there; there are no others."""

    def check(self, call: Call) -> None:
        """Check an instruction, of which nothing is known.

        Raises: RuleError for the first thing that does not fit; it names the attribute or the operand.
        """
        _check_operands(self.takes, call)
        _check_kind("the result", self.gives, call.result)
        _check_attributes(self, call.attributes)
        self.types(call)

    def wide_flops(self, call: Call) -> int:
        """Of the FLOPs, those of products of numbers of 32 bits or more.

        Elementwise work and sums count as of 16 bits: they are small beside products.
        """
        wide = any(call.operands[number].dtype in WIDE_TYPES for number in self.multiplies)
        return self.flops(call) if wide else 0


_KINDS = {"f": "floats", "i": "integers", "n": "numbers"}


def _check_operands(takes: str, call: Call) -> None:
    letters, given = takes.rstrip("?*"), len(call.operands)
    least = len(letters) - (takes != letters)
    most = len(letters) if not takes.endswith("*") else max(given, least)
    wanted = (
        str(least) if least == most else f"{least} or more" if takes.endswith("*") else f"{least} or {most}"
    )
    expect(least <= given <= most, f"{given} operands; it takes {wanted}")
    letters += letters[-1] * (given - len(letters))
    for number, (letter, operand) in enumerate(zip(letters, call.operands, strict=False)):
        _check_kind(f"operand {number}", letter, operand)


def _check_kind(what: str, letter: str, value: Spec | None) -> None:
    if value is None or not letter:
        expect(value is None and not letter, f"{what} is {value or 'missing'}")
        return
    fits = (letter in "fn" and is_float(value.dtype)) or (letter in "in" and is_integer(value.dtype))
    expect(fits, f"{what} is a {value}; it takes {_KINDS[letter]}")


def _check_attributes(rule: Rule, given: Attributes) -> None:
    kinds: dict[str, Kind] = {**rule.needs, **rule.may}
    for name, value in given.items():
        known = ", ".join(kinds) or "none"
        expect(name in kinds, f"unknown attribute '{name}'; it has {known}")
        expect(_is_a(kinds[name], value), f"attribute '{name}' is {value}; it takes {_ARTICLES[kinds[name]]}")
    for name in rule.needs:
        expect(name in given, f"attribute '{name}' is missing")


_ARTICLES: Mapping[Kind, str] = {
    "integer": "a whole number",
    "number": "a number",
    "integers": "a list of whole numbers",
    "numbers": "a list of numbers",
    "flag": "1, or is left out",
}


def _is_a(kind: Kind, value: Any) -> bool:
    match kind:
        case "integer":
            return type(value) is int
        case "number":
            return type(value) in (int, float) and value == value
        case "flag":
            return type(value) is int and value == 1
        case "integers" | "numbers":
            each: Kind = "integer" if kind == "integers" else "number"
            return isinstance(value, tuple) and all(_is_a(each, one) for one in value)
