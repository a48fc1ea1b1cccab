"""What the launch commands of a step take: what is loaded stays loaded, from one step to the next."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from kl.backends.sn40l.launch import command_cycles, first_step_extra_cycles, step_cycles, time_step
from kl.backends.sn40l.program import Command, Execute, LoadArguments, LoadProgram, Observe, Program
from kl.dialects.machine import SN40L

LAUNCH = {
    "program_load_ns": 20_000,
    "argument_load_ns": 4_000,
    "execute_ns": 3_000,
    "host_command_ns": 10_000,
}
"""As those of the fixtures."""
MACHINE = SN40L.with_values({**LAUNCH, "clock_hz": 1_000_000_000})


def launches(kernels: list[str]) -> list[Command]:
    """The commands that call kernels, each loaded where it is not loaded yet."""
    commands: list[Command] = []
    for number, kernel in enumerate(kernels):
        if number == 0 or kernels[number - 1] != kernel:
            commands.append(LoadProgram(kernel))
        commands += [LoadArguments(kernel, ()), Execute(kernel)]
    return commands


def program(commands: list[Command]) -> Program:
    """A program of these commands, which is not run."""
    return Program("test", MACHINE, (), (), tuple(commands), (), ())


def issued(commands: list[Command], steps: int, orchestration: str) -> list[list[int]]:
    """The cycles of each command, step after step, as a machine has them that knows what is loaded."""
    loaded, times = None, list[list[int]]()
    for _ in range(steps):
        times.append([])
        for command in commands:
            needless = isinstance(command, LoadProgram) and command.kernel == loaded
            times[-1].append(0 if needless else command_cycles(MACHINE, command, orchestration))
            loaded = command.kernel if isinstance(command, LoadProgram) else loaded
    return times


@given(st.lists(st.sampled_from("abc"), max_size=6), st.sampled_from(["hardware", "software"]))
def test_a_step_is_like_all_that_follow_the_first(kernels: list[str], orchestration: str) -> None:
    commands = [*launches(kernels), Observe("row", "y")]
    first, *others = issued(commands, 3, orchestration)
    assert others == [step_cycles(program(commands), orchestration)] * 2
    assert sum(first) - sum(others[0]) == first_step_extra_cycles(program(commands), orchestration)


def test_one_kernel_is_loaded_once_and_two_take_turns() -> None:
    one, two = program(launches(["a", "a"])), program(launches(["a", "b"]))
    assert step_cycles(one, "hardware") == [0, 4_000, 3_000, 4_000, 3_000]
    assert first_step_extra_cycles(one, "hardware") == 20_000
    assert step_cycles(two, "hardware") == [20_000, 4_000, 3_000, 20_000, 4_000, 3_000]
    assert first_step_extra_cycles(two, "hardware") == 0


def test_the_report_has_the_steps_after_the_first(decoder: Any) -> None:
    report = time_step(decoder(), {"position": 0})
    again = decoder()
    other = replace(again, commands=(LoadProgram("other"), *again.commands))
    assert report.first_step_extra_cycles == report.machine.cycles(LAUNCH["program_load_ns"])
    assert step_cycles(other, "hardware")[0] == report.first_step_extra_cycles
    assert report.to_json()["first_step_extra_cycles"] == report.first_step_extra_cycles
