"""The law of the house that import-linter does not cover: the one way up, and no circles."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import cl
from cl._values.upwards import UPWARDS, from_above

ROOT = Path(cl.__file__).parent
ROWS = {
    "start_server",
}
"""The rows of the table of what is used upwards; a new one wants a reason."""


def modules() -> dict[str, Path]:
    """Return the package's modules by their dotted names."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported_at_load(name: str, path: Path, known: dict[str, Path]) -> Iterator[str]:
    """Yield the modules that a module imports when it is loaded, and not only for types."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    body = [node for node in ast.parse(path.read_text()).body if not _is_for_types(node)]
    for node in body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom):
            base = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                yield inner if inner in known else base


def _is_for_types(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def test_the_table_of_what_is_used_upwards_is_known_and_leads_somewhere() -> None:
    assert set(UPWARDS) == ROWS
    assert all(callable(from_above(name)) for name in UPWARDS)


def test_modules_do_not_import_each_other_in_circles() -> None:
    known = modules()
    graph = {
        name: {other for other in imported_at_load(name, path, known) if other in known and other != name}
        for name, path in known.items()
    }
    assert sum(map(len, graph.values())) > 300, "the imports were not found"
    order: list[str] = []
    state: dict[str, int] = {}

    def visit(name: str, trail: tuple[str, ...]) -> None:
        if state.get(name) == 2:
            return
        assert state.get(name) != 1, f"a circle: {' -> '.join((*trail, name))}"
        state[name] = 1
        for other in graph[name]:
            visit(other, (*trail, name))
        state[name] = 2
        order.append(name)

    for name in graph:
        visit(name, ())
    assert len(order) == len(known)
