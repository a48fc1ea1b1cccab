"""xDSL's own FileCheck files, once with `xdsl-opt` and once with `kl-opt` in its place.

Every file that the one passes, the other must. Run from the repository root: `.venv/bin/python
benchmarks/xdsl_suite.py`, or `make xdsl-suite`. The files are those of the source distribution of the xDSL
that is installed, which pip fetches once. They run as their own lit configuration says; only that a tool
starts as a fork of this process, where all is imported already, so that the run takes minutes. Files that
need a tool which is not here are counted apart, those that run no `xdsl-opt` are left out. `--filter REGEX`
takes the files whose path has a match, `-v` shows what a regression printed. Exit code 1 with regressions.
"""

from __future__ import annotations

import argparse
import gc
import os
import re
import subprocess
import sys
import tarfile
import textwrap
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from copy import deepcopy
from functools import partial
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any, NoReturn

import filecheck.main
import lit.discovery
import lit.LitConfig
import lit.Test
import lit.TestRunner
import xdsl.tools.xdsl_opt

import kl.tools.kl_opt
from kl.tools.universe import multiverse

TOOLS: dict[str, Callable[[], Any]] = {"xdsl-opt": xdsl.tools.xdsl_opt.main, "kl-opt": kl.tools.kl_opt.main}
WORKERS = 2


def fetch_suite(folder: Path) -> Path:
    """The FileCheck files of the xDSL that is installed; fetched into `folder` unless they are there."""
    name = f"xdsl-{version('xdsl')}"
    suite = folder / name / "tests" / "filecheck"
    if not suite.exists():
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        place = ["--no-binary", ":all:", "--dest", str(folder)]
        subprocess.run([*pip, *place, name.replace("-", "==")], check=True)
        with tarfile.open(folder / f"{name}.tar.gz") as archive:
            archive.extractall(folder, filter="data")
    return suite


class PreloadedProcess(subprocess.Popen[str]):
    """A process as lit starts it; a tool that this process has imported runs in the fork itself.

    That is between fork and exec, where all the process's files are set up already.
    """

    tools: dict[str, Callable[[], Any]]

    def __init__(self, args: Sequence[str], **options: Any):
        tool = self.tools.get(Path(args[0]).name)
        run = partial(_run, tool, args) if tool is not None else None
        super().__init__(args, preexec_fn=run, **options)


def _run(tool: Callable[[], Any], args: Sequence[str]) -> NoReturn:
    """Run a tool as the process that this one is now, and end it."""
    os.closerange(3, 256)  # above all the pipe on which the parent waits for exec, which never comes
    sys.argv = [*args]
    sys.stdin, sys.stdout, sys.stderr = map(os.fdopen, range(3), "rww")
    code = 1
    try:
        code = tool()
    except SystemExit as stop:
        code = stop.code
    except BaseException:
        traceback.print_exc()
        code = 1
    finally:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(code if isinstance(code, int) else int(code is not None))


def find_tests(suite: Path, config: lit.LitConfig.LitConfig) -> list[lit.Test.Test]:
    """The tests that lit finds and that are about `xdsl-opt`: unsupported ones among them."""
    return [
        test for test in lit.discovery.find_tests_for_inputs(config, [str(suite)]) if _runs_xdsl_opt(test)
    ]


def _runs_xdsl_opt(test: lit.Test.Test) -> bool:
    if test.config.unsupported:
        return True
    script = lit.TestRunner.parseIntegratedTestScript(deepcopy(test))
    if isinstance(script, lit.Test.Result):
        return script.code == lit.Test.UNSUPPORTED
    return any(
        "xdsl-opt" in line for line in lit.TestRunner.applySubstitutions(script, test.config.substitutions)
    )


def run_test(
    tool: str, config: lit.LitConfig.LitConfig, scratch: Path, test: lit.Test.Test
) -> lit.Test.Result:
    """What lit says of a file, with `tool` under the name `xdsl-opt`."""
    PreloadedProcess.tools = {"xdsl-opt": TOOLS[tool], "filecheck": filecheck.main.main}
    lit.TestRunner.subprocess = SimpleNamespace(**vars(subprocess) | {"Popen": PreloadedProcess})
    test.suite.exec_root = str(scratch / tool)
    Path(test.getExecPath()).parent.mkdir(parents=True, exist_ok=True)
    try:
        return test.config.test_format.execute(test, config)
    except Exception:
        return lit.Test.Result(lit.Test.UNRESOLVED, traceback.format_exc())


def run_suite(
    tests: Sequence[lit.Test.Test], config: lit.LitConfig.LitConfig
) -> dict[str, list[lit.Test.Result]]:
    """The results of each tool, in the order of the tests."""
    with TemporaryDirectory() as scratch, ProcessPoolExecutor(WORKERS, get_context("fork")) as pool:
        runs = {
            tool: pool.map(partial(run_test, tool, config, Path(scratch)), tests, chunksize=8)
            for tool in TOOLS
        }
        return {tool: list(results) for tool, results in runs.items()}


def preload() -> None:
    """Import whatever the tools import on first use, and let no fork collect or copy it."""
    known = multiverse()
    for load in (*known.all_dialects.values(), *known.all_passes.values(), *known.all_targets.values()):
        with suppress(ImportError):  # what it needs is not installed; its files are unsupported
            load()
    gc.collect()
    gc.freeze()


def report(
    tests: Sequence[lit.Test.Test], results: dict[str, list[lit.Test.Result]], *, verbose: bool
) -> int:
    """Print the passes of both tools and every regression; the number of regressions."""
    theirs, ours = (results[tool] for tool in TOOLS)
    unsupported = sum(result.code == lit.Test.UNSUPPORTED for result in theirs)
    print(f"{len(tests)} files of xDSL {version('xdsl')} run xdsl-opt; {unsupported} need other tools")
    for tool, of_tool in results.items():
        print(f"{tool:9} passes {sum(result.code == lit.Test.PASS for result in of_tool)}")
    pairs = zip(tests, theirs, ours, strict=True)
    worse = [(test, us) for test, them, us in pairs if them.code == lit.Test.PASS != us.code]
    print(f"{len(worse)} regressions")
    for test, result in worse:
        print(f"  {'/'.join(test.path_in_suite)}{_indented(result.output) if verbose else ''}")
    return len(worse)


def _indented(text: str) -> str:
    return "\n" + textwrap.indent(text, "    ")


def main() -> int:
    """Run the suite with both tools."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--filter", default="", metavar="REGEX", help="only files whose path has a match")
    parser.add_argument("-v", "--verbose", action="store_true", help="show what a regression printed")
    args = parser.parse_args()
    suite = fetch_suite(Path(sys.prefix) / "xdsl-suite")
    bin_folder = Path(sys.executable).parent
    config = lit.LitConfig.LitConfig(
        "lit", [bin_folder], "error", False, False, (), False, False, False, "smart", {}
    )
    tests = [test for test in find_tests(suite, config) if re.search(args.filter, test.getFullName())]
    preload()
    return int(report(tests, run_suite(tests, config), verbose=args.verbose) > 0)


if __name__ == "__main__":
    sys.exit(main())
