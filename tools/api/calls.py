"""The functions of the Python interface: from a model and keywords to a compilation or a result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from inspect import Parameter, signature
from os import PathLike, fspath
from typing import Any, TypeVar, Unpack

from ...dialects.vocabulary import Orchestration
from ..choosing import choose
from ..commands import verify as verify_command
from ..compilation import Compiler, emit
from ..diagnostics import Diagnostic
from ..options import CompilerOptions, TimingOptions
from ..routing import time_options
from ..values import HELP_MARK, InputError
from .compilation import TEXT, Compilation, compared, comparison_options, sources_of
from .errors import listening
from .keywords import CompareKeywords, Keywords, check_known, filled
from .results import Comparison, Page, TimeResult
from .verification import VerifyResult

F = TypeVar("F", bound=Callable[..., Any])


def showing(known: type) -> Callable[[F], F]:
    """Lets `help` and notebooks show the keywords of a function one by one."""

    def changed(function: F) -> F:
        found = signature(function)
        own = [one for one in found.parameters.values() if one.kind is not Parameter.VAR_KEYWORD]
        more = [
            Parameter(
                name, Parameter.KEYWORD_ONLY, default=None, annotation=getattr(hint, "__forward_arg__", hint)
            )
            for name, hint in known.__annotations__.items()
        ]
        function.__dict__["__signature__"] = found.replace(parameters=[*own, *more])
        return function

    return changed


@showing(Keywords)
def compile(model: str | PathLike[str], **keywords: Unpack[Keywords]) -> Compilation:
    """Compile a model: a path, the name of an example, a folder of a published model, or a text.

    A text is told by its line breaks. The keywords are the options of `kl compile`.

    Raises: Error for wrong input, and for a model that does not fit the machine; TypeError for a keyword that
        there is not.
    """
    compiler = compiler_of("compile", model, {**keywords}, Keywords)
    with listening(sources_of(compiler)) as remarks:
        return compiled(compiler, TimingOptions(), remarks, may_step=False)


@showing(Keywords)
def time(
    model: str | PathLike[str],
    *,
    position: int | None = None,
    orchestration: Orchestration = "hardware",
    experts: str | None = None,
    **keywords: Unpack[Keywords],
) -> TimeResult:
    """Compile a model and time one call, as `kl time` does.

    With `optimize=3` the fastest variant may make several steps a call, which `compile` leaves alone as it
    changes what a call returns.

    Raises: Error and TypeError as `compile` and `Compilation.time` do.
    """
    compiler = compiler_of("time", model, {**keywords}, Keywords)
    with listening(sources_of(compiler)) as remarks:
        own = {"position": position, "orchestration": orchestration, "experts": experts}
        compilation = compiled(compiler, filled(TimingOptions, own), remarks, may_step=True)
    return compilation.time(position=position, orchestration=orchestration, experts=experts)


@showing(Keywords)
def verify(
    model: str | PathLike[str],
    *,
    against: str | PathLike[str] | None = None,
    ir: str | PathLike[str] | None = None,
    seed: int | None = None,
    steps: int | None = None,
    **keywords: Unpack[Keywords],
) -> VerifyResult:
    """Say what holds of a program before it runs, as `kl verify` does; `against` is its `--model`.

    What fails is in the result.

    Raises: Error for wrong input, and a model that makes no program; TypeError as `compile` does.
    """
    compiler = compiler_of("verify", model, {**keywords}, Keywords)
    with listening(sources_of(compiler)) as remarks:
        own = {"model": against, "ir": ir, "seed": seed, "steps": steps}
        command = filled(verify_command.Command, own, compiler=compiler.options)
        given, proofs = verify_command.verified(command, compiler)
        document = verify_command.document(given, proofs)
    return VerifyResult(given.path, proofs, document, tuple(remarks))


@showing(CompareKeywords)
def compare(
    model: str | PathLike[str],
    *,
    position: int | None = None,
    orchestration: Orchestration = "hardware",
    experts: str | None = None,
    steps_per_call: int | None = None,
    **keywords: Unpack[CompareKeywords],
) -> Comparison:
    """Time a model in all variants, as `kl compare` does.

    Raises: Error and TypeError as `compile` and `Compilation.compare` do.
    """
    own = {"position": position, "orchestration": orchestration}
    own |= {"experts": experts, "steps_per_call": steps_per_call}
    compiler = compiler_of("compare", model, {**keywords}, CompareKeywords)
    with listening(sources_of(compiler)):
        given = compiler.read(trust=True)  # a program is refused, whatever has been done to it
    return compared(compiler, given, own)


@showing(CompareKeywords)
def show(
    model: str | PathLike[str],
    *,
    position: int | None = None,
    orchestration: Orchestration = "hardware",
    experts: str | None = None,
    steps_per_call: int | None = None,
    window: tuple[int, int] | None = None,
    **keywords: Unpack[CompareKeywords],
) -> Page:
    """Draw what the variants of a model take and how they were made, as `kl show` does.

    Raises: Error and TypeError as `compare` does, and for a window that no call has.
    """
    from .pages import shown

    own = {"position": position, "orchestration": orchestration}
    own |= {"experts": experts, "steps_per_call": steps_per_call}
    compiler = compiler_of("show", model, {**keywords}, CompareKeywords)
    with listening(sources_of(compiler)) as remarks:
        return shown(comparison_options(compiler, own), compiler.read(trust=True), window, remarks)


def compiler_of(function: str, model: object, keywords: dict[str, Any], known: type) -> Compiler:
    """What keywords of a function ask for, which are those of a dictionary's type.

    Raises: Error for a value that an option does not take, TypeError for a keyword that is none.
    """
    check_known(function, keywords, known)
    text = model if isinstance(model, str) and "\n" in model else None
    with listening():
        if not isinstance(model, str | PathLike) or (isinstance(model, str) and not model.strip()):
            raise InputError(f"the model is {model!r}{HELP_MARK}it is a path, a text or an example's name")
        path = TEXT if text is not None else fspath(model)
        options = filled(CompilerOptions, {**keywords, "input": path})
    return replace(Compiler.of(options), text=text)


def compiled(
    compiler: Compiler, timing: TimingOptions, remarks: list[Diagnostic], *, may_step: bool
) -> Compilation:
    """Read and lower what a compiler is for, and hold that it is a program if it should be one."""
    given = compiler.read()
    choice = choose(compiler, given, time_options(timing, given.target), may_step=may_step)
    if given.level == "program":
        return Compilation(compiler, given, given, choice, (), tuple(remarks))
    lowered = replace(given, module=given.module.clone())
    free = compiler.options.mapping.pipeline is not None
    how = compiler.lower(lowered, None if free else given.target.level, choice)
    used = choice if free else how.choice
    found = Compilation(compiler, given, lowered, used, how.pipeline, tuple(remarks))
    if found.level == given.target.level:
        emit(lowered)
    return found
