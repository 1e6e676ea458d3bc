"""The numbers behind pictures, against slow definitions of them; pictures, that they are drawn."""

from __future__ import annotations

import math
import sys
import warnings
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from analysis.analysis_files import write_recording
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cl import RecordingView, StimDesign
from cl._store.packing import pack
from cl._store.write.writer import RecordingWriter
from cl.analysis import open_many

FPS = 25_000
LONGEST = 900
BIN = 50
"""0.002 s."""

events = st.lists(st.tuples(st.integers(0, LONGEST), st.sampled_from((0, 1, 8, 9, 63))), max_size=40)


class World:
    """A recording of some spikes and stims, with a limit, and what can be asked of it one frame at a time."""

    def __init__(
        self,
        duration: int,
        spikes: list[tuple[int, int]],
        stims: list[tuple[int, int]],
        limit: tuple[int, int],
        blank: int,
    ) -> None:
        self.duration, self.all_spikes, self.stims, self.blank = duration, spikes, stims, blank
        self.first, self.last = min(limit[0], duration), min(max(limit), duration)
        self.spikes = [spike for spike in spikes if self.is_seen(spike[0])]

    def is_seen(self, frame: int) -> bool:
        covered = any(at <= frame < at + self.blank for at, _ in self.stims)
        return self.first <= frame < self.last and not covered

    def seen(self, start: int, stop: int) -> int:
        return sum(self.is_seen(frame) for frame in range(start, stop))

    def view(self, folder: Path) -> RecordingView:
        path = write_recording(folder / "r.h5", self.duration, self.all_spikes, self.stims)
        view = RecordingView(path)
        view.analysis_timestamp_limit(self.first, self.last)
        return view


@st.composite
def worlds(draw: st.DrawFn) -> World:
    limit = draw(st.just((0, LONGEST)) | st.tuples(st.integers(0, LONGEST), st.integers(0, LONGEST)))
    duration = draw(st.integers(1, LONGEST))
    stims = sorted(draw(st.lists(st.tuples(st.integers(0, LONGEST), st.integers(0, 63)), max_size=5)))
    blank = draw(st.sampled_from((0, 1, 30, 120)))
    return World(duration, draw(events), stims, (min(limit), max(limit)), blank)


def against_definition(test: Callable[[Path, World], None]) -> Any:
    checked = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
    return settings(max_examples=20, suppress_health_check=checked, deadline=None)(
        given(world=worlds())(test)
    )


def same_ratio(found: np.ndarray, above: np.ndarray, below: np.ndarray) -> None:
    """Check a quotient; where nothing was observed it is NaN."""
    with np.errstate(all="ignore"):
        wanted = np.where(below > 0, above / below, np.nan)
    np.testing.assert_allclose(found, np.broadcast_to(wanted, found.shape), rtol=1e-12)


