"""Which time a simulated device is given, and that its parts are put together without anybody's help."""

from __future__ import annotations

import pytest

from cl._core.device import DeviceInfo
from cl._core.engine import Engine
from cl._core.host_time import HostTimebase
from cl._core.settings import Settings
from cl._core.virtual_time import VirtualTime
from cl._core.virtual_timebase import VirtualTimebase
from cl._stim.limits import StimLimits
from cl.sim.device import FixedDevice
from cl.sim.sources.random_source import RandomSource
from cl.sim.timebase import Timing, timing_of

START = 700


def attached(timing: Timing) -> Engine:
    info = DeviceInfo("test", START, 0.195, True, False)
    device = FixedDevice(info, RandomSource(7, start_timestamp=START), StimLimits(), timing)
    engine = Engine(device)
    device.attach(engine)
    device.open()
    engine.on_begin()
    return engine


def test_the_hosts_time_begins_when_the_device_is_open() -> None:
    engine = attached(timing_of(Settings()))
    assert isinstance(engine.time, HostTimebase)
    clock = engine.time.clock
    before = clock.origin_ns
    engine.on_begin()
    assert clock.origin_ns > before
    assert clock.start == START


def test_where_there_is_room_the_spikes_before_a_tick_are_logged_ahead_of_it() -> None:
    engine = attached(timing_of(Settings()))
    time, spikes = engine.time, engine.history.spikes
    assert isinstance(time, HostTimebase)
    time.clock.origin_ns += 10**15  # There is room for days.
    for frame in (START + 2_600, START + 5_200):
        time.wake_ns(frame)
        assert engine.quiet_until >= frame and engine.position == START
        logged = spikes.end
        with engine.lock:
            engine.advance(frame)
            engine.position = START
        assert spikes.end == logged > 0
    times = [spike.timestamp for spike in spikes.window(START, frame)]
    assert times == RandomSource(7, start_timestamp=START).spikes(START, frame)[0]


def test_devices_that_share_a_virtual_time_share_its_lock() -> None:
    time = VirtualTime()
    one, other = (attached(timing_of(Settings(accelerated=True), time, order)) for order in (1, 2))
    alone = attached(timing_of(Settings(accelerated=True)))
    assert isinstance(one.time, VirtualTimebase)
    assert one.lock is other.lock is not alone.lock
    assert {one.lock, other.lock, alone.lock} == {time._lock, alone.lock}


def test_a_device_of_fixed_data_is_whole_once_it_has_an_engine() -> None:
    engine = attached(timing_of(Settings(accelerated=True)))
    assert engine.time.now() == START
    with engine.lock:
        engine.advance(START + 25_000)
    assert engine.now() == START + 25_000
    times = [spike.timestamp for spike in engine.history.spikes.window(START, START + 25_000)]
    assert times == RandomSource(7, start_timestamp=START).spikes(START, START + 25_000)[0] and times


def test_who_has_ended_is_known_to_a_time_once_a_device_is_there() -> None:
    time = VirtualTime()
    engine = attached(timing_of(Settings(accelerated=True), time))
    holds = time._scheduler._holds
    assert not holds.ended(object())
    with engine.lock:
        time.remove(engine)
    engine.has_ended = lambda owner: owner == "gone"
    engine.on_begin()
    assert holds.ended("gone") and not holds.ended("there")


@pytest.mark.parametrize("name", ["acquisition", "control", "device", "stimulator", "timebase"])
def test_the_parts_of_devices_have_the_same_names(name: str) -> None:
    from pathlib import Path

    import cl

    root = Path(cl.__file__).parent
    assert (root / "sim" / f"{name}.py").exists() and (root / "hw" / "driver" / f"{name}.py").exists()
