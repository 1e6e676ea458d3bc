"""Reading, and the samples of spikes (contract, sections 2 to 4)."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator

import numpy as np
import pytest

import cl

pytestmark = pytest.mark.usefixtures("accelerated")


@pytest.fixture
def neurons() -> Iterator[cl.Neurons]:
    with cl.open() as opened:
        yield opened


def test_a_read_waits_for_its_frames(neurons: cl.Neurons) -> None:
    frames = neurons.read(100)
    assert frames.shape == (100, 64)
    assert frames.dtype == np.int16
    assert neurons.timestamp() == 100
    frames[:] = 0
    assert neurons.read(100, 0).any(), "the caller owns what it gets"


def test_reads_never_consume(neurons: cl.Neurons) -> None:
    neurons.read(1000)
    assert np.array_equal(neurons.read(300, 200), neurons.read(300, 200))
    assert neurons.timestamp() == 1000


def test_a_read_may_reach_back_and_into_the_future(neurons: cl.Neurons) -> None:
    neurons.read(100)
    across = neurons.read(200, 50)
    assert neurons.timestamp() == 250
    ahead = neurons.read(10, 400)
    assert neurons.timestamp() == 410
    assert np.array_equal(across[:50], neurons.read(50, 50))
    assert np.array_equal(ahead, neurons.read(10, 400))


def test_an_analysis_is_of_the_same_window(neurons: cl.Neurons) -> None:
    found = neurons.read(25_000, analysis=True)
    assert isinstance(found, cl.DetectionResult)
    assert (found.start_timestamp, found.stop_timestamp) == (0, 25_000)
    halves = [neurons.read(12_500, at, analysis=True).spikes for at in (0, 12_500)]
    assert found.spikes == halves[0] + halves[1]


def test_long_reads_are_whole(neurons: cl.Neurons) -> None:
    frames = neurons.read(200_000)
    found = neurons.read(60_000, 140_000, analysis=True)
    assert len(frames) == 200_000
    for spike in found.spikes:
        assert abs(int(frames[spike.timestamp, spike.channel])) >= 54


def test_nothing_may_be_read_at_no_cost(neurons: cl.Neurons) -> None:
    assert neurons.read(0).shape == (0, 64)
    assert neurons.read(0, analysis=True).spikes == []
    assert neurons.timestamp() == 0


def test_five_seconds_stay_readable_and_older_names_the_oldest(neurons: cl.Neurons) -> None:
    neurons.read(300_000)
    assert len(neurons.read(125_000, 175_000)) == 125_000
    oldest = neurons._engine.oldest
    with pytest.raises(ValueError, match=f"timestamp 1000 .*oldest is {oldest}"):
        neurons.read(1, 1000)
    with pytest.raises(ValueError, match=str(oldest)):
        neurons.read(1, 1000, analysis=True)
    assert len(neurons.read(1, oldest)) == 1


def test_a_simulator_reads_as_silent_before_its_beginning(neurons: cl.Neurons) -> None:
    """As when a program asks for the last two seconds of a device that was just opened."""
    assert not neurons.read(25_000, neurons.timestamp() - 25_000).any()
    assert neurons.timestamp() == 0
    neurons.read(10_000)
    frames = neurons.read(50_000, neurons.timestamp() - 50_000)
    assert frames.shape == (50_000, 64) and frames.dtype == np.int16
    assert not frames[:40_000].any()
    assert np.array_equal(frames[40_000:], neurons.read(10_000, 0))
    found = neurons.read(50_000, -40_000, analysis=True)
    assert (found.start_timestamp, found.stop_timestamp, found.stims) == (-40_000, 10_000, [])
    assert found.spikes == neurons.read(10_000, 0, analysis=True).spikes != []
    across = neurons.read(20_000, -5_000)
    assert neurons.timestamp() == 15_000
    assert np.array_equal(across[5_000:], neurons.read(15_000, 0))


def test_five_seconds_are_readable_before_the_beginning_too_and_no_more(neurons: cl.Neurons) -> None:
    assert not neurons.read(125_000, -125_000).any()
    neurons.read(100)
    oldest = neurons.timestamp() - neurons._engine.history_frames
    neurons.read(10, oldest)
    for analysis in (False, True):
        with pytest.raises(
            ValueError, match=f"timestamp {oldest - 1} is before .*beginning: the oldest is {oldest}"
        ):
            neurons.read(10, oldest - 1, analysis=analysis)


@pytest.mark.anyio
async def test_an_asynchronous_read_reaches_back_before_the_beginning() -> None:
    set_start = {"start_timestamp": 7_000}
    simulator = cl.sim.Simulator("source_tools:Source", metadata=set_start, accelerated=True)
    async with cl.aopen(device=simulator) as neurons:
        frames = await neurons.aread(3_000, neurons.timestamp() - 1_000)
        assert not frames[:1_000].any() and frames[1_000:].any()
        assert np.array_equal(frames[1_000:], neurons.read(2_000, 7_000))


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((-1,), ValueError),
        ((1.5,), TypeError),
        (("10",), TypeError),
        ((1, -200_000), ValueError),
        ((1, 2.5), TypeError),
    ],
)
def test_bad_arguments(neurons: cl.Neurons, arguments: tuple[object, ...], error: type[Exception]) -> None:
    with pytest.raises(error):
        neurons.read(*arguments)  # type: ignore[call-overload]
    assert neurons.timestamp() == 0


def test_numpy_integers_are_integers(neurons: cl.Neurons) -> None:
    assert len(neurons.read(np.int64(10), np.uint32(5))) == 10  # type: ignore[call-overload]


def first_spike(neurons: cl.Neurons) -> cl.Spike:
    for tick in neurons.loop(25_000):
        for spike in tick.analysis.spikes:
            return spike
    raise AssertionError("an endless loop ended")


def test_samples_are_the_frames_around_the_spike(neurons: cl.Neurons) -> None:
    spike = first_spike(neurons)
    before = neurons.timestamp()
    samples = spike.samples
    assert neurons.timestamp() == before, "a fixed source is peeked: the clock stays"
    assert samples.shape == (75,)
    assert samples.dtype == np.float32
    raw = neurons.read(75, spike.timestamp - 25)[:, spike.channel].astype(float)
    assert np.allclose(samples, (raw - raw.mean()) * 0.195, atol=1e-4)
    assert spike.channel_mean_sample == pytest.approx(raw.mean())
    assert abs(samples[25]) > 8
    assert spike.samples is samples


def test_values_are_made_with_the_names_that_cl_sdk_has() -> None:
    samples = np.arange(75, dtype=np.float32)
    spike = cl.Spike(timestamp=5, channel=9, channel_mean_sample=1.5, samples=samples)
    assert (spike.timestamp, spike.channel, spike.channel_mean_sample) == (5, 9, 1.5)
    assert spike.samples is samples
    placed = cl.Spike(5, 9, 1.5, samples)
    assert (placed.channel_mean_sample, placed.samples is samples) == (1.5, True)
    stim = cl.Stim(timestamp=5, channel=8)
    found = cl.DetectionResult(start_timestamp=0, stop_timestamp=10, spikes=[spike], stims=[stim])
    assert (found.spikes, found.stims) == ([spike], [stim])
    empty, other = cl.DetectionResult(0, 10), cl.DetectionResult(0, 10)
    assert (empty.spikes, empty.stims) == ([], []) and empty.spikes is not other.spikes
    told = cl.sim.DataSourceStim(5, 8)
    assert (told.intended_timestamp, told.duration_us) == (None, 0)


def test_a_spike_that_was_pickled_before_its_arguments_had_this_order_is_whole() -> None:
    arguments = (5, 9, None, np.ones(75, np.float32), 1.5)
    old = cl.Spike(*arguments)
    assert old.channel_mean_sample == 1.5 and old.samples.sum() == 75


def test_samples_can_be_had_for_five_seconds(neurons: cl.Neurons) -> None:
    spike, other = neurons.read(25_000, analysis=True).spikes[:2]
    neurons.read(100_000)
    assert spike.samples.shape == (75,)
    neurons.read(100_000)
    assert spike.samples.shape == (75,)
    with pytest.raises(RuntimeError, match="no longer in the history"):
        other.samples  # noqa: B018


def test_samples_near_the_beginning_are_padded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CL_SDK_SPIKE_PERCENTILE", "99")
    with cl.open() as neurons:
        spike = neurons.read(20, analysis=True).spikes[0]
        assert spike.timestamp < 25
        frames = neurons.read(spike.timestamp + 50, 0)[:, spike.channel]
        raw = np.pad(frames, (25 - spike.timestamp, 0), mode="edge").astype(float)
        assert len(set(frames[:3])) > 1, "or the first frame could not be told from its neighbours"
        assert np.allclose(spike.samples, (raw - raw.mean()) * 0.195, atol=1e-4)
        assert spike.channel_mean_sample == pytest.approx(raw.mean())


def test_a_copy_of_a_spike_can_load_its_samples_too(neurons: cl.Neurons) -> None:
    analysis = neurons.read(25_000, analysis=True)
    early, late = copy.copy(analysis.spikes[0]), copy.deepcopy(analysis).spikes[0]
    samples = analysis.spikes[0].samples
    assert early == late == analysis.spikes[0]
    assert np.array_equal(early.samples, samples) and np.array_equal(late.samples, samples)
    twin = copy.deepcopy(analysis.spikes[0])
    assert twin.samples is not samples and np.array_equal(twin.samples, samples)


def test_values_compare_hash_and_pickle(neurons: cl.Neurons) -> None:
    spike = first_spike(neurons)
    assert repr(spike) == f"Spike(timestamp={spike.timestamp}, channel={spike.channel})"
    twin = cl.Spike(spike.timestamp, spike.channel)
    assert (spike == twin, hash(spike) == hash(twin), spike == cl.Stim(spike.timestamp, spike.channel)) == (
        True,
        True,
        False,
    )
    assert pickle.loads(pickle.dumps(spike)) == spike  # noqa: S301
    spike.samples  # noqa: B018
    copied = pickle.loads(pickle.dumps(spike))  # noqa: S301
    assert np.array_equal(copied.samples, spike.samples)
    assert copied.channel_mean_sample == spike.channel_mean_sample
    stim = cl.Stim(5, 9)
    assert repr(stim) == "Stim(timestamp=5, channel=9)"
    assert pickle.loads(pickle.dumps(stim)) == stim  # noqa: S301
    assert len({stim, cl.Stim(5, 9), cl.Stim(5, 8)}) == 2
    with pytest.raises(RuntimeError, match="without its samples"):
        twin.samples  # noqa: B018
