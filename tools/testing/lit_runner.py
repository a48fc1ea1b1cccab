"""Finds and runs tests as lit does, in this process: by lit's own discovery, parser and shell."""

from __future__ import annotations

import copy
import inspect
import io
import os
import subprocess
import warnings
from contextlib import redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import lit.discovery
import lit.LitConfig
import lit.Test
import lit.TestingConfig
import lit.TestRunner
import lit.worker

from .lit_config import configure
from .preloading import Preloading


class LitError(Exception):
    """A configuration of lit that cannot be read; the text is what lit says."""


@dataclass(frozen=True)
class Result:
    """How a test has ended."""

    code: str
    """The word of lit for it: `PASS`, `FAIL`, `XFAIL`, `XPASS`, `UNSUPPORTED`, `UNRESOLVED` or another."""

    is_failure: bool
    """Whether lit counts it as a failure."""

    output: str
    """What the commands printed, as lit shows it, or the reason of a test that did not run."""


class LitRunner:
    """Runs tests one after the other or in threads; one at a time may exist in a process."""

    def __init__(self):
        self._config = _lit_config()
        self._suites: dict[str, Any] = {}
        self._local_configs: dict[Any, Any] = {}
        self._scratch = TemporaryDirectory(prefix="lit-tmp-")
        self._preloading = Preloading()
        lit.TestRunner.subprocess = self._preloading

    def discover(self, folder: Path) -> dict[Path, Any]:
        """The tests below a folder, a `lit.Test.Test` for each file, as `lit FOLDER` finds them.

        Where neither the folder nor one above it has a `lit.cfg.py`, `lit_config.configure` configures it.

        Raises: LitError if a configuration cannot be read.
        """
        said = io.StringIO()
        try:
            with redirect_stderr(said):
                tests = self._tests(str(folder))
        except SystemExit:
            raise LitError(said.getvalue().strip()) from None
        if self._config.numErrors:
            raise LitError(said.getvalue().strip())
        found = {folder / os.path.relpath(test.getSourcePath(), folder.resolve()): test for test in tests}
        for test in tests:
            test.config.environment |= dict.fromkeys(("TMPDIR", "TMP", "TEMP", "TEMPDIR"), self._scratch.name)
        return dict(sorted(found.items()))

    def _tests(self, folder: str) -> list[Any]:
        suite, inside = lit.discovery.getTestSuite(folder, self._config, self._suites)
        if suite is None:
            suite, inside = _default_suite(folder, self._config), ()
        return [
            *lit.discovery.getTestsInSuite(suite, inside, self._config, self._suites, self._local_configs)
        ]

    def run(self, test: Any) -> Result:
        """Run a test, its commands in forks of a preloaded Python where they are Python's."""
        self._preloading.add(test.config.environment)
        fresh = copy.copy(test)  # lit lets a test have one result
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # lit leaves files open
            fresh.setResult(lit.worker._execute(fresh, self._config))  # pyright: ignore[reportPrivateUsage]
        code = fresh.result.code
        return Result(code.name, code.isFailure, fresh.result.output)

    def close(self) -> None:
        """End the preloaded processes, and remove temporary files that tests have left."""
        lit.TestRunner.subprocess = subprocess
        self._preloading.close()
        self._scratch.cleanup()


def _lit_config() -> Any:
    """What lit is started with: `quiet` was its spelling before `diagnostic_level`."""
    options: dict[str, Any] = dict.fromkeys(("useValgrind", "valgrindLeakCheck", "noExecute", "debug"), False)
    options |= {"progname": "lit", "path": [], "valgrindArgs": [], "params": {}, "order": "lexical"}
    options |= {"isWindows": os.name == "nt", "quiet": True, "diagnostic_level": "warning"}
    known = inspect.signature(lit.LitConfig.LitConfig).parameters
    return lit.LitConfig.LitConfig(**{name: value for name, value in options.items() if name in known})


def _default_suite(folder: str, lit_config: Any) -> Any:
    """A suite of a folder without a configuration of its own."""
    config = lit.TestingConfig.TestingConfig.fromdefaults(lit_config)
    configure(config)
    config.finish(lit_config)
    root = os.path.realpath(folder)
    return lit.Test.TestSuite(config.name, root, root, config)
