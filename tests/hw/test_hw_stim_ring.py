"""The designs of stims on the wire: they come with their stims, or not at all."""

from __future__ import annotations

import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hw_tools import PatientEmulator, linked, new_region, stims_after
from hypothesis import given, settings
from hypothesis import strategies as st
from test_hw_layout import designs

import cl
from cl import StimDesign
from cl.error import DeviceDisconnectedError
from cl.hw.driver import session
from cl.hw.emulator import EmulatorProcess, spawn
from cl.hw.wire import stim_ring
from cl.hw.wire.layout import DESIGN_BYTES, EVENT_BYTES, PAGE, RegionKind, RingWord, ring_bytes
from cl.hw.wire.memory import Region
from cl.hw.wire.ring import EventWriter
from cl.hw.wire.stim_ring import StimReader, StimWriter, decode_design, encode_design

CAPACITY = 64
PULSE = StimDesign(160, -1.0, 160, 1.0)
THREE = StimDesign(20, 2.39, 140, -2.54, 1000, 0.13)


@contextmanager
def stim_rings() -> Iterator[tuple[StimWriter, StimReader, Region]]:
    """Both sides of the two rings, small ones, and the region of the designs."""
    with (
        new_region(ring_bytes(EVENT_BYTES, CAPACITY)) as (_, stims),
        new_region(ring_bytes(DESIGN_BYTES, CAPACITY)) as (_, beside),
    ):
        writer = StimWriter(stims, beside, CAPACITY)
        reader = StimReader(stims, 64, beside)
        try:
            yield writer, reader, beside
        finally:
            writer.close()
            reader.close()


def taken(reader: StimReader, stop: int) -> list[tuple[int, int, StimDesign | None]]:
    found = reader.take(stop)
    return list(
        zip(found.timestamps, found.channels, reader.take_designs(len(found.timestamps)), strict=True)
    )


@settings(deadline=None, max_examples=100)
@given(st.none() | designs)
def test_a_design_comes_out_as_it_went_in(design: StimDesign | None) -> None:
    assert len(encode_design(design)) == DESIGN_BYTES
    assert decode_design(encode_design(design)) == design


def test_the_record_is_laid_out_as_documented() -> None:
    assert encode_design(THREE) == struct.pack("=4Q3dQ", 3, 20, 140, 1000, 2.39, -2.54, 0.13, 0)
    assert encode_design(PULSE) == struct.pack("=4Q3dQ", 2, 160, 160, 0, -1.0, 1.0, 0.0, 0)
    assert encode_design(None) == bytes(64)
    assert encode_design(StimDesign(20 * 2**63, 0.0)) == bytes(64), "longer than any device lives"


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.lists(st.none() | designs, max_size=20), st.integers(0, 120)), max_size=12))
def test_every_stim_has_its_own_however_they_are_taken(
    steps: list[tuple[list[StimDesign | None], int]],
) -> None:
    with stim_rings() as (writer, reader, _):
        posted: list[tuple[int, int, StimDesign | None]] = []
        got: list[tuple[int, int, StimDesign | None]] = []
        now = 0
        for batch, behind in steps:
            fresh = [(now + i, (now + i) % 64, design) for i, design in enumerate(batch)]
            writer.post(*([stim[part] for stim in fresh] for part in range(3)))  # type: ignore[arg-type]
            posted += fresh
            now += 50
            got += taken(reader, now - behind)
        got += taken(reader, now)
        assert got == posted


@settings(deadline=None, max_examples=30)
@given(before=st.integers(0, 100), unread=st.integers(0, 200))
def test_stims_overwritten_unread_take_their_designs_with_them(before: int, unread: int) -> None:
    with stim_rings() as (writer, reader, _):
        for time in range(before + unread):
            writer.post([time], [time % 64], [StimDesign(20 + 20 * time, 0.5)])
            if time < before:
                assert taken(reader, time + 1) == [(time, time % 64, StimDesign(20 + 20 * time, 0.5))]
        found = reader.take(before + unread)
        assert found.lost == max(0, unread - CAPACITY)
        assert [design.duration_us for design in reader.take_designs(len(found.timestamps)) if design] == [
            20 + 20 * time for time in found.timestamps
        ]


def test_designs_overwritten_while_they_are_copied_count_as_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    with stim_rings() as (writer, reader, _):
        for time in range(CAPACITY):
            writer.post([time], [1], [PULSE])
        copy = stim_ring.circular_copy

        def slow_copy(rows: Any, first: int, count: int) -> Any:
            for time in range(3):
                writer.post([1000 + time], [2], [THREE])
            found = copy(rows, first, count)
            monkeypatch.setattr(stim_ring, "circular_copy", copy)
            return found

        monkeypatch.setattr(stim_ring, "circular_copy", slow_copy)
        found = reader.take(CAPACITY)
        assert found.lost == 3 and list(found.timestamps) == list(range(3, CAPACITY))
        assert reader.take_designs(CAPACITY) == [PULSE] * (CAPACITY - 3)
        assert taken(reader, 2000) == [(1000 + time, 2, THREE) for time in range(3)]


