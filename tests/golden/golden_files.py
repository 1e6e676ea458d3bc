"""The stored golden values, and how a run differs from them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
PROGRAMS = ("async", "sync")
ORDER = "order of service"


def stored() -> dict[str, dict[str, Any]]:
    """Return the stored values of all sources, by name, then by program."""
    return {path.stem: json.loads(path.read_text()) for path in FOLDER.glob("*.json")}


def store(name: str, values: dict[str, Any]) -> Path:
    """Store a source's values, by program; return the file."""
    path = FOLDER / f"{name}.json"
    path.write_text(json.dumps(values, indent=1) + "\n")
    return path


def check(name: str, program: str, found: dict[str, Any]) -> None:
    """Fail unless what was found is what is stored, and say which parts differ."""
    expected = stored().get(name, {}).get(program)
    assert expected, f"{name}, {program} program: nothing is stored"
    told = "\n  ".join(differences(expected, found))
    assert not told, f"{name}, {program} program:\n  {told}"


def differences(expected: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """Return a text for each part that is not the same in both."""
    return [
        f"{part}: {_difference(part, expected.get(part), found.get(part))}"
        for part in sorted({*expected, *found})
        if expected.get(part) != found.get(part)
    ]


def _difference(part: str, expected: Any, found: Any) -> str:
    if expected is None:
        return f"{found}, of which nothing is stored"
    if found is None:
        return f"nothing, but stored is {expected}"
    if part != ORDER:
        return f"{found}, but stored is {expected}"
    for number, (theirs, ours) in enumerate(zip(expected["first"], found["first"], strict=False)):
        if theirs != ours:
            return f"entry {number} is {ours!r}, but stored is {theirs!r}"
    return (
        f"the first {len(expected['first'])} entries agree, later ones differ (`write_golden.py --order` "
        f"shows them all); served were {found['served']}, but stored is {expected['served']}"
    )
