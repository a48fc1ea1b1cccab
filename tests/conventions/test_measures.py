"""The layout keeps its bars; `measures.py` defines the figures and prints all of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from measures import (
    Tree,
    code_lines,
    files_naming,
    helper_lines_of_loop_kernels,
    import_circles,
    is_command,
    namespace_reads,
    rooms_and_arrows,
    vocabularies_written_twice,
)

TREE = Tree(Path(__file__).parents[2])
MOST_CODE_LINES = 50_750
MOST_FILES = 572
MOST_LINES_OF_A_FILE = 300
MOST_FILES_NAMING_A_KIND = {"carry": 5, "gather": 11, "collective": 17, "counter": 6}
MOST_HELPER_LINES_OF_LOOP_KERNELS = 700
MOST_NAMESPACE_READS = 1
MOST_ROOMS, MOST_ARROWS = 15, 25
MOST_VOCABULARIES_TWICE = 0
CIRCLES = 0


def write(folder: Path, texts: dict[str, str]) -> Tree:
    """A compiler of these files."""
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return Tree(folder)


def test_code_lines():
    assert code_lines(TREE) <= MOST_CODE_LINES


def test_number_of_files():
    assert len(TREE.files) <= MOST_FILES


def test_size_of_files():
    assert [file.path for file in TREE.files if file.lines > MOST_LINES_OF_A_FILE] == []


@pytest.mark.parametrize("kind", MOST_FILES_NAMING_A_KIND)
def test_few_files_name_a_kind_of_unit(kind: str):
    assert len(files_naming(TREE, kind)) <= MOST_FILES_NAMING_A_KIND[kind]


def test_loop_kernels_needs_little_outside_its_subject():
    lines = int(helper_lines_of_loop_kernels(TREE).split()[0])
    assert 0 < lines <= MOST_HELPER_LINES_OF_LOOP_KERNELS


def test_rooms_and_arrows_in_passes():
    rooms, arrows = rooms_and_arrows(TREE)
    assert (rooms <= MOST_ROOMS, arrows <= MOST_ARROWS) == (True, True), (rooms, arrows)


def test_no_namespace_outside_commands():
    reads = {file.path: namespace_reads(file) for file in TREE.files if not is_command(file)}
    assert sum(reads.values()) <= MOST_NAMESPACE_READS, {path: n for path, n in reads.items() if n}


def test_vocabularies_are_written_once():
    twice = vocabularies_written_twice(TREE)
    assert len(twice) <= MOST_VOCABULARIES_TWICE, twice


def test_no_import_circles():
    assert len(import_circles(TREE)) <= CIRCLES, import_circles(TREE)


def test_code_lines_leave_out_docstrings_comments_and_blanks(tmp_path: Path):
    text = (
        '"""Module."""\n\n# a comment\nclass A:\n    """A\n    class."""\n\n    x: int\n    """a field"""\n'
    )
    assert code_lines(write(tmp_path, {"passes/a.py": text})) == 2


def test_a_circle_through_types_is_a_circle(tmp_path: Path):
    one = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .two import B\n"
    tree = write(tmp_path, {"passes/one.py": one, "passes/two.py": "from . import one\n"})
    assert import_circles(tree) == {frozenset({("passes", "one"), ("passes", "two")})}


def test_rooms_are_folders_and_files_and_arrows_lead_from_one_to_another(tmp_path: Path):
    tree = write(
        tmp_path,
        {
            "passes/a/x.py": "from .y import Y\nfrom ..b import B\nfrom ..b.z import Z\n",
            "passes/a/y.py": "",
            "passes/b/__init__.py": "",
            "passes/b/z.py": "",
            "passes/c.py": "from .a.x import X\n",
        },
    )
    assert rooms_and_arrows(tree) == (3, 2)


def test_reads_of_a_namespace_are_found_by_its_type(tmp_path: Path):
    text = (
        "def f(given: argparse.Namespace, other: Options):\n    return given.a + other.b\n"
        "class C:\n    held: Namespace\n    def g(self):\n        return self.held.x + self.free.y\n"
        "def main():\n    read = parser().parse_args()\n    return read.z\n"
    )
    [file] = write(tmp_path, {"tools/a.py": text}).files
    assert namespace_reads(file) == 3


def test_a_kind_is_named_as_a_word_or_in_a_class(tmp_path: Path):
    texts = {
        "backends/a.py": "carry = 1\n",
        "backends/b.py": "from .c import CarryUnit\n",
        "backends/c.py": '"""What a carry is."""\ncarrying = 1\n',
    }
    tree = write(tmp_path, texts)
    assert [path.stem for path in files_naming(tree, "carry")] == ["a", "b"]


def test_what_is_no_class_of_ours_is_not_counted(tmp_path: Path):
    text = "from collections import Counter\nx = Counter()\n"
    assert files_naming(write(tmp_path, {"backends/a.py": text}), "counter") == []


def test_vocabularies_in_any_display_count(tmp_path: Path):
    texts = {
        "tools/a.py": 'A = ("ring", "tree", "one_shot")\n',
        "tools/b.py": 'B = Literal["one_shot", "ring", "tree"]\n',
    }
    found = vocabularies_written_twice(write(tmp_path, texts))
    assert found == {"one_shot, ring, tree": ["tools/a.py:1", "tools/b.py:1"]}
