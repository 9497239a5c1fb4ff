# Every target makes the environment it needs; nothing else has to be installed but Python 3.11 and make.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
READY := .venv/ready
export DLAS_STORE ?= $(CURDIR)/artifacts/store

.PHONY: help demo study-smoke study-pages test lint wheel clean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: $(READY)  ## vary the compression of the default stack: train, compress, compile, measure, show (2 minutes)
	$(BIN)/dlas perturb --layer compression --out artifacts/demo.nc

study-smoke: $(READY)  ## the across-stack study in small, on digits (3 minutes)
	$(BIN)/dlas run studies/across-stack/smoke.toml --out artifacts/across-stack/smoke.nc
	$(BIN)/python studies/across-stack/claims.py artifacts/across-stack/smoke.nc

study-pages: $(READY)  ## write the across-stack study's README and pictures anew, from its cube
	$(BIN)/python studies/across-stack/pages.py

test: $(READY)  ## run all tests
	$(BIN)/pytest --numprocesses=2 --dist=loadfile

lint: $(READY)  ## style, types, import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

wheel: $(READY)  ## build the wheel into dist/
	$(BIN)/python -m build --wheel --no-isolation

clean:  ## remove the environment and what was built; artifacts/reference stays
	rm -rf .venv dist build artifacts/store artifacts/demo.* artifacts/across-stack

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt "setuptools>=77" build
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --no-build-isolation -e ".[all,dev]"
	touch $(READY)
