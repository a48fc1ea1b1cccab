"""What a shell offers for `kl` and `kl-opt`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kl.tools import kl

TRY = """
eval "$(kl completion bash)"
complete -p kl kl-opt
offer() {
  COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}; COMP_TYPE=9
  COMPREPLY=(); _python_argcomplete "$1"; echo "$*: ${COMPREPLY[*]}"
}
offer kl-opt --repr
offer kl-opt -p canonicalize,outl
offer kl comp
"""


def test_bash_completes_options_commands_and_passes():
    pytest.importorskip("argcomplete")
    if (bash := shutil.which("bash")) is None:
        pytest.skip("bash is not installed")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path}
    done = subprocess.run([bash, "-c", TRY], capture_output=True, text=True, check=True, env=environment)
    registered, offered = done.stdout.splitlines()[:2], done.stdout.splitlines()[2:]
    assert all("-F _python_argcomplete kl" in line for line in registered)
    assert [line.split() for line in offered] == [
        ["kl-opt", "--repr:", "--reproducer"],
        ["kl-opt", "-p", "canonicalize,outl:", "canonicalize,outline-kernels"],
        ["kl", "comp:", "compile", "compare", "completion"],
    ]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts(shell: str, capsys: pytest.CaptureFixture[str]):
    pytest.importorskip("argcomplete")
    assert kl.main(["completion", shell]) == 0
    out = capsys.readouterr().out
    assert "kl-opt" in out
    assert "argcomplete" in out.lower()


def test_without_the_library(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setitem(sys.modules, "argcomplete", None)
    monkeypatch.setitem(sys.modules, "argcomplete.shell_integration", None)
    assert kl.main(["completion", "bash"]) == 1
    said = capsys.readouterr().err
    assert said == "kl: error: argcomplete is not installed; run: pip install 'kernel-looping[completion]'\n"
    monkeypatch.setenv("_ARGCOMPLETE", "1")
    with pytest.raises(SystemExit) as end:
        kl.main(["compile"])
    assert end.value.code == 1
    assert capsys.readouterr().err == ""


def test_another_shell(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as end:
        kl.main(["completion", "csh"])
    assert end.value.code == 2
    assert "invalid choice: 'csh' (choose from 'bash', 'zsh', 'fish')" in capsys.readouterr().err
