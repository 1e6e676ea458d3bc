"""A subscriber that gives no credit: what it misses is counted, to the frame and the spike."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import cl
from cl import BurstDesign
from cl._core.losses import Loss
from cl._serve.blocks import Blocks
from cl._serve.subscription import Subscription
from cl.net.wire.data import Data, unpack_data
from cl.net.wire.layout import KEPT_FRAMES, Kind, Wanted
from cl.net.wire.small import Lag, unpack_lag

BOTH = Wanted.FRAMES | Wanted.EVENTS


@pytest.fixture
def neurons(monkeypatch: pytest.MonkeyPatch) -> Iterator[cl.Neurons]:
    monkeypatch.setenv("CL_SDK_ACCELERATED_TIME", "1")
    monkeypatch.setenv("CL_SDK_RANDOM_SEED", "7")
    monkeypatch.setenv("CL_SDK_SPIKE_PERCENTILE", "99.9")
    with cl.open() as opened:
        yield opened


class Subscriber:
    """Takes what a subscription sends."""

    def __init__(self, neurons: cl.Neurons, wanted: Wanted, credit: int) -> None:
        self.engine = neurons._engine
        self.found: list[Data | Lag] = []
        self.full = False
        self.start = self.engine.position
        self.subscription = Subscription(
            self.engine, Blocks(self.engine), self.send, wanted, self.start, credit, 25
        )

    def send(self, kind: Kind, body: bytes, flags: int) -> int:
        if self.full:
            return 0
        unpack = unpack_data if kind is Kind.DATA else unpack_lag
        self.found.append(unpack(memoryview(body), flags))
        return len(body) + 8

    def push(self) -> None:
        self.subscription.push(self.engine.position)


@pytest.mark.parametrize("wanted", [BOTH, Wanted.EVENTS, Wanted.FRAMES])
def test_what_is_missed_is_counted_exactly(neurons: cl.Neurons, wanted: Wanted) -> None:
    subscriber = Subscriber(neurons, wanted, credit=1)
    start, spikes, stims = subscriber.start, 0, 0
    neurons.stim(8, 1.0, BurstDesign(100, 50))
    for _ in range(12):
        found = neurons.read(25_000, analysis=True)
        spikes, stims = spikes + len(found.spikes), stims + len(found.stims)
        subscriber.push()
    subscriber.subscription.lend(1 << 26)
    subscriber.push()
    at, counted, missed = start, [0, 0, 0], [0, 0, 0]
    for each in subscriber.found:
        assert each.start == at, "nothing is passed over in silence"
        at = each.stop
        if isinstance(each, Lag):
            assert each.jumps
            missed = [a + b for a, b in zip(missed, each[2:5], strict=True)]
        else:
            counted[0] += each.stop - each.start if each.frames is not None else 0
            counted[1] += len(each.spikes.timestamps)
            counted[2] += len(each.stims.timestamps)
    assert at == subscriber.engine.position == start + 300_000
    events = (spikes, stims) if Wanted.EVENTS in wanted else (0, 0)
    frames = 300_000 if Wanted.FRAMES in wanted else 0
    assert [a + b for a, b in zip(counted, missed, strict=True)] == [frames, *events]
    lags = [each for each in subscriber.found if isinstance(each, Lag)]
    assert len(lags) == 1 and stims > 90
    # What is still in the history comes.
    assert subscriber.engine.position - lags[0].stop <= KEPT_FRAMES


def test_no_more_is_lost_than_is_too_old(neurons: cl.Neurons) -> None:
    """As after a link that was away, or a server that has stood still, for more than five seconds."""
    subscriber = Subscriber(neurons, BOTH, credit=1 << 26)
    neurons.read(130_000)
    subscriber.push()
    lag, *rest = subscriber.found
    assert isinstance(lag, Lag) and lag.jumps
    assert (lag.start, lag.stop, lag.frames) == (subscriber.start, lag.start + 30_000, 30_000)
    assert rest[0].start == lag.stop and rest[-1].stop == subscriber.engine.position
    assert all(isinstance(each, Data) for each in rest)


def test_who_keeps_up_misses_nothing(neurons: cl.Neurons) -> None:
    subscriber = Subscriber(neurons, BOTH, credit=1 << 26)
    for _ in range(8):
        neurons.read(25_000)
        subscriber.push()
        subscriber.subscription.lend(1 << 26)
    assert all(isinstance(each, Data) for each in subscriber.found)
    assert sum(each.stop - each.start for each in subscriber.found) == 200_000


def test_a_connection_that_is_full_gets_it_later(neurons: cl.Neurons) -> None:
    subscriber = Subscriber(neurons, BOTH, credit=1 << 26)
    subscriber.full = True
    neurons.read(5_000)
    subscriber.push()
    assert not subscriber.found
    subscriber.full = False
    neurons.read(30)
    subscriber.push()
    assert [(each.start - subscriber.start, each.stop - subscriber.start) for each in subscriber.found] == [
        *((0, 2_500), (2_500, 5_000), (5_000, 5_030)),
    ]


def test_what_the_device_lost_is_told_before_what_stands_in_its_place(neurons: cl.Neurons) -> None:
    subscriber = Subscriber(neurons, BOTH, credit=1 << 26)
    engine, at = subscriber.engine, subscriber.start
    neurons.read(100)
    with engine.lock:
        engine.losses.add(Loss(at + 10, at + 60, 7, "frames"))
        engine.losses.add(Loss(at + 10, at + 60, 2, "spikes"))
    subscriber.push()
    assert subscriber.found[:2] == [
        Lag(at + 10, at + 60, 7, 0, 0, False),
        Lag(at + 10, at + 60, 0, 2, 0, False),
    ]
    assert isinstance(subscriber.found[2], Data) and subscriber.found[2].start == at
