"""A kernel of a program: units joined by bounded channels, and what every kind of unit says of itself.

Units refer to channels by their index in the kernel and to memory by the index of a parameter, whose address
an argument load has set. A kernel has loops, in one another and in a row; a unit runs once in each iteration
of the loop that its rate names, or once a call. What it does each time is a pass; a new round of passes
begins when its loop does.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from ...dialects.loop_tree import Loop, LoopTree, Placement, program_order
from ...dialects.vocabulary import CALL, Rate
from ..tensors import TensorSpec
from .binding import Arguments, Bound
from .covered import Covered
from .errors import require
from .ports import Port

if TYPE_CHECKING:
    from .numbering import Numbering


@dataclass(frozen=True)
class Parameter:
    """An address that the argument load of a kernel sets, and the tensor found there."""

    name: str
    tensor: TensorSpec


@dataclass(frozen=True)
class Channel:
    """A bounded queue in PMUs; `tile` is None where it carries bare tokens."""

    name: str
    tile: TensorSpec | None
    depth: int
    latency_cycles: int = 0
    """It takes so many cycles on the network from producer to buffer to consumer."""
    pmus: tuple[int, int] = (0, 0)
    """The first PMU and the number of PMUs that hold it."""

    @property
    def tile_bytes(self) -> int:
        """Bytes of one tile; a token has none."""
        return 0 if self.tile is None else self.tile.size_bytes


@dataclass(frozen=True)
class Unit(ABC):
    """A unit of a kernel: plain data, and all that the rest of the backend asks of a kind of unit.

    A kind is a subclass in a file of `units/`, which also has its behaviour at run time.
    """

    name: str
    location: str = field(default="", kw_only=True)
    """It comes from this place in the user's text; empty where that is not known."""
    rate: Rate | None = field(default=None, kw_only=True)
    """It makes a pass in each iteration of this loop, or one a call; None is the innermost loop."""

    op_name: ClassVar[str]
    """It is emitted from this operation of the IR."""
    needs_loop: ClassVar[bool] = False
    """It says whether it has a meaning in a loop only."""
    writes: ClassVar[bool] = False
    """It says whether something is put into memory."""
    named_by_inputs: ClassVar[bool] = False
    """It says whether what it reads belongs to its name, so that units of one operation are told apart."""
    leads: ClassVar[int] = 0
    """Of the units of a loop, the first with the highest number says when an iteration begins."""

    def __str__(self) -> str:
        return f"{self.kind} '{self.name}'"

    @property
    def kind(self) -> str:
        """The name of its kind in messages and traces."""
        return type(self).__name__.lower()

    def runs(self, kernel: Kernel) -> Rate:
        """The rate at which it runs in its kernel."""
        return (kernel.tree.innermost or CALL) if self.rate is None else self.rate

    @property
    @abstractmethod
    def firings_per_pass(self) -> int:
        """Firings of a pass: of a stream or an exchange its tiles, of what copies tiles those of a value."""

    def rate_at(self, channel: int, kernel: Kernel) -> Rate:
        """How often it takes or puts the tiles of a pass at a channel."""
        return self.runs(kernel)

    def rounds(self, kernel: Kernel) -> tuple[int, int]:
        """How often its loop begins anew in a call, and how often it runs then."""
        return kernel.tree.rounds(self.runs(kernel))

    def passes(self, kernel: Kernel) -> int:
        """How often its firings are repeated in a call."""
        rounds, passes = self.rounds(kernel)
        return rounds * passes

    def firings_per_call(self, kernel: Kernel) -> int:
        """All its firings in a call."""
        return self.passes(kernel) * self.firings_per_pass

    @abstractmethod
    def takes(self, kernel: Kernel, gates: Sequence[int] = (0,)) -> tuple[Port, ...]:
        """The ports at which it takes tokens; `gates` are those of its `Bound`."""

    @abstractmethod
    def puts(self, kernel: Kernel) -> tuple[Port, ...]:
        """The ports at which it puts tokens."""

    @property
    def memory(self) -> int | None:
        """The parameter that points to the memory which it reads or writes; None of a unit without."""
        return None

    @property
    def positions(self) -> tuple[int, ...]:
        """The parameters that point to positions, which it needs to know before it begins."""
        return ()

    def covers(self, kernel: Kernel) -> Covered | None:
        """What it touches of the tensor of its parameter; None of a unit without memory.

        Raises: ProgramError where that is not what the tensor's extents ask for.
        """
        return None

    @property
    def channels_in_place(self) -> tuple[int, ...]:
        """The channels that may lie where a resident weight does, so that nothing is moved."""
        return ()

    @property
    def pcus_taken(self) -> tuple[int, int]:
        """The first PCU and the number of PCUs that it has for itself."""
        return 0, 0

    @property
    def beside(self) -> int | None:
        """The channel at whose first PMU it lies; None where it has PCUs, or sits in AGCUs."""
        return None

    @property
    def work(self) -> tuple[int, int, int]:
        """FLOPs of a firing, those of them of wide products, and the cycles that its PCUs have for them."""
        return 0, 0, 0

    @property
    def across_sockets(self) -> str | None:
        """What makes that which it puts differ between sockets; "" where all get the same, whatever it takes;
        None where they get the same if they take the same."""
        return None

    @property
    def periods(self) -> tuple[int, ...]:
        """It does something every so many firings, which must end with the call."""
        return ()

    @property
    def stop_token(self) -> int | None:
        """Rows of a batch end at this token of those that it carries; None of a unit where none do."""
        return None

    def rows(self, sockets: int) -> int | None:
        """It reads rows by their number, of so many on all sockets together; None of a unit that does not."""
        return None

    def fault(self, whole: TensorSpec, split: int | None, sockets: int) -> str:
        """What is wrong where it reads a part of a tensor, split along an axis; empty where nothing is."""
        return ""

    def bind(self, kernel: Kernel, index: int, arguments: Arguments) -> Bound:
        """What the arguments of a call decide, of the unit at `index`.

        Raises: ExecutionError if a position is unknown or outside what the unit reads.
        """
        return Bound()

    def check_counts(self) -> None:
        """Raises: ProgramError where it can never fire."""
        require(self.firings_per_pass > 0, f"it has {self.firings_per_pass} steps; it takes one at least")

    @abstractmethod
    def check(self, kernel: Kernel, sockets: int) -> None:
        """That its parameters and tiles fit; its counts are right and its channels are there.

        Raises: ProgramError for the first thing that is wrong.
        """

    @staticmethod
    @abstractmethod
    def emit(op: Any, numbering: Numbering) -> Unit:
        """The unit that an operation of the kind describes.

        Raises: PassFailedException where it has no form in a program.
        """


