"""What a target machine is to the tools: how IR is lowered to it, becomes a program, and is timed or run.

The tools know no machine but through a `Target`. Ours are in `registry.py`; other packages bring theirs by an
entry point of the group `kl.targets`, which names a `Target` (`docs/adding.md`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from ..dialects.vocabulary import ExpertSharding, Granularity, IrLevel, Orchestration
from .tables import Table

if TYPE_CHECKING:  # so that who reads a command line waits for neither xDSL nor what another command needs
    from xdsl.dialects.builtin import ModuleOp

    from .calibration import Calibration, MeasuredMachine, MeasuredStep
    from .floorplans import Floorplan, NetworkLoads
    from .intervals import Intervals
    from .measured import Measured
    from .routing import Routing
    from .runs import Progress, Run, RunOptions
    from .verification import Provenance, Verification


class TargetError(Exception):
    """What a target refuses: a program that is wrong or cannot run to its end, a position, a checkpoint."""

    def __init__(self, message: str, location: str = "", way_out: str = ""):
        super().__init__(message)
        self.message = message
        self.location = location
        """The place in a source file at fault, `file:line:column`; empty where none is known."""
        self.way_out = way_out


@dataclass(frozen=True)
class Choice:
    """What a user chooses about kernels and memory."""

    fusion: Granularity = "layer"
    loop: bool = True
    spill: bool = False
    """Whether DDR holds what does not fit HBM."""
    expert_sharding: ExpertSharding = "ffn"
    """What of the experts each socket has."""
    resident: bool = False
    """Whether weights stay in the SRAM that kernels leave over."""
    steps_per_call: int = 1
    """Decode steps that one call makes; more than one loops over them."""
    stop_token: int | None = None
    """Rows of the batch end at this token, and a call of several steps with the last of them."""
    single_call: bool = False
    """Whether one call does all of a step, as it does anyway where it makes several steps."""
    retained: int | None = None
    """Memory units that weights get at most; as many as make the step shortest if None."""
    unlooped: tuple[str, ...] = ()
    """Names of kernels that no loop takes."""

    @property
    def is_whole(self) -> bool:
        """Whether one call does whole steps."""
        return self.single_call or self.steps_per_call > 1


class Parameters(Protocol):
    """The parameters of a machine: positive integers by name."""

    def items(self) -> Iterable[tuple[str, int]]:
        """Name and value of each."""
        ...

    def with_values(self, values: dict[str, int]) -> Any:
        """The machine with some parameters changed.

        Raises: ValueError for an unknown name or a value that cannot be.
        """
        ...


class Compiled(Protocol):
    """A program for a target."""

    @property
    def name(self) -> str:
        """Stands in reports."""
        ...

    @property
    def steps(self) -> int:
        """Decode steps that a call makes."""
        ...


M = TypeVar("M", bound=Parameters)
P = TypeVar("P", bound=Compiled)


@dataclass(frozen=True)
class TimeOptions:
    """What is timed, and what is noted of it."""

    position: int | None = None
    """Of the token of the first step; the last one that there is room for if None."""
    orchestration: Orchestration = "hardware"
    layers: bool = False
    """Whether each iteration of a loop is noted."""
    stages: bool = False
    """Whether the stages of kernels are."""
    trace_iterations: int = 0
    """Iterations that a trace shows; 0 for no trace."""
    intervals: bool = False
    """Whether it is noted when launches, kernels, memories and links are busy."""
    window: tuple[int, int] | None = None
    """With that, from which cycle of the call to before which one it is noted when stages are."""
    routing: Routing | None = None
    """How many experts are read; as the target thinks best if None."""


@dataclass(frozen=True)
class Roofline:
    """What a step could reach at best."""

    tokens_per_second: float
    share: float
    """What is reached of it, 0 to 1."""
    reason: str
    """What sets it, in words."""


@dataclass(frozen=True)
class Timing:
    """What a call takes, in words that every target shares and in its own."""

    program: str
    position: int
    """Of the first step."""
    seconds: float
    """Of the whole call."""
    steps: int = 1
    """Decode steps of the call."""
    tokens: int = 1
    """That all of them make."""
    kernel_calls: int = 0
    """Executions of kernels in all of them."""
    cycles: int | None = None
    conditions: str = ""
    """Under which it was timed: `8 sockets, hardware-orchestrated`."""
    parts: Mapping[str, float] = field(default_factory=dict[str, float])
    """Where the time goes: shares of it by name."""
    roofline: Roofline | None = None
    columns: Mapping[str, str] = field(default_factory=dict[str, str])
    """More columns of `kl compare`."""
    legend: str = ""
    """What these columns mean."""
    tables: tuple[Table, ...] = ()
    """What `kl time` shows below the numbers above."""
    document: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """All of it as JSON."""
    trace: Mapping[str, Any] | None = None
    """In the Trace Event Format, if one was wanted."""
    report: Any = None
    """What the target's own measures read."""
    context_read: int | None = None
    """Positions of its caches that a step reads, whatever its own; None where there is no cache."""
    first_step_extra_seconds: float = 0.0
    """The very first call takes so long besides: nothing is loaded yet."""
    attainable: Roofline | None = None
    """The roofline at the bandwidth that memory streams attain; there where the roofline is."""
    intervals: Intervals | None = None
    """When what is busy, if that was wanted."""
    rows: tuple[tuple[str, str], ...] = ()
    """More of the main numbers, in words, each with its name."""
    edited: tuple[str, ...] = ()
    """What of the program was edited since it was made; the tools fill it in."""
    measured: Measured | None = None
    """The calls that were measured; None where the time is modelled."""

    @property
    def tokens_per_second(self) -> float:
        """Of a loop of such calls; infinite for one that takes no time."""
        return self.tokens / self.seconds if self.seconds else float("inf")

    @property
    def kernel_calls_per_token(self) -> float | int:
        """Executions of kernels over the tokens that they make."""
        calls = self.kernel_calls / self.tokens
        return int(calls) if calls.is_integer() else calls


