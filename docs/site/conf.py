"""How Sphinx makes pages of the Markdown in `docs/`: `make docs`. The Markdown is what GitHub shows, too."""

from __future__ import annotations

import kl

project = "kl"
author = "the kl authors"
copyright = "Apache-2.0 with LLVM exceptions"
version = release = kl.__version__

extensions = ["myst_parser"]
exclude_patterns = ["site"]
myst_heading_anchors = 4
suppress_warnings: list[str] = []

html_theme = "furo"
html_title = f"kl {version}"
html_copy_source = False
html_show_sourcelink = False
pygments_style = "friendly"
pygments_dark_style = "github-dark"
