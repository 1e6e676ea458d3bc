"""The bridge over cl-sdk as a black box, and what its clients get beside what cl-sdk itself recorded."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random

import numpy as np
import psutil
import pytest
from raw_client import PATIENCE_S, RawClient
from vendor import finish, start_vendor
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

import cl
from cl._stim.operations import (
    interrupt_operations,
    interrupt_then_stim_operations,
    stim_operations,
    sync_operations,
)
from cl.net import cl1_bridge, link
from cl.net.wire.commands import ControlRequest, pack_command, pack_control
from cl.net.wire.envelope import ENVELOPE, Outgoing
from cl.net.wire.layout import Action, Kind, Outcome, Wanted
from cl.net.wire.small import Subscription, pack_credit, pack_ping, pack_subscription, unpack_pong

ALL = Wanted.FRAMES | Wanted.EVENTS
FUZZED = int(os.environ.get("CL_NET_FUZZ", "12"))
"""Connections with garbage in them."""
DESIGN = cl.StimDesign(160, -1.0, 160, 1.0)


AHEAD = (5_000, 125_000)
"""How far ahead a plan is for, in frames: further, where it came too late."""
LAST = 77
"""What the last ping of a connection says."""


class Running:
    """A bridge in a process of its own, with cl-sdk."""

    def __init__(self, folder: Path) -> None:
        arguments = [
            cl1_bridge.__file__,
            "--port",
            "0",
            "--record",
            str(folder),
            "--lease-seconds",
            "3",
            "--history-seconds",
            "4",
        ]
        self.process = start_vendor(*arguments, cwd=folder, variables={"CL_SDK_RANDOM_SEED": "11"})
        self.folder = folder
        self.address = ""
        self.stopped = False
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("serving"):
                self.address = line.split()[-1]
                break

    def stop(self) -> int:
        """End it, and return its status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.stopped = True
        _, err, status = finish(self.process)
        assert "Traceback" not in err, err
        return status


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    # The vendor's processes give each other little time to start in.
    for _ in range(3):
        bridge = Running(tmp_path_factory.mktemp("bridge"))
        if bridge.address:
            break
        status = bridge.stop()
    try:
        assert bridge.address, status
        yield bridge
    finally:
        if not bridge.stopped:
            bridge.stop()


def present(client: RawClient) -> int:
    """Return the position of the device, which need not be that of what has come from it."""
    count = len(client.pongs)
    client.ping(time.monotonic_ns())
    client.take_until(lambda: len(client.pongs) > count)
    return client.pongs[-1].frame


def test_what_the_vendor_refuses(running: Running) -> None:
    client = RawClient(running.address)
    assert client.answered(client.command(stim_operations(8, DESIGN))).outcome is Outcome.NOT_IN_CONTROL
    assert client.answered(client.control(Action.TAKE)).outcome is Outcome.DONE
    other = RawClient(running.address)
    refused = other.answered(other.control(Action.TAKE))
    assert (refused.outcome, refused.text) == (Outcome.BUSY, "raw client has control")
    other.close()
    assert client.answered(client.control(Action.RELEASE)).outcome is Outcome.DONE
    client.close()


def test_a_client_that_is_slow_is_told_what_it_missed_and_makes_nobody_late(running: Running) -> None:
    slow, quick = RawClient(running.address), RawClient(running.address)
    slow.subscribe(ALL, credit=1)  # for one message, however large
    quick.subscribe(Wanted.EVENTS)
    slow.take_until(lambda: slow.data, give_credit=False)
    # More than the history, in frames of the device.
    until = slow.data[-1].stop + quick.welcome["history_frames"] + 5_000
    while not quick.data or quick.data[-1].stop <= until:
        quick.take()
        slow.ping(1)  # it is there, and takes nothing
    assert not quick.lags
    had = slow.data[-1].stop
    slow.subscribe(ALL, start=had)
    # Where this process is late once more, more is missed, and told.
    slow.take_until(lambda: slow.lags and slow.data[-1].stop > slow.lags[-1].stop)
    quick.take_until(lambda: quick.data[-1].stop >= slow.lags[-1].stop)
    assert not quick.lags
    told = sorted((each.start, each.stop) for each in (*slow.lags, *slow.data) if each.start >= had)
    assert [start for start, _ in told] == [had, *(stop for _, stop in told[:-1])]
    for lag in slow.lags:
        assert (lag.jumps, lag.frames) == (True, lag.stop - lag.start)
        happened = [time for each in quick.data for time in each.spikes.timestamps]
        assert lag.spikes == sum(lag.start <= time < lag.stop for time in happened)
    slow.close()
    quick.close()


