"""What a name that there is not was probably meant for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

_CLOSE: Final = 0.6
"""How alike two names have to be (difflib's ratio)."""
INSTEAD: Final[Mapping[str, Mapping[str, str]]] = {
    "Loop": {"stats": "statistics()"},
    "AsyncLoop": {"stats": "statistics()"},
    "LoopTick": {
        "index": "iteration",
        "samples": "frames",
        "spikes": "analysis.spikes",
        "stims": "analysis.stims",
    },
    "Neurons": {
        "channel_count": "get_channel_count()",
        "frames_per_second": "get_frames_per_second()",
        "get_spikes": "read(frame_count, analysis=True).spikes",
        "get_timestamp": "timestamp()",
        "open": "cl.open()",
        "sampling_rate": "get_frames_per_second()",
        "sleep": "read(frame_count), or asleep(seconds)",
        "start_recording": "record()",
        "stimulate": "stim()",
        "stop_recording": "recording.stop()",
    },
    "RecordingView": {
        "channel_count": "attributes['channel_count']",
        "duration_frames": "attributes['duration_frames']",
        "duration_seconds": "attributes['duration_seconds']",
        "frames": "samples",
        "frames_per_second": "attributes['frames_per_second']",
        "plot": "plot_spikes_and_stims()",
        "sampling_rate": "attributes['frames_per_second']",
        "streams": "data_streams",
    },
    "StimPlan": {
        "add": "stim()",
        "add_biphasic_pulse": "stim()",
        "add_burst": "stim()",
        "add_interrupt": "interrupt()",
        "add_pulse": "stim()",
        "add_stim": "stim()",
        "add_sync": "sync()",
        "execute": "run()",
        "pulse": "stim()",
        "send": "run()",
        "start": "run()",
        "stimulate": "stim()",
        "submit": "run()",
    },
}
"""By the class: names that people invent, or know from other packages, and what stands for them."""


def suggestion(owner: object, name: str) -> str:
    """Return "did you mean …?" for a name that an object has not, or nothing."""
    if name.startswith("_"):
        return ""  # what libraries probe for
    meant = INSTEAD.get(type(owner).__name__, {}).get(name) or _closest(owner, name)
    return meant and f"did you mean {meant}?"


def _closest(owner: object, name: str) -> str:
    import difflib  # only for what is wrong: it is not free to import

    public = [each for each in dir(owner) if not each.startswith("_")]
    return next(iter(difflib.get_close_matches(name, public, 1, _CLOSE)), "")


def note_what_was_meant(error: BaseException | None) -> None:
    """Add what was probably meant to an AttributeError of one of our objects that has not said so itself."""
    if not isinstance(error, AttributeError) or type(error.obj).__name__ not in INSTEAD:
        return
    meant = suggestion(error.obj, error.name or "_")
    if meant and meant not in str(error) and meant not in getattr(error, "__notes__", ()):
        error.add_note(meant)


class DidYouMean:
    """A class whose AttributeErrors say what was probably meant.

    It is not for what is used at every tick: before Python 3.13 a class with `__getattr__` has slower
    attributes. Errors about those get a note where they leave the device's block (`note_what_was_meant`).
    """

    __slots__ = ()

    if not TYPE_CHECKING:  # or every name would be right

        def __getattr__(self, name: str) -> Any:
            meant = suggestion(self, name)
            text = f"'{type(self).__name__}' object has no attribute '{name}'"
            raise AttributeError(f"{text}: {meant}" if meant else text, name=name, obj=self)
