"""Measures our numbers against transformers; `python tests/oracle/measured.py llama` prints them."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from cases import BATCH, CASES, STEPS, Case
from subject import STEPPED, VARIANTS, Subject, forced, greedy

from kl.backends.tensors import Array

SOCKETS = (1, 8)
DTYPES = ("f32", "bf16")
HAS_COMPILER = any(map(shutil.which, ("cc", "gcc", "clang")))
PROGRAM_STEPS = 8
"""Steps of the program on the machine, whose units all run: more than a window has."""
MOST_F32_ERROR = 3e-6
MOST_OF_OWN_ERROR = 1.2
"""Times what transformers' own run in bf16 is off."""


@dataclass(frozen=True)
class Measured:
    """A model in a type on some sockets."""

    name: str
    dtype: str
    sockets: int
    error: float
    """The largest max|a - b| / max|b| of a step against f64."""
    own_error: float
    """Likewise of transformers in the model's type."""
    of_own: float
    """The root mean square of all errors over that of transformers: the largest is a matter of chance.

    Where a router chooses, so is the mean, as what is rounded otherwise may choose another expert: it is the
    median of the rows then.
    """
    equal_tokens: int
    """Greedy tokens that f64 makes, too."""
    tokens: int
    alike: tuple[str, ...]
    """The runs whose bits are those of the model's text."""
    unlike: tuple[str, ...]
    """Those whose bits are not."""

    @property
    def objections(self) -> list[str]:
        """What is against the bars."""
        found = [f"{run} differs from the model's text in bits" for run in self.unlike]
        if self.dtype == "f32":
            if self.error > MOST_F32_ERROR:
                found.append(f"the error is {self.error:.2e}, above {MOST_F32_ERROR:.0e}")
            if self.equal_tokens < self.tokens:
                found.append(f"{self.equal_tokens} of {self.tokens} tokens are equal")
        elif self.of_own > MOST_OF_OWN_ERROR:
            found.append(
                f"the error is {self.of_own:.2f} times that of transformers, above {MOST_OF_OWN_ERROR}"
            )
        return found

    @property
    def row(self) -> str:
        """It as a line of the table."""
        bits = ", ".join(self.alike) + "".join(f", NOT {run}" for run in self.unlike)
        numbers = (
            f"{self.error:9.1e} {self.own_error:9.1e} {self.of_own:6.2f} {self.equal_tokens:4}/{self.tokens}"
        )
        return f"{self.name:20} {self.dtype:5} {self.sockets:7} {numbers}  {bits}"


HEADER = (
    f"{'model':20} {'type':5} sockets {'error':>9} {'theirs':>9} {'times':>6}  tokens  same bits as the text"
)


def measure(case: Case, dtype: str, folder: Path) -> Iterator[Measured]:
    """Build a model in a folder and compare it, on each number of sockets."""
    import judge

    published = judge.save_model(case, dtype, folder)
    tokens = judge.tokens_of(case, BATCH[dtype])
    exact = judge.logits(folder, "f64", tokens)
    own = judge.logits(folder, dtype, tokens)
    wanted, distance = exact.argmax(-1), _median if case.chooses else _distance
    for sockets in SOCKETS:
        subject = Subject(published, sockets, BATCH[dtype])
        found = forced(subject.reference(), tokens)
        runs = dict(_same_bits(subject, found, tokens, dtype == "f32"))
        alike, unlike = (tuple(name for name, same in runs.items() if same is one) for one in (True, False))
        equal = int(np.count_nonzero(found[0] == wanted))
        ours = found[1].astype(np.float64)
        errors = (error_of(ours, exact), error_of(own, exact), distance(ours, exact) / distance(own, exact))
        yield Measured(case.name, dtype, sockets, *errors, equal, wanted.size, alike, unlike)


def error_of(given: Array, exact: Array) -> float:
    """The largest max|a - b| / max|b| of a step."""
    largest = np.abs(exact).max(axis=(1, 2))
    return float((np.abs(given - exact).max(axis=(1, 2)) / largest).max())


def _distance(given: Array, exact: Array) -> float:
    return float(np.sqrt(np.mean((given - exact) ** 2)))


def _median(given: Array, exact: Array) -> float:
    """The root mean square of a row's errors, in the median of all rows and steps."""
    return float(np.median(np.sqrt(np.mean((given - exact) ** 2, axis=-1))))


def _same_bits(
    subject: Subject, found: tuple[Array, Array], tokens: Array, every: bool
) -> Iterator[tuple[str, bool]]:
    """Whether variants have the bits of the model's text; the looped one alone unless `every` is wanted."""
    for name, choice in VARIANTS.items():
        if every or name == "looped":
            yield name, _is_same(forced(subject.variant(choice), tokens), found)
        if subject.sockets == 1 and HAS_COMPILER and every and name != "fused":
            threads = 1 if name == "unfused" else 2
            yield f"{name} in C", _is_same(forced(subject.native(choice, threads), tokens), found)
    if every:
        first = [values[:PROGRAM_STEPS] for values in found]
        program = subject.program(VARIANTS["looped"])
        yield "program", _is_same(forced(program, tokens[:PROGRAM_STEPS]), first)
        single = greedy(subject.reference(), tokens[0], STEPS, 1)
        steps = STEPPED.steps_per_call
        stepped = greedy(subject.stepped(STEPPED), tokens[0], STEPS // steps, steps)
        yield "stepped", stepped.tobytes() == single.tobytes()
        if subject.sockets == 1 and HAS_COMPILER:
            native = greedy(subject.native(STEPPED, 2), tokens[0], STEPS // steps, steps)
            yield "stepped in C", native.tobytes() == single.tobytes()


def _is_same(given: Iterable[Array], wanted: Iterable[Array]) -> bool:
    return all(one.tobytes() == two.tobytes() for one, two in zip(given, wanted, strict=True))


def _print(case: Case, dtype: str) -> bool:
    """Print the rows of a case; whether all is well."""
    try:
        with TemporaryDirectory() as folder:
            rows = [*measure(case, dtype, Path(folder))]
    except Exception as error:  # what a model lacks must not hide the others
        print(
            f"{case.name:20} {dtype:5} {type(error).__name__}: {' '.join(str(error).split())[:120]}",
            flush=True,
        )
        return False
    for one in rows:
        print("\n  ".join([one.row, *one.objections]), flush=True)
    return not any(one.objections for one in rows)


def main(names: list[str]) -> int:
    """Print the table of the cases whose names begin so, of all if there are none; 1 if one fails."""
    print(HEADER)
    chosen = [case for case in CASES if not names or case.name.startswith(tuple(names))]
    printed = [_print(case, dtype) for case in chosen for dtype in DTYPES]
    return 0 if all(printed) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
