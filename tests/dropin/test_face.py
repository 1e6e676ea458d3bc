"""The public face of cl-sdk 1.0.0, name by name: each is ours too, and takes the same arguments.

`face.json` has module → name → what it is: `function` and `class` have their parameters (name, kind, default
where it is a plain value), a class its `members`, an `exception` its bases, an `enum` its values.
"""

from __future__ import annotations

import importlib
import inspect
import json
from collections.abc import Iterator
from fnmatch import fnmatchcase
from inspect import Parameter
from pathlib import Path
from typing import Any, Final

import pytest
from extras import need_extra
from face_exceptions import EXCEPTIONS

import cl

FACE: Final[dict[str, dict[str, Any]]] = json.loads((Path(__file__).parent / "face.json").read_text())
_KINDS: Final = {
    "positional_only": Parameter.POSITIONAL_ONLY,
    "positional_or_keyword": Parameter.POSITIONAL_OR_KEYWORD,
    "var_positional": Parameter.VAR_POSITIONAL,
    "keyword_only": Parameter.KEYWORD_ONLY,
    "var_keyword": Parameter.VAR_KEYWORD,
}


def entries() -> Iterator[tuple[str, Any]]:
    """Yield the path of each entry, `module:name` or `module:class.member`, and what it is."""
    for module, names in FACE.items():
        for name, entry in names.items():
            yield f"{module}:{name}", entry
            if isinstance(entry, dict):
                for member, face in entry.get("members", {}).items():
                    yield f"{module}:{name}.{member}", face


def find(path: str, instances: dict[str, Any]) -> Any:
    """Return what is ours under a path; where a class has no such member an instance may."""
    module, _, name = path.partition(":")
    name, _, member = name.partition(".")
    found = getattr(importlib.import_module(module), name)
    if not member:
        return found
    if not hasattr(found, member) and name in instances:
        return getattr(instances[name], member)
    return getattr(found, member)


def parameters(entry: Any) -> list[dict[str, Any]] | None:
    """Return the parameters of an entry, None for one that is not called."""
    if isinstance(entry, dict):
        for kind in ("function", "class", "static"):
            if kind in entry:
                found: list[dict[str, Any]] = entry[kind]
                return found
    return entry if isinstance(entry, list) else None


def plain(value: Any) -> Any:
    """Return a default as JSON holds it."""
    return [*value] if isinstance(value, tuple) else value


def complaints(theirs: list[dict[str, Any]], ours: list[Parameter]) -> Iterator[str]:
    """Yield why a call that these parameters allow would not be taken by ours, or be taken otherwise."""
    by_name = {parameter.name: parameter for parameter in ours}
    taken = set()
    for place, face in enumerate(theirs):
        kind = _KINDS[face["kind"]]
        if kind in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD):
            if not any(parameter.kind is kind for parameter in ours):
                yield f"takes no {'*' if kind is Parameter.VAR_POSITIONAL else '**'}{face['name']}"
            continue
        if kind is Parameter.KEYWORD_ONLY:
            found = by_name.get(face["name"])
            fits = found is not None and found.kind in (kind, Parameter.POSITIONAL_OR_KEYWORD)
        else:
            found = ours[place] if place < len(ours) else None
            allowed = {Parameter.POSITIONAL_OR_KEYWORD, kind}
            fits = found is not None and found.kind in allowed
            fits = fits and (kind is Parameter.POSITIONAL_ONLY or found.name == face["name"])
        if not fits:
            yield f"has no {face['name']} ({face['kind']}, {place})"
            continue
        assert found is not None
        taken.add(found.name)
        if "default" in face and found.default is Parameter.empty:
            yield f"needs {face['name']}"
        elif face.get("default", "other") != "other" and plain(found.default) != face["default"]:
            yield f"{face['name']}={found.default!r} instead of {face['default']!r}"
    for parameter in ours:
        is_open = parameter.kind in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
        if parameter.name not in taken and parameter.default is Parameter.empty and not is_open:
            yield f"needs {parameter.name}"


