"""The bridge to a CL1 as it ships: its parts, and all of it against cl-sdk as a black box."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import cl
from cl._stim.operations import (
    InterruptOperation,
    Operation,
    SyncOperation,
    interrupt_then_stim_operations,
    stim_operations,
)
from cl.net import cl1_bridge
from cl.net.wire.commands import pack_command, unpack_command

# -- its history ----------------------------------------------------------------------------------


def event(timestamp: int, channel: int) -> Any:
    return SimpleNamespace(timestamp=timestamp, channel=channel)


@given(st.lists(st.integers(1, 400), min_size=1, max_size=80), st.integers(0, 1000))
def test_what_the_history_has_is_what_came(lengths: list[int], first: int) -> None:
    history = cl1_bridge.History(first, frames=1_000)
    rows = np.arange(sum(lengths) * 64, dtype=np.int64).astype(np.int16).reshape(-1, 64)
    at = first
    for length in lengths:
        part = rows[at - first : at - first + length]
        history.add(
            at + length, part, [event(at + length - 1, 9), event(at, 8)], [event(at, 3), event(at, 1)]
        )
        at += length
    assert (history.position, history.oldest) == (at, max(first, at - 1_000))
    low = max(history.oldest, at - 700)
    assert history.frames(low, at) == rows[low - first :].tobytes()
    starts = np.cumsum([first, *lengths[:-1]]).tolist()
    stops = [start + length for start, length in zip(starts, lengths, strict=True)]
    spikes = sorted([*((start, 8) for start in starts), *((stop - 1, 9) for stop in stops)])
    expected = [(timestamp - low, channel) for timestamp, channel in spikes if low <= timestamp < at]
    assert list(zip(*history.events("spikes", low, at), strict=True)) == expected
    assert history.count("stims", first, at) == 2 * len(lengths)
    assert history.events("stims", starts[-1], at)[1] == [1, 3]


def test_the_history_forgets_events_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cl1_bridge, "COUNTED_FRAMES", 1_000)
    history = cl1_bridge.History(0, frames=500)
    for start in range(0, 10_000, 100):
        history.add(start + 100, np.zeros((100, 64), np.int16), [event(start, 8)], [])
    assert 10 <= history.count("spikes", 0, 10_000) <= 20
    assert history.count("spikes", 9_000, 10_000) == 10


def test_the_clock_is_that_of_the_most_punctual_tick() -> None:
    clock = cl1_bridge.DeviceClock()
    assert clock.at(100) == (0, -1)
    for frame, late_ns in ((25, 90_000), (50, 3_000), (75, 500_000)):
        clock.note(frame, 1_000_000_000 + frame * 40_000 + late_ns)
    assert clock.at(100) == (1_004_003_000, 40_000)
    # An early one counts for so many ticks, and no longer: crystals drift.
    for tick in range(4, cl1_bridge.CLOCK_TICKS + 4):
        clock.note(25 * tick, 1_000_000_000 + 25 * tick * 40_000 + 10_000)
    assert clock.at(0)[0] == 1_000_010_000


# -- commands -------------------------------------------------------------------------------------


class Target:
    """What a command is given to: it notes the calls."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments, **named: self.calls.append((name, *arguments, *named.items()))

    def create_stim_plan(self) -> Target:
        self.calls.append(("plan",))
        return self


def called(operations: tuple[Operation, ...], at: int | None = None) -> list[tuple[Any, ...]]:
    """Return the calls that a command makes, after the wire."""
    records = unpack_command(memoryview(pack_command(1, operations, 0, at))).records
    target = Target()
    cl1_bridge.command(cl, records, at)(target)
    return target.calls


DESIGN = cl.StimDesign(160, -1.5, 320, 0.75)
LONG = cl.StimDesign(3000, -1.0, 3000, 1.0)
SET = cl.ChannelSet(8, 9)


