"""C becomes a library: by the system's compiler, once for each text, in the user's cache directory."""

from __future__ import annotations

import ctypes
import os
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
_HEAD = "/* Compile with the headers in backends/cpu/c of kl, -ffp-contract=off, -pthread and -lm. */"
_COMPILERS = ("cc", "gcc", "clang")


def c_text(source: Source) -> str:
    """The C of a module, which includes the headers of this package."""
    includes = (f'#include "{name}"' for name in INCLUDES)
    return "\n".join([_HEAD, *includes, "", source.text])


def compiler() -> str:
    """The system's C compiler: what the variable `CC` says, else `cc`, `gcc` or `clang`.

    Raises: TargetError if there is none.
    """
    said = os.environ.get("CC")
    for name in (said,) if said else _COMPILERS:
        if (found := shutil.which(name)) is not None:
            return found
    missing = f"CC says {said}, which is not there" if said else "there is no C compiler: no cc, gcc or clang"
    raise TargetError(
        f"the target cpu compiles C, and {missing}",
        way_out="install one (`apt install gcc`, Xcode's command line tools), or leave out `--target cpu`: "
        "`kl run` computes the same numbers without a compiler",
    )


def library(source: Source, *, fast: bool) -> ctypes.CDLL:
    """The compiled program; `fast` adds products up in f32.

    Raises: TargetError if there is no compiler, or it refuses the text.
    """
    text = c_text(source)
    flags = (*FLAGS, *(["-DKL_FAST"] if fast else []))
    folder = _folder()
    path = folder / f"{_key(text, flags)}.so"
    if not path.exists():
        _compile(text, flags, path)
    try:
        return ctypes.CDLL(str(path))
    except OSError as error:
        raise TargetError(
            f"the compiled program cannot be loaded: {error}",
            way_out=f"remove {path}; XDG_CACHE_HOME says where compiled programs are kept",
        ) from error


def _compile(text: str, flags: tuple[str, ...], path: Path) -> None:
    """Write the library of a text, at once or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        source, made = Path(folder, "program.c"), Path(folder, "program.so")
        source.write_text(text, encoding="utf-8")
        command = [compiler(), *flags, f"-I{HEADERS}", str(source), "-o", str(made), "-lm"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            first = next(
                (line for line in done.stderr.splitlines() if "error" in line), done.stderr.strip()[:200]
            )
            raise TargetError(
                f"{command[0]} does not compile the program: {first}",
                way_out="give another compiler by the variable CC: gcc from 12 on or clang from 15 on",
            )
        made.replace(path)


def _folder() -> Path:
    """Where compiled programs are kept: for the user, or for the process where there is no home."""
    root = os.environ.get("XDG_CACHE_HOME", "")
    home = Path(root) if os.path.isabs(root) else Path(os.path.expanduser("~"), ".cache")
    return home / "kl" / "cpu" if home.is_absolute() else _own_folder()


@cache
def _own_folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="kl-cpu-"))


def _key(text: str, flags: tuple[str, ...]) -> str:
    """What a library depends on: the text, the headers, the flags, the compiler and the processor."""
    parts = [text, *flags, _version(compiler()), _processor()]
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
