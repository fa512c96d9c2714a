# Everything runs in .venv, which the first command makes. Nothing is installed or activated by hand.
PYTHON ?= python3
# Public Linux indexes serve torch with several GB of CUDA libraries. For the small CPU build (a
# version with "+cpu" goes before the same one without it):
#   make demo TORCH_INDEX=https://download.pytorch.org/whl/cpu
TORCH_INDEX ?=
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help demo check test test-all test-faults test-ray test-interop test-docs test-browser test-servers \
	test-wheel bench docs audit wheel peers servers clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' Makefile

demo: $(STAMP) ## explains two reviews with a model that comes with the package, writes report.html
	$(BIN)/interplay demo

check: $(STAMP) ## ruff, mypy --strict, the layers of the package, known vulnerabilities
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(PYTHON) scripts/audit.py

# In two processes: one test file goes to one of them, for the models that its tests share.
test: $(STAMP) ## all tests but the suites below, doctests included (under 10 minutes on 2 cores)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile

# One after the other: some of them need both cores.
test-all: ## test and every suite below, one after the other (an hour, with what is installed first)
	$(MAKE) test
	$(MAKE) test-wheel
	$(MAKE) test-faults
	$(MAKE) test-ray
	$(MAKE) test-interop
	$(MAKE) test-docs
	$(MAKE) test-browser
	$(MAKE) test-servers

test-faults: $(VENV)/.ray ## runs that are killed, lose workers and servers, meet a full disk (5 minutes)
	INTERPLAY_FAULTS=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/faults

# In an environment of its own. Its first use compiles llama.cpp, which takes ten to twenty minutes
# (pip keeps the wheel). Skips, and says why, where it cannot be.
test-servers: $(STAMP) ## against llama.cpp's own server, compiled at first use (10 to 20 minutes)
	-test -e .venv-servers/.installed || timeout 1200 $(MAKE) servers
	INTERPLAY_SERVERS=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -rs tests/servers

# The first use installs Ray, some 200 MB.
test-ray: $(VENV)/.ray ## two workers of Ray on this machine, killed and all (5 minutes)
	INTERPLAY_RAY=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/ray_workers

$(VENV)/.ray: $(STAMP)
	$(BIN)/python -m pip install -q -c constraints.txt -e ".[ray]"
	touch $@

# The first use installs them, some 200 MB with numba.
test-interop: $(VENV)/.interop ## against shapiq, shap and networkx themselves (half a minute)
	INTERPLAY_INTEROP=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/interop

$(VENV)/.interop: $(STAMP)
	$(BIN)/python -m pip install -q -c constraints.txt -e ".[interop]"
	touch $@

# Installs torch twice: some 400 MB of the CPU build.
test-wheel: $(STAMP) ## wheel and sdist, each installed from the index into an empty environment
	$(if $(TORCH_INDEX),PIP_EXTRA_INDEX_URL=$(TORCH_INDEX)) INTERPLAY_WHEEL=1 OMP_NUM_THREADS=1 \
		$(BIN)/python -m pytest tests/wheel

# What PEER's blocks of docs/howto/ need is used where it is: shapiq here, others in .venv-peers.
test-docs: $(VENV)/.interop ## the code of tutorials, how-to pages and the README (2 minutes)
	INTERPLAY_DOCS=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -rs tests/docs

# A warning is an error. Neither the build nor the pages need a network.
docs: $(VENV)/.docs ## the documentation as a site, in docs/_build/html (a minute)
	$(BIN)/sphinx-build -q -n -W --keep-going -c docs . docs/_build/html

$(VENV)/.docs: $(STAMP)
	$(BIN)/python -m pip install -q -c constraints.txt -e ".[docs]"
	touch $@

# In Debian's chromium, or the browser that INTERPLAY_CHROMIUM names. Skips, and says why, where
# there is none; axe-core is from npm, and its tests skip where that cannot be.
AXE := .browser/node_modules/axe-core/axe.min.js

test-browser: $(VENV)/.browser ## reports and the local page in chromium, with axe-core (10 minutes)
	-test -e $(AXE) || npm install --silent --no-save --no-package-lock --ignore-scripts \
		--prefix .browser axe-core@4.14.1
	INTERPLAY_BROWSER=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -rs tests/browser

$(VENV)/.browser: $(STAMP) tests/browser/requirements.txt
	$(BIN)/python -m pip install -q -c constraints.txt -r tests/browser/requirements.txt
	touch $@

# One after the other, for they measure time; benchmarks.report is not among them: it needs a browser.
BENCHMARKS := indices comparisons what_if recordings long_reviews ground engine inputs components \
	training_data scale papers

bench: $(STAMP) ## every benchmark in its small version (--quick), which writes nothing into docs/
	set -e; for name in $(BENCHMARKS); do \
		echo "== $$name"; OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.$$name --quick; done

servers: # what test-servers runs against
	$(PYTHON) -m venv .venv-servers
	CMAKE_ARGS="-DGGML_NATIVE=OFF -DLLAVA_BUILD=OFF" \
		.venv-servers/bin/python -m pip install -q -r tests/servers/requirements.txt
	touch .venv-servers/.installed

# Known vulnerabilities of what constraints.txt pins. Says so, and does not fail, where no advisory
# service can be reached; INTERPLAY_REQUIRE_AUDIT=1 makes that fail.
audit: ## known vulnerabilities of what constraints.txt pins; part of check
	$(PYTHON) scripts/audit.py

wheel: $(STAMP) ## the wheel and the sdist, in dist/
	$(BIN)/python -m build --no-isolation

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q -c constraints.txt \
		$(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) -e ".[dev]"
	touch $@

# Peers that the benchmarks compare with; their dependencies stay out of our environment.
peers: ## spectralexplain and dattri, apart from our environment, for the benchmarks
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip install -q spectralexplain==0.0.4
	$(PYTHON) -m pip install -q --no-deps --target .peers-dattri dattri==0.3.0

clean: ## removes environments, builds and caches
	rm -rf $(VENV) .venv-servers .venv-audit .browser dist build docs/_build .mypy_cache .pytest_cache .ruff_cache .hypothesis
