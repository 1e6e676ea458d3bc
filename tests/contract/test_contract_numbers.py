"""What counts as a number: anything that is a single one, never a bool or a text, in every argument."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from itertools import count
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest

import cl
from cl import BurstDesign, ChannelSet, StimDesign
from cl.sim import DataSourceSpike, Simulator, SimulatorDataSourceMetadata

Kind: TypeAlias = Callable[[int], Any]
"""Makes a number of some type."""
_names = map(str, count())


class Indexed:
    def __init__(self, number: int) -> None:
        self.number = number

    def __index__(self) -> int:
        return self.number


class Floating(Indexed):
    __index__ = None  # type: ignore[assignment]

    def __float__(self) -> float:
        return float(self.number)


class Array(np.ndarray):  # type: ignore[type-arg]
    """A subclass, as those with units are."""


def array(number: int) -> Any:
    return np.array(number).view(Array)


def floating_array(number: int) -> Any:
    return np.array(float(number)).view(Array)


INTEGERS: list[Kind] = [int, np.int64, np.uint8, np.array, array, Decimal, Fraction, Indexed]
FLOATS: list[Kind] = [float, np.float64, np.float32, np.float16, floating_array]
NO_NUMBERS = [
    *(
        True,
        np.True_,
        np.array(True),
        "8",
        b"8",
        np.array("8"),
        np.str_("8"),
        np.array("8", object),
        object(),
    ),
    *([[8]], np.array([[8]]), 8j, np.complex64(8), np.datetime64(8, "s"), np.timedelta64(8, "s"), type),
    *(np.array(8j), np.array(np.timedelta64(8, "s")), Decimal("NaN"), Decimal("sNaN")),
]
SEQUENCES = [[8], (8,), np.array([8]), np.array([8.0]), np.array([]), {8: 8}, range(8)]
"""No single numbers, though numpy may make one of some."""


@pytest.fixture
def neurons() -> Iterator[cl.Neurons]:
    with cl.open(device=Simulator(accelerated=True, seed=1)) as opened:
        opened.read(1_000)
        yield opened


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def planned(neurons: cl.Neurons, at: Any) -> None:
    plan = neurons.create_stim_plan()
    plan.stim(8, 1.0)
    plan.run(at_timestamp=at)


def recorded(neurons: cl.Neurons, **window: Any) -> int:
    recording = neurons.record(include_raw_samples=False, **window)
    recording.wait_until_stopped()
    frames: int = recording.attributes["duration_frames"]
    return frames


CHANNELS: dict[str, Callable[[cl.Neurons, Kind], object]] = {
    "channels": lambda n, k: ChannelSet(k(8)) | k(9) == ChannelSet(8, 9),
    "in": lambda n, k: 8 in ChannelSet(k(8)) and k(8) in ChannelSet(8),
    "list of channels": lambda n, k: ChannelSet([k(8), 9]) == ChannelSet(8, 9),
}
WHOLE: dict[str, Callable[[cl.Neurons, Kind], object]] = {
    "channel of a stim": lambda n, k: n.stim(k(8), 1.0) is None,
    "burst_count": lambda n, k: BurstDesign(k(8), 100) == BurstDesign(8, 100),
    "frame_count": lambda n, k: n.read(k(8), 0).shape == (8, 64),
    "from_timestamp of a read": lambda n, k: len(n.read(8, k(100))) == 8,
    "timestamp of an entry": lambda n, k: n.create_data_stream(next(_names)).append(k(8), 1) is None,
    "frames": lambda n, k: n.frames(k(8)) is not None,
    "seed": lambda n, k: Simulator(seed=k(8)).seed == 8,
    "limit": lambda n, k: Simulator(sync_limit=k(8)).sync_limit == 8,
    "spike of a source": lambda n, k: DataSourceSpike(k(8), k(9)) == DataSourceSpike(8, 9),
    "start_timestamp": lambda n, k: SimulatorDataSourceMetadata(start_timestamp=k(8)).start_timestamp == 8,
}
COUNTS: dict[str, Callable[[cl.Neurons, Kind], object]] = {
    "stop_after_ticks": lambda n, k: n.loop(100, stop_after_ticks=k(8)).duration_ticks == 8,
    "jitter_tolerance_frames": lambda n, k: n.loop(100, jitter_tolerance_frames=k(8)) is not None,
    "at_timestamp": lambda n, k: planned(n, k(8)) is None,
    "stop_after_frames": lambda n, k: recorded(n, stop_after_frames=k(8)) == 8,
    "from_frames_ago": lambda n, k: recorded(n, from_frames_ago=k(8), stop_after_frames=8) == 8,
    "from_timestamp": lambda n, k: recorded(n, from_timestamp=k(8), stop_after_frames=8) == 8,
}
"""Whole numbers that cl-sdk takes as floats, too: 25_000 * 0.5."""
REAL: dict[str, Callable[[cl.Neurons, Kind], object]] = {
    "phases": lambda n, k: StimDesign(k(160), k(1)) == StimDesign(160, 1.0),
    "a number for a design": lambda n, k: n.stim(8, k(1)) is None,
    "lead_time_us": lambda n, k: n.stim(8, 1.0, None, k(160)) is None,
    "burst_hz": lambda n, k: BurstDesign(2, k(40)) == BurstDesign(2, 40),
    "ticks_per_second": lambda n, k: n.loop(k(100)).frames_per_tick == 250,
    "stop_after_seconds": lambda n, k: n.loop(10, stop_after_seconds=k(8)).duration_ticks == 80,
    "seconds of a recording": lambda n, k: recorded(n, stop_after_seconds=k(1)) == 25_000,
    "recovery": lambda n, k: n.loop(10).recover_from_jitter(timeout_seconds=k(8)) is None,
    "timeout_seconds": lambda n, k: n.wait_until_readable(k(8)) is None,
    "sample_mean": lambda n, k: Simulator(sample_mean=k(8)).sample_mean == 8,
    "uV": lambda n, k: SimulatorDataSourceMetadata(uV_per_sample_unit=k(2)).uV_per_sample_unit == 2,
    "culture": lambda n, k: cl.sim.culture.create(noise_uV=k(8), size=10).config.noise_uV == 8,
}
EVERYWHERE = CHANNELS | WHOLE | COUNTS | REAL


@pytest.mark.parametrize("argument", EVERYWHERE)
def test_an_argument_takes_every_kind_of_whole_number(argument: str, neurons: cl.Neurons) -> None:
    for kind in INTEGERS:
        assert EVERYWHERE[argument](neurons, kind), kind


@pytest.mark.parametrize("argument", COUNTS | REAL)
def test_real_numbers_and_most_counts_are_taken_as_floats(argument: str, neurons: cl.Neurons) -> None:
    # Of one that only has `__float__` nobody can tell that it has no fraction.
    for kind in (*FLOATS, *([Floating] if argument in REAL else [])):
        assert EVERYWHERE[argument](neurons, kind), kind


@pytest.mark.parametrize("argument", CHANNELS | WHOLE)
def test_a_channel_and_the_like_is_no_float(argument: str, neurons: cl.Neurons) -> None:
    for kind in (*FLOATS, Floating):
        try:
            taken = EVERYWHERE[argument](neurons, kind)
        except TypeError:
            continue
        assert argument == "in" and not taken, kind


@pytest.mark.parametrize("argument", EVERYWHERE)
def test_no_argument_takes_what_is_no_single_number(argument: str, neurons: cl.Neurons) -> None:
    for value in NO_NUMBERS if argument in CHANNELS else (*NO_NUMBERS, *SEQUENCES):
        try:
            taken = EVERYWHERE[argument](neurons, lambda _, value=value: value)
        except (TypeError, ValueError):
            continue
        assert argument == "in" and not taken, value


@pytest.mark.parametrize("argument", WHOLE | COUNTS)
def test_a_whole_number_has_no_fraction(argument: str, neurons: cl.Neurons) -> None:
    for kind in (Decimal, Fraction, np.float64, float, np.array):
        with pytest.raises(TypeError, match=r"8\.5|17"):
            EVERYWHERE[argument](neurons, lambda _, kind=kind: kind(8.5))


def test_numbers_are_what_they_print_as() -> None:
    assert StimDesign(160, -np.array(1.0), 160, np.array(1.0)) == StimDesign(160, -1.0, 160, 1.0)
    assert StimDesign(160, Decimal("1.2")).phase_currents_uA == (1.2,)
    assert StimDesign(160, np.array(1.2, np.float32)).phase_currents_uA == (1.2,)
    assert BurstDesign(3, np.array(0.5)) == BurstDesign(3, 0.5)
    assert BurstDesign(3, Fraction(1, 2)).interval_us == 2_000_000
    assert repr(BurstDesign(np.array(3), np.array(40))) == "BurstDesign(3, 40)"
