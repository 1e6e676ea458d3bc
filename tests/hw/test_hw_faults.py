"""Every fault the emulator can be asked for, and what the driver makes of it."""

from __future__ import annotations

import logging
import re
import select
import threading
from collections.abc import Iterator
from contextlib import closing
from itertools import count

import numpy as np
import pytest
from hw_tools import A_TURN, PATIENCE, Collector, PatientEmulator, device, linked
from leak_tools import open_files

from cl._stim.operations import stim_operations
from cl.error import (
    ChannelQueueFull,
    DeviceDisconnectedError,
    LaggedError,
    RunTimestampOrderError,
    SyncLimitExceeded,
    TransactionRejected,
)
from cl.hw.driver.link import Link
from cl.hw.driver.reader import POLL_MS
from cl.hw.driver.report import report
from cl.hw.driver.session import TIMEOUT, Session
from cl.hw.driver.watchdog import MISSED_SIGNS
from cl.hw.emulator import EmulatorProcess
from cl.hw.emulator.__main__ import _parser
from cl.hw.emulator.fault_injector import FaultInjector
from cl.hw.emulator.faults import KINDS, Fault, parse_fault, parse_faults
from cl.hw.emulator.sources import read_stamps
from cl.hw.wire.eventfd import drain_eventfd
from cl.hw.wire.layout import FRAME_CAPACITY, USUAL_LIVENESS_MS, Control, Register, Result, Status

FAR = 1 << 60


def numbers_are_right(link: Link, start: int, stop: int) -> None:
    assert (read_stamps(link.frames(start, stop), 8) == np.arange(start, stop)).all()


@pytest.fixture(scope="module")
def steady() -> Iterator[EmulatorProcess]:
    """A device for faults that pass."""
    with PatientEmulator("--source", "counter") as emulator:
        yield emulator


