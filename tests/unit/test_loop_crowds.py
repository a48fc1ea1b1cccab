"""Kernels that have too many stages together are asked about once, not in each loop that holds them."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import pytest

from kl.passes.looping import looped_kernel
from kl.passes.looping.looped_kernel import shortage
from kl.tools.kl import main

TINY = ["time", "examples/mini.kl", "--fusion", "op", "--param", "layers=8"]


def asked(*machine: str) -> int:
    """How many trials a search for loops takes on a machine."""
    trials: list[Any] = []

    def counted(func: Any, machine: Any) -> Any:
        trials.append(func)
        return shortage(func, machine)

    with patch.object(looped_kernel, "shortage", counted):
        assert main([*TINY, *machine]) == 0
    return len(trials)


def test_loops_of_a_crowd_are_not_tried(capsys: pytest.CaptureFixture[str]):
    assert asked("--set", "pcus=2") <= 3
    assert "together they have 3 stages, the machine has 2 PCUs; raise pcus" in capsys.readouterr().err
