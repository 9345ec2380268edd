# On Windows, or without make: see README.md, "Without make".
PYTHON ?= python3
MINUTES ?= 5
BIN := .venv/bin
LANE := .venv/colab-lane

.PHONY: help demo test lab book check widgets test-colab notebooks publish clean

help:  ## say what there is to make
	@grep -E '^[a-z-]+:.*##' Makefile | sed 's/:.*##/ #/' | column -t -s '#'

.venv/core: requirements.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q -e .
	@touch $@

.venv/lab: .venv/core
	$(BIN)/python -m pip install -q -e '.[lab]'
	@touch $@

.venv/book: .venv/core
	$(BIN)/python -m pip install -q -e '.[book]'
	@touch $@

.venv/test: .venv/core
	$(BIN)/python -m pip install -q -e '.[test]'
	@touch $@

.venv/colab: .venv/test
	$(BIN)/python -m pip install -q --no-deps --upgrade --target $@ ipywidgets==7.7.1 ipython_genutils==0.2.0
	@touch $@

# What Colab has, in its versions; what it lacks lies beside it, for the setup cell to install without a network.
$(LANE)/built: tests/colab-constraints.txt requirements.txt
	$(PYTHON) -m venv $(LANE)
	sed '/^# Colab lacks/,$$d' requirements.txt > $(LANE)/preinstalled.txt
	sed '1,/^# Colab lacks/d' requirements.txt > $(LANE)/brought.txt
	$(LANE)/bin/python -m pip install -q -c tests/colab-constraints.txt -r $(LANE)/preinstalled.txt \
		ipykernel ipython nbclient nbconvert kaggle
	rm -rf $(LANE)/wheels
	$(LANE)/bin/python -m pip wheel -q --no-deps -w $(LANE)/wheels -r $(LANE)/brought.txt
	@touch $@

demo: .venv/core  ## train on the bundled portraits; MINUTES=5
	$(BIN)/python -m ganlib train auto --data portraits --run runs/demo --minutes $(MINUTES)

lab: .venv/lab  ## open the course in JupyterLab
	$(BIN)/python -m jupyter lab --notebook-dir . notebooks/01_dataset.ipynb

book: .venv/book  ## the course as a website in build/book; runs first what was not run as it is now
	$(BIN)/python -m book

check: .venv/test  ## lint, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: check  ## everything the project tests
	GANLIB_TINY=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile
	$(MAKE) widgets

widgets: .venv/colab  ## the studio's tests once more, with the ipywidgets of Colab
	PYTHONPATH=$(CURDIR)/.venv/colab $(BIN)/python -c "import ipywidgets; assert ipywidgets.__version__ == '7.7.1'"
	PYTHONPATH=$(CURDIR)/.venv/colab GANLIB_TINY=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile \
		-W ignore::DeprecationWarning tests/studio tests/course/test_checkerboard.py \
		tests/course/test_playground.py tests/course/test_real_or_fake.py

test-colab: $(LANE)/built  ## the notebooks with the versions of Colab, each alone in an empty folder
	PYDEVD_DISABLE_FILE_VALIDATION=1 $(LANE)/bin/python -m tests.colab.lane $(NAMES)

notebooks: .venv/test  ## run the notebooks and keep the outputs that the tests compare
	GANLIB_TINY=1 OMP_NUM_THREADS=1 $(BIN)/python notebooks/refresh.py notebooks/*.ipynb

publish: .venv/test  ## write the address into badges, setup cells and README; REPO=owner/name
	$(BIN)/python -m notebooks.publish $(if $(REPO),--repo $(REPO))

clean:  ## remove the environment, the runs and the website
	rm -rf .venv runs build
