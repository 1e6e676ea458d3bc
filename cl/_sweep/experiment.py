"""The function that a sweep runs: by which name it is imported elsewhere, and which code it is."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import os
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, Final

IMPORTING: Final = "CL_SWEEP_IMPORTING"
"""Set in a worker while it imports the experiment, so that a script that sweeps at its import is told so."""
_IMPORTABLE: Final = "an experiment is a function that workers import: define it in a module or a script"


@dataclass(frozen=True, slots=True)
class Experiment:
    """An importable function, by its module (and the file of that, for a script) and its name therein."""

    module: str
    name: str
    file: str | None = None

    def __str__(self) -> str:
        return f"{self.module}:{self.name}"

    def load(self) -> Callable[..., Any]:
        """Import it. ImportError, AttributeError, or what its module raises."""
        module = (
            importlib.import_module(self.module) if self.file is None else _loaded(self.module, self.file)
        )
        found: Any = module
        for part in self.name.split("."):
            found = getattr(found, part)
        return _function(found, str(self))


def experiment_of(function: Any) -> Experiment:
    """Return by which name a function is imported elsewhere; TypeError or ValueError where by none."""
    if not callable(function):
        raise TypeError(f"experiment is {function!r}: {_IMPORTABLE}")
    module, name = (getattr(function, part, None) for part in ("__module__", "__qualname__"))
    if not isinstance(module, str) or not isinstance(name, str):
        raise TypeError(f"experiment is {function!r}, which has no name: {_IMPORTABLE}")
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    if found is not function:
        raise ValueError(f"experiment is {module}:{name}, which cannot be imported: {_IMPORTABLE}")
    if module != "__main__":
        return Experiment(module, name)
    module, file = main_name()
    return Experiment(module, name, file)


def main_name() -> tuple[str, str | None]:
    """Return the name by which the main module is imported, and its file; ValueError where it has none."""
    main = sys.modules["__main__"]
    spec = getattr(main, "__spec__", None)
    if spec is not None:
        return str(spec.name), None
    file = getattr(main, "__file__", None)
    if file is None:
        raise ValueError(f"experiment is in a notebook or a terminal, which have no file: {_IMPORTABLE}")
    return Path(file).stem, os.path.abspath(file)


def experiment_at(text: str) -> Experiment:
    """Return the experiment of a "FILE.py:NAME" or a "module:NAME"; ValueError for another text."""
    place, colon, name = text.rpartition(":")
    if not colon or not place or not name.replace(".", "").isidentifier():
        raise ValueError(f'{text!r} is no experiment: "FILE.py:NAME" or "module:NAME"')
    if not place.endswith(".py"):
        return Experiment(place, name)
    if not os.path.isfile(place):
        raise FileNotFoundError(f"{place}: no such file, for the experiment {text!r}")
    return Experiment(Path(place).stem, name, os.path.abspath(place))


def check_signature(function: Callable[..., Any], names: frozenset[str]) -> None:
    """Raise TypeError unless a function can be called with neurons, or an open, and these parameters."""
    signature = inspect.signature(function)
    first = first_parameter(function)
    if first in names:
        raise ValueError(f"grid has {first!r}, which is what the experiment calls its neurons: rename it")
    try:
        signature.bind(object(), **dict.fromkeys(names))
    except TypeError as error:
        given = ", ".join(sorted(names)) or "no parameters"
        raise TypeError(f"grid has {given}, but the experiment is {signature}: {error}") from None


def first_parameter(function: Callable[..., Any]) -> str:
    """Return the name of the first parameter: "open" where the experiment opens its device itself."""
    parameters = list(inspect.signature(function).parameters.values())
    if not parameters or parameters[0].kind is inspect.Parameter.KEYWORD_ONLY:
        raise TypeError("an experiment takes the neurons, or `open`, as its first parameter: this takes none")
    return parameters[0].name


def code_of(function: Callable[..., Any]) -> str:
    """Return a hash of a function's code, and of the functions and classes of its module that it uses.

    Comments and the way it is laid out count for nothing.
    """
    texts = sorted(_text(used) for used in _used(inspect.unwrap(function)))
    return sha256("\n".join(texts).encode()).hexdigest()[:16]


def _used(function: Any) -> Iterator[Any]:
    found, rest = {function.__qualname__: function}, [function]
    while rest:
        one = rest.pop()
        yield one
        for name in _names(one):
            other = getattr(function, "__globals__", {}).get(name)
            named = getattr(other, "__qualname__", None)
            if getattr(other, "__module__", None) == function.__module__ and named and named not in found:
                found[named] = other
                rest.append(other)


def _names(one: Any) -> set[str]:
    if isinstance(one, type):
        return {name for member in vars(one).values() for name in _names(member)}
    code = getattr(one, "__code__", None)
    return set() if code is None else _names_in(code)


def _names_in(code: CodeType) -> set[str]:
    inner = (const for const in code.co_consts if isinstance(const, CodeType))
    return {*code.co_names}.union(*map(_names_in, inner))


def _text(one: Any) -> str:
    try:
        return ast.unparse(ast.parse(textwrap.dedent(inspect.getsource(one))))
    except (OSError, TypeError, SyntaxError):  # made at run time: it has no source
        code = getattr(one, "__code__", None)
        return repr(one) if code is None else code.co_code.hex()


def _loaded(module: str, file: str) -> ModuleType:
    """Run a script's file as a module of its name, once; under another name where that is taken."""
    name = module
    if _is_taken(module, file):
        name = f"cl_experiment_{module}"
    found = sys.modules.get(name)
    if found is not None and _is_from(found, file):
        return found
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is no Python file")
    made = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(made)
    except BaseException:
        del sys.modules[name]
        raise
    return made


def _is_taken(module: str, file: str) -> bool:
    found = sys.modules.get(module)
    if found is None:
        return module in sys.stdlib_module_names
    return not _is_from(found, file)


def _is_from(module: ModuleType, file: str) -> bool:
    return os.path.abspath(getattr(module, "__file__", None) or "") == file


def _function(found: Any, called: str) -> Callable[..., Any]:
    if not callable(found):
        raise TypeError(f"{called} is {found!r}, no function")
    function: Callable[..., Any] = found
    return function
