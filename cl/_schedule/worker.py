"""One run of a schedule, in a process of its own: `python -m cl._schedule.worker JOB.json`.

The exit status is that of the run: 0, 1 for an error, 124 where it timed out, 75 without its device. It is in
`status.json` beside the job as well, for a supervisor that was started anew meanwhile.
"""

from __future__ import annotations

import json
import sys
import traceback
from pathlib import Path
from typing import Any, Final

from .state import write_whole

NO_DEVICE: Final = 75
"""Exit status of a run whose device was not there, or was somebody else's."""
JOB: Final = "job.json"
STATUS: Final = "status.json"


def main(arguments: list[str]) -> int:
    """Run the job; return its status."""
    path = Path(arguments[0])
    job = json.loads(path.read_text(encoding="utf-8"))
    status, text = 1, ""
    try:
        status, text = _run(job, path.parent)
    except KeyboardInterrupt:
        text = "it was interrupted"
    except BaseException as error:
        traceback.print_exc()
        text = f"{type(error).__name__}: {error}"
        status = NO_DEVICE if _is_absence(error) else 1
    write_whole(path.with_name(STATUS), json.dumps({"status": status, "text": text}))
    return status


def _run(job: dict[str, Any], folder: Path) -> tuple[int, str]:
    from cl._session.opening import get_system_attributes

    # An application has its own ways to tell of errors: whether there is a device is asked before.
    get_system_attributes()
    if job["application"] is not None:
        from cl.app.run import main as run

        status = run([job["application"], job["configuration"], "--output", str(folder)])
        return status, "" if status == 0 else "see its log"
    return 0, _record(job, folder)


def _record(job: dict[str, Any], folder: Path) -> str:
    from cl._session.opening import open

    asked = dict(job["recording"])
    attributes = {**asked.pop("attributes", {}), "schedule": {"run": job["name"], "due": job["due"]}}
    with open() as neurons:
        recording = neurons.record(
            job["name"],
            folder,
            stop_after_seconds=job["record_seconds"],
            attributes=attributes,
            **asked,
        )
        recording.wait_until_stopped()
    names = [file["name"] for file in recording.files]
    return names[0] if len(names) == 1 else f"{len(names)} files, {names[0]} to {names[-1]}"


def _is_absence(error: BaseException) -> bool:
    from cl.error import ControlRequestError, DeviceDisconnectedError

    return isinstance(error, (ControlRequestError, DeviceDisconnectedError, ConnectionError))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
