"""The folder of an application: what lies where in it, and reading its JSON files."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from cl._values.paths import absolute
from cl._values.printing import printable


class ProjectError(Exception):
    """What is wrong with a folder or a file of an application; told without a traceback."""


class Project:
    """The paths of an application's folder; `id` is the folder's name."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(os.path.normpath(absolute(folder)))
        self.id = self.folder.name
        self.info = self.folder / "info.json"
        self.default = self.folder / "default.json"
        self.presets = self.folder / "presets"
        self.source = self.folder / "src"
        self.entry = self.source / "__init__.py"
        self.web = self.folder / "web"
        self.page = self.web / "vis.html"
        self.script = self.web / "vis.mjs"
        self.style = self.web / "vis.css"

    def configurations(self) -> list[Path]:
        """Return the default configuration and the presets, by name."""
        return [self.default, *sorted(self.presets.glob("*.json"))]

    def told(self, path: Path) -> str:
        """Return a path as messages tell it: within the folder."""
        return printable(str(path.relative_to(self.folder)))


def read_object(path: Path) -> dict[str, Any]:
    """Return the object that a JSON file holds; `ProjectError` where there is none."""
    name = printable(str(path))
    try:
        found = json.loads(path.read_bytes())
    except OSError as error:
        raise ProjectError(f"{name} cannot be read: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        raise ProjectError(f"{name} is not valid JSON: {printable(str(error))}") from None
    if not isinstance(found, dict):
        raise ProjectError(f"{name} must hold a JSON object, not {_kind(found)}")
    return found


def read_configuration(path: Path) -> dict[str, Any]:
    """Return a configuration, with `name` and `timeout_s` in it; `ProjectError` where it is none."""
    if not path.is_file():
        raise ProjectError(f"Configuration file does not exist: {printable(str(path))}")
    data = read_object(path)
    for key, wanted, noun in (("name", str, "a string"), ("timeout_s", int, "an integer")):
        if key not in data:
            raise ProjectError(f"{printable(str(path))} has no '{key}'")
        if not isinstance(data[key], wanted):
            raise ProjectError(f"{printable(str(path))}: '{key}' must be {noun}, not {_kind(data[key])}")
    return data


def refusals(error: Exception) -> list[str]:
    """Return what a configuration's validation has found, one line a field."""
    errors: Any = getattr(error, "errors", None)
    if not callable(errors):
        return [printable(f"{type(error).__name__}: {error}")]
    found = errors(include_url=False, include_context=False, include_input=False)
    return [
        printable(f"{'.'.join(map(str, one['loc'])) or 'the configuration'}: {one['msg']}") for one in found
    ]


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "a bool", int: "an integer"}
    return names.get(type(value), "null" if value is None else "a number")
