"""Jitter detection and recovery (contract, section 5), on device time that the tests move themselves."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import cl

pytestmark = pytest.mark.usefixtures("accelerated")


@pytest.fixture
def neurons(monkeypatch: pytest.MonkeyPatch) -> Iterator[cl.Neurons]:
    monkeypatch.setenv("CL_SDK_JITTER_DETECTION", "1")
    with cl.open() as opened:
        yield opened


def test_a_late_body_raises_the_seeds_text(neurons: cl.Neurons) -> None:
    with pytest.raises(TimeoutError) as caught:
        for tick in neurons.loop(25_000):
            if tick.iteration == 6:
                neurons.read(2)
    assert str(caught.value) == (
        "Loop fell behind by 1 frame (40 µs) when entering the 8th iteration. Jitter tolerance is currently "
        "set to 0 frames. Ideally - optimise the worst-case performance of your loop body. You may also "
        "adjust the jitter tolerance via jitter_tolerance_frames=1, or ignore jitter entirely via "
        "ignore_jitter=True."
    )


@pytest.mark.parametrize(
    ("began_late", "took", "blamed"),
    [(450, 3, False), (450, 25, False), (450, 26, True), (26, 0, False), (24, 20, True), (0, 100, True)],
)
def test_a_body_that_began_late_and_took_less_than_a_tick_is_not_blamed(
    began_late: int, took: int, blamed: bool, neurons: cl.Neurons, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a live source gives its data in portions longer than a tick."""
    time = neurons._engine.time
    monkeypatch.setattr(time, "lone_pass", lambda participant, lends: None)
    monkeypatch.setattr(time, "lateness_ns", lambda due: began_late * 40_000)
    ticks = iter(neurons.loop(1_000))
    next(ticks)
    monkeypatch.setattr(time, "lateness", lambda due: began_late + took - 25)
    with pytest.raises(TimeoutError, match="Loop fell behind by .*ignore_jitter=True") as caught:
        next(ticks)
    text = f"The body is not what took long: it began {began_late} frames ({began_late * 40} µs) late, since"
    assert (text in str(caught.value)) is not blamed


def test_a_body_that_ends_when_the_next_is_due_is_not_late(neurons: cl.Neurons) -> None:
    assert [t.iteration for t in neurons.loop(100, stop_after_ticks=4) if neurons.read(250) is not None]


def test_tolerance_is_how_late_a_tick_may_be(neurons: cl.Neurons) -> None:
    def run(frames: int) -> None:
        for tick in neurons.loop(100, stop_after_ticks=3, jitter_tolerance_frames=10):
            if tick.iteration == 0:
                neurons.read(frames)

    run(260)
    with pytest.raises(TimeoutError, match=r"by 11 frames \(440 µs\).*2nd iteration.*10 frames"):
        run(261)


def test_ignoring_jitter_never_raises(neurons: cl.Neurons) -> None:
    ticks = [
        t.iteration
        for t in neurons.loop(1000, stop_after_ticks=5, ignore_jitter=True)
        if len(neurons.read(99))
    ]
    assert ticks == [0, 1, 2, 3, 4]


def test_detection_is_off_on_the_simulator_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    with cl.open() as neurons:
        for _ in neurons.loop(1000, stop_after_ticks=5):
            neurons.read(99)


@pytest.mark.parametrize("ignore", [False, True])
def test_a_backlog_beyond_the_history_always_raises(ignore: bool) -> None:
    with cl.open() as neurons, pytest.raises(TimeoutError, match="older than the history"):
        for _ in neurons.loop(1000, ignore_jitter=ignore):
            neurons.read(200_000)


@pytest.mark.parametrize("recover", [False, True])
def test_a_backlog_may_be_as_long_as_the_history(recover: bool) -> None:
    def spikes(beyond: int) -> list[cl.Spike]:
        seen: list[cl.Spike] = []

        def look(tick: cl.LoopTick) -> None:
            seen.extend(tick.analysis.spikes)

        with cl.open() as neurons:
            for tick in neurons.loop(25, stop_after_ticks=3, ignore_jitter=True):
                look(tick)
                if tick.iteration == 0:
                    neurons.read(neurons._engine.history_frames + beyond)
                    if recover:
                        tick.loop.recover_from_jitter(look)
        return seen

    with cl.open() as neurons:
        everything = neurons.read(3000, analysis=True).spikes
    assert spikes(0) == everything
    with pytest.raises(TimeoutError, match="older than the history"):
        spikes(1)


