"""Commands in forks of a preloaded Python behave as processes do; lit's configuration finds tools."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kl.tools.testing.fork_server import ForkServer, origin_of
from kl.tools.testing.lit_config import add_tool, configure
from kl.tools.testing.preloading import CAN_FORK, ForkedCommand, Preloading, Server, script_of

PIPE, STDOUT = subprocess.PIPE, subprocess.STDOUT
BIN = Path(sys.executable).parent
VARIABLES = {**os.environ}

pytestmark = pytest.mark.skipif(not CAN_FORK, reason="commands are processes here")


@pytest.fixture(scope="module")
def preloading() -> Iterator[Preloading]:
    """What lit's shell starts commands by, for this environment."""
    made = Preloading()
    made.add(VARIABLES)
    yield made
    made.close()


def start(
    preloading: Any, folder: Path, *args: str, env: Mapping[str, str] = VARIABLES, **streams: Any
) -> Any:
    """Start `python ARGS`, as lit does, by `Preloading` or `subprocess`."""
    every = {"stdin": subprocess.DEVNULL, "stdout": PIPE, "stderr": PIPE} | streams
    python = sys.executable
    more = {"universal_newlines": True, "errors": "replace"}
    return preloading.Popen([python, *args], executable=python, cwd=folder, env=dict(env), **every, **more)


