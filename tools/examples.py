"""The examples that come with `kl`, models and scenarios: by name, from any folder."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import Literal

from .values import HELP_MARK, InputError

Kind = Literal["model", "scenario"]
PLACES: dict[Kind, str] = {"model": "examples/*.kl", "scenario": "examples/explore/*.json"}
"""Where the examples of a kind are, below the package."""


@dataclass(frozen=True)
class Example:
    """A file that comes with `kl`; its name is that of the file, without the suffix."""

    kind: Kind
    path: Path

    @property
    def name(self) -> str:
        """What it is called by."""
        return self.path.stem

    @property
    def about(self) -> str:
        """One line: a model's first comment; what a scenario makes small, and over what."""
        text = self.path.read_text(encoding="utf-8")
        if self.kind == "model":
            return text.partition("\n")[0].removeprefix("//").strip().rstrip(".")
        scenario = json.loads(text)
        made_small = " and ".join(scenario["optimization_objectives"])
        asked = ", answered by a client" if "hypermapper_mode" in scenario else ""
        return f"{made_small} over {', '.join(scenario['input_parameters'])}{asked}"


def package_folder(name: str) -> Path:
    """A folder of the installed package: `examples`, `docs`."""
    return Path(str(files(__name__.partition(".")[0]))) / name


def examples(*kinds: Kind) -> Sequence[Example]:
    """The examples of some kinds, by default of all, in the order of their names."""
    return [
        Example(kind, path)
        for kind in kinds or PLACES
        for path in sorted(package_folder("").glob(PLACES[kind]))
    ]


def find_example(name: str) -> Example:
    """The example of a name.

    Raises: InputError where there is none.
    """
    known = {example.name: example for example in examples()}
    if name not in known:
        close = get_close_matches(name, known, 3)
        way_out = f"did you mean {' or '.join(close)}?" if close else f"known are {', '.join(known)}"
        raise InputError(f"there is no example '{name}'{HELP_MARK}{way_out}")
    return known[name]


def find_input(path: str, kind: Kind = "model") -> str:
    """The path of a file or, where there is none, of the example of this name.

    Raises: InputError with close names where there is neither.
    """
    if path == "-" or (os.path.exists(path) and not os.path.isdir(path)):
        return path
    known = {example.name: str(example.path) for example in examples(kind)}
    if path in known:
        return known[path]
    stem = Path(path).stem
    close = [stem] if stem in known else get_close_matches(stem, known, 3)
    if not close and (Path(path).name != path or Path(path).suffix or os.path.isdir(path)):
        return path  # nothing but a path: whoever opens it says what is wrong
    way_out = f"did you mean the example {' or '.join(close)}?" if close else f"`kl examples` lists {kind}s"
    raise InputError(f"{path}: {os.strerror(errno.ENOENT)}{HELP_MARK}{way_out}")
