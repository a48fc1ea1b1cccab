"""Failures of another package name it and its part, and stop nothing that does not need it."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from broken_plugin import ENTRY_POINTS, OTHERS, TEXT

from kl.tools import blame, kl, kl_opt, plugins, universe

MINI = str(Path(__file__).parents[2] / "examples/mini.kl")
CACHES: tuple[Callable[..., object], ...] = (
    universe.multiverse,
    universe.other_operations,
    universe._found,  # pyright: ignore[reportPrivateUsage]
    blame._plugins,  # pyright: ignore[reportPrivateUsage]
    blame._distribution,  # pyright: ignore[reportPrivateUsage]
    blame._brings_something,  # pyright: ignore[reportPrivateUsage]
)
OF = "of the package kl-broken 1.5"


def forget() -> None:
    """Let everything be looked up anew."""
    for cached in CACHES:
        cached.cache_clear()  # pyright: ignore[reportFunctionMemberAccess]
    plugins._warned.clear()  # pyright: ignore[reportPrivateUsage]
    for name in [name for name in sys.modules if name.startswith("kl_broken")]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package, as pip leaves it."""
    folder = tmp_path_factory.mktemp("broken")
    metadata = folder / "kl_broken-1.5.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: kl-broken\nVersion: 1.5\n")
    (metadata / "entry_points.txt").write_text(ENTRY_POINTS)
    for name, text in {"kl_broken.py": TEXT, **OTHERS}.items():
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def installed(package: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The package is there, for this test."""
    forget()
    monkeypatch.syspath_prepend(package)
    yield
    forget()


def opt(monkeypatch: pytest.MonkeyPatch, text: str, *arguments: str) -> int:
    """The exit code of kl-opt for a text."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    return kl_opt.main([*arguments])


def messages(capsys: pytest.CaptureFixture[str]) -> str:
    """What is said on stderr, without warnings."""
    lines = capsys.readouterr().err.splitlines()
    return "\n".join(line for line in lines if ": warning: " not in line)


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("text", "arguments", "message"),
    [
        (
            "toy.count 1",
            ["-p", "toy-look-up"],
            f"the pass toy-look-up {OF} has failed: KeyError: 'x'\nnote: at kl_broken.py:",
        ),
        (
            "toy.count 1",
            ["-p", "toy-lost"],
            f"<stdin>:1:1: error: the pattern LookUp of the pass toy-lost {OF} has failed: KeyError: 'lost'",
        ),
        ("toy.count 1", ["-p", "toy-exit"], f"the pass toy-exit {OF} has failed: SystemExit: 0"),
        ("toy.count 1", ["-p", "toy-leaves"], f"the pass 'toy-leaves' {OF} cannot be loaded: SystemExit: 4"),
        ("toy.count 1", ["-p", "toy-number"], f"the pass 'toy-number' {OF} is no pass"),
        ("toy.count 1", ["-p", "toy-alias"], f"the pass 'toy-alias' {OF} calls itself 'toy-look-up'"),
        (
            "toy.count 1",
            ["-t", "toy-index"],
            f"the target toy-index {OF} has failed: IndexError: list index out of range",
        ),
        (
            "toy.count 13",
            [],
            f"<stdin>:1:1: error: the operation toy.count {OF} has failed: KeyError: 'thirteen'",
        ),
        ("lazy.op", [], f"the dialect 'lazy' {OF} cannot be loaded: SystemExit: 4"),
        ("odd.op", [], f"the dialect 'odd' {OF} is no dialect"),
    ],
)
def test_a_failure_names_the_part_and_its_package(
    text: str,
    arguments: list[str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    assert opt(monkeypatch, text, *arguments) == 69
    said = messages(capsys)
    assert message in said
    assert said.endswith("help: KL_DEBUG=1 shows where it happened")
    assert "bug" not in said


@pytest.mark.usefixtures("installed")
def test_a_failure_of_a_target_names_it(capsys: pytest.CaptureFixture[str]):
    assert kl.main(["time", MINI, "--target", "toy"]) == 69
    assert f"kl: error: the target 'toy' {OF} has failed: KeyError: 'boom'" in messages(capsys)


@pytest.mark.usefixtures("installed")
def test_a_failure_of_a_frontend_names_it(capsys: pytest.CaptureFixture[str]):
    assert kl.main(["time", MINI, "-f", "toy"]) == 69
    assert f"kl: error: the frontend 'toy' {OF} has failed: KeyError: 'boom'" in messages(capsys)


@pytest.mark.usefixtures("installed")
def test_what_does_not_need_it_goes_on_with_a_warning_each(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    model = tmp_path / "unknown.txt"
    model.write_text("model m\ndtype bf16\nstep(x[1, 64]) {\n  return no_such(x)\n}\n")
    assert kl.main(["time", MINI]) == 0
    assert kl.main(["time", str(model)]) == 1
    broken = tmp_path / "broken.foo"
    broken.write_text("?")
    assert kl.main(["time", str(broken)]) == 1
    assert kl.main(["time", MINI]) == 0
    said = [line for line in capsys.readouterr().err.splitlines() if ": warning: " in line]
    left = "of the package kl-broken is left out:"
    assert [line.removeprefix("kl: warning: ") for line in said] == [
        f"xdsl.universe 'exits' {left} SystemExit: 3",
        f"xdsl.universe 'lists' {left} its all_passes are no dictionary",
        f"xdsl.universe 'numbers' {left} its pass 'toy-none' is no function",
        f"xdsl.universe 'stops' {left} Stop: here",
        f"the dialect 'lazy' {OF} cannot be loaded: SystemExit: 4",
        f"the dialect 'odd' {OF} is no dialect",
        f"kl.targets 'half' {left} its 'time' is no function",
        "the target 'toy' cannot say whether a text is its own: KeyError: 'boom'",
        "the frontend 'toy' cannot say whether a text is its own: KeyError: 'boom'",
    ]


@pytest.mark.usefixtures("installed")
def test_a_debugging_run_shows_the_traceback(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("KL_DEBUG", "1")
    with pytest.raises(KeyError, match="x"):
        opt(monkeypatch, "toy.count 1", "-p", "toy-look-up")


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("name", "patterns"),
    [
        ("toy-undo", ("patterns CountDown and CountUp", "patterns CountUp and CountDown")),
        ("toy-again", ("patterns CountDown and CountUp", "patterns CountUp and CountDown")),
        ("toy-double", ("pattern Double",)),
    ],
)
def test_what_never_ends_is_stopped_and_named(
    name: str, patterns: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    assert opt(monkeypatch, "toy.count 1", "-p", name, "--max-rewrites", "200") == 1
    said = messages(capsys)
    assert f"error: the pass {name} has " in said
    assert "the module had 2 operations, 200 rewrites are allowed" in said
    assert any(f"the last ones are of the {names}\n" in said for names in patterns)
    assert "--max-rewrites" in said


@pytest.mark.usefixtures("installed")
def test_doubling_is_stopped_by_what_it_inserts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """Each rewrite doubles the module, so that 60 of them would fill any memory."""
    assert opt(monkeypatch, "toy.count 1", "-p", "toy-double", "--max-rewrites", "5000") == 1
    assert re.search(r"has inserted \d+ operations in 1\d rewrites", messages(capsys))


@pytest.mark.usefixtures("installed")
def test_an_interruption_names_pass_and_pattern(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    assert opt(monkeypatch, "toy.count 1", "-p", "toy-interrupt") == 130
    assert messages(capsys) == "kl-opt: error: interrupted in the pattern Interrupt of the pass toy-interrupt"
