"""The subcommands of `python -m cl`: a module each, with `SUMMARY`, `add_arguments`, `run`, a row here."""

from __future__ import annotations

from typing import Final, NamedTuple


class Command(NamedTuple):
    """What the help says of a command: the heading it stands under, and a line that one can type."""

    group: str
    example: str


DEVICE: Final = "The device"
RECORDINGS: Final = "Recordings"
EXPERIMENTS: Final = "Experiments"
GROUPS: Final = DEVICE, RECORDINGS, EXPERIMENTS
"""The headings, in the order of the help."""

COMMANDS: Final = {
    "analyse": Command(RECORDINGS, "analyse recording.h5 --html page.html"),
    "app": Command(EXPERIMENTS, "app init my-experiment"),
    "doctor": Command(DEVICE, "doctor"),
    "export": Command(RECORDINGS, "export nwb recording.h5"),
    "info": Command(RECORDINGS, "info recording.h5"),
    "recover": Command(RECORDINGS, "recover recording.h5"),
    "recordings": Command(EXPERIMENTS, "recordings ws://127.0.0.1:8125"),
    "serve": Command(DEVICE, "serve --port 8125"),
    "stream": Command(DEVICE, "stream --jsonl"),
    "run": Command(EXPERIMENTS, "run schedule.toml"),
    "sweep": Command(EXPERIMENTS, "sweep run experiment.py:dose --grid grid.toml --seeds 0:16 --out doses"),
    "verify": Command(RECORDINGS, "verify recording.h5"),
    "submit": Command(EXPERIMENTS, "submit ws://127.0.0.1:8125 my-experiment.zip config.json --follow"),
    "view": Command(RECORDINGS, "view recording.h5"),
}
"""The commands by their names."""
