"""What a report says of a recording before anything is computed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .figures import number


def facts(view: Any) -> dict[str, str]:
    """Return names and values, as texts, of one view of one or several recordings."""
    attributes = view.attributes
    found = {"duration": number(attributes["duration_frames"] / attributes["frames_per_second"], "s")}
    rows: dict[str, int | None] = {"spikes": 0, "stims": 0}
    complete, files = True, 0
    for _, recording in view.recordings():  # one is open at a time
        files += 1
        complete &= recording.complete
        for name, count in rows.items():
            table = getattr(recording, name)
            rows[name] = None if table is None or count is None else count + len(table)
        if files == 1:
            found |= _named(recording.attributes)
    for name, count in rows.items():
        found[name] = "not recorded" if count is None else number(count)
    if not complete:
        found["state"] = "was never ended, or is still being recorded"
    if files > 1:
        found["files"] = number(files)
    return {name: value for name, value in found.items() if value}


def _named(attributes: Mapping[str, Any]) -> dict[str, str]:
    names = ("created_utc", "hostname", "project_id", "cell_batch_id")
    found = {name.replace("_", " "): _text(attributes.get(name)) for name in names}
    at = found.pop("created utc")
    return {"recorded": f"{at[:19].replace('T', ' ')} UTC" if at else "", **found}


def _text(value: Any) -> str:
    return str(value)[:200] if isinstance(value, (str, int, float)) else ""
