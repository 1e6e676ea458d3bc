"""What an NWB file says of itself: who, when, and from which recording."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from cl.interop.recorded import Recorded
from cl.interop.texts import as_json

_NAMESPACE: Final = uuid.UUID("6f6c3f5e-1c0e-5d8a-9a52-0d2c6d6ad0f7")
_IDENTITY: Final = ("hostname", "project_id", "cell_batch_id", "created_utc", "start_timestamp")


def new(pynwb: Any, recorded: Recorded, subject: Any, fields: Mapping[str, Any]) -> Any:
    """Return an `NWBFile` that has nothing but its metadata; TypeError for fields that there are not."""
    if subject is None or isinstance(subject, Mapping):
        known = {**subject_of(recorded), **(subject or {})}
        subject = pynwb.file.Subject(**known) if known else None
    given = dict(fields)
    start = given.pop("session_start_time", None)
    defaults = {
        "session_description": description(recorded),
        "identifier": identifier(recorded),
        "session_id": Path(recorded.paths[0]).stem.encode("utf-8", "replace").decode(),
        "notes": notes(recorded),
        "keywords": ["multi-electrode array", "in vitro", "closed loop"],
    }
    return pynwb.NWBFile(
        session_start_time=start or session_start(recorded), subject=subject, **(defaults | given)
    )


def subject_of(recorded: Recorded) -> dict[str, Any]:
    """Return what the recording says of its culture as fields of NWB's subject; nothing if it says nothing.

    Its age is the time since plating; what NWB has no field for is in the description.
    """
    culture = recorded.attributes[0].get("culture")
    if not isinstance(culture, dict) or not culture:
        return {}
    given = {
        name: str(culture[name])
        for name in ("subject_id", "species", "sex", "genotype", "strain", "weight")
        if name in culture
    }
    found = {"subject_id": str(culture.get("chip", Path(recorded.paths[0]).stem)), **given}
    if "cell_line" in culture:
        found.setdefault("strain", str(culture["cell_line"]))
    age = _age(culture.get("plating_date"), recorded)
    if age is not None:
        found["age"] = age
    rest = {name: value for name, value in culture.items() if name not in given and name != "subject_id"}
    texts = [f"{name.replace('_', ' ')}: {_text(value)}" for name, value in rest.items()]
    return {**found, "description": "; ".join(["A culture of neurons, its age counted from plating", *texts])}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else as_json(value)


def _age(plated: Any, recorded: Recorded) -> str | None:
    """Return the time from a date to the recording, in days, in ISO 8601."""
    try:
        days = (session_start(recorded).date() - datetime.fromisoformat(str(plated)).date()).days
    except ValueError:
        return None
    return f"P{days}D" if days >= 0 else None


def is_simulated(recorded: Recorded) -> bool:
    """Whether a simulator recorded."""
    declared = recorded.attributes[0].get("file_format")
    return isinstance(declared, dict) and declared.get("version") == "SDK"


def description(recorded: Recorded) -> str:
    """Return a sentence of what was recorded."""
    what = "simulator of a CL1" if is_simulated(recorded) else "CL1"
    several = f", {len(recorded.parts)} recordings as one" if len(recorded.parts) > 1 else ""
    return (
        f"Extracellular recording of a {what} by Cortical Labs, 64 channels at {recorded.rate:g} Hz{several}."
    )


def identifier(recorded: Recorded) -> str:
    """Return an identifier that follows from what the recordings are."""
    parts = [
        [str(attributes.get(name, "")) for name in _IDENTITY]
        + [part.frames, part.spikes, part.stims, part.start]
        for part, attributes in zip(recorded.parts, recorded.attributes, strict=True)
    ]
    return str(uuid.uuid5(_NAMESPACE, as_json(parts)))


def session_start(recorded: Recorded) -> datetime:
    """Return when frame 0 was; ValueError where the recording does not say it."""
    for zone in ("utc", "localtime"):
        try:
            found = datetime.fromisoformat(str(recorded.attributes[0].get(f"created_{zone}", "")))
        except ValueError:
            continue
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    raise ValueError(f"{recorded.paths[0]} does not say when it was made: give session_start_time")


def notes(recorded: Recorded) -> str:
    """Return, as JSON, all attributes of the recordings and how much there is of each part."""
    return as_json(
        [
            {
                "attributes": attributes,
                "first_frame": part.start,
                "frames": part.frames,
                "samples": part.samples,
                "spikes": part.spikes,
                "stims": part.stims,
                "data_streams": part.streams,
            }
            for part, attributes in zip(recorded.parts, recorded.attributes, strict=True)
        ]
    )
