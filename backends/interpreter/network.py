"""The untimed meaning of a dataflow kernel: units run as soon as their tiles are there.

Channels are queues without bound here. Every unit takes and puts in an order of its own that no other
unit can change, so the result is the same whatever unit runs first (a Kahn process network), as long as
loads wait for the stores that they depend on. The units of all sockets run in lock step: a tile is an array
on each of them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from itertools import product
from operator import mul

from xdsl.ir import Attribute, Block, SSAValue

from ...dialects.dataflow import (
    CarryOp,
    CounterOp,
    ExchangeOp,
    GatherOp,
    KernelOp,
    LoadOp,
    StageOp,
    StoreOp,
    UnitOp,
)
from ...dialects.tiles import PortShape
from ...dialects.vocabulary import STEP
from .. import numerics, numerics_experts
from ..collectives import COLLECTIVES, sharded_embedding
from ..numerics_attention import cache_append, slot_of
from ..specs import attributes_of, tensor_spec
from ..tensors import Array, TensorSpec, spec_of
from ..tiles import filled_up, joined, trimmed
from .tiles import Tile, slice_of, tile_spec, tiles_of
from .values import Rows, SocketValues, after_step, arrays_of, counter_at, fail, same_on_all, slices_of

TOKEN: Tile = []

Process = Generator[None, None, None]
"""A unit at work: it yields where it has to wait for a tile."""

RunBody = Callable[[Block, Sequence[SocketValues]], Sequence[SocketValues]]


def run_network(
    kernel: KernelOp, arguments: Sequence[SocketValues], sockets: int, run_body: RunBody
) -> tuple[SocketValues, ...]:
    """The results of one call of a dataflow kernel; `run_body` evaluates the body of a stage.

    Raises: InterpretationError if units wait for tiles that never come, or if a position or index is
        outside its range.
    """
    network = _Network(kernel, arguments, sockets, run_body)
    waiting = [(unit, network.start(unit)) for unit in kernel.units()]
    while waiting:
        moves = network.moves
        waiting = [(op, process) for op, process in waiting if not _done(op, process)]
        if waiting and network.moves == moves:
            if network.has_ended(op for op, _ in waiting):
                break
            fail(waiting[0][0], f"{waiting[0][0].name} waits for a tile that never comes")
    return tuple(network.results)


def _done(op: UnitOp, process: Process) -> bool:
    """Let a unit work until it has to wait or is done."""
    try:
        next(process)
    except StopIteration:
        return True
    except ValueError as error:
        fail(op, f"{op.name}: {error}")
    return False


class _Network:
    """One call: its memory, its channels and what its units do."""

    def __init__(self, kernel: KernelOp, arguments: Sequence[SocketValues], sockets: int, run_body: RunBody):
        block = kernel.body.block
        self.sockets = sockets
        self.tree = kernel.loops
        self.run_body = run_body
        self.memory: dict[SSAValue, SocketValues] = dict(zip(block.args, arguments, strict=True))
        self.results = [self._zeros(type_) for type_ in kernel.function_type.outputs]
        self.channels: dict[SSAValue, deque[Tile]] = {op.result: deque() for op in kernel.channels()}
        self.moves = 0
        """Tiles put or taken so far."""
        self.stops = any(isinstance(op, CarryOp) and op.stop is not None for op in kernel.units())
        self.done: list[Array] = []
        """Which rows are done when a decode step begins, as far as that is known, with a stop token."""
        self.made: int | None = None
        """Steps that are made, where all rows are done before the last one."""
        self.stored: dict[StoreOp, int] = {}
        """Passes of each store so far."""

    def has_ended(self, waiting: Iterable[UnitOp]) -> bool:
        """Whether all rows are done, and what waits has nothing left to do in the steps that are made."""
        if self.made is None:
            return False
        stores = [op for op in waiting if isinstance(op, StoreOp)]
        made = {op: op.passes // self.tree.steps * self.made for op in stores}
        return all(self.tree.is_inside(op.runs, STEP) and self.stored.get(op, 0) >= made[op] for op in stores)

    def start(self, op: UnitOp) -> Process:
        """The process of a unit."""
        match op:
            case LoadOp():
                return self._load(op)
            case GatherOp():
                return self._gather(op)
            case StoreOp():
                return self._store(op)
            case StageOp():
                return self._stage(op)
            case CarryOp():
                return self._carry(op)
            case CounterOp():
                return self._count(op)
            case ExchangeOp():
                return self._exchange(op)
            case _:
                fail(op, f"{op.name} has no untimed meaning")

    def _zeros(self, type_: Attribute) -> Tile:
        spec = tensor_spec(type_)
        return [spec.zeros() for _ in range(self.sockets)]

    # Channels.

    def _take(self, channel: SSAValue) -> Generator[None, None, Tile]:
        queue = self.channels[channel]
        while not queue:
            yield
        self.moves += 1
        return queue.popleft()

    def _put(self, channels: Iterable[SSAValue], tile: Tile) -> None:
        for channel in channels:
            self.moves += 1
            self.channels[channel].append(tile)

    # Memory.

    def _stream(
        self, op: LoadOp | StoreOp, memory: SocketValues
    ) -> Generator[tuple[Tile, list[Array]], None, None]:
        """What each pass of a stream works on, as views, and the position of its step on each socket."""
        path, strides = op.loops.path(op.runs), op.slice_strides()
        for iterations in product(*(range(loop.count) for loop in path)):
            view, step = memory, iterations[0] if path and path[0].name == STEP else 0
            if op.start is not None:
                view = slices_of(memory, op.start.value.data + sum(map(mul, iterations, strides)))
            positions = [] if op.position is None else arrays_of(counter_at(self.memory[op.position], step))
            yield arrays_of(view), positions

    def _load(self, op: LoadOp) -> Process:
        for source, positions in self._stream(op, self.memory[op.source]):
            if op.by is not None:
                ids = yield from self._take(op.by)
                source = self._named(op, source, ids)
            axis, tiles = tiles_of(source, op.channels[0])
            gate, spec = 0, tile_spec(op.channels[0])
            if positions and axis is not None:
                slot = slot_of(int(positions[0]), source[0].shape[2], ring=op.ring is not None)
                gate = slot // spec.shape[axis]
            for number, tile in enumerate(tiles):
                if op.after is not None and number == gate:
                    yield from self._take(op.after)
                self._put(op.channels, [filled_up(array, spec.shape) for array in tile])

    def _named(self, op: LoadOp, stacks: Tile, ids: Tile) -> Tile:
        """The slices that ids name, put together."""
        spec, along = tensor_spec(op.stream_type), {"along": op.axis}
        return [numerics_experts.gather_slices(pair, along, spec) for pair in zip(stacks, ids, strict=True)]

    def _gather(self, op: GatherOp) -> Process:
        tables = arrays_of(self.memory[op.table])
        for _ in range(op.passes):
            ids = yield from self._take(op.ids)
            rows = TensorSpec((*ids[0].shape, *tables[0].shape[1:]), spec_of(tables[0]).dtype)
            pairs = list(zip(ids, tables, strict=True))
            whole = [numerics.embedding(pair, {}, rows) for pair in pairs] if op.sharded is None else None
            self._put(op.channels, whole or sharded_embedding(pairs, attributes_of(op), rows))

    def _store(self, op: StoreOp) -> Process:
        if op.destination is not None:
            memory = self.memory[op.destination]
        else:
            assert op.result is not None, "verified: a store goes to a result or into a memref"
            memory = self.results[op.result.value.data]
        for destination, positions in self._stream(op, memory):
            whole = destination if op.position is None else self._zeros(op.stream_type)
            for parts in tiles_of(whole, op.channel)[1]:
                tile = yield from self._take(op.channel)
                for part, array in zip(parts, tile, strict=True):
                    part[...] = trimmed(array, part.shape)
            if op.position is not None:
                yield from self._append(op, destination, whole, positions)
            self.stored[op] = self.stored.get(op, 0) + 1
            self._put(op.done, TOKEN)

    def _append(self, op: StoreOp, caches: Tile, tiles: Tile, positions: list[Array]) -> Process:
        """Append on each socket, once it is known which rows are done."""
        rows = Rows()
        if self.stops and self.tree.is_inside(op.runs, STEP):
            step = self.stored.get(op, 0) // (op.passes // self.tree.steps)
            while len(self.done) <= step:
                yield
            rows = Rows(self.done[step])
        for cache, tile, position in zip(caches, tiles, positions, strict=True):
            for live in rows.live(op, len(tile)):
                cache_append(cache[live], tile[live], position, ring=op.ring is not None)

    # Computation.

    def _stage(self, op: StageOp) -> Process:
        block, firings = op.body.block, op.firings.value.data
        ports = list(zip(op.ins, op.ports(), op.in_periods.get_values(), strict=True))
        arguments: list[SocketValues] = [[] for _ in ports]
        held: list[Tile] = [[] for _ in ports]
        states: Sequence[SocketValues] = ()
        for firing in range(firings * op.passes):
            if firing % firings == 0:
                states = [self._zeros(arg.type) for arg in block.args[len(ports) :]]
            for number, (channel, shape, period) in enumerate(ports):
                if firing % period == 0:
                    held[number] = yield from self._collect(channel, shape)
                arguments[number] = slice_of(held[number], shape, firing)
            yielded = self.run_body(block, (*arguments, *states))
            states = yielded[len(op.outs) :]
            for channel, tile, period in zip(op.outs, yielded, op.out_periods.get_values(), strict=False):
                if (firing + 1) % period == 0:
                    self._put((channel,), arrays_of(tile))

    def _collect(self, channel: SSAValue, shape: PortShape) -> Generator[None, None, Tile]:
        tiles: list[Tile] = []
        for _ in range(shape.gathered):
            tile = yield from self._take(channel)
            tiles.append(tile)
        if shape.axis is None or shape.gathered == 1:
            return tiles[0]
        return [joined(row, shape.axis, shape.extent) for row in zip(*tiles, strict=True)]

    def _carry(self, op: CarryOp) -> Process:
        if op.stop is not None:
            yield from self._carry_rows(op, op.stop.value.data)
            return
        rounds, length = op.rounds
        for i in [*range(length + 1)] * rounds:
            source = op.init if i == 0 else op.next
            last = () if op.final is None else (op.final,)
            for _ in range(op.tiles.value.data):
                tile = yield from self._take(source)
                self._put(op.current if i < length else last, tile)

    def _carry_rows(self, op: CarryOp, stop: int) -> Process:
        """Tokens from step to step until all rows have the stop token; the rest of what it makes is that."""
        tokens = yield from self._take(op.init)
        for step in range(op.passes):
            self.done.append(same_on_all(op, "the tokens of a step", tokens) == stop)
            self.moves += 1
            if self.done[-1].all():
                self.made = step if self.made is None else self.made
            else:
                self._put(op.current, tokens)
                made = yield from self._take(op.next)
                tokens = [after_step(*row, stop) for row in zip(tokens, made, strict=True)]
            self._put(op.made, tokens)

    def _count(self, op: CounterOp) -> Process:
        for step in range(op.passes):
            self._put(op.channels, arrays_of(counter_at(self.memory[op.first], step)))
        yield from ()

    def _exchange(self, op: ExchangeOp) -> Process:
        collective, attributes = COLLECTIVES[f"collective.{op.kind.data}"], attributes_of(op)
        for _ in range(op.tiles.value.data * op.passes):
            tile = yield from self._take(op.source)
            operands = [[array] for array in tile]
            self._put(op.channels, collective(operands, attributes, tile_spec(op.channels[0])))
