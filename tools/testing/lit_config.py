"""The configuration of lit for FileCheck tests of `kl` and of packages on it.

A `lit.cfg.py` says `from kl.tools.testing.lit_config import configure` and calls `configure(config)`. What a
project wants otherwise it sets behind that call: suffixes, excludes, features, substitutions.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import lit.formats


def configure(config: Any) -> None:
    """Let lit take `.mlir` and `.kl` files as tests, with the tools and the packages of this Python.

    `mlir-opt` is a feature where it is installed, under a versioned name, too: `REQUIRES: mlir-opt`.
    `FileCheck` is LLVM's where that is on the path, and the `filecheck` of Python where it is not.
    """
    config.name = "filecheck"
    config.test_format = lit.formats.ShTest(execute_external=False)
    config.suffixes = [".mlir", ".kl"]
    tools = str(Path(sys.executable).parent)
    config.environment["PATH"] = os.pathsep.join([tools, os.environ.get("PATH", "")])
    config.environment["NO_COLOR"] = "1"
    if "PYTHONPATH" in os.environ:  # lit does not hand it on
        config.environment["PYTHONPATH"] = os.environ["PYTHONPATH"]
    add_tool(config, "mlir-opt")
    if shutil.which("FileCheck", path=config.environment["PATH"]) is None:
        config.substitutions.append((_as_word("FileCheck"), "filecheck"))


def add_tool(config: Any, name: str) -> None:
    """Make an optional tool a feature if it is installed, under its name or as the newest `name-19`."""
    path = config.environment["PATH"]
    if shutil.which(name, path=path) is None:
        versioned = _newest_version(name, path)
        if versioned is None:
            return
        config.substitutions.append((_as_word(name), str(versioned)))
    config.available_features.add(name)


def _newest_version(name: str, path: str) -> Path | None:
    """The executable `name-NUMBER` with the largest number on a path."""
    found = [
        (int(match[1]), file)
        for folder in path.split(os.pathsep)
        for file in Path(folder or ".").glob(f"{name}-*")
        if (match := re.fullmatch(re.escape(name) + r"-(\d+)", file.name)) and os.access(file, os.X_OK)
    ]
    return max(found)[1] if found else None


def _as_word(name: str) -> str:
    """A pattern for a name that is no part of a path or of another name."""
    return rf"(?<![\w./-]){re.escape(name)}(?![\w./-])"
