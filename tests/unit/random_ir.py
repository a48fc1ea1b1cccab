"""Random modules: operations that nobody knows, and of xDSL those whose text has been wrong."""

from __future__ import annotations

from random import Random

from random_attributes import Attributes
from xdsl.context import Context
from xdsl.dialects import arith, builtin, cf, func, scf
from xdsl.dialects.builtin import (
    ArrayAttr,
    ComplexType,
    DenseIntOrFPElementsAttr,
    DictionaryAttr,
    FloatAttr,
    FunctionType,
    IntegerType,
    ModuleOp,
    Signedness,
    StringAttr,
)
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue

HINTS = (None, None, "x", "x", "x_1", "x_1_2", "höhe", "a.b", "_", "bb0")
BLOCK_HINTS = (None, None, "b", "b", "b_1_2", "bb0_1", "loop")


def arith_takes(dense: DenseIntOrFPElementsAttr) -> bool:
    """Whether a constant of `arith` may hold it: it has no complex numbers, and no signs of integers."""
    match dense.get_element_type():
        case IntegerType(signedness=sign):
            return sign.data is Signedness.SIGNLESS
        case scalar:
            return not isinstance(scalar, ComplexType)


class Modules:
    """Draws modules for a context that allows what is unregistered; with `is_mlir` what MLIR 19 takes."""

    def __init__(self, random: Random, context: Context, *, is_mlir: bool = False):
        self.random = random
        self.is_mlir = is_mlir
        self.symbols = 0
        self.draw = Attributes(random, context, is_mlir=is_mlir)
        self.context = context

    def module(self) -> ModuleOp:
        """A module of some operations at its top, of functions and of declarations."""
        ops: list[Operation] = []
        values: list[SSAValue] = []
        for _ in range(self.random.randint(1, 4)):
            match self.random.randrange(4):
                case 0:
                    ops.append(self._located(self.function()))
                case 1:
                    ops.append(self._located(self.declaration()))
                case _:
                    ops.append(self.unknown(values, 2))
        return ModuleOp(ops, {f"t.{key}": value for key, value in self._named(1).items()})

    def function(self) -> func.FuncOp:
        """A function of one to three blocks."""
        types = self._types()
        blocks = [self._block(types)] + [self._block([]) for _ in range(self.random.randrange(3))]
        for at, block in enumerate(blocks):
            values: list[SSAValue] = [*blocks[0].args]
            self._fill(block, values, 2)
            if at + 1 < len(blocks):
                block.add_op(self._located(cf.BranchOp(self.random.choice(blocks[1:]))))
            else:
                block.add_op(self._located(func.ReturnOp()))
        return func.FuncOp(
            self._symbol(),
            (types, []),
            Region(blocks),
            self.random.choice((None, "public", "nested")),
            arg_attrs=self._each(types),
        )

    def declaration(self) -> func.FuncOp:
        """A function without a body."""
        inputs, outputs = self._types(), self._types()
        return func.FuncOp(
            self._symbol(),
            FunctionType.from_lists(inputs, outputs),
            Region(),
            "private",
            arg_attrs=self._each(inputs),
            res_attrs=self._each(outputs),
        )

    def unknown(self, values: list[SSAValue], depth: int) -> Operation:
        """An operation of an unknown dialect, that uses some of the values and adds its results."""
        kind = self.context.get_optional_op(f"t.o{self.random.randrange(5)}")
        assert kind is not None
        op = kind.create(
            operands=self.random.choices(values, k=self.random.randrange(3)) if values else [],
            result_types=self._types(),
            properties=self._named(1),
            attributes=self._named(2),
            regions=[self._region(values, depth - 1) for _ in range(self.random.randrange(3))]
            if depth
            else [],
        )
        for result in op.results:
            result.name_hint = self.random.choice(HINTS)
        values.extend(op.results)
        return self._located(op)

    def _region(self, values: list[SSAValue], depth: int) -> Region:
        blocks = [self._block(self._types()) for _ in range(self.random.randrange(3))]
        for block in blocks:
            self._fill(block, [*values, *block.args], depth)
            if self.is_mlir:  # a block ends with what may be a terminator
                block.add_op(self.unknown([], 0))
        return Region(blocks)

    def _fill(self, block: Block, values: list[SSAValue], depth: int) -> None:
        for _ in range(self.random.randrange(3)):
            match self.random.randrange(5 if depth else 4):
                case 0:
                    op = arith.ConstantOp(self._float())
                case 1:
                    while not arith_takes(dense := self.draw.dense()):
                        pass
                    op = arith.ConstantOp(dense)
                case 4:
                    op = self._if(block, values, depth)
                case _:
                    op = self.unknown(values, depth)
            if op.parent is None:
                block.add_op(self._located(op))

    def _float(self) -> FloatAttr:
        while (one := self.draw.float()).type in (builtin.f80, builtin.f128):
            pass
        return one

    def _if(self, block: Block, values: list[SSAValue], depth: int) -> Operation:
        """An `scf.if` whose terminator is worth to be printed, or is not."""
        condition = arith.ConstantOp.from_int_and_width(1, 1)
        block.add_op(condition)
        inner = Block()
        self._fill(inner, [*values], depth - 1)
        end = scf.YieldOp()
        end.attributes |= self._named(1) if self.random.random() < 0.5 else {}
        inner.add_op(end)
        return scf.IfOp(condition, [], Region(inner))

    def _block(self, types: list[Attribute]) -> Block:
        block = Block(arg_types=types)
        for argument in block.args:
            argument.name_hint = self.random.choice(HINTS)
            argument.location = self.draw.location()
        block.name_hint = self.random.choice(BLOCK_HINTS)
        return block

    def _symbol(self) -> str:
        self.symbols += 1
        return f"f{self.symbols}{self.draw.word()}"

    def _types(self) -> list[Attribute]:
        return [self.draw.type() for _ in range(self.random.randrange(3))]

    def _named(self, depth: int) -> dict[str, Attribute]:
        return self.draw.dictionary(depth)

    def _each(self, types: list[Attribute]) -> ArrayAttr[DictionaryAttr] | None:
        """Attributes for each argument or result, of which some are empty; or none at all."""
        if not types or self.random.random() < 0.4:
            return None
        keys = [StringAttr(self.draw.key()) for _ in types]
        given = [DictionaryAttr({f"t.{key.data}": key} if self.random.random() < 0.6 else {}) for key in keys]
        return ArrayAttr(given) if any(one.data for one in given) else None

    def _located(self, op: Operation) -> Operation:
        if self.random.random() < 0.5:
            op.location = self.draw.location()
        return op
