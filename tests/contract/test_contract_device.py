"""The public behaviour on a simulator in wall-clock time and on devices alike: the same tests, on all.

The devices are the emulator, a process of its own behind the driver, and a simulator across the network, in
another process behind `cl serve`. Nothing here knows which of them it runs on, but for what the contract
says is different.
"""

from __future__ import annotations

import itertools
import os
import re
import sys
from collections.abc import Callable, Iterator
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import anyio
import numpy as np
import pytest
from patience import run_ahead, wait_for_devices, wait_for_servers
from recording_tools import Window, check_same, entries
from reference_data import VECTORS, needs_vectors
from serving import ServeProcess
from steady import steady
from test_contract_stim import issue

import cl
from cl import BurstDesign, ChannelSet, StimDesign

PULSE = StimDesign(160, -1.0, 160, 1.0)
LIMITS = {"CHANNEL_QUEUE": 3, "SYNC": 2, "DEFERRED_INTERRUPT": 1}


def require_devices() -> None:
    """Skip where no device can be, which CL_REQUIRE_DEVICE=1 does not allow."""
    if hasattr(os, "eventfd"):
        return
    if os.environ.get("CL_REQUIRE_DEVICE") == "1":
        pytest.fail(f"CL_REQUIRE_DEVICE=1, and there are no devices on {sys.platform}")
    pytest.skip("devices need Linux")


def emulators(*arguments: str) -> Iterator[str]:
    require_devices()
    from cl.hw.emulator import EmulatorProcess

    # A busy machine may keep the emulator waiting: that is no reason to take it for dead here.
    with (
        EmulatorProcess("--seed", "7", "--liveness-ms", "1000", *arguments) as emulator,
        pytest.MonkeyPatch.context() as patch,
    ):
        wait_for_devices(patch)
        yield emulator.address


def servers(**env: str) -> Iterator[str]:
    with ServeProcess(env=env) as server, pytest.MonkeyPatch.context() as patch:
        wait_for_servers(patch)
        yield server.address


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    yield from emulators()


@pytest.fixture(scope="module")
def limited_address() -> Iterator[str]:
    names = ["--channel-queue-limit", "--sync-limit", "--deferred-interrupt-limit"]
    yield from emulators(*itertools.chain(*zip(names, map(str, LIMITS.values()), strict=True)))


@pytest.fixture(scope="module")
def served() -> Iterator[str]:
    yield from servers(CL_SDK_RANDOM_SEED="7")


@pytest.fixture(scope="module")
def limited_served() -> Iterator[str]:
    yield from servers(**{f"CL_SDK_{name}_LIMIT": str(limit) for name, limit in LIMITS.items()})


KINDS = ["simulator", "emulator", "network"]


