"""Lets tests import the modules that they share; `kl.tools.testing.plugin` makes FileCheck files tests."""

from __future__ import annotations

import sys
from pathlib import Path

for folder in ("unit", "conventions", "oracle"):
    sys.path.append(str(Path(__file__).parent / folder))
