"""Programs on a device: every frame arrives, what is lost is told, control is one program's."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import anyio
import numpy as np
import pytest
import tables
from hw_tools import A_TURN, PatientEmulator, hold, stims_after, until_quiet
from leak_tools import open_files, threads

import cl
from cl._core.losses import Loss, Losses, lost_within
from cl._stim.sequencer import Operation
from cl._store.read.info import info
from cl.error import ControlRequestError, ControlRequiredError, LaggedError
from cl.hw.driver.device import HardwareDevice
from cl.hw.driver.report import report
from cl.hw.emulator import EmulatorProcess
from cl.hw.emulator.sources import read_stamps
from cl.hw.wire.layout import Capability, Control, RegionKind

PATIENCE = 10.0
LONG_S = int(os.environ.get("CL_LONG_RUN_SECONDS", "1"))
"""How long every frame is checked; 60 is what is promised."""


@pytest.fixture(scope="module")
def counting() -> Iterator[EmulatorProcess]:
    with PatientEmulator("--source", "counter") as process:
        yield process


@pytest.fixture
def emulator(counting: EmulatorProcess, monkeypatch: pytest.MonkeyPatch) -> EmulatorProcess:
    monkeypatch.setenv("CL_DEVICE", counting.address)
    return counting


def numbers(frames: np.ndarray[tuple[int, int], np.dtype[np.int16]]) -> list[int]:
    found: list[int] = read_stamps(frames, 8).tolist()
    return found


# -- every frame, once, in order --------------------------------------------------------------


@pytest.mark.parametrize("burns", [False, True], ids=["alone", "beside-a-busy-process"])
def test_every_frame_arrives_in_a_loop_and_in_a_recording(emulator: EmulatorProcess, burns: bool) -> None:
    burner = subprocess.Popen([sys.executable, "-c", "while True: pass"]) if burns else None
    try:
        with cl.open() as neurons:
            recording = neurons.record(stop_after_seconds=LONG_S)
            loop = neurons.loop(1000, stop_after_seconds=LONG_S, ignore_jitter=True)
            seen, spikes = [], []
            for tick in loop:
                seen += numbers(tick.frames)
                spikes += [spike.timestamp for spike in tick.analysis.spikes]
            recording.wait_until_stopped()
        start = loop.start_timestamp
        count = LONG_S * 25_000
        assert seen == list(range(start, start + count))
        assert spikes == list(range(-(-start // 250) * 250, start + count, 250))
        with recording.open() as view:
            begin = recording.start_timestamp
            assert numbers(view.samples[:]) == list(range(begin, begin + count))
            assert (view.spikes.col("timestamp") + begin).tolist() == [
                t for t in range(begin, begin + count) if t % 250 == 0
            ]
    finally:
        if burner is not None:
            burner.kill()
            burner.wait()


@pytest.mark.parametrize("fault", ["lost=200", "late=4:60", "coalesce=9", "coalesce=1000000"])
def test_interrupts_that_go_wrong_lose_nothing(emulator: EmulatorProcess, fault: str) -> None:
    with cl.open() as neurons:
        emulator.inject(fault)
        loop = neurons.loop(500, stop_after_seconds=0.3, ignore_jitter=True)
        seen = [number for tick in loop for number in numbers(tick.frames)]
        emulator.inject("coalesce=1")
    assert seen == list(range(loop.start_timestamp, loop.start_timestamp + 7500))


# -- what is lost -----------------------------------------------------------------------------


def test_the_last_tick_keeps_its_frames_when_the_device_is_closed(emulator: EmulatorProcess) -> None:
    with cl.open() as neurons:
        for tick in neurons.loop(1_000, stop_after_ticks=3, ignore_jitter=True):
            assert tick.iteration < 3
    end = tick.iteration_timestamp
    assert (read_stamps(tick.frames, 8) == np.arange(end - 25, end)).all()


def lose(emulator: EmulatorProcess, neurons: cl.Neurons, fault: str) -> None:
    """Have the device lose something, and wait until that is known and past."""
    losses = neurons._engine.losses
    known = losses.total
    emulator.inject(fault)
    for _ in range(4000):
        # It may be known a moment before what comes after it has been told.
        if losses.total > known and neurons.timestamp() >= losses._recent[-1].stop:
            return
        try:
            neurons.read(25)
        except LaggedError:
            pass
    raise AssertionError(f"{fault} was not noticed")


@pytest.mark.parametrize("count", [1, 300])
def test_a_loop_says_what_the_device_dropped(
    emulator: EmulatorProcess, count: int, caplog: pytest.LogCaptureFixture
) -> None:
    with cl.open() as neurons:
        recording = neurons.record()
        last = 0
        with pytest.raises(LaggedError, match=f"lost {count} frames") as caught:
            for tick in neurons.loop(1000, ignore_jitter=True):
                last = tick.iteration_timestamp
                if tick.iteration == 20:
                    emulator.inject(f"drop={count}")
        assert caught.value.missed == count
        # The next loop begins afresh, and every later frame is there.
        loop = neurons.loop(1000, stop_after_ticks=20, ignore_jitter=True)
        seen = [number for tick in loop for number in numbers(tick.frames)]
        assert seen == list(range(loop.start_timestamp, loop.start_timestamp + 500))
        # Until it was told of, nothing was missing; then so many.
        stop = loop.start_timestamp
        with pytest.raises(LaggedError) as again:
            neurons.read(stop - last, last)
        assert again.value.missed == count
        assert numbers(neurons.read(100, last - 100)) == list(range(last - 100, last))
        recording.stop()
    assert f"lost {count} frames between the frames" in caplog.text
    with recording.open() as view:
        stamps = read_stamps(view.samples[:], 8)
        expected = np.arange(recording.start_timestamp, recording.start_timestamp + len(stamps))
        wrong = stamps != expected
        assert wrong.sum() == count and not view.samples[:][wrong].any()
        assert view.attributes["frames_lost"] == view.attributes.frames_lost == count
    lost_to_others(recording.file["path"], count)


def lost_to_others(path: str, count: int | None) -> None:
    """Check that PyTables and `cl info` tell what was lost, and that the rest of the file is as ever."""
    with tables.open_file(path) as file:
        assert getattr(file.root._v_attrs, "frames_lost", None) == count
        assert file.root.samples.nrows == file.root._v_attrs.duration_frames
        assert file.root._v_attrs.file_format["stim_and_spike_timestamps_relative_to_start"]
    assert info(path)["attributes"].get("frames_lost") == count


def test_what_was_lost_of_a_window_is_counted_once_and_by_kind() -> None:
    losses = Losses()
    losses.add(Loss(0, 25, 3, "frames"))
    followed = losses.follow()
    for k in range(1000):
        losses.add(Loss(100 + 25 * k, 125 + 25 * k, 2, "frames"))
    losses.add(Loss(30_000, 30_010, 70, "spikes"))
    assert lost_within(followed.losses, 0, 40_000) == {"frames": 2003, "spikes": 70}
    assert lost_within(followed.losses, 24, 100) == {"frames": 1}
    assert lost_within(followed.losses, 25, 100) == {}
    followed.wanted = False
    losses.add(Loss(50_000, 50_001, 1, "frames"))
    assert len(followed.losses) == 1002 and losses.total == 2074
    assert losses.follow().losses[-1].start == 50_000


def test_a_recording_tells_what_was_lost_of_it_and_of_nothing_else(emulator: EmulatorProcess) -> None:
    with cl.open() as neurons:
        before = neurons.record()
        neurons.read(100)
        before.stop()
        whole, part = neurons.record(), neurons.record()
        lose(emulator, neurons, "drop=40")
        neurons.read(100)
        part.stop()
        after = neurons.record()
        lose(emulator, neurons, "drop=2")
        back = neurons.record(from_timestamp=whole.start_timestamp)
        neurons.read(100)
    for recording, count in ((before, None), (whole, 42), (part, 40), (after, 2), (back, 42)):
        with recording.open() as view:
            assert view.attributes.get("frames_lost") == count
        lost_to_others(recording.file["path"], count)


def test_an_overrun_is_told_to_everybody_with_the_exact_number() -> None:
    with PatientEmulator("--source", "counter") as emulator, pytest.MonkeyPatch.context() as patch:
        patch.setenv("CL_DEVICE", emulator.address)
        with cl.open() as neurons:
            recording = neurons.record()
            neurons.read(250)
            before = neurons.timestamp()
            with pytest.raises(LaggedError, match="lost .* frames") as caught:
                for tick in neurons.loop(1000, ignore_jitter=True):
                    if tick.iteration == 10:
                        emulator.inject("overrun=777")
            missed = caught.value.missed
            assert missed == neurons._engine.losses.total >= 777
            (loss,) = neurons._engine.losses._recent
            assert loss.size == missed == loss.stop - loss.start
            # That many and no more are gone: what follows can be read, as far as it has not got too old.
            oldest = neurons._engine.oldest
            assert before < loss.stop <= oldest
            # The oldest of it goes while it is read.
            kept = oldest + 80_000
            assert numbers(neurons.read(100, kept)) == list(range(kept, kept + 100))
            now = neurons.timestamp()
            assert numbers(neurons.read(50_000, now - 50_000)) == list(range(now - 50_000, now))
            with pytest.raises(ValueError, match="no longer readable: the oldest is"):
                neurons.read(100, before)
        # The recording has gone on, with zeros for what was overwritten before it was written.
        with recording.open() as view:
            samples = view.samples[:]
            found = np.array(numbers(samples))
            missing = found != np.arange(recording.start_timestamp, recording.start_timestamp + len(found))
            assert not samples[missing].any() and not missing[-50_000:].any()
            assert view.attributes["frames_lost"] == missing.sum() >= missed
        lost_to_others(recording.file["path"], int(missing.sum()))


@pytest.mark.anyio
async def test_streams_and_async_loops_say_it_once_and_go_on(emulator: EmulatorProcess) -> None:
    async with cl.aopen() as neurons:
        caught: dict[str, int] = {}
        ready = anyio.Event()

        async def listen() -> None:
            async with neurons.spikes() as stream:
                after = 0
                while after < 3:
                    try:
                        await anext(stream)
                        after += "spikes" in caught
                    except LaggedError as error:
                        assert "spikes" not in caught
                        caught["spikes"] = error.missed

        async def copy() -> None:
            async with neurons.frames(50) as stream:
                after = 0
                while after < 10:
                    try:
                        await anext(stream)
                        after += "frames" in caught
                    except LaggedError as error:
                        assert "frames" not in caught
                        caught["frames"] = error.missed

        async def tick() -> None:
            with pytest.raises(LaggedError) as error:
                async for t in neurons.aloop(1000, ignore_jitter=True):
                    if t.iteration == 10:
                        ready.set()
            caught["aloop"] = error.value.missed

        with anyio.fail_after(PATIENCE):
            async with anyio.create_task_group() as group:
                for task in (listen, copy, tick):
                    group.start_soon(task)
                await ready.wait()
                emulator.inject("drop=123")
        assert caught == {"spikes": 123, "frames": 123, "aloop": 123}
        start = neurons.timestamp()
        assert numbers(await neurons.aread(100, start)) == list(range(start, start + 100))


def test_losses_before_the_opening_are_nobodys(emulator: EmulatorProcess) -> None:
    with cl.open() as neurons:
        lose(emulator, neurons, "drop=50")
    with cl.open() as neurons:
        start = neurons.timestamp()
        assert numbers(neurons.read(1000)) >= list(range(start, start + 1000))
        assert neurons._engine.losses.total == 0


# -- control ----------------------------------------------------------------------------------


def test_without_control_a_program_reads_and_cannot_stim(emulator: EmulatorProcess) -> None:
    with cl.open(take_control=False) as neurons:
        assert not neurons.has_control() and gc.isenabled()
        assert numbers(neurons.read(100))
        for call in (lambda: neurons.stim(8, 1.0), lambda: neurons.interrupt(8), neurons.create_stim_plan):
            with pytest.raises(ControlRequiredError, match="take_control"):
                call()
        assert report(emulator.address).owner == 0
        neurons.take_control()
        assert report(emulator.address).owner == os.getpid()
        start = neurons.timestamp()
        neurons.stim(8, 1.0, cl.BurstDesign(10_000, 200))
        assert stims_after(neurons, start)
        neurons.release_control()
        assert report(emulator.address).owner == 0
        until_quiet(neurons)
        with pytest.raises(ControlRequiredError):
            neurons.stim(8, 1.0)
        neurons.take_control()
        neurons.take_control()
        neurons.stim(8, 1.0)
    assert report(emulator.address).owner == 0


def test_opening_again_inside_may_take_control_for_a_while(emulator: EmulatorProcess) -> None:
    with cl.open(take_control=False) as neurons:
        with cl.open() as again:
            assert again is neurons and neurons.has_control() and not gc.isenabled()
            neurons.stim(8, 1.0)
        assert not neurons.has_control() and gc.isenabled()
        assert report(emulator.address).owner == 0
        assert numbers(neurons.read(10))


def test_a_device_that_does_not_stimulate_records(
    emulator: EmulatorProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What the two do not agree on the device leaves out, as if it did not have it.
    monkeypatch.setattr("cl.hw.driver.session.WANTED", Capability.SPIKES)
    with cl.open() as neurons:
        assert neurons.has_control()
        with pytest.raises(NotImplementedError, match="not agreed on"):
            neurons.stim(8, 1.0)
        recording = neurons.record(stop_after_seconds=0.1)
        assert sum(1 for _ in neurons.loop(5000, stop_after_ticks=50, ignore_jitter=True)) == 50
        link = neurons._engine.device._link  # type: ignore[attr-defined]
        assert link.stims is None and RegionKind.STIMS not in link._session.regions
        link.set_moderation(5)
        neurons.read(A_TURN)
        assert link.moderation == 25
        recording.wait_until_stopped()
    with recording.open() as view:
        assert len(view.spikes) in (10, 11) and len(view.stims) == 0


def test_control_is_one_programs_and_its_holder_is_named(emulator: EmulatorProcess) -> None:
    holder = hold(emulator.address)
    try:
        with pytest.raises(ControlRequestError, match=f"held by process {holder.pid}"), cl.open():
            pass
        assert gc.isenabled() and not cl._session.opening.is_open()
        with cl.open(take_control=False) as neurons:
            with pytest.raises(ControlRequestError, match=str(holder.pid)):
                neurons.take_control()
            assert not neurons.has_control()
            # Its burst goes on, and is seen by those who only read.
            assert {s.channel for s in stims_after(neurons, neurons.timestamp())} == {9}
            holder.kill()
            holder.wait()
            # A controller that dies gives control back.
            for _ in range(1000):
                try:
                    neurons.take_control()
                    break
                except ControlRequestError:
                    neurons.read(25)
            assert neurons.has_control()
            neurons.stim(8, 1.0)
    finally:
        holder.kill()
        holder.communicate()


def test_control_and_commands_while_other_threads_wait_and_the_socket_is_watched(
    emulator: EmulatorProcess,
) -> None:
    with cl.open(take_control=False) as neurons:
        stopping = threading.Event()
        threads = [threading.Thread(target=spin, args=(neurons, rate, stopping)) for rate in (1000, 500)]
        for thread in threads:
            thread.start()
        for _ in range(30):
            neurons.take_control()
            neurons.stim(8, 1.0)
            neurons.release_control()
        stopping.set()
        for thread in threads:
            thread.join(PATIENCE)
        assert neurons.read(10).shape == (10, 64), "the link lives"


def spin(neurons: cl.Neurons, rate: int, stopping: threading.Event) -> None:
    for _ in neurons.loop(rate, ignore_jitter=True):
        if stopping.is_set():
            return


@pytest.mark.parametrize("way", ["leaving", "stop"])
def test_another_thread_may_give_control_back_while_all_channels_are_interrupted(
    emulator: EmulatorProcess, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    with cl.open() as neurons:
        device = neurons._engine.device
        assert isinstance(device, HardwareDevice)
        submit = device._link.submit

        def given_back(operations: Sequence[Operation], step: int, at_step: int | None = None) -> int:
            device.control.release()
            return submit(operations, step, at_step)

        monkeypatch.setattr(device._link, "submit", given_back)
        if way == "stop":
            neurons.stop()
            assert not neurons.has_started()
    assert report(emulator.address).owner == 0


# -- a device that stands still ---------------------------------------------------------------


def test_a_stopped_device_is_started_by_its_controller(monkeypatch: pytest.MonkeyPatch) -> None:
    with PatientEmulator("--source", "counter", "--stopped") as emulator:
        monkeypatch.setenv("CL_DEVICE", emulator.address)
        with cl.open(take_control=False, wait_until_recordable=False) as neurons:
            assert not neurons.is_readable()
            with pytest.raises(TimeoutError, match=r"no frames for 0\.05 s"):
                neurons.wait_until_readable(timeout_seconds=0.05)
            for none in (0, -1):
                with pytest.raises(TimeoutError, match=f"no frames for {none} s"):
                    neurons.wait_until_readable(timeout_seconds=none)
            assert neurons.timestamp() == 0 == neurons.timestamp()
        with cl.open() as neurons:
            assert neurons.is_readable()
            assert numbers(neurons.read(100, 0)) == list(range(100))


# -- nothing is left --------------------------------------------------------------------------


def mappings() -> list[str]:
    return [line for line in Path("/proc/self/maps").read_text().splitlines() if "memfd:cl-" in line]


def test_ending_does_not_wait_for_a_device_that_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[str] = []

    def control() -> None:
        with cl.open() as neurons:
            recording = neurons.record()
            neurons.read(300)
            neurons._engine.device._link.control(Control.STOP)  # type: ignore[attr-defined]
            recording.stop()
            ended.append("recording")
            neurons.stop()
            ended.append("device")
        ended.append("block")
        with recording.open() as view:
            count = len(view.samples)
            assert view.complete and count >= 300
            assert numbers(view.samples[:])[-300:] == list(
                range(recording.start_timestamp + count - 300, recording.start_timestamp + count)
            )

    def read() -> None:
        with cl.open(take_control=False, wait_until_recordable=False) as neurons:
            neurons.record().stop()
            ended.append("reader's recording")
        ended.append("reader's block")

    with PatientEmulator("--source", "counter") as emulator:
        monkeypatch.setenv("CL_DEVICE", emulator.address)
        for program in (control, read):
            thread = threading.Thread(target=program)
            thread.start()
            thread.join(PATIENCE)
    thread.join()
    assert ended == ["recording", "device", "block", "reader's recording", "reader's block"]


def test_opening_and_closing_leaves_no_memory_descriptor_or_thread(emulator: EmulatorProcess) -> None:
    def use() -> None:
        with cl.open() as neurons:
            neurons.read(10)
            for _ in neurons.loop(1000, stop_after_ticks=3, ignore_jitter=True):
                neurons.stim(8, 1.0)

    use()
    gc.collect()  # What earlier tests have left of theirs.
    before, files = threads(), open_files()
    assert mappings() == []
    for _ in range(10):
        use()
    assert threads() <= before
    assert open_files() <= files
    assert mappings() == []


def test_closing_wakes_those_who_wait_and_they_harm_nobody(emulator: EmulatorProcess) -> None:
    for _ in range(5):
        ended: list[type[BaseException]] = []

        def run(neurons: cl.Neurons, rate: int, ended: list[type[BaseException]] = ended) -> None:
            try:
                for tick in neurons.loop(rate, ignore_jitter=True):
                    tick.frames  # noqa: B018
            except BaseException as error:
                ended.append(type(error))

        with cl.open() as neurons:
            threads = [threading.Thread(target=run, args=(neurons, rate)) for rate in (1000, 5000, 1)]
            for thread in threads:
                thread.start()
            neurons.read(500)
        for thread in threads:
            thread.join(PATIENCE)
        assert ended == [cl.DeviceDisconnectedError] * 3
