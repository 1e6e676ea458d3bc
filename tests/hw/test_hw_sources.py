"""What the emulated electrodes see: the sources, and how they get into the ring."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hw_tools import PATIENCE, PatientEmulator, frame_ring, linked
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from cl._stim.designs import StimDesign
from cl._stim.operations import stim_operations
from cl._stim.sequencer import Pulse
from cl.hw.emulator.feed import Feed
from cl.hw.emulator.sources import CounterSource, make_source, read_stamps, stamper
from cl.hw.emulator.stimulator import Stimulator
from cl.hw.wire.layout import LEAD_FRAMES
from cl.sim.dish import Dish
from cl.sim.sources.random_source import RandomSource

DESIGN = StimDesign(160, -1.0, 160, 1.0)


class Noting:
    """A source that notes what it is asked and told."""

    uV_per_sample_unit = 0.195
    start_timestamp = 0
    blocking = False
    available = None
    end_timestamp: int | None = None

    def __init__(self, reactive: bool) -> None:
        self.reactive = reactive
        self.log: list[tuple[str, int, int]] = []

    def read(self, start: int, stop: int) -> tuple[NDArray[np.int16], list[int], list[int], list[None]]:
        self.log.append(("read", start, stop))
        return np.full((stop - start, 64), start, np.int16), [start], [1], [None]

    def on_stims(self, pulses: Sequence[Pulse]) -> None:
        self.log += [("stim", pulse.timestamp, pulse.channel) for pulse in pulses]


def test_a_source_hears_of_a_pulse_before_it_is_asked_for_its_frame() -> None:
    source = Noting(reactive=True)
    with frame_ring(16_384, 64) as (writer, _):
        feed = Feed(source, writer)
        pulses = [Pulse(s, c, DESIGN, s) for s, c in ((20, 1), (21, 2), (40, 3))]
        assert feed.make(25, pulses) == ([0, 10, 20], [1, 1, 1])
        feed.lead(25)
        feed.make(50, [])
    assert source.log == [
        ("read", 0, 10),
        ("stim", 10, 1),
        ("stim", 10, 2),
        ("read", 10, 20),
        ("stim", 20, 3),
        ("read", 20, 25),
        ("read", 25, 50),
    ]


def test_a_source_that_nothing_changes_is_read_ahead_within_the_bound() -> None:
    source = Noting(reactive=False)
    with frame_ring(16_384, 64) as (writer, reader):
        feed = Feed(source, writer)
        for stop in range(25, 8000, 25):
            times, _ = feed.make(stop, [])
            assert all(stop - 25 <= time < stop for time in times)
            writer.post(stop)
            feed.lead(stop)
            assert stop <= feed.written <= stop + LEAD_FRAMES
            assert reader.oldest == max(0, feed.written - 16_384)
    starts = [entry[1] for entry in source.log]
    assert len(starts) < 8000 // 25 // 10


def test_nothing_is_read_beyond_the_end_of_a_source() -> None:
    source = Noting(reactive=False)
    source.end_timestamp = 1000
    with frame_ring(16_384, 64) as (writer, _):
        feed = Feed(source, writer)
        feed.make(25, [])
        feed.lead(25)
        feed.lead(25)
        assert feed.written == 1000 and feed.limit() == (1000, True)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(1, 400), min_size=1, max_size=12))
def test_the_ring_holds_what_the_source_gives_however_it_is_cut(lengths: list[int]) -> None:
    source = RandomSource(5, spike_percentile=99.9)
    with frame_ring(16_384, 64) as (writer, reader):
        feed = Feed(source, writer)
        stop, seen = 0, ([], [])  # type: tuple[int, tuple[list[int], list[int]]]
        for length in lengths:
            stop += length
            times, channels = feed.make(stop, [])
            seen[0].extend(times)
            seen[1].extend(channels)
            writer.post(stop)
            feed.lead(stop)
        assert (reader.read(0, stop) == source.frames(0, stop)).all()
        assert seen == source.spikes(0, stop)


@given(st.integers(0, 1 << 62), st.integers(1, 50), st.integers(0, 60))
def test_stamps_read_back(start: int, count: int, channel: int) -> None:
    frames = np.zeros((count, 64), np.int16)
    stamper(channel)(start, frames)
    assert [int(n) for n in read_stamps(frames, channel)] == list(range(start, start + count))


def test_stamping_leaves_the_sources_own_arrays_alone() -> None:
    own = np.zeros((10_000, 64), np.int16)

    class Keeping(CounterSource):
        def frames(self, start: int, stop: int) -> NDArray[np.int16]:
            return own[start:stop]

    with frame_ring(16_384, 64) as (writer, reader):
        Feed(Keeping(), writer, stamper(8)).make(500, [])
        writer.post(500)
        assert read_stamps(reader.read(0, 500), 8).tolist() == list(range(500))
    assert not own.any()


def submitted(*steps: tuple[int, int]) -> tuple[Stimulator, list[int]]:
    """A stimulator after stims on channel 9 for (not before, present)."""
    stimulator = Stimulator(Dish(), 100)
    return stimulator, [
        stimulator.submit(stim_operations(9 + n, 1.0), not_before, None, present)
        for n, (not_before, present) in enumerate(steps)
    ]


def test_commands_take_effect_at_the_first_step_that_is_not_past() -> None:
    stimulator, steps = submitted((0, 500), (700, 600), (650, 610), (0, 800))
    assert steps == [500, 700, 700, 800]
    assert [(p.step, p.channel) for p in stimulator.deliver(1000)] == [
        (504, 9),
        (704, 10),
        (704, 11),
        (804, 12),
    ]


def test_before_anything_was_posted_commands_wait_for_the_first_frame() -> None:
    _, steps = submitted((0, 0))
    assert steps == [200]


def test_pulses_come_once_with_the_window_they_are_in() -> None:
    stimulator, _ = submitted((1000, 300))
    assert stimulator.deliver(502) == []
    assert [p.timestamp for p in stimulator.deliver(503)] == [502]
    assert stimulator.deliver(600) == []


def test_what_was_delivered_is_past_for_commands() -> None:
    stimulator, _ = submitted()
    stimulator.deliver(400)
    assert stimulator.submit(stim_operations(9, 1.0), 0, None, 500) == 800


def test_a_command_more_than_a_second_ahead_is_refused() -> None:
    with pytest.raises(ValueError, match="more than a second ahead"):
        submitted((50_101, 100))


def test_interrupting_everything_leaves_what_has_begun() -> None:
    stimulator = Stimulator(Dish(), 0)
    stimulator.submit(stim_operations(9, 1.0) * 3, 0, None, 0)
    stimulator.interrupt_all(2)
    assert [p.step for p in stimulator.deliver(1000)] == [4]


@pytest.mark.parametrize("spec", ["counter", "random", "culture", "hw_sources:Silent"])
def test_a_source_has_a_name(spec: str) -> None:
    source = make_source(spec, 7)
    source.open()
    assert source.uV_per_sample_unit > 0
    source.close()


@pytest.mark.parametrize(
    ("spec", "text"),
    [("what", "takes random"), ("nowhere:nothing", "nowhere"), ("hw_sources:No", "No"), ("replay:", "takes")],
)
def test_a_name_without_a_source_is_refused(spec: str, text: str) -> None:
    with pytest.raises((ValueError, TypeError), match=text):
        make_source(spec, 7)


def test_the_device_plays_the_source_it_is_told(shared_data: Path) -> None:
    recording = shared_data / "reference_recording.h5"
    spec = f"replay:{recording}"
    expected = make_source(spec, 0)
    expected.open()
    frames: Callable[[int, int], NDArray[np.int16]] = expected.frames  # type: ignore[union-attr]
    with PatientEmulator("--source", spec) as emulator, linked(emulator.address, False) as (link, _):
        stop = link.waiter.wait(2000, PATIENCE)
        assert (link.frames(stop - 2000, stop) == frames(stop - 2000, stop)).all()
    expected.close()


def test_the_device_plays_the_random_source_with_its_seed() -> None:
    arguments = ("--source", "random", "--seed", "11")
    with PatientEmulator(*arguments) as emulator, linked(emulator.address, False) as (link, _):
        assert link.spikes is not None
        link.spikes.seek(0)
        stop = link.waiter.wait(5000, PATIENCE)
        source = RandomSource(11)
        assert (link.frames(0, stop) == source.frames(0, stop)).all()
        assert link.spikes.take(stop)[:2] == source.spikes(0, stop)


def test_a_dish_that_answers_stims_answers_them_on_the_device() -> None:
    with (
        PatientEmulator("--source", "hw_sources:Answering") as emulator,
        linked(emulator.address) as (link, _),
    ):
        assert link.spikes is not None and link.stims is not None
        step = link.submit(stim_operations(9, 1.0), 0)
        stop = link.waiter.wait(step // 2 + 100, PATIENCE)
        (stim,), _, _ = link.stims.take(stop)
        assert link.spikes.take(stop)[:2] == ([stim + 10], [9])
        assert link.frames(stim + 10, stim + 11)[0, 9] == 1000


def test_a_source_that_ends_ends_the_device() -> None:
    arguments = ("--source", "hw_sources:Ending", "--source-config", '{"frames": 4990}')
    with PatientEmulator(*arguments) as emulator, linked(emulator.address, False) as (link, sink):
        sink.until(lambda s: bool(s.errors))
        assert "the data source has ended at frame 4990" in str(sink.errors[0])
        assert link.posted == 4975
