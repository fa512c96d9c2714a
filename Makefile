# Everything runs in .venv, which the first command makes. Nothing is installed or activated by hand.
PYTHON ?= python3
# Public Linux indexes serve torch with several GB of CUDA libraries. For the small CPU build (a
# version with "+cpu" goes before the same one without it):
#   make demo TORCH_INDEX=https://download.pytorch.org/whl/cpu
TORCH_INDEX ?=
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test test-faults test-servers test-ray test-interop test-browser servers check audit wheel peers clean

demo: $(STAMP)
	$(BIN)/interplay demo

# In two processes: one test file goes to one of them, for the models that its tests share.
test: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile

# Long: runs that are killed, lose workers and servers, meet a full disk; some five minutes.
test-faults: $(VENV)/.ray
	INTERPLAY_FAULTS=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/faults

# Against llama.cpp's own server, in an environment of its own; its first use compiles llama.cpp,
# which takes ten to twenty minutes (pip keeps the wheel). Skips, and says why, where it cannot be.
test-servers: $(STAMP)
	-test -e .venv-servers/.installed || timeout 1200 $(MAKE) servers
	INTERPLAY_SERVERS=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -rs tests/servers

# Two workers of Ray on this machine, killed and all; the first use installs Ray, some 200 MB.
test-ray: $(VENV)/.ray
	INTERPLAY_RAY=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/ray_workers

$(VENV)/.ray: $(STAMP)
	$(BIN)/python -m pip install -q -c constraints.txt -e ".[ray]"
	touch $@

# Against shapiq and shap themselves; the first use installs them, some 200 MB with numba.
test-interop: $(VENV)/.interop
	INTERPLAY_INTEROP=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/interop

$(VENV)/.interop: $(STAMP)
	$(BIN)/python -m pip install -q -c constraints.txt -e ".[interop]"
	touch $@

# In Debian's chromium, or the browser that INTERPLAY_CHROMIUM names. Skips, and says why, where
# there is none; axe-core is from npm, and its tests skip where that cannot be.
AXE := .browser/node_modules/axe-core/axe.min.js

test-browser: $(VENV)/.browser
	-test -e $(AXE) || npm install --silent --no-save --no-package-lock --ignore-scripts \
		--prefix .browser axe-core@4.14.1
	INTERPLAY_BROWSER=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -rs tests/browser

$(VENV)/.browser: $(STAMP) tests/browser/requirements.txt
	$(BIN)/python -m pip install -q -c constraints.txt -r tests/browser/requirements.txt
	touch $@

servers:
	$(PYTHON) -m venv .venv-servers
	CMAKE_ARGS="-DGGML_NATIVE=OFF -DLLAVA_BUILD=OFF" \
		.venv-servers/bin/python -m pip install -q -r tests/servers/requirements.txt
	touch .venv-servers/.installed

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(PYTHON) scripts/audit.py

# Known vulnerabilities of what constraints.txt pins. Says so, and does not fail, where no advisory
# service can be reached; INTERPLAY_REQUIRE_AUDIT=1 makes that fail.
audit:
	$(PYTHON) scripts/audit.py

wheel: $(STAMP)
	$(BIN)/python -m build --wheel --no-isolation

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q -c constraints.txt \
		$(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) -e ".[dev]"
	touch $@

# Peers that the benchmarks compare with; their dependencies stay out of our environment.
peers:
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip install -q spectralexplain==0.0.4
	$(PYTHON) -m pip install -q --no-deps --target .peers-dattri dattri==0.3.0

clean:
	rm -rf $(VENV) .venv-servers .venv-audit .browser dist build .mypy_cache .pytest_cache .ruff_cache .hypothesis
