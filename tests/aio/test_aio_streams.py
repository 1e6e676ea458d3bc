"""Event streams in accelerated time: what they give, when they are served, how they end."""

from __future__ import annotations

from collections.abc import Iterator

import anyio
import anyio.lowlevel
import numpy as np
import pytest
from aio_tools import Echo, append_entry, keys, reference, run_loop, streams_told_of_the_end

import cl
import cl.sim
from cl._core.entries import StreamEntry

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("accelerated")]


@pytest.fixture(params=[False, True], ids=["asked in place", "asked in a thread"])
def echo(request: pytest.FixtureRequest) -> Iterator[Echo]:
    """Let the simulator play a source that reacts to stims, so that nothing can be foreseen."""
    source = Echo(threaded=request.param)
    cl.sim.set_simulator_data_source(lambda: source)
    yield source
    cl.sim.clear_simulator_data_source()


async def test_a_stream_gives_every_spike_once_in_order() -> None:
    expected = reference(60_000).spikes
    assert len(expected) > 100
    found = []
    async with cl.aopen() as neurons, neurons.spikes() as stream:
        async for spike in stream:
            found.append(spike)
            assert neurons.timestamp() == spike.timestamp + 1, "served as soon as its frame is over"
            if len(found) == len(expected):
                break
    assert found == expected


async def test_the_stream_and_the_loop_beside_it_agree() -> None:
    seen, ticked = [], []
    async with cl.aopen() as neurons:

        async def watch() -> None:
            async with neurons.spikes() as stream:
                async for spike in stream:
                    if spike.timestamp >= 50_000:
                        return
                    seen.append(spike)

        async with anyio.create_task_group() as group:
            group.start_soon(watch)
            async for tick in neurons.aloop(100, stop_after_seconds=2):
                ticked += tick.analysis.spikes
                # A spike of the last frame is due for both at once, and loops are served first.
                before = [s for s in ticked if s.timestamp < tick.iteration_timestamp - 1]
                assert seen == before
    assert seen == ticked
    assert len(seen) > 100


async def test_channels_can_be_chosen() -> None:
    expected = reference(100_000).spikes
    for channels in ([8, 9, 40], cl.ChannelSet(20), 33):
        wanted = [s for s in expected if s.channel in cl.ChannelSet(channels)]
        found = []
        async with cl.aopen() as neurons, neurons.spikes(channels) as stream:
            async for spike in stream:
                if spike.timestamp >= 100_000:
                    break
                found.append(spike)
        assert found == wanted
    async with cl.aopen() as neurons, neurons.spikes([]) as stream, neurons.spikes(8) as other:
        async for spike in other:
            assert spike.channel == 8
            assert stream.statistics().delivered == 0
            break


async def test_a_stream_can_begin_in_the_history_or_in_the_future() -> None:
    expected = reference(60_000).spikes
    async with cl.aopen() as neurons:
        await neurons.aread(30_000)
        for start in (0, 12_345, 30_000, 40_000):
            wanted = [s for s in expected if s.timestamp >= start]
            async with neurons.spikes(from_timestamp=start) as stream:
                for spike in wanted[:50]:
                    assert await anext(stream) == spike
        await neurons.aread(30_000, 30_000)
        async with neurons.spikes() as stream:
            assert (await anext(stream)).timestamp >= neurons.timestamp() - 1 >= 60_000


async def test_it_cannot_begin_before_the_history() -> None:
    async with cl.aopen() as neurons:
        await neurons.aread(25_000)
        await neurons.asleep(10)
        oldest = neurons._engine.oldest
        with pytest.raises(ValueError, match=f"timestamp {oldest - 1} is no longer readable.*{oldest}"):
            async with neurons.spikes(from_timestamp=oldest - 1):
                pass
        with pytest.raises(ValueError, match="no longer readable"):
            async with neurons.frames(10, oldest - 1):
                pass
        async with neurons.spikes(from_timestamp=oldest) as stream, neurons.frames(10, oldest) as frames:
            assert (await anext(stream)).timestamp >= oldest
            assert (await anext(frames)).shape == (10, 64)
        assert streams_told_of_the_end(neurons) == 0


async def test_stims_are_served_when_delivered() -> None:
    async with cl.aopen() as neurons, neurons.stims() as stream, neurons.stims(9) as ninth:
        neurons.stim(cl.ChannelSet(8, 9), 1.0, cl.BurstDesign(3, 100))
        found = [await anext(stream) for _ in range(6)]
        assert neurons.timestamp() == found[-1].timestamp + 1
        assert keys(found) == [(t, c) for t in (2, 252, 502) for c in (8, 9)]
        assert [await anext(ninth) for _ in range(3)] == found[1::2]
        assert stream.statistics().backlog == 0


async def test_a_stim_from_a_stream_takes_effect_at_once() -> None:
    """The fastest closed loop there is: a frame from spike to command, whatever the tick rate of others."""
    async with cl.aopen() as neurons, neurons.spikes() as spikes, neurons.stims() as stims:
        for _ in range(5):
            spike = await anext(spikes)
            neurons.stim(spike.channel, 1.0)
            stim = await anext(stims)
            assert stim == cl.Stim(spike.timestamp + 1 + 2, spike.channel)


