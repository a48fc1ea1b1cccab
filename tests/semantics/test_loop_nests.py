"""Random loops in loops and in a row: every level gives the same bits, and the engine the same times."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from math import prod

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from xdsl.dialects.builtin import ModuleOp

WIDTH = 16
ROW, MATRIX = f"tensor<1x{WIDTH}xbf16>", f"tensor<{WIDTH}x{WIDTH}xbf16>"


@dataclass(frozen=True)
class Layer:
    """A multiplication by weights of its own for each of its runs, or by one for all."""

    own: bool


@dataclass(frozen=True)
class Nest:
    """A loop over layers and loops."""

    count: int
    body: tuple[Layer | Nest, ...]
    backwards: bool = False
    """It walks along the weights from their end on."""

    @property
    def depth(self) -> int:
        """Loops in one another."""
        return 1 + max((one.depth for one in self.body if isinstance(one, Nest)), default=0)


layers = st.builds(Layer, st.booleans())
bodies = st.recursive(
    st.lists(layers, min_size=1, max_size=2).map(tuple),
    lambda body: st.lists(layers | st.builds(Nest, st.integers(1, 4), body, st.booleans()), max_size=3).map(
        tuple
    ),
    max_leaves=5,
)


@dataclass
class Text:
    """A kernel as text, line by line, and the weights that it takes."""

    lines: list[str] = field(default_factory=list[str])
    weights: dict[str, str] = field(default_factory=dict[str, str])
    names: Iterator[int] = field(default_factory=count)

    def body(
        self, body: tuple[Layer | Nest, ...], value: str, counts: tuple[Nest, ...], parts: Iterator[str]
    ) -> str:
        """Append what a body does with a value; `parts` are what the loops around hand it of each weight."""
        for one in body:
            if isinstance(one, Nest):
                value = self.nest(one, value, counts, parts)
            else:
                made, weight = f"%v{next(self.names)}", next(parts)
                self.lines.append(f"{made} = nn.matmul {value}, {weight} : ({ROW}, {MATRIX}) -> {ROW}")
                value = f"%v{next(self.names)}"
                self.lines.append(f"{value} = nn.silu {made} : ({ROW}) -> {ROW}")
        return value

    def nest(self, nest: Nest, value: str, around: tuple[Nest, ...], parts: Iterator[str]) -> str:
        """Append a loop that carries a value."""
        inside = (*around, nest)
        stacks: list[str] = []
        arguments: list[str] = []
        types: list[tuple[str, str]] = []
        walks: list[tuple[int, int, int]] = []
        for layer, path in own_layers(nest.body, (nest,)):
            if not layer.own:
                arguments.append(next(parts))
                continue
            runs = prod(one.count for one in path[1:])
            whole = stack_type(nest.count * runs)
            stacks.append(next(parts))
            arguments.append(f"%a{next(self.names)}")
            types.append((whole, stack_type(runs) if len(path) > 1 else MATRIX))
            first, stride = ((nest.count - 1) * runs, -runs) if nest.backwards else (0, runs)
            walks.append((first, stride, runs if len(path) > 1 else 0))
        made, carried = f"%v{next(self.names)}", f"%v{next(self.names)}"
        walked = f" stacks({', '.join(stacks)} : {', '.join(whole for whole, _ in types)})" if stacks else ""
        arrays = (", ".join(str(walk[part]) for walk in walks) for part in range(3))
        numbers = ", ".join(
            f"{name} = array<i64: {array}>"
            for name, array in zip(("starts", "strides", "windows"), arrays, strict=True)
        )
        attributes = f" attributes {{{numbers}}}" if stacks else ""
        self.lines.append(
            f"{made} = kernel.loop {nest.count} carried({value} : {ROW}) -> {ROW}{walked}{attributes} {{"
        )
        own = iter(types)
        inner = [f"{name}: {next(own)[1]}" for name in arguments if name.startswith("%a")]
        self.lines.append(f"^bb{next(self.names)}({', '.join([f'{carried}: {ROW}', *inner])}):")
        result = self.body(nest.body, carried, inside, iter(arguments))
        self.lines += [f"kernel.yield {result} : {ROW}", "}"]
        return made


def stack_type(length: int) -> str:
    return f"tensor<{length}x{WIDTH}x{WIDTH}xbf16>"


def own_layers(
    body: tuple[Layer | Nest, ...], around: tuple[Nest, ...] = ()
) -> Iterator[tuple[Layer, tuple[Nest, ...]]]:
    """The layers of a body in order, each with the loops around it."""
    for one in body:
        if isinstance(one, Nest):
            yield from own_layers(one.body, (*around, one))
        else:
            yield one, around


def model(body: tuple[Layer | Nest, ...]) -> str:
    """A step of one kernel that does what a body says."""
    text = Text()
    weights = {
        f"%w{number}": stack_type(prod(one.count for one in path)) if layer.own and path else MATRIX
        for number, (layer, path) in enumerate(own_layers(body))
    }
    result = text.body(body, "%x", (), iter(weights))
    arguments = ", ".join([f"%x: {ROW}", *(f"{name}: {type_}" for name, type_ in weights.items())])
    inside = "\n".join(text.lines)
    globals_ = "\n".join(f"nn.weight @{name[1:]} : {type_}" for name, type_ in weights.items())
    fetched = "\n".join(f"{name} = nn.get_global @{name[1:]} : {type_}" for name, type_ in weights.items())
    types = ", ".join([ROW, *weights.values()])
    return f"""
        {globals_}
        kernel.func @k({arguments}) -> {ROW} {{
          {inside}
          kernel.return {result} : {ROW}
        }}
        kernel.schedule @step(%x: {ROW}) -> {ROW} {{
          {fetched}
          %y = kernel.call @k({", ".join(["%x", *weights])}) : ({types}) -> {ROW}
          kernel.return %y : {ROW}
        }}"""


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(bodies.filter(lambda body: any(isinstance(one, Nest) for one in body)))
def test_random_nests(
    parse: Callable[[str], ModuleOp],
    check_down_to_the_machine: Callable[[ModuleOp, str], None],
    body: tuple[Layer | Nest, ...],
) -> None:
    event(f"{max(one.depth for one in body if isinstance(one, Nest))} deep")
    check_down_to_the_machine(parse(model(body)), "")