@pytest.fixture(params=KINDS)
def device(request: pytest.FixtureRequest, address: str, served: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """What `cl.open` opens in this test: the simulator, detecting jitter as a device does, or a device."""
    if request.param == "emulator":
        monkeypatch.setenv("CL_DEVICE", address)
    elif request.param == "network":
        monkeypatch.setenv("CL_DEVICE", served)
    else:
        monkeypatch.setenv("CL_SDK_JITTER_DETECTION", "1")
        monkeypatch.setenv("CL_SDK_RANDOM_SEED", "7")
    return str(request.param)


@pytest.fixture
def neurons(device: str) -> Iterator[cl.Neurons]:
    with cl.open() as opened:
        yield opened


# -- what it is -------------------------------------------------------------------------------


def test_a_program_can_ask_what_it_runs_on(device: str) -> None:
    before = cl.get_system_attributes()
    assert cl.is_simulator() is (device == "simulator")
    with cl.open() as neurons:
        assert cl.is_simulator() is (device == "simulator")
        assert cl.get_system_attributes() == before
        assert neurons.has_started() and neurons.has_control()
        assert neurons.is_readable() and neurons.is_recordable()
        for timeout in (15.0, 1, 0, -1, float("inf")):
            neurons.wait_until_readable(timeout)
            neurons.wait_until_recordable(timeout)
        assert neurons.get_channel_count() == 64 and neurons.get_frames_per_second() == 25_000
    names = {"project_id", "chip_id", "cell_batch_id", "plugin", "system_id", "hostname"}
    assert names <= before.keys()


def test_time_goes_on_and_never_back(neurons: cl.Neurons) -> None:
    stamps = [neurons.timestamp()]
    within = 0  # steps that are smaller than an interrupt's millisecond
    while within <= 20 and stamps[-1] < stamps[0] + 500_000:
        stamps.append(neurons.timestamp())
        within += 0 < stamps[-1] - stamps[-2] < 25
    assert within > 20, "time goes on between the interrupts too"
    assert all(type(stamp) is int for stamp in stamps)
    assert stamps == sorted(stamps)
    first = neurons.read(2500, stamps[-1], analysis=True)
    assert (first.start_timestamp, first.stop_timestamp) == (stamps[-1], stamps[-1] + 2500)
    assert neurons.timestamp() >= stamps[-1] + 2500


# -- reading ----------------------------------------------------------------------------------


def test_reads_agree_however_they_are_cut(neurons: cl.Neurons) -> None:
    start = neurons.timestamp()
    whole = neurons.read(5000, start)
    assert whole.shape == (5000, 64) and whole.dtype == np.int16 and whole.flags.owndata
    parts = [neurons.read(n, start + at) for at, n in ((0, 1), (1, 999), (1000, 4000))]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert (whole[:, [0, 7, 56, 63]] == 0).all() and whole[:, 1].std() > 5
    spikes = neurons.read(5000, start, analysis=True).spikes
    halves = [neurons.read(2500, start + at, analysis=True).spikes for at in (0, 2500)]
    assert halves[0] + halves[1] == spikes
    assert neurons.read(0).shape == (0, 64)


def test_spikes_are_in_the_frames(neurons: cl.Neurons) -> None:
    start = neurons.timestamp()
    spikes = neurons.read(12_500, start, analysis=True).spikes
    frames = neurons.read(12_500 + 50, start)
    assert len(spikes) > 10
    for spike in spikes:
        at = spike.timestamp - start
        if at < 25:
            continue
        raw = frames[at - 25 : at + 50, spike.channel].astype(np.float64)
        expected = (raw - raw.mean()) * 0.195
        np.testing.assert_allclose(spike.samples, expected, atol=1e-4)
        assert spike.samples.dtype == np.float32
        assert abs(int(raw[25])) == np.abs(raw[20:31]).max()


def test_history_begins_when_the_device_was_opened(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CL_DEVICE", address)
    with cl.open() as neurons:
        start = neurons._engine.start
        assert start > 0, "the device was there before"
        with pytest.raises(ValueError, match=f"the oldest is {start}"):
            neurons.read(10, start - 1)
        assert neurons.read(10, start).shape == (10, 64)


# -- loops ------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [25_000, 2000, 1000, 240, 100])
def test_a_loops_windows_follow_one_another(neurons: cl.Neurons, rate: int) -> None:
    loop = neurons.loop(rate, stop_after_seconds=0.2, ignore_jitter=True)
    n = 25_000 // rate
    spikes, stamps, windows, kept = [], [], [], {}
    for tick in loop:
        windows.append((tick.analysis.start_timestamp, tick.analysis.stop_timestamp))
        stamps.append(neurons.timestamp())
        spikes += tick.analysis.spikes
        assert tick.iteration_timestamp == windows[-1][1] <= stamps[-1]
        if tick.iteration % (500 // n + 1) == 0:
            kept[tick.analysis.start_timestamp] = tick.frames
    start, count = loop.start_timestamp, loop.duration_ticks
    assert tick.iteration == count == len(windows)
    assert windows == [(start + i * n, start + (i + 1) * n) for i in range(count)]
    assert all(a < b for a, b in itertools.pairwise(stamps))
    assert spikes == neurons.read(count * n, start, analysis=True).spikes
    for at, frames in kept.items():
        np.testing.assert_array_equal(frames, neurons.read(n, at))


def test_a_loop_can_be_left_and_begun_again(neurons: cl.Neurons) -> None:
    for _ in range(3):
        for tick in neurons.loop(1000, ignore_jitter=True):
            if tick.iteration == 5:
                break
        assert neurons.timestamp() >= tick.iteration_timestamp
    with pytest.raises(KeyError):
        for _ in neurons.loop(1000, ignore_jitter=True):
            raise KeyError("mine")
    seen: list[int] = []
    neurons.loop(500, stop_after_ticks=4, ignore_jitter=True).run(lambda t: seen.append(t.iteration))
    assert seen == [0, 1, 2, 3]


def test_several_loops_at_once_see_the_same(neurons: cl.Neurons) -> None:
    slow = iter(neurons.loop(100, stop_after_ticks=4, ignore_jitter=True))
    first = next(slow).analysis
    start, stop = first.start_timestamp, first.stop_timestamp
    fast = [
        (t.analysis.start_timestamp, t.analysis.spikes)
        for t in neurons.loop(1000, stop_after_ticks=30, ignore_jitter=True)
    ]
    windows = [(t.analysis.start_timestamp, t.analysis.spikes) for t in slow]
    assert [at for at, _ in windows] == [stop + i * 250 for i in range(3)]
    everything = neurons.read(1000, start, analysis=True).spikes
    assert [*first.spikes, *(spike for _, spikes in windows for spike in spikes)] == everything
    inside = {s for _, spikes in fast for s in spikes if s.timestamp < start + 1000}
    assert inside <= set(everything) | {s for s in inside if s.timestamp < start}


# -- jitter -----------------------------------------------------------------------------------

SEEDS_TEXT = (
    r"^Loop fell behind by (\d+) frames \((\d+) µs\) when entering the 2nd iteration\. Jitter tolerance is "
    r"currently set to 0 frames\. Ideally - optimise the worst-case performance of your loop body\. You may "
    r"also adjust the jitter tolerance via jitter_tolerance_frames=\1, or ignore jitter entirely via "
    r"ignore_jitter=True\.$"
)


def held_up(neurons: cl.Neurons, tick: cl.LoopTick, frames: int) -> None:
    """Be a body that takes so many frames of device time."""
    neurons.read(frames, tick.iteration_timestamp)


def test_a_body_of_35_ms_in_a_loop_of_10_ms_is_found_out(device: str, neurons: cl.Neurons) -> None:
    # Three processes take part in a link: what a busy machine does to them may be told as well.
    text = "^Loop fell behind by" if device == "network" else SEEDS_TEXT
    for _ in range(50):
        with pytest.raises(TimeoutError, match="^Loop fell behind by") as caught:
            for tick in neurons.loop(100, stop_after_ticks=50):
                held_up(neurons, tick, 875)
        # Before the first body it is the host that was late, and it is also where data come late.
        if re.search(text, str(caught.value)):
            break
    assert re.search(text, str(caught.value))
    behind = int(str(caught.value).split()[4])
    # Of what a busy machine, or a network, brings all at once 10 ms count.
    assert behind >= (250 if device == "network" else 625)


@steady(0.4)
def test_tolerance_and_ignoring_jitter(neurons: cl.Neurons) -> None:
    held_up_by = 5250

    def run(**keywords: Any) -> int:
        for tick in neurons.loop(100, stop_after_ticks=5, **keywords):
            if tick.iteration == 1:
                held_up(neurons, tick, held_up_by)
        return tick.iteration

    assert run(ignore_jitter=True) == 5
    assert run(jitter_tolerance_frames=100_000) == 5
    # A tolerance that covers what a busy machine may do, and not the body.
    held_up_by = 20_250
    with pytest.raises(TimeoutError, match=r"3rd iteration.*set to 17500 frames"):
        run(jitter_tolerance_frames=17_500)


@steady(1.0)
def test_recovery_gives_the_seeds_sequence(neurons: cl.Neurons) -> None:
    log: list[tuple[str, int]] = []
    # What a busy machine does to the other bodies is not what is tested.
    for tick in neurons.loop(10, stop_after_ticks=10, jitter_tolerance_frames=50_000):
        log.append(("normal", tick.iteration))
        if tick.iteration == 1:
            # The seed's 50 ms in a 100 Hz loop, ten times as slow, to the middle of a tick.
            held_up(neurons, tick, 5 * 2500 + 1250)
            tick.loop.recover_from_jitter(lambda t: log.append(("recovered", t.iteration)))
    # A host that is held up meanwhile makes it take longer; then all go on in their turn.
    recovered = max(i for kind, i in log if kind == "recovered")
    assert recovered >= 6
    assert log == (
        [("normal", 0), ("normal", 1)]
        + [("recovered", i) for i in range(2, recovered + 1)]
        + [("normal", i) for i in range(recovered + 1, 10)]
    )


# -- stimulation ------------------------------------------------------------------------------


def read_stims(neurons: cl.Neurons, start: int, count: int) -> tuple[list[cl.Stim], int]:
    """Return the stims from `start` on, in windows of 500 frames until there are `count`, and their end.

    A device takes commands when it can and tells by interrupts: a program that is held up is told late.
    """
    stims: list[cl.Stim] = []
    for at in range(start, start + 250_000, 500):
        if len(stims) >= count:
            return stims, at
        stims += neurons.read(500, at, analysis=True).stims
    raise AssertionError(f"{len(stims)} stims in 10 s, not {count}")


def delivered(neurons: cl.Neurons, start: int, count: int) -> list[tuple[int, int]]:
    """Return `count` stims, and those of 80 ms more, as (frames since the first of them, channel)."""
    stims, at = read_stims(neurons, start, count)
    stims += neurons.read(2000, at, analysis=True).stims
    return [(s.timestamp - stims[0].timestamp, s.channel) for s in stims]


def until_quiet(neurons: cl.Neurons) -> None:
    """Wait until there are no stims any more, for 500 frames."""
    for _ in range(500):
        if not neurons.read(500, analysis=True).stims:
            return
    raise AssertionError("it stimulates still")


def test_a_burst_keeps_half_frames(neurons: cl.Neurons) -> None:
    start = neurons.timestamp()
    neurons.stim(ChannelSet(8, 9), PULSE, BurstDesign(4, 151))
    found = delivered(neurons, start, 8)
    times = [t for t, channel in found if channel == 8]
    gaps = [b - a for a, b in itertools.pairwise(times)]
    assert gaps in ([165, 166, 165], [166, 165, 166])
    assert found == [(t, c) for t in times for c in (8, 9)]


def test_a_plan_is_carried_out_as_one(neurons: cl.Neurons) -> None:
    plan = neurons.create_stim_plan()
    plan.stim(ChannelSet(8, 9), PULSE)
    plan.sync(ChannelSet(8, 9, 10))
    plan.stim(10, PULSE)
    for _ in range(2):
        start = neurons.timestamp()
        plan.run()
        assert delivered(neurons, start, 3) == [(0, 8), (0, 9), (125, 10)]
    with pytest.raises(RuntimeError, match="cannot be changed"):
        plan.stim(8, PULSE)


def test_a_plan_waits_for_its_time_to_the_frame(neurons: cl.Neurons) -> None:
    plan = neurons.create_stim_plan()
    plan.stim(8, PULSE)
    start = run_ahead(neurons, plan, 12_500)
    assert neurons.read(12_600, start, analysis=True).stims == [cl.Stim(start + 12_502, 8)]


def test_a_plan_takes_any_time(neurons: cl.Neurons) -> None:
    plan = neurons.create_stim_plan()
    plan.stim(8, PULSE)
    start = neurons.timestamp()
    for past in (-1, -(10**30), 0, start):
        plan.run(at_timestamp=past)
    plan.run(at_timestamp=2**62)
    with pytest.raises(ValueError, match="at_timestamp must be at most"):
        plan.run(at_timestamp=2**62 + 1)
    given = delivered(neurons, start, 4)
    # On a device later ones may come when those before them have ended.
    gaps = [after - before for (before, _), (after, _) in pairwise(given)]
    assert [channel for _, channel in given] == [8] * 4
    assert min(gaps) == 125 if neurons.is_simulator else min(gaps) >= 125


def test_a_stim_of_a_body_is_seen_once_by_everybody(neurons: cl.Neurons) -> None:
    asked: list[int] = []
    seen: list[cl.Stim] = []
    loop = neurons.loop(1000, stop_after_ticks=4000, ignore_jitter=True)
    for tick in loop:
        seen += tick.analysis.stims
        if tick.iteration % 50 == 10 and len(asked) < 4:
            asked.append(tick.iteration_timestamp)
            neurons.stim(ChannelSet(8, 20), PULSE)
        if len(seen) >= 8 and tick.iteration >= 200:
            break
    start, stop = loop.start_timestamp, tick.analysis.stop_timestamp
    assert neurons.read(stop - start, start, analysis=True).stims == seen
    assert [s.channel for s in seen] == [8, 20] * 4
    for at, stim in zip(asked, seen[::2], strict=True):
        assert stim.timestamp >= at + 2


def test_an_interrupt_ends_a_burst(neurons: cl.Neurons) -> None:
    start = neurons.timestamp()
    neurons.stim(8, PULSE, BurstDesign(10_000, 200))
    read_stims(neurons, start, 6)
    neurons.interrupt(8)
    until_quiet(neurons)


REFUSED: list[tuple[Callable[[cl.Neurons], Any], type[Exception], str]] = [
    (lambda n: n.stim("8", PULSE), TypeError, "8"),  # type: ignore[arg-type]
    (lambda n: n.stim(64, PULSE), ValueError, "64"),
    (lambda n: n.stim(8, 3.5), ValueError, "3"),
    (lambda n: n.stim(8, PULSE, None, 90), ValueError, "20"),
    (lambda n: n.create_stim_plan().run("soon"), TypeError, "soon"),  # type: ignore[arg-type]
]


def test_what_is_refused_queues_nothing(neurons: cl.Neurons) -> None:
    start = neurons.timestamp()
    for call, error, named in REFUSED:
        with pytest.raises(error, match=named):
            call(neurons)
    assert neurons.read(500, start, analysis=True).stims == []


def test_stopping_and_starting(neurons: cl.Neurons) -> None:
    for again in (neurons.start, lambda: neurons.restart(timeout_seconds=5.0)):
        recording = neurons.record()
        plan = neurons.create_stim_plan()
        plan.stim(9, PULSE)
        start = neurons.timestamp()
        neurons.stim(8, PULSE, BurstDesign(1000, 200))
        read_stims(neurons, start, 2)
        neurons.stop()
        stopped = neurons.timestamp()
        assert not neurons.has_started() and not neurons.is_readable() and not neurons.is_recordable()
        assert neurons.has_control() and recording.has_stopped()
        for command in (lambda: neurons.stim(8, PULSE), lambda: neurons.interrupt(8), plan.run):
            with pytest.raises(RuntimeError, match="stopped: call start"):
                command()
        again()
        assert neurons.has_started() and neurons.is_readable()
        # What was queued is gone, time has gone on, and commands are taken again.
        assert neurons.read(1000, stopped + 3, analysis=True).stims == []
        start = neurons.timestamp()
        plan.run()
        assert delivered(neurons, start, 1) == [(0, 9)]
        with recording.open() as view:
            assert view.complete and 2 <= len(view.stims) <= 1 + len(view.samples) // 125


@pytest.mark.parametrize("kind", KINDS)
def test_admission_is_limited(
    kind: str, limited_address: str, limited_served: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind != "simulator":
        monkeypatch.setenv("CL_DEVICE", limited_address if kind == "emulator" else limited_served)
    for name, limit in LIMITS.items():
        monkeypatch.setenv(f"CL_SDK_{name}_LIMIT", str(limit))
    with cl.open() as neurons:
        neurons.stim(8, PULSE, BurstDesign(1000, 10))
        neurons.read(50)
        for _ in range(3):  # the first has begun, these are queued
            neurons.stim(8, PULSE)
        for channels in (8, ChannelSet(8, 9)):
            with pytest.raises(cl.ChannelQueueFull, match=r"8.*3"):
                neurons.stim(channels, PULSE)
        neurons.stim(10, PULSE, BurstDesign(1000, 10))
        for _ in range(2):
            neurons.sync(ChannelSet(10, 11))
        with pytest.raises(cl.SyncLimitExceeded, match="2"):
            neurons.sync(ChannelSet(10, 11))
        plan = neurons.create_stim_plan()
        plan.channels_to_interrupt = 12
        later = neurons.timestamp() + 1_000_000
        plan.run(at_timestamp=later)
        with pytest.raises(cl.DeferredInterruptLimitExceeded, match="1"):
            plan.run(at_timestamp=later + 1)
        with pytest.raises(cl.RunTimestampOrderError, match=str(later - 1)):
            neurons.create_stim_plan().run(at_timestamp=later - 1)
        start = neurons.timestamp()
        assert all(s.channel in (8, 10) for s in neurons.read(500, start, analysis=True).stims)


def test_closing_ends_stimulation(device: str) -> None:
    with cl.open() as neurons:
        neurons.stim(ChannelSet(8, 9), PULSE, BurstDesign(10_000, 200))
        neurons.read(500)
        engine = neurons._engine
    last = engine.history.stims.items[-1].timestamp
    with cl.open() as neurons:
        start = neurons.timestamp()
        assert neurons.read(1000, analysis=True).stims == []
        if device != "simulator":
            assert start > last, "a device's time goes on"


# -- the reference vectors --------------------------------------------------------------------

LATENCY = 750
"""Frames from a body to the effect of its commands, so that the host's own delays do not matter."""
LONGEST_S = float(os.environ.get("CL_LONGEST_VECTOR_SECONDS", "0.045"))
"""All of them take more than two minutes; tests/hw/test_hw_vectors.py plays them all, without the time."""
SHORT = [v for v in VECTORS if v["ticks"] / v["tps"] <= LONGEST_S]


class Player:
    """Issues a vector's commands in the bodies of a loop, each as of a constant time after its tick."""

    def __init__(
        self,
        neurons: cl.Neurons,
        vector: dict[str, Any],
        taken: list[tuple[int, int]],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        self.neurons = neurons
        self.vector = vector
        self.taken = taken
        self.errors: list[list[Any]] = []
        self.late = False
        self._as_of = 0
        monkeypatch.setattr(neurons, "_present", lambda: self._as_of)

    def play(self) -> list[list[int]]:
        neurons, vector = self.neurons, self.vector
        loop = neurons.loop(vector["tps"], stop_after_ticks=vector["ticks"], ignore_jitter=True)
        stims = []
        for tick in loop:
            stims += tick.analysis.stims
            self._as_of = tick.iteration_timestamp + LATENCY
            for index, command in enumerate(vector["cmds"]):
                if command["t"] == tick.iteration:
                    self._issue(index, command)
        stims += neurons.read(LATENCY, tick.iteration_timestamp, analysis=True).stims
        begin = loop.start_timestamp + LATENCY
        return sorted([s.timestamp - begin, s.channel] for s in stims if s.timestamp >= begin)

    def _issue(self, index: int, command: dict[str, Any]) -> None:
        before = len(self.taken)
        try:
            issue(self.neurons, SimpleNamespace(iteration_timestamp=self._as_of), command)  # type: ignore[arg-type]
        except Exception as error:
            self.errors.append([index, type(error).__name__])
        # The device has passed that time only if the host kept the body from issuing the command.
        self.late |= any(effective > asked for asked, effective in self.taken[before:])
        self.late |= self.neurons.timestamp() > self._as_of

    def quiet(self) -> None:
        """Have all channels idle again."""
        commands = (*self.vector["cmds"], *(o for c in self.vector["cmds"] for o in c.get("ops", ())))
        slowest = min((c["b"][1] for c in commands if "b" in c), default=200.0)
        self._as_of = self.neurons.timestamp()
        self.neurons.interrupt(ChannelSet(range(64)))
        idle = self.taken[-1][1] // 2 + int(25_000 / slowest) + 130
        self.neurons.read(max(idle - self._as_of, 0), self._as_of)


def note_steps(neurons: cl.Neurons, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Return what will hold, for each command, the step that it was for and that the device took it at."""
    link: Any = neurons._engine.device._link  # type: ignore[attr-defined]
    submit, taken = link.submit, []

    def noting(operations: Any, step: int, at_step: int | None = None) -> int:
        effective: int = submit(operations, step, at_step)
        taken.append((step, effective))
        return effective

    monkeypatch.setattr(link, "submit", noting)
    return taken


@needs_vectors
def test_the_reference_vectors_on_a_device(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CL_DEVICE", address)
    exact = 0
    with cl.open() as neurons:
        taken = note_steps(neurons, monkeypatch)
        for vector in SHORT:
            for _ in range(5):
                player = Player(neurons, vector, taken, monkeypatch)
                found = player.play()
                player.quiet()
                if not player.late:
                    assert found == vector["expect"], vector["id"]
                    assert player.errors == vector.get("errors", []), vector["id"]
                    exact += 1
                    break
    assert exact >= len(SHORT) * 3 // 4, (
        f"the host kept {len(SHORT) - exact} of {len(SHORT)} from being played"
    )


# -- recordings and data streams --------------------------------------------------------------


def test_a_recording_holds_its_window(device: str) -> None:
    with cl.open() as neurons:
        stream = neurons.create_data_stream("ticks", {"of": "a test"})
        recording = neurons.record(file_suffix="mine", attributes={"who": "test"})
        other = neurons.record(stop_after_seconds=0.25)
        appended = []
        for tick in neurons.loop(500, stop_after_seconds=0.4, ignore_jitter=True):
            if tick.iteration % 40 == 3:
                neurons.stim(ChannelSet(8, 9), PULSE, BurstDesign(3, 200))
            stamp = neurons.timestamp()
            stream.append(stamp, {"tick": tick.iteration})
            appended.append((stamp, {"tick": tick.iteration}))
        other.wait_until_stopped()
        recording.stop()
        assert recording.status == other.status == "stopped"
        begin = recording.start_timestamp
        with recording.open() as view:
            end = view.attributes["end_timestamp"]
            assert (view.attributes["file_format"]["version"] == "SDK") is (device == "simulator")
            assert view.attributes["hostname"] == cl.get_system_attributes()["hostname"]
            assert view.attributes["application"]["who"] == "test"
        check_same(recording, Window(neurons, begin, end), foreseen=device == "simulator")
        check_same(other, Window(neurons, other.start_timestamp, other.start_timestamp + 6250))
        assert entries(recording, "ticks") == [(stamp - begin, value) for stamp, value in appended]


def test_a_recording_reaches_back(neurons: cl.Neurons) -> None:
    neurons.read(5000)
    recording = neurons.record(from_seconds_ago=0.1, stop_after_seconds=0.15)
    recording.wait_until_stopped()
    assert recording.start_timestamp + 2500 <= neurons.timestamp()
    check_same(recording, Window(neurons, recording.start_timestamp, recording.start_timestamp + 3750))


def test_leaving_finalises_what_is_being_recorded(device: str) -> None:
    with cl.open() as neurons:
        recording = neurons.record()
        neurons.stim(8, PULSE)
        neurons.read(1000)
    with recording.open() as view:
        assert view.complete and len(view.samples) >= 1000 and view.stims.col("channel").tolist() == [8]


# -- async ------------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_async_consumers_agree_with_one_another(device: str) -> None:
    async with cl.aopen() as neurons, neurons.stims() as first:
        neurons.stim(8, PULSE, BurstDesign(1000, 200))
        begin = (await anext(first)).timestamp + 500
        end = begin + 5000
        spikes: list[cl.Spike] = []
        stims: list[cl.Stim] = []
        blocks: list[np.ndarray[Any, Any]] = []

        async def listen() -> None:
            async with neurons.spikes(from_timestamp=begin) as stream:
                async for spike in stream:
                    if spike.timestamp >= end:
                        return
                    spikes.append(spike)

        async def watch() -> None:
            async with neurons.stims(from_timestamp=begin) as stream:
                async for stim in stream:
                    if stim.timestamp >= end:
                        return
                    stims.append(stim)

        async def copy() -> None:
            async with neurons.frames(1000, from_timestamp=begin) as stream:
                async for frames in stream:
                    blocks.append(frames)
                    if len(blocks) == 5:
                        return

        with anyio.fail_after(30):
            async with anyio.create_task_group() as group:
                for task in (listen, watch, copy):
                    group.start_soon(task)
                loop = neurons.aloop(200, stop_after_ticks=20, ignore_jitter=True)
                assert [tick.iteration async for tick in loop] == list(range(20))
                await neurons.asleep_until(end)
                assert neurons.timestamp() >= end
                found = await neurons.aread(5000, begin, analysis=True)
                whole = await neurons.aread(5000, begin)
    np.testing.assert_array_equal(np.concatenate(blocks), whole)
    assert stims == found.stims and len(stims) > 30
    assert spikes == found.spikes
