"""The law of the house that import-linter does not cover: the one way up, and no circles."""

from __future__ import annotations

import ast
import importlib
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import cl
from cl._values.upwards import UPWARDS, from_above

ROOT = Path(cl.__file__).parent
ROWS = {
    # The metrics of views, and the results' classes, of which their base has to know all.
    "analyse_criticality",
    "analyse_dct_features",
    "analyse_firing_stats",
    "analyse_functional_connectivity",
    "analyse_information_entropy",
    "analyse_lempel_ziv_complexity",
    "analyse_network_bursts",
    "analyse_spike_triggered_histogram",
    "analysis_results",
    "numbers_of",
    "picture_of",
    "start_server",
}
"""The rows of the table of what is used upwards; a new one wants a reason."""
BY_NAME = {
    "cl.net.cl1_bridge": "the vendor's package, which has the name of this one",
    "cl.__main__": "the command's module, whose name is on the command line",
    "cl._sweep.experiment": "a program's own experiment, which workers import",
    "cl._values.lazy": "the names of packages, loaded when they are first used",
    "cl._values.upwards": "the table of what is used upwards",
    "cl.sim.user.factory_path": "a program's own source, which a variable names",
}
"""The modules that import by a text, which neither import-linter nor the test of circles sees."""
CIRCLES: dict[frozenset[str], str] = {}
"""Circles that are left, each with its reason. This list only becomes shorter."""


def modules() -> dict[str, Path]:
    """Return the package's modules by their dotted names."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(name: str, tree: ast.AST, is_package: bool, known: dict[str, Path]) -> Iterator[str]:
    """Yield the modules that a module imports, wherever that stands: in functions and for types as well."""
    package = name if is_package else name.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom):
            base = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                yield inner if inner in known else base


def circles(graph: dict[str, set[str]]) -> set[frozenset[str]]:
    """Return the sets of modules each of which leads to each other (Tarjan's algorithm)."""
    found: set[frozenset[str]] = set()
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    trail: list[str] = []

    def visit(name: str) -> None:
        number[name] = lowest[name] = len(number)
        trail.append(name)
        for other in graph[name]:
            if other not in number:
                visit(other)
            if other in trail:
                lowest[name] = min(lowest[name], lowest[other])
        if lowest[name] == number[name]:
            at = trail.index(name)
            if len(trail) > at + 1:
                found.add(frozenset(trail[at:]))
            del trail[at:]

    for name in graph:
        if name not in number:
            visit(name)
    return found


def imports() -> dict[str, set[str]]:
    """Return which modules of the package each module imports."""
    known = modules()
    graph = {}
    for name, path in known.items():
        found = imported(name, ast.parse(path.read_text()), path.name == "__init__.py", known)
        graph[name] = {other for other in found if other in known and other != name}
    return graph


def calls_import_by_text(tree: ast.AST) -> bool:
    """Return whether a module imports by a text."""
    names = {"import_module", "__import__"}
    return any(
        (isinstance(node, ast.Attribute) and node.attr in names)
        or (isinstance(node, ast.Name) and node.id in names)
        or (isinstance(node, ast.alias) and node.name in names)
        for node in ast.walk(tree)
    )


def test_the_table_of_what_is_used_upwards_is_known_and_leads_somewhere() -> None:
    assert set(UPWARDS) == ROWS
    assert all(callable(from_above(name)) for name in UPWARDS)


def test_nothing_else_is_imported_by_a_text() -> None:
    found = {name for name, path in modules().items() if calls_import_by_text(ast.parse(path.read_text()))}
    assert found == set(BY_NAME)


def test_modules_do_not_import_each_other_in_circles() -> None:
    graph = imports()
    assert sum(map(len, graph.values())) > 700, "the imports were not found"
    assert circles(graph) == set(CIRCLES)


@pytest.mark.parametrize(
    ("graph", "found"),
    [
        ({"a": {"b"}, "b": {"c"}, "c": set()}, set()),
        ({"a": {"b"}, "b": {"a", "c"}, "c": set()}, {frozenset("ab")}),
        (
            {"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"e", "a"}, "e": {"d"}},
            {frozenset("bc"), frozenset("de")},
        ),
    ],
)
def test_circles_are_found(graph: dict[str, set[str]], found: set[frozenset[str]]) -> None:
    assert circles(graph) == found


def test_imports_are_found_wherever_they_stand() -> None:
    text = "if TYPE_CHECKING:\n    from . import a\ndef f():\n    from .b import x\n    import p.c\n"
    known = dict.fromkeys(("p", "p.a", "p.b", "p.c"), Path())
    assert set(imported("p.m", ast.parse(text), False, known)) == {"p.a", "p.b", "p.c"}


def test_the_law_of_layers_has_no_exceptions() -> None:
    pyproject = ROOT.parent / "pyproject.toml"
    if not pyproject.exists():
        pytest.skip("an installed package has no pyproject.toml")
    contracts = tomllib.loads(pyproject.read_text())["tool"]["importlinter"]["contracts"]
    assert not any("ignore_imports" in contract for contract in contracts)
    layers = next(contract for contract in contracts if contract["type"] == "layers")
    assert layers["exhaustive"] is True
    listed = [name.strip() for layer in layers["layers"] for name in layer.split("|")]
    # In parentheses stands what is to come: it has no module yet.
    listed = [name for name in listed if not name.startswith("(")]
    # One that is listed twice, or is not there any more, is a mistake that import-linter lets pass.
    rooms = {name.split(".")[1] for name in modules() if "." in name}
    assert sorted(listed) == sorted(rooms)


TELLING = {"print(..., file=sys.stderr)", "warnings.warn", "logging.getLogger"}


def told(tree: ast.AST) -> Iterator[str]:
    """Yield the ways of telling something that a module uses."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            files = [ast.unparse(word.value) for word in node.keywords if word.arg == "file"]
            to_stderr = any("stderr" in file for file in files)
            yield "print(..., file=sys.stderr)" if name == "print" and to_stderr else name


def test_what_is_told_goes_through_one_piece_that_cannot_fail() -> None:
    """`cl._values.saying`: a stderr that is gone, or a warning made an error, ends no experiment."""
    found = {
        (name, way)
        for name, path in modules().items()
        for way in TELLING & {*told(ast.parse(path.read_text()))}
        if name not in ("cl._values.saying", "cl.net.cl1_bridge")  # which runs where this package is not
    }
    assert not found
