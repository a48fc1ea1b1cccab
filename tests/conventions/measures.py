"""How the compiler is laid out, in figures: `python tests/conventions/measures.py [CHECKOUT]` prints them.

The compiler is `dialects`, `passes`, `frontends`, `backends` and `tools`. Each function's docstring defines
its figure, so that anyone measures the same; `test_measures.py` holds the bars. All is read from the text but
`machines_made`, which times a model with the checkout's own `.venv`.
"""

from __future__ import annotations

import ast
import re
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

FOLDERS = ("dialects", "passes", "frontends", "backends", "tools")
KINDS = ("carry", "gather", "collective", "counter")
COUNT_MACHINES = """
import sys
from kl.dialects import machine
made, original = [], machine.Machine.__init__
def counting(self, *values, **named):
    made.append(None)
    original(self, *values, **named)
machine.Machine.__init__ = counting
from kl.tools.kl import main
main(["time", "examples/llama3_tiny.kl", "--sockets", "8", "--set", "hbm_bandwidth=1600000000000"])
print(len(made))
"""


@dataclass(frozen=True)
class File:
    """One Python file of the compiler."""

    path: Path
    root: Path

    @cached_property
    def text(self) -> str:
        """All of it."""
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        """Its syntax."""
        return ast.parse(self.text)

    @cached_property
    def lines(self) -> int:
        """Lines of all sorts."""
        return len(self.text.splitlines())

    @cached_property
    def name(self) -> tuple[str, ...]:
        """The parts of its module's path below `kl`; a package's `__init__.py` is the package."""
        parts = self.path.relative_to(self.root).with_suffix("").parts
        return parts[:-1] if parts[-1] == "__init__" else parts

    @cached_property
    def code(self) -> list[str]:
        """Its lines that are neither blank nor comment nor docstring; those of fields are docstrings, too."""
        documented: set[int] = set()
        for node in ast.walk(self.tree):
            match node:
                case ast.Expr(value=ast.Constant(value=str()), lineno=first, end_lineno=int(last)):
                    documented.update(range(first, last + 1))
        numbered = enumerate(map(str.strip, self.text.splitlines()), 1)
        return [line for n, line in numbered if line and not line.startswith("#") and n not in documented]

    @cached_property
    def imports(self) -> list[tuple[str, ...]]:
        """The names it imports of ours, as paths; wherever the statement stands, TYPE_CHECKING included."""
        package = self.path.relative_to(self.root).parent.parts
        found: list[tuple[str, ...]] = []
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ImportFrom) and node.level:
                start = package[: len(package) + 1 - node.level]
                module = (*start, *(node.module or "").split(".")) if node.module else start
                found += [(*module, alias.name) for alias in node.names]
        return found


@dataclass(frozen=True)
class Tree:
    """The compiler of one checkout."""

    root: Path

    @cached_property
    def files(self) -> list[File]:
        """All its Python files."""
        paths = (path for folder in FOLDERS for path in sorted((self.root / folder).rglob("*.py")))
        return [File(path, self.root) for path in paths]

    @cached_property
    def modules(self) -> dict[tuple[str, ...], File]:
        """The files by module."""
        return {file.name: file for file in self.files}

    @cached_property
    def graph(self) -> dict[tuple[str, ...], set[tuple[str, ...]]]:
        """Which modules a module imports by name; that Python runs the packages above them does not count."""
        return {file.name: set(self._targets(file)) - {file.name} for file in self.files}

    def _targets(self, file: File) -> Iterator[tuple[str, ...]]:
        for name in file.imports:
            if name in self.modules or name[:-1] in self.modules:
                yield name if name in self.modules else name[:-1]

    def reached(self, start: tuple[str, ...]) -> set[tuple[str, ...]]:
        """All modules that a module needs, through others, itself among them if it is in a circle."""
        seen: set[tuple[str, ...]] = set()
        waiting = [start]
        while waiting:
            new = self.graph[waiting.pop()] - seen
            seen |= new
            waiting += new
        return seen

    @cached_property
    def passes(self) -> list[File]:
        """The files of passes: they give the name of the file, with dashes, as the pass's name."""
        name = r'^    name(: ClassVar\[str\])? = "{}"$'
        wanted = {f: re.compile(name.format(f.path.stem.replace("_", "-")), re.MULTILINE) for f in self.files}
        return [file for file in self.files if file.name[0] == "passes" and wanted[file].search(file.text)]


