"""Configuration of LLVM's test runner, for `lit tests/filecheck` and for pytest."""

from kl.tools.testing.lit_config import configure

configure(config)
config.name = "kl"
