"""A compile makes its machine once, however often its passes ask for it, and once with fewer sockets."""

from __future__ import annotations

from pathlib import Path

import pytest

from kl.dialects import machine
from kl.dialects.machine import SN40L, Machine
from kl.tools.kl import main

TINY = str(Path(__file__).parents[2] / "examples/llama3_tiny.kl")


def test_equal_machines_are_one_object():
    one = SN40L.with_values({"sockets": 2, "pmus": 500})
    assert SN40L.with_values({"pmus": 500}).with_values({"sockets": 2}) is one
    assert one.with_values({"pmus": 500}) is one
    assert one.with_values({"pmus": SN40L.pmus, "sockets": 1}) == SN40L
    assert SN40L.with_values({"pmus": SN40L.pmus}) is SN40L


@pytest.mark.parametrize(
    ("options", "made"), [([], 0), (["--sockets", "2", "--set", "hbm_bandwidth=1.7e12"], 2)]
)
@pytest.mark.parametrize("command", ["compile", "time"])
def test_a_compile_makes_its_machine_once(
    command: str, options: list[str], made: int, monkeypatch: pytest.MonkeyPatch
):
    machine._made.cache_clear()  # pyright: ignore[reportPrivateUsage]
    count = 0
    check = Machine.__post_init__

    def counted(self: Machine) -> None:
        nonlocal count
        count += 1
        check(self)

    monkeypatch.setattr(Machine, "__post_init__", counted)
    assert main([command, TINY, *options]) == 0
    # Of two sockets, that of one is asked as well whether it would be faster.
    assert count == made, "SN40L itself is made when the module is imported"
