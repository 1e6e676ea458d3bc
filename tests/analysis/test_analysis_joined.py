"""Several recordings as one; recordings that are still written, and those that were killed."""

from __future__ import annotations

import os
import random
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from analysis.analysis_files import write_recording
from analysis.analysis_samples import CALLS, DURATION, write_sample
from extras import need_extra
from store.store_files import SYSTEM, Filler

need_extra("analysis", "pydantic", "scipy", "networkx")

from cl import RecordingView, analysis  # noqa: E402
from cl._store.write.header import RecordingHeader  # noqa: E402
from cl._store.write.writer import RecordingWriter  # noqa: E402
from cl.analysis import AnalysisResultCriticality, Burst, open_many  # noqa: E402

LENGTHS = (30_000, 25_000, 45_000)


def spikes_of(path: Path) -> list[tuple[int, int]]:
    with RecordingView(path) as view:
        return list(zip(view.spikes["timestamp"].tolist(), view.spikes["channel"].tolist(), strict=True))


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    return write_sample(tmp_path / "whole.h5")


def parts_of(whole: Path, lengths: tuple[int, ...], gap: int = 0) -> list[Path]:
    """Write the parts of a recording, in files whose names are in another order; with gaps between them."""
    rows = spikes_of(whole)
    paths, first = [], 0
    for i, length in enumerate(lengths):
        some = [(t - first, c) for t, c in rows if first <= t < first + length]
        path = whole.with_name(f"{7 - i}.h5")
        paths.append(write_recording(path, length, some, start_timestamp=1000 + first + i * gap))
        first += length
    return paths


def result(view: Any, metric: str) -> Any:
    found = getattr(view, f"analyse_{metric}")(*CALLS[metric])
    found.metadata.file_path = ""
    return found


@pytest.mark.parametrize("metric", CALLS)
def test_one_file_is_itself(metric: str, whole: Path) -> None:
    with RecordingView(whole) as view, open_many([whole]) as joined:
        assert result(joined, metric) == result(view, metric)


def test_bins_of_files_that_follow_one_another_are_those_of_one(whole: Path) -> None:
    paths = parts_of(whole, LENGTHS)  # whole bins each
    with RecordingView(whole) as view, open_many(reversed(paths)) as joined:
        assert joined.paths == [str(path) for path in paths]
        assert joined.attributes["duration_frames"] == joined.attributes["recorded_frames"] == DURATION
        assert joined.attributes["end_timestamp"] == 1000 + DURATION
        for metric in ("information_entropy", "dct_features", "functional_connectivity"):
            assert result(joined, metric) == result(view, metric), metric
        for a, b in ((joined, view),):
            one, other = result(a, "firing_stats"), result(b, "firing_stats")
            assert np.array_equal(one.firing_counts, other.firing_counts)
            assert sum(map(len, one.channel_ISI)) < sum(map(len, other.channel_ISI))
        # Frames that are refused, and frames that hold for both.
        joined.analysis_timestamp_limit(30_000, 55_000)
        view.analysis_timestamp_limit(30_000, 55_000)
        for metric in (
            "firing_stats",
            "network_bursts",
            "lempel_ziv_complexity",
            "spike_triggered_histogram",
        ):
            assert result(joined, metric) == result(view, metric), metric
        with pytest.raises(ValueError, match="at most 100000"):
            joined.analysis_timestamp_limit(0, 100_001)


