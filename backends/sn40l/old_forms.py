"""Documents of earlier versions, made documents of this one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ...dialects.loop_tree import LoopTree
from ...dialects.vocabulary import ITERATION, STEP
from .documents import decode, encode
from .errors import ProgramError, require
from .units import KINDS


def modernise(program: Any, version: int) -> None:
    """Change a program of a version in place.

    Raises: ProgramError if what has changed since does not make sense.
    """
    if version == 1:
        for path, unit in _units(program):
            _set_rate(unit, path)
    if version <= 2:
        for path, kernel in _members(program, "kernels", "program"):
            _set_loops(kernel, path)
    if version <= 3:
        for path, unit in _units(program):
            for where, instruction in _members(unit, "body", path):
                if instruction.get("operation") == "nn.rope":
                    _set_frequencies(instruction, f"{where}.attributes")


def _units(program: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """The units of a document and their paths, as far as there are any."""
    for path, kernel in _members(program, "kernels", "program"):
        yield from _members(kernel, "units", path)


def _members(owner: Any, name: str, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The objects of a list in a document and their paths."""
    found: Any = owner.get(name) if isinstance(owner, dict) else None
    members: list[Any] = found if isinstance(found, list) else []
    for number, member in enumerate(members):
        if isinstance(member, dict):
            yield f"{path}.{name}[{number}]", member


def _set_rate(unit: dict[str, Any], path: str) -> None:
    """Turn the flags `once` and `per_step` of version 1 into a rate.

    Raises: ProgramError if they are no flags, or both are set.
    """
    names = {"once": "call", "per_step": "step"}
    rates = [names[name] for name in names if decode(bool, unit.pop(name, False), f"{path}.{name}")]
    if len(rates) > 1:
        raise ProgramError(f"{path}: it runs once a call, and once a decode step; it can do one")
    if rates:
        unit["rate"] = rates[0]


def _set_loops(kernel: dict[str, Any], path: str) -> None:
    """Turn the `iterations` and `steps` of versions 1 and 2 into loops.

    Raises: ProgramError if they are no numbers, or iterations make no equal steps.
    """
    if "iterations" not in kernel:
        raise ProgramError(f"{path}: field 'iterations' of Kernel is missing")
    names = ("iterations", "steps")
    iterations, steps = (decode(int, kernel.pop(name, 1), f"{path}.{name}") for name in names)
    if steps < 1 or iterations % steps:
        raise ProgramError(f"{path}: {iterations} iterations do not make {steps} equal decode steps")
    units = [unit for _, unit in _members(kernel, "units", path)]
    own = {kind.__name__: kind.rate for kind in KINDS}
    rates = {unit.get("rate") or own.get(str(unit.get("kind"))) or ITERATION for unit in units}
    counts = ((STEP, steps, steps > 1 or STEP in rates), (ITERATION, iterations // steps, ITERATION in rates))
    kernel["loops"] = encode(LoopTree.chain([(name, count) for name, count, used in counts if used]).loops)
    for unit in units:
        if unit.get("rate") == ITERATION:
            del unit["rate"]


def _set_frequencies(rope: dict[str, Any], path: str) -> None:
    """Turn the `theta` and the scaling of versions 1 to 3 into frequencies.

    Radians per position were `theta^(-2j / head_dim)`, stretched as Llama 3.1 does: wavelengths up to
    `original_context / high_frequency_factor` stayed, those from `original_context / low_frequency_factor` on
    grew by `scaling_factor`; in between, the share of each went linearly with the frequency.

    Raises: ProgramError if they are no numbers above zero.
    """
    import numpy as np

    given = decode(Mapping[str, int | float], rope.get("attributes"), path)
    wanted = ["head_dim", "theta", *(_SCALING if _SCALING[0] in given else ())]
    for name in wanted:
        require(given.get(name, 0) > 0, f"{path}: {name} of a rope is {given.get(name)}, not above zero")
    head_dim = given["head_dim"]
    frequencies = given["theta"] ** (-np.arange(0, head_dim, 2) / head_dim)
    if len(wanted) > 2:
        factor, low, high, original = (given[name] for name in _SCALING)
        require(low < high, f"{path}: low_frequency_factor {low} is not below {high}")
        turns = original * frequencies / (2.0 * np.pi)
        kept = np.clip((turns - low) / (high - low), 0.0, 1.0)
        frequencies = frequencies * (kept + (1.0 - kept) / factor)
    rope["attributes"] = {"head_dim": head_dim, "frequencies": frequencies.tolist()}


_SCALING = ("scaling_factor", "low_frequency_factor", "high_frequency_factor", "original_context")
