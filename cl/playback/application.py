"""The page of an application beside a recording: of its folder, or out of its zip without unpacking it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cl._values.printing import printable
from cl._values.saying import Log
from cl.app.packed import Packed, open_packed
from cl.visualisation.server.application import Application

_log = Log()


def load_application(path: str, recorded: object) -> Application | None:
    """Return an application's page, or None where it has none or cannot be read, which is logged.

    `recorded` is the recording's `recorded_info`: another version of the application is logged.
    """
    try:
        packed = open_packed(path)
    except (OSError, ValueError) as error:
        _log.warning("the application cannot be shown: %s", printable(str(error)))
        return None
    _compare(packed, recorded)
    if packed.page is None or packed.script is None:
        _log.warning("the application %s has no page: web/vis.html and web/vis.mjs", printable(packed.id))
        return None
    return Application(packed.script, packed.page, None, f"{packed.id} Visualiser", packed.style or "")


def recorded_info(attributes: Mapping[str, Any]) -> object:
    """Return the `app_info` among a recording's attributes: a device's, or a program's own."""
    own = attributes.get("application")
    return attributes.get("app_info", own.get("app_info") if isinstance(own, Mapping) else None)


def _compare(packed: Packed, recorded: Any) -> None:
    if not isinstance(recorded, dict) or "version" not in recorded or packed.info is None:
        return
    then, now = recorded["version"], packed.info.get("version")
    if then != now:
        _log.warning(
            "the recording was made by version %s of the application, this is %s",
            printable(str(then)),
            printable(str(now)),
        )
