"""The log of a recording: commands as they were asked for, and all else that happens, on both devices."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from extras import need_extra
from test_contract_device import KINDS, emulators

import cl
from cl import BurstDesign, ChannelSet, StimDesign
from cl._core.device_log import MOST, DeviceLog, Happening, LogKind
from cl._core.noting import note
from cl._store.packing import pack
from cl._store.read.info import info
from cl.error import ControlRequiredError, RunTimestampOrderError
from cl.testing import Simulator

PULSE = StimDesign(160, -1.0, 160, 1.0)
OTHER = StimDesign(20, 2.39, 140, -2.54, 1000, 0.13)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    yield from emulators()


@pytest.fixture(params=KINDS)
def device(request: pytest.FixtureRequest, address: str, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "emulator":
        monkeypatch.setenv("CL_DEVICE", address)
    return str(request.param)


def log_of(recording: cl.Recording) -> list[Any]:
    with recording.open() as view:
        assert view.log is not None
        return list(view.log.entries())


def test_commands_are_logged_as_they_were_asked_for(device: str) -> None:
    asked = []
    with cl.open() as neurons:
        recording = neurons.record(include_raw_samples=False)
        for tick in neurons.loop(100, stop_after_ticks=3, ignore_jitter=True):
            asked.append(tick.iteration_timestamp - recording.start_timestamp)
            neurons.stim(ChannelSet(9, 20), OTHER, BurstDesign(3, 160), 200)
            neurons.sync(ChannelSet(9, 0))
            neurons.interrupt_then_stim(8, 0.5)
        plan = neurons.create_stim_plan()
        plan.channels_to_interrupt = ChannelSet(1, 2)
        plan.stim(3, PULSE)
        later = neurons.timestamp() + 5_000
        plan.run(at_timestamp=later)
        recording.stop()
    log = [entry for entry in log_of(recording) if entry.kind in ("stim", "sync", "interrupt")]
    commands = [entry for entry in log if entry.command]
    body = [("stim", (9, 20)), ("sync", (0, 9)), ("interrupt", (8,)), ("stim", (8,))]
    assert [(e.kind, tuple(e.channels)) for e in commands] == [
        *body * 3,
        ("interrupt", (1, 2)),
        ("stim", (3,)),
    ]
    first = commands[0]
    assert (first.design, first.count, first.interval_us, first.lead_us) == (OTHER, 3, 6260, 200)
    assert commands[3].design == StimDesign(160, -0.5, 160, 0.5)
    assert (commands[3].count, commands[3].interval_us, commands[3].lead_us) == (1, 5000, 80)
    # As of the tick, or of the first frame that had not been given by then.
    late = [e.timestamp - t for e, t in zip(commands, (t for t in asked for _ in range(4)), strict=False)]
    assert all(0 <= frames < 25_000 for frames in late)
    assert device == "emulator" or min(late) < 100  # there the time is the host's
    assert all(0 <= e.at - e.timestamp < 25_000 for e in commands)
    assert [e.command for e in commands] == [1, 2, 3, 3, 4, 5, 6, 6, 7, 8, 9, 9, 10, 10]
    assert [e.plan for e in commands] == [0] * 12 + [1, 1]
    assert {e.at for e in commands[12:]} == {later - recording.start_timestamp}
    assert not any(e.refused for e in commands)


def test_refusals_interrupts_and_control_are_logged(device: str) -> None:
    with cl.open() as neurons:
        recording = neurons.record(include_raw_samples=False)
        plan = neurons.create_stim_plan()
        for _ in range(20):
            plan.stim(9, PULSE)
        plan.run(neurons.timestamp() + 1_000_000)
        with pytest.raises(RunTimestampOrderError) as refusal:
            plan.run(neurons.timestamp() + 900_000)
        neurons.release_control()
        with pytest.raises(ControlRequiredError):
            neurons.stim(5, 1.0)
        neurons.take_control()
        recording.stop()
    log = log_of(recording)
    told = [(e.kind, e.text) for e in log if e.text]
    assert told[-5:] == [
        ("refusal", f"RunTimestampOrderError: {refusal.value}"),
        ("interrupt", "release_control"),
        ("control", "release_control"),
        ("refusal", told[-2][1]),
        ("control", "take_control"),
    ]
    assert told[-2][1].startswith("ControlRequiredError: stimulation needs control")
    refused = [e for e in log if e.refused and e.kind == "stim"]
    assert len(refused) == 21 and tuple(refused[-1].channels) == (5,)
    by_command = {e.command for e in log if e.kind == "refusal"}
    assert {e.command for e in refused} == by_command


def test_late_ticks_and_remarks_are_logged_up_to_the_very_stop() -> None:
    with Simulator(seed=1) as neurons:
        neurons.read(100)
        recording = neurons.record(from_frames_ago=50)
        for tick in neurons.loop(1000, stop_after_ticks=40, jitter_tolerance_frames=10):
            if tick.iteration in (3, 10):
                neurons.read(33 if tick.iteration == 3 else 500)
        fields = pack({"dose": 0.5, "who": ["a", "b"]})
        note(neurons._engine, Happening(neurons.timestamp(), LogKind.ANNOTATION, "Änderung", fields=fields))
        recording.stop()
    entries = [entry for entry in log_of(recording) if entry.kind in ("late", "annotation")]
    late = [(e.value, e.text) for e in entries if e.kind == "late"]
    # 33 frames after tick 3 the next one, 25 frames later, is 8 late; 500 after tick 10: 475, then 450 ...
    assert late == [(475, "a loop at 1000/s, iteration 11")]
    assert entries[-1].text == "Änderung" and entries[-1].fields == {"dose": 0.5, "who": ["a", "b"]}
    assert entries[-1].timestamp == recording.attributes["duration_frames"]
    assert info(recording.file["path"])["log"]["annotation"] == 1


def test_losses_are_logged() -> None:
    with Simulator(seed=1) as neurons:
        recording = neurons.record()
        note(neurons._engine, Happening(10, LogKind.LOSS, "frames", value=7, until=90))
        recording.stop()
    (entry,) = [entry for entry in log_of(recording) if entry.kind == "loss"]
    assert (entry.timestamp, entry.at, entry.value, entry.text) == (10, 90, 7, "frames")


def test_two_runs_have_the_same_log(tmp_path: Path) -> None:
    def run() -> bytes:
        with Simulator(seed=3) as neurons:
            recording = neurons.record(file_location=tmp_path, stop_after_seconds=1)
            plan = neurons.create_stim_plan()
            plan.stim(ChannelSet(range(1, 7)), PULSE, BurstDesign(4, 50))
            for tick in neurons.loop(500, stop_after_seconds=1.5):
                for spike in tick.analysis.spikes:
                    neurons.stim(spike.channel, 1.0)
                if tick.iteration % 100 == 0:
                    plan.run(neurons.timestamp() + 300)
            recording.wait_until_stopped()
        with h5py.File(recording.file["path"]) as file:
            log: bytes = file["log"][:].tobytes() + file["log_data"][:].tobytes()
            assert file["log"]["timestamp"].max() < 25_000
            assert len(file["log"]) > 50
            return log

    assert run() == run()


def test_files_that_follow_one_another_have_each_row_once(tmp_path: Path) -> None:
    with Simulator(seed=3) as neurons:
        recording = neurons.record(
            file_location=tmp_path, include_raw_samples=False, new_file_every_seconds=1
        )
        plan = neurons.create_stim_plan()
        for _ in range(20):
            plan.stim(9, PULSE)
        for tick in neurons.loop(40, stop_after_ticks=180):
            neurons.stim(8 + tick.iteration % 5, 1.0)
            if tick.iteration % 40 == 39:
                plan.run()  # at the very frame at which a file ends
        recording.stop()
    commands, counts = [], []
    for file in recording.files:
        with cl.RecordingView(file["path"]) as view:
            assert view.log is not None
            start = int(view.attributes["start_timestamp"])
            own = [(e.timestamp + start, e.command) for e in view.log.entries() if e.command]
        assert all(start <= timestamp for timestamp, _ in own)
        commands += own
        counts.append(len(own))
    assert len(counts) == 5 and min(counts) > 15
    expected = []
    for n in range(180):
        expected.append(((n + 1) * 625, 1))
        if n % 40 == 39:
            expected += [((n + 1) * 625, 20)] * 20
    assert [timestamp for timestamp, _ in commands] == [timestamp for timestamp, _ in expected]
    assert [command for _, command in commands] == sorted(command for _, command in commands)


def test_each_row_is_in_the_file_of_its_time_however_seldom_rows_are_written(tmp_path: Path) -> None:
    with Simulator(seed=3) as neurons:
        recording = neurons.record(
            file_location=tmp_path, include_raw_samples=False, new_file_every_seconds=1.3
        )
        for tick in neurons.loop(40, stop_after_ticks=180):
            neurons.stim(8 + tick.iteration % 5, 1.0)
        recording.stop()
    found = 0
    for file in recording.files:
        with cl.RecordingView(file["path"]) as view:
            assert view.log is not None
            times = [entry.timestamp for entry in view.log.entries() if entry.kind == "stim"]
            assert 0 <= min(times) <= max(times) <= view.attributes["duration_frames"]
        found += len(times)
    assert (len(recording.files), found) == (4, 180)


def test_long_plans_are_logged_again_and_again() -> None:
    with Simulator(seed=1) as neurons:
        plan = neurons.create_stim_plan()
        for n in range(200):
            plan.stim(ChannelSet(1 + n % 6), PULSE if n % 2 else OTHER)
        recording = neurons.record(include_raw_samples=False)
        for _ in neurons.loop(0.5, stop_after_ticks=3):
            plan.run()
        recording.stop()
    log = [e for e in log_of(recording) if e.kind == "stim"]
    assert len(log) == 600 and [e.timestamp for e in log[::200]] == [50_000, 100_000, 150_000]
    assert [e.design for e in log[:2]] == [OTHER, PULSE] and [e.command for e in log[::200]] == [1, 2, 3]


def test_rows_that_are_made_together_are_those_that_were_asked_for() -> None:
    draw, asked = random.Random(3), []
    with Simulator(seed=1) as neurons:
        plan = neurons.create_stim_plan()
        plan.stim(5, PULSE)
        recording = neurons.record(include_raw_samples=False)
        for tick in neurons.loop(20, stop_after_ticks=100):
            at, others = tick.iteration_timestamp, iter([8, 9, 10])
            for _ in range(60):
                channel, design = draw.choice([11, 12, 13]), draw.choice([PULSE, PULSE, OTHER])
                if draw.random() < 0.3:  # more of them than any table of what is given again and again has
                    design = StimDesign(20 * draw.randrange(1, 50), -0.5, 20 * draw.randrange(1, 50), 1.0)
                asked.append((at, "stim", (channel,), design, 0))
                neurons.stim(channel, design)
                neurons.interrupt(ChannelSet(11, 12, 13))
                asked.append((at, "interrupt", (11, 12, 13), None, 0))
            for channel in others if draw.random() < 0.2 else ():
                neurons.interrupt_then_stim(channel, PULSE)
                plan.run()
                asked += [(at, "interrupt", (channel,), None, 0), (at, "stim", (channel,), PULSE, 0)]
                asked.append((at, "stim", (5,), PULSE, 1))
            if draw.random() < 0.1:
                neurons.annotate("in between")
        recording.stop()
    start = recording.start_timestamp
    log = [e for e in log_of(recording) if e.command]
    found = [(e.timestamp + start, e.kind, tuple(e.channels), e.design, e.plan) for e in log]
    assert found == asked and len(found) > 12_000
    commands = [entry.command for entry in log]
    assert commands == sorted(commands) and commands[-1] == len(set(commands)) == len(asked) - sum(
        1 for entry in asked if entry[1:3] in [("interrupt", (8,)), ("interrupt", (9,)), ("interrupt", (10,))]
    )
    assert all(entry.at == entry.timestamp and not entry.refused for entry in log)


def test_every_reader_opens_it() -> None:
    need_extra("tables")
    import tables

    with Simulator(seed=1) as neurons:
        recording = neurons.record()
        neurons.stim(9, 1.0, BurstDesign(2**70, 0.001), 20 * 2**60)  # more than any column holds
        recording.stop()
    path = recording.file["path"]
    with tables.open_file(path) as file:
        assert isinstance(file.root.log, tables.Table) and isinstance(file.root.log_data, tables.EArray)
        by_tables = file.root.log.read()
        assert file.root.log.read_where("kind == 1")["channels"].tolist() == [1 << 9]
    with h5py.File(path) as file:
        assert np.array_equal(file["log"][:], by_tables)
    with recording.open() as view:
        assert view.log is not None and view.log.read_where("kind == 1")["lead_us"].tolist() == [2**64 - 1]


def test_the_log_of_a_device_stays_within_bounds() -> None:
    log = DeviceLog()
    for _ in range(3 * MOST):
        log.command(0, (), 0, 0)
    assert log.end == 3 * MOST and MOST // 2 <= len(log.items) <= MOST + 1024
    log.add(Happening(5, LogKind.CONTROL, "x"))
    log.trim(5)
    assert log.items.timestamps == [5]
    assert log.first == 3 * MOST and log.index(5) == log.first and log.index(6) == log.end
