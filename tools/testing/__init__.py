"""FileCheck tests for packages that are built on `kl`: a pytest plugin and a configuration of lit.

`plugin.py` is the plugin, `lit_config.py` the configuration to import, `lit_runner.py` finds and runs tests
with lit's own parser and shell, `preloading.py` lets commands fork from a Python that has loaded what they
need (`fork_server.py`). Nothing but `plugin.py` is imported before a project configures `kl_filecheck`.
"""
