"""The variables of this package: what the environment says, and `.env` in the working directory."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cl._values.saying import say, warn

if TYPE_CHECKING:
    from dotenv.parser import Binding

OLD_NAMES: Final = {
    "CL_SDK_WEBSOCKET": "CL_SDK_VISUALISATION",
    "CL_SDK_WEBSOCKET_HOST": "CL_SDK_VISUALISATION_HOST",
}
VARIABLES: Final = frozenset(
    {
        "CL_CULTURE",
        "CL_DEVICE",
        "CL_DEVICE_CA",
        "CL_DEVICE_TOKEN",
        "CL_DEVICE_TOKEN_FILE",
        "CL_SDK_ACCELERATED_TIME",
        "CL_SDK_CHANNEL_QUEUE_LIMIT",
        "CL_SDK_DATA_SOURCE",
        "CL_SDK_DATA_SOURCE_CONFIG",
        "CL_SDK_DATA_SOURCE_METADATA",
        "CL_SDK_DEFERRED_INTERRUPT_LIMIT",
        "CL_SDK_DETECT_SPIKES",
        "CL_SDK_JITTER_DETECTION",
        "CL_SDK_SYNC_SECONDS",
        "CL_SDK_RANDOM_SEED",
        "CL_SDK_REPLAY_PATH",
        "CL_SDK_REPLAY_START_OFFSET",
        "CL_SDK_SAMPLE_MEAN",
        "CL_SDK_SPIKE_PERCENTILE",
        "CL_SDK_SPIKE_VISIBILITY",
        "CL_SDK_SYNC_LIMIT",
        "CL_SDK_VISUALISATION",
        "CL_SDK_VISUALISATION_HOST",
        "CL_SDK_VISUALISATION_URL",
        "CL_STIM_BUDGET",
        "CL_STIM_WARNINGS",
        "CL_STIM_WATCHDOG_SECONDS",
    }
)
"""Everything that an open reads."""
_WITHOUT_EFFECT: Final = {
    "CL_SDK_WEBSOCKET_PORT": "the page takes the first free port from 1025 on",
}
OTHER_VARIABLES: Final = frozenset({"CL_PROGRESS"})
"""What is read elsewhere than at an open."""
_OURS: Final = "CL_SDK_", "CL_DEVICE", "CL_STIM_", "CL_CULTURE"
_CLOSE: Final = 0.8
"""How alike a name has to be to one of ours to be taken for a slip (difflib's ratio)."""
_said: set[str] = set()
"""The variables without effect that have been told of, once per process."""


def read_variables(environ: Mapping[str, str] | None = None, directory: Path | None = None) -> dict[str, str]:
    """Return the variables, under their present names: the environment's, and the file's where it has none.

    The environment wins whichever name of a variable either uses, and also with an empty value, which is the
    default. An old name warns. A line of the file that sets one of ours and cannot be understood raises
    `ValueError` that names the file and the line.
    """
    file = read_file((directory if directory is not None else Path()) / ".env")
    environment = os.environ if environ is None else environ
    _tell_of_others({**file, **environment})
    for old, new in OLD_NAMES.items():
        if old in environment or old in file:
            warn(f"{old} is deprecated, use {new}", DeprecationWarning, stacklevel=4)
    return {**_renamed(file), **_renamed(environment)}


def _renamed(layer: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of one layer without old names, which count where the new one has no value."""
    found = {name: value for name, value in layer.items() if name not in OLD_NAMES}
    for old, new in OLD_NAMES.items():
        if old in layer and not found.get(new, "").strip():
            found[new] = layer[old]
    return found


def _tell_of_others(names: Mapping[str, str]) -> None:
    """Say once of each variable that it has no effect, where it looks like one of ours."""
    known = VARIABLES | OTHER_VARIABLES | OLD_NAMES.keys()
    for name in sorted(names):
        if not name.startswith("CL_") or name in known or name in _said:
            continue
        slip = _close_to(name, known)
        if slip or name.startswith("CL_SDK_"):
            _said.add(name)
            reason = _WITHOUT_EFFECT.get(name) or f"there is no such variable{slip and f', but {slip}'}"
            say(f"cl: {name} has no effect: {reason}")


def _close_to(name: str, known: Iterable[str]) -> str:
    """Return the one of ours that a name is a slip of, or nothing."""
    import difflib  # only where there is such a name: it is not free to import

    return next(iter(difflib.get_close_matches(name, known, 1, _CLOSE)), "")


# -- the file -------------------------------------------------------------------------------------


def read_file(path: Path) -> dict[str, str]:
    """Return what a `.env` file sets, in python-dotenv's syntax; nothing where there is no such file.

    A value in single quotes is taken as it stands, in all others `${NAME}` is replaced. A byte order mark is
    no part of the first name. What is no UTF-8 text raises `ValueError`.
    """
    # The name stays relative: the working directory may have been removed, and has no `.env` then.
    if not os.path.isfile(path):
        return {}
    from dotenv.parser import parse_stream  # only where there is such a file: it is not free to import

    found: dict[str, str] = {}
    try:
        with path.open(encoding="utf-8-sig") as stream:
            for binding in parse_stream(stream):
                found.update(_pairs(binding, found, path))
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} cannot be read as UTF-8 text: {error}") from None
    return found


def _pairs(binding: Binding, before: Mapping[str, str], path: Path) -> Iterator[tuple[str, str]]:
    """Yield the name and value that a piece of the file sets, if it does."""
    text = binding.original.string
    if binding.key is not None and binding.value is not None:
        in_single_quotes = text.partition("=")[2].lstrip().startswith("'")
        yield binding.key, binding.value if in_single_quotes else _replaced(binding.value, before)
    elif (binding.error or binding.key is not None) and any(name in text for name in _OURS):
        # Lines of others are theirs to mend.
        line = binding.original.line + text[: len(text) - len(text.lstrip())].count("\n")
        raise ValueError(f"{path}, line {line}: {text.strip()!r} is not understood: it takes NAME=value")


def _replaced(value: str, before: Mapping[str, str]) -> str:
    from dotenv.variables import parse_variables

    known = {**os.environ, **before}
    return "".join(atom.resolve(known) for atom in parse_variables(value))
