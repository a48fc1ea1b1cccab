"""The options of `kl-opt` about input that fails; what they do is imported once it is needed."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from ..command_line import filled, option


@dataclass(frozen=True)
class FailingOptions:
    """What is to be done about input that fails."""

    reproducer: str | None = option(
        "Where a pass fails, write what the passes began with to FILE, as an input that fails again.",
        metavar="FILE",
    )
    run_reproducer: str | None = option("Run such a file with the passes that it names.", metavar="FILE")
    reduce: str | None = option(
        "Print the smallest input that fails in the same way; or, with COMMAND, for which COMMAND,"
        " given a file as %%s or at its end, does not exit with 0.",
        nargs="?",
        metavar="=COMMAND",
    )


def rewritten(argv: Sequence[str]) -> Sequence[str]:
    """A command line with the arguments that a reproducer brings.

    Raises: InputError for a file that is none, OSError.
    """
    if not any(one.startswith(("--ru", "--red")) for one in argv):
        return argv
    from .failing import command_line

    return command_line(argv)


def check_options(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    """Raises: SystemExit, with a message, for options that have no meaning beside others."""
    options = filled(FailingOptions, arguments)
    if options.reproducer is not None or options.reduce is not None:
        from .failing import refuse_mixtures

        refuse_mixtures(parser, vars(arguments))


def reproducing(
    ctx: Context, module: ModuleOp, passes: Sequence[ModulePass], arguments: argparse.Namespace
) -> AbstractContextManager[None]:
    """Writes a reproducer, if one is asked for and what is done within fails by a pass."""
    if (path := filled(FailingOptions, arguments).reproducer) is None:
        return nullcontext()
    from .reproducer import Configuration, recorded

    return recorded(path, ctx, module, passes, filled(Configuration, arguments))


def reduced(
    ctx: Context,
    module: ModuleOp,
    run: Callable[[ModuleOp], None],
    command: str,
    arguments: argparse.Namespace,
) -> str:
    """The text of the smallest module that fails as this one does, or for which the command does.

    Raises: InputError for a module that does not fail.
    """
    from .failing import Checks, Reducer

    return Reducer(ctx, run, filled(Checks, arguments)).reduced(module, command)
