# make train: set up, then train on the bundled pictures.  make test: lint, types and tests.  make bench: speed.
# Both do only what is missing. PYTHON names another interpreter, TORCH another build of PyTorch.

PYTHON ?= python3
TORCH ?= torch==2.14.1 torchvision==0.29.1
VENV := .venv
RUN := $(VENV)/bin/python

.PHONY: train test bench
train: $(VENV)/installed
	$(RUN) -m cyclegan.train experiment=seasons

test: $(VENV)/installed-dev
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(RUN) -m pytest

bench: $(VENV)/installed-dev
	$(RUN) -m benchmarks.training

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: pyproject.toml | $(VENV)/bin/python
	$(RUN) -m pip install --quiet --disable-pip-version-check $(TORCH)
	$(RUN) -m pip install --quiet --disable-pip-version-check -e .
	touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(RUN) -m pip install --quiet --disable-pip-version-check -e ".[dev]"
	touch $@
