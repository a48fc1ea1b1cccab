"""Writing a package for `kl` from the one in `examples/package`, whose name is replaced in all its files."""

from __future__ import annotations

import keyword
import re
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, distribution, entry_points
from importlib.util import find_spec
from pathlib import Path

from .examples import package_folder
from .machine_files import GROUP
from .universe import multiverse
from .values import HELP_MARK, InputError

TEMPLATE_NAME = "mine"
"""The template's own name: of its module, dialect and machine; its passes and operators begin with it."""
_NAME = re.compile(rf"(?<![a-z]){TEMPLATE_NAME}(?![a-z])")
_FILES = ("*.toml", "*.py", "*.kl", "*.mlir")


def write_package(name: str, folder: Path) -> list[Path]:
    """Write the package of a name into a new folder; the paths of its files.

    Raises: InputError, before anything is written, where the name is none or taken, or the folder is there;
        OSError.
    """
    module = check_name(name)
    if folder.exists() or folder.is_symlink():
        raise InputError(f"{folder} is there already{HELP_MARK}name another folder: kl new {name} FOLDER")
    texts = rendered(module)
    for path, text in texts.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    return [folder / path for path in texts]


def rendered(module: str) -> Mapping[Path, str]:
    """The files of the package of a name, by path within its folder."""
    template = package_folder("examples") / "package"
    paths = sorted(path for pattern in _FILES for path in template.rglob(pattern))
    return {
        Path(renamed(path.relative_to(template).as_posix(), module)): renamed(
            path.read_text(encoding="utf-8"), module
        )
        for path in paths
    }


def renamed(text: str, module: str) -> str:
    """A text of the template for a package of another name; names of passes have dashes."""

    def replace(found: re.Match[str]) -> str:
        return module.replace("_", "-") if text[found.end() : found.end() + 1] == "-" else module

    return _NAME.sub(replace, text)


def check_name(name: str) -> str:
    """The module of a package of a name.

    Raises: InputError where it is no name, or something else has it.
    """
    if not re.fullmatch(r"[a-z][a-z0-9]*([_-][a-z0-9]+)*", name):
        way_out = "a name has small letters, digits, and single - or _ between them, like my_passes"
        raise InputError(f"'{name}' is no name of a package{HELP_MARK}{way_out}")
    module = name.replace("-", "_")
    for what in _taken(module):
        raise InputError(f"the name {name} is taken: it is {what}{HELP_MARK}choose another one")
    return module


def _taken(module: str) -> Iterator[str]:
    """What has the name already."""
    if keyword.iskeyword(module):
        yield "a word of Python"
    if module in sys.stdlib_module_names:
        yield "a module of Python's standard library"
    if (package_folder("examples") / "package" / module).exists() and module != TEMPLATE_NAME:
        yield "a folder that every package has"
    if find_spec(module) is not None or _is_distribution(module):
        yield "an installed package"
    if module in multiverse().all_dialects:
        yield "a dialect"
    if module in entry_points(group=GROUP).names:
        yield "a machine of an installed package"


def _is_distribution(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True
