"""The floors of the house: who may import whom."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import pinnlearn

ROOT = Path(pinnlearn.__file__).parent
UPSTAIRS = {"networks", "least_squares", "optimizers", "estimators", "theory", "displays", "cli"}
FORBIDDEN = {
    "optimizers": {"pdes", "conditions", "domains", "problems", "networks", "jets", "estimators", "theory"},
    "pdes": UPSTAIRS,
    "conditions": UPSTAIRS,
    "domains": UPSTAIRS,
    "persistence": UPSTAIRS,  # files know no model: what they hold finds its class by name
    # A fitted model is measured by its own methods.
    "theory": {"estimators", "model_selection", "reproduce", "cli"},
    "linalg": UPSTAIRS | {"pdes", "conditions", "domains", "problems", "jets"},
}


def module(path):
    return ".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module(path): path for path in ROOT.rglob("*.py")}


def imports(path):
    """The modules of the package that a file imports, at any depth of its code."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name in MODULES)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} is a relative import"
            inner = [f"{node.module}.{name.name}" for name in node.names]
            yield from (name if name in MODULES else node.module for name in inner if node.module in MODULES)


GRAPH = {name: set(imports(path)) for name, path in MODULES.items()}


@pytest.mark.parametrize("floor", FORBIDDEN)
def test_no_floor_imports_from_a_higher_one(floor):
    inside = [name for name in GRAPH if name.split(".")[1:2] == [floor]]
    assert inside
    reached = {name.split(".")[1] for source in inside for name in GRAPH[source] if "." in name}
    assert not reached & FORBIDDEN[floor]


def test_there_are_no_import_cycles():
    assert set(TopologicalSorter(GRAPH).static_order()) == set(MODULES)


def test_there_is_no_utils():
    assert not [name for name in MODULES if "utils" in name]
