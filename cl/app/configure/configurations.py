"""The configurations of an application, as its page has them: listed, checked, and saved as presets."""

from __future__ import annotations

import json
import math
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cl._values.printing import printable
from cl.app.base import BaseApplication
from cl.app.loading import application_of, free_name, import_source
from cl.app.project import Project, ProjectError, read_object
from cl.app.targets import BUNDLED
from cl.app.validation import migrated

_FILE: Final = re.compile(r"[\w-][\w .-]{0,120}\.json\Z")
"""A name within `presets`: no separators, and nothing that is hidden or a device of another system."""
_EXACT: Final = (1 << 53) - 1
"""Beyond this a JavaScript number is no longer exact."""


@dataclass(frozen=True)
class Fault:
    """What is wrong with a field: its place in the configuration, and the reason."""

    place: tuple[str | int, ...]
    reason: str


class Invalid(Exception):
    """A configuration that is none; told at its fields."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("; ".join(fault.reason for fault in faults))
        self.faults = faults


class Configurations:
    """The configurations of an application's folder, whose code is imported; `ProjectError` for others."""

    def __init__(self, project: Project) -> None:
        if not project.entry.is_file():
            raise ProjectError(f"{printable(str(project.entry))} does not exist")
        self._project = project
        self.application: BaseApplication[Any] = application_of(import_source(project, free_name(project)))
        try:
            schema = self.application.config_class().model_json_schema()
        except Exception as error:
            reason = printable(f"{type(error).__name__}: {error}")
            raise ProjectError(f"the configuration's class has no JSON schema: {reason}") from None
        self.schema: dict[str, Any] = for_json(schema)

    def listed(self) -> list[dict[str, Any]]:
        """Return the default configuration and the presets: `file`, and `data`, or `problem` instead."""
        return [self._read(path) for path in self._project.configurations()]

    def _read(self, path: Path) -> dict[str, Any]:
        file = path.relative_to(self._project.folder).as_posix()
        try:
            return {"file": file, "data": for_json(migrated(self.application, read_object(path)))}
        except Exception as error:
            return {"file": file, "problem": printable(str(error))}

    def checked(self, data: object) -> dict[str, Any]:
        """Return a configuration with all its fields, as a file is to hold it; `Invalid` for what is none."""
        from pydantic import ValidationError

        if not isinstance(data, dict):
            raise Invalid([Fault((), "a configuration is an object")])
        try:
            model = self.application.config_class().model_validate(data)
        except ValidationError as error:
            found = error.errors(include_url=False, include_context=False, include_input=False)
            raise Invalid([Fault(tuple(one["loc"]), one["msg"]) for one in found]) from None
        dumped: dict[str, Any] = model.model_dump(mode="json", by_alias=True)
        return dumped

    def save(self, file: object, data: object, replace: bool) -> str:
        """Save a preset, and return its place in the folder.

        `Invalid` for a configuration that is none or has another one's name, `ProjectError` for a file's name
        that cannot be, is taken (without `replace`), or leads elsewhere.
        """
        path = self._preset(file)
        checked = self.checked(data)
        others = [one for one in self._project.configurations() if one != path]
        for other in others:
            if _name_of(other) == checked.get("name"):
                raise Invalid([Fault(("name",), f"{self._project.told(other)} has this name already")])
        if not replace and os.path.lexists(path):
            raise ProjectError(f"there is a preset {path.name} already")
        text = json.dumps(checked, indent=4, ensure_ascii=False, allow_nan=False) + "\n"
        try:
            self._project.presets.mkdir(exist_ok=True)
            _replace(path, text)
        except OSError as error:
            raise ProjectError(f"it cannot be saved: {printable(str(error))}") from None
        return path.relative_to(self._project.folder).as_posix()

    def _preset(self, file: object) -> Path:
        if not isinstance(file, str) or not _FILE.match(file):
            raise ProjectError(
                "a preset's file has a name of letters, digits, '-', '_', '.' and spaces, and ends with "
                f".json: not {printable(repr(file)[:80])}"
            )
        presets = self._project.presets
        if self._project.folder.parent == BUNDLED:
            raise ProjectError("the presets of a bundled application are the package's: copy its folder")
        if presets.is_symlink():
            raise ProjectError(f"{printable(str(presets))} is a link")
        return presets / file


def _name_of(path: Path) -> object:
    try:
        return read_object(path).get("name")
    except ProjectError:
        return None


def _replace(path: Path, text: str) -> None:
    """Write a file in the place of an older one, once it is whole; a link there is replaced, not followed."""
    part = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with part.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def for_json(value: Any) -> Any:
    """Return a value without the numbers that a page cannot hold: they become texts."""
    if isinstance(value, dict):
        return {str(key): for_json(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [for_json(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return str(value) if isinstance(value, int) and abs(value) > _EXACT else value