def test_commands_are_those_calls_that_a_program_would_make() -> None:
    assert called(stim_operations(SET, DESIGN)) == [("stim", SET, DESIGN, None, 80)]
    assert called(stim_operations(8, LONG, None, 200)) == [("stim", cl.ChannelSet(8), LONG, None, 200)]
    assert called((SyncOperation((8, 9)),)) == [("sync", SET)]
    assert called((InterruptOperation((8, 9)),)) == [("interrupt", SET)]
    burst = cl.BurstDesign(7, 40)
    [(name, channels, design, found, lead)] = called(stim_operations(SET, DESIGN, burst, 100))
    assert (name, channels, design, lead) == ("stim", SET, DESIGN, 100)
    assert (found.burst_count, found.interval_us) == (7, burst.interval_us)
    both = interrupt_then_stim_operations(SET, DESIGN)
    assert called(both) == [("interrupt_then_stim", SET, DESIGN, None, 80)]
    plan = (*stim_operations(8, DESIGN), SyncOperation((8, 9)), *stim_operations(9, DESIGN))
    alone = [("stim", cl.ChannelSet(channel), DESIGN, None, 80) for channel in (8, 9)]
    assert called(plan) == [("plan",), alone[0], ("sync", SET), alone[1], ("run",)]
    assert called(stim_operations(8, DESIGN), at=777) == [("plan",), alone[0], ("run", ("at_timestamp", 777))]


