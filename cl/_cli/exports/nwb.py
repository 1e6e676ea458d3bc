"""`python -m cl export nwb FILE`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pathlib import Path

SUMMARY = "As an NWB file (Neurodata Without Borders)."
EPILOG = "Several files are one recording, in order of time. Needs the extra cl-aio[nwb]."
_SUBJECT: Final = {
    "subject_id": "which culture it was",
    "species": "its species, in Latin: 'Rattus norvegicus'",
    "sex": "M, F, U (unknown) or O (other)",
    "age": "how old, in ISO 8601: P30D",
    "date_of_birth": "in ISO 8601",
    "genotype": "its genotype",
    "strain": "its strain",
    "weight": "its weight, with a unit",
}
_FIELDS: Final = {
    "session_id": "by default the name of the file",
    "session_description": "what was done",
    "session_start_time": "when frame 0 was, in ISO 8601; by default as the recording says",
    "experiment_description": "what for",
    "institution": "where",
    "lab": "in which laboratory",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the form's arguments."""
    parser.add_argument("files", metavar="FILE", nargs="+", help="recordings, HDF5 files")
    parser.add_argument("--out", metavar="OUT", help="by default FILE with the suffix .nwb")
    subject = parser.add_argument_group("the subject")
    for name, words in _SUBJECT.items():
        subject.add_argument(_option(name), metavar="TEXT", help=words)
    subject.add_argument("--subject-description", metavar="TEXT", help="in words")
    session = parser.add_argument_group("the session")
    for name, words in _FIELDS.items():
        session.add_argument(_option(name), metavar="TEXT", help=words)
    session.add_argument("--experimenter", metavar="'LAST, FIRST'", action="append", help="may be repeated")
    session.add_argument("--keyword", metavar="TEXT", action="append", help="may be repeated")
    parser.add_argument("--units", action="store_true", help="spikes also as a table of units, one a channel")
    parser.add_argument("--compression", choices=("gzip", "lzf", "none"), default="gzip")
    parser.add_argument("--electrode-location", metavar="TEXT", default="in vitro")
    parser.add_argument(
        "--pitch-um", metavar="UM", type=float, default=200, help="between electrodes, nominally (200)"
    )


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def run(options: argparse.Namespace) -> Path:
    """Write the file; return where it is."""
    from cl.interop.nwb import export

    return export(
        options.files[0] if len(options.files) == 1 else options.files,
        options.out,
        overwrite=options.overwrite,
        subject=_subject(options),
        units=options.units,
        compression=None if options.compression == "none" else options.compression,
        electrode_location=options.electrode_location,
        pitch_um=options.pitch_um,
        **_fields(options),
    )


def _given(options: argparse.Namespace, names: Any) -> dict[str, Any]:
    return {name: getattr(options, name) for name in names if getattr(options, name) is not None}


def _subject(options: argparse.Namespace) -> dict[str, Any] | None:
    found = _given(options, _SUBJECT)
    if "date_of_birth" in found:
        found["date_of_birth"] = _moment(found["date_of_birth"], "--date-of-birth")
    if options.subject_description is not None:
        found["description"] = options.subject_description
    return found or None


def _fields(options: argparse.Namespace) -> dict[str, Any]:
    found = _given(options, [*_FIELDS, "experimenter"])
    if "session_start_time" in found:
        found["session_start_time"] = _moment(found["session_start_time"], "--session-start-time")
    return found | ({"keywords": options.keyword} if options.keyword else {})


def _moment(text: str, option: str) -> Any:
    from datetime import UTC, datetime

    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{option} must be a time in ISO 8601, not {text!r}") from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)
