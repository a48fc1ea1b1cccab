"""A Python that has imported what tests need, and forks for each script that it is asked to run.

`preloading.py` starts it as a program of its own, so nothing of pytest is in it. File descriptor 0 is a
socket; for each command one byte comes with a connection. The fork reads from it what to run, with the three
standard streams; the server writes back the fork's process id, and its exit status when it has ended. What
forks have imported the server imports, too: the next fork has it.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import importlib.util
import io
import json
import os
import select
import signal
import socket
import sys
import tempfile
import threading
import traceback
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

SIZE_BYTES = 8
"""What the length of a request is written in."""


class ForkServer:
    """The forks that are running, and what all forks have imported."""

    def __init__(self, control: socket.socket):
        self.control = control
        self.running: dict[int, socket.socket] = {}
        self.imports = tempfile.TemporaryFile("a+b", buffering=0)  # noqa: SIM115  # as long as the server
        self.imports_read = 0

    def serve(self) -> None:
        """Fork for each connection, until the other side closes the socket."""
        woken, waker = socket.socketpair()
        waker.setblocking(False)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT,))  # it was begun without
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(waker.fileno())
        while True:
            ready, _, _ = select.select([self.control, woken], [], [])
            if woken in ready:
                woken.recv(1024)
                self.reap()
                self.import_what_forks_did()
            if self.control in ready:
                asked, handles, _, _ = socket.recv_fds(self.control, 1, 1)
                if not asked:
                    self.end()
                self.fork(socket.socket(fileno=handles[0]))

    def end(self) -> NoReturn:
        """End all forks, whose commands nobody waits for, and the server."""
        for pid in self.running:
            os.kill(pid, signal.SIGKILL)
        os._exit(0)

    def fork(self, connection: socket.socket) -> None:
        """Start a fork for a connection."""
        with warnings.catch_warnings():  # imported libraries may have threads, and know of forks
            warnings.simplefilter("ignore", DeprecationWarning)
            pid = os.fork()
        if pid == 0:
            self.become_script(connection)
        self.running[pid] = connection
        connection.sendall(pid.to_bytes(SIZE_BYTES, "big"))

    def reap(self) -> None:
        """Tell how forks have ended."""
        while self.running:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            with self.running.pop(pid) as connection:
                code = os.waitstatus_to_exitcode(status)
                connection.sendall(code.to_bytes(SIZE_BYTES, "big", signed=True))

    def become_script(self, connection: socket.socket) -> None:
        """In a fork: run a script as a Python of its own would, and end."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for other in (self.control, *self.running.values()):
            other.close()
        before = set(sys.modules)
        script = take_request(connection)
        connection.close()
        code = run_script(script)
        self.tell_imports(before)
        os._exit(code)

    def tell_imports(self, before: set[str]) -> None:
        """Write down the modules that are new, with their files, in the order of their imports."""
        found = [
            (name, origin) for name in [*sys.modules] if name not in before and (origin := origin_of(name))
        ]
        if found:
            os.write(self.imports.fileno(), b"".join(json.dumps(pair).encode() + b"\n" for pair in found))

    def import_what_forks_did(self) -> None:
        """Import what forks have written down, as far as its name leads to the same file here."""
        size = os.fstat(self.imports.fileno()).st_size
        text = os.pread(self.imports.fileno(), size - self.imports_read, self.imports_read)
        text = text[: text.rfind(b"\n") + 1]  # a fork may be writing just now
        self.imports_read += len(text)
        for line in text.splitlines():
            import_module(*json.loads(line))
        if text:
            gc.collect()
            gc.freeze()  # so that collections in forks do not touch, and copy, its pages


def origin_of(name: str) -> str | None:
    """The file that a module was imported from; None if it has none, or is the program."""
    spec = getattr(sys.modules[name], "__spec__", None)
    return spec.origin if spec is not None and spec.name == name and spec.has_location else None


def import_module(name: str, origin: str) -> None:
    """Import a module if its name leads to this file.

    What goes wrong goes wrong again in the fork that needs it, and is told there.
    """
    try:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.origin == origin:
            importlib.import_module(name)
    except Exception:
        return


def take_request(connection: socket.socket) -> list[str]:
    """Take over the streams, folder and environment of a request; gives the script and its arguments."""
    size, handles, _, _ = socket.recv_fds(connection, SIZE_BYTES, 3)
    for target, handle in enumerate(handles):
        os.dup2(handle, target)
        os.close(handle)
    with connection.makefile("rb") as stream:
        request: dict[str, Any] = json.loads(stream.read(int.from_bytes(size, "big")))
    renew_streams()
    os.chdir(request["cwd"])
    os.umask(request["umask"])
    os.environ.clear()
    os.environ.update(request["env"])
    return request["args"]


def renew_streams() -> None:
    """Make `sys.stdin`, `sys.stdout` and `sys.stderr` anew, as what they lead to is another thing now."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        old = getattr(sys, name)
        raw: Any = io.FileIO(number, "r" if name == "stdin" else "w", closefd=False)
        raw.name = old.name
        if name == "stdin":
            buffer = io.BufferedReader(raw)
        else:  # with PYTHONUNBUFFERED, text is written through
            buffer = raw if old.write_through else io.BufferedWriter(raw)
        how = {"line_buffering": old.line_buffering, "write_through": old.write_through}
        new = io.TextIOWrapper(buffer, old.encoding, old.errors, **how)
        setattr(sys, name, new)
        setattr(sys, f"__{name}__", new)


def run_script(script: list[str]) -> int:
    """Run a script with its arguments as `python SCRIPT …` does; its exit code."""
    sys.argv = script
    more = os.environ.get("PYTHONPATH", "")
    sys.path[:0] = [os.path.dirname(os.path.realpath(script[0])), *filter(None, more.split(os.pathsep))]
    code = exit_code_of(script[0])
    try:
        threading._shutdown()  # pyright: ignore  # these two, as at the end of any Python
        atexit._run_exitfuncs()  # pyright: ignore
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        return 120  # Python's own code for this
    return code


def exit_code_of(script: str) -> int:
    """The exit code of a script; what it does not catch is printed."""
    module = ModuleType("__main__")
    module.__file__ = os.path.abspath(script)
    sys.modules["__main__"] = module
    try:
        code = compile(Path(script).read_bytes(), script, "exec", dont_inherit=True)
        exec(code, module.__dict__)
    except SystemExit as stop:
        if stop.code is None or isinstance(stop.code, int):
            return (stop.code or 0) & 0xFF
        print(stop.code, file=sys.stderr)
        return 1
    except BaseException as error:
        traceback.print_exception(error)
        return 130 if isinstance(error, KeyboardInterrupt) else 1
    return 0


if __name__ == "__main__":
    sys.path.remove(str(Path(__file__).parent))
    connected = socket.socket(fileno=os.dup(0))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    ForkServer(connected).serve()
