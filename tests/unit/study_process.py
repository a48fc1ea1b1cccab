"""One of the processes that work on a study: `study_process.py FOLDER JOBS BUDGET [STORAGE]`."""

from __future__ import annotations

import sys
from pathlib import Path

from study_evaluations import Logged, append, plan


def main(folder: Path, jobs: int, budget: int, storage: str) -> None:
    """Work until the budget has ended; write the number of each trial that is told of into a file."""
    from kl.explore.studies.study import open_study  # not needed by the processes that import this

    study = open_study(plan(), storage)
    study.run(
        Logged(folder / "evaluated"),
        budget,
        jobs=jobs,
        on_trial=lambda trial: append(folder / "told", str(trial.number)),
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
