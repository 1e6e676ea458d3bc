"""Stimulation through the public API (contract, section 6), in accelerated time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from reference_data import VECTORS, channels, needs_vectors

import cl
from cl import BurstDesign, ChannelSet, StimDesign

pytestmark = pytest.mark.usefixtures("accelerated")

PULSE = StimDesign(160, -1.0, 160, 1.0)


def stim_arguments(command: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    design = command["d"]
    keywords: dict[str, Any] = {}
    if "b" in command:
        keywords["burst_design"] = BurstDesign(*command["b"])
    if "lead" in command:
        keywords["lead_time_us"] = command["lead"]
    return (channels(command["ch"]), StimDesign(*design) if isinstance(design, list) else design), keywords


def issue(neurons: cl.Neurons, tick: cl.LoopTick, command: dict[str, Any]) -> None:
    kind = command["k"]
    if kind == "plan":
        run_plan(neurons, tick, command)
    elif kind in ("int", "sync"):
        (neurons.interrupt if kind == "int" else neurons.sync)(channels(command["ch"]))
    else:
        arguments, keywords = stim_arguments(command)
        (neurons.stim if kind == "stim" else neurons.interrupt_then_stim)(*arguments, **keywords)


def run_plan(neurons: cl.Neurons, tick: cl.LoopTick, command: dict[str, Any]) -> None:
    plan = neurons.create_stim_plan()
    for operation in command["ops"]:
        if operation["k"] == "sync":
            plan.sync(channels(operation["ch"]))
            continue
        arguments, keywords = stim_arguments(operation)
        plan.stim(*arguments, **keywords)
    if command.get("int") is not None:
        plan.channels_to_interrupt = channels(command["int"])
    if command.get("at") is None:
        plan.run()
        return
    for offset in command["at"]:
        plan.run(at_timestamp=tick.iteration_timestamp + offset)


class Player:
    """Issues a vector's commands tick by tick, and collects what comes of them."""

    def __init__(self, vector: dict[str, Any]) -> None:
        self.commands = list(enumerate(vector["cmds"]))
        self.errors: list[list[Any]] = []
        self.stims: list[cl.Stim] = []

    def body(self, neurons: cl.Neurons, tick: cl.LoopTick) -> None:
        self.stims += tick.analysis.stims
        for index, command in self.commands:
            if command["t"] != tick.iteration:
                continue
            try:
                issue(neurons, tick, command)
            except Exception as error:
                self.errors.append([index, type(error).__name__])

    def check(self, vector: dict[str, Any], start: int) -> None:
        assert self.errors == vector.get("errors", [])
        assert sorted([s.timestamp - start, s.channel] for s in self.stims) == vector["expect"]


@needs_vectors
@pytest.mark.parametrize("vector", VECTORS, ids=[vector["id"] for vector in VECTORS])
def test_the_reference_vectors_in_the_sync_loop(vector: dict[str, Any]) -> None:
    player = Player(vector)
    with cl.open() as neurons:
        loop = neurons.loop(ticks_per_second=vector["tps"], stop_after_ticks=vector["ticks"])
        for tick in loop:
            player.body(neurons, tick)
        player.check(vector, loop.start_timestamp)


@needs_vectors
@pytest.mark.anyio
async def test_the_reference_vectors_in_the_async_loop() -> None:
    for vector in VECTORS[::4]:
        player = Player(vector)
        async with cl.aopen() as neurons:
            loop = neurons.aloop(ticks_per_second=vector["tps"], stop_after_ticks=vector["ticks"])
            async for tick in loop:
                player.body(neurons, tick)
            player.check(vector, loop.start_timestamp)


def pulses(neurons: cl.Neurons, frames: int = 5000) -> list[tuple[int, int]]:
    start = neurons.timestamp()
    found = neurons.read(frames, analysis=True).stims
    return [(s.timestamp - start, s.channel) for s in found]


def test_outside_a_body_commands_count_from_now() -> None:
    with cl.open() as neurons:
        neurons.read(1000)
        neurons.stim(8, PULSE)
        assert pulses(neurons) == [(2, 8)]


def test_in_a_body_commands_count_from_the_tick() -> None:
    with cl.open() as neurons:
        seen = []
        for tick in neurons.loop(100, stop_after_ticks=3):
            seen += tick.analysis.stims
            if tick.iteration == 0:
                neurons.stim(ChannelSet(20, 8), PULSE)
        assert seen == [cl.Stim(252, 8), cl.Stim(252, 20)]


