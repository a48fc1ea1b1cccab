# `make demo` and `make test` set everything up by themselves; they need Python 3.11+ and make.

# The first of these that is new enough and can make virtual environments.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$python && break; done)
VENV := .venv
BIN := $(VENV)/bin
BASE := $(VENV)/.base
DEVELOPER := $(VENV)/.developer
# Further arguments of pip, such as `PIP_ARGUMENTS='--constraint constraints.txt'`.
PIP_ARGUMENTS ?=
PIP_INSTALL := python -m pip install --quiet --disable-pip-version-check $(PIP_ARGUMENTS)

# The oldest xDSL that pyproject.toml allows, and an environment with it.
OLDEST_XDSL := $(shell sed -n 's/.*"xdsl>=\([0-9.]*\),.*/\1/p' pyproject.toml)
OLDEST := $(VENV)/oldest

# An environment with transformers and torch, which judge our numbers.
ORACLE := $(VENV)/oracle
# Where PyTorch has its builds without CUDA, which are a tenth of those on PyPI.
TORCH_FOR_CPU := https://download.pytorch.org/whl/cpu

# Where `make docs` puts its pages.
PAGES := build/docs

.PHONY: install demo reference pictures shown docs chromium browser test test-oldest oracle hunt accuracy xdsl-suite lit \
	check format constraints clean

install: $(DEVELOPER)

# What `kl` itself needs; made again only when pyproject.toml changes.
$(BASE): pyproject.toml
	@test -n "$(PYTHON)" || { echo "error: no Python 3.11+ with venv found; give one: make PYTHON=/path/to/python" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/$(PIP_INSTALL) --editable .
	@touch $@

# The tools of developers, and what searches, pages and their tests need, in the same environment; tests want
# the newest xDSL.
$(DEVELOPER): $(BASE)
	$(BIN)/$(PIP_INSTALL) --upgrade --editable '.[dev]' xdsl
	@touch $@

$(OLDEST)/.installed: $(BASE)
	$(PYTHON) -m venv $(OLDEST)
	$(OLDEST)/bin/$(PIP_INSTALL) --editable '.[test]' 'xdsl~=$(OLDEST_XDSL).0'
	@touch $@

$(ORACLE)/.installed: $(BASE)
	$(PYTHON) -m venv $(ORACLE)
	$(ORACLE)/bin/$(PIP_INSTALL) --retries 1 --extra-index-url $(TORCH_FOR_CPU) torch==2.13.0
	$(ORACLE)/bin/$(PIP_INSTALL) --editable '.[test,oracle]'
	@touch $@

# The pages that are made from the code: docs/dialects/ and docs/passes.md.
reference: $(BASE)
	$(BIN)/python docs/site/reference.py

demo: $(BASE)
	$(BIN)/kl compare examples/llama3_8b.kl

# All tests; the FileCheck files run inside pytest.
test: install
	@$(BIN)/python -c 'import xdsl; print("all tests with xDSL", xdsl.__version__)'
	$(BIN)/pytest -n 2 -rs

# The FileCheck files with the oldest xDSL.
test-oldest: $(OLDEST)/.installed
	@$(OLDEST)/bin/python -c 'import xdsl; print("FileCheck files with xDSL", xdsl.__version__)'
	$(OLDEST)/bin/pytest -n 2 -rs tests/filecheck

# The pictures of docs/gallery.md, by the commands that stand there.
pictures: $(BASE)
	$(BIN)/python docs/site/pictures.py

# What commands print, in the `text` blocks of the pages; look at the changes before you keep them.
shown: install
	KL_UPDATE_PAGES=1 $(BIN)/pytest -q -n 2 tests/conventions/test_documentation.py

# Pages of docs/ for a browser: warnings are errors, links lead somewhere, nothing is loaded from elsewhere.
docs: install
	rm -rf $(PAGES)
	$(BIN)/sphinx-build -q -W --keep-going -b html -c docs/site docs $(PAGES)
	$(BIN)/python docs/site/check.py $(PAGES)

# A browser for the tests of pages, where none is there and one can be installed.
chromium:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null \
	|| { test "$$(id -u)" = 0 && command -v apt-get >/dev/null \
	&& apt-get update -qq && apt-get install -qq --yes --no-install-recommends chromium; } >/dev/null 2>&1 \
	|| echo "the tests in a browser are skipped: chromium is not there and cannot be installed here"

# Pages in a browser: what they load, what they say, how they look at each width.
browser: install chromium
	$(BIN)/pytest -rs tests/browser

# Numbers of all families of models against transformers, with a table.
oracle: $(BASE)
	@if $(MAKE) --no-print-directory $(ORACLE)/.installed; \
	then $(ORACLE)/bin/pytest -n 2 -rs tests/oracle; \
	else echo "the oracle is skipped: transformers and torch cannot be installed here"; fi

# Changed inputs of all kinds, for so many seconds, going on where the last hunt ended.
SECONDS ?= 600
hunt: install
	$(BIN)/python tests/hunt/hunt.py --seconds $(SECONDS)

# docs/accuracy.md from measured points: steps are compiled, constants fitted and all errors made anew.
accuracy: install
	$(BIN)/python benchmarks/accuracy.py --compile --fit --markdown

# xDSL's own FileCheck files with `xdsl-opt` and with `kl-opt`: what the one passes, the other must.
xdsl-suite: install
	$(BIN)/python benchmarks/xdsl_suite.py

# The FileCheck files alone, as processes, by LLVM's test runner.
lit: install
	$(BIN)/lit tests/filecheck

check: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright

format: install
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# The versions in `.venv`, for who wants just these.
constraints: install
	$(BIN)/python -m pip freeze --disable-pip-version-check --exclude-editable > constraints.txt

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .ruff_cache .hypothesis
