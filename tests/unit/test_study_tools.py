"""What the commands that run studies share: options, the display, errors."""

from __future__ import annotations

import argparse
import io
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from rich.console import Console

from kl.explore.errors import SpaceError, StudyError
from kl.explore.history import Objective
from kl.explore.outcome import Outcome, Trial
from kl.tools import study_display
from kl.tools.command_line import add_options, filled
from kl.tools.commands.tune import resumable
from kl.tools.diagnostics import Diagnostic, describe
from kl.tools.study_display import Progress
from kl.tools.study_options import StudyOptions, study_group

OBJECTIVES = (Objective("time", capacity=10.0), Objective("speed", "maximise"))


def trial(number: int, values: tuple[float, float] | None, status: str = "feasible") -> Trial:
    outcome = Outcome(values, status=status)  # pyright: ignore[reportArgumentType]
    return Trial(number, {"tile": number, "order": (1, 0)}, outcome, 0.0, 1.0)


@dataclass(frozen=True)
class Study:
    study: StudyOptions = study_group("study.db", 100)  # noqa: RUF009


def parse(*words: str) -> StudyOptions:
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_options(parser, Study)
    return filled(Study, parser.parse_args(words)).study


def test_options_have_defaults():
    assert parse() == StudyOptions(None, 100)
    assert (parse().at_a_time, parse().cluster, parse().seed, parse().method) == (1, None, 0, "default")
    given = parse(
        "--storage", "a.journal", "--timeout", "1.5", "--jobs", "3", "--method", "random", "--resume"
    )
    assert (given.storage, given.timeout, given.jobs, given.method) == ("a.journal", 1.5, 3, "random")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--timeout", "soon"), "'soon' is no number of seconds"),
        (("--timeout", "0"), "0 is no time above 0"),
        (("--timeout", "inf"), "inf is no time above 0"),
        (("--budget", "0"), "0 is not positive"),
        (("--seed", "-1"), "-1 is not zero or positive"),
    ],
)
def test_options_are_checked(words: Sequence[str], message: str):
    with pytest.raises(argparse.ArgumentError, match=message):
        parse(*words)


def shown(progress: Progress) -> str:
    stream = io.StringIO()
    Console(file=stream, width=120).print(progress.render())
    return stream.getvalue()


def test_the_display_shows_how_far_it_is_and_what_is_best():
    before = [trial(0, (4.0, 1.0)), trial(1, None, "failed")]
    progress = Progress(OBJECTIVES, before, 8)
    progress.add(trial(2, (2.0, 3.0)))
    progress.add(trial(3, (1.0, 9.0), "infeasible"))
    text = shown(progress)
    assert "4 of 8 evaluations" in text
    assert "left" in text
    assert "50.0 % feasible, 1 infeasible, 1 failed, hypervolume 16" in text, "(10 - 2) x (3 - 1)"
    assert [line.split()[:4] for line in text.splitlines()[2:]] == [
        ["best", "time", "2", "tile"],
        ["best", "speed", "3", "tile"],
    ]
    assert "tile 2, order (1, 0)" in text


def test_the_display_works_when_nothing_is_known():
    progress = Progress(OBJECTIVES, [], 8)
    assert "0 of 8 evaluations" in shown(progress)
    assert progress.line() == "0 of 8 evaluations, 0.0 % feasible, 0:00:00"


def test_without_a_terminal_a_line_is_written_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    with study_display.study_progress(OBJECTIVES, [], 8, silent=False) as on_trial:
        on_trial(trial(0, (4.0, 1.0)))
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(study_display, "LINE_SECONDS", 0.0)
    with study_display.study_progress(OBJECTIVES, [], 8, silent=False) as on_trial:
        on_trial(trial(0, (4.0, 1.0)))
    assert capsys.readouterr().err.startswith("1 of 8 evaluations, 100.0 % feasible, hypervolume")
    with study_display.study_progress(OBJECTIVES, [], 8, silent=True) as on_trial:
        on_trial(trial(0, (4.0, 1.0)))
    assert capsys.readouterr().err == ""


def test_a_terminal_gets_a_live_display(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    with study_display.study_progress(OBJECTIVES, [], 8, silent=False) as on_trial:
        on_trial(trial(0, (4.0, 1.0)))
    assert "of 8 evaluations" in capsys.readouterr().err


@pytest.mark.parametrize("error", [StudyError("no such study"), SpaceError("empty")])
def test_what_the_explorer_refuses_is_wrong_input(error: Exception):
    assert describe(error) == Diagnostic(str(error))


def test_after_an_interruption_it_says_how_to_go_on(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(KeyboardInterrupt), resumable("study.db"):
        raise KeyboardInterrupt
    assert "kept in study.db: the same command goes on with it" in capsys.readouterr().err