def test_recovery_does_not_hide_a_backlog_beyond_the_history(neurons: cl.Neurons) -> None:
    skipped = []
    with pytest.raises(TimeoutError, match="when entering the 3rd iteration.*older than the history"):
        for tick in neurons.loop(10):
            if tick.iteration == 1:
                neurons.read(200_000)
                tick.loop.recover_from_jitter(lambda t: skipped.append(t.iteration))
    assert skipped == []


def test_a_recovery_that_loses_to_the_history_raises(neurons: cl.Neurons) -> None:
    def slow(tick: cl.LoopTick) -> None:
        assert tick.analysis.stop_timestamp == tick.iteration_timestamp
        neurons.read(30_000)

    with pytest.raises(TimeoutError, match="older than the history"):
        for tick in neurons.loop(10):
            neurons.read(100_000)
            tick.loop.recover_from_jitter(slow, 1000)


def test_recovery_gives_the_seeds_sequence(neurons: cl.Neurons) -> None:
    log: list[tuple[str, int, int]] = []

    def recovered(tick: cl.LoopTick) -> None:
        log.append(("recovered", tick.iteration, tick.analysis.stop_timestamp))

    for tick in neurons.loop(100, stop_after_ticks=10):
        log.append(("normal", tick.iteration, neurons.timestamp()))
        if tick.iteration == 1:
            neurons.read(5 * 250)
            tick.loop.recover_from_jitter(recovered)
    assert [entry[:2] for entry in log] == (
        [("normal", 0), ("normal", 1)]
        + [("recovered", i) for i in range(2, 7)]
        + [("normal", i) for i in range(7, 10)]
    )
    # Every window is handed out, and the ordinary ticks are at their due times again.
    assert [stamp for kind, _, stamp in log if kind == "recovered"] == [750, 1000, 1250, 1500, 1750]
    assert [stamp for kind, _, stamp in log if kind == "normal"][2:] == [2000, 2250, 2500]


def test_recovery_may_be_asked_for_before_the_delay(neurons: cl.Neurons) -> None:
    seen = []
    for tick in neurons.loop(100, stop_after_ticks=6):
        seen.append(tick.iteration)
        if tick.iteration == 1:
            tick.loop.recover_from_jitter(timeout_seconds=5)
            neurons.read(600)
    assert seen == [0, 1, 4, 5]
    assert tick.iteration == 6


def test_recovery_is_for_one_delay_only(neurons: cl.Neurons) -> None:
    with pytest.raises(TimeoutError, match="fell behind"):
        for tick in neurons.loop(100):
            if tick.iteration == 0:
                tick.loop.recover_from_jitter()
            if tick.iteration == 3:
                neurons.read(600)


def test_recovery_that_never_catches_up_times_out(neurons: cl.Neurons) -> None:
    def slow(tick: cl.LoopTick) -> None:
        neurons.read(260)

    with pytest.raises(TimeoutError, match=r"not recovered from jitter within 0\.5 s"):
        for tick in neurons.loop(100):
            if tick.iteration == 1:
                neurons.read(600)
                tick.loop.recover_from_jitter(slow, 0.5)


def test_recovery_may_run_to_the_loops_end(neurons: cl.Neurons) -> None:
    skipped = []
    for tick in neurons.loop(100, stop_after_ticks=4):
        neurons.read(2500)
        tick.loop.recover_from_jitter(lambda t: skipped.append(t.iteration))
    assert skipped == [1, 2, 3]
    assert tick.iteration == 4


@pytest.mark.parametrize(
    ("handler", "seconds", "error"), [(3, 5.0, TypeError), (None, -1, ValueError), (None, "5", TypeError)]
)
def test_bad_arguments(neurons: cl.Neurons, handler: object, seconds: object, error: type[Exception]) -> None:
    with pytest.raises(error):
        neurons.loop(100).recover_from_jitter(handler, seconds)  # type: ignore[arg-type]


@pytest.mark.anyio
async def test_the_async_loop_detects_and_recovers_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CL_SDK_JITTER_DETECTION", "1")
    log: list[tuple[str, int]] = []

    async def recovered(tick: cl.LoopTick) -> None:
        log.append(("recovered", tick.iteration))

    async with cl.aopen() as neurons:
        async for tick in neurons.aloop(100, stop_after_ticks=10):
            log.append(("normal", tick.iteration))
            if tick.iteration == 1:
                await neurons.aread(5 * 250)
                tick.loop.recover_from_jitter(recovered)
        with pytest.raises(TimeoutError, match="by 1 frame"):
            async for tick in neurons.aloop(25_000):
                if tick.iteration == 6:
                    await neurons.aread(2)
    normal = [i for kind, i in log if kind == "normal"]
    assert normal == [0, 1, 7, 8, 9]
    assert [i for kind, i in log if kind == "recovered"] == [2, 3, 4, 5, 6]
