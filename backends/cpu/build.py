"""C becomes a library: by the system's compiler, once for each text, in the user's cache directory."""

from __future__ import annotations

import atexit
import ctypes
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from hashlib import sha256
from pathlib import Path

from ..targets import TargetError
from .source import Source

HEADERS = Path(__file__).parent / "c"
INCLUDES = ("numbers.h", "threads.h", "products.h", "operations.h")
FLAGS = (
    *("-O3", "-march=native", "-std=gnu11", "-fPIC", "-shared", "-pthread"),
    # The order of all operations is the reference's; only where it says so are they contracted.
    *("-ffp-contract=off", "-fno-math-errno", "-fno-strict-aliasing", "-w"),
)
"""How a program is compiled."""
_HEAD = """\
/* cc -std=gnu11 -O3 -march=native -ffp-contract=off -shared -fPIC -pthread -I FOLDER -o LIBRARY FILE -lm
 * with the FOLDER backends/cpu/c of kl. First kl_open(threads), then kernels, with
 * pointers to their arguments. */"""
_COMPILERS = ("cc", "gcc", "clang")


def c_text(source: Source) -> str:
    """The C of a module, which includes the headers of this package."""
    includes = (f'#include "{name}"' for name in INCLUDES)
    return "\n".join([_HEAD, *includes, "", source.text])


def compiler() -> tuple[str, ...]:
    """The system's C compiler, with its options if the variable `CC` says some: else `cc`, `gcc` or `clang`.

    Raises: TargetError if there is none.
    """
    text = os.environ.get("CC", "")
    try:
        said = shlex.split(text)
    except ValueError as error:
        raise TargetError(f"CC says {text}: {error}", way_out="write it as a shell takes it") from None
    for name in said[:1] or _COMPILERS:
        if (found := shutil.which(name)) is not None:
            return (found, *said[1:])
    missing = (
        f"CC says {said[0]}, which is not there" if said else "there is no C compiler: no cc, gcc or clang"
    )
    raise TargetError(
        f"the target cpu compiles C, and {missing}",
        way_out="install one (`apt install gcc`, Xcode's command line tools), or leave out `--target cpu`: "
        "`kl run` computes the same numbers without a compiler",
    )


def library(source: Source, *, fast: bool) -> ctypes.CDLL:
    """The compiled program; `fast` adds products up in f32.

    It is made anew where the one in the cache is not as it was written.

    Raises: TargetError if there is no compiler, or it refuses the text.
    """
    text = c_text(source)
    flags = (*FLAGS, *(["-DKL_FAST"] if fast else []))
    path = _folder() / f"{_key(text, flags)}.so"
    if not _is_whole(path):
        _compile(text, flags, path)
    try:
        return ctypes.CDLL(str(path))
    except OSError as error:
        raise TargetError(
            f"what {' '.join(compiler())} made cannot be loaded: {error}",
            way_out="a CC with options must make a shared library; XDG_CACHE_HOME names where it lies",
        ) from error


def _is_whole(path: Path) -> bool:
    """Whether a library is as it was written: its digest stands beside it."""
    try:
        return path.with_suffix(".sha256").read_text(encoding="ascii") == _digest(path)
    except (OSError, ValueError):
        return False


def _digest(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()


def _compile(text: str, flags: tuple[str, ...], path: Path) -> None:
    """Write the library of a text, at once or not at all, and its digest beside it."""
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        source, made = Path(folder, "program.c"), Path(folder, "program.so")
        source.write_text(text, encoding="utf-8")
        command = [*compiler(), *flags, f"-I{HEADERS}", str(source), "-o", str(made), "-lm"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode or not made.exists():
            said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
            first = next(
                (line for line in said if "error" in line), *said[:1] or [f"exit code {done.returncode}"]
            )
            raise TargetError(
                f"{command[0]} does not compile the program: {first[:200]}",
                way_out="give another compiler by the variable CC: gcc from 12 on or clang from 15 on",
            )
        beside = Path(folder, "program.sha256")
        beside.write_text(_digest(made), encoding="ascii")
        made.replace(path)
        beside.replace(path.with_suffix(".sha256"))


def _folder() -> Path:
    """Where compiled programs are kept: for the user; for this process where nothing can be written there."""
    root = os.environ.get("XDG_CACHE_HOME", "")
    home = Path(root) if os.path.isabs(root) else Path(os.path.expanduser("~"), ".cache")
    folder = home / "kl" / "cpu"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError:
        return _own_folder()


@cache
def _own_folder() -> Path:
    folder = tempfile.mkdtemp(prefix="kl-cpu-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def _key(text: str, flags: tuple[str, ...]) -> str:
    """What a library depends on: the text, the headers, the flags, the compiler and the processor."""
    parts = [text, *flags, *compiler(), _version(compiler()[0]), _processor()]
    parts += [path.read_text(encoding="utf-8") for path in sorted(HEADERS.glob("*.h"))]
    return sha256("\0".join(parts).encode()).hexdigest()[:32]


@cache
def _version(path: str) -> str:
    return subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout


@cache
def _processor() -> str:
    """What `-march=native` looks at, as far as the system tells it."""
    import platform

    if sys.platform == "linux":
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            lines = [line for line in file if line.startswith(("flags", "Features", "model name"))]
        return "".join(sorted({*lines}))
    return platform.processor() + platform.machine()