def faults(path: str, entry: Any, instances: dict[str, Any]) -> list[str]:
    """Return in what ours differs from an entry."""
    try:
        found = find(path, instances)
    except (AttributeError, ImportError) as error:
        return [f"is missing: {error}"]
    if isinstance(entry, dict) and "exception" in entry:
        bases = [base.__name__ for base in found.__mro__[1:]]
        return [f"is no {name}" for name in entry["exception"] if name not in bases]
    if isinstance(entry, dict) and "enum" in entry:
        values = {member.name: member.value for member in found}
        return [] if values == entry["enum"] else [f"has the values {values}"]
    theirs = parameters(entry)
    if theirs is None:
        return []
    if not callable(found):
        return ["is not called"]
    return [*complaints(theirs, [*inspect.signature(found).parameters.values()])]


@pytest.fixture(scope="module")
def instances(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return an object of each class that has attributes of its instances only."""
    folder = str(tmp_path_factory.mktemp("face"))
    with cl.open(device=cl.sim.Simulator(accelerated=True, seed=1, visualisation=False)) as neurons:
        recording = neurons.record(stop_after_frames=100, file_location=folder)
        loop = neurons.loop(1000, stop_after_ticks=1)
        ticks = [*loop]
        recording.wait_until_stopped()
        plan = neurons.create_stim_plan()
    with recording.open() as view:
        made = (loop, *ticks, plan, recording, view)
    return {type(one).__name__: one for one in made}


@pytest.fixture(scope="module")
def found(instances: dict[str, Any]) -> dict[str, list[str]]:
    """Return in what ours differs, by the paths of the entries."""
    every = {path: faults(path, entry, instances) for path, entry in entries()}
    return {path: differences for path, differences in every.items() if differences}


def excuses(path: str) -> list[str]:
    """Return the patterns of exceptions that an entry falls under."""
    return [pattern for pattern in EXCEPTIONS if fnmatchcase(path, pattern)]


@pytest.mark.parametrize("module", FACE)
def test_each_name_is_ours_too(module: str, found: dict[str, list[str]]) -> None:
    if module.startswith(("cl.analysis", "cl.app", "cl.util")):
        need_extra("analysis", "pydantic")
    own = {path: told for path, told in found.items() if path.startswith(f"{module}:") and not excuses(path)}
    assert not own


def test_each_exception_is_needed_still(found: dict[str, list[str]]) -> None:
    need_extra("analysis", "pydantic")
    used = {pattern for path in found for pattern in excuses(path)}
    assert set(EXCEPTIONS) == used, "take those that are not needed any more out of the list"


@pytest.mark.parametrize(
    ("ours", "told"),
    [
        (lambda a, b=1, *rest, c, d=2, **more: None, []),
        (lambda a, b=1, *rest, c=3, d=2, e=5, **more: None, []),
        (lambda x, b=1, *rest, c, d=2, **more: None, ["has no a (positional_or_keyword, 0)", "needs x"]),
        (lambda a, b=2, *rest, c, d=2, **more: None, ["b=2 instead of 1"]),
        (lambda a, b, *rest, c, d=2, **more: None, ["needs b"]),
        (lambda a, b=1, *, c, d=2, **more: None, ["takes no *rest"]),
        (lambda a, b=1, *rest, c, **more: None, ["has no d (keyword_only, 4)"]),
        (lambda a, b=1, *rest, c, d=2, e, **more: None, ["needs e"]),
        (lambda a, b=1, *rest, c, d=2: None, ["takes no **more"]),
    ],
)
def test_what_is_not_callable_alike_is_found(ours: Any, told: list[str]) -> None:
    def call(a: Any, b: int = 1, *rest: Any, c: Any, d: int = 2, **more: Any) -> None: ...

    theirs = [
        {
            "name": parameter.name,
            "kind": parameter.kind.name.lower(),
            **({} if parameter.default is Parameter.empty else {"default": parameter.default}),
        }
        for parameter in inspect.signature(call).parameters.values()
    ]
    assert [*complaints(theirs, [*inspect.signature(ours).parameters.values()])] == told