@dataclass(frozen=True)
class Kernel:
    """A network of units in loops. Units stand in program order."""

    name: str
    loops: tuple[Loop, ...]
    """They stand in program order, each behind the one around it."""
    parameters: tuple[Parameter, ...]
    channels: tuple[Channel, ...]
    units: tuple[Unit, ...]

    @cached_property
    def tree(self) -> LoopTree:
        """Its loops."""
        return LoopTree(self.loops)

    @property
    def steps(self) -> int:
        """Decode steps of a call."""
        return self.tree.steps

    @property
    def stop_token(self) -> int | None:
        """Rows of a batch end at this token, and the call with the last of them; None where none do."""
        return next((unit.stop_token for unit in self.units if unit.stop_token is not None), None)

    @cached_property
    def iterations(self) -> int:
        """Iterations of all innermost loops in a call; 1 without loops."""
        return sum(map(self.tree.passes, self.tree.leaves))

    @cached_property
    def placements(self) -> list[Placement]:
        """Where the passes of each unit stand in program order."""
        return program_order(self.tree, [u.runs(self) for u in self.units], [u.writes for u in self.units])

    @cached_property
    def leaf_iterations(self) -> dict[Rate, Placement]:
        """The numbers of the iterations of each innermost loop among those of all, in program order."""
        leaves = self.tree.leaves
        return dict(zip(leaves, program_order(self.tree, leaves, [False] * len(leaves)), strict=True))