SCRIPTS = {
    "streams": "import sys\nprint('ä')\nprint('err', file=sys.stderr)\nsys.exit(sys.stdin.read().count('x'))",
    "arguments": "import os, sys\nprint(sys.argv, os.getcwd(), sys.path[0], __name__, __file__)",
    "message": "import sys\nsys.exit('wrong')",
    "exception": "raise ValueError('wrong')",
    "signal": "import os\nos.kill(os.getpid(), 9)",
    "at exit": "import atexit\natexit.register(print, 'end')",
    "sibling": "import helper\nprint(helper.NAME)",
    "terminal": "import sys\nout = sys.stdout\nprint(out.isatty(), out.encoding, out.name, out.seekable())",
    "inputs": "import sys\nprint(sys.stdin.name, sys.stdin.seekable(), sys.stderr.line_buffering)",
    "large": "import sys\nprint('a' * 300_000)\nprint('b' * 300_000, file=sys.stderr)",
    "bytes": "import sys\nsys.stdout.buffer.write(bytes([255, 10]))",
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_fork_does_what_a_process_does(preloading: Preloading, tmp_path: Path, name: str):
    (tmp_path / "script.py").write_text(SCRIPTS[name], encoding="utf-8")
    (tmp_path / "helper.py").write_text("NAME = 'helper'", encoding="utf-8")
    (tmp_path / "input").write_text("xx", encoding="utf-8")
    ended: list[tuple[int, str, str]] = []
    for popen in (preloading, subprocess):
        with open(tmp_path / "input", encoding="utf-8") as stdin:
            command = start(popen, tmp_path, "script.py", "one", "two words", stdin=stdin)
            out, err = command.communicate()
        ended.append((command.wait(), out, err.splitlines()[-1] if err else ""))
    assert ended[0] == ended[1]


def test_streams_go_where_they_are_sent(preloading: Preloading, tmp_path: Path):
    (tmp_path / "script.py").write_text(SCRIPTS["streams"], encoding="utf-8")
    with open(tmp_path / "both", "w+", encoding="utf-8") as both:
        command = start(preloading, tmp_path, "script.py", stdin=PIPE, stdout=both, stderr=STDOUT)
        command.stdin.write("xxx")
        command.stdin.close()
        assert command.communicate() == (None, None)
        assert command.wait() == 3
        both.seek(0)
        assert sorted(both.read().splitlines()) == ["err", "ä"]


def test_a_pipe_of_forks_runs_at_once(preloading: Preloading, tmp_path: Path):
    (tmp_path / "many.py").write_text("for i in range(100_000): print(i)", encoding="utf-8")
    (tmp_path / "count.py").write_text("import sys\nprint(len(sys.stdin.read().split()))", encoding="utf-8")
    first = start(preloading, tmp_path, "many.py", stderr=subprocess.DEVNULL)
    second = start(preloading, tmp_path, "count.py", stdin=first.stdout)
    assert second.communicate() == ("100000\n", "")
    assert (first.stdout.read(), first.wait(), second.wait()) == ("", 0, 0)
    first.stdout.close()


def test_a_fork_can_be_killed(preloading: Preloading, tmp_path: Path):
    (tmp_path / "script.py").write_text("import time\nprint(flush=True)\ntime.sleep(600)", encoding="utf-8")
    command = start(preloading, tmp_path, "script.py")
    assert command.stdout.readline() == "\n"
    os.kill(command.pid, signal.SIGTERM)
    assert command.communicate() == ("", "")
    assert command.wait() == -signal.SIGTERM


def test_forks_end_with_their_server(tmp_path: Path):
    (tmp_path / "script.py").write_text("import time\nprint(flush=True)\ntime.sleep(600)", encoding="utf-8")
    made = Preloading()
    made.add(VARIABLES)
    command = start(made, tmp_path, "script.py")
    assert command.stdout.readline() == "\n"
    made.close()
    assert command.stdout.read() == "", "its end of the pipe is closed"
    command.stdout.close()
    command.stderr.close()
    command._connection.close()


def test_the_server_sees_no_ctrl_c_from_its_first_instruction_on(capfd: pytest.CaptureFixture[str]):
    server = Server(VARIABLES)
    server.process.send_signal(signal.SIGINT)
    server.close()
    assert server.process.returncode == 0
    assert "Traceback" not in capfd.readouterr().err


def test_what_one_fork_changes_the_next_does_not_see(preloading: Preloading, tmp_path: Path):
    text = "import json, os\nprint(hasattr(json, 'x'), os.environ.get('X'))\njson.x = os.environ['X'] = '1'"
    (tmp_path / "script.py").write_text(text, encoding="utf-8")
    for _ in range(3):
        assert start(preloading, tmp_path, "script.py").communicate()[0] == "False None\n"


def test_another_environment_has_a_process(preloading: Preloading, tmp_path: Path):
    (tmp_path / "script.py").write_text("import sys\nprint(sys.flags.utf8_mode)", encoding="utf-8")
    same = start(preloading, tmp_path, "script.py")
    assert isinstance(same, ForkedCommand)
    assert same.communicate()[0] == "0\n"
    other = start(preloading, tmp_path, "script.py", env={**VARIABLES, "PYTHONUTF8": "1"})
    assert isinstance(other, subprocess.Popen)
    assert other.communicate()[0] == "1\n"


def test_scripts_of_this_python(tmp_path: Path):
    ours, other, no_script = (tmp_path / name for name in ("ours", "other", "no-script"))
    ours.write_text(f"#!{sys.executable}\n")
    other.write_text("#!/usr/bin/env python3\n")
    no_script.write_bytes(b"\x7fELF\xff")
    assert script_of(["ours", "-x"], str(ours)) == [str(ours), "-x"]
    assert script_of(["other"], str(other)) is None
    assert script_of(["no-script"], str(no_script)) is None
    assert script_of(["python", "-c", "1"], sys.executable) is None
    assert script_of(["python", "a.py", "-x"], sys.executable) == ["a.py", "-x"]
    assert script_of(["kl-opt"], str(BIN / "kl-opt")) == [str(BIN / "kl-opt")]


def configuration(path: Path | str) -> Any:
    """A configuration as lit makes it before it reads a `lit.cfg.py`."""
    return SimpleNamespace(environment={"PATH": str(path)}, available_features=set[str](), substitutions=[])


def test_the_newest_version_of_a_tool_is_taken(tmp_path: Path):
    for name in ("mlir-opt-9", "mlir-opt-19", "mlir-opt-next"):
        (tmp_path / name).touch(0o755)
    (tmp_path / "mlir-opt-20").touch(0o644)
    config = configuration(tmp_path)
    add_tool(config, "mlir-opt")
    add_tool(config, "circt-opt")
    assert config.available_features == {"mlir-opt"}
    [(pattern, tool)] = config.substitutions
    assert tool == str(tmp_path / "mlir-opt-19")
    assert re.sub(pattern, "!", "mlir-opt x/mlir-opt mlir-opt-9 mlir-opt.mlir | mlir-opt") == (
        "! x/mlir-opt mlir-opt-9 mlir-opt.mlir | !"
    )


def test_the_tools_beside_this_python_come_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    (tmp_path / "FileCheck").touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", "packages")
    config = configuration("")
    configure(config)
    assert config.environment["PATH"] == f"{BIN}:{tmp_path}"
    assert config.environment["PYTHONPATH"] == "packages"
    assert config.substitutions == []
    assert set(config.suffixes) == {".mlir", ".kl"}


def test_what_a_fork_is_still_writing_is_read_later():
    line = json.dumps(["json", origin_of("json")]).encode() + b"\n"
    ours, theirs = socket.socketpair()
    with ours, theirs:
        server = ForkServer(ours)
        with server.imports as imports:
            os.write(imports.fileno(), line + line[:9])
            server.import_what_forks_did()
            assert server.imports_read == len(line)
            os.write(imports.fileno(), line[9:])
            server.import_what_forks_did()
            assert server.imports_read == 2 * len(line)
