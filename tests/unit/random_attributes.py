"""Random attributes, types and locations, with all that is hard to say in text."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from random import Random

from xdsl.context import Context
from xdsl.dialect_interfaces.op_asm import OpAsmDialectInterface
from xdsl.dialects import builtin
from xdsl.dialects.builtin import (
    AffineMapAttr,
    ArrayAttr,
    BytesAttr,
    CallSiteLoc,
    ComplexType,
    DenseArrayBase,
    DenseIntOrFPElementsAttr,
    DenseResourceAttr,
    DictionaryAttr,
    FileLineColLoc,
    FloatAttr,
    FunctionType,
    FusedLoc,
    IndexType,
    IntAttr,
    IntegerAttr,
    IntegerType,
    LocationAttr,
    MemRefType,
    NameLoc,
    NoneAttr,
    OpaqueAttr,
    Signedness,
    StringAttr,
    SymbolRefAttr,
    TensorType,
    TupleType,
    UnitAttr,
    UnknownLoc,
    UnregisteredAttr,
    VectorType,
)
from xdsl.ir import Attribute
from xdsl.ir.affine import AffineConstantExpr, AffineDimExpr, AffineExpr, AffineMap, AffineSymExpr

PACKED = (builtin.f16, builtin.bf16, builtin.f32, builtin.f64, builtin.f8E5M2, builtin.f8E4M3FN)
WORDS = (
    "a",
    "höhe",
    "日本",
    "𝄞",
    "x y",
    'say "hi"',
    "\\",
    "\n\t",
    "\x00",
    "// -----",
    "{-#",
    "#loc = loc(",
    "0x7F",
    "",
)
NUMBERS = (
    0.0,
    -0.0,
    1.0,
    -1.5,
    0.1,
    16777217.0,
    1e30,
    5e-324,
    1e22,
    float("inf"),
    float("-inf"),
    float("nan"),
)
BODIES = ("", "i32", "a\n   b", '"höhe>"', "[1, {x}]", "1.0 -> 2")


class Attributes:
    """Draws attributes for a context that knows no dialect `t`; with `is_mlir` only those of MLIR 19."""

    def __init__(self, random: Random, context: Context, *, is_mlir: bool = False):
        self.is_mlir = is_mlir
        self.random = random
        self.context = context
        self.resources = 0
        self._leaves: tuple[Callable[[], Attribute], ...] = (
            self.float,
            self.integer,
            lambda: StringAttr(self.word()),
            lambda: BytesAttr(b"\xff" + self.random.randbytes(2)),
            self.symbol,
            UnitAttr,
            self.type,
            self.dense,
            self.array,
            self.resource,
            self.affine_map,
            self.location,
            lambda: self.unknown(is_type=False),
            *(() if is_mlir else (lambda: OpaqueAttr.from_strings(self.word(), self.word(), self.type()),)),
        )

    def word(self) -> str:
        """A string."""
        return "".join(self.random.choices(WORDS, k=self.random.randint(0, 2)))

    def key(self) -> str:
        """A name of an attribute."""
        return f"k{self.random.randrange(9)}{self.word()}"

    def attribute(self, depth: int = 2) -> Attribute:
        """Any attribute."""
        match self.random.randrange(8) if depth else 7:
            case 0:
                return ArrayAttr([self.attribute(depth - 1) for _ in range(self.random.randrange(4))])
            case 1:
                return DictionaryAttr(self.dictionary(depth - 1))
            case _:
                return self.random.choice(self._leaves)()

    def dictionary(self, depth: int = 2) -> dict[str, Attribute]:
        """Some attributes by name."""
        return {self.key(): self.attribute(depth) for _ in range(self.random.randrange(4))}

    def float(self) -> FloatAttr:
        """A float, half of them by random bits."""
        type = self.random.choice((*PACKED, builtin.f80, builtin.f128))
        value = self.random.choice(NUMBERS)
        if type in PACKED and self.random.random() < 0.5:
            value = type.unpack(self.random.randbytes(type.compile_time_size), 1)[0]
        return FloatAttr(value, type)

    def integer_type(self) -> IntegerType:
        """An integer type of any width and sign."""
        width = self.random.choice((1, 1, 4, 8, 20, 32, 64))
        return IntegerType(
            width, self.random.choice(list(Signedness) if width > 1 else [Signedness.SIGNLESS])
        )

    def integers(self, type: IntegerType, count: int) -> list[int]:
        """Values of a type."""
        low, high = type.signedness.data.value_range(type.width.data)
        return [
            self.random.choice((low, high - 1, 0, self.random.randrange(low, high))) for _ in range(count)
        ]

    def integer(self) -> IntegerAttr:
        """An integer."""
        type = self.integer_type()
        index = IntegerAttr(self.random.randint(-9, 9), IndexType())
        return self.random.choice((index, IntegerAttr(self.integers(type, 1)[0], type)))

    def symbol(self) -> SymbolRefAttr:
        """A reference to a symbol, in other symbols too."""
        return SymbolRefAttr(f"s{self.word()}", [f"n{self.word()}" for _ in range(self.random.randrange(3))])

    def type(self, depth: int = 1) -> Attribute:
        """A type."""
        choices = (self.integer_type(), IndexType(), self.random.choice(PACKED), ComplexType(builtin.f32))
        if not depth or self.random.random() < 0.6:
            return self.random.choice(choices)
        inner = [self.random.choice(choices) for _ in range(self.random.randrange(3))]
        return self.random.choice(
            (
                TensorType(choices[2], self.shape(), StringAttr(self.word())),
                MemRefType(choices[0], self.shape(), memory_space=IntegerAttr(1, 32)),
                TupleType(tuple(inner)),
                FunctionType.from_lists(inner, [self.type(depth - 1)] * self.random.randrange(3)),
                self.unknown(is_type=True),
            )
        )

    def shape(self) -> list[int]:
        """The sizes of a tensor."""
        return [self.random.randint(1, 4) for _ in range(self.random.randrange(3))]

    def dense(self) -> DenseIntOrFPElementsAttr:
        """A `dense`: of numbers, or of random bits, few or many, all the same or not."""
        scalar = self.random.choice((*PACKED, self.integer_type()))
        is_complex = not isinstance(scalar, IntegerType) and self.random.random() < 0.4
        element = ComplexType(scalar) if is_complex else scalar
        shape = self.random.choice((self.shape(), [101], [0], [2, 60]))
        is_tensor = self.is_mlir and (is_complex or 0 in shape)
        type = (TensorType if is_tensor else self.random.choice((TensorType, VectorType)))(element, shape)
        count = prod(shape) * (2 if element is not scalar else 1)
        if self.random.random() < 0.4:
            count = min(count, 2 if element is not scalar else 1)
        data = self._numbers(scalar, count)
        times = prod(shape) * element.compile_time_size // max(len(data), 1)
        return DenseIntOrFPElementsAttr(type, BytesAttr(data * times))  # pyright: ignore[reportArgumentType]

    def array(self) -> DenseArrayBase:
        """A dense array."""
        scalar = self.random.choice((*PACKED, IntegerType(self.random.choice((1, 8, 16, 32, 64)))))
        return DenseArrayBase(scalar, BytesAttr(self._numbers(scalar, self.random.randrange(5))))

    def _numbers(self, scalar: builtin.AnyFloat | IntegerType, count: int) -> bytes:
        if isinstance(scalar, IntegerType):
            return scalar.pack([scalar.get_normalized_value(one) for one in self.integers(scalar, count)])
        if self.random.random() < 0.4:
            return self.random.randbytes(count * scalar.compile_time_size)
        zeros = self.random.random() < 0.3
        numbers = [self.random.choice(NUMBERS[:2] if zeros else NUMBERS) for _ in range(count)]
        return scalar.pack([scalar.round(one) for one in numbers])

    def resource(self) -> DenseResourceAttr:
        """A resource, half of them with a blob."""
        interface = self.context.get_dialect("builtin").get_interface(OpAsmDialectInterface)
        assert interface is not None
        self.resources += 1
        key = interface.declare_resource(
            f"r{self.resources}{self.random.choice(('', '' if self.is_mlir else 'é y'))}"
        )
        if self.random.random() < 0.5:
            interface.parse_resource(key, f"0x01000000{self.random.randrange(256):02X}")
        return DenseResourceAttr.from_params(key, TensorType(builtin.i8, [1]))

    def affine_map(self) -> AffineMapAttr:
        """An affine map."""
        dims, symbols = self.random.randrange(3), self.random.randrange(3)
        exprs = tuple(self._affine(dims, symbols, 2) for _ in range(self.random.randrange(3)))
        return AffineMapAttr(AffineMap(dims, symbols, exprs))

    def _affine(self, dims: int, symbols: int, depth: int) -> AffineExpr:
        leaves = [AffineConstantExpr(self.random.randint(-3, 3))]
        leaves += [AffineDimExpr(one) for one in range(dims)] + [AffineSymExpr(one) for one in range(symbols)]
        if not depth or self.random.random() < 0.4:
            return self.random.choice(leaves)
        one = self._affine(dims, symbols, depth - 1)
        factor = self.random.randint(1, 5)
        return self.random.choice((one + self._affine(dims, symbols, depth - 1), one * factor, one % factor))

    def unknown(self, *, is_type: bool) -> Attribute:
        """An attribute or a type of a dialect that nobody knows."""
        get = self.context.get_optional_type if is_type else self.context.get_optional_attr
        name = f"t.u{self.random.randrange(3)}"
        kind = get(name)
        assert kind is not None
        assert issubclass(kind, UnregisteredAttr)
        return kind(name, is_type, False, self.random.choice(BODIES))

    def location(self, depth: int = 2) -> LocationAttr:
        """A location."""
        place = FileLineColLoc(StringAttr(self.word()), IntAttr(self.random.randrange(99)), IntAttr(3))
        if not depth or self.random.random() < 0.4:
            return self.random.choice((place, UnknownLoc(), NameLoc(StringAttr(self.word()), NoneAttr())))
        one, other = self.location(depth - 1), self.location(depth - 1)
        metadata = self.random.choice((NoneAttr(), StringAttr(self.word()), DictionaryAttr({"l": other})))
        return self.random.choice(
            (CallSiteLoc(one, other), FusedLoc((one, other), metadata), NameLoc(StringAttr(self.word()), one))
        )
