"""Commands of lit's shell without the start of Python: scripts of this Python run in forks of a loaded one.

lit starts every command by `subprocess.Popen` and gets `Preloading.Popen` in its place. A command that is a
Python script of this environment (a console script such as `kl-opt`, or `python FILE`) and has the variables
of its suite is run by a `fork_server.py`. All else is a process as ever: what has other variables, what is
not Python's, and everything on systems without a safe `fork`.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import IO, Any

import lit

from .fork_server import SIZE_BYTES

CAN_FORK = hasattr(os, "fork") and sys.platform != "darwin"
"""macOS has `fork`, but its libraries do not survive it."""


class Server:
    """A running `fork_server.py`."""

    def __init__(self, environment: Mapping[str, str]):
        self.control, theirs = socket.socketpair()
        program = Path(__file__).with_name("fork_server.py")
        before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT,))  # Ctrl-C is for lit
        try:
            with theirs:
                self.process = subprocess.Popen(
                    [sys.executable, str(program)],
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    env=environment,
                )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        self.lock = threading.Lock()

    def connect(self) -> socket.socket:
        """A connection to a new fork."""
        ours, theirs = socket.socketpair()
        with theirs, self.lock:
            socket.send_fds(self.control, [b"+"], [theirs.fileno()])
        return ours

    def close(self) -> None:
        """End the server."""
        self.control.close()
        self.process.wait()


class ForkedCommand:
    """A command in a fork, with what lit uses of a `Popen`."""

    def __init__(self, server: Server, script: Sequence[str], streams: Sequence[Any], cwd: str, env: Any):
        self.stdin: IO[str] | None = None
        self.stdout: IO[str] | None = None
        self.stderr: IO[str] | None = None
        handles, opened = self._open(streams)
        umask = os.umask(0)
        os.umask(umask)
        request = json.dumps({"args": script, "cwd": os.fspath(cwd), "env": env, "umask": umask}).encode()
        self._connection = server.connect()
        socket.send_fds(self._connection, [len(request).to_bytes(SIZE_BYTES, "big")], handles)
        self._connection.sendall(request)
        for handle in opened:
            os.close(handle)
        self.pid = self._receive()
        self.returncode: int | None = None

    def _open(self, streams: Sequence[Any]) -> tuple[list[int], list[int]]:
        """The handles of the three standard streams, and those among them to be closed here."""
        handles: list[int] = []
        opened: list[int] = []
        for number, stream in enumerate(streams):
            if stream == subprocess.DEVNULL:
                theirs = os.open(os.devnull, os.O_RDWR)
                opened.append(theirs)
            elif stream == subprocess.PIPE:
                read, write = os.pipe()
                theirs, ours = (read, write) if number == 0 else (write, read)
                mode = "w" if number == 0 else "r"
                file = open(ours, mode, encoding="utf-8", errors="replace")  # noqa: SIM115  # lit closes it
                setattr(self, ("stdin", "stdout", "stderr")[number], file)
                opened.append(theirs)
            elif stream == subprocess.STDOUT:
                theirs = handles[1]
            else:
                theirs = number if stream is None else stream if isinstance(stream, int) else stream.fileno()
            handles.append(theirs)
        return handles, opened

    def _receive(self) -> int:
        data = self._connection.recv(SIZE_BYTES, socket.MSG_WAITALL)
        if len(data) < SIZE_BYTES:
            raise OSError("the preloaded Python has ended")
        return int.from_bytes(data, "big", signed=True)

    def communicate(self) -> tuple[str | None, str | None]:
        """All that the command writes to its pipes; it has ended then."""
        with ThreadPoolExecutor(2) as readers:
            out, err = readers.map(_read_all, (self.stdout, self.stderr))
        self.wait()
        return out, err

    def wait(self) -> int:
        """The exit code, or minus the signal that has ended the command."""
        if self.returncode is None:
            with self._connection:
                self.returncode = self._receive()
        return self.returncode


def _read_all(file: IO[str] | None) -> str | None:
    """What is left in a pipe, which is closed then."""
    if file is None:
        return None
    with file:
        return file.read()


class Preloading:
    """What lit's shell takes for the module `subprocess`; it has a server for each environment of a suite."""

    def __init__(self):
        self.servers: dict[frozenset[tuple[str, str]], Server | None] = {}
        self.lock = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        """What else the module `subprocess` has."""
        return getattr(subprocess, name)

    def add(self, environment: Mapping[str, str]) -> None:
        """Let commands with this environment be preloaded; a server starts with the first one."""
        if CAN_FORK:
            self.servers.setdefault(_key(environment), None)

    def close(self) -> None:
        """End all servers."""
        for server in self.servers.values():
            if server is not None:
                server.close()
        self.servers.clear()

    def Popen(self, args: Sequence[str], **options: Any) -> Any:
        """Start a command, as `subprocess.Popen` does."""
        script = script_of(args, options["executable"])
        key = _key(options["env"])
        if script is None or key not in self.servers:
            return subprocess.Popen(args, **options)
        with self.lock:
            server = self.servers[key] = self.servers[key] or Server(options["env"])
        streams = [options["stdin"], options["stdout"], options["stderr"]]
        return ForkedCommand(server, script, streams, options["cwd"], options["env"])


def _key(environment: Mapping[str, str]) -> frozenset[tuple[str, str]]:
    """An environment without what lit adds for a test: its name, and the path of its own `diff` and `cat`."""
    own = {("PYTHONPATH", os.path.dirname(os.path.abspath(lit.__file__)))}
    return frozenset(item for item in environment.items() if item[0] != "LIT_CURRENT_TESTCASE") - own


def script_of(args: Sequence[str], executable: str) -> list[str] | None:
    """The Python file that a command runs and its arguments; None if it is none of this Python."""
    if executable == sys.executable and len(args) > 1 and not args[1].startswith("-"):
        return [*args[1:]]
    return [executable, *args[1:]] if _is_script(executable) else None


@cache
def _is_script(path: str) -> bool:
    """Whether a file is a script whose first line names this Python and no options."""
    with open(path, "rb") as file:
        words = file.readline(1024).decode("utf-8", "replace").split()
    if len(words) != 1 or not words[0].startswith("#!"):
        return False
    python = Path(words[0].removeprefix("#!"))
    return python.parent == Path(sys.executable).parent and python.resolve() == Path(sys.executable).resolve()
