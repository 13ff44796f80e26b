# `make demo` and `make test` need nothing but Python >= 3.11: each makes the environment it needs.
# torch is whatever build pip finds for this machine; install another into $(VENV) by hand if needed.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

.PHONY: setup demo test slow check docs torture fuzz lock audit bench bench-quality format clean

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt Makefile
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Sfumato needs Python 3.11 or newer; set PYTHON=python3.x")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[svg,dev]'
	@touch $(STAMP)

demo: setup
	$(BIN)/sfumato demo

test: setup
	$(BIN)/python -m pytest

slow: setup
	$(BIN)/python -m pytest -m slow

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python docs/site/examples.py

# The site of the documentation, in build/site. A warning, such as a dead link, fails the build.
docs: setup
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[docs]'
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# Faults by the hundred, and 50 times as many mutated files of each kind; writes the table.
TRIALS ?= 200
torture: setup
	TRIALS=$(TRIALS) FAULTS_TABLE=docs/reliability.md $(BIN)/python -m pytest tests/faults

fuzz: setup
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[svg,dev,fuzz]'
	for target in $$($(BIN)/python fuzz/readers.py --list); do \
	  $(BIN)/python fuzz/readers.py $$target -max_total_time=60 || exit 1; done

# The tested versions with the hashes of their files. torch is left out: its builds differ by machine.
lock: setup
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[supply]'
	grep -v '^torch==' constraints.txt > build.lock.in
	$(BIN)/pip-compile --quiet --generate-hashes --no-header --no-annotate --no-emit-index-url \
	  --no-emit-find-links --allow-unsafe --strip-extras --output-file requirements.lock build.lock.in
	rm build.lock.in

audit: setup
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[supply]'
	$(BIN)/pip-audit --strict --requirement requirements.lock --require-hashes --disable-pip
	$(BIN)/ruff check --select S src

# Under half an hour beside the peers. Samples of equal quality need an hour more, as networks are
# trained first; those after ten minutes of training each need three.
bench: setup
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[svg,bench]'
	$(BIN)/python -m pip install --quiet --no-deps denoising-diffusion-pytorch ema-pytorch
	$(BIN)/python benchmarks/startup.py --rounds 3
	$(BIN)/python benchmarks/train_throughput unet dit own-blocks --eager --rounds 3
	$(BIN)/python benchmarks/train_throughput default --rounds 3
	$(BIN)/python benchmarks/scaling waiting

bench-quality: setup
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[svg,bench]'
	$(BIN)/python -m pip install --quiet --no-deps denoising-diffusion-pytorch ema-pytorch
	$(BIN)/python benchmarks/sample_throughput
	$(BIN)/python benchmarks/quality_per_minute all --work build/quality --out benchmarks/quality_per_minute

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) build dist src/*.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
