"""Pulses that know their currents, and recordings of them (contract, section 11), in accelerated time."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import cl
from cl import BurstDesign, ChannelSet, StimDesign
from cl._store.read.design_rows import design_of

pytestmark = pytest.mark.usefixtures("accelerated")

PULSE = StimDesign(160, -1.0, 160, 1.0)
OTHER = StimDesign(20, 2.39, 140, -2.54, 1000, 0.13)
SHORT = StimDesign(100, -0.3)


def found(neurons: cl.Neurons, frames: int = 1_000) -> list[tuple[int, int, StimDesign | None]]:
    return [(s.timestamp, s.channel, s.design) for s in neurons.read(frames, analysis=True).stims]


def test_a_stim_knows_its_design() -> None:
    with cl.open() as neurons:
        neurons.stim(8, OTHER, BurstDesign(2, 200))
        neurons.stim(9, 1.5)
        assert found(neurons) == [
            (2, 8, OTHER),
            (2, 9, StimDesign(160, -1.5, 160, 1.5)),
            (127, 8, OTHER),
        ]


def test_pulses_of_one_plan_and_of_one_frame_keep_their_own() -> None:
    with cl.open() as neurons:
        neurons.stim(12, SHORT, lead_time_us=100)  # half a frame later than those of lower channels
        plan = neurons.create_stim_plan()
        plan.stim(20, OTHER)
        plan.stim(ChannelSet(8, 9), PULSE)
        plan.channels_to_interrupt = ChannelSet(30)
        plan.run()
        plan.run(at_timestamp=600)
        assert found(neurons) == [
            (2, 8, PULSE),
            (2, 9, PULSE),
            (2, 12, SHORT),
            (2, 20, OTHER),
            (602, 8, PULSE),
            (602, 9, PULSE),
            (602, 20, OTHER),
        ]


def test_what_is_interrupted_is_reported_with_what_it_was() -> None:
    with cl.open() as neurons:
        neurons.stim(8, PULSE, BurstDesign(9, 100))
        neurons.stim(9, OTHER)
        neurons.read(1)
        neurons.interrupt_then_stim(ChannelSet(8, 9), SHORT)
        assert [stim[1:] for stim in found(neurons)] == [(8, PULSE), (9, OTHER), (8, SHORT), (9, SHORT)]


def test_everybody_sees_it(source: str) -> None:
    """A tick, a read of the same, and the recording; on the random source and on one that answers."""
    with cl.open() as neurons:
        recording = neurons.record(stop_after_frames=2_600)
        seen = []
        for tick in neurons.loop(100, stop_after_ticks=10):
            seen += tick.analysis.stims
            neurons.stim(8 + tick.iteration, StimDesign(160, -0.1 * (1 + tick.iteration), 160, 0.1))
        again = neurons.read(2_600, 0, analysis=True).stims
        recording.wait_until_stopped()
    assert len(again) == 10 and again[:9] == seen
    designs = [StimDesign(160, -0.1 * n, 160, 0.1) for n in range(1, 11)]
    assert [stim.design for stim in again] == designs
    assert [stim.design for stim in seen] == designs[:9]
    with recording.open() as view:
        assert [design_of(row) for row in view.stim_designs] == designs
        assert view.stims.col("channel").tolist() == list(range(8, 18))


@pytest.mark.anyio
async def test_streams_have_it_too() -> None:
    async with cl.aopen() as neurons, neurons.stims() as stims:
        neurons.stim(8, OTHER)
        assert (await anext(stims)).design == OTHER


def test_it_is_no_part_of_what_a_stim_is() -> None:
    known, unknown = cl.Stim(5, 9, PULSE), cl.Stim(5, 9)
    assert unknown.design is None
    assert known == unknown == cl.Stim(5, 9, design=OTHER)
    assert hash(known) == hash(unknown) and len({known, unknown}) == 1
    assert repr(known) == repr(unknown) == "Stim(timestamp=5, channel=9)"
    with pytest.raises(AttributeError):
        known.anything = 1  # type: ignore[attr-defined]


def test_it_travels_with_the_stim() -> None:
    stim = cl.Stim(5, 9, OTHER)
    copies = [copy.copy(stim), copy.deepcopy(stim)]
    copies += [pickle.loads(pickle.dumps(stim, n)) for n in range(pickle.HIGHEST_PROTOCOL + 1)]  # noqa: S301
    assert all(twin == stim and twin.design == OTHER for twin in copies)


def test_pickles_of_earlier_versions_load_and_those_without_a_design_are_as_they_were() -> None:
    earlier = b"ccl.events\nStim\n(I5\nI9\ntR."
    stim = pickle.loads(earlier)  # noqa: S301
    assert stim == cl.Stim(5, 9) and stim.design is None
    assert cl.Stim(5, 9).__reduce__() == (cl.Stim, (5, 9))


phases = st.tuples(st.integers(1, 40).map(lambda n: 20 * n), st.floats(0.001, 3.0))


@st.composite
def designs(draw: st.DrawFn) -> StimDesign:
    sign = draw(st.sampled_from((1, -1)))
    drawn = draw(st.lists(phases, min_size=1, max_size=3))
    return StimDesign(*(x for i, (us, uA) in enumerate(drawn) for x in (us, sign * (-1) ** i * uA)))


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.integers(0, 63), designs(), st.integers(1, 3), st.integers(0, 700)),
        min_size=1,
        max_size=12,
    )
)
def test_whatever_is_given_is_reported_and_recorded_row_by_row(
    program: list[tuple[int, StimDesign, int, int]],
) -> None:
    with cl.open() as neurons:
        recording = neurons.record()
        asked: dict[int, list[StimDesign]] = {}
        for channel, design, count, pause in program:
            neurons.stim(channel, design, BurstDesign(count, 100))
            if channel not in (0, 7, 56, 63):
                asked.setdefault(channel, []).extend([design] * count)
            neurons.read(pause)
        neurons.read(12 * 3 * 250 + 100)
        reported = neurons.read(neurons.timestamp(), 0, analysis=True).stims
        recording.stop()
    given_out: dict[int, list[Any]] = {}
    for stim in reported:
        given_out.setdefault(stim.channel, []).append(stim.design)
    assert given_out == asked
    with recording.open() as view:
        rows = zip(view.stims.col("timestamp"), view.stims.col("channel"), view.stim_designs[:], strict=True)
        assert [(t, c, design_of(row)) for t, c, row in rows] == [
            (s.timestamp, s.channel, s.design) for s in reported
        ]
    Path(recording.file["path"]).unlink()


def test_a_recording_without_stims_has_no_designs() -> None:
    with cl.open() as neurons:
        recording = neurons.record(include_stims=False)
        neurons.stim(8, 1.0)
        neurons.read(100)
        recording.stop()
    with recording.open() as view:
        assert view.stims is view.stim_designs is None


@pytest.mark.parametrize(
    "simulation", [None, {"source": "random", "seed": 7, "settings": {"sample_mean": 170.0}}]
)
def test_a_recording_has_what_makes_the_run_again(simulation: dict[str, Any] | None) -> None:
    with cl.open() as neurons:
        device = neurons._engine.device
        device.info = dataclasses.replace(device.info, simulation=simulation)
        recording = neurons.record(stop_after_frames=100)
        recording.wait_until_stopped()
    with recording.open() as view:
        assert view.attributes.get("simulation") == simulation
        assert view.file.root._v_attrs._v_attrnamesuser.count("simulation") == (simulation is not None)