def test_frames_that_were_given_cannot_be_stimulated_any_more() -> None:
    with cl.open() as neurons:
        for _ in neurons.loop(100, stop_after_ticks=1):
            neurons.read(40)
            neurons.stim(8, PULSE)
        assert neurons.read(100, 250, analysis=True).stims == [cl.Stim(292, 8)]


def test_every_view_of_a_window_holds_each_pulse_once() -> None:
    with cl.open() as neurons:
        neurons.stim(ChannelSet(8, 9), PULSE, BurstDesign(50, 100))
        fast = [s for t in neurons.loop(25_000, stop_after_ticks=12_500) for s in t.analysis.stims]
        assert len(fast) == 100
        assert neurons.read(12_500, 0, analysis=True).stims == fast
    with cl.open() as neurons:
        neurons.stim(ChannelSet(8, 9), PULSE, BurstDesign(50, 100))
        slow = [s for t in neurons.loop(40, stop_after_ticks=20) for s in t.analysis.stims]
    assert slow == fast


@pytest.mark.parametrize("rate", [25_000, 1000, 200])
def test_the_same_commands_at_the_same_times_give_the_same_pulses(rate: int) -> None:
    stims = []
    with cl.open() as neurons:
        for tick in neurons.loop(rate, stop_after_seconds=0.4):
            stims += tick.analysis.stims
            if tick.iteration_timestamp == 500:
                neurons.stim(ChannelSet(3, 5), PULSE, BurstDesign(4, 151))
            if tick.iteration_timestamp == 1000:
                neurons.interrupt_then_stim(3, 2.0, lead_time_us=200)
    expected = [(502, 3), (502, 5), (667, 3), (667, 5), (833, 3), (833, 5), (998, 3), (998, 5), (1167, 3)]
    assert [(s.timestamp, s.channel) for s in stims] == expected


def test_grounded_channels_are_skipped_silently() -> None:
    with cl.open() as neurons:
        neurons.stim(ChannelSet(0, 7, 8, 56, 63), PULSE)
        assert pulses(neurons) == [(2, 8)]


REFUSED: list[tuple[Callable[[cl.Neurons], Any], type[Exception], str]] = [
    (lambda n: n.stim("8", PULSE), TypeError, "8"),
    (lambda n: n.stim(64, PULSE), ValueError, "64"),
    (lambda n: n.stim(-1, PULSE), ValueError, "-1"),
    (lambda n: n.stim(8, "strong"), TypeError, "strong"),
    (lambda n: n.stim(8, 3.5), ValueError, "3"),
    (lambda n: n.stim(8, float("nan")), ValueError, "nan"),
    (lambda n: n.stim(8, PULSE, 5), TypeError, "5"),
    (lambda n: n.stim(8, PULSE, None, 60), ValueError, "80"),
    (lambda n: n.stim(8, PULSE, None, 90), ValueError, "20"),
    (lambda n: n.stim(8, PULSE, None, "80"), TypeError, "80"),
    (lambda n: n.stim(8, StimDesign(3000, -0.5, 3000, 0.5), BurstDesign(2, 200)), ValueError, "5000"),
    (lambda n: n.interrupt("all"), TypeError, "all"),
    (lambda n: n.sync(70), ValueError, "70"),
    (lambda n: n.interrupt_then_stim(8, None), TypeError, "None"),
    (lambda n: n.create_stim_plan().run("soon"), TypeError, "soon"),
]


@pytest.mark.parametrize(("call", "error", "named"), REFUSED)
def test_what_is_refused_names_value_or_limit_and_queues_nothing(
    call: Callable[[cl.Neurons], Any], error: type[Exception], named: str
) -> None:
    with cl.open() as neurons:
        with pytest.raises(error, match=named):
            call(neurons)
        assert pulses(neurons) == []


def test_a_full_queue_rejects_and_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CL_SDK_CHANNEL_QUEUE_LIMIT", "3")
    with cl.open() as neurons:
        neurons.stim(8, PULSE)
        start = neurons.timestamp()
        neurons.read(1)
        for _ in range(3):  # the first has begun, these are queued
            neurons.stim(8, PULSE)
        with pytest.raises(cl.ChannelQueueFull, match="8.*3"):
            neurons.stim(8, PULSE)
        with pytest.raises(cl.ChannelQueueFull):
            neurons.stim(ChannelSet(8, 9), PULSE)
        found = neurons.read(5000, start, analysis=True).stims
        assert found == [cl.Stim(2 + 125 * i, 8) for i in range(4)]


