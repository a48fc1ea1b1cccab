"""What holds of a program before it runs, check by check, and that it computes what a model does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from ..backends.runs import RunOptions
from ..backends.targets import AnyTarget, TargetError, TimeOptions
from ..backends.verification import StaticCheck, Verification
from .checking import AgainstModel, Verdict
from .choosing import choose
from .compilation import Compiler
from .diagnostics import Diagnostic, describe
from .inputs import Input, ModuleInput, naming, read_input
from .saving import symbol_texts
from .terminal import progress
from .trust import edited_text
from .values import HELP_MARK, InputError

Result = Literal["passes", "fails", "left out"]
TIES = ("digests", "ir")
"""The checks that nothing relies on."""


@dataclass(frozen=True)
class Proof:
    """One check of a program."""

    name: str
    proves: str
    """What holds of a program that passes."""
    result: Result = "passes"
    failure: Diagnostic | None = None
    """Why it fails."""
    left_out: str = ""
    """Why it was not made."""
    verdict: Verdict | None = None
    """What a comparison with a model has found."""


def read_ir(compiler: Compiler, given: Input, path: str) -> ModuleInput:
    """The IR that a saved program may have been made of.

    Raises: InputError where the input is no saved program, or the IR at another level than its target's; as
        `read_input` does.
    """
    if given.level != "program":
        raise InputError(f"{given.path} is no saved program{HELP_MARK}--ir says what one was made of")
    found = read_input(compiler.ctx, path, {})
    if found.level != given.target.level:
        wanted = f"{given.target.name} takes the level {given.target.level}"
        raise InputError(f"{found.path} is at the level {found.level}, {wanted}")
    assert found.level != "program", "no target takes those"
    return found


def proofs_of(
    compiler: Compiler,
    given: Input,
    ir: ModuleInput | None,
    against: AgainstModel | None,
    run: RunOptions,
) -> list[Proof]:
    """All checks of the program of an input, which is lowered on the way; steps run beside a model if any.

    Checks rely on those before them: those behind one that fails are left out.

    Raises: InputError for a target that says nothing of its checks, and for one that runs nothing where a
        model is given; DiagnosticException where the input makes no program.
    """
    verification = _verification(given.target)
    if against is not None and given.target.run is None:
        raise InputError(f"the target {given.target.name} runs no programs{HELP_MARK}leave out --model")
    program = _unchecked(compiler, given, verification)
    found = [_digests(given, trust=compiler.options.trust)] if given.target.provenance is not None else []
    found += [] if ir is None else [_of_ir(given, verification, ir)]
    found += _static(given, verification, program)
    if against is not None:
        proves = f"decode steps give what {against.path} gives, bit for bit: outputs and states"
        found.append(_unless_failed(found, Proof("model", proves)))
        if found[-1].result == "passes":
            found[-1] = _beside(found[-1], given, program, against, run)
    return found


def _verification(target: AnyTarget) -> Verification[Any]:
    """Raises: InputError for a target without."""
    if target.verification is None:
        raise InputError(
            f"the target {target.name} says nothing of what it checks{HELP_MARK}`kl time` and `kl run` refuse"
            " what it finds wrong"
        )
    return target.verification


def _unchecked(compiler: Compiler, given: Input, verification: Verification[Any]) -> Any:
    if given.level == "program":
        return given.program
    compiler.lower(given, given.target.level, choose(compiler, given, TimeOptions()))
    with naming(given.path):
        return verification.compile(given.module, given.name)


def _digests(given: Input, *, trust: bool) -> Proof:
    proof = Proof("digests", "the program is as it was compiled, each kernel tied to its IR")
    if given.level != "program":
        return replace(proof, result="left out", left_out=f"it is made of {given.path} just now")
    found = given.provenance
    if found.edited and not trust:
        help = "--trust leaves this out"
        message = f"{given.path} was {edited_text(found.edited)}"
        return replace(proof, result="fails", failure=Diagnostic(message, help=help))
    if found.edited:
        return replace(proof, result="left out", left_out=f"{edited_text(found.edited)}; it is trusted")
    return replace(proof, result="left out", left_out=found.untied) if found.untied else proof


def _of_ir(given: Input, verification: Verification[Any], ir: ModuleInput) -> Proof:
    proof = Proof("ir", f"each kernel was made of that in {ir.path}")
    assert given.level == "program", "who reads IR has looked"
    if verification.of_other_ir is None:
        return replace(proof, result="left out", left_out=f"the target {given.target.name} cannot tell")
    others = verification.of_other_ir(given.program, symbol_texts(ir.module))
    if others:
        message = f"{given.path} has other IR than {ir.path}: {', '.join(others)}"
        return replace(proof, result="fails", failure=Diagnostic(message))
    return proof if verification.differences is None else _made_anew(proof, given, verification, ir)


def _made_anew(proof: Proof, given: Input, verification: Verification[Any], ir: ModuleInput) -> Proof:
    """Whether the IR makes this program, whatever its digests say."""
    assert verification.differences is not None, "who asks has looked"
    assert given.level == "program", "who reads IR has looked"
    with naming(ir.path):
        anew = verification.compile(ir.module, given.program.name)
    others = verification.differences(given.program, anew)
    if not others:
        return replace(proof, proves=f"{ir.path} makes this program again")
    message = f"{given.path} is not what {ir.path} makes: {', '.join(others)}"
    return replace(proof, result="fails", failure=Diagnostic(message))


def _static(given: Input, verification: Verification[Any], program: Any) -> Iterator[Proof]:
    failed: list[Proof] = []
    for check in verification.checks():
        proof = _unless_failed(failed, Proof(check.name, check.proves))
        if proof.result == "passes":
            proof = _made(proof, given, check, program)
        if proof.result == "fails":
            failed.append(proof)
        yield proof


def _unless_failed(before: list[Proof], proof: Proof) -> Proof:
    """The same, left out where one that it relies on fails."""
    failed = next((one for one in before if one.result == "fails" and one.name not in TIES), None)
    if failed is None:
        return proof
    return replace(proof, result="left out", left_out=f"it relies on {failed.name}")


def _made(proof: Proof, given: Input, check: StaticCheck[Any], program: Any) -> Proof:
    try:
        with naming(given.path):
            check.run(program)
    except TargetError as error:
        return replace(proof, result="fails", failure=describe(error))
    return proof


def _beside(proof: Proof, given: Input, program: Any, against: AgainstModel, options: RunOptions) -> Proof:
    """Translation validation: this program, and this model.

    Raises: InterpretationError, DiagnosticException where the model cannot be split like the program.
    """
    assert given.target.run is not None, "who asks has looked"
    calls = -(-options.steps // program.steps)
    options = replace(options, steps=calls * program.steps)
    proof = replace(proof, proves=f"{options.steps} {proof.proves}")
    try:
        run = given.target.run(program, options)
        judge = against.judge(run, program.steps, options)
        with progress(f"running {program.name}") as advance:
            for step in run.steps(calls, advance, judge.first_inputs(options.seed)):
                judge.look(step)
    except TargetError as error:
        return replace(proof, result="fails", failure=describe(error))
    verdict = judge.verdict
    if verdict.equal and verdict.near is not None:
        return replace(proof, verdict=verdict, proves=proof.proves.replace("bit for bit", verdict.near))
    if verdict.equal:
        return replace(proof, verdict=verdict)
    first = next(iter([*map(str, verdict.mismatches), *map(str, verdict.differences)]))
    more = len(verdict.mismatches) + len(verdict.differences) - 1
    message = f"{given.path}: {first}{f', and {more} differences more' if more else ''}"
    return replace(proof, result="fails", failure=Diagnostic(message), verdict=verdict)
