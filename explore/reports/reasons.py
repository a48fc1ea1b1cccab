"""Why evaluations were not feasible, as they say themselves: messages, and resources that fell short."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

import numpy as np

from .record import StudyRecord

NUMBERS = re.compile(r"\d[\d,]*(?:\.\d+)?(?:[eE][+-]?\d+)?")
"""Messages that differ in their numbers only are one."""


@dataclass(frozen=True)
class Message:
    """A message of evaluations that were not feasible."""

    text: str
    """As the first of them has it."""

    status: str
    count: int
    first: int
    """The number of the first trial with it."""


@dataclass(frozen=True)
class Resource:
    """How often, and by how much, there was too little of something."""

    name: str
    exceeded: int
    evaluations: int
    largest: float
    """The largest excess."""
    unit: str = ""
    """Empty where the study does not say it."""


def find_messages(record: StudyRecord) -> tuple[Message, ...]:
    """All messages, the most frequent first."""
    told = [
        ((trial.outcome.status, NUMBERS.sub("0", trial.outcome.message)), trial)
        for trial, evaluation in zip(record.trials, record.evaluations, strict=True)
        if not evaluation.feasible and trial.outcome.message
    ]
    counts = Counter(key for key, _ in told)
    firsts = dict(reversed(told))
    return tuple(
        Message(firsts[key].outcome.message, key[0], count, firsts[key].number)
        for key, count in counts.most_common()
    )


def find_resources(record: StudyRecord) -> tuple[Resource, ...]:
    """The resources that fell short, the most frequent first."""
    names = dict.fromkeys(name for evaluation in record.evaluations for name in evaluation.slacks)
    found: list[Resource] = []
    for name in names:
        known = [evaluation.slacks[name] for evaluation in record.evaluations if name in evaluation.slacks]
        slacks = np.array([slack for slack in known if np.isfinite(slack)])
        exceeded = int((slacks > 0).sum())
        if exceeded:
            found.append(
                Resource(name, exceeded, len(slacks), float(slacks.max()), record.about.units.get(name, ""))
            )
    return tuple(sorted(found, key=lambda resource: -resource.exceeded))
