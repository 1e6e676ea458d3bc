"""The mean waveform of each channel's spikes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from cl._values.constants import FRAMES_PER_SECOND
from cl.analysis.recorded import rate_of
from cl.analysis.spans import frames
from cl.events import SAMPLES_BEFORE, SAMPLES_PER_SPIKE

from .choice import chosen_channels
from .numbers import Numbers
from .parts import Part, parts_of, spike_frames

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cl._store.read.analysable import Analysable

_ROWS: Final = 4096
"""Spikes whose waveforms are in memory together."""


@dataclass(frozen=True, slots=True, eq=False)
class Waveforms(Numbers):
    """Mean waveforms of K channels, in µV.

    - `times_ms`: (75), from the detection; `counts`: int64 (K), spikes;
    - `mean_uV`, `std_uV`: (K, 75), mean and standard deviation over the spikes, NaN for a channel without
      any.
    """

    channels: list[int]
    times_ms: NDArray[np.float64]
    counts: NDArray[np.int64]
    mean_uV: NDArray[np.float64]
    std_uV: NDArray[np.float64]


def waveforms(
    view: Analysable, channels: Iterable[int] | None = None, *, blank_sec: float = 0.0
) -> Waveforms:
    """Return the mean waveforms of a view; see `RecordingView.waveforms`."""
    rate = rate_of(view)
    blank = frames(blank_sec, "blank_sec", rate)
    chosen = chosen_channels(channels)
    counts = np.zeros(len(chosen), np.int64)
    sums, squares = np.zeros((2, len(chosen), SAMPLES_PER_SPIKE))
    for part in parts_of(view, chosen, blank):
        for rows, samples in _blocks(part, chosen):
            there, firsts, each = np.unique(rows, return_index=True, return_counts=True)
            counts[there] += each
            sums[there] += np.add.reduceat(samples, firsts, axis=0)
            squares[there] += np.add.reduceat(samples**2, firsts, axis=0)
    number = np.where(counts, counts, np.nan)[:, None]
    mean = sums / number
    spread = np.sqrt(np.maximum(squares / number - mean**2, 0))
    times = (np.arange(SAMPLES_PER_SPIKE) - SAMPLES_BEFORE) / (FRAMES_PER_SECOND / 1000)
    return Waveforms(chosen, times, counts, mean, spread)


def _blocks(part: Part, channels: list[int]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """Yield some spikes at a time, by channel: which of the channels each is of, and its samples in µV."""
    table: Any = part.recording.spikes
    if "samples" not in table.colnames or table.dtype["samples"].shape != (SAMPLES_PER_SPIKE,):
        raise ValueError(
            f"{part.recording.file_path} has spikes without waveforms of {SAMPLES_PER_SPIKE} samples"
        )
    row_of = np.full(256, -1, np.int64)
    row_of[channels] = np.arange(len(channels))
    rows = row_of[table.col("channel").astype(np.uint8)]
    kept = (rows >= 0) & part.observed.holds(spike_frames(part.recording, part.begin))
    for start in range(0, len(table), _ROWS):
        chosen = kept[start : start + _ROWS]
        if chosen.any():
            found = rows[start : start + _ROWS][chosen]
            order = np.argsort(found, kind="stable")
            samples = table.read(start, start + _ROWS)["samples"][chosen][order]
            yield found[order], samples.astype(np.float64)
