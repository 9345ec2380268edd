# On Windows, or without make: see README.md, "Without make".
PYTHON ?= python3
MINUTES ?= 5
BIN := .venv/bin

.PHONY: help demo test lab check widgets notebooks clean

help:  ## say what there is to make
	@grep -E '^[a-z]+:.*##' Makefile | sed 's/:.*##/ #/' | column -t -s '#'

.venv/core: requirements.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q -e .
	@touch $@

.venv/lab: .venv/core
	$(BIN)/python -m pip install -q -e '.[lab]'
	@touch $@

.venv/test: .venv/core
	$(BIN)/python -m pip install -q -e '.[test]'
	@touch $@

.venv/colab: .venv/test
	$(BIN)/python -m pip install -q --no-deps --upgrade --target $@ ipywidgets==7.7.1 ipython_genutils==0.2.0
	@touch $@

demo: .venv/core  ## train on the bundled portraits; MINUTES=5
	$(BIN)/python -m ganlib train auto --data portraits --run runs/demo --minutes $(MINUTES)

lab: .venv/lab  ## open the course in JupyterLab
	$(BIN)/python -m jupyter lab --notebook-dir . notebooks/01_dataset.ipynb

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
		-W ignore::DeprecationWarning tests/show/test_studio_*.py tests/show/test_pairs.py tests/show/test_stamps.py \
		tests/show/test_playground.py

notebooks: .venv/test  ## run the notebooks and keep the outputs that the tests compare
	GANLIB_TINY=1 OMP_NUM_THREADS=1 $(BIN)/python notebooks/refresh.py notebooks/*.ipynb

clean:  ## remove the environment and the runs
	rm -rf .venv runs
