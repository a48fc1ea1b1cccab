"""What the benchmark and a peer's script say to each other: a line of JSON each way, over stdin and stdout.

The first line is the task: the parameters with their kinds (`ordinal` or `categorical`) and numbers of
values, the number of objectives and slacks, a reference point, a seed, and the warm-up sample with its
answers. Then the script writes a point, the numbers of its values, and reads its answer, until its input
ends.

Scripts run in the environment of the peer: they import nothing of the benchmark but this file.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Answer:
    """What came of a point; values are of the reference point where it has none."""

    values: list[float]
    slacks: list[float]
    feasible: bool


class Driver:
    """The benchmark, as a peer's script sees it. What libraries print goes to stderr."""

    def __init__(self) -> None:
        self._out = os.fdopen(os.dup(1), "w", buffering=1)
        os.dup2(2, 1)
        sys.stdout = sys.stderr
        self.task: dict[str, Any] = json.loads(sys.stdin.readline())
        self.warm_up = [(entry["point"], Answer(**entry["answer"])) for entry in self.task["warm_up"]]

    def evaluate(self, point: list[int]) -> Answer:
        """The answer to a point. Ends the process when the benchmark wants no more."""
        try:
            self._out.write(json.dumps([int(value) for value in point]) + "\n")
        except BrokenPipeError:
            os._exit(0)
        line = sys.stdin.readline()
        if not line:
            os._exit(0)
        return Answer(**json.loads(line))
