"""Lets tests import the modules that they share; `kl.tools.testing.plugin` makes FileCheck files tests.

No test prints what another one has printed: the cache of results is off. No random test fails for the time
that an example takes.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

os.environ["KL_CACHE"] = "0"

for folder in ("unit", "hunt", "conventions", "oracle", "browser"):
    sys.path.append(str(Path(__file__).parent / folder))

with suppress(ImportError):  # what runs FileCheck files alone has none
    from hypothesis import settings

    settings.register_profile("kl", deadline=None)
    settings.load_profile("kl")
