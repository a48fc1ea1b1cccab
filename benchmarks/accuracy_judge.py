"""A judge of the claim "up to 3.7x over DGX H100": both sides by our models, at batch 1 and context 4096.

KL compares looped programs on SN40L systems with a DGX H100 that runs TensorRT-LLM, and says that it reaches
21 % of its bandwidth. Here the H100 launches kernel by kernel with the constants that are fitted to measured
points; beside it stands what such a machine can do in 2026: a persistent kernel, whose barriers are fitted to
the 78 % of the bandwidth that are published of one (Llama-3.2-1B on one H100), and no serving stack.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import accuracy_gpu as gpu
from models import timed

from kl.backends.sequence.constants import calibrated
from kl.backends.sequence.costs import Conditions, step_amount, step_seconds
from kl.backends.sequence.work import StepWork
from kl.backends.targets import Choice
from kl.dialects.sequence_machine import SequenceMachine
from kl.tools.calibration.steps import UNFUSED, program_of
from kl.tools.calibration.tables import Model
from kl.tools.universe import find_target

MODELS = ("llama3_2_1b", "llama3_8b", "llama3_70b")
CONTEXT, GPUS = 4096, 8
LOOPED = Choice("layer", loop=True)
COLUMNS = (
    "model", "SN40L x 8", "SN40L x 16",
    "H100 x 8, kernel by kernel", "share of its bandwidth, of what it attains", "SN40L x 8, x 16 to it",
    "H100 x 8, persistent", "share of its bandwidth, of what it attains", "SN40L x 8, x 16 to it",
)  # fmt: skip


@dataclass(frozen=True)
class Verdict:
    """Tokens a second of both sides, and the H100's shares of its full bandwidth."""

    model: str
    eight: float
    sixteen: float
    launched: float
    launched_shares: tuple[float, float]
    """Of the full bandwidth, and of what streams of weights attain."""
    persistent: float
    persistent_shares: tuple[float, float]

    @property
    def cells(self) -> tuple[str, ...]:
        """As a row of `COLUMNS`."""
        return (
            self.model,
            f"{self.eight:.0f}",
            f"{self.sixteen:.0f}",
            f"{self.launched:.0f}",
            ", ".join(f"{share:.0%}" for share in self.launched_shares),
            f"{self.eight / self.launched:.2f}x, {self.sixteen / self.launched:.2f}x",
            f"{self.persistent:.0f}",
            ", ".join(f"{share:.0%}" for share in self.persistent_shares),
            f"{self.eight / self.persistent:.2f}x, {self.sixteen / self.persistent:.2f}x",
        )


def _rate(machine: SequenceMachine, work: StepWork, attained: int) -> tuple[float, tuple[float, float]]:
    """Tokens a second, and shares of the full bandwidth and of what streams attain, in permille of it."""
    seconds = step_seconds(machine, work, Conditions(CONTEXT - 1))
    share = step_amount(machine, work, CONTEXT - 1).memory / seconds
    return 1 / seconds, (share, share * 1000 / attained)


def verdict(model: str) -> Verdict:
    """Both sides for a model."""
    asked = Model(model, (), 1, GPUS)
    plain = gpu.machine("h100").with_values({"sockets": GPUS})
    tags = {"Hopper", "trtllm", ""}
    its = [one for one in gpu.constants() if one.tag in tags and one.needs != "quantised"]
    served = calibrated(plain, its, gpu.kept().in_sample)
    target, values = find_target("sequence"), dict(plain.items())
    unfused, looped = (
        program_of(target, values, asked, CONTEXT, choice).work for choice in (UNFUSED, LOOPED)
    )
    ours = (timed(model, sockets, "looped", context=CONTEXT).tokens_per_second for sockets in (8, 16))
    launched = _rate(served, unfused, served.memory_permille)
    return Verdict(model, *ours, *launched, *_rate(plain, looped, plain.persistent_permille))


def verdicts() -> Iterator[Verdict]:
    """All of them."""
    return map(verdict, MODELS)
