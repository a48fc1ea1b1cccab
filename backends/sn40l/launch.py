"""The launch schedule: commands one after another, each starting when the one before is finished."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import lru_cache

from ...dialects.machine import Machine
from ...dialects.vocabulary import ORCHESTRATIONS
from ..routing import Routing
from ..tensors import Array
from .accesses import check_accesses
from .address import packed
from .check import check_structure
from .engine import Call, KernelRun, Resolver, SocketsRun
from .errors import ExecutionError, HazardError
from .ledger import KernelTiming, Ledger, Made
from .memory import Data, MemoryMap
from .program import Command, Execute, LoadArguments, LoadProgram, Observe, Program, Region, tier_span
from .report import CallReport, Report
from .selections import Experts, selections_of
from .timer import Timer

NO_EXPERTS = "no load reads by index, so there are no experts to choose"
"""Said where a routing is given for a program without any."""

Progress = Callable[[int, int], None]
"""Told after each command how many of how many are done."""


def command_cycles(machine: Machine, command: Command, orchestration: str) -> int:
    """Cycles of a command itself; the host adds its own time to each that it issues."""
    match command:
        case LoadProgram():
            own = machine.program_load_ns
        case LoadArguments():
            own = machine.argument_load_ns
        case Execute():
            own = machine.execute_ns
        case Observe():
            own = machine.host_command_ns
    host = machine.host_command_ns if orchestration == "software" else 0
    return machine.cycles(own + host)


def step_cycles(program: Program, orchestration: str) -> list[int]:
    """Cycles of each command of a step that is one of many.

    What the step before loaded last is loaded when it begins, and loading it once more is left out.
    """
    loads = [command.kernel for command in program.commands if isinstance(command, LoadProgram)]
    loaded, cycles = loads[-1] if loads else None, list[int]()
    for command in program.commands:
        stays = isinstance(command, LoadProgram) and command.kernel == loaded
        cycles.append(0 if stays else command_cycles(program.machine, command, orchestration))
        loaded = command.kernel if isinstance(command, LoadProgram) else loaded
    return cycles


def first_step_extra_cycles(program: Program, orchestration: str) -> int:
    """Cycles that the very first step takes besides, as nothing is loaded when it begins."""
    loads = [command for command in program.commands if isinstance(command, LoadProgram)]
    stays = bool(loads) and loads[0].kernel == loads[-1].kernel
    return command_cycles(program.machine, loads[0], orchestration) if stays else 0


class StepRun:
    """One step of many of a program: the commands, the calls they made and what the host has read.

    `sockets` are those that are run, each with its bytes or none. What is where in memory is the same on all.
    The `timer` is for one socket without data, `experts` says how many are read without data.
    """

    def __init__(
        self,
        program: Program,
        memory: MemoryMap,
        sockets: Sequence[Data | None],
        orchestration: str,
        timer: Timer | None = None,
        experts: Experts | None = None,
    ):
        if orchestration not in ORCHESTRATIONS:
            raise ExecutionError(
                f"unknown orchestration '{orchestration}'; known: {', '.join(ORCHESTRATIONS)}"
            )
        self.program = program
        self.observed: list[tuple[str, Array]] = []
        self._memory = memory
        self._sockets = sockets
        self._has_data = any(data is not None for data in sockets)
        self._orchestration = orchestration
        self._timer = timer or Timer()
        self._experts = experts
        self._kernels = {kernel.name: kernel for kernel in program.kernels}
        self._resolve = Resolver(memory)
        self._ddr = range(*tier_span(program.machine, "ddr"))
        self._born = _births(program)
        self._known: dict[Hashable, KernelTiming] = {}
        self._calls: list[CallReport] = []
        self._addresses: tuple[int, ...] = ()
        self._now = 0
        self._pending = 0
        """Commands of so many cycles belong to the next call."""
        self._other_cycles = 0
        self._made: Made | None = None
        """Less than the program can make, where rows have ended at a stop token."""

    def run(self, progress: Progress | None = None) -> Report:
        """Issue all commands.

        Raises: ExecutionError where the program cannot run to its end.
        """
        program, orchestration = self.program, self._orchestration
        timed = zip(program.commands, step_cycles(program, orchestration), strict=True)
        for number, (command, cycles) in enumerate(timed):
            self._memory.command = number
            for region in self._born.get(number, ()):
                self._memory.forget(region)
            self._issue(command, cycles)
            if progress is not None:
                progress(number + 1, len(program.commands))
        rest = self._other_cycles + self._pending
        made = self._made or Made(program.steps, program.tokens_per_step)
        return Report(
            program.name,
            program.machine,
            orchestration,
            made.tokens,
            tuple(self._calls),
            rest,
            made.steps,
            first_step_extra_cycles(program, orchestration),
            self._experts,
        )

    def read(self, name: str) -> Array | None:
        """The tensor in a region at this point; None without data.

        Raises: HazardError if it is a value that has not been written in this step. ExecutionError if it is
            not the same on all sockets.
        """
        region = self._memory.regions[name]
        unwritten = self._memory.first_unwritten(region.address, packed((region.size_bytes,), 1))
        if unwritten is not None:
            where = self._memory.name_at(unwritten)
            raise HazardError(f"hazard: the host reads {where}; nothing has written it in this step")
        arrays = [data.read_region(region) for data in self._sockets if data is not None]
        return _same_on_all(name, arrays) if arrays else None

    def _issue(self, command: Command, cycles: int) -> None:
        match command:
            case LoadProgram():
                self._pending += cycles
            case LoadArguments(addresses=addresses):
                self._addresses = addresses
                self._pending += cycles
            case Execute():
                self._execute(command, self._pending + cycles)
                self._pending = 0
            case Observe(label=label, region=region):
                self._other_cycles += cycles
                self._now += cycles
                value = self.read(region)
                if value is not None:
                    self.observed.append((label, value))

    def _execute(self, command: Execute, launch: int) -> None:
        try:
            timing = self._timing(command)
        except ExecutionError as error:
            error.message = f"call {len(self._calls)}, kernel '{command.kernel}': {error.message}"
            error.location = error.location or command.location
            raise
        ledger = _launched(timing.ledger, launch)
        self._made = timing.made or self._made
        call = CallReport(
            command.kernel,
            self._now,
            ledger,
            timing.traffic,
            timing.flops,
            timing.details,
            timing.busy,
            timing.wide_flops,
        )
        self._calls.append(call)
        self._now += call.cycles

    def _timing(self, command: Execute) -> KernelTiming:
        """Run a kernel; without data, only if its like has not run in this step."""
        kernel = self._kernels[command.kernel]
        present = self._experts.present(len(self._calls)) if self._experts is not None else {}
        call = self._resolve(kernel, self._addresses, present)
        check_accesses(kernel, call.walks, self._memory)
        conditions = _conditions(call, self._ddr, self._memory)
        if not self._has_data and conditions in self._known:
            return self._known[conditions]
        self._known[conditions] = self._run(call)
        return self._known[conditions]

    def _run(self, call: Call) -> KernelTiming:
        machine = self.program.machine
        if len(self._sockets) > 1:
            run = SocketsRun(call, machine, self._memory, self._sockets)
        else:
            run = KernelRun(call, machine, self._memory, self._sockets[0])
            if not self._has_data:
                return self._timer.time(run)
        run.run()
        timing = run.timing()
        run.close()
        return timing


@lru_cache(maxsize=1024)
def _launched(ledger: Ledger, launch: int) -> Ledger:
    """What a call takes with its launch: thousands take the same."""
    return ledger + Ledger(launch=launch)


def _conditions(call: Call, ddr: range, memory: MemoryMap) -> Hashable:
    """All that the timing of a call depends on: two calls with the same take the same cycles.

    Addresses matter only as far as they decide which memory serves a stream, and where streams touch.
    """
    walks = call.walks
    memories = tuple(memory.resident(walk.start) or walk.start in ddr for walk in walks)
    distances = tuple((a, b, walks[b].address(0) - walks[a].address(0)) for a, b in call.conflicts)
    decided = tuple((one.gates, one.present) for one in call.bound)
    return call.kernel.name, decided, memories, distances


def _same_on_all(name: str, arrays: Sequence[Array]) -> Array:
    """What the host reads from a region: the same on all sockets, bit for bit.

    Raises: ExecutionError if it is not.
    """
    first, *others = arrays
    for socket, other in enumerate(others, start=1):
        if first.tobytes() != other.tobytes():
            raise ExecutionError(
                f"the host reads '{name}', which differs between socket 0 and socket {socket}"
            )
    return first


def _births(program: Program) -> dict[int, list[Region]]:
    """The values that begin to live at each command."""
    births: dict[int, list[Region]] = {}
    for region in program.regions:
        if region.kind == "value" and region.live is not None:
            births.setdefault(region.live[0], []).append(region)
    return births


def time_step(
    program: Program,
    scalars: Mapping[str, int],
    orchestration: str = "hardware",
    progress: Progress | None = None,
    *,
    every_socket: bool = False,
    jump: bool = True,
    details: bool = False,
    trace_iterations: int = 0,
    spans: bool = False,
    stage_spans: bool = False,
    routing: Routing | None = None,
) -> Report:
    """Time one step without data; `scalars` are the scalar inputs that decide times: the position.

    All sockets do the same at the same time, so one is timed, and the others send their tiles when it does.
    With `every_socket` each is timed for itself, which gives the same report. Iterations of a loop that must
    be like those before are not replayed; without `jump` they are, which gives the same report, too.
    The `routing` says how many experts are read, by default those of uniform choices. The other options are
    those of a `Timer`, which times one socket.

    Raises: ProgramError if the program is inconsistent, ExecutionError as `Executor.step` does.
    """
    check_structure(program)
    memory = MemoryMap(program)
    for name in scalars:
        if name not in program.inputs or not memory.regions[name].is_scalar:
            raise ExecutionError(f"the program has no scalar input '{name}'")
    memory.begin_step(scalars)
    sockets = program.machine.sockets if every_socket else 1
    timer = Timer(jump, details, trace_iterations, spans, stage_spans)
    selections = selections_of(program)
    if selections is None and routing is not None:
        raise ExecutionError(NO_EXPERTS)
    experts = None if selections is None else selections.counted(routing)
    run = StepRun(program, memory, [None] * sockets, orchestration, timer, experts)
    report = run.run(progress)
    for name in program.outputs:
        run.read(name)
    return report
