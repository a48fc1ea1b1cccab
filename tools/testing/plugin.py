"""A pytest plugin for FileCheck tests with lit's meaning; it does nothing until a project configures it:

    [tool.pytest.ini_options]
    kl_filecheck = ["tests/filecheck"]

Every file below these folders that `lit` takes as a test is one test of pytest. lit is imported when such a
folder is configured, not before; xDSL and the tools of `kl` are in the processes that run them.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .lit_runner import LitRunner

OPTION = "kl_filecheck"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the option of the configuration file."""
    parser.addini(OPTION, "folders of FileCheck tests, as lit takes them", type="paths", default=[])


def pytest_configure(config: pytest.Config) -> None:
    """Watch the folders that are configured."""
    folders: list[Path] = config.getini(OPTION)
    if folders:
        config.pluginmanager.register(FileCheckFolders(config, folders), "kl_filecheck_folders")


class FileCheckFolders:
    """Collects the tests of folders.

    Raises: pytest.UsageError if a folder is missing, lit is not installed or cannot read its configuration.
    """

    def __init__(self, config: pytest.Config, folders: list[Path]):
        for folder in folders:
            if not folder.is_dir():
                raise pytest.UsageError(f"{OPTION}: {folder}: no such folder")
        try:
            from .lit_runner import LitError, LitRunner
        except ModuleNotFoundError as error:
            help = "pip install 'kernel-looping[test]'"
            raise pytest.UsageError(f"{OPTION} needs the module {error.name}: {help}") from None
        self.runner = LitRunner()
        config.add_cleanup(self.runner.close)
        try:
            self.tests = {path: test for it in folders for path, test in self.runner.discover(it).items()}
        except LitError as error:
            raise pytest.UsageError(f"{OPTION}: {error}") from None
        self.entered = {
            parent for path in self.tests for parent in path.parents for it in folders if it in parent.parents
        }

    @pytest.hookimpl(wrapper=True)
    def pytest_ignore_collect(
        self, collection_path: Path, config: pytest.Config
    ) -> Generator[None, bool | None, bool | None]:
        """Enter folders that lit enters and pytest's `norecursedirs` leaves out, such as `build`."""
        ignored = yield
        if not ignored or collection_path not in self.entered:
            return ignored
        by_name = any(fnmatch(collection_path.name, it) for it in config.getini("norecursedirs"))
        by_option = config.getoption("ignore") or config.getoption("ignore_glob")
        return not by_name or bool(by_option)

    def pytest_sessionfinish(self) -> None:
        """End what was started here; workers of pytest-xdist run no cleanup of the configuration."""
        self.runner.close()

    def pytest_collect_file(self, file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
        """A file that lit takes is a test."""
        test = self.tests.get(file_path)
        if test is None:
            return None
        return FileCheckFile.from_parent(parent, path=file_path, test=test, runner=self.runner)


class FileCheckFile(pytest.File):
    """A file with RUN lines: one test, which is lit's unit."""

    def __init__(self, *, test: Any, runner: LitRunner, **kwargs: Any):
        super().__init__(**kwargs)
        self.test, self.runner = test, runner

    def collect(self) -> Iterator[pytest.Item]:
        """The one test of the file."""
        yield FileCheckItem.from_parent(self, name="lit", test=self.test, runner=self.runner)


class FileCheckFailure(Exception):
    """A test that lit counts as a failure; the text is what lit shows."""


class FileCheckItem(pytest.Item):
    """Runs a file as lit does, and says in pytest's words how it ended."""

    def __init__(self, *, test: Any, runner: LitRunner, **kwargs: Any):
        super().__init__(**kwargs)
        self.test, self.runner = test, runner

    def runtest(self) -> None:
        """Run the file.

        `UNSUPPORTED` is skipped and `XFAIL` xfailed; `XPASS`, `UNRESOLVED`, `TIMEOUT` and `FAIL` have failed.
        """
        result = self.runner.run(self.test)
        if result.is_failure:
            raise FileCheckFailure(f"{result.code}: {self.test.getFullName()}\n{result.output}")
        if result.code == "XFAIL":
            pytest.xfail("XFAIL")
            raise FileCheckFailure(result.output)  # with --runxfail, the line above does nothing
        if result.code in ("UNSUPPORTED", "SKIPPED", "EXCLUDED"):
            pytest.skip(result.output or f"{result.code} by lit's configuration")

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """What lit shows of a failure."""
        if isinstance(excinfo.value, FileCheckFailure):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Where the test is: the file as a whole."""
        return self.path, None, self.test.getFullName()