@against_definition
def test_a_psth_is_what_a_loop_over_stims_and_spikes_counts(tmp_path: Path, world: World) -> None:
    with world.view(tmp_path) as view:
        found = view.psth([1, 8, 9], 0.005, 0.01, 0.002, stim_channels=range(40), blank_sec=world.blank / FPS)
    stims = {at for at, channel in world.stims if channel < 40 and world.first <= at < world.last}
    counts = np.zeros((3, 8), np.int64)
    for stim in stims:
        for frame, channel in world.spikes:
            if channel in (1, 8, 9) and -3 * BIN <= frame - stim < 5 * BIN:
                counts[(1, 8, 9).index(channel), (frame - stim) // BIN + 3] += 1
    seen = [
        sum(world.seen(stim + BIN * number, stim + BIN * (number + 1)) for stim in stims)
        for number in range(-3, 5)
    ]
    assert found.stim_count == len(stims)
    assert found.channels == [1, 8, 9]
    np.testing.assert_array_equal(found.counts, counts)
    np.testing.assert_allclose(found.observed_sec, np.array(seen) / FPS, rtol=1e-12)
    np.testing.assert_allclose(found.edges_sec, np.arange(-3, 6) * 0.002, atol=1e-15)
    same_ratio(found.rates_hz, counts, found.observed_sec)


@against_definition
def test_isis_are_the_gaps_between_a_channels_spikes(tmp_path: Path, world: World) -> None:
    with world.view(tmp_path) as view:
        found = view.isi([0, 1, 63], 0.01, 0.002, blank_sec=world.blank / FPS)
    for row, channel in enumerate((0, 1, 63)):
        train = sorted({frame for frame, other in world.spikes if other == channel})
        pairs = pairwise(train)
        gaps = [b - a for a, b in pairs if world.seen(a, b) == b - a]
        wanted = Counter(gap // BIN for gap in gaps)
        assert found.counts[row].tolist() == [wanted[number] for number in range(5)]
        assert found.beyond[row] == sum(count for number, count in wanted.items() if number >= 5)
        if gaps:
            assert math.isclose(found.mean_sec[row], np.mean(gaps) / FPS, rel_tol=1e-12)
            assert math.isclose(found.cv[row], np.std(gaps) / np.mean(gaps), rel_tol=1e-9, abs_tol=1e-9)
        else:
            assert np.isnan(found.mean_sec[row]) and np.isnan(found.cv[row])


@against_definition
def test_rates_are_spikes_by_bin_and_time_observed(tmp_path: Path, world: World) -> None:
    with world.view(tmp_path) as view:
        found = view.rates(None, 0.002, blank_sec=world.blank / FPS)
    starts = list(range(world.first, world.last, BIN))
    counts = np.zeros((64, len(starts)), np.int64)
    for frame, channel in world.spikes:
        counts[channel, (frame - world.first) // BIN] += 1
    seen = [world.seen(start, min(start + BIN, world.last)) for start in starts]
    np.testing.assert_array_equal(found.counts, counts)
    np.testing.assert_allclose(found.starts_sec, (np.array(starts) - world.first) / FPS)
    np.testing.assert_allclose(found.observed_sec, np.array(seen) / FPS, rtol=1e-12)
    same_ratio(found.rates_hz, counts, found.observed_sec)


@against_definition
def test_the_activity_map_has_each_channel_at_its_electrode(tmp_path: Path, world: World) -> None:
    with world.view(tmp_path) as view:
        found = view.activity_map(blank_sec=world.blank / FPS)
    wanted = Counter(channel for _, channel in world.spikes)
    for channel in range(64):
        place = channel % 8, channel // 8
        assert found.channels[place] == channel
        assert found.counts[place] == wanted[channel]
    assert math.isclose(found.observed_sec, world.seen(0, LONGEST + 1) / FPS)
    same_ratio(found.rates_hz, found.counts, np.array(found.observed_sec))


SHAPES = np.random.default_rng(1).normal(0, 50, (300, 75)).astype(np.float32)
DESIGNS = [StimDesign(160, -1.0, 160, 1.0), StimDesign(20, 0.5), None]


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """A recording of 300 spikes with waveforms, three kinds of stims, and streams."""
    path = tmp_path / "r.h5"
    writer = RecordingWriter(path)
    writer.append_samples(np.zeros((30_000, 64), np.int16))
    frames = np.arange(300) * 90
    writer.append_spikes(frames, (np.arange(300) % 3 + 8).astype(np.uint8), SHAPES)
    stims = range(1000, 28_000, 1000)
    writer.append_stims(stims, [20 + n % 2 for n in range(27)], [DESIGNS[n % 3] for n in range(27)])
    for name, entries in (
        ("game", [{"x": n, "text": "a", "_$y$\n": n / 2} for n in range(5)]),
        ("mixed", [1, True, [2.5, "a", 3], None, {"b": 4}, np.arange(3)]),
        ("texts", ["a", "b"]),
        ("wide", [list(range(65))]),
    ):
        writer.add_stream(name, {})
        for number, entry in enumerate(entries):
            writer.append_stream(name, number * 250, pack(entry))
    writer.finish()
    return path


def test_waveforms_are_mean_and_spread_of_each_channels_samples(recording: Path) -> None:
    with RecordingView(recording) as view:
        view.analysis_timestamp_limit(90, 25_000)
        found = view.waveforms([8, 10, 40], blank_sec=0.004)
    frames = np.arange(300) * 90
    seen = (frames >= 90) & (frames < 25_000) & ((frames < 1000) | (frames % 1000 >= 100))
    for row, place in enumerate((0, 2)):
        rows = SHAPES[seen & (np.arange(300) % 3 == place)].astype(np.float64)
        assert found.counts[row] == len(rows) > 0
        np.testing.assert_allclose(found.mean_uV[row], rows.mean(axis=0), atol=1e-9)
        np.testing.assert_allclose(found.std_uV[row], rows.std(axis=0), atol=1e-9)
    assert found.counts[2] == 0 and np.isnan(found.mean_uV[2]).all()
    assert found.times_ms[0] == -1 and found.times_ms[25] == 0


def test_stims_are_chosen_by_channel_and_by_design(recording: Path) -> None:
    with RecordingView(recording) as view:
        assert view.psth().stim_count == 27
        assert view.psth(stim_channels=20).stim_count == 14
        assert view.psth(design=DESIGNS[0]).stim_count == 9
        assert view.psth(stim_channels=[21], design=StimDesign(20, 0.5)).stim_count == 5
        assert view.psth(design=StimDesign(20, 0.6)).stim_count == 0


def test_streams_give_their_numbers(recording: Path) -> None:
    with RecordingView(recording) as view:
        game, mixed, texts = (view.data_stream(name) for name in ("game", "mixed", "texts"))
        with pytest.raises(ValueError, match="more than 64"):
            view.data_stream("wide")
        view.analysis_timestamp_limit(250, 1000)
        part = view.data_stream("game")
    assert set(game.values) == {"x", "_$y$\n"}
    assert game.values["x"].tolist() == [0, 1, 2, 3, 4]
    np.testing.assert_allclose(game.times_sec, np.arange(5) * 0.01)
    nan = math.nan
    np.testing.assert_array_equal(mixed.values["value"], [1, 1, nan, nan, nan, nan])
    np.testing.assert_array_equal(mixed.values["0"], [nan, nan, 2.5, nan, nan, 0])
    np.testing.assert_array_equal(mixed.values["2"], [nan, nan, 3, nan, nan, 2])
    assert mixed.others == 1 and texts.others == 2 and not texts.values
    assert part.values["x"].tolist() == [1, 2, 3] and part.times_sec[0] == 0


def test_numbers_are_compared_by_value_and_become_plain(recording: Path) -> None:
    with RecordingView(recording) as view:
        assert view.waveforms() == view.waveforms() != view.waveforms(blank_sec=0.004)
        assert view.data_stream("mixed") == view.data_stream("mixed")
        assert view.rates() != view.isi()
        plain = view.psth([8], 0.0, 0.01).to_dict()
    assert plain["channels"] == [8] and plain["edges_sec"] == [0.0, 0.005, 0.01]
    assert plain["counts"] == [plain["counts"][0]] and isinstance(plain["counts"][0][0], int)


WRONG: list[tuple[str, dict[str, Any], type[Exception], str]] = [
    ("psth", {"channels": [64]}, ValueError, "channels.*63.*64"),
    ("psth", {"channels": []}, ValueError, "channels"),
    ("psth", {"channels": [8, 8]}, ValueError, "channels"),
    ("psth", {"channels": "8"}, TypeError, "channels"),
    ("psth", {"channels": [8.5]}, TypeError, "channels"),
    ("psth", {"stim_channels": [-1]}, ValueError, "stim_channels"),
    ("psth", {"design": 3}, TypeError, "design"),
    ("psth", {"before_sec": -0.1}, ValueError, "before_sec.*-0.1"),
    ("psth", {"after_sec": math.inf}, ValueError, "after_sec"),
    ("psth", {"before_sec": 0, "after_sec": 0}, ValueError, "before_sec.*after_sec"),
    ("psth", {"after_sec": 1e8}, ValueError, "after_sec.*1000000"),
    ("psth", {"bin_size_sec": 0.00001}, ValueError, "bin_size_sec.*1e-05"),
    ("psth", {"bin_size_sec": "1"}, TypeError, "bin_size_sec"),
    ("psth", {"blank_sec": -1}, ValueError, "blank_sec"),
    ("isi", {"max_sec": 0}, ValueError, "max_sec"),
    ("isi", {"max_sec": 1e8}, ValueError, "max_sec.*1000000"),
    ("isi", {"bin_size_sec": math.nan}, ValueError, "bin_size_sec"),
    ("rates", {"bin_size_sec": 0}, ValueError, "bin_size_sec"),
    ("waveforms", {"channels": {99}}, ValueError, "channels"),
    ("waveforms", {"blank_sec": None}, TypeError, "blank_sec"),
    ("activity_map", {"blank_sec": True}, TypeError, "blank_sec"),
    ("data_stream", {"name": 3}, TypeError, "name"),
    ("data_stream", {"name": "nothing"}, ValueError, "nothing.*game"),
]


@pytest.mark.parametrize(("name", "arguments", "error", "says"), WRONG)
def test_errors_of_arguments_say_which_before_anything_is_read(
    recording: Path, name: str, arguments: dict[str, Any], error: type[Exception], says: str
) -> None:
    with RecordingView(recording) as view:
        if name != "data_stream":
            view.spikes = view.stims = None
        for ask in (getattr(view, name), getattr(view, f"plot_{name}")):
            with pytest.raises(error, match=says):
                ask(**arguments)


def test_what_was_not_recorded_is_said(tmp_path: Path) -> None:
    with RecordingView(write_recording(tmp_path / "a.h5", 100, [(1, 8)], None)) as view:
        for ask in (view.psth, lambda: view.rates(blank_sec=0.01)):
            with pytest.raises(ValueError, match="no stims"):
                ask()
        with pytest.raises(ValueError, match="there are \\[\\]"):
            view.data_stream("x")
        assert view.rates().counts.sum() == 1
    with (
        RecordingView(write_recording(tmp_path / "b.h5", 100, None)) as view,
        pytest.raises(ValueError, match="no spikes"),
    ):
        view.isi()
    with (
        RecordingView(write_recording(tmp_path / "c.h5", 100, [], [(5, 8)])) as view,
        pytest.raises(ValueError, match="no designs"),
    ):
        view.psth(design=DESIGNS[0])


PICTURES: list[tuple[str, tuple[Any, ...]]] = [
    ("psth", ()),
    ("psth", ([8, 9],)),
    ("isi", ()),
    ("rates", (None, 0.1)),
    ("waveforms", ()),
    ("waveforms", ([8, 10],)),
    ("activity_map", ()),
    ("data_stream", ("game",)),
    ("data_stream", ("mixed",)),
]


@pytest.fixture(scope="module")
def pyplot() -> Any:
    """Matplotlib, that has drawn: it keeps the files of its fonts open."""
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots()
    axes.set_title("$x$")
    figure.canvas.draw()
    pyplot.close(figure)
    return pyplot


@pytest.mark.parametrize(("name", "arguments"), PICTURES)
def test_each_picture_is_saved_or_drawn_where_it_is_told(
    recording: Path, tmp_path: Path, pyplot: Any, name: str, arguments: tuple[Any, ...]
) -> None:
    from matplotlib.figure import Figure

    with RecordingView(recording) as view, warnings.catch_warnings():
        warnings.simplefilter("error")
        plot = getattr(view, f"plot_{name}")
        before = set(tmp_path.iterdir())
        plot(*arguments, save_path=tmp_path / "a.png")
        assert {path.name for path in set(tmp_path.iterdir()) - before} == {"a.png"}
        assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG") and not pyplot.get_fignums()
        axes = Figure().subplots()
        assert plot(*arguments, ax=axes) is axes and axes.has_data()
        assert not pyplot.get_fignums()


def test_a_picture_of_nothing_is_an_error_and_leaves_no_figure(tmp_path: Path, pyplot: Any) -> None:
    with RecordingView(write_recording(tmp_path / "r.h5", 100, [], [])) as view:
        for plot in (view.plot_psth, view.plot_isi, view.plot_waveforms):
            with pytest.raises(ValueError, match="nothing to draw"):
                plot()
        view.plot_rates(save_path=tmp_path / "a.png")
        view.plot_activity_map(save_path=tmp_path / "b.png")
    assert not pyplot.get_fignums()


def test_numbers_need_neither_matplotlib_nor_pydantic(
    recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for package in ("matplotlib", "pydantic", "scipy", "networkx", "pandas"):
        monkeypatch.setitem(sys.modules, package, None)
    with RecordingView(recording) as view:
        assert view.psth().counts.any()
        with pytest.raises(ImportError, match=r"cl-aio\[plot\]"):
            view.plot_psth()


def test_pictures_of_several_recordings_are_the_sum_of_theirs(tmp_path: Path) -> None:
    """Two files without a gap between: no interval and no lag goes from one to the other."""
    runs = [([(10, 8), (400, 8), (880, 9)], [(390, 20), (890, 20)]), ([(5, 8), (300, 9)], [(0, 20)])]
    paths = [
        write_recording(tmp_path / f"{number}.h5", 900, spikes, stims, start_timestamp=900 * number)
        for number, (spikes, stims) in enumerate(runs)
    ]
    parts = []
    for path in paths:
        with RecordingView(path) as view:
            parts.append((view.psth(None, 0.01, 0.01, 0.002), view.isi(), view.rates(None, 0.01)))
    with open_many(paths) as joined:
        psth, isi, rates = joined.psth(None, 0.01, 0.01, 0.002), joined.isi(), joined.rates(None, 0.01)
        assert joined.activity_map().counts.sum() == 5
    np.testing.assert_array_equal(psth.counts, sum(part[0].counts for part in parts))
    np.testing.assert_allclose(psth.observed_sec, sum(part[0].observed_sec for part in parts))
    np.testing.assert_array_equal(isi.counts, sum(part[1].counts for part in parts))
    np.testing.assert_array_equal(rates.counts, np.concatenate([part[2].counts for part in parts], axis=1))
    assert psth.stim_count == 3 and isi.counts.sum() == 1
    assert rates.starts_sec.tolist() == [0, 0.01, 0.02, 0.03, 0.036, 0.046, 0.056, 0.066]


def test_an_interval_in_which_something_is_blanked_is_none(tmp_path: Path) -> None:
    spikes = [(100, 8), (205, 8), (300, 8), (500, 8)]
    with RecordingView(write_recording(tmp_path / "r.h5", 900, spikes, [(200, 20)])) as view:
        assert view.isi([8]).mean_sec.tolist() == pytest.approx([400 / 3 / FPS])
        blanked = view.isi([8], blank_sec=10 / FPS)
    assert blanked.counts.sum() == 1 and blanked.mean_sec.tolist() == pytest.approx([200 / FPS])
