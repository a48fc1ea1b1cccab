"""Configuration of LLVM's test runner: `lit tests/filecheck` runs what `pytest` runs, as processes."""

import os
import sys
from pathlib import Path

import lit.formats

config.name = "kl"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".kl"]
config.excludes = ["bad_mlir", "bad_models"]
config.test_source_root = os.path.dirname(__file__)

# The tools beside the Python that runs lit, whether or not its environment is activated.
tools = str(Path(sys.executable).parent)
config.environment["PATH"] = os.pathsep.join([tools, os.environ.get("PATH", "")])
config.environment["NO_COLOR"] = "1"
