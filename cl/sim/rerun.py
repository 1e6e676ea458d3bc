"""Making the run of a recording again: from its attribute `simulation` to the arguments of a `Simulator`."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from cl._values.saying import Log
from cl._values.version import VERSION

from .described import RANDOM, REPLAY, SETTINGS

_KEYS: Final = ("source", "config", "seed", "replay_start_offset", "version", "settings")
_log = Log()


def arguments_of(
    path: str | os.PathLike[str],
    source: Callable[..., Any] | None,
    replay_path: str | os.PathLike[str] | None,
) -> dict[str, Any]:
    """Return the arguments of the simulator that a recording was made of. See `Simulator.from_recording`."""
    run = _simulation(path)
    if run["version"] != VERSION:
        _log.warning(
            "%s was recorded by version %s of this package, this is %s: its run may differ",
            os.fspath(path),
            run["version"],
            VERSION,
        )
    arguments = {name: run["settings"][name] for name in SETTINGS if name in run["settings"]}
    arguments["seed"] = run["seed"]
    played: str = run["source"]
    if played == RANDOM:
        return arguments | {"source": RANDOM}
    if played.startswith(REPLAY):
        found = replay_path or _beside(path, played.removeprefix(REPLAY))
        return arguments | {"replay_path": found, "replay_start_offset": run["replay_start_offset"]}
    metadata = _metadata(run["settings"].get("metadata"))
    return arguments | {
        "source": source or _importable(path, played),
        "config": run["config"],
        "metadata": metadata,
    }


def _simulation(path: str | os.PathLike[str]) -> Mapping[str, Any]:
    from cl._store.read.view import RecordingView

    with RecordingView(path) as view:
        run = view.attributes.get("simulation")
    if run is None:
        raise ValueError(
            f"{os.fspath(path)} does not say how its run was made (it has no attribute 'simulation'): it was "
            "recorded on a device, or by an older version or another program"
        )
    if not (
        isinstance(run, Mapping)
        and all(key in run for key in _KEYS)
        and isinstance(run["source"], str)
        and isinstance(run["settings"], Mapping)
    ):
        raise ValueError(
            f"{os.fspath(path)}: its attribute 'simulation' is {run!r}, it must have {' '.join(_KEYS)}"
        )
    return run


def _beside(path: str | os.PathLike[str], name: str) -> str:
    """Return where the file of that name is, which a recording is the replay of."""
    if Path(name).name != name:
        raise ValueError(
            f"{os.fspath(path)}: what it is a replay of is called {name!r}, which is no file name"
        )
    for folder in (Path(path).parent, Path()):
        if (folder / name).is_file():
            return str(folder / name)
    raise FileNotFoundError(
        f"{os.fspath(path)} is a replay of {name}, which is neither beside it nor in the working directory: "
        "say where it is, replay_path=..."
    )


def _metadata(given: Any) -> Any:
    from .user.data_source import SimulatorDataSourceMetadata

    names = {field.name for field in dataclasses.fields(SimulatorDataSourceMetadata)}
    if isinstance(given, Mapping) and given.keys() == names:
        return SimulatorDataSourceMetadata(**given)
    return given


def _importable(path: str | os.PathLike[str], name: str) -> str:
    """Return the name of a source in a recording, if it leads to one; ValueError or TypeError if not.

    A file may name anything that can be imported, and what it names is going to be called.
    """
    from .user.factory_path import imported

    where = f"the source of {os.fspath(path)}"
    try:
        factory = imported(name, where)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{error}: give it, source=...") from error
    if not _makes_sources(factory):
        raise ValueError(
            f"{where} is {name!r}, which is neither a data source nor of a module that has some; if it "
            "makes one all the same, give it, source=..."
        )
    return name


def _makes_sources(factory: Any) -> bool:
    if isinstance(factory, type):
        return _is_source(factory)
    home = sys.modules.get(getattr(factory, "__module__", None) or "")
    return home is not None and any(_is_source(value) for value in tuple(vars(home).values()))


def _is_source(value: Any) -> bool:
    from .user.data_source import SimulatorDataSource

    return isinstance(value, type) and issubclass(value, SimulatorDataSource)
