"""What decode steps are compared with: the input as it was given, or the text of a model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol

from ..backends.runs import Run, RunOptions, Step
from ..backends.targets import Choice
from .values import HELP_MARK, InputError

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp
    from xdsl.passes import ModulePass

    from ..backends.tensors import Array
    from .against import Mismatch, ModelReference
    from .compilation import Compiler
    from .inputs import Input, ModuleInput
    from .reference import Difference


@dataclass(frozen=True)
class Verdict:
    """What a comparison has found."""

    against: str
    """What it was with: `model` for another text, else the level at which the input was given."""
    model: str | None
    """The path of that text."""
    mismatches: Sequence[Mismatch]
    """What a program says of itself, and the model in another way."""
    differences: Sequence[Difference]
    """Values after a step."""
    near: str | None = None
    """How far values are off that need not be the same; None where they have to be."""

    @property
    def equal(self) -> bool:
        """Whether nothing differs."""
        return not self.mismatches and not self.differences

    @property
    def words(self) -> str:
        """What it was with."""
        if self.model is not None:
            return f"the model {self.model}"
        return "the reference" if self.against == "nn" else f"the {self.against} level as given"

    def document(self) -> dict[str, Any]:
        """As it stands in JSON."""
        return {"equal": self.equal, **asdict(self)}


class Judge(Protocol):
    """What looks at the steps of a run."""

    def first_inputs(self, seed: int) -> Sequence[Mapping[str, Array]]:
        """What the first call takes, as `Run.steps` is given it; none if the program itself is to say."""
        ...

    def look(self, step: Step) -> None:
        """Compare a call.

        Raises: InterpretationError.
        """
        ...

    @property
    def verdict(self) -> Verdict:
        """What was found so far."""
        ...


class Standard(Protocol):
    """What programs are compared with."""

    def judge(self, run: Run, steps: int, options: RunOptions) -> Judge:
        """A judge of a run of so many decode steps a call, before its first step.

        Raises: InterpretationError, DiagnosticException, TargetError where both cannot be compared.
        """
        ...


@dataclass(frozen=True)
class AsGiven:
    """The input as it was given, at its own level: edits of it are in the program and here."""

    level: str
    module: ModuleOp

    def judge(self, run: Run, steps: int, options: RunOptions) -> Judge:
        """It takes the weights of the run."""
        return _OwnJudge(self, run, steps)


class _OwnJudge:
    def __init__(self, standard: AsGiven, run: Run, steps: int):
        from .reference import Reference

        self._level, self._steps = standard.level, steps
        self._reference = Reference(standard.module, run)
        self._found: list[Difference] = []

    def first_inputs(self, seed: int) -> Sequence[Mapping[str, Array]]:
        """The program's own."""
        return ()

    def look(self, step: Step) -> None:
        self._found += self._reference.differences(step, self._steps)

    @property
    def verdict(self) -> Verdict:
        near = self._reference.near
        return Verdict(self._level, None, (), self._found, None if near is None else str(near))


@dataclass(frozen=True)
class AgainstModel:
    """The text of a model, with its own weights, inputs and facts."""

    path: str
    reference: ModelReference

    def judge(self, run: Run, steps: int, options: RunOptions) -> Judge:
        """It reads the weights itself wherever the program says something else of them."""
        from ..backends.interpreter import Interpreter
        from .against import Comparison

        weights = self._weights(run, options)
        modules = self.reference.modules(run.signature.sockets)
        interpreters = [Interpreter(one, weights) for one in modules]
        return _ModelJudge(self.path, Comparison(run, steps, self.reference, interpreters))

    def _weights(self, run: Run, options: RunOptions) -> Mapping[str, Array]:
        """Equal facts make equal numbers, which nobody needs twice."""
        from ..backends.weights import load_weights, random_weights

        theirs, own = run.signature.weights, self.reference.weights
        if all(theirs.get(one.name) == one for one in own):
            return run.weights
        if options.weights is None:
            return random_weights(own, options.seed)
        return load_weights(options.weights, own, options.ignore).arrays


class _ModelJudge:
    def __init__(self, path: str, comparison: Any):
        self._path, self._comparison = path, comparison
        self.first_inputs, self.look = comparison.first_inputs, comparison.look

    @property
    def verdict(self) -> Verdict:
        found = self._comparison
        return Verdict("model", self._path, found.mismatches, found.differences, found.near)


def as_given(compiler: Compiler, given: Input, choice: Choice) -> AsGiven:
    """The input as it was given: it says what the program must compute.

    On several sockets the order of the sums over them belongs to that, so a model is split first.

    Raises: InputError at the levels that have no meaning without a machine.
    """
    if given.level == "program" or given.level == "rdu":
        raise InputError(
            f"{given.path} is a program for the machine, which has no reference{HELP_MARK}"
            "--check works from a model, or from IR at the nn, kernel or dataflow level; with --model MODEL"
            " it compares with the model that the program was made of"
        )
    module = given.module.clone()
    if given.level == "nn":
        for one in _splitting(compiler, given, choice):
            one.apply(compiler.ctx, module)
    return AsGiven(given.level, module)


def _splitting(compiler: Compiler, given: Input, choice: Choice) -> Iterator[ModulePass]:
    """The passes that split a model over sockets, as the pipeline has them."""
    from .driver import parse_passes
    from .lowering import SHARD, default_passes
    from .pipelines import name_of, split_passes
    from .universe import available_passes

    text = compiler.options.mapping.pipeline
    passes = split_passes(text) if text is not None else default_passes(given.target, "nn", "kernel", choice)
    for one in passes:
        if name_of(one) == SHARD:
            yield from parse_passes(available_passes(), one)


def read_model(compiler: Compiler, path: str, *, elsewhere: bool) -> ModuleInput:
    """The model of `--model`, with the parameters of the command line; its weights may be `elsewhere`.

    Raises: InputError for what is no model, and as `read_input` does.
    """
    from .inputs import read_input

    options = compiler.options.model
    published = options.published
    found = read_input(
        compiler.ctx, path, options.parameters, published=published, elsewhere=elsewhere, lenient=True
    )
    if found.level != "nn":
        level = "a saved program" if found.level == "program" else f"IR at the level {found.level}"
        raise InputError(
            f"{found.path} is {level}, not a model{HELP_MARK}--model takes a model, or IR at the nn level"
        )
    return found