@pytest.mark.parametrize("faults", [["lost=40"], ["late=3:20"], ["coalesce=7"], ["lost=5", "late=2:5"]])
def test_interrupts_that_are_late_lost_or_merged_lose_no_frame(
    steady: EmulatorProcess, faults: list[str]
) -> None:
    with linked(steady.address) as (link, sink):
        start = link.posted
        for fault in faults:
            steady.inject(fault)
        stop = link.waiter.wait(start + 2500, PATIENCE)
        sink.until(lambda s: bool(s.posted) and s.posted[-1] >= stop)
        assert not sink.lost and not sink.errors
        numbers_are_right(link, start, stop)
        assert link.stims is not None
        step = link.submit(stim_operations(9, 1.0), 0)
        assert link.waiter.wait(step // 2 + 50, PATIENCE) > step // 2
        assert link.stims.take(step // 2 + 50).timestamps == [step // 2 + 2]
        steady.inject("coalesce=1")


def test_without_any_interrupt_the_driver_still_follows(steady: EmulatorProcess) -> None:
    with linked(steady.address, take_control=False) as (link, sink):
        steady.inject("coalesce=1000000000")
        stop = link.waiter.wait(link.posted + 1000, PATIENCE)
        sink.until(lambda s: bool(s.posted) and s.posted[-1] >= stop)
        assert not sink.errors
        steady.inject("coalesce=1")


def test_interrupts_that_are_late_do_not_come_before_and_hold_nobody_up(steady: EmulatorProcess) -> None:
    with (
        linked(steady.address, take_control=False) as (link, _),
        closing(Session(steady.address, data_vectors=1)) as session,
    ):
        (fd,) = session.data_fds
        poller = select.poll()
        poller.register(fd, select.POLLIN)
        steady.inject("late=3600000:1000000")
        link.waiter.wait(link.posted + A_TURN, PATIENCE)
        drain_eventfd(fd)
        # The driver looks without an interrupt, too: it need not wait for them.
        target = link.posted + 500
        assert link.waiter.wait(target, PATIENCE) >= target
        assert poller.poll(0) == []
        steady.inject("late=0:0")
        assert poller.poll(PATIENCE * 1000), "they come again"


def test_an_overrun_is_counted_exactly_and_what_is_left_is_right() -> None:
    with device() as (emulator, link, sink):
        sink.until(lambda s: bool(s.posted))
        emulator.inject("overrun=777")
        sink.until(lambda s: bool(s.lost) and s.posted[-1] > FRAME_CAPACITY)
        jump = next(i for i, step in enumerate(np.diff(sink.posted)) if step > FRAME_CAPACITY)
        before, after = sink.posted[jump], sink.posted[jump + 1]
        (lost,) = sink.lost
        assert lost >= 777
        # What the driver calls lost is gone, and of the rest, what is still there holds the right frames.
        with pytest.raises(LaggedError) as caught:
            link.frames(before, before + lost)
        assert caught.value.missed == lost
        start = link.oldest + 100_000  # What is older may go while it is read.
        assert before + lost <= start < after
        numbers_are_right(link, start, link.posted)
        assert link.error is None


def test_frames_the_device_drops_are_counted_exactly() -> None:
    with device() as (emulator, link, sink):
        sink.until(lambda s: bool(s.posted))
        for count in (300, 4000):
            emulator.inject(f"drop={count}")
            sink.until(lambda s, count=count: bool(s.lost) and s.lost[-1] == count)
        stop = link.waiter.wait(link.posted + 50, PATIENCE)
        sink.until(lambda s: s.posted[-1] >= stop)
        assert sink.lost == [300, 4000] and link.frames_dropped == 4300
        stamps = read_stamps(link.frames(0, stop), 8)
        expected = np.arange(stop)
        blank = stamps != expected
        assert blank.sum() == 4300 and (stamps[blank] == 0).all()
        assert link.error is None and report(emulator.address).frames_dropped == 4300


@pytest.mark.parametrize("value", [3, (1 << 64) - 1])
def test_a_frame_counter_that_makes_no_sense_ends_the_device(value: int) -> None:
    with device() as (emulator, _, sink):
        sink.until(lambda s: len(s.posted) > 3)
        emulator.inject(f"counter={value}")
        sink.until(lambda s: bool(s.errors))
        (error,) = sink.errors
        assert isinstance(error, DeviceDisconnectedError)
        assert f"frame counter went from {sink.posted[-1]} to {value}" in str(error)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("CHANNEL_QUEUE_FULL", ChannelQueueFull),
        ("SYNC_LIMIT", SyncLimitExceeded),
        ("RUN_TIMESTAMP_ORDER", RunTimestampOrderError),
        ("REJECTED", TransactionRejected),
        ("INVALID", ValueError),
    ],
)
def test_refused_commands_raise_and_queue_nothing(
    steady: EmulatorProcess, code: str, kind: type[Exception]
) -> None:
    with linked(steady.address) as (link, sink):
        steady.inject(f"refuse={code}:2")
        for _ in range(2):
            with pytest.raises(kind, match=f"refused on request: {code}") as caught:
                link.submit(stim_operations(9, 1.0), 0)
            assert type(caught.value) is kind
        step = link.submit(stim_operations(9, 1.0), 0)
        stop = link.waiter.wait(step // 2 + 1000, PATIENCE)
        assert link.stims is not None and len(link.stims.take(stop).timestamps) == 1
        assert not sink.errors


def test_an_answer_whose_interrupt_is_lost_is_found_all_the_same(steady: EmulatorProcess) -> None:
    with linked(steady.address) as (link, _):
        steady.inject("mute=3")
        steps = [link.submit(stim_operations(9, 1.0), 0) for _ in range(4)]
        assert steps == sorted(steps)


def test_a_program_that_stood_still_does_not_blame_the_device(
    steady: EmulatorProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    with linked(steady.address) as (link, _):
        times = count(0, 100_000_000_000)  # each look finds that it has
        monkeypatch.setattr("cl.hw.driver.commander.host_ns", lambda: next(times))
        assert link.submit(stim_operations(9, 1.0), 0) > 0
        link.control(Control.START)
        assert link.error is None


def test_a_device_that_does_not_answer_a_command_is_given_up(steady: EmulatorProcess) -> None:
    link = Link(steady.address, True, TIMEOUT)
    sink = Collector()
    link.start(sink)
    steady.inject("ignore=1")
    with pytest.raises(DeviceDisconnectedError, match=r"did not answer command 1 within 1 s"):
        link.submit(stim_operations(9, 1.0), 0)
    sink.until(lambda s: bool(s.errors))
    with pytest.raises(DeviceDisconnectedError, match="did not answer"):
        link.control(Control.STOP)
    link.close()
    with linked(steady.address) as (again, _):
        assert again.submit(stim_operations(9, 1.0), 0) > 0


ENDS = {
    "freeze": "no sign of life",
    "fail": "the device failed: failed on request",
    "hangup": "closed the connection",
}
"""Further ones, and what programs see of them, are in test_hw_disconnect.py."""


@pytest.mark.parametrize(("fault", "text"), ENDS.items())
def test_a_device_that_is_gone_is_noticed_by_everybody(fault: str, text: str) -> None:
    liveness = ("--liveness-ms", "600") if fault == "freeze" else ()
    with device(*liveness) as (emulator, link, sink):
        sink.until(lambda s: len(s.posted) > 3)
        waits: list[BaseException] = []
        threads = [threading.Thread(target=catch, args=(waits, lambda: link.waiter.wait(FAR))) for _ in "ab"]
        for thread in threads:
            thread.start()
        emulator.inject(fault)
        sink.until(lambda s: bool(s.errors))
        for thread in threads:
            thread.join(PATIENCE)
        assert [type(error) for error in (*sink.errors, *waits)] == [DeviceDisconnectedError] * 3
        assert all(text in str(error) for error in (*sink.errors, *waits, link.error))
        if fault == "freeze":
            check_silence(link.error, link.facts.liveness_ms)
        for use in (lambda: link.submit(stim_operations(9, 1.0), 0), lambda: link.waiter.wait(FAR)):
            with pytest.raises(DeviceDisconnectedError, match=text):
                use()
        # What was posted stays readable, for recordings to end with.
        posted = link.posted
        numbers_are_right(link, max(0, posted - 50), posted)


def check_silence(error: Exception | None, liveness_ms: int) -> None:
    """Check that a device was given up after the silence that it may keep, and not later."""
    found = re.search(r"no sign of life for (\d+) ms", str(error))
    assert found is not None
    # What the driver has seen of it is counted, whatever the host did: at most 25 ms from look to look.
    assert 0 <= int(found[1]) - MISSED_SIGNS * liveness_ms < 25


def catch(into: list[BaseException], call: object) -> None:
    try:
        call()  # type: ignore[operator]
    except BaseException as error:
        into.append(error)


def test_the_limits_add_up_to_less_than_200_ms() -> None:
    assert MISSED_SIGNS * USUAL_LIVENESS_MS + POLL_MS < 200
    assert _parser().parse_args(["--socket", "any"]).liveness_ms == USUAL_LIVENESS_MS


@pytest.mark.parametrize("fault", ["hangup", "garbage=3"])
def test_the_driver_comes_back_on_the_next_open(steady: EmulatorProcess, fault: str) -> None:
    with linked(steady.address) as (_, sink):
        steady.inject(fault)
        sink.until(lambda s: bool(s.errors))
    with linked(steady.address) as (link, watching):
        link.waiter.wait(link.posted + 50, PATIENCE)
        assert link.submit(stim_operations(9, 1.0), 0) > 0
        assert not watching.errors


def test_a_reset_brings_a_failed_device_back() -> None:
    with PatientEmulator("--source", "counter", "--faults", "fail@100") as emulator:
        with linked(emulator.address) as (_, sink):
            sink.until(lambda s: bool(s.errors))
        said = report(emulator.address)
        assert (said.state, said.error) == ("failed", "failed on request")
        link = Link(emulator.address, take_control=True)
        assert link.status == Status.FAILED
        with pytest.raises(TransactionRejected, match="refused to start"):
            link.control(Control.START)
        with pytest.raises(TransactionRejected, match="has failed"):
            link.submit(stim_operations(9, 1.0), 0)
        link.control(Control.RESET)
        link.control(Control.START)
        link.start(Collector())
        halted = link.posted
        link.waiter.wait(halted + 100, PATIENCE)
        numbers_are_right(link, halted - 50, halted + 100)
        link.close()


def test_a_request_is_not_taken_for_that_of_a_former_controller() -> None:
    with device() as (emulator, first, _):
        first.control(Control.START)  # It runs: nothing to do, and done.
        emulator.inject("fail")
        while first.status != Status.FAILED:
            first.rest(0.001)
        first.close()
        with (
            closing(Link(emulator.address, take_control=True)) as second,
            pytest.raises(TransactionRejected, match="refused to start"),
        ):
            second.control(Control.START)


def test_a_command_carries_out_no_request_of_before(steady: EmulatorProcess) -> None:
    with linked(steady.address) as (link, _):
        link.control(Control.STOP)
        link.control(Control.START)
        words = link._registers
        done = words[Register.CONTROL_DONE]
        # Control by turns: each time the first command rings the doorbell.
        with linked(steady.address, take_control=False) as (other, _):
            for turn in (link, other, link, other):
                holder = other if turn is link else link
                holder.release()
                turn.acquire()
                turn.submit(stim_operations(9, 1.0), 0)
                assert words[Register.CONTROL_DONE] == done
        assert words[Register.CONTROL_RESULT] == Result.OK


def test_spikes_that_cannot_be_end_in_an_error_where_they_are_taken(steady: EmulatorProcess) -> None:
    with linked(steady.address, take_control=False) as (link, _):
        steady.inject("badspike=64")
        assert link.spikes is not None
        with pytest.raises(DeviceDisconnectedError, match="on channel 64, and it has 64"):
            for _ in range(100):
                link.spikes.take(link.waiter.wait(link.posted + 25, PATIENCE))


def test_a_device_that_babbles_cannot_be_opened_and_holds_nobody_up() -> None:
    with device() as (emulator, link, sink):
        emulator.inject("babble")
        link.waiter.wait(link.posted + A_TURN, PATIENCE)
        before = open_files()
        for _ in range(20):
            with pytest.raises(DeviceDisconnectedError, match="protocol"):
                Link(emulator.address, take_control=False)
        assert open_files() <= before
        assert not sink.errors


def test_a_source_that_fails_fails_the_device_with_its_own_traceback() -> None:
    with PatientEmulator("--source", "hw_sources:Failing") as emulator:
        with linked(emulator.address, take_control=False) as (_, sink):
            sink.until(lambda s: bool(s.errors))
        assert "ZeroDivisionError" in str(sink.errors[0])
        assert "hw_sources.py" in str(sink.errors[0])


@pytest.mark.parametrize("status", [3, 1 << 63])
def test_a_status_that_there_is_not_ends_the_link(status: int) -> None:
    with device() as (emulator, link, sink):
        emulator.inject(f"status={status}")
        with pytest.raises(DeviceDisconnectedError, match=f"keep to the protocol: its status is {status}"):
            link.waiter.wait(FAR)
        sink.until(lambda s: bool(s.errors))


def test_a_device_that_stops_is_told_of_once_each_time() -> None:
    class Told(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            assert "has stopped: its time stands still" in record.getMessage()
            told.release()
            raise KeyError("a handler's own")

    told, handler = threading.Semaphore(0), Told()
    with device() as (_, link, sink):
        logging.getLogger("cl").addHandler(handler)
        try:
            for _ in range(2):
                link.control(Control.STOP)
                assert told.acquire(timeout=PATIENCE)
                assert not told.acquire(timeout=0.03)
                link.control(Control.START)
                assert link._reader is not None
                while link._reader._standstill._said:  # It looks when this process runs, and may miss a turn.
                    link.waiter.wait(link.posted + A_TURN, PATIENCE)
            link.control(Control.RESET)
            link.control(Control.START)
            link.waiter.wait(link.posted + A_TURN, PATIENCE)
        finally:
            logging.getLogger("cl").removeHandler(handler)
        assert not sink.errors and link.error is None
        assert not told.acquire(blocking=False), "a reset is nothing to be told of"


def test_an_exception_in_the_sink_ends_the_link_with_it(steady: EmulatorProcess) -> None:
    class Broken(Collector):
        def on_data(self, posted: int) -> None:
            raise KeyError("mine")

    link = Link(steady.address, take_control=False)
    sink = Broken()
    link.start(sink)
    sink.until(lambda s: bool(s.errors))
    assert isinstance(sink.errors[0], KeyError)
    with pytest.raises(DeviceDisconnectedError, match="mine"):
        link.waiter.wait(FAR)
    link.close()


def test_a_fault_on_the_input_that_is_none_changes_nothing(steady: EmulatorProcess) -> None:
    with linked(steady.address, take_control=False) as (_, sink):
        for text in ("bananas", "lost=", "refuse=NONSENSE"):
            steady.inject(text)
        seen = len(sink.posted)
        sink.until(lambda s: len(s.posted) > seen + 50)
        assert not sink.errors


def test_the_emulator_ends_when_its_input_closes() -> None:
    with device() as (emulator, _, sink):
        assert emulator._process is not None and emulator._process.stdin is not None
        emulator._process.stdin.close()
        assert emulator.wait(PATIENCE) == 0
        sink.until(lambda s: bool(s.errors))
        emulator._process.stdin = None


def test_faults_are_written_as_kind_value_count_and_frame() -> None:
    assert parse_fault("late=3:20@500") == Fault("late", "3", 20, 500)
    assert parse_fault(" freeze ") == Fault("freeze", "", 1, 0)
    assert parse_fault("counter=0x10").number() == 16
    assert [f.at for f in parse_faults("lost=1@9,freeze@3, exit@5,")] == [3, 5, 9]
    assert parse_faults("") == []


@pytest.mark.parametrize(
    "text", ["", "freez", "lost", "lost=", "lost=x", "late=1:x", "freeze@x", "drop=1.5", "refuse=OH"]
)
def test_what_is_no_fault_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="fault"):
        parse_fault(text)


def test_every_fault_has_a_beginning_and_a_description() -> None:
    for kind, text in KINDS.items():
        assert hasattr(FaultInjector, f"_begin_{kind}")
        assert text.startswith(kind)
