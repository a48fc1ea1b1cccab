"""What the explorer refuses."""

from __future__ import annotations


class SpaceError(ValueError):
    """A search space, or a point of it, that makes no sense; the message says what and names it."""


class StudyError(ValueError):
    """A study that cannot be opened, or cannot go on; the message says why and names the way out."""


class OtherPlanError(StudyError):
    """A study of this name that was begun with another plan."""


class ReportError(ValueError):
    """A report on a study that has nothing to show yet; the message names the study."""


EXTRAS = {"distributed": "cluster"}
"""The extras of libraries that are not of `tune`."""


class MissingExtraError(ImportError):
    """The libraries of an extra are not there."""

    def __init__(self, module: str):
        extra = EXTRAS.get(module, "tune")
        super().__init__(f"{module} is not installed; run: pip install 'kernel-looping[{extra}]'")