def test_control_outlives_a_lost_link_for_its_lease_only(running: Running) -> None:
    client, witness = RawClient(running.address), RawClient(running.address)
    assert client.answered(client.control(Action.TAKE)).outcome is Outcome.DONE
    done = client.answered(client.command(stim_operations(8, DESIGN), 0))
    client.cut()
    again = RawClient(running.address, session=client.session, server=client.welcome["server"])
    assert (again.welcome["resumed"], again.welcome["state"]["yours"]) == (True, True)
    again.id = 1
    assert again.answered(again.command(stim_operations(8, DESIGN), 0)) == done  # not done a second time
    again.cut()
    witness.take_until(lambda: witness.states and witness.states[-1]["controller"] is None)
    assert witness.answered(witness.control(Action.TAKE)).outcome is Outcome.DONE
    witness.close()


def test_the_clock_of_the_device(running: Running) -> None:
    client = RawClient(running.address)
    for _ in range(5):
        client.ping(time.monotonic_ns())
    client.take_until(lambda: len(client.pongs) == 5)
    for pong in client.pongs:
        # Both processes have the clock of this computer: a frame is there before it is told of.
        assert pong.sent_ns <= pong.came_ns <= pong.went_ns <= time.monotonic_ns()
        assert pong.frame_ns <= time.monotonic_ns()
        assert pong.error_ns >= 0
    client.close()


def messages(random: Random) -> list[bytes]:
    """Return messages of a client: right ones, in which some bytes are wrong, missing or too many."""
    hello = {"protocol": [1, 1], "capabilities": ["events"], "session": f"{random.getrandbits(128):032x}"}
    hello |= {"name": "x", "server": None}
    out = Outgoing()
    made = [
        out.message(Kind.HELLO, json.dumps(hello).encode()),
        out.message(Kind.SUBSCRIBE, pack_subscription(Subscription(ALL, None, 4_000, 0)), flags=ALL),
        out.message(Kind.CONTROL, pack_control(ControlRequest(1, Action.TAKE))),
        out.message(Kind.COMMAND, pack_command(2, stim_operations(8, DESIGN), 0, None)),
        out.message(Kind.PING, pack_ping(1)),
        out.message(Kind.CREDIT, pack_credit(1)),
    ]
    spoilt = random.randrange(len(made))
    content = bytearray(made[spoilt])
    for _ in range(random.randrange(1, 4)):
        way, at = random.randrange(3), random.randrange(len(content) + 1)
        if way == 0 and at < len(content):
            content[at] ^= 1 << random.randrange(8)
        elif way == 1:
            del content[at:]
        else:
            content[at:at] = random.randbytes(random.randrange(40))
    made[spoilt] = bytes(content)
    return [*made, out.message(Kind.PING, pack_ping(LAST))]


def is_at_its_end(socket: ClientConnection) -> bool:
    """Return whether garbage has been noticed: by a fault, or not, where the last ping is answered."""
    try:
        while True:
            message = socket.recv(PATIENCE_S)
            if message[0] == Kind.FAULT:
                return True
            if message[0] == Kind.PONG and unpack_pong(memoryview(message)[ENVELOPE.size :]).sent_ns == LAST:
                return False
    except ConnectionClosed:
        return False


def test_garbage_harms_nobody(running: Running) -> None:
    witness = RawClient(running.address)
    witness.subscribe(Wanted.EVENTS)
    process = psutil.Process(running.process.pid)
    faults, fds = 0, 0
    for seed in range(FUZZED):
        with connect(running.address, subprotocols=["cl-device.1"], compression=None) as socket:
            with suppress(ConnectionClosed):
                for message in messages(Random(seed)):
                    socket.send(message)
            faults += is_at_its_end(socket)
        witness.take_until(lambda: witness.data)
        if seed == FUZZED // 2:
            fds = process.num_fds()
        witness.data.clear()
    assert faults > FUZZED // 4
    # A connection that was closed holds its descriptor until the bridge has turned to it.
    until = witness.welcome["position"] + 30 * 25_000
    witness.take_until(lambda: process.num_fds() <= fds + 3 or witness.data[-1].stop > until)
    assert process.num_fds() <= fds + 3
    assert not witness.lags
    # Those who had control and were thrown out had it for their lease.
    present(witness)
    witness.take_until(lambda: (witness.states or [witness.welcome["state"]])[-1]["controller"] is None)
    witness.close()


