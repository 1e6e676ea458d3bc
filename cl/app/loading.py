"""Importing an application's code: its folder `src` as a package, under a name that is free."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from .base import BaseApplication
from .project import Project, ProjectError


def import_source(project: Project, name: str) -> ModuleType:
    """Import `src` as a package of that name; raises what its code raises."""
    spec = importlib.util.spec_from_file_location(
        name, project.entry, submodule_search_locations=[str(project.source)]
    )
    assert spec is not None and spec.loader is not None, project.entry
    module = importlib.util.module_from_spec(spec)
    _forget(name)
    _hold_place(name)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        _forget(name)
        raise
    return module


def _forget(name: str) -> None:
    """Forget a package and its modules, of which another one's of that name may be left."""
    for other in [*sys.modules]:
        if other == name or other.startswith(f"{name}."):
            del sys.modules[other]


def _hold_place(name: str) -> None:
    """Have something under the first part of a name with dots, which `from . import` looks for."""
    first, dot, _ = name.partition(".")
    if dot and first not in sys.modules and importlib.util.find_spec(first) is None:
        sys.modules[first] = ModuleType(first)


def free_name(project: Project) -> str:
    """Return the folder's name, or another one where a module has it: `json` stays what it is."""
    taken = project.id in sys.modules or project.id in sys.stdlib_module_names
    return f"cl_application_{project.id}" if taken else project.id


def application_of(module: ModuleType) -> BaseApplication[Any]:
    """Return what the package defines as `application`."""
    found = getattr(module, "application", None)
    if found is None:
        raise ProjectError("src/__init__.py defines no 'application'")
    if not isinstance(found, BaseApplication):
        raise ProjectError(
            "'application' in src/__init__.py must be an instance of BaseApplication, "
            f"not {type(found).__name__}"
        )
    return found


@contextmanager
def imported_aside(project: Project) -> Iterator[None]:
    """Let code be imported with the folder first in `sys.path`, and have Python as it was before at the end.

    No compiled files are left, and none of the modules that lie in the folder, nor a `src` of another one.
    """
    path, modules, bytecode = [*sys.path], dict(sys.modules), sys.dont_write_bytecode
    _forget("src")
    sys.path.insert(0, str(project.folder))
    sys.dont_write_bytecode = True
    try:
        yield
    finally:
        sys.path[:] = path
        sys.dont_write_bytecode = bytecode
        for name, module in [*sys.modules.items()]:
            file = getattr(module, "__file__", None) or ""
            if name not in modules and str(file).startswith(f"{project.folder}/"):
                del sys.modules[name]
        for name in modules:
            if name == "src" or name.startswith("src."):
                sys.modules[name] = modules[name]
        importlib.invalidate_caches()
