"""What sees a pipeline run: it is told of each pass, and of whatever takes time."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext

from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

PARSE, VERIFICATION, OUTPUT = "parse", "verification", "output"
"""What takes time besides passes."""


class Observer:
    """Sees what passes do to a module; this one looks away."""

    def begin(self, module: ModuleOp) -> None:
        """Told of a module before its first pass."""

    def before(self, module_pass: ModulePass, module: ModuleOp) -> None:
        """Told of each pass that is about to run."""

    def after(self, module_pass: ModulePass, module: ModuleOp) -> None:
        """Told of each pass that has run, and whose result is checked."""

    def end(self, module: ModuleOp) -> None:
        """Told of a module after its last pass, unless one has failed."""

    def timing(self, what: ModulePass | str) -> AbstractContextManager[None]:
        """Around what takes time: a pass or one of the others."""
        return nullcontext()

    def finish(self) -> None:
        """Says what it has to say in the end, also where a pass has failed."""

    def check(self) -> None:
        """Asked in the end, where nothing has failed. Raises: InputError if what it looked for never came."""


LOOKS_AWAY = Observer()


class Observers(Observer):
    """Several observers, told in their order."""

    def __init__(self, observers: Sequence[Observer]):
        self.observers = tuple(observers)

    def begin(self, module: ModuleOp) -> None:
        for one in self.observers:
            one.begin(module)

    def before(self, module_pass: ModulePass, module: ModuleOp) -> None:
        for one in self.observers:
            one.before(module_pass, module)

    def after(self, module_pass: ModulePass, module: ModuleOp) -> None:
        for one in self.observers:
            one.after(module_pass, module)

    def end(self, module: ModuleOp) -> None:
        for one in self.observers:
            one.end(module)

    @contextmanager
    def timing(self, what: ModulePass | str) -> Generator[None]:
        with ExitStack() as stack:
            for one in self.observers:
                stack.enter_context(one.timing(what))
            yield

    def finish(self) -> None:
        for one in self.observers:
            one.finish()

    def check(self) -> None:
        for one in self.observers:
            one.check()


@contextmanager
def watched_by(observer: Observer) -> Generator[None]:
    """Around all that an observer is told of; then it has its say.

    Raises: InputError if what it looked for never came.
    """
    try:
        yield
    finally:
        observer.finish()
    observer.check()