def code_lines(tree: Tree) -> int:
    """Lines of the compiler that are neither blank nor comment nor docstring."""
    return sum(len(file.code) for file in tree.files)


def files_naming(tree: Tree, kind: str) -> list[Path]:
    """Files whose code has a kind of unit as a word or in a class's name (`collections.Counter` apart)."""
    title = kind.capitalize()
    names = re.compile(rf"\b{kind}\b|\b(?:[A-Z]\w*)?{title}(?![a-z])\w*")
    counts = [f for f in tree.files if "import Counter" in f.text]
    return [
        file.path
        for file in tree.files
        if set(names.findall("\n".join(file.code))) - ({"Counter"} if file in counts else set())
    ]


def most_files_naming_a_kind(tree: Tree) -> str:
    """Files that name a kind of unit, each kind by itself; the first figure is the largest."""
    counts = {kind: len(files_naming(tree, kind)) for kind in KINDS}
    each = ", ".join(f"{kind} {count}" for kind, count in counts.items())
    return f"{max(counts.values())} ({each})"


def helpers(tree: Tree, file: File) -> list[File]:
    """Files in `passes` that a pass needs, through others, outside its subject's folder.

    Where passes lie directly in `passes`: outside its own file.
    """
    subject = file.name[:-1] if len(file.name) > 2 else file.name
    found = [tree.modules[name] for name in tree.reached(file.name) if name[0] == "passes"]
    return [each for each in found if each.name[: len(subject)] != subject]


def helper_lines_of_loop_kernels(tree: Tree) -> str:
    """Lines of all sorts in the helpers of `loop-kernels`."""
    [looping] = [file for file in tree.passes if file.path.stem == "loop_kernels"]
    needed = helpers(tree, looping)
    return f"{sum(file.lines for file in needed)} in {len(needed)} files, {looping.lines} its own"


def median_helper_lines(tree: Tree) -> str:
    """The median of all passes' helpers, and how many passes stand alone."""
    needed = [helpers(tree, file) for file in tree.passes]
    lines = statistics.median(sum(file.lines for file in each) for each in needed)
    files = statistics.median(len(each) for each in needed)
    return f"{lines:g} in {files:g} files; {sum(not each for each in needed)} of {len(needed)} stand alone"


def rooms_and_arrows(tree: Tree) -> tuple[int, int]:
    """Files and folders directly in `passes` as rooms (for `analysis` its files), imports as arrows."""

    def room(name: tuple[str, ...]) -> str:
        return "/".join(name[1:3] if name[1] == "analysis" else name[1:2])

    inside = [name for name in tree.graph if name[0] == "passes" and name[1:] not in ((), ("analysis",))]
    arrows = {(room(name), room(to)) for name in inside for to in tree.graph[name] if to in inside}
    return len({room(name) for name in inside}), sum(start != end for start, end in arrows)


def namespace_reads(file: File) -> int:
    """Reads of attributes of an `argparse.Namespace`: a parameter, a field, or what `parse_args` gave."""

    def is_namespace(node: ast.AST | None) -> bool:
        return node is not None and re.search(r"Namespace|parse_args", ast.unparse(node)) is not None

    names: set[str] = set()
    for node in ast.walk(file.tree):
        match node:
            case ast.arg(arg=name, annotation=type_) if is_namespace(type_):
                names.add(name)
            case ast.AnnAssign(target=ast.Name(id=name), annotation=type_) if is_namespace(type_):
                names |= {name, f"self.{name}"}
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call() as call) if is_namespace(call.func):
                names.add(name)
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if ast.unparse(value) in names:
                names.add(name)
    attributes = (node for node in ast.walk(file.tree) if isinstance(node, ast.Attribute))
    return sum(ast.unparse(node.value) in names for node in attributes)