@pytest.mark.anyio
async def test_programs_of_ours_drive_it(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """A closed loop, a plan and an interrupt; the recording is compared when the vendor's has ended."""
    monkeypatch.setattr(link, "ANSWER_S", PATIENCE_S)
    asked = 0
    async with cl.aopen(device=running.address) as neurons:
        assert neurons.system_attributes["system_id"] == "cl1-sdk-000"
        recording = neurons.record(file_location=str(running.folder / "ours"))
        async for tick in neurons.aloop(ticks_per_second=100, stop_after_ticks=50, ignore_jitter=True):
            if tick.iteration % 10 == 0:
                neurons.stim(20 + tick.iteration // 10, 1.0)
                asked += 1
        plan = neurons.create_stim_plan()
        plan.stim(30, 1.0, cl.BurstDesign(3, 100))
        for ahead in AHEAD:
            at = neurons.timestamp() + ahead
            with suppress(ValueError, cl.TransactionRejected):
                plan.run(at_timestamp=at)
                break
        with pytest.raises(ValueError, match="beyond the limit|out of range|cannot"):
            neurons.stim(8, cl.StimDesign(160, -9.0, 160, 9.0))
        found = await neurons.aread(1_000, at, analysis=True)
        await recording.astop()
    # Whoever comes next finds control free, and need not wait for a lease.
    other = RawClient(running.address)
    assert other.answered(other.control(Action.TAKE)).outcome is Outcome.DONE
    other.close()
    assert [stim.timestamp for stim in found.stims if stim.channel == 30] == [at + 2, at + 252, at + 502]
    assert asked == 5


def compare_with_ours(theirs: cl.RecordingView, path: Path) -> None:
    """Compare a recording that a program of ours made over the bridge with the vendor's own."""
    with cl.RecordingView(path) as ours:
        offset = int(ours.attributes["start_timestamp"]) - int(theirs.attributes["start_timestamp"])
        count = len(ours.samples)
        assert count > 12_500
        assert np.array_equal(ours.samples[:], theirs.samples[offset : offset + count])
        spikes = [(row["timestamp"] - offset, row["channel"]) for row in theirs.spikes]
        mine = [(row["timestamp"], row["channel"]) for row in ours.spikes]
        assert mine == sorted(pair for pair in spikes if 0 <= pair[0] < count)
        stims = {(row["timestamp"] - offset, row["channel"]) for row in theirs.stims}
        kept = [(row["timestamp"], row["channel"]) for row in ours.stims]
        assert {pair for pair in stims if 0 <= pair[0] < count} <= set(kept)
        assert sorted({channel for _, channel in kept}) == [20, 21, 22, 23, 24, 30]


def test_what_a_client_gets_is_what_the_vendor_recorded(running: Running) -> None:
    """The last test of this file: it ends the bridge, and with it the recording."""
    try:
        client = RawClient(running.address)
        assert client.welcome["attributes"]["system_id"] == "cl1-sdk-000"
        client.subscribe(ALL)
        assert client.answered(client.control(Action.TAKE)).outcome is Outcome.DONE
        sent = []
        for count in range(10):  # a closed loop: an answer to every tenth message
            client.take_until(lambda count=count: len(client.data) >= 10 * count + 5)
            sent.append(client.command(stim_operations(8 + count, DESIGN), client.data[-1].stop))
        plan = (*stim_operations(30, DESIGN, cl.BurstDesign(3, 100)), *sync_operations(cl.ChannelSet(30, 31)))
        for ahead in AHEAD:
            at = present(client) + ahead
            planned = client.command((*plan, *stim_operations(31, DESIGN)), client.data[-1].stop, at)
            if client.answered(planned).outcome is Outcome.DONE:
                break
        burst = client.command(stim_operations(40, DESIGN, cl.BurstDesign(10_000, 200)), client.data[-1].stop)
        begun = client.answered(burst).frame
        client.take_until(lambda: client.data[-1].stop > max(at, begun) + 2_500)
        cut = client.answered(client.command(interrupt_operations(40), client.data[-1].stop)).frame
        sent += [planned, burst, client.command(interrupt_then_stim_operations(41, DESIGN), cut)]
        client.take_until(lambda: all(id in client.answers for id in sent))
        until = present(client) + 7_500
        client.take_until(lambda: client.data[-1].stop > until)
        client.close()
    finally:
        assert running.stop() == 0
    assert all(client.answers[id].outcome is Outcome.DONE for id in sent)
    assert not client.lags
    assert all(one.stop == two.start for one, two in zip(client.data, client.data[1:], strict=False))

    start, stop = client.data[0].start, client.data[-1].stop
    samples = np.concatenate([each.frames for each in client.data])
    spikes = [pair for each in client.data for pair in zip(*each.spikes, strict=True)]
    stims = [pair for each in client.data for pair in zip(*each.stims, strict=True)]
    [path] = running.folder.glob("*.h5")
    with cl.RecordingView(path) as view:
        first = int(view.attributes["start_timestamp"])
        assert np.array_equal(view.samples[start - first : stop - first], samples)
        recorded = [(row["timestamp"] + first, row["channel"]) for row in view.spikes]
        assert sorted(pair for pair in recorded if start <= pair[0] < stop) == spikes
        kept = {(row["timestamp"] + first, row["channel"]) for row in view.stims}
        made = list((running.folder / "ours").glob("*.h5"))
        assert len(made) == 3  # one for each event loop
        for each in made:
            compare_with_ours(view, each)
    # Its recording may lose stims; it has none that its loop did not show.
    assert {pair for pair in kept if start <= pair[0] < stop} <= set(stims)
    by_channel = {channel: [time for time, c in stims if c == channel] for channel in range(64)}
    assert all(len(by_channel[channel]) == 1 for channel in (*range(8, 18), 31, 41))
    # A plan for a time to come: its first pulse begins 80 µs after it.
    assert by_channel[30] == [at + 2, at + 252, at + 502]
    assert 5 <= len(by_channel[40]) < 10_000
    assert max(by_channel[40]) <= cut + 125
