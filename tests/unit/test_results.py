"""The cache of results: what is printed again is what was printed, and only where nothing has changed."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module, invalidate_caches
from pathlib import Path

import pytest

from kl.tools import results
from kl.tools.kl import main
from kl.tools.results import key, place, recording, store, through_cache
from kl.tools.results.files import BEGUN_NS, MOST_DIGEST_BYTES

ROOT = Path(__file__).parents[2]
Capture = pytest.CaptureFixture[str]
Patch = pytest.MonkeyPatch


class Command:
    """A command that reads a file, prints to both streams, and counts how often it is run."""

    def __init__(self, model: Path, capture: Capture):
        self.model = model
        self.capture = capture
        self.runs = 0
        self.code = 0
        self.also: Callable[[], object] = lambda: None
        """Done in each run."""

    def run(self) -> int:
        self.runs += 1
        print("remark", file=sys.stderr)
        print(f"run of {self.model.read_text()}, not \u00b5 again")
        self.also()
        return self.code

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        """Call it through the cache: its code and what is printed."""
        code = through_cache(["time", str(self.model), *arguments], self.run)
        return code, *self.capture.readouterr()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: Patch) -> Path:
    """The folder of the cache; code may be as new as it is, but for that of the tests before this one."""
    monkeypatch.setenv("KL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(recording, "LOADED_NS", 0)
    for name, module in [*sys.modules.items()]:
        path = getattr(module, "__file__", None)
        if path is not None and (not os.path.isfile(path) or os.stat(path).st_ctime_ns > BEGUN_NS):
            monkeypatch.delitem(sys.modules, name)
    return tmp_path / "cache"


@pytest.fixture
def command(folder: Path, tmp_path: Path, capsys: Capture) -> Command:
    """A command with a model of its own."""
    model = tmp_path / "model.kl"
    model.write_text("model one")
    return Command(model, capsys)


def entries(folder: Path) -> list[Path]:
    """The entries of a cache."""
    return sorted(folder.glob(f"*{store.SUFFIX}"))


def test_what_was_printed_is_printed_again(command: Command):
    first = command()
    assert first == (0, "run of model one, not \u00b5 again\n", "remark\n")
    assert (command(), command.runs) == (first, 1)


def test_the_order_of_both_streams_stays(folder: Path, tmp_path: Path):
    script = (
        "import sys; from kl.tools.results import recording, through_cache; recording.LOADED_NS = 0\n"
        "def run():\n"
        "    print('a'); sys.stdout.flush(); print('b', file=sys.stderr)\n"
        "    print('c'); print('d', file=sys.stderr)\n"
        "    sys.stdout.buffer.write(b'\\xff\\n'); return 0\n"
        "sys.exit(through_cache(['time', 'model'], run))"
    )
    call = [sys.executable, "-c", script]
    both = [subprocess.run(call, cwd=tmp_path, stdout=-1, stderr=subprocess.STDOUT).stdout for _ in range(2)]
    assert both[0] == both[1]
    assert sorted(both[0].splitlines()) == [b"a", b"b", b"c", b"d", b"\xff"]
    assert len(entries(folder)) == 1


def rewrite(path: Path, text: str) -> None:
    """Write another text into a file of as many bytes, and give it the time that the old one had."""
    times = path.stat()
    assert times.st_size == len(text)
    path.write_text(text)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def test_another_text_of_as_many_bytes_and_the_same_time_is_run(command: Command):
    command()
    rewrite(command.model, "model two")
    assert command()[1] == "run of model two, not \u00b5 again\n"
    rewrite(command.model, "model one")
    assert (command()[1], command.runs) == ("run of model one, not \u00b5 again\n", 2)


def test_a_file_that_is_only_touched_is_the_same(command: Command):
    command()
    command.model.touch()
    command()
    assert command.runs == 1


def test_a_file_that_a_run_reads_counts_wherever_it_is_named(command: Command, tmp_path: Path):
    machine = tmp_path / "machine.toml"
    machine.write_text("sockets = 1")
    command.also = machine.read_text
    command()
    rewrite(machine, "sockets = 2")
    command()
    command()
    assert command.runs == 2


def test_a_file_that_was_missing_counts(command: Command, tmp_path: Path):
    index = tmp_path / "index.json"

    def look() -> None:
        with suppress(FileNotFoundError):
            index.read_text()

    command.also = look
    command()
    command()
    index.write_text("{}")
    command()
    assert command.runs == 2


def test_a_folder_that_a_run_lists_counts(command: Command, tmp_path: Path):
    (tmp_path / "weights").mkdir()
    command.also = lambda: [*(tmp_path / "weights").iterdir()]
    command()
    (tmp_path / "weights" / "second.safetensors").touch()
    command()
    assert command.runs == 2


def test_the_code_of_other_packages_counts(command: Command, tmp_path: Path, monkeypatch: Patch):
    packages = tmp_path / "site"
    packages.mkdir()
    plugin = packages / "kl_cached_plugin.py"
    plugin.write_text("VALUE = 1\n")
    monkeypatch.syspath_prepend(packages)
    invalidate_caches()

    def load() -> None:
        sys.modules.pop(plugin.stem, None)
        import_module(plugin.stem)
        sys.modules.pop(plugin.stem)

    command.also = load
    command()
    command()
    assert command.runs == 1
    rewrite(plugin, "VALUE = 2\n")
    command()
    assert command.runs == 2
    (packages / "another-1.0.dist-info").mkdir()
    command()
    assert command.runs == 3, "a package has been installed"


def test_code_that_has_changed_since_it_was_loaded_is_not_trusted(
    command: Command, folder: Path, tmp_path: Path, monkeypatch: Patch
):
    plugin = tmp_path / "kl_loaded_plugin.py"
    plugin.write_text("VALUE = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    invalidate_caches()
    module = import_module(plugin.stem)
    monkeypatch.setitem(sys.modules, plugin.stem, sys.modules.pop(plugin.stem))
    rewrite(plugin, "VALUE = 2\n")
    command()
    assert (module.VALUE, entries(folder)) == (1, [])


@pytest.mark.parametrize(
    ("holder", "name", "value"),
    [
        (key, "__version__", "9.9"),
        (key, "FORMAT", 0),
        (sys, "version", "3.99"),
        (sys, "executable", "/usr/bin/other"),
        (sys, "path", ["/elsewhere"]),
        (sys, "warnoptions", ["error"]),
        (key, "_terminal_size", lambda handle: (80, 24)),
    ],
)
def test_what_is_around_a_run_counts(
    holder: object, name: str, value: object, command: Command, monkeypatch: Patch
):
    before = key.key_of(["time", "model"])
    monkeypatch.setattr(holder, name, value)
    assert key.key_of(["time", "model"]) != before


@pytest.mark.parametrize(
    "name", ["KL_DEBUG", "NO_COLOR", "COLUMNS", "LC_ALL", "PYTHONHASHSEED", "FORCE_COLOR"]
)
def test_variables_that_change_what_is_printed_count(name: str, command: Command, monkeypatch: Patch):
    command()
    monkeypatch.setenv(name, "77")
    command()
    assert command.runs == 2


def test_options_and_the_working_folder_count(command: Command, tmp_path: Path, monkeypatch: Patch):
    command()
    command("--json")
    monkeypatch.chdir(tmp_path)
    command()
    assert command.runs == 3


def test_a_terminal_counts(command: Command, monkeypatch: Patch):
    before = key.key_of(["time", "model"])
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert key.key_of(["time", "model"]) != before


def test_what_stands_where_an_argument_leads_counts(tmp_path: Path, monkeypatch: Patch):
    monkeypatch.chdir(tmp_path)
    keys = [key.key_of(["time", "mini"])]
    for change in (
        lambda: (tmp_path / "mini").write_text("one"),
        lambda: (tmp_path / "mini").write_text("two"),
        lambda: (tmp_path / "config.json").write_text("{}"),
        lambda: (tmp_path / "mini").unlink(),
        lambda: (tmp_path / "mini").mkdir(),
    ):
        change()
        keys.append(key.key_of(["time", "mini"]))
    assert len({*keys}) == 5, "after unlink it is as in the beginning, the config beside it is nothing's"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.with_suffix(".trace").write_text("{}"),
        lambda path: subprocess.run([sys.executable, "-c", ""], check=True),
        lambda path: recording.spoil(),
        lambda path: open("/dev/zero", "rb").close(),
    ],
    ids=["writes a file", "starts a process", "says so itself", "reads a device"],
)
def test_what_cannot_be_repeated_is_run_again(
    spoil: Callable[[Path], object], command: Command, folder: Path
):
    command.also = lambda: spoil(command.model)
    command()
    command()
    assert (command.runs, entries(folder)) == (2, [])


@pytest.mark.parametrize(
    ("arguments", "spoiled"),
    [
        (["time", "mini"], False),
        (["time", "mini", "--trace", "mini.trace"], True),
        (["compile", "mini", "--to", "nn"], False),
        (["compile", "mini", "--to", "nn", "--json"], True),
        (["compile", "mini", "--to", "nn", "-o", "mini.mlir"], True),
    ],
)
def test_which_commands_can_be_kept(
    arguments: list[str], spoiled: bool, folder: Path, tmp_path: Path, monkeypatch: Patch
):
    monkeypatch.chdir(tmp_path)
    with (recorded := recording.Recording()):
        assert main(arguments) == 0
    assert (recorded.result(10**6) is None) == spoiled


def test_a_failure_is_run_again(command: Command, folder: Path):
    command.code = 1
    assert command()[0] == command()[0] == 1

    def fail() -> None:
        raise SystemExit(2)

    command.also = fail
    with pytest.raises(SystemExit):
        command()
    assert (command.runs, entries(folder)) == (3, [])
    assert not isinstance(sys.stdout, recording.RecordedStream), "the streams are back"


@pytest.mark.parametrize(
    "arguments", [[], ["run", "m"], ["time", "-"], ["compile", "m", "-o", "-"], ["--help"]]
)
def test_command_lines_that_are_not_looked_up(arguments: list[str], folder: Path):
    runs: list[int] = []
    for _ in range(2):
        through_cache(arguments, lambda: runs.append(1) or 0)
    assert (len(runs), folder.exists()) == (2, False)


def test_a_file_that_changes_during_the_run_is_not_trusted(command: Command, folder: Path):
    command.also = lambda: rewrite(command.model, "model two")
    command()
    assert entries(folder) == []


def test_a_large_file_is_known_by_its_times_alone(command: Command, tmp_path: Path, monkeypatch: Patch):
    weights = tmp_path / "model.safetensors"
    with weights.open("wb") as file:
        file.truncate(MOST_DIGEST_BYTES + 1)
    command.also = lambda: weights.open("rb").close()
    command()
    command()
    assert command.runs == 2, "it has just changed"
    monkeypatch.setattr(recording, "RECENT_NS", 0)
    command()
    command()
    assert command.runs == 3
    weights.touch()
    command()
    assert command.runs == 4


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: whole[: len(whole) // 2],
        lambda whole: whole[:-1] + bytes([whole[-1] ^ 1]),
        lambda whole: b"",
        lambda whole: b"\xff" * 100,
        lambda whole: whole.replace(b"again", b"often"),
    ],
)
def test_a_damaged_entry_is_written_anew(damage: Callable[[bytes], bytes], command: Command, folder: Path):
    first = command()
    [entry] = entries(folder)
    whole = entry.read_bytes()
    entry.write_bytes(damage(whole))
    assert (command(), command.runs) == (first, 2)
    assert (command(), command.runs) == (first, 2)


def test_an_entry_of_another_form_is_none(folder: Path):
    folder.mkdir()
    content = b'{"files": 3}\n'
    (folder / f"key{store.SUFFIX}").write_bytes(store._digest(content) + b"\n" + content)
    assert store.load(str(folder), "key") is None


def test_a_folder_that_takes_no_file_is_no_failure(command: Command, tmp_path: Path, monkeypatch: Patch):
    monkeypatch.setenv("KL_CACHE", str(command.model / "below a file"))
    assert command() == command() == (0, "run of model one, not \u00b5 again\n", "remark\n")
    monkeypatch.setenv("KL_CACHE", str(tmp_path / "cache"))

    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(store.os, "replace", refuse)
    assert command()[0] == 0
    assert [*(tmp_path / "cache").iterdir()] == [], "nothing is left behind"


def test_the_entries_used_least_lately_go_first(command: Command, folder: Path, monkeypatch: Patch):
    for number in range(4):
        command(f"--sockets={number}")
        [new] = [path for path in entries(folder) if path.stat().st_mtime > 1e6]
        os.utime(new, (number, number))
    command("--sockets=0")
    monkeypatch.setattr(store, "MOST_BYTES", 3 * entries(folder)[0].stat().st_size + 400)
    command("--sockets=4")
    runs = command.runs
    command("--sockets=0")
    assert command.runs == runs, "it was used"
    command("--sockets=1")
    assert command.runs == runs + 1


def test_files_of_others_stay(command: Command, folder: Path, monkeypatch: Patch):
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    monkeypatch.setattr(store, "MOST_BYTES", 0)
    command()
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]


def test_processes_share_a_folder(folder: Path, tmp_path: Path):
    """Six processes write and read the same few entries, with room for hardly any of them."""
    script = (
        "import sys; from kl.tools.results import recording, store, through_cache\n"
        "recording.LOADED_NS = 0; store.MOST_BYTES = 40_000\n"
        "for number in range(40):\n"
        "    name = f'model{number % 5}'\n"
        "    assert through_cache(['time', name], lambda: print(name * 500) or 0) == 0"
    )
    call = [sys.executable, "-c", script]
    started = [subprocess.Popen(call, cwd=tmp_path, stdout=-1, stderr=-1) for _ in range(6)]
    wanted = "".join(f"model{number % 5}" * 500 + "\n" for number in range(40)).encode()
    for process in started:
        out, error = process.communicate()
        assert (out, error, process.returncode) == (wanted, b"", 0)
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 200_000
    assert [*folder.glob(f"*{store.PART}")] == []


@pytest.mark.parametrize(("said", "wanted"), [("0", None), ("off", None), ("OFF", None), ("", None)])
def test_a_checkout_has_it_off(said: str, wanted: str | None, monkeypatch: Patch):
    monkeypatch.setenv("KL_CACHE", said)
    assert place.cache_folder() == wanted
    monkeypatch.delenv("KL_CACHE")
    assert place.cache_folder() is None


def test_an_installation_has_it_on(tmp_path: Path, monkeypatch: Patch):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    record = tmp_path / f"{project['name'].replace('-', '_')}-{place.__version__}.dist-info" / "RECORD"
    assert not place.is_installed(str(tmp_path / "kl"))
    record.parent.mkdir()
    record.touch()
    assert place.is_installed(str(tmp_path / "kl"))
    monkeypatch.delenv("KL_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(place, "is_installed", lambda: True)
    assert place.cache_folder() == str(tmp_path / "kl")


@pytest.mark.parametrize(
    ("platform", "variables", "wanted"),
    [
        ("linux", {"XDG_CACHE_HOME": "/caches"}, "/caches/kl"),
        ("linux", {"XDG_CACHE_HOME": "relative"}, "/me/.cache/kl"),
        ("darwin", {}, "/me/Library/Caches/kl"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/kl"),
    ],
)
def test_the_folder_of_the_user(platform: str, variables: dict[str, str], wanted: str, monkeypatch: Patch):
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"HOME": "/me", **variables}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(place.sys, "platform", platform)
    assert place.user_folder() == wanted


def test_an_output_that_is_full_is_an_error(command: Command, monkeypatch: Patch):
    class Full(io.BytesIO):
        def write(self, data: object, /) -> int:
            raise OSError(28, "No space left on device")

    command()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(Full(), encoding=sys.stdout.encoding))
    monkeypatch.setattr(key, "key_of", lambda arguments: entries(Path(os.environ["KL_CACHE"]))[0].stem)
    monkeypatch.setattr(results, "key_of", key.key_of)
    assert through_cache(["time", str(command.model)], command.run) == 1
    error = "kl: error: standard output: No space left on device\n"
    assert command.capture.readouterr().err == f"remark\n{error}"
    assert command.runs == 1


KL = (
    "import sys; from kl.tools.results import recording; recording.LOADED_NS = 0\n"
    "from kl.tools.kl import main; code = main()\n"
)
"""A process of `kl`."""
LIGHT = (
    "import sys; from kl.tools.kl import main; code = main()\n"
    "heavy = {'xdsl', 'numpy', 'rich', 'lark', 'argparse', 'dataclasses'} & {*sys.modules}\n"
    "assert (code, heavy) == (0, set()), (code, heavy)"
)
"""The same, if it imports next to nothing."""


@pytest.mark.parametrize("arguments", [["time", "llama3_tiny", "-O3"], ["compile", "mini", "--to", "nn"]])
def test_a_hit_of_kl_is_the_miss_byte_for_byte(arguments: list[str], folder: Path):
    off, miss, hit = (
        subprocess.run(
            [sys.executable, "-c", script, *arguments],
            env={**os.environ, "KL_CACHE": cache},
            capture_output=True,
            check=True,
        )
        for cache, script in (("off", KL), (str(folder), KL), (str(folder), LIGHT))
    )
    assert len(entries(folder)) == 1
    assert (off.stdout, off.stderr) == (miss.stdout, miss.stderr) == (hit.stdout, hit.stderr)
