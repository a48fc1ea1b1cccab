"""Knobs change what a program costs, never what it computes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kl.tools.kl import main
from kl.tools.tuning.evaluation import Source, tuned_module
from kl.tools.tuning.space import default_template, mapping_space

TINY = str(Path(__file__).parents[2] / "examples/llama3_tiny.kl")


@pytest.mark.parametrize("sockets", [1, 2])
def test_any_setting_of_the_knobs_computes_the_same(sockets: int):
    """Outputs and caches after two steps are those of the reference, bit for bit."""
    template = default_template(sockets)
    source = Source(TINY, (), (("sockets", sockets),))
    mapping = mapping_space(template, tuned_module(source, template))
    for point in mapping.space.sample(np.random.default_rng(sockets), 6):
        arguments = ["--pipeline", mapping.pipeline(point), "--steps", "2", "--check"]
        assert main(["run", TINY, "--sockets", str(sockets), *arguments]) == 0, point
