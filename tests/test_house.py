"""The floors of the house: who may import whom."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import pinnlearn

ROOT = Path(pinnlearn.__file__).parent
UPSTAIRS = {
    "networks", "least_squares", "posing", "optimizers", "training", "fitting", "evaluation", "estimators", "theory",
    "experiments", "displays", "cli",
}  # fmt: skip
PROBLEM = {"pdes", "conditions", "domains", "problems"}
FORBIDDEN = {
    "optimizers": PROBLEM | {"networks", "jets", "estimators", "theory"},
    "pdes": UPSTAIRS,
    "conditions": UPSTAIRS,
    "domains": UPSTAIRS,
    "networks": PROBLEM | UPSTAIRS - {"networks"},
    "least_squares": PROBLEM | UPSTAIRS - {"networks", "least_squares"},
    "persistence": UPSTAIRS,  # files know no model: what they hold finds its class by name
    "training": PROBLEM | {"fitting", "evaluation", "estimators", "theory", "displays", "cli"},
    # A fitted model is measured by its own methods.
    "theory": {"estimators", "model_selection", "experiments", "cli"},
    "linalg": UPSTAIRS | PROBLEM | {"jets"},
}
# Of two-layer networks: named in their folder, by the attributes of estimators, and where units are placed.
WEIGHTS = {"hidden_weights", "hidden_bias", "output_weights"}
MAY_NAME_WEIGHTS = ("networks", "estimators", "fitting", "evaluation", "training.placement", "theory")


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


def folders(name):
    """The folders of the package that a module lies in."""
    return name.split(".")[1:2] if f"pinnlearn.{'.'.join(name.split('.')[1:2])}" in PACKAGES else []


PACKAGES = {name for name, path in MODULES.items() if path.name == "__init__.py"}


def test_no_two_folders_import_each_other():
    pairs = {(a, b) for name in GRAPH for a in folders(name) for used in GRAPH[name] for b in folders(used) if a != b}
    assert pairs
    assert not {pair for pair in pairs if pair[::-1] in pairs}


def test_private_names_stay_in_their_folder():
    foreign = []
    for name, path in MODULES.items():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("pinnlearn."):
                private = [each.name for each in node.names if each.name.startswith("_") and each.name != "__version__"]
                if node.module.split(".")[:2] != name.split(".")[:2]:
                    foreign += [(name, each) for each in private]
    assert not foreign


def test_nothing_above_networks_names_their_weights():
    naming = {
        name.removeprefix("pinnlearn.")
        for name, path in MODULES.items()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in WEIGHTS
    }
    assert not {name for name in naming if not name.startswith(MAY_NAME_WEIGHTS)}


def body_lines(node):
    """Without the docstring."""
    body = node.body[1:] if ast.get_docstring(node) and len(node.body) > 1 else node.body
    return node.end_lineno - body[0].lineno + 1


def test_functions_are_short_and_rooms_few():
    functions = {
        f"{name}.{node.name}": body_lines(node)
        for name, path in MODULES.items()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef)
    }
    assert not {name: lines for name, lines in functions.items() if lines > 40}
    rooms = [path for path in ROOT.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()]
    assert len(rooms) <= 36