def test_syncs_and_deferred_interrupts_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CL_SDK_SYNC_LIMIT", "2")
    monkeypatch.setenv("CL_SDK_DEFERRED_INTERRUPT_LIMIT", "1")
    with cl.open() as neurons:
        neurons.stim(8, PULSE, BurstDesign(100, 10))
        for _ in range(2):
            neurons.sync(ChannelSet(8, 9))
        with pytest.raises(cl.SyncLimitExceeded, match="2"):
            neurons.sync(ChannelSet(8, 9))
        plan = neurons.create_stim_plan()
        plan.channels_to_interrupt = 12
        plan.run(at_timestamp=10_000)
        with pytest.raises(cl.DeferredInterruptLimitExceeded, match="1"):
            plan.run(at_timestamp=10_001)
        with pytest.raises(cl.RunTimestampOrderError, match="9999"):
            neurons.create_stim_plan().run(at_timestamp=9_999)


def test_an_interrupt_is_refused_with_the_stim_that_goes_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CL_SDK_SYNC_LIMIT", "1")
    with cl.open() as neurons:
        neurons.stim(8, PULSE, BurstDesign(3, 100))
        neurons.sync(ChannelSet(8, 9))
        neurons.stim(20, PULSE, BurstDesign(3, 100))
        neurons.read(10)
        with pytest.raises(cl.SyncLimitExceeded):
            neurons.interrupt_then_stim(ChannelSet(20, 21), PULSE)
        plan = neurons.create_stim_plan()
        plan.channels_to_interrupt = 20
        plan.sync(ChannelSet(8, 9))
        with pytest.raises(cl.SyncLimitExceeded):
            plan.run()
        found = neurons.read(1000, 0, analysis=True).stims
        assert [stim for stim in found if stim.channel > 9] == [cl.Stim(2 + 250 * i, 20) for i in range(3)]


def test_a_plan_runs_again_and_is_frozen() -> None:
    with cl.open() as neurons:
        plan = neurons.create_stim_plan()
        plan.stim(ChannelSet(8, 9), PULSE)
        plan.sync(ChannelSet(8, 9, 10))
        plan.stim(10, PULSE)
        plan.run()
        first = pulses(neurons)
        plan.run()
        assert pulses(neurons) == first == [(2, 8), (2, 9), (127, 10)]
        with pytest.raises(RuntimeError, match="cannot be changed"):
            plan.stim(8, PULSE)


def test_a_plan_may_wait_for_its_time() -> None:
    with cl.open() as neurons:
        plan = neurons.create_stim_plan()
        plan.stim(8, PULSE)
        plan.run(at_timestamp=400)
        assert pulses(neurons, 1000) == [(402, 8)]


def test_a_plans_preview_is_what_it_does() -> None:
    with cl.open() as neurons:
        plan = neurons.create_stim_plan()
        plan.stim(ChannelSet(8, 9), PULSE, BurstDesign(3, 151))
        plan.sync(ChannelSet(8, 20))
        plan.stim(20, StimDesign(200, -2.0, 200, 2.0), lead_time_us=120)
        preview = plan.preview()
        assert pulses(neurons, 1000) == [], "a preview delivers nothing"
        plan.run()
        delivered = pulses(neurons, 5000)
        shown = sorted(
            (t, channel) for channel, view in preview.channels.items() for t in view.pulse_timestamps
        )
        assert shown == delivered
        assert "20" in str(preview)


def test_closing_reports_what_has_begun_and_drops_the_rest() -> None:
    with cl.open() as neurons:
        engine = neurons._engine
        neurons.stim(8, PULSE, BurstDesign(10, 100))
        neurons.stim(9, PULSE, lead_time_us=4000)
        neurons.read(10)
        neurons.stim(10, PULSE)
        neurons.read(1)
        neurons.stim(11, PULSE)  # its notice would begin at the step of the closing: dropped
    assert engine.history.stims.items == [cl.Stim(2, 8), cl.Stim(12, 10)]


def test_commands_may_be_given_from_async_code_and_other_threads() -> None:
    import threading

    with cl.open() as neurons:
        threads = [threading.Thread(target=neurons.stim, args=(c, PULSE)) for c in (8, 9, 10, 11)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert pulses(neurons) == [(2, 8), (2, 9), (2, 10), (2, 11)]


def test_channels_may_be_numpy_integers() -> None:
    with cl.open() as neurons:
        neurons.stim(np.int64(8), np.float64(1.5))  # type: ignore[arg-type]
        neurons.stim(ChannelSet(np.array([9, 10])), PULSE)
        assert pulses(neurons) == [(2, 8), (2, 9), (2, 10)]
