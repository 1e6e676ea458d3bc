"""Arguments that cannot be: the error names them, and nothing has been read or changed."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from analysis.analysis_files import write_recording
from analysis.analysis_samples import CALLS, results_of, write_sample
from extras import need_extra

need_extra("analysis", "pydantic", "scipy", "networkx")

from cl import RecordingView  # noqa: E402

NAN, INF = float("nan"), float("inf")
BINS = [0, -0.1, NAN, INF, -INF]
WRONG: list[tuple[str, dict[str, Any], type[Exception], str]] = []


def wrong(name: str, argument: str, values: list[Any], kind: type[Exception] = ValueError) -> None:
    WRONG.extend((name, {argument: value}, kind, argument) for value in values)


RIGHT: dict[str, dict[str, Any]] = {
    "firing_stats": {"bin_size_sec": 0.1},
    "network_bursts": {"bin_size_sec": 0.1, "onset_freq_hz": 2, "offset_freq_hz": 1},
    "criticality": {"bin_size_sec": 0.1, "percentile_threshold": 0.5},
    "information_entropy": {"bin_size_sec": 0.1},
    "lempel_ziv_complexity": {"bin_size_sec": 0.1},
    "dct_features": {"k": 2},
    "spike_triggered_histogram": {"bin_size_sec": 0.1, "start_sec": 1, "end_sec": 1, "num_channels": 2},
    "functional_connectivity": {"bin_size_sec": 0.1},
}
for metric in RIGHT:
    if metric != "dct_features":
        wrong(metric, "bin_size_sec", BINS)
        wrong(metric, "bin_size_sec", ["1", None, True, 1j, [1]], TypeError)
for metric in ("firing_stats", "network_bursts", "criticality", "functional_connectivity"):
    wrong(metric, "bin_size_sec", [3e-5])
wrong("network_bursts", "onset_freq_hz", [-1, NAN, INF])
wrong("network_bursts", "offset_freq_hz", [-1, NAN, INF])
wrong("network_bursts", "offset_freq_hz", ["2"], TypeError)
wrong("network_bursts", "min_active_channels", [-1, 10**400])
wrong("network_bursts", "min_active_channels", [1.5, "2"], TypeError)
wrong("criticality", "percentile_threshold", [-0.1, 1.1, NAN])
wrong("criticality", "duration_thresholds", [(1,), (1, 2, 3)])
wrong("criticality", "duration_thresholds", [3, "25", (1.5, 2), (1, "2")], TypeError)
wrong("criticality", "random_seed", [-1, 2**32])
for argument in ("n_bootstraps", "max_lags_branching_ratio", "min_spike_count_threshold"):
    wrong("criticality", argument, [10**400, -(10**400)])
wrong("criticality", "duration_thresholds", [(10**400, 2), (2, 10**400)])
for argument in ("random_seed", "n_bootstraps", "max_lags_branching_ratio", "min_spike_count_threshold"):
    wrong("criticality", argument, [1.5, None, "1", True], TypeError)
wrong("information_entropy", "log_base", [0, 1, -2, NAN, INF])
wrong("information_entropy", "log_base", ["2", True], TypeError)
wrong("information_entropy", "fillna", ["0"], TypeError)
wrong("lempel_ziv_complexity", "min_bin_count", [-1])
wrong("lempel_ziv_complexity", "min_bin_count", [2.0], TypeError)
wrong("lempel_ziv_complexity", "normalise", [1, None, "yes"], TypeError)
wrong("lempel_ziv_complexity", "use_binary", [0], TypeError)
wrong("dct_features", "k", [0, -1, 1001])
wrong("dct_features", "k", [2.0, "2", None], TypeError)
wrong("spike_triggered_histogram", "start_sec", [-1, -2, NAN, INF])
wrong("spike_triggered_histogram", "end_sec", [-1, NAN])
wrong("spike_triggered_histogram", "bin_size_sec", [1e-6, 1e-320])
wrong("spike_triggered_histogram", "num_channels", [-1])
wrong("spike_triggered_histogram", "num_channels", [2.5], TypeError)
wrong("spike_triggered_histogram", "min_firing_rate_threshold_hz", [NAN])
wrong("functional_connectivity", "correlation_threshold", [-0.1, 1.1, NAN])
wrong("functional_connectivity", "correlation_threshold", ["0.5"], TypeError)


def test_a_wrong_argument_is_named_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with RecordingView(write_recording(tmp_path / "a.h5", 1000, [(3, 9)])) as view:
        monkeypatch.setattr(
            type(view.spikes), "times_and_channels", lambda _: pytest.fail("spikes were read")
        )
        for metric, changed, kind, name in WRONG:
            with pytest.raises(kind, match=name) as raised:
                getattr(view, f"analyse_{metric}")(**{**RIGHT[metric], **changed})
            assert raised.type is kind, (metric, changed)


def test_numbers_of_numpy_are_numbers(tmp_path: Path) -> None:
    with RecordingView(write_recording(tmp_path / "a.h5", 100_000, [(3, 9), (7300, 9)])) as view:
        expected = view.analyse_firing_stats(0.29)
        assert view.analyse_firing_stats(np.float32(0.29)) == expected
        assert expected.firing_counts[9].tolist() == [1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        assert view.analyse_dct_features(np.int64(2)) == view.analyse_dct_features(2)
        view.analysis_timestamp_limit(np.int32(5), np.uint64(10))
        assert view.analysis_window == (5, 10)


@pytest.mark.parametrize("bin_size", [1e-12, 1e-7, 1e300])
def test_bins_of_any_size(tmp_path: Path, bin_size: float) -> None:
    with RecordingView(write_recording(tmp_path / "a.h5", 1000, [(3, 9)])) as view:
        bins = 1000 if bin_size < 1 else 1
        assert len(view.analyse_information_entropy(bin_size).information_entropy_per_time_bin) == bins
        assert view.analyse_lempel_ziv_complexity(bin_size).lzc_scores_per_channel.shape == (64, 1)


def test_a_bin_that_is_far_longer_than_all_lags(tmp_path: Path) -> None:
    with RecordingView(write_recording(tmp_path / "a.h5", 1000, [(3, 9), (3, 10)])) as view:
        found = view.analyse_spike_triggered_histogram(1, 1e-20, 1e-20, 2)
    assert found.histogram_bins.tolist() == [-1e-20]
    assert {pair: counts.tolist() for pair, counts in found.histograms.items()} == {(9, 10): [], (10, 9): []}


def test_lags_beyond_the_recording_are_not_regressed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from cl.analysis.criticality import branching

    with RecordingView(write_sample(tmp_path / "a.h5")) as view:
        monkeypatch.setattr(branching, "_regression", lambda *_: pytest.fail("a lag was regressed"))
        found = view.analyse_criticality(0.001, 0.3, 3_992)
        assert np.isnan(found.branching_ratio)
        assert np.isnan(view.analyse_criticality(0.001, 0.3, 1 << 62).branching_ratio)


def test_a_limit_that_is_refused_changes_nothing(tmp_path: Path) -> None:
    with RecordingView(write_recording(tmp_path / "a.h5", 1000, [(3, 9), (500, 9)])) as view:
        view.analysis_timestamp_limit(100, 600)
        before = view.analyse_firing_stats(0.004)
        refused = [(-1, None), (None, 1001), (600, 100), (1001, None), (0, -5)]
        for limit in refused:
            with pytest.raises(ValueError, match="imum_timestamp"):
                view.analysis_timestamp_limit(*limit)
        for limit in [(1.0, None), (None, "5"), (True, None)]:
            with pytest.raises(TypeError, match="imum_timestamp"):
                view.analysis_timestamp_limit(*limit)
        assert view.analysis_window == (100, 600)
        assert view.analyse_firing_stats(0.004) == before
        view.analysis_timestamp_limit()
        assert view.analysis_window == (0, 1000)
        view.analysis_timestamp_limit(1000, 1000)
        assert len(view.analyse_network_bursts(0.1, 2, 1).bin_boundaries_frames) == 0


def test_a_recording_without_spikes_says_so(tmp_path: Path) -> None:
    with RecordingView(write_recording(tmp_path / "a.h5", 1000, None)) as view:
        for metric, arguments in RIGHT.items():
            with pytest.raises(ValueError, match="has no spikes"):
                getattr(view, f"analyse_{metric}")(**arguments)


def test_damaged_recordings_say_so(tmp_path: Path) -> None:
    with (
        RecordingView(write_recording(tmp_path / "a.h5", 1000, [(3, 77)])) as view,
        pytest.raises(ValueError, match="channel 77"),
    ):
        view.analyse_firing_stats()
    for name in ("frames_per_second", "channel_count"):
        path = write_recording(tmp_path / f"{name}.h5", 1000, [(3, 9)])
        with h5py.File(path, "r+") as file:
            del file.attrs[name]
        with RecordingView(path) as view, pytest.raises(ValueError, match=name):
            view.analyse_firing_stats()
    path = write_recording(tmp_path / "zero.h5", 1000, [(3, 9)], frames_per_second=0)
    with RecordingView(path) as view, pytest.raises(ValueError, match="above 0, it is 0"):
        view.analyse_firing_stats()


def test_timestamps_may_count_from_the_devices_start(tmp_path: Path) -> None:
    path = write_recording(tmp_path / "a.h5", 1000, [(5003, 9)], start_timestamp=5000)
    with h5py.File(path, "r+") as file:
        declared = b"(dp0\nVstim_and_spike_timestamps_relative_to_start\np1\nI00\ns."
        file.attrs["file_format"] = np.bytes_(declared)
    with RecordingView(path) as view:
        assert view.analyse_network_bursts(0.01, 1, 1).spike_frames_by_channel[9].tolist() == [3]


def test_samples_are_only_read_where_grounded_channels_spike(tmp_path: Path) -> None:
    spikes = [(3, 9), (5, 0)]
    loud = write_recording(tmp_path / "loud.h5", 1000, spikes, ground_samples=101)
    quiet = write_recording(tmp_path / "quiet.h5", 1000, spikes, ground_samples=100)
    without = write_recording(tmp_path / "without.h5", 1000, spikes)
    no_spikes = write_recording(tmp_path / "none.h5", 1000, [(3, 9)], ground_samples=900)
    for path, passes in ((loud, False), (quiet, True), (without, False), (no_spikes, True)):
        with RecordingView(path) as view:
            if passes:
                assert view.analyse_dct_features(1).k == 1
            else:
                with pytest.raises(ValueError, match="common layout"):
                    view.analyse_dct_features(1)


def test_nothing_is_printed_and_nobody_is_warned(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    path = write_sample(tmp_path / "a.h5")
    with caplog.at_level(logging.INFO, "cl"):
        results_of(path)
    assert capfd.readouterr() == ("", "")
    assert any("histogram" in record.message for record in caplog.records)


def test_the_package_is_loaded_when_it_is_first_used(tmp_path: Path) -> None:
    path = write_sample(tmp_path / "a.h5")
    code = f"""
import sys, cl
names = {{"pydantic", "scipy", "networkx", "matplotlib", "cl.analysis.kernels"}}
heavy = lambda: sorted(names & set(sys.modules))
assert "cl.analysis" not in sys.modules
view = cl.RecordingView({str(path)!r})
assert not heavy(), heavy()
import cl.analysis
assert not heavy(), heavy()
view.analyse_firing_stats()
assert heavy() == ["cl.analysis.kernels", "pydantic"], heavy()
sys.modules["pydantic"] = sys.modules["networkx"] = sys.modules["scipy.optimize"] = None
for name in [name for name in sys.modules if name.startswith("cl.analysis.results")]:
    del sys.modules[name]
calls = [
    lambda: cl.analysis.AnalysisResult,
    lambda: view.analyse_functional_connectivity(0.05, 0.1),
]
for call in calls:
    try:
        call()
    except ImportError as error:
        assert "cl-aio[analysis]" in str(error), error
    else:
        raise AssertionError(call)
view.close()
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_calls_are_those_of_the_sample() -> None:
    assert CALLS.keys() == RIGHT.keys()
