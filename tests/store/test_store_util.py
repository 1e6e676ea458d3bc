"""`cl.util` and the plots."""

from __future__ import annotations

import builtins
import itertools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from store_files import SYSTEM, Filler

import cl
from cl import RecordingView, util
from cl._store.write.header import RecordingHeader
from cl._store.write.writer import RecordingWriter
from cl.events import Spike
from cl.util import Benchmark, frames_to_seconds, ordinal, plot_spike, seconds_to_frames


@pytest.fixture(autouse=True)
def _no_window() -> Iterator[None]:
    matplotlib.use("Agg")
    from matplotlib import pyplot

    yield
    pyplot.close("all")


@pytest.fixture
def view(tmp_path: Path) -> Iterator[RecordingView]:
    filler = Filler(RecordingWriter(tmp_path / "r.h5", RecordingHeader(system=SYSTEM)))
    filler.add(1000, 40, 20)
    filler.writer.finish()
    with RecordingView(tmp_path / "r.h5") as opened:
        yield opened


def test_names() -> None:
    assert cl.RecordingView is util.RecordingView
    for name in util.__all__:
        assert getattr(util, name) is not None
        assert name in dir(util)
    with pytest.raises(AttributeError, match="nothing"):
        util.nothing  # noqa: B018


def test_nothing_heavy_is_imported() -> None:
    """Neither by `cl.util`, nor, HDF5 above all, by what starts a recording in a running loop."""
    code = (
        "import sys, cl.util, cl._store.write.writer\n"
        "print([m for m in ('h5py', 'tables', 'matplotlib', 'numexpr', 'asyncio') if m in sys.modules])"
    )
    environment = {"PYTHONPATH": ":".join(sys.path)}
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert result.stdout == "[]\n"


@pytest.mark.parametrize(
    ("number", "text"),
    [
        *[(0, "0th"), (1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (12, "12th")],
        *[(13, "13th"), (21, "21st"), (101, "101st"), (111, "111th"), (1002, "1002nd")],
    ],
)
def test_ordinal(number: int, text: str) -> None:
    assert ordinal(number) == text


@pytest.mark.parametrize(
    ("seconds", "frames"),
    [
        (0, 0),
        (1, 25_000),
        (0.1, 2500),
        (0.07, 1750),
        (0.00002, 1),
        (0.000019, 0),
        (-1.5, -37_500),
        (3600, 90_000_000),
    ],
)
def test_seconds_to_frames(seconds: float, frames: int) -> None:
    assert seconds_to_frames(seconds) == frames
    assert type(seconds_to_frames(seconds)) is int


def test_frames_to_seconds() -> None:
    assert frames_to_seconds(2500) == 0.1
    assert frames_to_seconds(np.int64(1)) == 0.00004
    for wrong, error in (("1", TypeError), (float("nan"), ValueError), (float("inf"), ValueError)):
        with pytest.raises(error):
            frames_to_seconds(wrong)  # type: ignore[arg-type]
        with pytest.raises(error):
            seconds_to_frames(wrong)  # type: ignore[arg-type]


def test_benchmark() -> None:
    clock = itertools.accumulate(itertools.cycle([1000, 500_000]))
    benchmark = Benchmark("body", clock=lambda: next(clock))
    assert (benchmark.seconds, benchmark.mean_seconds, benchmark.quantile_seconds(0.5)) == (0, 0, 0)
    with benchmark:
        pass
    assert str(benchmark) == "body: 500 µs"
    for _ in range(99):
        benchmark.start()
        assert benchmark.stop() == 0.0005
    assert (benchmark.count, benchmark.max_seconds, benchmark.total_seconds) == (100, 0.0005, 0.05)
    assert benchmark.quantile_seconds(0.99) == 0.0005
    assert str(benchmark) == "body: 100 times, mean 500 µs, median 500 µs, p99 500 µs, max 500 µs"
    with pytest.raises(RuntimeError, match="body was not started"):
        benchmark.stop()
    with pytest.raises(ValueError):
        benchmark.quantile_seconds(2)


def test_benchmark_measures_time() -> None:
    with Benchmark() as benchmark:
        sum(range(1000))
    assert benchmark.seconds > 0


def test_plot_spike(view: RecordingView) -> None:
    axes = view.plot_spike(3)
    line = axes.lines[0]
    np.testing.assert_allclose(line.get_ydata(), view.spikes[3]["samples"])
    assert line.get_xdata()[[0, 25, -1]].tolist() == [-1.0, 0.0, 49 / 25]
    assert "channel 21" in axes.get_title() and "µV" in axes.get_ylabel()
    for row in (view.spikes[3], next(view.spikes.where("timestamp == 3"))):
        np.testing.assert_allclose(view.plot_spike(row).lines[0].get_ydata(), line.get_ydata())
    spike = Spike(7, 9, samples=np.ones(75, np.float32), channel_mean_sample=0.0)
    assert plot_spike(spike, ax=axes, color="red") is axes
    assert len([line for line in axes.lines if len(line.get_xdata()) == 75]) == 2


def test_plot_spikes_and_stims(view: RecordingView) -> None:
    axes = view.plot_spikes_and_stims()
    spikes, stims = axes.lines
    np.testing.assert_allclose(spikes.get_xdata(), np.arange(40) / 25_000)
    assert len(stims.get_xdata()) == 20
    axes = view.plot_spikes_and_stims(10, 20)
    assert len(axes.lines[0].get_xdata()) == 10
    assert [round(x * 25_000) for x in axes.lines[1].get_xdata()] == [12, 15, 18]


def test_plots_without_the_parts(tmp_path: Path) -> None:
    RecordingWriter(tmp_path / "e.h5", RecordingHeader(include_spikes=False, include_stims=False)).finish()
    with RecordingView(tmp_path / "e.h5") as view:
        with pytest.raises(ValueError, match="no spikes"):
            view.plot_spike(0)
        with pytest.raises(ValueError, match="neither spikes nor stims"):
            view.plot_spikes_and_stims()


def test_plots_without_matplotlib(view: RecordingView, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    for plot in (lambda: view.plot_spike(0), view.plot_spikes_and_stims):
        with pytest.raises(ImportError, match=r"cl-aio\[plot\]"):
            plot()
