"""Samples as a SpikeInterface recording, read when they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from spikeinterface.core import BaseRecording, BaseRecordingSegment

from cl._values.constants import CHANNEL_COUNT
from cl.interop.electrodes import PITCH_UM, positions, roles

from .open_files import OpenFiles, SampleFile, look
from .series import Paths, joined_view, one_rate, path_list

if TYPE_CHECKING:
    from numpy.typing import NDArray


def read_cl(paths: Paths, *, joined: bool = False, pitch_um: float = PITCH_UM) -> ClRecording:
    """Return recordings as one `BaseRecording`: int16 (frames, 64), with a probe and the gain to µV.

    A file is a segment. `joined=True`: all files are one segment, each at its `start_timestamp` as counted
    from the first, and what was not recorded in between is zero. Samples are read when they are asked for,
    and only a few files are open at a time. All 64 channels are there, in the property `role` 'electrode',
    'ground' or 'reference'. `pitch_um`, the distance of electrodes, is nominal, and so is the contacts'
    radius: no recording tells them.

    FileNotFoundError for a missing file; `ValueError` for what is no recording, has no samples, or does not
    go with the others (another rate or gain; frames that overlap, where joined).
    """
    return ClRecording(path_list(paths), joined=joined, pitch_um=pitch_um)


class ClRecording(BaseRecording):
    """Recordings of the CL1 as SpikeInterface has them; made by `read_cl`.

    It is saved as its class and the paths of its files, and so loaded by other processes.
    """

    name = "cl"

    def __init__(self, file_paths: Sequence[str], joined: bool = False, pitch_um: float = PITCH_UM) -> None:
        paths = path_list(file_paths)
        pitch = _checked_pitch(pitch_um)
        files = [look(path) for path in paths]
        rate = one_rate(paths, [file.rate for file in files])
        BaseRecording.__init__(
            self, sampling_frequency=rate, channel_ids=list(range(CHANNEL_COUNT)), dtype="int16"
        )
        self._open_files = OpenFiles()
        for parts in _segments(files, joined):
            self.add_recording_segment(ClRecordingSegment(self._open_files, parts, rate))
        self._describe(files, pitch)
        self._kwargs = {"file_paths": paths, "joined": bool(joined), "pitch_um": pitch}

    def _describe(self, files: list[SampleFile], pitch_um: float) -> None:
        self.set_channel_gains(_one_gain(files))
        self.set_channel_offsets(0.0)
        self.set_property("role", np.array(roles()))
        self.annotate(start_timestamps=[file.start_timestamp for file in files])
        self.set_probe(_probe(pitch_um))

    def close(self) -> None:
        """Close the files; what is read afterwards opens them again."""
        self._open_files.close()

    def __del__(self) -> None:
        if hasattr(self, "_open_files"):
            self._open_files.close()


class ClRecordingSegment(BaseRecordingSegment):
    """The samples of one file, or of several with what lies between them; `parts`: first frames and files."""

    def __init__(self, open_files: OpenFiles, parts: list[tuple[int, SampleFile]], rate: float) -> None:
        BaseRecordingSegment.__init__(self, sampling_frequency=rate)
        self._open_files = open_files
        self._parts = parts
        self._frames = parts[-1][0] + parts[-1][1].frames

    def get_num_samples(self) -> int:
        """Return the number of frames, gaps included."""
        return self._frames

    def get_traces(
        self, start_frame: int | None = None, end_frame: int | None = None, channel_indices: Any = None
    ) -> NDArray[np.int16]:
        """Return frames [start_frame, end_frame), int16 (frames, channels)."""
        start, stop, _ = slice(start_frame, end_frame).indices(self._frames)
        found = self._read(start, max(start, stop))
        return found if channel_indices is None else found[:, channel_indices]

    def _read(self, start: int, stop: int) -> NDArray[np.int16]:
        if len(self._parts) == 1:
            return self._open_files.read(self._parts[0][1].path, start, stop)
        found = np.zeros((stop - start, CHANNEL_COUNT), np.int16)
        for at, file in self._parts:
            first, end = max(start, at), min(stop, at + file.frames)
            if first < end:
                found[first - start : end - start] = self._open_files.read(file.path, first - at, end - at)
        return found


def _segments(files: list[SampleFile], joined: bool) -> list[list[tuple[int, SampleFile]]]:
    if not joined:
        return [[(0, file)] for file in files]
    known = {file.path: file for file in files}
    view = joined_view([file.path for file in files])
    return [[(start, known[path]) for (start, _), path in zip(view.spans(), view.paths, strict=True)]]


def _one_gain(files: list[SampleFile]) -> float:
    for file in files:
        if file.gain_uV != files[0].gain_uV:
            raise ValueError(
                f"recordings must be alike: {files[0].path} has {files[0].gain_uV:g} µV per sample unit, "
                f"{file.path} has {file.gain_uV:g}"
            )
    return files[0].gain_uV


def _checked_pitch(pitch_um: float) -> float:
    if not 0 < pitch_um < float("inf"):
        raise ValueError(f"pitch_um must be above 0 and finite, not {pitch_um!r}")
    return float(pitch_um)


def _probe(pitch_um: float) -> Any:
    from probeinterface import Probe

    probe = Probe(ndim=2, si_units="um", manufacturer="Cortical Labs", model_name="CL1")
    probe.set_contacts(
        np.array(positions(pitch_um)),
        shapes="circle",
        shape_params={"radius": pitch_um / 20},
        contact_ids=[str(channel) for channel in range(CHANNEL_COUNT)],
    )
    probe.set_device_channel_indices(np.arange(CHANNEL_COUNT))
    probe.annotate(note="pitch and radius are nominal")
    return probe