@dataclass(frozen=True)
class Measure(Generic[M, P]):
    """Something about a timed program that a search can make small."""

    description: str
    of: Callable[[P, Timing], float]
    capacity: Callable[[M], float] | None = None
    """The worst value of any use; None where the machine sets none."""
    unit: str = ""
    """Of its values: `s`, `bytes`; empty where there is none."""


LATENCY = Measure[Any, Any](
    "seconds of a decode step", lambda program, timing: timing.seconds / timing.steps, unit="s"
)


@dataclass(frozen=True)
class MemoryMap:
    """What lies where in the memory of a machine."""

    document: Mapping[str, Any]
    tables: tuple[Table, ...]
    summary: tuple[Table, ...] = ()
    """More tables, of what each memory holds in all."""


@dataclass(frozen=True)
class Target(Generic[M, P]):
    """A machine to compile for; all that it raises for what the user gives it is a TargetError."""

    name: str
    level: IrLevel
    """The level of the IR that it takes."""
    pipeline: Callable[[IrLevel, Choice], str]
    """The passes that lead to a level from the one before it, in the notation of `kl-opt -p`."""
    machine: Callable[[ModuleOp], M]
    """The parameters of the machine that a module is for; the default machine's where it says nothing."""
    set_machine: Callable[[ModuleOp, M], None]
    """Write the parameters on a module; raises ValueError or VerifyException where they cannot be."""
    compile: Callable[[ModuleOp, str], P]
    """The program of a module at the target's level, by a name; raises DiagnosticException, too."""
    time: Callable[[P, TimeOptions, Progress], Timing]
    """Time one call."""
    dump: Callable[[P], str]
    """A program as a text to save."""
    recognises: Callable[[str], bool]
    """Whether a text is a saved program of this target, be it a wrong one."""
    load: Callable[[bytes], P]
    """The program that was saved."""
    tied: Callable[[P, Mapping[str, str]], P] | None = None
    """A program that was just made, with what ties it to its IR: the generic text of each symbol."""
    provenance: Callable[[P], Provenance] | None = None
    """Whether a program is as it was made; None where nobody can tell."""
    verification: Verification[P] | None = None
    """What is checked of programs, one by one; None where the target does not say."""
    run: Callable[[P, RunOptions], Run] | None = None
    """Run a program with data, where that can be."""
    context: Callable[[P], int | None] = lambda program: None
    """Positions that a program has room for; None where there is no end, or the target does not say."""
    memory: Callable[[P], MemoryMap] | None = None
    """The map of a program's memory, where there is one."""
    floorplan: Callable[[P, Mapping[str, NetworkLoads]], Floorplan] | None = None
    """Where the units of a program lie, where that can be said; given what the network carries, by kernel."""
    has_details: bool = False
    """Whether it can note layers, stages and intervals, and make traces."""
    has_trace: bool = False
    """Whether it can make traces, be it without details."""
    has_experts: bool = False
    """Whether what it times depends on how many experts are read."""
    measures: Callable[[], Mapping[str, Measure[M, P]]] = lambda: {"latency": LATENCY}
    """What searches can make small, by name; `latency` is one of them."""
    slacks: Callable[[P], Mapping[str, float]] = lambda program: {}
    """What a program uses of a resource minus what there is, by the resource."""
    terms: Callable[[M], Mapping[str, int]] = lambda machine: dict(machine.items())
    """What expressions over a machine may name."""
    calibrate: Callable[[M, Sequence[MeasuredStep]], Calibration] | None = None
    """Fit constants of a machine to measured steps, where that can be."""
    measure: Callable[[Progress], MeasuredMachine] | None = None
    """Measure the machine itself, where it is this computer."""
    time_together: Callable[[Sequence[P], Sequence[TimeOptions], Progress], Sequence[Timing]] | None = None
    """Measure a call of several programs in turn, round by round; None where time is modelled."""
    objection: Callable[[Choice], TargetError | None] = lambda choice: None
    """What of a choice has no meaning on such a machine."""
    whole_machines: bool = False
    """Whether a file of a machine says all parameters, or names the machine that it is based on."""
    precision: tuple[str, int, int] | None = None
    """The parameter of machines by which sums are exact or fast, and both its values; None: all are exact."""
    default_level: int = 2
    """The level of optimisation where a command line says none: 0 unfused, 1 fused, 2 looped."""


AnyTarget = Target[Any, Any]
