"""The house: a file imports only from floors below its own, and importing ganlib costs little."""

import ast
import json
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "ganlib"
FLOORS = [
    {"errors"},
    {"sizes"},
    {"runtime", "losses", "augment", "nets"},
    {"recipes", "data"},
    {"latent", "run", "foreign", "costs"},
    {"weights"},
    {"evaluation"},
    {"training"},
    {"show"},
    {"studio", "hub"},
    {"course", "cli"},
    {"__main__", "__init__"},
]
MODULES = sorted(PACKAGE.rglob("*.py"))


def part(module: str) -> str:
    return module.removeprefix("ganlib").strip(".").split(".")[0] or "__init__"


def floor(name: str) -> int:
    return next(level for level, names in enumerate(FLOORS) if name in names)


def imports(path: Path) -> list[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    named = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module]
    plain = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    return [module for module in named + plain if module.split(".")[0] == "ganlib"]


@pytest.mark.parametrize("path", MODULES, ids=[str(path.relative_to(PACKAGE)) for path in MODULES])
def test_no_import_goes_upwards(path):
    own = path.relative_to(PACKAGE).with_suffix("").parts[0]
    for module in imports(path):
        assert part(module) == own or floor(part(module)) < floor(own), f"{path} imports {module}"


def test_no_module_leads_back_to_itself():
    names = {".".join(["ganlib", *path.relative_to(PACKAGE).with_suffix("").parts]): path for path in MODULES}
    graph = {name: {module for module in imports(path) if module in names} for name, path in names.items()}
    with pytest.raises(CycleError):
        TopologicalSorter({"a": {"b"}, "b": {"a"}}).prepare()
    TopologicalSorter(graph).prepare()  # raises where there is a circle, also one for types alone


def test_importing_ganlib_leaves_the_heavy_packages_alone():
    names = "Trainer, Generator, load_art, load_generator, grid, curves, animate"
    code = f"import json, sys; from ganlib import {names}; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {module.split(".")[0] for module in json.loads(done.stdout)}
    assert "torch" in loaded
    assert not loaded & {
        "matplotlib",
        "imageio",
        "ipywidgets",
        "IPython",
        "torchvision",
        "kaggle",
        "kagglehub",
    }


def test_every_public_name_is_there():
    import ganlib

    assert all(getattr(ganlib, name).__doc__ for name in ganlib.__all__)
    assert dir(ganlib) == sorted(ganlib.__all__)
    assert all(callable(getattr(ganlib, name)) for name in ganlib.__all__)  # no module hides a name
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = ganlib.no_such_name


def test_the_core_trains_without_notebook_packages(tmp_path):
    code = f"""
import sys
for name in ("matplotlib", "imageio", "ipywidgets", "IPython", "nbformat"):
    sys.modules[name] = None
import ganlib
recipe = ganlib.Recipe("test", width=2, batch_size=8)
ganlib.Trainer(recipe, "portraits", {str(tmp_path / "run")!r}, device="cpu").fit(kimg=0.02)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    assert (tmp_path / "run" / "generator.safetensors").exists()
