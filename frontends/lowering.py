"""From the syntax tree of a model to an nn module: weights and states, one function per layer kind, the step.

A layer body is lowered once, however many layers there are. Its function takes the layer's parameters, then
its weights and caches in the order of their declaration, then what else of the module it reads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from xdsl.dialects.builtin import FunctionType, ModuleOp, StringAttr, SymbolRefAttr
from xdsl.dialects.func import FuncOp
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.utils.lexer import Span

from ..dialects.nn import GetGlobalOp, StateOp, WeightOp
from ..dialects.spelling import Others
from . import declarations
from .bodies import Body
from .constants import declare_constant
from .declarations import ELEMENT_TYPES, STORED_TYPES
from .diagnostics import error, location_of
from .expressions import Expressions
from .numbers import FUNCTIONS
from .operators import OUR_NAMES, Operators
from .scope import Global, LayerKind, Number, Scope, extent
from .sources import Stack, layer_numbers
from .syntax import (
    Cache,
    Declaration,
    ElementType,
    Formula,
    Item,
    Layer,
    Listed,
    Model,
    Name,
    Parameter,
    Step,
    Weight,
)

_RESERVED = frozenset((*ELEMENT_TYPES, *STORED_TYPES, *OUR_NAMES, *FUNCTIONS))


def lower(model: Model, overrides: Mapping[str, Number], others: Others) -> ModuleOp:
    """The nn module of a model, with some of its parameters given from outside, and operations of `others`.

    Raises: ParseError where names, shapes or types are wrong.
    """
    declarations.check_overrides(model, overrides)
    lowering = _Lowering(model, overrides, Operators(others))
    for item in model.items:
        try:
            lowering.item(item)
        except RecursionError:
            message = "an expression in here is nested too deeply"
            raise error(item.span, message, "give parts of it a name") from None
    return lowering.module()


class _Lowering:
    """What is known of the module while the items of its model are read one by one."""

    def __init__(self, model: Model, overrides: Mapping[str, Number], operators: Operators):
        self._model = model
        self._overrides = overrides
        self._operators = operators
        self._element_type = declarations.default_element_type(model)
        self._scope = Scope(_RESERVED, _names_of(model))
        self._globals: list[WeightOp | StateOp] = []
        self._functions: list[Operation] = []
        self._step: Step | None = None

    def item(self, item: Item) -> None:
        """Read the next declaration of the file."""
        match item:
            case Parameter():
                value = declarations.parameter_value(item, self._overrides, self._scope)
                self._scope.declare(item.name, value)
            case Listed() | Formula():
                self._globals.append(declare_constant(item, self._scope))
            case ElementType():
                pass  # holds for the whole file and is known already
            case Weight() | Cache():
                self._declare(item, self._scope, None)
            case Layer():
                self._layer(item)
            case Step():
                self._add_step(item)

    def module(self) -> ModuleOp:
        """The module of everything read so far.

        Raises: ParseError if there was no step.
        """
        if self._step is None:
            help = "add one: step(token[batch]: i32, position: i32) { … }"
            raise error(self._model.span, "the model has no step", help)
        name = StringAttr(self._model.name.text)
        module = ModuleOp([*self._used_globals(), *self._functions], sym_name=name)
        module.location = location_of(self._model.span)
        return module

    def _used_globals(self) -> list[WeightOp | StateOp]:
        """Weights and caches, and the constants that are read as tensors."""
        fetched = {
            op.global_name.root_reference.data
            for function in self._functions
            for op in function.walk()
            if isinstance(op, GetGlobalOp)
        }
        return [
            op
            for op in self._globals
            if isinstance(op, StateOp) or op.value is None or op.sym_name.data in fetched
        ]

    def _declare(self, item: Weight | Cache, scope: Scope, stack: Stack | None) -> Sequence[Global]:
        entries, ops = declarations.declare(item, scope, self._element_type, stack)
        self._globals += ops
        return entries

    def _layer(self, layer: Layer) -> None:
        name, count = layer.name, extent(layer.count, self._scope)
        callee = SymbolRefAttr(name.text)
        stack = Stack(name.text, count, layer_numbers(layer, count, self._scope))
        scope, block = self._scope.inner(), Block()
        scope.declare(name, LayerKind(callee, count, (), (), ()))
        parameters = self._parameters(layer.parameters, scope, block)
        fetch = _Fetch(block, _argument)
        body = Body(Expressions(scope, block, fetch, self._operators, in_step=False))
        for item in layer.body:
            if isinstance(item, Weight | Cache):
                for entry in self._declare(item, scope, stack):
                    fetch(entry, item.declaration.name.span)
            else:
                body.statement(item)
        results = self._function(name, block, body.results(f"layer '{name.text}'", name.span))
        kind = LayerKind(callee, count, parameters, fetch.entries, results)
        self._scope.declare(name, kind)

    def _add_step(self, step: Step) -> None:
        if self._step is not None:
            line = self._step.name.span.get_location().line
            message = f"the model has a step already, in line {line}"
            raise error(step.name.span, message, "keep one of the two")
        self._step = step
        scope, block = self._scope.inner(), Block()
        self._parameters(step.parameters, scope, block)
        body = Body(Expressions(scope, block, _Fetch(block, _get_global), self._operators, in_step=True))
        for statement in step.body:
            body.statement(statement)
        self._function(step.name, block, body.results("the step", step.name.span))

    def _parameters(
        self, parameters: tuple[Declaration, ...], scope: Scope, block: Block
    ) -> tuple[tuple[str, Attribute], ...]:
        """Declare the parameters of a body as arguments of its block."""
        for parameter in parameters:
            type_ = declarations.declared_type(parameter, self._scope, self._element_type)
            name = parameter.name
            scope.declare(name, _append_argument(block, type_, name.text, name.span))
        names = (parameter.name.text for parameter in parameters)
        return tuple(zip(names, block.arg_types, strict=True))

    def _function(self, name: Name, block: Block, results: Sequence[SSAValue]) -> tuple[Attribute, ...]:
        """Add the function of a body to the module; the step is the public one. Gives its result types."""
        types = tuple(value.type for value in results)
        signature = FunctionType.from_lists(block.arg_types, types)
        visibility = None if name.text == "step" else "private"
        function = FuncOp(name.text, signature, Region(block), visibility)
        function.location = location_of(name.span)
        self._functions.append(function)
        return types


def _append_argument(block: Block, type_: Attribute, name: str, span: Span) -> SSAValue:
    argument = block.insert_arg(type_, len(block.args), location_of(span))
    argument.name_hint = name
    return argument


class _Fetch:
    """Weights and caches inside a body, each made where it is first needed: `entries` in their order."""

    def __init__(self, block: Block, make: Callable[[Block, Global, Span], SSAValue]):
        self._values: dict[Global, SSAValue] = {}
        self._block = block
        self._make = make

    @property
    def entries(self) -> tuple[Global, ...]:
        """What was needed."""
        return tuple(self._values)

    def __call__(self, entry: Global, span: Span) -> SSAValue:
        if entry not in self._values:
            self._values[entry] = self._make(self._block, entry, span)
        return self._values[entry]


def _argument(block: Block, entry: Global, span: Span) -> SSAValue:
    """Inside a layer: a further argument of its function."""
    own = entry.symbol if entry.type == entry.sliced else entry.symbol.partition(".")[2]
    return _append_argument(block, entry.sliced, own, span)


def _get_global(block: Block, entry: Global, span: Span) -> SSAValue:
    """Inside the step: an `nn.get_global`."""
    op = GetGlobalOp(entry.symbol, entry.type)
    op.location, op.result.name_hint = location_of(span), entry.symbol
    block.add_op(op)
    return op.result


def _names_of(model: Model) -> dict[str, Span]:
    """Every name declared outside of bodies, and where."""
    names: list[Name] = []
    for item in model.items:
        match item:
            case Parameter(name=name) | Listed(name=name) | Formula(name=name) | Layer(name=name):
                names.append(name)
            case Weight(declaration=declaration) | Cache(declaration=declaration):
                names.append(declaration.name)
            case ElementType() | Step():
                pass
    return {name.text: name.span for name in names}
