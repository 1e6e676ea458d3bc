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
from extras import need_extra
from store_files import SYSTEM, Filler

import cl
from cl import RecordingView, util
from cl._store.write.header import RecordingHeader
from cl._store.write.writer import RecordingWriter
from cl.events import Spike
from cl.util import Benchmark, frames_to_seconds, ordinal, plot_spike, seconds_to_frames


@pytest.fixture(scope="module", autouse=True)
def _fonts() -> None:
    # Matplotlib keeps the files of the fonts open that it has drawn with.
    from matplotlib.figure import Figure

    Figure().add_subplot(xlabel="µ", title="t").figure.draw_without_rendering()


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


def test_benchmark(capsys: pytest.CaptureFixture[str]) -> None:
    clock = itertools.accumulate(itertools.cycle([1000, 500_000]))
    benchmark = Benchmark("body", clock=lambda: next(clock))
    assert (benchmark.seconds, benchmark.mean_seconds, benchmark.quantile_seconds(0.5)) == (0, 0, 0)
    with benchmark:
        pass
    assert str(benchmark) == "body: 500 µs"
    assert capsys.readouterr().out == "body: took 500.000 µs\n"
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
    assert capsys.readouterr().out == ""


def test_the_end_of_a_benchmarks_block_prints_what_it_took(capsys: pytest.CaptureFixture[str]) -> None:
    times = itertools.count(0, 12_345)
    for report_threshold_us, told in ((0, True), (12.345, True), (12.346, False)):
        with Benchmark(None, report_threshold_us, clock=lambda: next(times)):
            pass
        assert capsys.readouterr().out == ("Benchmark: took 12.345 µs\n" if told else "")
    util.benchmark_disable()
    try:
        with Benchmark("off"):
            pass
        assert capsys.readouterr().out == ""
    finally:
        util.benchmark_enable()
    with Benchmark("on"):
        pass
    assert capsys.readouterr().out.startswith("on: took ")


def test_benchmark_measures_time() -> None:
    with Benchmark() as benchmark:
        sum(range(1000))
    assert benchmark.seconds > 0


def test_plot_spike(view: RecordingView) -> None:
    axes = view.plot_spike(3)
    line, detection = axes.lines
    np.testing.assert_allclose(line.get_ydata(), view.spikes[3]["samples"])
    assert line.get_xdata()[[0, 25, -1]].tolist() == [0, 25, 74]
    assert detection.get_xdata() == [25, 25] and detection.get_linestyle() == ":"
    assert axes.get_xlabel() == "Spike on Channel 21 at Timestamp 3"
    axes.figure.draw_without_rendering()
    assert all(label.get_text().endswith(" µV") for label in axes.get_yticklabels())
    assert axes.figure.get_size_inches().tolist() == [6, 2]
    row = view.spikes[3]
    for spike in (row, next(view.spikes.where("timestamp == 3")), (3, 21, row["samples"])):
        np.testing.assert_allclose(view.plot_spike(spike).lines[0].get_ydata(), line.get_ydata())
    spike = Spike(7, 9, samples=np.ones(75, np.float32), channel_mean_sample=0.0)
    assert RecordingView.plot_spike(spike, (3, 4), "mine", None, axes) is axes
    assert plot_spike(spike, ax=axes, color="red") is axes
    assert axes.get_xlabel() == "Spike on Channel 9 at Timestamp 7"
    assert len([line for line in axes.lines if len(line.get_xdata()) == 75]) == 3
    for wrong in (RecordingView.plot_spike, plot_spike):
        with pytest.raises(TypeError, match="a row of a recording's spikes"):
            wrong(3)


def test_a_spike_is_plotted_from_the_file_of_pytables(view: RecordingView) -> None:
    need_extra("tables", "tables")
    for row in view.file.root.spikes:
        axes = view.plot_spike(row)
        break
    np.testing.assert_allclose(axes.lines[0].get_ydata(), view.spikes[0]["samples"])


def test_plot_spikes_and_stims(view: RecordingView) -> None:
    axes = view.plot_spikes_and_stims()
    spikes, stims = axes.lines
    np.testing.assert_allclose(spikes.get_xdata(), np.arange(40) / 25_000)
    assert len(stims.get_xdata()) == 20 and len(axes.collections[0].get_offsets()) == 20
    assert axes.get_xlim() == (0, 0.04) and axes.get_ylim() == (-1, 65)
    assert axes.get_yticks().tolist() == [*range(0, 65, 8)]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("Time (s)", "Channel")
    title = f"Spikes (black) and Stims (red) per Channel over Time\n{view.path}"
    assert axes.figure.get_suptitle() == title
    axes = view.plot_spikes_and_stims((3, 2), "mine", None, (10 / 25_000, 20 / 25_000), [21, 22])
    assert axes.figure.get_size_inches().tolist() == [3, 2] and axes.figure.get_suptitle() == "mine"
    assert {*axes.lines[0].get_ydata()} <= {21, 22} and len(axes.lines[0].get_xdata()) < 10
    assert axes.get_xlim() == (10 / 25_000, 20 / 25_000)
    axes = view.plot_spikes_and_stims(start=10, stop=20)
    assert len(axes.lines[0].get_xdata()) == 10
    assert [round(x * 25_000) for x in axes.lines[1].get_xdata()] == [12, 15, 18]
    assert util.plot_spikes_and_stims(view, ax=axes) is axes


def test_what_cannot_be_plotted_is_refused_before_there_is_a_figure(view: RecordingView) -> None:
    from matplotlib import pyplot

    for error, match, arguments in (
        (ValueError, "must ascend, not", {"limit_to_time_range_secs": (2, 1)}),
        (ValueError, "in seconds or in frames", {"limit_to_time_range_secs": (1, 2), "start": 3}),
        (TypeError, "several channels, not 8", {"limit_to_channels": 8}),
    ):
        with pytest.raises(error, match=match):
            view.plot_spikes_and_stims(**arguments)
    assert pyplot.get_fignums() == []


def test_plots_show_themselves(view: RecordingView, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from matplotlib import pyplot

    matplotlib.use("module://showing_backend")
    import showing_backend

    monkeypatch.setattr(showing_backend, "shown", [])
    row = view.spikes[0]
    for count, plot in enumerate((lambda: view.plot_spike(row), view.plot_spikes_and_stims), 1):
        axes = plot()
        assert showing_backend.shown == [True] * count
        assert axes.figure.number in pyplot.get_fignums()
    open_before = pyplot.get_fignums()
    view.plot_spike(row, save_path=tmp_path / "spike.png")
    view.plot_spikes_and_stims(save_path=str(tmp_path / "raster.png"))
    assert {*tmp_path.glob("*.png")} == {tmp_path / "spike.png", tmp_path / "raster.png"}
    assert pyplot.get_fignums() == open_before, "a notebook shows what is left open"
    view.plot_spike(row, ax=axes)
    view.plot_spike(row, save_path=tmp_path / "both.png", ax=axes)
    view.plot_spikes_and_stims(ax=axes)
    assert (tmp_path / "both.png").exists() and axes.figure.number in pyplot.get_fignums()
    assert showing_backend.shown == [True, True]


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