def is_command(file: File) -> bool:
    """Is this a command's own file: one in `tools/commands` that runs it?"""
    runs = any(isinstance(node, ast.FunctionDef) and node.name == "run" for node in file.tree.body)
    return file.name[:2] == ("tools", "commands") and runs


def namespace_reads_of_all(tree: Tree) -> str:
    """Reads of a Namespace outside the files of commands, and in all."""
    reads = {file.path: namespace_reads(file) for file in tree.files}
    outside = sum(reads[file.path] for file in tree.files if not is_command(file))
    return f"{outside} ({sum(reads.values())} in {sum(n > 0 for n in reads.values())} files in all)"


def displays(tree: ast.AST) -> Iterator[tuple[int, frozenset[str]]]:
    """The tuples, lists, sets and `Literal`s that hold nothing but strings, with the line they begin in."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Tuple | ast.List | ast.Set) and len(node.elts) > 1:
            words = [element.value for element in node.elts if isinstance(element, ast.Constant)]
            if len(words) == len(node.elts) and all(isinstance(word, str) for word in words):
                yield node.lineno, frozenset(map(str, words))


def vocabularies_written_twice(tree: Tree) -> dict[str, list[str]]:
    """Closed vocabularies of this checkout's `dialects/vocabulary.py` that stand in two places or more."""
    closed = Path(__file__).parents[2] / "dialects" / "vocabulary.py"
    words = dict.fromkeys(words for _, words in displays(ast.parse(closed.read_text(encoding="utf-8"))))
    places = {
        ", ".join(sorted(each)): [
            f"{file.path.relative_to(tree.root)}:{line}"
            for file in tree.files
            for line, found in displays(file.tree)
            if found == each
        ]
        for each in words
    }
    return {vocabulary: found for vocabulary, found in places.items() if len(found) > 1}


def import_circles(tree: Tree) -> set[frozenset[tuple[str, ...]]]:
    """Sets of files that import one another, imports under TYPE_CHECKING included."""
    reached = {name: tree.reached(name) for name in tree.graph}
    circles = (frozenset(to for to in reached[name] if name in reached[to]) for name in tree.graph)
    return {circle for circle in circles if circle}


def imports_of_sn40l_in_tools(tree: Tree) -> str:
    """Import statements in `tools` that name a module of `backends.sn40l`."""
    found = [
        file.path
        for file in tree.files
        for node in ast.walk(file.tree)
        if file.name[0] == "tools" and isinstance(node, ast.ImportFrom) and "sn40l" in (node.module or "")
    ]
    return f"{len(found)} in {len(set(found))} files"


def machines_made(tree: Tree) -> str:
    """`Machine` objects that `kl time` makes with `--sockets 8 --set …`."""
    python = tree.root / ".venv" / "bin" / "python"
    if not python.exists():
        return "not measured: the checkout has no .venv"
    done = subprocess.run([python, "-c", COUNT_MACHINES], cwd=tree.root, capture_output=True, text=True)
    return done.stdout.splitlines()[-1] if done.returncode == 0 else f"not measured: {done.stderr[-200:]}"


MEASURES: dict[str, Callable[[Tree], object]] = {
    "lines of code": code_lines,
    "files": lambda tree: len(tree.files),
    "lines of the largest file": lambda tree: max(file.lines for file in tree.files),
    "files that name a kind of unit": most_files_naming_a_kind,
    "lines loop-kernels needs outside its subject": helper_lines_of_loop_kernels,
    "lines a pass needs outside its subject, median": median_helper_lines,
    "rooms, arrows in passes": rooms_and_arrows,
    "reads of a Namespace outside commands": namespace_reads_of_all,
    "vocabularies written twice": lambda tree: len(vocabularies_written_twice(tree)),
    "import circles": lambda tree: len(import_circles(tree)),
    "imports of backends.sn40l in tools": imports_of_sn40l_in_tools,
    "Machine objects made": machines_made,
}


if __name__ == "__main__":
    checkout = Tree(Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[2]).resolve())
    for title, measure in MEASURES.items():
        print(f"{title:47} | {measure(checkout)}", flush=True)
