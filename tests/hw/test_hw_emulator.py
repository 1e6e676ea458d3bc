"""The driver and the emulated device together: data, commands, and who has control."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hw_tools import PATIENCE, PatientEmulator, hold, linked
from leak_tools import open_files, threads

from cl._stim.channels import ChannelSet
from cl._stim.designs import BurstDesign
from cl._stim.operations import interrupt_operations, stim_operations, sync_operations
from cl.error import (
    ChannelQueueFull,
    ControlRequestError,
    ControlRequiredError,
    DeferredInterruptLimitExceeded,
    DeviceDisconnectedError,
    LaggedError,
    RunTimestampOrderError,
    SyncLimitExceeded,
    TransactionRejected,
)
from cl.hw.driver.link import Link
from cl.hw.driver.report import report
from cl.hw.emulator import EmulatorProcess
from cl.hw.emulator.device import Emulator, Setup
from cl.hw.emulator.sources import CounterSource, read_stamps
from cl.hw.wire.layout import FRAME_CAPACITY, Control, Status
from cl.sim.dish import Dish

HEAD = (1 << 64) - 1


@pytest.fixture(scope="module")
def emulator() -> Iterator[EmulatorProcess]:
    """One counting device for all tests that leave it as it was."""
    with PatientEmulator("--source", "counter", "--sync-limit", "5", "--deferred-interrupt-limit", "3") as it:
        yield it


def test_no_frame_is_lost_duplicated_or_reordered(emulator: EmulatorProcess) -> None:
    with linked(emulator.address, take_control=False) as (link, sink):
        sink.until(lambda s: len(s.posted) >= 300)
        posted = sink.posted[:]  # It goes on.
        assert posted == sorted(set(posted))
        assert not sink.lost and not sink.errors
        start, stop = posted[0], posted[-1]
        frames = link.frames(start, stop)
        assert frames.dtype == np.int16 and frames.shape == (stop - start, 64)
        assert (read_stamps(frames, 8) == np.arange(start, stop)).all()


def test_every_spike_before_the_frame_counter_is_there(emulator: EmulatorProcess) -> None:
    with linked(emulator.address, take_control=False) as (link, sink):
        assert link.spikes is not None
        first = link._reader.posted if link._reader else 0
        sink.until(lambda s: bool(s.posted))
        start = sink.posted[0]
        seen = list(zip(*link.spikes.take(start)[:2], strict=True))
        for _ in range(100):
            posted = link.waiter.wait(link.posted + 1)
            events = link.spikes.take(posted)
            assert events.lost == 0
            seen += zip(events.timestamps, events.channels, strict=True)
            last = posted
        expected = [(t, 8 + t // 250 % 48) for t in range(0, last, 250)]
        assert seen == [spike for spike in expected if spike[0] >= seen[0][0]]
        assert seen[0][0] <= first + 250 + 25


def test_blocks_have_the_length_of_the_moderation(emulator: EmulatorProcess) -> None:
    with linked(emulator.address) as (link, sink):
        assert link.moderation == 25
        sink.until(lambda s: len(s.posted) >= 20)
        assert all(posted % 25 == 0 for posted in sink.posted)
        link.set_moderation(100)
        sink.until(lambda s: link.moderation == 100)
        turned = len(sink.posted)
        sink.until(lambda s: len(s.posted) >= turned + 5)
        steps = np.diff(sink.posted[turned + 1 :])
        assert (steps % 100 == 0).all()
        link.set_moderation(1 << 40)
        sink.until(lambda s: link.moderation == 2500)
        link.set_moderation(0)
        sink.until(lambda s: link.moderation == 25)
        with pytest.raises(ValueError, match="cannot be negative"):
            link.set_moderation(-1)
        link.set_moderation(100)
        sink.until(lambda s: link.moderation == 100)
        link.release()
        # It was the controller's wish, and there is no controller now.
        sink.until(lambda s: link.moderation == 25)


def test_a_device_that_was_held_up_posts_whole_blocks_all_the_same(tmp_path: Path) -> None:
    setup = Setup(str(tmp_path / "device.sock"), moderation=100)
    emulator = Emulator(setup, CounterSource(), Dish())
    try:
        emulator.clock.jump(1030)
        emulator._advance()
        assert emulator.memory.posted == 200, "as many as there are in one turn"
    finally:
        emulator.close()


def test_waiting_returns_when_the_frame_is_there(emulator: EmulatorProcess) -> None:
    with linked(emulator.address, take_control=False) as (link, _):
        target = link.posted + 500
        assert link.waiter.wait(target) >= target
        assert link.waiter.wait(target) >= target
        assert link.waiter.wait(HEAD >> 2, timeout=0.01) < HEAD >> 2
        assert link.waiter.wait(HEAD >> 2, timeout=0) < HEAD >> 2


def test_several_threads_can_wait_at_once(emulator: EmulatorProcess) -> None:
    with linked(emulator.address, take_control=False) as (link, _):
        target = link.posted + 1000
        results: list[int] = []
        threads = [
            threading.Thread(target=lambda n=n: results.append(link.waiter.wait(target + n) - target - n))
            for n in (0, 500, 100)
        ]
        for thread in threads:
            thread.start()
        assert link.waiter.wait(target + 300, PATIENCE) >= target + 300
        for thread in threads:
            thread.join(PATIENCE)
        assert len(results) == 3 and min(results) >= 0


def test_frames_of_the_time_before_the_link_can_be_read(emulator: EmulatorProcess) -> None:
    with linked(emulator.address, take_control=False) as (link, _):
        link.waiter.wait(3000, PATIENCE)
        start = link.posted - 2500
        assert (read_stamps(link.frames(start, start + 2000), 8) == np.arange(start, start + 2000)).all()


def test_a_pulse_is_delivered_at_the_step_the_device_says(emulator: EmulatorProcess) -> None:
    with linked(emulator.address) as (link, _):
        assert link.stims is not None
        asked = 2 * link.posted
        step = link.submit(stim_operations(9, 1.0, BurstDesign(3, 200)), asked)
        assert step >= asked
        link.waiter.wait(step // 2 + 400, PATIENCE)
        first = (step + 4) // 2
        assert link.stims.take(first + 300)[:2] == ([(step + 4 + n * 250) // 2 for n in range(3)], [9] * 3)


def test_a_command_can_be_for_a_step_to_come(emulator: EmulatorProcess) -> None:
    with linked(emulator.address) as (link, _):
        assert link.stims is not None
        link.control(Control.STOP)  # So that its time does not come meanwhile.
        ahead = 2 * link.posted + 10_000
        assert link.submit(stim_operations(9, 1.0), ahead) == ahead
        assert link.submit(stim_operations(10, 1.0), 0) == ahead, "commands are taken in order"
        with pytest.raises(ValueError, match="more than a second ahead"):
            link.submit(stim_operations(9, 1.0), 2 * link.posted + 100_000)
        link.control(Control.START)
        link.waiter.wait(ahead // 2 + 10, PATIENCE)
        assert link.stims.take(ahead // 2 + 10)[:2] == ([ahead // 2 + 2] * 2, [9, 10])


def test_a_plan_waits_for_its_time(emulator: EmulatorProcess) -> None:
    with linked(emulator.address) as (link, _):
        assert link.stims is not None
        link.control(Control.STOP)
        at = 2 * link.posted + 5_000
        both = ChannelSet(20, 30)
        assert link.submit(stim_operations(both, 1.0) + sync_operations(both), 0, at) < at
        link.control(Control.START)
        link.waiter.wait(at // 2 + 10, PATIENCE)
        assert link.stims.take(at // 2 + 10)[:2] == ([at // 2 + 2] * 2, [20, 30])
        link.submit(interrupt_operations(both), 0)


def test_the_devices_refusals_are_the_same_exceptions_with_the_same_words(emulator: EmulatorProcess) -> None:
    with linked(emulator.address) as (link, _):
        later = 2 * link.posted + 3_000_000
        with pytest.raises(SyncLimitExceeded, match="beyond the limit of 5"):
            link.submit(sync_operations(ChannelSet(1, 2)) * 6, 0, later)
        with pytest.raises(DeferredInterruptLimitExceeded, match="3"):
            link.submit(interrupt_operations(1) * 4, 0, later)
        link.submit(stim_operations(9, 1.0) * 40_000, 0)
        with pytest.raises(ChannelQueueFull, match="65536"):
            link.submit(stim_operations(9, 1.0) * 40_000, 0)
        link.submit(stim_operations(9, 1.0), 0, later)
        with pytest.raises(RunTimestampOrderError, match=str(later // 2)):
            link.submit(stim_operations(9, 1.0), 0, later - 2)
        with pytest.raises(TransactionRejected, match="at most 65535"):
            link.submit(stim_operations(9, 1.0) * 65_536, 0)
        assert link.error is None
        link.submit(interrupt_operations(9), 0)


def test_commands_go_around_the_ring(emulator: EmulatorProcess) -> None:
    with linked(emulator.address) as (link, _):
        operations = interrupt_operations(9) * 2000
        steps = [link.submit(operations, 0) for _ in range(20)]
        assert steps == sorted(steps)


def test_many_threads_may_command_at_once(emulator: EmulatorProcess) -> None:
    with linked(emulator.address) as (link, _):
        steps: list[int] = []
        threads = [
            threading.Thread(
                target=lambda: steps.extend(link.submit(interrupt_operations(9), 0) for _ in range(25))
            )
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        assert len(steps) == 100


def test_one_controls_and_many_read(emulator: EmulatorProcess) -> None:
    with (
        linked(emulator.address) as (controller, _),
        linked(emulator.address, take_control=False) as (first, first_sink),
        linked(emulator.address, take_control=False) as (second, second_sink),
    ):
        assert controller.owner == first.owner == os.getpid()
        assert controller.controls and not first.controls
        with pytest.raises(ControlRequestError, match=f"held by process {os.getpid()}"):
            Link(emulator.address, take_control=True)
        for refused in (
            lambda: first.submit(stim_operations(1, 1.0), 0),
            lambda: first.control(Control.STOP),
            lambda: first.set_moderation(5),
        ):
            with pytest.raises(ControlRequiredError, match="take_control=True"):
                refused()
        step = controller.submit(stim_operations(12, 1.0), 0)
        for link, sink in ((first, first_sink), (second, second_sink)):
            sink.until(lambda s: bool(s.posted) and s.posted[-1] > step // 2 + 10)
            assert link.stims is not None
            assert link.stims.take(step // 2 + 10)[:2] == ([(step + 4) // 2], [12])
    with linked(emulator.address) as (again, _):
        assert again.owner == os.getpid()


def test_a_controller_that_dies_releases_control_and_its_stims_stop(emulator: EmulatorProcess) -> None:
    with linked(emulator.address, take_control=False) as (reader, sink):
        child = hold(emulator.address)
        assert reader.owner == child.pid
        with pytest.raises(ControlRequestError, match=f"held by process {child.pid}"):
            Link(emulator.address, take_control=True)
        os.kill(child.pid, signal.SIGKILL)
        child.communicate()
        sink.until(lambda _: reader.owner == 0)
        with linked(emulator.address) as (link, _):
            assert link.owner == os.getpid()
            # The device interrupted its channel before it gave control away: before this step.
            taken = link.submit(stim_operations(10, 1.0), 0) // 2
            quiet = reader.waiter.wait(taken + 1000, PATIENCE)
        assert reader.stims is not None
        timestamps, channels, _ = reader.stims.take(quiet)
        found = list(zip(timestamps, channels, strict=True))
        assert 9 in channels, "it went on until then"
        assert [event for event in found if event[0] > taken + 2] == []


def test_stop_start_and_reset_keep_the_timeline(emulator: EmulatorProcess) -> None:
    with linked(emulator.address) as (link, sink):
        assert link.stims is not None
        link.control(Control.STOP)
        assert link.status == Status.STOPPED
        halted = link.posted
        assert link.waiter.wait(halted + 1, timeout=0.25) == halted
        assert link.error is None, "a device that is stopped is not gone"
        link.control(Control.START)
        assert link.waiter.wait(halted + 50, PATIENCE) >= halted + 50
        stamps = read_stamps(link.frames(halted - 50, halted + 50), 8)
        assert (stamps == np.arange(halted - 50, halted + 50)).all()
        link.submit(stim_operations(9, 1.0, BurstDesign(1000, 100)), 0)
        link.control(Control.RESET)
        assert link.status == Status.STOPPED
        link.stims.take(link.posted)
        link.control(Control.START)
        resumed = link.waiter.wait(link.posted + 1000, PATIENCE)
        # The one whose notice had begun.
        assert len(link.stims.take(resumed).timestamps) <= 1
        assert not sink.lost and not sink.errors


def test_a_stopped_device_is_started_by_its_controller() -> None:
    with PatientEmulator("--source", "counter", "--stopped", "--stamp", "20") as emulator:
        with linked(emulator.address, take_control=False) as (reader, _):
            assert reader.status == Status.STOPPED and reader.posted == 0
            with linked(emulator.address) as (link, _):
                assert link.status == Status.RUNNING
                link.waiter.wait(100, PATIENCE)
                assert (read_stamps(reader.frames(0, 100), 20) == np.arange(100)).all()
        assert report(emulator.address).state == "running", "it goes on for its readers"


def test_the_report_says_what_a_program_would_open(emulator: EmulatorProcess) -> None:
    with linked(emulator.address):
        said = report(emulator.address)
    assert (said.state, said.owner, said.moderation, said.error) == ("running", os.getpid(), 25, "")
    assert said.facts.version == (1, 3) and said.facts.frames_per_second == 25_000
    assert said.facts.attributes["plugin"] == "emulator"
    assert said.posted > 0 and said.frames_dropped == 0
    assert report(emulator.address).owner == 0


def test_closing_leaves_nothing_and_can_be_repeated(emulator: EmulatorProcess) -> None:
    before, files = threads(), open_files()
    for take_control in (True, False, True):
        link = Link(emulator.address, take_control)
        link.close()
        with linked(emulator.address, take_control) as (link, _):
            posted = link.posted
            frames = link.frames(posted - 10, posted)
        link.close()
        assert len(frames) == 10
        with pytest.raises(DeviceDisconnectedError, match="closed"):
            link._link_state.check()
    assert threads() <= before
    assert open_files() <= files


def test_the_history_is_more_than_five_seconds_long() -> None:
    with PatientEmulator("--source", "counter") as emulator, linked(emulator.address, False) as (link, _):
        # So that nobody has to wait for a ring to fill: the device leaps by a whole one.
        emulator.inject("overrun=0")
        posted = link.waiter.wait(FRAME_CAPACITY, PATIENCE)
        frames = link.frames(posted - 200_000, posted)
        assert (read_stamps(frames, 8) == np.arange(posted - 200_000, posted)).all()
        with pytest.raises(LaggedError, match="were overwritten") as caught:
            link.frames(0, posted)
        assert caught.value.missed >= posted - FRAME_CAPACITY


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--source", "nonsense"], "takes random, counter, culture"),
        (["--source", "nowhere:nothing"], "nowhere"),
        (["--source", "replay:/none.h5"], "none.h5"),
        (["--moderation-us", "10"], "moderation is 10 µs"),
        (["--source", "culture", "--source-config", "{"], "is '{', it takes JSON: Expecting"),
        (["--stamp", "61"], "takes 0 to 60"),
        (["--liveness-ms", "0"], "liveness is 0 ms"),
        (["--faults", "bananas"], "unknown fault 'bananas'"),
        (["--faults", "lost=many"], "lost=COUNT"),
        (["--channel-queue-limit", "0"], "must be at least 1"),
    ],
)
def test_a_bad_command_line_is_explained(arguments: list[str], text: str) -> None:
    with pytest.raises(RuntimeError, match=text), PatientEmulator(*arguments):
        pass


def test_a_socket_that_is_in_use_is_left_alone_and_an_abandoned_one_taken(
    emulator: EmulatorProcess, tmp_path: Path
) -> None:
    def run(path: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "cl.hw.emulator", "--socket", path, "--source", "counter"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )

    used = emulator.address.removeprefix("unix:")
    (precious := tmp_path / "notes.txt").write_text("mine")
    for bad, why in (
        (used, "in use"),
        (str(precious), "in use"),
        (f"{tmp_path}/none/x", "No such file"),
        (f"/tmp/{'x' * 120}", "at most 107"),
    ):
        second = run(bad)
        try:
            _, words = second.communicate(timeout=PATIENCE)
        finally:
            second.kill()
        assert second.returncode == 2 and f"cannot listen on {bad}: " in words and why in words
    assert precious.read_text() == "mine"
    path = tmp_path / "device.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as abandoned:
        abandoned.bind(str(path))
    child = run(str(path))
    assert child.stdout is not None and child.stdout.readline() == f"ready unix:{path}\n"
    assert path.stat().st_mode & 0o777 == 0o600
    child.terminate()
    child.communicate()
    assert child.returncode == 0 and not path.exists()