async def test_events_are_merged_in_order() -> None:
    expected = reference(25_000).spikes[:40]
    async with cl.aopen() as neurons, neurons.events() as stream:
        neurons.stim(8, 1.0, cl.BurstDesign(40, 50))
        append_entry(neurons, "game", 5, {"score": 1})
        found = []
        async for event in stream:
            found.append(event)
            if isinstance(event, cl.Spike) and event.timestamp % 3 == 0:
                append_entry(neurons, "odd", 7, event.timestamp)
            if isinstance(event, cl.Spike) and event == expected[-1]:
                break
    assert [e for e in found if isinstance(e, cl.Spike)] == expected
    assert [e.timestamp for e in found if isinstance(e, cl.Stim)] == [
        2 + 500 * i for i in range(40) if 2 + 500 * i <= expected[-1].timestamp
    ]
    entries = [e for e in found if isinstance(e, StreamEntry)]
    assert entries[0].stream_name == "game"
    assert entries[0].data == {"score": 1}
    divisible = [s.timestamp for s in expected[:-1] if s.timestamp % 3 == 0]
    assert [e.data for e in entries[1:]] == divisible
    assert len(divisible) > 5
    # A spike's entry was appended one frame after it; nothing of a later time comes before it.
    times = [
        e.data + 1 if e.__class__ is StreamEntry and e.stream_name == "odd" else e.timestamp for e in found
    ]
    assert times[1:] == sorted(times[1:])


async def test_events_of_one_timestamp_come_as_spikes_stims_entries(echo: Echo) -> None:
    async with cl.aopen() as neurons, neurons.events(from_timestamp=900) as stream:
        await neurons.asleep_until(1_000)
        append_entry(neurons, "a", 1, None)
        # Delivered at 1 000, in the frame of the source's spike.
        neurons.create_stim_plan()
        await neurons.asleep_until(1_998)
        neurons.stim(cl.ChannelSet(5, 3), 1.0)
        await neurons.asleep_until(2_000)
        append_entry(neurons, "b", 0, None)
        found = []
        async for event in stream:
            found.append(event)
            if event.timestamp >= 2_030:
                break
    shown = [(type(e).__name__, e.timestamp, getattr(e, "channel", None)) for e in found]
    assert shown == [
        ("Spike", 1_000, 1),
        ("StreamEntry", 1, None),
        ("Spike", 2_000, 1),
        ("Stim", 2_000, 3),
        ("Stim", 2_000, 5),
        ("StreamEntry", 0, None),
        ("Spike", 2_030, 3),
    ]


async def test_what_cannot_be_foreseen_is_served_every_millisecond(echo: Echo) -> None:
    """A source that reacts is not asked frame by frame, and the moments do not depend on what others do."""
    logs = []
    for rate in (None, 333, 1_000):
        log = []
        echo.reads.clear()
        async with cl.aopen() as neurons, anyio.create_task_group() as group, neurons.spikes() as stream:
            if rate is not None:
                group.start_soon(run_loop, neurons, rate)
            async for spike in stream:
                log.append((spike.timestamp, spike.channel, neurons.timestamp()))
                if spike.channel == 1:
                    neurons.stim(12, 1.0)
                if len(log) == 10:
                    break
            group.cancel_scope.cancel()
        logs.append(log)
        if rate is None:
            sizes = [stop - start for start, stop in echo.reads]
            assert len(sizes) < 2 * 5_100 // 25, "a read or two per millisecond"
    assert logs[0] == logs[1] == logs[2]
    assert all(at == timestamp // 25 * 25 + 25 for timestamp, _, at in logs[0])
    assert [(t, c) for t, c, _ in logs[0]] == [
        (t, c) for i in range(1, 6) for t, c in ((i * 1_000, 1), (i * 1_000 + 25 + 2 + 30, 12))
    ]


async def test_frames_follow_one_another() -> None:
    with cl.open() as neurons:
        expected = neurons.read(25_000)
    async with cl.aopen() as neurons, neurons.frames(1_111) as stream:
        for i in range(20):
            assert stream.timestamp == i * 1_111
            block = await anext(stream)
            assert block.dtype == np.int16
            assert np.array_equal(block, expected[i * 1_111 : (i + 1) * 1_111])
            assert neurons.timestamp() == (i + 1) * 1_111
        async with neurons.frames(20_000, 100) as large:
            assert np.array_equal(await anext(large), expected[100:20_100])
            assert large.statistics().delivered == 20_000
            assert large.statistics().backlog == neurons.timestamp() - 20_100
        block[:] = 0
        assert neurons.read(1_111, 19 * 1_111).any(), "a block is its consumer's own"


async def test_bad_arguments_are_refused() -> None:
    async with cl.aopen() as neurons:
        for call, error, text in [
            (lambda: neurons.frames(0), ValueError, "frame_count must be at least 1, not 0"),
            (lambda: neurons.frames(25_001), ValueError, "frame_count must be at most 25000, not 25001"),
            (lambda: neurons.frames(2.5), TypeError, "frame_count"),
            (lambda: neurons.spikes(64), ValueError, "channel 64"),
            (lambda: neurons.stims("8"), TypeError, "channel"),
            (lambda: neurons.events(1.5), TypeError, "channel"),
            (lambda: neurons.spikes(from_timestamp=-1), ValueError, "from_timestamp must be at least 0"),
            (lambda: neurons.spikes(from_timestamp="0"), TypeError, "from_timestamp"),
        ]:
            with pytest.raises(error, match=text):
                call()
        async with neurons.spikes() as stream:
            for limit in (1.5, "1", True):
                with pytest.raises(TypeError, match="limit must be an integer"):
                    await stream.batch(limit)  # type: ignore[arg-type]
            with pytest.raises(ValueError, match="limit must be at least 1"):
                await stream.batch(0)