def test_nothing_goes_on_over_a_gap(tmp_path: Path) -> None:
    """Channel 9 fires in each frame's neighbourhood of the cut between two files, 10 frames apart."""
    first = write_recording(tmp_path / "a.h5", 1030, [(1000, 9), (1020, 9), (1025, 10), (1029, 62)])
    second = write_recording(tmp_path / "b.h5", 1030, [(5, 9), (8, 10), (500, 9)], start_timestamp=1040)
    with open_many([second, first]) as view:
        assert view.attributes["duration_frames"] == 2070 and view.attributes["recorded_frames"] == 2060
        assert view.spans() == [(0, 1030), (1040, 1030)]
        firing = view.analyse_firing_stats(0.004)
        assert firing.firing_counts[9].tolist() == [0] * 10 + [2, 1] + [0] * 4 + [1] + [0] * 5
        assert firing.channel_ISI[9] == [20 / 25_000, 495 / 25_000]
        bursts = view.analyse_network_bursts(0.0004, 39, 1)
        edges = bursts.bin_boundaries_frames
        assert len(edges) == 2 * 103 and edges[103] == 1040
        assert bursts.spike_frames_by_channel[9].tolist() == [1000, 1020, 1045, 1540]
        assert list(bursts.bursts) == [
            Burst(1000, 1010), Burst(1020, 1030), Burst(1040, 1050), Burst(1540, 1550)
        ]  # fmt: skip
        lags = view.analyse_spike_triggered_histogram(0.001, 0.01, 0.01, 2, 0.1)
        assert lags.histograms[10, 9].sum() == 3 and lags.num_eligible_channels == 2
        rates = [2 / (2060 / 25_000), 4 / (2060 / 25_000)]
        at = rates[1] - 1e-9
        assert view.analyse_spike_triggered_histogram(0.001, 0.01, 0.01, 2, at).num_eligible_channels == 1
        avalanches: AnalysisResultCriticality = view.analyse_criticality(0.0004, 0.0, 3)
        assert avalanches.avalanche_durations.tolist() == [1, 1, 1]
        assert avalanches.inter_avalanche_durations.tolist() == [1]
        view.analysis_timestamp_limit(1030, 1040)
        assert len(view.analyse_network_bursts(0.0004, 2, 1).bin_boundaries_frames) == 0
        with pytest.raises(ValueError, match="at least one bin"):
            view.analyse_firing_stats(0.004)


def test_a_burst_and_an_avalanche_end_with_their_file(tmp_path: Path) -> None:
    rows = [(t, 9 + t % 8) for t in range(0, 1000, 5)]
    paths = [write_recording(tmp_path / f"{i}.h5", 1000, rows, start_timestamp=1000 * i) for i in range(3)]
    with open_many(paths) as view:
        bursts = view.analyse_network_bursts(0.0004, 10, 1)
        assert [(b.start_frame, b.end_frame) for b in bursts.bursts] == [
            (0, 1000),
            (1000, 2000),
            (2000, 3000),
        ]
        assert bursts.network_burst_spike_counts == [200, 200, 200]
        found = view.analyse_criticality(0.0004, 0.0, 3)
        # The recording's last spike is left out, so that its last bin has one spike.
        assert found.activity_threshold == 1.0 and found.avalanche_durations.tolist() == [100, 100, 99]
        assert found.inter_avalanche_durations.tolist() == []


def test_pairs_of_lags_lie_in_one_file(tmp_path: Path) -> None:
    from cl.analysis.criticality.branching import branching_ratio

    chance = random.Random(3)
    a = np.array([chance.randrange(5) for _ in range(90)])
    spans = np.repeat([0, 1, 2], [40, 20, 30])
    x = np.concatenate([a[:39], a[40:59], a[60:89]])
    y = np.concatenate([a[1:40], a[41:60], a[61:90]])
    assert branching_ratio(a, spans, 6).slopes[0] == pytest.approx(np.polyfit(x, y, 1)[0])


def test_the_order_that_is_given_puts_files_end_to_end(whole: Path) -> None:
    a, b, _ = parts_of(whole, LENGTHS)
    with pytest.raises(ValueError, match="begins at frame 1000, before"):
        open_many([a, a])
    with open_many([b, a, a], order="given") as view:
        assert view.spans() == [(0, 25_000), (25_000, 30_000), (55_000, 30_000)]
        frames = view.analyse_network_bursts(0.1, 1, 1).spike_frames_by_channel
        mine = sorted((t, c) for c, times in frames.items() for t in times.tolist())
    expected = set()
    for path, start in ((b, 0), (a, 25_000), (a, 55_000)):
        expected |= {(t + start, c) for t, c in spikes_of(path)}
    assert mine == sorted(expected)


