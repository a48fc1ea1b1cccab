"""Prints the smallest model of layers that shows what that of a seed has shown.

Run from the repository root with a seed of `random layers` that `make hunt` has found something in:
`.venv/bin/python tests/hunt/smallest.py SEED`. Exit code 1 means that something is found.
"""

from __future__ import annotations

import sys
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
from layer_models import Model, model_text
from layer_models_ir import is_said_by_language, machine_changes, model_module
from model_checks import Finding, check_model
from model_reduction import reduced
from random_models import random_model


def smallest(model: Model, finding: Finding) -> Model:
    """The smallest model that shows a finding."""

    def shows(model: Model) -> bool:
        return any(one.likeness == finding.likeness for one in check_model(model).findings)

    return reduced(model, shows)


def model_as_text(model: Model) -> str:
    """A model as the text of a file, and what its machine must be set to."""
    module = model_module(model)
    options = "".join(f" --set {name}={value}" for name, value in machine_changes(model, module).items())
    text = model_text(model) if is_said_by_language(model) else str(module)
    return f"// options:{options or ' none'}\n{text.strip()}"


def main(seed: int) -> int:
    """Check a model, and print the smallest one of each finding."""
    model = random_model(Random(seed))
    findings = check_model(model).findings
    for finding in {one.likeness: one for one in findings}.values():
        print(f"{finding.kind} ({finding.variant})\n{finding.message}")
        print(model_as_text(smallest(model, finding)))
    return int(bool(findings))


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1])))