def test_seeking_leaves_the_designs_of_the_past_behind() -> None:
    with stim_rings() as (writer, reader, _):
        for time in range(0, 90, 3):
            writer.post([time], [1], [StimDesign(20 + 20 * time, 0.5)])
        reader.take(10)
        reader.seek(80)
        assert [(t, design.duration_us) for t, _, design in taken(reader, 100) if design] == [
            (time, 20 + 20 * time) for time in (81, 84, 87)
        ]


def record(*words: float) -> bytes:
    return struct.pack("=4Q3dQ", *words)


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (record(4, 20, 20, 20, 1, -1, 1, 0), "4 phases"),
        (record(1 << 63, 20, 20, 20, 1, -1, 1, 0), "phases"),
        (record(1, 30, 0, 0, 1, 0, 0, 0), "multiple of 20"),
        (record(1, 20, 0, 0, float("nan"), 0, 0, 0), "current"),
        (record(2, 20, 20, 0, 1, 1, 0, 0), "polarity"),
        (record(1, 20, 0, 0, 3.1, 0, 0, 0), "limit of 3.0"),
    ],
)
def test_designs_that_cannot_be_end_the_device(bad: bytes, why: str) -> None:
    with stim_rings() as (writer, reader, beside):
        writer.post([1], [2], [PULSE])
        beside.view(PAGE, DESIGN_BYTES)[:] = bad
        for _ in range(2):
            with pytest.raises(DeviceDisconnectedError, match=f"a stim that cannot be: .*{why}"):
                reader.take(10)


def test_stims_without_their_designs_end_the_device() -> None:
    with stim_rings() as (writer, reader, beside):
        writer.post([1, 2], [2, 3], [PULSE, PULSE])
        beside.words[RingWord.PRODUCED] = 1
        with pytest.raises(DeviceDisconnectedError, match="posted 2 stims, and 1 designs"):
            reader.take(10)


@pytest.mark.parametrize("value", [0, 1 << 40, (1 << 64) - 1])
def test_a_reserved_count_that_makes_no_sense_does_no_harm(value: int) -> None:
    with stim_rings() as (writer, reader, beside):
        writer.post([1, 2], [2, 3], [PULSE, PULSE])
        beside.words[RingWord.RESERVED] = value
        found = reader.take(10)
        assert len(found.timestamps) + found.lost == 2
        assert len(reader.take_designs(9)) == len(found.timestamps)


def test_rings_that_do_not_go_together_are_refused() -> None:
    with (
        new_region(ring_bytes(EVENT_BYTES, CAPACITY)) as (_, stims),
        new_region(ring_bytes(DESIGN_BYTES, 2 * CAPACITY)) as (_, beside),
    ):
        EventWriter(stims, CAPACITY).close()
        stim_ring.write_ring_header(beside, DESIGN_BYTES, 2 * CAPACITY)
        with pytest.raises(ValueError, match="128 designs for 64 stims"):
            StimReader(stims, 64, beside)


def stimulated() -> list[StimDesign | None]:
    """Return the designs of two pulses, as a program finds them on the device of CL_DEVICE."""
    with cl.open() as neurons:
        start = neurons.timestamp()
        neurons.stim(cl.ChannelSet(8, 9), THREE)
        found = stims_after(neurons, start)
        assert [stim.channel for stim in found] == [8, 9]
        return [stim.design for stim in found]


def test_an_earlier_driver_gets_no_designs(monkeypatch: pytest.MonkeyPatch) -> None:
    with PatientEmulator() as emulator:
        monkeypatch.setenv("CL_DEVICE", emulator.address)
        with linked(emulator.address, take_control=False) as (link, _):
            assert link.facts.version == (1, 3)
            assert RegionKind.STIM_DESIGNS in link._session.regions
        assert stimulated() == [THREE, THREE]
        monkeypatch.setattr(session, "VERSION_MINOR", 0)
        with linked(emulator.address, take_control=False) as (link, _):
            assert link.facts.version == (1, 0)
            assert RegionKind.STIM_DESIGNS not in link._session.regions
        assert stimulated() == [None, None]
        with cl.open() as neurons:
            recording = neurons.record()
            start = neurons.timestamp()
            neurons.stim(8, THREE)
            stims_after(neurons, start)
            recording.stop()
        with recording.open() as view:
            assert view.stims.col("channel").tolist() == [8]
            assert view.stim_designs.col("phases").tolist() == [0]


_EARLIER = """
import runpy, sys
import cl.hw.emulator.device_memory as memory, cl.hw.emulator.server as server
server.VERSION_MINOR, memory.VERSION = 0, 1 << 16
sys.argv[0] = "emulator"
runpy.run_module("cl.hw.emulator", run_name="__main__")
"""


def test_an_earlier_device_tells_no_designs(monkeypatch: pytest.MonkeyPatch) -> None:
    popen = subprocess.Popen

    def earlier(command: list[str], **keywords: Any) -> subprocess.Popen[str]:
        assert command[1:3] == ["-m", "cl.hw.emulator"]
        return popen([sys.executable, "-c", _EARLIER, *command[3:]], **keywords)

    monkeypatch.setattr(spawn.subprocess, "Popen", earlier)
    with EmulatorProcess("--liveness-ms", "1000") as emulator:
        monkeypatch.setenv("CL_DEVICE", emulator.address)
        with linked(emulator.address, take_control=False) as (link, _):
            assert link.facts.version == (1, 0)
        assert stimulated() == [None, None]
