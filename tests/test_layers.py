"""Imports form a DAG, reference <- properties <- tests, and the plugin starts from little."""

from __future__ import annotations

import ast
import graphlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.plugin_targets import ROOT, environment

FORBIDDEN = {
    "reference": ("properties", "tests", "torch", "hypothesis", "pytest"),
    "properties": ("tests",),
}
WITH_TORCH = tuple(
    f"properties.{name}"
    for name in (
        *("attempts", "derivatives", "execution", "facts", "failures", "fresh", "large_call"),
        *("layers", "modes", "operands", "outputs", "training", "vmaps", "worker"),
        *("copies", "watcher"),  # beside a model that is watched
    )
)
MAX_LINES = 250


def _modules(package: str) -> dict[str, Path]:
    files = sorted((ROOT / package).rglob("*.py"))
    return {".".join(p.relative_to(ROOT).with_suffix("").parts): p for p in files}


def _statements(tree: ast.AST, deferred: bool) -> Iterator[ast.Import | ast.ImportFrom]:
    """Yield the imports that run with the module; with `deferred`, those of functions too."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            if deferred:
                yield from _statements(node, deferred)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from (s for other in node.orelse for s in _statements(other, deferred))
        else:
            yield from _statements(node, deferred)


def imports(source: str, deferred: bool = True) -> set[str]:
    """Return every module that a source may import, `from a import b` as a and a.b."""
    found: set[str] = set()
    for node in _statements(ast.parse(source), deferred):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        else:
            assert node.level == 0, "imports are absolute"
            module = node.module or ""
            found |= {module} | {f"{module}.{alias.name}" for alias in node.names}
    return found


def violations(name: str, source: str) -> list[str]:
    """Return the imports of a module that its layer forbids."""
    package = name.partition(".")[0]
    found = {module.partition(".")[0] for module in imports(source)}
    forbidden = set(FORBIDDEN[package])
    if package == "properties" and name not in WITH_TORCH:
        forbidden.add("torch")
    return sorted(found & forbidden)


def graph(sources: dict[str, str]) -> dict[str, set[str]]:
    """Return for each module those of `sources` that are imported with it."""
    edges = {}
    for name, source in sources.items():
        found = imports(source, deferred=False)
        homes = {module for module in found if module in sources}
        homes |= {f"{m}.__init__" for m in found if f"{m}.__init__" in sources}
        edges[name] = homes - {name}
    return edges


def require_no_cycle(sources: dict[str, str]) -> None:
    """Raise graphlib.CycleError if the modules import each other in a circle."""
    graphlib.TopologicalSorter(graph(sources)).prepare()


@pytest.mark.parametrize("package", FORBIDDEN)
def test_each_layer_imports_only_those_below(package: str) -> None:
    """`reference` knows NumPy only; `properties` knows no tests, and torch in few modules."""
    for name, path in _modules(package).items():
        assert violations(name, path.read_text()) == [], name


@pytest.mark.parametrize("package", FORBIDDEN)
def test_no_package_has_an_import_cycle(package: str) -> None:
    """No module is imported, at module level, by one that it imports itself."""
    require_no_cycle({name: path.read_text() for name, path in _modules(package).items()})


@pytest.mark.parametrize("package", FORBIDDEN)
def test_modules_are_short(package: str) -> None:
    """One idea for each module: no file has more than 250 lines."""
    lines = {name: len(path.read_text().splitlines()) for name, path in _modules(package).items()}
    assert {name: count for name, count in lines.items() if count > MAX_LINES} == {}


def test_every_module_is_found() -> None:
    """The checks above read real files: the packages are not empty, and a known edge is seen."""
    sources = {name: path.read_text() for name, path in _modules("properties").items()}
    assert "properties.plugin" in graph(sources)["properties.session"]
    assert set(WITH_TORCH) <= set(sources)
    assert "reference.__init__" in _modules("reference")


def _loaded(statement: str, names: tuple[str, ...]) -> list[str]:
    code = f"{statement}\nimport sys; print(*[n for n in {names!r} if n in sys.modules])"
    command = [sys.executable, "-P", "-c", code]
    variables = environment(PYTHONPATH=str(ROOT))
    run = subprocess.run(
        command, env=variables, capture_output=True, text=True, check=True, timeout=60
    )
    return run.stdout.split()


def test_the_plugin_loads_nothing_heavy() -> None:
    """`import properties.plugin`, which every pytest run pays for, loads no big package."""
    heavy = ("numpy", "hypothesis", "torch", "reference", "properties.session")
    assert _loaded("import properties.plugin", heavy) == []


def test_the_judge_loads_no_torch() -> None:
    """All that the parent of a worker imports runs without torch, and without optional extras."""
    modules = "import properties.session, properties.replay, properties.__main__"
    assert _loaded(modules, ("torch", "matplotlib", "jinja2")) == []


def test_the_checks_can_fail() -> None:
    """Each check above notices the fault that it is there for."""
    assert violations("reference.new", "def f():\n    import torch.nn") == ["torch"]
    assert violations("reference.new", "from properties.case import Case") == ["properties"]
    assert violations("properties.new", "try:\n    import torch\nexcept E:\n    pass") == ["torch"]
    assert violations("properties.worker", "import torch, tests.mutants") == ["tests"]
    assert _loaded("import properties.plugin, numpy", ("numpy", "torch")) == ["numpy"]


@pytest.mark.parametrize("back", ["from p import a", "import p.a", "from p.a import f"])
def test_the_cycle_check_can_fail(back: str) -> None:
    """A circle of two is found however it is written; one inside a function is allowed."""
    with pytest.raises(graphlib.CycleError):
        require_no_cycle({"p.a": "from p.b import g", "p.b": back})
    require_no_cycle({"p.a": "from p.b import g", "p.b": f"def g():\n    {back}"})