@given(st.integers(1, 10**6), st.floats(0.01, 200), st.integers(1, 40))
def test_a_burst_has_the_interval_that_it_was_given(count: int, hz: float, lead: int) -> None:
    burst = cl.BurstDesign(count, hz)
    [(*_, found, lead_us)] = called(stim_operations(8, DESIGN, burst, 80 + 20 * lead))
    interval = 5000 if found is None else found.interval_us
    assert (1 if found is None else found.burst_count, interval) == (count, burst.interval_us)
    assert lead_us == 80 + 20 * lead


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        ((1, 0, 1, 250, 0, 160, 160, 0, -1.0, 1.0, 0.0), "operation 0: it has no channels"),
        ((4, 256, 0, 0, 0, 0, 0, 0, 0.0, 0.0, 0.0), "of the unknown kind 4"),
        ((2, 256, 1, 0, 0, 0, 0, 0, 0.0, 0.0, 0.0), "numbers where none belong"),
        ((1, 256, 1, 250, 0, 160, 160, 0, -9.0, 9.0, 0.0), "9.0 µA is beyond the limit"),
        ((1, 256, 1, 250, 0, 0, 160, 0, -1.0, 1.0, 0.0), "phases of"),
        ((1, 256, 2, 0, 0, 160, 160, 0, -1.0, 1.0, 0.0), "a period of 0 steps"),
        ((1, 256, 1 << 61, 250, 0, 160, 160, 0, -1.0, 1.0, 0.0), "is not below"),
    ],
)
def test_operations_that_cannot_be(numbers: tuple[Any, ...], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        cl1_bridge.command(cl, cl1_bridge.OPERATION.pack(*numbers), None)


def test_errors_have_outcomes() -> None:
    outcomes = {
        cl.ChannelQueueFull: 3,
        cl.SyncLimitExceeded: 4,
        cl.RunTimestampOrderError: 5,
        cl.DeferredInterruptLimitExceeded: 6,
        cl.TransactionRejected: 2,
        cl.ControlRequiredError: 7,
        cl.ControlRequestError: 9,
        ValueError: 1,
        KeyError: 2,
    }
    assert {kind: cl1_bridge.outcome_of(kind("x")) for kind in outcomes} == outcomes


# -- the device's thread --------------------------------------------------------------------------


class Vendor:
    """A stand-in for the vendor's package: ticks that a test gives, in its own thread."""

    ChannelSet = cl.ChannelSet

    def __init__(self, ticks: Iterator[Any]) -> None:
        self.ticks = ticks
        self.target = Target()

    def open(self, take_control: bool) -> Any:
        import contextlib

        assert take_control is False
        self.target.loop = lambda rate, ignore_jitter: self.ticks
        return contextlib.nullcontext(self.target)

    def get_system_attributes(self) -> dict[str, Any]:
        return {"system_id": "cl1", "path": Path("/x")}


def tick(start: int, stop: int) -> Any:
    analysis = SimpleNamespace(start_timestamp=start, stop_timestamp=stop, spikes=[], stims=[])
    return SimpleNamespace(analysis=analysis, frames=np.zeros((stop - start, 64), np.int16))


def test_jobs_are_done_in_the_loop_and_refused_at_its_end() -> None:
    answers: queue.SimpleQueue[tuple[Any, ...]] = queue.SimpleQueue()

    def failing(neurons: Any) -> None:
        raise cl.ChannelQueueFull("no room")

    def ticks() -> Iterator[Any]:
        device.ask(cl1_bridge.Job(lambda neurons: neurons.stim(8), lambda *answer: answers.put(answer)))
        device.ask(cl1_bridge.Job(failing, lambda *answer: answers.put(answer)))
        yield tick(100, 125)
        device.stop()
        yield tick(125, 150)

    vendor = Vendor(ticks())
    device = cl1_bridge.Device(vendor, 1000, 10)
    device.run()
    assert [answers.get_nowait() for _ in range(2)] == [(0, 125, ""), (3, 125, "no room")]
    assert vendor.target.calls == [("stim", 8)]
    assert (device.status, device.attributes["path"]) == ("stopped", "/x")
    device.ask(cl1_bridge.Job(failing, lambda *answer: answers.put(answer)))
    device._refuse_jobs()
    assert answers.get_nowait() == (10, 150, "the device has been closed")


def test_a_loop_that_loses_frames_is_a_failure() -> None:
    device = cl1_bridge.Device(Vendor(iter([tick(0, 25), tick(50, 75)])), 1000, 10)
    with pytest.raises(RuntimeError, match="went from frame 25 to 50"):
        device.run()
    assert (device.status, device.ready.is_set()) == ("failed", True)
    assert "went from frame 25 to 50" in device.text


# -- its command line, and who may come in --------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--host", "0.0.0.0"], "--host 0.0.0.0 is beyond this computer"),
        (["--ticks-per-second", "1"], "--ticks-per-second 1: 10 to 5000"),
        (["--lease-seconds", "0"], "--lease-seconds 0: 0.5 to 600"),
    ],
)
def test_options_that_are_refused(
    arguments: list[str], text: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CL_SDK_ACCELERATED_TIME", raising=False)
    with pytest.raises(SystemExit):
        cl1_bridge.parse(arguments)
    assert text in capsys.readouterr().err


def test_accelerated_time_is_not_served(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CL_SDK_ACCELERATED_TIME", "1")
    with pytest.raises(SystemExit):
        cl1_bridge.parse([])
    assert "lives in wall-clock time" in capsys.readouterr().err


def test_tokens(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    path.write_text("# of the lab\nfirst\nold 2020-01-01\nlasting 2999-01-01T00:00:00+00:00\nodd soon\n")
    gate = cl1_bridge.Gate(path)
    good = [f"Bearer {token}" for token in ("first", "lasting")] + ["Basic OmZpcnN0"]
    bad = ["", "Bearer", "Bearer old", "Bearer odd", "Bearer no", "Basic !", "first", "Digest first"]
    assert [header for header in good + bad if gate.lets_in(header)] == good
    path.write_text("second\n")
    assert not gate.lets_in("Bearer first")
    assert gate.lets_in("bearer second")


def test_what_is_refused_before_it_is_a_websocket(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    path.write_text("secret\n")
    connection: Any = SimpleNamespace(respond=lambda status, text: status)
    gate = cl1_bridge.Gate(path)

    def asked(path: str, **headers: str) -> Any:
        return gate.refusal(connection, SimpleNamespace(path=path, headers=headers))

    assert asked("/elsewhere", Authorization="Bearer secret") == 404
    assert asked("/device", Authorization="Bearer secret", Origin="http://evil.example") == 403
    assert asked("/device") == 401
    assert asked("/below/device", Authorization="Bearer secret") is None
