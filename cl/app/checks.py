"""What `pack` checks of an application's folder, step by step; each returns all that is wrong."""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable, Iterator
from typing import Any, Final

from cl._values.printing import printable

from .loading import application_of, import_source
from .project import Project, ProjectError, read_object, refusals

_ID: Final = re.compile(r"[\w.-]+\Z")
_FIELDS: Final = {
    "name": (str, "a string"),
    "version": (str, "a string"),
    "description": (str, "a string"),
    "author": (str, "a string"),
    "config_version": (int, "an integer"),
}
_IN_SCRIPT: Final = {
    "const dataStreams = [": re.compile(r"\bconst\s+dataStreams\s*=\s*\["),
    "function createVisualiser(uniqueId, div)": re.compile(
        r"\bfunction\s+createVisualiser\s*\(\s*[\w$]+\s*,\s*[\w$]+\s*,?\s*\)"
    ),
}


def folder_name(project: Project) -> Iterator[str]:
    """Check the id."""
    if not _ID.match(project.id) or project.id in (".", ".."):
        yield (
            f"the folder's name {project.id!r} must be made of letters, digits, '-', '_' and '.': it is the "
            "application's id"
        )


def structure(project: Project) -> Iterator[str]:
    """Check that what is required is there."""
    for path, is_there in (
        (project.info, project.info.is_file()),
        (project.default, project.default.is_file()),
        (project.source, project.source.is_dir()),
        (project.entry, project.entry.is_file()),
    ):
        if not is_there:
            yield f"{project.told(path)} is missing"


def info(project: Project) -> Iterator[str]:
    """Check the fields of info.json."""
    try:
        data = read_object(project.info)
    except ProjectError as error:
        yield str(error)
        return
    for name, (kind, noun) in _FIELDS.items():
        if name not in data:
            yield f"info.json has no '{name}'"
        elif not isinstance(data[name], kind):
            yield f"info.json: '{name}' must be {noun}, not {printable(repr(data[name])[:80])}"


def web(project: Project) -> Iterator[str]:
    """Check the files of the page, where there are any."""
    has_page, has_script = project.page.is_file(), project.script.is_file()
    if has_page != has_script:
        there, missing = ("vis.html", "vis.mjs") if has_page else ("vis.mjs", "vis.html")
        yield f"web has {there} but no {missing}: a page needs both"
    if has_script:
        text = project.script.read_bytes().decode("utf-8", "replace")
        for wanted, pattern in _IN_SCRIPT.items():
            if not pattern.search(text):
                yield f"web/vis.mjs must define '{wanted}'"


def source(project: Project, found: list[Any]) -> Iterator[str]:
    """Import the code, and put its configuration's class into `found`."""
    try:
        application = application_of(import_source(project, "src"))
        found.append(application.config_class())
    except ProjectError as error:
        yield str(error)
    except (Exception, SystemExit) as error:
        yield _told(error)


def configurations(project: Project, config_class: Callable[..., Any]) -> Iterator[str]:
    """Check every configuration, and that no two have one name."""
    names: dict[str, str] = {}
    for path in project.configurations():
        told = project.told(path)
        try:
            data = read_object(path)
        except ProjectError as error:
            yield str(error)
            continue
        missing = [key for key in ("name", "timeout_s") if key not in data]
        yield from (f"{told} has no '{key}'" for key in missing)
        if missing:
            continue
        other = names.setdefault(str(data["name"]), told)
        if other != told:
            yield f"{told}: the name {printable(repr(data['name']))} is that of {other} already"
        try:
            config_class(**data)
        except Exception as error:
            yield from (f"{told}: {line}" for line in refusals(error))


def _told(error: BaseException) -> str:
    where = traceback.extract_tb(error.__traceback__)[-1]
    return printable(
        f"src cannot be imported: {type(error).__name__}: {error} ({where.filename}:{where.lineno})"
    )