def test_what_cannot_be_joined_is_said(whole: Path, tmp_path: Path) -> None:
    other = write_recording(
        tmp_path / "other.h5", 1000, [], frames_per_second=20_000, start_timestamp=1 << 30
    )
    with pytest.raises(ValueError, match="must be alike"):
        open_many([whole, other])
    with pytest.raises(ValueError, match="at least one"):
        open_many([])
    with pytest.raises(ValueError, match="'start' or 'given'"):
        open_many([whole], order="name")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="not one"):
        open_many(str(whole))
    with pytest.raises(TypeError, match="paths must be several paths, not None"):
        open_many(None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="paths must be paths of recordings, not 3"):
        open_many([whole, 3])  # type: ignore[list-item]
    with pytest.raises(FileNotFoundError):
        open_many([whole, tmp_path / "none.h5"])
    without = write_recording(tmp_path / "without.h5", 1000, None, start_timestamp=1 << 30)
    with open_many([whole, without]) as view, pytest.raises(ValueError, match=r"without\.h5 has no spikes"):
        view.analyse_dct_features(2)
    loud = write_recording(tmp_path / "loud.h5", 1000, [(3, 0)], start_timestamp=1 << 30)
    with open_many([whole, loud]) as view, pytest.raises(ValueError, match=r"loud\.h5 has not the common"):
        view.analyse_dct_features(2)
    with pytest.raises(ValueError, match="closed"):
        view.analyse_dct_features(2)
    assert "closed" in repr(view)


def test_few_files_are_open_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [
        write_recording(tmp_path / f"{i}.h5", 100, [(i, 9)], start_timestamp=100 * i) for i in range(150)
    ]
    most = 0
    reading = analysis.JoinedView.recordings

    def counted(view: Any) -> Any:
        nonlocal most
        for found in reading(view):
            most = max(most, len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0)
            yield found

    before = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0
    monkeypatch.setattr(analysis.JoinedView, "recordings", counted)
    with open_many(paths) as view:
        assert len(view) == 150
        trains = view.analyse_network_bursts(0.1, 1, 1).spike_frames_by_channel[9].tolist()
    assert trains == [101 * i for i in range(100)] + trains[100:]
    assert all(b - a in (100, 101) for a, b in pairwise(trains)) and most <= before + 3


def test_a_recording_that_was_killed_and_one_that_grows(tmp_path: Path) -> None:
    path = write_recording(tmp_path / "a.h5", 1000, [(3, 9), (700, 10)], ground_samples=0)
    with h5py.File(path, "r+") as file:
        for name in ("ended_utc", "duration_frames", "duration_seconds", "end_timestamp"):
            del file.attrs[name]
    with RecordingView(path) as view, open_many([path]) as joined:
        for found in (view.analyse_firing_stats(0.01), joined.analyse_firing_stats(0.01)):
            assert found.metadata.duration_frames == 1000 and found.firing_counts.sum() == 2


def test_a_recording_that_grows_is_analysed_as_far_as_the_view_shows_it(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    filler = Filler(RecordingWriter(path, RecordingHeader(system=SYSTEM)))
    filler.add(700, 100, 30)
    filler.writer.flush()
    with RecordingView(path) as view, open_many([path]) as joined:
        first = view.analyse_firing_stats(0.004)
        assert first.firing_counts.shape == (64, 7) and first.firing_counts.sum() == 100
        filler.add(700, 100, 30)
        filler.writer.flush()
        assert view.analyse_firing_stats(0.004) == first
        assert view.refresh()
        second = view.analyse_firing_stats(0.004)
        assert second.firing_counts.shape == (64, 14) and second.firing_counts.sum() == 200
        assert second.metadata.duration_frames == 1400
        # As long as it was when it was joined.
        assert joined.analyse_firing_stats(0.004).firing_counts.shape == first.firing_counts.shape
    filler.writer.finish()
