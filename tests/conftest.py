"""Lets tests import the modules that they share; the FileCheck files are tests by `kl.tools.testing.plugin`."""

from __future__ import annotations

import sys
from pathlib import Path

for folder in ("unit", "conventions"):
    sys.path.append(str(Path(__file__).parent / folder))
