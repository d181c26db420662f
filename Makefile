# make solve: install into .venv (once) and solve the five benchmark problems.
# make docs:  build the site into docs/_build/html.
# make test:  linter, type checker, and the tests with the examples of README and docstrings, a worker a core; those marked
#             slow are left out, unless CI=true.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/installed

.PHONY: solve test docs clean

solve: $(INSTALLED)
	$(BIN)/pinnlearn solve

test: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest -n auto --dist worksteal $(if $(filter true,$(CI)),,-m "not slow")

docs: $(INSTALLED)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs]'
	$(BIN)/sphinx-build -W --keep-going -b html docs docs/_build/html

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "pinnlearn needs Python 3.11 or newer; install one and name it: make $(MAKECMDGOALS) PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
	  { echo "$(PYTHON) lacks the venv module; install it (on Debian and Ubuntu: apt install python3-venv)" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --disable-pip-version-check -c constraints.txt -e '.[plot,test]'
	@touch $(INSTALLED)

clean:
	rm -rf .venv results docs/_build docs/auto_examples docs/generated
