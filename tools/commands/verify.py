"""`kl verify`: what holds of a program before it runs, and, with a model, that it computes the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import IO, TYPE_CHECKING, Any

from ...backends.runs import RunOptions
from ...backends.tables import Table
from ..command_line import Natural, Positive, option
from ..options import JSON_VERSION, CompilerOptions
from ..terminal import print_json, print_table
from ..values import HELP_MARK, InputError

if TYPE_CHECKING:
    from ..inputs import Input, ModuleInput
    from ..proofs import Proof

STEPS = 2
"""Decode steps beside a model, if nothing else is said: the second one reads what the first has written."""


@dataclass(frozen=True)
class Command:
    """What a command line of `kl verify` says."""

    compiler: CompilerOptions
    model: str | None = option(
        "run decode steps beside this model, too: with its weights, inputs and facts; --param is for both, as"
        " far as both have parameters",
        metavar="MODEL",
    )
    ir: str | None = option(
        "IR at the level that the target takes: hold that each kernel of a saved program was made of it",
        metavar="FILE",
    )
    seed: Natural | None = option(
        "with --model, seed of the random weights and of the first token (default: 0)"
    )
    steps: Positive | None = option(
        f"with --model, decode steps from position 0 on, and as many more as fill calls (default: {STEPS})"
    )


def run(command: Command) -> int:
    """Make all checks; 1 if one fails."""
    from ..compilation import Compiler
    from ..diagnostics import report

    compiler = Compiler.of(command.compiler)
    given, proofs = verified(command, compiler)
    if command.compiler.json:
        print_json(document(given, proofs))
    else:
        print_proofs(given.path, proofs)
    failures = [one.failure for one in proofs if one.failure is not None]
    for failure in failures:
        report(failure, {}, "kl")
    return 1 if failures else 0


def verified(command: Command, compiler: Any) -> tuple[Input, Sequence[Proof]]:
    """The input, and what holds of its program.

    Raises: InputError for options that say nothing and for inputs that make no program; ParseError,
        DiagnosticException, OSError.
    """
    from ..against import ModelReference
    from ..checking import AgainstModel, read_model
    from ..proofs import proofs_of, read_ir

    asked = command.model is not None
    for name in ("seed", "steps"):
        if not asked and getattr(command, name) is not None:
            raise InputError(f"--{name} is for the run beside a model{HELP_MARK}give --model, too")
    given = compiler.read(elsewhere=asked, lenient=asked, check=False, trust=True)
    ir = None if command.ir is None else read_ir(compiler, given, command.ir)
    if command.model is None:
        return given, proofs_of(compiler, given, ir, None, RunOptions())
    model = read_model(compiler, command.model, elsewhere=False)
    against = AgainstModel(model.path, ModelReference(model.module))
    return given, proofs_of(compiler, given, ir, against, _options(command, model))


def _options(command: Command, model: ModuleInput) -> RunOptions:
    """What the steps begin with: a published model has weights of its own."""
    own = model.published
    weights, ignore = (None, ()) if own is None else (own.checkpoint, own.unread)
    return RunOptions(command.steps or STEPS, weights, command.seed or 0, ignore=ignore)


def document(given: Input, proofs: Sequence[Proof]) -> dict[str, Any]:
    """What was found as the JSON document of `kl verify`."""
    return {
        "version": JSON_VERSION,
        "input": given.path,
        "target": given.target.name,
        "edited": [*given.provenance.edited],
        "holds": all(one.failure is None for one in proofs),
        "checks": [_proof(one) for one in proofs],
    }


def _proof(proof: Proof) -> dict[str, Any]:
    return {
        "name": proof.name,
        "proves": proof.proves,
        "result": proof.result,
        "failure": None if proof.failure is None else asdict(proof.failure),
        "left_out": proof.left_out or None,
        "check": None if proof.verdict is None else proof.verdict.document(),
    }


def proofs_table(proofs: Sequence[Proof]) -> Table:
    """A row for each check."""
    rows = [(one.name, one.result, one.proves) for one in proofs]
    return Table(("check", "result", "proves that"), rows, (0, 1, 2))


def print_proofs(path: str, proofs: Sequence[Proof], file: IO[str] | None = None) -> None:
    """Print a row for each check, and what was not made, and why; on stdout if nothing else is said."""
    table = proofs_table(proofs)
    print_table(table.columns, table.rows, table.texts, file)
    for one in proofs:
        if one.left_out:
            print(f"{one.name} is left out: {one.left_out}", file=file)
    failed = sum(one.failure is not None for one in proofs)
    passed = sum(one.result == "passes" for one in proofs)
    left = len(proofs) - failed - passed
    print(f"{path}: {passed} pass, {failed} fail, {left} left out", file=file)
